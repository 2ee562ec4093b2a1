//! What happens to orders.

use super::{Fact, Facts, at, fen, text};
use crate::words::{both, local, settled};
use kernel::{
    CallRecord, Closure, Order, OrderChange, OrderFunds, OrderSharing, UnappliedOutcome,
    UnappliedPayment,
};
use ledger::{Fen, Subject, SubjectKind};

pub(super) fn what(change: &OrderChange, call: Option<&CallRecord>) -> String {
    match change {
        OrderChange::Placed(order) => placed(order),
        OrderChange::CallBegun(call) => format!("asks the channel: {}", call.operation.name()),
        OrderChange::CallEnded { .. } if has_no_answer(call) => {
            "no answer: it is not known what the channel did".to_owned()
        }
        OrderChange::CallEnded { .. } => "nothing new from the channel".to_owned(),
        OrderChange::Confirmed { .. } => {
            "the channel confirms that the order stands there, unpaid".to_owned()
        }
        OrderChange::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION, changed nothing: {why}")
        }
        OrderChange::PaymentContested { payment, why, .. } => format!(
            "CONTRADICTION, booked nothing: payment {} is contested: {why}",
            payment.payment_reference
        ),
        OrderChange::CloseRefused { why, .. } => format!("CANNOT BE CLOSED: {why}"),
        OrderChange::FreezeWatched { next_poll_at: Some(next) } => {
            format!("what the channel keeps frozen of it is looked at {}", local(*next))
        }
        OrderChange::FreezeWatched { next_poll_at: None } => {
            "the channel keeps nothing of it frozen any more".to_owned()
        }
        OrderChange::FreezeEnding { why, .. } => format!("FREEZE ENDS: {why}"),
        OrderChange::CancelAnswered => "the channel answers the cancel".to_owned(),
        OrderChange::PollRequested => "the channel is to be polled now".to_owned(),
        OrderChange::PayInfoReceived(pay_info) => format!(
            "the payer can pay now ({}), until {}",
            pay_info.form.name(),
            local(pay_info.valid_until),
        ),
        OrderChange::Paid(paid) => format!(
            "PAID at {}: payment {}, the payer gave {}{}",
            local(paid.at),
            paid.payment_reference,
            both(paid.payer_amount),
            settled(paid.amount, paid.settled_amount),
        ),
        OrderChange::Closing(closure) => closing(closure),
        OrderChange::Closed => "CLOSED at the channel".to_owned(),
        OrderChange::Failed { reason } => format!("FAILED: {reason}"),
        OrderChange::UnappliedReceived(payment) => unapplied(payment),
        OrderChange::FundsMoved { by, delta } => funds_moved(*by, delta),
        OrderChange::SharingChanged(sharing) => sharing_changed(sharing),
        OrderChange::AttentionEnded { note } => format!("an operator ended it: {note}"),
    }
}

