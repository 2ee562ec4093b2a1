//! Who calls: both signature generations, what they tolerate, and every way not to be believed.

use crate::test_gateway::{
    CLOSE_ORDER, CallerKey, QUERY_ORDER, Signature, TestGateway, UNIFIED_ORDER, order, utc_date,
};
use crypto::{hash, rsa::Signer, text};
use serde_json::{Value, json};

/// A body for which a believed caller hears [`BELIEVED`].
const BODY: &[u8] = br#"{"OutOrderId":"nobody_1"}"#;
const BELIEVED: &str = "ORDER.ORDER_NOT_EXIST";
const FAILURE: &str = "AuthFailure.SignatureFailure";
const EXPIRED: &str = "AuthFailure.SignatureExpire";
/// The list of the published sample.
const LISTED: &str = "content-type;host;x-tc-ocode;x-tc-action";
/// The same, in ASCII order.
const SORTED: &str = "content-type;host;x-tc-action;x-tc-ocode";

type Headers = Vec<(String, String)>;

/// What a query with these headers hears: its `ErrCode` and `ErrMessage`.
async fn heard(
    gateway: &TestGateway,
    path: &str,
    headers: Headers,
    body: &[u8],
) -> (String, String) {
    let answer = gateway.post_raw(path, headers, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let response = &answer.body["Response"];
    let said = |member: &str| response[member].as_str().expect("text").to_owned();
    if said("ErrCode") != "SUCCESS" {
        assert!(response["Result"].is_null(), "{response}");
    }
    let text = response.to_string();
    for secret in ["/wecard/hmac/secret_key", "/wecard/rsa/private_key_pem"] {
        assert!(!text.contains(&gateway.text(secret)), "{text}");
    }
    (said("ErrCode"), said("ErrMessage"))
}

async fn code(gateway: &TestGateway, headers: Headers) -> String {
    heard(gateway, QUERY_ORDER, headers, BODY).await.0
}

fn both(gateway: &TestGateway) -> [Signature; 2] {
    [gateway.signed(QUERY_ORDER, BODY), gateway.signed_rsa(QUERY_ORDER, BODY)]
}

/// The headers with one of them replaced.
fn replaced(headers: &Headers, name: &str, value: &str) -> Headers {
    let keep = |(known, old): &(String, String)| {
        let value = if known == name { value.to_owned() } else { old.clone() };
        (known.clone(), value)
    };
    headers.iter().map(keep).collect()
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(known, _)| known != name).cloned().collect()
}

/// An `Authorization` put together by hand: the list that is sent, the headers in the order in which
/// they are signed, the list that is signed, and the scope.
struct Hand<'a> {
    listed: &'a str,
    order: &'a str,
    signed_list: &'a str,
    credential_scope: Option<&'a str>,
    signed_scope: Option<&'a str>,
}

impl Hand<'_> {
    fn headers(&self, signature: &Signature) -> Headers {
        let canonical: String = self
            .order
            .split(';')
            .map(|name| format!("{name}:{}\n", value(signature, name)))
            .collect();
        let digest = hash::sha256_hex(&signature.body);
        let path = &signature.path;
        let canonical = format!("POST\n{path}\n\n{canonical}\n{}\n{digest}", self.signed_list);
        let digest = hash::sha256_hex(canonical.as_bytes());
        let scope = self.signed_scope.map(|scope| format!("{scope}\n")).unwrap_or_default();
        let rest = format!("{}\n{scope}{digest}", signature.timestamp);
        let (algorithm, proof) = prove(&signature.key, &signature.date, &rest);
        let credential = match self.credential_scope {
            Some(scope) => format!("{}/{scope}", signature.secret_id),
            None => signature.secret_id.clone(),
        };
        let list = self.listed;
        let authorization =
            format!("{algorithm} Credential={credential}, SignedHeaders={list}, Signature={proof}");
        replaced(&signature.headers(), "Authorization", &authorization)
    }
}

