//! Placing an order: at once, behind a QR code, or when the payer's client opens the cashier.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, Code, Order, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::App;
use crate::counterpart::{CallContext, identifiers};
use crate::method::Method;
use crate::wire::{self, OrderRequest, Parameters, PlacedAnswer, Yuan};
use channel::{CodecContext, DocumentStore};
use ledger::{Fen, Timestamp};

/// An order can be paid for 15 days at most, which is also how long one without an end can.
const PAYABLE_SECONDS: i64 = 15 * 86_400;
/// 100,000,000 yuan.
const TOTAL_MAX: Fen = Fen::new(10_000_000_000);
/// Characters of a subject.
const SUBJECT_LEN_MAX: usize = 256;
/// Characters of a number.
const NUMBER_LEN_MAX: usize = 64;
/// Characters of an address.
const URL_LEN_MAX: usize = 256;

/// Places an order of a known payer: a trade begins.
pub(super) fn create(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let asked = read(call.app, call.parameters, Method::Create)?;
    if asked.buyer_id.is_none() && asked.buyer_open_id.is_none() {
        return Err(Refusal::field("buyer_id").into());
    }
    let order = open(call.documents, call.app, call.parameters, asked, call.context)?;
    Ok(Reply::done(PlacedAnswer {
        out_trade_no: order.out_trade_no.clone(),
        trade_no: order.trade_no().map(str::to_owned),
        qr_code: None,
    }))
}

/// Places an order behind a QR code. Each call gives another code of the same order.
pub(super) fn precreate(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let asked = read(call.app, call.parameters, Method::Precreate)?;
    let made = make(call.app, call.parameters, asked, call.context)?;
    let known = known(call.documents, &made, call.context.now)?;
    let qr_code = identifiers::qr_code(call.context);
    let order = Order { qr_code: Some(qr_code.clone()), ..known.unwrap_or(made) };
    records::keep(call.documents, &order)?;
    let code = Code { order_key: order.key(), made_ms: call.context.now.ms() };
    records::write(call.documents, &records::code_key(&qr_code), &code)?;
    Ok(Reply::done(PlacedAnswer {
        out_trade_no: order.out_trade_no,
        trade_no: None,
        qr_code: Some(qr_code),
    }))
}

/// A browser with a signed link is sent on to the cashier; a trade begins when the payer opens it.
pub(super) fn cashier(call: &mut CallContext<'_>, method: Method) -> Result<Reply, Stop> {
    let asked = read(call.app, call.parameters, method)?;
    let host = if method == Method::WapPay { "mclient" } else { "excashier" };
    let nonce = &call.context.nonce;
    let url =
        format!("https://{host}.alipay.com/cashier?out_trade_no={}&id={nonce}", asked.out_trade_no);
    Ok(Reply::cashier(url))
}

/// Opens the trade that signed parameters describe, or finds the one that stands.
pub(super) fn open(
    documents: &mut dyn DocumentStore,
    app: &App,
    parameters: &Parameters,
    asked: OrderRequest,
    context: &CodecContext,
) -> Result<Order, Stop> {
    let made = make(app, parameters, asked, context)?;
    let order = known(documents, &made, context.now)?.unwrap_or(made);
    Ok(begin(documents, order, context)?)
}

/// The order as a trade: a scanned code makes it one.
pub(super) fn begin(
    documents: &mut dyn DocumentStore,
    order: Order,
    context: &CodecContext,
) -> Result<Order, channel::DocumentFault> {
    let order = match order.state {
        State::Prepared => {
            let trade_no = identifiers::trade_no(context);
            Order { state: State::Open { trade_no, last_error: None }, ..order }
        }
        State::Open { .. } | State::Closed { .. } | State::Paid(_) => order,
    };
    records::keep(documents, &order)?;
    Ok(order)
}

