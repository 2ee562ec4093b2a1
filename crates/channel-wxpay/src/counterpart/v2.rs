//! The older interface of the simulated channel: WeChat Pay v2, over the same orders and refunds.
//!
//! Calls under `/secapi/` demand the merchant's certificate when the connection is made by TLS. Over plain
//! HTTP none can be shown, and none is demanded.
//!
//! - `admit`: whether a request is authentic. `words`: codes, and what is signed beside an answer.
//! - `order`, `trade`, `refund`, `code_pay`, `bill`: the calls.
//! - `papay`: agreements, and debits by them.
//! - `callback`: what merchants are notified of. `phone`: what their clients signed.

mod admit;
mod bill;
pub(super) mod callback;
mod code_pay;
mod order;
pub(super) mod papay;
pub(super) mod phone;
mod refund;
mod trade;
mod words;

use crate::counterpart::CallContext;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::World;
use crate::v2::sign::{SIGN, SignType};
use crate::v2::xml::{self, MESSAGE, Members};
use admit::Admitted;
use channel::{
    CodecContext, DocumentFault, DocumentStore, FaultMode, Method, OutgoingCallback, Request,
    Response,
};

/// A call.
#[derive(Clone, Copy)]
pub(in crate::counterpart::v2) enum Call {
    UnifiedOrder,
    Micropay,
    OpenIdOfCode,
    Query,
    Close,
    Reverse,
    Refund,
    QueryRefund,
    Bill,
    Debit,
    QueryDebit,
}

/// What a call comes to.
pub(in crate::counterpart::v2) enum Reply {
    /// Members beside those of every answer, and the callbacks that follow.
    Message(Members, Vec<OutgoingCallback>),
    /// A file; nothing signs it.
    File(Vec<u8>),
    /// A refusal of the calls that answer with files; nothing signs it either.
    Bare(Members),
}

impl Reply {
    fn message(members: Members) -> Reply {
        Reply::Message(members, vec![])
    }
}

/// The call that asks whose phone shows a code.
const OPENID_OF_CODE: &str = "/tools/authcodetoopenid";

/// Whether a path is of this interface.
pub(super) fn owns(path: &str) -> bool {
    papay::owns(path)
        || ["/pay/", "/secapi/pay/", OPENID_OF_CODE].iter().any(|begin| path.starts_with(begin))
}

/// The call's word at the fault control.
pub(super) fn operation(request: &Request) -> &'static str {
    match Call::read(request.target()) {
        _ if papay::owns(request.target()) => papay::operation(request.target()),
        Some(Call::UnifiedOrder | Call::Micropay | Call::Debit) => "create",
        Some(Call::Query | Call::QueryDebit) => "query",
        Some(Call::Close) => "close",
        Some(Call::Reverse) => "reverse",
        Some(Call::Refund) => "refund",
        Some(Call::QueryRefund) => "query_refund",
        Some(Call::Bill) => "bill",
        Some(Call::OpenIdOfCode) => "openid",
        None => "other",
    }
}

impl Call {
    /// Whether the connection must have been made under the merchant's certificate.
    const fn demands_certificate(self) -> bool {
        matches!(self, Call::Reverse | Call::Refund)
    }

    fn read(target: &str) -> Option<Call> {
        match target.split('?').next()? {
            "/pay/unifiedorder" => Some(Call::UnifiedOrder),
            "/pay/micropay" => Some(Call::Micropay),
            OPENID_OF_CODE => Some(Call::OpenIdOfCode),
            "/pay/orderquery" => Some(Call::Query),
            "/pay/closeorder" => Some(Call::Close),
            "/secapi/pay/reverse" => Some(Call::Reverse),
            "/secapi/pay/refund" => Some(Call::Refund),
            "/pay/refundquery" => Some(Call::QueryRefund),
            "/pay/downloadbill" => Some(Call::Bill),
            "/pay/pappayapply" | "/pay/partner/pappayapply" => Some(Call::Debit),
            "/pay/paporderquery" | "/pay/partner/paporderquery" => Some(Call::QueryDebit),
            _ => None,
        }
    }
}

