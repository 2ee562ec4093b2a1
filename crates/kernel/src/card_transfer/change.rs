//! What can happen to a transfer of a card, and what it does to it.

use super::{CardTransfer, CardTransferState};
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardTransferChange {
    /// It was begun; it is complete in here.
    Begun(Box<CardTransfer>),
    /// The receiver has the card.
    Received {
        /// Who, as the caller names them.
        owner: String,
    },
    /// The owner called the card back.
    Cancelled,
    /// Nobody received the card in time.
    TimedOut,
}

impl AggregateChange for CardTransferChange {
    fn name(&self) -> &'static str {
        match self {
            CardTransferChange::Begun(_) => "begun",
            CardTransferChange::Received { .. } => "received",
            CardTransferChange::Cancelled => "cancelled",
            CardTransferChange::TimedOut => "timed_out",
        }
    }
}

/// The transfer after an event.
pub(super) fn evolve(
    before: Option<&CardTransfer>,
    event: &Event,
    change: &CardTransferChange,
) -> CardTransfer {
    let mut transfer = match (change, before) {
        (CardTransferChange::Begun(transfer), None) => return (**transfer).clone(),
        (_, Some(transfer)) => transfer.clone(),
        (_, None) => panic!("{} is changed before it is begun", event.subject),
    };
    let at = event.at;
    transfer.version = event.sequence;
    transfer.state = match change {
        CardTransferChange::Begun(_) => panic!("{} is begun twice", event.subject),
        CardTransferChange::Received { owner } => {
            CardTransferState::Received { at, owner: owner.clone() }
        }
        CardTransferChange::Cancelled => CardTransferState::Cancelled { at },
        CardTransferChange::TimedOut => CardTransferState::TimedOut { at },
    };
    transfer
}
