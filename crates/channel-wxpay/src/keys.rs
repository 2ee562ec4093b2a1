//! The channel's signing keys, and whether a signature holds.
//!
//! Public key, pinned certificate and fetched certificates are kept side by side: while a merchant
//! switches from certificates to the public key, callbacks are signed with either.

use crate::settings::Account;
use crate::sign::{CLOCK_SKEW_SECONDS, PROBE, PUBLIC_KEY_ID, Signed};
use crate::wire;
use channel::{EncodeFault, PlatformKey};
use crypto::certificate::Certificate;
use crypto::rsa::{Sealer, Verifier};
use ledger::Timestamp;

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    /// A header is missing.
    #[error("not signed")]
    Unsigned,
    /// The signature's time is unreadable.
    #[error("signed at a time that is not in Unix seconds")]
    NoTime,
    /// The signature's time is too far from ours.
    #[error("signed {ahead_seconds} s ahead of our clock")]
    Clock {
        /// How far it is ahead of our clock, in seconds.
        ahead_seconds: i64,
    },
    /// It is signed with a public key, which is not fetched.
    #[error("signed with {id}: configure public_key_id and public_key_pem")]
    NoPublicKey {
        /// The key's id.
        id: String,
    },
    /// The key of that name does not hold any more, or not yet.
    #[error("signed with certificate {serial}, which {why}")]
    Outdated {
        /// The key's name.
        serial: String,
        /// Until or from when it holds.
        why: String,
    },
    /// There is no key of that name.
    #[error("signed with an unknown key {serial}")]
    UnknownKey {
        /// The key's name.
        serial: String,
    },
    /// The channel probes whether we verify.
    #[error("probe signature")]
    Probe,
    /// The key did not make this signature.
    #[error("wrong signature")]
    Wrong,
    /// The list of certificates that should hold the key cannot be read.
    #[error("certificates: {why}")]
    Unreadable {
        /// What was found and what was wanted.
        why: String,
    },
}

/// A key of the channel that seals for it, by the name that goes with what it sealed.
pub(crate) struct SealingKey {
    pub(crate) serial: String,
    sealer: Sealer,
}

impl SealingKey {
    /// Seals a text; every call gives another one.
    pub(crate) fn seal(&self, plain: &str) -> Result<String, EncodeFault> {
        let sealed = self.sealer.seal(plain.as_bytes());
        sealed.map_err(|why| EncodeFault::unsupported("name", why.to_string()))
    }
}

/// The keys, by name.
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    serial: String,
    pem: String,
    verifier: Verifier,
    /// From and until when it holds; the public key has no end.
    valid: Option<(Timestamp, Timestamp)>,
}

impl Keyring {
    /// The configured keys of an account and the fetched ones.
    pub(crate) fn new(account: &Account, fetched: &[PlatformKey]) -> Keyring {
        let public = account.public_key.as_ref().and_then(|public| {
            let verifier = Verifier::from_public_pem(&public.pem).ok()?;
            let (serial, pem) = (public.id.clone(), public.pem.clone());
            Some(Key { serial, pem, verifier, valid: None })
        });
        let pinned = account.pinned.as_ref().map(platform_key);
        let certificates = pinned.iter().chain(fetched).filter_map(Key::read);
        Keyring { keys: public.into_iter().chain(certificates).collect() }
    }

    /// Fetched keys alone.
    pub(crate) fn of(fetched: &[PlatformKey]) -> Keyring {
        Keyring { keys: fetched.iter().filter_map(Key::read).collect() }
    }

    /// Whether any key holds now.
    pub(crate) fn holds_any(&self, now: Timestamp) -> bool {
        self.keys.iter().any(|key| key.holds(now))
    }

    /// The key to seal with: the public key where there is one, else the newest certificate that holds.
    /// Without any nothing is wrong with what was asked: keys are fetched.
    pub(crate) fn sealing_key(&self, now: Timestamp) -> Result<SealingKey, EncodeFault> {
        let holding = self.keys.iter().filter(|key| key.holds(now));
        let public = holding.clone().find(|key| key.valid.is_none());
        let key = public.or_else(|| holding.max_by_key(|key| key.valid));
        let key = key.ok_or_else(|| EncodeFault::internal("no key of the channel to seal with"))?;
        let sealer = Sealer::from_certificate_pem(&key.pem)
            .or_else(|_| Sealer::from_public_pem(&key.pem))
            .map_err(|why| EncodeFault::Account { name: "public_key_pem", why: why.to_string() })?;
        Ok(SealingKey { serial: key.serial.clone(), sealer })
    }

