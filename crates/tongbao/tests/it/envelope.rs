//! Transport and envelope: what every call shares, and what stops a call before its fields are read.

use crate::test_gateway::{
    Answer, CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with,
};
use serde_json::{Value, json};
use std::collections::HashSet;

/// The largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
const MALFORMED: &str = "ORDER.INVALID_PARAMETER";

/// The member `Response`, once the envelope around it is right.
fn opened(answer: &Answer) -> &Value {
    let names = |value: &Value| {
        let members = value.as_object().unwrap_or_else(|| panic!("no object: {answer:?}"));
        members.keys().cloned().collect::<HashSet<_>>()
    };
    let wanted = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&answer.body), wanted(&["Response"]), "{answer:?}");
    let response = &answer.body["Response"];
    let members: HashSet<String> = wanted(&["RequestId", "Result", "ErrCode", "ErrMessage"]);
    assert_eq!(names(response), members, "{answer:?}");
    let request_id = response["RequestId"].as_str().expect("RequestId is text");
    let upper_hex = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    assert!(request_id.len() == 32 && request_id.bytes().all(upper_hex), "{request_id}");
    if response["ErrCode"] == "SUCCESS" {
        assert_eq!(response["ErrMessage"], "成功");
        assert!(response["Result"].is_object(), "{response}");
    } else {
        assert!(response["Result"].is_null(), "{response}");
        assert_ne!(response["ErrMessage"], "", "a refusal says why");
    }
    response
}

