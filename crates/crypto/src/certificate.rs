//! X.509 certificates: reading one, and making a self-signed one.

use crate::rsa::Signer;
use crate::{SealFault, key_text, pem, random, text};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, SerialNumber};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What is read from a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number: upper-case hex, two digits a byte, without the sign byte of the DER.
    pub serial: String,
    /// Its subject, as text.
    pub subject: String,
    /// From when on it holds, Unix seconds.
    pub not_before: i64,
    /// Until when it holds, Unix seconds.
    pub not_after: i64,
    /// The certificate itself.
    pub pem: String,
}

impl Certificate {
    /// Reads a certificate. Checks no issuer, no signature and no date.
    pub fn read(certificate_pem: &str) -> Result<Certificate, SealFault> {
        let der = der(certificate_pem)?;
        let (_, read) = X509Certificate::from_der(&der).map_err(|_| DAMAGED)?;
        Ok(Certificate {
            serial: serial_text(read.raw_serial()),
            subject: read.subject().to_string(),
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
            pem: pem::write("CERTIFICATE", &der),
        })
    }
}

/// Bytes that are not a certificate.
pub(crate) const DAMAGED: SealFault =
    SealFault::BadCertificate { why: "damaged, want an X.509 certificate" };

/// The bytes of a certificate's PEM block.
pub(crate) fn der(certificate_pem: &str) -> Result<Vec<u8>, SealFault> {
    match pem::read(certificate_pem) {
        Some(("CERTIFICATE", der)) => Ok(der),
        Some((other, _)) => Err(key_text::not_certificate(other)),
        None => Err(key_text::not_pem(certificate_pem)),
    }
}

/// Makes a certificate for a private key, signed by that key, with a random serial of 40 hex digits.
pub fn self_signed(
    private_key_pem: &str,
    common_name: &str,
    not_before: i64,
    not_after: i64,
) -> Result<Certificate, SealFault> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    let mut params = CertificateParams::default();
    params.not_before = instant(not_before)?;
    params.not_after = instant(not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(&new_serial()));
    params.distinguished_name = subject;
    let made = params
        .self_signed(&key_pair(private_key_pem)?)
        .map_err(|_| SealFault::BadCertificate { why: "could not be signed" })?;
    Certificate::read(&pem::write("CERTIFICATE", made.der()))
}

fn key_pair(private_key_pem: &str) -> Result<KeyPair, SealFault> {
    let pkcs8 = Signer::from_pem(private_key_pem)?.pkcs8();
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &PKCS_RSA_SHA256)
        .map_err(|_| SealFault::BadKey { what: "RSA private key wanted" })
}

fn instant(unix_seconds: i64) -> Result<OffsetDateTime, SealFault> {
    OffsetDateTime::from_unix_timestamp(unix_seconds)
        .map_err(|_| SealFault::BadCertificate { why: "validity out of range" })
}

/// 160 bits: the top bit clear so that the number is positive without a sign byte, the next one set
/// so that it always has 40 digits.
fn new_serial() -> [u8; 20] {
    let mut serial = random::bytes::<20>();
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn serial_text(der: &[u8]) -> String {
    let first = der.iter().position(|byte| *byte != 0).unwrap_or(der.len().saturating_sub(1));
    text::hex(&der[first..]).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_byte_is_not_part_of_the_serial() {
        for (der, want) in
            [(&[0x00, 0xa1, 0x02][..], "A102"), (&[0x0a, 0x00], "0A00"), (&[0x00], "00"), (&[], "")]
        {
            assert_eq!(serial_text(der), want);
        }
    }
}
