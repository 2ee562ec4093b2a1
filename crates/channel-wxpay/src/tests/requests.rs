//! Instructions to requests.

use super::*;
use channel::{EncodeFault, Operation, TextField, TextRules};
use crypto::rsa::Verifier;
use serde_json::{Value, json};

const ORDER: &str = include_str!("../../golden/order_jsapi.json");
const ORDER_SIGNATURE: &str = include_str!("../../golden/order_jsapi.signature");
const QUERY_SIGNATURE: &str = include_str!("../../golden/query.signature");

fn encode(instruction: &Instruction) -> Request {
    request(&*connection(), instruction)
}

fn encode_partner(instruction: &Instruction) -> Request {
    let partner = connection_and(&[("sub_mchid", "1900000109"), ("sub_appid", SUB_APP_ID)]);
    request(&*partner, instruction)
}

fn refused(instruction: &Instruction) -> Option<&'static str> {
    connection().encode(instruction, &context()).err().map(|fault| match fault {
        EncodeFault::Unsupported { field, .. } => field,
        EncodeFault::Account { name, .. } => name,
        EncodeFault::Internal { .. } => "internal",
    })
}

fn changed(change: impl Fn(&mut Place)) -> Instruction {
    let mut place = place();
    change(&mut place);
    Instruction::Place(Box::new(place))
}

fn body(request: &Request) -> serde_json::Value {
    serde_json::from_slice(&request.body).expect("a JSON body")
}

#[test]
fn a_request_is_signed_as_openssl_signs_it() {
    let placed = encode(&placing(Scene::MiniProgram));
    assert_eq!(placed.url, "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi");
    assert_eq!(String::from_utf8_lossy(&placed.body), ORDER.trim_end());
    let queried = encode(&query());
    for (request, signature) in [(placed, ORDER_SIGNATURE), (queried, QUERY_SIGNATURE)] {
        let want = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"1900009191\",nonce_str=\"{NONCE}\",\
             timestamp=\"1681867396\",serial_no=\"1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C\",\
             signature=\"{}\"",
            signature.trim_end()
        );
        assert_eq!(request.header("authorization"), Some(&*want));
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("user-agent"), Some("tongbao/0.1.0"));
        assert_eq!(request.header(sign::SERIAL), None);
    }
}

#[test]
fn each_instruction_has_its_address() {
    for (instruction, method, merchant, partner) in [
        (
            placing(Scene::Public),
            Method::Post,
            "/v3/pay/transactions/jsapi",
            "/v3/pay/partner/transactions/jsapi",
        ),
        (
            placing(Scene::Pc),
            Method::Post,
            "/v3/pay/transactions/native",
            "/v3/pay/partner/transactions/native",
        ),
        (
            placing(Scene::H5),
            Method::Post,
            "/v3/pay/transactions/h5",
            "/v3/pay/partner/transactions/h5",
        ),
        (
            placing(Scene::App),
            Method::Post,
            "/v3/pay/transactions/app",
            "/v3/pay/partner/transactions/app",
        ),
        (
            query(),
            Method::Get,
            "/v3/pay/transactions/out-trade-no/demo202211200001?mchid=1900009191",
            "/v3/pay/partner/transactions/out-trade-no/demo202211200001?sp_mchid=1900009191&sub_mchid=1900000109",
        ),
        (
            close(),
            Method::Post,
            "/v3/pay/transactions/out-trade-no/demo202211200001/close",
            "/v3/pay/partner/transactions/out-trade-no/demo202211200001/close",
        ),
        (refunding(), Method::Post, "/v3/refund/domestic/refunds", "/v3/refund/domestic/refunds"),
        (
            query_refund(),
            Method::Get,
            "/v3/refund/domestic/refunds/R202304190001",
            "/v3/refund/domestic/refunds/R202304190001?sub_mchid=1900000109",
        ),
        (
            Instruction::FetchKeys { named: None },
            Method::Get,
            "/v3/certificates",
            "/v3/certificates",
        ),
        (
            find_bill(),
            Method::Get,
            "/v3/bill/tradebill?bill_date=2023-04-18&bill_type=ALL",
            "/v3/bill/tradebill?bill_date=2023-04-18&sub_mchid=1900000109&bill_type=ALL",
        ),
    ] {
        let (one, other) = (encode(&instruction), encode_partner(&instruction));
        assert_eq!((one.method, one.target()), (method, merchant));
        assert_eq!((other.method, other.target()), (method, partner));
        assert_eq!(one.body.is_empty(), method == Method::Get);
    }
}

