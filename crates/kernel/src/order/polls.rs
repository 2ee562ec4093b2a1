//! When an order is polled next.
//!
//! Every schedule of an order that needs a person ends: after its last step only a person, or a callback
//! of the channel, brings the order further.

use super::debit::{self, DEBIT_LAG_SECONDS};
use super::{CancelState, Order, OrderState, by_code};
use crate::schedule;
use crate::standing::AttentionKind;
use channel::{Finding, Operation, Unproven};
use ledger::Timestamp;

/// Seconds until the next poll of an order whose last poll brought nothing, by number of polls.
pub const POLL_SCHEDULE_SECONDS: [i64; 6] = [60, 120, 300, 600, 900, 1800];

/// The same, where the channel's answer to placing or closing stayed unknown.
pub const RETRY_SCHEDULE_SECONDS: [i64; 6] = [5, 10, 30, 60, 120, 300];

/// The same, while the channel refuses the account itself. Once that is mended, the order goes on within
/// the last step.
const ACCOUNT_FAULT_SCHEDULE_SECONDS: [i64; 3] = [60, 300, 600];

/// The same, where the row needs a person. It ends after its last step, a week and a half later.
pub const CONTRADICTION_SCHEDULE_SECONDS: [i64; 12] =
    [60, 300, 1800, 7200, 21_600, 86_400, 86_400, 86_400, 86_400, 86_400, 172_800, 172_800];

/// When an order that ended unpaid is polled again, in seconds after its end.
pub const FINAL_POLL_SECONDS: [i64; 2] = [600, 86_400];
/// Seconds until a poll after the end is repeated that brought no clear answer.
const FINAL_RETRY_SECONDS: i64 = 3600;
/// Polls after the end, clear or not.
pub(super) const FINAL_POLLS_MAX: u32 = 8;

/// The next poll on the schedule, never later than the order's expiry.
pub(super) fn next_poll(order: &Order, now: Timestamp, polls: u32) -> Timestamp {
    let poll = schedule::due(now, &POLL_SCHEDULE_SECONDS, polls);
    if now < order.terms.expires_at { poll.min(order.terms.expires_at) } else { now }
}

/// When the order is polled next, after a finding that did not bring it further.
pub(super) fn poll_again(
    order: &Order,
    finding: &Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Option<Timestamp> {
    match (&order.state, asked) {
        // What it waits for is not the channel's answer.
        (OrderState::Paid(_), _) => order.next_poll_at,
        // A callback does not postpone the polls that are still to come.
        (OrderState::Failed { .. } | OrderState::Closed { .. }, None) => order.next_poll_at,
        (OrderState::Failed { at, .. } | OrderState::Closed { at }, Some(_)) => {
            poll_final(order, *at, finding, now)
        }
        (OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_), _) => {
            let by_code = debit::is_cancellable(order).then(|| poll_by_code(order, asked, now));
            let by_code = by_code.flatten();
            by_code.or_else(|| poll_open(order, finding, now))
        }
    }
}

/// The next poll of an order that a code pays, where it has a schedule of its own.
fn poll_by_code(order: &Order, asked: Option<Operation>, now: Timestamp) -> Option<Timestamp> {
    match order.state {
        // A callback does not hurry the call that is under way.
        _ if asked.is_none() && order.is_in_flight(now) => order.next_poll_at,
        OrderState::Init if by_code::is_by_code(order) && order.attention.is_none() => {
            Some(by_code::next_query(order, now))
        }
        OrderState::Closing(_) => by_code::waits_until(order, now),
        _ => None,
    }
}

