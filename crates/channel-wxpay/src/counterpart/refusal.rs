//! How WeChat Pay says no: codes, their HTTP statuses, their numbers, and words.

use crate::counterpart::answer::{Body, Reply};
use crate::wire;
use channel::DocumentFault;
use serde_json::{Value, json};

/// A refusal in the channel's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) detail: Option<Value>,
    pub(super) layer: Layer,
}

/// Which part of the channel refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// The gate, which looks at signatures, headers and fields. It does not sign what it refuses.
    Gate,
    /// The business behind it, which signs.
    Business,
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
    /// A refusal by the layer that has this code.
    pub(super) fn new(code: impl Into<String>, message: impl Into<String>) -> Refusal {
        let code = code.into();
        let layer = layer_of(&code);
        Refusal { code, message: message.into(), detail: None, layer }
    }

    /// A refusal by the gate, of a code that the business has too.
    pub(super) fn of_gate(code: &str, message: &str) -> Refusal {
        Refusal { layer: Layer::Gate, ..Refusal::new(code, message) }
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
        let Refusal { code, message, detail, layer } = self;
        let mut answer = json!({ "code": code, "message": message });
        if let Some(detail) = detail {
            answer["detail"] = detail;
        }
        let body = match layer {
            Layer::Gate => Body::Unsigned(wire::json(&answer)),
            Layer::Business => Body::Message(wire::json(&answer)),
        };
        let (status, number) = (status_of(&code), number_of(&code));
        Reply { status, number, body, outgoing: vec![] }
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

fn layer_of(code: &str) -> Layer {
    match code {
        "SIGN_ERROR" | "PARAM_ERROR" => Layer::Gate,
        _ => Layer::Business,
    }
}

/// The number at the end of `Request-ID`, by which WeChat Pay's own guides find a refusal. These three
/// are known; those of other codes are not, and share one of the same range.
fn number_of(code: &str) -> u32 {
    match code {
        "PARAM_ERROR" => 268_435_461,
        "INVALID_REQUEST" => 268_498_688,
        "RESOURCE_NOT_EXISTS" => 268_512_771,
        _ => 268_435_456,
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
