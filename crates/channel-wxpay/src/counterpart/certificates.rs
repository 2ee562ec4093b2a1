//! The platform certificates, each sealed with the merchant's APIv3 key.

use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::callback;
use crate::counterpart::platform_keys::{self, PlatformCertificate, Trust};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::parameter;
use crate::wire::{self, Certificates, SealedCertificate};
use channel::{CodecContext, DocumentFault};
use ledger::Timestamp;

pub(super) fn list(call: &CallContext<'_>) -> Result<Reply, Stop> {
    let none = |message| Err(Refusal::new("RESOURCE_NOT_EXISTS", message).into());
    match platform_keys::trust_of(call.documents, call.merchant)? {
        Trust::PublicKey => {
            return none("无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。");
        }
        // Every platform certificate is of RSA.
        Trust::Certificate | Trust::Switching
            if parameter(call.request, "algorithm_type").as_deref() == Some("SM2") =>
        {
            return none("无可用的平台证书");
        }
        Trust::Certificate | Trust::Switching => {}
    }
    let all = platform_keys::listed(call.world, call.documents)?;
    let sealed = all.iter().enumerate().map(|(place, one)| seal(call, one, place));
    Ok(Reply::json(200, &Certificates { data: sealed.collect::<Result<_, _>>()? }))
}

fn seal(
    call: &CallContext<'_>,
    one: &PlatformCertificate,
    place: usize,
) -> Result<SealedCertificate, DocumentFault> {
    let certificate = one.read()?;
    let pem = one.certificate_pem.as_bytes();
    let context = of_its_own(call.context, place);
    Ok(SealedCertificate {
        serial_no: certificate.serial,
        effective_time: wire::time_text(Timestamp::from_seconds(certificate.not_before)),
        expire_time: wire::time_text(Timestamp::from_seconds(certificate.not_after)),
        encrypt_certificate: callback::seal(call.merchant, "certificate", pem, &context)?,
    })
}

/// Two texts under one key must not share a nonce: each place in the list turns it further.
fn of_its_own(context: &CodecContext, place: usize) -> CodecContext {
    let nonce = context.nonce.chars().cycle().skip(place).take(context.nonce.chars().count());
    CodecContext { nonce: nonce.collect(), ..context.clone() }
}
