//! Bills: when there is one, where its file is, and the file.

use crate::bill::SHA1;
use crate::counterpart::answer::Reply;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::parameter;
use crate::counterpart::world::Merchant;
use crate::counterpart::{CallContext, bill_file, records, sharing};
use crate::wire::BillAnswer;
use channel::{BillDay, BillKind, DocumentFault, FaultMode, own_url};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use jiff::{Span, ToSpan};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Write as _;

/// Bills are made at nine in the morning of the next day.
const MADE_SECONDS: i64 = 9 * 3_600;
/// How long a file's address works.
const URL_SECONDS: i64 = 300;
/// Where the real channel's files are; a request to the sandbox names its own host.
const REAL_HOST: &str = "https://api.mch.weixin.qq.com";

/// The parameter that asks for a packed file.
const TAR_TYPE: &str = "tar_type";
/// The only way of packing.
pub(super) const GZIP: &str = "GZIP";
/// The parameter of an address whose file is packed.
const PACKED: &str = "tartype";

/// A file that waits to be fetched.
#[derive(Serialize, Deserialize)]
struct Waiting {
    mchid: String,
    until_ms: i64,
    text: String,
}

/// Makes the file of a bill and says where it is.
pub(super) fn find(call: &mut CallContext<'_>, kind: BillKind) -> Result<Reply, Stop> {
    let day = BillDay { kind, date: date(call)? };
    check_parameters(call, kind)?;
    let sub_mchid = sub_mchid(call)?;
    check_time(&day, call.context.now)?;
    let text = match kind {
        BillKind::Trade => bill_file::trade(call, &day, sub_mchid.as_deref())?,
        BillKind::FundFlow => bill_file::fund_flow(call, &day)?,
        BillKind::Sharing => sharing::bill(call, &day, sub_mchid.as_deref())?,
    };
    let text = text.ok_or_else(|| Refusal::new("NO_STATEMENT_EXIST", "账单文件不存在"))?;
    Ok(Reply::json(200, &keep(call, text)?))
}

/// The file behind an address, for the merchant who asked for it, while the address works.
pub(super) fn download(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let token = parameter(call.request, "token").unwrap_or_default();
    let waiting = records::read::<Waiting>(call.documents, &records::bill_key(&token))?
        .filter(|waiting| waiting.mchid == call.merchant.mchid)
        .filter(|waiting| call.context.now.ms() < waiting.until_ms)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "下载链接不存在或已失效"))?;
    let mut body = match parameter(call.request, PACKED) {
        Some(_) => packed(waiting.text.as_bytes())?,
        None => waiting.text.into_bytes(),
    };
    // The hash is all that proves a file.
    if *call.mode == FaultMode::BadSignature {
        body.push(b'\n');
    }
    Ok(Reply::file(body))
}

/// A file, packed.
pub(super) fn packed(text: &[u8]) -> Result<Vec<u8>, DocumentFault> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packing.write_all(text).and_then(|()| packing.finish());
    packed.map_err(|fault| DocumentFault(fault.to_string()))
}

/// The hash is that of the file before it is packed.
fn keep(call: &mut CallContext<'_>, text: String) -> Result<BillAnswer, DocumentFault> {
    let token = call.context.nonce.clone();
    let host = own_url(call.request).unwrap_or_else(|| REAL_HOST.to_owned());
    let packing = match parameter(call.request, TAR_TYPE) {
        Some(_) => format!("&{PACKED}=gzip"),
        None => String::new(),
    };
    let answer = BillAnswer {
        hash_type: SHA1.to_owned(),
        hash_value: crypto::hash::sha1_hex(text.as_bytes()),
        download_url: format!("{host}/v3/billdownload/file?token={token}{packing}"),
    };
    let waiting = Waiting {
        mchid: call.merchant.mchid.clone(),
        until_ms: call.context.now.plus_seconds(URL_SECONDS).ms(),
        text,
    };
    records::write(call.documents, &records::bill_key(&token), &waiting)?;
    Ok(answer)
}

fn date(call: &CallContext<'_>) -> Result<Date, Refusal> {
    let text = parameter(call.request, "bill_date")
        .ok_or_else(|| Refusal::field("bill_date", "缺少必填参数"))?;
    let wrong = || Refusal::field("bill_date", "格式应为yyyy-MM-dd");
    let date = Date::strptime("%Y-%m-%d", &text).map_err(|_| wrong())?;
    // Days and months of one digit are another format.
    if date.to_string() == text { Ok(date) } else { Err(wrong()) }
}

/// Bills of all trades, of the basic account: the sandbox makes no others.
fn check_parameters(call: &CallContext<'_>, kind: BillKind) -> Result<(), Refusal> {
    let only = match kind {
        BillKind::Trade => Some(("bill_type", "ALL")),
        BillKind::FundFlow => Some(("account_type", "BASIC")),
        BillKind::Sharing => None,
    };
    if let Some((name, wanted)) = only
        && parameter(call.request, name).is_some_and(|value| value != wanted)
    {
        return Err(Refusal::field(name, &format!("沙箱只提供{wanted}")));
    }
    match parameter(call.request, TAR_TYPE).is_none_or(|packing| packing == GZIP) {
        true => Ok(()),
        false => Err(Refusal::field(TAR_TYPE, "只能是GZIP")),
    }
}

/// The merchant whose trades a service provider asks for.
fn sub_mchid(call: &CallContext<'_>) -> Result<Option<String>, Refusal> {
    let asked = parameter(call.request, "sub_mchid");
    let knows = |merchant: &Merchant, sub: &str| merchant.sub_merchant(sub).is_some();
    match asked.as_deref().is_none_or(|sub| knows(call.merchant, sub)) {
        true => Ok(asked),
        false => Err(Refusal::new("NO_AUTH", "特约商户未授权该服务商")),
    }
}

pub(super) fn check_time(day: &BillDay, now: Timestamp) -> Result<(), Refusal> {
    if now < day.ends_at() {
        return Err(Refusal::field("bill_date", "只能查询今日之前的账单"));
    }
    if now < day.ends_at().plus_seconds(MADE_SECONDS) {
        return Err(Refusal::new("STATEMENT_CREATING", "账单生成中，请稍后再试"));
    }
    let three_months: Span = 3.months();
    let last = day.date.checked_add(three_months).unwrap_or(Date::MAX);
    match today(now) <= last {
        true => Ok(()),
        false => Err(Refusal::field("bill_date", "只能查询三个月内的账单")),
    }
}

fn today(now: Timestamp) -> Date {
    let now = jiff::Timestamp::from_second(now.seconds()).unwrap_or(jiff::Timestamp::MAX);
    now.to_zoned(TimeZone::fixed(offset(8))).date()
}

/// A time as bills write it, in Beijing.
pub(super) fn time(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(TimeZone::fixed(offset(8))).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
