//! The sandbox over real HTTP, with a small channel of its own.

mod play;
mod sales;

use play::{Merchant, Play, RawMerchant, Seen};
use sandbox::{CallbackClock, ClockControl, Sandbox, SharedClock};
use serde_json::{Value, json};
use std::sync::Arc;

fn seen(status: u16, text: &str) -> Seen {
    Some((status, text.to_owned()))
}

#[tokio::test]
async fn each_fault_of_a_request_is_seen_once_by_client_and_counterpart() {
    let folder = tempfile::tempdir().expect("a folder");
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    // fault, what it needs, what the client sees, how many sales the channel then counts
    let table = [
        ("lose_request", json!({}), None, 0),
        ("lose_answer", json!({}), None, 1),
        ("delay", json!({ "delay_ms": 1 }), seen(200, "2"), 2),
        ("duplicate", json!({}), seen(200, "3"), 4),
        ("bad_signature", json!({}), seen(200, "forged"), 4),
        ("unsigned", json!({}), seen(200, "unsigned"), 4),
        ("signtest", json!({}), seen(200, "probe"), 4),
        ("error", json!({ "code": "SALES_CLOSED" }), seen(400, "SALES_CLOSED"), 4),
        ("wrong_amount", json!({}), seen(200, "too much"), 4),
    ];
    for (word, more, want, count) in table {
        play.fault("create", word, more).await;
        assert_eq!(play.sell("").await, want, "{word}");
        assert_eq!(play.call("GET", "/sales/count", "").await, seen(200, &count.to_string()));
        let (_, left) = play.control("GET", "/control/faults", Value::Null).await;
        assert_eq!(left, json!({ "faults": [] }), "{word}");
    }
    assert_eq!(play.sell("").await, seen(200, "5"));
    play.end(None).await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_by_field() {
    let folder = tempfile::tempdir().expect("a folder");
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    let good =
        json!({ "channel": "sales", "operation": "create", "fault": "duplicate", "times": 1 });
    let table = [
        ("channel", json!("bank")),
        ("operation", json!("Create")),
        ("fault", json!("lost")),
        ("times", json!(0)),
        ("times", json!(-1)),
        ("code", json!("X")),
        ("delay_ms", json!(5)),
        ("hours", json!(1)),
    ];
    for (field, value) in table {
        let mut asked = good.clone();
        asked[field] = value;
        let (status, answer) = play.control("POST", "/control/faults", asked).await;
        assert_eq!(status, 400, "{field}");
        let why = answer["error"].as_str().expect("a reason");
        // Numbers that do not parse are named by what was wanted.
        assert!(why.contains(field) || why.contains("u32"), "{field}: {why}");
    }
    for (word, wanted) in [("delay", "delay_ms"), ("error", "code")] {
        let mut asked = good.clone();
        asked["fault"] = json!(word);
        let (status, answer) = play.control("POST", "/control/faults", asked).await;
        assert_eq!(status, 400);
        assert!(answer["error"].as_str().is_some_and(|why| why.starts_with(wanted)), "{answer}");
    }
    for (word, operation) in
        [("error", "notify"), ("refund_closed", "create"), ("refund_abnormal", "notify")]
    {
        let mut asked = good.clone();
        (asked["fault"], asked["operation"]) = (json!(word), json!(operation));
        if word == "error" {
            asked["code"] = json!("X");
        }
        let (status, answer) = play.control("POST", "/control/faults", asked).await;
        assert_eq!(status, 400, "{word} {operation}");
        assert!(answer["error"].as_str().is_some_and(|why| why.starts_with("operation")));
    }
    let asked = json!({ "advance_s": 400 * 86_400 + 1 });
    assert_eq!(play.control("POST", "/control/clock", asked).await.0, 400);
    assert_eq!(play.control("POST", "/control/pay", json!({})).await.0, 400);
    for (channel, outcome, why) in [
        ("nobody", "success", "channel: no counterpart has this name"),
        ("sales", "cancel", "outcome: want success, password or fail"),
        ("sales", "success", "channel: it has no codes to scan"),
    ] {
        let asked = json!({ "channel": channel, "outcome": outcome });
        let (status, answer) = play.control("POST", "/control/payment-code", asked).await;
        assert_eq!((status, &answer["error"]), (400, &json!(why)));
    }
    let big = "x".repeat(1024 * 1024 + 1);
    assert_eq!(play.sell(&big).await.map(|(status, _)| status), Some(413));
    assert_eq!(play.call("GET", "/elsewhere", "").await, seen(404, ""));
    assert_eq!(play.control("GET", "/control/a/b", Value::Null).await.0, 404);
    assert_eq!(play.call("PUT", "/sales/sell", "").await, seen(405, "/sales/sell"));
    assert_eq!(play.call("GET", "/healthz", "").await, seen(200, "ok"));
    play.end(None).await;
}

#[tokio::test]
async fn the_phone_pays_and_a_refusal_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut merchant = Merchant::open(200).await;
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    let pay_info = format!("sales:{}", merchant.url);
    let pay = |pay_info: Value, outcome: &'static str| {
        play.control("POST", "/control/pay", json!({ "pay_info": pay_info, "outcome": outcome }))
    };
    assert_eq!(
        pay(json!(pay_info), "success").await,
        (200, json!({ "result": "success", "text": "thank you" }))
    );
    assert_eq!(merchant.next().await, "1 honest");
    assert_eq!(pay(json!(pay_info), "fail").await, (400, json!({ "error": "no money" })));
    assert_eq!(pay(json!(pay_info), "cancel").await.0, 200);
    assert_eq!(pay(json!({ "appId": "wx1" }), "success").await.0, 400);
    assert_eq!(pay(json!(pay_info), "runs").await.0, 400);
    let (_, list) = play.control("GET", "/control/transactions?limit=1000", Value::Null).await;
    assert_eq!(list, json!({ "transactions": [{ "sale": 1 }] }));
    play.end(None).await;
}