#[test]
fn every_request_verifies_with_the_merchants_key() {
    let signer = Signer::from_pem(MERCHANT_KEY).expect("a golden key");
    let verifier = Verifier::from_public_pem(&signer.public_pem()).expect("its public key");
    let connection = connection_and(&[("base_url", "http://127.0.0.1:8080/sandbox/")]);
    let instructions = [
        placing(Scene::H5),
        query(),
        close(),
        refunding(),
        query_refund(),
        Instruction::FetchKeys { named: None },
        find_bill(),
        fetch_bill("http://127.0.0.1:8080/sandbox/v3/billdownload/file?token=1"),
    ];
    let known = instructions.each_ref().map(Instruction::operation);
    assert!(known.iter().all(|operation| Operation::ALL.contains(operation)));
    for instruction in instructions {
        let request = request(&*connection, &instruction);
        assert!(request.url.starts_with("http://127.0.0.1:8080/sandbox/v3/"));
        let header = request.header("Authorization").expect("a signed request");
        let header = sign::Authorization::read(header).expect("our own header");
        let (method, target) = (request.method.name(), request.target());
        let text =
            sign::request_text(method, target, &header.timestamp, &header.nonce_str, &request.body);
        assert!(verifier.verify(&text, &header.signature), "{target}");
    }
}

#[test]
fn bodies_say_what_was_asked() {
    assert_eq!(body(&encode(&close())), serde_json::json!({"mchid": "1900009191"}));
    assert_eq!(
        body(&encode(&refunding())),
        serde_json::json!({
            "transaction_id": REFERENCE, "out_refund_no": REFUND_NUMBER,
            "reason": "订单已关闭,款项原路退回",
            "notify_url": "https://pay.example.com/wxpay/refund",
            "amount": {"refund": 300, "total": 1000, "currency": "CNY"},
        })
    );
    let h5 = body(&encode(&placing(Scene::H5)));
    assert_eq!(
        h5["scene_info"],
        serde_json::json!({
            "payer_client_ip": "14.15.16.17", "device_id": "00000001", "h5_info": {"type": "Wap"},
        })
    );
    assert_eq!(h5.get("payer"), None);
}

/// What the payer reads is true: only a payment that came too late met a closed order.
#[test]
fn the_payer_reads_why_the_money_comes_back() {
    for cause in RefundCause::ALL {
        let refund = body(&encode(&refunding_for(cause)));
        let reason = refund["reason"].as_str().expect("a reason");
        let (says_closed, says_paid) = match cause {
            RefundCause::LatePayment => (true, false),
            RefundCause::SecondPayment => (false, true),
            RefundCause::Requested => (false, false),
        };
        assert_eq!(reason.contains("关闭"), says_closed, "{cause:?}: {reason}");
        assert_eq!(reason.contains("已支付"), says_paid, "{cause:?}: {reason}");
        assert!(reason.chars().count() <= 80, "{cause:?}: {reason}");
    }
}

#[test]
fn a_service_provider_names_its_merchant() {
    let parties = |order: &serde_json::Value| {
        ["sp_appid", "sp_mchid", "sub_appid", "sub_mchid", "appid", "mchid"]
            .map(|name| order[name].as_str().unwrap_or("-").to_owned())
    };
    let order = body(&encode_partner(&placing(Scene::MiniProgram)));
    assert_eq!(parties(&order), [APP_ID, "1900009191", SUB_APP_ID, "1900000109", "-", "-"]);
    assert_eq!(order["payer"], serde_json::json!({"sub_openid": "oXLUp5OHJof5768CoFFDuuaRn8kc"}));
    let order = body(&encode_partner(&changed(|place| place.payer.app_id = Some(APP_ID.into()))));
    assert_eq!(parties(&order), [APP_ID, "1900009191", "-", "1900000109", "-", "-"]);
    assert_eq!(order["payer"], serde_json::json!({"sp_openid": "oXLUp5OHJof5768CoFFDuuaRn8kc"}));
    let closing = body(&encode_partner(&close()));
    assert_eq!(closing, serde_json::json!({"sp_mchid": "1900009191", "sub_mchid": "1900000109"}));
    assert_eq!(body(&encode_partner(&refunding()))["sub_mchid"], "1900000109");
}

