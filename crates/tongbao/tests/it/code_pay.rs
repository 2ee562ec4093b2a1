//! PayType SWIPE: a cashier scans the code on the payer's phone. Through the simulated WeChat Pay and
//! Alipay, with every fault of the new calls and with the power going off: an order ends as the channel
//! has it, and the payer is charged at most once.

use crate::test_gateway::{
    CLOSE_ORDER, QUERY_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with,
};
use serde_json::{Value, json};
use std::time::Duration;

const CHANNELS: [&str; 2] = ["wxpay", "alipay"];

/// A code on the phone, by what follows when it is scanned.
pub(crate) async fn show(gateway: &TestGateway, channel: &str, outcome: &str) -> String {
    let asked = json!({"channel": channel, "outcome": outcome});
    let shown = gateway.control("payment-code", &asked).await;
    shown["payment_code"].as_str().expect("a code").to_owned()
}

/// What the cashier's till sends.
pub(crate) fn scanned(number: &str, channel: &str, code: &str) -> Value {
    let body = with(&order(number), "PayChannel", json!(channel.to_uppercase()));
    let body = with(&body, "PayType", json!("SWIPE"));
    with(&body, "ExternalPaymentData", json!(json!({"AuthCode": code}).to_string()))
}

fn named(number: &str) -> Value {
    json!({"OutOrderId": number})
}

/// The payer answers the question for the password.
async fn answer(gateway: &TestGateway, code: &str, outcome: &str) -> u16 {
    let asked = json!({"pay_info": code, "outcome": outcome});
    gateway.control_answer("pay", &asked).await.status
}

async fn inject(gateway: &TestGateway, channel: &str, operation: &str, fault: &str, times: u32) {
    let (fault, code) = fault.split_once(':').unwrap_or((fault, ""));
    let mut ordered =
        json!({"channel": channel, "operation": operation, "fault": fault, "times": times});
    match fault {
        "error" => ordered["code"] = json!(code),
        "delay" => ordered["delay_ms"] = json!(200),
        _ => {}
    }
    gateway.control("faults", &ordered).await;
}

/// The channel's word for a cancel at the fault control.
fn cancel_of(channel: &str) -> &'static str {
    if channel == "wxpay" { "reverse" } else { "cancel" }
}

/// States that end an order.
const FINAL: [&str; 3] = ["paid", "failed", "closed"];

/// Time passes, as much as the order waits for, until it is final.
pub(crate) async fn until_final(gateway: &mut TestGateway, number: &str) -> Value {
    until_one_of(gateway, number, &FINAL).await
}