/// The sums of an order's funds, by their names in documents.
fn parts(funds: &OrderFunds) -> [(&'static str, Fen); 6] {
    [
        ("refunding_fen", funds.refunding),
        ("refunded_fen", funds.refunded),
        ("allocated_fen", funds.allocated),
        ("sharing_fen", funds.sharing),
        ("shared_fen", funds.shared),
        ("made_up_fen", funds.made_up),
    ]
}

fn sharing_changed(sharing: &OrderSharing) -> String {
    match sharing {
        OrderSharing { running: Some(by), .. } if by.kind == SubjectKind::Refund => {
            format!("nothing else of it is shared while {by} is prepared")
        }
        OrderSharing { running: Some(by), .. } => format!("it is shared by {by}, and by no other"),
        OrderSharing { is_released: true, .. } => {
            "nothing more of it is shared: the rest is released".to_owned()
        }
        OrderSharing { running: None, is_released: false, .. } => {
            "more of it can be shared".to_owned()
        }
    }
}

fn funds_moved(by: Subject, delta: &OrderFunds) -> String {
    let moved = parts(delta).into_iter().filter(|(_, amount)| *amount != Fen::ZERO);
    let moved = moved.map(|(name, amount)| {
        let sign = if amount > Fen::ZERO { "+" } else { "" };
        format!("{} {sign}{}", name.trim_end_matches("_fen"), amount.get())
    });
    format!("its money moves, by {by}: {} fen", moved.collect::<Vec<_>>().join(", "))
}

fn unapplied(payment: &UnappliedPayment) -> String {
    let outcome = match &payment.outcome {
        UnappliedOutcome::Refund(refund) => format!("refund {refund} gives it back"),
        UnappliedOutcome::SettledByHand { outside_reference, note } => {
            format!("given back by hand as {outside_reference}: {note}")
        }
        UnappliedOutcome::Reversed => "the cancel of the order gave it back".to_owned(),
        UnappliedOutcome::WrittenOff { note } => format!("written off: {note}"),
    };
    let (amount, reference) = (both(payment.amount), &payment.payment_reference);
    let settled = settled(payment.amount, payment.settled_amount);
    format!("MONEY THAT THE ORDER CANNOT TAKE: {amount} as payment {reference}{settled}; {outcome}")
}

fn has_no_answer(call: Option<&CallRecord>) -> bool {
    call.is_some_and(|call| call.operation.is_some() && call.status.is_none())
}

fn closing(closure: &Closure) -> String {
    match closure {
        Closure::Expired => {
            "its time is up: the channel must close it before it may fail".to_owned()
        }
        Closure::Asked => {
            "the merchant wants it closed: the channel must close it first".to_owned()
        }
        Closure::OutcomeUnknown => {
            "it is in doubt whether the code was charged: it is cancelled before it may fail"
                .to_owned()
        }
        Closure::Refused { reason } => format!(
            "refused ({reason}), and an earlier try may stand: the channel must close it before it may fail"
        ),
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
        OrderChange::CallEnded { .. }
        | OrderChange::Confirmed { .. }
        | OrderChange::FreezeWatched { .. }
        | OrderChange::CancelAnswered
        | OrderChange::PollRequested
        | OrderChange::Closed => vec![],
        OrderChange::CallBegun(call) => {
            vec![text("operation", call.operation.name()), at("until", call.until)]
        }
        OrderChange::MismatchRecorded { why, .. }
        | OrderChange::CloseRefused { why, .. }
        | OrderChange::FreezeEnding { why, .. } => vec![text("why", why)],
        OrderChange::PaymentContested { payment, why, .. } => vec![
            text("why", why),
            text("payment_reference", &payment.payment_reference),
            fen("amount_fen", payment.amount),
            fen("settled_amount_fen", payment.settled_amount),
        ],
        OrderChange::FundsMoved { by, delta } => {
            let mut facts = vec![text("by", by.to_string())];
            let parts = parts(delta).into_iter().filter(|(_, amount)| *amount != Fen::ZERO);
            facts.extend(parts.map(|(name, amount)| fen(name, amount)));
            facts
        }
        OrderChange::SharingChanged(sharing) => {
            let running = sharing.running.map(|by| text("running", by.to_string()));
            let mut facts: Facts = running.into_iter().collect();
            facts.push(("shares", Fact::Number(i64::from(sharing.shares))));
            facts.push(text("is_released", sharing.is_released.to_string()));
            facts.push(fen("taken_fen", sharing.taken));
            facts
        }
        OrderChange::AttentionEnded { note } => vec![text("note", note)],
        OrderChange::PayInfoReceived(pay_info) => {
            vec![text("pay_form", pay_info.form.name()), at("payable_until", pay_info.valid_until)]
        }
        OrderChange::Paid(paid) => vec![
            at("paid_at", paid.at),
            text("payment_reference", &paid.payment_reference),
            fen("amount_fen", paid.amount),
            fen("settled_amount_fen", paid.settled_amount),
            fen("payer_amount_fen", paid.payer_amount),
        ],
        OrderChange::Closing(closure) => vec![text("closure", closure.name())],
        OrderChange::Failed { reason } => vec![text("reason", reason)],
        OrderChange::UnappliedReceived(payment) => {
            let mut facts = match &payment.outcome {
                UnappliedOutcome::Refund(refund) => vec![text("refund", refund.to_string())],
                UnappliedOutcome::SettledByHand { outside_reference, note } => {
                    vec![text("outside_reference", outside_reference), text("note", note)]
                }
                UnappliedOutcome::Reversed => vec![],
                UnappliedOutcome::WrittenOff { note } => vec![text("note", note)],
            };
            facts.push(fen("amount_fen", payment.amount));
            facts.push(fen("settled_amount_fen", payment.settled_amount));
            facts.push(text("payment_reference", &payment.payment_reference));
            facts
        }
    }
}
