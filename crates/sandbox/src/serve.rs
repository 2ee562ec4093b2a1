//! A channel's request, from socket to counterpart and back.
//!
//! The counterpart, the countdown of faults and the callbacks that follow share one transaction. Faults
//! of the wire are carried out here.

use crate::documents::Documents;
use crate::faults::{self, Fault};
use crate::{Sandbox, SharedClock, callbacks, context, system_now};
use adapters::clock::until;
use adapters::http::limits::REQUEST_LEN_MAX;
use adapters::http::{ConversionFault, receive, response_into, spelled};
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
    let path = request.uri().path();
    let owner = sandbox.counterparts.iter().find(|one| one.owns(path)).cloned();
    let Some(counterpart) = owner else {
        return unowned(path);
    };
    let target = path.to_owned();
    match receive(request, REQUEST_LEN_MAX).await {
        Ok(request) => answer(&sandbox, counterpart, request).await,
        Err(ConversionFault::Method) => render(counterpart.refuse_method(&target)).await,
        Err(fault) => refuse(fault.status(), fault.to_string()),
    }
}

/// Nothing is behind this path: a channel's server says so with an empty answer, and the sandbox in its
/// own words.
fn unowned(path: &str) -> http::Response<Body> {
    match path.starts_with("/control/") {
        true => refuse(StatusCode::NOT_FOUND, "the sandbox has no such call"),
        false => StatusCode::NOT_FOUND.into_response(),
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
        let system_now = system_now(clock);
        let (response, outgoing) =
            counterpart.receive(&mut documents, mode, request, &context, system_now)?;
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
            | Fault::Unsigned
            | Fault::Probe
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal
            | Fault::ShareFailed { .. }),
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
        Seen::Answer(response) => render(response).await,
        Seen::Late(response, ms) => {
            until(clock, clock.now().plus_ms(ms)).await;
            render(response).await
        }
        Seen::Nothing => http::Response::new(Body::new(BrokenBody)),
    }
}

/// The names of the headers are written as the counterpart spells them: there are clients that look them
/// up so.
async fn render(response: Response) -> http::Response<Body> {
    let spelled = spelled(response.headers.iter().map(|(name, _)| &**name)).await;
    match response_into::<Body>(response) {
        Ok(mut rendered) => {
            rendered.extensions_mut().extend(spelled);
            rendered
        }
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
