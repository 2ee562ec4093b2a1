//! The router, in process.

use super::gateway::{
    BASE, OPERATE_TOKEN, READ_TOKEN, TOKEN, TestGateway, admin, budgets, call, json, text,
};
use crate::health::{metrics_router, probes_router};
use crate::{Admin, AdminToken, ManualRule, Role};
use axum::Router;
use crypto::Secret;
use dialect::Dialect as _;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use story::samples::{self, Samples};

#[tokio::test]
async fn only_the_token_opens() {
    let router = TestGateway::new().await.router;
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
    let router = TestGateway::new().await.router;
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
    let engine = TestGateway::new().await.engine;
    let empty =
        AdminToken { name: "".into(), role: Role::Configure, token: Secret::new(String::new()) };
    let router =
        Admin::new(vec![empty], ManualRule::OnePerson, Arc::new(budgets(1000))).router(engine);
    for authorization in ["", "Bearer", "Bearer ", "Bearer x"] {
        let response = call(&router, "GET", "/admin/v1/tenants", authorization).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{authorization:?}");
    }
}

#[tokio::test]
async fn other_routers_keep_their_own_not_found() {
    let admin = TestGateway::new().await.router;
    let whole =
        Router::new().merge(admin).fallback(|| async { (StatusCode::NOT_FOUND, "elsewhere") });
    let response = call(&whole, "GET", "/nowhere", "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response).await, "elsewhere");
}

#[tokio::test]
async fn tenants_are_listed_by_id() {
    let (status, body) = TestGateway::new().await.get("/admin/v1/tenants").await;
    assert_eq!(status, 200);
    assert_eq!(body["tenants"][0]["id"], "100001");
    assert_eq!(body["tenants"][0]["name"], "一号主体");
    assert_eq!(body["tenants"][1]["id"], "100002");
}

#[tokio::test]
async fn orders_come_newest_first_in_pages() {
    let (samples, [paid, troubled, closed]) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let (status, page) = gateway.get(&format!("{BASE}/orders?limit=2")).await;
    assert_eq!(status, 200);
    assert_eq!(page["orders"][0]["id"], closed.to_string());
    assert_eq!(page["orders"][1]["id"], troubled.to_string());
    assert_eq!(page["next"], troubled.to_string());
    let (_, page) = gateway.get(&format!("{BASE}/orders?limit=2&before={troubled}")).await;
    assert_eq!(page["orders"][0]["id"], paid.to_string());
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["next"], Value::Null);
    let window = "from=2026-11-18T11:06:40Z&to=2026-11-18T19:06:41%2B08:00&state=paid";
    let (_, page) = gateway.get(&format!("{BASE}/orders?{window}")).await;
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_story_is_found_by_id_and_by_number() {
    let (samples, [_, _, closed]) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let (status, by_id) = gateway.get(&format!("{BASE}/orders/{closed}")).await;
    assert_eq!((status, &by_id["order"]["state"]), (200, &Value::from("closed")));
    let number = "A-003%2F%E4%B8%AD";
    let (status, by_number) = gateway.get(&format!("{BASE}/orders/by-number/{number}")).await;
    assert_eq!((status, by_number), (200, by_id));
}

#[tokio::test]
async fn accounts_and_their_postings_agree() {
    let (samples, _) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let (status, body) = gateway.get(&format!("{BASE}/accounts")).await;
    assert_eq!(status, 200);
    let accounts = body["accounts"].as_array().expect("accounts");
    let sum: i64 = accounts.iter().filter_map(|account| account["posted_fen"].as_i64()).sum();
    assert_eq!((accounts.len(), sum), (3, 0));
    let pending = accounts.iter().find(|account| account["kind"] == "merchant_pending");
    assert_eq!(pending.expect("an account")["available_fen"], 8_800);
    let path = format!("{BASE}/accounts/merchant_pending/CM1/postings");
    let (status, body) = gateway.get(&path).await;
    assert_eq!((status, &body["postings"][0]["amount_fen"]), (200, &Value::from(8_800)));
    let (_, page) = gateway.get(&format!("{BASE}/accounts/suspense/100001/postings?limit=1")).await;
    assert_eq!(page["next"], page["postings"][0]["id"]);
}

#[tokio::test]
async fn a_notification_is_listed_shown_and_replayed() {
    let mut samples = Samples::new();
    let order = samples.place(0, "A-001");
    samples.pay(1_000, order, 8_800);
    samples.attempt(1_100, kernel::Delivery::Acknowledged { status: 200 });
    let gateway = TestGateway::with(&samples).await;
    let (_, page) = gateway.get(&format!("{BASE}/notifications?state=delivered")).await;
    let row = &page["notifications"][0];
    let id = row["id"].as_str().expect("an id").to_owned();
    assert_eq!((&row["about"]["kind"], &row["about_no"]), (&"order".into(), &"A-001".into()));
    assert_eq!(row["about"]["id"], order.to_string());
    let (_, none) = gateway.get(&format!("{BASE}/notifications?state=due")).await;
    assert_eq!(none["notifications"], serde_json::json!([]));
    let path = format!("{BASE}/notifications/{id}");
    assert_eq!(gateway.get(&path).await.1["state"], "delivered");
    let (status, notification) = gateway.post(&format!("{path}/replay"), &Value::Null).await;
    assert_eq!((status, &notification["state"]), (202, &Value::from("due")));
    let (_, story) = gateway.get(&format!("{BASE}/orders/{order}")).await;
    let events = story["events"].as_array().expect("events");
    let replayed = events.iter().find(|event| event["change"] == "replayed").expect("an event");
    assert_eq!(replayed["caller"], "operator:admin");
    assert_eq!(replayed["subject"], serde_json::json!({ "kind": "notification", "id": id }));
    assert_eq!(replayed["sequence"], 3, "queued, attempted, replayed");
}

#[tokio::test]
async fn what_is_not_there_or_not_understood_is_refused_by_name() {
    let (samples, _) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
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
        (format!("{BASE}/accounts/merchant_pending/CM9/postings"), 404, "not_found", None),
        (format!("{BASE}/accounts/channel_funds/none/postings"), 404, "not_found", None),
        (format!("{BASE}/accounts/suspense/9/postings"), 404, "not_found", None),
        (format!("{BASE}/orders/by-number/none"), 404, "not_found", None),
        (format!("{BASE}/notifications/{absent}"), 404, "not_found", None),
        ("/admin/v1/tenants/9/orders".to_owned(), 404, "not_found", None),
        ("/admin/v1/none".to_owned(), 404, "not_found", None),
    ] {
        let (found, body) = gateway.get(&path).await;
        let error = &body["error"];
        assert_eq!((found, &error["code"]), (status, &Value::from(code)), "{path}: {body}");
        assert_eq!(error["field"].as_str(), field, "{path}");
    }
    for (path, status, code) in [
        (format!("{BASE}/notifications/{absent}/replay"), 404, "notification_not_found"),
        (format!("{BASE}/tasks/order/{absent}/resume"), 404, "not_found"),
        (format!("{BASE}/tasks/moon/{absent}/resume"), 400, "malformed"),
        (format!("{BASE}/tasks/order/1/resume"), 400, "malformed"),
        (format!("{BASE}/notifications/{absent}/replay?now=1"), 400, "malformed"),
        (format!("{BASE}/notifications/{absent}"), 405, "method_not_allowed"),
    ] {
        let (found, body) = gateway.post(&path, &Value::Null).await;
        assert_eq!((found, &body["error"]["code"]), (status, &Value::from(code)), "{path}");
    }
}

