//! RSA of 2048 bits or more: signatures (RSASSA-PKCS1-v1_5 and RSASSA-PSS, with SHA-256), and sealing for
//! a key (RSA-OAEP).

use crate::{SealFault, certificate, key_text, pem, text};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaParameters, RsaPssSaltLength,
};
use std::fmt;
use x509_parser::asn1_rs::Any;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

/// A private key that signs.
pub struct Signer {
    pair: KeyPair,
}

impl Signer {
    /// Reads a private key: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE KEY`).
    pub fn from_pem(private_key_pem: &str) -> Result<Signer, SealFault> {
        let (label, der) =
            pem::read(private_key_pem).ok_or_else(|| key_text::not_pem(private_key_pem))?;
        let der = Zeroizing::new(der);
        let pair = match label {
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der),
            "RSA PRIVATE KEY" => KeyPair::from_der(&der),
            other => return Err(key_text::not_private(other)),
        };
        pair.map(|pair| Signer { pair })
            .map_err(|fault| key_text::unusable_private(fault.description_()))
    }

    /// The signature of `message`, Base64.
    pub fn sign(&self, message: &[u8]) -> Result<String, SealFault> {
        self.sign_as(&RSA_PKCS1_SHA256, message)
    }

    /// The RSASSA-PSS signature of `message` with the longest salt, Base64. Every call gives another.
    pub fn sign_pss(&self, message: &[u8]) -> Result<String, SealFault> {
        self.sign_as(&const { RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Max) }, message)
    }

    fn sign_as(
        &self,
        encoding: &'static dyn RsaEncoding,
        message: &[u8],
    ) -> Result<String, SealFault> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| SealFault::Sign)?;
        Ok(text::base64(&signature))
    }

    /// Opens what was sealed with the public key: RSA-OAEP with SHA-1 and MGF1-SHA-1, Base64.
    pub fn decrypt(&self, sealed_base64: &str) -> Result<Vec<u8>, SealFault> {
        self.open(&OAEP_SHA1_MGF1SHA1, sealed_base64)
    }

    /// Opens what was sealed with the public key: RSA-OAEP with SHA-256 and MGF1-SHA-256, Base64.
    pub fn decrypt_sha256(&self, sealed_base64: &str) -> Result<Vec<u8>, SealFault> {
        self.open(&OAEP_SHA256_MGF1SHA256, sealed_base64)
    }

    fn open(
        &self,
        algorithm: &'static OaepAlgorithm,
        sealed_base64: &str,
    ) -> Result<Vec<u8>, SealFault> {
        let sealed = text::from_base64(sealed_base64).map_err(|_| SealFault::Open)?;
        let key = PrivateDecryptingKey::from_pkcs8(&self.pkcs8()).map_err(|_| SealFault::Open)?;
        let key = OaepPrivateDecryptingKey::new(key).map_err(|_| SealFault::Open)?;
        let mut room = vec![0; key.min_output_size()];
        key.decrypt(algorithm, &sealed, &mut room, None)
            .map(|plain| plain.to_vec())
            .map_err(|_| SealFault::Open)
    }

    /// The public key as PEM (`BEGIN PUBLIC KEY`).
    pub fn public_pem(&self) -> String {
        let der = self.pair.public_key().as_der().expect("a key that was read can be written");
        pem::write("PUBLIC KEY", der.as_ref())
    }

    /// The private key as PKCS#1 PEM (`BEGIN RSA PRIVATE KEY`), which some clients want. It is what PKCS#8
    /// wraps behind a version and the name of the algorithm.
    pub fn pkcs1_pem(&self) -> Result<Zeroizing<String>, SealFault> {
        let pkcs8 = self.pkcs8();
        let part = |der| Any::from_der(der).map_err(|_| key_text::unusable_private(""));
        let (_, whole) = part(&pkcs8)?;
        let (rest, _version) = part(whole.data)?;
        let (rest, _algorithm) = part(rest)?;
        let (_, key) = part(rest)?;
        Ok(Zeroizing::new(pem::write("RSA PRIVATE KEY", key.data)))
    }

    /// The private key as PKCS#8 DER, for the maker of certificates.
    pub(crate) fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let der = self.pair.as_der().expect("a key that was read can be written");
        Zeroizing::new(der.as_ref().to_vec())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

/// A public key that verifies.
pub struct Verifier {
    key: ParsedPublicKey,
}

impl Verifier {
    /// Reads a public key: `BEGIN PUBLIC KEY`, or PKCS#1's `BEGIN RSA PUBLIC KEY`.
    pub fn from_public_pem(public_key_pem: &str) -> Result<Verifier, SealFault> {
        match pem::read(public_key_pem) {
            Some(("PUBLIC KEY" | "RSA PUBLIC KEY", der)) => Verifier::from_der(&der),
            Some((other, _)) => Err(key_text::not_public(other)),
            None => Err(key_text::not_pem(public_key_pem)),
        }
    }

