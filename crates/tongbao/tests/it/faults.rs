//! A channel that loses, delays, repeats, refuses, signs wrongly and lies; merchants that do not
//! listen; and strangers who pretend to be the channel.

use crate::merchant::{Merchant, MerchantReply};
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use crypto::rsa::{self, Signer};
use crypto::{aead, text};
use serde_json::{Value, json};

const UNKNOWN: &str = "FailedOperation.SystemError";

/// An order of a day, so that the clock can move without ending it.
fn lasting(gateway: &TestGateway, number: &str, merchant: &Merchant) -> Value {
    let body = with(&order(number), "NotifyUrl", json!(merchant.notify_url));
    with(&body, "ExpireTime", json!(shanghai(gateway.now() + 20 * 3600)))
}

fn named(number: &str) -> Value {
    json!({"OutOrderId": number})
}

fn is_paid(story: &Value) -> bool {
    story["order"]["state"] == "paid"
}

/// Its payment is booked once, and its merchant was told once.
async fn settled_once(gateway: &TestGateway, merchant: &mut Merchant, number: &str) {
    let story = gateway
        .until_story(number, |story| story["notifications"][0]["state"] == "delivered")
        .await;
    assert!(is_paid(&story), "{story}");
    assert_eq!(story["transfers"].as_array().map(Vec::len), Some(1), "{story}");
    assert_eq!(story["refunds"], json!([]));
    let told = merchant.received().await.json();
    assert_eq!(told["Result"]["OutOrderId"], number);
    assert!(merchant.waiting().is_empty(), "{number} was told twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_placing_the_same_number_comes_to_one_order() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let mut paid = 0;
    for (fault, answer, placed_there) in [
        ("lose_request", UNKNOWN, false),
        ("lose_answer", UNKNOWN, true),
        ("bad_signature", UNKNOWN, true),
        ("error:SYSTEM_ERROR", UNKNOWN, false),
        ("error:ORDERPAID", UNKNOWN, false),
        ("error:OUT_TRADE_NO_USED", UNKNOWN, false),
        ("error:FREQUENCY_LIMITED", "ChannelOperationError", false),
        ("delay", "SUCCESS", true),
        ("duplicate", "SUCCESS", true),
        ("wrong_amount", "SUCCESS", true),
    ] {
        let number = fresh_number();
        let body = lasting(&gateway, &number, &merchant);
        gateway.fault_once("create", fault).await;
        let response = gateway.call(UNIFIED_ORDER, &body).await;
        assert_eq!(response["ErrCode"], answer, "{fault}: {response}");
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        let unknown = answer != "SUCCESS";
        assert_eq!(found["OrderStatus"], if unknown { "INIT" } else { "PAYING" }, "{fault}");
        let id = &found["ChannelOrderId"];
        assert_eq!(gateway.channel_orders(id).await.len(), usize::from(placed_there), "{fault}");
        if let Some(code) = fault.strip_prefix("error:")
            && answer == "ChannelOperationError"
        {
            assert!(response["ErrMessage"].as_str().is_some_and(|text| text.contains(code)));
        }

        let again = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(again["OrderStatus"], "PAYING", "{fault}: {again}");
        assert_eq!(again["ChannelOrderId"], *id, "{fault}");
        assert_eq!(gateway.channel_orders(id).await.len(), 1, "{fault}");
        gateway.pay(&again["PayInfo"]).await;
        settled_once(&gateway, &mut merchant, &number).await;
        paid += 1000;
        assert_eq!(gateway.balance("merchant_pending").await, (paid, 0), "{fault}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placing_that_stayed_unknown_is_tried_again_by_itself() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    for fault in ["lose_request", "lose_answer", "bad_signature", "error:SYSTEM_ERROR"] {
        let number = fresh_number();
        gateway.fault_once("create", fault).await;
        gateway.refused(UNIFIED_ORDER, &lasting(&gateway, &number, &merchant), UNKNOWN).await;
        gateway.advance(6).await;
        let story = gateway.until_story(&number, |story| story["order"]["state"] == "paying").await;
        assert_eq!(gateway.channel_orders(&story["order"]["id"]).await.len(), 1, "{fault}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_good_fails_the_order() {
    let gateway = TestGateway::start();
    for code in ["INVALID_REQUEST", "TRADE_ERROR"] {
        let number = fresh_number();
        gateway.fault_once("create", &format!("error:{code}")).await;
        let failed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(failed["OrderStatus"], "PAY_FAIL", "{failed}");
        assert!(failed["FailReason"].as_str().is_some_and(|why| why.contains(code)), "{failed}");
        assert!(failed.get("PayInfo").is_none(), "{failed}");
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "PAY_FAIL");
        assert_eq!(found["FailReason"], failed["FailReason"]);
        let wanted = "ORDER.ORDER_RECORD_ALREADY_EXIST";
        gateway.refused(UNIFIED_ORDER, &order(&number), wanted).await;
        let closed = gateway.result(CLOSE_ORDER, &named(&number)).await;
        assert_eq!(closed["OrderStatus"], "PAY_FAIL");
    }
    gateway.check_books();
}

/// The number is not used up, a person sees the account until the channel takes it again, and the order
/// goes on under its number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_account_ends_no_order() {
    let gateway = TestGateway::start();
    for code in ["SIGN_ERROR", "NO_AUTH", "MCH_NOT_EXISTS"] {
        let number = fresh_number();
        gateway.fault_once("create", &format!("error:{code}")).await;
        gateway.refused(UNIFIED_ORDER, &order(&number), "NO_MERCHANT_SECRET").await;
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "INIT", "{code}");
        let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{code}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_paid_while_its_placing_was_unknown_answers_paid() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    gateway.fault("notify", "lose_request", 1000).await;
    gateway.fault_once("create", "lose_answer").await;
    let number = fresh_number();
    let body = with(&lasting(&gateway, &number, &merchant), "PayType", json!("PC"));
    gateway.refused(UNIFIED_ORDER, &body, UNKNOWN).await;
    let found = gateway.result(QUERY_ORDER, &named(&number)).await;
    // The code was shown to a payer who scanned it, though we never saw it.
    gateway.pay(&code_to_scan(&gateway, &found["ChannelOrderId"]).await).await;
    let paid = gateway.result(UNIFIED_ORDER, &body).await;
    assert_eq!(paid["OrderStatus"], "SUCCESS", "{paid}");
    assert_eq!(
        paid["ThirdPayOrderId"],
        gateway.channel_orders(&found["ChannelOrderId"]).await[0]["transaction_id"]
    );
    settled_once(&gateway, &mut merchant, &number).await;
}

/// The channel answers the close as it does for an order that it has, and takes the number no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_never_arrived_can_be_closed() {
    let gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    let number = fresh_number();
    let body = lasting(&gateway, &number, &merchant);
    gateway.fault_once("create", "lose_request").await;
    gateway.refused(UNIFIED_ORDER, &body, UNKNOWN).await;
    let closed = gateway.result(CLOSE_ORDER, &named(&number)).await;
    assert_eq!(closed["OrderStatus"], "CLOSED", "{closed}");
    assert!(gateway.channel_orders(&closed["ChannelOrderId"]).await.is_empty());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_qr_code_whose_answer_was_lost_is_replaced() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let body = with(&lasting(&gateway, &number, &merchant), "PayType", json!("PC"));
    gateway.fault_once("create", "lose_answer").await;
    gateway.refused(UNIFIED_ORDER, &body, UNKNOWN).await;
    let found = gateway.result(QUERY_ORDER, &named(&number)).await;
    let lost = code_to_scan(&gateway, &found["ChannelOrderId"]).await;
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    assert_ne!(placed["PayInfo"], lost);
    let pay = json!({"pay_info": lost, "outcome": "success"});
    assert_eq!(gateway.control_answer("pay", &pay).await.status, 400);
    gateway.pay(&placed["PayInfo"]).await;
    settled_once(&gateway, &mut merchant, &number).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_refused_after_a_lost_answer_is_closed_before_it_fails() {
    let gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    let number = fresh_number();
    let body = with(&lasting(&gateway, &number, &merchant), "PayType", json!("PC"));
    // The channel took the order, we never heard of it, and then the channel refuses it.
    gateway.fault_once("create", "lose_answer").await;
    gateway.refused(UNIFIED_ORDER, &body, UNKNOWN).await;
    gateway.fault_once("create", "error:INVALID_REQUEST").await;
    gateway.call(UNIFIED_ORDER, &body).await;
    let failed = gateway.until_status(&number, "PAY_FAIL").await;
    let why = failed["FailReason"].as_str().expect("a text");
    assert!(why.starts_with("INVALID_REQUEST: "), "the channel's own words: {why}");
    let id = &failed["ChannelOrderId"];
    assert_eq!(gateway.channel_orders(id).await[0]["trade_state"], "CLOSED");
    let code = code_to_scan(&gateway, id).await;
    let pay = json!({"pay_info": code, "outcome": "success"});
    assert_eq!(gateway.control_answer("pay", &pay).await.status, 400);
    assert_eq!(gateway.balance("channel_funds").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_brings_no_money_back_leaves_it_in_suspense() {
    let gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    for (ending, heard, state) in [
        // Somebody must act at the channel; then the money may still go back.
        ("refund_abnormal", "refund Abnormal of 1000 fen", "processing"),
        ("refund_closed", "refund Closed of 1000 fen", "failed"),
    ] {
        let before = gateway.balance("suspense").await;
        let number = fresh_number();
        let body = with(&lasting(&gateway, &number, &merchant), "PayType", json!("PC"));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        // The channel says closed and leaves the order open: the payer can still pay.
        gateway.fault_once("close", "error:ORDER_CLOSED").await;
        gateway.result(CLOSE_ORDER, &named(&number)).await;
        gateway.fault_once("refund", ending).await;
        gateway.pay(&placed["PayInfo"]).await;
        let is_heard = |story: &Value| {
            let events = story["events"].as_array().expect("a list");
            events.iter().any(|event| event["call"]["summary"] == heard)
        };
        let story = gateway.until_story(&number, is_heard).await;
        assert_eq!(story["order"]["state"], "closed", "{ending}");
        assert_eq!(story["refunds"][0]["state"], state, "{ending}");
        let (posted, held) = gateway.balance("suspense").await;
        assert_eq!(posted.abs() - before.0.abs(), 1000, "{ending}");
        // It stays held until a person has decided how it goes on.
        assert_ne!(held, before.1, "{ending}");
        gateway.check_books();
    }
}

/// The code that the channel made for an order, though we may never have seen it.
async fn code_to_scan(gateway: &TestGateway, channel_order_id: &Value) -> Value {
    let there = gateway.channel_orders(channel_order_id).await;
    there[0]["code_url"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_a_query_the_payment_is_found_and_booked_once() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    gateway.fault("notify", "lose_request", 100_000).await;
    let mut booked = 0;
    for (fault, state) in [
        ("lose_request", "paying"),
        ("lose_answer", "paying"),
        ("bad_signature", "paying"),
        ("unsigned", "paying"),
        ("signtest", "paying"),
        ("error:SYSTEM_ERROR", "paying"),
        ("error:FREQUENCY_LIMITED", "paying"),
        ("error:PARAM_ERROR", "paying"),
        ("error:ORDERPAID", "paying"),
        ("error:OUT_TRADE_NO_USED", "paying"),
        ("error:ORDER_NOT_EXIST", "paying"),
        ("error:ORDER_CLOSED", "paying"),
        ("wrong_amount", "paying"),
        ("delay", "paid"),
        ("duplicate", "paid"),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, &merchant)).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.fault_once("query", fault).await;
        gateway.advance(61).await;
        gateway.faults_met("query").await;
        // The order is free again once what the look brought is recorded.
        let looked = |story: &Value| story["order"]["in_flight"].is_null();
        let story = gateway.until_story(&number, looked).await;
        assert_eq!(story["order"]["state"], state, "{fault}: {story:#}");
        if state == "paying" {
            assert_eq!(gateway.balance("merchant_pending").await, (booked, 0), "{fault}");
            gateway.advance(130).await;
            gateway.until_story(&number, is_paid).await;
        }
        settled_once(&gateway, &mut merchant, &number).await;
        booked += 1000;
        assert_eq!(gateway.balance("merchant_pending").await, (booked, 0), "{fault}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_closing_the_order_ends_closed() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    for (fault, answer) in [
        ("lose_request", UNKNOWN),
        ("lose_answer", UNKNOWN),
        ("bad_signature", UNKNOWN),
        ("unsigned", UNKNOWN),
        ("signtest", UNKNOWN),
        ("error:SYSTEM_ERROR", UNKNOWN),
        ("error:FREQUENCY_LIMITED", "ChannelOperationError"),
        ("error:PARAM_ERROR", UNKNOWN),
        ("error:ORDERPAID", UNKNOWN),
        ("error:OUT_TRADE_NO_USED", UNKNOWN),
        ("delay", "SUCCESS"),
        ("duplicate", "SUCCESS"),
        ("wrong_amount", "SUCCESS"),
    ] {
        for by_itself in [false, true] {
            let number = fresh_number();
            let placed =
                gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, &merchant)).await;
            gateway.fault_once("close", fault).await;
            let response = gateway.call(CLOSE_ORDER, &named(&number)).await;
            assert_eq!(response["ErrCode"], answer, "{fault}: {response}");
            if answer == "SUCCESS" {
                assert_eq!(response["Result"]["OrderStatus"], "CLOSED", "{fault}: {response}");
            } else {
                if answer == "ChannelOperationError" {
                    let text = response["ErrMessage"].as_str().expect("text");
                    assert!(text.contains("FREQUENCY_LIMITED"), "{text}");
                }
                let found = gateway.result(QUERY_ORDER, &named(&number)).await;
                assert_eq!(found["OrderStatus"], "PAYING", "{fault}");
                if by_itself {
                    gateway.advance(6).await;
                } else {
                    let again = gateway.result(CLOSE_ORDER, &named(&number)).await;
                    assert_eq!(again["OrderStatus"], "CLOSED", "{fault}");
                }
            }
            gateway.until_status(&number, "CLOSED").await;
            let there = gateway.channel_orders(&placed["ChannelOrderId"]).await;
            assert_eq!(there[0]["trade_state"], "CLOSED", "{fault}");
        }
    }
    assert_eq!(gateway.balance("channel_funds").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_whose_end_was_not_confirmed_is_ended_later() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    for fault in ["lose_request", "lose_answer", "bad_signature", "error:SYSTEM_ERROR"] {
        let number = fresh_number();
        let body = lasting(&gateway, &number, &merchant);
        let body = with(&body, "ExpireTime", json!(shanghai(gateway.now() + 30)));
        gateway.result(UNIFIED_ORDER, &body).await;
        gateway.fault_once("close", fault).await;
        gateway.advance(31).await;
        gateway.faults_met("close").await;
        let looked = |story: &Value| story["order"]["in_flight"].is_null();
        let story = gateway.until_story(&number, looked).await;
        assert_eq!(story["order"]["state"], "closing", "{fault}");
        gateway.advance(6).await;
        gateway.until_story(&number, |story| story["order"]["state"] == "failed").await;
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "PAY_FAIL", "{fault}");
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_of_the_channels_callback_the_payment_is_booked_once() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let mut booked = 0;
    for (fault, heard_at_once, attempts) in [
        ("lose_request", false, 2),
        ("bad_signature", false, 2),
        ("lose_answer", true, 2),
        ("delay", true, 1),
        ("duplicate", true, 1),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, &merchant)).await;
        gateway.fault_once("notify", fault).await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.faults_met("notify").await;
        if heard_at_once {
            gateway.until_story(&number, is_paid).await;
        }
        let callback = last_callback(&gateway, |callback| callback["state"] != "sending").await;
        if attempts == 2 {
            assert_eq!(callback["state"], "waiting", "{fault}: {callback}");
            assert_eq!(is_paid(&gateway.story(&number).await), heard_at_once, "{fault}");
            gateway.advance(15).await;
        }
        let callback = last_callback(&gateway, |callback| callback["state"] == "accepted").await;
        let made = callback["attempts"].as_array().expect("a list");
        assert_eq!(made.len(), attempts, "{fault}: {callback}");
        settled_once(&gateway, &mut merchant, &number).await;
        booked += 1000;
        assert_eq!(gateway.balance("merchant_pending").await, (booked, 0), "{fault}");
    }
    gateway.check_books();
}

/// The channel's newest callback, once it is as wanted.
async fn last_callback(gateway: &TestGateway, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut callback = Value::Null;
    for _ in 0..400 {
        let page = gateway.sandbox_get("/control/callbacks").await;
        callback =
            page["callbacks"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
        if wanted(&callback) {
            return callback;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the channel's callback is not as wanted: {callback}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lie_about_the_amount_changes_nothing_and_waits_for_the_operator() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    for liar in ["notify", "query"] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, &merchant)).await;
        let other = if liar == "query" { "lose_request" } else { "wrong_amount" };
        gateway.fault_once("notify", other).await;
        let before = gateway.balance("merchant_pending").await;
        gateway.pay(&placed["PayInfo"]).await;
        gateway.faults_met("notify").await;
        if liar == "query" {
            gateway.fault("notify", "lose_request", 1000).await;
            gateway.fault_once("query", "wrong_amount").await;
            gateway.advance(61).await;
        }
        let kept = |story: &Value| {
            let events = story["events"].as_array().expect("a list");
            events.iter().any(|event| event["change"] == "payment_contested")
        };
        let story = gateway.until_story(&number, kept).await;
        assert_eq!(story["order"]["state"], "paying", "{liar}");
        assert_eq!(story["order"]["contested"]["amount_fen"], 1001, "{liar}");
        assert_eq!(story["transfers"], json!([]));
        assert_eq!(gateway.balance("merchant_pending").await, before);
        assert!(merchant.waiting().is_empty());
        let said = gateway.why(&number);
        assert!(said.contains("Needs a person"), "{said}");
        assert!(said.contains("CONTRADICTION") && said.contains("1001"), "{said}");
        gateway.counts_attention("contradiction").await;
        gateway.check_books();
        // The truth is still taken when it comes.
        gateway.advance(130).await;
        gateway.until_story(&number, is_paid).await;
        settled_once(&gateway, &mut merchant, &number).await;
    }
    assert_eq!(gateway.balance("merchant_pending").await, (2000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn merchants_that_do_not_listen_hold_up_nobody() {
    let mut gateway = TestGateway::start();
    let mut good = Merchant::start().await;
    let mut deaf = Merchant::start().await;
    let mut turning = Merchant::start().await;
    let mut mumbling = Merchant::start().await;
    deaf.next(vec![MerchantReply::Hang; 8]);
    turning.next(vec![MerchantReply::Redirect(good.notify_url.clone()); 1]);
    mumbling.next([MerchantReply::Answer(200, "\u{1b}[31m<html>\u{0}\n".repeat(5000))]);
    let mut numbers = vec![];
    for merchant in [&deaf, &deaf, &turning, &mumbling] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, merchant)).await;
        gateway.pay(&placed["PayInfo"]).await;
        numbers.push(number);
    }
    deaf.received().await;
    // While two deliveries hang, another merchant is served from placing to notification.
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number, &good)).await;
    gateway.pay(&placed["PayInfo"]).await;
    assert_eq!(good.received().await.json()["Result"]["OutOrderId"], number);
    let hanging = gateway.story(&numbers[0]).await;
    assert_eq!(hanging["notifications"][0]["attempts"], json!([]), "it hung no longer");

    let attempted = |story: &Value| story["notifications"][0]["attempt_count"] == 1;
    for (number, outcome) in numbers.iter().zip(["no_answer", "no_answer", "rejected", "rejected"])
    {
        let story = gateway.until_story(number, attempted).await;
        assert!(is_paid(&story));
        let notification = &story["notifications"][0];
        assert_eq!(
            (&notification["state"], &notification["attempts"][0]["outcome"]),
            (&json!("due"), &json!(outcome))
        );
    }
    let mumbled = gateway.why(&numbers[3]);
    assert!(!mumbled.contains('\u{1b}') && mumbled.contains("<html>"), "{mumbled}");
    assert!(good.waiting().is_empty(), "a redirect was followed");
    gateway.advance(15).await;
    assert_eq!(turning.received().await.json()["Result"]["OutOrderId"], numbers[2]);
    turning.received().await;
    mumbling.received().await;
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_nobody_takes_is_recorded_with_its_reason() {
    let gateway = TestGateway::start();
    for url in ["http://127.0.0.1:1/nobody", "http://no-such-host.invalid/notify"] {
        let number = fresh_number();
        let body = with(&order(&number), "NotifyUrl", json!(url));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        gateway.pay(&placed["PayInfo"]).await;
        let attempted = |story: &Value| story["notifications"][0]["attempt_count"] == 1;
        let story = gateway.until_story(&number, attempted).await;
        let attempt = &story["notifications"][0]["attempts"][0];
        assert_eq!(attempt["outcome"], "no_answer", "{url}");
        assert!(
            attempt["why"].as_str().is_some_and(|why| why.starts_with("not sent: ")),
            "{attempt}"
        );
    }
}

/// A callback as the channel would write it about an order, signed with a key.
struct Forgery<'a> {
    serial: String,
    private_key_pem: &'a str,
    timestamp: i64,
    body: Vec<u8>,
}

impl Forgery<'_> {
    fn headers(&self) -> Vec<(String, String)> {
        let (nonce, body) =
            ("5K8264ILTKCH16CQ2502SI8ZNMTM67VS", String::from_utf8_lossy(&self.body));
        let signer = Signer::from_pem(self.private_key_pem).expect("a key");
        let signed = format!("{}\n{nonce}\n{body}\n", self.timestamp);
        let signature = signer.sign(signed.as_bytes()).expect("signed");
        [
            ("Wechatpay-Timestamp", self.timestamp.to_string()),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Signature", signature),
            ("Wechatpay-Serial", self.serial.clone()),
            ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
            ("Content-Type", "application/json".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn paid_callback(gateway: &TestGateway, channel_order_no: &Value) -> Vec<u8> {
    let transaction = json!({
        "mchid": gateway.text("/wxpay/mchid"), "appid": gateway.text("/wxpay/appid"),
        "out_trade_no": channel_order_no, "transaction_id": "4200001234202611220000000001",
        "trade_type": "JSAPI", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "bank_type": "CMB_DEBIT", "success_time": "2026-11-22T10:00:00+08:00",
        "payer": {"openid": "oXLUp5OHJof5768CoFFDuuaRn8kc"},
        "amount": {"total": 1000, "payer_total": 1000, "currency": "CNY", "payer_currency": "CNY"},
    });
    let key: [u8; 32] = gateway.text("/wxpay/apiv3_key").as_bytes().try_into().expect("32 bytes");
    let (nonce, about) = ("fdasflkja484", "transaction");
    let plain = transaction.to_string();
    let sealed = aead::seal(&key, nonce.as_bytes(), about.as_bytes(), plain.as_bytes());
    let callback = json!({
        "id": "EV-2026112210000000001", "create_time": "2026-11-22T10:00:00+08:00",
        "event_type": "TRANSACTION.SUCCESS", "resource_type": "encrypt-resource",
        "summary": "支付成功",
        "resource": {
            "algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": about,
            "ciphertext": text::base64(&sealed.expect("sealed")), "original_type": "transaction",
        },
    });
    callback.to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strangers_callback_is_refused_and_changes_nothing() {
    const INBOX: &str = "/channel/demo-wxpay/callback";
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    let channel_order_no =
        &gateway.channel_orders(&placed["ChannelOrderId"]).await[0]["out_trade_no"];
    let body = paid_callback(&gateway, channel_order_no);
    let stranger = rsa::generate().expect("a key");
    let keys = std::fs::read(gateway.data().join("dev-keys.json")).expect("the world's keys");
    let keys: Value = serde_json::from_slice(&keys).expect("JSON");
    let genuine = keys["wxpay_public_key_private_pem"].as_str().expect("a key");
    let serial = gateway.text("/wxpay/public_key_id");
    let forge = |serial: &str, key, age: i64| Forgery {
        serial: serial.to_owned(),
        private_key_pem: key,
        timestamp: gateway.now() - age,
        body: body.clone(),
    };
    let honest = forge(&serial, genuine, 0);
    let without = |name: &str| -> Vec<(String, String)> {
        honest.headers().into_iter().filter(|(known, _)| known != name).collect()
    };
    let mut longer = body.clone();
    longer.push(b' ');
    for (what, headers, body) in [
        ("unsigned", vec![], &body),
        ("no signature", without("Wechatpay-Signature"), &body),
        ("no timestamp", without("Wechatpay-Timestamp"), &body),
        ("a stranger's key", forge(&serial, &stranger, 0).headers(), &body),
        ("an unknown key", forge("PUB_KEY_ID_0000", &stranger, 0).headers(), &body),
        ("a stale time", forge(&serial, genuine, 301).headers(), &body),
        ("a time to come", forge(&serial, genuine, -320).headers(), &body),
        ("another body", honest.headers(), &longer),
        ("no body", honest.headers(), &vec![]),
    ] {
        let answer = gateway.post_raw(INBOX, headers, body).await;
        assert_eq!((answer.status, &answer.body), (404, &json!("")), "{what}");
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!(found["OrderStatus"], "PAYING", "{what}");
    }
    for account in ["nobody", "demo-none"] {
        let path = format!("/channel/{account}/callback");
        let answer = gateway.post_raw(&path, honest.headers(), &body).await;
        assert_eq!((answer.status, &answer.body), (404, &json!("")), "{account}");
    }
    assert_eq!(gateway.balance("merchant_pending").await, (0, 0));
    assert!(gateway.metrics().await.contains("tongbao_channel_callbacks_refused_total"));

    // The very same callback is believed from the holder of the channel's key, and booked once.
    for _ in 0..2 {
        assert_eq!(gateway.post_raw(INBOX, honest.headers(), &body).await.status, 200);
    }
    gateway.until_status(&number, "SUCCESS").await;
    assert_eq!(gateway.balance("merchant_pending").await, (1000, 0));
    gateway.check_books();
}
