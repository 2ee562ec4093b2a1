//! Error codes to findings.
//!
//! A code proves something only in a verified answer. What a class means depends on the operation: a
//! refused order brings no money, but a refused query or close says nothing about the order, so it is
//! unknown. A code that is not listed is unknown too.

use crate::sharing;
use crate::wire::{self, ErrorAnswer};
use channel::{Bill, FetchedKeys, Finding, Instruction, Operation, Response, Unproven};

/// Characters of a code or message that are kept.
const TEXT_LEN_MAX: usize = 256;
/// Words in the message of INVALID_REQUEST that say that the number carries an order already: older and
/// newer wording.
pub(crate) const NUMBER_TAKEN: [&str; 3] = ["订单号重复", "与首次请求时不一致", "已支付"];
/// The same about the number of a refund: another order or amount was requested under it.
pub(crate) const REFUND_NUMBER_TAKEN: [&str; 1] = ["与之前请求不一致"];

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The payer is about to pay.
    Pending,
    /// The request is refused for good.
    Refused,
    /// The account is refused, regardless of what was requested of it.
    Account,
    /// The merchant has too little money for a refund.
    Unfunded,
    /// The number carries an order already: query it.
    Taken,
    /// No such number.
    NotFound,
    /// The order is closed.
    Closed,
    /// The same request may pass later.
    Later,
    /// Nothing happened on the day of the bill.
    NoBill,
    /// The bill will be made later.
    BillLater,
    /// Nobody knows.
    Unknown,
}

