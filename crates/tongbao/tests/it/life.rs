//! An order's life: paid in every scene and told once, repeated until acknowledged, expired, closed,
//! paid too late.

use crate::merchant::{Merchant, MerchantReply, Received};
use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Seconds between the attempts of a notification: 15 s to 6 h, 24 h 4 min in all.
const SCHEDULE_SECONDS: [i64; 15] =
    [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600];

/// An order that tells this merchant.
fn telling(number: &str, merchant: &Merchant) -> Value {
    with(&order(number), "NotifyUrl", json!(merchant.notify_url))
}

fn in_scene(body: &Value, pay_type: &str) -> Value {
    let body = with(body, "PayType", json!(pay_type));
    with(&body, "SceneInfo", json!({"PayerClientIp": "14.15.16.17"}))
}

fn events<'a>(story: &'a Value, change: &str) -> Vec<&'a Value> {
    let events = story["events"].as_array().expect("a list");
    events.iter().filter(|event| event["change"] == change).collect()
}

fn is_state(state: &'static str) -> impl Fn(&Value) -> bool {
    move |story| story["order"]["state"] == state
}

/// Its only notification was attempted so often, and every attempt is recorded.
fn attempted(times: usize) -> impl Fn(&Value) -> bool {
    move |story| {
        story["notifications"][0]["attempts"]
            .as_array()
            .is_some_and(|attempts| attempts.len() == times)
    }
}

fn milliseconds(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("text").parse().expect("RFC 3339");
    time.as_millisecond()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not text"))
}

