//! Whole calls, in process: bytes in, envelope out, over the memory store and the channel without an
//! outside.

use super::{PLATFORM_PEM, SAMPLE, secret, signer};
use crate::{Dialect as _, Mode, Signing, SigningKey, Wecard};
use axum::Router;
use axum::body::Body;
use crypto::MasterKeys;
use dialect::{Budgets, Peer, Rate, Rates};
use engine::{
    Clock, DeclaredCallerKey, DeclaredChannelAccount, DeclaredProof, Engine, Guard, HyperClient,
    Parts, Secrets,
};
use http::StatusCode;
use http_body_util::BodyExt as _;
use kernel::{
    Caller, CallerKeyCommand, Command, MerchantCommand, MerchantId, Put, TenantCommand, TenantId,
};
use ledger::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceExt as _;

const ORDER: &str = "/cloudpay/v1/pay/c2b/unified_order";
const QUERY: &str = "/cloudpay/v1/pay/query_order";
const CLOSE: &str = "/cloudpay/v1/pay/close_order";

/// A burst of calls at once, and hardly any later.
fn rate(burst: u32) -> Rate {
    let burst = NonZeroU32::new(burst).expect("not zero");
    Rate { per_second: NonZeroU32::MIN, burst }
}

/// A clock that moves by hand only.
struct HandClock {
    ms: watch::Sender<i64>,
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(*self.ms.borrow())
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.ms.subscribe()
    }
}

/// A gateway with tenant 123456, whose one merchant collects through the channel `none`.
struct Gateway {
    router: Router,
    engine: Arc<Engine>,
    clock: Arc<HandClock>,
}

impl Gateway {
    async fn open() -> Gateway {
        Gateway::with(super::plenty()).await
    }

    async fn with_rates(rates: Rates) -> Gateway {
        Gateway::with(Arc::new(Budgets::new(rates))).await
    }

    async fn with(budgets: Arc<Budgets>) -> Gateway {
        let clock = Arc::new(HandClock { ms: watch::Sender::new(super::NOW.ms()) });
        let client = || Arc::new(HyperClient::new(Guard::PublicOnly, 1024).expect("TLS roots"));
        let wecard = Wecard::new(signer(&PLATFORM_PEM), Mode::Strict, budgets);
        let announcer = wecard.announcer().expect("this dialect notifies merchants");
        let parts = Parts {
            store: Arc::new(store::memory::Memory::new()),
            secrets: Secrets::new(MasterKeys::read(&MasterKeys::generate()).expect("a key")),
            public_url: "https://pay.example".to_owned(),
            channels: vec![&channel_none::NoChannel::Unpaid],
            announcers: HashMap::from([(crate::NAME, announcer)]),
            channel_client: client(),
            notification_client: client(),
            clock: clock.clone(),
            node: 1,
            working_days: Arc::default(),
            mode: engine::Mode::Serve,
        };
        let engine = Engine::start(parts).await.expect("an engine");
        put_directory(&engine).await;
        Gateway { router: wecard.router(engine.clone()), engine, clock }
    }

    /// A signed call by SecretId: `ErrCode`, `ErrMessage`, `Result`.
    async fn call_as(&self, (ocode, id): (&str, &str), path: &str, body: &str) -> Answer {
        let secret = secret();
        let signing = Signing { secret_id: id, ocode, key: SigningKey::Hmac(&secret) };
        let url = format!("http://pay.example{path}");
        let signed = signing.post(&url, body.into(), self.engine.now()).expect("a good URL");
        let mut request = http::Request::post(path);
        for (name, value) in signed.request.headers {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(signed.request.body)).expect("a request")).await
    }

    async fn call(&self, path: &str, body: &Value) -> Answer {
        self.call_as(("123456", "AKID1"), path, &body.to_string()).await
    }

    async fn send(&self, request: http::Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("a router answers");
        let status = response.status();
        let retry_after = response.headers().get(http::header::RETRY_AFTER).cloned();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let envelope: Value = serde_json::from_slice(&body).expect("JSON");
        let answer = &envelope["Response"];
        let request_id = answer["RequestId"].as_str().expect("a request id");
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'A'..=b'F');
        assert!(request_id.len() == 32 && request_id.bytes().all(hex), "{request_id}");
        let text = |name: &str| answer[name].as_str().expect("text").to_owned();
        Answer {
            status,
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
            code: text("ErrCode"),
            message: text("ErrMessage"),
            result: answer["Result"].clone(),
        }
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<u64>,
    code: String,
    message: String,
    result: Value,
}