/// The same, until it has one of these states.
async fn until_one_of(gateway: &mut TestGateway, number: &str, states: &[&str]) -> Value {
    let mut looks_in_flight = 0;
    for _ in 0..300 {
        let story = gateway.story(number).await;
        let order = &story["order"];
        if states.iter().any(|state| order["state"] == **state) {
            return story;
        }
        // A call of a process that died keeps the order until it has certainly ended.
        looks_in_flight = if order["in_flight"].is_null() { 20 } else { looks_in_flight + 1 };
        if looks_in_flight >= 20 {
            gateway.advance(6).await;
            looks_in_flight = 0;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    panic!("{number} is in none of {states:?}: {:#}", gateway.story(number).await);
}

/// Whether the payer's money is with the merchant, as the channel has it.
fn is_paid_there(orders: &[Value]) -> bool {
    assert!(orders.len() <= 1, "one order at the channel: {orders:?}");
    orders.iter().any(|one| {
        let state = one["trade_state"].as_str().or(one["trade_status"].as_str());
        ["SUCCESS", "TRADE_SUCCESS"].contains(&state.expect("a state"))
    })
}

/// The order ended as the channel has it, and the book agrees.
pub(crate) async fn agrees(gateway: &TestGateway, story: &Value, about: &str) -> bool {
    let orders = gateway.channel_orders(&story["order"]["id"]).await;
    let is_paid = story["order"]["state"] == "paid";
    assert_eq!(is_paid, is_paid_there(&orders), "{about}: {orders:?} {story:#}");
    assert_eq!(story["refunds"], json!([]), "{about}");
    assert!(story["order"]["attention"].is_null(), "{about}: {story:#}");
    is_paid
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scanned_code_pays_at_once_and_is_kept_nowhere() {
    let gateway = TestGateway::start();
    for channel in CHANNELS {
        let code = show(&gateway, channel, "success").await;
        let number = fresh_number();
        let paid = gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
        assert_eq!(paid["OrderStatus"], "SUCCESS", "{paid}");
        assert_eq!((&paid["PayInfoType"], &paid["PayInfo"]), (&json!("DIRECTPAY"), &Value::Null));
        let found = gateway.result(QUERY_ORDER, &named(&number)).await;
        assert_eq!((&found["PayType"], &found["PayAmount"]), (&json!("SWIPE"), &json!("1000")));
        let story = gateway.story(&number).await;
        assert!(agrees(&gateway, &story, channel).await);
        assert!(!story.to_string().contains(&code) && !gateway.why(&number).contains(&code));
        // With SQLite the database is among the files; with PostgreSQL the logs and the other files are.
        for entry in std::fs::read_dir(gateway.data()).expect("the folder") {
            let path = entry.expect("an entry").path();
            let is_sandbox = path.to_string_lossy().contains("sandbox");
            if path.is_file() && !is_sandbox {
                let bytes = std::fs::read(&path).expect("a file");
                let found = bytes.windows(code.len()).any(|part| part == code.as_bytes());
                assert!(!found, "the code is in {}", path.display());
            }
        }
    }
    assert_eq!(gateway.balance("merchant_pending").await, (2000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definite_refusal_fails_the_order_with_the_channels_code() {
    let mut gateway = TestGateway::start();
    for (channel, expired, poor) in [
        ("wxpay", "AUTHCODEEXPIRE", "NOTENOUGH"),
        ("alipay", "ACQ.PAYMENT_AUTH_CODE_INVALID", "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
    ] {
        let used = show(&gateway, channel, "success").await;
        gateway.result(UNIFIED_ORDER, &scanned(&fresh_number(), channel, &used)).await;
        let broke = show(&gateway, channel, "fail").await;
        let old = show(&gateway, channel, "success").await;
        let cases = [(used, expired, 0), (broke, poor, 0), (old, expired, 61)];
        for (code, why, seconds) in cases {
            gateway.advance(seconds).await;
            let number = fresh_number();
            let failed = gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
            assert_eq!(failed["OrderStatus"], "PAY_FAIL", "{failed}");
            let reason = failed["FailReason"].as_str().expect("a reason");
            assert!(reason.contains(why) && !reason.contains(&code), "{reason}");
            agrees(&gateway, &gateway.story(&number).await, why).await;
        }
    }
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_missing_or_another_channels_is_refused_before_any_call() {
    let gateway = TestGateway::start();
    for (channel, other) in [("wxpay", "alipay"), ("alipay", "wxpay")] {
        let code = show(&gateway, other, "success").await;
        let number = fresh_number();
        let bodies = [
            scanned(&number, channel, &code),
            scanned(&number, channel, "12345678"),
            with(&scanned(&number, channel, &code), "ExternalPaymentData", json!("{}")),
        ];
        for body in bodies {
            let why = gateway.refused(UNIFIED_ORDER, &body, "ORDER.INVALID_PARAMETER").await;
            assert!(why.starts_with("ExternalPaymentData.AuthCode"), "{why}");
            assert!(!why.contains(&code), "{why}");
        }
        gateway.refused(QUERY_ORDER, &named(&number), "ORDER.ORDER_NOT_EXIST").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_payer_types_a_password_or_lets_it_time_out() {
    let mut gateway = TestGateway::start();
    for channel in CHANNELS {
        for outcome in ["success", "fail", "cancel", ""] {
            let code = show(&gateway, channel, "password").await;
            let number = fresh_number();
            let body = scanned(&number, channel, &code);
            let placed = gateway.result(UNIFIED_ORDER, &body).await;
            assert_eq!(placed["OrderStatus"], "PAYING", "{placed}");
            assert_eq!(placed["PayInfoType"], "DIRECTPAY", "{placed}");
            let found = gateway.result(QUERY_ORDER, &named(&number)).await;
            let shown = (&found["OrderStatus"], &found["PayInfoType"]);
            assert_eq!(shown, (&json!("PAYING"), &json!("DIRECTPAY")), "{found}");
            let again = gateway.result(UNIFIED_ORDER, &body).await;
            assert_eq!(again["ChannelOrderId"], placed["ChannelOrderId"]);
            if !outcome.is_empty() {
                assert_eq!(answer(&gateway, &code, outcome).await, 200, "{channel} {outcome}");
            }
            let story = until_final(&mut gateway, &number).await;
            let is_paid = agrees(&gateway, &story, outcome).await;
            assert_eq!(is_paid, outcome == "success", "{channel} {outcome}");
            assert_ne!(answer(&gateway, &code, "success").await, 200, "it can be paid no more");
        }
    }
    assert_eq!(gateway.balance("merchant_pending").await, (2000, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_fault_an_order_ends_as_the_channel_has_it() {
    let mut gateway = TestGateway::start();
    for channel in CHANNELS {
        let system_error =
            if channel == "wxpay" { "error:SYSTEM_ERROR" } else { "error:ACQ.SYSTEM_ERROR" };
        for fault in [
            "lose_request",
            "lose_answer",
            "bad_signature",
            "unsigned",
            "delay",
            "duplicate",
            system_error,
        ] {
            for (outcome, queries) in [("password", 1), ("success", 1), ("success", 20)] {
                for (operation, times) in
                    [("create", 1), ("query", queries), (cancel_of(channel), 1)]
                {
                    inject(&gateway, channel, operation, fault, times).await;
                }
                let code = show(&gateway, channel, outcome).await;
                let number = fresh_number();
                gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
                let ended = tokio::time::timeout(
                    Duration::from_secs(60),
                    until_closed_to_faults(&mut gateway, &number, queries),
                );
                let story = ended.await.expect("an end");
                let about = format!("{channel} {fault} {outcome} {queries}");
                agrees(&gateway, &story, &about).await;
                if outcome == "password" {
                    // Nothing but a query and a cancel ends it, so that all three calls met the fault.
                    for operation in ["create", "query", cancel_of(channel)] {
                        gateway.faults_met(operation).await;
                    }
                }
                gateway.mend().await;
            }
        }
    }
    gateway.check_books();
}

/// The same as [`until_final`]; faults that last longer than the doubt are taken away once the channel is
/// asked to undo the order.
async fn until_closed_to_faults(gateway: &mut TestGateway, number: &str, queries: u32) -> Value {
    if queries > 1 {
        until_one_of(gateway, number, &[&["closing"], &FINAL[..]].concat()).await;
        gateway.mend().await;
    }
    until_final(gateway, number).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_a_cancel_gave_back_is_booked_both_ways() {
    let mut gateway = TestGateway::start();
    for channel in CHANNELS {
        inject(&gateway, channel, "create", "lose_answer", 1).await;
        inject(&gateway, channel, "notify", "lose_request", 1000).await;
        inject(&gateway, channel, "query", "lose_answer", 7).await;
        let code = show(&gateway, channel, "success").await;
        let number = fresh_number();
        let placed = gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
        assert_eq!(placed["OrderStatus"], "PAYING", "{placed}");
        let story = until_final(&mut gateway, &number).await;
        assert!(!agrees(&gateway, &story, channel).await, "the channel gave it back");
        assert_eq!(story["transfers"].as_array().map(Vec::len), Some(2), "{story:#}");
        gateway.mend().await;
    }
    assert_eq!(gateway.balance("suspense").await, (0, 0));
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_merchant_closes_an_unclear_order_through_a_cancel() {
    let mut gateway = TestGateway::start();
    for channel in CHANNELS {
        let code = show(&gateway, channel, "password").await;
        let number = fresh_number();
        gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
        gateway.refused(CLOSE_ORDER, &named(&number), "ORDER.OPERATE_IS_PROCESSING").await;
        let story = until_final(&mut gateway, &number).await;
        assert_eq!(story["order"]["state"], "closed", "{story:#}");
        agrees(&gateway, &story, channel).await;
        let closed = gateway.result(CLOSE_ORDER, &named(&number)).await;
        assert_eq!(closed["OrderStatus"], "CLOSED");
        assert_ne!(answer(&gateway, &code, "success").await, 200);
    }
    gateway.check_books();
}

/// The power goes off some time after the call began, or while the channel answers it.
#[derive(Clone, Copy, Debug)]
enum PowerOff {
    After { ms: u64 },
    DuringTheCall,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_power_goes_off_before_during_and_after_the_call() {
    let mut gateway = TestGateway::start();
    let soon = [1, 4, 12, 40].map(|ms| PowerOff::After { ms });
    for channel in CHANNELS {
        for off in soon.into_iter().chain([PowerOff::DuringTheCall; 2]) {
            let code = show(&gateway, channel, "success").await;
            let number = fresh_number();
            call_until(&gateway, channel, &scanned(&number, channel, &code), off).await;
            tokio::task::block_in_place(|| {
                gateway.kill();
                gateway.restart();
            });
            let found = gateway.call(QUERY_ORDER, &named(&number)).await;
            let about = format!("{channel} {off:?}: {found}");
            if found["ErrCode"] == "SUCCESS" {
                let story = until_final(&mut gateway, &number).await;
                agrees(&gateway, &story, &about).await;
            } else {
                assert_eq!(found["ErrCode"], "ORDER.ORDER_NOT_EXIST", "{about}");
                assert!(matches!(off, PowerOff::After { .. }), "{about}");
                // Nothing was begun: the code was not taken.
                let paid = gateway.result(UNIFIED_ORDER, &scanned(&number, channel, &code)).await;
                assert_eq!(paid["OrderStatus"], "SUCCESS", "{about} {paid}");
            }
            gateway.mend().await;
        }
    }
    gateway.check_books();
}

/// Places an order and hangs up when the power is to go off.
async fn call_until(gateway: &TestGateway, channel: &str, body: &Value, off: PowerOff) {
    let bytes = body.to_string();
    let headers = gateway.signed(UNIFIED_ORDER, bytes.as_bytes()).headers();
    let url = format!("{}{UNIFIED_ORDER}", gateway.text("/base_url"));
    let call = gateway.send(channel::Method::Post, url, headers, bytes.as_bytes());
    match off {
        PowerOff::After { ms } => {
            let _ = tokio::time::timeout(Duration::from_millis(ms), call).await;
        }
        PowerOff::DuringTheCall => {
            inject(gateway, channel, "create", "delay", 1).await;
            tokio::select! {
                _ = call => {}
                () = gateway.faults_met("create") => {}
            }
        }
    }
}