/// One line of the table.
struct Row {
    /// The code; it is compared without `_`, as old and new pages spell differently.
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

const ROWS: &[Row] = &[
    row("USERPAYING", Class::Pending),
    row("PARAM_ERROR", Class::Refused),
    row("INVALID_REQUEST", Class::Refused),
    row_but("ORDER_CLOSED", Class::Refused, &[(Operation::Close, Class::Closed)]),
    row(OTHER_APP, Class::Account),
    row("MCH_NOT_EXISTS", Class::Account),
    row("SIGN_ERROR", Class::Account),
    row("TRADE_ERROR", Class::Refused),
    // About a refund it is a quota, which comes back.
    row_but("RULE_LIMIT", Class::Refused, &[(Operation::Refund, Class::Later)]),
    // The payer's funds when paying; the merchant's when refunding, and those are topped up.
    row_but("NOT_ENOUGH", Class::Refused, &[(Operation::Refund, Class::Unfunded)]),
    row("NO_AUTH", Class::Account),
    row("USER_ACCOUNT_ABNORMAL", Class::Refused),
    // The payer's code.
    row("AUTH_CODE_ERROR", Class::Refused),
    row("AUTH_CODE_EXPIRE", Class::Refused),
    row("AUTH_CODE_INVALID", Class::Refused),
    row("BUYER_MISMATCH", Class::Refused),
    row("NOT_SUPORT_CARD", Class::Refused),
    // An earlier attempt under the number may have been charged.
    row("ORDER_REVERSED", Class::Taken),
    row("OUT_TRADE_NO_USED", Class::Taken),
    row("ORDER_PAID", Class::Taken),
    // To a refund: there is no such order, or it is not paid.
    row("ORDER_NOT_EXIST", Class::NotFound),
    row("RESOURCE_NOT_EXISTS", Class::NotFound),
    row("FREQUENCY_LIMITED", Class::Later),
    row("RATELIMIT_EXCEEDED", Class::Later),
    row("NO_STATEMENT_EXIST", Class::NoBill),
    row("STATEMENT_CREATING", Class::BillLater),
    row("SYSTEM_ERROR", Class::Unknown),
    row("BANK_ERROR", Class::Unknown),
    row(OPENID_MISMATCH, Class::Refused),
];

/// Listed under status 500 and yet a plain refusal.
const OPENID_MISMATCH: &str = "OPENID_MISMATCH";
/// Too many requests.
const TOO_MANY: u16 = 429;

/// An error answer: what its code says, and its texts.
struct Refusal {
    class: Class,
    status: u16,
    /// `HTTP_` and the status where the body holds no code.
    code: String,
    text: String,
    /// Whether the body holds a code.
    is_coded: bool,
}

impl Refusal {
    fn read(instruction: &Instruction, response: &Response) -> Refusal {
        let (operation, status) = (instruction.operation(), response.status);
        let answer = wire::read::<ErrorAnswer>(&response.body).ok();
        let is_coded = answer.is_some();
        let answer = answer.unwrap_or_else(|| ErrorAnswer {
            code: format!("HTTP_{status}"),
            message: String::new(),
        });
        let (code, text) = (cut(&answer.code), cut(&answer.message));
        let class = match class(status, operation, &code) {
            // A call about sharing is refused by codes that are not listed; only a code says so.
            Class::Unknown if is_coded && sharing::is_of(operation) && is_new(status, &code) => {
                Class::Refused
            }
            class => class,
        };
        let by_text = || sharing::codes::by_text(operation, &text);
        let class = match class {
            Class::Refused | Class::NotFound if sharing::is_of(operation) => {
                by_text().unwrap_or(class)
            }
            Class::Refused if says_taken(operation, &code, &text) => Class::Taken,
            // An app that the caller named is the order's fault; the account's own app is the account's.
            Class::Account if same(&code, OTHER_APP) && names_app(instruction) => Class::Refused,
            class => class,
        };
        Refusal { class, status, code, text, is_coded }
    }
}

/// Says that the app does not belong to the merchant number.
const OTHER_APP: &str = "APPID_MCHID_NOT_MATCH";

fn names_app(instruction: &Instruction) -> bool {
    matches!(instruction, Instruction::Place(place) if place.payer.app_id.is_some())
}

/// What a verified error answer means.
pub(crate) fn finding(instruction: &Instruction, response: &Response) -> Finding {
    let Refusal { class, status, code, text, .. } = Refusal::read(instruction, response);
    meaning(class, instruction.operation(), status, code, text)
}

/// The status with which the channel's gate refuses credentials: signature, serial, merchant number, time.
const UNAUTHORIZED: u16 = 401;

/// What an answer means that is not signed. The gate does not sign what it refuses before it looks at the
/// business, and nobody promises that it signs every later refusal. Over TLS such an answer says something
/// about our request or account. About money it proves nothing.
pub(crate) fn unsigned(instruction: &Instruction, response: &Response) -> Finding {
    let Refusal { class, status, code, text, is_coded } = Refusal::read(instruction, response);
    match status {
        UNAUTHORIZED => Finding::AccountFault { code, text },
        400..500 if is_coded => {
            let finding = meaning(class, instruction.operation(), status, code.clone(), text);
            without_proof(finding, code, response)
        }
        _ => unknown(response, UNSIGNED),
    }
}

/// What is left of a finding without a signature. What is about the account, or says that the same request
/// may pass later, or that the channel must be queried, ends nothing and stays.
fn without_proof(finding: Finding, code: String, response: &Response) -> Finding {
    match finding {
        Finding::AccountFault { .. }
        | Finding::Later { .. }
        | Finding::Unfunded { .. }
        | Finding::Ask { .. }
        | Finding::Keys(_) => finding,
        Finding::Refused { code, text } => Finding::Unproven(Unproven::Refused { code, text }),
        Finding::NotFound => Finding::Unproven(Unproven::NotFound { code }),
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Failed { .. }
        | Finding::Refund(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::ShareReturn(_)
        | Finding::Agreement(_)
        | Finding::BillFile(_)
        | Finding::Bill(_)
        | Finding::Unproven(_)
        | Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Contested { .. } => unknown(response, UNSIGNED),
    }
}

/// Why an answer without the headers of a signature is not believed.
const UNSIGNED: &str = "not signed";

/// A short account of an answer that is not believed, for the operator.
pub(crate) fn unknown(response: &Response, fault: impl std::fmt::Display) -> Finding {
    let code = wire::read::<ErrorAnswer>(&response.body).map(|answer| cut(&answer.code));
    let code = code.unwrap_or_default();
    Finding::Unknown { why: format!("answer {} {code}: {fault}", response.status) }
}

/// Whether a refusal has a code that the table does not list.
fn is_new(status: u16, code: &str) -> bool {
    (400..500).contains(&status) && ROWS.iter().all(|row| !same(row.code, code))
}

fn class(status: u16, operation: Operation, code: &str) -> Class {
    let row = ROWS.iter().find(|row| same(row.code, code));
    match status {
        TOO_MANY => Class::Later,
        500.. if !same(code, OPENID_MISMATCH) => Class::Unknown,
        _ => row.map_or(Class::Unknown, |row| row.for_operation(operation)),
    }
}

impl Row {
    fn for_operation(&self, operation: Operation) -> Class {
        self.but
            .iter()
            .find(|(known, _)| *known == operation)
            .map_or(self.class, |(_, class)| *class)
    }
}

/// A merchant with the public key only is answered that there are no certificates: an empty list.
fn meaning(class: Class, operation: Operation, status: u16, code: String, text: String) -> Finding {
    use Operation::{
        Cancel, Close, FetchBill, FetchKeys, FindBill, Place, Query, QueryRefund, Refund,
    };
    match (class, operation) {
        (
            class,
            Operation::BindReceiver
            | Operation::UnbindReceiver
            | Operation::Share
            | Operation::QueryShare
            | Operation::Unfreeze
            | Operation::QueryUnshared
            | Operation::ReturnShare
            | Operation::QueryShareReturn,
        ) => sharing::codes::meaning(class, operation, status, code, text),
        (
            _,
            Operation::SignAgreement | Operation::QueryAgreement | Operation::TerminateAgreement,
        ) => Finding::Unknown { why: format!("answer {status} {code}: {text}") },
        (Class::Pending, Place | Query | Close) => Finding::Pending,
        (Class::Refused, Place | Refund | Cancel) => Finding::Refused { code, text },
        (
            Class::Account,
            Place | Query | Close | Cancel | Refund | QueryRefund | FetchKeys | FindBill
            | FetchBill,
        ) => Finding::AccountFault { code, text },
        (Class::Unfunded, Refund) => Finding::Unfunded { code, text },
        (Class::Taken | Class::Closed, Cancel) | (Class::Taken, Place | Close | Refund) => {
            Finding::Ask { code }
        }
        (Class::NotFound, Query | Close | Cancel | Refund | QueryRefund) => Finding::NotFound,
        (Class::NotFound, FetchKeys) => Finding::Keys(FetchedKeys::default()),
        (Class::Closed, Close) => Finding::Closed,
        (Class::NoBill, FindBill) => Finding::Bill(Bill::Empty),
        (Class::BillLater, FindBill) => Finding::Bill(Bill::NotYet),
        (
            Class::Later,
            Place | Query | Close | Cancel | Refund | QueryRefund | FetchKeys | FindBill
            | FetchBill,
        ) => Finding::Later { code, text },
        (Class::Pending, Cancel | Refund | QueryRefund | FetchKeys | FindBill | FetchBill)
        | (Class::Refused, Query | Close | QueryRefund | FetchKeys | FindBill | FetchBill)
        | (Class::Taken, Query | QueryRefund | FetchKeys | FindBill | FetchBill)
        | (
            Class::Unfunded,
            Place | Query | Close | Cancel | QueryRefund | FetchKeys | FindBill | FetchBill,
        )
        | (Class::NotFound, Place | FindBill | FetchBill)
        | (
            Class::Closed,
            Place | Query | Refund | QueryRefund | FetchKeys | FindBill | FetchBill,
        )
        | (
            Class::NoBill | Class::BillLater,
            Place | Query | Close | Cancel | Refund | QueryRefund | FetchKeys | FetchBill,
        )
        | (
            Class::Unknown,
            Place | Query | Close | Cancel | Refund | QueryRefund | FetchKeys | FindBill
            | FetchBill,
        ) => Finding::Unknown { why: format!("answer {status} {code}: {text}") },
    }
}

fn says_taken(operation: Operation, code: &str, text: &str) -> bool {
    let wordings: &[&str] = match operation {
        Operation::Place | Operation::Close => &NUMBER_TAKEN,
        Operation::Refund => &REFUND_NUMBER_TAKEN,
        Operation::Query
        | Operation::Cancel
        | Operation::QueryRefund
        | Operation::BindReceiver
        | Operation::UnbindReceiver
        | Operation::Share
        | Operation::QueryShare
        | Operation::Unfreeze
        | Operation::QueryUnshared
        | Operation::ReturnShare
        | Operation::QueryShareReturn
        | Operation::SignAgreement
        | Operation::QueryAgreement
        | Operation::TerminateAgreement
        | Operation::FetchKeys
        | Operation::FindBill
        | Operation::FetchBill => &[],
    };
    same(code, "INVALID_REQUEST") && wordings.iter().any(|words| text.contains(words))
}

fn same(a: &str, b: &str) -> bool {
    let letters = |code: &str| code.chars().filter(|char| *char != '_').collect::<String>();
    letters(a) == letters(b)
}

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(TEXT_LEN_MAX).collect()
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
