//! The channel's signing keys, and whether a signature holds.
//!
//! Public key, pinned certificate and fetched certificates are kept side by side: while a merchant
//! switches from certificates to the public key, callbacks are signed with either.

use crate::settings::Account;
use crate::sign::{CLOCK_SKEW_SECONDS, PROBE, Signed};
use channel::PlatformKey;
use crypto::certificate::Certificate;
use crypto::rsa::Verifier;
use ledger::Timestamp;

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    /// A header is missing.
    #[error("not signed")]
    Unsigned,
    /// The signature's time is unreadable, or too far from ours.
    #[error("signed at {timestamp}, it is {now}")]
    Clock {
        /// What the header says.
        timestamp: String,
        /// Our time, Unix seconds.
        now: i64,
    },
    /// No key of that name holds now.
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

/// The keys, by name.
pub(crate) struct Keyring {
    keys: Vec<Key>,
}

struct Key {
    serial: String,
    verifier: Verifier,
    /// From and until when it holds; the public key has no end.
    valid: Option<(Timestamp, Timestamp)>,
}

impl Keyring {
    /// The configured keys of an account and the fetched ones.
    pub(crate) fn new(account: &Account, fetched: &[PlatformKey]) -> Keyring {
        let public = account.public_key.as_ref().and_then(|public| {
            let verifier = Verifier::from_public_pem(&public.pem).ok()?;
            Some(Key { serial: public.id.clone(), verifier, valid: None })
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
        if !is_near(signed.timestamp, now) {
            let timestamp = signed.timestamp.into();
            return Err(SignatureFault::Clock { timestamp, now: now.seconds() });
        }
        let mut named = self.keys.iter().filter(|key| key.is_named(signed.serial, now)).peekable();
        if named.peek().is_none() {
            return Err(SignatureFault::UnknownKey { serial: signed.serial.into() });
        }
        let text = signed.text();
        if named.any(|key| key.verifier.verify(&text, signed.signature)) {
            Ok(())
        } else {
            Err(SignatureFault::Wrong)
        }
    }
}

impl Key {
    /// `None` for a key that cannot be read: it is then unknown, and unknown keys are fetched again.
    fn read(key: &PlatformKey) -> Option<Key> {
        let certificate = Verifier::from_certificate_pem(&key.pem);
        let verifier = certificate.or_else(|_| Verifier::from_public_pem(&key.pem)).ok()?;
        let valid = Some((key.valid_from, key.valid_until));
        Some(Key { serial: key.serial.clone(), verifier, valid })
    }

    fn is_named(&self, serial: &str, now: Timestamp) -> bool {
        self.serial == serial && self.holds(now)
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

fn is_near(timestamp: &str, now: Timestamp) -> bool {
    timestamp
        .parse::<i64>()
        .is_ok_and(|signed| signed.abs_diff(now.seconds()) < CLOCK_SKEW_SECONDS.unsigned_abs())
}
