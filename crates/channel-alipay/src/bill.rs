//! Bills (对账单): where the file of a day is, and what stands in it.
//!
//! - `archive`: the text in a ZIP of GBK files, within bounds.
//! - `table`: lines under their header.
//! - `trade`: the rows of 业务明细.

mod archive;
mod table;
#[cfg(test)]
mod tests;
pub(crate) mod trade;

use crate::settings::Account;
use crate::wire::{self, BillAnswer, BillRequest, Head};
use channel::{
    Bill, BillDay, BillFile, BillKind, CallableUrl, EncodeFault, FileHash, Finding, Method,
    Request, Response,
};
use ledger::Timestamp;

/// The bills of an account. 资金账单 (`signcustomer`) is not read: its rows are of another kind.
pub(crate) const KINDS: &[BillKind] = &[BillKind::Trade];
/// `bill_type` of 业务账单.
pub(crate) const TRADE: &str = "trade";
/// A bill is there by ten in the morning of the next day.
const MADE_SECONDS: i64 = 10 * 3_600;
/// Sub codes of a day without a bill, with or without a layer before them.
const NO_BILL: [&str; 2] = ["NO_BILL_DATA", "BILL_NOT_EXIST"];

/// Why a file is not a bill of this account.
#[derive(Debug, PartialEq, Eq)]
enum BillFault {
    /// It cannot be read.
    Unreadable(String),
    /// It is another seller's.
    NotOurs(String),
}

impl From<String> for BillFault {
    fn from(why: String) -> BillFault {
        BillFault::Unreadable(why)
    }
}

/// `biz_content` of the request for a bill's file.
pub(crate) fn request(day: &BillDay) -> Result<BillRequest, EncodeFault> {
    match day.kind {
        BillKind::Trade => {
            Ok(BillRequest { bill_type: TRADE.to_owned(), bill_date: day.date.to_string() })
        }
        BillKind::FundFlow | BillKind::Sharing => {
            Err(EncodeFault::unsupported("bill", format!("{} is not offered", day.kind.name())))
        }
    }
}

/// The request for a file. Its address is all that it needs.
pub(crate) fn file_request(file: &BillFile) -> Request {
    Request { method: Method::Get, url: file.url.clone(), headers: vec![], body: vec![] }
}

/// Where the file of a bill is, from a verified answer. The file itself is not signed and has no hash: it
/// is the channel's because it comes from this address, so it is not fetched without TLS where calls have it.
pub(crate) fn found(account: &Account, day: BillDay, content: &str) -> Finding {
    let unknown = |why: String| Finding::Unknown { why: format!("bill_download_url: {why}") };
    let read: BillAnswer = match wire::read(content) {
        Ok(read) => read,
        Err(why) => return unknown(why),
    };
    if let Err(why) = CallableUrl::read(&read.bill_download_url) {
        return unknown(why.to_string());
    }
    let is_plain = |url: &str| !url.to_ascii_lowercase().starts_with("https://");
    if is_plain(&read.bill_download_url) && !is_plain(&account.gateway_url) {
        return unknown("https wanted".to_owned());
    }
    let hash = FileHash::Unstated;
    Finding::BillFile(BillFile { day, url: read.bill_download_url, hash })
}

/// What a refusal says about a bill, if it says that there is none. The channel has one word for a day of
/// which the bill is not made yet and for a day on which nothing happened.
pub(crate) fn none(day: &BillDay, head: &Head, now: Timestamp) -> Option<Finding> {
    let sub_code = head.sub_code.as_deref()?.to_ascii_uppercase();
    NO_BILL.into_iter().find(|known| sub_code.ends_with(known))?;
    let is_made = now >= day.ends_at().plus_seconds(MADE_SECONDS);
    Some(Finding::Bill(if is_made { Bill::Empty } else { Bill::NotYet }))
}

/// The bill in a file.
pub(crate) fn fetched(account: &Account, file: &BillFile, response: &Response) -> Finding {
    if response.status != 200 {
        return Finding::Unknown { why: format!("bill: answer {}", response.status) };
    }
    match rows(account, &file.day, &response.body) {
        Ok(bill) => Finding::Bill(bill),
        Err(BillFault::Unreadable(why)) => Finding::Unknown { why: format!("bill: {why}") },
        Err(BillFault::NotOurs(why)) => Finding::Mismatch { why: format!("bill: {why}") },
    }
}

fn rows(account: &Account, day: &BillDay, body: &[u8]) -> Result<Bill, BillFault> {
    let text = archive::detail(body)?;
    let rows = trade::rows(account, day, table::Table::read(&text)?)?;
    // A file without rows says what no file says.
    Ok(if rows.is_empty() { Bill::Empty } else { Bill::Rows(rows) })
}
