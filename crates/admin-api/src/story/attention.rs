//! What of an order's story will not mend by itself.

use super::words::{both, local, span};
use crate::map::subject;
use kernel::{Change, Event, NotificationState, Refund, RefundState, Task};
use ledger::Timestamp;
use store::{NotificationRow, Story};

/// A task that has been due for longer than this is not being looked at.
const TASK_LATE_MS: i64 = 2 * 60 * 1000;

/// One line for everything that needs a person, the most serious first.
pub(super) fn lines(story: &Story, now: Timestamp) -> Vec<String> {
    let contradictions = story.events.iter().filter_map(contradiction);
    let refunds = story.refunds.iter().filter_map(failed_refund);
    let notifications = story.notifications.iter().filter_map(given_up);
    let tasks = story.tasks.iter().filter_map(|(task, due)| late(task, *due, now));
    let all =
        contradictions.chain(refunds).chain(forgotten(story)).chain(tasks).chain(notifications);
    all.map(|line| format!("! {line}")).collect()
}

fn contradiction(event: &Event) -> Option<String> {
    let Change::MismatchRecorded { why, .. } = &event.change else { return None };
    let at = local(event.at);
    Some(format!(
        "the channel contradicted us at {at}, nothing was changed; compare with its records: {why}"
    ))
}

fn failed_refund(refund: &Refund) -> Option<String> {
    match &refund.state {
        RefundState::Failed { reason, .. } => Some(format!(
            "refund {} failed ({reason}): the payer has not got {} back, it stays in suspense",
            refund.id,
            both(refund.amount),
        )),
        RefundState::Requesting | RefundState::Processing | RefundState::Done { .. } => None,
    }
}

/// An order that is not final always has a task; without one nobody would ever look at it again.
fn forgotten(story: &Story) -> Option<String> {
    let task = story.order.task();
    let scheduled = story.tasks.iter().any(|(scheduled, _)| *scheduled == task);
    let forgotten = !story.order.state.is_final() && !scheduled;
    forgotten.then(|| "the order is not final and nothing will look at it again: a bug".to_owned())
}

fn late(task: &Task, due: Timestamp, now: Timestamp) -> Option<String> {
    let late_ms = now.ms_since(due);
    (late_ms > TASK_LATE_MS).then(|| {
        let (kind, subject, late) = (task.kind.name(), subject(task), span(late_ms));
        format!("the task of {kind} {subject} has been due for {late}: is the engine running?")
    })
}

fn given_up(row: &NotificationRow) -> Option<String> {
    let notification = &row.notification;
    match notification.state {
        NotificationState::GivenUp { at } => Some(format!(
            "notification {} was given up at {} after {} attempts: the merchant was not told; \
             replay it when {} answers",
            notification.id,
            local(at),
            notification.attempts,
            notification.url,
        )),
        NotificationState::Due | NotificationState::Delivered { .. } => None,
    }
}
