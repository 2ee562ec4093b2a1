//! Requests as any client would send them, without the codec.

use super::stage::*;
use channel::Method;
use serde_json::{Value, json};

pub(super) const JSAPI: &str = "/v3/pay/transactions/jsapi";
pub(super) const NATIVE: &str = "/v3/pay/transactions/native";
pub(super) const H5: &str = "/v3/pay/transactions/h5";
pub(super) const APP: &str = "/v3/pay/transactions/app";
pub(super) const CODE_PAY: &str = "/v3/pay/transactions/codepay";
pub(super) const REFUNDS: &str = "/v3/refund/domestic/refunds";

/// An answer: status and JSON, null when there is no body.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// Status, code and message of a refusal.
    pub(super) fn refusal(&self) -> (u16, &str, &str) {
        let text = |name: &str| self.body[name].as_str().unwrap_or_default();
        (self.status, text("code"), text("message"))
    }
}

pub(super) fn post(stage: &mut Stage, target: &str, body: &Value) -> Answer {
    send(stage, Method::Post, target, body.to_string().as_bytes())
}

pub(super) fn get(stage: &mut Stage, target: &str) -> Answer {
    send(stage, Method::Get, target, b"")
}

fn send(stage: &mut Stage, method: Method, target: &str, body: &[u8]) -> Answer {
    let request = signed(&KEYS.merchant, method, target, body, stage.now);
    let response = stage.send(&request);
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    Answer { status: response.status, body }
}

pub(super) fn good_order() -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "description": "商品",
        "out_trade_no": "T12345",
        "time_expire": "2026-11-18T20:06:40+08:00",
        "notify_url": "https://shop.example/notify",
        "amount": { "total": 100, "currency": "CNY" },
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "scene_info": { "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } },
        "detail": {
            "goods_detail": [{ "merchant_goods_id": "g1", "quantity": 1, "unit_price": 100 }],
        },
    })
}

/// An order that is paid with a code on the phone.
pub(super) fn good_code_order(auth_code: &str) -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "description": "商品",
        "out_trade_no": "T12345",
        "amount": { "total": 100, "currency": "CNY" },
        "payer": { "auth_code": auth_code },
        "scene_info": { "device_id": "POS-7", "store_info": { "id": "S1" } },
    })
}

/// With another value; without the member when the value is null.
pub(super) fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("the parent is there");
    match value {
        Value::Null => drop(parent.as_object_mut().expect("an object").remove(name)),
        value => parent[name] = value,
    }
    body
}

pub(super) fn query_target(number: &str) -> String {
    format!("/v3/pay/transactions/out-trade-no/{number}?mchid={MCHID}")
}

pub(super) fn close_target(number: &str) -> String {
    format!("/v3/pay/transactions/out-trade-no/{number}/close")
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