    /// Whether a signature holds now.
    pub(crate) fn check(
        &self,
        signed: Option<Signed<'_>>,
        now: Timestamp,
    ) -> Result<(), SignatureFault> {
        let signed = signed.ok_or(SignatureFault::Unsigned)?;
        if signed.signature.starts_with(PROBE) {
            return Err(SignatureFault::Probe);
        }
        check_time(signed.timestamp, now)?;
        let named = self.named(signed.serial, now)?;
        let text = signed.text();
        if named.iter().any(|key| key.verifier.verify(&text, signed.signature)) {
            Ok(())
        } else {
            Err(SignatureFault::Wrong)
        }
    }

    /// The keys of this name that hold now: at least one.
    fn named(&self, serial: &str, now: Timestamp) -> Result<Vec<&Key>, SignatureFault> {
        let named: Vec<&Key> =
            self.keys.iter().filter(|key| same_serial(&key.serial, serial)).collect();
        let name = || serial.to_owned();
        match named.first().and_then(|key| key.valid) {
            _ if named.iter().any(|key| key.holds(now)) => {
                Ok(named.into_iter().filter(|key| key.holds(now)).collect())
            }
            Some((_, until)) if until < now => {
                let why = format!("expired on {}", wire::time_text(until));
                Err(SignatureFault::Outdated { serial: name(), why })
            }
            Some((from, _)) => {
                let why = format!("holds only from {}", wire::time_text(from));
                Err(SignatureFault::Outdated { serial: name(), why })
            }
            None if serial.starts_with(PUBLIC_KEY_ID) => {
                Err(SignatureFault::NoPublicKey { id: name() })
            }
            None => Err(SignatureFault::UnknownKey { serial: name() }),
        }
    }
}

impl Key {
    /// `None` for a key that cannot be read: it is then unknown, and unknown keys are fetched again.
    fn read(key: &PlatformKey) -> Option<Key> {
        let certificate = Verifier::from_certificate_pem(&key.pem);
        let verifier = certificate.or_else(|_| Verifier::from_public_pem(&key.pem)).ok()?;
        let valid = Some((key.valid_from, key.valid_until));
        Some(Key { serial: key.serial.clone(), pem: key.pem.clone(), verifier, valid })
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.valid.is_none_or(|(from, until)| from <= now && now <= until)
    }
}

/// The key in a platform certificate, valid as long as the certificate.
pub(crate) fn platform_key(certificate: &Certificate) -> PlatformKey {
    PlatformKey {
        serial: certificate.serial.clone(),
        pem: certificate.pem.clone(),
        valid_from: Timestamp::from_seconds(certificate.not_before),
        valid_until: Timestamp::from_seconds(certificate.not_after),
    }
}

/// Whether two names mean one key. The serial of a certificate is a number: it is written in either case,
/// with and without zeros in front. The id of a public key is text.
pub(crate) fn same_serial(a: &str, b: &str) -> bool {
    let is_hex =
        |serial: &str| !serial.is_empty() && serial.bytes().all(|digit| digit.is_ascii_hexdigit());
    let digits = |serial: &str| serial.trim_start_matches('0').to_ascii_uppercase();
    a == b || (is_hex(a) && is_hex(b) && digits(a) == digits(b))
}

fn check_time(timestamp: &str, now: Timestamp) -> Result<(), SignatureFault> {
    let signed_at = timestamp.parse::<i64>().map_err(|_| SignatureFault::NoTime)?;
    match signed_at.saturating_sub(now.seconds()) {
        ahead_seconds if ahead_seconds.unsigned_abs() < CLOCK_SKEW_SECONDS.unsigned_abs() => Ok(()),
        ahead_seconds => Err(SignatureFault::Clock { ahead_seconds }),
    }
}
