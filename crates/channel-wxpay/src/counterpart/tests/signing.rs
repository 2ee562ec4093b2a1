//! What the counterpart signs, with which key, and what it leaves unsigned.

use super::stage::*;
use crate::counterpart::Trust;
use channel::{
    Counterpart, FaultMode, FetchedKeys, Finding, Instruction, Method, OrderCallback, PlatformKey,
    Request, Response, Scene, SwitchFault,
};
use serde_json::{Value, json};

const CERTIFICATES: &str = "/v3/certificates";
const REFUNDS: &str = "/v3/refund/domestic/refunds";
const NATIVE: &str = "/v3/pay/transactions/native";

fn get(stage: &mut Stage, target: &str) -> Response {
    stage.send(&signed(&KEYS.merchant, Method::Get, target, b"", stage.now))
}

fn body(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_default()
}

fn serial(response: &Response) -> Option<&str> {
    response.header("Wechatpay-Serial")
}

fn keys(stage: &mut Stage) -> Vec<PlatformKey> {
    match stage.ask(&*with_fetched(&[]), &Instruction::FetchKeys { named: None }) {
        Finding::Keys(fetched) => fetched.keys,
        other => panic!("no keys: {other:?}"),
    }
}

/// The request with another `Authorization`.
fn change(request: &Request, from: &str, to: &str) -> Request {
    let mut request = request.clone();
    request.headers[0].1 = request.headers[0].1.replace(from, to);
    request
}

fn set_trust(stage: &mut Stage, trust: &str) {
    let answer = stage.switch("trust", json!({ "mchid": MCHID, "trust": trust }));
    assert_eq!(answer.expect("it is turned")["trust"], trust);
}

#[test]
fn a_merchant_with_the_public_key_has_no_certificates() {
    let mut stage = Stage::with(Trust::PublicKey);
    let answer = get(&mut stage, CERTIFICATES);
    assert_eq!((answer.status, &body(&answer)["code"]), (404, &json!("RESOURCE_NOT_EXISTS")));
    let words = body(&answer)["message"].as_str().unwrap_or_default().to_owned();
    assert!(
        words.starts_with("无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥"),
        "{words}"
    );
    // Regardless of the key that the request names.
    for named in [None, Some("5157F09EFDC096DE"), Some(PUBLIC_KEY_ID)] {
        let target = format!("/v3/pay/transactions/out-trade-no/T12345?mchid={MCHID}");
        let mut request = signed(&KEYS.merchant, Method::Get, &target, b"", stage.now);
        request.headers.extend(named.map(|key| ("Wechatpay-Serial".to_owned(), key.to_owned())));
        assert_eq!(serial(&stage.send(&request)), Some(PUBLIC_KEY_ID), "{named:?}");
    }
    assert_eq!(
        stage.ask(&*with_public_key(), &Instruction::FetchKeys { named: None }),
        Finding::Keys(FetchedKeys::default())
    );
}

