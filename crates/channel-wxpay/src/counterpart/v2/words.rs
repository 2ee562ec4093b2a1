//! The codes of this interface, and what stands beside every answer.

use crate::counterpart::refusal::Refusal;
use crate::v2::xml::Members;
use crate::wire::Parties;
use channel::CodecContext;
use serde_json::Value;

/// The members of a refusal. The rules of the newer interface name its fields, and these have other names
/// here.
pub(super) fn refused(refusal: Refusal) -> Members {
    let broken = refusal.detail.as_ref().and_then(|detail| detail["field"].as_str());
    let text = match broken {
        Some(field) => format!("参数{}格式错误", name(field)),
        None => refusal.message.clone(),
    };
    Members::default()
        .with("result_code", "FAIL")
        .with("err_code", code(&refusal.code))
        .with("err_code_des", text)
}

/// How this interface names a field of the newer one.
fn name(field: &str) -> &str {
    match field.rsplit('/').next().unwrap_or(field) {
        "description" => "body",
        "total" => "total_fee",
        "refund" => "refund_fee",
        "currency" => "fee_type",
        "reason" => "refund_desc",
        "payer_client_ip" | "device_ip" => "spbill_create_ip",
        "device_id" => "device_info",
        other => other,
    }
}

/// How this interface writes a code of the newer one.
fn code(code: &str) -> &str {
    match code {
        "SIGN_ERROR" => "SIGNERROR",
        "NO_AUTH" => "NOAUTH",
        "NOT_ENOUGH" => "NOTENOUGH",
        "ORDER_PAID" => "ORDERPAID",
        "ORDER_CLOSED" => "ORDERCLOSED",
        "ORDER_REVERSED" => "ORDERREVERSED",
        "ORDER_NOT_EXIST" | "RESOURCE_NOT_EXISTS" => "ORDERNOTEXIST",
        "SYSTEM_ERROR" => "SYSTEMERROR",
        "BANK_ERROR" => "BANKERROR",
        other => other,
    }
}

/// A member is missing.
pub(super) fn lacking(name: &str) -> Refusal {
    Refusal::new("LACK_PARAMS", format!("缺少参数{name}"))
}

/// The shortest number that the rules of the newer interface take. This one takes any that is not empty.
const NUMBER_LEN_MIN: usize = 6;

/// A number with as many zeros before it as the rules of the newer interface want.
pub(super) fn long_enough(number: &str) -> String {
    format!("{number:0>NUMBER_LEN_MIN$}")
}

/// The same content for the rules of the newer interface.
pub(super) fn with_long_number(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(number) = body.get("out_trade_no").and_then(Value::as_str).map(long_enough) {
        body["out_trade_no"] = Value::from(number);
    }
    body
}

/// A member that must be there.
pub(super) fn want<'a>(asked: &'a Members, name: &str) -> Result<&'a str, Refusal> {
    asked.get(name).ok_or_else(|| lacking(name))
}

/// An answer with what stands in every one. Who asked is said again.
pub(super) fn beside(asked: &Members, context: &CodecContext, answer: Members) -> Members {
    ["appid", "mch_id", "sub_appid", "sub_mch_id"]
        .into_iter()
        .fold(answer, |answer, name| answer.with_some(name, asked.get(name)))
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK")
        .with("nonce_str", context.nonce.chars().rev().take(16).collect::<String>())
}

/// Who asks, in the words of the records.
pub(super) fn parties(asked: &Members) -> Parties {
    let text = |name| asked.get(name).map(str::to_owned);
    match asked.get("sub_mch_id") {
        None => Parties { appid: text("appid"), mchid: text("mch_id"), ..Parties::default() },
        Some(_) => Parties {
            sp_appid: text("appid"),
            sp_mchid: text("mch_id"),
            sub_appid: text("sub_appid"),
            sub_mchid: text("sub_mch_id"),
            ..Parties::default()
        },
    }
}
