//! The loop that sends callbacks when they are due, and the HTTP client that it sends them with.

use crate::Sandbox;
use crate::callbacks::{self, Accepted, Attempt, Claim, Claimed};
use crate::faults::Fault;
use bytes::Bytes;
use channel::{DocumentFault, FaultMode, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use ledger::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// Callbacks on their way at the same time.
const SENDING_MAX: usize = 64;
/// What a receiver has to answer.
const ANSWER_MS_MAX: u64 = 5_000;
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How long an idle connection is kept.
const IDLE_MS: u64 = 30_000;
/// The pause after the storage failed.
const STORAGE_PAUSE_MS: i64 = 1_000;

/// Sends callbacks until `stop` resolves; what is on its way then is due again at the next start.
pub(crate) async fn run(sandbox: Arc<Sandbox>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut moved = sandbox.clock.subscribe();
    let mut sending = JoinSet::new();
    loop {
        let next_due = start_due(&sandbox, &mut sending).await;
        tokio::select! {
            () = &mut stop => return,
            () = sandbox.new_callback.notified() => {}
            _ = moved.changed() => {}
            Some(_) = sending.join_next() => {}
            () = due(&sandbox, next_due), if sending.len() < SENDING_MAX => {}
        }
    }
}

/// Starts what is due; the result is when to look again.
async fn start_due(sandbox: &Arc<Sandbox>, sending: &mut JoinSet<()>) -> Option<Timestamp> {
    let free = SENDING_MAX.saturating_sub(sending.len());
    match claim(sandbox, free).await {
        Ok(claim) => {
            for claimed in claim.now {
                sending.spawn(deliver(sandbox.clone(), claimed));
            }
            claim.next_due
        }
        Err(fault) => {
            tracing::error!(%fault, "no callback could be claimed");
            Some(sandbox.clock.now().plus_ms(STORAGE_PAUSE_MS))
        }
    }
}

async fn claim(sandbox: &Sandbox, limit: usize) -> Result<Claim, DocumentFault> {
    let (clock, counterparts) = (sandbox.clock.clone(), sandbox.counterparts.clone());
    let work = move |connection: &_| callbacks::claim(connection, &clock, &counterparts, limit);
    sandbox.writer.run(work).await
}

async fn due(sandbox: &Sandbox, next_due: Option<Timestamp>) {
    match next_due {
        Some(next_due) => sandbox.clock.until(next_due).await,
        None => std::future::pending().await,
    }
}

async fn deliver(sandbox: Arc<Sandbox>, claimed: Claimed) {
    let claimed = Arc::new(claimed);
    let ended = attempt(&sandbox, &claimed).await;
    let now = sandbox.clock.now();
    let work = move |connection: &_| callbacks::finish(connection, &claimed, &ended, now);
    if let Err(fault) = sandbox.writer.run(work).await {
        tracing::error!(%fault, "an attempt to deliver a callback could not be kept");
    }
}

async fn attempt(sandbox: &Sandbox, claimed: &Arc<Claimed>) -> Attempt {
    let first = send(sandbox, claimed, 0).await;
    match claimed.fault {
        Some(Fault::Duplicate) => send(sandbox, claimed, 1).await,
        Some(Fault::LoseAnswer) => Attempt {
            outcome: format!("{}, lost as injected", first.outcome),
            accepted: Accepted::No,
        },
        None
        | Some(
            Fault::LoseRequest
            | Fault::Delay { .. }
            | Fault::BadSignature
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal,
        ) => first,
    }
}

async fn send(sandbox: &Sandbox, claimed: &Arc<Claimed>, copy: usize) -> Attempt {
    let sealed = seal(claimed.clone(), copy).await;
    let answer = match sealed {
        Some(request) => sandbox.client.send(request).await,
        None => Err("the envelope could not be made".to_owned()),
    };
    match answer {
        Ok(response) => Attempt {
            outcome: response.status.to_string(),
            accepted: match claimed.counterpart.accepted(&response) {
                true => Accepted::Yes,
                false => Accepted::No,
            },
        },
        Err(outcome) => Attempt { outcome, accepted: Accepted::No },
    }
}

/// Encrypts and signs off the async threads; `None` when the counterpart panicked.
async fn seal(claimed: Arc<Claimed>, copy: usize) -> Option<Request> {
    let work = move || {
        let fault_mode = claimed.fault.as_ref().map_or(FaultMode::Honest, Fault::fault_mode);
        let context = claimed.contexts.get(copy)?;
        Some(claimed.counterpart.envelope(&claimed.callback, &fault_mode, context))
    };
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

/// The keep-alive client that carries callbacks.
pub(crate) struct Client(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Client {
    pub(crate) fn new() -> Result<Client, rustls::Error> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::aws_lc_rs::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_millis(IDLE_MS))
            .build(connector);
        Ok(Client(client))
    }

    /// The answer, or what happened instead of one.
    async fn send(&self, request: Request) -> Result<Response, String> {
        let limit = Duration::from_millis(ANSWER_MS_MAX);
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err("no answer within 5 s".to_owned()),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, String> {
        let mut builder = hyper::Request::builder().method(request.method.name()).uri(request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let request = builder
            .body(Full::new(Bytes::from(request.body)))
            .map_err(|error| format!("not sent: {error}"))?;
        let response =
            self.0.request(request).await.map_err(|error| format!("no answer: {error}"))?;
        read(response).await
    }
}

async fn read(response: hyper::Response<hyper::body::Incoming>) -> Result<Response, String> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| format!("{}, then broken: {error}", head.status.as_u16()))?;
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Response { status: head.status.as_u16(), headers, body: body.to_bytes().to_vec() })
}
