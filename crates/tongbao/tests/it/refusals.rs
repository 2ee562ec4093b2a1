//! Every refusal code that WeChat Pay documents, for placing, closing, querying and refunding, once and
//! for as long as it lasts. What is promised is the same for all: the order ends as it stands at the
//! channel, and what cannot end by itself needs a person, who has a command that ends it.

use crate::test_gateway::{
    CLOSE_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use serde_json::{Value, json};

/// The codes of the pages about orders and refunds, in both spellings where there are two, and one that
/// no page has.
const CODES: [&str; 26] = [
    "USERPAYING",
    "PARAM_ERROR",
    "INVALID_REQUEST",
    "ORDER_CLOSED",
    "ORDERCLOSED",
    "SIGN_ERROR",
    "TRADE_ERROR",
    "RULELIMIT",
    "NOTENOUGH",
    "NOT_ENOUGH",
    "NO_AUTH",
    "OUT_TRADE_NO_USED",
    "ORDERNOTEXIST",
    "ORDER_NOT_EXIST",
    "FREQUENCY_LIMITED",
    "RATELIMIT_EXCEEDED",
    "SYSTEMERROR",
    "SYSTEM_ERROR",
    "BANKERROR",
    "OPENID_MISMATCH",
    "ORDERPAID",
    "ORDER_PAID",
    "APPID_MCHID_NOT_MATCH",
    "USER_ACCOUNT_ABNORMAL",
    "RESOURCE_NOT_EXISTS",
    "NEVER_DOCUMENTED",
];

const HOUR_SECONDS: i64 = 3600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;
/// Times that a fault lasts that is meant to last.
const ALWAYS: u32 = 100_000;
/// Steps of time after which everything that ends by itself has ended.
const STEPS_MAX: usize = 40;

/// An order that the payer may pay this long.
fn payable(gateway: &TestGateway, number: &str, seconds: i64) -> Value {
    with(&order(number), "ExpireTime", json!(shanghai(gateway.now() + seconds)))
}

/// The channel refuses an operation the next `times` times.
async fn refuse(gateway: &TestGateway, operation: &str, code: &str, times: u32) {
    let fault = json!({"channel": "wxpay", "operation": operation, "fault": "error",
        "code": code, "times": times});
    gateway.control("faults", &fault).await;
}

/// What we show of the order is true at the channel.
async fn agrees(gateway: &TestGateway, code: &str, story: &Value) {
    let there = gateway.channel_orders(&story["order"]["id"]).await;
    let truth = there.first().map(|one| one["trade_state"].as_str().expect("a state"));
    let wanted: &[Option<&str>] = match story["order"]["state"].as_str().expect("a state") {
        "paying" => &[Some("NOTPAY")],
        "paid" => &[Some("SUCCESS")],
        // Nobody can pay it any more.
        "failed" | "closed" => &[None, Some("CLOSED")],
        state => panic!("{code}: {state} is not an end: {story:#}"),
    };
    assert!(wanted.contains(&truth), "{code}: {truth:?} there: {story:#}");
}

/// Time passes in steps until the story is as wanted.
async fn in_time(
    gateway: &mut TestGateway,
    code: &str,
    number: &str,
    step_seconds: i64,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let is_idle = |story: &Value| story["order"]["in_flight"].is_null();
    let mut story = gateway.until_story(number, is_idle).await;
    for _ in 0..STEPS_MAX {
        if wanted(&story) {
            return story;
        }
        let before = seen(&story);
        gateway.advance(step_seconds).await;
        let moved = |it: &Value| is_idle(it) && (wanted(it) || seen(it) > before);
        story = gateway.until_story(number, moved).await;
    }
    panic!("{code}: not as wanted: {story:#}");
}

/// The events so far.
fn seen(story: &Value) -> usize {
    story["events"].as_array().expect("a list").len()
}

fn is_settled(story: &Value) -> bool {
    let open = ["init", "closing"];
    open.iter().all(|state| story["order"]["state"] != *state)
}

fn is_paid(story: &Value) -> bool {
    story["order"]["state"] == "paid"
}

fn needs_a_person(story: &Value) -> bool {
    story["attention"][0]["kind"].is_string()
}

/// The address of the command of this name that is listed with what needs a person.
fn exit(story: &Value, name: &str) -> String {
    let rows = story["attention"].as_array().expect("a list").iter();
    let exits = rows.flat_map(|row| row["exits"].as_array().expect("a list").iter());
    let request = exits.filter_map(|exit| exit["request"].as_str()).find(|it| it.ends_with(name));
    let request = request.unwrap_or_else(|| panic!("no command {name}: {story:#}"));
    let place = request.find("/orders/").expect("about an order");
    request[place..].to_owned()
}

/// Ends an order that needs a person; its story afterwards.
async fn closed_for_good(gateway: &TestGateway, number: &str, story: &Value) -> Value {
    let note = json!({"note": "looked up at the channel's site"});
    let answer = gateway.decide(&exit(story, "/close-for-good"), &note).await;
    assert_eq!(answer.status, 200, "{}: {story:#}", answer.body);
    let story = gateway.story(number).await;
    assert_eq!(story["order"]["state"], "failed", "{story:#}");
    assert!(!needs_a_person(&story), "{story:#}");
    story
}

/// A refusal that passes: the order is paid in the end, or nobody can pay it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refusal_to_place_ends_as_the_channel_has_it() {
    let mut gateway = TestGateway::start();
    for code in CODES {
        let number = fresh_number();
        let body = payable(&gateway, &number, DAY_SECONDS);
        refuse(&gateway, "create", code, 1).await;
        gateway.call(UNIFIED_ORDER, &body).await;
        let story = in_time(&mut gateway, code, &number, HOUR_SECONDS, is_settled).await;
        agrees(&gateway, code, &story).await;
        assert!(!needs_a_person(&story), "{code}: {story:#}");
        if story["order"]["state"] == "paying" {
            let shown = gateway.result(UNIFIED_ORDER, &body).await;
            gateway.pay(&shown["PayInfo"]).await;
            let story = gateway.until_story(&number, is_paid).await;
            agrees(&gateway, code, &story).await;
        }
    }
    gateway.check_books();
}

