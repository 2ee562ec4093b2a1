//! Who the counterpart refuses: forgers, and merchants and apps that do not belong together.

use super::raw::*;
use super::stage::*;
use channel::{Counterpart, Method, Request, Response};
use ledger::Timestamp;
use serde_json::{Value, json};

fn good_partner_order() -> Value {
    let mut order = good_order();
    for (pointer, value) in [
        ("/appid", Value::Null),
        ("/mchid", Value::Null),
        ("/sp_appid", json!(APPID)),
        ("/sp_mchid", json!(MCHID)),
        ("/sub_appid", json!(SUB_APPID)),
        ("/sub_mchid", json!(SUB_MCHID)),
        ("/payer", json!({ "sub_openid": "o1" })),
    ] {
        order = with(order, pointer, value);
    }
    order
}

/// Status, code and message.
fn read(response: &Response) -> (u16, String, String) {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    (response.status, text("code"), text("message"))
}

#[test]
fn merchants_and_apps_belong_together() {
    let partner = "/v3/pay/partner/transactions/jsapi";
    let table = [
        (JSAPI, good_order(), "/appid", json!(SUB_APPID), 400, "APPID_MCHID_NOT_MATCH"),
        (JSAPI, good_order(), "/mchid", json!("1900000002"), 400, "PARAM_ERROR"),
        (partner, good_partner_order(), "/sp_appid", json!("wx0"), 400, "APPID_MCHID_NOT_MATCH"),
        (partner, good_partner_order(), "/sub_appid", json!(APPID), 400, "APPID_MCHID_NOT_MATCH"),
        (partner, good_partner_order(), "/sub_mchid", json!("1900000098"), 403, "NO_AUTH"),
        (partner, good_partner_order(), "/sub_appid", Value::Null, 400, "PARAM_ERROR"),
        (partner, good_partner_order(), "/payer/sub_openid", Value::Null, 400, "PARAM_ERROR"),
    ];
    let mut stage = Stage::new();
    for (target, order, pointer, value, status, code) in table {
        let answer = post(&mut stage, target, &with(order, pointer, value));
        let (found, word, message) = answer.refusal();
        assert_eq!((found, word), (status, code), "{pointer}: {message}");
    }
    assert_eq!(post(&mut stage, partner, &good_partner_order()).status, 200);
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
