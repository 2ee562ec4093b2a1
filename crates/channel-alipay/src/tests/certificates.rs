//! Certificate mode. The certificates and their names were made with Python's `cryptography` and the
//! `openssl` command.

use super::*;
use channel::{FetchedKeys, PlatformKey, Unproven};
use serde_json::json;

pub(crate) const APP_CERTIFICATE: &str = include_str!("../../golden/app_certificate.pem");
/// Of the key with which the channel signs, and the authority above it.
pub(crate) const CERTIFICATE: &str = include_str!("../../golden/alipay_certificate.pem");
/// The one before, of another key.
pub(crate) const OLD_CERTIFICATE: &str = include_str!("../../golden/alipay_old_certificate.pem");
/// Two authorities with RSA keys, and one between them with another.
pub(crate) const ROOTS: &str = include_str!("../../golden/alipay_roots.pem");
const APP_CERT_SN: &str = "cd4fd362034cba2ad905b784a4af6572";
pub(crate) const CERT_SN: &str = "9b4598657e71d9a6f54811658f838711";
pub(crate) const OLD_CERT_SN: &str = "c6ae669e56e876dd8537c0ae581c4dd7";
const ROOT_CERT_SN: &str = "bd8d8e10b3a97be92719977f04ea816a_f07500c552c8a4159ef93322a30c7140";

/// The settings of an account in certificate mode that knows this certificate of the channel.
pub(crate) fn certified(alipay: &str, roots: &str) -> Settings {
    settings_and(&[
        ("alipay_public_key", ""),
        ("app_certificate", APP_CERTIFICATE),
        ("alipay_certificate", alipay),
        ("alipay_root_certificates", roots),
    ])
}

pub(crate) fn open(settings: &Settings, keys: &[PlatformKey]) -> Box<dyn Connection> {
    Alipay.open(settings, keys).expect("good settings")
}

/// A query's answer in certificate mode, signed by the channel's newest key.
fn pending(cert_sn: &str) -> Response {
    let content = json!({
        "code": "10000", "msg": "Success", "out_trade_no": NUMBER, "trade_no": TRADE_NO,
        "trade_status": "WAIT_BUYER_PAY", "total_amount": "10.00",
    });
    named(answer(&query(), &content.to_string()), cert_sn)
}

