//! The app on the payer's phone: it opens what the client hands it, checks it as WeChat does, and
//! pays.

use crate::counterpart::records::{self, Entry, Order, Paid, Stage, State};
use crate::counterpart::route::{Trade, decode};
use crate::counterpart::world::World;
use crate::counterpart::{callback, coupon, identifiers};
use crate::sign;
use crate::wire::{AppPayInfo, JsapiPayInfo, PayerIds};
use channel::{CodecContext, DocumentStore, OutgoingCallback, PhoneFault, PhoneOutcome};
use serde_json::Value;

/// Codes to scan begin so.
const CODE: &str = "weixin://";
/// Links for a mobile browser begin so.
const LINK: &str = "https://wx.tenpay.com/";
/// What the payer's bank is.
const BANK: &str = "CMB_DEBIT";

/// What the client handed over, by form.
enum Handed {
    Bridge(JsapiPayInfo),
    Sdk(AppPayInfo),
    Code { prepay_id: String },
    Link { prepay_id: String },
}

/// Opens the cashier and does what the payer wants.
pub(super) fn pay(
    world: &World,
    documents: &mut dyn DocumentStore,
    pay_info: &str,
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let handed = read(pay_info)?;
    let order = open(world, documents, &handed, context)?;
    match outcome {
        PhoneOutcome::Success => succeed(documents, order, context),
        PhoneOutcome::SuccessWith(coupon) => {
            succeed(documents, coupon::redeem(order, coupon, context)?, context)
        }
        PhoneOutcome::Fail => fail(documents, order),
        PhoneOutcome::Cancel => Ok(("已取消支付".to_owned(), vec![])),
    }
}

fn read(pay_info: &str) -> Result<Handed, PhoneFault> {
    if pay_info.starts_with(CODE) {
        let code = query_value(pay_info, "pr").ok_or_else(|| refused("二维码已失效"))?;
        return Ok(Handed::Code { prepay_id: format!("wx{code}") });
    }
    if pay_info.starts_with(LINK) {
        return match (query_value(pay_info, "prepay_id"), query_value(pay_info, "package")) {
            (Some(prepay_id), Some(_)) => Ok(Handed::Link { prepay_id }),
            (None, _) | (Some(_), None) => Err(refused("网络环境未能通过安全验证，请稍后再试")),
        };
    }
    let handed: Value = serde_json::from_str(pay_info).map_err(|_| PhoneFault::NotMine)?;
    let lacks = |_| refused("调用支付参数不完整或格式有误");
    match (handed.get("paySign"), handed.get("prepayid")) {
        (Some(_), _) => serde_json::from_value(handed).map(Handed::Bridge).map_err(lacks),
        (None, Some(_)) => serde_json::from_value(handed).map(Handed::Sdk).map_err(lacks),
        (None, None) => Err(PhoneFault::NotMine),
    }
}

/// The order, if the cashier opens for it.
fn open(
    world: &World,
    documents: &dyn DocumentStore,
    handed: &Handed,
    context: &CodecContext,
) -> Result<Order, PhoneFault> {
    let pointer = records::prepay_key(&handed.prepay_id()?);
    let order = records::follow(documents, &pointer)?.ok_or_else(|| refused("支付订单不存在"))?;
    if order.trade != handed.trade() {
        return Err(refused("支付场景非法"));
    }
    check_signature(world, &order, handed)?;
    match order.stage(context.now) {
        Stage::Paid(_) => return Err(refused("订单已支付，请勿重复支付")),
        Stage::Closed => return Err(refused("订单已关闭或已过期")),
        Stage::Open => {}
    }
    match order.prepay_id == handed.prepay_id()? && order.prepay_is_current(context.now) {
        true => Ok(order),
        false => Err(refused("支付会话已过期，请重新下单")),
    }
}

impl Handed {
    fn prepay_id(&self) -> Result<String, PhoneFault> {
        match self {
            Handed::Bridge(handed) => match handed.package.strip_prefix("prepay_id=") {
                Some(prepay_id) => Ok(prepay_id.to_owned()),
                None => Err(refused("package参数错误")),
            },
            Handed::Sdk(handed) => Ok(handed.prepayid.clone()),
            Handed::Code { prepay_id } | Handed::Link { prepay_id } => Ok(prepay_id.clone()),
        }
    }

