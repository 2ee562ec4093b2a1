//! What each call takes: its fields, whether they may be absent, and what they must be.
//!
//! `check` holds the rules themselves and the words of their refusals, `sharing` the fields of profit sharing.

mod check;
pub(super) mod sharing;

use crate::counterpart::refusal::{Location, Refusal};
use crate::counterpart::route::{Mode, Trade};
use channel::Request;
use check::Rule::{self, List, Object, OneOf, Words};
use check::{Field, may, want};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most fen of an amount: a billion yuan. The channel's own bound is not documented.
const AMOUNT_MAX: i64 = 100_000_000_000;
const AMOUNT: Rule = Rule::Whole { min: 1, max: AMOUNT_MAX };
const PRICE: Rule = Rule::Whole { min: 0, max: AMOUNT_MAX };
const QUANTITY: Rule = Rule::Whole { min: 1, max: u32::MAX as i64 };
const ID: Rule = Rule::Text(32);
const OPENID: Rule = Rule::Text(128);

const APPID: Field = want("appid", "公众号ID", ID);
const MCHID: Field = want("mchid", "直连商户号", ID);
const SP_APPID: Field = want("sp_appid", "服务商应用ID", ID);
const SP_MCHID: Field = want("sp_mchid", "服务商户号", ID);
const SUB_APPID: Field = may("sub_appid", "子商户应用ID", ID);
const SUB_MCHID: Field = want("sub_mchid", "子商户号", ID);

const ORDER_AMOUNT: &[Field] =
    &[want("total", "总金额", AMOUNT), may("currency", "货币类型", OneOf(&["CNY"]))];

const GOODS: &[Field] = &[
    want("merchant_goods_id", "商户侧商品编码", ID),
    may("wechatpay_goods_id", "微信侧商品编码", ID),
    may("goods_name", "商品名称", Rule::Text(256)),
    want("quantity", "商品数量", QUANTITY),
    want("unit_price", "商品单价", PRICE),
];

const DETAIL: &[Field] = &[
    may("cost_price", "订单原价", PRICE),
    may("invoice_id", "商品小票ID", ID),
    may("goods_detail", "单品列表", List(GOODS)),
];

const STORE: &[Field] = &[
    want("id", "门店编号", ID),
    may("name", "门店名称", Rule::Text(256)),
    may("area_code", "地区编码", ID),
    may("address", "详细地址", Rule::Text(512)),
];

const PAGE: &[Field] = &[
    want("type", "场景类型", OneOf(&["iOS", "Android", "Wap"])),
    may("app_name", "应用名称", Rule::Text(64)),
    may("app_url", "网站URL", Rule::Text(128)),
    may("bundle_id", "iOS平台BundleID", Rule::Text(128)),
    may("package_name", "Android平台PackageName", Rule::Text(128)),
];

const SCENE: &[Field] = &[
    may("payer_client_ip", "用户终端IP", Rule::Address),
    may("device_id", "商户端设备号", ID),
    may("store_info", "商户门店信息", Object(STORE)),
    may("h5_info", "H5场景信息", Object(PAGE)),
];

/// What an h5 order must name of its scene; the rest of it is checked as in every order.
const SCENE_OF_H5: [Field; 2] = [
    want("payer_client_ip", "用户终端IP", Rule::Address),
    want("h5_info", "H5场景信息", Object(PAGE)),
];

const SETTLE: &[Field] = &[may("profit_sharing", "是否指定分账", Rule::Flag)];
const LIMITS: &[&str] = &["no_balance", "no_credit", "no_debit", "balance_only"];

/// What orders of every kind have, but for the names of merchants and the payer.
const COMMON: [Field; 8] = [
    want("description", "商品描述", Rule::Text(127)),
    want("out_trade_no", "商户订单号", Rule::TradeNumber),
    may("attach", "附加数据", Rule::Bytes(128)),
    may("goods_tag", "订单优惠标记", ID),
    may("support_fapiao", "电子发票入口开放标识", Rule::Flag),
    want("amount", "订单金额", Object(ORDER_AMOUNT)),
    may("detail", "优惠功能", Object(DETAIL)),
    may("settle_info", "结算信息", Object(SETTLE)),
];

