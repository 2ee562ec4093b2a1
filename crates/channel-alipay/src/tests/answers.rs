//! Answers to findings.

use super::*;
use channel::{PayForm, PayInfo, Payment, RefundStatus, Refunded, Unproven};

const CREATED: &str = include_str!("../../golden/create.json");
const QUERIED: &str = include_str!("../../golden/query.json");
const REFUNDED: &str = include_str!("../../golden/refund.json");

/// 2023-04-19 09:24:02, Beijing.
const PAID_AT: Timestamp = Timestamp::from_seconds(1_681_867_442);

fn payment() -> Payment {
    Payment {
        channel_order_no: NUMBER.into(),
        payment_reference: TRADE_NO.into(),
        amount: Fen::new(1000),
        settled_amount: Fen::new(1000),
        currency: Currency::Cny,
        payer_amount: None,
        at: PAID_AT,
    }
}

/// An answer to a query with this content behind its head.
fn trade(members: &str) -> Response {
    let content = format!(
        r#"{{"code":"10000","msg":"Success","out_trade_no":"{NUMBER}","trade_no":"{TRADE_NO}","total_amount":"10.00",{members}}}"#
    );
    answer(&query(), &content)
}

#[test]
fn an_order_is_placed() {
    let finding = decode(&placing(Scene::Public), &plain(CREATED));
    let text = format!(r#"{{"tradeNO":"{TRADE_NO}"}}"#);
    let valid_until = place().expires_at;
    assert_eq!(finding, Finding::Placed(PayInfo { form: PayForm::Jsapi, text, valid_until }));

    let code = "https://qr.alipay.com/bax00000";
    let content = format!(r#"{{"code":"10000","out_trade_no":"{NUMBER}","qr_code":"{code}"}}"#);
    let finding = decode(&placing(Scene::Pc), &answer(&placing(Scene::Pc), &content));
    let valid_until = NOW.plus_seconds(7200);
    let wanted = PayInfo { form: PayForm::QrCode, text: code.into(), valid_until };
    assert_eq!(finding, Finding::Placed(wanted));
}

#[test]
fn an_answer_about_another_order_or_without_anything_to_pay_with_places_none() {
    let asked = placing(Scene::Public);
    let other = r#"{"code":"10000","out_trade_no":"other","trade_no":"1"}"#;
    assert!(matches!(decode(&asked, &answer(&asked, other)), Finding::Mismatch { .. }));
    for rest in ["", r#","trade_no":"""#, r#","qr_code":"https://qr.alipay.com/1""#] {
        let content = format!(r#"{{"code":"10000","out_trade_no":"{NUMBER}"{rest}}}"#);
        assert!(matches!(decode(&asked, &answer(&asked, &content)), Finding::Unknown { .. }));
    }
}

#[test]
fn a_payment_is_read_from_the_bytes_that_are_signed() {
    assert_eq!(decode(&query(), &plain(QUERIED)), Finding::Paid(payment()));
    // The same JSON in other bytes is not what was signed.
    let turned = QUERIED
        .replace(r#""trade_status":"TRADE_SUCCESS" , "#, r#""trade_status":"TRADE_SUCCESS","#);
    assert_ne!(turned, QUERIED);
    assert!(matches!(decode(&query(), &plain(&turned)), Finding::Unknown { .. }));
    let raised = QUERIED.replace("10.00", "99.00");
    assert!(matches!(decode(&query(), &plain(&raised)), Finding::Unknown { .. }));
}

#[test]
fn what_stands_twice_is_read_as_it_is_verified() {
    let forged = r#"{"code":"10000","out_trade_no":"demo202211200001","trade_no":"1","trade_status":"TRADE_SUCCESS","total_amount":"10.00"}"#;
    let member = member(&query());
    let before = QUERIED.replacen('{', &format!(r#"{{"{member}":{forged},"#), 1);
    assert_eq!(decode(&query(), &plain(&before)), Finding::Paid(payment()));
    let after = QUERIED.replacen(r#","sign""#, &format!(r#","{member}":{forged},"sign""#), 1);
    assert!(matches!(decode(&query(), &plain(&after)), Finding::Unknown { .. }));
}

#[test]
fn states_of_a_trade() {
    let paid_at = r#""send_pay_date":"2023-04-19 09:24:02""#;
    for (members, wanted) in [
        (r#""trade_status":"WAIT_BUYER_PAY""#.to_owned(), Finding::Pending),
        (r#""trade_status":"TRADE_CLOSED""#.to_owned(), Finding::Closed),
        (r#""trade_status":"TRADE_CLOSED","send_pay_date":"""#.to_owned(), Finding::Closed),
        (format!(r#""trade_status":"TRADE_CLOSED",{paid_at}"#), Finding::Paid(payment())),
        (format!(r#""trade_status":"TRADE_SUCCESS",{paid_at}"#), Finding::Paid(payment())),
        (format!(r#""trade_status":"TRADE_FINISHED",{paid_at}"#), Finding::Paid(payment())),
        (
            r#""trade_status":"TRADE_SUCCESS""#.to_owned(),
            Finding::Paid(Payment { at: NOW, ..payment() }),
        ),
        (
            format!(
                r#""trade_status":"TRADE_SUCCESS","receipt_amount":"9.20","buyer_pay_amount":"9.00",{paid_at}"#
            ),
            Finding::Paid(Payment {
                settled_amount: Fen::new(920),
                payer_amount: Some(Fen::new(900)),
                ..payment()
            }),
        ),
        (
            r#""trade_status":"NEW""#.to_owned(),
            Finding::Unknown { why: "trade_status NEW".to_owned() },
        ),
    ] {
        assert_eq!(decode(&query(), &trade(&members)), wanted, "{members}");
    }
    let more = format!(r#""trade_status":"TRADE_SUCCESS","receipt_amount":"10.01",{paid_at}"#);
    assert!(matches!(decode(&query(), &trade(&more)), Finding::Contested { .. }));
    let bad = r#""trade_status":"TRADE_SUCCESS","receipt_amount":"ten""#;
    assert!(matches!(decode(&query(), &trade(bad)), Finding::Unknown { .. }));
    let other = r#"{"code":"10000","out_trade_no":"other","trade_no":"1","trade_status":"TRADE_SUCCESS","total_amount":"10.00"}"#;
    assert!(matches!(decode(&query(), &answer(&query(), other)), Finding::Mismatch { .. }));
}

fn refunded(at: Timestamp) -> Refunded {
    Refunded {
        channel_refund_no: REFUND_NUMBER.into(),
        refund_reference: REFUND_NUMBER.into(),
        amount: Fen::new(300),
        settled_amount: None,
        status: RefundStatus::Done,
        at: Some(at),
    }
}

#[test]
fn a_refund_is_done_when_the_funds_changed() {
    let at = Timestamp::from_seconds(1_681_867_800);
    assert_eq!(decode(&refunding(), &plain(REFUNDED)), Finding::Refund(refunded(at)));
    let content = |fund_change: &str, fee: &str, number: &str, trade_no: &str| {
        format!(
            r#"{{"code":"10000","fund_change":"{fund_change}","refund_fee":"{fee}","out_trade_no":"{number}","trade_no":"{trade_no}"}}"#
        )
    };
    let decoded = |content: &str| decode(&refunding(), &answer(&refunding(), content));
    assert_eq!(decoded(&content("Y", "3.00", NUMBER, TRADE_NO)), Finding::Refund(refunded(NOW)));
    for unclear in [content("N", "3.00", NUMBER, TRADE_NO), content("", "3.00", NUMBER, TRADE_NO)] {
        assert!(matches!(decoded(&unclear), Finding::Unknown { .. }), "{unclear}");
    }
    for other in [
        content("Y", "2.99", NUMBER, TRADE_NO),
        content("Y", "3.00", "other", TRADE_NO),
        content("Y", "3.00", NUMBER, "other"),
    ] {
        assert!(matches!(decoded(&other), Finding::Mismatch { .. }), "{other}");
    }
}

#[test]
fn a_refund_that_a_query_does_not_show_was_not_made() {
    let decoded = |rest: &str| {
        let content = format!(r#"{{"code":"10000","msg":"Success"{rest}}}"#);
        decode(&query_refund(), &answer(&query_refund(), &content))
    };
    let done = format!(
        r#","out_request_no":"{REFUND_NUMBER}","refund_amount":"3.00","refund_status":"REFUND_SUCCESS""#
    );
    assert_eq!(decoded(""), Finding::NotFound);
    assert_eq!(decoded(r#","refund_status":"""#), Finding::NotFound);
    assert_eq!(decoded(&done), Finding::Refund(refunded(NOW)));
    assert!(matches!(decoded(r#","refund_status":"REFUND_SUCCESS""#), Finding::Unknown { .. }));
    assert!(matches!(decoded(r#","refund_status":"NEW""#), Finding::Unknown { .. }));
    let other = done.replace(REFUND_NUMBER, "other");
    assert!(matches!(decoded(&other), Finding::Mismatch { .. }));
}

#[test]
fn a_close_is_of_its_order() {
    let content = |number: &str| {
        format!(r#"{{"code":"10000","out_trade_no":"{number}","trade_no":"{TRADE_NO}"}}"#)
    };
    assert_eq!(decode(&close(), &answer(&close(), &content(NUMBER))), Finding::Closed);
    let other = decode(&close(), &answer(&close(), &content("other")));
    assert!(matches!(other, Finding::Mismatch { .. }));
}

#[test]
fn a_success_that_is_not_signed_or_signed_by_another_is_unknown() {
    for (asked, member) in sent() {
        let content = r#"{"code":"10000","msg":"Success"}"#;
        let stranger = crate::settings::signer(APP_KEY).expect("a golden key");
        let signature = stranger.sign(content.as_bytes()).expect("signing works");
        for body in [
            format!(r#"{{"{member}":{content}}}"#),
            format!(r#"{{"{member}":{content},"sign":""}}"#),
            format!(r#"{{"{member}":{content},"sign":"{signature}"}}"#),
            format!(r#"{{"{member}":{content},"sign":17}}"#),
            format!(r#"{{"other_response":{content},"sign":"{signature}"}}"#),
        ] {
            let finding = decode(&asked, &plain(&body));
            assert!(matches!(finding, Finding::Unknown { .. }), "{body}: {finding:?}");
        }
        let in_error = decode(&asked, &answer_in("error_response", content));
        assert!(matches!(in_error, Finding::Unknown { .. }), "{in_error:?}");
        let at_500 = Response { status: 500, ..answer(&asked, content) };
        assert!(matches!(decode(&asked, &at_500), Finding::Unknown { .. }));
    }
}

#[test]
fn what_the_gate_does_not_sign_says_something_about_the_request_alone() {
    let refusal = |sub_code: &str| {
        at_gate(&format!(
            r#"{{"code":"40002","msg":"Invalid","sub_code":"{sub_code}","sub_msg":"说明"}}"#
        ))
    };
    let refused = |code: &str| (code.to_owned(), "说明".to_owned());
    for (asked, _) in sent() {
        let (code, text) = refused("isv.invalid-signature");
        let finding = decode(&asked, &refusal("isv.invalid-signature"));
        assert_eq!(finding, Finding::AccountFault { code, text });
    }
    let (code, text) = refused("isv.invalid-parameter");
    assert_eq!(
        decode(&placing(Scene::Public), &refusal("isv.invalid-parameter")),
        Finding::Unproven(Unproven::Refused { code, text })
    );
    for sub_code in ["isv.invalid-parameter", "isv.not-listed", "ACQ.TRADE_NOT_EXIST"] {
        let finding = decode(&query(), &refusal(sub_code));
        assert!(matches!(finding, Finding::Unknown { .. }), "{sub_code}: {finding:?}");
        let finding = decode(&close(), &refusal(sub_code));
        assert!(matches!(finding, Finding::Unknown { .. }), "{sub_code}: {finding:?}");
    }
    assert!(matches!(
        decode(&refunding(), &refusal("ACQ.TRADE_NOT_EXIST")),
        Finding::Unproven(Unproven::NotFound { .. })
    ));
}
