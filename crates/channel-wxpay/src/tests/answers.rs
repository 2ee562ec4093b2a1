//! Answers to findings.

use super::*;
use crate::wire::{Certificates, SealedCertificate};
use channel::{
    CallbackFault, FetchedKeys, PayForm, PayInfo, Payment, PlatformKey, RefundStatus, Refunded,
    Unproven,
};

const JSAPI_SIGNATURE: &str = include_str!("../../golden/jsapi.signature");
const APP_SIGNATURE: &str = include_str!("../../golden/app.signature");
const PREPAID: &str = r#"{"prepay_id":"wx190923168532565900979a7da2170000000"}"#;

fn pay_info(scene: Scene, body: &str) -> PayInfo {
    match decode(&placing(scene), &answer(200, body)) {
        Finding::Placed(pay_info) => pay_info,
        other => panic!("placed wanted: {other:?}"),
    }
}

fn unknown(finding: &Finding) -> Option<&str> {
    match finding {
        Finding::Unknown { why } => Some(why),
        _ => None,
    }
}

/// The coupon of [`TRANSACTION`], without its braces.
const COUPON: &str = r#""coupon_id":"109519","name":"单品惠-6","scope":"SINGLE","type":"CASH","amount":100,"stock_id":"931386","wechatpay_contribute":0,"merchant_contribute":100,"other_contribute":0,"currency":"CNY""#;

/// The golden transaction with one text replaced.
fn queried(from: &str, to: &str) -> Finding {
    assert!(TRANSACTION.contains(from), "{from}");
    decode(&query(), &answer(200, &TRANSACTION.replace(from, to)))
}

#[test]
fn the_js_bridge_gets_a_signed_object_in_order() {
    let want = format!(
        r#"{{"appId":"{APP_ID}","timeStamp":"1681867396","nonceStr":"{NONCE}","package":"prepay_id=wx190923168532565900979a7da2170000000","signType":"RSA","paySign":"{}"}}"#,
        JSAPI_SIGNATURE.trim_end()
    );
    for scene in [Scene::MiniProgram, Scene::Public] {
        let pay_info = pay_info(scene, PREPAID);
        assert_eq!(pay_info.form, PayForm::Jsapi);
        assert_eq!(pay_info.text, want);
        assert_eq!(pay_info.valid_until, NOW.plus_seconds(7200));
    }
}

#[test]
fn a_native_app_gets_a_signed_object() {
    let pay_info = pay_info(Scene::App, PREPAID);
    assert_eq!(pay_info.form, PayForm::AppSdk);
    assert_eq!(
        pay_info.text,
        format!(
            r#"{{"appid":"{APP_ID}","partnerid":"1900009191","prepayid":"wx190923168532565900979a7da2170000000","package":"Sign=WXPay","noncestr":"{NONCE}","timestamp":"1681867396","sign":"{}"}}"#,
            APP_SIGNATURE.trim_end()
        )
    );
}

#[test]
fn the_answer_to_a_repeat_ends_when_that_to_the_first_call_does() {
    let valid_until = |placed_ago: i64| {
        let placed_at = NOW.plus_seconds(-placed_ago);
        let place = Place { scene: Scene::Public, placed_at, ..place() };
        let finding = decode(&Instruction::Place(Box::new(place)), &answer(200, PREPAID));
        let Finding::Placed(pay_info) = finding else { panic!("placed wanted: {finding:?}") };
        pay_info.valid_until
    };
    assert_eq!(valid_until(7199), NOW.plus_seconds(1));
    assert_eq!(valid_until(7200), NOW.plus_seconds(7200), "that one is over: this is a new one");
}

