//! What can happen to an order, and what it does to it.

use super::freeze;
use super::polls::{FINAL_POLL_SECONDS, next_poll};
use super::{
    CancelState, Closure, ContestedPayment, InFlightCall, KnownPayInfo, Order, OrderFunds,
    OrderSharing, OrderState, Paid, UnappliedPayment,
};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind};
use channel::{Operation, Scene};
use ledger::{Subject, Timestamp};
use std::sync::Arc;

/// What can happen to an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// It was placed; it is complete in here.
    Placed(Box<Order>),
    /// A call to the channel was begun.
    CallBegun(InFlightCall),
    /// A call or callback brought nothing new.
    CallEnded {
        /// When the order is polled next; `None` when it is not, or another call begins at once.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel confirmed that the order stands there, unpaid.
    Confirmed {
        /// When the order is polled next.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel contradicted the order; that changed nothing and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// When the order is polled next; `None` when it is not.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel reported a payment that contradicts the order; it waits for the operator.
    PaymentContested {
        /// The payment.
        payment: ContestedPayment,
        /// What contradicts.
        why: String,
        /// When the order is polled next; `None` when it is not.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel refuses again and again to close the order, whose time is up.
    CloseRefused {
        /// What the channel answered last.
        why: String,
        /// When the order is polled next; `None` when it is not.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel keeps money of the paid order frozen, which was marked for sharing.
    FreezeWatched {
        /// When that is looked at again; `None` once the channel has released the money.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel soon releases by itself what it keeps frozen of the paid order.
    FreezeEnding {
        /// What a person is told.
        why: String,
        /// When it does that.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel has answered a cancel; a query follows.
    CancelAnswered,
    /// It is polled now, and as often after that as at first: an operator wants that, or a payment is reported
    /// after its end.
    PollRequested,
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
    /// Money came that it could not take.
    UnappliedReceived(UnappliedPayment),
    /// Money of the paid order was reserved to go elsewhere, went, or came back.
    FundsMoved {
        /// For which refund, share or allocation.
        by: Subject,
        /// What is added to each sum; below zero where it is taken off.
        delta: OrderFunds,
    },
    /// A share or the return of one began or ended.
    SharingChanged(OrderSharing),
    /// An operator ended what needed a person.
    AttentionEnded {
        /// What the operator noted.
        note: String,
    },
}

impl AggregateChange for OrderChange {
    fn name(&self) -> &'static str {
        match self {
            OrderChange::Placed(_) => "placed",
            OrderChange::CallBegun(_) => "call_begun",
            OrderChange::CallEnded { .. } => "call_ended",
            OrderChange::Confirmed { .. } => "confirmed",
            OrderChange::MismatchRecorded { .. } => "mismatch_recorded",
            OrderChange::PaymentContested { .. } => "payment_contested",
            OrderChange::CloseRefused { .. } => "close_refused",
            OrderChange::FreezeWatched { .. } => "freeze_watched",
            OrderChange::FreezeEnding { .. } => "freeze_ending",
            OrderChange::CancelAnswered => "cancel_answered",
            OrderChange::PollRequested => "poll_requested",
            OrderChange::PayInfoReceived(_) => "pay_info_received",
            OrderChange::Paid(_) => "paid",
            OrderChange::Closing(_) => "closing",
            OrderChange::Closed => "closed",
            OrderChange::Failed { .. } => "failed",
            OrderChange::UnappliedReceived(_) => "unapplied_received",
            OrderChange::FundsMoved { .. } => "funds_moved",
            OrderChange::SharingChanged(_) => "sharing_changed",
            OrderChange::AttentionEnded { .. } => "attention_ended",
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
        OrderChange::CallBegun(call) => {
            // The previous call never reported back; count it as a poll.
            order.polls = order.polls.saturating_add(u32::from(order.in_flight.is_some()));
            order.in_flight = Some(*call);
            if call.operation == Operation::Cancel {
                order.cancel = Some(CancelState::Sent);
            }
            order.next_poll_at = Some(call.until);
        }
        OrderChange::CallEnded { next_poll_at } => order.next_poll_at = *next_poll_at,
        OrderChange::Confirmed { next_poll_at } => {
            confirm(&mut order);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::MismatchRecorded { why, next_poll_at } => {
            need_person(&mut order, AttentionKind::Contradiction, why, event.at);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::PaymentContested { payment, why, next_poll_at } => {
            order.is_confirmed = true;
            order.contested = Some(payment.clone());
            need_person(&mut order, AttentionKind::Contradiction, why, event.at);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::CloseRefused { why, next_poll_at } => {
            need_person(&mut order, AttentionKind::CannotClose, why, event.at);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::FreezeWatched { next_poll_at } => {
            freeze::end_warning(&mut order);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::FreezeEnding { why, next_poll_at } => {
            need_person(&mut order, AttentionKind::FreezeEnding, why, event.at);
            order.next_poll_at = *next_poll_at;
        }
        OrderChange::CancelAnswered => order.cancel = Some(CancelState::Answered),
        OrderChange::PollRequested => {
            // The schedule begins anew: somebody has mended what it waited for, or hopes so, or there is news.
            order.polls = 0;
            order.next_poll_at = Some(event.at);
        }
        OrderChange::PayInfoReceived(pay_info) => {
            confirm(&mut order);
            become_state(&mut order, OrderState::Paying(pay_info.clone()), event.at);
            order.next_poll_at = Some(next_poll(&order, event.at, 0));
        }
        OrderChange::Paid(paid) => {
            order.is_confirmed = true;
            end_contested(&mut order, &paid.payment_reference);
            become_state(&mut order, OrderState::Paid(paid.clone()), event.at);
        }
        OrderChange::Closing(closure) => {
            become_state(&mut order, OrderState::Closing(closure.clone()), event.at);
        }
        OrderChange::Closed => {
            become_state(&mut order, OrderState::Closed { at: event.at }, event.at);
        }
        OrderChange::Failed { reason } => {
            let failed = OrderState::Failed { at: event.at, reason: reason.clone() };
            become_state(&mut order, failed, event.at);
        }
        OrderChange::UnappliedReceived(payment) => {
            end_contested(&mut order, &payment.payment_reference);
            order.unapplied.push(payment.clone());
        }
        OrderChange::FundsMoved { delta, .. } => {
            order.funds = order.funds.plus(delta);
            if freeze::takes_the_rest(&order, delta) {
                freeze::end(&mut order);
            }
        }
        OrderChange::SharingChanged(sharing) => {
            order.sharing = *sharing;
            if sharing.is_released {
                freeze::end(&mut order);
            }
        }
        OrderChange::AttentionEnded { note } => {
            order.note = Some(note.clone());
            order.attention = None;
        }
    }
    order
}

/// The channel confirmed the order: what contradicted that before is over. A contested payment
/// still waits for its decision.
fn confirm(order: &mut Order) {
    order.is_confirmed = true;
    let contradicted = order.attention.as_ref().map(|attention| attention.kind);
    if contradicted == Some(AttentionKind::Contradiction) && order.contested.is_none() {
        order.attention = None;
        order.polls = 0;
    }
}

/// A person is needed. The schedule of an order that needs one begins with the need.
fn need_person(order: &mut Order, kind: AttentionKind, why: &str, at: Timestamp) {
    if order.attention.is_none() {
        order.polls = 0;
    }
    order.attention = Some(Attention { kind, reason: Arc::from(why), since: at });
}

/// It is decided what becomes of the contested payment.
fn end_contested(order: &mut Order, payment_reference: &str) {
    if order.contested.as_ref().is_some_and(|it| it.payment_reference == payment_reference) {
        order.contested = None;
        order.attention = None;
    }
}

/// The end of a call frees the order when it is the call that had it, and counts as a poll.
fn end_call(order: &mut Order, event: &Event) {
    let operation = event.call.as_ref().and_then(|call| call.operation);
    if order.in_flight.is_some_and(|call| Some(call.operation) == operation) {
        order.in_flight = None;
        order.polls = order.polls.saturating_add(1);
    }
}

/// Whether the channel has confirmed that it charges the payer's code, or debits by agreement.
fn is_charging(order: &Order) -> bool {
    let is_charged = order.terms.request.scene == Scene::Swipe || order.terms.debit.is_some();
    is_charged && order.is_confirmed
}

fn become_state(order: &mut Order, next: OrderState, at: Timestamp) {
    assert!(
        order.state.may_become(&next),
        "order {} may not go from {} to {}",
        order.terms.id,
        order.state.name(),
        next.name()
    );
    if next.is_final() {
        order.next_poll_at = match (&order.state, &next) {
            // What was never confirmed and is refused at once cannot be paid any more. A code may be
            // charged while its payer types.
            (OrderState::Init, _) if !is_charging(order) => None,
            (_, OrderState::Paid(_)) => None,
            // The callback of a late payment may be lost: the order is polled again after its end.
            (_, _) => Some(at.plus_seconds(FINAL_POLL_SECONDS[0])),
        };
        if order.contested.is_none() {
            order.attention = None;
        }
    }
    order.state = next;
    order.polls = 0;
}