#[tokio::test]
async fn a_lost_database_is_unavailable_but_alive() {
    let (samples, _) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let render = Arc::new(|| "tongbao_up 1\n".to_owned());
    let guarded = admin(ManualRule::OnePerson, budgets(1000)).metrics_router(render.clone());
    assert_eq!(call(&guarded, "GET", "/metrics", "").await.status(), StatusCode::UNAUTHORIZED);
    let bearer = format!("Bearer {READ_TOKEN}");
    assert_eq!(call(&guarded, "GET", "/metrics", &bearer).await.status(), StatusCode::OK);
    let ops = probes_router(gateway.engine.clone()).merge(metrics_router(render));
    let ready = call(&ops, "GET", "/readyz", "").await;
    assert_eq!(ready.status(), StatusCode::OK);
    gateway.line.cut();
    let ready = call(&ops, "GET", "/readyz", "").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let alive = call(&ops, "GET", "/healthz", "").await;
    assert_eq!((alive.status(), text(alive).await.as_str()), (StatusCode::OK, "ok"));
    let metrics = call(&ops, "GET", "/metrics", "").await;
    assert_eq!(metrics.headers()["content-type"], "text/plain; version=0.0.4");
    assert_eq!(text(metrics).await, "tongbao_up 1\n");
    let path = format!("{BASE}/orders");
    let orders = call(&gateway.router, "GET", &path, &format!("Bearer {TOKEN}")).await;
    assert_eq!(orders.headers()["retry-after"], "1");
    let (status, body) = gateway.get(&path).await;
    assert_eq!((status, &body["error"]["code"]), (503, &Value::from("store")));
    assert!(!body.to_string().contains("line cut"));
}

