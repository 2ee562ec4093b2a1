//! The rules of fields. They are checked on the JSON itself, so that each refusal names its field.

use crate::counterpart::refusal::Refusal;
use crate::counterpart::route::{Mode, Trade};
use crate::wire;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whether a field may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Wanted,
    Free,
}
use Need::{Free, Wanted};

/// What a field must be.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Text of 1 to this number of characters.
    Text(usize),
    /// 6 to 32 of letters, digits and `_ - | *`.
    TradeNumber,
    /// 1 to 64 of letters, digits and `_ - | * @`.
    RefundNumber,
    /// An absolute URL without query, at most so long; https, or http on a loopback host.
    NotifyUrl(usize),
    /// A whole number of fen, 1 or more.
    Amount,
    /// `CNY`.
    Currency,
    /// RFC 3339.
    Time,
    /// `iOS`, `Android` or `Wap`.
    PageKind,
    /// True or false.
    Flag,
    /// An object.
    Object,
}

/// A field's path, whether it may be absent, and what it must be.
pub(super) type FieldRule = (&'static str, Need, Rule);

const ORDER: [FieldRule; 15] = [
    ("description", Wanted, Rule::Text(127)),
    ("out_trade_no", Wanted, Rule::TradeNumber),
    ("time_expire", Free, Rule::Time),
    ("attach", Free, Rule::Text(128)),
    ("notify_url", Wanted, Rule::NotifyUrl(255)),
    ("goods_tag", Free, Rule::Text(32)),
    ("support_fapiao", Free, Rule::Flag),
    ("amount", Wanted, Rule::Object),
    ("amount.total", Wanted, Rule::Amount),
    ("amount.currency", Free, Rule::Currency),
    ("payer", Free, Rule::Object),
    ("scene_info", Free, Rule::Object),
    ("scene_info.payer_client_ip", Free, Rule::Text(45)),
    ("scene_info.device_id", Free, Rule::Text(32)),
    ("settle_info.profit_sharing", Free, Rule::Flag),
];

const DIRECT: [FieldRule; 2] =
    [("appid", Wanted, Rule::Text(32)), ("mchid", Wanted, Rule::Text(32))];

const PARTNER: [FieldRule; 4] = [
    ("sp_appid", Wanted, Rule::Text(32)),
    ("sp_mchid", Wanted, Rule::Text(32)),
    ("sub_appid", Free, Rule::Text(32)),
    ("sub_mchid", Wanted, Rule::Text(32)),
];

const PARTNER_PAYER: [FieldRule; 2] =
    [("payer.sp_openid", Free, Rule::Text(128)), ("payer.sub_openid", Free, Rule::Text(128))];

const H5: [FieldRule; 3] = [
    ("scene_info.payer_client_ip", Wanted, Rule::Text(45)),
    ("scene_info.h5_info", Wanted, Rule::Object),
    ("scene_info.h5_info.type", Wanted, Rule::PageKind),
];

const REFUND: [FieldRule; 10] = [
    ("sub_mchid", Free, Rule::Text(32)),
    ("transaction_id", Free, Rule::Text(32)),
    ("out_trade_no", Free, Rule::TradeNumber),
    ("out_refund_no", Wanted, Rule::RefundNumber),
    ("reason", Free, Rule::Text(80)),
    ("notify_url", Free, Rule::NotifyUrl(256)),
    ("amount", Wanted, Rule::Object),
    ("amount.refund", Wanted, Rule::Amount),
    ("amount.total", Wanted, Rule::Amount),
    ("amount.currency", Wanted, Rule::Currency),
];

/// Reads a body as JSON.
pub(super) fn parse(body: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) | Err(_) => Err(Refusal::field("body", "不是JSON对象")),
    }
}

/// Turns checked JSON into its wire type.
pub(super) fn convert<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::field("body", &error.to_string()))
}

/// Checks an order.
pub(super) fn check_order(body: &Value, trade: Trade, mode: Mode) -> Result<(), Refusal> {
    check_parties(body, mode)?;
    check(body, &ORDER)?;
    match trade {
        Trade::Jsapi => check_payer(body, mode),
        Trade::H5 => check(body, &H5),
        Trade::Native | Trade::App => Ok(()),
    }
}

/// Checks the names of merchant and app.
fn check_parties(body: &Value, mode: Mode) -> Result<(), Refusal> {
    match mode {
        Mode::Direct => check(body, &DIRECT),
        Mode::Partner => check(body, &PARTNER),
    }
}

/// Checks a request to close: like an order, without apps.
pub(super) fn check_close(body: &Value, mode: Mode) -> Result<(), Refusal> {
    match mode {
        Mode::Direct => check(body, &DIRECT[1..]),
        Mode::Partner => check(body, &[PARTNER[1], PARTNER[3]]),
    }
}

