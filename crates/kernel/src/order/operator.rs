//! What an operator decides about an order that needs a person.
//!
//! Money that was received outside the channel never pays an order: its merchant was told that the order
//! is open or has failed, and the book has no account that such money came to. What can be settled by
//! hand is money that the channel reported and that the order cannot take.

use super::decide::OrderCommand;
use super::finding::{Taken, book_unapplied, end_unpaid, give_back, pay};
use super::{
    Closure, ContestedPayment, Order, OrderChange, OrderRefusal, OrderState, UnappliedOutcome,
};
use crate::aggregate::Aggregate;
use crate::command::Reply;
use crate::coupons::{coupon_amount, coupons};
use crate::deciding::{Deciding, Movement};
use crate::refund;
use crate::standing::{AttentionKind, Exit};
use ledger::{Account, AccountKind, Phase, Reason};

/// The reason that the merchant of a failed order sees.
const CONTESTED: &str = "the channel reported a payment of another amount";
/// The same, where an operator gave up closing it at the channel.
const CLOSED_FOR_GOOD: &str = "closed by an operator";

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    order: &Order,
    command: &OrderCommand,
) -> Result<Reply, OrderRefusal> {
    match command {
        // Merchants' commands are decided elsewhere.
        OrderCommand::Place(_) | OrderCommand::Close { .. } => {}
        OrderCommand::PollNow { .. } => poll_now(deciding, order)?,
        OrderCommand::ApplyPayment { payment_reference, .. } => {
            apply_payment(deciding, order, payment_reference)?;
        }
        OrderCommand::GiveBack { payment_reference, .. } => {
            give_payment_back(deciding, order, payment_reference)?;
        }
        OrderCommand::SettleByHand { note, outside_reference, .. } => {
            let (note, outside_reference) = (note.clone(), outside_reference.clone());
            let outcome = UnappliedOutcome::SettledByHand { outside_reference, note };
            end_payment(deciding, order, outcome)?;
        }
        OrderCommand::WriteOff { note, .. } => write_off(deciding, order, note)?,
        OrderCommand::CloseForGood { note, .. } => close_for_good(deciding, order, note)?,
    }
    Ok(Reply::about(order.id().subject()))
}

/// The commands that can end what an order needs a person for.
pub(super) fn exits(order: &Order) -> Vec<Exit> {
    let Some(attention) = &order.attention else { return vec![] };
    let (is_final, is_paid) = (order.state.is_final(), matches!(order.state, OrderState::Paid(_)));
    let mut exits = match &order.contested {
        Some(_) => vec![Exit::GiveBack, Exit::SettleByHand, Exit::WriteOff],
        None if attention.kind == AttentionKind::Contradiction => vec![Exit::EndContradiction],
        None => vec![],
    };
    // What is bought with another amount could not be taken back at its price.
    let is_for_goods = order.terms.request.recharge.is_none();
    if order.contested.is_some() && !is_final && is_for_goods {
        exits.insert(0, Exit::ApplyPayment);
    }
    if !is_paid {
        exits.push(Exit::PollNow);
    }
    if order.contested.is_none() && !is_final {
        exits.push(Exit::CloseForGood);
    }
    exits
}

fn poll_now(deciding: &mut Deciding<'_>, order: &Order) -> Result<(), OrderRefusal> {
    let now = deciding.now();
    if let OrderState::Paid(_) = order.state {
        return Err(OrderRefusal::State { state: order.state.name() });
    }
    // A call that is under way is the poll that is wanted, and one that is due comes by itself.
    let is_due = order.next_poll_at.is_some_and(|poll| poll <= now);
    if !is_due && !order.is_in_flight(now) {
        deciding.record(order, OrderChange::PollRequested);
    }
    Ok(())
}

fn apply_payment(
    deciding: &mut Deciding<'_>,
    order: &Order,
    payment_reference: &str,
) -> Result<(), OrderRefusal> {
    match &order.state {
        OrderState::Paid(paid) if paid.payment_reference == payment_reference => Ok(()),
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Err(OrderRefusal::State { state: order.state.name() })
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
            let payment = contested(order, payment_reference)?;
            if order.terms.request.recharge.is_some() {
                return Err(OrderRefusal::StoredValue);
            }
            pay(deciding, order, Taken::contested(payment));
            Ok(())
        }
    }
}

