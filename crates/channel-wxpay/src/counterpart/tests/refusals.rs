//! What the counterpart refuses: forgers, and fields that break their rules.

use super::stage::*;
use channel::{Counterpart, Method, Request, Response};
use ledger::Timestamp;
use serde_json::{Value, json};

const JSAPI: &str = "/v3/pay/transactions/jsapi";

fn good_order() -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "description": "商品",
        "out_trade_no": "T12345",
        "time_expire": "2026-11-18T20:06:40+08:00",
        "notify_url": "https://shop.example/notify",
        "amount": { "total": 1, "currency": "CNY" },
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" },
        "scene_info": { "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } },
        "detail": { "goods_detail": [] },
    })
}

fn good_partner_order() -> Value {
    let mut order = good_order();
    for (name, value) in [
        ("appid", Value::Null),
        ("mchid", Value::Null),
        ("sp_appid", json!(APPID)),
        ("sp_mchid", json!(MCHID)),
        ("sub_appid", json!(SUB_APPID)),
        ("sub_mchid", json!(SUB_MCHID)),
        ("payer", json!({ "sub_openid": "o1" })),
    ] {
        order[name] = value;
    }
    order
}

/// Status, code and message.
fn read(response: &Response) -> (u16, String, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (response.status, text("code"), text("message"))
}

fn post(stage: &mut Stage, target: &str, body: &Value) -> (u16, String, String) {
    let body = body.to_string();
    let request = signed(&KEYS.merchant, Method::Post, target, body.as_bytes(), stage.now);
    read(&stage.send(&request))
}

fn with(mut order: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    order.pointer_mut(parent).expect("the parent is there")[name] = value;
    order
}

#[test]
fn fields_that_break_their_rules_are_named() {
    let table = [
        (JSAPI, "/appid", json!("")),
        (JSAPI, "/mchid", Value::Null),
        (JSAPI, "/mchid", json!("1900000002")),
        (JSAPI, "/description", json!("长".repeat(128))),
        (JSAPI, "/description", json!(7)),
        (JSAPI, "/out_trade_no", json!("T1234")),
        (JSAPI, "/out_trade_no", json!("T".repeat(33))),
        (JSAPI, "/out_trade_no", json!("T1234.5")),
        (JSAPI, "/time_expire", json!("2026-11-18 20:06:40")),
        (JSAPI, "/time_expire", json!("2027-11-18T20:06:40+08:00")),
        (JSAPI, "/attach", json!("a".repeat(129))),
        (JSAPI, "/notify_url", json!("http://shop.example/notify")),
        (JSAPI, "/notify_url", json!("https://shop.example/notify?x=1")),
        (JSAPI, "/notify_url", json!(format!("https://shop.example/{}", "n".repeat(255)))),
        (JSAPI, "/goods_tag", json!("g".repeat(33))),
        (JSAPI, "/amount", Value::Null),
        (JSAPI, "/amount/total", json!(0)),
        (JSAPI, "/amount/total", json!(1.5)),
        (JSAPI, "/amount/total", json!("1")),
        (JSAPI, "/amount/currency", json!("USD")),
        (JSAPI, "/payer/openid", Value::Null),
        (JSAPI, "/payer/openid", json!("o".repeat(129))),
        ("/v3/pay/transactions/h5", "/scene_info/h5_info", Value::Null),
        ("/v3/pay/transactions/h5", "/scene_info/h5_info/type", json!("Fax")),
        ("/v3/pay/transactions/h5", "/scene_info/payer_client_ip", Value::Null),
        ("/v3/pay/transactions/native", "/support_fapiao", json!("yes")),
    ];
    let mut stage = Stage::new();
    for (target, pointer, value) in table {
        let order = with(good_order(), pointer, value);
        let (status, code, message) = post(&mut stage, target, &order);
        let path = pointer.trim_start_matches('/').replace('/', ".");
        assert_eq!((status, &*code), (400, "PARAM_ERROR"), "{path}: {message}");
        assert!(message.contains(&path), "{path}: {message}");
    }
    assert!(stage.documents.0.is_empty());
    assert_eq!(post(&mut stage, JSAPI, &json!([])).0, 400);
    assert_eq!(post(&mut stage, JSAPI, &good_order()).0, 200);
}

#[test]
fn merchants_and_apps_belong_together() {
    let partner = "/v3/pay/partner/transactions/jsapi";
    let table = [
        (JSAPI, good_order(), "/appid", json!(SUB_APPID), 400, "APPID_MCHID_NOT_MATCH"),
        (partner, good_partner_order(), "/sp_appid", json!("wx0"), 400, "APPID_MCHID_NOT_MATCH"),
        (partner, good_partner_order(), "/sub_appid", json!(APPID), 400, "APPID_MCHID_NOT_MATCH"),
        (partner, good_partner_order(), "/sub_mchid", json!("1900000098"), 403, "NO_AUTH"),
        (partner, good_partner_order(), "/sub_appid", Value::Null, 400, "PARAM_ERROR"),
        (partner, good_partner_order(), "/payer/sub_openid", Value::Null, 400, "PARAM_ERROR"),
    ];
    let mut stage = Stage::new();
    for (target, order, pointer, value, status, code) in table {
        let answer = post(&mut stage, target, &with(order, pointer, value));
        assert_eq!((answer.0, &*answer.1), (status, code), "{pointer}: {}", answer.2);
    }
    assert_eq!(post(&mut stage, partner, &good_partner_order()).0, 200);
}

