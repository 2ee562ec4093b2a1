//! Whole calls, in process: bytes in, envelope out, over the memory store.

use super::declarations::sub_merchant;
use crate::auth::authen_code;
use crate::{Cpay, SubMerchants};
use axum::Router;
use axum::body::{Body, Bytes};
use crypto::MasterKeys;
use dialect::{Budgets, Dialect as _, NoRoom, Rate, Rates};
use engine::{Engine, Guard, HyperClient, Parts, Secrets, SystemClock};
use http_body_util::{BodyExt as _, Full, Limited};
use kernel::{Caller, Put, TenantCommand, TenantId};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use tower::ServiceExt as _;

const QUERY: &str = "/cpay/query_order";

struct Gateway {
    router: Router,
    engine: Arc<Engine>,
}

impl Gateway {
    /// A gateway of tenant 100001, whose callers may call this often at once.
    async fn open(burst: u32) -> Gateway {
        let burst = NonZeroU32::new(burst).expect("not zero");
        let rate = Rate { per_second: NonZeroU32::MIN, burst };
        let rates = Rates { caller_key: rate, tenant: rate, operator: rate, failure: rate };
        let sub_merchants = SubMerchants::new(vec![sub_merchant()]).expect("a good declaration");
        let cpay = Cpay::new(sub_merchants, Arc::new(Budgets::new(rates)));
        let announcer = cpay.announcer().expect("this dialect notifies merchants");
        let client = || Arc::new(HyperClient::new(Guard::PublicOnly, 1024).expect("TLS roots"));
        let engine = Engine::start(Parts {
            store: Arc::new(store::memory::Memory::new()),
            secrets: Secrets::new(MasterKeys::read(&MasterKeys::generate()).expect("a key")),
            public_url: "https://pay.example".to_owned(),
            channels: vec![&channel_none::NoChannel::Unpaid],
            announcers: HashMap::from([(crate::NAME, announcer)]),
            channel_client: client(),
            notification_client: client(),
            clock: Arc::new(SystemClock::new()),
            node: 1,
            working_days: Arc::default(),
            mode: engine::Mode::Serve,
        })
        .await
        .expect("an engine");
        let gateway = Gateway { router: cpay.router(engine.clone()), engine };
        gateway.put_tenant(true).await;
        gateway
    }

    async fn put_tenant(&self, is_enabled: bool) {
        let (tenant, name) = (TenantId::new("100001"), Arc::from("tenant"));
        let command = TenantCommand::Put { tenant, name, is_enabled, put: Put::Apply };
        let operator = Caller::Operator(Arc::from("test"));
        self.engine.handle(operator, command).await.expect("a tenant");
    }

    /// `response_content`, and whether it has a code.
    async fn send(&self, body: Body) -> (Value, bool) {
        let request = http::Request::post(QUERY).body(body).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("a router answers");
        assert_eq!(response.status(), 200);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let outer: Value = serde_json::from_slice(&body).expect("JSON");
        let text = outer["response_content"].as_str().expect("a text");
        (serde_json::from_str(text).expect("JSON"), !outer["authen_info"].is_null())
    }

    async fn query(&self) -> (Value, bool) {
        let declared = sub_merchant();
        let text = json!({
            "pay_mch_key": {
                "out_mch_id": declared.out_mch_id, "out_sub_mch_id": declared.out_sub_mch_id,
                "out_shop_id": "sz01Outlet",
            },
            "order_client": {"spbill_create_ip": "192.0.2.10"},
            "out_trade_no": "sz01nobody",
            "nonce_str": "0",
        })
        .to_string();
        let code = authen_code(declared.authen_key.expose(), &text);
        let proof = json!({"a": {"authen_type": 1, "authen_code": code}});
        let body = json!({"request_content": text, "authen_info": proof});
        self.send(Body::from(body.to_string())).await
    }
}

/// A body for which there is no room.
fn roomless() -> Body {
    Body::new(Limited::new(Full::new(Bytes::from_static(b"{}")), 1).map_err(|_| NoRoom))
}

fn numbers(content: &Value) -> (i64, i64) {
    let number = |name: &str| content[name].as_i64().expect("a number");
    (number("status"), number("internal_status"))
}

#[tokio::test]
async fn what_was_not_read_is_not_known_and_has_no_code() {
    let gateway = Gateway::open(100).await;
    let (content, is_authenticated) = gateway.send(roomless()).await;
    assert_eq!((numbers(&content), is_authenticated), ((3, 429), false), "{content}");
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_told_to_wait() {
    let gateway = Gateway::open(2).await;
    for want in [(104, 400), (104, 400), (103, 429)] {
        let (content, is_authenticated) = gateway.query().await;
        assert_eq!((numbers(&content), is_authenticated), (want, true), "{content}");
    }
}

#[tokio::test]
async fn a_disabled_tenant_is_not_known() {
    let gateway = Gateway::open(100).await;
    gateway.put_tenant(false).await;
    let (content, is_authenticated) = gateway.query().await;
    assert_eq!((numbers(&content), is_authenticated), ((101, 401), false), "{content}");
    assert_eq!(content["description"], crate::auth::FAILED);
}
