//! What can happen to a notification, and what it does to it.

use super::{Attempt, Notification, NotificationState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::Timestamp;

/// What can happen to a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationChange {
    /// The merchant is to be notified; the notification is complete in here.
    Queued(Box<Notification>),
    /// It was sent, or could not be.
    Attempted {
        /// How it went.
        attempt: Attempt,
        /// Where the notification stands now.
        state: NotificationState,
    },
    /// It is to be sent again, from the start of the schedule.
    Replayed {
        /// When the next attempt begins, unless it is under way.
        next_attempt_at: Timestamp,
    },
    /// It is given up for good.
    Dismissed {
        /// What the operator noted.
        note: String,
    },
}

impl AggregateChange for NotificationChange {
    fn name(&self) -> &'static str {
        match self {
            NotificationChange::Queued(_) => "queued",
            NotificationChange::Attempted { .. } => "attempted",
            NotificationChange::Replayed { .. } => "replayed",
            NotificationChange::Dismissed { .. } => "dismissed",
        }
    }
}

/// The notification after an event.
pub(super) fn evolve(
    before: Option<&Notification>,
    event: &Event,
    change: &NotificationChange,
) -> Notification {
    let mut notification = match (change, before) {
        (NotificationChange::Queued(notification), None) => return (**notification).clone(),
        (_, Some(notification)) => notification.clone(),
        (_, None) => panic!("{} is changed before it is queued", event.subject),
    };
    notification.version = event.sequence;
    match change {
        NotificationChange::Queued(_) => panic!("{} is queued twice", event.subject),
        NotificationChange::Attempted { state, .. } => {
            notification.attempts = notification.attempts.saturating_add(1);
            notification.step = notification.step.saturating_add(1);
            notification.state = *state;
        }
        NotificationChange::Replayed { next_attempt_at } => {
            notification.step = 0;
            notification.state = NotificationState::Due { next_attempt_at: *next_attempt_at };
        }
        NotificationChange::Dismissed { .. } => {
            notification.state = NotificationState::Dismissed { at: event.at };
        }
    }
    notification
}