/// An answer that names the certificate which signed.
fn named(answer: Response, cert_sn: &str) -> Response {
    let body = String::from_utf8(answer.body).expect("text");
    let with = format!(r#","alipay_cert_sn":"{cert_sn}","sign":"#);
    Response { body: body.replace(r#","sign":"#, &with).into_bytes(), ..answer }
}

/// The answer with a certificate.
fn download(pem: &str, cert_sn: &str) -> Response {
    let pem = crypto::text::base64(pem.as_bytes());
    let content = json!({"code": "10000", "msg": "Success", "alipay_cert_content": pem});
    let member = "alipay_open_app_alipaycert_download_response";
    named(answer_in(member, &content.to_string()), cert_sn)
}

fn fetch(sn: &str) -> Instruction {
    Instruction::FetchKeys { named: Some(sn.to_owned()) }
}

fn fetched(settings: &Settings, sn: &str, response: &Response) -> Finding {
    open(settings, &[]).decode(&fetch(sn), response, &context())
}

#[test]
fn requests_name_the_certificates_as_another_implementation_does() {
    let connection = open(&certified(CERTIFICATE, ROOTS), &[]);
    let parameters = crate::wire::read_form(&request(&*connection, &query()).body);
    assert_eq!(parameters["app_cert_sn"], APP_CERT_SN);
    assert_eq!(parameters["alipay_root_cert_sn"], ROOT_CERT_SN);
    let app = crate::settings::verifier(APP_PUBLIC).expect("a golden key");
    assert!(app.verify(&crate::sign::request_text(&parameters), &parameters["sign"]));
}

#[test]
fn an_answer_is_believed_by_the_certificate_that_it_names() {
    let new = open(&certified(CERTIFICATE, ROOTS), &[]);
    let decode = |connection: &dyn Connection, response: &Response| {
        connection.decode(&query(), response, &context())
    };
    assert_eq!(decode(&*new, &pending(CERT_SN)), Finding::Pending);
    let old = open(&certified(OLD_CERTIFICATE, ROOTS), &[]);
    let unknown = Finding::Unproven(Unproven::UnknownKey { serial: CERT_SN.to_owned() });
    assert_eq!(decode(&*old, &pending(CERT_SN)), unknown);
    let wrong = decode(&*old, &pending(OLD_CERT_SN));
    assert!(matches!(&wrong, Finding::Unknown { why } if why.contains("wrong signature")));
}

#[test]
fn the_missing_certificate_is_asked_for_and_then_believed() {
    let settings = certified(OLD_CERTIFICATE, ROOTS);
    let old = open(&settings, &[]);
    let sought = |instruction: &Instruction| {
        let asked = request(&*old, instruction);
        let parameters = crate::wire::read_form(&asked.body);
        assert_eq!(parameters["method"], "alipay.open.app.alipaycert.download");
        parameters["biz_content"].clone()
    };
    let any = Instruction::FetchKeys { named: None };
    assert_eq!(sought(&any), json!({"alipay_cert_sn": OLD_CERT_SN}).to_string());
    assert_eq!(sought(&fetch(CERT_SN)), json!({"alipay_cert_sn": CERT_SN}).to_string());

    let found = fetched(&settings, CERT_SN, &download(CERTIFICATE, CERT_SN));
    let Finding::Keys(FetchedKeys { keys, .. }) = found else { panic!("keys wanted: {found:?}") };
    assert_eq!(keys[0].serial, CERT_SN);
    let fresh = open(&settings, &keys);
    assert_eq!(fresh.decode(&query(), &pending(CERT_SN), &context()), Finding::Pending);
}

#[test]
fn what_no_authority_issued_or_nobody_signed_makes_no_key() {
    let settings = certified(OLD_CERTIFICATE, ROOTS);
    // The last authority alone: it issued none of them.
    let (_, last) = ROOTS.rsplit_once("-----BEGIN").expect("several certificates");
    let others = certified(OLD_CERTIFICATE, &format!("-----BEGIN{last}"));
    let (alone, _) = CERTIFICATE.split_once("-----END CERTIFICATE-----").expect("a certificate");
    let alone = format!("{alone}-----END CERTIFICATE-----\n");
    // An app's certificate has the same authority above it, but it is not the channel's.
    let (_, above) = CERTIFICATE.rsplit_once("-----BEGIN").expect("two certificates");
    let of_an_app = format!("{APP_CERTIFICATE}-----BEGIN{above}");
    for (settings, sn, response, why) in [
        (&others, CERT_SN, download(CERTIFICATE, CERT_SN), "issued by none"),
        (&settings, CERT_SN, download(&alone, CERT_SN), "issued by none"),
        (&settings, APP_CERT_SN, download(&of_an_app, APP_CERT_SN), "another subject"),
        (&settings, CERT_SN, download(CERTIFICATE, OLD_CERT_SN), "wrong signature"),
        (&settings, OLD_CERT_SN, download(CERTIFICATE, CERT_SN), "was asked for"),
        (&settings, CERT_SN, download("sesame", CERT_SN), "certificate: "),
    ] {
        let found = fetched(settings, sn, &response);
        let Finding::Unknown { why: found } = &found else { panic!("{why}: {found:?}") };
        assert!(found.contains(why) && !found.contains("sesame"), "{why}: {found}");
    }
}

#[test]
fn the_modes_are_not_mixed() {
    for (others, name) in [
        (vec![("app_certificate", APP_CERTIFICATE)], "app_certificate"),
        (vec![("alipay_certificate", CERTIFICATE)], "alipay_certificate"),
        (
            vec![("alipay_public_key", ""), ("app_certificate", APP_CERTIFICATE)],
            "alipay_certificate",
        ),
    ] {
        let fault = Alipay.open(&settings_and(&others), &[]).err().expect("it is refused");
        assert_eq!(fault.name, name);
    }
    let mut of_another_key = certified(CERTIFICATE, ROOTS);
    of_another_key.insert("app_certificate".to_owned(), CERTIFICATE.to_owned());
    let fault = Alipay.open(&of_another_key, &[]).err().expect("it is refused");
    assert_eq!(fault.name, "app_certificate");
}

/// A certificate that is over is as good as unknown.
#[test]
fn a_certificate_holds_for_its_time() {
    let connection = open(&certified(CERTIFICATE, ROOTS), &[]);
    assert!(connection.has_keys(NOW));
    let later = NOW.plus_seconds(80 * 366 * 86_400);
    assert!(!connection.has_keys(later));
    let context = CodecContext { now: later, ..context() };
    let found = connection.decode(&query(), &pending(CERT_SN), &context);
    assert!(matches!(found, Finding::Unproven(Unproven::UnknownKey { .. })), "{found:?}");
}

/// A name is an MD5. What is not a name is not asked for.
#[test]
fn what_cannot_be_a_name_is_a_wrong_signature() {
    let connection = open(&certified(CERTIFICATE, ROOTS), &[]);
    for sn in ["sesame", &"g".repeat(32), &"0".repeat(33)] {
        let found = connection.decode(&query(), &pending(sn), &context());
        assert!(matches!(&found, Finding::Unknown { why } if !why.contains("sesame")), "{found:?}");
    }
}

/// The authority must hold, too.
#[test]
fn a_certificate_that_is_fetched_holds_now() {
    let settings = certified(OLD_CERTIFICATE, ROOTS);
    let later = CodecContext { now: NOW.plus_seconds(80 * 366 * 86_400), ..context() };
    let response = download(CERTIFICATE, CERT_SN);
    let found = open(&settings, &[]).decode(&fetch(CERT_SN), &response, &later);
    assert!(matches!(&found, Finding::Unknown { why } if why.contains("holds now")), "{found:?}");
}
