//! What becomes of orders: repeats, closing, and what queries show.

use super::raw::*;
use super::stage::*;
use channel::{PhoneFault, PhoneOutcome};
use serde_json::{Value, json};

const CHANGED: (u16, &str, &str) = (400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");

fn close(stage: &mut Stage, number: &str) -> Answer {
    post(stage, &close_target(number), &json!({ "mchid": MCHID }))
}

#[test]
fn an_order_is_closed_as_often_as_asked() {
    let mut stage = Stage::new();
    post(&mut stage, NATIVE, &good_order());
    for _ in 0..2 {
        let closed = close(&mut stage, "T12345");
        assert_eq!((closed.status, &closed.body), (204, &Value::Null));
    }
    assert_eq!(get(&mut stage, &query_target("T12345")).body["trade_state"], "CLOSED");
    let again = post(&mut stage, NATIVE, &good_order());
    assert_eq!(again.refusal(), (400, "ORDER_CLOSED", "该订单已关闭"));
}

#[test]
fn an_order_past_its_end_can_be_closed() {
    let mut stage = Stage::new();
    post(&mut stage, NATIVE, &good_order());
    stage.later(3_600);
    assert_eq!(close(&mut stage, "T12345").status, 204);
}

#[test]
fn closing_a_number_that_was_never_ordered_burns_it() {
    let mut stage = Stage::new();
    assert_eq!(close(&mut stage, "T12345").status, 204);
    assert_eq!(close(&mut stage, "T12345").status, 204);
    assert_eq!(post(&mut stage, JSAPI, &good_order()).refusal(), CHANGED);
    let code = good_code_order("130000000000000000");
    assert_eq!(post(&mut stage, CODE_PAY, &code).refusal(), CHANGED);
    let query = get(&mut stage, &query_target("T12345"));
    assert_eq!(query.refusal(), (404, "ORDER_NOT_EXIST", "订单不存在"));
    let other = with(good_order(), "/out_trade_no", json!("T12346"));
    assert_eq!(post(&mut stage, JSAPI, &other).status, 200);
}

#[test]
fn a_number_that_cannot_be_ordered_cannot_be_closed() {
    let mut stage = Stage::new();
    let answer = close(&mut stage, "T1");
    assert_eq!(answer.refusal().1, "PARAM_ERROR");
    assert_eq!(answer.body["detail"]["location"], "uri_template");
    assert!(stage.documents.0.is_empty());
}

#[test]
fn a_paid_order_is_neither_closed_nor_ordered_again() {
    let mut stage = Stage::new();
    let code_url = text(&post(&mut stage, NATIVE, &good_order()).body["code_url"]);
    stage.phone(&code_url, PhoneOutcome::Success).expect("the phone pays");
    let paid = (400, "ORDER_PAID", "该订单已支付");
    assert_eq!(close(&mut stage, "T12345").refusal(), paid);
    assert_eq!(post(&mut stage, NATIVE, &good_order()).refusal(), paid);
}

#[test]
fn a_number_keeps_its_content() {
    let mut stage = Stage::new();
    let first = post(&mut stage, JSAPI, &good_order());
    for (pointer, value) in [
        ("/amount/total", json!(101)),
        ("/description", json!("其他")),
        ("/attach", json!("a")),
        ("/payer/openid", json!("o1")),
    ] {
        let answer = post(&mut stage, JSAPI, &with(good_order(), pointer, value));
        assert_eq!(answer.refusal(), CHANGED, "{pointer}");
    }
    let other = post(&mut stage, APP, &good_order());
    assert_eq!(other.refusal(), (403, "OUT_TRADE_NO_USED", "商户订单号重复"));
    for (pointer, value) in [
        ("/amount/currency", Value::Null),
        ("/time_expire", json!("2026-11-18T21:06:40+08:00")),
        ("/time_expire", Value::Null),
    ] {
        let answer = post(&mut stage, JSAPI, &with(good_order(), pointer, value));
        assert_eq!(answer.body, first.body, "{pointer}");
    }
}

#[test]
fn a_qr_code_that_is_ordered_again_replaces_the_old_one() {
    let mut stage = Stage::new();
    let mut order = || text(&post(&mut stage, NATIVE, &good_order()).body["code_url"]);
    let (first, second) = (order(), order());
    assert_ne!(first, second);
    for code_url in [&first, &second] {
        let code = code_url.strip_prefix("weixin://wxpay/bizpayurl?pr=").expect("a code");
        assert_eq!(code.len(), 9, "{code}");
    }
    let old = stage.phone(&first, PhoneOutcome::Success);
    assert_eq!(old, Err(PhoneFault::Refused("支付会话已过期，请重新下单".to_owned())));
    stage.phone(&second, PhoneOutcome::Success).expect("the phone pays");
}

/// The members by which an order is known in every state.
fn named() -> Value {
    json!({ "appid": APPID, "mchid": MCHID, "out_trade_no": "T12345" })
}

fn merged(mut members: Value, more: Value) -> Value {
    let all = members.as_object_mut().expect("an object");
    all.extend(more.as_object().expect("an object").clone());
    members
}

#[test]
fn an_unpaid_order_reads_so() {
    let mut stage = Stage::new();
    post(&mut stage, JSAPI, &with(good_order(), "/attach", json!("a")));
    let unpaid = merged(
        named(),
        json!({
            "amount": { "payer_currency": "CNY", "total": 100 },
            "promotion_detail": [],
            "scene_info": { "device_id": "" },
            "trade_state": "NOTPAY",
            "trade_state_desc": "订单未支付",
        }),
    );
    assert_eq!(get(&mut stage, &query_target("T12345")).body, unpaid);
    close(&mut stage, "T12345");
    let closed =
        merged(unpaid, json!({ "trade_state": "CLOSED", "trade_state_desc": "订单已关闭" }));
    assert_eq!(get(&mut stage, &query_target("T12345")).body, closed);
}

#[test]
fn a_paid_order_reads_so_on_queries_and_in_callbacks() {
    let mut stage = Stage::new();
    let code_url = text(&post(&mut stage, NATIVE, &good_order()).body["code_url"]);
    stage.phone(&code_url, PhoneOutcome::Success).expect("the phone pays");
    let shown = get(&mut stage, &query_target("T12345")).body;
    let called_back = merged(
        named(),
        json!({
            "transaction_id": shown["transaction_id"],
            "trade_type": "NATIVE",
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "bank_type": "CMB_DEBIT",
            "attach": "",
            "success_time": "2026-11-18T19:06:40+08:00",
            "payer": { "openid": shown["payer"]["openid"] },
            "amount": {
                "total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY",
            },
        }),
    );
    assert_eq!(shown, merged(called_back.clone(), json!({ "promotion_detail": [] })));
    let plain: Value = serde_json::from_str(&stage.outgoing[0].text).expect("JSON");
    assert_eq!(plain["content"], called_back);

    let refund = json!({
        "out_trade_no": "T12345", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 100, "currency": "CNY" },
    });
    assert_eq!(post(&mut stage, REFUNDS, &refund).status, 200);
    let refunded = json!({
        "trade_state": "REFUND", "trade_state_desc": "订单发生过退款，退款详情请查询退款单",
    });
    assert_eq!(get(&mut stage, &query_target("T12345")).body, merged(shown, refunded));
}