    fn trade(&self) -> Trade {
        match self {
            Handed::Bridge(_) => Trade::Jsapi,
            Handed::Sdk(_) => Trade::App,
            Handed::Code { .. } => Trade::Native,
            Handed::Link { .. } => Trade::H5,
        }
    }
}

/// Whether the merchant signed what the client hands over. Codes and links carry no signature.
fn check_signature(world: &World, order: &Order, handed: &Handed) -> Result<(), PhoneFault> {
    let (appid, text, signature) = match handed {
        Handed::Code { .. } | Handed::Link { .. } => return Ok(()),
        Handed::Bridge(handed) => {
            if handed.sign_type != "RSA" {
                return Err(refused("signType参数错误"));
            }
            let JsapiPayInfo { app_id, time_stamp, nonce_str, package, pay_sign, .. } = handed;
            (app_id, sign::client_text(app_id, time_stamp, nonce_str, package), pay_sign)
        }
        Handed::Sdk(handed) => {
            check_partner(order, handed)?;
            let AppPayInfo { appid, timestamp, noncestr, prepayid, sign, .. } = handed;
            (appid, sign::client_text(appid, timestamp, noncestr, prepayid), sign)
        }
    };
    let merchant = world.merchant(order.mchid());
    let signed = merchant.is_some_and(|merchant| merchant.verifier.verify(&text, signature));
    match signed && appid == order.client_appid() {
        true => Ok(()),
        false => Err(refused("商家签名有误")),
    }
}

fn check_partner(order: &Order, handed: &AppPayInfo) -> Result<(), PhoneFault> {
    let known = [Some(order.mchid()), order.parties.sub_mchid.as_deref()];
    match known.contains(&Some(&handed.partnerid)) && handed.package == "Sign=WXPay" {
        true => Ok(()),
        false => Err(refused("partnerid或package参数错误")),
    }
}

fn succeed(
    documents: &mut dyn DocumentStore,
    order: Order,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let paid = Paid {
        transaction_id: identifiers::transaction_id(context),
        at_ms: context.now.ms(),
        payer: payer(&order, context),
        bank_type: BANK.to_owned(),
        refunded: 0,
        refund_count: 0,
    };
    let key = order.key();
    documents.put(&records::transaction_key(&paid.transaction_id), &key)?;
    let entry = Entry::Paid { at_ms: paid.at_ms, order_key: key.clone() };
    records::journal(documents, order.mchid(), &paid.transaction_id, &entry)?;
    let order = Order { state: State::Paid(paid), ..order };
    records::write(documents, &key, &order)?;
    let content = order.transaction(context.now);
    let outgoing = callback::paid(order.mchid(), &content, order.notify_url.clone(), context);
    Ok((format!("支付成功 {} 分", order.payer_total()), vec![outgoing]))
}

fn fail(
    documents: &mut dyn DocumentStore,
    order: Order,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let text = "支付失败，银行卡余额不足";
    let state = State::Open { last_error: Some(text.to_owned()) };
    let order = Order { state, ..order };
    records::write(documents, &order.key(), &order)?;
    Ok((text.to_owned(), vec![]))
}

/// The payer whom the order names, else somebody who picked up the phone.
fn payer(order: &Order, context: &CodecContext) -> PayerIds {
    let somebody = || Some(identifiers::openid(context));
    match (&order.payer, order.parties.sp_mchid.is_some()) {
        (Some(payer), _) => payer.clone(),
        (None, false) => PayerIds { openid: somebody(), ..PayerIds::default() },
        (None, true) => PayerIds { sp_openid: somebody(), ..PayerIds::default() },
    }
}

fn query_value(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value =
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    value.and_then(|(_, value)| decode(value)).filter(|value| !value.is_empty())
}

fn refused(text: &str) -> PhoneFault {
    PhoneFault::Refused(text.to_owned())
}