#[test]
fn the_public_key_signs_nothing_for_a_merchant_with_certificates() {
    let mut stage = Stage::with(Trust::Certificate);
    let mut request = signed(&KEYS.merchant, Method::Get, CERTIFICATES, b"", stage.now);
    request.headers.push(("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned()));
    let answer = stage.send(&request);
    assert_eq!(serial(&answer), Some(&*KEYS.platform.certificate.serial));
    stage.paid(&*direct(), &order("T12345", Scene::Pc));
    for _ in 0..16 {
        let made = stage.envelope();
        let serial = made.header("Wechatpay-Serial");
        assert_eq!(serial, Some(&*KEYS.platform.certificate.serial));
    }
}

#[test]
fn trust_is_switched_while_the_channel_runs() {
    let mut stage = Stage::with(Trust::Certificate);
    let platform = &KEYS.platform.certificate.serial;
    for (trust, status, signer) in [
        ("public_key", 404, PUBLIC_KEY_ID),
        ("switching", 200, platform),
        ("certificate", 200, platform),
    ] {
        set_trust(&mut stage, trust);
        let answer = get(&mut stage, CERTIFICATES);
        assert_eq!((answer.status, serial(&answer)), (status, Some(signer)), "{trust}");
    }
    for (name, arguments) in [
        ("trust", json!({ "mchid": "1", "trust": "switching" })),
        ("trust", json!({ "mchid": MCHID, "trust": "both" })),
        ("trust", json!({ "trust": "switching" })),
        ("rotate", json!({ "now": true })),
        ("end_rotation", json!([1])),
    ] {
        let refused = stage.switch(name, arguments.clone());
        assert!(matches!(refused, Err(SwitchFault::Refused(_))), "{name} {arguments}");
    }
    assert_eq!(stage.switch("open", json!({})), Err(SwitchFault::Unknown));
    let shown = stage.switch("trust", json!({ "mchid": MCHID })).expect("it is shown");
    assert_eq!(shown["trust"], "certificate");
    assert_eq!(shown["platform_serial_no"], **platform);
}

#[test]
fn a_new_certificate_signs_at_once_and_the_old_one_is_listed_until_it_is_dropped() {
    let mut stage = Stage::with(Trust::Certificate);
    let old = keys(&mut stage);
    stage.paid(&*with_fetched(&old), &order("T12345", Scene::Pc));
    stage.later(60);
    let made = stage.switch("rotate", json!({})).expect("it is turned");
    let new_serial = made["platform_serial_no"].as_str().expect("a serial").to_owned();
    assert_ne!(new_serial, old[0].serial);

    let both = keys(&mut stage);
    assert_eq!((both.len(), &both[0]), (2, &old[0]));
    assert_eq!((&both[1].serial, both[1].valid_from), (&new_serial, stage.now));
    let answer = get(&mut stage, CERTIFICATES);
    assert_eq!(serial(&answer), Some(&*new_serial));
    let nonces: Vec<Value> = (0..2)
        .map(|at| body(&answer)["data"][at]["encrypt_certificate"]["nonce"].clone())
        .collect();
    assert_ne!(nonces[0], nonces[1], "two texts under one key");
    let made = stage.envelope();
    assert!(with_fetched(&old).callback(&made, stage.now).is_err());
    let believed = with_fetched(&both).callback(&made, stage.now);
    let read = believed.expect("the callback is believed").order();
    let OrderCallback { finding, .. } = read.expect("it is about an order");
    assert!(matches!(finding, Finding::Paid(_)), "{finding:?}");

    assert_eq!(stage.switch("end_rotation", json!({})), Ok(json!({ "dropped": 1 })));
    let left = keys(&mut stage);
    assert_eq!((left.len(), &left[0].serial), (1, &new_serial));
    assert_eq!(stage.switch("end_rotation", json!({})), Ok(json!({ "dropped": 0 })));
}

#[test]
fn the_gate_refuses_in_its_words_and_does_not_sign() {
    let mut stage = Stage::new();
    let wrong_time = stage.now.plus_seconds(-300);
    let format = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》";
    let stale = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟";
    let headers = "Http头缺少Accept或User-Agent";
    for (target, bare, mute, unsigned, forged) in [
        (CERTIFICATES, format, Some(headers), format, "错误的签名，验签失败"),
        (REFUNDS, format, Some(headers), format, "错误的签名，验签失败"),
        (NATIVE, "签名信息错误，验签失败", None, "签名信息错误，验签失败", "签名错误"),
    ] {
        let method = if target == CERTIFICATES { Method::Get } else { Method::Post };
        let good = signed(&KEYS.merchant, method, target, b"{\"amount\":1}", stage.now);
        let without = |name: &str| {
            let kept = good.headers.iter().filter(|(known, _)| known != name).cloned();
            Request { headers: kept.collect(), ..good.clone() }
        };
        let late = signed(&KEYS.merchant, method, target, b"", wrong_time);
        let mut refusals = vec![
            (without("Authorization"), 401, "SIGN_ERROR", bare),
            (change(&good, "WECHATPAY2-SHA256-RSA2048", "Bearer"), 401, "SIGN_ERROR", unsigned),
            (change(&good, "593BEC", "593BED"), 401, "SIGN_ERROR", forged),
            (change(&good, MCHID, "1900000002"), 401, "SIGN_ERROR", "签名错误"),
            (late, 401, "SIGN_ERROR", stale),
        ];
        for name in ["User-Agent", "Accept"] {
            refusals.extend(mute.map(|words| (without(name), 400, "INVALID_REQUEST", words)));
        }
        for (request, status, code, words) in refusals {
            let answer = stage.send(&request);
            let found = body(&answer);
            let found = (answer.status, &found["code"], &found["message"]);
            assert_eq!(found, (status, &json!(code), &json!(words)), "{target}");
            assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("Wechatpay")));
            let has_id = answer.header("Request-ID").is_some();
            assert_eq!(has_id, target != NATIVE, "{target}");
        }
    }
    let forged = signed(&KEYS.merchant, Method::Post, NATIVE, b"{\"amount\":1}", stage.now);
    let detail = body(&stage.send(&change(&forged, "593BEC", "593BED")))["detail"].clone();
    let now = stage.now.seconds();
    let shown = format!("POST\n{NATIVE}\n{now}\n593BED0C930BF1AFEB40B4A08C8FB242\n{{\"amount\n");
    assert_eq!(detail["sign_information"]["truncated_sign_message"], shown);
    assert_eq!(detail["sign_information"]["sign_message_length"], shown.len() + 4);
}

