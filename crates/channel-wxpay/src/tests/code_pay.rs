//! Charging a payer's code, and what answers to it and to a reversal mean.

use super::*;
use channel::{Cancel, EncodeFault, PaymentCode};
use serde_json::{Value, json};

const CODE: &str = "134567890123456789";

fn charging() -> Instruction {
    let payment_code = Some(PaymentCode::new(CODE.to_owned()));
    Instruction::Place(Box::new(Place { scene: Scene::Swipe, payment_code, ..place() }))
}

fn reversing(app_id: Option<&str>) -> Instruction {
    let app_id = app_id.map(str::to_owned);
    Instruction::Cancel(Cancel { order: placed(NUMBER), app_id })
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

#[test]
fn a_charge_names_the_code_once_and_no_address_to_call_back() {
    let request = request(&*connection(), &charging());
    assert!(request.url.ends_with("/v3/pay/transactions/codepay"), "{}", request.url);
    let want = json!({
        "appid": APP_ID,
        "mchid": "1900009191",
        "description": "杂粮煎饼",
        "out_trade_no": NUMBER,
        "goods_tag": "WXG",
        "payer": { "auth_code": CODE },
        "amount": { "total": 1000, "currency": "CNY" },
    });
    assert_eq!(body(&request), want);
    assert!(!format!("{request:?}{:?}", charging()).contains(CODE));
    let nothing = connection().encode(&placing(Scene::Swipe), &context());
    assert!(
        matches!(nothing, Err(EncodeFault::Unsupported { field: "payment_code", .. })),
        "{nothing:?}"
    );
}

#[test]
fn a_service_provider_charges_and_reverses_for_its_merchant() {
    let connection = connection_and(&[("sub_mchid", "1900000109")]);
    let charge = request(&*connection, &charging());
    assert!(charge.url.ends_with("/v3/pay/partner/transactions/codepay"), "{}", charge.url);
    assert_eq!(body(&charge)["sub_mchid"], "1900000109");
    let reverse = request(&*connection, &reversing(None));
    let path = format!("/v3/pay/partner/transactions/out-trade-no/{NUMBER}/reverse");
    assert!(reverse.url.ends_with(&path), "{}", reverse.url);
    let want = json!({"sp_appid": APP_ID, "sp_mchid": "1900009191", "sub_mchid": "1900000109"});
    assert_eq!(body(&reverse), want);
}

#[test]
fn a_reversal_names_the_app_of_the_order() {
    for (app_id, want) in [(None, APP_ID), (Some("wx1"), "wx1")] {
        let request = request(&*connection(), &reversing(app_id));
        let path = format!("/v3/pay/transactions/out-trade-no/{NUMBER}/reverse");
        assert!(request.url.ends_with(&path), "{}", request.url);
        assert_eq!(body(&request), json!({"appid": want, "mchid": "1900009191"}));
    }
}

/// The golden transaction in another state.
fn in_state(asked: &Instruction, state: &str) -> Finding {
    decode(asked, &answer(200, &TRANSACTION.replace("\"SUCCESS\"", &format!("\"{state}\""))))
}

#[test]
fn the_answer_to_a_charge_is_the_transaction() {
    assert_eq!(in_state(&charging(), "SUCCESS").name(), "paid");
    assert_eq!(in_state(&charging(), "USERPAYING").name(), "pending");
    assert_eq!(in_state(&charging(), "PAYERROR").name(), "failed");
    for (status, code, want) in [
        (202, "USERPAYING", "pending"),
        (403, "NOTENOUGH", "refused"),
        (400, "AUTHCODEEXPIRE", "refused"),
        (400, "AUTH_CODE_INVALID", "refused"),
        (400, "ORDERPAID", "ask"),
        (403, "OUT_TRADE_NO_USED", "ask"),
        (500, "SYSTEMERROR", "unknown"),
        (500, "BANKERROR", "unknown"),
        (400, "A_NEW_ONE", "unknown"),
    ] {
        assert_eq!(decode(&charging(), &error(status, code)).name(), want, "{code}");
    }
}

#[test]
fn only_a_query_after_a_cancel_reads_a_refund_as_its_own() {
    let after = |is_cancelled| Instruction::Query(PlacedOrder { is_cancelled, ..placed(NUMBER) });
    for (state, is_cancelled, want) in [
        ("REFUND", false, "paid"),
        ("REFUND", true, "reversed"),
        ("SUCCESS", true, "paid"),
        ("REVOKED", true, "reversed"),
        ("REVOKED", false, "reversed"),
        ("CLOSED", true, "closed"),
    ] {
        assert_eq!(in_state(&after(is_cancelled), state).name(), want, "{state} {is_cancelled}");
    }
}

#[test]
fn a_reversal_is_taken_refused_or_to_be_sent_again() {
    let asked = reversing(None);
    assert_eq!(decode(&asked, &answer(200, "{}")), Finding::Cancelled);
    assert_eq!(decode(&asked, &answer(204, "")), Finding::Cancelled);
    for (status, code, want) in [
        (404, "ORDER_NOT_EXIST", "not_found"),
        (403, "TRADE_ERROR", "refused"),
        (400, "INVALID_REQUEST", "refused"),
        (429, "FREQUENCY_LIMITED", "later"),
        (500, "SYSTEM_ERROR", "unknown"),
        (401, "SIGN_ERROR", "account_fault"),
    ] {
        assert_eq!(decode(&asked, &error(status, code)).name(), want, "{code}");
    }
}
