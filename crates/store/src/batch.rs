//! What is committed together: everything that the decisions of one tenant's commands changed.

use kernel::{Event, Notification, Order, Refund, TaskChange, TenantId};
use ledger::{Account, Delta, Transfer};
use std::collections::BTreeMap;

/// A row to write, and the version that it must have in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<T> {
    /// The row as it shall be.
    pub row: T,
    /// The version that was loaded; `None` for a row that must not exist yet.
    pub expected: Option<i64>,
}

/// The changes of one tenant, stored whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose.
    pub tenant: TenantId,
    /// Orders; each at most once. Only what can change of an existing order is written.
    pub orders: Vec<Write<Order>>,
    /// Refunds; each at most once.
    pub refunds: Vec<Write<Refund>>,
    /// Notifications; each at most once.
    pub notifications: Vec<Write<Notification>>,
    /// Events, in order of their ids. Delivery attempts and fetched keys are stored from these.
    pub events: Vec<Event>,
    /// Transfers, in order of their ids.
    pub transfers: Vec<Transfer>,
    /// What the transfers do to each account's balance; moves by addition, guarded by its floor.
    pub deltas: BTreeMap<Account, Delta>,
    /// Tasks to set or end; each at most once. Setting or ending a task ends its lease.
    pub tasks: Vec<TaskChange>,
}
