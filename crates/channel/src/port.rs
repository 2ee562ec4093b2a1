//! The traits that a channel implements.

use crate::finding::{Callback, Finding, PlatformKey};
use crate::http::{Request, Response};
use crate::instruction::{Instruction, Scene};
use ledger::Timestamp;
use std::collections::BTreeMap;

/// What of the outside a codec sees: the time, and something that nobody can guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecContext {
    /// The time.
    pub now: Timestamp,
    /// 32 random lower-case hex digits, fresh for every use.
    pub nonce: String,
}

/// What a channel is and can do.
#[derive(Debug)]
pub struct About {
    /// Its name in configuration, storage and URLs: lower-case letters.
    pub name: &'static str,
    /// Where the payer may be.
    pub scenes: &'static [Scene],
    /// The settings that an account needs, for forms and messages.
    pub settings: &'static [Setting],
    /// True when its signing keys are fetched with [`Instruction::FetchKeys`] and refreshed.
    pub fetches_keys: bool,
    /// True when the channel has no outside: instructions are answered in place.
    pub built_in: bool,
}

/// One setting of a channel account.
#[derive(Debug)]
pub struct Setting {
    /// Its key.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// True when the value must never be shown.
    pub secret: bool,
}

/// The settings of one channel account: a table that the channel parses itself.
pub type Settings = BTreeMap<String, String>;

/// Settings that the channel cannot use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("setting {name}: {why}")]
pub struct BadSettings {
    /// The setting's key.
    pub name: String,
    /// What is wrong; never the value of a secret.
    pub why: String,
}

/// An instruction that this channel cannot carry out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct Unsupported {
    /// What is missing or too much: `payer`, `scene`, … `process` is trouble of our own (a signature
    /// that could not be made): it says nothing about the instruction, which may be tried again.
    pub field: &'static str,
    /// What was wanted.
    pub why: String,
}

/// Why a callback is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallbackFault {
    /// It is signed with a key that we do not have (yet): fetch the keys and try again.
    #[error("signed with an unknown key {serial}")]
    UnknownKey {
        /// The key's name.
        serial: String,
    },
    /// It is not from the channel.
    #[error("forged: {why}")]
    Forged {
        /// What does not hold.
        why: String,
    },
    /// It is from the channel and cannot be read.
    #[error("unreadable: {why}")]
    Unreadable {
        /// What was found and what was wanted.
        why: String,
    },
}

/// A vendor: what it is, and how an account there is opened.
pub trait Channel: Send + Sync {
    /// What it is and can do.
    fn about(&self) -> &'static About;

    /// Makes a connection to an account from its settings and from the signing keys fetched so far.
    fn open(
        &self,
        settings: &Settings,
        keys: &[PlatformKey],
    ) -> Result<Box<dyn Connection>, BadSettings>;
}

/// An account at a channel, ready to encode and decode. Pure; signing takes CPU time, so call it off
/// the async threads.
pub trait Connection: Send + Sync {
    /// The request that carries out the instruction.
    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Request, Unsupported>;

    /// What the answer to an instruction means. Never fails: what cannot be verified or read is
    /// [`Finding::Unknown`].
    fn decode(
        &self,
        instruction: &Instruction,
        response: &Response,
        context: &CodecContext,
    ) -> Finding;

    /// Whether an answer of now can be verified: by a public key, a certificate configured by hand, or
    /// fetched keys that still hold.
    fn has_keys(&self, now: Timestamp) -> bool;

    /// Verifies and reads a callback.
    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault>;

    /// What a callback is answered with: `accepted` once its finding is committed.
    fn receipt(&self, accepted: bool) -> Response;
}
