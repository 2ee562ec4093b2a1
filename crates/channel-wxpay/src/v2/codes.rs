//! Error codes to findings.
//!
//! A code proves something only in a signed answer. What a class means depends on the operation, as in
//! the newer interface. A code that is not listed is unknown.

use super::agreement;
use super::xml::Members;
use crate::codes::{NUMBER_TAKEN, REFUND_NUMBER_TAKEN, cut};
use channel::{AgreementReference, Finding, Instruction, Operation, Unproven};

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// The payer is about to pay.
    Pending,
    /// The request is refused for good.
    Refused,
    /// The account is refused, regardless of what was requested of it.
    Account,
    /// Too little money: of the payer, or of the merchant who refunds.
    Unfunded,
    /// The number carries an order already: query it.
    Taken,
    /// No such number.
    NotFound,
    /// The order is closed.
    Closed,
    /// The agreement is not in force.
    NoContract,
    /// The same request may pass later.
    Later,
    /// Nobody knows.
    Unknown,
}

const ROWS: &[(&str, Class)] = &[
    ("USERPAYING", Class::Pending),
    ("SYSTEMERROR", Class::Unknown),
    ("BANKERROR", Class::Unknown),
    ("BIZERR_NEED_RETRY", Class::Unknown),
    // Its text alone says what is wrong.
    ("ERROR", Class::Unknown),
    ("INVALID_REQUEST", Class::Refused),
    ("PARAM_ERROR", Class::Refused),
    ("LACK_PARAMS", Class::Refused),
    ("NOT_UTF8", Class::Refused),
    ("POST_DATA_EMPTY", Class::Refused),
    ("REQUIRE_POST_METHOD", Class::Refused),
    ("XML_FORMAT_ERROR", Class::Refused),
    ("TRADE_ERROR", Class::Refused),
    ("AUTH_CODE_ERROR", Class::Refused),
    ("AUTH_CODE_INVALID", Class::Refused),
    ("AUTHCODEEXPIRE", Class::Refused),
    ("BUYER_MISMATCH", Class::Refused),
    ("NOTSUPORTCARD", Class::Refused),
    ("INVALID_TRANSACTIONID", Class::Refused),
    ("USER_ACCOUNT_ABNORMAL", Class::Refused),
    ("TRADE_OVERDUE", Class::Refused),
    ("RULELIMIT", Class::Refused),
    ("CONTRACT_NOT_EXIST", Class::NoContract),
    ("NOTENOUGH", Class::Unfunded),
    ("SIGNERROR", Class::Account),
    ("NOAUTH", Class::Account),
    ("APPID_NOT_EXIST", Class::Account),
    ("MCHID_NOT_EXIST", Class::Account),
    (OTHER_APP, Class::Account),
    // They answer this call: what was sent before under the number may have been charged.
    ("OUT_TRADE_NO_USED", Class::Taken),
    ("ORDERREVERSED", Class::Taken),
    ("ORDERPAID", Class::Taken),
    ("ORDERCLOSED", Class::Closed),
    ("ORDERNOTEXIST", Class::NotFound),
    ("REFUNDNOTEXIST", Class::NotFound),
    ("FREQUENCY_LIMITED", Class::Later),
    ("INVALID_REQ_TOO_MUCH", Class::Later),
];

/// Words that say that a debit was accepted before. Their code is not documented.
pub(crate) const ACCEPTED: &str = "扣款请求已受理";
/// Says that the app does not belong to the merchant number.
const OTHER_APP: &str = "APPID_MCHID_NOT_MATCH";

/// Words with which the channel's gate refuses credentials. It does not sign what it refuses.
const CREDENTIALS: [&str; 6] = ["签名错误", "签名失败", "商户号", APP, "mch_id", "证书"];
/// The word for the app in such texts.
const APP: &str = "appid";

