//! Callbacks to findings.

use super::*;
use crate::sign::callback_text;
use crate::wire::{Parameters, form, read_form};
use channel::{Callback, CallbackFault, Method, OrderCallback, Payment};

const GOLDEN: &str = include_str!("../../golden/callback.form");
const NOTIFY_ID: &str = "2023041900222092402062251400000001";

fn received(body: &str) -> Result<Callback, CallbackFault> {
    let request = Request {
        method: Method::Post,
        url: "/channel/demo/callback".into(),
        headers: vec![],
        body: body.as_bytes().to_vec(),
    };
    connection().callback(&request, NOW)
}

/// The golden callback with other parameters, signed anew.
fn bent(changes: &[(&str, &str)]) -> Result<Callback, CallbackFault> {
    let mut parameters: Parameters = read_form(GOLDEN.as_bytes());
    for (name, value) in changes {
        parameters.insert((*name).to_owned(), (*value).to_owned());
    }
    let signer = Signer::from_pem(ALIPAY_KEY).expect("a golden key");
    let signature = signer.sign(&callback_text(&parameters)).expect("signing works");
    parameters.insert("sign".to_owned(), signature);
    received(&form(&parameters))
}

fn finding(read: Result<Callback, CallbackFault>) -> Finding {
    match read {
        Ok(Callback::Order(callback)) => callback.finding,
        other => panic!("an order's callback wanted: {other:?}"),
    }
}

fn payment() -> Payment {
    Payment {
        channel_order_no: NUMBER.into(),
        payment_reference: TRADE_NO.into(),
        amount: Fen::new(1000),
        settled_amount: Fen::new(920),
        currency: Currency::Cny,
        payer_amount: Some(Fen::new(900)),
        at: Timestamp::from_seconds(1_681_867_442),
    }
}

#[test]
fn a_payment_is_read_from_what_another_implementation_signed() {
    let wanted = OrderCallback {
        channel_order_no: NUMBER.into(),
        finding: Finding::Paid(payment()),
        callback_id: NOTIFY_ID.into(),
    };
    assert_eq!(received(GOLDEN), Ok(Callback::Order(wanted)));
}

#[test]
fn states_of_a_trade() {
    for (status, paid_at, wanted) in [
        ("TRADE_FINISHED", "2023-04-19 09:24:02", Finding::Paid(payment())),
        // All of it was given back: the payment did happen.
        ("TRADE_CLOSED", "2023-04-19 09:24:02", Finding::Paid(payment())),
        ("TRADE_CLOSED", "", Finding::Closed),
        ("WAIT_BUYER_PAY", "", Finding::Pending),
    ] {
        let read = bent(&[("trade_status", status), ("gmt_payment", paid_at)]);
        assert_eq!(finding(read), wanted, "{status} {paid_at}");
    }
    let read = bent(&[("trade_status", "NEW")]);
    assert!(matches!(finding(read), Finding::Unknown { .. }));
}

#[test]
fn one_for_another_app_or_seller_is_a_mismatch() {
    for name in ["app_id", "seller_id"] {
        let Finding::Mismatch { why } = finding(bent(&[(name, "2088000000000000")])) else {
            panic!("a mismatch wanted for {name}")
        };
        assert!(why.starts_with(name), "{why}");
        assert!(matches!(finding(bent(&[(name, "")])), Finding::Mismatch { .. }));
    }
}

#[test]
fn another_kind_is_accepted_and_means_nothing() {
    let read = bent(&[("notify_type", "fund_auth_freeze")]);
    let wanted =
        Callback::Other { callback_id: NOTIFY_ID.into(), summary: "fund_auth_freeze".into() };
    assert_eq!(read, Ok(wanted));
}

#[test]
fn what_is_not_signed_is_forged() {
    for body in [
        GOLDEN.replace("total_amount=10.00", "total_amount=99.00"),
        GOLDEN.replace("sign_type=RSA2", "sign_type=RSA"),
        GOLDEN.replace("&sign_type=RSA2", ""),
        GOLDEN.replace("&sign=", "&sign_="),
        format!("{GOLDEN}&extra=1"),
        format!("{GOLDEN}&trade_status=TRADE_CLOSED"),
    ] {
        assert_ne!(body, GOLDEN);
        let read = received(&body);
        assert!(matches!(read, Err(CallbackFault::Forged { .. })), "{read:?}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    for (changes, name) in [
        ([("out_trade_no", "")], "out_trade_no"),
        ([("trade_no", "")], "trade_no"),
        ([("notify_id", "")], "notify_id"),
        ([("total_amount", "ten")], "total_amount"),
    ] {
        let Err(CallbackFault::Unreadable { why }) = bent(&changes) else {
            panic!("unreadable wanted for {name}")
        };
        assert!(why.starts_with(name), "{why}");
    }
}

#[test]
fn the_answer_is_one_word() {
    let connection = connection();
    let (yes, no) = (connection.receipt(true), connection.receipt(false));
    assert_eq!((yes.status, &*yes.body), (200, &b"success"[..]));
    assert_eq!((no.status, &*no.body), (500, &b"fail"[..]));
}
