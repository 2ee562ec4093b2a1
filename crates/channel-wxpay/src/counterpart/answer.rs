//! What the counterpart answers, and its signature under it.

use crate::counterpart::world::NamedKey;
use crate::{sign, wire};
use channel::{CodecContext, DocumentFault, FaultMode, OutgoingCallback, Response};
use serde::Serialize;

/// An answer before it is signed, and the callbacks that follow.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Body,
    pub(super) outgoing: Vec<OutgoingCallback>,
}

/// The bytes of an answer.
pub(super) enum Body {
    /// JSON or nothing; it is signed.
    Message(Vec<u8>),
    /// A file; it is not.
    File(Vec<u8>),
}

impl Reply {
    /// A file.
    pub(super) fn file(body: Vec<u8>) -> Reply {
        Reply { status: 200, body: Body::File(body), outgoing: vec![] }
    }

    /// A JSON answer.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Reply {
        Reply { status, body: Body::Message(wire::json(body)), outgoing: vec![] }
    }

    /// An answer without a body.
    pub(super) fn empty() -> Reply {
        Reply { status: 204, body: Body::Message(vec![]), outgoing: vec![] }
    }

    /// The answer, with a callback that follows.
    pub(super) fn with_callbacks(
        self,
        outgoing: impl IntoIterator<Item = OutgoingCallback>,
    ) -> Reply {
        Reply { outgoing: outgoing.into_iter().collect(), ..self }
    }
}

/// Signs an answer, errors and empty bodies too.
pub(super) fn sign(
    key: &NamedKey,
    mode: &FaultMode,
    context: &CodecContext,
    status: u16,
    body: Vec<u8>,
) -> Result<Response, DocumentFault> {
    let mut headers = headers(key, mode, context, &body)?;
    headers.push(("Request-ID".to_owned(), request_id(context)));
    if !body.is_empty() {
        headers.push(("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()));
    }
    Ok(Response { status, headers, body })
}

/// The answer that carries a file.
pub(super) fn file(context: &CodecContext, status: u16, body: Vec<u8>) -> Response {
    let header = |name: &str, value: String| (name.to_owned(), value);
    let headers = vec![
        header("Request-ID", request_id(context)),
        header("Content-Type", "text/plain; charset=utf-8".to_owned()),
    ];
    Response { status, headers, body }
}

/// The signature's headers; a bad signature is one over other bytes.
pub(super) fn headers(
    key: &NamedKey,
    mode: &FaultMode,
    context: &CodecContext,
    body: &[u8],
) -> Result<Vec<(String, String)>, DocumentFault> {
    let other = [body, b" "].concat();
    let signed = match mode {
        FaultMode::Honest
        | FaultMode::WrongAmount
        | FaultMode::Error { .. }
        | FaultMode::Refund { .. } => body,
        FaultMode::BadSignature => &other,
    };
    let nonce = context.nonce.to_ascii_uppercase();
    sign::answer_headers(&key.signer, &key.serial, context.now.seconds(), &nonce, signed)
        .map_err(|fault| DocumentFault(fault.to_string()))
}

fn request_id(context: &CodecContext) -> String {
    let tail: String = context.nonce.chars().rev().take(16).collect();
    format!("{:X}-{}", context.now.ms(), tail.to_ascii_uppercase())
}
