//! What happened. Events are the only way in which state changes, and together they are the story of
//! an order: who did what, when, and what the channel said.

use crate::merchant::TenantId;
use crate::notification::{Attempt, Notification, NotificationState};
use crate::order::{Closure, InFlightCall, Order, OrderKey, OrderState, Paid, UnappliedPayment};
use crate::refund::{Refund, RefundState};
use crate::view::View;
use channel::{Operation, PayInfo, PlatformKey};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// Who wanted something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A business system, by the name of its key.
    Business(Arc<str>),
    /// A channel, by its name.
    Channel(Arc<str>),
    /// Tongbao itself: a task that was due.
    Clock,
    /// A person at the administration.
    Operator(Arc<str>),
}

impl Caller {
    /// Its text in storage and documents: `business:KEY`, `channel:NAME`, `clock`, `operator:NAME`.
    pub fn text(&self) -> String {
        match self {
            Caller::Business(key) => format!("business:{key}"),
            Caller::Channel(name) => format!("channel:{name}"),
            Caller::Clock => "clock".to_owned(),
            Caller::Operator(name) => format!("operator:{name}"),
        }
    }
}

/// How we know what a channel said: by asking, or by its callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// What was asked; `None` for a callback.
    pub operation: Option<Operation>,
    /// When the call began, or the callback came.
    pub at: Timestamp,
    /// How long the call took, in milliseconds.
    pub took_ms: i64,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The channel's own id of the call or callback.
    pub channel_trace: Option<String>,
    /// What it said, in words.
    pub summary: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id; events of an order are in the order of their ids.
    pub id: Id<kinds::Event>,
    /// Whose.
    pub tenant: TenantId,
    /// The order whose story it belongs to.
    pub order: Option<Id<kinds::Order>>,
    /// When it was decided.
    pub at: Timestamp,
    /// Who wanted it.
    pub caller: Caller,
    /// What.
    pub change: Change,
}

/// What an event changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An order was placed; it is complete in here.
    OrderPlaced(Box<Order>),
    /// The caller sent the same order, or the same request to close it, again.
    OrderRepeated,
    /// A call to the channel was begun.
    CallBegun(InFlightCall),
    /// A call or callback brought nothing new.
    CallEnded {
        /// The call.
        call: CallRecord,
    },
    /// The channel said something that contradicts the order; it changed nothing and waits for the
    /// operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// The call.
        call: CallRecord,
    },
    /// The payer can pay now.
    PayInfoReceived {
        /// With this.
        pay_info: PayInfo,
        /// The call.
        call: CallRecord,
    },
    /// The order was paid.
    OrderPaid {
        /// How.
        paid: Paid,
        /// The call.
        call: CallRecord,
    },
    /// The order is being closed.
    OrderClosing(Closure),
    /// The order is closed, on the merchant's request.
    OrderClosed {
        /// The call.
        call: CallRecord,
    },
    /// The order failed.
    OrderFailed {
        /// Why.
        reason: String,
        /// The call.
        call: CallRecord,
    },
    /// Money came that the order could not take; a refund gives it back.
    UnappliedReceived {
        /// The refund.
        refund: Box<Refund>,
        /// The call.
        call: CallRecord,
    },
    /// A call about a refund was begun.
    RefundCallBegun {
        /// Which.
        refund: Id<kinds::Refund>,
        /// What is asked.
        operation: Operation,
    },
    /// A refund was looked at, and stands here now.
    RefundMoved {
        /// Which.
        refund: Id<kinds::Refund>,
        /// Where it stands.
        state: RefundState,
        /// The call.
        call: CallRecord,
    },
    /// The merchant is to be told.
    NotificationQueued(Box<Notification>),
    /// A notification was sent, or could not be.
    NotificationAttempted {
        /// Which.
        notification: Id<kinds::Notification>,
        /// How it went.
        attempt: Attempt,
        /// Where it stands now.
        state: NotificationState,
    },
    /// A notification is to be sent again.
    NotificationReplayed {
        /// Which.
        notification: Id<kinds::Notification>,
    },
    /// Signing keys of a channel were fetched.
    KeysStored {
        /// Of which account.
        channel_account: Arc<str>,
        /// The keys.
        keys: Vec<PlatformKey>,
    },
}

