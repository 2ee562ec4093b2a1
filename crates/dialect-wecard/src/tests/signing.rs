//! Signatures, headers, clock, keys.

use super::{MERCHANT_PEM, NOW, QUERY, QUERY_URL, callers, received, secret, signed, signer};
use crate::auth::authenticate;
use crate::faults::ErrCode;
use crate::sign::{Algorithm, Signable, string_to_sign};
use crate::{Mode, Signing, SigningKey, Wecard};
use crypto::{Secret, hash, text};
use ledger::Timestamp;

const LISTED: &str = "content-type;host;x-tc-ocode;x-tc-action";
const SORTED: &str = "content-type;host;x-tc-action;x-tc-ocode";
const SCOPE: &str = "2024-10-23/wxpay/tc3_request";

/// The canonical request of the vectors with part 4 in one order and part 5 in another.
fn canonical(order: &str, listed: &str) -> String {
    let body_hash = hash::sha256_hex(QUERY.as_bytes());
    let signable = Signable {
        method: "POST",
        path: "/cloudpay/v1/pay/query_order",
        query: "",
        body_hash: &body_hash,
        headers: vec![],
    };
    let value = |name: &str| match name {
        "content-type" => Some("application/json"),
        "host" => Some("p.wecard.tencent.com"),
        "x-tc-ocode" => Some("123456"),
        "x-tc-action" => Some(" WXpay "),
        _ => None,
    };
    signable.with_headers(order.split(';'), value).expect("all have values").canonical(listed)
}

/// The secret of the known answers. It is too short for a caller of ours.
fn published() -> Secret {
    Secret::new("test-secret-key".to_owned())
}

/// The HMAC signature of a canonical request, as its caller computes it.
fn hmac(canonical: &str) -> String {
    hmac_with(&secret(), canonical)
}

fn hmac_with(secret: &Secret, canonical: &str) -> String {
    let text = string_to_sign(Algorithm::Hmac, "1729683364", Some(SCOPE), canonical);
    let key = crate::keys::derive(secret, "2024-10-23", "wxpay");
    text::hex(&hash::hmac_sha256(&key, text.as_bytes()))
}

fn authorization(list: &str, signature: &str) -> String {
    format!("TC3-HMAC-SHA256 Credential=AKID1/{SCOPE}, SignedHeaders={list}, Signature={signature}")
}

/// The signed query with its headers changed, through the gate: the code and text of the fault.
fn check(mode: Mode, now: Timestamp, change: impl FnOnce(&mut channel::Request)) -> String {
    let mut request = signed(QUERY_URL, QUERY);
    change(&mut request);
    match authenticate(&callers(), mode, &received(&request), now) {
        Ok(caller) => format!("{} {}", caller.tenant, caller.secret_id),
        Err(fault) => format!("{}: {}", fault.code.name(), fault.text),
    }
}

fn set(request: &mut channel::Request, name: &str, value: &str) {
    request.headers.retain(|(known, _)| known != name);
    request.headers.push((name.to_owned(), value.to_owned()));
}

#[test]
fn the_known_answers_hold() {
    assert_eq!(
        hash::sha256_hex(QUERY.as_bytes()),
        "e832f90821d270033fd0bda2833adccfc9647bc198ba1b44ed037df6aa02d3fe"
    );
    let listed = canonical(LISTED, LISTED);
    let sorted = canonical(SORTED, SORTED);
    let listed_hash = "2638554a41d407d0e9d71a5dc76560421c89eeffe41d19a9b1b330455e63478f";
    assert_eq!(hash::sha256_hex(listed.as_bytes()), listed_hash);
    assert_eq!(
        hash::sha256_hex(sorted.as_bytes()),
        "6a01ba4cbacc6793e3e1e84d628a6ca4b8c4affce242547b1e47766033e0cc15"
    );
    assert_eq!(
        string_to_sign(Algorithm::Rsa, "1729683364", Some(SCOPE), &listed),
        format!("SHA256withRSA\n1729683364\n{SCOPE}\n{listed_hash}")
    );
    let hmac = |canonical: &str| hmac_with(&published(), canonical);
    assert_eq!(hmac(&listed), "02b95313145402716390d22e89acc4d0e917e461f7f6a3631c7cbb9b8d590ab8");
    assert_eq!(hmac(&sorted), "87e2ba9eef81da2ce0962acab075bb01a1ff3bdfa8b663f3a007120d05152b7b");
}

