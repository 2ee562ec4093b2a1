//! An event in words: who, what, and the call through which we know.

use super::words::{both, local, span};
use kernel::{
    Attempt, CallRecord, Caller, Change, Closure, Delivery, NotificationState, Order, RefundState,
};

/// Who wanted it.
pub(super) fn who(caller: &Caller) -> String {
    match caller {
        Caller::Business(key) => format!("business {key}"),
        Caller::Channel(name) => format!("channel {name}"),
        Caller::Clock => "clock".to_owned(),
        Caller::Operator(name) => format!("operator {name}"),
    }
}

/// What happened.
pub(super) fn what(change: &Change) -> String {
    match change {
        Change::OrderPlaced(order) => order_placed(order),
        Change::OrderRepeated => {
            "the same request came again and was answered from what is stored".to_owned()
        }
        Change::CallBegun(in_flight) => format!("asks the channel: {}", in_flight.operation.name()),
        Change::CallEnded { call } if call.operation.is_some() && call.status.is_none() => {
            "no answer: it is not known what the channel did".to_owned()
        }
        Change::CallEnded { .. } => "nothing new from the channel".to_owned(),
        Change::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION, changed nothing: {why}")
        }
        Change::PayInfoReceived { pay_info, .. } => format!(
            "the payer can pay now ({}), until {}",
            pay_info.form.name(),
            local(pay_info.valid_until),
        ),
        Change::OrderPaid { paid, .. } => format!(
            "PAID at {}: payment {}, the payer gave {}",
            local(paid.at),
            paid.payment_reference,
            both(paid.payer_amount),
        ),
        Change::OrderClosing(Closure::Expired) => {
            "its time is up: the channel must close it before it may fail".to_owned()
        }
        Change::OrderClosing(Closure::Asked) => {
            "the merchant wants it closed: the channel must close it first".to_owned()
        }
        Change::OrderClosing(Closure::Refused) => {
            "refused, and an earlier try may stand: the channel \
            must close it before it may fail"
                .to_owned()
        }
        Change::OrderClosed { .. } => "CLOSED at the channel".to_owned(),
        Change::OrderFailed { reason, .. } => format!("FAILED: {reason}"),
        Change::UnappliedReceived { refund, .. } => format!(
            "MONEY THAT THE ORDER CANNOT TAKE: {} as payment {}; refund {} gives it back",
            both(refund.amount),
            refund.payment_reference,
            refund.id,
        ),
        Change::RefundCallBegun { refund, operation } => {
            format!("asks the channel about refund {refund}: {}", operation.name())
        }
        Change::RefundMoved { refund, state, .. } => {
            format!("refund {refund}: {}", refund_stands(state))
        }
        Change::NotificationQueued(notification) => {
            format!(
                "the merchant is to be told: notification {} to {}",
                notification.id, notification.url
            )
        }
        Change::NotificationAttempted { notification, attempt, state } => {
            format!("notification {notification}: {}; now {}", self::attempt(attempt), state.name())
        }
        Change::NotificationReplayed { notification } => {
            format!("notification {notification} is sent again from the start of its schedule")
        }
        Change::KeysStored { channel_account, keys } => {
            let serials: Vec<&str> = keys.iter().map(|key| key.serial.as_str()).collect();
            format!("signing keys of account {channel_account} fetched: {}", serials.join(", "))
        }
    }
}

/// A new order begins its first call from the start.
fn order_placed(order: &Order) -> String {
    let asks = order.in_flight.map_or_else(String::new, |in_flight| {
        format!("; asks the channel: {}", in_flight.operation.name())
    });
    format!(
        "order placed: {}, {} through {}, to be paid until {}{asks}",
        both(order.terms.amount),
        order.terms.scene.name(),
        order.terms.channel_account,
        local(order.terms.expires_at),
    )
}

/// The call or callback through which we know.
pub(super) fn call(change: &Change) -> Option<&CallRecord> {
    match change {
        Change::CallEnded { call }
        | Change::MismatchRecorded { call, .. }
        | Change::PayInfoReceived { call, .. }
        | Change::OrderPaid { call, .. }
        | Change::OrderClosed { call }
        | Change::OrderFailed { call, .. }
        | Change::UnappliedReceived { call, .. }
        | Change::RefundMoved { call, .. } => Some(call),
        Change::OrderPlaced(_)
        | Change::OrderRepeated
        | Change::CallBegun(_)
        | Change::OrderClosing(_)
        | Change::RefundCallBegun { .. }
        | Change::NotificationQueued(_)
        | Change::NotificationAttempted { .. }
        | Change::NotificationReplayed { .. }
        | Change::KeysStored { .. } => None,
    }
}

/// A call in a line: what was asked, the status, how long it took, the channel's trace, its words.
pub(super) fn call_line(call: &CallRecord) -> String {
    let mut parts = match call.operation {
        Some(operation) => vec![
            format!("asked {}", operation.name()),
            call.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}")),
            span(call.took_ms),
            format!("begun {}", local(call.at)),
        ],
        None => vec![format!("the channel told us at {}", local(call.at))],
    };
    parts.extend(call.channel_trace.as_ref().map(|trace| format!("trace {trace}")));
    parts.push(format!("said: {}", call.summary));
    parts.join(", ")
}

/// How an attempt to deliver a notification went.
pub(super) fn attempt(attempt: &Attempt) -> String {
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
pub(super) fn notification_stands(state: NotificationState) -> String {
    match state {
        NotificationState::Due => "not delivered yet".to_owned(),
        NotificationState::Delivered { at } => format!("delivered at {}", local(at)),
        NotificationState::GivenUp { at } => format!("GIVEN UP at {}", local(at)),
    }
}

fn refund_stands(state: &RefundState) -> String {
    match state {
        RefundState::Requesting => "not accepted by the channel yet".to_owned(),
        RefundState::Processing => "accepted by the channel, not done yet".to_owned(),
        RefundState::Done { at, refund_reference } => {
            format!("DONE at {}, the channel's number is {refund_reference}", local(*at))
        }
        RefundState::Failed { reason, .. } => format!("FAILED: {reason}"),
    }
}
