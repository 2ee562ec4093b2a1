//! Error codes to findings.
//!
//! A code proves something only in a verified answer. What a class means depends on the operation: a
//! refused order brings no money, but a refused query or close says nothing about the order, so it is
//! unknown. A code that is not listed is unknown too.

use crate::wire::{self, Head};
use channel::{AgreementReference, Finding, Instruction, Operation, Unproven};

/// Characters of a code or message that are kept.
const TEXT_LEN_MAX: usize = 256;

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The payer must confirm the charge.
    Pending,
    /// The request is refused for good.
    Refused,
    /// The account is refused, regardless of what was requested of it.
    Account,
    /// The seller has too little money for a refund.
    Unfunded,
    /// The number carries a trade already: query it.
    Taken,
    /// No such trade.
    NotFound,
    /// The trade is closed.
    Closed,
    /// The same request may pass later.
    Later,
    /// Nobody knows.
    Unknown,
}

/// One line of the table.
struct Row {
    /// The code, or the sub code behind it.
    code: &'static str,
    /// What it says.
    class: Class,
    /// What it says to some operations instead.
    but: &'static [(Operation, Class)],
}

const fn row(code: &'static str, class: Class) -> Row {
    Row { code, class, but: &[] }
}

const fn row_but(code: &'static str, class: Class, but: &'static [(Operation, Class)]) -> Row {
    Row { code, class, but }
}

/// Sub codes. What stands before `ACQ.` is the call's own; `isv.` and `aop.` are of the gate before it.
const SUB_CODES: &[Row] = &[
    row("ACQ.SYSTEM_ERROR", Class::Unknown),
    row("SYSTEM_ERROR", Class::Unknown),
    row("isp.unknow-error", Class::Unknown),
    row("aop.unknow-error", Class::Unknown),
    // The trade under the number.
    row("ACQ.TRADE_HAS_SUCCESS", Class::Taken),
    row("ACQ.CONTEXT_INCONSISTENT", Class::Taken),
    row("ACQ.TRADE_HAS_CLOSE", Class::Closed),
    row_but("ACQ.TRADE_HAS_FINISHED", Class::Taken, &[(Operation::Refund, Class::Refused)]),
    row_but("ACQ.TRADE_STATUS_ERROR", Class::Taken, &[(Operation::Refund, Class::Refused)]),
    row("ACQ.REASON_TRADE_STATUS_INVALID", Class::Taken),
    row("ACQ.TRADE_NOT_EXIST", Class::NotFound),
    // The order.
    row("ACQ.INVALID_PARAMETER", Class::Refused),
    row("ACQ.PAYMENT_AUTH_CODE_INVALID", Class::Refused),
    row("ACQ.EXIST_FORBIDDEN_WORD", Class::Refused),
    row("ACQ.TOTAL_FEE_EXCEED", Class::Refused),
    row("ACQ.BUYER_SELLER_EQUAL", Class::Refused),
    row("ACQ.TRADE_BUYER_NOT_MATCH", Class::Refused),
    row("ACQ.BUYER_ENABLE_STATUS_FORBID", Class::Refused),
    row("ACQ.BUYER_BALANCE_NOT_ENOUGH", Class::Refused),
    row("ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH", Class::Refused),
    row("ACQ.ERROR_BALANCE_PAYMENT_DISABLE", Class::Refused),
    row("ACQ.PULL_MOBILE_CASHIER_FAIL", Class::Refused),
    row("ACQ.MOBILE_PAYMENT_SWITCH_OFF", Class::Refused),
    row("ACQ.USER_FACE_PAYMENT_SWITCH_OFF", Class::Refused),
    row("ACQ.PAYMENT_FAIL", Class::Refused),
    row("ACQ.PAYMENT_REQUEST_HAS_RISK", Class::Refused),
    row("ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE", Class::Refused),
    row("ACQ.BEYOND_PAY_RESTRICTION", Class::Refused),
    row("isv.invalid-parameter", Class::Refused),
    row("INVALID_PARAMETER", Class::Refused),
    // The agreement. What a debit says of it is a reason to query it.
    row_but("USER_AGREEMENT_NOT_EXIST", Class::NotFound, &[(Operation::Place, Class::Refused)]),
    row_but("ACQ.USER_AGREEMENT_NOT_EXIST", Class::NotFound, &[(Operation::Place, Class::Refused)]),
    row_but("ACQ.AGREEMENT_NOT_EXIST", Class::NotFound, &[(Operation::Place, Class::Refused)]),
    row("ACQ.AGREEMENT_STATUS_NOT_NORMAL", Class::Refused),
    row("ACQ.AGREEMENT_INVALID", Class::Refused),
    row("ACQ.AGREEMENT_ERROR", Class::Refused),
    row("ACQ.CYCLE_PAY_DATE_NOT_MATCH", Class::Refused),
    row("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED", Class::Refused),
    row("ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED", Class::Refused),
    row("ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED", Class::Refused),
    row("ACQ.PRODUCT_AMOUNT_LIMIT_ERROR", Class::Refused),
    // The refund.
    row("ACQ.SELLER_BALANCE_NOT_ENOUGH", Class::Unfunded),
    row("ACQ.DISCORDANT_REPEAT_REQUEST", Class::Taken),
    row("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", Class::Refused),
    row("ACQ.REASON_TRADE_BEEN_FREEZEN", Class::Refused),
    row("ACQ.REASON_TRADE_REFUND_FEE_ERR", Class::Refused),
    row("ACQ.TRADE_NOT_ALLOW_REFUND", Class::Refused),
    row("ACQ.REFUND_FEE_ERROR", Class::Refused),
    // The account.
    row("ACQ.ACCESS_FORBIDDEN", Class::Account),
    row("ACQ.PARTNER_ERROR", Class::Account),
    row("MERCHANT_AGREEMENT_IS_NOT_EXIST", Class::Account),
    row("MERCHANT_AGREEMENT_NOT_EXIST", Class::Account),
    row("ACQ.MERCHANT_AGREEMENT_NOT_EXIST", Class::Account),
    row("isv.missing-signature", Class::Account),
    row("isv.missing-app-id", Class::Account),
    row("isv.invalid-signature", Class::Account),
    row("isv.invalid-signature-type", Class::Account),
    row("isv.invalid-app-id", Class::Account),
    row("isv.missing-app-cert-sn", Class::Account),
    row("isv.invalid-app-cert-sn", Class::Account),
    row("isv.missing-alipay-root-cert-sn", Class::Account),
    row("isv.invalid-alipay-root-cert-sn", Class::Account),
    row("isv.invalid-timestamp", Class::Account),
    row("isv.invalid-method", Class::Account),
    row("isv.app-call-limited", Class::Later),
    row("isv.method-call-limited", Class::Later),
];

