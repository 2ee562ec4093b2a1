//! A channel's request, from socket to counterpart and back.
//!
//! The counterpart, the countdown of faults and the callbacks that follow share one transaction. Faults
//! of the wire are carried out here.

use crate::documents::Documents;
use crate::faults::{self, Fault};
use crate::{Sandbox, SharedClock, callbacks, context};
use adapters::clock::until;
use adapters::http::limits::REQUEST_LEN_MAX;
use adapters::http::{receive, response_into};
use axum::body::Body;
use axum::extract::State;
use axum::http::{self, StatusCode};
use axum::response::IntoResponse;
use channel::{Counterpart, DocumentFault, FaultMode, OutgoingCallback, Request, Response};
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
    match receive(request, REQUEST_LEN_MAX).await {
        Ok(request) => answer(&sandbox, counterpart, request).await,
        Err(fault) => refuse(fault.status(), fault.to_string()),
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
        ask(connection, &clock, &*counterpart, &request, found)
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

fn ask(
    connection: &Connection,
    clock: &SharedClock,
    counterpart: &dyn Counterpart,
    request: &Request,
    fault: Option<Fault>,
) -> Result<Seen, DocumentFault> {
    let process = |mode: &FaultMode| -> Result<Response, DocumentFault> {
        let context = context(connection, clock)?;
        let mut documents = Documents::new(connection);
        let (response, outgoing) = counterpart.receive(&mut documents, mode, request, &context)?;
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
        ) => process(&told.mode()).map(Seen::Answer),
    }
}

/// Notes what the counterpart enqueues, due now.
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
            until(clock, clock.now().plus_ms(ms)).await;
            render(response)
        }
        Seen::Nothing => http::Response::new(Body::new(BrokenBody)),
    }
}

fn render(response: Response) -> http::Response<Body> {
    match response_into(response) {
        Ok(rendered) => rendered,
        // A counterpart that answers what cannot be written is broken.
        Err(fault) => refuse(fault.status(), format!("the counterpart's answer: {fault}")),
    }
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
