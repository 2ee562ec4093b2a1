//! A notification to a merchant: durable, signed at sending, repeated on a schedule, every attempt kept.

use crate::command::{Deciding, Decision, Refusal, Reply, Work};
use crate::event::Change;
use crate::merchant::TenantId;
use crate::order::CALL_MAX_MS;
use crate::task::{Task, TaskChange, TaskKind};
use ledger::{Id, Timestamp, kinds};

/// Seconds to wait after each failed attempt (the schedule known from WeChat Pay): 24 h 4 min in all.
pub const NOTIFICATION_SCHEDULE_SECONDS: [i64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// What a notification tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// An order was paid.
    Pay,
}

impl NotificationKind {
    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationKind::Pay => "pay",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<NotificationKind> {
        match name {
            "pay" => Some(NotificationKind::Pay),
            _ => None,
        }
    }
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationState {
    /// To be delivered.
    Due,
    /// The merchant acknowledged it.
    Delivered {
        /// When.
        at: Timestamp,
    },
    /// The schedule is used up; it can be replayed.
    GivenUp {
        /// When.
        at: Timestamp,
    },
}

impl NotificationState {
    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            NotificationState::Due => "due",
            NotificationState::Delivered { .. } => "delivered",
            NotificationState::GivenUp { .. } => "given_up",
        }
    }
}

/// A notification to a merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Whose.
    pub tenant: TenantId,
    /// Its id, the same in every attempt.
    pub id: Id<kinds::Notification>,
    /// The order that it tells about.
    pub order: Id<kinds::Order>,
    /// What it tells.
    pub kind: NotificationKind,
    /// Where it goes.
    pub url: String,
    /// When the event that it tells happened.
    pub made_at: Timestamp,
    /// Counts its changes; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: NotificationState,
    /// Attempts so far.
    pub attempts: u32,
    /// Failed attempts since it was made or replayed: its place in the schedule.
    pub step: u32,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The merchant acknowledged.
    Acknowledged {
        /// Its HTTP status.
        status: u16,
    },
    /// The merchant answered something else.
    Rejected {
        /// Its HTTP status.
        status: u16,
        /// The beginning of what it said.
        excerpt: String,
    },
    /// There was no answer: not reached, too slow, forbidden address.
    NoAnswer {
        /// What was seen.
        why: String,
    },
}

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// How it ended.
    pub delivery: Delivery,
}

/// Records an attempt and says when the next one is due.
pub(crate) fn record(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Notification>,
    attempt: &Attempt,
) -> Result<Decision, Refusal> {
    let notification =
        deciding.view.notification(tenant, id).ok_or(Refusal::NotificationNotFound)?.clone();
    let now = deciding.stamp.now();
    let acknowledged = matches!(attempt.delivery, Delivery::Acknowledged { .. });
    let wait_seconds = usize::try_from(notification.step)
        .ok()
        .and_then(|step| NOTIFICATION_SCHEDULE_SECONDS.get(step).copied());
    let (state, due) = match (notification.state, acknowledged, wait_seconds) {
        (_, true, _) => (NotificationState::Delivered { at: now }, None),
        (NotificationState::Delivered { at }, false, _) => {
            (NotificationState::Delivered { at }, None)
        }
        (_, false, Some(seconds)) => (NotificationState::Due, Some(now.plus_seconds(seconds))),
        (_, false, None) => (NotificationState::GivenUp { at: now }, None),
    };
    let mut decision = Decision::new(Reply::Done);
    let change =
        Change::NotificationAttempted { notification: id, attempt: attempt.clone(), state };
    decision.events.push(deciding.event(tenant, Some(notification.order), change));
    decision.tasks.push(TaskChange { task: notification.task(), due });
    Ok(decision)
}

/// Sends a notification again, whatever became of it, from the start of the schedule.
pub(crate) fn replay(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Notification>,
) -> Result<Decision, Refusal> {
    let notification =
        deciding.view.notification(tenant, id).ok_or(Refusal::NotificationNotFound)?.clone();
    let mut decision = Decision::new(Reply::Done);
    let change = Change::NotificationReplayed { notification: id };
    decision.events.push(deciding.event(tenant, Some(notification.order), change));
    decision.deliver(&notification, deciding.stamp.now());
    Ok(decision)
}

impl Notification {
    /// Its task.
    pub fn task(&self) -> Task {
        Task { tenant: self.tenant.clone(), kind: TaskKind::Notification, subject: self.id.value() }
    }
}

impl Decision {
    /// Delivers a notification right after the commit; should this process die first, its task is due when
    /// the attempt must have ended.
    pub(crate) fn deliver(&mut self, notification: &Notification, now: Timestamp) {
        let due = Some(now.plus_ms(CALL_MAX_MS));
        self.tasks.push(TaskChange { task: notification.task(), due });
        self.work.push(Work::Deliver {
            tenant: notification.tenant.clone(),
            notification: notification.id,
        });
    }
}