fn give_payment_back(
    deciding: &mut Deciding<'_>,
    order: &Order,
    payment_reference: &str,
) -> Result<(), OrderRefusal> {
    let is_given_back = order.unapplied.iter().any(|payment| {
        payment.payment_reference == payment_reference
            && matches!(payment.outcome, UnappliedOutcome::Refund(_))
    });
    if is_given_back {
        return Ok(());
    }
    let payment = contested(order, payment_reference)?;
    give_back(deciding, order, Taken::contested(payment));
    fail(deciding, order);
    Ok(())
}

/// The contested payment of this number.
fn contested<'o>(
    order: &'o Order,
    payment_reference: &str,
) -> Result<&'o ContestedPayment, OrderRefusal> {
    let contested = order.contested.as_ref();
    contested
        .filter(|payment| payment.payment_reference == payment_reference)
        .ok_or(OrderRefusal::NotContested)
}

/// Ends the contested payment without a refund: it is booked to suspense like any money that an order
/// cannot take, and goes on from there. What a coupon paid goes back to the coupons.
fn end_payment(
    deciding: &mut Deciding<'_>,
    order: &Order,
    outcome: UnappliedOutcome,
) -> Result<(), OrderRefusal> {
    let Some(payment) = &order.contested else {
        let is_repeat = order.unapplied.iter().any(|known| known.outcome == outcome);
        return if is_repeat { Ok(()) } else { Err(OrderRefusal::NotContested) };
    };
    let (kind, reason) = match &outcome {
        UnappliedOutcome::WrittenOff { .. } => (AccountKind::WriteOff, Reason::WrittenOff),
        UnappliedOutcome::SettledByHand { .. }
        | UnappliedOutcome::Refund(_)
        | UnappliedOutcome::Reversed => (AccountKind::SettledByHand, Reason::SettledByHand),
    };
    let tenant = &order.terms.tenant;
    book_unapplied(deciding, order, Taken::contested(payment), outcome);
    let ended = Account::new(kind, tenant.as_str());
    let coupon_amount = coupon_amount(payment.amount, payment.settled_amount);
    let parts =
        [(ended, payment.settled_amount, reason), (coupons(order), coupon_amount, Reason::Coupon)];
    for (credit, amount, reason) in parts {
        let (phase, debit) = (Phase::Post, refund::suspense(tenant));
        deciding.transfer_any(order, Movement { phase, debit, credit, amount, reason });
    }
    fail(deciding, order);
    Ok(())
}

fn write_off(deciding: &mut Deciding<'_>, order: &Order, note: &str) -> Result<(), OrderRefusal> {
    let outcome = UnappliedOutcome::WrittenOff { note: note.to_owned() };
    let is_repeat = order.unapplied.iter().any(|known| known.outcome == outcome);
    let kind = order.attention.as_ref().map(|attention| attention.kind);
    match kind {
        _ if order.contested.is_some() || is_repeat => end_payment(deciding, order, outcome),
        Some(AttentionKind::Contradiction) => {
            deciding.record(order, OrderChange::AttentionEnded { note: note.to_owned() });
            // What contradicted was looked into; if it still does, the next poll shows it.
            if !order.state.is_final() && !order.is_in_flight(deciding.now()) {
                deciding.record(order, OrderChange::PollRequested);
            }
            Ok(())
        }
        _ if order.note.as_deref() == Some(note) => Ok(()),
        Some(_) | None => Err(OrderRefusal::NoAttention),
    }
}

fn close_for_good(
    deciding: &mut Deciding<'_>,
    order: &Order,
    note: &str,
) -> Result<(), OrderRefusal> {
    if order.state.is_final() {
        let is_repeat = order.note.as_deref() == Some(note);
        return if is_repeat { Ok(()) } else { Err(OrderRefusal::Final) };
    }
    if let Some(payment) = &order.contested {
        let payment_reference = payment.payment_reference.clone();
        return Err(OrderRefusal::Contested { payment_reference });
    }
    if order.attention.is_none() {
        return Err(OrderRefusal::NoAttention);
    }
    let ended = match &order.state {
        OrderState::Closing(Closure::Asked) => OrderChange::Closed,
        _ => OrderChange::Failed { reason: CLOSED_FOR_GOOD.to_owned() },
    };
    end_unpaid(deciding, order, ended);
    deciding.record(order, OrderChange::AttentionEnded { note: note.to_owned() });
    Ok(())
}

/// The channel took another amount under the order's number, so nobody can pay it any more.
fn fail(deciding: &mut Deciding<'_>, order: &Order) {
    if !order.state.is_final() {
        end_unpaid(deciding, order, OrderChange::Failed { reason: CONTESTED.to_owned() });
    }
}
