//! The app on the payer's phone: it opens what the client hands it, checks it as Alipay does, and pays.

use crate::counterpart::records::{self, Code, Order, Paid, Stage, State};
use crate::counterpart::refusal::Stop;
use crate::counterpart::world::World;
use crate::counterpart::{admit, agreement, callback, code_pay, form, identifiers, order};
use crate::method::Method;
use crate::wire::{self, BridgePayInfo, Parameters, Yuan};
use channel::{
    CodecContext, DocumentFault, DocumentStore, OutgoingCallback, PhoneFault, PhoneOutcome,
};
use ledger::{Fen, Timestamp};

/// Codes to scan begin so.
const CODE: &str = "https://qr.alipay.com/";
/// How long a code works.
const CODE_SECONDS: i64 = 7_200;

/// Opens the cashier and does what the payer wants.
pub(super) fn pay(
    world: &World,
    documents: &mut dyn DocumentStore,
    pay_info: &str,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    if code_pay::is_code(pay_info) {
        return code_pay::reply(documents, pay_info, outcome, context);
    }
    if let Some(parameters) = agreement::page::parameters(pay_info) {
        return agreement::sign(world, documents, &parameters, outcome, context);
    }
    let order = open(world, documents, pay_info, context)?;
    match order.stage(context.now) {
        Stage::Paid(_) => return Err(refused("订单已支付，请勿重复支付")),
        Stage::Closed | Stage::Prepared => return Err(refused("交易已关闭")),
        Stage::Open => {}
    }
    decide(documents, order, outcome, context)
}

/// What becomes of an open order by what the payer wants.
pub(super) fn decide(
    documents: &mut dyn DocumentStore,
    order: Order,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    match outcome {
        PhoneOutcome::Success => Ok(succeed(documents, order, context)?),
        PhoneOutcome::SuccessWith(_) => Err(refused("沙箱的支付宝没有优惠券")),
        PhoneOutcome::Fail => Ok(fail(documents, order)?),
        PhoneOutcome::Cancel => Ok(("已取消支付".to_owned(), vec![])),
    }
}

/// The trade behind what the client handed over. It begins here, unless it was created before.
fn open(
    world: &World,
    documents: &mut dyn DocumentStore,
    pay_info: &str,
    context: &CodecContext,
) -> Result<Order, PhoneFault> {
    if pay_info.starts_with(CODE) {
        return scan(documents, pay_info, context);
    }
    if let Ok(handed) = wire::read::<BridgePayInfo>(pay_info) {
        let order = records::follow(documents, &records::trade_key(&handed.trade_no))?;
        return order.ok_or_else(|| refused("交易不存在"));
    }
    let parameters = cashier_parameters(pay_info).ok_or(PhoneFault::NotMine)?;
    open_signed(world, documents, &parameters, context)
}

fn scan(
    documents: &mut dyn DocumentStore,
    qr_code: &str,
    context: &CodecContext,
) -> Result<Order, PhoneFault> {
    let gone = || refused("二维码已失效");
    let code: Code = records::read(documents, &records::code_key(qr_code))?.ok_or_else(gone)?;
    let order: Order = records::read(documents, &code.order_key)?.ok_or_else(gone)?;
    let code_ends_at = Timestamp::from_ms(code.made_ms).plus_seconds(CODE_SECONDS);
    match context.now < code_ends_at && !order.is_over(context.now) {
        true => Ok(order::begin(documents, order, context)?),
        false => Err(gone()),
    }
}

/// The parameters of a page's form, of a link to the cashier, or of an app's order text.
fn cashier_parameters(pay_info: &str) -> Option<Parameters> {
    let parameters = match pay_info.split_once('?') {
        _ if pay_info.contains("<form ") => form::parameters(pay_info)?,
        Some((url, query)) if url.ends_with(super::PATH) => wire::read_form(query.as_bytes()),
        Some(_) => return None,
        None => wire::read_form(pay_info.as_bytes()),
    };
    let is_cashier = |method| matches!(method, Method::PagePay | Method::WapPay | Method::AppPay);
    admit::method(&parameters).is_some_and(is_cashier).then_some(parameters)
}

fn open_signed(
    world: &World,
    documents: &mut dyn DocumentStore,
    parameters: &Parameters,
    context: &CodecContext,
) -> Result<Order, PhoneFault> {
    let app = parameters.get("app_id").and_then(|app_id| world.app(app_id));
    let app = app.ok_or_else(|| refused("应用不存在"))?;
    admit::check_signature(app, parameters).map_err(|refusal| refused(&refusal.sub_msg))?;
    let app = admit::acting(world, app, parameters).map_err(|refusal| refused(&refusal.sub_msg))?;
    let method = admit::method(parameters).ok_or(PhoneFault::NotMine)?;
    let asked =
        order::read(app, parameters, method).map_err(|refusal| refused(&refusal.sub_msg))?;
    match order::open(documents, app, parameters, asked, context) {
        Ok(order) => Ok(order),
        Err(Stop::Refused(refusal)) => Err(refused(&refusal.sub_msg)),
        Err(Stop::Broken(fault)) => Err(fault.into()),
    }
}

fn succeed(
    documents: &mut dyn DocumentStore,
    order: Order,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), DocumentFault> {
    let (order, outgoing) = pay_now(documents, order, context)?;
    Ok((format!("支付成功 {} 元", Yuan(Fen::new(order.total)).text()), outgoing))
}

/// The order is paid now.
pub(super) fn pay_now(
    documents: &mut dyn DocumentStore,
    order: Order,
    context: &CodecContext,
) -> Result<(Order, Vec<OutgoingCallback>), DocumentFault> {
    let paid = Paid {
        trade_no: order.trade_no().unwrap_or_default().to_owned(),
        at_ms: context.now.ms(),
        buyer: order.buyer.clone().unwrap_or_else(|| identifiers::buyer_id(context)),
        refunded: 0,
    };
    let order = Order { state: State::Paid(paid.clone()), ..order };
    records::keep(documents, &order)?;
    agreement::debited(documents, &order, context.now)?;
    let outgoing = callback::paid(&order, &paid, context);
    Ok((order, outgoing.into_iter().collect()))
}

fn fail(
    documents: &mut dyn DocumentStore,
    order: Order,
) -> Result<(String, Vec<OutgoingCallback>), DocumentFault> {
    let text = "支付失败，余额不足";
    let trade_no = order.trade_no().unwrap_or_default().to_owned();
    let state = State::Open { trade_no, last_error: Some(text.to_owned()) };
    records::keep(documents, &Order { state, ..order })?;
    Ok((text.to_owned(), vec![]))
}

fn refused(text: &str) -> PhoneFault {
    PhoneFault::Refused(text.to_owned())
}
