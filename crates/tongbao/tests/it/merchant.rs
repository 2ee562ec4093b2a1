//! A merchant's server: receives notifications, answers as told, and verifies the platform's signature by
//! itself.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use crypto::{hash, rsa::Verifier};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How the server answers a notification.
#[derive(Clone, Debug)]
pub(crate) enum MerchantReply {
    /// Acknowledges with the text `SUCCESS`.
    Acknowledge,
    /// Answers this status and body.
    Answer(u16, String),
    /// Redirects to this URL.
    Redirect(String),
    /// Never answers.
    Hang,
}

/// A notification as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// A merchant's server on a free port.
pub(crate) struct Merchant {
    /// Its URL for notifications.
    pub(crate) notify_url: String,
    replies: Arc<Mutex<VecDeque<MerchantReply>>>,
    received: mpsc::UnboundedReceiver<Received>,
}

#[derive(Clone)]
struct MerchantServer {
    replies: Arc<Mutex<VecDeque<MerchantReply>>>,
    sender: mpsc::UnboundedSender<Received>,
}

impl Merchant {
    /// Starts; acknowledges everything unless told otherwise.
    pub(crate) async fn start() -> Merchant {
        let (sender, received) = mpsc::unbounded_channel();
        let replies = Arc::new(Mutex::new(VecDeque::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let server = MerchantServer { replies: replies.clone(), sender };
        let router = Router::new().fallback(any(receive)).with_state(server);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Merchant { notify_url: format!("http://{address}/pay/notify"), replies, received }
    }

    /// The next notifications are answered like this, one each; afterwards everything is acknowledged.
    pub(crate) fn next(&self, replies: impl IntoIterator<Item = MerchantReply>) {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).extend(replies);
    }

    /// The next notification, within 20 s.
    pub(crate) async fn received(&mut self) -> Received {
        let received = tokio::time::timeout(Duration::from_secs(20), self.received.recv()).await;
        received.expect("a notification comes").expect("the server runs")
    }

    /// Notifications that have come and were not looked at yet.
    pub(crate) fn waiting(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

async fn receive(
    State(server): State<MerchantServer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let received = Received { target: uri.to_string(), headers: headers.collect(), body };
    let _ = server.sender.send(received);
    let reply = server.replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match reply.unwrap_or(MerchantReply::Acknowledge) {
        MerchantReply::Acknowledge => "SUCCESS".into_response(),
        MerchantReply::Answer(status, body) => {
            (StatusCode::from_u16(status).expect("a status"), body).into_response()
        }
        MerchantReply::Redirect(to) => (StatusCode::FOUND, [("location", to)]).into_response(),
        MerchantReply::Hang => std::future::pending().await,
    }
}

impl Received {
    /// Its JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a notification is JSON")
    }

    /// A header, by lower-case name.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no header {name}"), |(_, value)| value)
    }

    /// Whether it is signed by the holder of this key, checked step by step as the protocol says.
    pub(crate) fn is_signed_by(&self, platform_public_key_pem: &str) -> bool {
        let authorization = self.header("authorization");
        let part = |name: &str| {
            let (_, rest) = authorization.split_once(&format!("{name}=")).expect("the part");
            rest.split([',', ' ']).next().unwrap_or_default().to_owned()
        };
        let (algorithm, _) = authorization.split_once(' ').expect("an algorithm");
        assert_eq!(algorithm, "SHA256withRSA");
        let credential = part("Credential");
        let (_, scope) = credential.split_once('/').expect("a scope");
        let signed_headers = part("SignedHeaders");
        let headers: String = signed_headers
            .split(';')
            .map(|name| format!("{name}:{}\n", self.header(name).trim().to_lowercase()))
            .collect();
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let digest = hash::sha256_hex(&self.body);
        let canonical = format!("POST\n{path}\n{query}\n{headers}\n{signed_headers}\n{digest}");
        let digest = hash::sha256_hex(canonical.as_bytes());
        let timestamp = self.header("x-tc-timestamp");
        let text = format!("{algorithm}\n{timestamp}\n{scope}\n{digest}");
        let verifier = Verifier::from_public_pem(platform_public_key_pem).expect("a key");
        verifier.verify(text.as_bytes(), &part("Signature"))
    }
}
