//! Signatures: the texts that are signed, the `Authorization` header, and signing for clients and
//! for notifications.

use crate::keys::derive;
use crate::{time, url};
use channel::{Method, Request, UrlFault};
use crypto::rsa::Signer;
use crypto::{SealFault, Secret, hash, text};
use ledger::Timestamp;

/// The service in the credential's scope; also the action.
pub(crate) const SERVICE: &str = "wxpay";
/// The end of the credential's scope.
pub(crate) const TERMINATOR: &str = "tc3_request";
/// What we sign, in the order of the published sample.
const SIGNED_HEADERS: &str = "content-type;host;x-tc-ocode;x-tc-action";
const CONTENT_TYPE: &str = "application/json";
const VERSION: &str = "2023-04-13";
const REGION: &str = "ap-shanghai";
/// Headers that a signature may cover.
const SIGNED_LEN_MAX: usize = 32;

/// How a request is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hmac,
    Rsa,
}

impl Algorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Algorithm::Hmac => "TC3-HMAC-SHA256",
            Algorithm::Rsa => "SHA256withRSA",
        }
    }
}

/// What the `Authorization` header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) secret_id: &'a str,
    /// Absent when the credential is a bare SecretId.
    pub(crate) scope: Option<Scope<'a>>,
    /// The list as received.
    pub(crate) signed_headers: &'a str,
    pub(crate) signature: &'a str,
}

/// What the credential's signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scope<'a> {
    /// As received: `date/service/tc3_request`.
    pub(crate) text: &'a str,
    pub(crate) date: &'a str,
    pub(crate) service: &'a str,
}

impl<'a> Authorization<'a> {
    /// Reads the header. The error says what is wanted.
    pub(crate) fn read(header: &'a str) -> Result<Authorization<'a>, &'static str> {
        let (algorithm, parts) = header.trim().split_once(' ').ok_or("want parameters")?;
        let algorithm = [Algorithm::Hmac, Algorithm::Rsa]
            .into_iter()
            .find(|known| known.name() == algorithm)
            .ok_or("want TC3-HMAC-SHA256 or SHA256withRSA")?;
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in parts.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or("want name=value")?;
            let place = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err("want Credential, SignedHeaders and Signature only"),
            };
            if place.replace(value).is_some() {
                return Err("want each parameter once");
            }
        }
        let (secret_id, scope) = credentials(credential.ok_or("want a Credential")?)?;
        let signed_headers = signed_headers.ok_or("want SignedHeaders")?;
        if signed_headers.split(';').any(str::is_empty) {
            return Err("want SignedHeaders joined by ;");
        }
        if signed_headers.split(';').count() > SIGNED_LEN_MAX {
            return Err("want at most 32 SignedHeaders");
        }
        let signature = signature.ok_or("want a Signature")?;
        Ok(Authorization { algorithm, secret_id, scope, signed_headers, signature })
    }

    /// The signed headers' names, as listed.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.signed_headers.split(';')
    }

    /// Whether a header is signed, by its name in lower case.
    pub(crate) fn signs(&self, name: &str) -> bool {
        self.names().any(|signed| signed.eq_ignore_ascii_case(name))
    }
}

fn credentials(text: &str) -> Result<(&str, Option<Scope<'_>>), &'static str> {
    let Some((secret_id, scope)) = text.split_once('/') else { return Ok((text, None)) };
    let mut parts = scope.split('/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(date), Some(service), Some(TERMINATOR), None) => {
            Ok((secret_id, Some(Scope { text: scope, date, service })))
        }
        _ => Err("want Credential=SecretId/date/wxpay/tc3_request"),
    }
}

/// A request as it is signed.
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// SHA-256 of the body, hex.
    pub(crate) body_hash: &'a str,
    /// The headers to sign: name and value.
    pub(crate) headers: Vec<(String, String)>,
}

impl<'a> Signable<'a> {
    /// Takes the headers that a list names. The error is the name that has no value.
    pub(crate) fn with_headers<'n>(
        mut self,
        names: impl Iterator<Item = &'n str>,
        value: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Signable<'a>, &'n str> {
        for name in names {
            let value = value(name).ok_or(name)?;
            self.headers.push((name.to_lowercase(), value.trim().to_lowercase()));
        }
        Ok(self)
    }

    /// The canonical request, with the headers in their present order.
    pub(crate) fn canonical(&self, signed_headers: &str) -> String {
        let mut canonical = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        for (name, value) in &self.headers {
            canonical.push_str(name);
            canonical.push(':');
            canonical.push_str(value);
            canonical.push('\n');
        }
        // Each header ends with a line feed and the parts are joined by one more.
        canonical.push('\n');
        canonical.push_str(signed_headers);
        canonical.push('\n');
        canonical.push_str(self.body_hash);
        canonical
    }

