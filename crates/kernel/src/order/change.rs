//! What can happen to an order, and what it does to it.

use super::{Closure, InFlightCall, KnownPayInfo, Order, OrderState, Paid, UnappliedPayment};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind};
use ledger::Timestamp;
use std::sync::Arc;

/// What can happen to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// It was placed; it is complete in here.
    Placed(Box<Order>),
    /// The caller sent the same order, or the same request to close it, again.
    Repeated,
    /// A call to the channel was begun.
    CallBegun(InFlightCall),
    /// A call or callback brought nothing new.
    CallEnded {
        /// When the order is polled next; `None` when it is final, or another call begins at once.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel contradicted the order; that changed nothing and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// When the order is polled next; `None` when it is final.
        next_poll_at: Option<Timestamp>,
    },
    /// The payer can pay now. The event log keeps the form and the time, and not the text.
    PayInfoReceived(KnownPayInfo),
    /// It was paid.
    Paid(Paid),
    /// It is being closed.
    Closing(Closure),
    /// It is closed, at the merchant's request.
    Closed,
    /// It failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// Money came that it could not take; a refund gives it back.
    UnappliedReceived(UnappliedPayment),
}

impl AggregateChange for OrderChange {
    fn name(&self) -> &'static str {
        match self {
            OrderChange::Placed(_) => "placed",
            OrderChange::Repeated => "repeated",
            OrderChange::CallBegun(_) => "call_begun",
            OrderChange::CallEnded { .. } => "call_ended",
            OrderChange::MismatchRecorded { .. } => "mismatch_recorded",
            OrderChange::PayInfoReceived(_) => "pay_info_received",
            OrderChange::Paid(_) => "paid",
            OrderChange::Closing(_) => "closing",
            OrderChange::Closed => "closed",
            OrderChange::Failed { .. } => "failed",
            OrderChange::UnappliedReceived(_) => "unapplied_received",
        }
    }

    fn drop_unlogged(&mut self) {
        if let OrderChange::PayInfoReceived(pay_info) = self {
            pay_info.text = None;
        }
    }
}

/// The order after an event.
pub(super) fn evolve(before: Option<&Order>, event: &Event, change: &OrderChange) -> Order {
    let mut order = match (change, before) {
        (OrderChange::Placed(order), None) => return (**order).clone(),
        (_, Some(order)) => order.clone(),
        (_, None) => panic!("{} is changed before it is placed", event.subject),
    };
    order.version = event.sequence;
    end_call(&mut order, event);
    match change {
        OrderChange::Placed(_) => panic!("{} is placed twice", event.subject),
        OrderChange::Repeated => {}
        OrderChange::CallBegun(call) => {
            // The previous call never reported back; count it as a poll.
            order.polls = order.polls.saturating_add(u32::from(order.in_flight.is_some()));
            order.in_flight = Some(*call);
            order.next_poll_at = Some(call.until);
        }
        OrderChange::CallEnded { next_poll_at } => poll_next(&mut order, *next_poll_at),
        OrderChange::MismatchRecorded { why, next_poll_at } => {
            let (kind, reason) = (AttentionKind::Contradiction, Arc::from(why.as_str()));
            order.attention = Some(Attention { kind, reason, since: event.at });
            poll_next(&mut order, *next_poll_at);
        }
        OrderChange::PayInfoReceived(pay_info) => {
            become_state(&mut order, OrderState::Paying(pay_info.clone()));
            order.next_poll_at = Some(order.next_poll(event.at, 0));
        }
        OrderChange::Paid(paid) => become_state(&mut order, OrderState::Paid(paid.clone())),
        OrderChange::Closing(closure) => become_state(&mut order, OrderState::Closing(*closure)),
        OrderChange::Closed => become_state(&mut order, OrderState::Closed { at: event.at }),
        OrderChange::Failed { reason } => {
            become_state(&mut order, OrderState::Failed { at: event.at, reason: reason.clone() });
        }
        OrderChange::UnappliedReceived(payment) => order.unapplied.push(payment.clone()),
    }
    order
}

/// The end of a call frees the order when it is the call that had it, and counts as a poll.
fn end_call(order: &mut Order, event: &Event) {
    let operation = event.call.as_ref().and_then(|call| call.operation);
    if order.in_flight.is_some_and(|call| Some(call.operation) == operation) {
        order.in_flight = None;
        order.polls = order.polls.saturating_add(1);
    }
}

fn poll_next(order: &mut Order, next_poll_at: Option<Timestamp>) {
    order.next_poll_at = next_poll_at.or(order.next_poll_at);
}

fn become_state(order: &mut Order, next: OrderState) {
    assert!(
        order.state.may_become(&next),
        "order {} may not go from {} to {}",
        order.terms.id,
        order.state.name(),
        next.name()
    );
    if next.is_final() {
        order.next_poll_at = None;
    }
    order.state = next;
    order.polls = 0;
}
