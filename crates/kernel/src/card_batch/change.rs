//! What can happen to a batch of gift cards, and what it does to it.

use super::{CardBatch, CardBatchState, CardValidity};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Id, Timestamp, kinds};

/// What can happen to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardBatchChange {
    /// It was created; it is complete in here.
    Created(Box<CardBatch>),
    /// Its sale was begun, stopped or ended.
    StateChanged(CardBatchState),
    /// It got more cards to sell.
    TotalRaised {
        /// How many it has in all from now on.
        total: i64,
    },
    /// Its cards can be spent longer.
    Extended {
        /// Until when.
        ends_at: Timestamp,
    },
    /// A purchase took cards out of the stock.
    Reserved {
        /// Which purchase.
        by: Id<kinds::Recharge>,
        /// How many cards.
        cards: i64,
    },
    /// A purchase ended unpaid and put its cards back.
    Released {
        /// Which purchase.
        by: Id<kinds::Recharge>,
        /// How many cards.
        cards: i64,
    },
    /// A purchase was paid and its cards were issued.
    Issued {
        /// Which purchase.
        by: Id<kinds::Recharge>,
        /// How many cards.
        cards: i64,
    },
}

impl AggregateChange for CardBatchChange {
    fn name(&self) -> &'static str {
        match self {
            CardBatchChange::Created(_) => "created",
            CardBatchChange::StateChanged(_) => "state_changed",
            CardBatchChange::TotalRaised { .. } => "total_raised",
            CardBatchChange::Extended { .. } => "extended",
            CardBatchChange::Reserved { .. } => "reserved",
            CardBatchChange::Released { .. } => "released",
            CardBatchChange::Issued { .. } => "issued",
        }
    }
}

/// The batch after an event.
pub(super) fn evolve(
    before: Option<&CardBatch>,
    event: &Event,
    change: &CardBatchChange,
) -> CardBatch {
    let mut batch = match (change, before) {
        (CardBatchChange::Created(batch), None) => return (**batch).clone(),
        (_, Some(batch)) => batch.clone(),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    };
    batch.version = event.sequence;
    match change {
        CardBatchChange::Created(_) => panic!("{} is created twice", event.subject),
        CardBatchChange::StateChanged(state) => batch.state = *state,
        CardBatchChange::TotalRaised { total } => batch.total = *total,
        CardBatchChange::Extended { ends_at } => batch.validity = extended(&batch, *ends_at),
        CardBatchChange::Reserved { cards, .. } => batch.reserved += cards,
        CardBatchChange::Released { cards, .. } => batch.reserved -= cards,
        CardBatchChange::Issued { cards, .. } => {
            batch.reserved -= cards;
            batch.issued += cards;
        }
    }
    assert!(
        batch.reserved >= 0 && batch.stock() >= 0,
        "card batch {} has {} cards, {} issued and {} reserved",
        batch.id,
        batch.total,
        batch.issued,
        batch.reserved
    );
    batch
}

fn extended(batch: &CardBatch, ends_at: Timestamp) -> CardValidity {
    match batch.validity {
        CardValidity::Fixed { begins_at, .. } => CardValidity::Fixed { begins_at, ends_at },
        CardValidity::Relative { .. } => panic!("the cards of {} have no common end", batch.id),
    }
}
