//! Tenants, merchants, callers' keys and channel accounts: what is taken, what is shown, what is
//! refused, and how many events it leaves.

use super::gateway::{BASE, TOKEN, TestGateway, call};
use crate::directory::body::read;
use kernel::{Caller, Row};
use serde_json::{Value, json};
use store::{DirectoryOf, DirectoryRows};

const SECRET: &str = "a-shared-secret-of-a-caller";
const API_KEY: &str = "the-channel's-api-key";

fn public_key() -> String {
    let pem = crypto::rsa::generate().expect("a new key");
    crypto::rsa::Signer::from_pem(&pem).expect("our own PEM").public_pem()
}

async fn rows(gateway: &TestGateway) -> Box<DirectoryRows> {
    gateway.engine.ask(DirectoryOf {}).await.expect("the store answers")
}

/// The words of what happened to the only row of tenant 100001 that `pick` finds.
async fn changes(gateway: &TestGateway, pick: impl Fn(&DirectoryRows) -> Row) -> Vec<&'static str> {
    let subject = pick(&*rows(gateway).await).subject();
    let events = gateway.events("100001", subject.value).await;
    for event in &events {
        assert_eq!(event.caller.text(), "operator:admin", "{event:?}");
    }
    events.iter().map(|event| event.change.name()).collect()
}

fn account(mchid: &str) -> Value {
    json!({ "channel": "test", "settings": { "mchid": mchid, "api_key": API_KEY } })
}

async fn with_account() -> TestGateway {
    let gateway = TestGateway::new().await;
    let (status, body) =
        gateway.put(&format!("{BASE}/channel-accounts/main"), &account("1900")).await;
    assert_eq!(status, 200, "{body}");
    gateway
}

#[tokio::test]
async fn a_tenant_is_created_changed_disabled_and_enabled() {
    let gateway = TestGateway::new().await;
    let path = "/admin/v1/tenants/100003";
    assert_eq!(gateway.get(path).await.0, 404);
    let wanted = json!({ "name": "三号主体" });
    let (status, made) = gateway.put(path, &wanted).await;
    assert_eq!((status, &made["name"], &made["enabled"]), (200, &json!("三号主体"), &json!(true)));
    assert_eq!(gateway.put(path, &wanted).await, (200, made.clone()), "again");
    assert_eq!(gateway.create(path, &wanted).await, (200, made.clone()), "the same content");
    let (status, refused) = gateway.create(path, &json!({ "name": "四号主体" })).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("exists")));
    let (_, disabled) = gateway.post(&format!("{path}/disable"), &Value::Null).await;
    assert_eq!(disabled["enabled"], false);
    let (_, renamed) = gateway.put(path, &json!({ "name": "四号主体" })).await;
    assert_eq!(renamed["enabled"], false, "what is not mentioned stays disabled");
    let (status, refused) = gateway.create(path, &json!({ "name": "四号主体" })).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("exists")), "it is disabled");
    let (_, enabled) = gateway.post(&format!("{path}/enable"), &Value::Null).await;
    assert_eq!((&enabled["enabled"], &enabled["name"]), (&json!(true), &json!("四号主体")));
    assert_eq!(gateway.get(path).await.1, enabled);
    let id = rows(&gateway).await.tenants.iter().map(|row| row.id).max().expect("a tenant");
    let events = gateway.events("100003", id.value()).await;
    let names: Vec<_> = events.iter().map(|event| event.change.name()).collect();
    assert_eq!(names, ["created", "changed", "changed", "changed"]);
    assert!(events.iter().all(|event| matches!(event.caller, Caller::Operator(_))));
}