#[test]
fn a_client_signs_as_the_known_answer() {
    let secret = published();
    let signing = Signing { secret_id: "AKID1", ocode: "123456", key: SigningKey::Hmac(&secret) };
    let signed = signing.post(QUERY_URL, QUERY.into(), NOW).expect("a good URL");
    let signature = "02b95313145402716390d22e89acc4d0e917e461f7f6a3631c7cbb9b8d590ab8";
    let want = authorization(LISTED, signature);
    assert_eq!(signed.request.header("authorization"), Some(&*want));
    assert_eq!(signed.canonical_request, canonical(LISTED, LISTED));
}

#[test]
fn headers_may_be_signed_in_three_orders() {
    for (order, list) in [(LISTED, LISTED), (SORTED, LISTED), (SORTED, SORTED)] {
        let header = authorization(list, &hmac(&canonical(order, list)));
        let outcome = check(Mode::Strict, NOW, |request| set(request, "Authorization", &header));
        assert_eq!(outcome, "123456 AKID1", "{order} {list}");
    }
    // A list that is not the signed one does not verify in any order.
    let header = authorization(SORTED, &hmac(&canonical(LISTED, LISTED)));
    let outcome = check(Mode::Lenient, NOW, |request| set(request, "Authorization", &header));
    assert_eq!(outcome, "AuthFailure.SignatureFailure: Signature: does not match");
}

#[test]
fn a_list_as_received_that_sorts_to_the_signed_one_verifies() {
    // Part 5 is sorted by the caller, the header shows another order: the third try finds it.
    let header = authorization(LISTED, &hmac(&canonical(SORTED, SORTED)));
    let outcome = check(Mode::Lenient, NOW, |request| set(request, "Authorization", &header));
    assert_eq!(outcome, "123456 AKID1");
}

#[test]
fn the_vendors_own_sdk_may_sign_two_headers_in_lenient_mode() {
    let list = "content-type;host";
    let header = authorization(list, &hmac(&canonical(list, list)));
    let change = |request: &mut channel::Request| {
        set(request, "Authorization", &header);
        set(request, "X-TC-Action", "Wxpay");
    };
    assert_eq!(check(Mode::Lenient, NOW, change), "123456 AKID1");
    let strict = check(Mode::Strict, NOW, change);
    assert!(strict.contains("SignatureFailure: SignedHeaders: want x-tc-ocode"), "{strict}");
}

#[test]
fn rsa_signatures_verify_with_and_without_a_scope() {
    let merchant = signer(&MERCHANT_PEM);
    for scope in [Some(SCOPE), None] {
        let text = string_to_sign(Algorithm::Rsa, "1729683364", scope, &canonical(LISTED, LISTED));
        let signature = merchant.sign(text.as_bytes()).expect("a signature");
        let scope = scope.map(|scope| format!("/{scope}")).unwrap_or_default();
        let header = format!(
            "SHA256withRSA Credential=RSA1{scope}, SignedHeaders={LISTED}, Signature={signature}"
        );
        let change = |request: &mut channel::Request| set(request, "Authorization", &header);
        assert_eq!(check(Mode::Lenient, NOW, change), "123456 RSA1");
    }
}

#[test]
fn a_key_verifies_its_own_algorithm_only() {
    let pem = signer(&MERCHANT_PEM).public_pem();
    let forged = crypto::Secret::new(pem);
    let signing = Signing { secret_id: "RSA1", ocode: "123456", key: SigningKey::Hmac(&forged) };
    let request = signing.post(QUERY_URL, QUERY.into(), NOW).expect("a good URL").request;
    let fault = authenticate(&callers(), Mode::Lenient, &received(&request), NOW)
        .expect_err("an RSA key is not a shared secret");
    assert_eq!(fault.code, ErrCode::SignatureFailure);
}

