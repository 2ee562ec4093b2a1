//! Certificate mode at the counterpart.

use super::*;
use crate::tests::certificates::{CERT_SN, CERTIFICATE, OLD_CERTIFICATE, ROOTS, certified, open};
use channel::Unproven;

#[test]
fn an_app_with_certificates_is_served_beside_one_with_keys() {
    let mut stage = Stage::new();
    let account = open(&certified(CERTIFICATE, ROOTS), &[]);
    let placed = stage.ask_by(&*account, &codec::placing(Scene::Pc));
    let Finding::Placed(pay_info) = placed else { panic!("placed wanted: {placed:?}") };
    stage.phone(&pay_info.text, PhoneOutcome::Success).expect("it is paid");
    assert!(matches!(stage.ask_by(&*account, &codec::query()), Finding::Paid(_)));
    let callback = stage.outgoing.last().cloned().expect("a callback");
    assert!(matches!(stage.told_to(&*account), Ok(Finding::Paid(_))));

    let old = open(&certified(OLD_CERTIFICATE, ROOTS), &[]);
    stage.outgoing.push(callback);
    // A callback does not name the certificate that signed it.
    let fault = CallbackFault::Forged { why: "wrong signature".to_owned() };
    assert_eq!(stage.told_to(&*old), Err(fault));
    assert!(matches!(stage.ask(&codec::query()), Finding::Paid(_)));
}

#[test]
fn a_new_certificate_is_fetched() {
    let mut stage = Stage::new();
    let settings = certified(OLD_CERTIFICATE, ROOTS);
    let old = open(&settings, &[]);
    let found = stage.ask_by(&*old, &codec::placing(Scene::Pc));
    assert!(matches!(found, Finding::Unproven(Unproven::UnknownKey { .. })), "{found:?}");
    let named = Some(CERT_SN.to_owned());
    let found = stage.ask_by(&*old, &Instruction::FetchKeys { named });
    let Finding::Keys(fetched) = found else { panic!("keys wanted: {found:?}") };
    let fresh = open(&settings, &fetched.keys);
    let placed = stage.ask_by(&*fresh, &codec::placing(Scene::Pc));
    assert!(matches!(placed, Finding::Placed(_)), "{placed:?}");
}

#[test]
fn wrong_names_are_refused_at_the_gate() {
    let mut stage = Stage::new();
    for (name, code) in [
        ("app_cert_sn", "isv.invalid-app-cert-sn"),
        ("alipay_root_cert_sn", "isv.invalid-alipay-root-cert-sn"),
    ] {
        let account = open(&certified(CERTIFICATE, ROOTS), &[]);
        let asked = codec::request(&*account, &codec::query());
        let mut parameters = read_form(&asked.body);
        parameters.insert(name.to_owned(), "0".repeat(32));
        let response = stage.send(&Request { body: form(&parameters).into_bytes(), ..asked });
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        assert_eq!(body["alipay_trade_query_response"]["sub_code"], code);
    }
}
