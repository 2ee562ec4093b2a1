//! 腾讯云支付 (`/cpay/…`): the published sample, every status, every way to pay, refunds and notifications.
//!
//! The client here computes its codes by itself and shares no code with the dialect.

use crate::code_pay::show;
use crate::merchant::{Merchant, MerchantReply};
use crate::test_gateway::{TestGateway, fresh_number, with};
use crypto::rsa::Signer;
use crypto::{hash, text};
use serde_json::{Value, json};
use std::time::Duration;

const OFFICIAL_ACCOUNT: &str = "official_account_pay";
const QUERY: &str = "query_order";
const REFUND: &str = "refund";
const QUERY_REFUND: &str = "query_refund_order";
const PAYER: &str = "oxEiL1Yq1eIlkll987C-o3v9y6MYQ";

/// `request_content` of the published sample, as the sample prints it.
const SAMPLE: &str = r#"{
            "pay_mch_key": {
                "out_mch_id": "sz01CRXVcdYDyJik8873",
                "out_sub_mch_id": "sz01KuceBtrckIKw339L",
                "out_shop_id": "sz01NmziKgZQmAI98Kij",
                "pay_platform": 1,
                "wxpay_pay_mch_key_ext": {
                    "sub_open_id": "oxEiL1Yq1eIlkll987C-o3v9y6MYQ"
                }
            },
            "pay_content": {
                "out_trade_no": "sz017439399162737843772384118",
                "total_fee": 10000,
                "fee_type": "CNY",
                "body": "\u6e56\u5357\u4ea4\u901a\u5de5\u7a0b\u5b66\u9662\u540e\u52e4\u5904"
            },
            "order_client": {
                "spbill_create_ip": "192.168.1.1"
           },
            "nonce_str": "57vJCSbipmT0z00TJhw9xIHn3QGdZBah",
            "trade_type": 3
        }"#;

/// An answer whose proof, if it has one, was verified.
#[derive(Debug)]
struct Answer {
    content: Value,
    is_authenticated: bool,
}

impl Answer {
    fn status(&self) -> (i64, i64) {
        let number = |name: &str| self.content[name].as_i64().expect("a number");
        (number("status"), number("internal_status"))
    }

    /// The result of a call that worked.
    fn result(self, name: &str) -> Value {
        assert_eq!(self.status(), (0, 0), "{self:?}");
        self.content[name].clone()
    }

    /// What a call without result was told; the answer has a code exactly where the status has one.
    fn refused(&self, status: (i64, i64)) -> &str {
        assert_eq!(self.status(), status, "{self:?}");
        assert_eq!(self.is_authenticated, [102, 103, 104].contains(&status.0), "{self:?}");
        assert_eq!(self.content.as_object().map(serde_json::Map::len), Some(4), "{self:?}");
        self.content["description"].as_str().expect("text")
    }
}

fn code(key: &str, content: &str) -> String {
    text::hex(&hash::hmac_sha256(key.as_bytes(), content.as_bytes())).to_ascii_uppercase()
}

fn authen(authen_code: &str) -> Value {
    json!({"a": {"authen_type": 1, "authen_code": authen_code}})
}

/// Sends a body as it is.
async fn send(gateway: &TestGateway, name: &str, body: &[u8]) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json;charset=UTF-8".to_owned())];
    let answer = gateway.post_raw(&format!("/cpay/{name}"), headers, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let content = answer.body["response_content"].as_str().expect("a text");
    let proof = &answer.body["authen_info"];
    if !proof.is_null() {
        assert_eq!(*proof, authen(&code(&gateway.text("/cpay/authen_key"), content)));
    }
    let is_authenticated = !proof.is_null();
    Answer { content: serde_json::from_str(content).expect("JSON in the text"), is_authenticated }
}

/// Sends a text with its proof.
async fn send_with(gateway: &TestGateway, name: &str, content: &str, proof: &Value) -> Answer {
    let body = json!({"request_content": content, "authen_info": proof});
    send(gateway, name, body.to_string().as_bytes()).await
}

/// Sends a text with its code.
async fn send_text(gateway: &TestGateway, name: &str, content: &str) -> Answer {
    let proof = authen(&code(&gateway.text("/cpay/authen_key"), content));
    send_with(gateway, name, content, &proof).await
}

async fn call(gateway: &TestGateway, name: &str, content: &Value) -> Answer {
    send_text(gateway, name, &content.to_string()).await
}

async fn result(gateway: &TestGateway, name: &str, content: &Value) -> Value {
    call(gateway, name, content).await.result(name)
}

/// A fresh number with the prefix of the demonstration.
fn number() -> String {
    format!("sz01{}", fresh_number())
}

fn key(gateway: &TestGateway, platform: i64) -> Value {
    json!({
        "out_mch_id": gateway.text("/cpay/out_mch_id"),
        "out_sub_mch_id": gateway.text("/cpay/out_sub_mch_id"),
        "out_shop_id": gateway.text("/cpay/out_shop_id"),
        "pay_platform": platform,
    })
}

/// An order on an official account, complete and right; tests change members.
fn order(gateway: &TestGateway, number: &str) -> Value {
    let ext = json!({"sub_open_id": PAYER});
    json!({
        "pay_mch_key": with(&key(gateway, 1), "wxpay_pay_mch_key_ext", ext),
        "pay_content": {
            "out_trade_no": number, "total_fee": 1000, "fee_type": "CNY", "body": "杂粮煎饼",
        },
        "order_client": {"spbill_create_ip": "192.0.2.10"},
        "nonce_str": "0123456789abcdef0123456789abcdef",
    })
}

/// The same with a member inside a member.
fn inside(request: &Value, owner: &str, member: &str, value: Value) -> Value {
    with(request, owner, with(&request[owner], member, value))
}

