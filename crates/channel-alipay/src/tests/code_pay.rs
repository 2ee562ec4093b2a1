//! Charging a payer's code, and what answers to it and to a cancel mean.

use super::*;
use channel::{Cancel, EncodeFault, PaymentCode};

const CODE: &str = "281234567890123456";

fn charging() -> Instruction {
    let payment_code = Some(PaymentCode::new(CODE.to_owned()));
    Instruction::Place(Box::new(Place { scene: Scene::Swipe, payment_code, ..place() }))
}

fn cancelling() -> Instruction {
    Instruction::Cancel(Cancel { order: placed(), app_id: None })
}

fn found(asked: &Instruction, content: &str) -> Finding {
    let member = match asked {
        Instruction::Place(_) => "alipay_trade_pay_response",
        Instruction::Cancel(_) => "alipay_trade_cancel_response",
        _ => "alipay_trade_query_response",
    };
    decode(asked, &answer_in(member, content))
}

#[test]
fn a_charge_names_the_code_as_one_that_was_scanned() {
    let request = request(&*connection(), &charging());
    let form = crate::wire::read_form(&request.body);
    assert_eq!(form["method"], "alipay.trade.pay");
    let content: serde_json::Value = serde_json::from_str(&form["biz_content"]).expect("JSON");
    for (member, want) in [
        ("scene", "bar_code"),
        ("auth_code", CODE),
        ("product_code", "FACE_TO_FACE_PAYMENT"),
        ("total_amount", "10.00"),
        ("out_trade_no", NUMBER),
    ] {
        assert_eq!(content[member], want, "{member}");
    }
    assert!(!format!("{request:?}{:?}", charging()).contains(CODE));
    let nothing = connection().encode(&placing(Scene::Swipe), &context());
    assert!(
        matches!(nothing, Err(EncodeFault::Unsupported { field: "payment_code", .. })),
        "{nothing:?}"
    );
}

#[test]
fn the_answer_to_a_charge_is_paid_pending_refused_or_unknown() {
    let paid = format!(
        r#"{{"code":"10000","msg":"Success","trade_no":"{TRADE_NO}","out_trade_no":"{NUMBER}","total_amount":"10.00","receipt_amount":"9.00","buyer_pay_amount":"8.00","gmt_payment":"2023-04-19 09:24:00"}}"#
    );
    let Finding::Paid(payment) = found(&charging(), &paid) else { panic!("paid wanted") };
    assert_eq!((payment.amount.get(), payment.settled_amount.get()), (1000, 900));
    assert_eq!(payment.payment_reference, TRADE_NO);
    let other = paid.replace(NUMBER, "another");
    assert_eq!(found(&charging(), &other).name(), "mismatch");
    for (code, sub_code, want) in [
        ("10003", "", "pending"),
        ("20000", "isp.unknow-error", "unknown"),
        ("40004", "ACQ.SYSTEM_ERROR", "unknown"),
        ("40004", "ACQ.A_NEW_ONE", "unknown"),
        ("40004", "ACQ.PAYMENT_AUTH_CODE_INVALID", "refused"),
        ("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "refused"),
        ("40004", "ACQ.TRADE_HAS_SUCCESS", "ask"),
        ("40005", "isv.app-call-limited", "later"),
    ] {
        let content = format!(r#"{{"code":"{code}","msg":"m","sub_code":"{sub_code}"}}"#);
        assert_eq!(found(&charging(), &content).name(), want, "{code} {sub_code}");
    }
}

#[test]
fn a_cancel_is_taken_reversed_or_to_be_sent_again() {
    let told = |more: &str| {
        format!(r#"{{"code":"10000","msg":"Success","out_trade_no":"{NUMBER}"{more}}}"#)
    };
    let trade = format!(r#","trade_no":"{TRADE_NO}""#);
    for (more, want) in [
        (r#","retry_flag":"N""#.to_owned(), "cancelled"),
        (format!(r#"{trade},"retry_flag":"N","action":"close""#), "cancelled"),
        (format!(r#"{trade},"retry_flag":"N","action":"refund""#), "reversed"),
        (r#","retry_flag":"N","action":"refund""#.to_owned(), "unknown"),
        (format!(r#"{trade},"retry_flag":"Y""#), "later"),
        (format!(r#"{trade},"retry_flag":"Y","action":"refund""#), "later"),
    ] {
        assert_eq!(found(&cancelling(), &told(&more)).name(), want, "{more}");
    }
    for (sub_code, want) in [
        ("ACQ.SYSTEM_ERROR", "unknown"),
        ("ACQ.SELLER_BALANCE_NOT_ENOUGH", "refused"),
        ("ACQ.TRADE_NOT_EXIST", "not_found"),
        ("ACQ.TRADE_HAS_FINISHED", "ask"),
    ] {
        let content = format!(r#"{{"code":"40004","msg":"m","sub_code":"{sub_code}"}}"#);
        assert_eq!(found(&cancelling(), &content).name(), want, "{sub_code}");
    }
}

#[test]
fn after_a_cancel_a_query_says_what_went_back_and_what_is_not_there() {
    let after = |is_cancelled| Instruction::Query(PlacedOrder { is_cancelled, ..placed() });
    let trade = |status: &str, paid_at: &str| {
        format!(
            r#"{{"code":"10000","msg":"Success","trade_no":"{TRADE_NO}","out_trade_no":"{NUMBER}","trade_status":"{status}","total_amount":"10.00"{paid_at}}}"#
        )
    };
    let paid_at = r#","send_pay_date":"2023-04-19 09:24:00""#;
    let not_there = r#"{"code":"40004","msg":"m","sub_code":"ACQ.TRADE_NOT_EXIST"}"#;
    for (is_cancelled, content, want) in [
        (true, trade("TRADE_CLOSED", paid_at), "reversed"),
        (false, trade("TRADE_CLOSED", paid_at), "paid"),
        (true, trade("TRADE_CLOSED", ""), "closed"),
        (true, trade("TRADE_SUCCESS", paid_at), "paid"),
        (true, trade("WAIT_BUYER_PAY", ""), "pending"),
        (true, not_there.to_owned(), "not_found"),
        (false, not_there.to_owned(), "pending"),
    ] {
        assert_eq!(found(&after(is_cancelled), &content).name(), want, "{is_cancelled} {content}");
    }
}
