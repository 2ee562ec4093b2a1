//! Orders that a payer's code pays (付款码支付): placed once, then queried, and cancelled when their
//! outcome stays in doubt.
//!
//! The code is in the first call and nowhere else, so that an order is never placed again. While its
//! outcome is not known it is queried; after [`CANCEL_AFTER_SECONDS`] it is queried once more and
//! cancelled (撤销): that gives back what was paid and closes what was not. From the first cancel on only
//! the answer to a query says what became of the order, and that it is paid is believed only when the
//! channel has answered the last cancel: one that is still under way could reverse the payment.

use super::debit::is_debit;
use super::decide::begin;
use super::finding::{CHANNEL_LAG_SECONDS, Taken, Transition, book_unapplied, booked, end};
use super::{CancelState, Order, OrderChange, OrderState, UnappliedOutcome};
use crate::coupons::{coupon_amount, coupons, is_part};
use crate::deciding::{Deciding, Movement};
use crate::refund;
use channel::{Finding, Instruction, Operation, Payment, Scene, Unproven};
use ledger::{Phase, Reason, Timestamp};

/// Seconds between queries while the payer may be typing a password.
pub const CODE_POLL_SECONDS: i64 = 5;
/// How long after it was placed an order without an outcome is cancelled, in seconds.
pub const CANCEL_AFTER_SECONDS: i64 = 35;
/// How long after it was placed an order may be cancelled at the earliest, in seconds: a charge that is
/// under way must have come to an end.
pub const CANCEL_EARLIEST_SECONDS: i64 = 15;

/// Whether a payer's code pays the order, from its beginning to its end.
pub(super) fn is_by_code(order: &Order) -> bool {
    order.terms.request.scene == Scene::Swipe
}

/// True when the outcome has been unknown for long enough. A contested payment waits for a person.
pub(super) fn must_cancel(order: &Order, now: Timestamp) -> bool {
    now >= order.terms.placed_at.plus_seconds(CANCEL_AFTER_SECONDS) && order.contested.is_none()
}

/// When an order without an outcome is queried next.
pub(super) fn next_query(order: &Order, now: Timestamp) -> Timestamp {
    let cancel_at = order.terms.placed_at.plus_seconds(CANCEL_AFTER_SECONDS);
    let next = now.plus_seconds(CODE_POLL_SECONDS).min(order.terms.expires_at);
    if now < cancel_at { next.min(cancel_at) } else { next.max(now) }
}

/// When an order that is being closed may be cancelled, if that is still to come.
pub(super) fn waits_until(order: &Order, now: Timestamp) -> Option<Timestamp> {
    // A debit is placed again until it is closed: its last call may have come just before that.
    if is_debit(order) && order.cancel.is_none() && order.polls == 0 {
        return Some(now.plus_seconds(CANCEL_EARLIEST_SECONDS));
    }
    let earliest = order.terms.placed_at.plus_seconds(CANCEL_EARLIEST_SECONDS);
    (order.cancel.is_none() && now < earliest).then_some(earliest)
}

/// The next step of closing: a query, which a cancel follows where it stays unclear. Where the channel has
/// answered a cancel and queries still say nothing, every second step is another cancel.
pub(super) fn closing_step(order: &Order) -> Instruction {
    match order.cancel {
        Some(CancelState::Answered) if order.polls % 2 == 1 => order.cancel_instruction(),
        Some(_) | None => order.query_instruction(),
    }
}

/// What a finding does to an order that ends by a cancel where its outcome is unclear; `None` where that is
/// the same as for others.
pub(super) fn transition<'a>(
    order: &Order,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Option<Transition<'a>> {
    match (finding, asked) {
        (Finding::Reversed(payment), _) => Some(reversed(order, payment)),
        (Finding::Paid(payment) | Finding::Contested { payment, .. }, _) => {
            paid(order, payment, asked, now)
        }
        (Finding::Mismatch { .. }, _) => None,
        (_, Some(Operation::Cancel)) => Some(cancelled(order, finding, now)),
        // A debit may be placed again.
        (_, Some(Operation::Place)) if is_by_code(order) => placed(order, finding),
        (_, Some(Operation::Query)) => queried(order, finding, now),
        (_, _) => None,
    }
}

/// The answer to a cancel. What it answers for good is followed by a query.
fn cancelled<'a>(order: &Order, finding: &Finding, now: Timestamp) -> Transition<'a> {
    let is_answer = match finding {
        Finding::Cancelled
        | Finding::Closed
        | Finding::NotFound
        | Finding::Refused { .. }
        | Finding::Ask { .. } => true,
        Finding::Unproven(Unproven::NotFound { .. }) => is_lag_over(order, now),
        _ => false,
    };
    match is_answer && !order.state.is_final() {
        true => Transition::CancelAnswered,
        false => Transition::Nothing,
    }
}