/// What a signed refusal means.
pub(super) fn finding(instruction: &Instruction, answer: &Members) -> Finding {
    let code = cut(answer.get("err_code").unwrap_or_default());
    let text = answer.get("err_code_des").or(answer.get("result_msg"));
    let text = hiding(instruction, cut(text.unwrap_or_default()));
    let known = ROWS.iter().find(|(known, _)| *known == code);
    let class = match known.map_or(Class::Unknown, |(_, class)| *class) {
        // An earlier request of the same debit was accepted.
        _ if agreement::is_of(instruction) && text.contains(ACCEPTED) => Class::Pending,
        Class::Refused if says_taken(instruction, &code, &text) => Class::Taken,
        // An app that the caller named is the order's fault; the account's own app is the account's.
        Class::Account if code == OTHER_APP && names_app(instruction) => Class::Refused,
        class => class,
    };
    meaning(class, instruction.operation(), code, text)
}

/// What it means that the gate refuses: it says nothing about money, and it is not signed. An app that the
/// caller named is the order's fault; but what carried a code ends by a query alone.
pub(super) fn at_gate(instruction: &Instruction, answer: &Members) -> Finding {
    let text = cut(answer.get("return_msg").unwrap_or_default());
    let code = "FAIL".to_owned();
    if text.contains(APP) && names_app(instruction) {
        return match instruction {
            Instruction::Place(place) if place.payment_code.is_none() => {
                Finding::Unproven(Unproven::Refused { code, text })
            }
            _ => Finding::Unknown { why: format!("return_code FAIL: {text}") },
        };
    }
    match CREDENTIALS.iter().any(|words| text.contains(words)) {
        true => Finding::AccountFault { code, text },
        false => Finding::Unknown { why: format!("return_code FAIL: {text}") },
    }
}

fn meaning(class: Class, operation: Operation, code: String, text: String) -> Finding {
    use Operation::{
        Cancel, Close, Place, Query, QueryAgreement, QueryRefund, Refund, SignAgreement,
        TerminateAgreement,
    };
    match (class, operation) {
        (Class::Account, _) => Finding::AccountFault { code, text },
        (Class::Later, _) => Finding::Later { code, text },
        (Class::Pending, Place | Query | Close) => Finding::Pending,
        (Class::Refused, Place | Refund | Cancel | SignAgreement | TerminateAgreement)
        | (Class::Unfunded | Class::Closed | Class::NoContract, Place) => {
            Finding::Refused { code, text }
        }
        (Class::NoContract, QueryAgreement | TerminateAgreement) => Finding::NotFound,
        (Class::Unfunded, Refund) => Finding::Unfunded { code, text },
        (Class::Taken, Place | Close | Cancel | Refund) | (Class::Closed, Cancel) => {
            Finding::Ask { code }
        }
        (Class::NotFound, Query | Close | Cancel | Refund | QueryRefund) => Finding::NotFound,
        (Class::Closed, Close) => Finding::Closed,
        (
            Class::Pending
            | Class::Refused
            | Class::Unfunded
            | Class::Taken
            | Class::NotFound
            | Class::NoContract
            | Class::Closed
            | Class::Unknown,
            _,
        ) => Finding::Unknown { why: format!("answer {code}: {text}") },
    }
}

fn says_taken(instruction: &Instruction, code: &str, text: &str) -> bool {
    let wordings: &[&str] = match instruction.operation() {
        Operation::Place | Operation::Close => &NUMBER_TAKEN,
        Operation::Refund => &REFUND_NUMBER_TAKEN,
        _ => &[],
    };
    code == "INVALID_REQUEST" && wordings.iter().any(|words| text.contains(words))
}

/// The channel's number of an agreement could debit its payer: its words are shown without it.
fn hiding(instruction: &Instruction, text: String) -> String {
    let reference = match instruction {
        Instruction::Place(place) => place.agreement.as_ref().map(|it| &it.agreement_reference),
        Instruction::QueryAgreement(placed) => placed.agreement_reference.as_ref(),
        Instruction::TerminateAgreement(asked) => asked.agreement.agreement_reference.as_ref(),
        _ => None,
    };
    match reference.map(AgreementReference::expose).filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(secret, "***"),
        None => text,
    }
}

fn names_app(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Place(place) if place.payer.app_id.is_some())
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
