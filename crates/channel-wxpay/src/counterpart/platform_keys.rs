//! Which of the channel's keys signs for a merchant: the kind that the merchant trusts, and the platform
//! certificates, of which there are two while one takes the place of the other.

use crate::counterpart::CallContext;
use crate::counterpart::records;
use crate::counterpart::world::{Merchant, NamedKey, World};
use crate::sign;
use channel::{CodecContext, DocumentFault, DocumentStore};
use crypto::SealFault;
use crypto::certificate::{self, Certificate};
use crypto::rsa::{self, Signer};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The merchants' kinds of trust stand under this, by number.
const TRUSTS: &str = "wxpay/trust/";
/// The platform certificates, once they are others than the world's.
const CERTIFICATES: &str = "wxpay/certificates";
/// The name in a platform certificate.
const PLATFORM_NAME: &str = "Tenpay.com sign";
/// A platform certificate is valid for five years, in seconds.
const CERTIFICATE_SECONDS: i64 = 5 * 365 * 24 * 3600;

/// By what a merchant knows the channel. Each has one kind, and both only while it switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// By platform certificates: the public key signs nothing.
    Certificate,
    /// By WeChat Pay's public key: there are no certificates.
    PublicKey,
    /// By both: an answer is signed by the key that the request names, a callback by either.
    Switching,
}

/// A platform certificate with its private key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct PlatformCertificate {
    pub(super) private_key_pem: String,
    pub(super) certificate_pem: String,
}

impl PlatformCertificate {
    pub(super) fn read(&self) -> Result<Certificate, DocumentFault> {
        Certificate::read(&self.certificate_pem).map_err(broken)
    }
}

/// The kind that a merchant trusts now.
pub(super) fn trust_of(
    documents: &dyn DocumentStore,
    merchant: &Merchant,
) -> Result<Trust, DocumentFault> {
    let changed = records::read(documents, &format!("{TRUSTS}{}", merchant.mchid))?;
    Ok(changed.unwrap_or(merchant.trust))
}

/// Changes the kind that a merchant trusts.
pub(super) fn set_trust(
    documents: &mut dyn DocumentStore,
    merchant: &Merchant,
    trust: Trust,
) -> Result<(), DocumentFault> {
    records::write(documents, &format!("{TRUSTS}{}", merchant.mchid), &trust)
}

/// The key that signs an answer: a merchant who switches names it in its request.
pub(super) fn signer_of_answer(call: &CallContext<'_>) -> Result<Arc<NamedKey>, DocumentFault> {
    let CallContext { world, merchant, documents, request, .. } = call;
    let names_public_key = request.header(sign::SERIAL) == Some(&*world.public_key.serial);
    match trust_of(*documents, merchant)? {
        Trust::PublicKey => Ok(world.public_key.clone()),
        Trust::Switching if names_public_key => Ok(world.public_key.clone()),
        Trust::Certificate | Trust::Switching => key_of_newest(world, *documents),
    }
}

/// The key that signs a callback; `nonce` decides where chance does.
pub(super) fn signer_of_callback(
    world: &World,
    documents: &dyn DocumentStore,
    merchant: &Merchant,
    nonce: &str,
) -> Result<Arc<NamedKey>, DocumentFault> {
    let even = nonce.bytes().map(u32::from).sum::<u32>() % 2 == 0;
    match trust_of(documents, merchant)? {
        Trust::PublicKey => Ok(world.public_key.clone()),
        Trust::Switching if !even => Ok(world.public_key.clone()),
        Trust::Certificate | Trust::Switching => key_of_newest(world, documents),
    }
}

/// The platform certificates that are handed out, oldest first. The last one signs.
pub(super) fn listed(
    world: &World,
    documents: &dyn DocumentStore,
) -> Result<Vec<PlatformCertificate>, DocumentFault> {
    let changed = records::read(documents, CERTIFICATES)?;
    Ok(changed.unwrap_or_else(|| vec![world.platform.clone()]))
}

/// Makes a platform certificate, which signs from now on; those before it stay in the list.
pub(super) fn rotate(
    world: &World,
    documents: &mut dyn DocumentStore,
    context: &CodecContext,
) -> Result<Certificate, DocumentFault> {
    let (made, certificate) = make(context.now).map_err(broken)?;
    let mut all = listed(world, documents)?;
    all.push(made);
    records::write(documents, CERTIFICATES, &all)?;
    Ok(certificate)
}

/// Drops all platform certificates but the one that signs. The result is how many went.
pub(super) fn drop_old(
    world: &World,
    documents: &mut dyn DocumentStore,
) -> Result<usize, DocumentFault> {
    let mut all = listed(world, documents)?;
    let dropped = all.len().saturating_sub(1);
    all.drain(..dropped);
    records::write(documents, CERTIFICATES, &all)?;
    Ok(dropped)
}

/// The platform certificate that signs.
pub(super) fn newest(
    world: &World,
    documents: &dyn DocumentStore,
) -> Result<PlatformCertificate, DocumentFault> {
    let last = listed(world, documents)?.pop();
    Ok(last.unwrap_or_else(|| world.platform.clone()))
}

/// The key of the certificate that signs.
fn key_of_newest(
    world: &World,
    documents: &dyn DocumentStore,
) -> Result<Arc<NamedKey>, DocumentFault> {
    let newest = newest(world, documents)?;
    // Most worlds never rotate: their key was read once.
    if newest.certificate_pem == world.platform.certificate_pem {
        return Ok(world.certificate.clone());
    }
    let signer = Signer::from_pem(&newest.private_key_pem).map_err(broken)?;
    Ok(Arc::new(NamedKey { serial: newest.read()?.serial, signer }))
}

fn make(now: Timestamp) -> Result<(PlatformCertificate, Certificate), SealFault> {
    let (from, private_key_pem) = (now.seconds(), rsa::generate()?);
    let until = from.saturating_add(CERTIFICATE_SECONDS);
    let certificate = certificate::self_signed(&private_key_pem, PLATFORM_NAME, from, until)?;
    let certificate_pem = certificate.pem.clone();
    Ok((PlatformCertificate { private_key_pem, certificate_pem }, certificate))
}

fn broken(fault: SealFault) -> DocumentFault {
    DocumentFault(fault.to_string())
}