#[tokio::test]
async fn a_merchant_collects_through_accounts_that_exist() {
    let gateway = with_account().await;
    let path = format!("{BASE}/merchants/CM1");
    let wanted = json!({ "name": "咖啡店", "channel_accounts": ["main"] });
    let (status, body) =
        gateway.put(&path, &json!({ "name": "咖啡店", "channel_accounts": ["none"] })).await;
    assert_eq!((status, &body["error"]["field"]), (409, &json!("channel_accounts")));
    let (status, made) = gateway.put(&path, &wanted).await;
    let want = json!({
        "id": "CM1", "name": "咖啡店", "channel_accounts": ["main"], "enabled": true,
        "profit_sharing": false
    });
    assert_eq!((status, &made), (200, &want));
    assert_eq!(gateway.put(&path, &wanted).await.1, want);
    assert_eq!(gateway.get(&path).await.1, want);
    assert_eq!(gateway.get(&format!("{BASE}/merchants")).await.1, json!({ "merchants": [want] }));
    let directory = gateway.engine.directory();
    let tenant = kernel::TenantId::new("100001");
    let routes = directory.merchant(&tenant, &kernel::MerchantId::new("CM1")).expect("known");
    assert_eq!(routes.routes.len(), 1, "it can collect at once");
    let (status, body) = gateway.post(&format!("{path}/disable"), &Value::Null).await;
    assert_eq!((status, &body["enabled"]), (200, &json!(false)));
    let (_, body) = gateway.put(&path, &json!({ "name": "店", "channel_accounts": [] })).await;
    assert_eq!(body["enabled"], false);
    let (_, body) = gateway.post(&format!("{path}/enable"), &Value::Null).await;
    assert_eq!((&body["enabled"], &body["name"]), (&json!(true), &json!("店")));
    let pick = |rows: &DirectoryRows| rows.merchants[0].clone().into();
    assert_eq!(changes(&gateway, pick).await, ["created", "changed", "changed", "changed"]);
}

#[tokio::test]
async fn a_shared_secret_goes_in_and_never_comes_out() {
    let gateway = TestGateway::new().await;
    let path = format!("{BASE}/caller-keys/AKID1");
    let wanted = json!({ "proof": { "hmac": { "secret": SECRET } } });
    let (status, made) = gateway.put(&path, &wanted).await;
    assert_eq!(status, 200, "{made}");
    let secret = &made["proof"]["hmac"]["secret"];
    let current = gateway.engine.secrets().current_key_id();
    assert_eq!(secret, &json!({ "sealed": true, "key_id": current }));
    assert_eq!(gateway.put(&path, &wanted).await.1, made, "the same secret changes nothing");
    let (status, kept) = gateway.put(&path, &json!({ "enabled": false })).await;
    assert_eq!((status, &kept["enabled"], &kept["proof"]), (200, &json!(false), &made["proof"]));
    let (_, kept) = gateway.put(&path, &wanted).await;
    assert_eq!(kept["enabled"], false, "a secret that is put again does not enable the key");
    assert!(gateway.engine.caller("AKID1").is_none(), "a disabled key proves nobody");
    gateway.post(&format!("{path}/enable"), &Value::Null).await;
    assert!(gateway.engine.caller("AKID1").is_some());
    let other = json!({ "proof": { "hmac": { "secret": "another-shared-secret" } } });
    assert_eq!(gateway.create(&path, &other).await.0, 409);
    assert_eq!(gateway.put(&path, &other).await.0, 200);
    let pick = |rows: &DirectoryRows| rows.caller_keys[0].clone().into();
    let names = changes(&gateway, pick).await;
    assert_eq!(names, ["created", "changed", "changed", "changed"]);
    for path in [&path, &format!("{BASE}/caller-keys"), BASE, "/admin/v1/tenants"] {
        let body = gateway.get(path).await.1.to_string();
        assert!(body.contains("AKID1") && !body.contains("secret-"), "{path}: {body}");
        assert!(!body.contains(SECRET), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_key_is_rotated_to_one_of_its_kind() {
    let gateway = TestGateway::new().await;
    let hmac = json!({ "proof": { "hmac": { "secret": SECRET } } });
    gateway.put(&format!("{BASE}/caller-keys/AKID1"), &hmac).await;
    let rotate = format!("{BASE}/caller-keys/AKID1/rotate");
    let (status, made) = gateway.post(&rotate, &json!({ "key_id": "AKID2" })).await;
    assert_eq!((status, &made["key_id"], &made["enabled"]), (201, &json!("AKID2"), &json!(true)));
    let secret = made["secret"].as_str().expect("a generated secret").to_owned();
    assert_eq!(secret.len(), 64);
    for id in ["AKID1", "AKID2"] {
        assert!(gateway.engine.caller(id).is_some(), "{id} is active");
    }
    let shown = gateway.get("/admin/v1/tenants").await.1.to_string();
    assert!(shown.contains("AKID2") && !shown.contains(&secret), "shown once");
    let again = json!({ "proof": { "hmac": { "secret": secret } } });
    gateway.put(&format!("{BASE}/caller-keys/AKID2"), &again).await;
    let pick = |rows: &DirectoryRows| rows.caller_keys[1].clone().into();
    assert_eq!(changes(&gateway, pick).await, ["created"], "it is the secret that was returned");
    for (body, status, field) in [
        (json!({ "key_id": "AKID2" }), 409, json!("caller_key")),
        (json!({ "key_id": "a b" }), 400, json!("key_id")),
        (json!({}), 400, json!("key_id")),
        (json!({ "key_id": "AKID3", "public_key_pem": "x" }), 400, json!("public_key_pem")),
    ] {
        let (found, refused) = gateway.post(&rotate, &body).await;
        assert_eq!((found, &refused["error"]["field"]), (status, &field), "{body}: {refused}");
    }
    let none = format!("{BASE}/caller-keys/none/rotate");
    assert_eq!(gateway.post(&none, &json!({ "key_id": "AKID3" })).await.0, 404);
}

#[tokio::test]
async fn a_public_key_is_rotated_to_the_one_that_is_given() {
    let gateway = TestGateway::new().await;
    let pem = public_key();
    let wanted = json!({ "proof": { "rsa": { "public_key_pem": pem } } });
    let (status, made) = gateway.put(&format!("{BASE}/caller-keys/RSA1"), &wanted).await;
    assert_eq!((status, &made["proof"]), (200, &wanted["proof"]), "it is public");
    let rotate = format!("{BASE}/caller-keys/RSA1/rotate");
    let (status, refused) = gateway.post(&rotate, &json!({ "key_id": "RSA2" })).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("public_key_pem")));
    let body = json!({ "key_id": "RSA2", "public_key_pem": "-----BEGIN nothing" });
    let (status, refused) = gateway.post(&rotate, &body).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("public_key_pem")));
    let body = json!({ "key_id": "RSA2", "public_key_pem": public_key() });
    let (status, made) = gateway.post(&rotate, &body).await;
    assert_eq!((status, &made["secret"]), (201, &Value::Null), "no secret is generated: {made}");
    assert!(gateway.engine.caller("RSA1").is_some() && gateway.engine.caller("RSA2").is_some());
}