#[tokio::test]
async fn what_needs_a_person_is_listed_with_its_story() {
    let mut samples = Samples::new();
    samples::paid(&mut samples);
    let troubled = samples::troubled(&mut samples);
    let gateway = TestGateway::with(&samples).await;
    let (status, list) = gateway.get(&format!("{BASE}/attention")).await;
    assert_eq!(status, 200);
    let rows = list["rows"].as_array().expect("rows");
    let kinds: Vec<_> = rows.iter().filter_map(|row| row["subject"]["kind"].as_str()).collect();
    assert_eq!(kinds, ["refund", "order"], "newest first; a paid order needs nobody: {list}");
    for row in rows {
        assert_eq!(row["root"], troubled.to_string());
        assert!(row["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{row}");
    }
    assert_eq!(rows[0]["reason"], "refund failed: NOT_ENOUGH: 余额不足");
    let (_, all) = gateway.get("/admin/v1/attention").await;
    assert_eq!(all, list, "one tenant has all of them");
    let (_, page) = gateway.get("/admin/v1/attention?limit=1").await;
    assert_eq!(page["rows"], json!([rows[0]]));
    let next = page["next"].as_str().expect("there is more");
    let (_, page) = gateway.get(&format!("/admin/v1/attention?limit=1&before={next}")).await;
    assert_eq!(page["rows"], json!([rows[1]]));
    let (_, page) = gateway.get("/admin/v1/attention?kind=contradiction&row=order").await;
    assert_eq!(page["rows"], json!([rows[1]]));
    let (status, refused) = gateway.get(&format!("{BASE}/attention?before=1")).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &Value::from("before")));
}

#[tokio::test]
async fn a_role_may_do_what_is_its_own_and_no_more() {
    let (samples, _) = samples::whole();
    let gateway = TestGateway::with(&samples).await;
    let (_, page) = gateway.get(&format!("{BASE}/notifications")).await;
    let notification = page["notifications"][0]["id"].as_str().expect("an id").to_owned();
    let replay = format!("{BASE}/notifications/{notification}/replay");
    let disable = format!("{BASE}/disable");
    for (method, path, lowest) in [
        ("GET", BASE.to_owned(), Role::Read),
        ("GET", format!("{BASE}/orders"), Role::Read),
        ("POST", replay, Role::Operate),
        ("POST", format!("{BASE}/tasks/order/227720462376960256/resume"), Role::Operate),
        ("POST", disable, Role::Configure),
        ("POST", format!("{BASE}/enable"), Role::Configure),
        ("PUT", BASE.to_owned(), Role::Configure),
        ("PUT", format!("{BASE}/merchants/CM1"), Role::Configure),
        ("PUT", format!("{BASE}/caller-keys/AKID"), Role::Configure),
        ("POST", format!("{BASE}/caller-keys/AKID/rotate"), Role::Configure),
        ("PUT", format!("{BASE}/channel-accounts/main"), Role::Configure),
        ("POST", format!("{BASE}/channel-accounts/main/disable"), Role::Configure),
    ] {
        for (token, role) in
            [(READ_TOKEN, Role::Read), (OPERATE_TOKEN, Role::Operate), (TOKEN, Role::Configure)]
        {
            let found = call(&gateway.router, method, &path, &format!("Bearer {token}")).await;
            let is_forbidden = found.status() == StatusCode::FORBIDDEN;
            assert_eq!(is_forbidden, role < lowest, "{method} {path} as {role}");
            if is_forbidden {
                let body = json(found).await;
                assert_eq!(body["error"]["code"], "forbidden", "{body}");
            }
        }
    }
}

#[tokio::test]
async fn an_operator_and_a_guesser_have_budgets() {
    let engine = TestGateway::new().await.engine;
    let router = admin(ManualRule::OnePerson, budgets(2)).router(engine);
    let ask = async |token: &str| {
        let bearer = format!("Bearer {token}");
        call(&router, "GET", "/admin/v1/tenants", &bearer).await
    };
    for status in [200, 200, 429] {
        assert_eq!(ask(READ_TOKEN).await.status().as_u16(), status);
    }
    assert_eq!(ask(OPERATE_TOKEN).await.status(), StatusCode::OK, "another has its own");
    for status in [401, 401, 429] {
        assert_eq!(ask("guess").await.status().as_u16(), status);
    }
    let refused = ask(OPERATE_TOKEN).await;
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(json(refused).await["error"]["code"], "too_many_requests");
}