    /// Takes the public key out of a certificate. Checks no issuer and no date.
    pub fn from_certificate_pem(certificate_pem: &str) -> Result<Verifier, SealFault> {
        let der = certificate::der(certificate_pem)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| certificate::DAMAGED)?;
        Verifier::from_der(certificate.public_key().raw)
    }

    fn from_der(der: &[u8]) -> Result<Verifier, SealFault> {
        key_text::check_public(der)?;
        ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
            .map(|key| Verifier { key })
            .map_err(|_| key_text::DAMAGED_PUBLIC)
    }

    /// Whether the signature (Base64) is this key's for `message`.
    pub fn verify(&self, message: &[u8], signature_base64: &str) -> bool {
        text::from_base64(signature_base64)
            .is_ok_and(|signature| self.key.verify_sig(message, &signature).is_ok())
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// The lengths of salt with which RSASSA-PSS signatures are made: that of the digest, the longest, and the
/// default of Java. The library takes none that it is not told.
const PSS_PARAMETERS: [&RsaParameters; 3] = const {
    [
        &RSA_PSS_2048_8192_SHA256,
        &RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max),
        &RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20)),
    ]
};

/// A public key that verifies RSASSA-PSS signatures with SHA-256.
pub struct PssVerifier {
    keys: Vec<ParsedPublicKey>,
}

impl PssVerifier {
    /// Reads a public key: `BEGIN PUBLIC KEY`, or PKCS#1's `BEGIN RSA PUBLIC KEY`.
    pub fn from_public_pem(public_key_pem: &str) -> Result<PssVerifier, SealFault> {
        let der = match pem::read(public_key_pem) {
            Some(("PUBLIC KEY" | "RSA PUBLIC KEY", der)) => der,
            Some((other, _)) => return Err(key_text::not_public(other)),
            None => return Err(key_text::not_pem(public_key_pem)),
        };
        key_text::check_public(&der)?;
        let parse = |parameters: &'static RsaParameters| ParsedPublicKey::new(parameters, &der);
        let keys: Result<_, _> = PSS_PARAMETERS.into_iter().map(parse).collect();
        keys.map(|keys| PssVerifier { keys }).map_err(|_| key_text::DAMAGED_PUBLIC)
    }

    /// Whether the signature (Base64) is this key's for `message`.
    pub fn verify(&self, message: &[u8], signature_base64: &str) -> bool {
        let Ok(signature) = text::from_base64(signature_base64) else { return false };
        self.keys.iter().any(|key| key.verify_sig(message, &signature).is_ok())
    }
}

impl fmt::Debug for PssVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PssVerifier(…)")
    }
}

/// A public key that seals for the holder of its private half.
pub struct Sealer {
    key: OaepPublicEncryptingKey,
}

impl Sealer {
    /// Reads a public key: `BEGIN PUBLIC KEY`.
    pub fn from_public_pem(public_key_pem: &str) -> Result<Sealer, SealFault> {
        match pem::read(public_key_pem) {
            Some(("PUBLIC KEY", der)) => Sealer::from_der(&der),
            Some((other, _)) => Err(key_text::not_public(other)),
            None => Err(key_text::not_pem(public_key_pem)),
        }
    }

    /// Takes the public key out of a certificate. Checks no issuer and no date.
    pub fn from_certificate_pem(certificate_pem: &str) -> Result<Sealer, SealFault> {
        let der = certificate::der(certificate_pem)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| certificate::DAMAGED)?;
        Sealer::from_der(certificate.public_key().raw)
    }

    fn from_der(der: &[u8]) -> Result<Sealer, SealFault> {
        key_text::check_public(der)?;
        let key = PublicEncryptingKey::from_der(der).map_err(|_| key_text::DAMAGED_PUBLIC)?;
        let key = OaepPublicEncryptingKey::new(key).map_err(|_| key_text::DAMAGED_PUBLIC)?;
        Ok(Sealer { key })
    }

    /// Seals `plain` with SHA-1 and MGF1-SHA-1, Base64. Every call gives another text.
    pub fn seal(&self, plain: &[u8]) -> Result<String, SealFault> {
        self.seal_with(&OAEP_SHA1_MGF1SHA1, plain)
    }

    /// Seals `plain` with SHA-256 and MGF1-SHA-256, Base64. Every call gives another text.
    pub fn seal_sha256(&self, plain: &[u8]) -> Result<String, SealFault> {
        self.seal_with(&OAEP_SHA256_MGF1SHA256, plain)
    }

    fn seal_with(
        &self,
        algorithm: &'static OaepAlgorithm,
        plain: &[u8],
    ) -> Result<String, SealFault> {
        let mut room = vec![0; self.key.ciphertext_size()];
        let sealed =
            self.key.encrypt(algorithm, plain, &mut room, None).map_err(|_| SealFault::TooLong)?;
        Ok(text::base64(sealed))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// Makes a private key of 2048 bits, PKCS#8 PEM.
pub fn generate() -> Result<String, SealFault> {
    let fault = SealFault::BadKey { what: "a new RSA key could not be made" };
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| fault)?;
    Ok(pem::write("PRIVATE KEY", &Signer { pair }.pkcs8()))
}