    /// The texts that the caller may have signed: the headers as listed; the headers by name with
    /// the list unchanged; both by name. The published rule asks for order by name and the published
    /// sample does not follow it. All three are safe, as the list itself is signed.
    pub(crate) fn tries(
        mut self,
        authorization: &Authorization<'_>,
        timestamp: &str,
    ) -> impl Iterator<Item = String> {
        let listed = authorization.signed_headers.to_owned();
        let algorithm = authorization.algorithm;
        let scope = authorization.scope.map(|scope| scope.text.to_owned());
        let timestamp = timestamp.to_owned();
        (0..3).map_while(move |attempt| {
            let sorted = self.headers.is_sorted();
            let list = match (attempt, sorted) {
                (0, _) => listed.clone(),
                (1, false) => {
                    self.headers.sort();
                    listed.clone()
                }
                (1, true) => return None,
                _ => {
                    let names: Vec<&str> = self.headers.iter().map(|(name, _)| &**name).collect();
                    names.join(";")
                }
            };
            let canonical = self.canonical(&list);
            Some(string_to_sign(algorithm, &timestamp, scope.as_deref(), &canonical))
        })
    }
}

/// The text that is signed. The scope has a line exactly when the credential has a scope.
pub(crate) fn string_to_sign(
    algorithm: Algorithm,
    timestamp: &str,
    scope: Option<&str>,
    canonical: &str,
) -> String {
    let hashed = hash::sha256_hex(canonical.as_bytes());
    let algorithm = algorithm.name();
    match scope {
        Some(scope) => format!("{algorithm}\n{timestamp}\n{scope}\n{hashed}"),
        None => format!("{algorithm}\n{timestamp}\n{hashed}"),
    }
}

/// A key that signs.
#[derive(Clone, Copy, Debug)]
pub enum SigningKey<'a> {
    /// `TC3-HMAC-SHA256` with a shared SecretKey.
    Hmac(&'a Secret),
    /// `SHA256withRSA` with a private key.
    Rsa(&'a Signer),
}

/// Signs requests as a client does, and as the platform does its notifications.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// The SecretId in the credential.
    pub secret_id: &'a str,
    /// The tenant (主体标识), header `X-TC-Ocode`.
    pub ocode: &'a str,
    /// The key.
    pub key: SigningKey<'a>,
}

/// Why a request cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningFault {
    /// The URL cannot be used.
    #[error("url: {0}")]
    Url(#[from] UrlFault),
    /// The key does not sign.
    #[error(transparent)]
    Key(#[from] SealFault),
}

/// A signed request, with the texts on the way to its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The request, ready to send.
    pub request: Request,
    /// What was hashed.
    pub canonical_request: String,
    /// What was signed.
    pub string_to_sign: String,
}

impl Signing<'_> {
    /// A signed `POST` of JSON to a full URL.
    ///
    /// # Errors
    /// When the URL is none, or the key does not sign.
    pub fn post(&self, url: &str, body: Vec<u8>, at: Timestamp) -> Result<Signed, SigningFault> {
        let target = url::read(url)?;
        let body_hash = hash::sha256_hex(&body);
        let signable = Signable {
            method: Method::Post.name(),
            path: target.path(),
            query: target.query(),
            body_hash: &body_hash,
            headers: vec![],
        };
        let value = |name: &str| match name {
            "content-type" => Some(CONTENT_TYPE),
            "host" => Some(target.host()),
            "x-tc-ocode" => Some(self.ocode),
            "x-tc-action" => Some(SERVICE),
            _ => None,
        };
        let signable =
            signable.with_headers(SIGNED_HEADERS.split(';'), value).map_err(|_| UrlFault::Other)?;
        let canonical_request = signable.canonical(SIGNED_HEADERS);
        let timestamp = at.seconds().to_string();
        let date = time::utc_date(at);
        let scope = format!("{date}/{SERVICE}/{TERMINATOR}");
        let algorithm = self.algorithm();
        let string_to_sign =
            string_to_sign(algorithm, &timestamp, Some(&scope), &canonical_request);
        let signature = self.sign(&date, &string_to_sign)?;
        let authorization = format!(
            "{} Credential={}/{scope}, SignedHeaders={SIGNED_HEADERS}, Signature={signature}",
            algorithm.name(),
            self.secret_id,
        );
        let headers = [
            ("Authorization", authorization),
            ("Content-Type", CONTENT_TYPE.to_owned()),
            ("Host", target.host().to_owned()),
            ("X-TC-Action", SERVICE.to_owned()),
            ("X-TC-Version", VERSION.to_owned()),
            ("X-TC-Timestamp", timestamp),
            ("X-TC-Region", REGION.to_owned()),
            ("X-TC-Ocode", self.ocode.to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        let url = target.as_str().to_owned();
        let request = Request { method: Method::Post, url, headers, body };
        Ok(Signed { request, canonical_request, string_to_sign })
    }

    const fn algorithm(&self) -> Algorithm {
        match self.key {
            SigningKey::Hmac(_) => Algorithm::Hmac,
            SigningKey::Rsa(_) => Algorithm::Rsa,
        }
    }

    fn sign(&self, date: &str, string_to_sign: &str) -> Result<String, SealFault> {
        match self.key {
            SigningKey::Hmac(secret) => {
                let key = derive(secret, date, SERVICE);
                Ok(text::hex(&hash::hmac_sha256(&key, string_to_sign.as_bytes())))
            }
            SigningKey::Rsa(signer) => signer.sign(string_to_sign.as_bytes()),
        }
    }
}
