//! Bills: `tongbao bill` against what was paid and refunded at the channel.

use crate::test_gateway::{
    CLOSE_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with,
};
use serde_json::{Value, json};

pub(crate) const DAY_SECONDS: i64 = 86_400;
/// Asia/Shanghai is ahead of UTC by so much.
const SHANGHAI_SECONDS: i64 = 8 * 3_600;

/// Moves the clock to the next day in Asia/Shanghai, at this second of it.
pub(crate) async fn to_next_day(gateway: &mut TestGateway, second: i64) {
    let local = gateway.now() + SHANGHAI_SECONDS;
    let next = (local.div_euclid(DAY_SECONDS) + 1) * DAY_SECONDS + second;
    gateway.advance(next - local).await;
}

pub(crate) fn date(gateway: &TestGateway) -> String {
    shanghai(gateway.now()).chars().take(10).collect()
}

/// What the verb exits with, and its JSON; text that is not JSON is an error's.
pub(crate) fn bill(gateway: &TestGateway, date: &str) -> (Option<i32>, Value) {
    let output = gateway.bill(&["demo-wxpay", date, "--json"]);
    let complaint = || Value::String(String::from_utf8_lossy(&output.stderr).into_owned());
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| complaint()))
}

async fn pay_an_order(gateway: &TestGateway) -> Value {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_status(&number, "SUCCESS").await
}

/// The channel closes an order in word only, the payer pays it, and the money goes back.
async fn pay_too_late(gateway: &TestGateway) {
    let number = fresh_number();
    let placed =
        gateway.result(UNIFIED_ORDER, &with(&order(&number), "PayType", json!("PC"))).await;
    gateway.fault_once("close", "error:ORDER_CLOSED").await;
    gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
    gateway.until_status(&number, "CLOSED").await;
    gateway.pay(&placed["PayInfo"]).await;
    gateway.until_story(&number, |story| story["refunds"][0]["state"] == "done").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_agrees_with_the_orders_of_its_day() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    let first = pay_an_order(&gateway).await;
    pay_an_order(&gateway).await;
    pay_too_late(&gateway).await;
    let (code, said) = bill(&gateway, &day);
    assert!(code == Some(1) && said.to_string().contains("is not over"), "{said}");

    to_next_day(&mut gateway, 8 * 3_600).await;
    // Money of the next day is not on this bill.
    pay_an_order(&gateway).await;
    let (code, said) = bill(&gateway, &day);
    assert!(code == Some(2) && said.to_string().contains("has not made the bill"), "{said}");

    gateway.advance(3_600 + 1).await;
    let (code, agreed) = bill(&gateway, &day);
    let want = json!({
        "channel_account": "demo-wxpay", "date": day, "rows": 4, "matched": 4, "differences": [],
    });
    assert_eq!((code, &agreed), (Some(0), &want));
    let text = gateway.bill(&["demo-wxpay", &day]);
    let text = String::from_utf8(text.stdout).expect("text");
    assert_eq!(text, format!("demo-wxpay {day}: 4 rows, 4 matched, 0 differences\n"));

    gateway.fault_once("bill", "wrong_amount").await;
    let (code, differs) = bill(&gateway, &day);
    let differences = differences(&differs, "amount_differs");
    assert_eq!((code, &differs["matched"], differences.len()), (Some(1), &json!(1), 3));
    let id = first["ChannelOrderId"].as_str().expect("an id");
    let of_first = differences
        .iter()
        .find(|one| one["channel_no"].as_str().is_some_and(|number| number.ends_with(id)));
    let of_first = of_first.expect("the first order differs");
    assert_eq!(
        (&of_first["here"], &of_first["there"]),
        (&json!({"amount_fen": 1000}), &json!({"amount_fen": 1001}))
    );

    gateway.fault_once("bill", "error:NO_STATEMENT_EXIST").await;
    let (code, empty) = bill(&gateway, &day);
    assert_eq!((code, self::differences(&empty, "missing_there").len()), (Some(1), 4), "{empty}");
    gateway.check_books();
}

fn differences<'a>(report: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = report["differences"].as_array().unwrap_or_else(|| panic!("a report: {report}"));
    all.iter().filter(|one| one["difference"] == kind).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bill_that_proves_nothing_is_not_compared() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);
    pay_an_order(&gateway).await;
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    for (operation, fault, told) in [
        ("bill", "bad_signature", "wrong signature"),
        ("bill", "error:SYSTEM_ERROR", "SYSTEM_ERROR"),
        ("bill_file", "bad_signature", "SHA-1"),
        ("bill_file", "lose_answer", "no answer"),
    ] {
        gateway.fault_once(operation, fault).await;
        let (code, said) = bill(&gateway, &day);
        assert!(code == Some(1) && said.to_string().contains(told), "{operation} {fault}: {said}");
    }
    let output = gateway.bill(&["demo-none", &day]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("demo-none"), "{said}");
    assert_eq!(bill(&gateway, &day).0, Some(0));
}
