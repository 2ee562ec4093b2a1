//! What every call shares: the text that comes in, and the text that goes out, each with its proof.

use crate::auth::{AUTHEN_TYPE, Proof, authen_code};
use crate::faults::{Fault, Internal, Status};
use crate::sub_merchant::Registered;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use dialect::check::Malformed;
use dialect::json::{Object, read_object};
use dialect::{Peer, take_body};
use http::{HeaderValue, StatusCode, header};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// The largest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The greatest length of a `description`, in characters.
const DESCRIPTION_LEN_MAX: usize = 255;
/// What a call that worked is described with, as in the published sample.
const DONE: &str = "操作成功。";

/// A request with its raw body.
pub(crate) struct Received {
    pub(crate) peer: Option<Peer>,
    body: Vec<u8>,
}

impl Received {
    /// Takes the body in.
    pub(crate) async fn read(request: Request) -> Result<Received, Fault> {
        let (head, body) = request.into_parts();
        let body = take_body(body, BODY_BYTES_MAX).await?;
        Ok(Received { peer: head.extensions.get().copied(), body: body.to_vec() })
    }

    /// The object that the body is.
    pub(crate) fn outer(&self) -> Result<Object<'_>, Fault> {
        if std::str::from_utf8(&self.body).is_err() {
            return Err(Malformed::new("body", "not UTF-8").into());
        }
        read_object(&self.body).map_err(|why| Malformed::new("body", why).into())
    }
}

/// The text of a request and its proof. It was decoded once and is never written again: the proof is over
/// it as it came.
pub(crate) fn opened<'o>(outer: &'o Object<'_>) -> Result<(&'o str, Proof<'o>), Fault> {
    let text = outer.required_text("request_content", 1..=BODY_BYTES_MAX)?;
    Ok((text, Proof::read(outer)?))
}

/// The object that such a text is.
pub(crate) fn inner(text: &str) -> Result<Object<'_>, Fault> {
    let read = read_object(text.as_bytes());
    read.map_err(|why| Malformed::new("request_content", why).into())
}

/// What `response_content` is.
struct Content<'a> {
    status: Status,
    description: &'a str,
    log_id: u32,
    internal: Internal,
    result: Option<(&'static str, &'a RawValue)>,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &self.status.number())?;
        map.serialize_entry("description", self.description)?;
        map.serialize_entry("log_id", &self.log_id)?;
        map.serialize_entry("internal_status", &self.internal.number())?;
        if let Some((name, result)) = self.result {
            map.serialize_entry(name, result)?;
        }
        map.end()
    }
}

/// A text with its proof, as it is sent.
#[derive(serde::Serialize)]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    request_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authen_info: Option<AuthenInfo>,
}

#[derive(serde::Serialize)]
struct AuthenInfo {
    a: Authen,
}

#[derive(serde::Serialize)]
struct Authen {
    authen_type: i64,
    authen_code: String,
}

impl AuthenInfo {
    fn of(caller: &Registered, text: &str) -> AuthenInfo {
        let authen_code = authen_code(caller.declared.authen_key.expose(), text);
        AuthenInfo { a: Authen { authen_type: AUTHEN_TYPE, authen_code } }
    }
}

/// The body of a notification: a text of our own, with its code.
pub(crate) fn notification(caller: &Registered, text: &str) -> Result<Vec<u8>, serde_json::Error> {
    let authen_info = Some(AuthenInfo::of(caller, text));
    serde_json::to_vec(&Envelope {
        request_content: Some(text),
        response_content: None,
        authen_info,
    })
}

/// The answer to a proven caller.
pub(crate) fn answer(
    caller: &Registered,
    name: &'static str,
    outcome: Result<Box<RawValue>, Fault>,
) -> Response {
    match outcome {
        Ok(result) => {
            let result = Some((name, &*result));
            let (status, internal) = (Status::Success, Internal::Ok);
            write(StatusCode::OK, Some(caller), (status, internal, DONE), result)
        }
        Err(fault) => failure(StatusCode::OK, Some(caller), &fault),
    }
}

/// The answer to a call without a result. It has a code where there is a key and the status has one.
pub(crate) fn failure(code: StatusCode, caller: Option<&Registered>, fault: &Fault) -> Response {
    let caller = caller.filter(|_| fault.status.is_authenticated());
    write(code, caller, (fault.status, fault.internal, &fault.text), None)
}

fn write(
    code: StatusCode,
    caller: Option<&Registered>,
    (status, internal, description): (Status, Internal, &str),
    result: Option<(&'static str, &RawValue)>,
) -> Response {
    let description: String = description.chars().take(DESCRIPTION_LEN_MAX).collect();
    let log_id = u32::from_be_bytes(crypto::random::bytes());
    tracing::debug!(log_id, status = status.number(), description, "a call was answered");
    let content = Content { status, description: &description, log_id, internal, result };
    let written = serde_json::to_string(&content).and_then(|text| {
        let authen_info = caller.map(|caller| AuthenInfo::of(caller, &text));
        let response_content = Some(&*text);
        serde_json::to_vec(&Envelope { request_content: None, response_content, authen_info })
    });
    match written {
        Ok(body) => json(code, body),
        Err(fault) => {
            tracing::error!(%fault, "answer cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The media type of everything that is sent.
pub(crate) const JSON: &str = "application/json;charset=UTF-8";

pub(crate) fn json(code: StatusCode, body: Vec<u8>) -> Response {
    (code, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response()
}
