//! What stands on the wire: one type a message, read by one half and written by the other. Amounts are
//! written in yuan here and nowhere else.
//!
//! Members that only one call or state has are options, and what is absent is not written. The types have
//! no `Debug`: they hold the ids of payers.

use jiff::civil;
use jiff::tz::{TimeZone, offset};
use ledger::{Fen, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use url::form_urlencoded;

/// The parameters of a request or a callback, by name, not encoded.
pub(crate) type Parameters = BTreeMap<String, String>;

/// Parameters as a form or a query: names and values encoded.
pub(crate) fn form(parameters: &Parameters) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish()
}

/// Reads a form or a query. A name that stands twice is the last.
pub(crate) fn read_form(text: &[u8]) -> Parameters {
    form_urlencoded::parse(text).into_owned().collect()
}

/// An amount, written in yuan with two decimals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Yuan(pub(crate) Fen);

impl Yuan {
    /// The text.
    pub(crate) fn text(self) -> String {
        let fen = self.0.get();
        let sign = if fen < 0 { "-" } else { "" };
        let amount = fen.unsigned_abs();
        format!("{sign}{}.{:02}", amount / 100, amount % 100)
    }

    /// Reads an amount exactly: digits after the fen must be zeros. `None` when it is not one.
    pub(crate) fn read(text: &str) -> Option<Yuan> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
        let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !are_digits(whole) || !are_digits(part) {
            return None;
        }
        let (fen, less) = part.split_at(part.len().min(2));
        if less.bytes().any(|digit| digit != b'0') {
            return None;
        }
        let fen: i64 = format!("{fen:0<2}").parse().ok()?;
        let total = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(fen)?;
        Some(Yuan(Fen::new(total)))
    }
}

impl Serialize for Yuan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// Text, or a JSON number, as some clients write it: its digits are read, never a float.
impl<'de> Deserialize<'de> for Yuan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Yuan, D::Error> {
        let text = match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => text,
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("an amount in yuan wanted")),
        };
        Yuan::read(&text).ok_or_else(|| D::Error::custom("an amount in yuan wanted"))
    }
}

/// A time as the channel writes it: Beijing, whole seconds, without a zone.
pub(crate) fn time_text(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(beijing()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads a time in Beijing; a part of a second may follow.
pub(crate) fn read_time(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(' ')?;
    let at = civil::DateTime::from_parts(date.parse().ok()?, time.parse().ok()?);
    let at = at.to_zoned(beijing()).ok()?.timestamp();
    Some(Timestamp::from_ms(at.as_millisecond()))
}

/// The end of the day in Beijing.
pub(crate) fn midnight_after(at: Timestamp) -> Timestamp {
    const DAY_SECONDS: i64 = 86_400;
    const AHEAD_SECONDS: i64 = 8 * 3600;
    let day = (at.seconds() + AHEAD_SECONDS).div_euclid(DAY_SECONDS) + 1;
    Timestamp::from_seconds(day * DAY_SECONDS - AHEAD_SECONDS)
}

fn beijing() -> TimeZone {
    TimeZone::fixed(offset(8))
}

/// Reads a time, or a day, which begins in Beijing.
pub(crate) fn read_time_or_day(text: &str) -> Option<Timestamp> {
    read_time(text).or_else(|| read_time(&format!("{text} 00:00:00")))
}

/// The day of a time in Beijing.
pub(crate) fn day(at: Timestamp) -> civil::Date {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(beijing()).date()
}

/// When a day begins in Beijing.
pub(crate) fn day_begins(day: civil::Date) -> Timestamp {
    let begins = day.to_zoned(beijing()).map(|at| at.timestamp().as_second());
    Timestamp::from_seconds(begins.unwrap_or_default())
}

/// Text as a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// `biz_content` of the calls that place an order.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderRequest {
    pub(crate) out_trade_no: String,
    pub(crate) total_amount: Yuan,
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
    /// What the seller wants to read in callbacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) passback_params: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_code: Option<String>,
    /// Until when it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) time_expire: Option<String>,
    /// For how long it can be paid: `30m`, `2h`, `1d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_express: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seller_id: Option<String>,
    /// The payer: 16 digits that begin with 2088.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_id: Option<String>,
    /// The payer, as the app knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_open_id: Option<String>,
    /// The mini program in which they pay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) op_app_id: Option<String>,
    /// How a payer's code came: `bar_code` of one that was scanned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scene: Option<String>,
    /// The payer's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) auth_code: Option<String>,
    /// By what the payer is debited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agreement_params: Option<AgreementParams>,
    /// Where a mobile browser goes when the payer leaves the cashier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quit_url: Option<String>,
}

/// The agreement by which an order is debited.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgreementParams {
    pub(crate) agreement_no: String,
}

