//! What can happen to a card, and what it does to it.

use super::{Card, CardState};
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChange {
    /// It was issued; it is complete in here.
    Issued(Box<Card>),
    /// Its time is up.
    Expired,
}

impl AggregateChange for CardChange {
    fn name(&self) -> &'static str {
        match self {
            CardChange::Issued(_) => "issued",
            CardChange::Expired => "expired",
        }
    }
}

/// The card after an event.
pub(super) fn evolve(before: Option<&Card>, event: &Event, change: &CardChange) -> Card {
    let mut card = match (change, before) {
        (CardChange::Issued(card), None) => return (**card).clone(),
        (_, Some(card)) => card.clone(),
        (_, None) => panic!("{} is changed before it is issued", event.subject),
    };
    card.version = event.sequence;
    match change {
        CardChange::Issued(_) => panic!("{} is issued twice", event.subject),
        CardChange::Expired => card.state = CardState::Expired,
    }
    card
}
