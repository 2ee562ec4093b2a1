//! Codes on the payer's phone that a merchant scans: shown, taken once, and ended by a password.

use crate::counterpart::records::{self, Order, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, identifiers, payment};
use channel::{
    CodecContext, DocumentFault, DocumentStore, OutgoingCallback, PhoneFault, PhoneOutcome,
    ScanOutcome,
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// A code on the phone changes every minute.
const CODE_SECONDS: i64 = 60;

/// A code that a phone shows.
#[derive(Serialize, Deserialize)]
struct PaymentCode {
    until_ms: i64,
    then: Then,
    /// Whose phone it is; absent in what was written before that was asked for.
    #[serde(default)]
    openid: Option<String>,
    /// The merchant who asked whose phone it is: nobody else can scan it any more.
    #[serde(default)]
    mchid: Option<String>,
    /// The order for which it was scanned.
    order_key: Option<String>,
}

/// What happens when the code is scanned.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    /// The payment succeeds at once.
    Paid,
    /// The payer must type a password.
    Password,
    /// The payer's bank refuses.
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
    let openid = Some(identifiers::openid(context));
    let shown = PaymentCode { until_ms, then, openid, mchid: None, order_key: None };
    records::write(documents, &key(&code), &shown)?;
    Ok(code)
}

/// Takes the code that a merchant scanned for an order: what happens then, and whose phone it is.
pub(super) fn take(
    call: &mut CallContext<'_>,
    code: &str,
    order_key: &str,
) -> Result<(Then, Option<String>), Stop> {
    let shown = usable(call, code)?;
    let taken = PaymentCode { order_key: Some(order_key.to_owned()), ..shown };
    records::write(call.documents, &key(code), &taken)?;
    Ok((taken.then, taken.openid))
}

/// Whose phone shows a code. From then on only this merchant can scan it.
pub(super) fn openid(call: &mut CallContext<'_>, code: &str) -> Result<Option<String>, Stop> {
    let mchid = Some(call.merchant.mchid.clone());
    let asked = PaymentCode { mchid, ..usable(call, code)? };
    records::write(call.documents, &key(code), &asked)?;
    Ok(asked.openid)
}

/// A code that this merchant can scan now.
fn usable(call: &CallContext<'_>, code: &str) -> Result<PaymentCode, Stop> {
    if !is_code(code) {
        return Err(Refusal::new("AUTH_CODE_INVALID", "收银员扫描的不是微信支付的条码").into());
    }
    let is_own = |shown: &PaymentCode| {
        shown.mchid.as_ref().is_none_or(|mchid| *mchid == call.merchant.mchid)
    };
    let shown = records::read::<PaymentCode>(call.documents, &key(code))?
        .filter(|shown| shown.order_key.is_none())
        .filter(|shown| call.context.now.ms() < shown.until_ms)
        .filter(is_own);
    let text = "二维码已过期，请用户在微信上刷新后再试";
    shown.ok_or_else(|| Refusal::new("AUTHCODEEXPIRE", text).into())
}

/// The payer answers the question for the password that the scanned code led to.
pub(super) fn answer(
    documents: &mut dyn DocumentStore,
    code: &str,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let order = waiting(documents, code, context.now)?;
    let (state, text) = match outcome {
        PhoneOutcome::Success => return payment::by_phone(documents, order, None, context),
        PhoneOutcome::SuccessWith(coupon) => {
            return payment::by_phone(documents, order, Some(coupon), context);
        }
        PhoneOutcome::Fail => {
            let why = "支付失败，银行卡余额不足".to_owned();
            (State::Failed { why: why.clone() }, why)
        }
        PhoneOutcome::Cancel => {
            let text = "已取消支付".to_owned();
            (State::Open { last_error: Some(text.clone()) }, text)
        }
    };
    payment::put(documents, order, state)?;
    Ok((text, vec![]))
}

/// Whether text looks like a code.
pub(super) fn is_code(text: &str) -> bool {
    crate::CODES.broken_by(&channel::PaymentCode::new(text.to_owned())).is_none()
}

/// The order that waits for the password of the payer who showed this code.
fn waiting(documents: &dyn DocumentStore, code: &str, now: Timestamp) -> Result<Order, PhoneFault> {
    let refused = |text: &str| PhoneFault::Refused(text.to_owned());
    let Some(shown) = records::read::<PaymentCode>(documents, &key(code))? else {
        return Err(refused("付款码不存在"));
    };
    let Some(order_key) = shown.order_key else {
        let text = if now.ms() < shown.until_ms {
            "付款码尚未被扫描"
        } else {
            "付款码已过期"
        };
        return Err(refused(text));
    };
    let order = records::read::<Order>(documents, &order_key)?;
    let is_waiting = |order: &Order| match &order.state {
        State::Typing { code: typed } => typed == code,
        State::Open { .. }
        | State::Failed { .. }
        | State::Closed
        | State::Paid(_)
        | State::Revoked { .. } => false,
    };
    order.filter(is_waiting).ok_or_else(|| refused("没有等待输入密码的支付"))
}

fn key(code: &str) -> String {
    format!("wxpay/payment-code/{code}")
}
