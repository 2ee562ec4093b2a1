//! What is committed together: everything that the decisions of one tenant's commands changed.

use kernel::{Changed, Decision, Event, TaskChange, TenantId, View};
use ledger::{Account, BookFault, Delta, Transfer, book};
use std::collections::BTreeMap;

/// The changes of one tenant, stored whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The owner.
    pub tenant: TenantId,
    /// Rows; each at most once. Only what can change of an existing row is written.
    pub changed: Changed,
    /// Events, in order of their ids.
    pub events: Vec<Event>,
    /// Transfers, in order of their ids.
    pub transfers: Vec<Transfer>,
    /// What the transfers do to each account's balance; moves by addition, guarded by its floor.
    pub deltas: BTreeMap<Account, Delta>,
    /// Tasks to set or end; each at most once. Setting or ending a task ends its lease.
    pub tasks: Vec<TaskChange>,
}

impl Batch {
    /// What decisions of a tenant changed in a view.
    ///
    /// # Errors
    /// When the transfers' sum does not fit.
    pub fn of(
        tenant: &TenantId,
        view: &View,
        decisions: impl IntoIterator<Item = Decision>,
    ) -> Result<Batch, BookFault> {
        let (mut events, mut transfers) = (vec![], vec![]);
        for decision in decisions {
            events.extend(decision.events);
            transfers.extend(decision.transfers);
        }
        Ok(Batch {
            changed: view.changed(tenant),
            deltas: book::sum_deltas(&transfers)?,
            tasks: view.tasks(tenant),
            tenant: tenant.clone(),
            events,
            transfers,
        })
    }
}
