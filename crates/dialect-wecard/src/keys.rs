//! Who may call, with which key, and with which key we tell them.
//!
//! A tenant has any number of SecretIds; each has a shared secret or the public half of an RSA key.
//! Notifications are signed with the platform's RSA key when the tenant has any RSA key, else with the
//! tenant's own secret.

use crate::sign::SigningKey;
use crypto::rsa::{Signer, Verifier};
use crypto::{Secret, hash, text};
use kernel::TenantId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// Derived keys kept for each secret: yesterday's, today's, and a caller whose dates are odd.
const DERIVED_LEN_MAX: usize = 4;

/// Characters of a shared secret at least: a shorter one can be guessed.
pub const SECRET_LEN_MIN: usize = 16;

/// What a SecretId proves itself with.
#[derive(Debug)]
pub enum CallerKey {
    /// `TC3-HMAC-SHA256`: the shared SecretKey.
    Hmac(Secret),
    /// `SHA256withRSA`: the caller's public key.
    Rsa(Verifier),
}

/// A tenant's keys.
#[derive(Debug)]
pub struct TenantKeys {
    /// The tenant (ocode).
    pub tenant: TenantId,
    /// SecretIds with their keys; the first of a kind signs or names notifications.
    pub keys: Vec<(String, CallerKey)>,
}

/// Keys that cannot be used together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A SecretId that a header cannot carry.
    #[error("SecretId {secret_id:?}: want 1 to 128 letters, digits, _ and -")]
    SecretId {
        /// Which.
        secret_id: String,
    },
    /// A shared secret that can be guessed.
    #[error("SecretId {secret_id}: want a secret of at least {SECRET_LEN_MIN} characters")]
    Short {
        /// Which.
        secret_id: String,
    },
    /// Two keys have the same SecretId.
    #[error("SecretId {secret_id} appears twice")]
    Twice {
        /// Which.
        secret_id: String,
    },
}

/// Every tenant's keys, and the platform's own.
pub struct KeyRing {
    callers: HashMap<Arc<str>, RegisteredKey>,
    notifications: HashMap<TenantId, NotificationKey>,
    platform: Signer,
}

/// A SecretId's owner and key.
pub(crate) struct RegisteredKey {
    pub(crate) secret_id: Arc<str>,
    pub(crate) tenant: TenantId,
    pub(crate) key: KeyMaterial,
}

/// A key, ready to verify.
pub(crate) enum KeyMaterial {
    Hmac(SharedKey),
    Rsa(Verifier),
}

/// How a tenant's notifications are signed.
enum NotificationKey {
    Platform(Arc<str>),
    Shared(Arc<str>, Secret),
}

impl KeyRing {
    /// Puts keys together. `platform` signs notifications to tenants that have RSA keys.
    ///
    /// # Errors
    /// When a SecretId cannot be used or appears twice, or a shared secret is short.
    pub fn new(
        platform: Signer,
        tenants: impl IntoIterator<Item = TenantKeys>,
    ) -> Result<KeyRing, KeyFault> {
        let mut ring = KeyRing { callers: HashMap::new(), notifications: HashMap::new(), platform };
        for TenantKeys { tenant, keys } in tenants {
            for (secret_id, key) in keys {
                ring.add(&tenant, &secret_id, key)?;
            }
        }
        Ok(ring)
    }

    /// The public key with which callers verify notifications (收付通公钥), PEM.
    pub fn platform_public_pem(&self) -> String {
        self.platform.public_pem()
    }