/// Codes whose sub codes need no list.
const CODES: &[Row] = &[
    row(wire::PAYING, Class::Pending),
    row("20000", Class::Unknown),
    row("20001", Class::Account),
    row("40005", Class::Later),
    row("40006", Class::Account),
];

/// An error answer: what its codes say, and its texts.
struct Refusal {
    class: Class,
    /// The sub code, else the code.
    code: String,
    text: String,
}

impl Refusal {
    fn read(operation: Operation, head: Head) -> Refusal {
        let Head { code, msg, sub_code, sub_msg } = head;
        let found = |rows: &'static [Row], code: &str| rows.iter().find(|row| row.code == code);
        let sub_code = sub_code.filter(|sub_code| !sub_code.is_empty());
        let by_code = found(CODES, &code);
        let by_sub_code = sub_code.as_deref().and_then(|sub_code| found(SUB_CODES, sub_code));
        let class = by_code.or(by_sub_code).map_or(Class::Unknown, |row| row.class(operation));
        let text = sub_msg.filter(|text| !text.is_empty()).unwrap_or(msg);
        Refusal { class, code: cut(&sub_code.unwrap_or(code)), text: cut(&text) }
    }

    /// The same without a secret.
    fn hiding(self, secret: Option<&AgreementReference>) -> Refusal {
        match secret.map(AgreementReference::expose).filter(|secret| !secret.is_empty()) {
            Some(secret) => Refusal { text: self.text.replace(secret, "***"), ..self },
            None => self,
        }
    }
}

