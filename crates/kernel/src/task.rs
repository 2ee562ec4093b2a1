//! What must happen later: durable, one for each open row, committed with the change that wants it.

use crate::aggregate::Aggregate;
use crate::directory::TenantId;
use ledger::{Id, Subject, SubjectKind, Timestamp, kinds};

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

/// A kind of work. Each lane has a budget of its own, so that work of one never waits for work of
/// another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// What moves money or decides about it: orders, refunds, shares, withdrawals,
    /// and the agreements by which payers are debited.
    Money,
    /// Notifications to merchants.
    Notifications,
    /// What keeps the installation in order.
    Housekeeping,
}

impl Lane {
    /// Every lane, for loops, listings and tests.
    pub const ALL: [Lane; 3] = [Lane::Money, Lane::Notifications, Lane::Housekeeping];

    /// The word in storage and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Lane::Money => "money",
            Lane::Notifications => "notifications",
            Lane::Housekeeping => "housekeeping",
        }
    }

    /// How long after its time a task of this lane may be run before a person should know, in
    /// milliseconds. Payers wait for money; the schedule of notifications has steps of minutes itself;
    /// housekeeping can wait.
    pub const fn late_after_ms(self) -> i64 {
        const MINUTE_MS: i64 = 60_000;
        match self {
            Lane::Money => 5 * MINUTE_MS,
            Lane::Notifications => 15 * MINUTE_MS,
            Lane::Housekeeping => 60 * MINUTE_MS,
        }
    }

    /// The lane of the tasks of this kind of row.
    pub const fn of(kind: SubjectKind) -> Lane {
        match kind {
            SubjectKind::Order
            | SubjectKind::Refund
            | SubjectKind::Share
            | SubjectKind::ShareReturn
            | SubjectKind::Allocation
            | SubjectKind::AllocationRelease
            | SubjectKind::CardBatch
            | SubjectKind::CardQuota
            | SubjectKind::Recharge
            | SubjectKind::CardTransfer
            | SubjectKind::CardBinding
            | SubjectKind::Card
            | SubjectKind::Wallet
            | SubjectKind::WalletPayment
            | SubjectKind::WalletFreeze
            | SubjectKind::Agreement
            | SubjectKind::Withdrawal => Lane::Money,
            SubjectKind::Notification => Lane::Notifications,
            SubjectKind::Tenant
            | SubjectKind::Merchant
            | SubjectKind::CallerKey
            | SubjectKind::ChannelAccount
            | SubjectKind::Approval
            | SubjectKind::Payee => Lane::Housekeeping,
        }
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
