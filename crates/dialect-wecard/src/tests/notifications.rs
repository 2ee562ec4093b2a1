//! Notifications: what they say, that the receiver can verify them, what acknowledges them.

use super::{NOW, PLATFORM_PEM, SAMPLE, callers, order, paid, secret, signer, verifier};
use crate::Dialect as _;
use crate::sign::{Algorithm, Authorization, Signable, string_to_sign};
use crate::{Mode, Wecard};
use channel::{CodecContext, Request, Response};
use crypto::{hash, text};
use kernel::{Aggregate as _, Notification, NotificationKind, NotificationState, TenantId, View};
use ledger::Id;
use std::sync::Arc;

fn announcer() -> Arc<dyn engine::Announce> {
    Wecard::new(signer(&PLATFORM_PEM), Mode::Lenient, super::plenty())
        .announcer()
        .expect("this dialect notifies merchants")
}

fn notification(tenant: &str, url: &str) -> Notification {
    let order = order(SAMPLE, paid());
    Notification {
        tenant: TenantId::new(tenant),
        id: Id::parse("679735736991281999").expect("an id"),
        about: order.id().subject(),
        about_no: order.terms.request.merchant_order_no.clone(),
        root: order.root(),
        kind: NotificationKind::Pay,
        dialect: Arc::from(crate::NAME),
        url: url.to_owned(),
        made_at: NOW,
        version: 1,
        state: NotificationState::Due { next_attempt_at: NOW },
        attempts: 0,
        step: 0,
    }
}

fn announce(tenant: &str, url: &str) -> Option<Request> {
    let mut paid = order(SAMPLE, paid());
    Arc::make_mut(&mut paid.terms).tenant = TenantId::new(tenant);
    let mut view = View::default();
    view.orders.load(paid);
    announce_about(&view, tenant, url)
}

fn announce_about(about: &View, tenant: &str, url: &str) -> Option<Request> {
    let context = CodecContext { now: NOW.plus_seconds(15), nonce: "0".repeat(32) };
    let callers = callers().of(tenant);
    announcer().announce(&notification(tenant, url), about, &callers, &context)
}

/// The text that was signed, as the receiver builds it from the request alone.
fn signed_text<'r>(request: &'r Request, authorization: &Authorization<'_>) -> String {
    let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
    let body_hash = hash::sha256_hex(&request.body);
    let value = |name: &str| -> Option<&'r str> { request.header(name) };
    let signable = Signable { method: "POST", path, query, body_hash: "", headers: vec![] }
        .with_headers(authorization.names(), value)
        .expect("every signed header is there");
    let canonical = signable.canonical(authorization.signed_headers) + &body_hash;
    let timestamp = request.header("X-TC-Timestamp").expect("a timestamp");
    let scope = authorization.scope.map(|scope| scope.text);
    string_to_sign(authorization.algorithm, timestamp, scope, &canonical)
}

#[test]
fn a_notification_says_what_a_query_says() {
    let request = announce("123456", "https://business.com/pay/notify").expect("a notification");
    let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!(body["NotifyId"], "679735736991281999");
    assert_eq!(body["NotifyType"], "PAY");
    assert_eq!(body["NotifyTime"], "2024-10-23 19:36:04");
    assert_eq!(body["Ocode"], "123456");
    let paid = order(SAMPLE, paid());
    let result = crate::map::queried(&paid, &[], None, NOW).expect("a result");
    assert_eq!(body["Result"], serde_json::to_value(result).expect("JSON"));
    assert_eq!(body["Result"]["Attachment"], "原路返回string");
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| &**name).collect();
    let want = [
        "Authorization",
        "Content-Type",
        "Host",
        "X-TC-Action",
        "X-TC-Version",
        "X-TC-Timestamp",
        "X-TC-Region",
        "X-TC-Ocode",
    ];
    assert_eq!(names, want);
    assert_eq!(request.header("X-TC-Timestamp"), Some("1729683379"));
}

#[test]
fn a_tenant_with_rsa_keys_verifies_with_the_platforms_public_key() {
    let url = "https://business.com:8443/pay/通知?order=1&x=中#top";
    let request = announce("123456", url).expect("a notification");
    assert_eq!(request.url, "https://business.com:8443/pay/%E9%80%9A%E7%9F%A5?order=1&x=%E4%B8%AD");
    assert_eq!(request.header("Host"), Some("business.com:8443"));
    let header = request.header("Authorization").expect("a signature").to_owned();
    let authorization = Authorization::read(&header).expect("our own header");
    assert_eq!((authorization.algorithm, authorization.secret_id), (Algorithm::Rsa, "RSA1"));
    let text = signed_text(&request, &authorization);
    assert!(verifier(&PLATFORM_PEM).verify(text.as_bytes(), authorization.signature));
    let mut forged = request.clone();
    forged.body.push(b' ');
    let text = signed_text(&forged, &authorization);
    assert!(!verifier(&PLATFORM_PEM).verify(text.as_bytes(), authorization.signature));
}

#[test]
fn a_tenant_with_a_shared_secret_verifies_with_it() {
    let request = announce("654321", "http://127.0.0.1:9000").expect("a notification");
    assert_eq!(request.header("Host"), Some("127.0.0.1:9000"));
    let header = request.header("Authorization").expect("a signature").to_owned();
    let authorization = Authorization::read(&header).expect("our own header");
    assert_eq!((authorization.algorithm, authorization.secret_id), (Algorithm::Hmac, "AKID2"));
    let key = crate::keys::derive(&secret(), "2024-10-23", "wxpay");
    let mac = hash::hmac_sha256(&key, signed_text(&request, &authorization).as_bytes());
    assert_eq!(text::hex(&mac), authorization.signature);
}

#[test]
fn a_tenant_without_keys_is_not_notified() {
    assert_eq!(announce("000000", "https://business.com/"), None);
}

#[test]
fn only_orders_are_notified_about() {
    assert_eq!(announce_about(&View::default(), "123456", "https://business.com/"), None);
}

#[test]
fn some_answers_acknowledge() {
    let announcer = announcer();
    let says = |status, body: &str| {
        announcer.acknowledged(&Response { status, headers: vec![], body: body.into() })
    };
    for (status, body) in [
        (200, ""),
        (204, ""),
        (299, " \r\n"),
        (200, "SUCCESS"),
        (200, "SUCCESS\n"),
        (200, r#"{"ErrCode":"SUCCESS","ErrMessage":"ok"}"#),
        (200, r#"{"code": 0}"#),
    ] {
        assert!(says(status, body), "{status} {body}");
    }
    for (status, body) in [
        (302, ""),
        (404, "SUCCESS"),
        (500, r#"{"code":0}"#),
        (200, "success"),
        (200, "ok"),
        (200, "FAIL"),
        (200, r#""SUCCESS""#),
        (200, r#"{"ErrCode":"FAIL"}"#),
        (200, r#"{"code":"0"}"#),
        (200, r#"{"code":1}"#),
        (200, "<html>"),
    ] {
        assert!(!says(status, body), "{status} {body}");
    }
}