fn named(gateway: &TestGateway, number: &str) -> Value {
    json!({
        "pay_mch_key": key(gateway, 1),
        "order_client": {"spbill_create_ip": "192.0.2.10"},
        "out_trade_no": number,
        "nonce_str": "0123456789abcdef0123456789abcdef",
    })
}

fn refund(gateway: &TestGateway, number: &str, refund_no: &str, fen: i64) -> Value {
    json!({
        "pay_mch_key": key(gateway, 1),
        "refund_content": {
            "out_trade_no": number, "out_refund_no": refund_no, "total_fee": 1000,
            "refund_fee": fen, "refund_fee_type": "CNY",
        },
        "order_client": {"spbill_create_ip": "192.0.2.10"},
        "nonce_str": "0123456789abcdef0123456789abcdef",
    })
}

/// What the bridge of WeChat gets, as a phone takes it.
fn bridged(args: &Value) -> Value {
    let member = |name: &str| args[name].clone();
    let bridge = json!({
        "appId": member("app_id"), "timeStamp": member("timestamp"),
        "nonceStr": member("nonce_str"), "package": member("package"),
        "signType": member("sign_type"), "paySign": member("pay_sign"),
    });
    json!(bridge.to_string())
}

fn state(content: &Value) -> &Value {
    let ext = match content["alipay_order_content_ext"].is_null() {
        true => &content["wxpay_order_content_ext"],
        false => &content["alipay_order_content_ext"],
    };
    &ext["current_trade_state"]
}

