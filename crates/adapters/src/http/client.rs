//! Sending requests over HTTP: keep-alive connections, a deadline, a bounded answer, no redirects.

use crate::Promise;
use crate::http::guard::Guard;
use crate::http::pool::{Authorities, ClientIdentity, Pool, Pools};
use crate::http::resolver::{ResolveFault, TENANT};
use crate::http::spelling::spelled;
use crate::http::wire::{request_into, response_from};
use channel::{Request, Response};
use http_body_util::{BodyExt, Limited};
use std::sync::Arc;
use std::time::Duration;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendFault {
    /// No connection was made: nothing was sent.
    #[error("not sent: {0}")]
    NotSent(String),
    /// Nothing was tried, because we have no room for it now; it says nothing about the other side.
    #[error("not tried: {0}")]
    Congested(String),
    /// Something may have been sent, and no whole answer came.
    #[error("no answer: {0}")]
    Lost(String),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// TLS cannot be used.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system's settings for names cannot be read.
    #[error("names: {0}")]
    Names(String),
}

/// What goes with a request and is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendContext<'a> {
    /// The tenant on whose behalf it is sent: what is scarce is shared out by it.
    pub tenant: &'a str,
    /// How long everything may take, to the last byte of the answer.
    pub deadline: Duration,
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
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>>;

    /// The same over a connection that was made under this identity, and is used by no other.
    ///
    /// # Errors
    /// As for [`HttpClient::send`], and when the identity's certificate or key cannot be used.
    fn send_as<'a>(
        &'a self,
        identity: &'a ClientIdentity,
        request: &'a Request,
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>>;
}

/// How the names of a request's headers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderNames {
    /// In lower case, as hyper does.
    Lower,
    /// As the request spells them.
    AsSpelled,
}

/// The client over hyper and rustls.
pub struct HyperClient {
    pools: Pools,
    guard: Guard,
    names: HeaderNames,
    answer_len_max: usize,
}

impl HyperClient {
    /// A client that obeys `guard`, reads answers of up to `answer_len_max` bytes, and believes servers
    /// that a public authority certifies.
    ///
    /// # Errors
    /// When TLS or the system's settings for names cannot be used.
    pub fn new(guard: Guard, answer_len_max: usize) -> Result<HyperClient, ClientFault> {
        HyperClient::trusting(guard, answer_len_max, Authorities::public())
    }

    /// The same, which believes servers that one of these authorities certifies.
    ///
    /// # Errors
    /// As for [`HyperClient::new`].
    pub fn trusting(
        guard: Guard,
        answer_len_max: usize,
        authorities: Authorities,
    ) -> Result<HyperClient, ClientFault> {
        let pools = Pools::new(guard, authorities)?;
        Ok(HyperClient { pools, guard, names: HeaderNames::Lower, answer_len_max })
    }

    /// The same client, which writes the names of headers so.
    pub fn writing(self, names: HeaderNames) -> HyperClient {
        HyperClient { names, ..self }
    }

    async fn exchange(&self, pool: Pool, request: &Request) -> Result<Response, SendFault> {
        let mut outgoing =
            request_into(request).map_err(|fault| SendFault::NotSent(fault.to_string()))?;
        match self.names {
            HeaderNames::Lower => {}
            HeaderNames::AsSpelled => {
                let names = request.headers.iter().map(|(name, _)| &**name);
                outgoing.extensions_mut().extend(spelled(names).await);
            }
        }
        self.guard.check_literal(outgoing.uri()).map_err(SendFault::NotSent)?;
        let answer = pool.request(outgoing).await.map_err(|fault| {
            let text = with_causes(&fault);
            match fault.is_connect() {
                true if is_congested(&fault) => SendFault::Congested(text),
                true => SendFault::NotSent(text),
                false => SendFault::Lost(text),
            }
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
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(
            async move { within(context, self.exchange(self.pools.anonymous(), request)).await },
        )
    }

    fn send_as<'a>(
        &'a self,
        identity: &'a ClientIdentity,
        request: &'a Request,
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(async move {
            let pool = self.pools.of(identity).map_err(SendFault::NotSent)?;
            within(context, self.exchange(pool, request)).await
        })
    }
}

/// Runs an exchange on behalf of a tenant, up to the deadline.
async fn within(
    SendContext { tenant, deadline }: SendContext<'_>,
    exchange: impl Future<Output = Result<Response, SendFault>>,
) -> Result<Response, SendFault> {
    let exchange = TENANT.scope(Arc::from(tenant), exchange);
    match tokio::time::timeout(deadline, exchange).await {
        Ok(outcome) => outcome,
        Err(_) => Err(SendFault::Lost(format!("nothing within {} s", deadline.as_secs()))),
    }
}

/// Whether the innermost cause is our own lack of room.
fn is_congested(fault: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(fault), |cause| cause.source());
    causes.any(|cause| matches!(cause.downcast_ref(), Some(ResolveFault::Congested)))
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
        client.send(&request, SendContext { tenant: "", deadline }).await
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