/// `biz_content` of the page on which a payer signs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SignRequest {
    pub(crate) personal_product_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) product_code: Option<String>,
    pub(crate) access_params: AccessParams,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_scene: Option<String>,
    /// The merchant's number of the agreement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_agreement_no: Option<String>,
    /// The payer's account with the merchant, as the page shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_logon_id: Option<String>,
    /// For how long it is signed: `30d`, `2m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_validity_period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) period_rule_params: Option<PeriodRuleParams>,
    /// How long after `timestamp` it can be signed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effect_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_params: Option<IdentityParams>,
}

/// Who must sign.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdentityParams {
    /// The payer's number.
    pub(crate) sign_user_id: String,
}

/// From where the payer comes to the page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AccessParams {
    pub(crate) channel: String,
}

/// When and how much may be debited.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PeriodRuleParams {
    /// `DAY` or `MONTH`.
    pub(crate) period_type: String,
    pub(crate) period: u32,
    /// The day of the first debit, `yyyy-MM-dd`.
    pub(crate) execute_time: String,
    /// The most of one debit.
    pub(crate) single_amount: Yuan,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_payments: Option<u32>,
}

/// `biz_content` of the calls about an agreement: its query and its end.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AgreementRequest {
    /// Alone, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agreement_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) personal_product_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_scene: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_agreement_no: Option<String>,
}

/// An agreement: the answer to its query.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct AgreementAnswer {
    pub(crate) agreement_no: String,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) valid_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invalid_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_agreement_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_logon_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) personal_product_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_scene: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal_id: Option<String>,
    /// The payer's login, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alipay_logon_id: Option<String>,
    /// The most of one debit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) single_quota: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_deduct_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_deduct_time: Option<String>,
}

/// What a mini program hands to Alipay's page for signing.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignCenter {
    #[serde(rename = "signStr")]
    pub(crate) sign_str: String,
}

/// The same as text.
pub(crate) fn sign_center(sign_str: &str) -> String {
    json_text(&SignCenter { sign_str: sign_str.to_owned() })
}

/// `biz_content` of the calls about a trade: query, close, cancel.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TradeRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    /// Members that are shown only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query_options: Option<Vec<String>>,
}

/// `biz_content` of a refund.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    pub(crate) refund_amount: Yuan,
    /// Our number of the refund.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_request_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_reason: Option<String>,
}

/// `biz_content` of the question what became of a refund.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefundQueryRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    pub(crate) out_request_no: String,
    /// Members that are shown only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) query_options: Option<Vec<String>>,
}

/// `biz_content` of the request for a certificate of the channel.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateRequest {
    pub(crate) alipay_cert_sn: String,
}

/// `biz_content` of the request for a bill.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BillRequest {
    pub(crate) bill_type: String,
    /// A day, `yyyy-MM-dd`.
    pub(crate) bill_date: String,
}

/// Where a bill's file is.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct BillAnswer {
    /// It works for 30 seconds.
    pub(crate) bill_download_url: String,
}

/// The answer with a certificate.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CertificateAnswer {
    /// Base64 of the PEM file: the certificate, and those above it.
    pub(crate) alipay_cert_content: String,
}

/// What every answer begins with.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sub_msg: Option<String>,
}

/// [`Head::code`] of a call that was carried out.
pub(crate) const DONE: &str = "10000";

/// [`Head::code`] of a charge that the payer must confirm.
pub(crate) const PAYING: &str = "10003";

/// The answer to an order.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct PlacedAnswer {
    pub(crate) out_trade_no: String,
    /// Of a trade that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    /// Of an order behind a QR code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) qr_code: Option<String>,
}

/// The answer to the charge of a payer's code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ChargedAnswer {
    pub(crate) trade_no: String,
    pub(crate) out_trade_no: String,
    /// Absent while the payer types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_pay_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gmt_payment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invoice_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) point_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fund_bill_list: Option<Vec<FundBill>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_logon_id: Option<String>,
}

/// What paid how much.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct FundBill {
    pub(crate) fund_channel: String,
    pub(crate) amount: Yuan,
}

/// A trade: the answer to a query.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct TradeAnswer {
    pub(crate) trade_no: String,
    pub(crate) out_trade_no: String,
    pub(crate) trade_status: String,
    pub(crate) total_amount: Yuan,
    /// What the seller gets, before fees. Some answers say 0.00 where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) receipt_amount: Option<Yuan>,
    /// What the payer paid after coupons. Some answers say 0.00 where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_pay_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invoice_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) point_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_user_type: Option<String>,
    /// What paid; shown only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fund_bill_list: Option<Vec<FundBill>>,
    /// When it was paid; present once it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_pay_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_logon_id: Option<String>,
}

/// The answer to a close.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CloseAnswer {
    pub(crate) trade_no: String,
    pub(crate) out_trade_no: String,
}

