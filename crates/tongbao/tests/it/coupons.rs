//! Coupons: what arrives is what is booked, and the bill says the same.

use crate::bill::{DAY_SECONDS, bill, date, to_next_day};
use crate::test_gateway::{CLOSE_ORDER, TestGateway, UNIFIED_ORDER, fresh_number, order, with};
use serde_json::{Value, json};

/// Pays with a coupon of this amount and kind.
async fn pay_with(gateway: &TestGateway, pay_info: &Value, fen: i64, kind: &str) {
    let coupon = json!({"amount": fen, "kind": kind});
    let asked = json!({"pay_info": pay_info, "outcome": "success", "coupon": coupon});
    gateway.control("pay", &asked).await;
}

async fn sell_with(gateway: &TestGateway, fen: i64, kind: &str) -> Value {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &order(&number)).await;
    pay_with(gateway, &placed["PayInfo"], fen, kind).await;
    gateway.until_status(&number, "SUCCESS").await
}

/// What each kind of account has.
async fn posted(gateway: &TestGateway) -> [i64; 4] {
    let accounts = gateway.of_tenant("/accounts").await;
    let accounts = accounts["accounts"].as_array().expect("accounts").clone();
    ["channel_funds", "merchant_pending", "merchant_coupons", "suspense"].map(|kind| {
        let own = accounts.iter().filter(|account| account["kind"] == kind);
        own.map(|account| account["posted_fen"].as_i64().expect("fen")).sum()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_is_booked_and_the_bill_agrees() {
    let mut gateway = TestGateway::start();
    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let day = date(&gateway);

    // The merchant bears 300 of 1000: that much less arrives.
    let sold = sell_with(&gateway, 300, "nocash").await;
    assert_eq!((&sold["TotalAmount"], &sold["PayAmount"]), (&json!("1000"), &json!("700")));
    assert_eq!(posted(&gateway).await, [-700, 1000, -300, 0]);

    // The money of the other kind was paid in before: all of it arrives.
    let sold = sell_with(&gateway, 300, "cash").await;
    assert_eq!(sold["PayAmount"], json!("700"));
    assert_eq!(posted(&gateway).await, [-1700, 2000, -300, 0]);

    // Late money goes back, each part to where it came from.
    let number = fresh_number();
    let placed =
        gateway.result(UNIFIED_ORDER, &with(&order(&number), "PayType", json!("PC"))).await;
    gateway.fault_once("close", "error:ORDER_CLOSED").await;
    gateway.result(CLOSE_ORDER, &json!({"OutOrderId": number})).await;
    gateway.until_status(&number, "CLOSED").await;
    pay_with(&gateway, &placed["PayInfo"], 400, "nocash").await;
    let story = gateway.until_story(&number, |story| story["refunds"][0]["state"] == "done").await;
    let refund = &story["refunds"][0];
    assert_eq!((&refund["amount_fen"], &refund["settled_refund_fen"]), (&json!(1000), &json!(600)));
    assert_eq!(posted(&gateway).await, [-1700, 2000, -300, 0]);
    gateway.check_books();

    to_next_day(&mut gateway, DAY_SECONDS / 2).await;
    let (code, compared) = bill(&gateway, &day);
    assert_eq!(code, Some(0), "{compared}");
    assert_eq!((&compared["matched"], &compared["differences"]), (&json!(4), &json!([])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coupon_that_pays_all_leaves_nothing_to_arrive() {
    let gateway = TestGateway::start();
    let sold = sell_with(&gateway, 1000, "nocash").await;
    assert_eq!(sold["PayAmount"], json!("0"));
    assert_eq!(posted(&gateway).await, [0, 1000, -1000, 0]);
    gateway.check_books();
}
