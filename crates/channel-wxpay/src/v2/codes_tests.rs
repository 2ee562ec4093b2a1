//! The table of codes, by what it decides about money.

use super::*;
use crate::tests::{close, placed, placing, query, query_refund, refunding};
use channel::{Cancel, PaymentCode, Scene};

fn told(instruction: &Instruction, code: &str, text: &str) -> Finding {
    let answer = Members::default().with("err_code", code).with("err_code_des", text);
    finding(instruction, &answer)
}

fn cancel() -> Instruction {
    Instruction::Cancel(Cancel { order: placed("demo202211200001"), app_id: None })
}

fn all() -> [Instruction; 6] {
    [placing(Scene::Pc), query(), close(), cancel(), refunding(), query_refund()]
}

#[test]
fn each_code_has_one_row() {
    for (at, (code, _)) in ROWS.iter().enumerate() {
        let first = ROWS.iter().position(|(known, _)| known == code);
        assert_eq!(first, Some(at), "{code}");
    }
}

#[test]
fn what_is_not_certain_is_unknown_to_every_call() {
    for code in ["SYSTEMERROR", "BANKERROR", "BIZERR_NEED_RETRY", "ERROR", "NEW_CODE", ""] {
        for instruction in all() {
            let found = told(&instruction, code, "");
            assert!(matches!(found, Finding::Unknown { .. }), "{code}: {found:?}");
        }
    }
}

#[test]
fn faults_of_the_account_are_none_of_the_order() {
    for code in ["SIGNERROR", "NOAUTH", "APPID_NOT_EXIST", "MCHID_NOT_EXIST", OTHER_APP] {
        for instruction in all() {
            let found = told(&instruction, code, "");
            assert!(matches!(found, Finding::AccountFault { .. }), "{code}: {found:?}");
        }
    }
}

#[test]
fn a_refusal_ends_an_order_or_a_refund_and_says_nothing_to_a_query() {
    for code in ["PARAM_ERROR", "LACK_PARAMS", "INVALID_REQUEST", "TRADE_ERROR", "AUTHCODEEXPIRE"] {
        for instruction in all() {
            let found = told(&instruction, code, "");
            match instruction.operation() {
                Operation::Place | Operation::Refund | Operation::Cancel => {
                    assert!(matches!(found, Finding::Refused { .. }), "{code}: {found:?}");
                }
                _ => assert!(matches!(found, Finding::Unknown { .. }), "{code}: {found:?}"),
            }
        }
    }
}

#[test]
fn a_number_that_carries_an_order_is_queried() {
    for code in ["ORDERPAID", "OUT_TRADE_NO_USED", "ORDERREVERSED"] {
        for instruction in [placing(Scene::Pc), close(), cancel()] {
            let found = told(&instruction, code, "");
            assert!(matches!(found, Finding::Ask { .. }), "{code}: {found:?}");
        }
    }
    for (instruction, text) in [
        (placing(Scene::Pc), "201 商户订单号重复"),
        (refunding(), "订单金额或退款金额与之前请求不一致"),
    ] {
        let found = told(&instruction, "INVALID_REQUEST", text);
        assert!(matches!(found, Finding::Ask { .. }), "{text}: {found:?}");
    }
}

#[test]
fn a_code_can_say_different_things_to_different_calls() {
    assert_eq!(told(&close(), "ORDERCLOSED", ""), Finding::Closed);
    assert!(matches!(told(&placing(Scene::Pc), "ORDERCLOSED", ""), Finding::Refused { .. }));
    assert!(matches!(told(&refunding(), "NOTENOUGH", ""), Finding::Unfunded { .. }));
    assert!(matches!(told(&placing(Scene::Pc), "NOTENOUGH", ""), Finding::Refused { .. }));
    assert_eq!(told(&query(), "ORDERNOTEXIST", ""), Finding::NotFound);
    assert_eq!(told(&query_refund(), "REFUNDNOTEXIST", ""), Finding::NotFound);
    assert_eq!(told(&placing(Scene::Pc), "USERPAYING", ""), Finding::Pending);
    assert!(matches!(told(&refunding(), "FREQUENCY_LIMITED", ""), Finding::Later { .. }));
}

#[test]
fn the_gate_says_something_about_credentials_and_nothing_about_money() {
    for (text, is_of_account) in [
        ("签名错误，请检查后再试", true),
        ("appid和mch_id不匹配", true),
        ("证书验证失败", true),
        ("系统繁忙", false),
        ("缺少参数", false),
        ("", false),
    ] {
        let found = at_gate(&query(), &Members::default().with("return_msg", text));
        assert_eq!(matches!(found, Finding::AccountFault { .. }), is_of_account, "{text}");
        assert_eq!(matches!(found, Finding::Unknown { .. }), !is_of_account, "{text}");
    }
}

#[test]
fn an_app_that_a_caller_names_is_not_the_accounts_fault() {
    let refusal = Members::default().with("return_msg", "appid和mch_id不匹配");
    let named = |scene, payment_code| {
        let Instruction::Place(mut place) = placing(scene) else { panic!("an order") };
        place.payer.app_id = Some("wx1".to_owned());
        place.payment_code = payment_code;
        Instruction::Place(place)
    };
    let found = at_gate(&named(Scene::Pc, None), &refusal);
    assert!(matches!(found, Finding::Unproven(Unproven::Refused { .. })), "{found:?}");
    // What carried a code can have been charged: nothing that is not signed ends it.
    let code = Some(PaymentCode::new("134567890123456789".to_owned()));
    let found = at_gate(&named(Scene::Swipe, code), &refusal);
    assert!(matches!(found, Finding::Unknown { .. }), "{found:?}");
}