fn value(signature: &Signature, name: &str) -> String {
    let value = match name {
        "content-type" => &signature.content_type,
        "host" => &signature.host,
        "x-tc-ocode" => &signature.ocode,
        "x-tc-action" => &signature.action,
        "x-tc-version" => "2023-04-13",
        "x-tc-region" => "ap-shanghai",
        "x-tc-timestamp" => return signature.timestamp.to_string(),
        other => panic!("no value for {other}"),
    };
    value.trim().to_lowercase()
}

fn prove(key: &CallerKey, date: &str, rest: &str) -> (&'static str, String) {
    match key {
        CallerKey::Hmac(secret) => {
            let text = format!("TC3-HMAC-SHA256\n{rest}");
            let mut key = hash::hmac_sha256(format!("TC3{secret}").as_bytes(), date.as_bytes());
            for part in ["wxpay", "tc3_request", &text] {
                key = hash::hmac_sha256(&key, part.as_bytes());
            }
            ("TC3-HMAC-SHA256", text::hex(&key))
        }
        CallerKey::Rsa(pem) => {
            let text = format!("SHA256withRSA\n{rest}");
            let signer = Signer::from_pem(pem).expect("the caller's key");
            ("SHA256withRSA", signer.sign(text.as_bytes()).expect("signed"))
        }
    }
}

