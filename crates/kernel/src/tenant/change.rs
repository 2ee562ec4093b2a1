//! What can happen to a tenant, and what it does to it.

use super::Tenant;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantChange {
    /// It was created; it is complete in here.
    Created(Box<Tenant>),
    /// It was changed; it is complete in here, as it is from now on.
    Changed(Box<Tenant>),
}

impl AggregateChange for TenantChange {
    fn name(&self) -> &'static str {
        match self {
            TenantChange::Created(_) => "created",
            TenantChange::Changed(_) => "changed",
        }
    }
}

/// The tenant after an event.
pub(super) fn evolve(before: Option<&Tenant>, event: &Event, change: &TenantChange) -> Tenant {
    match (change, before) {
        (TenantChange::Created(row), None) | (TenantChange::Changed(row), Some(_)) => {
            Tenant { version: event.sequence, ..(**row).clone() }
        }
        (_, Some(_)) => panic!("{} is created twice", event.subject),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    }
}