/// A refusal that lasts: the order fails when its time is up, if not before, or needs a person then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lasting_refusal_to_place_ends_the_order_with_its_time() {
    let mut gateway = TestGateway::start();
    for code in CODES {
        let number = fresh_number();
        let body = payable(&gateway, &number, HOUR_SECONDS);
        refuse(&gateway, "create", code, ALWAYS).await;
        gateway.call(UNIFIED_ORDER, &body).await;
        let ended = |story: &Value| story["order"]["state"] == "failed" || needs_a_person(story);
        let story = in_time(&mut gateway, code, &number, HOUR_SECONDS, ended).await;
        // An order that the channel took, by its answer, and does not know afterwards.
        let story = match needs_a_person(&story) {
            true => closed_for_good(&gateway, &number, &story).await,
            false => story,
        };
        agrees(&gateway, code, &story).await;
        gateway.mend().await;
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refusal_to_close_ends_closed_on_both_sides() {
    let mut gateway = TestGateway::start();
    for code in CODES {
        let number = fresh_number();
        gateway.result(UNIFIED_ORDER, &payable(&gateway, &number, DAY_SECONDS)).await;
        // Later than the channel's state may lag behind, and after the poll that was due since.
        let polled = |story: &Value| seen(story) > 2;
        in_time(&mut gateway, code, &number, HOUR_SECONDS, polled).await;
        refuse(&gateway, "close", code, 1).await;
        gateway.call(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
        let closed = |story: &Value| story["order"]["state"] == "closed";
        let story = in_time(&mut gateway, code, &number, HOUR_SECONDS, closed).await;
        // The channel said that it is closed: that is believed, and looked at again later.
        if !code.replace('_', "").starts_with("ORDERCLOSED") {
            agrees(&gateway, code, &story).await;
        }
    }
    gateway.check_books();
}

/// What the channel does not close needs a person, who can end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lasting_refusal_to_close_ends_by_a_command() {
    let mut gateway = TestGateway::start();
    for code in CODES {
        let number = fresh_number();
        gateway.result(UNIFIED_ORDER, &payable(&gateway, &number, HOUR_SECONDS)).await;
        refuse(&gateway, "close", code, ALWAYS).await;
        let ended = |story: &Value| {
            needs_a_person(story) || (is_settled(story) && story["order"]["state"] != "paying")
        };
        let story = in_time(&mut gateway, code, &number, 2 * HOUR_SECONDS, ended).await;
        if needs_a_person(&story) {
            closed_for_good(&gateway, &number, &story).await;
        }
        gateway.mend().await;
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_found_after_a_refused_query() {
    let mut gateway = TestGateway::start();
    gateway.fault("notify", "lose_request", ALWAYS).await;
    for code in CODES {
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &payable(&gateway, &number, DAY_SECONDS)).await;
        gateway.pay(&placed["PayInfo"]).await;
        refuse(&gateway, "query", code, 1).await;
        let story = in_time(&mut gateway, code, &number, HOUR_SECONDS / 2, is_paid).await;
        agrees(&gateway, code, &story).await;
        assert!(!needs_a_person(&story), "{code}: {story:#}");
    }
    gateway.check_books();
}

/// Money that the order cannot take goes back, or a person decides what becomes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_refund_ends_done_or_by_a_command() {
    let mut gateway = TestGateway::start();
    for times in [1, ALWAYS] {
        for code in CODES {
            let number = fresh_number();
            let body = payable(&gateway, &number, DAY_SECONDS);
            let placed = gateway.result(UNIFIED_ORDER, &body).await;
            // The channel says closed and leaves the order open: the payer can still pay.
            gateway.fault_once("close", "error:ORDER_CLOSED").await;
            gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
            refuse(&gateway, "refund", code, times).await;
            gateway.pay(&placed["PayInfo"]).await;
            gateway.until_story(&number, |story| story["refunds"][0].is_object()).await;
            let is_done = |story: &Value| story["refunds"][0]["state"] == "done";
            let ended = |story: &Value| is_done(story) || needs_a_person(story);
            let story = in_time(&mut gateway, code, &number, DAY_SECONDS, ended).await;
            if !is_done(&story) {
                let by_hand = json!({"note": "sent by bank", "outside_reference": number});
                let answer = gateway.decide(&exit(&story, "/settle-by-hand"), &by_hand).await;
                // A refund that needs a person is still polled: its end may have come first.
                match answer.status {
                    200 => {}
                    409 => assert!(is_done(&gateway.story(&number).await), "{code}: {story:#}"),
                    status => panic!("{code}: {status}: {}", answer.body),
                }
            }
            assert_eq!(gateway.balance("suspense").await, (0, 0), "{code}");
            gateway.mend().await;
        }
    }
    gateway.check_books();
}