/// The answer to the one call that carried the code. What was not taken cannot be placed again. That the
/// account is refused ends nothing: the order is queried, and cancelled once the account is mended.
fn placed<'a>(order: &Order, finding: &Finding) -> Option<Transition<'a>> {
    let is_open = order.state == OrderState::Init && !order.is_confirmed;
    match finding {
        Finding::Refused { code, text } if is_open => {
            Some(Transition::Failed(format!("{code}: {text}")))
        }
        Finding::Later { code, text } if is_open && order.version == 1 => {
            Some(Transition::Failed(format!("{code}: {text}")))
        }
        Finding::Refused { .. } => Some(Transition::Nothing),
        _ => None,
    }
}

/// The answer to a query that does not say that the order is paid.
fn queried<'a>(order: &Order, finding: &Finding, now: Timestamp) -> Option<Transition<'a>> {
    let is_gone = match finding {
        Finding::Closed | Finding::Failed { .. } => return None,
        Finding::NotFound => true,
        Finding::Unproven(Unproven::NotFound { .. }) => is_lag_over(order, now),
        _ => false,
    };
    match (&order.state, order.cancel) {
        (OrderState::Closing(_), Some(CancelState::Answered)) if is_gone => {
            Some(end(order, now, "unknown at the channel"))
        }
        (OrderState::Closing(_), Some(CancelState::Answered)) => Some(Transition::Nothing),
        (OrderState::Closing(_), _) if waits_until(order, now).is_some() => {
            Some(Transition::Nothing)
        }
        (OrderState::Closing(_), _) => Some(Transition::Cancel),
        (OrderState::Init | OrderState::Paying(_), _) if is_not_found(finding) => {
            Some(Transition::Nothing)
        }
        (_, _) => None,
    }
}

/// A payment that is reported. After a cancel it is believed only as the answer to a query that began
/// once the channel had answered the cancel; of an order that has ended, as the answer to any query.
fn paid<'a>(
    order: &Order,
    payment: &Payment,
    asked: Option<Operation>,
    now: Timestamp,
) -> Option<Transition<'a>> {
    let is_of_order = payment.channel_order_no == order.terms.channel_order_no;
    if order.cancel.is_none() || !is_of_order {
        return None;
    }
    if is_reversed(order, &payment.payment_reference) {
        return Some(Transition::Nothing);
    }
    let is_last_call = order.in_flight.is_some_and(|call| Some(call.operation) == asked);
    let is_firm = order.cancel == Some(CancelState::Answered) || order.state.is_final();
    match asked {
        Some(Operation::Query) if is_last_call && is_firm => None,
        Some(Operation::Query) if is_last_call => Some(Transition::Cancel),
        _ if order.is_in_flight(now) => Some(Transition::Nothing),
        _ => Some(Transition::Query),
    }
}

/// A payment that a cancel gave back.
fn reversed<'a>(order: &Order, payment: &'a Payment) -> Transition<'a> {
    let is_of_order = payment.channel_order_no == order.terms.channel_order_no;
    let reference = &payment.payment_reference;
    let fits = is_of_order
        && payment.amount.is_positive()
        && is_part(payment.settled_amount, payment.amount);
    match (booked(order, reference), &order.state) {
        _ if !fits => {
            Transition::Contradicts(format!("reversed {} as {reference}", payment.amount))
        }
        (_, OrderState::Paid(_)) => {
            Transition::Contradicts(format!("payment {reference} of the paid order was reversed"))
        }
        (Some(_), _) if !is_reversed(order, reference) => {
            Transition::Contradicts(format!("payment {reference} was reversed as well"))
        }
        (_, _) => Transition::Reversed(payment),
    }
}

fn is_reversed(order: &Order, reference: &str) -> bool {
    let mut unapplied = order.unapplied.iter();
    unapplied.any(|known| {
        known.payment_reference == reference && known.outcome == UnappliedOutcome::Reversed
    })
}

const fn is_not_found(finding: &Finding) -> bool {
    matches!(finding, Finding::NotFound | Finding::Unproven(Unproven::NotFound { .. }))
}

/// Whether even an unsigned "not found" proves something.
fn is_lag_over(order: &Order, now: Timestamp) -> bool {
    now >= order.terms.placed_at.plus_seconds(CHANNEL_LAG_SECONDS)
}

/// The channel has answered a cancel: only a query says what became of the order.
pub(super) fn cancel_answered(deciding: &mut Deciding<'_>, order: &Order) {
    deciding.record(order, OrderChange::CancelAnswered);
    begin(deciding, order, order.query_instruction());
}

/// Books a payment that a cancel gave back, as it came and as it went: unless that is booked already.
pub(super) fn book_reversed(deciding: &mut Deciding<'_>, order: &Order, payment: &Payment) {
    if is_reversed(order, &payment.payment_reference) {
        return;
    }
    book_unapplied(deciding, order, Taken::of(payment), UnappliedOutcome::Reversed);
    let channel_funds = refund::funds(&order.terms.channel_account);
    let coupon_amount = coupon_amount(payment.amount, payment.settled_amount);
    let parts = [
        (channel_funds, payment.settled_amount, Reason::Reversal),
        (coupons(order), coupon_amount, Reason::Coupon),
    ];
    for (credit, amount, reason) in parts {
        let (phase, debit) = (Phase::Post, refund::suspense(&order.terms.tenant));
        deciding.transfer_any(order, Movement { phase, debit, credit, amount, reason });
    }
}