#[test]
fn a_call_that_is_not_offered_has_an_empty_answer() {
    let mut stage = Stage::new();
    for (method, target, status) in [
        (Method::Get, NATIVE, 405),
        (Method::Post, CERTIFICATES, 405),
        (Method::Get, REFUNDS, 405),
        (Method::Get, "/v3/pay/transactions/no-such-endpoint", 404),
        (Method::Post, "/v3/pay/transactions/codepay-no", 404),
        (Method::Post, "/v3/ecommerce/profitsharing/orders", 404),
        (Method::Get, "/v3/payscore/serviceorder", 404),
        (Method::Get, "/v3/bill/sub-merchant-fundflowbill", 404),
    ] {
        // A forger learns the same: the path is looked at before the signature.
        let forged = Request { method, url: target.to_owned(), headers: vec![], body: vec![] };
        let honest = signed(&KEYS.merchant, method, target, b"", stage.now);
        for request in [forged, honest] {
            let answer = stage.send(&request);
            assert_eq!(answer.status, status, "{method:?} {target}");
            assert!(answer.headers.is_empty() && answer.body.is_empty(), "{target}");
        }
    }
    for (target, status) in [(NATIVE, 405), (CERTIFICATES, 405), ("/v3/nothing", 404)] {
        let answer = stage.counterpart.refuse_method(target);
        assert_eq!((answer.status, answer.headers.len()), (status, 0), "{target}");
    }
}

#[test]
fn certificates_are_of_rsa() {
    let mut stage = Stage::with(Trust::Certificate);
    for (algorithm, status) in [("RSA", 200), ("ALL", 200), ("SM2", 404)] {
        let answer = get(&mut stage, &format!("{CERTIFICATES}?algorithm_type={algorithm}"));
        assert_eq!(answer.status, status, "{algorithm}");
    }
}

#[test]
fn a_merchants_serial_is_compared_as_a_number() {
    let mut stage = Stage::with(Trust::Certificate);
    let good = signed(&KEYS.merchant, Method::Get, CERTIFICATES, b"", stage.now);
    let serial = &KEYS.merchant.certificate.serial;
    let spelt = change(&good, serial, &format!("0{}", serial.to_lowercase()));
    assert_eq!(stage.send(&spelt).status, 200);
}

#[test]
fn ids_of_requests_end_in_the_number_of_the_refusal() {
    let mut stage = Stage::new();
    for (target, end) in [
        (CERTIFICATES.to_owned(), "-0"),
        (format!("{REFUNDS}/R1"), "-268512771"),
        ("/v3/pay/transactions/out-trade-no/T12345".to_owned(), "-268435461"),
        (format!("/v3/pay/transactions/out-trade-no/T12345?mchid={MCHID}"), "-268435456"),
    ] {
        let answer = get(&mut stage, &target);
        let id = answer.header("Request-ID").expect("an id");
        let (front, number) = id.split_once('-').expect("a number");
        assert_eq!(format!("-{number}"), end, "{target}");
        assert!(front.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
}

#[test]
fn refusals_of_fields_are_unsigned_and_those_of_business_are_signed() {
    let mut stage = Stage::new();
    for (target, status, is_signed) in [
        ("/v3/pay/transactions/out-trade-no/T12345".to_owned(), 400, false),
        (format!("/v3/pay/transactions/out-trade-no/T12345?mchid={MCHID}"), 404, true),
        (format!("{REFUNDS}/R1"), 404, true),
    ] {
        let answer = get(&mut stage, &target);
        let found = (answer.status, answer.header("Wechatpay-Signature").is_some());
        assert_eq!(found, (status, is_signed), "{target}");
    }
}

#[test]
fn an_answer_without_a_signature_and_a_probe_are_not_believed() {
    let (mut stage, connection) = (Stage::new(), direct());
    stage.paid(&*connection, &order("T12345", Scene::Pc));
    stage.mode = FaultMode::Unsigned;
    let answer = get(&mut stage, CERTIFICATES);
    let names: Vec<&str> = answer.headers.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["Request-ID", "Content-Type"]);
    assert!(matches!(stage.ask(&*connection, &query("T12345")), Finding::Unknown { .. }));
    assert!(stage.envelope().header("Wechatpay-Signature").is_none());
    stage.mode = FaultMode::Probe;
    let answer = get(&mut stage, CERTIFICATES);
    let signature = answer.header("Wechatpay-Signature").expect("a signature");
    assert!(signature.starts_with("WECHATPAY/SIGNTEST/"), "{signature}");
    assert!(matches!(stage.ask(&*connection, &query("T12345")), Finding::Unknown { .. }));
    assert!(connection.callback(&stage.envelope(), stage.now).is_err());
}

#[test]
fn a_sender_whose_clock_was_not_moved_is_answered_at_its_own_time() {
    let mut stage = Stage::new();
    stage.later(86_400);
    for now in [START, stage.now] {
        let request = signed(&KEYS.merchant, Method::Get, CERTIFICATES, b"", now);
        let answer = stage.send(&request);
        let signed_at = answer.header("Wechatpay-Timestamp").map(str::to_owned);
        assert_eq!((answer.status, signed_at), (200, Some(now.seconds().to_string())));
    }
    let between = START.plus_seconds(43_200);
    let request = signed(&KEYS.merchant, Method::Get, CERTIFICATES, b"", between);
    assert_eq!(stage.send(&request).status, 401);
}
