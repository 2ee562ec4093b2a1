//! Requests: what each says of an order, and in whose name.

use super::settings::Account;
use super::sign::{self, SIGN, SIGN_TYPE, SignType};
use super::xml::Members;
use super::{OpenAccount, connection};
use crate::tests::{
    APP_ID, MERCHANT_KEY, NONCE, NOW, NUMBER, PLATFORM_CERTIFICATE, PLATFORM_KEY, REFERENCE,
    REFUND_NUMBER, SUB_APP_ID, close, context, place, placing, query, query_refund, refunding,
};
use channel::{
    AgreementReference, DebitAgreement, EncodeFault, Finding, Instruction, Method, Payer,
    PaymentCode, Place, Request, Scene, SignAgreement, Step,
};
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
    match encoded.expect("v2 has such a call") {
        Step::Send(request) => request,
        Step::Answer(finding) => panic!("want a request, found {finding:?}"),
    }
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

/// The links and signatures were made with Python.
#[test]
fn agreements_are_signed_and_debited_in_their_own_words() {
    let account = account(&[("agreements", "club=12535")]);
    let signing = |scene| {
        Instruction::SignAgreement(Box::new(SignAgreement {
            channel_agreement_no: "A20230419001".to_owned(),
            template: None,
            scene,
            display_name: "茶友 17".to_owned(),
            period: None,
            validity: None,
            payer: place().payer,
            placed_at: NOW,
            expires_at: NOW.plus_seconds(1800),
            callback_url: place().callback_url,
            front_url: None,
        }))
    };
    let page = |scene| match account.encode(&signing(scene), &context()) {
        Ok(Some(Step::Answer(Finding::Placed(page)))) => page.text,
        other => panic!("a page wanted: {other:?}"),
    };
    let web = concat!(
        "https://api.mch.weixin.qq.com/papay/entrustweb?appid=wx43f1t4567721a03e&contract_code=A20230419001&contract_display_account=%E8%8C%B6%E5%8F%8B%2017",
        "&mch_id=1900009191&notify_url=https%3A%2F%2Fpay.example.com%2Fwxpay%2Fnotify&plan_id=12535&request_serial=104030596000&sign=78F3F4B7963A7F327FA53D0639AD67EB&timestamp=1681867396&version=1.0"
    );
    assert_eq!(page(Scene::Public), web);
    let h5 = concat!(
        "https://api.mch.weixin.qq.com/papay/h5entrustweb?appid=wx43f1t4567721a03e&clientip=14.15.16.17&contract_code=A20230419001&contract_display_account=%E8%8C%B6%E5%8F%8B%2017",
        "&mch_id=1900009191&notify_url=https%3A%2F%2Fpay.example.com%2Fwxpay%2Fnotify&plan_id=12535&request_serial=104030596000&sign=843AE6700D62F2A4A66B35D7C17620F4385814A815504F672170C0B812FEF467&sign_type=HMAC-SHA256&timestamp=1681867396&version=1.0"
    );
    let found = request(&account, &signing(Scene::H5));
    assert_eq!((found.method, &*found.url), (Method::Get, h5));
    let handed: serde_json::Value = serde_json::from_str(&page(Scene::MiniProgram)).expect("JSON");
    assert_eq!(handed["appId"], "wxbd687630cd02ce1d");
    assert_eq!(handed["extraData"]["plan_id"], "12535");
    assert_eq!(handed["extraData"]["sign"], "635BE8AE97A3FEDCFF55A8FDC885365F");
    let found = request(&account, &signing(Scene::App));
    assert_eq!(found.url, "https://api.mch.weixin.qq.com/papay/preentrustweb");
    let agreement = Some(DebitAgreement {
        channel_agreement_no: "A20230419001".to_owned(),
        agreement_reference: AgreementReference::new("201804190000000001".to_owned()),
        template: None,
    });
    let debit = Place { scene: Scene::Authorize, agreement, ..place() };
    let debit = Instruction::Place(Box::new(debit));
    assert_eq!(request(&account, &debit).url, "https://api.mch.weixin.qq.com/pay/pappayapply");
    let read = members(&account, &debit);
    for (name, want) in [
        ("trade_type", Some("PAP")),
        ("contract_id", Some("201804190000000001")),
        ("body", Some("杂粮煎饼")),
        ("sign_type", None),
        (SIGN, Some("062B23F3DDFB805EA76B9048A9A3C82D")),
    ] {
        assert_eq!(read.get(name), want, "{name}");
    }
    let subs = [("agreements", "club=12535"), ("sub_mchid", SUB_MCHID)];
    let account = self::account(&subs);
    let found = request(&account, &debit).url;
    assert_eq!(found, "https://api.mch.weixin.qq.com/pay/partner/pappayapply");
}