impl Change {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            Change::OrderPlaced(_) => "order_placed",
            Change::OrderRepeated => "order_repeated",
            Change::CallBegun(_) => "call_begun",
            Change::CallEnded { .. } => "call_ended",
            Change::MismatchRecorded { .. } => "mismatch_recorded",
            Change::PayInfoReceived { .. } => "pay_info_received",
            Change::OrderPaid { .. } => "order_paid",
            Change::OrderClosing(_) => "order_closing",
            Change::OrderClosed { .. } => "order_closed",
            Change::OrderFailed { .. } => "order_failed",
            Change::UnappliedReceived { .. } => "unapplied_received",
            Change::RefundCallBegun { .. } => "refund_call_begun",
            Change::RefundMoved { .. } => "refund_moved",
            Change::NotificationQueued(_) => "notification_queued",
            Change::NotificationAttempted { .. } => "notification_attempted",
            Change::NotificationReplayed { .. } => "notification_replayed",
            Change::KeysStored { .. } => "keys_stored",
        }
    }

    /// The refund that it makes or changes.
    pub fn refund(&self) -> Option<Id<kinds::Refund>> {
        match self {
            Change::UnappliedReceived { refund, .. } => Some(refund.id),
            Change::RefundCallBegun { refund, .. } | Change::RefundMoved { refund, .. } => {
                Some(*refund)
            }
            Change::OrderPlaced(_)
            | Change::OrderRepeated
            | Change::CallBegun(_)
            | Change::CallEnded { .. }
            | Change::MismatchRecorded { .. }
            | Change::PayInfoReceived { .. }
            | Change::OrderPaid { .. }
            | Change::OrderClosing(_)
            | Change::OrderClosed { .. }
            | Change::OrderFailed { .. }
            | Change::NotificationQueued(_)
            | Change::NotificationAttempted { .. }
            | Change::NotificationReplayed { .. }
            | Change::KeysStored { .. } => None,
        }
    }

    /// The notification that it makes or changes.
    pub fn notification(&self) -> Option<Id<kinds::Notification>> {
        match self {
            Change::NotificationQueued(notification) => Some(notification.id),
            Change::NotificationAttempted { notification, .. }
            | Change::NotificationReplayed { notification } => Some(*notification),
            Change::OrderPlaced(_)
            | Change::OrderRepeated
            | Change::CallBegun(_)
            | Change::CallEnded { .. }
            | Change::MismatchRecorded { .. }
            | Change::PayInfoReceived { .. }
            | Change::OrderPaid { .. }
            | Change::OrderClosing(_)
            | Change::OrderClosed { .. }
            | Change::OrderFailed { .. }
            | Change::UnappliedReceived { .. }
            | Change::RefundCallBegun { .. }
            | Change::RefundMoved { .. }
            | Change::KeysStored { .. } => None,
        }
    }
}