#[test]
fn a_service_provider_signs_for_the_app_that_pays() {
    let connection = connection_and(&[("sub_mchid", "1900000109"), ("sub_appid", SUB_APP_ID)]);
    let finding = connection.decode(&placing(Scene::Public), &answer(200, PREPAID), &context());
    let Finding::Placed(pay_info) = finding else { panic!("placed wanted: {finding:?}") };
    assert!(pay_info.text.starts_with(&format!(r#"{{"appId":"{SUB_APP_ID}","#)));
}

#[test]
fn links_go_to_the_client_as_they_are() {
    let native = pay_info(Scene::Pc, r#"{"code_url":"weixin://wxpay/bizpayurl?pr=p4lpSuKzz"}"#);
    assert_eq!(
        native,
        PayInfo {
            form: PayForm::QrCode,
            text: "weixin://wxpay/bizpayurl?pr=p4lpSuKzz".into(),
            valid_until: NOW.plus_seconds(7200),
        }
    );
    let h5_url = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016&package=1";
    let body = format!(r#"{{"h5_url":"{h5_url}"}}"#);
    let h5 = pay_info(Scene::H5, &body);
    assert_eq!((h5.form, &*h5.text), (PayForm::JumpUrl, h5_url));
    assert_eq!(h5.valid_until, NOW.plus_seconds(300));
    let back =
        Place { scene: Scene::H5, front_url: Some("https://shop.cn/ok?id=1".into()), ..place() };
    let finding = decode(&Instruction::Place(Box::new(back)), &answer(200, &body));
    let Finding::Placed(h5) = finding else { panic!("placed wanted: {finding:?}") };
    assert_eq!(h5.text, format!("{h5_url}&redirect_url=https%3A%2F%2Fshop.cn%2Fok%3Fid%3D1"));
}

#[test]
fn a_placed_order_without_its_link_is_unknown() {
    for (scene, body) in [
        (Scene::Pc, PREPAID),
        (Scene::H5, "{}"),
        (Scene::App, "{}"),
        (Scene::Public, "["),
        (Scene::Public, r#"{"prepay_id":""}"#),
        (Scene::MiniProgram, r#"{"prepay_id":" "}"#),
        (Scene::App, r#"{"prepay_id":""}"#),
        (Scene::Pc, r#"{"code_url":""}"#),
        (Scene::H5, r#"{"h5_url":""}"#),
    ] {
        assert!(unknown(&decode(&placing(scene), &answer(200, body))).is_some(), "{scene:?}");
    }
}

#[test]
fn a_paid_order_is_paid() {
    let paid = Finding::Paid(Payment {
        channel_order_no: NUMBER.into(),
        payment_reference: REFERENCE.into(),
        amount: Fen::new(1000),
        // The coupon of 100 is CASH: all of it arrives.
        settled_amount: Fen::new(1000),
        currency: Currency::Cny,
        payer_amount: Some(Fen::new(900)),
        at: Timestamp::from_seconds(1_681_867_441),
    });
    assert_eq!(decode(&query(), &answer(200, TRANSACTION)), paid);
    assert_eq!(queried(r#""trade_state":"SUCCESS""#, r#""trade_state":"REFUND""#), paid);
}

#[test]
fn what_is_settled_follows_from_the_coupons() {
    let settled = |to: &str| match queried(COUPON, to) {
        Finding::Paid(payment) => Ok(payment.settled_amount.get()),
        // The payment itself is known: a person decides how it is booked.
        Finding::Contested { payment, why } => {
            assert_eq!(payment.amount, Fen::new(1000));
            assert_eq!(payment.settled_amount, payment.amount);
            Err(why)
        }
        other => panic!("paid or contested wanted: {other:?}"),
    };
    let coupon = |kind: &str, fen: i64| {
        COUPON.replace(r#""CASH""#, &format!("{kind:?}")).replace(":100,", &format!(":{fen},"))
    };
    assert_eq!(settled(&coupon("CASH", 100)), Ok(1000));
    assert_eq!(settled(&coupon("NOCASH", 100)), Ok(900));
    // Two coupons, of 60 and 40.
    let two = format!("{}}},{{{}", coupon("NOCASH", 60), coupon("CASH", 40));
    assert_eq!(settled(&two), Ok(940));
    for (coupon, why) in [
        (coupon("OTHER", 100), "promotion_detail: type OTHER found, CASH or NOCASH wanted"),
        (coupon("NOCASH", 99), "promotion_detail: 99 fen of 1000 fen, and the payer paid 900 fen"),
        (coupon("NOCASH", -100), "promotion_detail: a part of -100 fen"),
        (coupon("NOCASH", 1001), "promotion_detail: 1001 fen of 1000 fen"),
        (
            coupon("NOCASH", 100).replace(r#""other_contribute":0"#, r#""other_contribute":1"#),
            "promotion_detail: parts of 101 fen in a coupon of 100 fen",
        ),
        (
            coupon("NOCASH", i64::MAX) + "},{" + &coupon("CASH", 1),
            "promotion_detail: amount out of range",
        ),
    ] {
        assert_eq!(settled(&coupon), Err(why.to_owned()), "{coupon}");
    }
}

#[test]
fn without_coupons_all_is_settled() {
    let list = format!(r#","promotion_detail":[{{{COUPON}}}]"#);
    for to in ["", r#","promotion_detail":[]"#, r#","promotion_detail":null"#] {
        let Finding::Paid(payment) = queried(&list, to) else { panic!("paid wanted: {to}") };
        assert_eq!(payment.settled_amount, Fen::new(1000), "{to}");
    }
}

#[test]
fn what_a_refund_takes_is_a_part_of_it() {
    let read = |settled: &str| {
        let body = REFUND.replace(r#""settlement_refund":300"#, settled);
        match decode(&query_refund(), &answer(200, &body)) {
            Finding::Refund(refunded) => Ok(refunded.settled_amount.map(Fen::get)),
            Finding::Mismatch { why } => Err(why),
            other => panic!("a refund or a mismatch wanted: {other:?}"),
        }
    };
    assert_eq!(read(r#""settlement_refund":210"#), Ok(Some(210)));
    assert_eq!(read(r#""settlement_refund":0"#), Ok(Some(0)));
    assert_eq!(read(r#""other":0"#), Ok(None));
    for fen in [-1, 301] {
        let why = format!("settlement_refund: {fen} of 300 fen");
        assert_eq!(read(&format!(r#""settlement_refund":{fen}"#)), Err(why));
    }
}

#[test]
fn every_trade_state_has_its_finding() {
    for (state, want) in [
        ("SUCCESS", "paid"),
        ("REFUND", "paid"),
        ("NOTPAY", "pending"),
        ("USERPAYING", "pending"),
        ("CLOSED", "closed"),
        // It shows a payment, so that this went back.
        ("REVOKED", "reversed"),
        ("PAYERROR", "failed"),
        ("ACCEPT", "pending"),
        ("NEWSTATE", "unknown"),
    ] {
        let finding = queried(r#""trade_state":"SUCCESS""#, &format!(r#""trade_state":"{state}""#));
        assert_eq!(finding.name(), want, "{state}");
    }
    let unpaid = format!(
        r#"{{"appid":"{APP_ID}","mchid":"1900009191","out_trade_no":"{NUMBER}","trade_state":"NOTPAY"}}"#
    );
    assert_eq!(decode(&query(), &answer(200, &unpaid)), Finding::Pending);
}

#[test]
fn what_contradicts_the_question_is_a_mismatch() {
    for (from, to) in [
        (r#""mchid":"1900009191""#, r#""mchid":"1900009192""#),
        (r#""mchid":"1900009191","#, ""),
        (NUMBER, "demo202211200002"),
        (r#""currency":"CNY","payer"#, r#""currency":"USD","payer"#),
    ] {
        let finding = queried(from, to);
        assert_eq!(finding.name(), "mismatch", "{from} {to} {finding:?}");
    }
    let partner = connection_and(&[("sub_mchid", "1900000109")]);
    for (from, to, want) in [
        ("", "", "paid"),
        ("1900000109", "1900000110", "mismatch"),
        ("1900009191", "1900009192", "mismatch"),
        (APP_ID, "wxother", "mismatch"),
        (SUB_APP_ID, "wxother", "paid"),
    ] {
        let body = match from {
            "" => TRANSACTION_PARTNER.to_owned(),
            from => TRANSACTION_PARTNER.replace(from, to),
        };
        let finding = partner.decode(&query(), &answer(200, &body), &context());
        assert_eq!(finding.name(), want, "{from} {to}");
    }
    let plain = partner.decode(&query(), &answer(200, TRANSACTION), &context());
    assert_eq!(plain.name(), "mismatch");
}

#[test]
fn paid_money_without_its_number_is_unknown() {
    for (from, to) in [
        (format!(r#""transaction_id":"{REFERENCE}","#), ""),
        (r#""total":1000,"#.into(), ""),
        (r#""total":1000"#.into(), r#""total":10.5"#),
    ] {
        assert!(unknown(&queried(&from, to)).is_some(), "{from}");
    }
    let Finding::Paid(payment) = queried("2023-04-19T09:24:01+08:00", "?") else {
        panic!("paid money is booked even when the message does not say when")
    };
    assert_eq!(payment.at, NOW);
}

#[test]
fn what_was_paid_in_another_currency_is_not_shown_beside_the_orders() {
    for (currency, want) in [("CNY", Some(Fen::new(900))), ("USD", None), ("", None)] {
        let to = format!(r#""payer_currency":"{currency}""#);
        let Finding::Paid(payment) = queried(r#""payer_currency":"CNY""#, &to) else {
            panic!("paid wanted")
        };
        assert_eq!((payment.amount, payment.payer_amount), (Fen::new(1000), want), "{currency}");
    }
}

#[test]
fn a_close_is_believed_only_when_signed() {
    assert_eq!(decode(&close(), &answer(204, "")), Finding::Closed);
    let unsigned = Response { headers: vec![], ..answer(204, "") };
    assert_eq!(unknown(&decode(&close(), &unsigned)), Some("answer 204 : not signed"));
}

#[test]
fn no_answer_is_believed_without_its_signature() {
    let good = answer(200, TRANSACTION);
    let with = |name: &str, value: &str| {
        let mut response = good.clone();
        for header in response.headers.iter_mut().filter(|header| header.0 == name) {
            header.1 = value.into();
        }
        response
    };
    let probe = good.header(sign::SIGNATURE).map(|it| format!("WECHATPAY/SIGNTEST/{it}"));
    for (case, response) in [
        ("body", Response { body: [&good.body[..], b" "].concat(), ..good.clone() }),
        ("nonce", with(sign::NONCE, "another")),
        ("timestamp", with(sign::TIMESTAMP, "1681867397")),
        ("no time", with(sign::TIMESTAMP, "now")),
        ("serial", with(sign::SERIAL, "5157F09EFDC096DE15EBE81A47057A7232F1B8E2")),
        ("signature", with(sign::SIGNATURE, "AAAA")),
        ("probe", with(sign::SIGNATURE, &probe.expect("a signed answer"))),
        ("old", answer_by(SERIAL, NOW.plus_seconds(-300), 200, TRANSACTION)),
        ("early", answer_by(SERIAL, NOW.plus_seconds(300), 200, TRANSACTION)),
    ] {
        for instruction in [query(), placing(Scene::Public), close(), refunding(), query_refund()] {
            let finding = decode(&instruction, &response);
            let is_believed = !matches!(finding, Finding::Unknown { .. } | Finding::Unproven(_));
            assert!(!is_believed, "{case}: {finding:?}");
        }
    }
    for ahead_seconds in [-300, 300] {
        let far = answer_by(SERIAL, NOW.plus_seconds(ahead_seconds), 200, TRANSACTION);
        let want = Finding::Unproven(Unproven::Clock { ahead_seconds });
        assert_eq!(decode(&query(), &far), want);
    }
    for seconds in [-299, 299] {
        let near = answer_by(SERIAL, NOW.plus_seconds(seconds), 200, TRANSACTION);
        assert_eq!(decode(&query(), &near).name(), "paid");
    }
}

#[test]
fn refunds_are_read() {
    let refunded = Refunded {
        channel_refund_no: REFUND_NUMBER.into(),
        refund_reference: "50300801102023041900000001".into(),
        amount: Fen::new(300),
        settled_amount: Some(Fen::new(300)),
        status: RefundStatus::Processing,
        at: None,
    };
    for instruction in [refunding(), query_refund()] {
        let finding = decode(&instruction, &answer(200, REFUND));
        assert_eq!(finding, Finding::Refund(refunded.clone()));
        for (status, state) in [
            ("SUCCESS", Some(RefundStatus::Done)),
            ("CLOSED", Some(RefundStatus::Closed)),
            ("ABNORMAL", Some(RefundStatus::Abnormal)),
            ("NEWSTATE", None),
        ] {
            let body = REFUND.replace("PROCESSING", status);
            let found = match decode(&instruction, &answer(200, &body)) {
                Finding::Refund(refund) => {
                    assert_eq!(refund.at.is_some(), refund.status == RefundStatus::Done);
                    Some(refund.status)
                }
                Finding::Unknown { .. } => None,
                other => panic!("{other:?}"),
            };
            assert_eq!(found, state);
        }
    }
    for (from, asked_again) in
        [(REFUND_NUMBER, "mismatch"), (NUMBER, "refund"), (REFERENCE, "refund")]
    {
        let other = answer(200, &REFUND.replace(from, "other"));
        assert_eq!(decode(&refunding(), &other).name(), "mismatch", "{from}");
        assert_eq!(decode(&query_refund(), &other).name(), asked_again, "{from}");
    }
}

fn certificates(serial: &str, pem: &str) -> String {
    wire::json_text(&Certificates { data: vec![sealed(serial, pem)] })
}

fn sealed(serial: &str, pem: &str) -> SealedCertificate {
    SealedCertificate {
        serial_no: serial.into(),
        effective_time: "2020-01-01T08:00:00+08:00".into(),
        expire_time: "2025-01-01T08:00:00+08:00".into(),
        encrypt_certificate: seal_text("certificate", pem),
    }
}

#[test]
fn one_bad_certificate_spoils_no_other() {
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let fresh = Wxpay.open(&settings, &[]).expect("good settings");
    let unsealed = SealedCertificate {
        encrypt_certificate: Sealed { nonce: "0123456789ac".into(), ..seal_text("x", "x") },
        ..sealed("11", PLATFORM_CERTIFICATE)
    };
    let dateless =
        SealedCertificate { expire_time: "soon".into(), ..sealed(SERIAL, PLATFORM_CERTIFICATE) };
    let bad = [sealed("22", PLATFORM_CERTIFICATE), unsealed, sealed("33", "no PEM"), dateless];
    let good = sealed(&SERIAL.to_lowercase(), PLATFORM_CERTIFICATE);
    let list = Certificates { data: bad.into_iter().chain([good]).collect() };
    let list = answer(200, &wire::json_text(&list));
    let finding = fresh.decode(&Instruction::FetchKeys { named: None }, &list, &context());
    let Finding::Keys(FetchedKeys { keys, unreadable }) = finding else { panic!("{finding:?}") };
    assert_eq!(keys.iter().map(|key| &*key.serial).collect::<Vec<_>>(), [SERIAL]);
    assert_eq!(unreadable.len(), 4, "{unreadable:?}");
}

#[test]
fn serials_are_numbers() {
    let lower = SERIAL.to_lowercase();
    let longer = format!("00{SERIAL}");
    for serial in [SERIAL, &*lower, &*longer] {
        let answer = answer_by(serial, NOW, 200, TRANSACTION);
        assert_eq!(decode(&query(), &answer).name(), "paid", "{serial}");
    }
    let other = format!("{SERIAL}0");
    let answer = answer_by(&other, NOW, 200, TRANSACTION);
    assert_eq!(decode(&query(), &answer).name(), "unknown_key");
}

#[test]
fn a_key_that_cannot_be_fetched_is_named_with_what_to_do() {
    let of_public_key =
        format!("signed with {PUBLIC_KEY_ID}: configure public_key_id and public_key_pem");
    let late = CodecContext { now: Timestamp::from_seconds(2_000_000_000), ..context() };
    let fetched = PlatformKey {
        serial: SERIAL.into(),
        pem: PLATFORM_CERTIFICATE.into(),
        valid_from: Timestamp::from_seconds(1_577_836_800),
        valid_until: Timestamp::from_seconds(1_735_689_600),
    };
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let connection = Wxpay.open(&settings, &[fetched]).expect("good settings");
    let expired =
        format!("signed with certificate {SERIAL}, which expired on 2025-01-01T08:00:00+08:00");
    for (serial, context, why) in
        [(PUBLIC_KEY_ID, context(), &of_public_key), (SERIAL, late, &expired)]
    {
        let answer = answer_by(serial, context.now, 200, TRANSACTION);
        let found = connection.decode(&query(), &answer, &context);
        assert_eq!(unknown(&found), Some(&*format!("answer 200 : {why}")));
        let (method, url) = (Method::Post, "/wxpay/notify".to_owned());
        let callback = Request { method, url, headers: answer.headers, body: answer.body };
        let fault = connection.callback(&callback, context.now);
        assert_eq!(fault, Err(CallbackFault::NoKey { why: why.clone() }));
    }
}

#[test]
fn the_first_certificates_vouch_for_their_own_list() {
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let fresh = Wxpay.open(&settings, &[]).expect("good settings");
    let list = answer(200, &certificates(SERIAL, PLATFORM_CERTIFICATE));
    let want = vec![PlatformKey {
        serial: SERIAL.into(),
        pem: PLATFORM_CERTIFICATE.into(),
        valid_from: Timestamp::from_seconds(1_577_836_800),
        valid_until: Timestamp::from_seconds(1_735_689_600),
    }];
    let finding = fresh.decode(&Instruction::FetchKeys { named: None }, &list, &context());
    let fetched = FetchedKeys { keys: want.clone(), unreadable: vec![] };
    assert_eq!(finding, Finding::Keys(fetched));
    // The same bytes are decoded again with the keys that are fetched then.
    let new = answer(200, TRANSACTION);
    let unknown_key = Finding::Unproven(Unproven::UnknownKey { serial: SERIAL.into() });
    assert_eq!(fresh.decode(&query(), &new, &context()), unknown_key);
    let fetched = Wxpay.open(&settings, &want).expect("good settings");
    assert_eq!(fetched.decode(&query(), &answer(200, TRANSACTION), &context()).name(), "paid");
    let expired = CodecContext { now: Timestamp::from_seconds(1_735_689_601), ..context() };
    let late = answer_by(SERIAL, expired.now, 200, TRANSACTION);
    assert_eq!(fetched.decode(&query(), &late, &expired).name(), "unknown");
}

#[test]
fn a_merchant_without_certificates_wants_the_public_key() {
    let mut bare = settings();
    bare.remove("platform_cert_pem");
    let public =
        settings_and(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)]);
    let body = r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#;
    let refusal = Response { status: 404, headers: vec![], body: body.into() };
    let found = |settings: &Settings| {
        let connection = Wxpay.open(settings, &[]).expect("good settings");
        connection.decode(&Instruction::FetchKeys { named: None }, &refusal, &context())
    };
    assert_eq!(found(&public), Finding::Keys(FetchedKeys::default()));
    let without_key = found(&bare);
    assert_eq!(without_key.name(), "account_fault");
    assert!(without_key.describe().contains("configure public_key_id and public_key_pem"));
}

#[test]
fn strangers_certificates_are_not_believed() {
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let fresh = Wxpay.open(&settings, &[]).expect("good settings");
    let good = certificates(SERIAL, PLATFORM_CERTIFICATE);
    let stranger = crypto::rsa::generate().expect("a key");
    let stranger = crypto::certificate::self_signed(&stranger, "x", 1_577_836_800, 2_524_608_000)
        .expect("a certificate");
    for (case, list) in [
        ("another key signed", answer(200, &certificates(&stranger.serial, &stranger.pem))),
        ("another serial", answer(200, &certificates(&stranger.serial, PLATFORM_CERTIFICATE))),
        ("sealed with another key", answer(200, &good.replace("0123456789ab", "0123456789ac"))),
        ("not signed", Response { headers: vec![], ..answer(200, &good) }),
        ("old", answer_by(SERIAL, NOW.plus_seconds(-300), 200, &good)),
        ("no list", answer(200, "{}")),
    ] {
        let finding = fresh.decode(&Instruction::FetchKeys { named: None }, &list, &context());
        let is_believed = !matches!(finding, Finding::Unknown { .. } | Finding::Unproven(_));
        assert!(!is_believed, "{case}: {finding:?}");
    }
}
