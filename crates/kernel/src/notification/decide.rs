//! When a notification is sent, and when it is given up.

use super::{
    Attempt, Delivery, NOTIFICATION_SCHEDULE_SECONDS, Notification, NotificationChange,
    NotificationKind, NotificationRefusal, NotificationState,
};
use crate::aggregate::{Aggregate, AggregateCommand, Key, Reads};
use crate::command::{Reply, Work};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::CALL_MAX_MS;
use ledger::{Id, kinds};
use std::sync::Arc;

/// What can be requested of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationCommand {
    /// Record an attempt to deliver it.
    RecordAttempt {
        /// The owner.
        tenant: TenantId,
        /// The notification.
        notification: Id<kinds::Notification>,
        /// How it went.
        attempt: Attempt,
    },
    /// Send it again.
    Replay {
        /// The owner.
        tenant: TenantId,
        /// The notification.
        notification: Id<kinds::Notification>,
    },
    /// By an operator: a notification that was given up needs nobody any more. A repeat changes
    /// nothing.
    Dismiss {
        /// The owner.
        tenant: TenantId,
        /// The notification.
        notification: Id<kinds::Notification>,
        /// Why, for people.
        note: String,
    },
}

impl NotificationCommand {
    const fn id(&self) -> Id<kinds::Notification> {
        match self {
            NotificationCommand::RecordAttempt { notification, .. }
            | NotificationCommand::Replay { notification, .. }
            | NotificationCommand::Dismiss { notification, .. } => *notification,
        }
    }
}

impl AggregateCommand for NotificationCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            NotificationCommand::RecordAttempt { tenant, .. }
            | NotificationCommand::Replay { tenant, .. }
            | NotificationCommand::Dismiss { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            NotificationCommand::RecordAttempt { .. } => "record_attempt",
            NotificationCommand::Replay { .. } => "replay_notification",
            NotificationCommand::Dismiss { .. } => "dismiss_notification",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.notifications.push((self.tenant().clone(), Key::Id(self.id())));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &NotificationCommand,
) -> Result<Reply, NotificationRefusal> {
    let notification = deciding
        .row::<Notification>(command.tenant(), command.id())
        .ok_or(NotificationRefusal::NotFound)?;
    match command {
        NotificationCommand::RecordAttempt { attempt, .. } => {
            let state = state_after(deciding, &notification, attempt);
            let attempt = attempt.clone();
            deciding.record(&notification, NotificationChange::Attempted { attempt, state });
        }
        NotificationCommand::Replay { .. } => {
            let next_attempt_at = deciding.now().plus_ms(CALL_MAX_MS);
            deciding.record(&notification, NotificationChange::Replayed { next_attempt_at });
            deliver(deciding, &notification);
        }
        NotificationCommand::Dismiss { note, .. } => match notification.state {
            NotificationState::GivenUp { .. } => {
                let note = note.clone();
                deciding.record(&notification, NotificationChange::Dismissed { note });
            }
            NotificationState::Dismissed { .. } => {}
            NotificationState::Due { .. } | NotificationState::Delivered { .. } => {
                let state = notification.state.name();
                return Err(NotificationRefusal::State { state });
            }
        },
    }
    Ok(Reply::about(notification.id.subject()))
}

/// Where an attempt leaves the notification, and when the next one begins.
fn state_after(
    deciding: &Deciding<'_>,
    notification: &Notification,
    attempt: &Attempt,
) -> NotificationState {
    let now = deciding.now();
    let is_acknowledged = matches!(attempt.delivery, Delivery::Acknowledged { .. });
    let step = usize::try_from(notification.step).ok();
    let wait_seconds = step.and_then(|step| NOTIFICATION_SCHEDULE_SECONDS.get(step));
    match (notification.state, is_acknowledged, wait_seconds) {
        (_, true, _) => NotificationState::Delivered { at: now },
        // A late end of an attempt does not undo an acknowledgement.
        (NotificationState::Delivered { at }, false, _) => NotificationState::Delivered { at },
        (NotificationState::Dismissed { at }, false, _) => NotificationState::Dismissed { at },
        (_, false, Some(seconds)) => {
            NotificationState::Due { next_attempt_at: now.plus_seconds(*seconds) }
        }
        (_, false, None) => NotificationState::GivenUp { at: now },
    }
}

/// What a merchant is notified of.
pub(crate) struct Notified<'a> {
    /// What is reported.
    pub(crate) kind: NotificationKind,
    /// The number by which the merchant knows the row.
    pub(crate) about_no: &'a str,
    /// The dialect that renders it.
    pub(crate) dialect: &'a Arc<str>,
    /// Where it is sent.
    pub(crate) url: &'a str,
}

/// Queues a notification about a row, in the decision that made it worth reporting.
pub(crate) fn queue<A: Aggregate>(deciding: &mut Deciding<'_>, row: &A, notified: Notified<'_>) {
    let now = deciding.now();
    let notification = Notification {
        tenant: row.tenant().clone(),
        id: deciding.id(),
        about: row.id().subject(),
        about_no: notified.about_no.to_owned(),
        root: row.root(),
        kind: notified.kind,
        dialect: notified.dialect.clone(),
        url: notified.url.to_owned(),
        made_at: now,
        version: 1,
        // The first attempt begins right after the commit; should this process die first, the task is
        // due when that attempt would have ended.
        state: NotificationState::Due { next_attempt_at: now.plus_ms(CALL_MAX_MS) },
        attempts: 0,
        step: 0,
    };
    deciding.record(&notification, NotificationChange::Queued(Box::new(notification.clone())));
    deliver(deciding, &notification);
}

/// Delivers a notification right after the commit.
pub(super) fn deliver(deciding: &mut Deciding<'_>, notification: &Notification) {
    deciding
        .work(Work::Deliver { tenant: notification.tenant.clone(), notification: notification.id });
}