/// Answers a request.
pub(super) fn receive(
    world: &World,
    documents: &mut dyn DocumentStore,
    mode: &FaultMode,
    request: &Request,
    context: &CodecContext,
) -> Result<(Response, Vec<OutgoingCallback>), DocumentFault> {
    if papay::owns(request.target()) {
        return papay::receive(world, documents, mode, request, context);
    }
    let Some(call) = Call::read(request.target()) else {
        return Ok((Response { status: 404, headers: vec![], body: vec![] }, vec![]));
    };
    if request.method != Method::Post {
        return Ok((at_gate("请使用post方法"), vec![]));
    }
    if call.demands_certificate() && admit::is_without_certificate(request) {
        return Ok((no_certificate(), vec![]));
    }
    let Admitted { merchant, key, sign_type, asked } = match admit::admit(world, request) {
        Ok(admitted) => admitted,
        Err(text) => return Ok((at_gate(text), vec![])),
    };
    if call.demands_certificate() && !admit::holds_certificate(merchant, request) {
        return Ok((at_gate("证书验证失败"), vec![]));
    }
    let v2 = Some(sign_type);
    let mut context_of_call =
        CallContext { world, merchant, documents, mode, request, context, v2 };
    let (answer, outgoing) = match carry_out(&mut context_of_call, call, &asked) {
        Ok(Reply::Message(members, outgoing)) => (members.with("result_code", "SUCCESS"), outgoing),
        Ok(Reply::File(body)) => return Ok((file(body, mode), vec![])),
        Ok(Reply::Bare(members)) => return Ok((response(members.write()), vec![])),
        Err(Stop::Refused(refusal)) => (words::refused(refusal), vec![]),
        Err(Stop::Broken(fault)) => return Err(fault),
    };
    let answer = words::beside(&asked, context, answer);
    let answer = signed(mode, sign_type, key, answer);
    Ok((response(unsorted(&answer, context)), outgoing))
}

fn carry_out(call: &mut CallContext<'_>, what: Call, asked: &Members) -> Result<Reply, Stop> {
    if let FaultMode::Error { code } = call.mode
        && !papay::debit::is_later(what, code)
    {
        return Err(Refusal::new(code.clone(), "沙箱指定的错误").into());
    }
    match what {
        Call::UnifiedOrder => order::create(call, asked),
        Call::Micropay => code_pay::create(call, asked),
        Call::OpenIdOfCode => code_pay::openid(call, asked),
        Call::Query => trade::query(call, asked),
        Call::Close => trade::close(call, asked),
        Call::Reverse => code_pay::reverse(call, asked),
        Call::Refund => refund::create(call, asked),
        Call::QueryRefund => refund::query(call, asked),
        Call::Bill => bill::download(call, asked),
        Call::Debit => papay::debit::create(call, asked),
        Call::QueryDebit => papay::debit::query(call, asked),
    }
}

/// What WeChat's server answers before it reads the request.
fn no_certificate() -> Response {
    let page = "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n\
                <body>\r\n<center><h1>400 Bad Request</h1></center>\r\n\
                <center>No required SSL certificate was sent</center>\r\n</body>\r\n</html>\r\n";
    Response { status: 400, headers: content_type("text/html"), body: page.into() }
}

/// What the gate answers to a request that it does not let in. It signs nothing.
fn at_gate(text: &str) -> Response {
    let refusal = Members::default().with("return_code", "FAIL").with("return_msg", text);
    response(refusal.write())
}

/// The message with its signature, as the fault wants it.
fn signed(
    mode: &FaultMode,
    sign_type: SignType,
    key: &crypto::Secret,
    message: Members,
) -> Members {
    match mode {
        FaultMode::Honest
        | FaultMode::WrongAmount
        | FaultMode::Error { .. }
        | FaultMode::Refund { .. }
        | FaultMode::Share { .. } => sign_type.signed(message, key),
        FaultMode::BadSignature | FaultMode::Probe => {
            let sign = sign_type.sign(&message.clone().with("other", "1"), key);
            message.with(SIGN, sign)
        }
        FaultMode::Unsigned => message,
    }
}

/// Members stand in any order: here by turns in the alphabet's and in the other.
fn unsorted(message: &Members, context: &CodecContext) -> Vec<u8> {
    match context.nonce.ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e']) {
        true => xml::write(MESSAGE, message.all().rev()),
        false => message.write(),
    }
}

fn response(body: Vec<u8>) -> Response {
    Response { status: 200, headers: content_type("text/plain"), body }
}

/// A bill. What goes wrong with its signature, where it has none, is that it is not whole.
fn file(mut body: Vec<u8>, mode: &FaultMode) -> Response {
    if matches!(mode, FaultMode::BadSignature | FaultMode::Probe | FaultMode::Unsigned) {
        body.truncate(body.len() / 2);
    }
    Response { status: 200, headers: content_type("text/plain; charset=utf-8"), body }
}

fn content_type(kind: &str) -> Vec<(String, String)> {
    vec![("Content-Type".to_owned(), kind.to_owned())]
}
