//! What every call shares: the bytes that come in, and the envelope that goes out.

use crate::faults::{ErrCode, Fault};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dialect::{BodyFault, Peer, take_body};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// The largest body that is read, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 256 * 1024;

/// A request with its raw body.
pub(crate) struct Received {
    head: Parts,
    pub(crate) body: Bytes,
    body_hash: String,
}

impl Received {
    /// Takes the body in.
    pub(crate) async fn read(request: Request) -> Result<Received, Fault> {
        let (head, body) = request.into_parts();
        Ok(Received::new(head, take(body).await?))
    }

    pub(crate) fn new(head: Parts, body: Bytes) -> Received {
        let body_hash = crypto::hash::sha256_hex(&body);
        Received { head, body, body_hash }
    }

    /// A header's value, by name without case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head.headers.get(name)?.as_bytes()).ok()
    }

    pub(crate) fn method(&self) -> &str {
        self.head.method.as_str()
    }

    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// The address that it came from.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.head.extensions.get().copied()
    }

    /// The SHA-256 of the body, hex.
    pub(crate) fn body_hash(&self) -> &str {
        &self.body_hash
    }
}

async fn take(body: Body) -> Result<Bytes, Fault> {
    take_body(body, BODY_BYTES_MAX).await.map_err(|fault| match fault {
        BodyFault::NoRoom(_) => Fault::overloaded(),
        BodyFault::TooLarge { .. } | BodyFault::BrokenOff => bad_body(fault.to_string()),
    })
}

/// A body that is not a request.
pub(crate) fn bad_body(why: String) -> Fault {
    Fault::new(ErrCode::InvalidParameter, format!("body: {why}"))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<'a, T> {
    response: Answer<'a, T>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a, T> {
    request_id: String,
    result: Option<&'a T>,
    err_code: &'static str,
    err_message: &'a str,
}

/// The answer with a result.
pub(crate) fn success<T: Serialize>(result: &T) -> Response {
    wrap(StatusCode::OK, Some(result), ErrCode::Success.name(), "成功")
}

/// The answer to a call that was refused.
pub(crate) fn failure(status: StatusCode, fault: &Fault) -> Response {
    let mut response = wrap::<()>(status, None, fault.code.name(), &fault.text);
    if let Some(seconds) = fault.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn wrap<T: Serialize>(
    status: StatusCode,
    result: Option<&T>,
    err_code: &'static str,
    err_message: &str,
) -> Response {
    let answer = Answer { request_id: request_id(), result, err_code, err_message };
    match serde_json::to_vec(&Envelope { response: answer }) {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, json)], body).into_response()
        }
        Err(fault) => {
            tracing::error!(%fault, "answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 32 upper-case hex digits, fresh for every call.
fn request_id() -> String {
    crypto::random::hex_nonce().to_ascii_uppercase()
}
