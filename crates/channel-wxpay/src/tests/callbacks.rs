//! Callbacks to findings.

use super::*;
use channel::{CallbackFault, RefundStatus};

fn read(request: &Request) -> Result<(String, &'static str), CallbackFault> {
    let read = connection().callback(request, NOW)?.order().expect("it is about an order");
    Ok((read.channel_order_no, read.finding.name()))
}

#[test]
fn a_payment_callback_says_what_the_query_says() {
    let read = connection()
        .callback(&callback("TRANSACTION.SUCCESS", TRANSACTION), NOW)
        .expect("a good callback")
        .order()
        .expect("it is about an order");
    assert_eq!(read.channel_order_no, NUMBER);
    assert_eq!(read.callback_id, "EV-2018022511223320873");
    assert_eq!(read.finding, decode(&query(), &answer(200, TRANSACTION)));
}

#[test]
fn a_refund_callback_names_the_order() {
    for (event, word, status) in [
        ("REFUND.SUCCESS", "SUCCESS", RefundStatus::Done),
        ("REFUND.CLOSED", "CLOSED", RefundStatus::Closed),
        ("REFUND.ABNORMAL", "ABNORMAL", RefundStatus::Abnormal),
    ] {
        let plain = REFUND_CALLBACK.replace("SUCCESS", word);
        let read = connection().callback(&callback(event, &plain), NOW).expect("a good callback");
        let read = read.order().expect("it is about an order");
        assert_eq!(read.channel_order_no, NUMBER);
        let Finding::Refund(refund) = read.finding else { panic!("a refund wanted") };
        assert_eq!((refund.status, refund.amount), (status, Fen::new(300)));
        assert_eq!(refund.channel_refund_no, REFUND_NUMBER);
    }
}

#[test]
fn a_callback_to_somebody_else_is_a_mismatch() {
    let other = TRANSACTION.replace("1900009191", "1900009192");
    let read_other = read(&callback("TRANSACTION.SUCCESS", &other));
    assert_eq!(read_other, Ok((NUMBER.into(), "mismatch")));
    let other = REFUND_CALLBACK.replace("1900009191", "1900009192");
    assert_eq!(read(&callback("REFUND.SUCCESS", &other)), Ok((NUMBER.into(), "mismatch")));
}

#[test]
fn a_forged_callback_is_refused() {
    let good = callback("TRANSACTION.SUCCESS", TRANSACTION);
    let mut touched = good.clone();
    touched.body.push(b' ');
    let unsigned = Request { headers: vec![], ..good.clone() };
    for (case, request, now) in [
        ("touched", &touched, NOW),
        ("unsigned", &unsigned, NOW),
        ("replayed", &good, NOW.plus_seconds(300)),
        ("early", &good, NOW.plus_seconds(-300)),
    ] {
        let fault = connection().callback(request, now).expect_err(case);
        assert!(matches!(fault, CallbackFault::Forged { .. }), "{case}: {fault}");
    }
}

#[test]
fn an_unknown_key_is_asked_for_by_name() {
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let fresh = Wxpay.open(&settings, &[]).expect("good settings");
    let fault = fresh.callback(&callback("TRANSACTION.SUCCESS", TRANSACTION), NOW);
    assert_eq!(fault, Err(CallbackFault::UnknownKey { serial: SERIAL.into() }));
}

#[test]
fn a_callback_that_does_not_open_is_unreadable() {
    let other_key = connection_and(&[("apiv3_key", "fedcba9876543210fedcba9876543210")]);
    let good = callback("TRANSACTION.SUCCESS", TRANSACTION);
    for (case, read) in [
        ("another key", other_key.callback(&good, NOW)),
        ("another event", connection().callback(&callback("COUPON.USE", "{}"), NOW)),
        ("no transaction", connection().callback(&callback("TRANSACTION.SUCCESS", "{}"), NOW)),
    ] {
        assert!(matches!(read, Err(CallbackFault::Unreadable { .. })), "{case}: {read:?}");
    }
}

/// While a merchant switches to the public key, callbacks are signed with either.
#[test]
fn both_kinds_of_key_hold_side_by_side() {
    let connection =
        connection_and(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)]);
    for serial in [SERIAL, PUBLIC_KEY_ID] {
        let body = callback("TRANSACTION.SUCCESS", TRANSACTION).body;
        let body = String::from_utf8(body).expect("JSON is text");
        let signed = answer_by(serial, NOW, 0, &body);
        let url = "/wxpay/notify".into();
        let request =
            Request { method: Method::Post, url, headers: signed.headers, body: signed.body };
        assert!(connection.callback(&request, NOW).is_ok(), "{serial}");
    }
}

#[test]
fn receipts_say_whether_it_is_committed() {
    let (yes, no) = (connection().receipt(true), connection().receipt(false));
    assert_eq!((yes.status, &*yes.body), (200, &b""[..]));
    assert_eq!((no.status, &*no.body), (500, r#"{"code":"FAIL","message":"失败"}"#.as_bytes()));
}
