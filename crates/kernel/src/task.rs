//! What must happen later: durable, one per subject, committed with the change that wants it.

use crate::merchant::TenantId;
use ledger::Timestamp;

/// What a task is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskKind {
    /// Look at an order again: place, poll, close.
    Order,
    /// Look at a refund again: ask, poll.
    Refund,
    /// Deliver a notification.
    Notification,
}

impl TaskKind {
    /// Every kind, for listings and tests.
    pub const ALL: [TaskKind; 3] = [TaskKind::Order, TaskKind::Refund, TaskKind::Notification];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            TaskKind::Order => "order",
            TaskKind::Refund => "refund",
            TaskKind::Notification => "notification",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<TaskKind> {
        TaskKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A task: look at this subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// Whose.
    pub tenant: TenantId,
    /// About what.
    pub kind: TaskKind,
    /// The number of the order's, refund's or notification's id.
    pub subject: i64,
}

/// Sets when a task is due, or ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskChange {
    /// Which.
    pub task: Task,
    /// From when on it is due; `None` ends it.
    pub due: Option<Timestamp>,
}
