//! Payments with a code on the payer's phone: the merchant scans it, and can reverse the order.

use crate::counterpart::answer::Reply;
use crate::counterpart::payment_code::{self, Then};
use crate::counterpart::records::{self, End, Entry, Order, Paid, Refunding, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Mode, Trade};
use crate::counterpart::sharing::funds;
use crate::counterpart::wire::ReversalAnswer;
use crate::counterpart::{CallContext, identifiers, order, payment, rules, trade};
use crate::wire::{CloseRequest, CodePayRequest, PayerIds};
use ledger::Timestamp;

/// A payment can be reversed for seven days.
const REVERSIBLE_SECONDS: i64 = 7 * 86_400;

pub(super) fn create(call: &mut CallContext<'_>, mode: Mode) -> Result<Reply, Stop> {
    let body = rules::parse(call.request)?;
    rules::check_order(&body, Trade::Micropay, mode)?;
    let fingerprint = order::fingerprint(&body);
    let asked: CodePayRequest = rules::convert(body)?;
    let order = take(call, asked, fingerprint)?;
    Ok(reply(call, &order))
}

/// Takes a checked payment: a new one, or a repeat.
pub(super) fn take(
    call: &mut CallContext<'_>,
    asked: CodePayRequest,
    fingerprint: String,
) -> Result<Order, Stop> {
    order::check_binding(call.merchant, &asked.parties)?;
    let key = records::order_key(&call.merchant.mchid, &asked.out_trade_no);
    match records::read::<Order>(call.documents, &key)? {
        Some(known) => {
            order::check_repeat(&known, Trade::Micropay, &fingerprint, call.context.now)?;
            Ok(known)
        }
        None if records::is_burnt(call.documents, &key)? => Err(Refusal::changed().into()),
        None => charge(call, asked, fingerprint),
    }
}

/// Takes the code and charges the payer, as far as it goes without a password.
fn charge(
    call: &mut CallContext<'_>,
    asked: CodePayRequest,
    fingerprint: String,
) -> Result<Order, Stop> {
    let code = asked.payer.auth_code.clone();
    let order = placed(call, asked, fingerprint)?;
    let (then, openid) = payment_code::take(call, &code, &order.key())?;
    let payer = openid.map(|openid| match order.parties.sp_mchid.is_some() {
        false => PayerIds { openid: Some(openid), ..PayerIds::default() },
        true => PayerIds { sp_openid: Some(openid), ..PayerIds::default() },
    });
    let state = match then {
        Then::Paid => State::Open { last_error: None },
        Then::Password => State::Typing { code },
        Then::Failed => State::Failed { why: "支付失败，用户余额不足".to_owned() },
    };
    let is_paid = matches!(state, State::Open { .. });
    let order = order::keep(call, Order { state, payer, ..order })?;
    match is_paid {
        // Nothing is called back: such an order has no address.
        true => Ok(payment::succeed(call.documents, order, call.context)?.0),
        false => Ok(order),
    }
}

fn placed(
    call: &CallContext<'_>,
    asked: CodePayRequest,
    fingerprint: String,
) -> Result<Order, Refusal> {
    let now = call.context.now;
    Ok(Order {
        trade: Trade::Micropay,
        parties: asked.parties,
        out_trade_no: asked.out_trade_no,
        fingerprint,
        total: asked.amount.total,
        description: asked.description,
        attach: asked.attach,
        notify_url: None,
        payer: None,
        device_id: asked.scene_info.and_then(|scene| scene.device_id),
        expires_ms: order::end(now, None)?.ms(),
        prepay_id: identifiers::prepay_id(call.context),
        prepay_ms: now.ms(),
        code: None,
        coupon: None,
        is_shared: order::is_shared(asked.settle_info.as_ref()),
        v2: call.v2,
        contract_id: None,
        state: State::Open { last_error: None },
    })
}

