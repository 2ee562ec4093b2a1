//! What stands on the wire: one type a message, read by one half and written by the other.
//!
//! Members that only one mode or state has are options, and what is absent is not written. The types
//! have no `Debug`: they hold openids and sealed texts.

use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a certificate or a callback's resource is sealed.
pub(crate) const AEAD_AES_256_GCM: &str = "AEAD_AES_256_GCM";
/// [`CallbackBody::resource_type`].
pub(crate) const ENCRYPT_RESOURCE: &str = "encrypt-resource";

/// Who an order belongs to: `appid` and `mchid` for a merchant, the `sp_` and `sub_` names for a
/// service provider and its merchant.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parties {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mchid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sp_appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sp_mchid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_appid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
}

/// The payer's openid: `openid` for a merchant, `sp_openid` or `sub_openid` for a service provider.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PayerIds {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) openid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sp_openid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_openid: Option<String>,
}

/// Where the payer is.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SceneInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer_client_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) h5_info: Option<H5Info>,
}

/// From what kind of page an h5 order comes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct H5Info {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// An order's amount.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderAmount {
    pub(crate) total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

/// `POST /v3/pay[/partner]/transactions/{jsapi|native|h5|app}`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderRequest {
    #[serde(flatten)]
    pub(crate) parties: Parties,
    pub(crate) description: String,
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_expire: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goods_tag: Option<String>,
    pub(crate) amount: OrderAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer: Option<PayerIds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scene_info: Option<SceneInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settle_info: Option<SettleInfo>,
}

/// `POST /v3/pay[/partner]/transactions/codepay`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CodePayRequest {
    #[serde(flatten)]
    pub(crate) parties: Parties,
    pub(crate) description: String,
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goods_tag: Option<String>,
    pub(crate) payer: CodePayer,
    pub(crate) amount: OrderAmount,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scene_info: Option<SceneInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settle_info: Option<SettleInfo>,
}

/// The payer who shows a code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CodePayer {
    /// The code on the payer's phone.
    pub(crate) auth_code: String,
}

/// What becomes of an order's money.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettleInfo {
    /// True: the money stays frozen and is shared later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profit_sharing: Option<bool>,
}

/// The answer to an order: one member, by trade type.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct PlacedAnswer {
    /// jsapi and app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prepay_id: Option<String>,
    /// native.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code_url: Option<String>,
    /// h5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) h5_url: Option<String>,
}

/// A transaction: the answer to a query, and what a payment callback seals.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transaction {
    #[serde(flatten)]
    pub(crate) parties: Parties,
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_type: Option<String>,
    pub(crate) trade_state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_state_desc: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bank_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) attach: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) success_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer: Option<PayerIds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<PaidAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scene_info: Option<SceneInfo>,
    /// The coupons that paid a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) promotion_detail: Option<Vec<Promotion>>,
}

/// A coupon (代金券) that paid a part of a transaction.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Promotion {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) coupon_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// `GLOBAL` or `SINGLE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<String>,
    /// `CASH` or `NOCASH`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    pub(crate) amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stock_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wechatpay_contribute: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) merchant_contribute: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_contribute: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

/// [`Promotion::kind`] of a coupon whose money is settled.
pub(crate) const CASH: &str = "CASH";
/// [`Promotion::kind`] of a coupon that the merchant bears: nothing is settled for it.
pub(crate) const NOCASH: &str = "NOCASH";

/// A transaction's amount.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PaidAmount {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<i64>,
    /// After coupons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer_total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer_currency: Option<String>,
}

/// `POST …/out-trade-no/{out_trade_no}/close`: the party members alone, without apps.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloseRequest {
    #[serde(flatten)]
    pub(crate) parties: Parties,
}

/// `POST /v3/refund/domestic/refunds`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_mchid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) transaction_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_trade_no: Option<String>,
    pub(crate) out_refund_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) notify_url: Option<String>,
    pub(crate) amount: RefundRequestAmount,
}

/// How much to refund, of how much paid.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundRequestAmount {
    pub(crate) refund: i64,
    pub(crate) total: i64,
    pub(crate) currency: String,
}

/// A refund: the answer to its request and to its query.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundAnswer {
    pub(crate) refund_id: String,
    pub(crate) out_refund_no: String,
    pub(crate) transaction_id: String,
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_received_account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) success_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) create_time: Option<String>,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) funds_account: Option<String>,
    pub(crate) amount: RefundAmount,
}

/// A refund's amount, in answers and callbacks. Callbacks have no currency.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundAmount {
    pub(crate) total: i64,
    pub(crate) refund: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer_total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payer_refund: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settlement_refund: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settlement_total: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) discount_refund: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

/// What a refund callback seals.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundCallback {
    #[serde(flatten)]
    pub(crate) parties: Parties,
    pub(crate) transaction_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) refund_id: String,
    pub(crate) out_refund_no: String,
    pub(crate) refund_status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) success_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_received_account: Option<String>,
    pub(crate) amount: RefundAmount,
}

