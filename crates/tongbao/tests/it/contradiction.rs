//! An order that the channel contradicts.

use crate::test_gateway::{TestGateway, UNIFIED_ORDER, fresh_number, order, shanghai, with};
use serde_json::{Value, json};

/// An order by QR code, so that the payer can pay it what the merchant knows, which lasts a day.
pub(crate) fn lasting(gateway: &TestGateway, number: &str) -> Value {
    let body = with(&order(number), "PayType", json!("PC"));
    with(&body, "ExpireTime", json!(shanghai(gateway.now() + 20 * 3600)))
}

/// An order whose payment the channel reports with another amount, in callback and query alike.
pub(crate) async fn contradicted(gateway: &TestGateway) -> (Value, Value) {
    let number = fresh_number();
    let placed = gateway.result(UNIFIED_ORDER, &lasting(gateway, &number)).await;
    gateway.fault("query", "wrong_amount", 1000).await;
    gateway.fault_once("notify", "wrong_amount").await;
    gateway.pay(&placed["PayInfo"]).await;
    let story = gateway.until_story(&number, |it| it["order"]["contested"].is_object()).await;
    assert_eq!(story["attention"][0]["kind"], "contradiction");
    let payment = json!({"payment_reference": story["order"]["contested"]["payment_reference"]});
    (story, payment)
}

/// The path of the order of a story, behind the tenant.
pub(crate) fn place_of(story: &Value) -> String {
    format!("/orders/{}", story["order"]["id"].as_str().expect("an id"))
}
