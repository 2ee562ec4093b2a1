//! What people hand over in the place of a key: the wrong half, a certificate, a file that a tool wrote
//! in another form. Each has a message of its own, for the person who must find the right file.

use crate::{SealFault, text};
use x509_parser::prelude::{FromDer as _, SubjectPublicKeyInfo};
use x509_parser::public_key::{PublicKey, RSAPublicKey};

/// The least size of an RSA key, in bits.
const BITS_MIN: usize = 2048;
/// The greatest.
const BITS_MAX: usize = 8192;

/// What is wrong with a text that is not a whole PEM block.
pub(crate) fn not_pem(given: &str) -> SealFault {
    let bare: String = given.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    let what = if bare.is_empty() {
        "empty, want PEM"
    } else if given.contains("ENCRYPTED") {
        ENCRYPTED
    } else if given.contains("-----BEGIN ") {
        "a damaged PEM block, want BEGIN and END lines and whole Base64 between them"
    } else if text::from_base64(&bare).is_ok() {
        "bare Base64, want PEM: with its BEGIN and END lines"
    } else {
        "no PEM, want a text that begins with -----BEGIN"
    };
    bad(what)
}

const ENCRYPTED: &str = "a key with a password, want one without: openssl pkey -in FILE";

/// What stands in the place of a private key, by the label of its PEM block.
pub(crate) fn not_private(label: &str) -> SealFault {
    bad(match label {
        "ENCRYPTED PRIVATE KEY" => ENCRYPTED,
        "CERTIFICATE" => "a certificate, want the private key that belongs to it",
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            "a certificate request, want the private key that belongs to it"
        }
        "PUBLIC KEY" | "RSA PUBLIC KEY" => "a public key, want the private key",
        "EC PRIVATE KEY" | "EC PARAMETERS" => "an EC key, want an RSA key",
        "OPENSSH PRIVATE KEY" => "an OpenSSH key, want an RSA key as PKCS#8 or PKCS#1",
        _ => "PEM of another kind, want BEGIN PRIVATE KEY or BEGIN RSA PRIVATE KEY",
    })
}

/// What is wrong with the bytes of a private key, in the provider's word.
pub(crate) fn unusable_private(why: &str) -> SealFault {
    bad(match why {
        "TooSmall" => "an RSA key of less than 2048 bits, want 2048 to 8192",
        "TooLarge" => "an RSA key of more than 8192 bits, want 2048 to 8192",
        "WrongAlgorithm" => "a key of another kind, want an RSA key",
        _ => "damaged, want an RSA private key",
    })
}

/// What stands in the place of a public key, by the label of its PEM block.
pub(crate) fn not_public(label: &str) -> SealFault {
    bad(match label {
        "CERTIFICATE" => "a certificate, want the public key: openssl x509 -pubkey -noout -in FILE",
        "PRIVATE KEY"
        | "RSA PRIVATE KEY"
        | "ENCRYPTED PRIVATE KEY"
        | "EC PRIVATE KEY"
        | "OPENSSH PRIVATE KEY" => "a private key, want the public key alone",
        _ => "PEM of another kind, want BEGIN PUBLIC KEY",
    })
}

/// The bytes of a public key that are none.
pub(crate) const DAMAGED_PUBLIC: SealFault =
    bad("damaged, want an RSA public key of 2048 to 8192 bits");

/// Refuses the bytes of a public key that no signature of ours can be verified with. The provider itself
/// takes a short key, and then refuses every signature.
pub(crate) fn check_public(der: &[u8]) -> Result<(), SealFault> {
    let info = SubjectPublicKeyInfo::from_der(der).ok();
    let bits = match info.as_ref().and_then(|(_, info)| info.parsed().ok()) {
        Some(PublicKey::RSA(key)) => key.key_size(),
        Some(_) => return Err(bad("a key of another kind, want an RSA key")),
        // PKCS#1 has the key alone, without its algorithm.
        None => RSAPublicKey::from_der(der).map_or(0, |(_, key)| key.key_size()),
    };
    match bits {
        0 => Err(DAMAGED_PUBLIC),
        1..BITS_MIN => Err(unusable_private("TooSmall")),
        BITS_MIN..=BITS_MAX => Ok(()),
        _ => Err(unusable_private("TooLarge")),
    }
}

/// What stands in the place of a certificate, by the label of its PEM block.
pub(crate) fn not_certificate(label: &str) -> SealFault {
    SealFault::BadCertificate {
        why: match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => "a public key, want the certificate",
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => {
                "a private key, want the certificate"
            }
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                "a certificate request, want the certificate"
            }
            _ => "PEM of another kind, want BEGIN CERTIFICATE",
        },
    }
}

const fn bad(what: &'static str) -> SealFault {
    SealFault::BadKey { what }
}
