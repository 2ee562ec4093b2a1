//! The rule of two people: a command that moves money by hand is carried out when a second operator
//! approves it, and never by its proposer alone.

use crate::contradiction::{contradicted, place_of};
use crate::test_gateway::{Answer, TestGateway};
use serde_json::{Value, json};

const DAY_SECONDS: i64 = 24 * 3600;

/// The second operator, beside `admin`.
const OTTO: &str = "the-token-of-otto-who-operates";

fn started() -> TestGateway {
    TestGateway::start_with(&["--second-person", "--operator", &format!("otto:{OTTO}")])
}

/// A command of the administration by the holder of a token.
async fn post(gateway: &TestGateway, token: &str, path: &str, body: &Value) -> Answer {
    let url = format!("{}/admin/v1{path}", gateway.text("/base_url"));
    let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
    let body = body.to_string();
    gateway.send(channel::Method::Post, url, headers, body.as_bytes()).await.expect("an answer")
}

async fn shown(gateway: &TestGateway, id: &str) -> Value {
    gateway.admin(channel::Method::Get, &format!("/approvals/{id}")).await.body
}

fn id_of(approval: &Value) -> &str {
    approval["id"].as_str().expect("an id")
}

/// `admin` proposes what a path of the demonstration tenant does.
async fn proposed(gateway: &TestGateway, path: &str, body: &Value) -> Value {
    let answer = gateway.decide(path, body).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("proposed")), "{answer:?}");
    answer.body
}

async fn approved_by(gateway: &TestGateway, token: &str, approval: &Value) -> Answer {
    let path = format!("/approvals/{}/approve", id_of(approval));
    post(gateway, token, &path, &json!({"digest": approval["digest"]})).await
}

