//! How WeChat Pay says no: codes, their HTTP statuses, and words.

use crate::counterpart::answer::Reply;
use crate::wire::ErrorAnswer;
use channel::DocumentFault;

/// A refusal in the channel's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

/// Why a call ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The channel says no.
    Refused(Refusal),
    /// The documents failed.
    Broken(DocumentFault),
}

impl Refusal {
    pub(super) fn new(code: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { code: code.into(), message: message.into() }
    }

    /// A field that breaks its rule.
    pub(super) fn field(path: &str, want: &str) -> Refusal {
        Refusal::new("PARAM_ERROR", format!("参数错误：{path} {want}"))
    }

    pub(super) fn sign(message: &str) -> Refusal {
        Refusal::new("SIGN_ERROR", message)
    }

    pub(super) fn no_order() -> Refusal {
        Refusal::new("ORDER_NOT_EXIST", "订单不存在")
    }

    pub(super) fn order_paid() -> Refusal {
        Refusal::new("ORDERPAID", "该订单已支付")
    }

    pub(super) fn order_closed() -> Refusal {
        Refusal::new("ORDER_CLOSED", "该订单已关闭")
    }

    pub(super) fn reply(self) -> Reply {
        let Refusal { code, message } = self;
        let status = status_of(&code);
        Reply::json(status, &ErrorAnswer { code, message })
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<DocumentFault> for Stop {
    fn from(fault: DocumentFault) -> Stop {
        Stop::Broken(fault)
    }
}

/// The HTTP status that goes with a code; both spellings of a code have the same.
pub(super) fn status_of(code: &str) -> u16 {
    match code.replace('_', "").as_str() {
        "USERPAYING" => 202,
        "SIGNERROR" => 401,
        "TRADEERROR"
        | "RULELIMIT"
        | "NOTENOUGH"
        | "NOAUTH"
        | "OUTTRADENOUSED"
        | "USERACCOUNTABNORMAL" => 403,
        "ORDERNOTEXIST" | "RESOURCENOTEXISTS" => 404,
        "FREQUENCYLIMITED" | "RATELIMITEXCEEDED" => 429,
        "SYSTEMERROR" | "BANKERROR" | "OPENIDMISMATCH" => 500,
        _ => 400,
    }
}