#[tokio::test]
async fn a_callback_follows_its_schedule_with_the_clock_and_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut merchant = Merchant::open(500).await;
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    play.sell(&merchant.url).await;
    for (attempt, step_s) in [(1, 15), (2, 60)] {
        assert_eq!(merchant.next().await, "1 honest");
        play.wait_for(attempt, "waiting").await;
        play.advance(step_s - 5).await;
        assert!(merchant.nothing_arrived());
        play.advance(5).await;
    }
    assert_eq!(merchant.next().await, "1 honest");
    let ended = play.wait_for(3, "given_up").await;
    assert_eq!(ended["attempts"][2]["outcome"], "500");

    merchant.answer(200);
    play.sell(&merchant.url).await;
    assert_eq!(merchant.next().await, "2 honest");
    play.wait_for(1, "accepted").await;
    play.end(None).await;
}

#[tokio::test]
async fn each_fault_of_a_callback_is_carried_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut merchant = Merchant::open(200).await;
    let play = Play::start(&folder.path().join("sandbox.db")).await;

    play.fault("notify", "lose_request", json!({})).await;
    play.sell(&merchant.url).await;
    play.wait_for(1, "waiting").await;
    assert!(merchant.nothing_arrived());
    play.advance(15).await;
    assert_eq!(merchant.next().await, "1 honest");
    play.wait_for(2, "accepted").await;

    play.fault("notify", "lose_answer", json!({})).await;
    play.sell(&merchant.url).await;
    assert_eq!(merchant.next().await, "2 honest");
    let heard = play.wait_for(1, "waiting").await;
    assert_eq!(heard["attempts"][0]["outcome"], "200, lost as injected");
    play.advance(15).await;
    assert_eq!(merchant.next().await, "2 honest");

    play.fault("notify", "delay", json!({ "delay_ms": 600_000 })).await;
    play.sell(&merchant.url).await;
    play.wait_for(0, "waiting").await;
    play.advance(600).await;
    assert_eq!(merchant.next().await, "3 honest");

    play.fault("notify", "duplicate", json!({})).await;
    play.sell(&merchant.url).await;
    assert_eq!(
        (merchant.next().await, merchant.next().await),
        ("4 honest".into(), "4 honest".into())
    );
    play.wait_for(1, "accepted").await;

    for (word, text) in [
        ("bad_signature", "5 forged"),
        ("wrong_amount", "6 too much"),
        ("unsigned", "7 unsigned"),
        ("signtest", "8 probe"),
    ] {
        play.fault("notify", word, json!({})).await;
        play.sell(&merchant.url).await;
        assert_eq!(merchant.next().await, text);
    }
    play.end(None).await;
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.db");
    let mut merchant = Merchant::open(200).await;
    let (play, sandbox) = Play::open(&path, ClockControl::Allowed).await;
    play.sell(&merchant.url).await;
    play.fault("create", "delay", json!({ "delay_ms": 1, "times": 3 })).await;
    play.advance(3_600).await;
    play.end(Some(sandbox)).await;

    let play = Play::start(&path).await;
    assert_eq!(merchant.next().await, "1 honest");
    assert_eq!(play.call("GET", "/sales/count", "").await, seen(200, "1"));
    let (_, clock) = play.control("GET", "/control/clock", Value::Null).await;
    assert_eq!(clock["offset_ms"], 3_600_000);
    let (_, left) = play.control("GET", "/control/faults", Value::Null).await;
    assert_eq!(left["faults"][0]["times"], 3);
    assert_eq!(play.control("DELETE", "/control/faults", Value::Null).await.0, 200);
    let (_, left) = play.control("GET", "/control/faults", Value::Null).await;
    assert_eq!(left, json!({ "faults": [] }));
    play.end(None).await;
}

