//! A gift card on its way to another owner (转赠).
//!
//! The card belongs to nobody else until somebody receives it with the token that was shown once; until
//! then its owner can call it back, and it comes back by itself when the time is up. The database has the
//! hash of the token alone.

mod change;
mod decide;

pub use change::CardTransferChange;
pub use decide::{BeginCardTransfer, CardTransferCommand, ReceiveCard};

use crate::aggregate::{Aggregate, Key, NaturalKey, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::Standing;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// How long a transfer waits for its receiver where its owner does not say, in seconds.
pub const TRANSFER_LIFE_SECONDS: i64 = 24 * 3600;
/// How long it may wait at most, in seconds.
pub const TRANSFER_LIFE_SECONDS_MAX: i64 = 30 * 24 * 3600;

/// Where a transfer stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardTransferState {
    /// It waits for the receiver.
    Waiting,
    /// The receiver has the card.
    Received {
        /// When.
        at: Timestamp,
        /// Who, as the caller names them.
        owner: String,
    },
    /// The owner called the card back.
    Cancelled {
        /// When.
        at: Timestamp,
    },
    /// Nobody received the card in time.
    TimedOut {
        /// When.
        at: Timestamp,
    },
}

impl CardTransferState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            CardTransferState::Waiting => "waiting",
            CardTransferState::Received { .. } => "received",
            CardTransferState::Cancelled { .. } => "cancelled",
            CardTransferState::TimedOut { .. } => "timed_out",
        }
    }
}

/// A transfer of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardTransfer {
    /// The owner of the card's batch.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::CardTransfer>,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The card.
    pub card: Id<kinds::Card>,
    /// The order with which the card was bought; the root of its story.
    pub order: Id<kinds::Order>,
    /// Who gives the card away, as the caller names them.
    pub from: String,
    /// Who alone may receive it; `None` for everybody who has the token.
    pub to: Option<String>,
    /// The SHA-256 of the token, in hex digits.
    pub token_hash: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When it times out.
    pub expires_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: CardTransferState,
}

/// Why a command about a transfer is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardTransferRefusal {
    /// There is no such transfer.
    #[error("no such transfer")]
    NotFound,
    /// The transfer exists with other content.
    #[error("the transfer exists with other content")]
    Differs,
    /// There is no such card.
    #[error("no such card")]
    NoCard,
    /// Somebody else has the card.
    #[error("the card belongs to another owner")]
    OtherOwner,
    /// The cards of the batch stay with their owners.
    #[error("cards of this batch cannot be given away")]
    NotTransferable,
    /// The token is not that of the transfer.
    #[error("not the token of the transfer")]
    Token,
    /// The card is meant for somebody else.
    #[error("the card is meant for somebody else")]
    OtherReceiver,
    /// The transfer has ended.
    #[error("the transfer is {state}")]
    Ended {
        /// Its state.
        state: &'static str,
    },
    /// The state of the card does not allow it.
    #[error("the card is {state}")]
    CardState {
        /// The state.
        state: &'static str,
    },
    /// It would time out in the past or too late.
    #[error("must lie in the future and at most {max} days ahead")]
    Expiry {
        /// The limit, in days.
        max: i64,
    },
}

impl Aggregate for CardTransfer {
    type Kind = kinds::CardTransfer;
    type Change = CardTransferChange;
    type Command = CardTransferCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::CardTransfer> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        let (namespace, number) = (self.namespace.clone(), self.number.clone());
        Some(NaturalKey { namespace, number })
    }

    fn standing(&self) -> Standing {
        let next_poll_at = match self.state {
            CardTransferState::Waiting => Some(self.expires_at),
            CardTransferState::Received { .. }
            | CardTransferState::Cancelled { .. }
            | CardTransferState::TimedOut { .. } => None,
        };
        Standing { next_poll_at, attention: None, holds: vec![] }
    }

    fn evolve(
        before: Option<&CardTransfer>,
        event: &Event,
        change: &CardTransferChange,
    ) -> CardTransfer {
        change::evolve(before, event, change)
    }

    fn decide(
        deciding: &mut Deciding<'_>,
        command: &CardTransferCommand,
    ) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::CardTransfer>,
    ) -> Result<(), Refusal> {
        let transfer = deciding.row::<CardTransfer>(tenant, id);
        decide::time_out(deciding, &transfer.ok_or(CardTransferRefusal::NotFound)?);
        Ok(())
    }

    fn linked(&self, reads: &mut Reads) {
        reads.cards.push((self.tenant.clone(), Key::Id(self.card)));
    }
}
