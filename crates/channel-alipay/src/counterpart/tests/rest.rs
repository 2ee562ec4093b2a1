//! The calls in their REST form.

use super::*;
use channel::Method as HttpMethod;
use crypto::rsa::{Signer, Verifier};

/// A request as a client signs it, at a time.
fn request(method: HttpMethod, target: &str, body: &str, at: Timestamp) -> Request {
    let signed = format!("app_id={APP_ID},nonce=5d41402abc4b2a76,timestamp={}", at.ms());
    let text = format!("{signed}\n{}\n{target}\n{body}\n", method.name());
    let signer = Signer::from_pem(APP_KEY).expect("a key");
    let signature = signer.sign(text.as_bytes()).expect("it signs");
    let authorization = format!("ALIPAY-SHA256withRSA {signed},sign={signature}");
    Request {
        method,
        url: target.to_owned(),
        headers: vec![("authorization".to_owned(), authorization)],
        body: body.as_bytes().to_vec(),
    }
}

fn post(call: &str, content: &Value) -> Request {
    request(HttpMethod::Post, &format!("/v3/alipay/{call}"), &content.to_string(), NOW)
}

/// The status and the body, once the signature was verified.
fn answered(stage: &mut Stage, asked: &Request) -> (u16, Value) {
    let response = stage.send(asked);
    let header = |name| response.header(name).unwrap_or_else(|| panic!("{name} is missing"));
    let [timestamp, nonce] = ["alipay-timestamp", "alipay-nonce"].map(header);
    let body = String::from_utf8(response.body.clone()).expect("UTF-8");
    let text = format!("{timestamp}\n{nonce}\n{body}\n");
    let key = Signer::from_pem(ALIPAY_KEY).expect("a key").public_pem();
    let verifier = Verifier::from_public_pem(&key).expect("a key");
    assert!(verifier.verify(text.as_bytes(), header("alipay-signature")), "{body}");
    (response.status, serde_json::from_str(&body).expect("JSON"))
}

fn refused(stage: &mut Stage, asked: &Request) -> (u16, Value) {
    let response = stage.send(asked);
    assert_eq!(response.header("alipay-signature"), None, "the gate signs nothing");
    let body: Value = serde_json::from_slice(&response.body).expect("JSON");
    (response.status, body["code"].clone())
}

#[test]
fn an_order_of_the_older_form_is_queried_and_refunded() {
    let mut stage = Stage::new();
    let Finding::Placed(pay_info) = stage.ask(&codec::placing(Scene::Pc)) else {
        panic!("placed wanted")
    };
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("it is paid");
    let (status, trade) =
        answered(&mut stage, &post("trade/query", &json!({ "out_trade_no": NUMBER })));
    assert_eq!((status, &trade["trade_status"]), (200, &json!("TRADE_SUCCESS")));
    assert_eq!((&trade["total_amount"], &trade["code"]), (&json!("10.00"), &Value::Null));

    let asked = json!({
        "out_trade_no": NUMBER, "refund_amount": "3.00", "out_request_no": "R1",
    });
    let (status, refund) = answered(&mut stage, &post("trade/refund", &asked));
    assert_eq!((status, &refund["fund_change"]), (200, &json!("Y")));
    let asked = json!({ "out_trade_no": NUMBER, "out_request_no": "R1" });
    let (_, refund) = answered(&mut stage, &post("trade/fastpay/refund/query", &asked));
    assert_eq!(refund["refund_amount"], "3.00");
}

#[test]
fn what_the_business_refuses_is_signed_and_has_a_status() {
    let mut stage = Stage::new();
    let asked = post("trade/query", &json!({ "out_trade_no": "nobody" }));
    let (status, refusal) = answered(&mut stage, &asked);
    assert_eq!((status, &refusal["code"]), (400, &json!("TRADE_NOT_EXIST")));
    stage.mode = FaultMode::Error { code: "ACQ.SYSTEM_ERROR".to_owned() };
    let (status, refusal) = answered(&mut stage, &asked);
    assert_eq!((status, &refusal["code"]), (500, &json!("SYSTEM_ERROR")));
}

#[test]
fn the_gate_wants_the_signature_of_this_app_over_this_request_now() {
    let mut stage = Stage::new();
    let honest = post("trade/query", &json!({ "out_trade_no": NUMBER }));
    let other_body = Request { body: b"{}".to_vec(), ..honest.clone() };
    let other_path = Request { url: "/v3/alipay/trade/close".to_owned(), ..honest.clone() };
    let unsigned = Request { headers: vec![], ..honest };
    let late = NOW.plus_seconds(601);
    let late = request(HttpMethod::Post, "/v3/alipay/trade/query", "{}", late);
    let unknown = post("trade/page/pay", &json!({}));
    for (asked, status, code) in [
        (other_body, 401, "invalid-signature"),
        (other_path, 401, "invalid-signature"),
        (unsigned, 400, "missing-timestamp"),
        (late, 400, "invalid-timestamp"),
        (unknown, 404, "invalid-method"),
    ] {
        assert_eq!(refused(&mut stage, &asked), (status, json!(code)), "{}", asked.target());
    }
}

#[test]
fn a_bill_is_found_by_a_query() {
    let mut stage = Stage::new();
    let target = "/v3/alipay/data/dataservice/bill/downloadurl/query\
                  ?bill_type=trade&bill_date=2000-01-01";
    let (status, refusal) = answered(&mut stage, &request(HttpMethod::Get, target, "", NOW));
    assert_eq!(status, 400);
    assert_ne!(refusal["code"], "INVALID_PARAMETER", "the query is read: {refusal}");
}
