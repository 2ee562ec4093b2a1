use super::*;
use crate::tests::{close, decode, error, find_bill, placing, query, query_refund, refunding};
use channel::{Instruction, Scene};

/// How to ask, the status, the codes, and the finding's name.
type Case = (fn() -> Instruction, u16, &'static [&'static str], &'static str);

/// The published table: status, codes in each spelling, and what they mean to an order.
const PLACE: &[(u16, &[&str], &str)] = &[
    (202, &["USERPAYING", "USER_PAYING"], "pending"),
    (400, &["PARAM_ERROR", "PARAMERROR"], "refused"),
    (400, &["INVALID_REQUEST", "INVALIDREQUEST"], "refused"),
    (400, &["ORDER_CLOSED", "ORDERCLOSED"], "refused"),
    (401, &["SIGN_ERROR", "SIGNERROR"], "account_fault"),
    (403, &["TRADE_ERROR", "TRADEERROR"], "refused"),
    (403, &["RULELIMIT", "RULE_LIMIT"], "refused"),
    (403, &["NOTENOUGH", "NOT_ENOUGH"], "refused"),
    (403, &["NO_AUTH", "NOAUTH"], "account_fault"),
    (403, &["OUT_TRADE_NO_USED", "OUTTRADENOUSED"], "ask"),
    (400, &["AUTH_CODE_ERROR", "AUTHCODEEXPIRE", "AUTH_CODE_INVALID"], "refused"),
    (403, &["BUYER_MISMATCH", "NOTSUPORTCARD"], "refused"),
    (403, &["ORDERREVERSED", "ORDER_REVERSED"], "ask"),
    (429, &["FREQUENCY_LIMITED", "FREQUENCYLIMITED"], "later"),
    (429, &["RATELIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED"], "later"),
    (429, &["NEW_CODE"], "later"),
    (500, &["SYSTEMERROR", "SYSTEM_ERROR"], "unknown"),
    (500, &["BANKERROR", "BANK_ERROR"], "unknown"),
    (500, &["OPENID_MISMATCH", "OPENIDMISMATCH"], "refused"),
    (500, &["PARAM_ERROR"], "unknown"),
    (502, &["ORDERNOTEXIST"], "unknown"),
    (400, &["ORDERPAID", "ORDER_PAID"], "ask"),
    (403, &["ORDERPAID"], "ask"),
    (400, &["APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS"], "account_fault"),
    (400, &["NEW_CODE"], "unknown"),
    (404, &["ORDERNOTEXIST"], "unknown"),
    (302, &["NEW_CODE"], "unknown"),
];