/// A callback.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CallbackBody {
    pub(crate) id: String,
    pub(crate) create_time: String,
    pub(crate) event_type: String,
    pub(crate) resource_type: String,
    #[serde(default)]
    pub(crate) summary: String,
    pub(crate) resource: Sealed,
}

/// Sealed bytes: a callback's resource, or a certificate.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    pub(crate) algorithm: String,
    /// 12 characters.
    pub(crate) nonce: String,
    #[serde(default)]
    pub(crate) associated_data: String,
    /// Base64 of cipher text and tag.
    pub(crate) ciphertext: String,
    /// `transaction`, `refund` or `profitsharing` in callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) original_type: Option<String>,
}

/// `GET /v3/certificates`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Certificates {
    pub(crate) data: Vec<SealedCertificate>,
}

/// One of the [`Certificates`].
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SealedCertificate {
    pub(crate) serial_no: String,
    pub(crate) effective_time: String,
    pub(crate) expire_time: String,
    pub(crate) encrypt_certificate: Sealed,
}

/// `GET /v3/bill/tradebill` and `GET /v3/bill/fundflowbill`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct BillAnswer {
    /// `SHA1`.
    pub(crate) hash_type: String,
    /// Of the unpacked file.
    pub(crate) hash_value: String,
    /// Works for five minutes.
    pub(crate) download_url: String,
}

/// The body of every error, and of the answer to a callback that is refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorAnswer {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// What the JS bridge takes; the members stand in this order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JsapiPayInfo {
    pub(crate) app_id: String,
    pub(crate) time_stamp: String,
    pub(crate) nonce_str: String,
    pub(crate) package: String,
    pub(crate) sign_type: String,
    pub(crate) pay_sign: String,
}

/// What the SDK in a native app takes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AppPayInfo {
    pub(crate) appid: String,
    pub(crate) partnerid: String,
    pub(crate) prepayid: String,
    pub(crate) package: String,
    pub(crate) noncestr: String,
    pub(crate) timestamp: String,
    pub(crate) sign: String,
}

/// A time as the channel writes it: RFC 3339, Beijing, whole seconds.
pub(crate) fn time_text(at: Timestamp) -> String {
    let beijing = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(beijing).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Reads a time: RFC 3339 with any offset.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_ms(at.as_millisecond()))
}

/// A message as the bytes of its JSON.
pub(crate) fn json<T: Serialize>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("the types of this file have text keys and no maps")
}

/// A message as JSON text.
pub(crate) fn json_text<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("the types of this file have text keys and no maps")
}

/// Reads a message. The error says where the JSON is wrong and shows nothing of it.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|fault| {
        format!("not the JSON wanted, at line {} column {}", fault.line(), fault.column())
    })
}

/// What a mini program hands to the channel's own, in which payers sign agreements.
#[derive(Serialize, Deserialize)]
pub(crate) struct SigningProgram {
    #[serde(rename = "appId")]
    pub(crate) app_id: String,
    pub(crate) path: String,
    #[serde(rename = "extraData")]
    pub(crate) extra_data: BTreeMap<String, String>,
}

impl SigningProgram {
    /// This program, opened with these members.
    pub(crate) fn new<'a>(
        (app_id, path): (&str, &str),
        members: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> SigningProgram {
        SigningProgram {
            app_id: app_id.to_owned(),
            path: path.to_owned(),
            extra_data: members.map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
        }
    }
}

/// What an app opens WeChat with, for its payer to sign an agreement.
#[derive(Serialize, Deserialize)]
pub(crate) struct SigningApp {
    pub(crate) pre_entrustweb_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) miniprogram_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) miniprogram_path: Option<String>,
}

/// Text as one value of a path or query: everything but letters, digits and `-._~` as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_beijing_seconds_and_return() {
        let at = Timestamp::from_ms(1_528_425_296_789);
        assert_eq!(time_text(at), "2018-06-08T10:34:56+08:00");
        for same in ["2018-06-08T10:34:56+08:00", "2018-06-08T02:34:56Z"] {
            assert_eq!(read_time(same), Some(Timestamp::from_seconds(1_528_425_296)), "{same}");
        }
        for bad in ["", "2018-06-08 10:34:56", "2018-06-08T10:34:56", "20180608103456"] {
            assert_eq!(read_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fault_shows_nothing_of_the_body() {
        let fault = read::<ErrorAnswer>(br#"{"code": 17, "openid": "oXLUp5"}"#).err();
        assert_eq!(fault.as_deref(), Some("not the JSON wanted, at line 1 column 11"));
    }

    #[test]
    fn a_url_inside_a_url_is_encoded() {
        let encoded = percent_encoded("https://a.cn/付?x=1");
        assert_eq!(encoded, "https%3A%2F%2Fa.cn%2F%E4%BB%98%3Fx%3D1");
    }
}