/// Checks a refund.
pub(super) fn check_refund(body: &Value) -> Result<(), Refusal> {
    check(body, &REFUND)?;
    match (find(body, "transaction_id"), find(body, "out_trade_no")) {
        (None, None) => Err(Refusal::field("transaction_id", "与out_trade_no需二选一")),
        (Some(_), _) | (None, Some(_)) => Ok(()),
    }
}

fn check_payer(body: &Value, mode: Mode) -> Result<(), Refusal> {
    if mode == Mode::Direct {
        return check(body, &[("payer.openid", Wanted, Rule::Text(128))]);
    }
    check(body, &PARTNER_PAYER)?;
    let given = |path| find(body, path).is_some();
    match (given("payer.sp_openid"), given("payer.sub_openid"), given("sub_appid")) {
        (false, false, _) => Err(Refusal::field("payer.sp_openid", "与sub_openid需二选一")),
        (_, true, false) => Err(Refusal::field("sub_appid", "使用sub_openid时必填")),
        (true, _, _) | (_, true, true) => Ok(()),
    }
}

/// Checks fields in order; the first that breaks its rule is named.
fn check(body: &Value, rules: &[FieldRule]) -> Result<(), Refusal> {
    for (path, need, rule) in rules {
        let want = match (find(body, path), need) {
            (None, Wanted) => Some("缺少必填参数".to_owned()),
            (None, Free) => None,
            (Some(value), Wanted | Free) => breaks(value, *rule),
        };
        if let Some(want) = want {
            return Err(Refusal::field(path, &want));
        }
    }
    Ok(())
}

fn find<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, name| value.get(name)).filter(|value| !value.is_null())
}

/// What was wanted, when the value breaks the rule.
fn breaks(value: &Value, rule: Rule) -> Option<String> {
    let text = value.as_str();
    let (holds, want) = match rule {
        Rule::Text(max) => (text.is_some_and(|t| is_text(t, max)), format!("需为1至{max}个字符")),
        Rule::TradeNumber => (
            text.is_some_and(|t| (6..=32).contains(&t.len()) && is_number(t, "_-|*")),
            "需为6至32个字符，只能是数字、大小写字母_-|*".to_owned(),
        ),
        Rule::RefundNumber => (
            text.is_some_and(|t| (1..=64).contains(&t.len()) && is_number(t, "_-|*@")),
            "需为1至64个字符，只能是数字、大小写字母_-|*@".to_owned(),
        ),
        Rule::NotifyUrl(max) => (
            text.is_some_and(|t| t.len() <= max && is_notify_url(t)),
            format!("需为不带参数的https地址，不超过{max}个字符"),
        ),
        Rule::Amount => {
            (value.as_i64().is_some_and(|fen| fen >= 1), "需为不小于1的整数".to_owned())
        }
        Rule::Currency => (text == Some("CNY"), "只支持CNY".to_owned()),
        Rule::Time => (
            text.is_some_and(|t| t.len() <= 64 && wire::read_time(t).is_some()),
            "需遵循rfc3339标准格式".to_owned(),
        ),
        Rule::PageKind => (
            text.is_some_and(|t| ["iOS", "Android", "Wap"].contains(&t)),
            "只能是iOS、Android、Wap".to_owned(),
        ),
        Rule::Flag => (value.is_boolean(), "需为布尔值".to_owned()),
        Rule::Object => (value.is_object(), "需为对象".to_owned()),
    };
    (!holds).then_some(want)
}

fn is_text(text: &str, max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= max
}

fn is_number(text: &str, marks: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
}

fn is_notify_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let clean = !url.contains(['?', '#', ' ']) && !authority.is_empty() && url.is_ascii();
    match scheme {
        "https" => clean,
        "http" => clean && is_loopback(authority),
        _ => false,
    }
}

/// The sandbox's one concession: plain http towards this very machine.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_go_to_https_or_to_this_machine() {
        for good in [
            "https://a.example/n",
            "https://a.example:8443",
            "http://127.0.0.1:8080/n",
            "http://localhost/n",
            "http://[::1]:80/n",
        ] {
            assert!(is_notify_url(good), "{good}");
        }
        for bad in [
            "http://a.example/n",
            "https://a.example/n?x=1",
            "https://",
            "a.example/n",
            "ftp://127.0.0.1/n",
            "http://127.0.0.1.a.example/n",
            "https://a.example/n#x",
        ] {
            assert!(!is_notify_url(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_keep_to_their_letters() {
        for (number, want) in
            [("T12345", true), ("T_-|*1", true), ("T1@345", false), ("单123456", false)]
        {
            assert_eq!(is_number(number, "_-|*"), want, "{number}");
        }
    }
}
