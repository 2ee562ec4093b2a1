//! What must happen later: durable, one for each open row, committed with the change that wants it.

use crate::aggregate::Aggregate;
use crate::directory::TenantId;
use ledger::{Id, Subject, Timestamp, kinds};

/// A task: do what this row needs next.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// The owner.
    pub tenant: TenantId,
    /// The row.
    pub subject: Subject,
    /// The story that the row belongs to.
    pub root: Id<kinds::Root>,
}

impl Task {
    /// The task of a row.
    pub fn of<A: Aggregate>(row: &A) -> Task {
        Task { tenant: row.tenant().clone(), subject: row.id().subject(), root: row.root() }
    }
}

/// Sets when a task is due, or ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskChange {
    /// The task.
    pub task: Task,
    /// From when on it is due; `None` ends it.
    pub due: Option<Timestamp>,
}
