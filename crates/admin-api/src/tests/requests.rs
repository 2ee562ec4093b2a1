//! The router, in process.

use super::fixture::{self, StoryFixture};
use super::test_engine;
use crate::Admin;
use crate::health::ops_router;
use axum::Router;
use axum::body::Body;
use crypto::Secret;
use dialect::Dialect as _;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;

const TOKEN: &str = "the-admin-token";
const BASE: &str = "/admin/v1/tenants/100001";

async fn call(router: &Router, method: &str, path: &str, authorization: &str) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !authorization.is_empty() {
        request = request.header("Authorization", authorization);
    }
    let request = request.body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("routers do not fail")
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).expect("JSON")
}

async fn get(router: &Router, path: &str) -> (u16, Value) {
    let response = call(router, "GET", path, &format!("Bearer {TOKEN}")).await;
    (response.status().as_u16(), json(response).await)
}

async fn post(router: &Router, path: &str) -> (u16, Value) {
    let response = call(router, "POST", path, &format!("Bearer {TOKEN}")).await;
    (response.status().as_u16(), json(response).await)
}

async fn router(fixture: &StoryFixture) -> Router {
    let (engine, _) = test_engine::start(fixture).await;
    Admin::new(Secret::new(TOKEN.to_owned())).router(engine)
}

#[tokio::test]
async fn only_the_token_opens() {
    let router = router(&StoryFixture::new()).await;
    for (authorization, status) in [
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer the-admin-toke", 401),
        ("Bearer the-admin-token2", 401),
        ("Bearer THE-ADMIN-TOKEN", 401),
        ("Basic the-admin-token", 401),
        ("the-admin-token", 401),
        ("Bearer the-admin-token", 200),
        ("bearer  the-admin-token", 200),
    ] {
        let response = call(&router, "GET", "/admin/v1/tenants", authorization).await;
        assert_eq!(response.status().as_u16(), status, "{authorization:?}");
        let challenge = response.headers().contains_key("www-authenticate");
        assert_eq!(challenge, status == 401);
        let body = text(response).await;
        assert_eq!(body.contains("一号主体"), status == 200);
        assert!(!body.contains(TOKEN));
    }
}