    fn add(&mut self, tenant: &TenantId, secret_id: &str, key: CallerKey) -> Result<(), KeyFault> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=128).contains(&secret_id.len()) || !secret_id.bytes().all(plain) {
            return Err(KeyFault::SecretId { secret_id: secret_id.to_owned() });
        }
        if let CallerKey::Hmac(secret) = &key
            && secret.expose().trim().chars().count() < SECRET_LEN_MIN
        {
            return Err(KeyFault::Short { secret_id: secret_id.to_owned() });
        }
        let id: Arc<str> = Arc::from(secret_id);
        let Entry::Vacant(place) = self.callers.entry(id.clone()) else {
            return Err(KeyFault::Twice { secret_id: secret_id.to_owned() });
        };
        let known = self.notifications.get(tenant);
        let (key, notification) = match key {
            CallerKey::Hmac(secret) => {
                let notification =
                    known.is_none().then(|| NotificationKey::Shared(id.clone(), secret.clone()));
                (KeyMaterial::Hmac(SharedKey::new(secret)), notification)
            }
            CallerKey::Rsa(verifier) => {
                let first = !matches!(known, Some(NotificationKey::Platform(_)));
                (KeyMaterial::Rsa(verifier), first.then(|| NotificationKey::Platform(id.clone())))
            }
        };
        if let Some(notification) = notification {
            self.notifications.insert(tenant.clone(), notification);
        }
        place.insert(RegisteredKey { secret_id: id, tenant: tenant.clone(), key });
        Ok(())
    }

    pub(crate) fn caller(&self, secret_id: &str) -> Option<&RegisteredKey> {
        self.callers.get(secret_id)
    }

    /// The SecretId that notifications to a tenant name, and the key that signs them.
    pub(crate) fn notification_key(&self, tenant: &TenantId) -> Option<(&str, SigningKey<'_>)> {
        match self.notifications.get(tenant)? {
            NotificationKey::Platform(id) => Some((id, SigningKey::Rsa(&self.platform))),
            NotificationKey::Shared(id, secret) => Some((id, SigningKey::Hmac(secret))),
        }
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} SecretIds)", self.callers.len())
    }
}

/// A shared secret with the keys derived from it.
pub(crate) struct SharedKey {
    secret: Secret,
    derived: RwLock<Vec<Derived>>,
}

/// A key derived for a date and service. It lives as long as the secret that it comes from.
struct Derived {
    date: String,
    service: String,
    key: [u8; 32],
}

impl SharedKey {
    fn new(secret: Secret) -> SharedKey {
        SharedKey { secret, derived: RwLock::new(Vec::new()) }
    }

    /// Whether any of the texts has this signature. A derived key is kept only once it verified
    /// something, so that strangers cannot push the useful ones out.
    pub(crate) fn verifies(
        &self,
        (date, service): (&str, &str),
        texts: impl Iterator<Item = String>,
        signature: &str,
    ) -> bool {
        let kept = self.kept(date, service);
        let fresh = kept.is_none();
        let key = kept.unwrap_or_else(|| derive(&self.secret, date, service));
        let holds = |candidate: String| {
            let mac = text::hex(&hash::hmac_sha256(&key, candidate.as_bytes()));
            hash::equal(mac.as_bytes(), signature.as_bytes())
        };
        let mut texts = texts;
        let verified = texts.any(holds);
        if verified && fresh {
            self.keep(Derived { date: date.to_owned(), service: service.to_owned(), key });
        }
        verified
    }

    fn kept(&self, date: &str, service: &str) -> Option<[u8; 32]> {
        let derived = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        let known = derived.iter().find(|known| known.date == date && known.service == service)?;
        Some(known.key)
    }

    fn keep(&self, fresh: Derived) {
        let mut derived = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        if derived.len() == DERIVED_LEN_MAX {
            derived.remove(0);
        }
        derived.push(fresh);
    }
}

/// The key of a day and service: `HMAC(HMAC(HMAC("TC3" + secret, date), service), "tc3_request")`.
pub(crate) fn derive(secret: &Secret, date: &str, service: &str) -> [u8; 32] {
    let start = Secret::new(format!("TC3{}", secret.expose()));
    let day = hash::hmac_sha256(start.expose().as_bytes(), date.as_bytes());
    let of_service = hash::hmac_sha256(&day, service.as_bytes());
    hash::hmac_sha256(&of_service, crate::sign::TERMINATOR.as_bytes())
}
