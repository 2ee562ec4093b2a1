//! What the tests share: keys, a clock, requests, orders.

mod calls;
mod fields;
mod notifications;
mod orders;
mod refunds;
mod signing;
mod vectors;

use crate::auth::Caller;
use crate::envelope::Received;
use crate::keys::Callers;
use crate::{Signing, SigningKey};
use channel::PayForm;
use crypto::Secret;
use crypto::rsa::{Signer, Verifier};
use dialect::{Budgets, Rate, Rates};
use engine::{RegisteredCaller, RegisteredProof};
use kernel::{KnownPayInfo, Order, OrderState, Paid, TenantId};
use ledger::{Fen, Id, Timestamp, kinds};
use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};

/// 2024-10-23 11:36:04 UTC.
const NOW: Timestamp = Timestamp::from_seconds(1_729_683_364);
const SAMPLE: &str = include_str!("../golden/seed_unified_order.json");
const QUERY_URL: &str = "https://p.wecard.tencent.com/cloudpay/v1/pay/query_order";
const QUERY: &str = r#"{"OutOrderId":"demo202211200001"}"#;

/// RSA keys take a moment to make: one pair for the merchant, one for the platform.
static MERCHANT_PEM: LazyLock<String> = LazyLock::new(new_key);
static PLATFORM_PEM: LazyLock<String> = LazyLock::new(new_key);

fn new_key() -> String {
    crypto::rsa::generate().expect("a new key")
}

fn signer(pem: &str) -> Signer {
    Signer::from_pem(pem).expect("our own PEM")
}

fn verifier(pem: &str) -> Verifier {
    Verifier::from_public_pem(&signer(pem).public_pem()).expect("our own PEM")
}

fn secret() -> Secret {
    Secret::new("test-secret-key-of-the-callers".to_owned())
}

/// The callers of a directory, in the order in which their keys were created.
#[derive(Clone)]
struct KnownCallers(Vec<Arc<RegisteredCaller>>);

impl Callers for KnownCallers {
    fn caller(&self, secret_id: &str) -> Option<Arc<RegisteredCaller>> {
        self.0.iter().find(|caller| &*caller.key_id == secret_id).cloned()
    }
}

impl KnownCallers {
    fn of(&self, tenant: &str) -> Vec<Arc<RegisteredCaller>> {
        self.0.iter().filter(|caller| caller.tenant.as_str() == tenant).cloned().collect()
    }
}

/// Tenant 123456 has a shared secret and an RSA key, tenant 654321 a shared secret.
fn callers() -> KnownCallers {
    let caller = |tenant: &str, key_id: &str, proof| {
        let (tenant, key_id) = (TenantId::new(tenant), Arc::from(key_id));
        Arc::new(RegisteredCaller { tenant, key_id, proof })
    };
    KnownCallers(vec![
        caller("123456", "AKID1", RegisteredProof::Hmac(secret())),
        caller("123456", "RSA1", RegisteredProof::Rsa(verifier(&MERCHANT_PEM))),
        caller("654321", "AKID2", RegisteredProof::Hmac(secret())),
    ])
}

/// Buckets that hold as many calls as any test makes.
fn plenty() -> Arc<Budgets> {
    let rate = Rate { per_second: NonZeroU32::MIN, burst: NonZeroU32::MAX };
    let rates = Rates { caller_key: rate, tenant: rate, operator: rate, failure: rate };
    Arc::new(Budgets::new(rates))
}

fn caller() -> Caller {
    Caller { tenant: TenantId::new("123456"), secret_id: Arc::from("AKID1") }
}

/// A request to a URL, signed with the shared secret.
fn signed(url: &str, body: &str) -> channel::Request {
    let secret = secret();
    let signing = Signing { secret_id: "AKID1", ocode: "123456", key: SigningKey::Hmac(&secret) };
    signing.post(url, body.as_bytes().to_vec(), NOW).expect("a good key and URL").request
}

/// The same request as it arrives.
fn received(request: &channel::Request) -> Received {
    let mut arriving = http::Request::builder().method(request.method.name()).uri(request.target());
    for (name, value) in &request.headers {
        arriving = arriving.header(name, value);
    }
    let (head, ()) = arriving.body(()).expect("a request").into_parts();
    Received::new(head, request.body.clone().into())
}

/// The order that a request body becomes, in a state.
fn order(body: &str, state: OrderState) -> Order {
    let body = crate::json::read_object(body.as_bytes()).expect("JSON");
    let request = crate::wire::UnifiedOrder::read(&body).expect("a good request");
    let place = crate::map::place(&caller(), &request).expect("a command");
    let id: Id<kinds::Order> = Id::parse("679735736991281152").expect("an id");
    let is_final = state.is_final();
    Order {
        terms: Arc::new(kernel::Terms {
            tenant: place.tenant,
            id,
            channel_order_no: kernel::channel_no("A1B2C3", id.subject()),
            request: place.request,
            channel: Arc::from(place.channel),
            channel_account: Arc::from("account"),
            channel_identity: Arc::from("1900000001"),
            callback_url: Arc::from("https://pay.example/channel/account/callback"),
            placed_at: NOW,
            expires_at: NOW.plus_seconds(1800),
            debit: None,
        }),
        version: 1,
        state,
        is_confirmed: true,
        in_flight: None,
        cancel: None,
        sharing: kernel::OrderSharing::default(),
        funds: kernel::OrderFunds::default(),
        polls: 0,
        next_poll_at: (!is_final).then_some(NOW.plus_seconds(60)),
        unapplied: vec![],
        contested: None,
        note: None,
        attention: None,
    }
}

fn paying(form: PayForm, text: &str) -> OrderState {
    let valid_until = NOW.plus_seconds(7200);
    OrderState::Paying(KnownPayInfo { form, text: Some(text.to_owned()), valid_until })
}

fn paid() -> OrderState {
    OrderState::Paid(Paid {
        at: NOW.plus_seconds(60),
        payment_reference: "4200001234202410230000000001".to_owned(),
        amount: Fen::new(1000),
        settled_amount: Fen::new(1000),
        payer_amount: Fen::new(990),
    })
}
