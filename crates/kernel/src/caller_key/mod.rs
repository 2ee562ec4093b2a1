//! A key with which a business system proves itself. A tenant may have several that are active at
//! once, so that one can replace another without a pause.

mod change;
mod decide;

pub use change::CallerKeyChange;
pub use decide::CallerKeyCommand;

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::Sealed;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// What proves a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerProof {
    /// A shared secret, sealed: `TC3-HMAC-SHA256`.
    Hmac(Sealed),
    /// The caller's public key, PEM: `SHA256withRSA`.
    Rsa {
        /// The public key.
        public_key_pem: Arc<str>,
    },
}

impl CallerProof {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            CallerProof::Hmac(_) => "hmac",
            CallerProof::Rsa { .. } => "rsa",
        }
    }
}

/// A caller's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerKey {
    /// The owner.
    pub tenant: TenantId,
    /// The id of its row.
    pub id: Id<kinds::CallerKey>,
    /// Its id on the wire (SecretId); unique in the installation.
    pub key_id: Arc<str>,
    /// When it was created.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// What proves that a request comes from its owner.
    pub proof: CallerProof,
    /// False when it is not accepted any more.
    pub is_enabled: bool,
}

impl CallerKey {
    /// The key that a SecretId names.
    pub fn key(key_id: &str) -> NaturalKey {
        NaturalKey::new("caller_key", key_id)
    }
}

impl Aggregate for CallerKey {
    type Kind = kinds::CallerKey;
    type Change = CallerKeyChange;
    type Command = CallerKeyCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::CallerKey> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(CallerKey::key(&self.key_id))
    }

    fn evolve(before: Option<&CallerKey>, event: &Event, change: &CallerKeyChange) -> CallerKey {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &CallerKeyCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