/// The order that stands under the number, if it can still be paid and says the same.
pub(super) fn known(
    documents: &dyn DocumentStore,
    made: &Order,
    now: Timestamp,
) -> Result<Option<Order>, Stop> {
    let Some(known) = records::read::<Order>(documents, &made.key())? else { return Ok(None) };
    match known.stage(now) {
        Stage::Paid(_) => {
            return Err(Refusal::business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付").into());
        }
        Stage::Closed => {
            return Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭").into());
        }
        Stage::Prepared | Stage::Open => {}
    }
    let content = |order: &Order| {
        let Order { app_id, total, subject, buyer, .. } = order;
        (app_id.clone(), *total, subject.clone(), buyer.clone())
    };
    match content(&known) == content(made) {
        true => Ok(Some(known)),
        false => Err(Refusal::business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改").into()),
    }
}

pub(super) fn make(
    app: &App,
    parameters: &Parameters,
    asked: OrderRequest,
    context: &CodecContext,
) -> Result<Order, Refusal> {
    let Yuan(total) = asked.total_amount;
    Ok(Order {
        app_id: app.app_id.clone(),
        auth_app_id: Some(app.auth_app_id.clone()),
        seller_id: app.seller_id.clone(),
        expires_ms: end(&asked, context.now)?.ms(),
        out_trade_no: asked.out_trade_no,
        total: total.get(),
        subject: asked.subject,
        body: asked.body,
        passback_params: asked.passback_params,
        notify_url: parameters.get("notify_url").filter(|url| !url.is_empty()).cloned(),
        buyer: asked.buyer_id.or(asked.buyer_open_id),
        created_ms: context.now.ms(),
        agreement_no: None,
        external_agreement_no: None,
        qr_code: None,
        state: State::Prepared,
    })
}

/// When an order ends that names a time or a span, or neither.
fn end(asked: &OrderRequest, now: Timestamp) -> Result<Timestamp, Refusal> {
    let latest = now.plus_seconds(PAYABLE_SECONDS);
    let end = match (&asked.time_expire, &asked.timeout_express) {
        (Some(text), _) => wire::read_time(text).ok_or_else(|| Refusal::field("time_expire"))?,
        (None, Some(span)) if span == "1c" => wire::midnight_after(now),
        (None, Some(span)) => {
            let seconds = span_seconds(span).ok_or_else(|| Refusal::field("timeout_express"))?;
            now.plus_seconds(seconds)
        }
        (None, None) => latest,
    };
    match end > now {
        true => Ok(end.min(latest)),
        false => Err(Refusal::field("time_expire")),
    }
}

/// The seconds of `30m`, `2h`, `1d`.
fn span_seconds(span: &str) -> Option<i64> {
    let (number, unit) = span.split_at_checked(span.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok().filter(|number| (1..=21_600).contains(number))?;
    let unit = match unit {
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some((number * unit).min(PAYABLE_SECONDS))
}

/// Reads and checks `biz_content` of a call that places an order.
pub(super) fn read(
    app: &App,
    parameters: &Parameters,
    method: Method,
) -> Result<OrderRequest, Refusal> {
    let content = parameters.get("biz_content").map(|content| &**content).unwrap_or_default();
    let asked: OrderRequest =
        wire::read_given(content).map_err(|_| Refusal::field("biz_content"))?;
    check_number(&asked.out_trade_no, "out_trade_no")?;
    let Yuan(total) = asked.total_amount;
    if !total.is_positive() || total > TOTAL_MAX {
        return Err(Refusal::field("total_amount"));
    }
    if asked.subject.is_empty() || asked.subject.chars().count() > SUBJECT_LEN_MAX {
        return Err(Refusal::field("subject"));
    }
    check_parties(app, &asked)?;
    check_product(&asked, method)?;
    let url_len = parameters.get("notify_url").map_or(0, String::len);
    match url_len <= URL_LEN_MAX {
        true => Ok(asked),
        false => Err(Refusal::field("notify_url")),
    }
}

fn check_parties(app: &App, asked: &OrderRequest) -> Result<(), Refusal> {
    if asked.seller_id.as_ref().is_some_and(|seller_id| *seller_id != app.seller_id) {
        return Err(Refusal::field("seller_id"));
    }
    match asked.op_app_id.as_ref().is_none_or(|op_app_id| app.collects_in(op_app_id)) {
        true => Ok(()),
        false => Err(Refusal::field("op_app_id")),
    }
}

/// Orders of known payers have two products; those at a cashier must name theirs.
fn check_product(asked: &OrderRequest, method: Method) -> Result<(), Refusal> {
    let is_known = match (method, asked.product_code.as_deref()) {
        (Method::Create | Method::Precreate | Method::Pay, None) => true,
        (Method::Precreate, Some("QR_CODE_OFFLINE")) => true,
        (Method::Create, Some("JSAPI_PAY")) => {
            return match asked.op_app_id {
                Some(_) => Ok(()),
                None => Err(Refusal::field("op_app_id")),
            };
        }
        (Method::Create, Some("FACE_TO_FACE_PAYMENT")) => true,
        // The product of a debit is that of its agreement, which is looked at there.
        (Method::Pay, Some(_)) if asked.agreement_params.is_some() => true,
        // The word of the older interface, which clients still write.
        (Method::WapPay, Some("QUICK_WAP_PAY")) => true,
        (_, product_code) => product_code == method.product_code(),
    };
    match is_known {
        true => Ok(()),
        false => Err(Refusal::field("product_code")),
    }
}

/// 1 to 64 letters, digits and `_`.
pub(super) fn check_number(number: &str, name: &str) -> Result<(), Refusal> {
    let good = |char: char| char.is_ascii_alphanumeric() || char == '_';
    match (1..=NUMBER_LEN_MAX).contains(&number.len()) && number.chars().all(good) {
        true => Ok(()),
        false => Err(Refusal::field(name)),
    }
}
