//! Gift cards that are put into wallets (绑卡): by their owners, or by somebody who has their secret.
//!
//! A binding is one decision: the card is in the wallet from then on, and stays there. A wrong secret is a
//! decision too, and not a refusal, because it counts: after five in an hour nobody binds the card with its
//! secret for an hour.

mod change;
mod decide;

pub use change::CardBindingChange;
pub use decide::{BindCard, CardBindingCommand, CardProof};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::wallet::WalletRefusal;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// A card that was put into a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardBinding {
    /// The owner of the card's batch.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::CardBinding>,
    /// Whose numbering its number belongs to: unique with it within the tenant.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The card.
    pub card: Id<kinds::Card>,
    /// The order with which the card was bought; the root of its story.
    pub order: Id<kinds::Order>,
    /// The wallet.
    pub wallet: Id<kinds::Wallet>,
    /// True where the card's secret proved it, false where its owner did it.
    pub is_by_secret: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
}

/// Why a card is not bound, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardBindingRefusal {
    /// There is no such card.
    #[error("no such card")]
    NoCard,
    /// The binding exists with other content.
    #[error("the binding exists with other content")]
    Differs,
    /// Too many wrong secrets were presented.
    #[error("too many wrong secrets were presented; it can be bound with its secret in an hour")]
    Locked,
    /// The wallet may not be used.
    #[error(transparent)]
    Wallet(#[from] WalletRefusal),
    /// Somebody else has the card.
    #[error("the card belongs to another owner")]
    OtherOwner,
    /// Its state does not allow it.
    #[error("the card is {state}")]
    CardState {
        /// The state.
        state: &'static str,
    },
    /// The card cannot be spent at the wallet's merchant.
    #[error("the card is not accepted by the wallet's merchant")]
    NotAccepted,
    /// The wallet has as many cards as it may have, and something is left of each.
    #[error("the wallet has {max} cards already")]
    Full {
        /// The limit.
        max: usize,
    },
}

impl Aggregate for CardBinding {
    type Kind = kinds::CardBinding;
    type Change = CardBindingChange;
    type Command = CardBindingCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::CardBinding> {
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

    fn evolve(
        before: Option<&CardBinding>,
        event: &Event,
        change: &CardBindingChange,
    ) -> CardBinding {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &CardBindingCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
