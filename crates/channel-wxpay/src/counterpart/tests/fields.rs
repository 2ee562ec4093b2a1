//! The rules of fields: what is refused, with which words.

use super::raw::*;
use super::stage::*;
use channel::{Method, Request};
use serde_json::{Value, json};

#[test]
fn fields_that_break_their_rules_are_named() {
    let table = [
        (JSAPI, "/appid", json!("")),
        (JSAPI, "/mchid", Value::Null),
        (JSAPI, "/description", json!("长".repeat(128))),
        (JSAPI, "/description", json!(7)),
        (JSAPI, "/description", json!("礼物🎁")),
        (JSAPI, "/out_trade_no", json!("T1234")),
        (JSAPI, "/out_trade_no", json!("T".repeat(33))),
        (JSAPI, "/out_trade_no", json!("T1234.5")),
        (JSAPI, "/attach", json!("a".repeat(129))),
        (JSAPI, "/attach", json!("长".repeat(43))),
        (JSAPI, "/attach", json!("🎁")),
        (JSAPI, "/notify_url", json!("ftp://shop.example/notify")),
        (JSAPI, "/notify_url", json!("https://shop.example/notify?x=1")),
        (JSAPI, "/notify_url", json!(format!("https://shop.example/{}", "n".repeat(255)))),
        (JSAPI, "/goods_tag", json!("g".repeat(33))),
        (JSAPI, "/amount", Value::Null),
        (JSAPI, "/amount/total", json!(0)),
        (JSAPI, "/amount/total", json!(1.5)),
        (JSAPI, "/amount/total", json!("1")),
        (JSAPI, "/amount/total", json!(1_000_000_000_000_000_000_i64)),
        (JSAPI, "/amount/currency", json!("USD")),
        (JSAPI, "/payer/openid", Value::Null),
        (JSAPI, "/payer/openid", json!("o".repeat(129))),
        (JSAPI, "/limit_pay", json!("no_credit")),
        (JSAPI, "/limit_pay", json!(["no_credit", "no_cash"])),
        (JSAPI, "/detail", json!("x")),
        (JSAPI, "/detail/cost_price", json!("1")),
        (JSAPI, "/detail/goods_detail", json!({})),
        (JSAPI, "/detail/goods_detail/0/quantity", Value::Null),
        (JSAPI, "/detail/goods_detail/0/quantity", json!(0)),
        (JSAPI, "/settle_info", json!("x")),
        (JSAPI, "/settle_info", json!({ "profit_sharing": "Y" })),
        (JSAPI, "/scene_info/payer_client_ip", json!("abc")),
        (JSAPI, "/scene_info/store_info", json!({ "name": "店" })),
        (H5, "/scene_info/h5_info", Value::Null),
        (H5, "/scene_info/h5_info/type", json!("Fax")),
        (H5, "/scene_info/payer_client_ip", Value::Null),
        (NATIVE, "/support_fapiao", json!("yes")),
        (CODE_PAY, "/payer/auth_code", Value::Null),
        (CODE_PAY, "/scene_info/store_info", Value::Null),
        (CODE_PAY, "/scene_info/device_ip", json!("abc")),
    ];
    let mut stage = Stage::new();
    for (target, pointer, value) in table {
        let good = if target == CODE_PAY { good_code_order("13") } else { good_order() };
        let answer = post(&mut stage, target, &with(good, pointer, value));
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "PARAM_ERROR"), "{pointer}: {message}");
        assert!(message.contains(&format!("/body{pointer}")), "{pointer}: {message}");
        let detail = &answer.body["detail"];
        let field = detail["field"].as_str().expect("a field");
        assert!(field.starts_with(pointer), "{field}, not {pointer}");
        assert_eq!(detail["location"], "body", "{pointer}");
        assert!(detail["issue"].is_string() && detail.get("value").is_some(), "{pointer}");
    }
    assert!(stage.documents.0.is_empty());
    assert_eq!(post(&mut stage, JSAPI, &json!([])).status, 400);
    for (target, number) in [(JSAPI, "T12345"), (NATIVE, "T12346"), (H5, "T12347"), (APP, "T1234|")]
    {
        let order = with(good_order(), "/out_trade_no", json!(number));
        assert_eq!(post(&mut stage, target, &order).status, 200, "{target}");
    }
}

#[test]
fn refusals_have_the_channels_words() {
    let mut stage = Stage::new();
    for (pointer, value, message, detail) in [
        (
            "/amount/total",
            json!(0),
            "输入源“/body/amount/total”映射到数值字段“总金额”规则校验失败，值低于最小值 1",
            json!(0),
        ),
        (
            "/amount/total",
            json!(0.01),
            "无法将 JSON 输入源“/body/amount/total”映射到目标字段“总金额”中，\
             此字段需要一个合法的 64 位有符号整数",
            json!(0.01),
        ),
        (
            "/attach",
            json!("a".repeat(203)),
            "输入源“/body/attach”映射到值字段“附加数据”字符串规则校验失败，字节数 203，大于最大值 128",
            json!(203),
        ),
        (
            "/out_trade_no",
            json!("订单号123456"),
            "输入源“/body/out_trade_no”映射到值字段“商户订单号”字符串规则校验失败，\
             字符串必须匹配正则表达式“^[0-9a-zA-Z_\\-\\|\\*]+$”",
            json!("订单号123456"),
        ),
        (
            "/appid",
            Value::Null,
            "输入源“/body/appid”映射到字段“公众号ID”必填性规则校验失败，此字段为必填项",
            json!(""),
        ),
    ] {
        let answer = post(&mut stage, JSAPI, &with(good_order(), pointer, value));
        assert_eq!(answer.refusal(), (400, "PARAM_ERROR", message));
        assert_eq!(answer.body["detail"]["value"], detail, "{pointer}");
    }
}

