//! What refusals mean, by code and by text.

use super::*;
use crate::tests::error;
use channel::{Response, Unproven};

fn bind() -> Instruction {
    Instruction::BindReceiver(store())
}

fn unbind() -> Instruction {
    Instruction::UnbindReceiver(store())
}

fn said(status: u16, code: &str, text: &str) -> Response {
    answer(status, &json!({ "code": code, "message": text }).to_string())
}

#[test]
fn a_code_has_its_finding() {
    type Ask = fn() -> Instruction;
    let moves: [Ask; 5] = [bind, unbind, sharing, unfreeze, returning];
    let queries: [Ask; 3] = [query_share, query_unshared, query_return];
    for (status, code, of_move, of_query) in [
        (400, "PARAM_ERROR", "refused", "unknown"),
        (400, "INVALID_REQUEST", "refused", "unknown"),
        (400, "NEW_CODE", "refused", "unknown"),
        (403, "NOT_ENOUGH", "refused", "unknown"),
        (403, "RULE_LIMIT", "refused", "unknown"),
        (403, "NO_AUTH", "account_fault", "account_fault"),
        (401, "SIGN_ERROR", "account_fault", "account_fault"),
        (429, "FREQUENCY_LIMITED", "later", "later"),
        (429, "NEW_CODE", "later", "later"),
        (400, "SYSTEM_ERROR", "unknown", "unknown"),
        (500, "SYSTEM_ERROR", "unknown", "unknown"),
        (500, "PARAM_ERROR", "unknown", "unknown"),
        (502, "NEW_CODE", "unknown", "unknown"),
        (302, "NEW_CODE", "unknown", "unknown"),
    ] {
        for asked in moves {
            let finding = decode(&asked(), &error(status, code));
            assert_eq!(finding.name(), of_move, "{:?} {status} {code}", asked().operation());
        }
        for asked in queries {
            let finding = decode(&asked(), &error(status, code));
            assert_eq!(finding.name(), of_query, "{:?} {status} {code}", asked().operation());
        }
    }
}

#[test]
fn not_found_is_a_word_about_queries() {
    let missing = error(404, "RESOURCE_NOT_EXISTS");
    for (asked, want) in [
        (query_share(), "not_found"),
        (query_return(), "not_found"),
        (query_unshared(), "not_found"),
        (sharing(), "refused"),
        (unfreeze(), "refused"),
        (returning(), "refused"),
        (bind(), "refused"),
        (unbind(), "receiver"),
    ] {
        assert_eq!(decode(&asked, &missing).name(), want, "{:?}", asked.operation());
    }
}

#[test]
fn a_text_says_later_or_ask() {
    for (asked, status, text, want) in [
        (sharing(), 400, "订单处理中，请稍后重试", "later"),
        (sharing(), 403, "请在到达结算周期之后再发起分账", "later"),
        (unfreeze(), 400, "订单处理中，请稍后重试", "later"),
        (sharing(), 400, "分账接收方与原请求不一致", "ask"),
        (returning(), 400, "回退请求与原请求不一致", "ask"),
        (bind(), 400, "与原请求不一致", "refused"),
        (sharing(), 400, "非分账订单不支持分账", "refused"),
        (sharing(), 400, "分账接收方关系不存在", "refused"),
        (unbind(), 400, "分账接收方关系不存在", "receiver"),
        (query_share(), 400, "订单处理中，请稍后重试", "later"),
    ] {
        for code in ["INVALID_REQUEST", "PARAM_ERROR", "ORDER_NOT_READY"] {
            let finding = decode(&asked, &said(status, code, text));
            assert_eq!(finding.name(), want, "{:?} {code} {text}", asked.operation());
        }
    }
    // A server's trouble stays unknown, regardless of its words.
    let broken = decode(&sharing(), &said(500, "SYSTEM_ERROR", "订单处理中，请稍后重试"));
    assert_eq!(broken.name(), "unknown");
}

/// The gate signs nothing, and what is not signed says nothing about money.
#[test]
fn without_a_signature_a_refusal_is_unproven() {
    let unsigned = |response: Response| Response { headers: vec![], ..response };
    for (asked, response, want) in [
        (sharing(), error(400, "PARAM_ERROR"), "unsigned_refusal"),
        (query_share(), error(404, "RESOURCE_NOT_EXISTS"), "unsigned_not_found"),
        (unbind(), error(404, "RESOURCE_NOT_EXISTS"), "unknown"),
        (sharing(), answer(200, SHARE), "unknown"),
        (returning(), answer(200, SHARE_RETURN), "unknown"),
        (sharing(), answer(404, ""), "unknown"),
        (sharing(), error(429, "FREQUENCY_LIMITED"), "later"),
    ] {
        let finding = decode(&asked, &unsigned(response));
        assert_eq!(finding.name(), want, "{:?}: {finding:?}", asked.operation());
    }
    let refused = decode(&sharing(), &unsigned(error(400, "NEW_CODE")));
    assert!(matches!(refused, Finding::Unproven(Unproven::Refused { .. })));
    // Without a code it is not a refusal, signed or not.
    assert_eq!(decode(&sharing(), &answer(400, "{}")).name(), "unknown");
}
