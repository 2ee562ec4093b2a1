//! The traits that a channel implements.

use crate::agreement::AgreementRules;
use crate::bill::BillKind;
use crate::finding::{Callback, Finding, PlatformKey};
use crate::http::{Request, Response};
use crate::instruction::{Instruction, Scene};
use crate::payment_code::PaymentCodeRules;
use crate::share::SharingRules;
use ledger::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// The only outside inputs of a codec: the current time and an unpredictable nonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecContext {
    /// The time.
    pub now: Timestamp,
    /// 32 random lower-case hex digits, fresh for every use.
    pub nonce: String,
}

/// The name of the channel at which orders are paid from wallets. The kernel knows it: what such an
/// order costs is taken from stored value.
pub const WALLET_CHANNEL: &str = "walletpay";

/// What a channel is and can do.
#[derive(Debug)]
pub struct About {
    /// Its name in configuration, storage and URLs: lower-case letters.
    pub name: &'static str,
    /// Where the payer may be. The scenes by agreement are not listed: whether an account has them is said
    /// by [`Connection::agreements`].
    pub scenes: &'static [Scene],
    /// The settings that an account needs, for forms and messages.
    pub settings: &'static [Setting],
    /// How long it keeps an unpaid order payable, in seconds; no order is placed for longer.
    pub order_life_seconds_max: i64,
    /// What its texts may hold; an order that breaks a rule is not placed.
    pub text: TextRules,
    /// How its payers' codes look; `None` when it takes none.
    pub payment_codes: Option<PaymentCodeRules>,
    /// What it can share of a payment; `None` when it shares nothing.
    pub sharing: Option<SharingRules>,
    /// True when its signing keys are fetched with [`Instruction::FetchKeys`] and refreshed.
    pub fetches_keys: bool,
    /// True when the channel is built in: every instruction is answered by its encoding, cheaply, so that
    /// it is answered inside the commit that wants it.
    pub is_built_in: bool,
}

/// What a channel takes in the texts of an order. Nothing is cut: half a subject would be another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRules {
    /// Characters of the subject at most.
    pub subject_chars_max: usize,
    /// Bytes of the goods tag at most.
    pub goods_tag_bytes_max: usize,
    /// Whether it takes characters of four bytes in UTF-8, such as emoji.
    pub takes_four_byte_chars: bool,
}

/// A text of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// [`crate::Place::subject`]
    Subject,
    /// [`crate::Place::goods_tag`]
    GoodsTag,
}

impl TextField {
    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            TextField::Subject => "subject",
            TextField::GoodsTag => "goods_tag",
        }
    }
}

impl TextRules {
    /// No rule beyond those of the wire API.
    pub const ANY: TextRules = TextRules {
        subject_chars_max: usize::MAX,
        goods_tag_bytes_max: usize::MAX,
        takes_four_byte_chars: true,
    };

    /// The first text that breaks a rule, and how.
    pub fn broken_by(&self, subject: &str, goods_tag: Option<&str>) -> Option<(TextField, String)> {
        let too_long = |found: usize, max: usize, unit: &str| {
            (found > max).then(|| format!("{found} {unit}, the channel takes at most {max}"))
        };
        let in_subject = too_long(subject.chars().count(), self.subject_chars_max, "characters")
            .or_else(|| self.refused_char(subject));
        let in_goods_tag = goods_tag.and_then(|tag| {
            too_long(tag.len(), self.goods_tag_bytes_max, "bytes")
                .or_else(|| self.refused_char(tag))
        });
        in_subject
            .map(|why| (TextField::Subject, why))
            .or(in_goods_tag.map(|why| (TextField::GoodsTag, why)))
    }

    fn refused_char(&self, text: &str) -> Option<String> {
        let char = text.chars().find(|char| char.len_utf8() == 4)?;
        (!self.takes_four_byte_chars)
            .then(|| format!("the channel takes no emoji, U+{:04X} found", u32::from(char)))
    }
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

/// What carries out an instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this request; its answer is decoded.
    Send(Request),
    /// Nothing is sent: the instruction is answered here, with a signed form or string for the payer's
    /// client, or by a channel that is built in.
    Answer(Finding),
}

/// Why an instruction is not encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeFault {
    /// The channel cannot carry it out, now or later.
    #[error("{field}: {why}")]
    Unsupported {
        /// What is missing or too much: `payer`, `scene`, …
        field: &'static str,
        /// What was wanted.
        why: String,
    },
    /// The account's settings do not allow it; a person must mend them. It proves nothing about the
    /// instruction.
    #[error("setting {name}: {why}")]
    Account {
        /// The setting.
        name: &'static str,
        /// What is wrong; never the value of a secret.
        why: String,
    },
    /// Trouble of our own, such as a signature that could not be made. It proves nothing about the
    /// instruction, which may be tried again.
    #[error("not encoded: {why}")]
    Internal {
        /// What failed.
        why: String,
    },
}

impl EncodeFault {
    /// The fault of an instruction that the channel cannot carry out.
    pub fn unsupported(field: &'static str, why: impl Into<String>) -> EncodeFault {
        EncodeFault::Unsupported { field, why: why.into() }
    }

    /// The fault of our own process.
    pub fn internal(why: impl Into<String>) -> EncodeFault {
        EncodeFault::Internal { why: why.into() }
    }
}

/// A certificate with which we prove ourselves when a connection is made, and its key.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate and those that lead to a known authority, PEM.
    pub chain_pem: String,
    /// The private key, PEM. A secret that wipes itself.
    pub private_key_pem: Zeroizing<String>,
}

/// Debug output shows no key.
impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientCertificate({} bytes, key ***)", self.chain_pem.len())
    }
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
    /// It is signed with a key that cannot be fetched: a person must configure it.
    #[error("{why}")]
    NoKey {
        /// The key, and what is to be configured.
        why: String,
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
    /// Which account this is at the vendor: merchant number, sub-merchant, app. Two connections of one
    /// identity collect for the same party; their names in the configuration do not matter.
    fn identity(&self) -> String;

    /// The certificate that the vendor demands when a connection is made, if it demands one.
    fn client_certificate(&self) -> Option<ClientCertificate>;

    /// The bills that the account can fetch; any other is [`EncodeFault::Unsupported`] by the field
    /// `bill`.
    fn bills(&self) -> &'static [BillKind];

    /// What the account can do with agreements. With `None`, instructions about them are
    /// [`EncodeFault::Unsupported`] by the field `agreement`, and orders by agreement by the field `scene`.
    fn agreements(&self) -> Option<AgreementRules>;

    /// What carries out the instruction.
    ///
    /// # Errors
    /// When the channel cannot carry it out, or encoding failed.
    fn encode(
        &self,
        instruction: &Instruction,
        context: &CodecContext,
    ) -> Result<Step, EncodeFault>;

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

    /// Verifies and reads a callback. What the channel says of other things than our orders is
    /// [`Callback::Other`], never a payment.
    fn callback(&self, request: &Request, now: Timestamp) -> Result<Callback, CallbackFault>;

    /// What a callback is answered with: `accepted` once its finding is committed.
    fn receipt(&self, accepted: bool) -> Response;
}