fn changes<'a>(story: &'a Value, kind: &str) -> Vec<(&'a str, &'a str)> {
    let events = story["events"].as_array().expect("events").iter();
    let own = events.filter(|event| event["subject"]["kind"] == kind);
    let word = |event: &'a Value, name: &str| event[name].as_str().expect("a word");
    own.map(|event| (word(event, "caller"), word(event, "change"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_person_cannot_move_money_and_two_can() {
    let gateway = started();
    let admin = gateway.text("/admin_token");
    let (story, payment) = contradicted(&gateway).await;
    let path = format!("{}/apply-payment", place_of(&story));
    let approval = proposed(&gateway, &path, &payment).await;
    assert_eq!(approval["command"], "apply_payment");
    assert_eq!((&approval["proposer"], &approval["amount_fen"]), (&json!("admin"), &json!(1001)));
    assert_eq!(proposed(&gateway, &path, &payment).await, approval, "a repeat shows the same");

    let own = approved_by(&gateway, &admin, &approval).await;
    assert_eq!((own.status, &own.body["error"]["code"]), (409, &json!("own_proposal")));
    let other = json!({"digest": "0".repeat(64)});
    let other =
        post(&gateway, OTTO, &format!("/approvals/{}/approve", id_of(&approval)), &other).await;
    assert_eq!((other.status, &other.body["error"]["field"]), (409, &json!("digest")));
    assert_eq!(gateway.balance("merchant_pending").await, (0, 0), "nothing moved");
    gateway.counts_attention("approval_pending").await;
    let number = story["order"]["merchant_order_no"].as_str().expect("a number");
    let told = gateway.why(number);
    assert!(told.contains("admin proposes") && told.contains("/approve"), "{told}");

    let approved = approved_by(&gateway, OTTO, &approval).await;
    assert_eq!(approved.status, 200, "{}", approved.body);
    assert_eq!(
        (&approved.body["state"], &approved.body["approver"]),
        (&json!("approved"), &json!("otto"))
    );
    assert_eq!(approved_by(&gateway, OTTO, &approval).await.body, approved.body, "a repeat");
    assert_eq!(gateway.balance("merchant_pending").await, (1001, 0));
    let story = gateway.story(number).await;
    assert_eq!(story["attention"], json!([]));
    assert_eq!(
        changes(&story, "approval"),
        [("operator:admin", "proposed"), ("operator:otto", "approved")]
    );
    assert!(changes(&story, "order").contains(&("operator:otto", "paid")), "{story}");
    let again = gateway.decide(&path, &payment).await;
    assert_eq!((again.status, &again.body["state"]), (200, &json!("paid")), "it is done");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expired_or_was_rejected_moves_nothing_and_can_be_proposed_again() {
    let mut gateway = started();
    let (story, payment) = contradicted(&gateway).await;
    let path = format!("{}/give-back", place_of(&story));
    let approval = proposed(&gateway, &path, &payment).await;
    gateway.advance(DAY_SECONDS).await;
    let late = approved_by(&gateway, OTTO, &approval).await;
    assert_eq!((late.status, &late.body["error"]["code"]), (409, &json!("state")), "{late:?}");
    let number = story["order"]["merchant_order_no"].as_str().expect("a number");
    let is_expired = |story: &Value| changes(story, "approval").contains(&("clock", "expired"));
    gateway.until_story(number, is_expired).await;
    assert_eq!(shown(&gateway, id_of(&approval)).await["state"], "expired");

    let again = proposed(&gateway, &path, &payment).await;
    assert_eq!(id_of(&again), id_of(&approval), "the same command is one approval");
    let reject = format!("/approvals/{}/reject", id_of(&approval));
    for _ in 0..2 {
        let rejected = post(&gateway, OTTO, &reject, &json!({"note": "ask the payer first"})).await;
        assert_eq!((rejected.status, &rejected.body["state"]), (200, &json!("rejected")));
    }
    let late = approved_by(&gateway, OTTO, &approval).await;
    assert_eq!(late.status, 409, "{late:?}");
    assert_eq!(gateway.balance("suspense").await, (0, 0), "nothing moved");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_of_what_the_world_moved_past_ends_refused() {
    let gateway = started();
    let admin = gateway.text("/admin_token");
    let (story, payment) = contradicted(&gateway).await;
    let place = place_of(&story);
    let applied = proposed(&gateway, &format!("{place}/apply-payment"), &payment).await;
    let tenant = gateway.text("/wecard/ocode");
    let note = json!({"note": "kept, as agreed with the payer"});
    let path = format!("/tenants/{tenant}{place}/write-off");
    let written_off = post(&gateway, OTTO, &path, &note).await.body;
    assert_eq!(written_off["proposer"], "otto");
    let approved = approved_by(&gateway, &admin, &written_off).await;
    assert_eq!(approved.body["state"], "approved", "{approved:?}");
    assert_eq!(gateway.balance("write_off").await, (1001, 0));

    for _ in 0..2 {
        let refused = approved_by(&gateway, OTTO, &applied).await;
        assert_eq!((refused.status, &refused.body["state"]), (200, &json!("refused")));
        assert_eq!(refused.body["reason"], "the order is failed");
    }
    assert_eq!(gateway.balance("merchant_pending").await, (0, 0), "nothing moved");
    let listed = gateway.admin(channel::Method::Get, "/approvals?state=refused").await.body;
    assert_eq!(listed["approvals"].as_array().map(Vec::len), Some(1), "{listed}");
    gateway.check_books();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switching_the_rule_off_leaves_pending_approvals_decidable() {
    let mut gateway = started();
    let (story, payment) = contradicted(&gateway).await;
    let path = format!("{}/apply-payment", place_of(&story));
    let approval = proposed(&gateway, &path, &payment).await;
    gateway.kill();
    gateway.restart_with(&["--operator", &format!("otto:{OTTO}")]);
    let admin = gateway.text("/admin_token");
    assert_eq!(approved_by(&gateway, &admin, &approval).await.status, 409, "still not his own");
    let approved = approved_by(&gateway, OTTO, &approval).await;
    assert_eq!(approved.body["state"], "approved", "{approved:?}");
    let number = story["order"]["merchant_order_no"].as_str().expect("a number");
    assert_eq!(gateway.story(number).await["order"]["state"], "paid");
    gateway.check_books();
}
