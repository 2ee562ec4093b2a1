//! Whether a request is authentic: the `Authorization` header over method, target, time, nonce, body.

use crate::counterpart::refusal::Refusal;
use crate::counterpart::world::{Merchant, World};
use crate::sign::{self, Authorization};
use channel::{CodecContext, Request};

/// The merchant who signed, or why nobody did.
pub(super) fn admit<'a>(
    world: &'a World,
    request: &Request,
    context: &CodecContext,
) -> Result<&'a Merchant, Refusal> {
    if ["Accept", "User-Agent"].iter().any(|name| request.header(name).is_none_or(str::is_empty)) {
        return Err(Refusal::new("PARAM_ERROR", "Http头缺少Accept或User-Agent"));
    }
    let header =
        request.header("Authorization").ok_or_else(|| Refusal::sign("Http头缺少Authorization"))?;
    let authorization = Authorization::read(header)
        .ok_or_else(|| Refusal::sign("Http头Authorization值格式错误，请参考签名规则"))?;
    let merchant =
        world.merchant(&authorization.mchid).ok_or_else(|| Refusal::sign("商户号不存在"))?;
    if !authorization.serial_no.eq_ignore_ascii_case(&merchant.serial) {
        return Err(Refusal::sign("商户证书序列号有误，请使用签名私钥匹配的证书序列号"));
    }
    check_time(&authorization.timestamp, context)?;
    let text = sign::request_text(
        request.method.name(),
        request.target(),
        &authorization.timestamp,
        &authorization.nonce_str,
        &request.body,
    );
    match merchant.verifier.verify(&text, &authorization.signature) {
        true => Ok(merchant),
        false => Err(Refusal::sign("签名错误，请检查后再试")),
    }
}

fn check_time(timestamp: &str, context: &CodecContext) -> Result<(), Refusal> {
    let seconds: i64 = timestamp
        .parse()
        .map_err(|_| Refusal::sign("Http头Authorization中的timestamp不是时间戳"))?;
    match context.now.seconds().abs_diff(seconds) < sign::CLOCK_SKEW_SECONDS.unsigned_abs() {
        true => Ok(()),
        false => {
            Err(Refusal::sign("Http头Authorization中的timestamp与发起请求的时间相差超过5分钟"))
        }
    }
}