/// The answer to a cancel.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct CancelAnswer {
    pub(crate) out_trade_no: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    /// `Y`: send it again.
    pub(crate) retry_flag: String,
    /// `close` or `refund`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<String>,
}

/// The answer to a refund.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RefundAnswer {
    pub(crate) trade_no: String,
    pub(crate) out_trade_no: String,
    /// `Y` when this call moved money.
    #[serde(default)]
    pub(crate) fund_change: String,
    /// Of all refunds of the trade so far.
    pub(crate) refund_fee: Yuan,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gmt_refund_pay: Option<String>,
    /// What this call moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) send_back_fee: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) buyer_logon_id: Option<String>,
}

/// [`RefundAnswer::fund_change`] of a call that moved money.
pub(crate) const MOVED: &str = "Y";

/// The answer to the question about a refund. Of a refund that was not made it has no more than its head.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct RefundQueryAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_trade_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) out_request_no: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_amount: Option<Yuan>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_amount: Option<Yuan>,
    /// `REFUND_SUCCESS`, or absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refund_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) gmt_refund_pay: Option<String>,
}

/// [`RefundQueryAnswer::refund_status`] of a refund that is done.
pub(crate) const REFUNDED: &str = "REFUND_SUCCESS";

/// An answer: its head, and the rest beside it.
#[derive(Serialize)]
pub(crate) struct Answer<T> {
    #[serde(flatten)]
    pub(crate) head: Head,
    #[serde(flatten)]
    pub(crate) content: T,
}

/// What the JS bridge of Alipay's app takes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BridgePayInfo {
    #[serde(rename = "tradeNO")]
    pub(crate) trade_no: String,
}

/// A message as JSON text.
pub(crate) fn json_text<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("the types of this file have text keys and no maps")
}

/// Reads a message. The error says where the JSON is wrong and shows nothing of it.
pub(crate) fn read<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|fault| {
        format!("not the JSON wanted, at line {} column {}", fault.line(), fault.column())
    })
}

/// Reads what a client sends: a member that is an empty text is as if it were absent, because clients write
/// every member that they know.
pub(crate) fn read_given<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    let mut members: serde_json::Map<String, serde_json::Value> = read(text)?;
    members.retain(|_, value| value.as_str() != Some(""));
    T::deserialize(serde_json::Value::Object(members))
        .map_err(|_| "not the members wanted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly() {
        for (yuan, want) in [
            ("88.00", Some(8_800)),
            ("0.01", Some(1)),
            ("0.1", Some(10)),
            ("12", Some(1_200)),
            ("92233720368547758.07", Some(i64::MAX)),
            ("92233720368547758.08", None),
            ("0.001", None),
            ("-1.00", None),
            ("1.", None),
            (".5", None),
            ("", None),
            ("+1", None),
            ("1e2", None),
            (" 1.00", None),
        ] {
            assert_eq!(Yuan::read(yuan).map(|yuan| yuan.0.get()), want, "{yuan:?}");
        }
        for (json, want) in [("\"0.30\"", Some(30)), ("0.3", Some(30)), ("12", Some(1_200))] {
            assert_eq!(serde_json::from_str::<Yuan>(json).ok().map(|yuan| yuan.0.get()), want);
        }
        for bad in ["null", "1e-3", "\"\"", "[]", "-0.01"] {
            assert!(serde_json::from_str::<Yuan>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_written_with_two_decimals() {
        for (fen, text) in
            [(0, "0.00"), (1, "0.01"), (8_805, "88.05"), (i64::MAX, "92233720368547758.07")]
        {
            assert_eq!(Yuan(Fen::new(fen)).text(), text);
            assert!(Yuan::read(text) == Some(Yuan(Fen::new(fen))));
        }
    }

    #[test]
    fn times_are_beijing_seconds_and_return() {
        let at = Timestamp::from_ms(1_528_425_296_789);
        assert_eq!(time_text(at), "2018-06-08 10:34:56");
        assert_eq!(read_time("2018-06-08 10:34:56"), Some(Timestamp::from_seconds(1_528_425_296)));
        assert_eq!(read_time("2018-06-08 10:34:56.789"), Some(at));
        for bad in ["", "2018-06-08", "2018-13-08 10:34:56", "20180608103456"] {
            assert_eq!(read_time(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_fault_shows_nothing_of_the_body() {
        let fault = read::<CloseAnswer>(r#"{"trade_no": 17, "buyer": "2088"}"#).err();
        assert_eq!(fault.as_deref(), Some("not the JSON wanted, at line 1 column 15"));
    }

    #[test]
    fn forms_return() {
        let all: Parameters = [("b", "a b&c=付+%"), ("a", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(form(&all), "a=&b=a+b%26c%3D%E4%BB%98%2B%25");
        assert_eq!(read_form(form(&all).as_bytes()), all);
    }
}
