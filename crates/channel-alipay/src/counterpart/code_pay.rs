//! Payments with a code on the payer's phone: shown, taken once, and ended by a password; and debits by
//! agreement, which the same call makes.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, BALANCE, BUYER_LOGON, Order, Paid, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, agreement, identifiers, order, phone};
use crate::method::Method;
use crate::wire::{self, Answer, ChargedAnswer, FundBill, Head, OrderRequest, PAYING, Yuan};
use channel::{
    CodecContext, DocumentFault, DocumentStore, FaultMode, OutgoingCallback, PhoneFault,
    PhoneOutcome, ScanOutcome,
};
use ledger::{Fen, Timestamp};
use serde::{Deserialize, Serialize};

/// A code on the phone changes every minute.
const CODE_SECONDS: i64 = 60;

/// How a code can have come: scanned, by sound, from a face.
const SCENES: [&str; 3] = ["bar_code", "wave_code", "security_code"];

/// A code that a phone shows.
#[derive(Serialize, Deserialize)]
struct PaymentCode {
    until_ms: i64,
    then: Then,
    /// The order for which it was scanned.
    order_key: Option<String>,
}

/// What happens when the code is scanned.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Then {
    Paid,
    Password,
    Failed,
}

/// Shows a new code.
pub(super) fn show(
    documents: &mut dyn DocumentStore,
    outcome: ScanOutcome,
    context: &CodecContext,
) -> Result<String, DocumentFault> {
    let code = identifiers::payment_code(context);
    let then = match outcome {
        ScanOutcome::Success => Then::Paid,
        ScanOutcome::Password => Then::Password,
        ScanOutcome::Fail => Then::Failed,
    };
    let until_ms = context.now.plus_seconds(CODE_SECONDS).ms();
    records::write(documents, &key(&code), &PaymentCode { until_ms, then, order_key: None })?;
    Ok(code)
}

/// Charges a code. The same order again is answered by where it stands.
pub(super) fn charge(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let asked = order::read(call.app, call.parameters, Method::Pay)?;
    if asked.agreement_params.is_some() {
        return debit(call, asked);
    }
    if let FaultMode::Error { code } = call.mode {
        return Err(Refusal::injected(code).into());
    }
    if !asked.scene.as_deref().is_some_and(|scene| SCENES.contains(&scene)) {
        return Err(Refusal::field("scene").into());
    }
    let code = asked.auth_code.clone().ok_or_else(|| Refusal::field("auth_code"))?;
    let made = order::make(call.app, call.parameters, asked, call.context)?;
    if let Some(known) = order::known(call.documents, &made, call.context.now)? {
        return Ok(paying(&known));
    }
    let then = take(call, &code, &made.key())?;
    let order = match then {
        Then::Failed => {
            let text = "支付失败，余额不足";
            return Err(Refusal::business("ACQ.BUYER_BALANCE_NOT_ENOUGH", text).into());
        }
        Then::Paid | Then::Password => order::begin(call.documents, made, call.context)?,
    };
    match then {
        Then::Password | Then::Failed => Ok(paying(&order)),
        Then::Paid => {
            let (order, outgoing) = phone::pay_now(call.documents, order, call.context)?;
            Ok(paid(&order, call.mode).with_callbacks(outgoing))
        }
    }
}

/// Debits by an agreement. The same order again is answered by where it stands.
fn debit(call: &mut CallContext<'_>, asked: OrderRequest) -> Result<Reply, Stop> {
    let made = agreement::debit(call, asked)?;
    if let Some(known) = order::known(call.documents, &made, call.context.now)? {
        return Ok(paying(&known));
    }
    agreement::check(call, &made)?;
    let order = order::begin(call.documents, made, call.context)?;
    if matches!(call.mode, FaultMode::Error { .. }) {
        return Ok(paying(&order));
    }
    let (order, outgoing) = phone::pay_now(call.documents, order, call.context)?;
    Ok(paid(&order, call.mode).with_callbacks(outgoing))
}

/// Whether the code of a fault lets a charge wait.
pub(super) fn is_wait(code: &str, method: Method) -> bool {
    code == PAYING && method == Method::Pay
}

/// Takes a code for an order; what happens then.
fn take(call: &mut CallContext<'_>, code: &str, order_key: &str) -> Result<Then, Stop> {
    let shown = records::read::<PaymentCode>(call.documents, &key(code))?
        .filter(|shown| shown.order_key.is_none())
        .filter(|shown| call.context.now.ms() < shown.until_ms);
    let Some(shown) = shown else {
        let text = "支付失败，获取顾客账户信息失败，请顾客刷新付款码后重新收款";
        return Err(Refusal::business("ACQ.PAYMENT_AUTH_CODE_INVALID", text).into());
    };
    let taken = PaymentCode { order_key: Some(order_key.to_owned()), ..shown };
    records::write(call.documents, &key(code), &taken)?;
    Ok(taken.then)
}

/// The payer must type a password.
fn paying(order: &Order) -> Reply {
    let msg = " order success pay inprocess".to_owned();
    let head = Head { code: PAYING.to_owned(), msg, ..Head::default() };
    Reply::json(&Answer { head, content: answer(order, None) })
}

fn paid(order: &Order, mode: &FaultMode) -> Reply {
    let State::Paid(paid) = &order.state else { return paying(order) };
    let lie = i64::from(*mode == FaultMode::WrongAmount);
    let total = Fen::new(order.total.saturating_add(lie));
    Reply::done(answer(order, Some((paid, Yuan(total)))))
}

fn answer(order: &Order, paid: Option<(&Paid, Yuan)>) -> ChargedAnswer {
    let total = paid.map(|(_, total)| total);
    ChargedAnswer {
        trade_no: order.trade_no().unwrap_or_default().to_owned(),
        out_trade_no: order.out_trade_no.clone(),
        total_amount: total,
        receipt_amount: total,
        buyer_pay_amount: total,
        invoice_amount: total,
        point_amount: paid.map(|_| Yuan(Fen::ZERO)),
        fund_bill_list: total
            .map(|amount| vec![FundBill { fund_channel: BALANCE.to_owned(), amount }]),
        gmt_payment: paid.map(|(paid, _)| wire::time_text(Timestamp::from_ms(paid.at_ms))),
        buyer_user_id: paid.map(|(paid, _)| paid.buyer.clone()),
        buyer_logon_id: Some(BUYER_LOGON.to_owned()),
    }
}

/// The payer answers the question for the password that the scanned code led to.
pub(super) fn reply(
    documents: &mut dyn DocumentStore,
    code: &str,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let refused = |text: &str| PhoneFault::Refused(text.to_owned());
    let shown = records::read::<PaymentCode>(documents, &key(code))?;
    let shown = shown.ok_or_else(|| refused("付款码不存在"))?;
    let order_key = shown.order_key.ok_or_else(|| refused("付款码尚未被扫描"))?;
    let order: Option<Order> = records::read(documents, &order_key)?;
    let waits = |order: &Order| matches!(order.stage(context.now), Stage::Open);
    let order = order.filter(waits).ok_or_else(|| refused("没有等待输入密码的支付"))?;
    phone::decide(documents, order, outcome, context)
}

/// Whether text looks like a code: 16 to 24 digits that begin with 25 to 30.
pub(super) fn is_code(text: &str) -> bool {
    crate::CODES.broken_by(&channel::PaymentCode::new(text.to_owned())).is_none()
}

fn key(code: &str) -> String {
    format!("alipay/payment-code/{code}")
}