#[tokio::test]
async fn every_path_wants_the_token_but_the_document() {
    let router = router(&StoryFixture::new()).await;
    for path in [
        "/admin/v1",
        "/admin/v1/",
        "/admin/v1/no/such/path",
        "/admin/v1/tenants/100001/orders",
        "/admin/v1/tenants/100001/orders/228000000000000001",
        "/admin/v1/tenants/100001/orders/by-number/A-001",
        "/admin/v1/tenants/100001/accounts",
        "/admin/v1/tenants/100001/accounts/suspense/100001/postings",
        "/admin/v1/tenants/100001/notifications",
        "/admin/v1/tenants/100001/notifications/228000000000000001",
    ] {
        assert_eq!(
            call(&router, "GET", path, "").await.status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
    let replay = format!("{BASE}/notifications/228000000000000001/replay");
    assert_eq!(call(&router, "POST", &replay, "").await.status(), StatusCode::UNAUTHORIZED);
    let document = call(&router, "GET", "/admin/v1/openapi.json", "").await;
    assert_eq!(document.status(), StatusCode::OK);
    assert_eq!(document.headers()["content-type"], "application/json");
    assert_eq!(json(document).await["info"]["title"], "Tongbao admin API");
}

#[tokio::test]
async fn an_empty_token_admits_nobody() {
    let (engine, _) = test_engine::start(&StoryFixture::new()).await;
    let router = Admin::new(Secret::new(String::new())).router(engine);
    for authorization in ["", "Bearer", "Bearer ", "Bearer x"] {
        let response = call(&router, "GET", "/admin/v1/tenants", authorization).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
    }
}

#[tokio::test]
async fn other_routers_keep_their_own_not_found() {
    let admin = router(&StoryFixture::new()).await;
    let whole =
        Router::new().merge(admin).fallback(|| async { (StatusCode::NOT_FOUND, "elsewhere") });
    let response = call(&whole, "GET", "/nowhere", "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response).await, "elsewhere");
}

#[tokio::test]
async fn tenants_are_listed_by_id() {
    let (status, body) = get(&router(&StoryFixture::new()).await, "/admin/v1/tenants").await;
    assert_eq!(status, 200);
    assert_eq!(body["tenants"][0]["id"], "100001");
    assert_eq!(body["tenants"][1]["id"], "100002");
    let channel = &body["tenants"][0]["merchants"][0]["channels"][0];
    assert_eq!(channel["channel"], "wxpay");
    assert_eq!(channel["scenes"], serde_json::json!(["mini_program", "public"]));
}

#[tokio::test]
async fn orders_come_newest_first_in_pages() {
    let (fixture, [paid, troubled, closed]) = fixture::whole();
    let router = router(&fixture).await;
    let (status, page) = get(&router, &format!("{BASE}/orders?limit=2")).await;
    assert_eq!(status, 200);
    assert_eq!(page["orders"][0]["id"], closed.to_string());
    assert_eq!(page["orders"][1]["id"], troubled.to_string());
    assert_eq!(page["next"], troubled.to_string());
    let (_, page) = get(&router, &format!("{BASE}/orders?limit=2&before={troubled}")).await;
    assert_eq!(page["orders"][0]["id"], paid.to_string());
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["next"], Value::Null);
    let window = "from=2026-11-18T11:06:40Z&to=2026-11-18T19:06:41%2B08:00&state=paid";
    let (_, page) = get(&router, &format!("{BASE}/orders?{window}")).await;
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_story_is_found_by_id_and_by_number() {
    let (fixture, [_, _, closed]) = fixture::whole();
    let router = router(&fixture).await;
    let (status, by_id) = get(&router, &format!("{BASE}/orders/{closed}")).await;
    assert_eq!((status, &by_id["order"]["state"]), (200, &Value::from("closed")));
    let number = "A-003%2F%E4%B8%AD";
    let (status, by_number) = get(&router, &format!("{BASE}/orders/by-number/{number}")).await;
    assert_eq!((status, by_number), (200, by_id));
}

#[tokio::test]
async fn accounts_and_their_postings_agree() {
    let (fixture, _) = fixture::whole();
    let router = router(&fixture).await;
    let (status, body) = get(&router, &format!("{BASE}/accounts")).await;
    assert_eq!(status, 200);
    let accounts = body["accounts"].as_array().expect("accounts");
    let sum: i64 = accounts.iter().filter_map(|account| account["posted_fen"].as_i64()).sum();
    assert_eq!((accounts.len(), sum), (3, 0));
    let pending = accounts.iter().find(|account| account["kind"] == "merchant_pending");
    assert_eq!(pending.expect("an account")["available_fen"], 8_800);
    let path = format!("{BASE}/accounts/merchant_pending/CM1/postings");
    let (status, body) = get(&router, &path).await;
    assert_eq!((status, &body["postings"][0]["amount_fen"]), (200, &Value::from(8_800)));
    let (_, page) =
        get(&router, &format!("{BASE}/accounts/suspense/100001/postings?limit=1")).await;
    assert_eq!(page["next"], page["postings"][0]["id"]);
}

#[tokio::test]
async fn a_notification_is_listed_shown_and_replayed() {
    let mut fixture = StoryFixture::new();
    let order = fixture.place(0, "A-001");
    fixture.finding(1_000, order, None, fixture::payment(order, 8_800, 900));
    fixture.attempt(1_100, kernel::Delivery::Acknowledged { status: 200 });
    let router = router(&fixture).await;
    let (_, page) = get(&router, &format!("{BASE}/notifications?state=delivered")).await;
    let id = page["notifications"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(page["notifications"][0]["merchant_order_no"], "A-001");
    let (_, none) = get(&router, &format!("{BASE}/notifications?state=due")).await;
    assert_eq!(none["notifications"], serde_json::json!([]));
    let path = format!("{BASE}/notifications/{id}");
    assert_eq!(get(&router, &path).await.1["state"], "delivered");
    let (status, notification) = post(&router, &format!("{path}/replay")).await;
    assert_eq!((status, &notification["state"]), (202, &Value::from("due")));
    let (_, story) = get(&router, &format!("{BASE}/orders/{order}")).await;
    let events = story["events"].as_array().expect("events");
    let replayed = events.iter().find(|event| event["kind"] == "notification_replayed");
    assert_eq!(replayed.expect("an event")["caller"], "operator:admin");
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_refused_by_name() {
    let (fixture, _) = fixture::whole();
    let router = router(&fixture).await;
    let absent = "228000000000000001";
    for (path, status, code, field) in [
        (format!("{BASE}/orders?stat=paid"), 400, "malformed", Some("stat")),
        (format!("{BASE}/orders?limit=0"), 400, "malformed", Some("limit")),
        ("/admin/v1/tenants?x=1".to_owned(), 400, "malformed", Some("x")),
        (format!("{BASE}/accounts?x=1"), 400, "malformed", Some("x")),
        (format!("{BASE}/orders/1"), 400, "malformed", Some("order")),
        (format!("{BASE}/orders/%FF"), 400, "malformed", Some("path")),
        (format!("{BASE}/notifications/x"), 400, "malformed", Some("notification")),
        (format!("{BASE}/accounts/wallet/1/postings"), 400, "malformed", Some("kind")),
        (format!("{BASE}/orders/{absent}"), 404, "not_found", None),
        (format!("{BASE}/orders/by-number/none"), 404, "not_found", None),
        (format!("{BASE}/notifications/{absent}"), 404, "not_found", None),
        ("/admin/v1/tenants/9/orders".to_owned(), 404, "not_found", None),
        ("/admin/v1/none".to_owned(), 404, "not_found", None),
    ] {
        let (found, body) = get(&router, &path).await;
        let error = &body["error"];
        assert_eq!((found, &error["code"]), (status, &Value::from(code)), "{path}: {body}");
        assert_eq!(error["field"].as_str(), field, "{path}");
    }
    for (path, status, code) in [
        (format!("{BASE}/notifications/{absent}/replay"), 404, "notification_not_found"),
        (format!("{BASE}/notifications/{absent}/replay?now=1"), 400, "malformed"),
        (format!("{BASE}/notifications/{absent}"), 405, "method_not_allowed"),
    ] {
        let (found, body) = post(&router, &path).await;
        assert_eq!((found, &body["error"]["code"]), (status, &Value::from(code)), "{path}");
    }
}

#[tokio::test]
async fn a_lost_database_is_unavailable_but_alive() {
    let (fixture, _) = fixture::whole();
    let (engine, line) = test_engine::start(&fixture).await;
    let ops = ops_router(engine.clone(), Arc::new(|| "tongbao_up 1\n".to_owned()));
    let admin = Admin::new(Secret::new(TOKEN.to_owned())).router(engine);
    let ready = call(&ops, "GET", "/readyz", "").await;
    assert_eq!(ready.status(), StatusCode::OK);
    line.cut();
    let ready = call(&ops, "GET", "/readyz", "").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let alive = call(&ops, "GET", "/healthz", "").await;
    assert_eq!((alive.status(), text(alive).await.as_str()), (StatusCode::OK, "ok"));
    let metrics = call(&ops, "GET", "/metrics", "").await;
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4");
    assert_eq!(text(metrics).await, "tongbao_up 1\n");
    let orders = call(&admin, "GET", &format!("{BASE}/orders"), &format!("Bearer {TOKEN}")).await;
    assert_eq!(orders.headers()["retry-after"], "1");
    let (status, body) = get(&admin, &format!("{BASE}/orders")).await;
    assert_eq!((status, &body["error"]["code"]), (503, &Value::from("store")));
    assert!(!body.to_string().contains("line cut"));
}

#[tokio::test]
async fn what_needs_a_person_is_listed_with_its_order() {
    let mut fixture = StoryFixture::new();
    fixture::paid(&mut fixture);
    let troubled = fixture::troubled(&mut fixture);
    let router = router(&fixture).await;
    let (status, page) = get(&router, &format!("{BASE}/attention")).await;
    assert_eq!(status, 200);
    let events = page["events"].as_array().expect("events");
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(event["order"], troubled.to_string(), "a paid order needs nobody: {event}");
    }
    let kinds: Vec<_> = events.iter().filter_map(|event| event["kind"].as_str()).collect();
    assert!(kinds.contains(&"unapplied_received"), "{kinds:?}");
    let (_, first) = get(&router, &format!("{BASE}/attention?limit=1")).await;
    assert_eq!(first["events"][0], events[0], "newest first");
    assert_eq!(first["next"], events[0]["id"]);
}
