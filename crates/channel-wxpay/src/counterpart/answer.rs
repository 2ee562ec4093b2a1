//! What the counterpart answers, and its signature under it.

use crate::counterpart::refusal::Refusal;
use crate::counterpart::route;
use crate::counterpart::world::NamedKey;
use crate::{sign, wire};
use channel::{CodecContext, DocumentFault, FaultMode, OutgoingCallback, Response};
use serde::Serialize;

/// An answer before it is signed, and the callbacks that follow.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The number of the refusal; 0 where there is none.
    pub(super) number: u32,
    pub(super) body: Body,
    pub(super) outgoing: Vec<OutgoingCallback>,
}

/// The bytes of an answer.
pub(super) enum Body {
    /// JSON or nothing; it is signed.
    Message(Vec<u8>),
    /// JSON with which the gate refuses; it is not.
    Unsigned(Vec<u8>),
    /// A file; it is not.
    File(Vec<u8>),
}

impl Reply {
    /// A file.
    pub(super) fn file(body: Vec<u8>) -> Reply {
        Reply { status: 200, number: 0, body: Body::File(body), outgoing: vec![] }
    }

    /// A JSON answer.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Reply {
        Reply { status, number: 0, body: Body::Message(wire::json(body)), outgoing: vec![] }
    }

    /// An answer without a body.
    pub(super) fn empty() -> Reply {
        Reply { status: 204, number: 0, body: Body::Message(vec![]), outgoing: vec![] }
    }

    /// The answer, with a callback that follows.
    pub(super) fn with_callbacks(
        self,
        outgoing: impl IntoIterator<Item = OutgoingCallback>,
    ) -> Reply {
        Reply { outgoing: outgoing.into_iter().collect(), ..self }
    }
}

/// A header.
type Header = (String, String);

/// The answer's headers and bytes; `key` signs where something is signed.
pub(super) fn write(
    key: &NamedKey,
    mode: &FaultMode,
    context: &CodecContext,
    reply: Reply,
) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
    let Reply { status, number, body, outgoing } = reply;
    let mut headers = vec![request_id(context, number)];
    let body = match body {
        Body::Message(body) => {
            headers.extend(signature(key, mode, context, &body)?);
            headers.extend((!body.is_empty()).then(json));
            body
        }
        Body::Unsigned(body) => {
            headers.push(json());
            body
        }
        Body::File(body) => {
            headers.push(header("Content-Type", "text/plain; charset=utf-8"));
            body
        }
    };
    Ok((Response { status, headers, body }, outgoing))
}

/// What the gate answers to a request that it does not let in. About transactions it does not even
/// give the request an id.
pub(super) fn at_gate(refusal: Refusal, target: &str, context: &CodecContext) -> Response {
    let Reply { status, number, body, outgoing: _ } = refusal.reply();
    let (Body::Message(body) | Body::Unsigned(body) | Body::File(body)) = body;
    let id = (!route::is_of_transactions(target)).then(|| request_id(context, number));
    Response { status, headers: id.into_iter().chain([json()]).collect(), body }
}

/// The signature's headers. A bad signature is one over other bytes; a probe is not a signature at all.
pub(super) fn signature(
    key: &NamedKey,
    mode: &FaultMode,
    context: &CodecContext,
    body: &[u8],
) -> Result<Vec<Header>, DocumentFault> {
    let signed = |signed: &[u8]| {
        let nonce = context.nonce.to_ascii_uppercase();
        sign::answer_headers(&key.signer, &key.serial, context.now.seconds(), &nonce, signed)
            .map_err(|fault| DocumentFault(fault.to_string()))
    };
    match mode {
        FaultMode::Honest
        | FaultMode::WrongAmount
        | FaultMode::Error { .. }
        | FaultMode::Refund { .. }
        | FaultMode::Share { .. } => signed(body),
        FaultMode::BadSignature => signed(&[body, b" "].concat()),
        FaultMode::Probe => Ok(signed(body)?.into_iter().map(into_probe).collect()),
        FaultMode::Unsigned => Ok(vec![]),
    }
}

/// The real probe is a signature behind a prefix that no Base64 reader takes.
fn into_probe((name, value): Header) -> Header {
    match &*name {
        sign::SIGNATURE => (name, format!("{}{value}", sign::PROBE)),
        _ => (name, value),
    }
}

/// Ends in the number of the refusal, `-0` where there is none.
fn request_id(context: &CodecContext, number: u32) -> Header {
    let tail: String = context.nonce.chars().rev().take(15).collect();
    header("Request-ID", &format!("{:X}{}-{number}", context.now.ms(), tail.to_ascii_uppercase()))
}

fn json() -> Header {
    header("Content-Type", "application/json; charset=utf-8")
}

fn header(name: &str, value: &str) -> Header {
    (name.to_owned(), value.to_owned())
}