#[test]
fn nulls_and_unknown_members_are_refused() {
    let mut stage = Stage::new();
    let mut null = good_order();
    null["attach"] = Value::Null;
    let answer = post(&mut stage, JSAPI, &null);
    let (status, code, message) = answer.refusal();
    assert_eq!((status, code), (400, "PARAM_ERROR"));
    assert!(message.contains("/body/attach") && message.contains("null"), "{message}");
    for pointer in ["/mch_id", "/amount/fee", "/detail/goods_detail/0/colour", "/payer/name"] {
        let answer = post(&mut stage, JSAPI, &with(good_order(), pointer, json!("x")));
        assert_eq!(answer.refusal(), (400, "PARAM_ERROR", "参数中含有非法的额外参数"), "{pointer}");
    }
    assert!(stage.documents.0.is_empty());
}

#[test]
fn times_are_written_as_rfc_3339_has_them() {
    let mut stage = Stage::new();
    for bad in [
        "2026-11-18 20:06:40+08:00",
        "2026-11-18T20:06:40+0800",
        "2026-11-18T20:06:40+08",
        "2026-11-18T20:06+08:00",
        "2026-11-18T20:06:40+08:00[Asia/Shanghai]",
        "2026-11-18T20:06:40",
        "2026-11-18T20:06:40.+08:00",
        "2026-11-18T20:06:40,5+08:00",
        "2026-11-18t20:06:40+08:00",
        "2026-11-31T20:06:40+08:00",
        "20261118200640",
    ] {
        let answer = post(&mut stage, JSAPI, &with(good_order(), "/time_expire", json!(bad)));
        assert_eq!(answer.refusal().1, "PARAM_ERROR", "{bad}");
    }
    let late = with(good_order(), "/time_expire", json!("2027-11-18T20:06:40+08:00"));
    assert_eq!(post(&mut stage, JSAPI, &late).refusal().1, "PARAM_ERROR");
    // A time that is past or near is moved to a minute from now.
    for (number, near) in
        [("T12345", "2020-11-18T20:06:40+08:00"), ("T12346", "2026-11-18T11:06:50.123Z")]
    {
        let order = with(good_order(), "/out_trade_no", json!(number));
        assert_eq!(post(&mut stage, JSAPI, &with(order, "/time_expire", json!(near))).status, 200);
        stage.later(59);
        assert_eq!(get(&mut stage, &query_target(number)).body["trade_state"], "NOTPAY");
        stage.later(1);
        assert_eq!(get(&mut stage, &query_target(number)).body["trade_state"], "CLOSED");
        stage.later(-60);
    }
}

#[test]
fn a_body_says_that_it_is_json() {
    let mut stage = Stage::new();
    let body = good_order().to_string();
    let good = signed(&KEYS.merchant, Method::Post, JSAPI, body.as_bytes(), stage.now);
    let kinds = [
        (None, 400),
        (Some("text/plain"), 400),
        (Some("application/x-www-form-urlencoded"), 400),
        (Some("Application/JSON; charset=utf-8"), 200),
    ];
    for (kind, status) in kinds {
        let mut headers = good.headers.clone();
        headers.retain(|(name, _)| name != "Content-Type");
        headers.extend(kind.map(|kind| ("Content-Type".to_owned(), kind.to_owned())));
        let response = stage.send(&Request { headers, ..good.clone() });
        assert_eq!(response.status, status, "{kind:?}");
    }
}

#[test]
fn refunds_break_rules_by_name() {
    let good = json!({
        "out_trade_no": "T12345", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 1, "currency": "CNY" },
    });
    let goods = json!([{ "merchant_goods_id": "g1" }]);
    let table = [
        ("/out_trade_no", Value::Null, "/transaction_id"),
        ("/out_refund_no", json!("R/1"), "/out_refund_no"),
        ("/out_refund_no", json!("R".repeat(65)), "/out_refund_no"),
        ("/reason", json!("长".repeat(81)), "/reason"),
        ("/reason", json!("😀"), "/reason"),
        ("/amount/refund", json!(0), "/amount/refund"),
        ("/amount/total", Value::Null, "/amount/total"),
        ("/amount/currency", Value::Null, "/amount/currency"),
        ("/amount/from", json!([{ "account": "JUNK", "amount": 1 }]), "/amount/from/0/account"),
        ("/notify_url", json!("ftp://a.example"), "/notify_url"),
        ("/funds_account", json!("JUNK"), "/funds_account"),
        ("/goods_detail", json!("x"), "/goods_detail"),
        ("/goods_detail", goods, "/goods_detail/0/unit_price"),
    ];
    let mut stage = Stage::new();
    for (pointer, value, named) in table {
        let answer = post(&mut stage, REFUNDS, &with(good.clone(), pointer, value));
        let (status, code, message) = answer.refusal();
        assert_eq!((status, code), (400, "PARAM_ERROR"), "{pointer}: {message}");
        assert_eq!(answer.body["detail"]["field"], named, "{pointer}: {message}");
    }
    let none = post(&mut stage, REFUNDS, &good);
    assert_eq!(none.refusal(), (404, "RESOURCE_NOT_EXISTS", "订单不存在"));
}
