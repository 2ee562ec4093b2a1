//! Commands of operators, in process.

use super::gateway::{BASE, OPERATE_TOKEN, READ_TOKEN, TestGateway};
use kernel::Caller;
use ledger::{Id, kinds};
use serde_json::{Value, json};
use std::sync::Arc;
use story::samples;

/// A gateway, an order that the channel contradicted, and its refund, which the channel refused.
struct Troubled {
    gateway: TestGateway,
    order: Id<kinds::Order>,
    refund: String,
}

impl Troubled {
    async fn new() -> Troubled {
        let (samples, [_, order, _]) = samples::whole();
        let gateway = TestGateway::with(&samples).await;
        let (_, story) = gateway.get(&format!("{BASE}/orders/{order}")).await;
        let refund = story["refunds"][0]["id"].as_str().expect("a refund").to_owned();
        Troubled { gateway, order, refund }
    }

    async fn of_order(&self, command: &str, body: &Value) -> (u16, Value) {
        self.gateway.post(&format!("{BASE}/orders/{}/{command}", self.order), body).await
    }

    async fn of_refund(&self, command: &str, body: &Value) -> (u16, Value) {
        let (order, refund) = (self.order, &self.refund);
        self.gateway.post(&format!("{BASE}/orders/{order}/refunds/{refund}/{command}"), body).await
    }

    /// The kinds for which rows need a person.
    async fn kinds(&self) -> Vec<String> {
        let (_, list) = self.gateway.get("/admin/v1/attention").await;
        let rows = list["rows"].as_array().expect("rows");
        rows.iter().filter_map(|row| row["kind"].as_str().map(str::to_owned)).collect()
    }
}

#[tokio::test]
async fn what_is_decided_ends_the_attention_and_a_repeat_changes_nothing() {
    let troubled = Troubled::new().await;
    assert_eq!(troubled.kinds().await, ["refund_failed", "contradiction"]);
    let note = json!({"note": "compared with the channel's bill"});
    for _ in 0..2 {
        let (status, order) = troubled.of_order("write-off", &note).await;
        assert_eq!(status, 200, "{order}");
        assert_eq!(order["id"], troubled.order.to_string());
        assert_eq!(troubled.kinds().await, ["refund_failed"]);
    }
    let by_hand = json!({"note": "paid from the till", "outside_reference": "B-7"});
    for _ in 0..2 {
        let (status, refund) = troubled.of_refund("settle-by-hand", &by_hand).await;
        assert_eq!(status, 200, "{refund}");
        assert_eq!(
            (&refund["state"], &refund["outside_reference"]),
            (&json!("settled_by_hand"), &json!("B-7"))
        );
        assert_eq!(troubled.kinds().await, Vec::<String>::new());
    }
    let events = troubled.gateway.events("100001", troubled.order.value()).await;
    let operator = Caller::Operator(Arc::from("admin"));
    let decided = events.iter().filter(|event| event.caller == operator);
    assert_eq!(decided.count(), 2, "one event for each decision, by name: {events:?}");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_a_code_of_its_own() {
    let troubled = Troubled::new().await;
    let payment = json!({"payment_reference": "4200"});
    let note = json!({"note": "why not"});
    let (status, refused) = troubled.of_order("apply-payment", &payment).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("state")), "{refused}");
    let (status, refused) = troubled.of_order("give-back", &payment).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("not_contested")), "{refused}");
    let (status, refused) = troubled.of_order("close-for-good", &note).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("order_final")), "{refused}");
    for (body, field) in [
        (json!({}), "note"),
        (json!({"note": ""}), "note"),
        (json!({"note": "two\nlines"}), "note"),
        (json!({"note": "x".repeat(201)}), "note"),
        (json!({"note": "x", "amount_fen": 1}), "amount_fen"),
    ] {
        let (status, refused) = troubled.of_refund("write-off", &body).await;
        assert_eq!((status, &refused["error"]["field"]), (400, &json!(field)), "{body}: {refused}");
    }
    let (status, written_off) = troubled.of_refund("write-off", &note).await;
    assert_eq!((status, &written_off["state"]), (200, &json!("written_off")));
    for command in ["retry", "retry-under-new-number"] {
        let (status, refused) = troubled.of_refund(command, &Value::Null).await;
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("state")), "{refused}");
    }
    let (status, _) = troubled.gateway.get(&format!("{BASE}/attention?kind=refund_failed")).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn who_may_only_read_decides_nothing() {
    let troubled = Troubled::new().await;
    let path = format!("{BASE}/orders/{}/write-off", troubled.order);
    let router = &troubled.gateway.router;
    for (token, status) in [(READ_TOKEN, 403), (OPERATE_TOKEN, 400)] {
        let authorization = format!("Bearer {token}");
        let response = super::gateway::call(router, "POST", &path, &authorization).await;
        assert_eq!(response.status().as_u16(), status, "{token}");
    }
    assert_eq!(troubled.kinds().await, ["refund_failed", "contradiction"]);
}

#[tokio::test]
async fn rows_that_do_not_exist_are_not_found() {
    let troubled = Troubled::new().await;
    let (gateway, order) = (&troubled.gateway, troubled.order);
    let absent = "228000000000000001";
    for path in [
        format!("{BASE}/orders/{absent}/poll-now"),
        format!("{BASE}/orders/{order}/refunds/{absent}/retry"),
        format!("{BASE}/orders/{absent}/refunds/{}/retry", troubled.refund),
        format!("{BASE}/channel-accounts/absent/resume"),
        format!("/admin/v1/tenants/100009/orders/{order}/poll-now"),
    ] {
        let (status, refused) = gateway.post(&path, &Value::Null).await;
        assert_eq!(status, 404, "{path}: {refused}");
    }
    let path = format!("{BASE}/notifications/{absent}/dismiss");
    let (status, refused) = gateway.post(&path, &json!({"note": "why not"})).await;
    assert_eq!(status, 404, "{refused}");
}
