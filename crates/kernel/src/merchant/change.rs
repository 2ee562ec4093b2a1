//! What can happen to a merchant, and what it does to it.

use super::Merchant;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MerchantChange {
    /// It was created; it is complete in here.
    Created(Box<Merchant>),
    /// It was changed; it is complete in here, as it is from now on.
    Changed(Box<Merchant>),
}

impl AggregateChange for MerchantChange {
    fn name(&self) -> &'static str {
        match self {
            MerchantChange::Created(_) => "created",
            MerchantChange::Changed(_) => "changed",
        }
    }
}

/// The merchant after an event.
pub(super) fn evolve(
    before: Option<&Merchant>,
    event: &Event,
    change: &MerchantChange,
) -> Merchant {
    match (change, before) {
        (MerchantChange::Created(row), None) | (MerchantChange::Changed(row), Some(_)) => {
            Merchant { version: event.sequence, ..(**row).clone() }
        }
        (_, Some(_)) => panic!("{} is created twice", event.subject),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    }
}
