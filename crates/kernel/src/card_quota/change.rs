//! What can happen to an owner's quota of a batch, and what it does to it.

use super::CardQuota;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardQuotaChange {
    /// The owner buys of this batch for the first time; it is complete in here.
    Begun(Box<CardQuota>),
    /// A purchase took cards.
    Taken {
        /// How many.
        cards: u32,
    },
    /// A purchase ended unpaid, or its cards were refunded.
    PutBack {
        /// How many.
        cards: u32,
    },
}

impl AggregateChange for CardQuotaChange {
    fn name(&self) -> &'static str {
        match self {
            CardQuotaChange::Begun(_) => "begun",
            CardQuotaChange::Taken { .. } => "taken",
            CardQuotaChange::PutBack { .. } => "put_back",
        }
    }
}

/// The quota after an event.
pub(super) fn evolve(
    before: Option<&CardQuota>,
    event: &Event,
    change: &CardQuotaChange,
) -> CardQuota {
    let before = match (change, before) {
        (CardQuotaChange::Begun(quota), None) => return (**quota).clone(),
        (_, Some(quota)) => quota.clone(),
        (_, None) => panic!("{} is changed before it is begun", event.subject),
    };
    let taken = match change {
        CardQuotaChange::Begun(_) => panic!("{} is begun twice", event.subject),
        CardQuotaChange::Taken { cards } => before.taken.checked_add(*cards),
        CardQuotaChange::PutBack { cards } => before.taken.checked_sub(*cards),
    };
    let taken = taken.unwrap_or_else(|| panic!("{} counts wrong: {change:?}", event.subject));
    CardQuota { version: event.sequence, taken, ..before }
}