impl Answer {
    #[track_caller]
    fn is(&self, code: &str, message_part: &str) {
        assert_eq!(self.code, code, "{}", self.message);
        assert!(self.message.contains(message_part), "{}", self.message);
        assert_eq!(self.result.is_null(), code != "SUCCESS");
    }
}

/// Commits a change of the directory.
async fn put(engine: &Engine, command: impl Into<Command>) {
    let operator = Caller::Operator(Arc::from("test"));
    engine.handle(operator, command).await.expect("accepted");
}

fn tenant_row(tenant: &str, is_enabled: bool, put: Put) -> TenantCommand {
    TenantCommand::Put { tenant: TenantId::new(tenant), name: Arc::from("煎饼"), is_enabled, put }
}

fn merchant(is_enabled: bool, put: Put) -> MerchantCommand {
    MerchantCommand::Put {
        tenant: TenantId::new("123456"),
        merchant: MerchantId::new("CM6756531983210274560"),
        name: Arc::from("煎饼"),
        channel_accounts: vec![Arc::from("account")],
        sharing: kernel::MerchantSharing::default(),
        is_enabled,
        put,
    }
}

fn caller_key(
    engine: &Engine,
    tenant: &str,
    key_id: &str,
    is_enabled: bool,
    put: Put,
) -> CallerKeyCommand {
    let declared = DeclaredCallerKey {
        tenant: TenantId::new(tenant),
        key_id: Arc::from(key_id),
        proof: DeclaredProof::Hmac(secret()),
        is_enabled,
        put,
    };
    engine.put_caller_key(declared, None).expect("a good key")
}

/// Tenant 123456 with a merchant, tenant 654321 without; each has a key.
async fn put_directory(engine: &Engine) {
    for (tenant, key_id) in [("123456", "AKID1"), ("654321", "AKID2")] {
        put(engine, tenant_row(tenant, true, Put::Create)).await;
        put(engine, caller_key(engine, tenant, key_id, true, Put::Create)).await;
    }
    let declared = DeclaredChannelAccount {
        tenant: TenantId::new("123456"),
        name: Arc::from("account"),
        channel: Arc::from("none"),
        settings: channel::Settings::new(),
        is_enabled: true,
        put: Put::Create,
    };
    let account = engine.put_channel_account(declared, None).expect("a good account");
    put(engine, account).await;
    put(engine, merchant(true, Put::Create)).await;
    // They collect nothing by themselves.
    for partner in ["CM-B", "CM-C"] {
        let MerchantCommand::Put { tenant, name, sharing, is_enabled, put: how, .. } =
            merchant(true, Put::Create);
        let (merchant, channel_accounts) = (MerchantId::new(partner), vec![]);
        let partner = MerchantCommand::Put {
            tenant,
            merchant,
            name,
            channel_accounts,
            sharing,
            is_enabled,
            put: how,
        };
        put(engine, partner).await;
    }
}

/// The sample with its channel replaced, and with these changes.
fn sample(changes: Value) -> Value {
    let mut body: Value = serde_json::from_str(SAMPLE).expect("JSON");
    body["PayChannel"] = json!("NONE");
    for (name, value) in changes.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn an_order_is_placed_repeated_queried_and_closed() {
    let gateway = Gateway::open().await;
    let first = gateway.call(ORDER, &sample(json!({}))).await;
    first.is("SUCCESS", "成功");
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.result["OrderStatus"], "PAYING");
    assert_eq!(first.result["PayInfoType"], "QRCODE");
    assert_eq!(first.result["PayChannel"], "NONE");
    let again = gateway.call(ORDER, &sample(json!({"OrderSubject": "另一个标题"}))).await;
    assert_eq!(again.result, first.result);

    let id = first.result["ChannelOrderId"].clone();
    let queried = gateway.call(QUERY, &json!({"OutOrderId": "demo202211200001"})).await;
    assert_eq!(gateway.call(QUERY, &json!({"ChannelOrderId": id})).await.result, queried.result);
    assert_eq!(queried.result["PayInfo"], first.result["PayInfo"]);
    assert!(queried.result.get("Attachment").is_none());

    let close = json!({"OutOrderId": "demo202211200001", "ChannelOrderId": id});
    let closed = gateway.call(CLOSE, &close).await;
    assert_eq!(closed.result["OrderStatus"], "CLOSED", "{}", closed.message);
    assert_eq!(gateway.call(CLOSE, &close).await.result, closed.result);
    let late = gateway.call(ORDER, &sample(json!({}))).await;
    late.is("ORDER.ORDER_RECORD_ALREADY_EXIST", "");
    let late = gateway.call(ORDER, &sample(json!({"TotalAmount": 2}))).await;
    late.is("ORDER.INVALID_PARAMETER", "FundAllocateList");
}

