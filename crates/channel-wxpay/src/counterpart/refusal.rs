//! How WeChat Pay says no: codes, their HTTP statuses, their numbers, and words.

use crate::counterpart::answer::{Body, Reply};
use crate::counterpart::wire::DetailedError;
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

/// Where a field stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In the body.
    Body,
    /// In the query string.
    Query,
    /// In the path.
    Path,
}

impl Location {
    const fn word(self) -> &'static str {
        match self {
            Location::Body => "body",
            Location::Query => "query",
            Location::Path => "uri_template",
        }
    }
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

    /// A field that breaks its rule. `path` begins with the field's location.
    pub(super) fn rule(
        location: Location,
        path: &str,
        value: Value,
        issue: String,
        message: String,
    ) -> Refusal {
        let within = path.strip_prefix('/').and_then(|path| path.strip_prefix(location.word()));
        let field = within.unwrap_or(path).to_owned();
        let location = location.word();
        let detail = json!({"field": field, "value": value, "issue": issue, "location": location});
        Refusal { detail: Some(detail), ..Refusal::new("PARAM_ERROR", message) }
    }

    /// A field that is not there. `pointer` begins behind the field's location.
    pub(super) fn missing(location: Location, pointer: &str, label: &str) -> Refusal {
        let issue = "必填性规则校验失败，此字段为必填项";
        let path = format!("/{}{pointer}", location.word());
        let message = format!("输入源“{path}”映射到字段“{label}”{issue}");
        Refusal::rule(location, &path, Value::from(""), issue.to_owned(), message)
    }

    /// A parameter that contradicts others.
    pub(super) fn field(path: &str, want: &str) -> Refusal {
        Refusal::new("PARAM_ERROR", format!("参数错误：{path} {want}"))
    }

    pub(super) fn sign(message: &str) -> Refusal {
        Refusal::new("SIGN_ERROR", message)
    }

    /// A refusal by the business, of a code that the gate has too.
    pub(super) fn of_business(code: &str, message: &str) -> Refusal {
        Refusal { layer: Layer::Business, ..Refusal::new(code, message) }
    }

    pub(super) fn no_order() -> Refusal {
        Refusal::new("ORDER_NOT_EXIST", "订单不存在")
    }

    pub(super) fn order_paid() -> Refusal {
        Refusal::new("ORDER_PAID", "该订单已支付")
    }

    pub(super) fn order_closed() -> Refusal {
        Refusal::new("ORDER_CLOSED", "该订单已关闭")
    }

    /// The number carries an order of another content.
    pub(super) fn changed() -> Refusal {
        Refusal::new("INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
    }

    pub(super) fn reply(self) -> Reply {
        let Refusal { code, message, detail, layer } = self;
        let (status, number) = (status_of(&code), number_of(&code));
        let answer = wire::json(&DetailedError { code, message, detail });
        let body = match layer {
            Layer::Gate => Body::Unsigned(answer),
            Layer::Business => Body::Message(answer),
        };
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
        | "ORDERREVERSED"
        | "USERACCOUNTABNORMAL" => 403,
        "ORDERNOTEXIST" | "RESOURCENOTEXISTS" => 404,
        "FREQUENCYLIMITED" | "RATELIMITEXCEEDED" => 429,
        "SYSTEMERROR" | "BANKERROR" | "OPENIDMISMATCH" => 500,
        _ => 400,
    }
}
