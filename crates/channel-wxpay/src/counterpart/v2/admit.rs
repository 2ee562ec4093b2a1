//! The gate: whether a request is authentic, by the signature over its members.

use crate::counterpart::world::{Merchant, World};
use crate::v2::sign::{SIGN, SIGN_TYPE, SignType};
use crate::v2::xml::Members;
use channel::{CLIENT_CERT_HEADER, FORWARDED_PROTO_HEADER, Request};
use crypto::Secret;

/// Characters of `nonce_str`.
const NONCE_LEN_MAX: usize = 32;

/// A request that passed the gate.
pub(super) struct Admitted<'a> {
    /// Who signed it.
    pub(super) merchant: &'a Merchant,
    /// The merchant's API key.
    pub(super) key: &'a Secret,
    /// What the answer is signed with, as the request was.
    pub(super) sign_type: SignType,
    pub(super) asked: Members,
}

/// The merchant who signed, or why the gate stays shut.
pub(super) fn admit<'a>(world: &'a World, request: &Request) -> Result<Admitted<'a>, &'static str> {
    let asked = Members::read(&request.body).map_err(|_| "XML格式错误")?;
    let nonce = asked.get("nonce_str").ok_or("nonce_str不能为空")?;
    if nonce.chars().count() > NONCE_LEN_MAX {
        return Err("nonce_str参数长度有误");
    }
    admit_members(world, asked)
}

/// The same of members, wherever they stand, and with or without a nonce.
pub(super) fn admit_members(world: &World, asked: Members) -> Result<Admitted<'_>, &'static str> {
    let mchid = asked.get("mch_id").ok_or("商户号mch_id不能为空")?;
    let merchant = world.merchant(mchid).ok_or("商户号mch_id不存在")?;
    let appid = asked.get("appid").ok_or("appid不能为空")?;
    if !merchant.appids.iter().any(|known| known == appid) {
        return Err("appid和mch_id不匹配，请检查后再试");
    }
    let sign_type = sign_type(&asked)?;
    let key = merchant.api_v2_key.as_ref().ok_or("商户未设置APIv2密钥")?;
    match asked.get(SIGN) == Some(&sign_type.sign(&asked, key)) {
        true => Ok(Admitted { merchant, key, sign_type, asked }),
        false => Err("签名错误，请检查后再试"),
    }
}

/// Whether the connection was made by TLS, and the client showed no certificate.
pub(super) fn is_without_certificate(request: &Request) -> bool {
    is_by_tls(request) && request.header(CLIENT_CERT_HEADER).is_none()
}

/// Whether the client proved itself with the merchant's certificate, where it could.
pub(super) fn holds_certificate(merchant: &Merchant, request: &Request) -> bool {
    let shown = request.header(CLIENT_CERT_HEADER).map(|text| text.trim_matches(':'));
    !is_by_tls(request) || shown == Some(&*merchant.certificate)
}

fn is_by_tls(request: &Request) -> bool {
    request.header(FORWARDED_PROTO_HEADER) == Some("https")
}

/// A request that names none is signed with MD5.
fn sign_type(asked: &Members) -> Result<SignType, &'static str> {
    match asked.get(SIGN_TYPE) {
        None => Ok(SignType::Md5),
        Some(name) => SignType::from_name(name).ok_or("sign_type参数有误"),
    }
}