#[tokio::test]
async fn a_repeat_that_differs_names_the_field() {
    let gateway = Gateway::open().await;
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");
    for (change, field) in [
        (json!({"TotalAmount": 1001}), "TotalAmount"),
        (json!({"PayType": "PC"}), "PayType"),
        (json!({"PayChannel": "UNIONPAY"}), "PayChannel"),
        (json!({"ChannelSubMerchantId": "CM-other"}), "ChannelSubMerchantId"),
    ] {
        let answer = gateway.call(ORDER, &sample(change)).await;
        answer.is("ORDER.INVALID_PARAMETER", field);
    }
}

#[tokio::test]
async fn an_order_past_its_time_is_settled_by_the_query() {
    let gateway = Gateway::open().await;
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");
    gateway.clock.ms.send_modify(|ms| *ms += 30 * 60 * 1000);
    let queried = gateway.call(QUERY, &json!({"OutOrderId": "demo202211200001"})).await;
    assert_eq!(queried.result["OrderStatus"], "PAY_FAIL", "{}", queried.message);
    assert_eq!(queried.result["FailReason"], "expired");
    let closed = gateway.call(CLOSE, &json!({"OutOrderId": "demo202211200001"})).await;
    assert_eq!(closed.result["OrderStatus"], "PAY_FAIL");
    let late = gateway.call(ORDER, &sample(json!({}))).await;
    late.is("ORDER.ORDER_RECORD_ALREADY_EXIST", "");
}

#[tokio::test]
async fn business_is_refused_in_the_apis_words() {
    let gateway = Gateway::open().await;
    for (change, code, part) in [
        (json!({"PayChannel": "CMBPAY"}), "NO_MERCHANT_SECRET", ""),
        (
            json!({"ChannelSubMerchantId": "CM-unknown"}),
            "ORDER.INVALID_PARAMETER",
            "ChannelSubMerchantId",
        ),
        (
            json!({"FundAllocateList": [{"ChannelSubMerchantId": "CM-X", "AllocateAmount": 1}]}),
            "ORDER.INVALID_PARAMETER",
            "FundAllocateList[0].ChannelSubMerchantId: unknown merchant",
        ),
        (json!({"ExpireTime": "2020-01-01 00:00:00"}), "ORDER.INVALID_PARAMETER", "ExpireTime"),
    ] {
        gateway.call(ORDER, &sample(change)).await.is(code, part);
    }
    for path in [QUERY, CLOSE] {
        let none = json!({"OutOrderId": "demo202211200001"});
        gateway.call(path, &none).await.is("ORDER.ORDER_NOT_EXIST", "");
        gateway.call(path, &json!({})).await.is("ORDER.INVALID_PARAMETER", "OutOrderId");
    }
}

#[tokio::test]
async fn what_is_disabled_is_refused_at_once() {
    let gateway = Gateway::open().await;
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");
    put(&gateway.engine, merchant(false, Put::Change)).await;
    let new = sample(json!({"OutOrderId": "demo202211200002"}));
    gateway.call(ORDER, &new).await.is("NO_MERCHANT_SECRET", "disabled");
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");

    let query = json!({"OutOrderId": "demo202211200001"});
    put(&gateway.engine, tenant_row("123456", false, Put::Change)).await;
    gateway.call(QUERY, &query).await.is("AuthFailure.SecretIdNotFound", "");
    put(&gateway.engine, tenant_row("123456", true, Put::Change)).await;
    gateway.call(QUERY, &query).await.is("SUCCESS", "");
    let disabled = caller_key(&gateway.engine, "123456", "AKID1", false, Put::Change);
    put(&gateway.engine, disabled).await;
    gateway.call(QUERY, &query).await.is("AuthFailure.SecretIdNotFound", "");
}