#[test]
fn the_payers_app_goes_before_the_accounts() {
    let order = body(&encode(&changed(|place| place.payer.app_id = Some("wxother".into()))));
    assert_eq!(order["appid"], "wxother");
}

#[test]
fn the_expiry_is_counted_from_the_orders_own_time() {
    for (seconds, want) in [
        (-5, "2023-04-19T09:24:16+08:00"),
        (59, "2023-04-19T09:24:16+08:00"),
        (61, "2023-04-19T09:24:17+08:00"),
        (90 * 86_400 - 1, "2023-07-18T09:23:15+08:00"),
        (90 * 86_400 + 1, "2023-07-18T09:23:16+08:00"),
    ] {
        let placed = changed(|place| place.expires_at = NOW.plus_seconds(seconds));
        let later = CodecContext { now: NOW.plus_seconds(3600), ..context() };
        let repeat = request_at(&*connection(), &placed, &later);
        assert_eq!(body(&repeat)["time_expire"], want, "{seconds}");
        assert_eq!(repeat.body, encode(&placed).body);
    }
}

/// What the channel does not take is refused before the order is made, by what the channel says of itself.
#[test]
fn texts_are_sent_whole() {
    let longest = "煎".repeat(127);
    let placed = encode(&changed(|place| place.subject = longest.clone()));
    assert_eq!(body(&placed)["description"], longest.as_str());
    let TextRules { subject_chars_max, goods_tag_bytes_max, .. } = Wxpay.about().text;
    assert_eq!((subject_chars_max, goods_tag_bytes_max), (127, 32));
    let broken = |subject: &str, tag: &str| Wxpay.about().text.broken_by(subject, Some(tag));
    for (subject, tag, want) in [
        (&*longest, "abcdefghijklmnopqrstuvwxyz012345", None),
        (&*"煎".repeat(128), "", Some(TextField::Subject)),
        ("烧饼🥯", "", Some(TextField::Subject)),
        ("烧饼", "九折九折九折九折九折九", Some(TextField::GoodsTag)),
        ("烧饼", "𠮷", Some(TextField::GoodsTag)),
    ] {
        assert_eq!(broken(subject, tag).map(|(field, _)| field), want, "{subject} {tag}");
    }
}

#[test]
fn a_device_that_the_channel_would_refuse_is_left_out() {
    for (device, want) in
        [("7号", json!("7号")), ("📟", Value::Null), (&*"7".repeat(33), Value::Null)]
    {
        let placed = encode(&changed(|place| place.payer.device_id = Some(device.to_owned())));
        assert_eq!(body(&placed)["scene_info"]["device_id"], want, "{device}");
    }
}

#[test]
fn what_the_channel_would_not_take_is_not_sent() {
    for (instruction, field) in [
        (changed(|place| place.payer.user_id = None), "payer.user_id"),
        (changed(|place| place.payer.user_id = Some(String::new())), "payer.user_id"),
        (
            changed(|place| {
                place.scene = Scene::H5;
                place.payer.client_ip = None;
            }),
            "payer.client_ip",
        ),
        (changed(|place| place.amount = Fen::ZERO), "amount"),
        (changed(|place| place.channel_order_no = "short".into()), "number"),
        (changed(|place| place.channel_order_no = "x".repeat(33)), "number"),
        (Instruction::Query(placed("../../evil")), "number"),
        (Instruction::Close(placed("订单号订单号")), "number"),
        (Instruction::QueryRefund(placed_refund("a/b")), "channel_refund_no"),
        (Instruction::QueryRefund(placed_refund("")), "channel_refund_no"),
    ] {
        assert_eq!(refused(&instruction), Some(field), "{instruction:?}");
    }
    let bare = changed(|place| place.payer.client_ip = None);
    assert_eq!(body(&encode(&bare)).get("scene_info"), None);
}

#[test]
fn a_bar_in_a_number_is_encoded_in_the_path() {
    let request = encode(&Instruction::Query(placed("T|2023*01")));
    assert!(request.url.contains("/out-trade-no/T%7C2023%2A01?"), "{}", request.url);
}

#[test]
fn the_public_key_is_asked_to_sign() {
    let connection =
        connection_and(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)]);
    let request = request(&*connection, &query());
    assert_eq!(request.header(sign::SERIAL), Some(PUBLIC_KEY_ID));
}