async fn post(gateway: &TestGateway, path: &str, body: &[u8]) -> Answer {
    gateway.post_raw(path, gateway.signed(path, body).headers(), body).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_wears_the_envelope_and_a_request_id_of_its_own() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let calls = [
        (UNIFIED_ORDER, order(&number), "SUCCESS"),
        (UNIFIED_ORDER, order(&number), "SUCCESS"),
        (QUERY_ORDER, json!({"OutOrderId": number}), "SUCCESS"),
        (CLOSE_ORDER, json!({"OutOrderId": number}), "SUCCESS"),
        (CLOSE_ORDER, json!({"OutOrderId": number}), "SUCCESS"),
        (UNIFIED_ORDER, order(&number), "ORDER.ORDER_RECORD_ALREADY_EXIST"),
        (UNIFIED_ORDER, json!({}), MALFORMED),
        (QUERY_ORDER, json!({"OutOrderId": "nobody_1"}), "ORDER.ORDER_NOT_EXIST"),
    ];
    let mut request_ids = HashSet::new();
    for (path, body, code) in &calls {
        let answer = post(&gateway, path, body.to_string().as_bytes()).await;
        let response = opened(&answer);
        assert_eq!((answer.status, &response["ErrCode"]), (200, &json!(code)), "{response}");
        request_ids.insert(response["RequestId"].as_str().expect("text").to_owned());
    }
    assert_eq!(request_ids.len(), calls.len());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_methods_and_unknown_paths_are_405_and_404_in_the_envelope() {
    let gateway = TestGateway::start();
    for path in [UNIFIED_ORDER, QUERY_ORDER, CLOSE_ORDER] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_ne!(opened(&answer)["ErrCode"], "SUCCESS");
    }
    let unknown = [
        "/cloudpay/v1/pay/c2b/nothing",
        "/cloudpay/v2/pay/query_order",
        "/cloudpay/v1/pay/query_order/",
        "/cloudpay/v1",
        "/cloudpay",
    ];
    for path in unknown {
        let body = br#"{"OutOrderId":"nobody_1"}"#;
        for answer in [gateway.get(path).await, post(&gateway, path, body).await] {
            assert_eq!(answer.status, 404, "{path}");
            assert_ne!(opened(&answer)["ErrCode"], "SUCCESS");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_not_one_strict_json_object_is_refused_and_leaves_no_order() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let good = order(&number).to_string();
    let member = format!(r#""OutOrderId":"{number}""#);
    let inside = |value: &str| good.replacen('{', &format!(r#"{{"Extra":{value},"#), 1);
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("white space", b" \n ".to_vec()),
        ("null", b"null".to_vec()),
        ("an array", format!("[{good}]").into_bytes()),
        ("a string", json!(good).to_string().into_bytes()),
        ("a number", b"12".to_vec()),
        ("cut off", good.as_bytes()[..good.len() - 1].to_vec()),
        ("something behind", format!("{good}x").into_bytes()),
        ("two objects", format!("{good}{good}").into_bytes()),
        ("a trailing comma", good.replacen(&member, &format!("{member},,"), 1).into_bytes()),
        ("single quotes", good.replace('"', "'").into_bytes()),
        ("a comment", format!("/* x */{good}").into_bytes()),
        ("no UTF-8", [good.trim_end_matches('}').as_bytes(), b",\"X\":\"\xff\"}"].concat()),
        ("half a surrogate", inside(r#""\ud800""#).into_bytes()),
        ("a raw control character", inside("\"\n\"").into_bytes()),
        ("NaN", inside("NaN").into_bytes()),
        ("U+0000", inside(r#""\u0000""#).into_bytes()),
        ("too deep", inside(&deep).into_bytes()),
        ("a form", b"OutOrderId=nobody_1".to_vec()),
        ("the same member twice", good.replacen('{', &format!("{{{member},"), 1).into_bytes()),
        ("a member twice in an object", inside(r#"{"a":1,"a":1}"#).into_bytes()),
        ("a member twice in a list", inside(r#"[{"a":1,"a":2}]"#).into_bytes()),
        ("a member twice, once escaped", inside(r#"1,"\u0045xtra":2"#).into_bytes()),
    ];
    for (what, body) in bodies {
        let answer = post(&gateway, UNIFIED_ORDER, &body).await;
        let response = opened(&answer);
        assert_eq!((answer.status, &response["ErrCode"]), (200, &json!(MALFORMED)), "{what}");
    }
    let query = json!({"OutOrderId": number});
    gateway.refused(QUERY_ORDER, &query, "ORDER.ORDER_NOT_EXIST").await;
    gateway.result(UNIFIED_ORDER, &order(&number)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_up_to_256_kib_are_read_and_larger_ones_refused() {
    let gateway = TestGateway::start();
    let sized = |number: &str, len: usize| {
        let mut body = order(number).to_string().into_bytes();
        body.resize(len, b' ');
        body
    };
    let number = fresh_number();
    let answer = post(&gateway, UNIFIED_ORDER, &sized(&number, BODY_BYTES_MAX)).await;
    assert_eq!(opened(&answer)["ErrCode"], "SUCCESS");
    for len in [BODY_BYTES_MAX + 1, 2 * 1024 * 1024] {
        let number = fresh_number();
        let answer = post(&gateway, UNIFIED_ORDER, &sized(&number, len)).await;
        let response = opened(&answer);
        assert_eq!((answer.status, &response["ErrCode"]), (200, &json!(MALFORMED)), "{len}");
        let query = json!({"OutOrderId": number});
        gateway.refused(QUERY_ORDER, &query, "ORDER.ORDER_NOT_EXIST").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_members_are_ignored_at_every_level() {
    let gateway = TestGateway::start();
    let strange = json!({"a": [1, 2.5e3, null, {"b": true}], "c": "币"});
    let body = with(&order(&fresh_number()), "NobodyKnows", strange.clone());
    let body = with(&body, "outorderid", json!("lower case is another member"));
    let body = with(&body, "Huge", json!(u64::MAX));
    let body = with(&body, "SceneInfo", json!({"DeviceId": "1", "NobodyKnows": strange.clone()}));
    let body = with(&body, "PayerInfo", json!({"PayerId": "1", "NobodyKnows": strange.clone()}));
    let item = json!({"ChannelSubMerchantId": "CM-B", "AllocateAmount": 1, "NobodyKnows": 1});
    let body = with(&body, "FundAllocateList", json!([item]));
    let external = json!({"WxOpenId": "o", "NobodyKnows": strange.clone()});
    let body = with(&body, "ExternalPaymentData", json!(external.to_string()));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    assert_eq!(placed["OrderStatus"], "PAYING");
    for path in [QUERY_ORDER, CLOSE_ORDER] {
        let body = json!({"OutOrderId": placed["OutOrderId"], "orderId": 123, "X": strange});
        assert_eq!(gateway.result(path, &body).await["ChannelOrderId"], placed["ChannelOrderId"]);
    }
}