#[tokio::test]
async fn a_callback_that_was_on_its_way_is_sent_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sandbox.db");
    let mut merchant = Merchant::open(Merchant::SILENT).await;
    let play = Play::start(&path).await;
    play.sell(&merchant.url).await;
    assert_eq!(merchant.next().await, "1 honest");
    play.wait_for(0, "sending").await;
    play.end(None).await;

    merchant.answer(200);
    let play = Play::start(&path).await;
    assert_eq!(merchant.next().await, "1 honest");
    play.wait_for(1, "accepted").await;
    play.end(None).await;
}

#[tokio::test]
async fn a_switch_is_turned_at_the_channel_that_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    for (switch, asked, status, why) in [
        ("close", json!({}), 400, "channel: want the name of a channel"),
        ("close", json!({ "channel": "bank" }), 400, "channel: no counterpart has this name"),
        ("close", json!({ "channel": "sales", "at": 1 }), 400, "nothing more is wanted"),
        ("burn", json!({ "channel": "sales" }), 404, "the channel has no such switch"),
        (
            "close",
            json!([]),
            400,
            "body: invalid type: sequence, expected a map at line 1 column 0",
        ),
    ] {
        let answer = play.control("POST", &format!("/control/{switch}"), asked).await;
        assert_eq!(answer, (status, json!({ "error": why })));
    }
    let merchant = RawMerchant::open().await;
    play.sell(&merchant.url).await;
    assert!(merchant.head().await.contains("\r\nX-DOOR: open\r\n"));
    let closed = play.control("POST", "/control/close", json!({ "channel": "sales" })).await;
    assert_eq!(closed, (200, json!({ "door": "closed" })));
    play.sell(&merchant.url).await;
    assert!(merchant.head().await.contains("\r\nX-DOOR: closed\r\n"));
    play.end(None).await;
}

#[tokio::test]
async fn names_of_headers_are_written_as_the_channel_spells_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let play = Play::start(&folder.path().join("sandbox.db")).await;
    let head = play.raw_head("GET /sales/count HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nX-SALES-Id: 7\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 1\r\n"), "{head}");
    let merchant = RawMerchant::open().await;
    play.sell(&merchant.url).await;
    let head = merchant.head().await;
    assert!(head.starts_with("POST /notify HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nX-Nonce: ") && head.contains("\r\nHost: "), "{head}");
    play.end(None).await;
}

#[tokio::test]
async fn callbacks_are_signed_at_the_time_that_their_receiver_has() {
    for (clock, ahead_seconds) in [(CallbackClock::Shared, 3_600), (CallbackClock::System, 0)] {
        let folder = tempfile::tempdir().expect("a folder");
        let play = Play::signing_at(&folder.path().join("sandbox.db"), clock).await;
        play.advance(3_600).await;
        let merchant = RawMerchant::open().await;
        play.sell(&merchant.url).await;
        let head = merchant.head().await;
        let (_, rest) = head.split_once("\r\nX-Signed-At: ").expect("a time");
        let (signed_at, _) = rest.split_once("\r\n").expect("a line");
        let signed_at: i64 = signed_at.parse().expect("seconds");
        let want = SharedClock::new().now().seconds() + ahead_seconds;
        assert!((want - 60..=want).contains(&signed_at), "{clock:?}: {signed_at}, want {want}");
        play.end(None).await;
    }
}

#[tokio::test]
async fn the_clock_is_movable_only_with_permission() {
    let folder = tempfile::tempdir().expect("a folder");
    let (play, sandbox) =
        Play::open(&folder.path().join("sandbox.db"), ClockControl::Forbidden).await;
    let asked = json!({ "advance_s": 1 });
    assert_eq!(play.control("POST", "/control/clock", asked).await.0, 403);
    play.end(Some(sandbox)).await;
}

#[test]
fn names_of_counterparts_are_unique() {
    let folder = tempfile::tempdir().expect("a folder");
    let opened = Sandbox::open(
        &folder.path().join("sandbox.db"),
        vec![Arc::new(sales::SalesChannel), Arc::new(sales::SalesChannel)],
        Arc::new(SharedClock::new()),
        ClockControl::Forbidden,
        CallbackClock::Shared,
    );
    assert!(opened.is_err());
}
