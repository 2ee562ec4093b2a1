//! The rules of fields, checked on the JSON itself, so that each refusal names its field.
//!
//! As at the channel, a body is first mapped to types, then held against the rules, and searched for
//! members that its call does not know at last.

use crate::counterpart::refusal::{Location, Refusal};
use crate::counterpart::wire;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// A field of a call.
#[derive(Clone, Copy)]
pub(super) struct Field {
    name: &'static str,
    /// How refusals name it.
    label: &'static str,
    is_wanted: bool,
    rule: Rule,
}

/// A field that must be there.
pub(super) const fn want(name: &'static str, label: &'static str, rule: Rule) -> Field {
    Field { name, label, is_wanted: true, rule }
}

/// A field that may be absent.
pub(super) const fn may(name: &'static str, label: &'static str, rule: Rule) -> Field {
    Field { name, label, is_wanted: false, rule }
}

/// What a field must be.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    /// Text of 1 to this number of characters.
    Text(usize),
    /// Text of 1 to this number of bytes.
    Bytes(usize),
    /// 6 to 32 of letters, digits and `_ - | *`.
    TradeNumber,
    /// 1 to 64 of letters, digits and `_ - | * @`.
    RefundNumber,
    /// An absolute http or https URL without query, of at most this number of characters.
    NotifyUrl(usize),
    /// A whole number within bounds.
    Whole { min: i64, max: i64 },
    /// RFC 3339: `2018-06-08T10:34:56+08:00`.
    Time,
    /// An IPv4 or IPv6 address.
    Address,
    /// True or false.
    Flag,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these words.
    Words(&'static [&'static str]),
    /// An object with these fields.
    Object(&'static [Field]),
    /// A list of such objects.
    List(&'static [Field]),
}

/// What is searched for, in the channel's order.
#[derive(Clone, Copy)]
enum Pass {
    Types,
    Rules,
    Extras,
}

/// What breaks a rule: the value as the refusal shows it, and why.
struct Broken {
    value: Value,
    issue: String,
}

/// Checks a body against the fields of its call, which come in groups.
pub(super) fn object(body: &Value, groups: &[&[Field]]) -> Result<(), Refusal> {
    let fields = groups.concat();
    for pass in [Pass::Types, Pass::Rules, Pass::Extras] {
        walk(body, &fields, "/body", pass)?;
    }
    Ok(())
}

/// Whether an object that was checked has these fields.
pub(super) fn wanted(object: Option<&Value>, path: &str, fields: &[Field]) -> Result<(), Refusal> {
    let lacks = |field: &&Field| object.is_none_or(|object| object.get(field.name).is_none());
    match fields.iter().find(lacks) {
        Some(field) => Err(missing(field, &format!("{path}/{}", field.name))),
        None => Ok(()),
    }
}

/// Whether the text in a path is an order's number.
pub(super) fn number(text: &str, path: &str, label: &str) -> Result<(), Refusal> {
    match broken(&Value::from(text), Rule::TradeNumber) {
        Some(Broken { value, issue }) => {
            let message = format!("输入源“{path}”映射到值字段“{label}”{issue}");
            Err(Refusal::rule(Location::Path, path, value, issue, message))
        }
        None => Ok(()),
    }
}

fn walk(value: &Value, fields: &[Field], path: &str, pass: Pass) -> Result<(), Refusal> {
    let Some(members) = value.as_object() else {
        return Ok(());
    };
    for field in fields {
        let path = format!("{path}/{}", field.name);
        let Some(value) = members.get(field.name) else {
            match (pass, field.is_wanted) {
                (Pass::Rules, true) => return Err(missing(field, &path)),
                (Pass::Rules, false) | (Pass::Types | Pass::Extras, _) => continue,
            }
        };
        match pass {
            Pass::Types => check_type(field, value, &path)?,
            Pass::Rules => check_rule(field, value, &path)?,
            Pass::Extras => {}
        }
        walk_into(field, value, &path, pass)?;
    }
    match pass {
        Pass::Extras => check_extras(members, fields),
        Pass::Types | Pass::Rules => Ok(()),
    }
}

fn walk_into(field: &Field, value: &Value, path: &str, pass: Pass) -> Result<(), Refusal> {
    match field.rule {
        Rule::Object(fields) => walk(value, fields, path, pass),
        Rule::List(fields) => {
            let mut entries = value.as_array().into_iter().flatten().enumerate();
            entries.try_for_each(|(at, entry)| walk(entry, fields, &format!("{path}/{at}"), pass))
        }
        _ => Ok(()),
    }
}

fn check_extras(members: &Map<String, Value>, fields: &[Field]) -> Result<(), Refusal> {
    let is_known = |name: &String| fields.iter().any(|field| field.name == name);
    match members.keys().all(is_known) {
        true => Ok(()),
        false => Err(Refusal::new("PARAM_ERROR", "参数中含有非法的额外参数")),
    }
}

fn missing(field: &Field, path: &str) -> Refusal {
    let pointer = path.strip_prefix("/body").unwrap_or(path);
    Refusal::missing(Location::Body, pointer, field.label)
}

fn check_type(field: &Field, value: &Value, path: &str) -> Result<(), Refusal> {
    let (fits, kind) = match field.rule {
        Rule::Whole { .. } => (value.is_i64(), "一个合法的 64 位有符号整数"),
        Rule::Flag => (value.is_boolean(), "一个 boolean 类型的 Json 值"),
        Rule::Object(_) => (value.is_object(), "一个 object 类型的 Json 值"),
        Rule::Words(_) => (is_list(value, Value::is_string), "一个 array 类型的 Json 值"),
        Rule::List(_) => (is_list(value, Value::is_object), "一个 array 类型的 Json 值"),
        _ => (value.is_string(), "一个 string 类型的 Json 值"),
    };
    let issue = match (fits, value.is_null()) {
        (true, _) => return Ok(()),
        (false, true) => "不允许使用 null".to_owned(),
        (false, false) => format!("此字段需要{kind}"),
    };
    let label = field.label;
    let message = format!("无法将 JSON 输入源“{path}”映射到目标字段“{label}”中，{issue}");
    Err(Refusal::rule(Location::Body, path, value.clone(), issue, message))
}

fn is_list(value: &Value, of: fn(&Value) -> bool) -> bool {
    value.as_array().is_some_and(|entries| entries.iter().all(of))
}

fn check_rule(field: &Field, value: &Value, path: &str) -> Result<(), Refusal> {
    let Some(Broken { value, issue }) = broken(value, field.rule) else {
        return Ok(());
    };
    let kind = match field.rule {
        Rule::Whole { .. } => "数值字段",
        _ => "值字段",
    };
    let message = format!("输入源“{path}”映射到{kind}“{}”{issue}", field.label);
    Err(Refusal::rule(Location::Body, path, value, issue, message))
}

/// What breaks the rule, if anything does. The types were checked.
fn broken(value: &Value, rule: Rule) -> Option<Broken> {
    let text = value.as_str().unwrap_or_default();
    match rule {
        Rule::Text(max) => length("字符数", text.chars().count(), 1..=max).or(narrow(text)),
        Rule::Bytes(max) => length("字节数", text.len(), 1..=max).or(narrow(text)),
        Rule::TradeNumber => length("字符数", text.chars().count(), 6..=32)
            .or_else(|| pattern(text, is_number(text, "_-|*"), r"^[0-9a-zA-Z_\-\|\*]+$")),
        Rule::RefundNumber => length("字符数", text.chars().count(), 1..=64)
            .or_else(|| pattern(text, is_number(text, "_-|*@"), r"^[0-9a-zA-Z_\-\|\*@]+$")),
        Rule::NotifyUrl(max) => length("字符数", text.chars().count(), 1..=max)
            .or_else(|| pattern(text, is_notify_url(text), NOTIFY_URL)),
        Rule::Whole { min, max } => bounds(value.as_i64().unwrap_or_default(), min, max),
        Rule::Time => {
            unless(wire::is_strict_time(text), text, "字符串必须是符合 RFC3339 日期时间格式")
        }
        Rule::Address => unless(text.parse::<IpAddr>().is_ok(), text, "需为IPv4或IPv6地址"),
        Rule::OneOf(words) => member(text, words),
        Rule::Words(words) => {
            let all = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            all.filter_map(|word| member(word, words)).next()
        }
        Rule::Flag | Rule::Object(_) | Rule::List(_) => None,
    }
}

fn length(unit: &str, found: usize, wanted: std::ops::RangeInclusive<usize>) -> Option<Broken> {
    let (min, max) = wanted.into_inner();
    let bound = match found {
        _ if found < min => format!("小于最小值 {min}"),
        _ if found > max => format!("大于最大值 {max}"),
        _ => return None,
    };
    let issue = format!("字符串规则校验失败，{unit} {found}，{bound}");
    Some(Broken { value: json!(found), issue })
}

/// The channel's texts are UTF-8 of one to three bytes a character.
fn narrow(text: &str) -> Option<Broken> {
    unless(text.chars().all(|letter| letter.len_utf8() <= 3), text, "只支持1至3字节的UTF-8字符")
}

fn pattern(text: &str, holds: bool, pattern: &str) -> Option<Broken> {
    unless(holds, text, &format!("字符串必须匹配正则表达式“{pattern}”"))
}

fn member(text: &str, words: &[&str]) -> Option<Broken> {
    unless(words.contains(&text), text, &format!("只能是{}", words.join("、")))
}

fn unless(holds: bool, text: &str, why: &str) -> Option<Broken> {
    let issue = format!("字符串规则校验失败，{why}");
    (!holds).then(|| Broken { value: Value::from(text), issue })
}

fn bounds(found: i64, min: i64, max: i64) -> Option<Broken> {
    let bound = match found {
        _ if found < min => format!("值低于最小值 {min}"),
        _ if found > max => format!("值高于最大值 {max}"),
        _ => return None,
    };
    Some(Broken { value: json!(found), issue: format!("规则校验失败，{bound}") })
}

fn is_number(text: &str, marks: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
}

/// The channel's own pattern; [`is_notify_url`] is what it comes to.
const NOTIFY_URL: &str =
    r"^https?://([^\s/?#\[\]\@]+\@)?([^\s/?#\@:]+)(?::\d{2,5})?([^\s?#\[\]]*)$";

fn is_notify_url(url: &str) -> bool {
    let Some(("http" | "https", rest)) = url.split_once("://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let clean = |letter: char| letter.is_ascii_graphic() && !"?#".contains(letter);
    !authority.is_empty() && rest.chars().all(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_go_to_addresses_without_query() {
        for good in [
            "https://a.example/n",
            "https://a.example:8443",
            "http://a.example/n",
            "http://127.0.0.1:8080/n",
            "http://[::1]:80/n",
        ] {
            assert!(is_notify_url(good), "{good}");
        }
        for bad in [
            "https://a.example/n?x=1",
            "https://",
            "http:///n",
            "a.example/n",
            "ftp://127.0.0.1/n",
            "https://a.example/n#x",
            "https://a.example/付",
            "https://a.example/ n",
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
