//! Settings to accounts.

use super::*;
use channel::{BadSettings, PlatformKey};

fn fault(others: &[(&str, &str)]) -> Option<BadSettings> {
    Wxpay.open(&settings_and(others), &[]).err()
}

#[test]
fn bad_settings_are_named_and_never_shown() {
    for (others, name) in [
        (&[("mchid", "")][..], "mchid"),
        (&[("appid", " ")], "appid"),
        (&[("serial_no", "XYZ")], "serial_no"),
        (&[("private_key_pem", "sesame")], "private_key_pem"),
        (&[("apiv3_key", "sesame")], "apiv3_key"),
        (&[("sub_appid", "wx1")], "sub_mchid"),
        (&[("public_key_id", PUBLIC_KEY_ID)], "public_key_pem"),
        (&[("public_key_pem", PLATFORM_PUBLIC)], "public_key_id"),
        (&[("public_key_id", SERIAL), ("public_key_pem", PLATFORM_PUBLIC)], "public_key_id"),
        (&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", "sesame")], "public_key_pem"),
        (&[("platform_cert_pem", "sesame")], "platform_cert_pem"),
        (&[("mchid", "19000 09191")], "mchid"),
        (&[("mchid", "１９００００９１９１")], "mchid"),
        (&[("appid", "wx 1")], "appid"),
        (&[("appid", "wx1\nwx2")], "appid"),
        (&[("sub_mchid", "CM1")], "sub_mchid"),
        (&[("sub_mchid", "1"), ("sub_appid", "wx/1")], "sub_appid"),
        (&[("public_key_id", "PUB_KEY_ID_"), ("public_key_pem", PLATFORM_PUBLIC)], "public_key_id"),
        (
            &[("public_key_id", "PUB_KEY_ID_1 2"), ("public_key_pem", PLATFORM_PUBLIC)],
            "public_key_id",
        ),
        (&[("apiv3_key", "密钥密钥密钥密钥密钥12")], "apiv3_key"),
        (&[("base_url", "https://a b")], "base_url"),
        (&[("base_url", "https://u:sesame@a")], "base_url"),
        (&[("base_url", "http://0.0.0.0:8081")], "base_url"),
        (&[("base_url", "ftp://a")], "base_url"),
        (&[("base_url", "https://")], "base_url"),
        (&[("base_url", "https://a/?x")], "base_url"),
        (&[("sub_mch_id", "1")], "sub_mch_id"),
    ] {
        let fault = fault(others).expect(name);
        assert_eq!(fault.name, name);
        assert!(!format!("{fault} {fault:?}").contains("sesame"), "{fault}");
    }
    assert_eq!(fault(&[("sub_mchid", ""), ("base_url", "")]), None);
}

#[test]
fn any_key_that_holds_now_verifies_answers() {
    let bare = |settings: &mut Settings| settings.remove("platform_cert_pem");
    let mut certificate_mode = settings();
    bare(&mut certificate_mode);
    let mut public_key =
        settings_and(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)]);
    bare(&mut public_key);
    let fetched = |until: i64| {
        vec![PlatformKey {
            serial: SERIAL.into(),
            pem: PLATFORM_CERTIFICATE.into(),
            valid_from: NOW.plus_seconds(-60),
            valid_until: NOW.plus_seconds(until),
        }]
    };
    for (case, settings, keys, want) in [
        ("nothing fetched yet", &certificate_mode, vec![], false),
        ("a fetched key", &certificate_mode, fetched(60), true),
        ("a key of the past", &certificate_mode, fetched(-1), false),
        ("the public key", &public_key, vec![], true),
        ("a pinned certificate", &settings(), vec![], true),
    ] {
        let connection = Wxpay.open(settings, &keys).expect("good settings");
        assert_eq!(connection.has_keys(NOW), want, "{case}");
    }
}

/// Whose money it is does not hang on the app, the keys or the account's name.
#[test]
fn the_identity_is_the_party_that_collects() {
    let partner = [("sub_mchid", "1900000109"), ("sub_appid", SUB_APP_ID)];
    for (others, want) in [
        (&[][..], "1900009191"),
        (&[("appid", "wxother"), ("base_url", "https://other.example")], "1900009191"),
        (&[("mchid", "1900009192")], "1900009192"),
        (&partner, "1900009191/1900000109"),
        (&partner[..1], "1900009191/1900000109"),
    ] {
        let connection = connection_and(others);
        assert_eq!(connection.identity(), want);
        assert_eq!(connection.client_certificate(), None);
    }
}

#[test]
fn every_setting_is_declared_and_secrets_are_marked() {
    let about = Wxpay.about();
    assert_eq!((about.name, about.fetches_keys, about.is_built_in), ("wxpay", true, false));
    for (name, _) in settings() {
        assert!(about.settings.iter().any(|setting| setting.name == name), "{name}");
    }
    let secrets: Vec<_> = about
        .settings
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| setting.name)
        .collect();
    assert_eq!(secrets, ["private_key_pem", "apiv3_key", "api_v2_key"]);
}
