//! The gate: whether a request is authentic, by the `Authorization` header over method, target, time,
//! nonce and body. What it refuses is not signed.

use crate::counterpart::refusal::Refusal;
use crate::counterpart::route;
use crate::counterpart::world::{Merchant, World};
use crate::keys::same_serial;
use crate::sign::{self, Authorization};
use channel::Request;
use ledger::Timestamp;
use serde_json::{Value, json};

/// Bytes of the body that the gate shows of the text whose signature does not hold.
const SHOWN_BODY_LEN: usize = 8;

/// A request that passed the gate.
pub(super) struct Admitted<'a> {
    /// Who signed it.
    pub(super) merchant: &'a Merchant,
    /// Now, by the clock that the sender's agrees with: the answer is signed at this time.
    pub(super) senders_now: Timestamp,
}

/// The merchant who signed, or why the gate stays shut. `clocks` are the times that a sender may
/// have; the first that its own lies near to counts.
pub(super) fn admit<'a>(
    world: &'a World,
    request: &Request,
    clocks: [Timestamp; 2],
) -> Result<Admitted<'a>, Refusal> {
    check_headers(request)?;
    let authorization = request
        .header("Authorization")
        .and_then(Authorization::read)
        .ok_or_else(|| Refusal::sign(wrong_header(request)))?;
    let senders_now = senders_now(&authorization.timestamp, clocks)?;
    let merchant = world.merchant(&authorization.mchid).ok_or_else(|| Refusal::sign("签名错误"))?;
    if !same_serial(&authorization.serial_no, &merchant.serial) {
        return Err(Refusal::sign("商户证书序列号有误，请使用签名私钥匹配的证书序列号"));
    }
    let text = signed_text(request, &authorization, &request.body);
    match merchant.verifier.verify(&text, &authorization.signature) {
        true => Ok(Admitted { merchant, senders_now }),
        false => Err(wrong_signature(request, &authorization, text.len())),
    }
}

/// Calls about transactions do without these headers, all others do not.
fn check_headers(request: &Request) -> Result<(), Refusal> {
    let is_missing = |name: &&str| request.header(name).is_none_or(str::is_empty);
    match ["Accept", "User-Agent"].iter().any(is_missing) {
        true if !route::is_of_transactions(request.target()) => {
            Err(Refusal::of_gate("INVALID_REQUEST", "Http头缺少Accept或User-Agent"))
        }
        true | false => Ok(()),
    }
}

fn wrong_header(request: &Request) -> &'static str {
    match route::is_of_transactions(request.target()) {
        true => "签名信息错误，验签失败",
        false => "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》",
    }
}

fn senders_now(timestamp: &str, clocks: [Timestamp; 2]) -> Result<Timestamp, Refusal> {
    let seconds: i64 = timestamp
        .parse()
        .map_err(|_| Refusal::sign("Http头Authorization中的timestamp不是时间戳"))?;
    let is_near =
        |now: &Timestamp| now.seconds().abs_diff(seconds) < sign::CLOCK_SKEW_SECONDS.unsigned_abs();
    clocks.into_iter().find(is_near).ok_or_else(|| {
        Refusal::sign("Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    })
}

fn signed_text(request: &Request, authorization: &Authorization, body: &[u8]) -> Vec<u8> {
    let Authorization { timestamp, nonce_str, .. } = authorization;
    sign::request_text(request.method.name(), request.target(), timestamp, nonce_str, body)
}

/// The refusal shows what the signature should have been over, the body cut short.
fn wrong_signature(request: &Request, authorization: &Authorization, text_len: usize) -> Refusal {
    let message = match route::is_of_transactions(request.target()) {
        true => "签名错误",
        false => "错误的签名，验签失败",
    };
    let body = request.body.get(..SHOWN_BODY_LEN).unwrap_or(&request.body);
    let shown = signed_text(request, authorization, body);
    Refusal { detail: sign_information(request, &shown, text_len), ..Refusal::sign(message) }
}

fn sign_information(request: &Request, shown: &[u8], text_len: usize) -> Option<Value> {
    Some(json!({
        "field": "signature",
        "issue": "sign not match",
        "location": "authorization",
        "sign_information": {
            "method": request.method.name(),
            "url": request.target(),
            "truncated_sign_message": String::from_utf8_lossy(shown),
            "sign_message_length": text_len,
        },
    }))
}
