//! The app on the payer's phone: it opens what the client hands it, checks it as WeChat does, and
//! pays.

use crate::counterpart::records::{self, Order, Stage, State};
use crate::counterpart::route::{Trade, decode};
use crate::counterpart::wire::{HandedToBridge, HandedToSdk};
use crate::counterpart::world::World;
use crate::counterpart::{payment, payment_code, v2};
use crate::sign;
use channel::{
    CodecContext, DocumentFault, DocumentStore, OutgoingCallback, PhoneFault, PhoneOutcome,
};
use serde::Deserialize;
use serde_json::Value;

/// Codes to scan begin so.
const CODE: &str = "weixin://";
/// Links for a mobile browser begin so.
const LINK: &str = "https://wx.tenpay.com/";
/// A debit that waits. Nothing is handed over for it, so it is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Debited {
    mch_id: String,
    out_trade_no: String,
}

/// What the client handed over, by form.
pub(super) enum Handed {
    Bridge(HandedToBridge),
    Sdk(HandedToSdk),
    Code { code: String },
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
    if payment_code::is_code(pay_info) {
        return payment_code::answer(documents, pay_info, outcome, context);
    }
    if let Some(page) = v2::papay::page::open(world, documents, pay_info)? {
        return v2::papay::sign(documents, page, outcome, context);
    }
    if let Ok(Debited { mch_id, out_trade_no }) = serde_json::from_str(pay_info) {
        let number = (&*mch_id, &*out_trade_no);
        return v2::papay::debit::decide(documents, number, outcome, context);
    }
    let handed = read(pay_info)?;
    let order = open(world, documents, &handed, context)?;
    match outcome {
        PhoneOutcome::Success => payment::by_phone(documents, order, None, context),
        PhoneOutcome::SuccessWith(coupon) => {
            payment::by_phone(documents, order, Some(coupon), context)
        }
        PhoneOutcome::Fail => Ok(fail(documents, order)?),
        PhoneOutcome::Cancel => Ok(("已取消支付".to_owned(), vec![])),
    }
}

fn read(pay_info: &str) -> Result<Handed, PhoneFault> {
    if pay_info.starts_with(CODE) {
        let code = query_value(pay_info, "pr").ok_or_else(|| refused("二维码已失效"))?;
        return Ok(Handed::Code { code });
    }
    if pay_info.starts_with(LINK) {
        return match (query_value(pay_info, "prepay_id"), query_value(pay_info, "package")) {
            (Some(prepay_id), Some(_)) => Ok(Handed::Link { prepay_id }),
            (None, _) | (Some(_), None) => Err(refused("网络环境未能通过安全验证，请稍后再试")),
        };
    }
    let handed: Value = serde_json::from_str(pay_info).map_err(|_| PhoneFault::NotMine)?;
    let lacks = |_| refused("调用支付参数不完整或格式有误");
    match (handed.get("paySign"), handed.get("prepayid").or(handed.get("prepayId"))) {
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
    let order =
        records::follow(documents, &handed.pointer()?)?.ok_or_else(|| refused("支付订单不存在"))?;
    if order.trade != handed.trade() {
        return Err(refused("支付场景非法"));
    }
    check_signature(world, &order, handed)?;
    match order.stage(context.now) {
        Stage::Paid(_) => return Err(refused("订单已支付，请勿重复支付")),
        Stage::Closed | Stage::Revoked(_) | Stage::Failed(_) | Stage::Typing => {
            return Err(refused("订单已关闭或已过期"));
        }
        Stage::Open => {}
    }
    match handed.is_latest_of(&order) && order.prepay_is_current(context.now) {
        true => Ok(order),
        false => Err(refused("支付会话已过期，请重新下单")),
    }
}

impl Handed {
    /// The pointer to its order.
    fn pointer(&self) -> Result<String, PhoneFault> {
        match (self, self.prepay_id()) {
            (Handed::Code { code }, _) => Ok(records::code_key(code)),
            (_, Some(prepay_id)) => Ok(records::prepay_key(prepay_id)),
            (_, None) => Err(refused("package参数错误")),
        }
    }

    fn prepay_id(&self) -> Option<&str> {
        match self {
            Handed::Bridge(handed) => handed.package.strip_prefix("prepay_id="),
            Handed::Sdk(handed) => Some(&handed.prepayid),
            Handed::Link { prepay_id } => Some(prepay_id),
            Handed::Code { .. } => None,
        }
    }

    /// Whether the order gave nothing newer to pay with.
    fn is_latest_of(&self, order: &Order) -> bool {
        match self {
            Handed::Code { code } => order.code.as_ref() == Some(code),
            Handed::Bridge(_) | Handed::Sdk(_) | Handed::Link { .. } => {
                self.prepay_id() == Some(&order.prepay_id)
            }
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

/// Whether the merchant signed what the client hands over, for the order's app, which the client need not
/// name. Codes and links carry no signature.
fn check_signature(world: &World, order: &Order, handed: &Handed) -> Result<(), PhoneFault> {
    if let Some(sign_type) = order.v2 {
        return v2::phone::check(world, order, sign_type, handed);
    }
    let own = order.client_appid();
    let lacks = || refused("调用支付参数不完整或格式有误");
    let (appid, text, signature) = match handed {
        Handed::Code { .. } | Handed::Link { .. } => return Ok(()),
        Handed::Bridge(handed) => {
            if handed.sign_type != "RSA" {
                return Err(refused("signType参数错误"));
            }
            let at = handed.at.text().ok_or_else(lacks)?;
            let appid = handed.app_id.as_deref().unwrap_or(own);
            let text = sign::client_text(appid, &at, &handed.nonce_str, &handed.package);
            (appid, text, &handed.pay_sign)
        }
        Handed::Sdk(handed) => {
            check_partner(order, handed)?;
            let at = handed.at.text().ok_or_else(lacks)?;
            let appid = handed.appid.as_deref().unwrap_or(own);
            let text = sign::client_text(appid, &at, &handed.noncestr, &handed.prepayid);
            (appid, text, &handed.sign)
        }
    };
    let merchant = world.merchant(order.mchid());
    let signed = merchant.is_some_and(|merchant| merchant.verifier.verify(&text, signature));
    match signed && appid == own {
        true => Ok(()),
        false => Err(refused("商家签名有误")),
    }
}

pub(super) fn check_partner(order: &Order, handed: &HandedToSdk) -> Result<(), PhoneFault> {
    let known = [Some(order.mchid()), order.parties.sub_mchid.as_deref()];
    let partner = handed.partnerid.as_deref().unwrap_or(order.mchid());
    match known.contains(&Some(partner)) && handed.package() == Some("Sign=WXPay") {
        true => Ok(()),
        false => Err(refused("partnerid或package参数错误")),
    }
}

fn fail(
    documents: &mut dyn DocumentStore,
    order: Order,
) -> Result<(String, Vec<OutgoingCallback>), DocumentFault> {
    let text = "支付失败，银行卡余额不足";
    payment::put(documents, order, State::Open { last_error: Some(text.to_owned()) })?;
    Ok((text.to_owned(), vec![]))
}

fn query_value(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let value =
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name);
    value.and_then(|(_, value)| decode(value)).filter(|value| !value.is_empty())
}

pub(super) fn refused(text: &str) -> PhoneFault {
    PhoneFault::Refused(text.to_owned())
}
