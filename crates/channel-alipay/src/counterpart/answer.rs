//! What the counterpart answers, and its signature beside it.

use crate::counterpart::refusal::Refusal;
use crate::method::Method;
use crate::sign::{CERT_SN, ERROR_MEMBER, SIGN};
use crate::wire::{self, Answer, DONE, Head};
use channel::{DocumentFault, FaultMode, OutgoingCallback, Response};
use crypto::rsa::Signer;
use serde::Serialize;

/// An answer before it is signed, and the callbacks that follow.
pub(super) struct Reply {
    pub(super) body: Body,
    pub(super) outgoing: Vec<OutgoingCallback>,
}

/// What is answered.
pub(super) enum Body {
    /// JSON; it is signed.
    Message(String),
    /// Where the cashier is that a browser is sent on to.
    Cashier(String),
}

impl Reply {
    /// A JSON answer as it stands.
    pub(super) fn json(content: &impl Serialize) -> Reply {
        Reply { body: Body::Message(wire::json_text(content)), outgoing: vec![] }
    }

    /// The answer of a call that was carried out.
    pub(super) fn done(content: impl Serialize) -> Reply {
        let head = Head { code: DONE.to_owned(), msg: "Success".to_owned(), ..Head::default() };
        Reply::json(&Answer { head, content })
    }

    /// A browser is sent on.
    pub(super) fn cashier(url: String) -> Reply {
        Reply { body: Body::Cashier(url), outgoing: vec![] }
    }

    /// The answer, with a callback that follows.
    pub(super) fn with_callbacks(
        self,
        outgoing: impl IntoIterator<Item = OutgoingCallback>,
    ) -> Reply {
        Reply { outgoing: outgoing.into_iter().collect(), ..self }
    }
}

/// Under which name an answer stands, and what stands beside it.
#[derive(Clone, Copy)]
pub(super) struct Member<'a> {
    /// The call that is answered.
    pub(super) method: Method,
    /// The certificate that signs, towards apps in certificate mode.
    pub(super) cert_sn: Option<&'a str>,
}

/// The answer's bytes.
pub(super) fn write(
    signer: &Signer,
    mode: &FaultMode,
    member: Member<'_>,
    reply: Reply,
) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
    let Reply { body, outgoing } = reply;
    let response = match body {
        Body::Message(content) => {
            let signature = signature(signer, mode, &content)?;
            json(&member.method.answer_member(), &content, signature.as_deref(), member.cert_sn)
        }
        Body::Cashier(url) => {
            Response { status: 302, headers: vec![("Location".to_owned(), url)], body: vec![] }
        }
    };
    Ok((response, outgoing))
}

/// What the gate answers to a request that it does not let in: under the call that it names, where it names
/// one, and without a signature.
pub(super) fn at_gate(method: Option<Method>, refusal: &Refusal) -> Response {
    let member = method.map_or_else(|| ERROR_MEMBER.to_owned(), Method::answer_member);
    json(&member, &wire::json_text(&refusal.head()), None, None)
}

fn json(member: &str, content: &str, signature: Option<&str>, cert_sn: Option<&str>) -> Response {
    let sign = signature.map(|signature| format!(r#","{SIGN}":"{signature}""#)).unwrap_or_default();
    let cert_sn = cert_sn.map(|sn| format!(r#","{CERT_SN}":"{sn}""#)).unwrap_or_default();
    let body = format!(r#"{{"{member}":{content}{cert_sn}{sign}}}"#);
    let headers = vec![("Content-Type".to_owned(), "text/html;charset=utf-8".to_owned())];
    Response { status: 200, headers, body: body.into_bytes() }
}

/// The signature of a text, if there is one. A bad one is over another text.
pub(super) fn signature(
    signer: &Signer,
    mode: &FaultMode,
    text: &str,
) -> Result<Option<String>, DocumentFault> {
    let text = match mode {
        FaultMode::Unsigned => return Ok(None),
        FaultMode::BadSignature | FaultMode::Probe => &format!("{text} "),
        FaultMode::Honest
        | FaultMode::WrongAmount
        | FaultMode::Error { .. }
        | FaultMode::Refund { .. }
        | FaultMode::Share { .. } => text,
    };
    let signature = signer.sign(text.as_bytes());
    signature.map(Some).map_err(|fault| DocumentFault(fault.to_string()))
}
