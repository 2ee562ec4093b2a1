//! Bills: where their files are, and what stands in them.
//!
//! - `table`: a file's lines under its header, and its summary.
//! - `yuan`: amounts.
//! - `trade`, `funds`, `shared`: the rows of each kind.

mod funds;
pub(crate) mod shared;
mod table;
#[cfg(test)]
mod tests;
mod trade;
pub(crate) mod yuan;

use crate::codes;
use crate::settings::{Account, Partner};
use crate::wire::{self, BillAnswer};
use channel::{
    Bill, BillDay, BillFile, BillKind, BillRow, EncodeFault, FileHash, Finding, Response,
};
use table::Table;

/// The only hash that the channel names.
pub(crate) const SHA1: &str = "SHA1";

/// Why a file is not a bill of this account.
#[derive(Debug, PartialEq, Eq)]
enum BillFault {
    /// It cannot be read.
    Unreadable(String),
    /// It is another merchant's.
    NotOurs(String),
}

impl BillFault {
    fn finding(self) -> Finding {
        match self {
            BillFault::Unreadable(why) => Finding::Unknown { why: format!("bill: {why}") },
            BillFault::NotOurs(why) => Finding::Mismatch { why: format!("bill: {why}") },
        }
    }
}

impl From<String> for BillFault {
    fn from(why: String) -> BillFault {
        BillFault::Unreadable(why)
    }
}

/// The bills of an account. A sub-merchant's fund bill comes encrypted, by another call.
pub(crate) fn kinds(account: &Account) -> &'static [BillKind] {
    match account.partner {
        None => &[BillKind::Trade, BillKind::FundFlow, BillKind::Sharing],
        Some(_) => &[BillKind::Trade, BillKind::Sharing],
    }
}

/// Path and query of the request for a bill's file.
pub(crate) fn target(account: &Account, day: &BillDay) -> Result<String, EncodeFault> {
    let BillDay { kind, date } = day;
    if !kinds(account).contains(kind) {
        let why = format!("{} is not offered to a sub-merchant", kind.name());
        return Err(EncodeFault::unsupported("bill", why));
    }
    Ok(match (kind, &account.partner) {
        (BillKind::Trade, None) => format!("/v3/bill/tradebill?bill_date={date}&bill_type=ALL"),
        (BillKind::Trade, Some(partner)) => format!(
            "/v3/bill/tradebill?bill_date={date}&sub_mchid={}&bill_type=ALL",
            wire::percent_encoded(&partner.sub_mchid)
        ),
        (BillKind::Sharing, None) => format!("/v3/profitsharing/bills?bill_date={date}"),
        (BillKind::Sharing, Some(partner)) => format!(
            "/v3/profitsharing/bills?bill_date={date}&sub_mchid={}",
            wire::percent_encoded(&partner.sub_mchid)
        ),
        (BillKind::FundFlow, _) => {
            format!("/v3/bill/fundflowbill?bill_date={date}&account_type=BASIC")
        }
    })
}

/// Where the file of a bill is, from a verified answer.
pub(crate) fn found(day: BillDay, body: &[u8]) -> Finding {
    let read: BillAnswer = match wire::read(body) {
        Ok(read) => read,
        Err(why) => return Finding::Unknown { why },
    };
    if read.hash_type != SHA1 {
        return Finding::Unknown {
            why: format!("hash_type: {} found, SHA1 wanted", read.hash_type),
        };
    }
    let hash = FileHash::Sha1(read.hash_value.to_ascii_lowercase());
    Finding::BillFile(BillFile { day, url: read.download_url, hash })
}

/// The bill in a file. The answer that carries it is not signed: the hash of the signed answer before
/// proves it.
pub(crate) fn fetched(account: &Account, file: &BillFile, response: &Response) -> Finding {
    let FileHash::Sha1(wanted) = &file.hash else {
        return codes::unknown(response, "a file without a hash".to_owned());
    };
    let hash = crypto::hash::sha1_hex(&response.body);
    if response.status != 200 || hash != *wanted {
        return codes::unknown(response, format!("SHA-1 {hash} found, {wanted} wanted"));
    }
    match rows(account, file.day.kind, &response.body) {
        Ok(bill) => Finding::Bill(bill),
        Err(fault) => fault.finding(),
    }
}

/// The rows of a trade bill, which both interfaces write alike.
fn trade_rows(
    mchid: &str,
    partner: Option<&Partner>,
    text: &str,
) -> Result<Vec<BillRow>, BillFault> {
    trade::rows(mchid, partner, &Table::read(text, trade::SUMMARY)?)
}

/// What a trade bill says that came without a hash.
pub(crate) fn trade(mchid: &str, partner: Option<&Partner>, text: &str) -> Finding {
    match trade_rows(mchid, partner, text) {
        Ok(rows) if rows.is_empty() => Finding::Bill(Bill::Empty),
        Ok(rows) => Finding::Bill(Bill::Rows(rows)),
        Err(fault) => fault.finding(),
    }
}

fn rows(account: &Account, kind: BillKind, body: &[u8]) -> Result<Bill, BillFault> {
    let text = std::str::from_utf8(body).map_err(|_| "UTF-8 wanted".to_owned())?;
    let rows = match kind {
        BillKind::Trade => trade_rows(&account.mchid, account.partner.as_ref(), text)?,
        BillKind::FundFlow => funds::rows(&Table::read(text, funds::SUMMARY)?)?,
        BillKind::Sharing => shared::rows(account, &table::lines(text)?)?,
    };
    // A file with a summary of nothing says what NO_STATEMENT_EXIST says.
    Ok(if rows.is_empty() { Bill::Empty } else { Bill::Rows(rows) })
}