#[test]
fn forged_requests_are_refused() {
    let mut stage = Stage::new();
    let body = good_order().to_string();
    let now = stage.now;
    let good = |now: Timestamp| signed(&KEYS.merchant, Method::Post, JSAPI, body.as_bytes(), now);
    let authorization = |change: &dyn Fn(&str) -> String| {
        let mut request = good(now);
        request.headers[0].1 = change(&request.headers[0].1);
        request
    };
    let own_serial = &KEYS.merchant.certificate.serial;
    let mut stranger = signed(&KEYS.stranger, Method::Post, JSAPI, body.as_bytes(), now);
    let table = [
        ("no header", Request { headers: good(now).headers.split_off(1), ..good(now) }),
        ("no scheme", authorization(&|text| text.replace("WECHATPAY2", "WECHATPAY3"))),
        ("no merchant", authorization(&|text| text.replace(MCHID, "1900000002"))),
        ("other serial", authorization(&|text| text.replace(own_serial, "00"))),
        ("other nonce", authorization(&|text| text.replace("593BEC", "593BED"))),
        ("other body", Request { body: [body.as_bytes(), b" "].concat(), ..good(now) }),
        ("other target", Request { url: "/v3/pay/transactions/app".to_owned(), ..good(now) }),
        ("too old", good(now.plus_seconds(-300))),
        ("too new", good(now.plus_seconds(300))),
        ("stranger", stranger.clone()),
        ("stranger with our serial", {
            let serial = &KEYS.stranger.certificate.serial;
            stranger.headers[0].1 = stranger.headers[0].1.replace(serial, own_serial);
            stranger
        }),
    ];
    for (name, request) in table {
        let response = stage.send(&request);
        let (status, code, message) = read(&response);
        assert_eq!((status, &*code), (401, "SIGN_ERROR"), "{name}: {message}");
        assert_eq!(response.headers.len(), 1, "{name}: {:?}", response.headers);
    }
    assert!(stage.documents.0.is_empty());
    for seconds in [-299, 299] {
        assert_eq!(stage.send(&good(now.plus_seconds(seconds))).status, 200);
    }
}

#[test]
fn refunds_break_rules_by_name() {
    let target = "/v3/refund/domestic/refunds";
    let good = json!({
        "out_trade_no": "T12345", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 1, "currency": "CNY" },
    });
    let table = [
        ("/out_trade_no", Value::Null, "transaction_id"),
        ("/out_refund_no", json!("R/1"), "out_refund_no"),
        ("/out_refund_no", json!("R".repeat(65)), "out_refund_no"),
        ("/reason", json!("长".repeat(81)), "reason"),
        ("/amount/refund", json!(0), "amount.refund"),
        ("/amount/total", Value::Null, "amount.total"),
        ("/amount/currency", Value::Null, "amount.currency"),
        ("/notify_url", json!("ftp://a.example"), "notify_url"),
    ];
    let mut stage = Stage::new();
    for (pointer, value, named) in table {
        let (status, code, message) = post(&mut stage, target, &with(good.clone(), pointer, value));
        assert_eq!((status, &*code), (400, "PARAM_ERROR"), "{pointer}: {message}");
        assert!(message.contains(named), "{pointer}: {message}");
    }
    assert_eq!(post(&mut stage, target, &good).1, "RESOURCE_NOT_EXISTS");
    post(&mut stage, JSAPI, &good_order());
    assert_eq!(post(&mut stage, target, &good).1, "INVALID_REQUEST");
}

#[test]
fn queries_name_their_merchant() {
    let mut stage = Stage::new();
    let order = "/v3/pay/transactions/out-trade-no/T12345";
    for (target, status, code) in [
        (order.to_owned(), 400, "PARAM_ERROR"),
        (format!("{order}?mchid=1900000002"), 400, "PARAM_ERROR"),
        (format!("{order}?mchid={MCHID}"), 404, "ORDER_NOT_EXIST"),
        (format!("/v3/pay/transactions/id/4200?mchid={MCHID}"), 404, "ORDER_NOT_EXIST"),
        ("/v3/nothing".to_owned(), 404, ""),
        ("/v3/certificates/%zz".to_owned(), 404, ""),
    ] {
        let request = signed(&KEYS.merchant, Method::Get, &target, b"", stage.now);
        let answer = read(&stage.send(&request));
        assert_eq!((answer.0, &*answer.1), (status, code), "{target}");
    }
}

#[test]
fn operations_have_the_words_of_the_fault_control() {
    let stage = Stage::new();
    for (method, target, word) in [
        (Method::Post, "/v3/pay/transactions/jsapi", "create"),
        (Method::Post, "/v3/pay/partner/transactions/miniprogram", "create"),
        (Method::Get, "/v3/pay/transactions/out-trade-no/T%7C1?mchid=1", "query"),
        (Method::Get, "/v3/pay/partner/transactions/id/4200", "query"),
        (Method::Post, "/v3/pay/transactions/out-trade-no/T1/close", "close"),
        (Method::Post, "/v3/refund/domestic/refunds", "refund"),
        (Method::Get, "/v3/refund/domestic/refunds/R1", "query_refund"),
        (Method::Get, "/v3/certificates", "certificates"),
        (Method::Get, "/v3/pay/transactions/jsapi", "other"),
    ] {
        let request = Request { method, url: target.to_owned(), headers: vec![], body: vec![] };
        assert_eq!(stage.counterpart.operation(&request), word, "{target}");
    }
}
