//! Payments with a code on the phone, and their reversal.

use super::raw::*;
use super::stage::*;
use channel::{Counterpart, PhoneFault, PhoneOutcome, ScanOutcome};
use serde_json::{Value, json};

/// A code that the phone shows now.
fn shown(stage: &mut Stage, outcome: ScanOutcome) -> String {
    let context = stage.context();
    let code = stage.counterpart.payment_code(&mut stage.documents, outcome, &context);
    code.expect("memory does not fail").expect("the channel has codes")
}

fn reverse(stage: &mut Stage) -> Answer {
    let target = "/v3/pay/transactions/out-trade-no/T12345/reverse";
    post(stage, target, &json!({ "appid": APPID, "mchid": MCHID }))
}

fn state(stage: &mut Stage) -> String {
    text(&get(stage, &query_target("T12345")).body["trade_state"])
}

#[test]
fn a_scanned_code_pays_at_once() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    let paid = post(&mut stage, CODE_PAY, &good_code_order(&code));
    assert_eq!(paid.status, 200);
    assert_eq!(
        (&paid.body["trade_state"], &paid.body["trade_type"]),
        (&json!("SUCCESS"), &json!("MICROPAY"))
    );
    assert_eq!(paid.body["amount"]["payer_total"], 100);
    assert_eq!(get(&mut stage, &query_target("T12345")).body, paid.body);
    assert!(stage.outgoing.is_empty(), "there is no address to call back");
    let again = post(&mut stage, CODE_PAY, &good_code_order(&code));
    assert_eq!(again.refusal().1, "ORDER_PAID");
    let second = with(good_code_order(&code), "/out_trade_no", json!("T12346"));
    assert_eq!(post(&mut stage, CODE_PAY, &second).refusal().1, "AUTHCODEEXPIRE");
}

#[test]
fn a_code_is_eighteen_digits_and_works_a_minute() {
    let mut stage = Stage::new();
    for bad in ["1", "200000000000000000", "13000000000000000x"] {
        let answer = post(&mut stage, CODE_PAY, &good_code_order(bad));
        assert_eq!(answer.refusal().1, "AUTH_CODE_INVALID", "{bad}");
    }
    let code = shown(&mut stage, ScanOutcome::Success);
    stage.later(60);
    assert_eq!(post(&mut stage, CODE_PAY, &good_code_order(&code)).refusal().1, "AUTHCODEEXPIRE");
    stage.later(-1);
    assert_eq!(post(&mut stage, CODE_PAY, &good_code_order(&code)).status, 200);
}

#[test]
fn the_payer_types_a_password() {
    for (outcome, want) in [
        (PhoneOutcome::Success, "SUCCESS"),
        (PhoneOutcome::Fail, "PAYERROR"),
        (PhoneOutcome::Cancel, "NOTPAY"),
    ] {
        let mut stage = Stage::new();
        let code = shown(&mut stage, ScanOutcome::Password);
        let early = stage.phone(&code, outcome);
        assert_eq!(early, Err(PhoneFault::Refused("付款码尚未被扫描".to_owned())));
        for _ in 0..2 {
            let asked = post(&mut stage, CODE_PAY, &good_code_order(&code));
            assert_eq!(asked.refusal(), (202, "USERPAYING", "需要用户输入支付密码"));
            assert_eq!(state(&mut stage), "USERPAYING");
        }
        stage.phone(&code, outcome).expect("the payer answers");
        assert_eq!(state(&mut stage), want);
        assert!(stage.phone(&code, PhoneOutcome::Success).is_err(), "the question is answered");
    }
}

#[test]
fn a_bank_that_says_no_ends_the_payment() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Fail);
    let answer = post(&mut stage, CODE_PAY, &good_code_order(&code));
    assert_eq!((answer.status, answer.refusal().1), (403, "NOTENOUGH"));
    assert_eq!(state(&mut stage), "PAYERROR");
}

