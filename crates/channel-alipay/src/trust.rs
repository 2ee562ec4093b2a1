//! How the two sides know each other (加签模式): by bare keys, or by certificates.

use crate::certificates::Certificates;
use crate::sign::Signed;
use channel::PlatformKey;
use crypto::rsa::Verifier;
use ledger::Timestamp;

/// Which of the channel's signatures are believed.
pub(crate) enum Trust {
    /// 公钥模式: 支付宝公钥 alone.
    PublicKey(Verifier),
    /// 公钥证书模式.
    Certificates(Box<Certificates>),
}

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// No known certificate has this name.
    UnknownKey {
        /// The name, `alipay_cert_sn`.
        serial: String,
    },
    /// The key did not make this signature.
    Wrong,
}

impl Trust {
    /// The same with certificates that were fetched.
    pub(crate) fn with_fetched(self, fetched: &[PlatformKey]) -> Trust {
        match self {
            Trust::PublicKey(key) => Trust::PublicKey(key),
            Trust::Certificates(all) => Trust::Certificates(Box::new(all.with_fetched(fetched))),
        }
    }

    /// Whether an answer of now can be verified.
    pub(crate) fn holds(&self, now: Timestamp) -> bool {
        match self {
            Trust::PublicKey(_) => true,
            Trust::Certificates(certificates) => certificates.holds_any(now),
        }
    }

    /// Whether the channel made a signature.
    pub(crate) fn check(
        &self,
        text: &[u8],
        signed: &Signed<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureFault> {
        match self {
            Trust::PublicKey(key) if key.verify(text, signed.signature) => Ok(()),
            Trust::PublicKey(_) => Err(SignatureFault::Wrong),
            Trust::Certificates(certificates) => certificates.check(text, signed, now),
        }
    }
}
