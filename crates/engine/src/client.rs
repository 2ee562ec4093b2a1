//! Sending requests over HTTP: keep-alive connections, a deadline, a bounded answer, no redirects.

use crate::guard::{Guard, GuardedResolver};
use bytes::Bytes;
use channel::{Method, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;
use store::Promise;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// No connection was made: nothing was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Something may have been sent, and no whole answer came.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Sends requests.
pub trait HttpClient: Send + Sync {
    /// Sends a request and reads the whole answer, within the deadline.
    ///
    /// # Errors
    /// When there is no whole answer; the fault says whether anything can have been sent.
    fn send<'a>(
        &'a self,
        request: &'a Request,
        deadline: Duration,
    ) -> Promise<'a, Result<Response, SendFault>>;
}

type Connector = HttpsConnector<HttpConnector<GuardedResolver>>;

/// The client over hyper and rustls.
pub struct HyperClient {
    client: Client<Connector, Full<Bytes>>,
    guard: Guard,
    body_len_max: usize,
}

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// Unused connections kept for one host.
const IDLE_MAX: usize = 64;

impl HyperClient {
    /// A client that obeys `guard` and reads answers of up to `body_len_max` bytes.
    ///
    /// # Errors
    /// When the TLS roots cannot be used.
    pub fn new(guard: Guard, body_len_max: usize) -> Result<HyperClient, rustls::Error> {
        let mut http = HttpConnector::new_with_resolver(GuardedResolver::new(guard));
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(https);
        Ok(HyperClient { client, guard, body_len_max })
    }

    async fn exchange(&self, request: &Request) -> Result<Response, SendFault> {
        let outgoing = outgoing(request)?;
        self.guard.check_literal(outgoing.uri()).map_err(SendFault::NotSent)?;
        let answer =
            self.client.request(outgoing).await.map_err(|fault| match fault.is_connect() {
                true => SendFault::NotSent(chain(&fault)),
                false => SendFault::Lost(chain(&fault)),
            })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, self.body_len_max)
            .collect()
            .await
            .map_err(|fault| SendFault::Lost(format!("answer not read: {fault}")))?;
        let headers = parts.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Ok(Response {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: body.to_bytes().to_vec(),
        })
    }
}

impl HttpClient for HyperClient {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        deadline: Duration,
    ) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(async move {
            match tokio::time::timeout(deadline, self.exchange(request)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(SendFault::Lost(format!("nothing within {} s", deadline.as_secs()))),
            }
        })
    }
}

fn outgoing(request: &Request) -> Result<http::Request<Full<Bytes>>, SendFault> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
    };
    let mut builder = http::Request::builder().method(method).uri(&request.url);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(|fault| SendFault::NotSent(format!("request cannot be written: {fault}")))
}

/// An error with its causes, outermost first.
fn chain(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