/// Asks for an order until it has a state, at most 20 s; its content.
async fn until(gateway: &TestGateway, asked: &Value, wanted: i64) -> Value {
    let mut content = Value::Null;
    for _ in 0..200 {
        content = result(gateway, QUERY, asked).await["order_content"].clone();
        if *state(&content) == wanted {
            return content;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{asked}: the state is not {wanted}: {content}");
}

/// An order of 10 yuan that was paid on an official account.
async fn sell(gateway: &TestGateway, request: &Value) -> String {
    let placed = result(gateway, OFFICIAL_ACCOUNT, request).await;
    gateway.pay(&bridged(&placed["jsapi_args"]["wxpay"]["get_brand_wcpay"])).await;
    let number = request["pay_content"]["out_trade_no"].as_str().expect("a number");
    until(gateway, &named(gateway, number), 3).await;
    number.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_published_sample_is_placed_and_paid() {
    let gateway = TestGateway::start();
    let placed = send_text(&gateway, OFFICIAL_ACCOUNT, SAMPLE).await;
    assert!(placed.is_authenticated);
    let log_id = placed.content["log_id"].as_u64().expect("a number");
    assert!(u32::try_from(log_id).is_ok());
    let placed = placed.result(OFFICIAL_ACCOUNT);
    let content = &placed["order_content"];
    let number = "sz017439399162737843772384118";
    for (member, want) in [
        ("out_trade_no", json!(number)),
        ("trade_type", json!(3)),
        ("nonce_str", json!("57vJCSbipmT0z00TJhw9xIHn3QGdZBah")),
        ("is_transforming", json!(false)),
        ("total_fee", json!(10000)),
        ("fee_type", json!("CNY")),
        ("body", json!("湖南交通工程学院后勤处")),
    ] {
        assert_eq!(content[member], want, "{content}");
    }
    let seconds = |member: &str| content[member].as_i64().expect("seconds");
    assert_eq!(seconds("time_expire") - seconds("create_time"), 120);
    let ext = &content["wxpay_order_content_ext"];
    assert_eq!((&ext["current_trade_state"], &ext["goods_tag"]), (&json!(6), &json!("")));
    let args = &placed["jsapi_args"]["wxpay"]["get_brand_wcpay"];
    let prepare_id = ext["prepare_id"].as_str().expect("a prepay id");
    assert_eq!(args["package"], format!("prepay_id={prepare_id}"));
    let key = &placed["pay_mch_key"];
    assert_eq!((&key["pay_platform"], &key["sub_pay_platform"]), (&json!(1), &json!(100)));
    let ext = &key["wxpay_pay_mch_key_ext"];
    assert_eq!((&ext["sub_open_id"], &ext["sub_app_id"]), (&json!(PAYER), &args["app_id"]));

    gateway.pay(&bridged(args)).await;
    let found = until(&gateway, &named(&gateway, number), 3).await;
    assert_eq!((&found["cash_fee"], &found["total_fee"]), (&json!(10000), &json!(10000)));
    assert!(found["transaction_id"].is_string() && found["time_end"].is_number(), "{found}");

    // It is one order to everybody: operators, the book, and the tenant's other API.
    let story = gateway.story(number).await;
    assert_eq!(story["order"]["state"], "paid", "{story:#}");
    let id = story["order"]["id"].as_str().expect("an id");
    let seen = gateway.result("/cloudpay/v1/pay/query_order", &json!({"ChannelOrderId": id})).await;
    assert_eq!((&seen["OrderStatus"], &seen["PayType"]), (&json!("SUCCESS"), &json!("PUBLIC")));
    assert_eq!(gateway.balance("merchant_pending").await, (10000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_is_authenticated_as_it_came() {
    let gateway = TestGateway::start();
    let key = gateway.text("/cpay/authen_key");
    let asked = named(&gateway, "sz01nobody").to_string();
    let not_found = (104, 400);
    for content in [asked.clone(), format!("{asked}\n"), format!("  {asked}\t")] {
        send_text(&gateway, QUERY, &content).await.refused(not_found);
        let code = code(&key, &content);
        let small = authen(&code.to_ascii_lowercase());
        send_with(&gateway, QUERY, &content, &small).await.refused(not_found);
        // A code over the text without what surrounds it is another one's.
        if content != asked {
            let trimmed = authen(&self::code(&key, content.trim()));
            let answer = send_with(&gateway, QUERY, &content, &trimmed).await;
            answer.refused((101, 401));
        }
    }
    // Escapes of the text are hashed as they stand there; what the body around them escapes is decoded once.
    let escaped = asked.replace("sz01nobody", r"sz01\u006eobody");
    send_text(&gateway, QUERY, &escaped).await.refused(not_found);
    let answer = send_with(&gateway, QUERY, &escaped, &authen(&code(&key, &asked))).await;
    answer.refused((101, 401));
    let all: String = asked.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    let body =
        format!(r#"{{"request_content":"{all}","authen_info":{}}}"#, authen(&code(&key, &asked)));
    send(&gateway, QUERY, body.as_bytes()).await.refused(not_found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_known_and_who_is_not_believed_are_told_the_same() {
    let gateway = TestGateway::start();
    let asked = named(&gateway, "sz01nobody");
    let mut told = Vec::new();
    for member in ["out_sub_mch_id", "out_mch_id"] {
        let strange = inside(&asked, "pay_mch_key", member, json!("sz01strange"));
        told.push(call(&gateway, QUERY, &strange).await);
    }
    let wrong = authen(&"0".repeat(64));
    told.push(send_with(&gateway, QUERY, &asked.to_string(), &wrong).await);
    let other = authen(&code("another key of another merchant!", &asked.to_string()));
    told.push(send_with(&gateway, QUERY, &asked.to_string(), &other).await);
    for answer in &told {
        assert_eq!(answer.refused((101, 401)), told[0].refused((101, 401)));
    }
    // Keys of one API open no other.
    let secret_id = gateway.text("/cpay/out_sub_mch_id");
    let mut signature = gateway.signed("/cloudpay/v1/pay/query_order", b"{}");
    signature.secret_id = secret_id;
    let answer = gateway.post_raw("/cloudpay/v1/pay/query_order", signature.headers(), b"{}").await;
    assert_eq!(answer.body["Response"]["ErrCode"], "AuthFailure.SecretIdNotFound", "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proofs_that_are_not_taken_are_named() {
    let gateway = TestGateway::start();
    let asked = named(&gateway, "sz01nobody").to_string();
    let right = code(&gateway.text("/cpay/authen_key"), &asked);
    let signer = Signer::from_pem(&gateway.text("/cpay/signature_private_key_pem"));
    let sign = signer.expect("its key").sign_pss(asked.as_bytes()).expect("signed");
    let signed = json!({"s": {"sign_type": 1, "sign": sign}});
    for (proof, want, internal) in [
        (json!({"a": {"authen_type": 2, "authen_code": right}}), "authen_info.a.authen_type", 422),
        (json!({"a": {"authen_code": right}}), "authen_info.a.authen_type: missing", 422),
        (json!({"a": {"authen_type": 1}}), "authen_info.a.authen_code: missing", 422),
        (json!({"a": {"authen_type": "1", "authen_code": right}}), "a string", 422),
        (json!({}), "authen_info: want a or s", 422),
        (json!({"a": authen(&right)["a"], "s": signed["s"]}), "want one of them", 422),
        (json!({"s": {"sign_type": 2, "sign": sign}}), "authen_info.s.sign_type", 422),
        (signed, "authen_info.s: not taken here", 401),
        (Value::Null, "authen_info: missing", 422),
    ] {
        let answer = send_with(&gateway, QUERY, &asked, &proof).await;
        let said = answer.refused((101, internal));
        assert!(said.contains(want), "{proof}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_requests_are_refused_by_name() {
    let gateway = TestGateway::start();
    let key = gateway.text("/cpay/authen_key");
    let asked = named(&gateway, "sz01nobody").to_string();
    let wrap = |content: &str| {
        let body = json!({"request_content": content, "authen_info": authen(&code(&key, content))});
        body.to_string().into_bytes()
    };
    let twice = asked.replacen('{', r#"{"nonce_str":"x","#, 1);
    let twice_inside = asked.replacen(r#""out_mch_id""#, r#""out_mch_id":"x","out_mch_id""#, 1);
    let unknown_twice = asked.replacen('{', r#"{"z":{"y":1,"y":2},"#, 1);
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let very_deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let outer_twice = String::from_utf8(wrap(&asked)).expect("text");
    let outer_twice = outer_twice.replacen('{', r#"{"request_content":"{}","#, 1);
    for (body, want) in [
        (b"".to_vec(), "body: EOF"),
        (b"[]".to_vec(), "body: want a JSON object"),
        (b"{\"request_content\":\"\xbc\xe5\"}".to_vec(), "body: not UTF-8"),
        (vec![b' '; 65 * 1024], "body: larger than 65536 bytes"),
        (wrap(&"x".repeat(65_500)), "body: larger than 65536 bytes"),
        (outer_twice.into_bytes(), "body: an object has the same member twice"),
        (b"{}".to_vec(), "request_content: missing"),
        (br#"{"request_content":{}}"#.to_vec(), "request_content: an object, want a string"),
        (wrap("[]"), "request_content: want a JSON object"),
        (wrap(&format!("{asked}{asked}")), "request_content: trailing"),
        (wrap(&twice), "request_content: an object has the same member twice"),
        (wrap(&twice_inside), "request_content: an object has the same member twice"),
        (wrap(&unknown_twice), "request_content: an object has the same member twice"),
        (wrap(&deep), "deeper than"),
        (wrap(&very_deep), "request_content: "),
        (wrap("{}"), "out_sub_mch_id: missing"),
        (wrap(r#"{"pay_mch_key":{}}"#), "pay_mch_key.out_sub_mch_id: missing"),
    ] {
        let answer = send(&gateway, QUERY, &body).await;
        let said = answer.refused((101, 422));
        let start = String::from_utf8_lossy(&body).chars().take(80).collect::<String>();
        assert!(said.contains(want), "{start}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fields_that_are_wrong_are_named() {
    let gateway = TestGateway::start();
    let right = order(&gateway, &number());
    let content = |member: &str, value: Value| inside(&right, "pay_content", member, value);
    let of_key = |member: &str, value: Value| inside(&right, "pay_mch_key", member, value);
    let client = |member: &str, value: Value| inside(&right, "order_client", member, value);
    let now = gateway.now();
    for (request, want) in [
        (with(&right, "pay_content", Value::Null), "pay_content: missing"),
        (with(&right, "nonce_str", Value::Null), "nonce_str: missing"),
        (with(&right, "nonce_str", json!("x".repeat(33))), "nonce_str: 33 characters"),
        (with(&right, "order_client", Value::Null), "order_client: missing"),
        (with(&right, "trade_type", json!(1)), "trade_type: out of range"),
        (content("out_trade_no", json!("sz01")), "does not begin with an order prefix"),
        (content("out_trade_no", json!("sz02x")), "does not begin with an order prefix"),
        (content("out_trade_no", json!("sz01 1")), "want letters, digits"),
        (content("out_trade_no", json!(format!("sz01{}", "1".repeat(29)))), "33 characters"),
        (content("total_fee", json!(0)), "pay_content.total_fee: out of range"),
        (content("total_fee", json!("1")), "pay_content.total_fee: a string"),
        (content("total_fee", json!(1.5)), "pay_content.total_fee"),
        (content("total_fee", json!(4_294_967_296_i64)), "pay_content.total_fee: out of range"),
        (content("fee_type", json!("USD")), "pay_content.fee_type: want one of CNY"),
        (content("fee_type", Value::Null), "pay_content.fee_type: missing"),
        (content("body", json!("")), "pay_content.body: 0 characters"),
        (content("body", json!("煎".repeat(129))), "pay_content.body: 129 characters"),
        (content("detail", json!("[]")), "pay_content.detail: want a JSON object"),
        (content("caller_notify_url", json!("ftp://x")), "pay_content.caller_notify_url"),
        (content("time_expire", json!(now + 30)), "pay_content.time_expire: want at least 60 s"),
        (content("time_expire", json!(now - 1)), "pay_content.time_expire"),
        (content("time_expire", json!(now + 400 * 86_400)), "pay_content.time_expire"),
        (
            content("wxpay_pay_content_ext", json!({"limit_pay": "no_credit"})),
            "limit_pay: not offered here",
        ),
        (content("alipay_pay_content_ext", json!({"royalty_info": "x"})), "royalty_info"),
        (of_key("pay_platform", Value::Null), "pay_mch_key.pay_platform: missing"),
        (of_key("pay_platform", json!(3)), "pay_mch_key.pay_platform: want 1"),
        (of_key("sub_pay_platform", json!(200)), "pay_mch_key.sub_pay_platform: want 100"),
        (of_key("out_shop_id", Value::Null), "pay_mch_key.out_shop_id: missing"),
        (of_key("wxpay_pay_mch_key_ext", json!({})), "open_id and sub_open_id: missing"),
        (of_key("wxpay_pay_mch_key_ext", Value::Null), "wxpay_pay_mch_key_ext: missing"),
        (of_key("alipay_pay_mch_key_ext", json!({"user_id": "2088"})), "alipay_pay_mch_key_ext"),
        (of_key("pay_platform", json!(2)), "wxpay_pay_mch_key_ext: does not belong"),
        (client("spbill_create_ip", json!("pay.example")), "order_client.spbill_create_ip"),
        (client("spbill_create_ip", json!("::1")), "order_client.spbill_create_ip"),
        (client("terminal_type", json!(5)), "order_client.terminal_type: want 1, 2, 3, 4 or 100"),
    ] {
        let answer = call(&gateway, OFFICIAL_ACCOUNT, &request).await;
        let said = answer.refused((101, 422));
        assert!(said.contains(want), "{request}: {said}");
    }
    // What does not fit the configuration is not a wrong call, but fails.
    for (request, status, want) in [
        (of_key("out_shop_id", json!("sz01elsewhere")), (104, 404), "no such outlet"),
        (client("device_id", json!("strange")), (104, 403), "order_client.device_id"),
        (client("staff_id", json!("strange")), (104, 403), "order_client.staff_id"),
    ] {
        let answer = call(&gateway, OFFICIAL_ACCOUNT, &request).await;
        assert!(answer.refused(status).contains(want), "{request}: {answer:?}");
    }
    // Unknown members are ignored, and the declared device and person may call.
    let more = inside(&right, "order_client", "device_id", json!(gateway.text("/cpay/device_id")));
    let more = inside(&more, "order_client", "staff_id", json!(gateway.text("/cpay/staff_id")));
    let more = inside(&more, "pay_content", "is_shelves_order", json!({"x": [1]}));
    result(&gateway, OFFICIAL_ACCOUNT, &more).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_stands_for_one_order() {
    let mut gateway = TestGateway::start();
    let first = order(&gateway, &number());
    let placed = result(&gateway, OFFICIAL_ACCOUNT, &first).await;
    // The same again, under another nonce and from another machine: the same live order.
    let again = with(&first, "nonce_str", json!("another"));
    let again = inside(&again, "order_client", "spbill_create_ip", json!("192.0.2.11"));
    let repeated = result(&gateway, OFFICIAL_ACCOUNT, &again).await;
    assert_eq!(repeated["jsapi_args"], placed["jsapi_args"]);
    assert_eq!(repeated["order_content"], placed["order_content"]);
    let others = |request: &Value| {
        let content = |member: &str, value: Value| inside(request, "pay_content", member, value);
        let ext = json!({"sub_open_id": "another payer"});
        [
            content("total_fee", json!(1001)),
            content("body", json!("豆浆")),
            content("remark", json!("x")),
            content("wxpay_pay_content_ext", json!({"attach": "x"})),
            content("caller_notify_url", json!("https://pay.example/n")),
            content("time_expire", json!(gateway.now() + 600)),
            inside(request, "pay_mch_key", "wxpay_pay_mch_key_ext", ext),
        ]
    };
    for other in others(&first) {
        call(&gateway, OFFICIAL_ACCOUNT, &other).await.refused((102, 407));
    }
    // Once it has ended, the number is used up; other content is still told apart.
    gateway.pay(&bridged(&placed["jsapi_args"]["wxpay"]["get_brand_wcpay"])).await;
    until(
        &gateway,
        &named(&gateway, first["pay_content"]["out_trade_no"].as_str().expect("text")),
        3,
    )
    .await;
    // Nobody must pay again, under another number either.
    call(&gateway, OFFICIAL_ACCOUNT, &first).await.refused((104, 409));
    for other in others(&first) {
        call(&gateway, OFFICIAL_ACCOUNT, &other).await.refused((102, 407));
    }
    // One that nobody pays ends after two minutes.
    let unpaid = order(&gateway, &number());
    result(&gateway, OFFICIAL_ACCOUNT, &unpaid).await;
    gateway.advance(121).await;
    let asked = named(&gateway, unpaid["pay_content"]["out_trade_no"].as_str().expect("text"));
    let closed = until(&gateway, &asked, 7).await;
    assert_eq!(closed["is_transforming"], false, "{closed}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_not_known_is_103_and_the_same_call_goes_on() {
    let gateway = TestGateway::start();
    gateway.fault_once("create", "lose_answer").await;
    let request = order(&gateway, &number());
    call(&gateway, OFFICIAL_ACCOUNT, &request).await.refused((103, 504));
    let mut answer = call(&gateway, OFFICIAL_ACCOUNT, &request).await;
    for _ in 0..100 {
        if answer.status().0 == 0 {
            break;
        }
        assert_eq!(answer.status().0, 103, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = call(&gateway, OFFICIAL_ACCOUNT, &request).await;
    }
    let placed = answer.result(OFFICIAL_ACCOUNT);
    gateway.pay(&bridged(&placed["jsapi_args"]["wxpay"]["get_brand_wcpay"])).await;
    // What the platform refuses fails, with its reason.
    gateway.fault_once("create", "error:PARAM_ERROR").await;
    let refused = call(&gateway, OFFICIAL_ACCOUNT, &order(&gateway, &number())).await;
    assert!([103, 104].contains(&refused.status().0), "{refused:?}");
    gateway.fault_once("create", "error:NO_AUTH").await;
    let refused = call(&gateway, OFFICIAL_ACCOUNT, &order(&gateway, &number())).await;
    // A refused account ends no order: the same call goes on once it is mended.
    assert_eq!(refused.status(), (103, 403), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alipay_is_paid_in_its_own_app() {
    let gateway = TestGateway::start();
    let request = order(&gateway, &number());
    let payer = json!({"user_id": "2088102146225135"});
    let key = with(&key(&gateway, 2), "alipay_pay_mch_key_ext", payer);
    let request = with(&request, "pay_mch_key", key);
    let placed = result(&gateway, OFFICIAL_ACCOUNT, &request).await;
    assert_eq!(*state(&placed["order_content"]), 4);
    assert_eq!(placed["pay_mch_key"]["sub_pay_platform"], 200);
    let trade_no = &placed["jsapi_args"]["alipay"]["trade_pay"]["trade_no"];
    gateway.pay(&json!(json!({"tradeNO": trade_no}).to_string())).await;
    let number = request["pay_content"]["out_trade_no"].as_str().expect("text");
    let asked = with(&named(&gateway, number), "pay_mch_key", self::key(&gateway, 2));
    let paid = until(&gateway, &asked, 2).await;
    assert_eq!(paid["transaction_id"], *trade_no);
    // It is not an order of WeChat Pay's.
    call(&gateway, QUERY, &named(&gateway, number)).await.refused((104, 409));
    let all = with(
        &refund(&gateway, number, &self::number(), 1000),
        "pay_mch_key",
        asked["pay_mch_key"].clone(),
    );
    let given = result(&gateway, REFUND, &all).await;
    let content = &given["refund_order_content"];
    assert!(content["alipay_refund_order_content_ext"]["refund_status"].is_number(), "{given}");
    until(&gateway, &asked, 5).await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_other_way_to_pay_opens_something() {
    let gateway = TestGateway::start();
    let right = order(&gateway, &number());
    let fresh = |request: &Value| inside(request, "pay_content", "out_trade_no", json!(number()));
    let ext = |value: Value| inside(&fresh(&right), "pay_mch_key", "wxpay_pay_mch_key_ext", value);

    let scan = ext(Value::Null);
    let said = call(&gateway, "scan_code_pay", &scan).await;
    assert!(said.refused((101, 422)).contains("product_id: missing"), "{said:?}");
    let product = json!({"product_id": "p1"});
    let scan = inside(&scan, "pay_content", "wxpay_pay_content_ext", product);
    let scanned = result(&gateway, "scan_code_pay", &scan).await;
    assert_eq!(scanned["order_content"]["trade_type"], 2);
    assert!(scanned["code_url"].as_str().is_some_and(|url| url.contains("weixin://")), "{scanned}");
    gateway.pay(&scanned["code_url"]).await;

    let payer =
        json!({"mini_program_sub_app_id": gateway.text("/wxpay/appid"), "sub_open_id": PAYER});
    let mini = result(&gateway, "mini_program_pay", &ext(payer)).await;
    assert_eq!(mini["order_content"]["trade_type"], 9);
    gateway.pay(&bridged(&mini["jsapi_args"]["wxpay"]["mini_program_pay"])).await;

    let app = ext(json!({"mob_app_id": gateway.text("/wxpay/appid")}));
    let app = result(&gateway, "app_pay", &with(&app, "order_client", Value::Null)).await;
    let args = &app["sdk_args"]["wxpay"];
    assert_eq!(
        (&args["package_value"], &args["partner_id"]),
        (&json!("Sign=WXPay"), &json!(gateway.text("/wxpay/mchid")))
    );
    let handed = json!({
        "appid": args["app_id"], "partnerid": args["partner_id"], "prepayid": args["prepare_id"],
        "package": args["package_value"], "noncestr": args["nonce_str"],
        "timestamp": args["timestamp"], "sign": args["sign"],
    });
    gateway.pay(&json!(handed.to_string())).await;

    let web = result(&gateway, "mob_web_pay", &ext(Value::Null)).await;
    assert_eq!(web["order_content"]["trade_type"], 6);
    gateway.pay(&web["mweb_url"]).await;
    for placed in [&scanned, &mini, &app, &web] {
        let number = placed["order_content"]["out_trade_no"].as_str().expect("a number");
        until(&gateway, &named(&gateway, number), 3).await;
    }
    assert_eq!(gateway.balance("merchant_pending").await, (4000, 0));
    gateway.check_books();
}

/// What a cashier sends who scanned a code.
fn scanned(gateway: &TestGateway, number: &str, code: &str) -> Value {
    let request = order(gateway, number);
    let request = inside(&request, "pay_mch_key", "wxpay_pay_mch_key_ext", Value::Null);
    let request = inside(&request, "pay_mch_key", "pay_platform", Value::Null);
    let request = inside(&request, "pay_content", "author_code", json!(code));
    inside(&request, "order_client", "machine_no", json!("00-16-EA-AE-3C-40"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanned_code_pays_and_is_shown_again() {
    let gateway = TestGateway::start();
    for (channel, platform, paid, failed) in [("wxpay", 1, 2, 10), ("alipay", 2, 2, 7)] {
        let code = show(&gateway, channel, "success").await;
        let request = scanned(&gateway, &number(), &code);
        let placed = result(&gateway, "micro_pay", &request).await;
        assert_eq!(
            (state(&placed["order_content"]), &placed["order_content"]["trade_type"]),
            (&json!(paid), &json!(1)),
            "{placed}"
        );
        assert_eq!(placed["pay_mch_key"]["pay_platform"], platform);
        assert!(!placed.to_string().contains(&code), "{placed}");
        let again = result(&gateway, "micro_pay", &request).await;
        assert_eq!(again["order_content"], placed["order_content"]);
        let other = inside(&request, "pay_content", "total_fee", json!(1));
        call(&gateway, "micro_pay", &other).await.refused((102, 407));

        let broke = show(&gateway, channel, "fail").await;
        let placed = result(&gateway, "micro_pay", &scanned(&gateway, &number(), &broke)).await;
        assert_eq!(*state(&placed["order_content"]), failed, "{placed}");
    }
    for (member, value, want) in [
        ("author_code", json!("990000000000000000"), "author_code"),
        ("author_code", json!("10"), "author_code"),
        ("author_code", Value::Null, "author_code: missing"),
    ] {
        let request = scanned(&gateway, &number(), "x");
        let request = inside(&request, "pay_content", member, value);
        let answer = call(&gateway, "micro_pay", &request).await;
        assert!(answer.refused((101, 422)).contains(want), "{answer:?}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_waits_for_its_password_is_reversed() {
    let mut gateway = TestGateway::start();
    let code = show(&gateway, "wxpay", "password").await;
    let no = number();
    let request = scanned(&gateway, &no, &code);
    let device = json!(gateway.text("/cpay/device_id"));
    let request = inside(&request, "order_client", "device_id", device.clone());
    let placed = result(&gateway, "micro_pay", &request).await;
    assert_eq!(*state(&placed["order_content"]), 9, "{placed}");
    let asked = named(&gateway, &no);
    call(&gateway, "reverse", &asked).await.refused((104, 403));
    call(&gateway, "close_order", &with(&asked, "trade_type", json!(1))).await.refused((104, 409));
    let asked = inside(&asked, "order_client", "device_id", device);
    let mut answer = call(&gateway, "reverse", &asked).await;
    for _ in 0..100 {
        if answer.status().0 == 0 {
            break;
        }
        assert_eq!(answer.status().0, 103, "{answer:?}");
        gateway.advance(6).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        answer = call(&gateway, "reverse", &asked).await;
    }
    answer.result("reverse");
    until(&gateway, &named(&gateway, &no), 8).await;
    // What is paid goes back by a refund, and what no code pays is closed.
    let code = show(&gateway, "wxpay", "success").await;
    let no = number();
    result(&gateway, "micro_pay", &scanned(&gateway, &no, &code)).await;
    call(&gateway, "reverse", &named(&gateway, &no)).await.refused((104, 409));
    let open = order(&gateway, &number());
    result(&gateway, OFFICIAL_ACCOUNT, &open).await;
    let asked = named(&gateway, open["pay_content"]["out_trade_no"].as_str().expect("text"));
    call(&gateway, "reverse", &asked).await.refused((104, 409));
    let closing = with(&asked, "trade_type", json!(3));
    result(&gateway, "close_order", &closing).await;
    result(&gateway, "close_order", &closing).await;
    assert_eq!(*state(&until(&gateway, &asked, 7).await), 7);
    call(&gateway, "close_order", &asked).await.refused((101, 422));
    call(&gateway, "close_order", &with(&asked, "trade_type", json!(6))).await.refused((104, 409));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_requested_by_code_or_signature() {
    let gateway = TestGateway::start();
    let no = sell(&gateway, &order(&gateway, &number())).await;
    let (first, second) = (number(), number());
    let request = inside(
        &refund(&gateway, &no, &first, 300),
        "refund_content",
        "refund_reason",
        json!("少一个"),
    );
    let given = result(&gateway, REFUND, &request).await;
    let content = &given["refund_order_content"];
    assert_eq!(
        (&content["refund_fee"], &content["total_fee"], &content["refund_reason"]),
        (&json!(300), &json!(1000), &json!("少一个")),
        "{given}"
    );
    // The same again is the same refund; another amount under its number is not.
    let again = result(&gateway, REFUND, &request).await;
    assert_eq!(again["refund_order_content"]["create_time"], content["create_time"]);
    call(&gateway, REFUND, &refund(&gateway, &no, &first, 301)).await.refused((102, 407));
    // By signature, under either name of the member.
    let signer = Signer::from_pem(&gateway.text("/cpay/signature_private_key_pem"));
    let signer = signer.expect("its key");
    let rest = refund(&gateway, &no, &second, 700).to_string();
    let sign = signer.sign_pss(rest.as_bytes()).expect("signed");
    for member in ["sign", "signature"] {
        let wrong = json!({"s": {"sign_type": 1, member: signer.sign(rest.as_bytes()).expect("")}});
        send_with(&gateway, REFUND, &rest, &wrong).await.refused((101, 401));
        let proof = json!({"s": {"sign_type": 1, member: sign}});
        send_with(&gateway, REFUND, &rest, &proof).await.result(REFUND);
    }
    let asked = |refund_no: &str| with(&named(&gateway, &no), "out_refund_no", json!(refund_no));
    for (refund_no, fen) in [(&first, 300), (&second, 700)] {
        let mut found = Value::Null;
        for _ in 0..200 {
            found = result(&gateway, QUERY_REFUND, &asked(refund_no)).await;
            let content = &found["refund_order_content"][0];
            assert_eq!(content["refund_fee"], fen, "{found}");
            if content["wxpay_refund_order_content_ext"]["state"] == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let content = &found["refund_order_content"][0];
        assert_eq!(content["wxpay_refund_order_content_ext"]["state"], 2, "{found}");
        assert!(content["refund_id"].is_string() && content["refund_success_time"].is_number());
    }
    until(&gateway, &named(&gateway, &no), 4).await;
    let more = refund(&gateway, &no, &number(), 1);
    call(&gateway, REFUND, &more).await.refused((104, 409));
    for (request, status) in [
        (inside(&more, "refund_content", "total_fee", json!(999)), (104, 409)),
        (inside(&more, "refund_content", "out_trade_no", json!("sz01nobody")), (104, 400)),
        (inside(&more, "refund_content", "out_refund_no", json!("sz02x")), (101, 422)),
        (inside(&more, "refund_content", "refund_fee", json!(0)), (101, 422)),
        (inside(&more, "pay_mch_key", "authorization_staff_id", json!("strange")), (104, 403)),
    ] {
        call(&gateway, REFUND, &request).await.refused(status);
    }
    call(&gateway, QUERY_REFUND, &asked("sz01nothing")).await.refused((104, 400));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_are_notified_in_the_same_envelope() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let yes = |content: Value| json!({"response_content": content}).to_string();
    let text = || json!(json!({"status": 0, "description": "ok"}).to_string());
    // What the merchant does not accept is sent again.
    merchant.next([
        MerchantReply::Answer(200, "SUCCESS".to_owned()),
        MerchantReply::Answer(200, yes(json!({"status": 101}))),
        MerchantReply::Answer(200, yes(text())),
        MerchantReply::Answer(200, yes(json!({"status": 0}))),
    ]);
    let url = json!(merchant.notify_url);
    let request = inside(&order(&gateway, &number()), "pay_content", "caller_notify_url", url);
    let request =
        inside(&request, "pay_content", "wxpay_pay_content_ext", json!({"attach": "桌 7"}));
    let no = sell(&gateway, &request).await;
    let key = gateway.text("/cpay/authen_key");
    let open = |body: Value| {
        let content = body["request_content"].as_str().expect("a text").to_owned();
        assert_eq!(body["authen_info"], authen(&code(&key, &content)));
        serde_json::from_str::<Value>(&content).expect("JSON in the text")
    };
    for attempt in 1..=3 {
        let notified = open(merchant.received().await.json());
        let content = &notified["order_content"];
        assert_eq!((&content["out_trade_no"], state(content)), (&json!(no), &json!(3)));
        assert_eq!(content["wxpay_order_content_ext"]["attach"], "桌 7");
        assert_eq!(notified["order_client"]["spbill_create_ip"], "192.0.2.10");
        assert_eq!(notified["pay_mch_key"]["out_sub_mch_id"], gateway.text("/cpay/out_sub_mch_id"));
        assert!(notified["nonce_str"].is_string());
        let wanted = if attempt == 3 { "delivered" } else { "due" };
        gateway
            .until_story(&no, |story| {
                let one = &story["notifications"][0];
                one["state"] == wanted && one["attempt_count"] == attempt
            })
            .await;
        gateway.advance(16).await;
    }
    let refund_no = number();
    result(&gateway, REFUND, &refund(&gateway, &no, &refund_no, 1000)).await;
    let notified = open(merchant.received().await.json());
    let content = &notified["refund_order_content"][0];
    assert_eq!(
        (&content["out_refund_no"], &content["wxpay_refund_order_content_ext"]["state"]),
        (&json!(refund_no), &json!(2)),
        "{notified}"
    );
    assert_eq!(merchant.waiting().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_lists_its_outlets_and_reports_about_itself() {
    let gateway = TestGateway::start();
    let asked = json!({
        "out_mch_id": gateway.text("/cpay/out_mch_id"),
        "out_sub_mch_id": gateway.text("/cpay/out_sub_mch_id"),
        "nonce_str": "0", "page_num": 1, "page_size": 20,
    });
    let name = "query_sub_mch_shop_info";
    let listed = call(&gateway, name, &asked).await.result("query_shop_info");
    let outlet = &listed["shop_infos"][0];
    assert_eq!(
        (&listed["total_count"], &outlet["out_shop_id"]),
        (&json!(1), &json!(gateway.text("/cpay/out_shop_id"))),
        "{listed}"
    );
    assert_eq!(outlet["device_infos"][0]["device_id"], gateway.text("/cpay/device_id"));
    assert_eq!(outlet["staff_infos"][0]["staff_id"], gateway.text("/cpay/staff_id"));
    let second = call(&gateway, name, &with(&asked, "page_num", json!(2))).await;
    let second = second.result("query_shop_info");
    assert_eq!((&second["total_count"], &second["shop_infos"]), (&json!(1), &json!([])));
    for member in ["page_num", "page_size"] {
        let answer = call(&gateway, name, &with(&asked, member, json!(0))).await;
        assert!(answer.refused((101, 422)).contains(member), "{answer:?}");
    }
    for (name, member) in [
        ("upload_client_monitor_info", "upload_client_monitor_info"),
        ("upload_client_conf_info", "upload_client_conf_info"),
        ("device_report", "device_info_report"),
    ] {
        let report = with(&asked, "uncompressed_monitor_info", json!({"machine_info": "x"}));
        let taken = call(&gateway, name, &report).await.result(member);
        assert_eq!(taken["interval"], 0, "{taken}");
    }
}

/// A call in the short form: the numbers of its outcome, and its content; a code that is there was verified.
async fn brief(gateway: &TestGateway, name: &str, key: &str, content: &Value) -> (i64, i64, Value) {
    let text = content.to_string();
    let body = json!({"r": text, "a": code(key, &text)}).to_string();
    let answer = gateway.post_raw(&format!("/cpay/{name}"), vec![], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.body["rc"].as_str().expect("a text");
    let content: Value = serde_json::from_str(text).expect("JSON in the text");
    let (status, internal) = (content["s"].as_i64(), content["is"].as_i64());
    let (status, internal) = (status.expect("a number"), internal.expect("a number"));
    let own = json!(self::code(&gateway.text("/cpay/authen_key"), text));
    let wanted = if [3, 101].contains(&status) { Value::Null } else { own };
    assert_eq!(answer.body.get("a").unwrap_or(&Value::Null), &wanted, "{answer:?}");
    assert!(content["li"].is_number() && content["d"].is_string(), "{content}");
    (status, internal, content)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_speak_the_short_form() {
    let gateway = TestGateway::start();
    let key = gateway.text("/cpay/authen_key");
    for (channel, platform, member) in [("wxpay", 1, "wx"), ("alipay", 2, "ali")] {
        let (no, code) = (number(), show(&gateway, channel, "success").await);
        let asked = json!({
            "ns": "69050786d195198efe9070ae45857070", "osi": gateway.text("/cpay/out_shop_id"),
            "otn": no, "ac": code, "tf": 900, "bd": "支付简述",
            "di": gateway.text("/cpay/device_id"), "sc": "LANDI_QM800_LA198KBQ8W1666", "stt": 2451,
        });
        let (status, _, content) = brief(&gateway, "brief_micro_pay", &key, &asked).await;
        let paid = &content["brief_micro_pay"];
        assert_eq!((status, &paid[member]["cts"]), (0, &json!(2)), "{content}");
        assert_eq!(paid["ns"].as_str().map(str::len), Some(8), "{content}");
        let again = brief(&gateway, "brief_micro_pay", &key, &asked).await.2;
        assert_eq!(again["brief_micro_pay"][member], paid[member]);
        let other = with(&asked, "tf", json!(901));
        let refused = brief(&gateway, "brief_micro_pay", &key, &other).await;
        assert_eq!((refused.0, refused.1), (102, 407), "{refused:?}");

        let query = json!({"ns": "0", "osi": asked["osi"], "otn": no});
        let (status, _, content) = brief(&gateway, "brief_query_order", &key, &query).await;
        let found = &content["brief_query_order"];
        assert_eq!(status, 0, "{content}");
        assert_eq!(
            (&found["otn"], &found["tf"], &found["pp"], &found[member]["cts"]),
            (&json!(no), &json!(900), &json!(platform), &json!(2)),
            "{content}"
        );
        // It is the same order in the long form.
        let long = with(&named(&gateway, &no), "pay_mch_key", self::key(&gateway, platform));
        until(&gateway, &long, 2).await;
        for (member, value, want) in [
            ("osi", json!("sz01strange"), (101, 401)),
            ("di", json!("strange"), (104, 403)),
            ("otn", json!("sz02x"), (101, 422)),
            ("ac", json!("9900"), (101, 422)),
            ("tf", json!(0), (101, 422)),
            ("stt", Value::Null, (101, 422)),
            ("sc", Value::Null, (101, 422)),
        ] {
            let wrong = with(&with(&asked, "otn", json!(number())), member, value);
            let refused = brief(&gateway, "brief_micro_pay", &key, &wrong).await;
            assert_eq!((refused.0, refused.1), want, "{wrong}: {refused:?}");
        }
        let strange =
            brief(&gateway, "brief_query_order", "another key of a merchant", &query).await;
        assert_eq!((strange.0, strange.1), (101, 401), "{strange:?}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_envelope_is_answered_too() {
    let gateway = TestGateway::start();
    let pong = gateway.post_raw("/cpay/ping", vec![], b"not JSON").await;
    assert_eq!((pong.status, &pong.body["status"]), (200, &json!(0)));
    let late = gateway.now() - pong.body["timestamp"].as_i64().expect("seconds");
    assert!((0..=5).contains(&late), "{pong:?}");
    assert_eq!(gateway.get("/").await.status, 200);
    let answer = gateway.post_raw("/cpay/upload_bill", vec![], b"{}").await;
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.body["response_content"].is_string() && answer.body["authen_info"].is_null());
    assert_eq!(gateway.get("/cpay/query_order").await.status, 405);
    assert_eq!(gateway.get("/cpay/").await.status, 404);
}
