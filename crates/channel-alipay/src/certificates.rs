//! Certificate mode (公钥证书模式): how certificates are named in messages, which of the channel's are
//! believed, and how one that is new is fetched.

use crate::sign::Signed;
use crate::trust::SignatureFault;
use crate::wire::{self, CertificateAnswer};
use channel::{BadSettings, FetchedKeys, Finding, PlatformKey};
use crypto::certificate::Certificate;
use crypto::rsa::Verifier;
use ledger::Timestamp;

/// The certificates of an account.
pub(crate) struct Certificates {
    /// `app_cert_sn`: the name of the app's own.
    pub(crate) app_cert_sn: String,
    /// `alipay_root_cert_sn`: the names of the authorities.
    pub(crate) root_cert_sn: String,
    roots: Vec<Certificate>,
    /// The channel's: the one among the settings first, then those that were fetched.
    known: Vec<Known>,
    /// Whom the channel's certificates are for. The authorities issue those of apps as well.
    subject: String,
}

/// A certificate of the channel.
struct Known {
    sn: String,
    verifier: Verifier,
    valid: (Timestamp, Timestamp),
}

impl Certificates {
    /// Reads the certificates of the settings, each by the setting's name.
    pub(crate) fn read(app: &str, alipay: &str, roots: &str) -> Result<Certificates, BadSettings> {
        let bad = |name: &str, why: &dyn ToString| BadSettings {
            name: name.to_owned(),
            why: why.to_string(),
        };
        let app = Certificate::read(app).map_err(|why| bad("app_certificate", &why))?;
        let roots =
            Certificate::read_all(roots).map_err(|why| bad("alipay_root_certificates", &why))?;
        let root_cert_sn = root_cert_sn(&roots).ok_or_else(|| {
            bad("alipay_root_certificates", &"one that is signed with RSA wanted at least")
        })?;
        let alipay = Certificate::read(alipay).map_err(|why| bad("alipay_certificate", &why))?;
        let first = Known::of(&alipay).map_err(|why| bad("alipay_certificate", &why))?;
        Ok(Certificates {
            app_cert_sn: cert_sn(&app),
            root_cert_sn,
            roots,
            known: vec![first],
            subject: alipay.subject,
        })
    }

    /// The same with certificates that were fetched. One that cannot be read is unknown, and is fetched
    /// again.
    pub(crate) fn with_fetched(mut self, fetched: &[PlatformKey]) -> Certificates {
        let read = fetched.iter().filter_map(|key| {
            let certificate = Certificate::read(&key.pem).ok()?;
            Known::of(&certificate).ok()
        });
        self.known.extend(read);
        self
    }

    /// Whether an answer of now can be verified.
    pub(crate) fn holds_any(&self, now: Timestamp) -> bool {
        self.known.iter().any(|known| known.holds(now))
    }

    /// Whether one of the channel's certificates made a signature: the one that is named, where one is.
    pub(crate) fn check(
        &self,
        text: &[u8],
        signed: &Signed<'_>,
        now: Timestamp,
    ) -> Result<(), SignatureFault> {
        let mut holding = self.known.iter().filter(|known| known.holds(now));
        let is_signed = match signed.cert_sn {
            None => holding.any(|known| known.verifier.verify(text, signed.signature)),
            Some(sn) => match holding.find(|known| known.sn == sn) {
                Some(known) => known.verifier.verify(text, signed.signature),
                None if is_sn(sn) => {
                    return Err(SignatureFault::UnknownKey { serial: sn.to_owned() });
                }
                None => false,
            },
        };
        if is_signed { Ok(()) } else { Err(SignatureFault::Wrong) }
    }

