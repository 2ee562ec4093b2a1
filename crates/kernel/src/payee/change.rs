//! What can happen to a payee, and what it does to it.

use super::Payee;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayeeChange {
    /// It was created; it is complete in here.
    Created(Box<Payee>),
    /// It was unbound: it gets no new shares.
    Unbound,
}

impl AggregateChange for PayeeChange {
    fn name(&self) -> &'static str {
        match self {
            PayeeChange::Created(_) => "created",
            PayeeChange::Unbound => "unbound",
        }
    }
}

/// The payee after an event.
pub(super) fn evolve(before: Option<&Payee>, event: &Event, change: &PayeeChange) -> Payee {
    match (change, before) {
        (PayeeChange::Created(payee), None) => (**payee).clone(),
        (PayeeChange::Unbound, Some(payee)) => {
            let (version, unbound_at) = (event.sequence, Some(event.at));
            Payee { version, unbound_at, ..payee.clone() }
        }
        (PayeeChange::Created(_), Some(_)) => panic!("{} is created twice", event.subject),
        (PayeeChange::Unbound, None) => {
            panic!("{} is changed before it is created", event.subject)
        }
    }
}
