//! The channel's certificate, for an app in certificate mode that has not seen it.

use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::world::World;
use crate::wire::{self, CertificateAnswer, CertificateRequest};

/// The certificate of this name.
pub(super) fn download(call: &CallContext<'_>, world: &World) -> Result<Reply, Stop> {
    let content = call.parameter("biz_content").unwrap_or_default();
    let asked: CertificateRequest =
        wire::read(&content).map_err(|_| Refusal::field("biz_content"))?;
    let known = world.certificates.as_ref().filter(|known| known.cert_sn == asked.alipay_cert_sn);
    let known = known.ok_or_else(|| Refusal::field("alipay_cert_sn"))?;
    let alipay_cert_content = crypto::text::base64(known.pem.as_bytes());
    Ok(Reply::done(CertificateAnswer { alipay_cert_content }))
}
