//! X.509 certificates: reading them, whether one issued another, and making them.
//!
//! - `name`: names of issuers as text.

mod name;

use crate::rsa::{Signer, Verifier};
use crate::{SealFault, key_text, pem, random, text};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SanType, SerialNumber,
};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What is read from a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its serial number: upper-case hex, two digits a byte, without the sign byte of the DER.
    pub serial: String,
    /// The same as a decimal number.
    pub serial_decimal: String,
    /// Its subject, as text.
    pub subject: String,
    /// Who issued it, as RFC 2253 writes names: `CN=…,OU=…,O=…,C=…`.
    pub issuer: String,
    /// Whether it is signed with RSA: `sha256WithRSAEncryption` or `sha1WithRSAEncryption`.
    pub is_signed_with_rsa: bool,
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
            serial_decimal: read.serial.to_string(),
            subject: read.subject().to_string(),
            issuer: name::text(read.issuer()),
            is_signed_with_rsa: RSA_SIGNATURES
                .contains(&&*read.signature_algorithm.algorithm.to_id_string()),
            not_before: read.validity().not_before.timestamp(),
            not_after: read.validity().not_after.timestamp(),
            pem: pem::write("CERTIFICATE", &der),
        })
    }

    /// Reads the certificates that stand one after the other in a text: one at least.
    pub fn read_all(certificates_pem: &str) -> Result<Vec<Certificate>, SealFault> {
        let mut blocks = certificates_pem.split("-----BEGIN ");
        let before = blocks.next().unwrap_or_default();
        let read: Vec<Certificate> = blocks
            .map(|block| Certificate::read(&format!("-----BEGIN {block}")))
            .collect::<Result<_, _>>()?;
        match read.is_empty() {
            true => Err(key_text::not_pem(before)),
            false => Ok(read),
        }
    }

    /// Whether this one may issue certificates and issued `other`, by its name and its signature
    /// (RSA with SHA-256). Checks no date.
    pub fn issued(&self, other: &Certificate) -> bool {
        self.check_issued(other).unwrap_or(false)
    }

    fn check_issued(&self, other: &Certificate) -> Result<bool, SealFault> {
        let (own, other) = (der(&self.pem)?, der(&other.pem)?);
        let (_, own) = X509Certificate::from_der(&own).map_err(|_| DAMAGED)?;
        let (_, other) = X509Certificate::from_der(&other).map_err(|_| DAMAGED)?;
        let is_named = own.subject().as_raw() == other.issuer().as_raw();
        let key = Verifier::from_certificate_pem(&self.pem)?;
        let signature = text::base64(&other.signature_value.data);
        Ok(own.is_ca() && is_named && key.verify(other.tbs_certificate.as_ref(), &signature))
    }
}

/// The algorithms whose signatures are RSA's: SHA-256 and SHA-1 (RFC 8017, appendix C).
const RSA_SIGNATURES: [&str; 2] = ["1.2.840.113549.1.1.11", "1.2.840.113549.1.1.5"];

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

/// The names of a party in a certificate that is made here.
#[derive(Clone, Copy, Debug)]
pub struct Party<'a> {
    /// CN.
    pub common_name: &'a str,
    /// OU.
    pub unit: &'a str,
    /// O.
    pub organization: &'a str,
    /// C, two letters.
    pub country: &'a str,
}

impl Party<'_> {
    fn name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, self.country);
        name.push(DnType::OrganizationName, self.organization);
        name.push(DnType::OrganizationalUnitName, self.unit);
        name.push(DnType::CommonName, self.common_name);
        name
    }
}

/// An authority that issues certificates: its key, and its own certificate, signed by that key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pub certificate: Certificate,
}

impl Authority {
    /// Makes an authority of a private key.
    pub fn new(
        private_key_pem: &str,
        party: &Party<'_>,
        not_before: i64,
        not_after: i64,
    ) -> Result<Authority, SealFault> {
        let mut params = params(party.name(), not_before, not_after)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = key_pair(private_key_pem)?;
        let made = params.self_signed(&key).map_err(|_| NOT_SIGNED)?;
        let certificate = Certificate::read(&pem::write("CERTIFICATE", made.der()))?;
        Ok(Authority { issuer: Issuer::new(params, key), certificate })
    }

    /// Issues a certificate for the public half of a private key.
    pub fn issue(
        &self,
        private_key_pem: &str,
        party: &Party<'_>,
        not_before: i64,
        not_after: i64,
    ) -> Result<Certificate, SealFault> {
        self.sign(params(party.name(), not_before, not_after)?, private_key_pem)
    }

    /// Issues a server's certificate, for the names and addresses at which it is called.
    pub fn issue_server(
        &self,
        private_key_pem: &str,
        party: &Party<'_>,
        names: &[&str],
        not_before: i64,
        not_after: i64,
    ) -> Result<Certificate, SealFault> {
        let mut params = params(party.name(), not_before, not_after)?;
        let names = names.iter().map(|name| match name.parse() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => Ok(SanType::DnsName((*name).try_into().map_err(|_| NOT_SIGNED)?)),
        });
        params.subject_alt_names = names.collect::<Result<_, SealFault>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params, private_key_pem)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        private_key_pem: &str,
    ) -> Result<Certificate, SealFault> {
        // Strict clients demand it of what an authority issues.
        params.use_authority_key_identifier_extension = true;
        let made = params.signed_by(&key_pair(private_key_pem)?, &self.issuer);
        let made = made.map_err(|_| NOT_SIGNED)?;
        Certificate::read(&pem::write("CERTIFICATE", made.der()))
    }
}

/// A certificate that rcgen did not sign.
const NOT_SIGNED: SealFault = SealFault::BadCertificate { why: "could not be signed" };

/// Makes a certificate for a private key, signed by that key, with a random serial of 40 hex digits.
pub fn self_signed(
    private_key_pem: &str,
    common_name: &str,
    not_before: i64,
    not_after: i64,
) -> Result<Certificate, SealFault> {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common_name);
    let params = params(subject, not_before, not_after)?;
    let made = params.self_signed(&key_pair(private_key_pem)?).map_err(|_| NOT_SIGNED)?;
    Certificate::read(&pem::write("CERTIFICATE", made.der()))
}

fn params(
    subject: DistinguishedName,
    not_before: i64,
    not_after: i64,
) -> Result<CertificateParams, SealFault> {
    let mut params = CertificateParams::default();
    params.not_before = instant(not_before)?;
    params.not_after = instant(not_after)?;
    params.serial_number = Some(SerialNumber::from_slice(&new_serial()));
    params.distinguished_name = subject;
    Ok(params)
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