/// What the merchant reads about the scanned code.
fn reply(call: &CallContext<'_>, order: &Order) -> Reply {
    match unpaid(order, call.context.now) {
        Some(refusal) => refusal.reply(),
        None => trade::shown(call, order),
    }
}

/// Why the scanned code has paid nothing, if it has not.
pub(super) fn unpaid(order: &Order, now: Timestamp) -> Option<Refusal> {
    match order.stage(now) {
        Stage::Typing => Some(Refusal::new("USERPAYING", "需要用户输入支付密码")),
        Stage::Failed(why) => Some(Refusal::new("NOTENOUGH", why)),
        Stage::Open => Some(Refusal::new("TRADE_ERROR", "用户取消支付")),
        Stage::Closed | Stage::Revoked(_) | Stage::Paid(_) => None,
    }
}

pub(super) fn reverse(call: &mut CallContext<'_>, mode: Mode, number: &str) -> Result<Reply, Stop> {
    rules::check_number(number)?;
    let body = rules::parse(call.request)?;
    rules::check_reversal(&body, mode)?;
    let CloseRequest { parties } = rules::convert(body)?;
    order::check_binding(call.merchant, &parties)?;
    let key = records::order_key(&call.merchant.mchid, number);
    let order = trade::owned(call, records::read(call.documents, &key)?, &parties)?;
    undo(call, order)?;
    Ok(Reply::json(200, &ReversalAnswer { parties, out_trade_no: number.to_owned() }))
}

/// Undoes an order: what was paid goes back.
pub(super) fn undo(call: &mut CallContext<'_>, order: Order) -> Result<(), Stop> {
    if order.trade != Trade::Micropay {
        return Err(Refusal::new("INVALID_REQUEST", "只有付款码支付的订单可以撤销").into());
    }
    match order.stage(call.context.now) {
        Stage::Closed | Stage::Revoked(_) => {}
        Stage::Open | Stage::Typing | Stage::Failed(_) => {
            payment::put(call.documents, order, State::Revoked { paid: None })?;
        }
        Stage::Paid(paid) => {
            check_reversible(paid, call.context.now)?;
            let paid = paid.clone();
            give_back(call, order, paid)?;
        }
    }
    Ok(())
}

fn check_reversible(paid: &Paid, now: Timestamp) -> Result<(), Refusal> {
    if paid.refund_count > 0 {
        return Err(Refusal::new("TRADE_ERROR", "订单已发生退款，不能撤销"));
    }
    if now > Timestamp::from_ms(paid.at_ms).plus_seconds(REVERSIBLE_SECONDS) {
        return Err(Refusal::new("INVALID_REQUEST", "订单已超过可撤销的期限"));
    }
    Ok(())
}

/// Gives all of a payment back. Bills show it as a refund of its own kind, under the order's number.
fn give_back(call: &mut CallContext<'_>, order: Order, paid: Paid) -> Result<(), Stop> {
    let paid = funds::pay_back(call, &order, paid, order.settled())?;
    let back = Refunding {
        order_key: order.key(),
        sub_mchid: order.parties.sub_mchid.clone(),
        refund_id: identifiers::refund_id(call.context),
        out_refund_no: order.out_trade_no.clone(),
        transaction_id: paid.transaction_id.clone(),
        out_trade_no: order.out_trade_no.clone(),
        refund: order.total,
        total: order.total,
        order_discount: order.discount(),
        discount: order.discount(),
        created_ms: call.context.now.ms(),
        end: End::Done,
        notify_url: None,
        remitted: None,
    };
    let key = records::reversal_key(&call.merchant.mchid, &order.out_trade_no);
    let entry = Entry::Reversed { at_ms: back.created_ms, refund_key: key.clone() };
    records::journal(call.documents, &call.merchant.mchid, &back.refund_id, &entry)?;
    records::write(call.documents, &key, &back)?;
    payment::put(call.documents, order, State::Revoked { paid: Some(paid) })?;
    Ok(())
}
