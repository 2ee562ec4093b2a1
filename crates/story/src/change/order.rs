//! What happens to orders.

use super::{Facts, at, fen, text};
use crate::words::{both, local};
use kernel::{CallRecord, Closure, Order, OrderChange};

pub(super) fn what(change: &OrderChange, call: Option<&CallRecord>) -> String {
    match change {
        OrderChange::Placed(order) => placed(order),
        OrderChange::Repeated => {
            "the same request came again and was answered from what is stored".to_owned()
        }
        OrderChange::CallBegun(call) => format!("asks the channel: {}", call.operation.name()),
        OrderChange::CallEnded { .. } if has_no_answer(call) => {
            "no answer: it is not known what the channel did".to_owned()
        }
        OrderChange::CallEnded { .. } => "nothing new from the channel".to_owned(),
        OrderChange::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION, changed nothing: {why}")
        }
        OrderChange::PayInfoReceived(pay_info) => format!(
            "the payer can pay now ({}), until {}",
            pay_info.form.name(),
            local(pay_info.valid_until),
        ),
        OrderChange::Paid(paid) => format!(
            "PAID at {}: payment {}, the payer gave {}",
            local(paid.at),
            paid.payment_reference,
            both(paid.payer_amount),
        ),
        OrderChange::Closing(closure) => closing(*closure).to_owned(),
        OrderChange::Closed => "CLOSED at the channel".to_owned(),
        OrderChange::Failed { reason } => format!("FAILED: {reason}"),
        OrderChange::UnappliedReceived(payment) => format!(
            "MONEY THAT THE ORDER CANNOT TAKE: {} as payment {}; refund {} gives it back",
            both(payment.amount),
            payment.payment_reference,
            payment.refund,
        ),
    }
}

fn has_no_answer(call: Option<&CallRecord>) -> bool {
    call.is_some_and(|call| call.operation.is_some() && call.status.is_none())
}

const fn closing(closure: Closure) -> &'static str {
    match closure {
        Closure::Expired => "its time is up: the channel must close it before it may fail",
        Closure::Asked => "the merchant wants it closed: the channel must close it first",
        Closure::Refused => {
            "refused, and an earlier try may stand: the channel must close it before it may fail"
        }
    }
}

/// A new order has its first call in flight from the start.
fn placed(order: &Order) -> String {
    let asks = order
        .in_flight
        .map_or_else(String::new, |call| format!("; asks the channel: {}", call.operation.name()));
    let (terms, request) = (&order.terms, &order.terms.request);
    format!(
        "order placed: {}, {} through {}, to be paid until {}{asks}",
        both(request.amount),
        request.scene.name(),
        terms.channel_account,
        local(terms.expires_at),
    )
}

pub(super) fn facts(change: &OrderChange) -> Facts {
    match change {
        OrderChange::Placed(order) => {
            let (terms, request) = (&order.terms, &order.terms.request);
            vec![
                fen("amount_fen", request.amount),
                text("channel", &*terms.channel),
                text("channel_account", &*terms.channel_account),
                text("scene", request.scene.name()),
                at("expires_at", terms.expires_at),
            ]
        }
        OrderChange::Repeated | OrderChange::CallEnded { .. } | OrderChange::Closed => vec![],
        OrderChange::CallBegun(call) => {
            vec![text("operation", call.operation.name()), at("until", call.until)]
        }
        OrderChange::MismatchRecorded { why, .. } => vec![text("why", why)],
        OrderChange::PayInfoReceived(pay_info) => {
            vec![text("pay_form", pay_info.form.name()), at("payable_until", pay_info.valid_until)]
        }
        OrderChange::Paid(paid) => vec![
            at("paid_at", paid.at),
            text("payment_reference", &paid.payment_reference),
            fen("payer_amount_fen", paid.payer_amount),
        ],
        OrderChange::Closing(closure) => vec![text("closure", closure.name())],
        OrderChange::Failed { reason } => vec![text("reason", reason)],
        OrderChange::UnappliedReceived(payment) => vec![
            text("refund", payment.refund.to_string()),
            fen("amount_fen", payment.amount),
            text("payment_reference", &payment.payment_reference),
        ],
    }
}
