//! What of a story will not mend by itself.

use crate::words::{local, span};
use kernel::{AttentionKind, Row, Task};
use ledger::Timestamp;
use store::Story;

/// A task that has been due for longer than this, in milliseconds, is not being run.
const TASK_LATE_MS: i64 = 2 * 60 * 1000;

/// One line for everything that needs a person, the most serious first.
pub(crate) fn lines(story: &Story, now: Timestamp) -> Vec<String> {
    let standing = story.rows.iter().filter_map(standing);
    let forgotten = story.rows.iter().filter_map(|row| forgotten(story, row));
    let late = story.tasks.iter().filter_map(|(task, due)| late(task, *due, now));
    standing.chain(forgotten).chain(late).map(|line| format!("! {line}")).collect()
}

fn standing(row: &Row) -> Option<String> {
    let attention = row.standing().attention?;
    let (at, subject, reason) = (local(attention.since), row.subject(), attention.reason);
    Some(match row {
        Row::Order(_) if attention.kind == AttentionKind::Contradiction => format!(
            "the channel contradicted us at {at}, nothing was changed; compare with its records: \
             {reason}"
        ),
        Row::Order(_) => format!("{subject}, since {at}: {reason}"),
        Row::Refund(refund) if !refund.holds() => format!("{subject}, since {at}: {reason}"),
        Row::Refund(refund) => format!(
            "{subject}, since {at}: {reason}; the payer has not got {} back, it stays in suspense",
            crate::words::both(refund.amount)
        ),
        Row::Notification(row) => format!(
            "{subject}, since {at}: {reason}: the merchant was not notified; replay it when {} \
             answers",
            row.url
        ),
        Row::Approval(approval) => format!(
            "{subject}, since {at}: {reason}; a second operator has to decide until {}",
            local(approval.expires_at)
        ),
        Row::Withdrawal(_) => format!(
            "{subject}, since {at}: {reason}; pay it at the bank and book it, or book that it failed"
        ),
        Row::Share(_) | Row::ShareReturn(_) => format!(
            "{subject}, since {at}: {reason}; nothing more of the order is shared until it has ended"
        ),
        Row::Payee(_)
        | Row::CardBatch(_)
        | Row::CardQuota(_)
        | Row::Recharge(_)
        | Row::CardTransfer(_)
        | Row::CardBinding(_)
        | Row::Card(_)
        | Row::Wallet(_)
        | Row::WalletPayment(_)
        | Row::WalletFreeze(_)
        | Row::Agreement(_)
        | Row::Allocation(_)
        | Row::AllocationRelease(_)
        | Row::Tenant(_)
        | Row::Merchant(_)
        | Row::CallerKey(_)
        | Row::ChannelAccount(_) => {
            format!("{subject}, since {at}: {reason}")
        }
    })
}

/// A row that is open always has a task; without one it would never be looked at again.
fn forgotten(story: &Story, row: &Row) -> Option<String> {
    let subject = row.subject();
    let is_scheduled = story.tasks.iter().any(|(task, _)| task.subject == subject);
    let is_forgotten = row.standing().is_open() && !is_scheduled;
    is_forgotten.then(|| format!("{subject} is open and has no task: a bug"))
}

fn late(task: &Task, due: Timestamp, now: Timestamp) -> Option<String> {
    let late_ms = now.ms_since(due);
    (late_ms > TASK_LATE_MS).then(|| {
        let (subject, late) = (task.subject, span(late_ms));
        format!("the task of {subject} has been due for {late}: is the engine running?")
    })
}
