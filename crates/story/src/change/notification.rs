//! What happens to notifications.

use super::{Fact, Facts, at, text};
use crate::words::{local, span};
use kernel::{Attempt, Delivery, NotificationChange, NotificationState};
use ledger::{Id, Subject, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &NotificationChange) -> String {
    let id: Id<kinds::Notification> = Id::from_value(subject.value);
    match change {
        NotificationChange::Queued(row) => {
            format!("the merchant is to be notified: notification {id} to {}", row.url)
        }
        NotificationChange::Attempted { attempt, state } => {
            format!("notification {id}: {}; now {}", self::attempt(attempt), state.name())
        }
        NotificationChange::Replayed { .. } => {
            format!("notification {id} is sent again from the start of its schedule")
        }
        NotificationChange::Dismissed { note } => {
            format!("notification {id} is given up for good: {note}")
        }
    }
}

/// How an attempt to deliver a notification went.
pub(crate) fn attempt(attempt: &Attempt) -> String {
    let took = span(attempt.took_ms);
    match &attempt.delivery {
        Delivery::Acknowledged { status } => format!("HTTP {status} after {took}, acknowledged"),
        Delivery::Rejected { status, excerpt } if excerpt.is_empty() => {
            format!("HTTP {status} after {took}, not acknowledged, with an empty body")
        }
        Delivery::Rejected { status, excerpt } => {
            format!("HTTP {status} after {took}, not acknowledged: {excerpt}")
        }
        Delivery::NoAnswer { why } => format!("no answer after {took}: {why}"),
    }
}

/// Where a notification stands.
pub(crate) fn stands(state: NotificationState) -> String {
    match state {
        NotificationState::Due { .. } => "not delivered yet".to_owned(),
        NotificationState::Delivered { at } => format!("delivered at {}", local(at)),
        NotificationState::GivenUp { at } => format!("GIVEN UP at {}", local(at)),
        NotificationState::Dismissed { at } => format!("given up for good at {}", local(at)),
    }
}

pub(super) fn facts(change: &NotificationChange) -> Facts {
    match change {
        NotificationChange::Queued(row) => vec![text("url", &row.url)],
        NotificationChange::Attempted { attempt, state } => {
            let mut facts = vec![
                at("began_at", attempt.at),
                ("took_ms", Fact::Number(attempt.took_ms)),
                text("notification_state", state.name()),
            ];
            match &attempt.delivery {
                Delivery::Acknowledged { status } => {
                    facts.push(text("outcome", "acknowledged"));
                    facts.push(("http_status", Fact::Number(i64::from(*status))));
                }
                Delivery::Rejected { status, excerpt } => {
                    facts.push(text("outcome", "rejected"));
                    facts.push(("http_status", Fact::Number(i64::from(*status))));
                    facts.push(text("excerpt", excerpt));
                }
                Delivery::NoAnswer { why } => {
                    facts.push(text("outcome", "no_answer"));
                    facts.push(text("why", why));
                }
            }
            facts
        }
        NotificationChange::Replayed { next_attempt_at } => {
            vec![at("next_attempt_at", *next_attempt_at)]
        }
        NotificationChange::Dismissed { note } => vec![text("note", note)],
    }
}
