//! What the counterpart answers, and its signature under it.

use crate::counterpart::world::Stamp;
use crate::{sign, wire};
use channel::{Draw, Fate, OutgoingCallback, Response, ShelfFault};
use serde::Serialize;

/// An answer before it is signed, and the callbacks that follow.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) owed: Vec<OutgoingCallback>,
}

impl Reply {
    /// A JSON answer.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Reply {
        Reply { status, body: wire::json(body), owed: vec![] }
    }

    /// An answer without a body.
    pub(super) fn empty() -> Reply {
        Reply { status: 204, body: vec![], owed: vec![] }
    }

    /// The answer, with a callback that follows.
    pub(super) fn owing(self, owed: impl IntoIterator<Item = OutgoingCallback>) -> Reply {
        Reply { owed: owed.into_iter().collect(), ..self }
    }
}

/// Signs an answer, errors and empty bodies too.
pub(super) fn sign(
    stamp: &Stamp,
    fate: &Fate,
    draw: &Draw,
    status: u16,
    body: Vec<u8>,
) -> Result<Response, ShelfFault> {
    let mut headers = headers(stamp, fate, draw, &body)?;
    headers.push(("Request-ID".to_owned(), request_id(draw)));
    if !body.is_empty() {
        headers.push(("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned()));
    }
    Ok(Response { status, headers, body })
}

/// The signature's headers; a bad signature is one over other bytes.
pub(super) fn headers(
    stamp: &Stamp,
    fate: &Fate,
    draw: &Draw,
    body: &[u8],
) -> Result<Vec<(String, String)>, ShelfFault> {
    let other = [body, b" "].concat();
    let signed = match fate {
        Fate::Honest | Fate::WrongAmount | Fate::Error { .. } | Fate::Refund { .. } => body,
        Fate::BadSignature => &other,
    };
    let nonce = draw.nonce.to_ascii_uppercase();
    sign::answer_headers(&stamp.signer, &stamp.serial, draw.now.seconds(), &nonce, signed)
        .map_err(|fault| ShelfFault(fault.to_string()))
}

fn request_id(draw: &Draw) -> String {
    let tail: String = draw.nonce.chars().rev().take(16).collect();
    format!("{:X}-{}", draw.now.ms(), tail.to_ascii_uppercase())
}