const ORDER: [Field; 4] = [
    may("time_expire", "交易结束时间", Rule::Time),
    want("notify_url", "通知地址", Rule::NotifyUrl(255)),
    may("limit_pay", "指定支付方式", Words(LIMITS)),
    may("scene_info", "场景信息", Object(SCENE)),
];

const PAYER: &[Field] = &[may("openid", "用户标识", OPENID)];
const PARTNER_PAYER: &[Field] =
    &[may("sp_openid", "用户服务标识", OPENID), may("sub_openid", "用户子标识", OPENID)];

const STORE_OF_CODE_PAY: &[Field] =
    &[want("id", "门店编号", ID), may("out_id", "商家自定义编码", Rule::Text(256))];
const SCENE_OF_CODE_PAY: &[Field] = &[
    may("device_id", "商户端设备号", ID),
    may("device_ip", "商户端设备IP", Rule::Address),
    want("store_info", "商户门店信息", Object(STORE_OF_CODE_PAY)),
];
const CODE_PAY: [Field; 2] = [
    want("payer", "支付者", Object(&[want("auth_code", "付款码", Rule::Bytes(128))])),
    may("scene_info", "场景信息", Object(SCENE_OF_CODE_PAY)),
];

const REFUND_FROM: &[Field] = &[
    want("account", "出资账户类型", OneOf(&["AVAILABLE", "UNAVAILABLE"])),
    want("amount", "出资金额", AMOUNT),
];

const REFUND_AMOUNT: &[Field] = &[
    want("refund", "退款金额", AMOUNT),
    want("total", "原订单金额", AMOUNT),
    want("currency", "退款币种", OneOf(&["CNY"])),
    may("from", "退款出资账户及金额", List(REFUND_FROM)),
];

const REFUND_GOODS: &[Field] = &[
    want("merchant_goods_id", "商户侧商品编码", ID),
    may("wechatpay_goods_id", "微信支付商品编码", ID),
    may("goods_name", "商品名称", Rule::Text(256)),
    want("unit_price", "商品单价", PRICE),
    want("refund_amount", "商品退款金额", PRICE),
    want("refund_quantity", "商品退货数量", QUANTITY),
];

const REFUND: [Field; 9] = [
    may("sub_mchid", "子商户号", ID),
    may("transaction_id", "微信支付订单号", ID),
    may("out_trade_no", "商户订单号", Rule::TradeNumber),
    want("out_refund_no", "商户退款单号", Rule::RefundNumber),
    may("reason", "退款原因", Rule::Text(80)),
    may("notify_url", "退款结果回调url", Rule::NotifyUrl(256)),
    may("funds_account", "退款资金来源", OneOf(&["AVAILABLE", "UNSETTLED"])),
    want("amount", "金额信息", Object(REFUND_AMOUNT)),
    may("goods_detail", "退款商品", List(REFUND_GOODS)),
];

const SEALED: Rule = Rule::Text(1024);
const ABNORMAL_REFUND: [Field; 6] = [
    may("sub_mchid", "子商户号", ID),
    want("out_refund_no", "商户退款单号", Rule::RefundNumber),
    want("type", "异常退款处理方式", OneOf(&["USER_BANK_CARD", "MERCHANT_BANK_CARD"])),
    may("bank_type", "开户银行", Rule::Text(16)),
    may("bank_account", "收款银行卡号", SEALED),
    may("real_name", "收款用户姓名", SEALED),
];

/// What a refund to the payer's own card must name; it is checked as above.
const CARD: [Field; 3] = [
    want("bank_type", "开户银行", Rule::Text(16)),
    want("bank_account", "收款银行卡号", SEALED),
    want("real_name", "收款用户姓名", SEALED),
];

