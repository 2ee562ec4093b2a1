//! What needs a person: it begins and ends with one line each, is listed and counted while it stands, and
//! a command over HTTP ends it.

use crate::contradiction::{contradicted, lasting, place_of};
use crate::merchant::{Merchant, MerchantReply};
use crate::test_gateway::{CLOSE_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, with};
use serde_json::{Value, json};
use std::time::Duration;

/// Attempts of a notification's whole schedule, and the longest pause between two.
const ATTEMPTS: u64 = 16;
const LONGEST_PAUSE_SECONDS: i64 = 6 * 3600;
const DAY_SECONDS: i64 = 24 * 3600;

/// The kinds for which rows need a person now, newest first.
async fn kinds(gateway: &TestGateway) -> Vec<String> {
    let answer = gateway.admin(channel::Method::Get, "/attention").await;
    let rows = answer.body["rows"].as_array().expect("rows");
    rows.iter().filter_map(|row| row["kind"].as_str().map(str::to_owned)).collect()
}

/// Waits until rows need a person for these kinds, at most 20 s.
async fn until_kinds(gateway: &TestGateway, wanted: &[&str]) {
    let mut found = vec![];
    for _ in 0..400 {
        found = kinds(gateway).await;
        if found == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("want {wanted:?}, found {found:?}");
}

/// Waits until the gauge of a kind shows this number of rows, at most 20 s.
async fn until_gauge(gateway: &TestGateway, kind: &str, rows: u32) {
    let wanted = format!("tongbao_attention{{kind=\"{kind}\"}} {rows}\n");
    for _ in 0..200 {
        if gateway.metrics().await.contains(&wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the gauge never was {wanted}");
}

/// How many lines of the log have all of these words.
fn logged(gateway: &TestGateway, words: &[&str]) -> usize {
    let log = std::fs::read_to_string(gateway.data().join("log")).expect("a log");
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

/// A command that is carried out; a repeat answers the same row.
async fn decided(gateway: &TestGateway, path: &str, body: &Value) -> Value {
    let answer = gateway.decide(path, body).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    answer.body
}

/// An order that the channel reports as closed and leaves open, and that is paid; its refund ends as
/// the fault says.
async fn with_refund(gateway: &TestGateway, ending: &str) -> Value {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &lasting(gateway, &number)).await;
    gateway.fault_once("close", "error:ORDER_CLOSED").await;
    gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
    gateway.fault_once("refund", ending).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_story(&number, |story| story["attention"][0]["kind"].is_string()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_begins_and_ends_with_one_line_and_the_gauge_follows() {
    let gateway = TestGateway::start_logged();
    let story = with_refund(&gateway, "refund_closed").await;
    let (order, refund) = (&story["order"]["id"], &story["refunds"][0]);
    assert_eq!(kinds(&gateway).await, ["refund_failed"]);
    until_gauge(&gateway, "refund_failed", 1).await;
    let place = format!(
        "/orders/{}/refunds/{}",
        order.as_str().expect("an id"),
        refund["id"].as_str().expect("an id")
    );
    let exits = story["attention"][0]["exits"].as_array().expect("commands");
    let wanted = format!("{place}/retry-under-new-number");
    assert!(
        exits.iter().any(|exit| exit["request"].as_str().is_some_and(|it| it.ends_with(&wanted)))
    );
    let number = story["order"]["merchant_order_no"].as_str().expect("a number");
    let told = gateway.why(number);
    assert!(told.contains("Needs a person") && told.contains(&wanted), "{told}");
    let retried = decided(&gateway, &wanted, &Value::Null).await;
    assert_ne!(retried["channel_refund_no"], refund["channel_refund_no"], "a new number");
    gateway.until_story(number, |story| story["refunds"][0]["state"] == "done").await;
    until_kinds(&gateway, &[]).await;
    until_gauge(&gateway, "refund_failed", 0).await;
    let id = refund["id"].as_str().expect("an id");
    assert_eq!(logged(&gateway, &["WARN", "needs a person", id]), 1);
    assert_eq!(logged(&gateway, &["no longer needs a person", id]), 1);
    assert_eq!(gateway.balance("suspense").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contested_payment_is_applied() {
    let gateway = TestGateway::start();
    let (story, payment) = contradicted(&gateway).await;
    let place = place_of(&story);
    let other = json!({"payment_reference": "another"});
    let refused = gateway.decide(&format!("{place}/apply-payment"), &other).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (409, &json!("not_contested")));
    let paid = decided(&gateway, &format!("{place}/apply-payment"), &payment).await;
    assert_eq!((&paid["state"], &paid["paid_amount_fen"]), (&json!("paid"), &json!(1001)));
    let again = decided(&gateway, &format!("{place}/apply-payment"), &payment).await;
    assert_eq!(again["version"], paid["version"], "a repeat changes nothing");
    assert_eq!(kinds(&gateway).await, Vec::<String>::new());
    assert_eq!(gateway.balance("merchant_pending").await, (1001, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contested_payment_is_given_back_or_settled_by_hand() {
    let gateway = TestGateway::start();
    let (story, payment) = contradicted(&gateway).await;
    let failed = decided(&gateway, &format!("{}/give-back", place_of(&story)), &payment).await;
    assert_eq!(failed["state"], "failed");
    let number = story["order"]["merchant_order_no"].as_str().expect("a number");
    // The channel really has 1000 fen, of which it cannot give back 1001.
    let story = gateway
        .until_story(number, |story| story["attention"][0]["subject"]["kind"] == "refund")
        .await;
    let refund = story["refunds"][0]["id"].as_str().expect("an id");
    let by_hand = json!({"note": "sent by bank", "outside_reference": "B-1"});
    let path = format!("{}/refunds/{refund}/settle-by-hand", place_of(&story));
    assert_eq!(decided(&gateway, &path, &by_hand).await["state"], "settled_by_hand");
    until_kinds(&gateway, &[]).await;
    assert_eq!(gateway.balance("suspense").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_that_was_given_up_is_dismissed() {
    let mut gateway = TestGateway::start();
    let merchant = Merchant::start().await;
    let replies = usize::try_from(ATTEMPTS).expect("few");
    merchant.next(vec![MerchantReply::Answer(500, "later".to_owned()); replies]);
    let number = fresh_number();
    let body = with(&lasting(&gateway, &number), "NotifyUrl", json!(merchant.notify_url));
    let placed = gateway.result(UNIFIED_ORDER, &body).await;
    gateway.pay(&placed["PayInfo"]).await;
    for attempts in 1..=ATTEMPTS {
        let attempted = |story: &Value| story["notifications"][0]["attempt_count"] == attempts;
        gateway.until_story(&number, attempted).await;
        gateway.advance(LONGEST_PAUSE_SECONDS).await;
    }
    until_kinds(&gateway, &["notification_given_up"]).await;
    let story = gateway.story(&number).await;
    let id = story["notifications"][0]["id"].as_str().expect("an id");
    let path = format!("/notifications/{id}/dismiss");
    let dismissed = decided(&gateway, &path, &json!({"note": "told by phone"})).await;
    assert_eq!(dismissed["state"], "dismissed");
    assert_eq!(kinds(&gateway).await, Vec::<String>::new());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_cannot_be_closed_is_closed_for_good() {
    let mut gateway = TestGateway::start();
    let number = fresh_number();
    gateway.result(UNIFIED_ORDER, &lasting(&gateway, &number)).await;
    let fault = json!({"channel": "wxpay", "operation": "close", "fault": "error",
        "code": "SYSTEM_ERROR", "times": 1000});
    gateway.control("faults", &fault).await;
    gateway.advance(DAY_SECONDS).await;
    // A call that is under way when the clock moves a day is signed a day ago.
    let is_idle = |story: &Value| story["order"]["in_flight"].is_null();
    let is_closing = |story: &Value| story["order"]["state"] == "closing" && is_idle(story);
    gateway.until_story(&number, is_closing).await;
    let needy = |story: &Value| story["attention"][0]["kind"] == "cannot_close";
    let seen = |story: &Value| story["events"].as_array().map_or(0, Vec::len);
    let mut story = gateway.story(&number).await;
    for _ in 0..10 {
        if needy(&story) {
            break;
        }
        let before = seen(&story);
        gateway.advance(DAY_SECONDS).await;
        story = gateway.until_story(&number, |it| seen(it) > before && is_idle(it)).await;
    }
    assert!(needy(&story), "{story}");
    let path = format!("{}/close-for-good", place_of(&story));
    let ended = decided(&gateway, &path, &json!({"note": "closed at the channel's site"})).await;
    assert_eq!(ended["state"], "failed");
    assert_eq!(kinds(&gateway).await, Vec::<String>::new());
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_the_channel_refused_resumes_by_itself() {
    let gateway = TestGateway::start_logged();
    gateway.fault_once("create", "error:NO_AUTH").await;
    // Its ExpireTime goes by the clock: made once, it is the same when it is repeated.
    let body = lasting(&gateway, &fresh_number());
    gateway.call(UNIFIED_ORDER, &body).await;
    until_kinds(&gateway, &["account_blocked"]).await;
    let listed = gateway.admin(channel::Method::Get, "/attention").await.body;
    let row = &listed["rows"][0];
    assert_eq!(row["subject"]["kind"], "channel_account");
    let place = format!("/channel-accounts/{}/resume", row["name"].as_str().expect("a name"));
    let exit = row["exits"][0]["request"].as_str().expect("a command");
    assert!(exit.ends_with(&place), "{exit}");
    // Mended at the channel: the next answer shows it.
    gateway.result(UNIFIED_ORDER, &body).await;
    until_kinds(&gateway, &[]).await;
    assert_eq!(logged(&gateway, &["WARN", "needs a person", "account_blocked"]), 1);
    assert_eq!(logged(&gateway, &["no longer needs a person", "account_blocked"]), 1);
    gateway.check_books();
}
