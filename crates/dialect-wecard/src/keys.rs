//! Callers' keys at work: verifying with a shared secret, and choosing the key that signs a tenant's
//! notifications.
//!
//! A tenant has any number of SecretIds; each has a shared secret or the public half of an RSA key. They
//! are rows of the directory, and the engine knows those that are valid now.

use crate::sign::{SigningKey, TERMINATOR};
use crypto::rsa::Signer;
use crypto::{Secret, hash, text};
use engine::{Engine, RegisteredCaller, RegisteredProof};
use std::sync::Arc;

/// Knows the callers that may prove themselves.
pub(crate) trait Callers {
    /// The caller whose key has this SecretId.
    fn caller(&self, secret_id: &str) -> Option<Arc<RegisteredCaller>>;
}

impl Callers for Engine {
    fn caller(&self, secret_id: &str) -> Option<Arc<RegisteredCaller>> {
        Engine::caller(self, secret_id)
    }
}

/// The SecretId that notifications to a tenant name, and the key that signs them: the platform's for
/// the tenant's first RSA key, else the tenant's first secret.
pub(crate) fn notification_key<'k>(
    platform: &'k Signer,
    callers: &'k [Arc<RegisteredCaller>],
) -> Option<(&'k str, SigningKey<'k>)> {
    let rsa = callers.iter().find(|caller| matches!(caller.proof, RegisteredProof::Rsa(_)));
    let caller = rsa.or(callers.first())?;
    let key = match &caller.proof {
        RegisteredProof::Rsa(_) => SigningKey::Rsa(platform),
        RegisteredProof::Hmac(secret) => SigningKey::Hmac(secret),
    };
    Some((&caller.key_id, key))
}

/// Whether any of the texts has this signature under a secret's key of a day and service.
pub(crate) fn verifies(
    secret: &Secret,
    (date, service): (&str, &str),
    mut texts: impl Iterator<Item = String>,
    signature: &str,
) -> bool {
    let key = derive(secret, date, service);
    texts.any(|candidate| {
        let mac = text::hex(&hash::hmac_sha256(&key, candidate.as_bytes()));
        hash::equal(mac.as_bytes(), signature.as_bytes())
    })
}

/// The key of a day and service: `HMAC(HMAC(HMAC("TC3" + secret, date), service), "tc3_request")`.
pub(crate) fn derive(secret: &Secret, date: &str, service: &str) -> [u8; 32] {
    let start = Secret::new(format!("TC3{}", secret.expose()));
    let day = hash::hmac_sha256(start.expose().as_bytes(), date.as_bytes());
    let of_service = hash::hmac_sha256(&day, service.as_bytes());
    hash::hmac_sha256(&of_service, TERMINATOR.as_bytes())
}
