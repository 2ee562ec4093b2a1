//! The platform certificate, sealed with the merchant's APIv3 key.

use crate::counterpart::Visit;
use crate::counterpart::answer::Reply;
use crate::counterpart::callback;
use crate::counterpart::refusal::Stop;
use crate::wire::{self, Certificates, SealedCertificate};

pub(super) fn list(visit: &Visit<'_>) -> Result<Reply, Stop> {
    let (from, until) = visit.world.platform_validity();
    let platform = &visit.world.platform;
    let sealed =
        callback::seal(visit.merchant, "certificate", platform.pem.as_bytes(), visit.draw)?;
    let certificate = SealedCertificate {
        serial_no: platform.serial.clone(),
        effective_time: wire::time_text(from),
        expire_time: wire::time_text(until),
        encrypt_certificate: sealed,
    };
    Ok(Reply::json(200, &Certificates { data: vec![certificate] }))
}