/// The channel's number of the agreement that an instruction is about, which its words may repeat.
fn agreement_no(instruction: &Instruction) -> Option<&AgreementReference> {
    match instruction {
        Instruction::Place(place) => place.agreement.as_ref().map(|it| &it.agreement_reference),
        Instruction::QueryAgreement(placed) => placed.agreement_reference.as_ref(),
        Instruction::TerminateAgreement(asked) => asked.agreement.agreement_reference.as_ref(),
        _ => None,
    }
}

impl Row {
    fn class(&self, operation: Operation) -> Class {
        let but = self.but.iter().find(|(known, _)| *known == operation);
        but.map_or(self.class, |(_, class)| *class)
    }
}

/// What a verified error answer means.
pub(crate) fn finding(instruction: &Instruction, head: Head) -> Finding {
    let operation = instruction.operation();
    let refusal = Refusal::read(operation, head);
    match instruction {
        // After a cancel, an order that the channel does not know is not there; nor is a debit, which needs
        // no payer to begin.
        Instruction::Query(placed)
            if (placed.is_cancelled || placed.is_debit) && refusal.class == Class::NotFound =>
        {
            Finding::NotFound
        }
        _ => meaning(refusal.hiding(agreement_no(instruction)), operation),
    }
}

/// What an answer means that is not signed: the gate cannot sign for an app that it does not know. Over
/// TLS such an answer says something about our request or account. About money it proves nothing.
pub(crate) fn unsigned(instruction: &Instruction, head: Head) -> Finding {
    let shown = unknown(&head, "not signed");
    let sub_code = cut(head.sub_code.as_deref().unwrap_or_default());
    match finding(instruction, head) {
        // A code cannot be placed again, so that this would end the order without proof.
        Finding::Later { .. } if is_by_code(instruction) => shown,
        kept @ (Finding::AccountFault { .. }
        | Finding::Later { .. }
        | Finding::Unfunded { .. }
        | Finding::Ask { .. }) => kept,
        Finding::Refused { code, text } => Finding::Unproven(Unproven::Refused { code, text }),
        Finding::NotFound => Finding::Unproven(Unproven::NotFound { code: sub_code }),
        _ => shown,
    }
}

fn is_by_code(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Place(place) if place.payment_code.is_some())
}

/// A short account of an answer that is not believed, for the operator.
pub(crate) fn unknown(head: &Head, why: &str) -> Finding {
    let sub_code = head.sub_code.as_deref().unwrap_or_default();
    Finding::Unknown { why: format!("answer {} {}: {why}", cut(&head.code), cut(sub_code)) }
}

fn meaning(refusal: Refusal, operation: Operation) -> Finding {
    use Operation::{
        Cancel, Close, Place, Query, QueryAgreement, QueryRefund, Refund, TerminateAgreement,
    };
    let Refusal { class, code, text } = refusal;
    match (class, operation) {
        (Class::Refused | Class::Unfunded, Cancel)
        | (Class::Refused, TerminateAgreement)
        | (Class::Refused | Class::Closed, Place | Refund) => Finding::Refused { code, text },
        (Class::Pending, Place) => Finding::Pending,
        (Class::Account, _) => Finding::AccountFault { code, text },
        (Class::Later, _) => Finding::Later { code, text },
        (Class::Unfunded, Refund) => Finding::Unfunded { code, text },
        (Class::Taken | Class::Closed, Cancel) | (Class::Taken, Place | Close | Refund) => {
            Finding::Ask { code }
        }
        // A trade begins when the payer opens the cashier or scans the code. Until then the channel knows
        // nothing of an order that can be paid all that time.
        (Class::NotFound, Query) => Finding::Pending,
        // There is nothing to close; what the payer still holds ends by its own time.
        (Class::NotFound | Class::Closed, Close) => Finding::Closed,
        (Class::NotFound, Cancel | Refund | QueryRefund | QueryAgreement | TerminateAgreement) => {
            Finding::NotFound
        }
        (
            Class::Pending
            | Class::Refused
            | Class::Closed
            | Class::Unfunded
            | Class::Taken
            | Class::NotFound
            | Class::Unknown,
            _,
        ) => Finding::Unknown { why: format!("answer {code}: {text}") },
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_LEN_MAX).collect()
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