#[test]
fn what_is_wrong_is_named_in_this_order() {
    type Change = fn(&mut channel::Request);
    let table: [(Change, &str); 16] = [
        (
            |r| r.headers.retain(|(name, _)| name != "Authorization"),
            "MissingParameter: Authorization",
        ),
        (
            |r| r.headers.retain(|(name, _)| name != "Content-Type"),
            "MissingParameter: Content-Type",
        ),
        (|r| r.headers.retain(|(name, _)| name != "Host"), "MissingParameter: Host"),
        (
            |r| r.headers.retain(|(name, _)| name != "X-TC-Timestamp"),
            "MissingParameter: X-TC-Timestamp",
        ),
        (|r| r.headers.retain(|(name, _)| name != "X-TC-Ocode"), "MissingParameter: X-TC-Ocode"),
        (|r| r.headers.retain(|(name, _)| name != "X-TC-Action"), "MissingParameter: x-tc-action"),
        (|r| set(r, "Authorization", "Bearer x"), "AuthFailure.SignatureFailure: Authorization"),
        (|r| replace(r, LISTED, ""), "AuthFailure.SignatureFailure: Authorization"),
        (|r| set(r, "X-TC-Timestamp", "soon"), "AuthFailure.SignatureExpire: X-TC-Timestamp"),
        (
            |r| set(r, "X-TC-Timestamp", "-1729683364"),
            "AuthFailure.SignatureExpire: X-TC-Timestamp",
        ),
        (|r| replace(r, "AKID1", "AKID9"), "AuthFailure.SecretIdNotFound"),
        (|r| replace(r, "AKID1", "AKID2"), "AuthFailure.OcodeMismatch: X-TC-Ocode"),
        (|r| set(r, "X-TC-Ocode", "654321"), "AuthFailure.OcodeMismatch: X-TC-Ocode"),
        (|r| set(r, "X-TC-Action", "refund"), "AuthFailure.SignatureFailure: X-TC-Action"),
        (|r| r.body.push(b' '), "AuthFailure.SignatureFailure: Signature"),
        (|r| r.url.push_str("?x=1"), "AuthFailure.SignatureFailure: Signature"),
    ];
    for (change, want) in table {
        let outcome = check(Mode::Lenient, NOW, change);
        assert!(outcome.starts_with(want), "want {want}, got {outcome}");
    }
}

fn replace(request: &mut channel::Request, from: &str, to: &str) {
    let header = request.header("Authorization").unwrap_or_default().replace(from, to);
    set(request, "Authorization", &header);
}

#[test]
fn the_clock_may_differ_by_300_seconds() {
    for (seconds, good) in [(-301, false), (-300, true), (0, true), (300, true), (301, false)] {
        let outcome = check(Mode::Strict, NOW.plus_seconds(seconds), |_| {});
        let want = if good { "123456 AKID1" } else { "AuthFailure.SignatureExpire" };
        assert!(outcome.starts_with(want), "{seconds}: {outcome}");
    }
}

#[test]
fn the_credentials_date_counts_in_strict_mode_only() {
    let odd = |date: &str| {
        let scope = format!("{date}/wxpay/tc3_request");
        let canonical = canonical(LISTED, LISTED);
        let text = string_to_sign(Algorithm::Hmac, "1729683364", Some(&scope), &canonical);
        let key = crate::keys::derive(&secret(), date, "wxpay");
        let signature = text::hex(&hash::hmac_sha256(&key, text.as_bytes()));
        authorization(LISTED, &signature).replace(SCOPE, &scope)
    };
    let header = odd("2023-04-13");
    let change = |request: &mut channel::Request| set(request, "Authorization", &header);
    assert_eq!(check(Mode::Lenient, NOW, change), "123456 AKID1");
    assert!(check(Mode::Strict, NOW, change).contains("SignatureFailure: Credential"));
}

#[test]
fn nothing_shows_a_secret() {
    let secret = secret();
    let key = SigningKey::Hmac(&secret);
    let signing = Signing { secret_id: "AKID1", ocode: "123456", key };
    let wecard = Wecard::new(signer(&MERCHANT_PEM), Mode::Lenient, super::plenty());
    let shown = format!("{signing:?} {wecard:?}");
    assert!(!shown.contains("test-secret-key") && !shown.contains("PRIVATE"), "{shown}");
}