/// What they mean to the others where it differs from [`PLACE`]: a refused question or close leaves
/// the order as it was.
const OTHERS: &[Case] = &[
    (query, 202, &["USERPAYING"], "pending"),
    (query, 400, &["PARAM_ERROR", "INVALID_REQUEST", "ORDER_CLOSED"], "unknown"),
    (query, 401, &["SIGN_ERROR"], "account_fault"),
    (query, 403, &["TRADE_ERROR", "RULELIMIT"], "unknown"),
    (query, 403, &["NO_AUTH"], "account_fault"),
    (query, 404, &["ORDERNOTEXIST", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"], "not_found"),
    (query, 429, &["FREQUENCY_LIMITED"], "later"),
    (query, 500, &["SYSTEMERROR", "ORDERNOTEXIST"], "unknown"),
    (close, 400, &["ORDERPAID", "ORDER_PAID"], "ask"),
    (close, 400, &["ORDER_CLOSED", "ORDERCLOSED"], "closed"),
    (close, 404, &["ORDERNOTEXIST", "ORDER_NOT_EXIST"], "not_found"),
    (close, 400, &["INVALID_REQUEST", "PARAM_ERROR"], "unknown"),
    (close, 401, &["SIGN_ERROR"], "account_fault"),
    (close, 429, &["FREQUENCY_LIMITED"], "later"),
    (close, 500, &["SYSTEMERROR"], "unknown"),
    (refunding, 403, &["NOT_ENOUGH", "NOTENOUGH"], "unfunded"),
    (refunding, 403, &["USER_ACCOUNT_ABNORMAL"], "refused"),
    (refunding, 403, &["NO_AUTH"], "account_fault"),
    (refunding, 403, &["RULELIMIT"], "later"),
    (refunding, 400, &["INVALID_REQUEST", "PARAM_ERROR"], "refused"),
    (refunding, 404, &["RESOURCE_NOT_EXISTS", "ORDERNOTEXIST"], "not_found"),
    (refunding, 400, &["ORDER_PAID", "OUT_TRADE_NO_USED"], "ask"),
    (refunding, 429, &["FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED"], "later"),
    (refunding, 500, &["SYSTEM_ERROR"], "unknown"),
    (query_refund, 404, &["RESOURCE_NOT_EXISTS"], "not_found"),
    (query_refund, 400, &["PARAM_ERROR", "NOT_ENOUGH"], "unknown"),
    (query_refund, 500, &["SYSTEM_ERROR"], "unknown"),
    (fetch_keys, 404, &["RESOURCE_NOT_EXISTS"], "keys"),
    (query_refund, 401, &["SIGN_ERROR"], "account_fault"),
    (fetch_keys, 401, &["SIGN_ERROR"], "account_fault"),
    (fetch_keys, 429, &["FREQUENCY_LIMITED"], "later"),
    (find_bill, 400, &["NO_STATEMENT_EXIST", "NOSTATEMENTEXIST"], "bill"),
    (find_bill, 400, &["STATEMENT_CREATING", "STATEMENTCREATING"], "bill"),
    (find_bill, 400, &["PARAM_ERROR", "INVALID_REQUEST"], "unknown"),
    (find_bill, 401, &["SIGN_ERROR"], "account_fault"),
    (find_bill, 429, &["FREQUENCY_LIMITED"], "later"),
    (find_bill, 500, &["SYSTEM_ERROR", "NO_STATEMENT_EXIST"], "unknown"),
    (query, 400, &["NO_STATEMENT_EXIST", "STATEMENT_CREATING"], "unknown"),
];

fn fetch_keys() -> Instruction {
    Instruction::FetchKeys { named: None }
}

#[test]
fn every_published_code_has_its_finding() {
    for (status, codes, want) in PLACE {
        for code in *codes {
            let finding = decode(&placing(Scene::Public), &error(*status, code));
            assert_eq!(finding.name(), *want, "place {status} {code}");
        }
    }
    for (instruction, status, codes, want) in OTHERS {
        for code in *codes {
            let finding = decode(&instruction(), &error(*status, code));
            assert_eq!(finding.name(), *want, "{instruction:?} {status} {code}");
        }
    }
}

#[test]
fn every_row_is_tested_and_stands_once() {
    let tested: Vec<_> = PLACE
        .iter()
        .flat_map(|(_, codes, _)| *codes)
        .chain(OTHERS.iter().flat_map(|(_, _, codes, _)| *codes))
        .collect();
    for row in ROWS {
        assert!(tested.iter().any(|code| same(code, row.code)), "{}", row.code);
        assert_eq!(ROWS.iter().filter(|other| same(other.code, row.code)).count(), 1);
    }
}

#[test]
fn a_refusal_keeps_code_and_words() {
    let finding = decode(&placing(Scene::Public), &error(400, "PARAM_ERROR"));
    let want = Finding::Refused { code: "PARAM_ERROR".into(), text: "说明".into() };
    assert_eq!(finding, want);
}

/// The channel answers a changed repeat, and a paid order, with the code of any bad request: today's
/// wording, and older ones.
#[test]
fn a_number_that_is_taken_is_asked_about() {
    for words in [
        "请求重入时，参数与首次请求时不一致",
        "请求重入时,参数与首次请求时不一致，请检查后再试",
        "201 商户订单号重复",
        "该订单已支付",
    ] {
        for instruction in [placing(Scene::Public), close()] {
            let finding = decode(&instruction, &refusal("INVALID_REQUEST", words));
            assert_eq!(finding, Finding::Ask { code: "INVALID_REQUEST".into() }, "{words}");
        }
        assert_eq!(decode(&refunding(), &refusal("INVALID_REQUEST", words)).name(), "refused");
    }
}

#[test]
fn a_refund_that_may_stand_is_asked_about_and_a_full_one_is_refused() {
    for code in ["INVALID_REQUEST", "INVALIDREQUEST"] {
        for (words, want) in [
            ("订单金额或退款金额与之前请求不一致，请核实后再试", "ask"),
            ("订单已全额退款", "refused"),
        ] {
            let finding = decode(&refunding(), &refusal(code, words));
            assert_eq!(finding.name(), want, "{words}");
        }
    }
    assert_eq!(decode(&refunding(), &error(404, "RESOURCE_NOT_EXISTS")), Finding::NotFound);
}

/// A signed refusal.
fn refusal(code: &str, words: &str) -> channel::Response {
    crate::tests::answer(400, &format!(r#"{{"code":"{code}","message":"{words}"}}"#))
}

#[test]
fn an_app_that_the_caller_named_is_the_orders_fault() {
    let Instruction::Place(mut place) = placing(Scene::Public) else { panic!("not a placing") };
    for (app_id, want) in [(None, "account_fault"), (Some("wx1".to_owned()), "refused")] {
        place.payer.app_id = app_id;
        let instruction = Instruction::Place(place.clone());
        let mut answer = error(400, "APPID_MCHID_NOT_MATCH");
        assert_eq!(decode(&instruction, &answer).name(), want);
        answer.headers.clear();
        let unsigned = if want == "refused" { "unsigned_refusal" } else { want };
        assert_eq!(decode(&instruction, &answer).name(), unsigned);
    }
}

fn unsigned(status: u16, body: &str) -> channel::Response {
    channel::Response { status, headers: vec![], body: body.as_bytes().to_vec() }
}

/// What is not signed is about the request or the account. Nothing in it ends an order or refund, except by
/// way of what the kernel knows about it.
#[test]
fn an_unsigned_refusal_proves_nothing_about_money() {
    let table: &[Case] = &[
        (
            placed_publicly,
            401,
            &["SIGN_ERROR", "SIGNERROR", "MCH_NOT_EXISTS", "NEW"],
            "account_fault",
        ),
        (query, 401, &["SIGN_ERROR"], "account_fault"),
        (close, 401, &["SIGN_ERROR"], "account_fault"),
        (refunding, 401, &["MCH_NOT_EXISTS"], "account_fault"),
        (query_refund, 401, &["SIGN_ERROR"], "account_fault"),
        (fetch_keys, 401, &["SIGN_ERROR"], "account_fault"),
        (find_bill, 401, &["SIGN_ERROR"], "account_fault"),
        (placed_publicly, 403, &["NO_AUTH"], "account_fault"),
        (placed_publicly, 400, &["APPID_MCHID_NOT_MATCH"], "account_fault"),
        (placed_publicly, 400, &["PARAM_ERROR", "INVALID_REQUEST"], "unsigned_refusal"),
        (placed_publicly, 403, &["RULE_LIMIT", "NOTENOUGH"], "unsigned_refusal"),
        (placed_publicly, 403, &["OUT_TRADE_NO_USED", "ORDERPAID"], "ask"),
        (placed_publicly, 404, &["ORDER_NOT_EXIST"], "unknown"),
        (placed_publicly, 429, &["FREQUENCY_LIMITED"], "later"),
        (placed_publicly, 400, &["NEW_CODE"], "unknown"),
        (placed_publicly, 500, &["PARAM_ERROR", "OPENID_MISMATCH", "SYSTEM_ERROR"], "unknown"),
        (placed_publicly, 202, &["USERPAYING"], "unknown"),
        (placed_publicly, 302, &["PARAM_ERROR"], "unknown"),
        (refunding, 400, &["PARAM_ERROR", "INVALID_REQUEST"], "unsigned_refusal"),
        (refunding, 403, &["NOT_ENOUGH"], "unfunded"),
        (refunding, 404, &["RESOURCE_NOT_EXISTS"], "unsigned_not_found"),
        (query, 404, &["ORDERNOTEXIST", "ORDER_NOT_EXIST"], "unsigned_not_found"),
        (close, 404, &["ORDER_NOT_EXIST"], "unsigned_not_found"),
        (query_refund, 404, &["RESOURCE_NOT_EXISTS"], "unsigned_not_found"),
        (query, 400, &["PARAM_ERROR", "INVALID_REQUEST"], "unknown"),
        (close, 400, &["PARAM_ERROR", "ORDER_CLOSED"], "unknown"),
        (close, 400, &["ORDER_PAID"], "ask"),
        (fetch_keys, 404, &["RESOURCE_NOT_EXISTS"], "keys"),
        (find_bill, 400, &["NO_STATEMENT_EXIST", "STATEMENT_CREATING"], "unknown"),
    ];
    for (instruction, status, codes, want) in table {
        for code in *codes {
            let body = format!(r#"{{"code":"{code}","message":"说明"}}"#);
            let finding = decode(&instruction(), &unsigned(*status, &body));
            assert_eq!(finding.name(), *want, "{:?} {status} {code}", instruction().operation());
        }
    }
}

fn placed_publicly() -> Instruction {
    placing(Scene::Public)
}

/// The gate answers an unknown path and a wrong method without a body, and it is our fault.
#[test]
fn an_unsigned_answer_without_a_code_is_unknown() {
    for instruction in [placed_publicly, query, close, refunding, query_refund, fetch_keys] {
        for (status, body) in [(404, ""), (405, ""), (400, "<html>"), (429, ""), (403, "{}")] {
            let finding = decode(&instruction(), &unsigned(status, body));
            let want = Finding::Unknown { why: format!("answer {status} : not signed") };
            assert_eq!(finding, want);
        }
        let refused = Finding::AccountFault { code: "HTTP_401".into(), text: String::new() };
        assert_eq!(decode(&instruction(), &unsigned(401, "")), refused);
    }
}

#[test]
fn an_unsigned_refusal_keeps_code_and_words() {
    let body = r#"{"code":"PARAM_ERROR","message":"无效的openid"}"#;
    let finding = decode(&placed_publicly(), &unsigned(400, body));
    let (code, text) = ("PARAM_ERROR".into(), "无效的openid".into());
    assert_eq!(finding, Finding::Unproven(Unproven::Refused { code, text }));
}

#[test]
fn an_error_without_a_code_is_unknown() {
    for body in ["", "<html>", "{}"] {
        let response = crate::tests::answer(403, body);
        assert_eq!(decode(&placing(Scene::Public), &response).name(), "unknown", "{body}");
    }
}
