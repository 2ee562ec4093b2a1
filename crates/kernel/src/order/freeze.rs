//! What the channel keeps frozen of an order that was marked for sharing.
//!
//! It releases that to the merchant by itself some weeks after the payment, and payees get nothing of
//! it then. A person is warned some days before. Only marked orders are watched, and only while
//! something of them is frozen: any other paid order has no task.

use super::{Order, OrderChange, OrderFunds, OrderState};
use crate::deciding::Deciding;
use crate::share;
use crate::standing::AttentionKind;
use ledger::{Fen, Timestamp};

/// How long before the channel releases the money a person is warned, in seconds.
const WARNED_BEFORE_SECONDS: i64 = 5 * 24 * 3600;
/// When an order is looked at again of which something else is under way, in seconds.
const AGAIN_SECONDS: i64 = 24 * 3600;

/// Why a person is warned.
const WHY: &str = "the channel keeps money of the order frozen, and releases it to the merchant \
    within 5 days: share it, release it or refund it before";

/// Begins to watch a marked order that is being paid.
pub(super) fn watch(deciding: &mut Deciding<'_>, order: &Order, paid_at: Timestamp) {
    if !order.terms.request.splits.is_shared {
        return;
    }
    if let Some(released_at) = released_at(deciding, order, paid_at) {
        let next_poll_at = Some(released_at.plus_seconds(-WARNED_BEFORE_SECONDS));
        // A payment that an operator applied may be older: its task is due now, and is not late.
        let next_poll_at = next_poll_at.max(Some(deciding.now()));
        deciding.record(order, OrderChange::FreezeWatched { next_poll_at });
    }
}

/// When the channel releases by itself what it keeps frozen, where the order's account is in use.
fn released_at(deciding: &Deciding<'_>, order: &Order, paid_at: Timestamp) -> Option<Timestamp> {
    let rules = share::rules(deciding, order)?;
    Some(paid_at.plus_seconds(rules.frozen_seconds))
}

/// The task of a watched order: warns, or ends the watch once the channel has released the money.
pub(super) fn run_task(deciding: &mut Deciding<'_>, order: &Order, paid_at: Timestamp) {
    let now = deciding.now();
    // An account that is not in use has no rules here: the task says how near it is.
    let in_time = now.plus_seconds(WARNED_BEFORE_SECONDS);
    let released_at = released_at(deciding, order, paid_at).unwrap_or(in_time);
    let is_put_off = order.attention.is_some() || order.sharing.running.is_some();
    let change = match is_warned(order) || released_at <= now {
        true => OrderChange::FreezeWatched { next_poll_at: None },
        false if is_put_off => {
            OrderChange::FreezeWatched { next_poll_at: Some(now.plus_seconds(AGAIN_SECONDS)) }
        }
        false => OrderChange::FreezeEnding { why: WHY.to_owned(), next_poll_at: Some(released_at) },
    };
    deciding.record(order, change);
}

fn is_warned(order: &Order) -> bool {
    order.attention.as_ref().is_some_and(|it| it.kind == AttentionKind::FreezeEnding)
}

/// True when this movement left nothing at the channel to keep frozen. A share in the book does not
/// reach what the channel keeps.
pub(super) fn takes_the_rest(order: &Order, delta: &OrderFunds) -> bool {
    let OrderState::Paid(paid) = &order.state else { return false };
    let OrderFunds { refunded, shared, .. } = order.funds;
    let is_at_channel = delta.refunded > Fen::ZERO || delta.sharing < Fen::ZERO;
    let left = paid.settled_amount.minus(refunded).and_then(|left| left.minus(shared));
    is_at_channel && left.is_ok_and(|left| left <= Fen::ZERO)
}

/// Ends the watch, and the warning where it was given.
pub(super) fn end(order: &mut Order) {
    if order.terms.request.splits.is_shared && matches!(order.state, OrderState::Paid(_)) {
        order.next_poll_at = None;
        end_warning(order);
    }
}

/// Ends the warning; what else needs a person stays.
pub(super) fn end_warning(order: &mut Order) {
    if is_warned(order) {
        order.attention = None;
    }
}
