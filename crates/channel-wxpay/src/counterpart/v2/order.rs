//! Placing an order.
//!
//! What is asked is put into the words of the newer interface, whose rules of fields hold here too.

use super::Reply;
use super::words::{parties, want, with_long_number};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Mode, Trade};
use crate::counterpart::{CallContext, order, rules};
use crate::v2::order::NOT_ORDERED;
use crate::v2::time;
use crate::v2::xml::Members;
use crate::wire;
use serde_json::{Value, json};

/// Bytes of `body`.
const BODY_LEN_MAX: usize = 128;

pub(super) fn create(call: &mut CallContext<'_>, asked: &Members) -> Result<Reply, Stop> {
    let trade = trade(want(asked, "trade_type")?)?;
    let body = body(asked, trade)?;
    rules::check_order(&with_long_number(&body), trade, mode(asked))?;
    let order = order::take(call, trade, rules::convert(body)?, fingerprint(asked))?;
    let answer = order::placed_answer(call, &order);
    Ok(Reply::message(
        Members::default()
            .with("trade_type", order.trade.trade_type())
            .with("prepay_id", &*order.prepay_id)
            .with_some("code_url", answer.code_url)
            .with_some("mweb_url", answer.h5_url),
    ))
}

pub(super) fn mode(asked: &Members) -> Mode {
    match asked.get("sub_mch_id") {
        None => Mode::Direct,
        Some(_) => Mode::Partner,
    }
}

fn trade(trade_type: &str) -> Result<Trade, Refusal> {
    [Trade::Jsapi, Trade::Native, Trade::App, Trade::H5]
        .into_iter()
        .find(|trade| trade.trade_type() == trade_type)
        .ok_or_else(|| Refusal::field("trade_type", "错误的交易类型"))
}

/// The order in the words of the newer interface.
pub(super) fn body(asked: &Members, trade: Trade) -> Result<Value, Refusal> {
    let mut body = common(asked)?;
    body["notify_url"] = json!(want(asked, "notify_url")?);
    match trade {
        Trade::Jsapi => body["payer"] = payer(asked)?,
        Trade::Native => {
            want(asked, "product_id")?;
        }
        Trade::H5 => body["scene_info"]["h5_info"] = h5_info(want(asked, "scene_info")?)?,
        Trade::App | Trade::Micropay | Trade::Papay => {}
    }
    if let Some(end) = asked.get("time_expire") {
        let end = time::read(time::COMPACT, end);
        let end = end.ok_or_else(|| Refusal::field("time_expire", "格式应为yyyyMMddHHmmss"))?;
        body["time_expire"] = json!(wire::time_text(end));
    }
    Ok(body)
}

/// What payments with a code have too.
pub(super) fn common(asked: &Members) -> Result<Value, Refusal> {
    let description = want(asked, "body")?;
    if description.len() > BODY_LEN_MAX {
        return Err(Refusal::field("body", "长度不能超过128个字节"));
    }
    let mut body = json!(parties(asked));
    body["description"] = json!(description);
    body["out_trade_no"] = json!(want(asked, "out_trade_no")?);
    body["amount"] = json!({ "total": fen(asked, "total_fee")? });
    body["scene_info"] = json!({ "payer_client_ip": want(asked, "spbill_create_ip")? });
    if let Some(currency) = asked.get("fee_type") {
        body["amount"]["currency"] = json!(currency);
    }
    if let Some(device) = asked.get("device_info") {
        body["scene_info"]["device_id"] = json!(device);
    }
    for name in ["attach", "goods_tag"] {
        if let Some(text) = asked.get(name) {
            body[name] = json!(text);
        }
    }
    match asked.get("profit_sharing") {
        None | Some("N") => {}
        Some("Y") => body["settle_info"] = json!({ "profit_sharing": true }),
        Some(_) => return Err(Refusal::field("profit_sharing", "Y或N")),
    }
    Ok(body)
}

fn payer(asked: &Members) -> Result<Value, Refusal> {
    match (mode(asked), asked.get("openid"), asked.get("sub_openid")) {
        (Mode::Direct, Some(openid), _) => Ok(json!({ "openid": openid })),
        (Mode::Partner, _, Some(openid)) => Ok(json!({ "sub_openid": openid })),
        (Mode::Partner, Some(openid), None) => Ok(json!({ "sp_openid": openid })),
        (_, None, _) => Err(super::words::lacking("openid")),
    }
}

fn h5_info(scene_info: &str) -> Result<Value, Refusal> {
    let scene: Value = serde_json::from_str(scene_info)
        .map_err(|_| Refusal::field("scene_info", "应为JSON格式"))?;
    let kind = scene.pointer("/h5_info/type").cloned();
    let kind = kind.ok_or_else(|| Refusal::field("scene_info", "缺少h5_info.type"))?;
    // The other members have other names in the newer interface.
    Ok(json!({ "type": kind }))
}

/// An amount in fen.
pub(super) fn fen(asked: &Members, name: &str) -> Result<i64, Refusal> {
    let text = want(asked, name)?;
    let is_plain = text.bytes().all(|digit| digit.is_ascii_digit());
    let fen = text.parse().ok().filter(|fen| is_plain && *fen > 0);
    fen.ok_or_else(|| Refusal::field(name, "应为正整数"))
}

/// What must be equal for a repeat to be one.
pub(super) fn fingerprint(asked: &Members) -> String {
    let ordered = asked.iter().filter(|(name, _)| !NOT_ORDERED.contains(name));
    let text: Vec<String> = ordered.map(|(name, text)| format!("{name}={text}")).collect();
    crypto::hash::sha256_hex(text.join("&").as_bytes())
}
