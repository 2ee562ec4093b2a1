//! Sending requests over HTTP: keep-alive connections, a deadline, a bounded answer, no redirects.

use crate::Promise;
use crate::http::guard::{Guard, GuardedResolver};
use crate::http::limits::{CONNECT_TIMEOUT, IDLE_MAX, IDLE_TIMEOUT};
use crate::http::wire::{request_into, response_from};
use bytes::Bytes;
use channel::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

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
    answer_len_max: usize,
}

impl HyperClient {
    /// A client that obeys `guard` and reads answers of up to `answer_len_max` bytes.
    ///
    /// # Errors
    /// When the TLS roots cannot be used.
    pub fn new(guard: Guard, answer_len_max: usize) -> Result<HyperClient, rustls::Error> {
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
        Ok(HyperClient { client, guard, answer_len_max })
    }

    async fn exchange(&self, request: &Request) -> Result<Response, SendFault> {
        let outgoing =
            request_into(request).map_err(|fault| SendFault::NotSent(fault.to_string()))?;
        self.guard.check_literal(outgoing.uri()).map_err(SendFault::NotSent)?;
        let answer =
            self.client.request(outgoing).await.map_err(|fault| match fault.is_connect() {
                true => SendFault::NotSent(with_causes(&fault)),
                false => SendFault::Lost(with_causes(&fault)),
            })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.answer_len_max).collect().await.map_err(|fault| {
            // The status helps the reader of the list of attempts; the answer still counts as none.
            SendFault::Lost(format!("status {}, then not read: {fault}", head.status.as_u16()))
        })?;
        Ok(response_from(&head, &body.to_bytes()))
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

/// An error with its causes, outermost first.
fn with_causes(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut source = fault.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::Method;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const SOON: Duration = Duration::from_secs(5);

    /// A server that gives this answer once, and its URL.
    fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/x", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let _request = stream.read(&mut [0; 4096]).expect("a request");
            stream.write_all(answer.as_bytes()).expect("is written");
            // Holds the connection until the client leaves it.
            while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        });
        url
    }

    async fn send(guard: Guard, url: String, deadline: Duration) -> Result<Response, SendFault> {
        let client = HyperClient::new(guard, 8).expect("the roots are sound");
        let request = Request { method: Method::Get, url, headers: vec![], body: vec![] };
        client.send(&request, deadline).await
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_the_limit() {
        let fits = server("HTTP/1.1 200 OK\r\nX-Sign: 1\r\nContent-Length: 8\r\n\r\n12345678");
        let answer = send(Guard::Open, fits, SOON).await.expect("an answer");
        assert_eq!((answer.status, &*answer.body), (200, &b"12345678"[..]));
        assert_eq!(answer.header("X-Sign"), Some("1"));
        let larger = server("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789");
        let fault = send(Guard::Open, larger, SOON).await.expect_err("too large");
        assert!(matches!(fault, SendFault::Lost(_)), "{fault}");
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_like_any_other() {
        let elsewhere =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let answer = send(Guard::Open, server(elsewhere), SOON).await.expect("an answer");
        assert_eq!(answer.status, 302);
    }

    #[tokio::test]
    async fn silence_ends_at_the_deadline_and_may_have_been_heard() {
        let silent = send(Guard::Open, server(""), Duration::from_millis(50)).await;
        assert!(matches!(silent, Err(SendFault::Lost(_))), "{silent:?}");
    }

    #[tokio::test]
    async fn what_is_not_sent_is_told_apart() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = closed.local_addr().expect("an address");
        drop(closed);
        for (guard, url) in [
            (Guard::Open, format!("http://{address}/")),
            (Guard::Open, "no url".to_owned()),
            (Guard::PublicOnly, server("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
            (Guard::PublicOnly, "http://localhost:1/".to_owned()),
        ] {
            let fault = send(guard, url.clone(), SOON).await.expect_err(&url);
            assert!(matches!(fault, SendFault::NotSent(_)), "{url}: {fault}");
        }
    }
}