/// Applies an event to the view: the only writer of state.
pub fn evolve(view: &mut View, event: &Event) {
    match &event.change {
        Change::OrderPlaced(order) => view.put_order((**order).clone()),
        Change::OrderRepeated | Change::RefundCallBegun { .. } | Change::KeysStored { .. } => {}
        Change::CallBegun(in_flight) => on_order(view, event, |order| {
            // The end of the call before was never heard of: that is a poll, too.
            order.polls = order.polls.saturating_add(u32::from(order.in_flight.is_some()));
            order.in_flight = Some(*in_flight);
        }),
        Change::CallEnded { call } | Change::MismatchRecorded { call, .. } => {
            on_order(view, event, |order| ended(order, call));
        }
        Change::PayInfoReceived { pay_info, call } => on_order(view, event, |order| {
            ended(order, call);
            become_state(order, OrderState::Paying(pay_info.clone()));
        }),
        Change::OrderPaid { paid, call } => on_order(view, event, |order| {
            ended(order, call);
            become_state(order, OrderState::Paid(paid.clone()));
        }),
        Change::OrderClosing(closure) => on_order(view, event, |order| {
            become_state(order, OrderState::Closing(*closure));
        }),
        Change::OrderClosed { call } => on_order(view, event, |order| {
            ended(order, call);
            become_state(order, OrderState::Closed { at: event.at });
        }),
        Change::OrderFailed { reason, call } => on_order(view, event, |order| {
            ended(order, call);
            become_state(order, OrderState::Failed { at: event.at, reason: reason.clone() });
        }),
        Change::UnappliedReceived { refund, call } => {
            view.refunds.insert((refund.tenant.clone(), refund.id), (**refund).clone());
            on_order(view, event, |order| {
                ended(order, call);
                order.unapplied.push(UnappliedPayment {
                    payment_reference: refund.payment_reference.clone(),
                    amount: refund.amount,
                    refund: refund.id,
                });
            });
        }
        Change::RefundMoved { refund, state, .. } => {
            if let Some(refund) = view.refunds.get_mut(&(event.tenant.clone(), *refund)) {
                refund.polls =
                    if refund.state == *state { refund.polls.saturating_add(1) } else { 0 };
                refund.state = state.clone();
                refund.version += 1;
            }
        }
        Change::NotificationQueued(notification) => {
            view.notifications
                .insert((notification.tenant.clone(), notification.id), (**notification).clone());
        }
        Change::NotificationAttempted { notification, state, .. } => {
            on_notification(view, event, *notification, |notification| {
                notification.attempts = notification.attempts.saturating_add(1);
                notification.step = notification.step.saturating_add(1);
                notification.state = *state;
            })
        }
        Change::NotificationReplayed { notification } => {
            on_notification(view, event, *notification, |notification| {
                notification.step = 0;
                notification.state = NotificationState::Due;
            })
        }
    }
}

/// A call has ended: it frees the order when it is the one that had it, and counts as a poll.
fn ended(order: &mut Order, call: &CallRecord) {
    if order.in_flight.is_some_and(|in_flight| Some(in_flight.operation) == call.operation) {
        order.in_flight = None;
        order.polls = order.polls.saturating_add(1);
    }
}

fn become_state(order: &mut Order, next: OrderState) {
    assert!(
        order.state.may_become(&next),
        "order {} may not go from {} to {}",
        order.terms.id,
        order.state.name(),
        next.name()
    );
    order.state = next;
    order.polls = 0;
}

fn on_order(view: &mut View, event: &Event, change: impl FnOnce(&mut Order)) {
    let Some(id) = event.order else { return };
    if let Some(order) = view.orders.get_mut(&(event.tenant.clone(), id)) {
        change(order);
        order.version += 1;
    }
}

fn on_notification(
    view: &mut View,
    event: &Event,
    id: Id<kinds::Notification>,
    change: impl FnOnce(&mut Notification),
) {
    if let Some(notification) = view.notifications.get_mut(&(event.tenant.clone(), id)) {
        change(notification);
        notification.version += 1;
    }
}

/// Rebuilds an order from its events.
pub fn replay<'a>(events: impl IntoIterator<Item = &'a Event>) -> Option<Order> {
    let mut view = View::default();
    let mut key = None;
    for event in events {
        if let Change::OrderPlaced(order) = &event.change {
            key = Some((order.terms.tenant.clone(), OrderKey::Id(order.terms.id)));
        }
        evolve(&mut view, event);
    }
    let (tenant, key) = key?;
    view.order(&tenant, &key).cloned()
}
