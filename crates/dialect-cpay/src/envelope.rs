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
/// The greatest length of its short form, in bytes.
const BRIEF_DESCRIPTION_BYTES_MAX: usize = 128;
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

/// The names of members: devices have short ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Full,
    Brief,
}

impl Form {
    /// The member with the text of a request.
    const fn request(self) -> &'static str {
        match self {
            Form::Full => "request_content",
            Form::Brief => "r",
        }
    }

    /// As much of a description as it takes.
    fn cut(self, description: &str) -> String {
        match self {
            Form::Full => description.chars().take(DESCRIPTION_LEN_MAX).collect(),
            Form::Brief => {
                let end = description.floor_char_boundary(BRIEF_DESCRIPTION_BYTES_MAX);
                description.get(..end).unwrap_or_default().to_owned()
            }
        }
    }

    /// The member with the text of an answer.
    const fn response(self) -> &'static str {
        match self {
            Form::Full => "response_content",
            Form::Brief => "rc",
        }
    }

    /// The members that begin the text of an answer.
    const fn outcome(self) -> [&'static str; 4] {
        match self {
            Form::Full => ["status", "description", "log_id", "internal_status"],
            Form::Brief => ["s", "d", "li", "is"],
        }
    }
}

/// The text of a request and its proof. It was decoded once and is never written again: the proof is over
/// it as it came.
pub(crate) fn opened<'o>(form: Form, outer: &'o Object<'_>) -> Result<(&'o str, Proof<'o>), Fault> {
    let text = outer.required_text(form.request(), 1..=BODY_BYTES_MAX)?;
    let proof = match form {
        Form::Full => Proof::read(outer)?,
        Form::Brief => Proof::read_brief(outer)?,
    };
    Ok((text, proof))
}

/// The object that such a text is.
pub(crate) fn inner(form: Form, text: &str) -> Result<Object<'_>, Fault> {
    let read = read_object(text.as_bytes());
    read.map_err(|why| Malformed::new(form.request(), why).into())
}

/// What `response_content` is.
struct Content<'a> {
    form: Form,
    status: Status,
    description: &'a str,
    log_id: u32,
    internal: Internal,
    result: Option<(&'static str, &'a RawValue)>,
}

impl Serialize for Content<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let [status, description, log_id, internal] = self.form.outcome();
        map.serialize_entry(status, &self.status.number())?;
        map.serialize_entry(description, self.description)?;
        map.serialize_entry(log_id, &self.log_id)?;
        map.serialize_entry(internal, &self.internal.number())?;
        if let Some((name, result)) = self.result {
            map.serialize_entry(name, result)?;
        }
        map.end()
    }
}

/// A text with its proof, as it is sent.
struct Envelope<'a> {
    form: Form,
    member: &'static str,
    text: &'a str,
    code: Option<String>,
}

impl Serialize for Envelope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.member, self.text)?;
        match (self.form, &self.code) {
            (Form::Full, Some(authen_code)) => {
                let a = Authen { authen_type: AUTHEN_TYPE, authen_code };
                map.serialize_entry("authen_info", &AuthenInfo { a })?;
            }
            (Form::Brief, Some(code)) => map.serialize_entry("a", code)?,
            (Form::Full | Form::Brief, None) => {}
        }
        map.end()
    }
}

#[derive(serde::Serialize)]
struct AuthenInfo<'a> {
    a: Authen<'a>,
}

#[derive(serde::Serialize)]
struct Authen<'a> {
    authen_type: i64,
    authen_code: &'a str,
}

fn code_of(caller: &Registered, text: &str) -> String {
    authen_code(caller.declared.authen_key.expose(), text)
}

/// The body of a notification: a text of our own, with its code.
pub(crate) fn notification(caller: &Registered, text: &str) -> Result<Vec<u8>, serde_json::Error> {
    let (form, code) = (Form::Full, Some(code_of(caller, text)));
    serde_json::to_vec(&Envelope { form, member: form.request(), text, code })
}

/// The answer to a proven caller.
pub(crate) fn answer(
    form: Form,
    caller: &Registered,
    name: &'static str,
    outcome: Result<Box<RawValue>, Fault>,
) -> Response {
    match outcome {
        Ok(result) => {
            let result = Some((name, &*result));
            let (status, internal) = (Status::Success, Internal::Ok);
            write(StatusCode::OK, (form, Some(caller)), (status, internal, DONE), result)
        }
        Err(fault) => failure(StatusCode::OK, (form, Some(caller)), &fault),
    }
}

/// The answer to a call without a result. It has a code where there is a key and the status has one.
pub(crate) fn failure(
    code: StatusCode,
    (form, caller): (Form, Option<&Registered>),
    fault: &Fault,
) -> Response {
    let caller = caller.filter(|_| fault.status.is_authenticated());
    write(code, (form, caller), (fault.status, fault.internal, &fault.text), None)
}

fn write(
    code: StatusCode,
    (form, caller): (Form, Option<&Registered>),
    (status, internal, description): (Status, Internal, &str),
    result: Option<(&'static str, &RawValue)>,
) -> Response {
    let description = form.cut(description);
    let log_id = u32::from_be_bytes(crypto::random::bytes());
    tracing::debug!(log_id, status = status.number(), description, "a call was answered");
    let content = Content { form, status, description: &description, log_id, internal, result };
    let written = serde_json::to_string(&content).and_then(|text| {
        let code = caller.map(|caller| code_of(caller, &text));
        serde_json::to_vec(&Envelope { form, member: form.response(), text: &text, code })
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