/// Checks form and signature of a notification and that it tells what a query tells.
async fn check_notification(gateway: &TestGateway, notification: &Received, number: &str) {
    assert!(notification.is_signed_by(&gateway.text("/wecard/platform_public_key_pem")));
    for (name, value) in [
        ("content-type", "application/json"),
        ("x-tc-action", "wxpay"),
        ("x-tc-version", "2023-04-13"),
        ("x-tc-region", "ap-shanghai"),
        ("x-tc-ocode", "100001"),
    ] {
        assert_eq!(notification.header(name), value);
    }
    let timestamp: i64 = notification.header("x-tc-timestamp").parse().expect("seconds");
    assert!((gateway.now() - timestamp).abs() <= 30, "{timestamp}");
    let credential = format!("Credential={}/", gateway.text("/wecard/rsa/secret_id"));
    assert!(notification.header("authorization").contains(&credential));
    let body = notification.json();
    let members: BTreeSet<&str> =
        body.as_object().expect("an object").keys().map(String::as_str).collect();
    let wanted = ["NotifyId", "NotifyTime", "NotifyType", "Ocode", "Result"];
    assert_eq!(members, BTreeSet::from(wanted));
    assert_eq!(body["NotifyType"], "PAY");
    assert_eq!(body["Ocode"], "100001");
    assert!(!text_of(&body["NotifyId"]).is_empty());
    let told_at = text_of(&body["NotifyTime"]);
    let (earliest, latest) = (shanghai(gateway.now() - 30), shanghai(gateway.now() + 1));
    assert!(*earliest <= *told_at && *told_at <= *latest, "{told_at}");
    let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
    assert_eq!(body["Result"], found);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_in_every_scene_is_told_by_exactly_one_signed_notification() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let mut notifications = BTreeSet::new();
    for pay_type in ["MINI_PROGRAM", "PUBLIC", "PC", "H5", "APP"] {
        let number = fresh_number();
        let body = in_scene(&telling(&number, &merchant), pay_type);
        let body = with(&body, "Attachment", json!("原样返回"));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{pay_type}: {placed}");
        gateway.pay(&placed["PayInfo"]).await;
        let notification = merchant.received().await;
        assert_eq!(notification.target, "/pay/notify");
        check_notification(&gateway, &notification, &number).await;
        let told = notification.json();
        let id = &placed["ChannelOrderId"];
        let reference = gateway.channel_orders(id).await[0]["transaction_id"].clone();
        for (member, value) in [
            ("ChannelSubMerchantId", body["ChannelSubMerchantId"].clone()),
            ("OutOrderId", json!(number)),
            ("ChannelOrderId", id.clone()),
            ("ThirdPayOrderId", reference),
            ("TotalAmount", json!("1000")),
            ("PayAmount", json!("1000")),
            ("Currency", json!("CNY")),
            ("PayType", json!(pay_type)),
            ("PayChannel", json!("WXPAY")),
            ("OrderStatus", json!("SUCCESS")),
            ("Attachment", json!("原样返回")),
        ] {
            assert_eq!(told["Result"][member], value, "{pay_type} {member}");
        }
        assert_eq!(text_of(&told["Result"]["TimeFinish"]).len(), 19);
        let story = gateway.until_story(&number, attempted(1)).await;
        assert_eq!(story["notifications"][0]["state"], "delivered");
        assert_eq!(story["notifications"][0]["id"], told["NotifyId"]);
        assert!(notifications.insert(told["NotifyId"].to_string()), "a NotifyId came twice");
    }
    assert!(merchant.waiting().is_empty());
    assert_eq!(gateway.balance("merchant_pending").await, (5000, 0));
    assert_eq!(gateway.balance("channel_funds").await, (-5000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gave_no_url_is_not_told() {
    let gateway = TestGateway::start();
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await;
    let story = gateway.story(&number).await;
    assert_eq!(story["notifications"], json!([]));
    assert_eq!(story["tasks"], json!([]));
    assert_eq!(gateway.of_tenant("/notifications").await["notifications"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_follows_the_whole_schedule_and_is_then_given_up() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    merchant.next(vec![MerchantReply::Answer(500, "later".to_owned()); SCHEDULE_SECONDS.len() + 1]);
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &telling(&number, &merchant)).await;
    gateway.pay(&placed["PayInfo"]).await;
    let key = gateway.text("/wecard/platform_public_key_pem");
    let first = merchant.received().await;
    let mut before = first.clone();
    for (step, seconds) in SCHEDULE_SECONDS.into_iter().enumerate() {
        let story = gateway.until_story(&number, attempted(step + 1)).await;
        let recorded = events(&story, "attempted");
        let recorded = milliseconds(&recorded.last().expect("an attempt")["at"]);
        let due = milliseconds(&story["tasks"][0]["due_at"]);
        assert_eq!(due - recorded, seconds * 1000, "after attempt {}", step + 1);
        assert!(merchant.waiting().is_empty(), "attempt {} came early", step + 2);
        gateway.advance(seconds).await;
        let notification = merchant.received().await;
        assert!(notification.is_signed_by(&key));
        for member in ["NotifyId", "NotifyTime", "NotifyType", "Ocode", "Result"] {
            assert_eq!(notification.json()[member], first.json()[member]);
        }
        assert_ne!(notification.header("authorization"), before.header("authorization"));
        let at = |notification: &Received| -> i64 {
            notification.header("x-tc-timestamp").parse().expect("seconds")
        };
        assert!(at(&notification) - at(&before) >= seconds, "attempt {}", step + 2);
        before = notification;
    }
    let story = gateway.until_story(&number, attempted(16)).await;
    assert_eq!(story["notifications"][0]["state"], "given_up");
    gateway.counts_attention("notification_given_up").await;
    assert_eq!(story["tasks"], json!([]), "nothing is to be done any more");
    assert_eq!(story["order"]["state"], "paid");
    assert!(gateway.why(&number).contains("GIVEN UP"));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_ends_the_schedule_and_nothing_else_does() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let mut elsewhere = Merchant::start().await;
    let answer = |status, body: &str| MerchantReply::Answer(status, body.to_owned());
    for (reply, acknowledges) in [
        (answer(200, ""), true),
        (answer(200, "SUCCESS"), true),
        (answer(200, r#"{"ErrCode":"SUCCESS"}"#), true),
        (answer(200, r#"{"ErrCode": "SUCCESS", "ErrMessage": "成功"}"#), true),
        (answer(200, r#"{"code":0}"#), true),
        (answer(201, "SUCCESS"), true),
        (answer(204, ""), true),
        (answer(200, "<html>welcome</html>"), false),
        (answer(200, "FAIL"), false),
        (answer(200, r#""SUCCESS""#), false),
        (answer(200, r#"{"ErrCode":"FAIL"}"#), false),
        (answer(200, r#"{"code":1}"#), false),
        (answer(200, r#"{"code":"SUCCESS"}"#), false),
        (answer(400, "SUCCESS"), false),
        (answer(404, ""), false),
        (answer(500, "SUCCESS"), false),
        (MerchantReply::Redirect(elsewhere.notify_url.clone()), false),
        (MerchantReply::Hang, false),
    ] {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &telling(&number, &merchant)).await;
        merchant.next([reply.clone()]);
        gateway.pay(&placed["PayInfo"]).await;
        let first = merchant.received().await;
        let story = gateway.until_story(&number, attempted(1)).await;
        let notification = &story["notifications"][0];
        assert_eq!(
            notification["state"],
            if acknowledges { "delivered" } else { "due" },
            "{reply:?}"
        );
        if acknowledges {
            assert_eq!(story["tasks"], json!([]), "{reply:?}");
            continue;
        }
        gateway.advance(15).await;
        let second = merchant.received().await;
        assert_eq!(second.json()["NotifyId"], first.json()["NotifyId"], "{reply:?}");
        let story = gateway.until_story(&number, attempted(2)).await;
        assert_eq!(story["notifications"][0]["state"], "delivered", "{reply:?}");
    }
    assert!(elsewhere.waiting().is_empty(), "a redirect was followed");
    assert!(merchant.waiting().is_empty());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_url_with_a_query_string_is_signed_as_it_is_called() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    for query in ["shop=7", "a=1&b=%E4%B8%AD%2F&empty=", "z=1&a=2"] {
        let number = fresh_number();
        let url = format!("{}?{query}", merchant.notify_url);
        let body = with(&order(&number), "NotifyUrl", json!(url));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        gateway.pay(&placed["PayInfo"]).await;
        let notification = merchant.received().await;
        assert_eq!(notification.target, format!("/pay/notify?{query}"));
        check_notification(&gateway, &notification, &number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unpaid_order_expires_closed_at_the_channel_and_untold() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let [soon, later, default] = [fresh_number(), fresh_number(), fresh_number()];
    let mut ids = vec![];
    for (number, seconds) in [(&soon, Some(30)), (&later, Some(600)), (&default, None)] {
        let expire =
            seconds.map_or(Value::Null, |seconds| json!(shanghai(gateway.now() + seconds)));
        let body = with(&telling(number, &merchant), "ExpireTime", expire);
        ids.push(gateway.result(UNIFIED_ORDER, &body).await["ChannelOrderId"].clone());
    }
    let placed_at = milliseconds(&gateway.story(&default).await["order"]["placed_at"]);
    let expires_at = milliseconds(&gateway.story(&default).await["order"]["expires_at"]);
    assert_eq!(expires_at - placed_at, 30 * 60 * 1000);

    for (number, step, id) in
        [(&soon, 31, &ids[0]), (&later, 570, &ids[1]), (&default, 1200, &ids[2])]
    {
        assert_eq!(gateway.story(number).await["order"]["state"], "paying");
        gateway.advance(step).await;
        let story = gateway.until_story(number, is_state("failed")).await;
        assert_eq!(events(&story, "closing")[0]["details"]["closure"], "expired");
        let failed = events(&story, "failed")[0];
        assert_eq!(failed["call"]["operation"], "close");
        assert_eq!((&story["notifications"], &story["transfers"]), (&json!([]), &json!([])));
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["OrderStatus"], "PAY_FAIL");
        assert!(!text_of(&found["FailReason"]).is_empty());
        assert!(found.get("PayInfo").is_none(), "{found}");
        assert_eq!(gateway.channel_orders(id).await.len(), 1);
    }
    // The channel keeps an order payable for a minute at least, so this one was closed by us.
    assert_eq!(gateway.channel_orders(&ids[0]).await[0]["trade_state"], "CLOSED");
    assert!(merchant.waiting().is_empty());
    assert_eq!(gateway.balance("merchant_pending").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_callback_is_lost_is_found_by_looking() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    gateway.fault("notify", "lose_request", 1000).await;
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &telling(&number, &merchant)).await;
    gateway.pay(&placed["PayInfo"]).await;
    assert_eq!(gateway.story(&number).await["order"]["state"], "paying");
    gateway.advance(61).await;
    let story = gateway.until_story(&number, is_state("paid")).await;
    assert_eq!(events(&story, "paid")[0]["call"]["operation"], "query");
    check_notification(&gateway, &merchant.received().await, &number).await;
    assert_eq!(gateway.balance("merchant_pending").await, (1000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_paid_in_time_has_paid_even_when_we_hear_it_on_closing() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    gateway.fault("notify", "lose_request", 1000).await;
    let [closed, expired] = [fresh_number(), fresh_number()];
    for number in [&closed, &expired] {
        let body = telling(number, &merchant);
        let body = with(&body, "ExpireTime", json!(shanghai(gateway.now() + 30)));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        gateway.pay(&placed["PayInfo"]).await;
    }
    let wanted = "ORDER.ORDER_STATUS_ERROR";
    gateway.refused(CLOSE_ORDER, &json!({"OutOrderId": closed}), wanted).await;
    gateway.until_status(&closed, "SUCCESS").await;
    gateway.until_story(&closed, attempted(1)).await;
    check_notification(&gateway, &merchant.received().await, &closed).await;
    gateway.advance(31).await;
    gateway.until_story(&expired, is_state("paid")).await;
    check_notification(&gateway, &merchant.received().await, &expired).await;
    assert_eq!(gateway.balance("merchant_pending").await, (2000, 0));
    assert_eq!(gateway.balance("suspense").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_that_comes_after_the_end_goes_back_by_itself() {
    let mut gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    for (ending, status) in [("closed", "CLOSED"), ("expired", "PAY_FAIL")] {
        let number = fresh_number();
        let body = in_scene(&telling(&number, &merchant), "PC");
        let body = with(&body, "ExpireTime", json!(shanghai(gateway.now() + 30)));
        let placed = gateway.result(UNIFIED_ORDER, &body).await;
        // The channel says closed and leaves the order open: the payer can still pay.
        gateway.fault_once("close", "error:ORDER_CLOSED").await;
        if ending == "closed" {
            gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
        } else {
            gateway.advance(31).await;
        }
        gateway.until_status(&number, status).await;
        gateway.fault_once("notify", "duplicate").await;
        gateway.pay(&placed["PayInfo"]).await;
        let done = |story: &Value| story["refunds"][0]["state"] == "done";
        let story = gateway.until_story(&number, done).await;
        assert_eq!(story["refunds"].as_array().map(Vec::len), Some(1), "{ending}");
        assert_eq!(story["refunds"][0]["amount_fen"], 1000);
        assert_eq!(story["notifications"], json!([]));
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["OrderStatus"], status);
        let at_channel = gateway.channel_orders(&placed["ChannelOrderId"]).await;
        assert_eq!(
            (&at_channel[0]["trade_state"], &at_channel[0]["refunded"]),
            (&json!("REFUND"), &json!(1000))
        );
        let said = gateway.why(&number);
        assert!(said.contains("MONEY THAT THE ORDER CANNOT TAKE"), "{said}");
        assert!(said.contains("refunds done: 1 of 1"), "{said}");
        for kind in ["suspense", "merchant_pending", "channel_funds"] {
            assert_eq!(gateway.balance(kind).await, (0, 0), "{ending}: {kind}");
        }
    }
    let postings = gateway.of_tenant("/accounts/suspense/100001/postings").await;
    let reasons: Vec<&str> = postings["postings"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|posting| posting["phase"] != "hold")
        .map(|posting| text_of(&posting["reason"]))
        .collect();
    assert_eq!(
        reasons,
        ["unapplied_refund", "unapplied_payment", "unapplied_refund", "unapplied_payment"]
    );
    assert!(merchant.waiting().is_empty());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payer_who_fails_or_turns_back_can_still_pay() {
    let gateway = TestGateway::start();
    let mut merchant = Merchant::start().await;
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &telling(&number, &merchant)).await;
    for outcome in ["fail", "cancel", "fail"] {
        gateway.control("pay", &json!({"pay_info": placed["PayInfo"], "outcome": outcome})).await;
        let found = gateway.result(QUERY_ORDER, &json!({"OutOrderId": number})).await;
        assert_eq!(found["OrderStatus"], "PAYING");
        assert_eq!(found["PayInfo"], placed["PayInfo"]);
        assert!(merchant.waiting().is_empty());
    }
    gateway.pay(&placed["PayInfo"]).await;
    check_notification(&gateway, &merchant.received().await, &number).await;
    assert_eq!(gateway.balance("merchant_pending").await, (1000, 0));
}