#[tokio::test]
async fn a_generated_secret_is_not_to_be_cached() {
    let gateway = TestGateway::new().await;
    let hmac = json!({ "proof": { "hmac": { "secret": SECRET } } });
    gateway.put(&format!("{BASE}/caller-keys/AKID1"), &hmac).await;
    let request = http::Request::builder()
        .method("POST")
        .uri(format!("{BASE}/caller-keys/AKID1/rotate"))
        .header("Authorization", format!("Bearer {TOKEN}"))
        .body(axum::body::Body::from(r#"{"key_id":"AKID2"}"#))
        .expect("a request");
    let answer = tower::ServiceExt::oneshot(gateway.router.clone(), request).await;
    assert_eq!(answer.expect("routers do not fail").headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn an_accounts_secrets_are_sealed_and_kept() {
    let gateway = with_account().await;
    let path = format!("{BASE}/channel-accounts/main");
    let (status, made) = gateway.get(&path).await;
    let current = gateway.engine.secrets().current_key_id();
    assert_eq!((status, &made["settings"]["mchid"]), (200, &json!("1900")));
    assert_eq!(made["settings"]["api_key"], json!({ "sealed": true, "key_id": current }));
    assert_eq!(gateway.put(&path, &account("1900")).await.1, made, "the same changes nothing");
    let without = json!({ "channel": "test", "settings": { "mchid": "1900" } });
    assert_eq!(gateway.put(&path, &without).await.1, made, "an omitted secret stays");
    let noted = json!({ "channel": "test", "settings": { "mchid": "1901", "note": "x" } });
    let (_, changed) = gateway.put(&path, &noted).await;
    assert_eq!(
        (&changed["settings"]["note"], &changed["settings"]["mchid"]),
        (&json!("x"), &json!("1901"))
    );
    let (_, changed) = gateway.put(&path, &account("1901")).await;
    assert_eq!(changed["settings"]["note"], Value::Null, "an omitted open setting goes");
    assert_eq!(gateway.create(&path, &account("1902")).await.0, 409);
    let (_, disabled) = gateway.post(&format!("{path}/disable"), &Value::Null).await;
    assert_eq!(
        (&disabled["enabled"], &disabled["settings"]),
        (&json!(false), &changed["settings"])
    );
    gateway.post(&format!("{path}/enable"), &Value::Null).await;
    let pick = |rows: &DirectoryRows| rows.channel_accounts[0].clone().into();
    let names = changes(&gateway, pick).await;
    assert_eq!(names, ["created", "changed", "changed", "changed", "changed"]);
    let (_, list) = gateway.get(&format!("{BASE}/channel-accounts")).await;
    assert_eq!(list["channel_accounts"][0]["name"], "main");
    for path in [path.as_str(), BASE, "/admin/v1/tenants"] {
        let body = gateway.get(path).await.1.to_string();
        assert!(!body.contains(API_KEY), "{path}: {body}");
    }
}

#[tokio::test]
async fn bad_settings_are_refused_by_name() {
    let gateway = with_account().await;
    let other = json!({ "channel": "test", "settings": { "mchid": "1" } });
    for (name, body, status, field) in [
        ("new", other.clone(), 400, "settings.api_key"),
        (
            "new",
            json!({ "channel": "test", "settings": { "apikey": API_KEY } }),
            400,
            "settings.apikey",
        ),
        (
            "new",
            json!({ "channel": "none", "settings": { "api_key": API_KEY } }),
            400,
            "settings.api_key",
        ),
        ("new", json!({ "channel": "nowhere", "settings": {} }), 400, "channel"),
        ("new", json!({ "channel": "test", "settings": { "mchid": 1 } }), 400, "settings.mchid"),
        ("new", json!({ "channel": "test" }), 400, "settings"),
        ("a.b", account("1"), 400, "name"),
        ("main", json!({ "channel": "none", "settings": {} }), 409, "channel_account"),
    ] {
        let (found, refused) = gateway.put(&format!("{BASE}/channel-accounts/{name}"), &body).await;
        let error = &refused["error"];
        assert_eq!((found, error["field"].as_str()), (status, Some(field)), "{body}: {refused}");
        assert!(!refused.to_string().contains(API_KEY), "{refused}");
    }
    let names = rows(&gateway).await;
    assert_eq!(names.channel_accounts.len(), 1, "a refused account leaves no trace");
}

#[tokio::test]
async fn ids_that_callers_and_channels_name_alone_belong_to_one_tenant() {
    let gateway = with_account().await;
    let hmac = json!({ "proof": { "hmac": { "secret": SECRET } } });
    gateway.put(&format!("{BASE}/caller-keys/AKID1"), &hmac).await;
    let other = "/admin/v1/tenants/100002";
    for (path, body) in [
        (format!("{other}/caller-keys/AKID1"), hmac),
        (format!("{other}/channel-accounts/main"), account("1900")),
    ] {
        let (status, refused) = gateway.put(&path, &body).await;
        assert_eq!((status, &refused["error"]["code"]), (409, &json!("taken")), "{path}");
        assert_eq!(gateway.get(&path).await.0, 404, "nobody sees another tenant's row");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_bad_bodies_name_the_member() {
    let gateway = TestGateway::new().await;
    for (method, path) in [
        ("GET", "/admin/v1/tenants/9".to_owned()),
        ("POST", "/admin/v1/tenants/9/disable".to_owned()),
        ("GET", "/admin/v1/tenants/9/merchants".to_owned()),
        ("GET", format!("{BASE}/merchants/none")),
        ("POST", format!("{BASE}/merchants/none/enable")),
        ("GET", format!("{BASE}/caller-keys/none")),
        ("POST", format!("{BASE}/caller-keys/none/disable")),
        ("GET", format!("{BASE}/channel-accounts/none")),
        ("POST", format!("{BASE}/channel-accounts/none/disable")),
    ] {
        let (status, body) = gateway.request(method, &path, &[], "").await;
        assert_eq!((status, &body["error"]["code"]), (404, &json!("not_found")), "{path}: {body}");
    }
    let key = format!("{BASE}/caller-keys/AKID1");
    let merchant = format!("{BASE}/merchants/CM1");
    for (path, body, field) in [
        (BASE, r#"{"name": 5}"#, "name"),
        (BASE, r#"{"name": ""}"#, "name"),
        (BASE, r#"{"name": "a\nb"}"#, "name"),
        (BASE, r#"{"colour": "x"}"#, "colour"),
        (BASE, r#"{"name": "x", "name": "y"}"#, "name"),
        (BASE, r#"{"name": "x", "enabled": "yes"}"#, "enabled"),
        (BASE, "", "body"),
        (BASE, "[", "body"),
        (BASE, "7", "body"),
        (BASE, r#"{"name": "x"} {}"#, "body"),
        ("/admin/v1/tenants/a%20b", r#"{"name": "x"}"#, "tenant"),
        (&merchant, r#"{"name": "x"}"#, "channel_accounts"),
        (&merchant, r#"{"name": "x", "channel_accounts": "main"}"#, "channel_accounts"),
        (&merchant, r#"{"name": "x", "channel_accounts": ["a", 1]}"#, "channel_accounts[1]"),
        (&key, "{}", "proof"),
        (&key, r#"{"proof": {"hmac": {"secret": "short"}}}"#, "proof.hmac.secret"),
        (&key, r#"{"proof": {"hmac": {"secret": 12345678901234567}}}"#, "proof.hmac.secret"),
        (&key, r#"{"proof": {"hmac": {}}}"#, "proof.hmac.secret"),
        (
            &key,
            r#"{"proof": {"hmac": {"secret": "a shared\nsecret of two lines"}}}"#,
            "proof.hmac.secret",
        ),
        (
            &key,
            r#"{"proof": {"hmac": {"secret": " a secret behind a space"}}}"#,
            "proof.hmac.secret",
        ),
        (
            &key,
            r#"{"proof": {"hmac": {"secret": "\ufeffa secret behind a mark"}}}"#,
            "proof.hmac.secret",
        ),
        (
            &key,
            r#"{"proof": {"hmac": {"secret": "密钥密钥密钥密钥密钥密钥"}}}"#,
            "proof.hmac.secret",
        ),
        (&key, r#"{"proof": {"rsa": {"public_key_pem": "x"}}}"#, "proof.rsa.public_key_pem"),
    ] {
        let (status, refused) = gateway.request("PUT", path, &[], body).await;
        let error = &refused["error"];
        assert_eq!((status, error["field"].as_str()), (400, Some(field)), "{body}: {refused}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.starts_with(field), "{message}");
        assert!(!message.contains("1234567890"), "{message}");
    }
    let tag = [("If-None-Match", "\"1\"")];
    let (status, refused) = gateway.request("PUT", BASE, &tag, r#"{"name": "x"}"#).await;
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("If-None-Match")));
    assert!(rows(&gateway).await.caller_keys.is_empty());
}

#[tokio::test]
async fn nothing_of_the_directory_opens_without_the_token() {
    let gateway = TestGateway::new().await;
    for (method, path) in [
        ("PUT", BASE.to_owned()),
        ("POST", format!("{BASE}/disable")),
        ("PUT", format!("{BASE}/merchants/CM1")),
        ("PUT", format!("{BASE}/caller-keys/AKID1")),
        ("POST", format!("{BASE}/caller-keys/AKID1/rotate")),
        ("PUT", format!("{BASE}/channel-accounts/main")),
        ("GET", format!("{BASE}/channel-accounts")),
    ] {
        let answer = call(&gateway.router, method, &path, "").await;
        assert_eq!(answer.status().as_u16(), 401, "{method} {path}");
    }
}

#[test]
fn a_refused_body_is_never_quoted() {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[serde(rename = "secret")]
        _secret: Vec<bool>,
    }
    for body in [
        r#"{"secret": "hush"}"#,
        r#"{"secret": "x, expected hush at line 1"}"#,
        r#"{"secret": ["hush"]}"#,
        r#"{"secret": {"hush": 1}}"#,
        r#""hush""#,
        r#"{"secret": hush}"#,
    ] {
        let refused = read::<Body>(body.as_bytes()).map(drop).expect_err(body);
        assert!(!format!("{refused:?}").contains("hush"), "{body}: {refused:?}");
    }
}
