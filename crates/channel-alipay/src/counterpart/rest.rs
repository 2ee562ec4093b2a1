//! The calls in their REST form (OpenAPI v3).
//!
//! The path names the call, the body is its content, and `Authorization` proves who sends both. An answer
//! is signed in its headers, except by the gate. What is answered is what the older form answers, without
//! its head: whether the call was carried out is the status.
//!
//! As Alipay's own SDK for Node.js sends it (`curl`), and as public clients verify the answers; codes
//! without their prefix and status 401 from its tests, the other statuses by general knowledge.

use crate::counterpart::admit::{self, check_certificates, check_near};
use crate::counterpart::answer::{self, Body, Reply};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::App;
use crate::counterpart::{AlipayCounterpart, CallContext, own_url};
use crate::method::Method;
use crate::sign::{APP_CERT_SN, ROOT_CERT_SN};
use crate::wire::{self, Parameters};
use channel::{
    CodecContext, DocumentFault, DocumentStore, FaultMode, OutgoingCallback, Request, Response,
};
use ledger::Timestamp;
use serde_json::{Map, Value, json};

/// What every path begins with.
pub(super) const PREFIX: &str = "/v3/alipay/";
/// What stands before the path that is a call's name.
const VERSION: &str = "/v3/";
/// What `Authorization` begins with.
const SCHEME: &str = "ALIPAY-SHA256withRSA ";
/// The headers of an answer that is signed.
const TIMESTAMP: &str = "alipay-timestamp";
const NONCE: &str = "alipay-nonce";
const SIGNATURE: &str = "alipay-signature";
/// The header that names the certificate which signed, in certificate mode.
const CERT_SN: &str = "alipay-sn";

/// The calls that are offered so.
const CALLS: [Method; 8] = [
    Method::Create,
    Method::Precreate,
    Method::Query,
    Method::Close,
    Method::Cancel,
    Method::Refund,
    Method::RefundQuery,
    Method::BillDownloadUrl,
];

/// The call that a path names.
pub(super) fn method(request: &Request) -> Option<Method> {
    let path = request.target().split('?').next()?;
    let name = path.strip_prefix(VERSION)?.replace('/', ".");
    Method::from_name(&name).filter(|method| CALLS.contains(method))
}

/// Answers a request whose path is of this form.
pub(super) fn receive(
    counterpart: &AlipayCounterpart,
    documents: &mut dyn DocumentStore,
    mode: &FaultMode,
    request: &Request,
    context: &CodecContext,
    system_now: Timestamp,
) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
    let Some(method) = method(request) else {
        return Ok((refused(404, "invalid-method", "不存在的方法名"), vec![]));
    };
    let admitted = match admit(counterpart, request, [context.now, system_now]) {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok((refusal_of(&refusal), vec![])),
    };
    let Admitted { app, parameters } = admitted;
    let cert_sn = counterpart.world.cert_sn(&parameters);
    let mut call = CallContext {
        app,
        documents,
        mode,
        parameters: &parameters,
        context,
        own_url: own_url(request),
    };
    let (response, outgoing) = match counterpart.carry_out(&mut call, method) {
        Ok(Reply { body: Body::Message(text), outgoing }) => {
            (json(200, &without_head(&text)), outgoing)
        }
        // None of these calls opens a page.
        Ok(Reply { body: Body::Cashier(_), outgoing }) => (json(200, &json!({})), outgoing),
        Err(Stop::Refused(refusal)) if refusal.is_of_gate() => {
            return Ok((refusal_of(&refusal), vec![]));
        }
        Err(Stop::Refused(refusal)) => (refusal_of(&refusal), vec![]),
        Err(Stop::Broken(fault)) => return Err(fault),
    };
    Ok((signed(counterpart, mode, context, response, cert_sn)?, outgoing))
}

/// A request that passed the gate.
struct Admitted<'a> {
    app: &'a App,
    /// What the older form would have as parameters.
    parameters: Parameters,
}

fn admit<'a>(
    counterpart: &'a AlipayCounterpart,
    request: &Request,
    clocks: [Timestamp; 2],
) -> Result<Admitted<'a>, Refusal> {
    let world = &counterpart.world;
    let missing = || Refusal::missing("isv.missing-timestamp", "缺少时间戳参数");
    let proof = request.header("Authorization").and_then(Proof::read).ok_or_else(missing)?;
    let app_id = proof.member("app_id").unwrap_or_default();
    let app = world
        .app(app_id)
        .ok_or_else(|| Refusal::invalid("isv.invalid-app-id", "无效的AppID参数"))?;
    let invalid = || Refusal::invalid("isv.invalid-timestamp", "非法的时间戳参数");
    let ms = proof.member("timestamp").and_then(|text| text.parse().ok()).ok_or_else(invalid)?;
    check_near(Timestamp::from_ms(ms), clocks)?;
    let mut parameters = content(request)?;
    for (name, value) in [
        (APP_CERT_SN, proof.member(APP_CERT_SN)),
        (ROOT_CERT_SN, request.header("alipay-root-cert-sn")),
        ("app_auth_token", request.header("alipay-app-auth-token")),
    ] {
        parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }
    check_certificates(world, app, &parameters)?;
    let text = proof.text(request);
    if !app.verifier.verify(&text, proof.signature) {
        return Err(Refusal::signature(&String::from_utf8_lossy(&text)));
    }
    Ok(Admitted { app: admit::acting(world, app, &parameters)?, parameters })
}

