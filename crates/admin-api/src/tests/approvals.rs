//! The rule of two people, in process.

use super::gateway::{BASE, OPERATE_TOKEN, READ_TOKEN, TOKEN, TestGateway, admin, budgets, json};
use crate::ManualRule;
use axum::Router;
use axum::body::Body;
use dialect::Dialect as _;
use http::Request;
use serde_json::{Value, json};
use story::samples;
use tower::ServiceExt as _;

/// A gateway under the rule, and the path of a refund that the channel refused.
async fn troubled() -> (Router, String) {
    let (samples, [_, order, _]) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let (_, story) = gateway.get(&format!("{BASE}/orders/{order}")).await;
    let refund = story["refunds"][0]["id"].as_str().expect("a refund");
    let router = admin(ManualRule::TwoPeople, budgets(1000)).router(gateway.engine.clone());
    (router, format!("{BASE}/orders/{order}/refunds/{refund}"))
}

async fn send(
    router: &Router,
    token: &str,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("Authorization", format!("Bearer {token}"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(Body::from(body)).expect("a request");
    let response = router.clone().oneshot(request).await.expect("routers do not fail");
    (response.status().as_u16(), json(response).await)
}

#[tokio::test]
async fn a_manual_command_waits_for_a_second_operator() {
    let (router, refund) = troubled().await;
    let note = json!({"note": "the payer cannot be found"});
    let path = format!("{refund}/write-off");
    let (status, approval) = send(&router, OPERATE_TOKEN, "POST", &path, &note).await;
    assert_eq!((status, &approval["state"]), (202, &json!("proposed")), "{approval}");
    assert_eq!(approval["command"], "write_refund_off");
    let id = approval["id"].as_str().expect("an id");
    let place = format!("/admin/v1/approvals/{id}");
    let digest = json!({"digest": approval["digest"]});
    for (token, body, status, code) in [
        (READ_TOKEN, &digest, 403, "forbidden"),
        (OPERATE_TOKEN, &digest, 409, "own_proposal"),
        (TOKEN, &json!({"digest": "another"}), 409, "differs"),
        (TOKEN, &json!({}), 400, "malformed"),
    ] {
        let (found, refused) =
            send(&router, token, "POST", &format!("{place}/approve"), body).await;
        assert_eq!((found, &refused["error"]["code"]), (status, &json!(code)), "{refused}");
    }
    let (_, listed) = send(&router, READ_TOKEN, "GET", "/admin/v1/attention", &Value::Null).await;
    let mut rows = listed["rows"].as_array().expect("rows").iter();
    let row = rows.find(|row| row["kind"] == "approval_pending").expect("it needs a person");
    assert_eq!(row["exits"][0]["request"], format!("POST {place}/approve"));
    let (status, approved) =
        send(&router, TOKEN, "POST", &format!("{place}/approve"), &digest).await;
    assert_eq!((status, &approved["state"]), (200, &json!("approved")), "{approved}");
    let (_, shown) = send(&router, READ_TOKEN, "GET", &place, &Value::Null).await;
    assert_eq!(shown, approved);
    let (status, done) = send(&router, OPERATE_TOKEN, "POST", &path, &note).await;
    assert_eq!((status, &done["state"]), (200, &json!("written_off")), "it is done: {done}");
}

#[tokio::test]
async fn what_moves_no_money_by_hand_needs_nobody_else() {
    let (router, refund) = troubled().await;
    let (order, _) = refund.split_once("/refunds").expect("a refund of an order");
    let (status, polled) =
        send(&router, OPERATE_TOKEN, "POST", &format!("{order}/poll-now"), &Value::Null).await;
    assert_eq!((status, &polled["state"]), (200, &json!("failed")), "{polled}");
}

#[tokio::test]
async fn approvals_are_listed_and_found() {
    let (router, refund) = troubled().await;
    let list = async |query: &str| {
        let path = format!("/admin/v1/approvals{query}");
        send(&router, READ_TOKEN, "GET", &path, &Value::Null).await
    };
    assert_eq!(list("").await, (200, json!({"approvals": []})));
    let by_hand = json!({"note": "from the till", "outside_reference": "B-7"});
    let path = format!("{refund}/settle-by-hand");
    let (_, approval) = send(&router, OPERATE_TOKEN, "POST", &path, &by_hand).await;
    let (_, page) = list("?state=proposed&tenant=100001&limit=1").await;
    assert_eq!(page, json!({"approvals": [approval], "next": approval["id"]}));
    assert_eq!(list("?state=approved").await.1, json!({"approvals": []}));
    for (query, status) in [("?state=new", 400), ("?tenant=100009", 404), ("?page=2", 400)] {
        assert_eq!(list(query).await.0, status, "{query}");
    }
    assert_eq!(list("/228000000000000001").await.0, 404);
}