#[test]
fn this_client_signs_the_known_vectors() {
    let signature = Signature {
        path: QUERY_ORDER.to_owned(),
        query: String::new(),
        body: br#"{"OutOrderId":"demo202211200001"}"#.to_vec(),
        host: "p.wecard.tencent.com".to_owned(),
        content_type: "application/json".to_owned(),
        action: "wxpay".to_owned(),
        ocode: "123456".to_owned(),
        timestamp: 1_729_683_364,
        date: "2024-10-23".to_owned(),
        signed_headers: LISTED.to_owned(),
        secret_id: "AKID".to_owned(),
        key: CallerKey::Hmac("test-secret-key".to_owned()),
    };
    let scope = Some("2024-10-23/wxpay/tc3_request");
    let hand = |list| Hand {
        listed: list,
        order: list,
        signed_list: list,
        credential_scope: scope,
        signed_scope: scope,
    };
    let as_listed = "02b95313145402716390d22e89acc4d0e917e461f7f6a3631c7cbb9b8d590ab8";
    let sorted = "87e2ba9eef81da2ce0962acab075bb01a1ff3bdfa8b663f3a007120d05152b7b";
    for (headers, want) in [
        (signature.headers(), as_listed),
        (hand(LISTED).headers(&signature), as_listed),
        (hand(SORTED).headers(&signature), sorted),
    ] {
        assert!(headers[0].1.ends_with(want), "{}", headers[0].1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_generations_are_believed_in_every_tolerated_order() {
    let gateway = TestGateway::start();
    let more = format!("{LISTED};x-tc-region;x-tc-timestamp;x-tc-version");
    for signature in both(&gateway) {
        let scope = format!("{}/wxpay/tc3_request", signature.date);
        let hand = |listed, order, signed_list| Hand {
            listed,
            order,
            signed_list,
            credential_scope: Some(&scope),
            signed_scope: Some(&scope),
        };
        let capitals = "Content-Type;Host";
        for (hand, want) in [
            (hand(LISTED, LISTED, LISTED), BELIEVED),
            (hand(SORTED, SORTED, SORTED), BELIEVED),
            (hand(LISTED, SORTED, LISTED), BELIEVED),
            (hand(LISTED, SORTED, SORTED), BELIEVED),
            (hand("content-type;host", "content-type;host", "content-type;host"), BELIEVED),
            (hand("host;content-type", "host;content-type", "host;content-type"), BELIEVED),
            (hand(capitals, "content-type;host", capitals), BELIEVED),
            (hand(&more, &more, &more), BELIEVED),
            (hand(SORTED, LISTED, SORTED), FAILURE),
            (hand(LISTED, "x-tc-action;x-tc-ocode;host;content-type", LISTED), FAILURE),
            (hand("host", "host", "host"), FAILURE),
            (hand("content-type", "content-type", "content-type"), FAILURE),
            (hand("x-tc-ocode;x-tc-action", "x-tc-ocode;x-tc-action", LISTED), FAILURE),
        ] {
            let said = code(&gateway, hand.headers(&signature)).await;
            assert_eq!(said, want, "{} {} {}", hand.listed, hand.order, hand.signed_list);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scope_is_signed_exactly_when_the_credential_has_one() {
    let gateway = TestGateway::start();
    let rsa = gateway.signed_rsa(QUERY_ORDER, BODY);
    let hmac = gateway.signed(QUERY_ORDER, BODY);
    let scope = format!("{}/wxpay/tc3_request", rsa.date);
    let scope = Some(scope.as_str());
    for (signature, credential_scope, signed_scope, want) in [
        (&rsa, None, None, BELIEVED),
        (&rsa, None, scope, FAILURE),
        (&rsa, scope, None, FAILURE),
        (&hmac, scope, None, FAILURE),
        // A shared key is derived for a date, which only a scope names.
        (&hmac, None, None, FAILURE),
    ] {
        let hand = Hand {
            listed: LISTED,
            order: LISTED,
            signed_list: LISTED,
            credential_scope,
            signed_scope,
        };
        let said = code(&gateway, hand.headers(signature)).await;
        assert_eq!(said, want, "{credential_scope:?} {signed_scope:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_official_clients_do_is_tolerated() {
    let gateway = TestGateway::start();
    for signature in both(&gateway) {
        let shanghai = utc_date(signature.timestamp + 8 * 3600);
        let short = "content-type;host".to_owned();
        let sdk =
            Signature { action: "Wxpay".to_owned(), signed_headers: short, ..signature.clone() };
        let charset = "application/json; charset=utf-8".to_owned();
        for signature in [
            Signature { action: "WXPAY".to_owned(), ..signature.clone() },
            Signature { content_type: charset, ..signature.clone() },
            Signature { date: shanghai, ..signature.clone() },
            // The older published sample names the version's date.
            Signature { date: "2023-04-13".to_owned(), ..signature.clone() },
            sdk,
        ] {
            assert_eq!(code(&gateway, signature.headers()).await, BELIEVED);
        }
        // A legal retry within the second has the same signature.
        assert_eq!(code(&gateway, signature.headers()).await, BELIEVED);
        let signed = Signature { query: "a=1&b=%E5%B8%81".to_owned(), ..signature };
        let target = format!("{QUERY_ORDER}?{}", signed.query);
        assert_eq!(heard(&gateway, &target, signed.headers(), BODY).await.0, BELIEVED);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_covers_every_part_of_the_request() {
    let gateway = TestGateway::start();
    for signature in both(&gateway) {
        let headers = signature.headers();
        let authorization = headers[0].1.clone();
        let later = (signature.timestamp + 1).to_string();
        let other_date = authorization.replace(&signature.date, "2023-04-13");
        let unsigned = authorization.replace(LISTED, "content-type;host");
        let reordered = authorization.replace(LISTED, SORTED);
        for (path, headers, body) in [
            (QUERY_ORDER, headers.clone(), &br#"{"OutOrderId":"nobody_2"}"#[..]),
            (QUERY_ORDER, headers.clone(), b"{\"OutOrderId\":\"nobody_1\"}\n"),
            (CLOSE_ORDER, headers.clone(), BODY),
            ("/cloudpay/v1/pay/query_order?a=1", headers.clone(), BODY),
            (QUERY_ORDER, replaced(&headers, "X-TC-Timestamp", &later), BODY),
            (QUERY_ORDER, replaced(&headers, "Content-Type", "text/plain"), BODY),
            (QUERY_ORDER, replaced(&headers, "Authorization", &other_date), BODY),
            (QUERY_ORDER, replaced(&headers, "Authorization", &unsigned), BODY),
            (QUERY_ORDER, replaced(&headers, "Authorization", &reordered), BODY),
        ] {
            let (said, _) = heard(&gateway, path, headers.clone(), body).await;
            assert_eq!(said, FAILURE, "{path} {headers:?}");
        }
        let other_action = Signature { action: "cvm".to_owned(), ..signature };
        assert_eq!(code(&gateway, other_action.headers()).await, FAILURE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_key_of_the_secret_id_proves_it() {
    let gateway = TestGateway::start();
    let [hmac, rsa] = both(&gateway);
    let strange_rsa = CallerKey::Rsa(gateway.text("/wxpay/private_key_pem"));
    let caller = Signer::from_pem(&gateway.text("/wecard/rsa/private_key_pem")).expect("a key");
    // A public key is not a shared secret.
    let confused = CallerKey::Hmac(caller.public_pem());
    let other = "AKIDnobody".to_owned();
    for (signature, want) in [
        (Signature { key: CallerKey::Hmac(String::new()), ..hmac.clone() }, FAILURE),
        (Signature { key: CallerKey::Hmac("x".repeat(32)), ..hmac.clone() }, FAILURE),
        (Signature { key: rsa.key.clone(), ..hmac.clone() }, FAILURE),
        (Signature { key: hmac.key.clone(), ..rsa.clone() }, FAILURE),
        (Signature { key: strange_rsa, ..rsa.clone() }, FAILURE),
        (Signature { key: confused, ..rsa.clone() }, FAILURE),
        (Signature { secret_id: other, ..hmac.clone() }, "AuthFailure.SecretIdNotFound"),
        (Signature { secret_id: String::new(), ..rsa.clone() }, "AuthFailure.SecretIdNotFound"),
        (Signature { ocode: "100002".to_owned(), ..hmac.clone() }, "AuthFailure.OcodeMismatch"),
        (Signature { ocode: "100002".to_owned(), ..rsa.clone() }, "AuthFailure.OcodeMismatch"),
    ] {
        assert_eq!(code(&gateway, signature.headers()).await, want, "{}", signature.secret_id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorization_that_is_none_is_a_signature_failure() {
    let gateway = TestGateway::start();
    for signature in both(&gateway) {
        let headers = signature.headers();
        let good = headers[0].1.clone();
        let (rest, proof) =
            good.rsplit_once('=').filter(|_| !good.ends_with('=')).unwrap_or_else(|| {
                let at = good.find("Signature=").expect("a signature") + "Signature".len();
                (&good[..at], &good[at + 1..])
            });
        let (_, after_algorithm) = good.split_once(' ').expect("an algorithm");
        // One in 64 signatures begins with any given letter.
        let other = if proof.starts_with('x') { 'y' } else { 'x' };
        let bent = [
            "Basic dGVzdDp0ZXN0".to_owned(),
            "Bearer x".to_owned(),
            "TC3-HMAC-SHA256".to_owned(),
            "SHA256withRSA Credential=".to_owned(),
            format!("HMAC-SHA1 {after_algorithm}"),
            after_algorithm.to_owned(),
            format!("{rest}="),
            format!("{rest}={}", &proof[1..]),
            format!("{rest}={other}{}", &proof[1..]),
            format!("{rest}={proof}{proof}"),
            good.replace("Signature=", "Sign="),
            good.replace("SignedHeaders=", "Headers="),
            good.replace("Credential=", "Key="),
            good.replace("tc3_request,", "tc4_request,"),
            good.replace(LISTED, ""),
        ];
        for authorization in bent {
            let said = code(&gateway, replaced(&headers, "Authorization", &authorization)).await;
            assert_eq!(said, FAILURE, "{authorization}");
        }
    }
    let hmac = gateway.signed(QUERY_ORDER, BODY).headers();
    let (rest, proof) = hmac[0].1.rsplit_once('=').expect("a signature");
    let capitals = format!("{rest}={}", proof.to_uppercase());
    assert_eq!(code(&gateway, replaced(&hmac, "Authorization", &capitals)).await, FAILURE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_may_be_300_seconds_off_and_no_more() {
    let gateway = TestGateway::start();
    // The server's clock runs while the request travels: the near side of the past and the far side
    // of the future have a little slack.
    for (ahead, want) in [
        (0, BELIEVED),
        (-280, BELIEVED),
        (300, BELIEVED),
        (-301, EXPIRED),
        (320, EXPIRED),
        (-86_400, EXPIRED),
        (86_400, EXPIRED),
    ] {
        for signature in both(&gateway) {
            let timestamp = gateway.now() + ahead;
            let date = utc_date(timestamp);
            let signature = Signature { timestamp, date, ..signature };
            assert_eq!(code(&gateway, signature.headers()).await, want, "{ahead}");
        }
    }
    let headers = gateway.signed(QUERY_ORDER, BODY).headers();
    let ms = format!("{}000", gateway.now());
    for odd in ["now", "-1", "0", "1e9", "1.5", "0x10", &ms, "99999999999999999999999"] {
        let said = code(&gateway, replaced(&headers, "X-TC-Timestamp", odd)).await;
        assert_eq!(said, EXPIRED, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_header_is_named() {
    let gateway = TestGateway::start();
    for signature in both(&gateway) {
        let headers = signature.headers();
        for name in ["Authorization", "Content-Type", "X-TC-Timestamp", "X-TC-Ocode"] {
            let (said, why) = heard(&gateway, QUERY_ORDER, without(&headers, name), BODY).await;
            assert_eq!(said, "MissingParameter", "{name}");
            assert!(why.contains(name), "{why}");
        }
        // The action is signed here, so that it may not be missing either.
        let (said, _) = heard(&gateway, QUERY_ORDER, without(&headers, "X-TC-Action"), BODY).await;
        assert_eq!(said, "MissingParameter");
        for unsigned in ["X-TC-Version", "X-TC-Region"] {
            assert_eq!(code(&gateway, without(&headers, unsigned)).await, BELIEVED, "{unsigned}");
        }
    }
}

/// A request with everything wrong, mended step by step: each step shows the next fault.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_are_found_in_the_order_of_the_protocol() {
    let gateway = TestGateway::start();
    let bad_order = |member: &str, value: Value| {
        let mut body = order("precedence_1");
        body["ChannelSubMerchantId"] = json!("CM-nobody");
        body[member] = value;
        body.to_string().into_bytes()
    };
    let bad_field = bad_order("TotalAmount", json!(0));
    let sign = |body: &[u8]| {
        let timestamp = gateway.now() - 1000;
        let key = CallerKey::Hmac("wrong".to_owned());
        let (secret_id, ocode) = ("AKIDnobody".to_owned(), "100002".to_owned());
        Signature { timestamp, key, secret_id, ocode, ..gateway.signed(UNIFIED_ORDER, body) }
    };
    let hear =
        async |headers: Headers, body: &[u8]| heard(&gateway, UNIFIED_ORDER, headers, body).await.0;
    let headers = without(&sign(b"{").headers(), "X-TC-Ocode");
    assert_eq!(hear(headers, b"{").await, "ORDER.INVALID_PARAMETER");
    let mut signature = sign(&bad_field);
    let headers = without(&signature.headers(), "X-TC-Ocode");
    assert_eq!(hear(headers, &bad_field).await, "MissingParameter");
    assert_eq!(hear(signature.headers(), &bad_field).await, EXPIRED);
    signature.timestamp = gateway.now();
    assert_eq!(hear(signature.headers(), &bad_field).await, "AuthFailure.SecretIdNotFound");
    signature.secret_id = gateway.text("/wecard/hmac/secret_id");
    assert_eq!(hear(signature.headers(), &bad_field).await, "AuthFailure.OcodeMismatch");
    signature.ocode = gateway.text("/wecard/ocode");
    assert_eq!(hear(signature.headers(), &bad_field).await, FAILURE);
    let headers = gateway.signed(UNIFIED_ORDER, &bad_field).headers();
    let (said, why) = heard(&gateway, UNIFIED_ORDER, headers, &bad_field).await;
    assert_eq!(said, "ORDER.INVALID_PARAMETER");
    assert!(why.contains("TotalAmount"), "fields come before the business: {why}");
    let good_fields = bad_order("TotalAmount", json!(1));
    let headers = gateway.signed(UNIFIED_ORDER, &good_fields).headers();
    let (_, why) = heard(&gateway, UNIFIED_ORDER, headers, &good_fields).await;
    assert!(why.contains("ChannelSubMerchantId"), "{why}");
}