fn poll_open(order: &Order, finding: &Finding, now: Timestamp) -> Option<Timestamp> {
    if order.attention.is_some() {
        return poll_contradicted(order, now);
    }
    let is_closing = matches!(order.state, OrderState::Closing(_));
    // A debit that was accepted takes its time.
    let is_accepted = debit::is_debit(order) && order.is_confirmed;
    let is_unsettled = (order.state == OrderState::Init && !is_accepted)
        || is_closing
        || matches!(finding, Finding::Unknown { .. })
        || is_unproven(finding);
    Some(match finding {
        Finding::AccountFault { .. } => {
            schedule::due(now, &ACCOUNT_FAULT_SCHEDULE_SECONDS, order.polls)
        }
        _ if is_closing && debit::is_uncancellable(order) => {
            schedule::due(now, &POLL_SCHEDULE_SECONDS, order.polls)
        }
        _ if is_unsettled => schedule::due(now, &RETRY_SCHEDULE_SECONDS, order.polls),
        _ => next_poll(order, now, order.polls),
    })
}

/// An answer without proof from which nothing follows. "Not found" came twice when it arrives here, and is
/// as clear as a signed one.
const fn is_unproven(finding: &Finding) -> bool {
    match finding {
        Finding::Unproven(unproven) => !matches!(unproven, Unproven::NotFound { .. }),
        _ => false,
    }
}

/// The next poll of an order that needs a person. In any contradiction, its time being up stays the
/// next thing that happens to it.
pub(super) fn poll_contradicted(order: &Order, now: Timestamp) -> Option<Timestamp> {
    let expires_at = order.terms.expires_at;
    let poll = schedule::due_if_any(now, &CONTRADICTION_SCHEDULE_SECONDS, order.polls);
    match &order.state {
        OrderState::Init | OrderState::Paying(_) => {
            Some(poll.unwrap_or(expires_at).min(expires_at).max(now))
        }
        OrderState::Closing(_) => poll,
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            order.next_poll_at
        }
    }
}

/// The next poll of an order that ended unpaid at `ended_at`.
fn poll_final(
    order: &Order,
    ended_at: Timestamp,
    finding: &Finding,
    now: Timestamp,
) -> Option<Timestamp> {
    let is_unclear = matches!(
        finding,
        Finding::Unknown { .. } | Finding::Later { .. } | Finding::AccountFault { .. }
    ) || is_unproven(finding);
    if order.polls >= FINAL_POLLS_MAX {
        return None;
    }
    if is_unclear {
        return Some(now.plus_seconds(FINAL_RETRY_SECONDS));
    }
    let polls = FINAL_POLL_SECONDS.into_iter().map(|seconds| ended_at.plus_seconds(seconds));
    polls.into_iter().find(|poll| *poll > now)
}

/// After its time is up, how long the channel may refuse to close an order before a person is needed, in
/// seconds.
const CANNOT_CLOSE_AFTER_SECONDS: i64 = 3600;
/// The polls of about the same time, where its time is not up: its merchant wants it closed.
const CANNOT_CLOSE_POLLS: u32 = 16;

/// True when the channel has refused for too long to close the order.
pub(super) fn cannot_close(order: &Order, asked: Option<Operation>, now: Timestamp) -> bool {
    let late_at = order.terms.expires_at.plus_seconds(CANNOT_CLOSE_AFTER_SECONDS);
    let is_asked = match asked {
        Some(Operation::Close | Operation::Cancel) => true,
        // The answers to its cancels settle nothing, so that queries are what shows it.
        Some(Operation::Query) => order.cancel == Some(CancelState::Answered),
        _ => false,
    };
    // A debit that the channel cannot cancel is waited for.
    if debit::is_uncancellable(order) {
        let lag_ends_at = order.terms.expires_at.plus_seconds(2 * DEBIT_LAG_SECONDS);
        return matches!(order.state, OrderState::Closing(_))
            && asked == Some(Operation::Query)
            && order.attention.is_none()
            && now >= lag_ends_at.max(late_at);
    }
    matches!(order.state, OrderState::Closing(_))
        && is_asked
        && order.attention.is_none()
        && (now >= late_at || order.polls >= CANNOT_CLOSE_POLLS)
}

/// True when the order needs a person for this contradiction already.
pub(super) fn is_known(order: &Order, why: &str) -> bool {
    order.attention.as_ref().is_some_and(|attention| {
        attention.kind == AttentionKind::Contradiction && *attention.reason == *why
    })
}
