//! Notices to findings.

use super::*;
use channel::{NoticeFault, RefundState};

fn read(request: &Request) -> Result<(String, &'static str), NoticeFault> {
    connection().notice(request, NOW).map(|notified| (notified.number, notified.finding.name()))
}

#[test]
fn a_payment_notice_says_what_the_query_says() {
    let notified = connection()
        .notice(&notice("TRANSACTION.SUCCESS", TRANSACTION), NOW)
        .expect("a good notice");
    assert_eq!(notified.number, NUMBER);
    assert_eq!(notified.notice_id, "EV-2018022511223320873");
    assert_eq!(notified.finding, decode(&query(), &answer(200, TRANSACTION)));
}

#[test]
fn a_refund_notice_names_the_order() {
    for (event, status, state) in [
        ("REFUND.SUCCESS", "SUCCESS", RefundState::Done),
        ("REFUND.CLOSED", "CLOSED", RefundState::Closed),
        ("REFUND.ABNORMAL", "ABNORMAL", RefundState::Abnormal),
    ] {
        let plain = REFUND_NOTICE.replace("SUCCESS", status);
        let notified = connection().notice(&notice(event, &plain), NOW).expect("a good notice");
        assert_eq!(notified.number, NUMBER);
        let Finding::Refund(refund) = notified.finding else { panic!("a refund wanted") };
        assert_eq!((refund.state, refund.amount), (state, Fen::new(300)));
        assert_eq!(refund.refund_number, REFUND_NUMBER);
    }
}

#[test]
fn a_notice_to_somebody_else_is_a_mismatch() {
    let other = TRANSACTION.replace("1900009191", "1900009192");
    let read_other = read(&notice("TRANSACTION.SUCCESS", &other));
    assert_eq!(read_other, Ok((NUMBER.into(), "mismatch")));
    let other = REFUND_NOTICE.replace("1900009191", "1900009192");
    assert_eq!(read(&notice("REFUND.SUCCESS", &other)), Ok((NUMBER.into(), "mismatch")));
}

#[test]
fn a_forged_notice_is_refused() {
    let good = notice("TRANSACTION.SUCCESS", TRANSACTION);
    let mut touched = good.clone();
    touched.body.push(b' ');
    let unsigned = Request { headers: vec![], ..good.clone() };
    for (case, request, now) in [
        ("touched", &touched, NOW),
        ("unsigned", &unsigned, NOW),
        ("replayed", &good, NOW.plus_seconds(300)),
        ("early", &good, NOW.plus_seconds(-300)),
    ] {
        let fault = connection().notice(request, now).expect_err(case);
        assert!(matches!(fault, NoticeFault::Forged { .. }), "{case}: {fault}");
    }
}

#[test]
fn an_unknown_key_is_asked_for_by_name() {
    let mut settings = settings();
    settings.remove("platform_cert_pem");
    let fresh = Wxpay.open(&settings, &[]).expect("good settings");
    let fault = fresh.notice(&notice("TRANSACTION.SUCCESS", TRANSACTION), NOW);
    assert_eq!(fault, Err(NoticeFault::UnknownKey { serial: SERIAL.into() }));
}

#[test]
fn a_notice_that_does_not_open_is_unreadable() {
    let other_key = connection_and(&[("apiv3_key", "fedcba9876543210fedcba9876543210")]);
    let good = notice("TRANSACTION.SUCCESS", TRANSACTION);
    for (case, read) in [
        ("another key", other_key.notice(&good, NOW)),
        ("another event", connection().notice(&notice("COUPON.USE", "{}"), NOW)),
        ("no transaction", connection().notice(&notice("TRANSACTION.SUCCESS", "{}"), NOW)),
    ] {
        assert!(matches!(read, Err(NoticeFault::Unreadable { .. })), "{case}: {read:?}");
    }
}

/// While a merchant switches to the public key, notices are signed with either.
#[test]
fn both_kinds_of_key_hold_side_by_side() {
    let connection =
        connection_and(&[("public_key_id", PUBLIC_KEY_ID), ("public_key_pem", PLATFORM_PUBLIC)]);
    for serial in [SERIAL, PUBLIC_KEY_ID] {
        let body = notice("TRANSACTION.SUCCESS", TRANSACTION).body;
        let body = String::from_utf8(body).expect("JSON is text");
        let signed = answer_by(serial, NOW, 0, &body);
        let url = "/wxpay/notify".into();
        let request =
            Request { method: Method::Post, url, headers: signed.headers, body: signed.body };
        assert!(connection.notice(&request, NOW).is_ok(), "{serial}");
    }
}

#[test]
fn receipts_say_whether_it_is_committed() {
    let (yes, no) = (connection().receipt(true), connection().receipt(false));
    assert_eq!((yes.status, &*yes.body), (200, &b""[..]));
    assert_eq!((no.status, &*no.body), (500, r#"{"code":"FAIL","message":"失败"}"#.as_bytes()));
}
