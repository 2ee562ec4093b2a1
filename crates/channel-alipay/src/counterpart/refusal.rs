//! How Alipay says no: codes, sub codes, words.

use crate::wire::Head;
use channel::DocumentFault;

/// A refusal in the channel's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) sub_code: String,
    pub(super) sub_msg: String,
}

/// Why a call ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The channel says no.
    Refused(Refusal),
    /// The documents failed.
    Broken(DocumentFault),
}

/// The gate found the request wanting.
const MISSING: &str = "40001";
/// The gate found a parameter that cannot be.
const INVALID: &str = "40002";
/// The sub code of a signature that does not verify.
const WRONG_SIGNATURE: &str = "isv.invalid-signature";
/// The business refuses.
const BUSINESS: &str = "40004";

impl Refusal {
    /// A refusal by the business.
    pub(super) fn business(sub_code: &str, sub_msg: &str) -> Refusal {
        Refusal::new(BUSINESS, sub_code, sub_msg)
    }

    /// A parameter that the gate misses.
    pub(super) fn missing(sub_code: &str, sub_msg: &str) -> Refusal {
        Refusal::new(MISSING, sub_code, sub_msg)
    }

    /// A parameter that the gate does not take.
    pub(super) fn invalid(sub_code: &str, sub_msg: &str) -> Refusal {
        Refusal::new(INVALID, sub_code, sub_msg)
    }

    /// A field that breaks its rule.
    pub(super) fn field(name: &str) -> Refusal {
        Refusal::business("ACQ.INVALID_PARAMETER", &format!("参数无效：{name}"))
    }

    /// The signature is not this app's over this text, which the answer shows.
    pub(super) fn signature(text: &str) -> Refusal {
        let text = text.replace('&', "&amp;");
        let why = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配";
        Refusal::invalid(WRONG_SIGNATURE, &format!("{why}，网关生成的验签字符串为：{text}"))
    }

    /// No merchant gave this app such a token.
    pub(super) fn token() -> Refusal {
        Refusal::new("20001", "aop.invalid-app-auth-token", "无效的应用授权令牌")
    }

    pub(super) fn no_trade() -> Refusal {
        Refusal::business("ACQ.TRADE_NOT_EXIST", "交易不存在")
    }

    /// The state of the trade does not allow it.
    pub(super) fn state() -> Refusal {
        Refusal::business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
    }

    /// The refusal with a code that a fault wants, by the layer that has such a code.
    pub(super) fn injected(code: &str) -> Refusal {
        let head = match code {
            "20000" => return Refusal::new("20000", "isp.unknow-error", "系统繁忙"),
            "20001" => return Refusal::new("20001", "aop.invalid-auth-token", "无效的访问令牌"),
            "40005" => return Refusal::new("40005", "isv.app-call-limited", "应用调用次数超限"),
            "40006" => {
                return Refusal::new("40006", "isv.insufficient-isv-permissions", "ISV权限不足");
            }
            _ if code.starts_with("isv.missing") => MISSING,
            _ if code.starts_with("isv.") => INVALID,
            _ if code.starts_with("isp.") || code.starts_with("aop.") => "20000",
            _ => BUSINESS,
        };
        Refusal::new(head, code, "沙箱指定的错误")
    }

    fn new(code: &'static str, sub_code: &str, sub_msg: &str) -> Refusal {
        Refusal { code, sub_code: sub_code.to_owned(), sub_msg: sub_msg.to_owned() }
    }

    /// Whether no call has looked at the request. Such an answer is not signed; that of a wrong signature
    /// is.
    pub(super) fn is_of_gate(&self) -> bool {
        [MISSING, INVALID].contains(&self.code) && self.sub_code != WRONG_SIGNATURE
    }

    pub(super) fn head(&self) -> Head {
        Head {
            code: self.code.to_owned(),
            msg: self.message().to_owned(),
            sub_code: Some(self.sub_code.clone()),
            sub_msg: Some(self.sub_msg.clone()),
        }
    }

    fn message(&self) -> &'static str {
        match self.code {
            "20000" => "Service Currently Unavailable",
            "20001" => "Insufficient Token Permissions",
            MISSING => "Missing Required Arguments",
            INVALID => "Invalid Arguments",
            "40005" => "Call Limited",
            "40006" => "Insufficient Permissions",
            _ => "Business Failed",
        }
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