    /// The name of the certificate to fetch: the one that is missing, else the newest that is known, whose
    /// fetch proves that the channel answers.
    pub(crate) fn sought_sn<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        let newest = self.known.iter().max_by_key(|known| known.valid);
        named.or(newest.map(|known| &*known.sn)).unwrap_or_default()
    }

    /// The certificate in an answer, which must be the one that was sought. The answer is signed with the
    /// very certificate, or with one that is known; what makes it the channel's is that an authority among
    /// the settings issued it for the channel.
    pub(crate) fn fetched(
        &self,
        named: Option<&str>,
        content: &str,
        signed: &Signed<'_>,
        now: Timestamp,
    ) -> Finding {
        match self.read_fetched(self.sought_sn(named), content, signed, now) {
            Ok(key) => Finding::Keys(FetchedKeys { keys: vec![key], unreadable: vec![] }),
            Err(why) => Finding::Unknown { why: format!("certificate: {why}") },
        }
    }

    fn read_fetched(
        &self,
        sought_sn: &str,
        content: &str,
        signed: &Signed<'_>,
        now: Timestamp,
    ) -> Result<PlatformKey, String> {
        let chain = chain(content)?;
        let [own, above @ ..] = chain.as_slice() else { return Err("none found".to_owned()) };
        let known = Known::of(own)?;
        if known.sn != sought_sn {
            return Err(format!("{sought_sn} was asked for, {} came", known.sn));
        }
        if own.subject != self.subject {
            return Err("for another subject than that of alipay_certificate".to_owned());
        }
        if !is_trusted(own, above, &self.roots, now) {
            return Err("issued by none of alipay_root_certificates that holds now".to_owned());
        }
        let is_own = signed.cert_sn.is_none_or(|sn| sn == known.sn);
        let is_signed = match is_own {
            true => known.verifier.verify(content.as_bytes(), signed.signature),
            false => self.check(content.as_bytes(), signed, now).is_ok(),
        };
        let (valid_from, valid_until) = known.valid;
        match is_signed {
            true => {
                Ok(PlatformKey { serial: known.sn, pem: own.pem.clone(), valid_from, valid_until })
            }
            false => Err("wrong signature".to_owned()),
        }
    }
}

impl Known {
    fn of(certificate: &Certificate) -> Result<Known, String> {
        let verifier = Verifier::from_certificate_pem(&certificate.pem);
        Ok(Known {
            sn: cert_sn(certificate),
            verifier: verifier.map_err(|why| why.to_string())?,
            valid: (
                Timestamp::from_seconds(certificate.not_before),
                Timestamp::from_seconds(certificate.not_after),
            ),
        })
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.valid.0 <= now && now <= self.valid.1
    }
}

/// Whether a text can be the name of a certificate: an MD5.
fn is_sn(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn holds(certificate: &Certificate, now: Timestamp) -> bool {
    (certificate.not_before..=certificate.not_after).contains(&now.seconds())
}

/// How messages name a certificate: the MD5 of its issuer and its serial number.
pub(crate) fn cert_sn(certificate: &Certificate) -> String {
    let Certificate { issuer, serial_decimal, .. } = certificate;
    crypto::md5_hex(format!("{issuer}{serial_decimal}").as_bytes())
}

/// How messages name the authorities: those that are signed with RSA, in the order of their file. The
/// file holds others, for other algorithms.
pub(crate) fn root_cert_sn(roots: &[Certificate]) -> Option<String> {
    let rsa = roots.iter().filter(|root| root.is_signed_with_rsa);
    let names: Vec<String> = rsa.map(cert_sn).collect();
    (!names.is_empty()).then(|| names.join("_"))
}

/// A certificate, and those above it.
fn chain(content: &str) -> Result<Vec<Certificate>, String> {
    let answer: CertificateAnswer = wire::read(content)?;
    let pem = crypto::text::from_base64(&answer.alipay_cert_content)
        .map_err(|_| "alipay_cert_content: Base64 wanted")?;
    let pem = String::from_utf8(pem).map_err(|_| "alipay_cert_content: PEM wanted")?;
    Certificate::read_all(&pem).map_err(|why| why.to_string())
}

/// Whether an authority among `roots` issued a certificate, or issued one of `above` that did, and so on;
/// each of them holds now.
fn is_trusted(
    own: &Certificate,
    above: &[Certificate],
    roots: &[Certificate],
    now: Timestamp,
) -> bool {
    if !holds(own, now) {
        return false;
    }
    if roots.iter().any(|root| holds(root, now) && root.issued(own)) {
        return true;
    }
    // Each step leaves a shorter list, so that certificates which issue each other end too.
    above
        .split_first()
        .is_some_and(|(next, rest)| next.issued(own) && is_trusted(next, rest, roots, now))
}
