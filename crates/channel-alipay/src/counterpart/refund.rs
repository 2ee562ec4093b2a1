//! Giving money back: done at once, once for each number.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, BUYER_LOGON, Order, Paid, Refunding, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, callback, order, trade};
use crate::wire::{
    self, MOVED, RefundAnswer, RefundQueryAnswer, RefundQueryRequest, RefundRequest, Yuan,
};
use channel::{DocumentFault, FaultMode, OutgoingCallback};
use ledger::{Fen, Timestamp};

pub(super) fn create(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let content = call.parameter("biz_content").unwrap_or_default();
    let asked: RefundRequest =
        wire::read_given(&content).map_err(|_| Refusal::field("biz_content"))?;
    let order = trade::asked(call)?;
    let (number, Yuan(amount)) = (refund_number(&asked, &order)?, asked.refund_amount);
    let key = records::refund_key(&order.key(), &number);
    match records::read::<Refunding>(call.documents, &key)? {
        Some(known) if known.amount == amount.get() => return repeated(&order),
        Some(_) => {
            let why = "同一请求号的退款金额不一致";
            return Err(Refusal::business("ACQ.DISCORDANT_REPEAT_REQUEST", why).into());
        }
        None => {}
    }
    let paid = refundable(&order, amount, call.context.now)?;
    // Taken, and never carried out: the next call with the number is the first.
    if let FaultMode::Refund { .. } = call.mode {
        return Ok(Reply::done(answer(&order, &paid, None)));
    }
    let (order, paid, outgoing) = carry_out(call, &order, paid, amount, &number)?;
    let moved = Some((Yuan(amount), call.context.now));
    Ok(Reply::done(answer(&order, &paid, moved)).with_callbacks(outgoing))
}

/// A number of its own, or that of the trade where the whole of it goes back.
fn refund_number(asked: &RefundRequest, order: &Order) -> Result<String, Refusal> {
    let Yuan(amount) = asked.refund_amount;
    match &asked.out_request_no {
        Some(number) => {
            order::check_number(number, "out_request_no")?;
            Ok(number.clone())
        }
        None if amount.get() == order.total => Ok(order.out_trade_no.clone()),
        None => Err(Refusal::field("out_request_no")),
    }
}

/// The answer to a number that was carried out before: no money moves.
fn repeated(order: &Order) -> Result<Reply, Stop> {
    match &order.state {
        State::Paid(paid) => Ok(Reply::done(answer(order, paid, None))),
        State::Prepared | State::Open { .. } | State::Closed { .. } => Err(Refusal::state().into()),
    }
}

/// The payment, if so much of it can go back.
fn refundable(order: &Order, amount: Fen, now: Timestamp) -> Result<Paid, Refusal> {
    let Stage::Paid(paid) = order.stage(now) else { return Err(Refusal::state()) };
    if paid.is_final(now) {
        return Err(Refusal::business("ACQ.TRADE_HAS_FINISHED", "交易已完结"));
    }
    if !amount.is_positive() {
        return Err(Refusal::field("refund_amount"));
    }
    let after = Fen::new(paid.refunded).plus(amount);
    match after.is_ok_and(|after| after <= Fen::new(order.total)) {
        true => Ok(paid.clone()),
        false => {
            let why = "退款金额超限";
            Err(Refusal::business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", why))
        }
    }
}

fn carry_out(
    call: &mut CallContext<'_>,
    order: &Order,
    paid: Paid,
    amount: Fen,
    number: &str,
) -> Result<(Order, Paid, Option<OutgoingCallback>), DocumentFault> {
    let at_ms = call.context.now.ms();
    let paid = Paid { refunded: paid.refunded + amount.get(), ..paid };
    let order = Order { state: State::Paid(paid.clone()), ..order.clone() };
    let refunding = Refunding { amount: amount.get(), at_ms };
    records::write(call.documents, &records::refund_key(&order.key(), number), &refunding)?;
    records::keep(call.documents, &order)?;
    let outgoing = callback::refunded(&order, &paid, number, call.context);
    Ok((order, paid, outgoing))
}

/// Gives back what is left of a payment, under the trade's own number.
pub(super) fn all(
    call: &mut CallContext<'_>,
    order: &Order,
) -> Result<Option<OutgoingCallback>, DocumentFault> {
    let State::Paid(paid) = &order.state else { return Ok(None) };
    let left = Fen::new(order.total - paid.refunded);
    match left.is_positive() {
        true => {
            let number = order.out_trade_no.clone();
            let (_, _, outgoing) = carry_out(call, order, paid.clone(), left, &number)?;
            Ok(outgoing)
        }
        false => Ok(None),
    }
}

/// The answer to a call that moved an amount now, or nothing.
fn answer(order: &Order, paid: &Paid, moved: Option<(Yuan, Timestamp)>) -> RefundAnswer {
    RefundAnswer {
        trade_no: paid.trade_no.clone(),
        out_trade_no: order.out_trade_no.clone(),
        fund_change: if moved.is_some() { MOVED } else { "N" }.to_owned(),
        refund_fee: Yuan(Fen::new(paid.refunded)),
        gmt_refund_pay: moved.map(|(_, at)| wire::time_text(at)),
        send_back_fee: moved.map(|(amount, _)| amount),
        buyer_user_id: Some(paid.buyer.clone()),
        buyer_logon_id: Some(BUYER_LOGON.to_owned()),
    }
}

/// A refund that was not made is answered with success, and nothing about it.
pub(super) fn query(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let content = call.parameter("biz_content").unwrap_or_default();
    let asked: RefundQueryRequest =
        wire::read_given(&content).map_err(|_| Refusal::field("biz_content"))?;
    let order = trade::asked(call)?;
    if order.trade_no().is_none() {
        return Err(Refusal::no_trade().into());
    }
    let key = records::refund_key(&order.key(), &asked.out_request_no);
    let Some(known) = records::read::<Refunding>(call.documents, &key)? else {
        return Ok(Reply::done(RefundQueryAnswer::default()));
    };
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    let shows_time = asked.query_options.iter().flatten().any(|option| option == "gmt_refund_pay");
    Ok(Reply::done(RefundQueryAnswer {
        trade_no: order.trade_no().map(str::to_owned),
        out_trade_no: Some(order.out_trade_no.clone()),
        out_request_no: Some(asked.out_request_no),
        total_amount: Some(Yuan(Fen::new(order.total))),
        refund_amount: Some(Yuan(Fen::new(known.amount.saturating_add(lie)))),
        refund_status: Some(wire::REFUNDED.to_owned()),
        gmt_refund_pay: shows_time.then(|| wire::time_text(Timestamp::from_ms(known.at_ms))),
    }))
}
