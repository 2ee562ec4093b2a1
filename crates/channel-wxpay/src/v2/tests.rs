//! Requests: what each says of an order, and in whose name.

use super::settings::Account;
use super::sign::{self, SIGN, SIGN_TYPE, SignType};
use super::xml::Members;
use super::{OpenAccount, connection};
use crate::tests::{
    APP_ID, MERCHANT_KEY, NONCE, NUMBER, PLATFORM_CERTIFICATE, PLATFORM_KEY, REFERENCE,
    REFUND_NUMBER, SUB_APP_ID, close, context, place, placing, query, query_refund, refunding,
};
use channel::{EncodeFault, Instruction, Method, Payer, PaymentCode, Place, Request, Scene};
use crypto::Secret;

const KEY: &str = "192006250b4c09247ec02edce69f6a2d";
const SUB_MCHID: &str = "1900000109";

/// An account whose certificate is the platform's of the other tests.
fn account(more: &[(&str, &str)]) -> connection::OpenAccount {
    let all = [
        ("mchid", "1900009191"),
        ("appid", APP_ID),
        ("api_v2_key", KEY),
        ("private_key_pem", PLATFORM_KEY),
        ("certificate_pem", PLATFORM_CERTIFICATE),
    ];
    let all = all.into_iter().chain(more.iter().copied());
    let settings = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    OpenAccount::new(Account::read(&settings).expect("good settings"))
}

fn request(account: &connection::OpenAccount, asked: &Instruction) -> Request {
    let encoded = account.encode(asked, &context()).expect("it is supported");
    encoded.expect("v2 has such a call")
}

fn members(account: &connection::OpenAccount, asked: &Instruction) -> Members {
    let members = Members::read(&request(account, asked).body);
    members.unwrap_or_else(|why| panic!("{why}"))
}

#[test]
fn every_request_is_signed_and_goes_where_its_call_is() {
    let account = account(&[]);
    for (asked, path) in [
        (placing(Scene::Pc), "/pay/unifiedorder"),
        (query(), "/pay/orderquery"),
        (close(), "/pay/closeorder"),
        (refunding(), "/secapi/pay/refund"),
        (query_refund(), "/pay/refundquery"),
    ] {
        let request = request(&account, &asked);
        assert_eq!(request.url, format!("https://api.mch.weixin.qq.com{path}"));
        assert_eq!(request.method, Method::Post);
        let read = Members::read(&request.body).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(
            sign::check(&read, SignType::HmacSha256, &Secret::new(KEY.to_owned())),
            Ok(()),
            "{path}"
        );
        assert_eq!(
            (read.get("nonce_str"), read.get(SIGN_TYPE)),
            (Some(NONCE), Some("HMAC-SHA256"))
        );
        assert_eq!((read.get("mch_id"), read.get("appid")), (Some("1900009191"), Some(APP_ID)));
    }
}

#[test]
fn an_order_says_what_was_asked() {
    let account = account(&[]);
    let read = members(&account, &placing(Scene::MiniProgram));
    for (name, want) in [
        ("body", "杂粮煎饼"),
        ("out_trade_no", NUMBER),
        ("total_fee", "1000"),
        ("fee_type", "CNY"),
        ("spbill_create_ip", "14.15.16.17"),
        ("time_start", "20230419092316"),
        ("time_expire", "20230419095316"),
        ("trade_type", "JSAPI"),
        ("openid", "oXLUp5OHJof5768CoFFDuuaRn8kc"),
        ("notify_url", "https://pay.example.com/wxpay/notify"),
        ("goods_tag", "WXG"),
        ("device_info", "00000001"),
    ] {
        assert_eq!(read.get(name), Some(want), "{name}");
    }
    assert!(
        ["product_id", "scene_info", "profit_sharing"].iter().all(|name| read.get(name).is_none())
    );
    let read = members(&account, &placing(Scene::Pc));
    assert_eq!((read.get("product_id"), read.get("openid")), (Some(NUMBER), None));
    let code = PaymentCode::new("134567890123456789".to_owned());
    let swiped = Place { scene: Scene::Swipe, payment_code: Some(code), ..place() };
    let read = members(&account, &Instruction::Place(Box::new(swiped)));
    assert_eq!(read.get("auth_code"), Some("134567890123456789"));
    assert_eq!((read.get("notify_url"), read.get("trade_type")), (None, None));
}

#[test]
fn a_refund_names_its_payment_and_both_amounts() {
    let read = members(&account(&[]), &refunding());
    for (name, want) in [
        ("transaction_id", REFERENCE),
        ("out_refund_no", REFUND_NUMBER),
        ("total_fee", "1000"),
        ("refund_fee", "300"),
        ("notify_url", "https://pay.example.com/wxpay/refund"),
    ] {
        assert_eq!(read.get(name), Some(want), "{name}");
    }
}

/// The payer's id belongs to the app in which they pay.
#[test]
fn a_service_provider_names_its_merchant() {
    let subs = [("sub_mchid", SUB_MCHID), ("sub_appid", SUB_APP_ID)];
    let read = members(&account(&subs), &placing(Scene::MiniProgram));
    assert_eq!((read.get("appid"), read.get("sub_appid")), (Some(APP_ID), Some(SUB_APP_ID)));
    assert_eq!(read.get("sub_mch_id"), Some(SUB_MCHID));
    assert!(read.get("sub_openid").is_some() && read.get("openid").is_none());
    let read = members(&account(&subs[..1]), &placing(Scene::MiniProgram));
    assert!(read.get("openid").is_some() && read.get("sub_openid").is_none());
    assert_eq!(read.get("sub_appid"), None);
}

#[test]
fn what_v2_does_not_take_is_refused_and_not_cut() {
    let long = "币".repeat(43);
    let nobody = Payer { user_id: None, ..place().payer };
    let nowhere = Payer { client_ip: None, ..place().payer };
    for (field, place) in [
        ("subject", Place { subject: long, ..place() }),
        ("subject", Place { subject: "a\u{1}b".to_owned(), ..place() }),
        ("payer.user_id", Place { payer: nobody, ..place() }),
        ("payer.client_ip", Place { payer: nowhere, scene: Scene::H5, ..place() }),
        ("scene", Place { scene: Scene::Agreement, ..place() }),
        ("scene", Place { scene: Scene::Swipe, ..place() }),
        ("number", Place { channel_order_no: "T1".to_owned(), ..place() }),
    ] {
        let asked = Instruction::Place(Box::new(place));
        let found = account(&[]).encode(&asked, &context());
        assert!(
            matches!(&found, Err(EncodeFault::Unsupported { field: named, .. }) if *named == field),
            "{field}: {found:?}"
        );
    }
}

#[test]
fn md5_signs_where_it_is_set_and_a_certificate_is_of_its_key() {
    let read = members(&account(&[("sign_type", "MD5")]), &query());
    assert_eq!((read.get(SIGN_TYPE), read.get(SIGN).map(str::len)), (Some("MD5"), Some(32)));
    let other = [("private_key_pem", MERCHANT_KEY)];
    let all = [
        ("mchid", "1900009191"),
        ("appid", APP_ID),
        ("api_v2_key", KEY),
        ("certificate_pem", PLATFORM_CERTIFICATE),
    ];
    let all = all.into_iter().chain(other);
    let settings = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let fault = Account::read(&settings).err().map(|fault| fault.name);
    assert_eq!(fault.as_deref(), Some("certificate_pem"));
}