/// Reads the body of a request as a JSON object.
pub(super) fn parse(request: &Request) -> Result<Value, Refusal> {
    let kind = request.header("Content-Type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "Http头Content-Type值错误，请使用application/json";
        return Err(Refusal::new("PARAM_ERROR", message));
    }
    match serde_json::from_slice(&request.body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(Refusal::new("PARAM_ERROR", "请求包体不是合法的JSON对象")),
    }
}

/// Turns checked JSON into its wire type.
pub(super) fn convert<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::field("body", &error.to_string()))
}

/// Checks an order.
pub(super) fn check_order(body: &Value, trade: Trade, mode: Mode) -> Result<(), Refusal> {
    match trade {
        Trade::Micropay => check::object(body, &[parties(mode), &COMMON, &CODE_PAY]),
        Trade::Native | Trade::App | Trade::Papay => check_placed(body, mode),
        Trade::Jsapi => check_placed(body, mode).and_then(|()| check_payer(body, mode)),
        Trade::H5 => check_placed(body, mode)
            .and_then(|()| check::wanted(body.get("scene_info"), "/body/scene_info", &SCENE_OF_H5)),
    }
}

/// Checks what every order has that the payer pays later.
fn check_placed(body: &Value, mode: Mode) -> Result<(), Refusal> {
    let payer = match mode {
        Mode::Direct => PAYER,
        Mode::Partner => PARTNER_PAYER,
    };
    let payer = may("payer", "支付者", Object(payer));
    check::object(body, &[parties(mode), &COMMON, &ORDER, &[payer]])
}

/// The names of merchants and apps.
fn parties(mode: Mode) -> &'static [Field] {
    match mode {
        Mode::Direct => &[APPID, MCHID],
        Mode::Partner => &[SP_APPID, SP_MCHID, SUB_APPID, SUB_MCHID],
    }
}

/// Checks a request to close.
pub(super) fn check_close(body: &Value, mode: Mode) -> Result<(), Refusal> {
    match mode {
        Mode::Direct => check::object(body, &[&[MCHID]]),
        Mode::Partner => check::object(body, &[&[SP_MCHID, SUB_MCHID]]),
    }
}

/// Checks a request to reverse.
pub(super) fn check_reversal(body: &Value, mode: Mode) -> Result<(), Refusal> {
    check::object(body, &[parties(mode)])
}

/// Checks a refund.
pub(super) fn check_refund(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&REFUND])?;
    match (body.get("transaction_id"), body.get("out_trade_no")) {
        (None, None) => Err(Refusal::missing(Location::Body, "/transaction_id", "微信支付订单号")),
        (Some(_), _) | (None, Some(_)) => Ok(()),
    }
}

/// Checks a request to send a refund on to a card.
pub(super) fn check_abnormal_refund(body: &Value) -> Result<(), Refusal> {
    check::object(body, &[&ABNORMAL_REFUND])?;
    match body.get("type").and_then(Value::as_str) {
        Some("USER_BANK_CARD") => check::wanted(Some(body), "/body", &CARD),
        Some(_) | None => Ok(()),
    }
}

/// Checks the number in a path.
pub(super) fn check_number(number: &str) -> Result<(), Refusal> {
    check::number(number, "/uri_template/out_trade_no", "商户订单号")
}

fn check_payer(body: &Value, mode: Mode) -> Result<(), Refusal> {
    let given = |pointer| body.pointer(pointer).is_some();
    let missing = |path, label| Err(Refusal::missing(Location::Body, path, label));
    if mode == Mode::Direct {
        return match given("/payer/openid") {
            true => Ok(()),
            false => missing("/payer/openid", "用户标识"),
        };
    }
    match (given("/payer/sp_openid"), given("/payer/sub_openid"), given("/sub_appid")) {
        (false, false, _) => missing("/payer/sp_openid", "用户服务标识"),
        (_, true, false) => missing("/sub_appid", "子商户应用ID"),
        (true, _, _) | (_, true, true) => Ok(()),
    }
}
