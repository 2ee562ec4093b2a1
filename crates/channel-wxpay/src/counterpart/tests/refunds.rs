//! Refunds: repeats, limits, and what follows a refused account.

use super::raw::*;
use super::stage::*;
use crate::counterpart::Trust;
use channel::{FaultMode, PhoneOutcome, RefundStatus};
use serde_json::{Value, json};

const TWICE: (u16, &str, &str) =
    (400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致，请核实后再试");

fn good_refund() -> Value {
    json!({
        "out_trade_no": "T12345",
        "out_refund_no": "R1",
        "reason": "退货",
        "notify_url": "https://shop.example/refunds",
        "amount": { "refund": 40, "total": 100, "currency": "CNY" },
    })
}

/// A stage on which one order was paid, and its transaction id.
fn paid() -> (Stage, String) {
    let mut stage = Stage::new();
    let code_url = text(&post(&mut stage, NATIVE, &good_order()).body["code_url"]);
    stage.phone(&code_url, PhoneOutcome::Success).expect("the phone pays");
    let id = text(&get(&mut stage, &query_target("T12345")).body["transaction_id"]);
    (stage, id)
}

#[test]
fn a_repeat_is_known_by_its_order_and_amounts() {
    let (mut stage, id) = paid();
    let first = post(&mut stage, REFUNDS, &good_refund());
    assert_eq!((first.status, &first.body["status"]), (200, &json!("PROCESSING")));
    let by_id = with(good_refund(), "/out_trade_no", Value::Null);
    let by_id = with(by_id, "/transaction_id", json!(id));
    for same in [good_refund(), by_id, with(good_refund(), "/reason", json!("其他"))] {
        let again = post(&mut stage, REFUNDS, &same);
        assert_eq!((again.status, &again.body["status"]), (200, &json!("SUCCESS")));
        assert_eq!(again.body["refund_id"], first.body["refund_id"]);
    }
    for (pointer, value) in [
        ("/amount/refund", json!(41)),
        ("/amount/total", json!(99)),
        ("/out_trade_no", json!("T-other")),
    ] {
        let other = post(&mut stage, REFUNDS, &with(good_refund(), pointer, value));
        assert_eq!(other.refusal(), TWICE, "{pointer}");
    }
}

#[test]
fn an_order_without_a_payment_cannot_be_refunded() {
    let mut stage = Stage::new();
    let none = (404, "RESOURCE_NOT_EXISTS", "订单不存在");
    assert_eq!(post(&mut stage, REFUNDS, &good_refund()).refusal(), none);
    post(&mut stage, NATIVE, &good_order());
    assert_eq!(post(&mut stage, REFUNDS, &good_refund()).refusal(), none);
    post(&mut stage, &close_target("T12345"), &json!({ "mchid": MCHID }));
    assert_eq!(post(&mut stage, REFUNDS, &good_refund()).refusal(), none);
}

#[test]
fn an_order_is_refunded_once_in_full() {
    let (mut stage, _) = paid();
    let refund = |number: &str, fen: i64| {
        let body = with(good_refund(), "/out_refund_no", json!(number));
        with(body, "/amount/refund", json!(fen))
    };
    let other_total = with(good_refund(), "/amount/total", json!(99));
    assert_eq!(post(&mut stage, REFUNDS, &other_total).refusal(), TWICE);
    assert_eq!(post(&mut stage, REFUNDS, &refund("R1", 60)).status, 200);
    assert_eq!(post(&mut stage, REFUNDS, &refund("R2", 41)).refusal().1, "INVALID_REQUEST");
    assert_eq!(post(&mut stage, REFUNDS, &refund("R2", 40)).status, 200);
    let more = post(&mut stage, REFUNDS, &refund("R3", 1));
    assert_eq!(more.refusal(), (400, "INVALID_REQUEST", "订单已全额退款"));
}

/// A stage with a refund that the payer's account refused, and the target that sends it on.
fn abnormal(counterpart: crate::counterpart::WxpayCounterpart) -> (Stage, String) {
    let (mut stage, _) = paid();
    stage.counterpart = counterpart;
    stage.mode = FaultMode::Refund { status: RefundStatus::Abnormal };
    let refund = post(&mut stage, REFUNDS, &good_refund());
    stage.mode = FaultMode::Honest;
    let id = text(&refund.body["refund_id"]);
    (stage, format!("{REFUNDS}/{id}/apply-abnormal-refund"))
}

#[test]
fn an_abnormal_refund_goes_on_to_the_merchants_card() {
    let (mut stage, target) = abnormal(Stage::new().counterpart);
    let query = format!("{REFUNDS}/R1");
    assert_eq!(get(&mut stage, &query).body["status"], "ABNORMAL");
    stage.later(60);
    let body = json!({ "out_refund_no": "R1", "type": "MERCHANT_BANK_CARD" });
    let other = with(body.clone(), "/out_refund_no", json!("R2"));
    assert_eq!(post(&mut stage, &target, &other).refusal().1, "RESOURCE_NOT_EXISTS");
    let taken = post(&mut stage, &target, &body);
    assert_eq!((taken.status, &taken.body["status"]), (200, &json!("PROCESSING")));
    let ended = get(&mut stage, &query).body;
    assert_eq!(
        (&ended["status"], &ended["channel"]),
        (&json!("SUCCESS"), &json!("OTHER_BANKCARD"))
    );
    assert_eq!(ended["success_time"], "2026-11-18T19:07:40+08:00");
    let events: Vec<Value> = stage
        .outgoing
        .iter()
        .map(|callback| {
            let plain: Value = serde_json::from_str(&callback.text).expect("JSON");
            plain["event"].clone()
        })
        .collect();
    assert_eq!(events, ["paid", "refund_abnormal", "refunded"]);
    assert_eq!(post(&mut stage, &target, &body).refusal().1, "INVALID_REQUEST");
}

#[test]
fn an_abnormal_refund_goes_on_to_a_card_that_was_sealed_for_the_channel() {
    let platform = include_str!("../../../golden/platform_certificate.pem");
    let mut world = world(Trust::Certificate);
    world.platform_private_key_pem = include_str!("../../../golden/platform_key.pem").to_owned();
    world.platform_cert_pem = platform.to_owned();
    let counterpart = crate::counterpart::WxpayCounterpart::new(world).expect("a sound world");
    let (mut stage, target) = abnormal(counterpart);
    let sealed = include_str!("../../../golden/bank_account.sealed").trim();
    let body = json!({
        "out_refund_no": "R1", "type": "USER_BANK_CARD", "bank_type": "ICBC_DEBIT",
        "bank_account": sealed, "real_name": sealed,
    });
    let lacks = post(&mut stage, &target, &with(body.clone(), "/real_name", Value::Null));
    assert_eq!(lacks.body["detail"]["field"], "/real_name");
    let unnamed = post(&mut stage, &target, &body);
    assert_eq!(unnamed.refusal().2, "平台证书序列号Wechatpay-Serial错误");
    let serial = crypto::certificate::Certificate::read(platform).expect("a certificate").serial;
    let bytes = body.to_string();
    let mut request =
        signed(&KEYS.merchant, channel::Method::Post, &target, bytes.as_bytes(), stage.now);
    request.headers.push(("Wechatpay-Serial".to_owned(), serial));
    assert_eq!(stage.send(&request).status, 200);
    let ended = get(&mut stage, &format!("{REFUNDS}/R1")).body;
    assert_eq!(ended["user_received_account"], "ICBC_DEBIT8888");
}
