//! What can happen to the binding of a card: it is made, and never changes.

use super::CardBinding;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardBindingChange {
    /// It was made; it is complete in here.
    Made(Box<CardBinding>),
}

impl AggregateChange for CardBindingChange {
    fn name(&self) -> &'static str {
        let CardBindingChange::Made(_) = self;
        "made"
    }
}

/// The binding after an event.
pub(super) fn evolve(
    before: Option<&CardBinding>,
    event: &Event,
    change: &CardBindingChange,
) -> CardBinding {
    let CardBindingChange::Made(binding) = change;
    assert!(before.is_none(), "{} is made twice", event.subject);
    (**binding).clone()
}
