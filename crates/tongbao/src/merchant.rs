//! A business system that speaks 微卡收付通: for the demonstration, the measurement and `sign`.

use crate::world::DevFile;
use anyhow::{Context, Result, bail};
use channel::{Method, Request};
use crypto::Secret;
use crypto::rsa::{Signer, Verifier};
use dialect_wecard::{Signed, Signing, SigningKey};
use engine::{Guard, HttpClient, HyperClient, SendContext};
use ledger::Timestamp;
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The largest answer that is read.
const ANSWER_LEN_MAX: usize = 4 * 1024 * 1024;

/// With which of the two signature generations to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Generation {
    /// `TC3-HMAC-SHA256` with the shared secret
    Hmac,
    /// `SHA256withRSA` with the caller's private key
    Rsa,
}

/// The signing half of a business system.
pub(crate) struct Caller {
    ocode: String,
    secret_id: String,
    key: Key,
}

enum Key {
    Hmac(Secret),
    Rsa(Signer),
}

impl Caller {
    /// The caller that a `dev.json` describes.
    pub(crate) fn of(file: &DevFile, generation: Generation) -> Result<Caller> {
        let (secret_id, key) = match generation {
            Generation::Hmac => {
                let key = &file.wecard.hmac;
                (&key.secret_id, Key::Hmac(Secret::new(key.secret_key.clone())))
            }
            Generation::Rsa => {
                let key = &file.wecard.rsa;
                let signer = Signer::from_pem(&key.private_key_pem).context("the caller's key")?;
                (&key.secret_id, Key::Rsa(signer))
            }
        };
        let ocode = file.wecard.ocode.clone();
        Ok(Caller { ocode, secret_id: secret_id.clone(), key })
    }

    /// A signed request to an endpoint.
    pub(crate) fn signed(&self, url: &str, body: Vec<u8>, now: Timestamp) -> Result<Signed> {
        let key = match &self.key {
            Key::Hmac(secret) => SigningKey::Hmac(secret),
            Key::Rsa(signer) => SigningKey::Rsa(signer),
        };
        let signing = Signing { secret_id: &self.secret_id, ocode: &self.ocode, key };
        signing.post(url, body, now).context("request not signed")
    }

    /// Whether a notification that came to `url` is signed by the platform: with the caller's SecretId in
    /// its credential, the text that was signed is the one that the caller would sign.
    pub(crate) fn is_genuine(
        &self,
        platform: &Verifier,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<bool> {
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.as_str()).with_context(|| format!("no header {name}"))
        };
        let at = Timestamp::from_seconds(header("x-tc-timestamp")?.parse()?);
        let (_, signature) =
            header("authorization")?.rsplit_once("Signature=").context("no signature")?;
        let expected = self.signed(url, body.to_vec(), at)?;
        Ok(platform.verify(expected.string_to_sign.as_bytes(), signature))
    }
}

/// A merchant's program sends for itself alone.
const CONTEXT: SendContext<'static> = SendContext { tenant: "", deadline: ANSWER_TIMEOUT };

/// A plain HTTP client for JSON.
pub(crate) struct JsonClient {
    client: HyperClient,
}

impl JsonClient {
    pub(crate) fn new() -> Result<JsonClient> {
        Ok(JsonClient { client: HyperClient::new(Guard::Open, ANSWER_LEN_MAX)? })
    }

    /// Sends a request and reads the JSON that it is answered with.
    pub(crate) async fn send(&self, request: &Request) -> Result<Value> {
        let answer = self.client.send(request, CONTEXT).await?;
        let value = serde_json::from_slice(&answer.body)
            .with_context(|| format!("{} answered {} without JSON", request.url, answer.status))?;
        if answer.status >= 300 {
            bail!("{} answered {}: {value}", request.url, answer.status);
        }
        Ok(value)
    }

    /// `GET` with a bearer token.
    pub(crate) async fn get(&self, url: String, token: &str) -> Result<Value> {
        let headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        self.send(&Request { method: Method::Get, url, headers, body: vec![] }).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post(&self, url: String, body: &Value) -> Result<Value> {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let body = serde_json::to_vec(body)?;
        self.send(&Request { method: Method::Post, url, headers, body }).await
    }
}
