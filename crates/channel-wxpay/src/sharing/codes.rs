//! What refusals of calls about sharing mean.
//!
//! No list of their codes was ever published whole, so three things are decided by the text: "not now",
//! and "the number carries something else". Any other 4xx refuses this call, and says nothing about what
//! stands under the number.

use crate::codes::Class;
use channel::{Finding, Operation};

/// The order is not settled yet, or another share of it is under way: the same request passes later.
const LATER: [&str; 2] = ["订单处理中", "请在到达结算周期之后"];
/// The number carries a share or return of other content.
const TAKEN: [&str; 1] = ["与原请求不一致"];
/// The receiver is not bound: what was asked for holds already.
const NOT_BOUND: [&str; 1] = ["分账接收方关系不存在"];

/// What a refusal comes to that its text tells apart from others of its code.
pub(crate) fn by_text(operation: Operation, text: &str) -> Option<Class> {
    let says = |words: &[&str]| words.iter().any(|words| text.contains(words));
    match operation {
        _ if says(&LATER) => Some(Class::Later),
        Operation::Share | Operation::Unfreeze | Operation::ReturnShare if says(&TAKEN) => {
            Some(Class::Taken)
        }
        Operation::UnbindReceiver if says(&NOT_BOUND) => Some(Class::NotFound),
        _ => None,
    }
}

/// What an error answer to a call about sharing means.
pub(crate) fn meaning(
    class: Class,
    operation: Operation,
    status: u16,
    code: String,
    text: String,
) -> Finding {
    match class {
        Class::Account => Finding::AccountFault { code, text },
        Class::Later => Finding::Later { code, text },
        Class::NotFound if is_query(operation) => Finding::NotFound,
        Class::NotFound if operation == Operation::UnbindReceiver => Finding::Receiver,
        Class::Taken if moves_money(operation) => Finding::Ask { code },
        Class::Refused
        | Class::Unfunded
        | Class::Taken
        | Class::NotFound
        | Class::Closed
        | Class::NoBill
        | Class::BillLater
            if !is_query(operation) =>
        {
            Finding::Refused { code, text }
        }
        Class::Refused
        | Class::Unfunded
        | Class::Taken
        | Class::NotFound
        | Class::Closed
        | Class::NoBill
        | Class::BillLater
        | Class::Pending
        | Class::Unknown => Finding::Unknown { why: format!("answer {status} {code}: {text}") },
    }
}

const fn is_query(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::QueryShare | Operation::QueryUnshared | Operation::QueryShareReturn
    )
}

const fn moves_money(operation: Operation) -> bool {
    matches!(operation, Operation::Share | Operation::Unfreeze | Operation::ReturnShare)
}
