//! A channel's request, from socket to counterpart and back.
//!
//! The counterpart, the countdown of faults and the callbacks that follow share one transaction. Faults
//! of the wire are carried out here.

use crate::documents::Documents;
use crate::faults::{self, Fault};
use crate::{BODY_BYTES_MAX, Sandbox, SharedClock, callbacks, context};
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{self, HeaderName, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use channel::{Counterpart, DocumentFault, FaultMode, Method, OutgoingCallback, Request, Response};
use hyper::body::{Body as HttpBody, Frame};
use rusqlite::Connection;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// What the client sees.
enum Seen {
    /// The answer.
    Answer(Response),
    /// The answer, later.
    Late(Response, i64),
    /// A connection that breaks.
    Nothing,
}

/// Answers what no route of the sandbox's own takes.
pub(crate) async fn serve(
    State(sandbox): State<Arc<Sandbox>>,
    request: http::Request<Body>,
) -> http::Response<Body> {
    let owner = sandbox.counterparts.iter().find(|one| one.owns(request.uri().path())).cloned();
    let Some(counterpart) = owner else {
        return refuse(StatusCode::NOT_FOUND, "no counterpart owns this path");
    };
    match read(request).await {
        Ok(request) => answer(&sandbox, counterpart, request).await,
        Err((status, why)) => refuse(status, why),
    }
}

async fn answer(
    sandbox: &Sandbox,
    counterpart: Arc<dyn Counterpart>,
    request: Request,
) -> http::Response<Body> {
    let clock = sandbox.clock.clone();
    let work = move |connection: &Connection| {
        let found = faults::take(connection, counterpart.name(), counterpart.operation(&request))?;
        receive(connection, &clock, &*counterpart, &request, found)
    };
    match sandbox.writer.run(work).await {
        Ok(seen) => {
            sandbox.new_callback.notify_one();
            show(&sandbox.clock, seen).await
        }
        Err(fault) => {
            tracing::error!(%fault, "a counterpart could not answer");
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "the sandbox's storage failed")
        }
    }
}

fn receive(
    connection: &Connection,
    clock: &SharedClock,
    counterpart: &dyn Counterpart,
    request: &Request,
    fault: Option<Fault>,
) -> Result<Seen, DocumentFault> {
    let process = |fault_mode: &FaultMode| -> Result<Response, DocumentFault> {
        let context = context(connection, clock)?;
        let mut documents = Documents::new(connection);
        let (response, outgoing) =
            counterpart.receive(&mut documents, fault_mode, request, &context)?;
        enqueue(connection, clock, counterpart, &outgoing)?;
        Ok(response)
    };
    match fault {
        None => process(&FaultMode::Honest).map(Seen::Answer),
        Some(Fault::LoseRequest) => Ok(Seen::Nothing),
        Some(Fault::LoseAnswer) => process(&FaultMode::Honest).map(|_| Seen::Nothing),
        Some(Fault::Delay { ms }) => {
            process(&FaultMode::Honest).map(|response| Seen::Late(response, ms))
        }
        Some(Fault::Duplicate) => {
            let first = process(&FaultMode::Honest)?;
            process(&FaultMode::Honest)?;
            Ok(Seen::Answer(first))
        }
        Some(
            told @ (Fault::BadSignature
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal),
        ) => process(&told.fault_mode()).map(Seen::Answer),
    }
}

/// Notes the callbacks of the counterpart, due now.
pub(crate) fn enqueue(
    connection: &Connection,
    clock: &SharedClock,
    counterpart: &dyn Counterpart,
    outgoing: &[OutgoingCallback],
) -> Result<(), DocumentFault> {
    outgoing.iter().try_for_each(|callback| {
        callbacks::add(connection, counterpart.name(), callback, clock.now())
    })
}

async fn show(clock: &SharedClock, seen: Seen) -> http::Response<Body> {
    match seen {
        Seen::Answer(response) => render(response),
        Seen::Late(response, ms) => {
            clock.until(clock.now().plus_ms(ms)).await;
            render(response)
        }
        Seen::Nothing => http::Response::new(Body::new(BrokenBody)),
    }
}

async fn read(request: http::Request<Body>) -> Result<Request, (StatusCode, &'static str)> {
    let (head, body) = request.into_parts();
    let method = match head.method {
        http::Method::GET => Method::Get,
        http::Method::POST => Method::Post,
        _ => return Err((StatusCode::METHOD_NOT_ALLOWED, "method: want GET or POST")),
    };
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| (StatusCode::PAYLOAD_TOO_LARGE, "body: want at most 1 MiB"))?;
    let url = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers =
        head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Request { method, url, headers, body: body.to_vec() })
}

fn render(response: Response) -> http::Response<Body> {
    let mut rendered = http::Response::new(Body::from(response.body));
    match StatusCode::from_u16(response.status) {
        Ok(status) => *rendered.status_mut() = status,
        Err(_) => {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the counterpart's status");
        }
    }
    for (name, value) in response.headers {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => drop(rendered.headers_mut().append(name, value)),
            _ => {
                return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the counterpart's header");
            }
        }
    }
    rendered
}

/// The sandbox's own refusal, unlike any channel's.
pub(crate) fn refuse(status: StatusCode, why: impl Into<String>) -> http::Response<Body> {
    (status, axum::Json(serde_json::json!({ "error": why.into() }))).into_response()
}

/// A body that fails at its first byte: the server then hangs up without an answer.
struct BrokenBody;

impl HttpBody for BrokenBody {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::Error::other("lost, as injected"))))
    }
}
