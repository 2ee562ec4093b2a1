//! The platform certificate, sealed with the merchant's APIv3 key.

use crate::counterpart::CallContext;
use crate::counterpart::answer::Reply;
use crate::counterpart::callback;
use crate::counterpart::refusal::Stop;
use crate::wire::{self, Certificates, SealedCertificate};

pub(super) fn list(call: &CallContext<'_>) -> Result<Reply, Stop> {
    let (from, until) = call.world.platform_validity();
    let platform = &call.world.platform;
    let sealed =
        callback::seal(call.merchant, "certificate", platform.pem.as_bytes(), call.context)?;
    let certificate = SealedCertificate {
        serial_no: platform.serial.clone(),
        effective_time: wire::time_text(from),
        expire_time: wire::time_text(until),
        encrypt_certificate: sealed,
    };
    Ok(Reply::json(200, &Certificates { data: vec![certificate] }))
}
