//! What can happen to a caller's key, and what it does to it.

use super::CallerKey;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a caller's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallerKeyChange {
    /// It was created; it is complete in here.
    Created(Box<CallerKey>),
    /// It was changed; it is complete in here, as it is from now on.
    Changed(Box<CallerKey>),
}

impl AggregateChange for CallerKeyChange {
    fn name(&self) -> &'static str {
        match self {
            CallerKeyChange::Created(_) => "created",
            CallerKeyChange::Changed(_) => "changed",
        }
    }
}

/// The caller's key after an event.
pub(super) fn evolve(
    before: Option<&CallerKey>,
    event: &Event,
    change: &CallerKeyChange,
) -> CallerKey {
    match (change, before) {
        (CallerKeyChange::Created(row), None) | (CallerKeyChange::Changed(row), Some(_)) => {
            CallerKey { version: event.sequence, ..(**row).clone() }
        }
        (_, Some(_)) => panic!("{} is created twice", event.subject),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    }
}
