//! The vectors in `examples/vectors`, which openssl made: we sign the same, and our gate judges the
//! notifications as the examples in other languages do.

use super::{KnownCallers, received};
use crate::auth::authenticate;
use crate::faults::ErrCode;
use crate::{Mode, Signing, SigningKey};
use channel::{Method, Request};
use crypto::Secret;
use crypto::rsa::{Signer, Verifier};
use engine::{RegisteredCaller, RegisteredProof};
use kernel::TenantId;
use ledger::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

fn read(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/vectors");
    std::fs::read_to_string(folder.join(name)).expect(name)
}

/// The rows of a table, without the names of its columns.
fn rows<const N: usize>(name: &str) -> Vec<[String; N]> {
    let text = read(name);
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let rows: Vec<[String; N]> = text
        .lines()
        .skip(1)
        .map(|line| cells(line).try_into().expect("as many cells as columns"))
        .collect();
    assert!(!rows.is_empty(), "{name}");
    rows
}

fn headers<'l>(lines: impl Iterator<Item = &'l str>) -> Vec<(String, String)> {
    lines
        .map(|line| line.split_once(": ").expect("name: value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn at(seconds: &str) -> Timestamp {
    Timestamp::from_seconds(seconds.parse().expect("seconds"))
}

/// A request signed with the key of a file: a private key, or a shared secret.
fn signed(key_file: &str, request: &Request, secret_id: &str, ocode: &str, now: &str) -> Request {
    let key = read(key_file);
    let signer = key.starts_with("-----BEGIN").then(|| Signer::from_pem(&key).expect("a PEM"));
    let secret = Secret::new(key.trim_end().to_owned());
    let key = signer.as_ref().map_or(SigningKey::Hmac(&secret), SigningKey::Rsa);
    let signing = Signing { secret_id, ocode, key };
    signing.post(&request.url, request.body.clone(), at(now)).expect("a good key and URL").request
}

/// A notification of the vectors as it goes over the wire.
fn notification(headers_file: &str, body_file: &str) -> Request {
    let text = read(headers_file);
    let mut lines = text.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a request line");
    Request {
        method: Method::Post,
        url: format!("https://shop.example:8443{target}"),
        headers: headers(lines),
        body: read(body_file).into(),
    }
}

#[test]
fn requests_are_signed_as_openssl_signs_them() {
    for [name, key_file, secret_id, ocode, url, body_file, now, headers_file] in rows("sign.tsv") {
        let want = headers(read(&headers_file).lines());
        let body = read(&body_file).into();
        let unsigned = Request { method: Method::Post, url, headers: vec![], body };
        let request = signed(&key_file, &unsigned, &secret_id, &ocode, &now);
        assert_eq!(request.headers, want, "{name}");
    }
}

#[test]
fn notifications_are_signed_as_openssl_signs_them() {
    for (name, key_file, secret_id) in [
        ("paid", "keys/throwaway_platform_private.pem", "AKIDexampleRsa"),
        ("plain_url", "keys/throwaway_platform_private.pem", "AKIDexampleRsa"),
        ("hmac", "keys/throwaway_secret.txt", "AKIDexampleHmac"),
    ] {
        let headers_file = format!("notifications/{name}.headers");
        let want = notification(&headers_file, "notifications/paid.body");
        assert_eq!(signed(key_file, &want, secret_id, "123456", "1729683364"), want, "{name}");
    }
}

/// The one caller that holds the key of a file: a public key, or a shared secret.
fn holder(key_file: &str, secret_id: &str, ocode: &str) -> KnownCallers {
    let key = read(key_file);
    let proof = match Verifier::from_public_pem(&key) {
        Ok(verifier) => RegisteredProof::Rsa(verifier),
        Err(_) => RegisteredProof::Hmac(Secret::new(key.trim_end().to_owned())),
    };
    let (tenant, key_id) = (TenantId::new(ocode), Arc::from(secret_id));
    KnownCallers(vec![Arc::new(RegisteredCaller { tenant, key_id, proof })])
}

/// The codes with which the gate may say the verdict of the vectors. They tell more causes apart.
fn codes(verdict: &str) -> &'static [ErrCode] {
    match verdict {
        "genuine" => &[],
        "refused: timestamp" => &[ErrCode::SignatureExpire],
        "refused: SecretId" => &[ErrCode::SecretIdNotFound],
        "refused: Ocode" => &[ErrCode::OcodeMismatch],
        "refused: signature" | "refused: algorithm" | "refused: scope" => {
            &[ErrCode::SignatureFailure]
        }
        "refused: Authorization" | "refused: SignedHeaders" => {
            &[ErrCode::SignatureFailure, ErrCode::MissingParameter]
        }
        other => panic!("{other} is not a verdict"),
    }
}

#[test]
fn our_gate_judges_the_notifications_as_the_examples_do() {
    for [name, headers_file, body_file, key_file, secret_id, ocode, now, verdict] in
        rows("verify.tsv")
    {
        let request = received(&notification(&headers_file, &body_file));
        let callers = holder(&key_file, &secret_id, &ocode);
        let outcome = authenticate(&callers, Mode::Strict, &request, at(&now));
        match outcome.map_err(|fault| fault.code) {
            Ok(_) => assert_eq!(verdict, "genuine", "{name}"),
            Err(code) => assert!(codes(&verdict).contains(&code), "{name}: {verdict}, {code:?}"),
        }
    }
}