#[test]
fn what_was_not_paid_can_be_reversed_and_is_not_paid_later() {
    let mut stage = Stage::new();
    assert_eq!(reverse(&mut stage).refusal().1, "ORDER_NOT_EXIST");
    let code = shown(&mut stage, ScanOutcome::Password);
    post(&mut stage, CODE_PAY, &good_code_order(&code));
    for _ in 0..2 {
        let reversed = reverse(&mut stage);
        let want = json!({ "appid": APPID, "mchid": MCHID, "out_trade_no": "T12345" });
        assert_eq!((reversed.status, reversed.body), (200, want));
    }
    assert_eq!(state(&mut stage), "REVOKED");
    assert!(stage.phone(&code, PhoneOutcome::Success).is_err());
    let again = post(&mut stage, CODE_PAY, &good_code_order(&code));
    assert_eq!(again.refusal().1, "ORDER_REVERSED");
}

#[test]
fn other_orders_are_closed_and_not_reversed() {
    let mut stage = Stage::new();
    post(&mut stage, NATIVE, &good_order());
    assert_eq!(reverse(&mut stage).refusal().1, "INVALID_REQUEST");
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Password);
    post(&mut stage, CODE_PAY, &good_code_order(&code));
    let close = post(&mut stage, &close_target("T12345"), &json!({ "mchid": MCHID }));
    assert_eq!(close.refusal().1, "INVALID_REQUEST");
}

#[test]
fn a_reversed_payment_went_back_and_stands_on_the_bills() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    post(&mut stage, CODE_PAY, &good_code_order(&code));
    stage.later(60);
    assert_eq!(reverse(&mut stage).status, 200);
    assert_eq!(reverse(&mut stage).status, 200);
    assert_eq!(state(&mut stage), "REVOKED");
    let refund = json!({
        "out_trade_no": "T12345", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 100, "currency": "CNY" },
    });
    assert_eq!(post(&mut stage, REFUNDS, &refund).refusal().2, "订单已全额退款");

    stage.later(86_400);
    let trade = bill(&mut stage, "tradebill");
    let states: Vec<&str> = trade.lines().filter_map(|line| line.split(',').nth(9)).collect();
    assert_eq!(states, ["交易状态", "`SUCCESS", "`REVOKED"]);
    assert!(trade.ends_with("`2,`1.00,`1.00,`0.00,`0.00,`1.00,`1.00\r\n"), "{trade}");
    let funds = bill(&mut stage, "fundflowbill");
    assert!(funds.ends_with("`2,`1,`1.00,`1,`1.00\r\n"), "{funds}");
}

fn bill(stage: &mut Stage, kind: &str) -> String {
    let found = get(stage, &format!("/v3/bill/{kind}?bill_date=2026-11-18"));
    let url = text(&found.body["download_url"]);
    let target = url.trim_start_matches("https://api.mch.weixin.qq.com");
    let request = signed(&KEYS.merchant, channel::Method::Get, target, b"", stage.now);
    String::from_utf8(stage.send(&request).body).expect("text")
}

#[test]
fn a_refunded_payment_is_not_reversed() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    post(&mut stage, CODE_PAY, &good_code_order(&code));
    let refund = json!({
        "out_trade_no": "T12345", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 100, "currency": "CNY" },
    });
    assert_eq!(post(&mut stage, REFUNDS, &refund).status, 200);
    assert_eq!(reverse(&mut stage).refusal().1, "TRADE_ERROR");
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    post(&mut stage, CODE_PAY, &good_code_order(&code));
    stage.later(7 * 86_400 + 1);
    assert_eq!(reverse(&mut stage).refusal().1, "INVALID_REQUEST");
}

#[test]
fn a_service_provider_scans_for_its_merchant() {
    let mut stage = Stage::new();
    let code = shown(&mut stage, ScanOutcome::Success);
    let mut order = good_code_order(&code);
    for (pointer, value) in [
        ("/appid", Value::Null),
        ("/mchid", Value::Null),
        ("/sp_appid", json!(APPID)),
        ("/sp_mchid", json!(MCHID)),
        ("/sub_mchid", json!(SUB_MCHID)),
    ] {
        order = with(order, pointer, value);
    }
    let paid = post(&mut stage, "/v3/pay/partner/transactions/codepay", &order);
    assert_eq!((paid.status, &paid.body["sub_mchid"]), (200, &json!(SUB_MCHID)));
    let target = "/v3/pay/partner/transactions/out-trade-no/T12345/reverse";
    let body = json!({ "sp_appid": APPID, "sp_mchid": MCHID, "sub_mchid": SUB_MCHID });
    let reversed = post(&mut stage, target, &body);
    assert_eq!((reversed.status, &reversed.body["out_trade_no"]), (200, &json!("T12345")));
}
