//! What is committed together: everything that the decisions of one tenant's commands changed.

use kernel::{Changed, Decision, Event, TaskChange, TenantId, View};
use ledger::{Account, Balance, BookFault, Delta, Subject, Transfer, book};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Rows that decisions rest on and do not change, with their versions: the batch is stale where one has
    /// changed.
    pub rests_on: Vec<(Subject, i64)>,
    /// What accounts that decisions rest on have after the batch; it is stale where they have something else.
    pub balances: Vec<(Account, Balance)>,
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
        let (mut rows, mut accounts) = (BTreeSet::new(), BTreeSet::new());
        for decision in decisions {
            events.extend(decision.events);
            transfers.extend(decision.transfers);
            rows.extend(decision.rests_on);
            accounts.extend(decision.rests_on_balances);
        }
        let unchanged = |row: Subject| Some((row, view.unchanged(tenant, row)?));
        let balance = |account: Account| {
            let balance = view.balances.get(&(tenant.clone(), account.clone()));
            (account, balance.copied().unwrap_or_default())
        };
        Ok(Batch {
            changed: view.changed(tenant),
            deltas: book::sum_deltas(&transfers)?,
            rests_on: rows.into_iter().filter_map(unchanged).collect(),
            balances: accounts.into_iter().map(balance).collect(),
            tasks: view.tasks(tenant),
            tenant: tenant.clone(),
            events,
            transfers,
        })
    }
}
