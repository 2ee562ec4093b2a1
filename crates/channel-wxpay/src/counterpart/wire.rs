//! What stands on the wire and only the counterpart reads or writes. The types of both halves are in the
//! crate's own `wire`.

use crate::wire::{Parties, read_time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to `POST …/out-trade-no/{out_trade_no}/reverse`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ReversalAnswer {
    #[serde(flatten)]
    pub(super) parties: Parties,
    pub(super) out_trade_no: String,
}

/// `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AbnormalRefundRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sub_mchid: Option<String>,
    pub(super) out_refund_no: String,
    #[serde(rename = "type")]
    pub(super) to: RefundTo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bank_type: Option<String>,
    /// Sealed for the channel's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bank_account: Option<String>,
    /// Sealed for the channel's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) real_name: Option<String>,
}

/// Whose card takes a refund that the payer's account refused.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RefundTo {
    UserBankCard,
    MerchantBankCard,
}

/// An error as the counterpart writes it. Its detail is never read: real ones have other shapes with other
/// codes.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(super) struct DetailedError {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<Value>,
}

/// What a page or mini program hands to WeChat, in the spelling of each: the bridge of pages has `appId`
/// and `timeStamp`, `wx.chooseWXPay` takes `timestamp`, and a mini program's app is known without a name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HandedToBridge {
    pub(super) app_id: Option<String>,
    #[serde(flatten)]
    pub(super) at: HandedTime,
    pub(super) nonce_str: String,
    pub(super) package: String,
    pub(super) sign_type: String,
    pub(super) pay_sign: String,
}

/// What an app hands to WeChat's SDK: lower case on iOS and in the documents, and Android's own names.
#[derive(Deserialize)]
pub(super) struct HandedToSdk {
    #[serde(alias = "appId")]
    pub(super) appid: Option<String>,
    #[serde(alias = "partnerId")]
    pub(super) partnerid: Option<String>,
    #[serde(alias = "prepayId")]
    pub(super) prepayid: String,
    package: Option<String>,
    #[serde(rename = "packageValue")]
    package_value: Option<String>,
    #[serde(alias = "nonceStr")]
    pub(super) noncestr: String,
    #[serde(flatten)]
    pub(super) at: HandedTime,
    pub(super) sign: String,
}

impl HandedToSdk {
    /// The package, by either name.
    pub(super) fn package(&self) -> Option<&str> {
        self.package.as_deref().or(self.package_value.as_deref())
    }
}

/// When a client's parameters were signed, in Unix seconds. `timestamp` may be a number.
#[derive(Deserialize)]
pub(super) struct HandedTime {
    #[serde(rename = "timeStamp")]
    time_stamp: Option<String>,
    timestamp: Option<Seconds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Text(String),
    Number(u64),
}

impl HandedTime {
    /// The seconds as they were signed.
    pub(super) fn text(&self) -> Option<String> {
        let other = || match self.timestamp.as_ref()? {
            Seconds::Text(text) => Some(text.clone()),
            Seconds::Number(number) => Some(number.to_string()),
        };
        self.time_stamp.clone().or_else(other)
    }
}

/// Whether a time is written as RFC 3339 has it, seconds and offset included; jiff reads more forms.
pub(super) fn is_strict_time(text: &str) -> bool {
    let shape = text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter });
    let shape: String = shape.collect();
    let Some(rest) = shape.strip_prefix("0000-00-00T00:00:00") else {
        return false;
    };
    let offset = rest.strip_prefix(".0").map_or(rest, |digits| digits.trim_start_matches('0'));
    matches!(offset, "Z" | "+00:00" | "-00:00") && read_time(text).is_some()
}
