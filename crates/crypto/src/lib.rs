//! Signatures, hashes, certificates and sealed secrets: the only crate that touches cryptography.
//!
//! Everything here is a function of its arguments, except [`random`] and the making of keys. This
//! crate knows no money and no vendor; it fixes no protocol, only the primitives that protocols name.
//! The one provider is aws-lc-rs.
//!
//! - [`hash`]: SHA-256, HMAC, comparison in constant time.
//! - [`md5_hex`]: MD5, where a channel demands it.
//! - [`text`]: hex and Base64.
//! - [`random`]: bytes that nobody can guess.
//! - [`rsa`]: RSA signatures (PKCS#1 v1.5 and PSS, with SHA-256), sealing (OAEP), their keys as PEM.
//! - [`certificate`]: X.509 certificates: read, self-signed, issued.
//! - [`aead`]: sealing with AES-256-GCM. [`ecb`]: AES-256-ECB, where a channel seals so.
//! - [`master`]: the keys that secrets in a database are sealed under.
//! - [`Secret`]: text that prints stars and wipes itself.

pub mod aead;
pub mod certificate;
pub mod ecb;
pub mod hash;
mod key_text;
pub mod master;
mod md5;
mod pem;
pub mod random;
pub mod rsa;
mod secret;
pub mod text;

pub use master::MasterKeys;
pub use md5::md5_hex;
pub use secret::{Secret, SecretFault};

/// What can go wrong. Carries no secret material.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealFault {
    /// A key cannot be used.
    #[error("{what}")]
    BadKey {
        /// What was found and what is wanted.
        what: &'static str,
    },
    /// A certificate cannot be used or made.
    #[error("{why}")]
    BadCertificate {
        /// What was found and what is wanted.
        why: &'static str,
    },
    /// Text is not in its encoding.
    #[error("text: {what}")]
    BadText {
        /// What was wanted.
        what: &'static str,
    },
    /// Signing failed.
    #[error("signing failed")]
    Sign,
    /// Sealing failed: the nonce has the wrong length.
    #[error("sealing failed, nonce of 12 bytes wanted")]
    Seal,
    /// There is more to seal than the key takes.
    #[error("too long to be sealed with this key")]
    TooLong,
    /// The sealed bytes do not open with this key, nonce and associated data.
    #[error("sealed bytes do not open")]
    Open,
}