#[tokio::test]
async fn two_names_must_mean_one_order() {
    let gateway = Gateway::open().await;
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");
    let both = json!({"OutOrderId": "demo202211200001", "ChannelOrderId": "000000000000000001"});
    for path in [QUERY, CLOSE] {
        gateway.call(path, &both).await.is("ORDER.INVALID_PARAMETER", "ChannelOrderId");
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_orders_and_merchants_only() {
    let gateway = Gateway::open().await;
    gateway.call(ORDER, &sample(json!({}))).await.is("SUCCESS", "");
    let foreign = ("654321", "AKID2");
    let query = r#"{"OutOrderId":"demo202211200001"}"#;
    gateway.call_as(foreign, QUERY, query).await.is("ORDER.ORDER_NOT_EXIST", "");
    let order = sample(json!({})).to_string();
    let answer = gateway.call_as(foreign, ORDER, &order).await;
    answer.is("ORDER.INVALID_PARAMETER", "ChannelSubMerchantId");
    let borrowed = gateway.call_as(("123456", "AKID2"), QUERY, query).await;
    borrowed.is("AuthFailure.OcodeMismatch", "X-TC-Ocode");
}

#[tokio::test]
async fn checks_come_in_the_published_order() {
    let gateway = Gateway::open().await;
    let bare = |body: &str| http::Request::post(ORDER).body(Body::from(body.to_owned()));
    let big = format!("{{\"x\":\"{}\"}}", "x".repeat(256 * 1024));
    for (body, code, part) in [
        (&*big, "ORDER.INVALID_PARAMETER", "body: "),
        ("{", "ORDER.INVALID_PARAMETER", "body: "),
        (r#"{"a":1,"a":2}"#, "ORDER.INVALID_PARAMETER", "body: "),
        ("{}", "MissingParameter", "Authorization"),
    ] {
        let answer = gateway.send(bare(body).expect("a request")).await;
        answer.is(code, part);
        assert_eq!(answer.status, StatusCode::OK);
    }
    let fits = format!("{{\"x\":\"{}\"}}", "x".repeat(256 * 1024 - 8));
    assert_eq!(fits.len(), 256 * 1024);
    let answer = gateway.send(bare(&fits).expect("a request")).await;
    answer.is("MissingParameter", "Authorization");
    let unknown = gateway.call_as(("123456", "AKID9"), ORDER, "{}").await;
    unknown.is("AuthFailure.SecretIdNotFound", "");
    gateway.call(ORDER, &json!({})).await.is("ORDER.INVALID_PARAMETER", "ChannelSubMerchantId");
}

#[tokio::test]
async fn paths_and_methods_that_are_none_say_so() {
    let gateway = Gateway::open().await;
    for (method, path, status) in [
        ("GET", ORDER, StatusCode::METHOD_NOT_ALLOWED),
        ("PUT", QUERY, StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/cloudpay/v1/pay/nothing", StatusCode::NOT_FOUND),
        ("GET", "/cloudpay", StatusCode::NOT_FOUND),
        ("GET", "/cloudpay/", StatusCode::NOT_FOUND),
    ] {
        let request = http::Request::builder().method(method).uri(path).body(Body::empty());
        let answer = gateway.send(request.expect("a request")).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_told_when_to_come_back() {
    let rates = Rates { caller_key: rate(3), tenant: rate(9), operator: rate(1), failure: rate(9) };
    let gateway = Gateway::with_rates(rates).await;
    let query = json!({"OutOrderId": "nothing"});
    for _ in 0..3 {
        gateway.call(QUERY, &query).await.is("ORDER.ORDER_NOT_EXIST", "");
    }
    let refused = gateway.call(QUERY, &query).await;
    refused.is("RequestLimitExceeded", "retry after 1 s");
    assert_eq!((refused.status, refused.retry_after), (StatusCode::OK, Some(1)));
    // Before the fields are looked at, and after the signature.
    gateway.call(ORDER, &json!({})).await.is("RequestLimitExceeded", "");
    gateway.call_as(("123456", "AKID0"), QUERY, "{}").await.is("AuthFailure.SecretIdNotFound", "");
    let other = gateway.call_as(("654321", "AKID2"), QUERY, &query.to_string()).await;
    other.is("ORDER.ORDER_NOT_EXIST", "");
}

#[tokio::test]
async fn an_address_that_proves_nothing_learns_nothing_more() {
    let plenty = rate(100);
    let rates = Rates { caller_key: plenty, tenant: plenty, operator: plenty, failure: rate(2) };
    let gateway = Gateway::with_rates(rates).await;
    let guess = async |id: &str| gateway.call_as(("123456", id), QUERY, "{}").await;
    for _ in 0..2 {
        guess("AKID0").await.is("AuthFailure.SecretIdNotFound", "");
    }
    for id in ["AKID0", "AKID2"] {
        let refused = guess(id).await;
        refused.is("RequestLimitExceeded", "");
        assert_eq!(refused.retry_after, Some(1));
    }
    // A proof counts, regardless of what else comes from its address.
    guess("AKID1").await.is("ORDER.INVALID_PARAMETER", "OutOrderId");
    let mut elsewhere = http::Request::post(QUERY).body(Body::from("{}")).expect("a request");
    elsewhere.extensions_mut().insert(Peer("192.0.2.1".parse().expect("an address")));
    gateway.send(elsewhere).await.is("MissingParameter", "");
}