/// `Authorization`: who sends, when, and the signature over that and the request.
struct Proof<'a> {
    /// What is signed of it, as it stands.
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Proof<'a> {
    fn read(header: &'a str) -> Option<Proof<'a>> {
        let (signed, signature) = header.strip_prefix(SCHEME)?.rsplit_once(",sign=")?;
        Some(Proof { signed, signature })
    }

    fn member(&self, name: &str) -> Option<&'a str> {
        let members = self.signed.split(',').filter_map(|member| member.split_once('='));
        members.into_iter().find(|(known, _)| known.trim() == name).map(|(_, value)| value)
    }

    /// What the merchant signs.
    fn text(&self, request: &Request) -> Vec<u8> {
        let head = format!("{}\n{}\n{}\n", self.signed, request.method.name(), request.target());
        let token = request.header("alipay-app-auth-token").map(|token| format!("{token}\n"));
        let after_body = format!("\n{}", token.unwrap_or_default());
        [head.as_bytes(), &request.body, after_body.as_bytes()].concat()
    }
}

/// The content of a call, as the older form has it: of the query, where there is no body. Where the channel
/// sends its callback stands beside it there.
fn content(request: &Request) -> Result<Parameters, Refusal> {
    let wrong = || Refusal::field("body");
    let members: Map<String, Value> = match request.method {
        channel::Method::Get => {
            let query = request.target().split_once('?').map_or("", |(_, query)| query);
            let pairs = wire::read_form(query.as_bytes()).into_iter();
            pairs.map(|(name, value)| (name, Value::String(value))).collect()
        }
        channel::Method::Post => serde_json::from_slice(&request.body).map_err(|_| wrong())?,
    };
    let notify_url = members.get("notify_url").and_then(Value::as_str).map(str::to_owned);
    let mut parameters = Parameters::new();
    parameters.insert("biz_content".to_owned(), wire::json_text(&members));
    parameters.extend(notify_url.map(|url| ("notify_url".to_owned(), url)));
    Ok(parameters)
}

/// The answer of the older form, without the members that say whether the call was carried out.
fn without_head(text: &str) -> Value {
    let mut members: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    members.retain(|name, _| !["code", "msg"].contains(&&**name));
    Value::Object(members)
}

fn json(status: u16, content: &Value) -> Response {
    let headers = vec![("Content-Type".to_owned(), "application/json;charset=UTF-8".to_owned())];
    Response { status, headers, body: content.to_string().into_bytes() }
}

/// A refusal, with the status of its layer.
fn refusal_of(refusal: &Refusal) -> Response {
    let status = match (refusal.code, &*refusal.sub_code) {
        (_, "ACQ.SYSTEM_ERROR" | "SYSTEM_ERROR") | ("20000", _) => 500,
        (_, "isv.invalid-signature") | ("20001", _) => 401,
        ("40005", _) => 429,
        ("40006", _) => 403,
        (_, _) => 400,
    };
    let code = refusal.sub_code.split_once('.').map_or(&*refusal.sub_code, |(_, code)| code);
    refused(status, code, &refusal.sub_msg)
}

fn refused(status: u16, code: &str, message: &str) -> Response {
    json(status, &json!({ "code": code, "message": message }))
}

/// The answer with its signature over time, nonce and body, if there is one.
fn signed(
    counterpart: &AlipayCounterpart,
    mode: &FaultMode,
    context: &CodecContext,
    response: Response,
    cert_sn: Option<&str>,
) -> Result<Response, DocumentFault> {
    let (timestamp, nonce) = (context.now.ms().to_string(), &context.nonce);
    let body = String::from_utf8_lossy(&response.body);
    let text = format!("{timestamp}\n{nonce}\n{body}\n");
    let signature = answer::signature(&counterpart.world.signer, mode, &text)?;
    let mut headers = response.headers;
    if let Some(signature) = signature {
        let of_signature = [(TIMESTAMP, timestamp), (NONCE, nonce.clone()), (SIGNATURE, signature)];
        let cert_sn = cert_sn.map(|sn| (CERT_SN, sn.to_owned()));
        let all = of_signature.into_iter().chain(cert_sn);
        headers.extend(all.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(Response { headers, ..response })
}
