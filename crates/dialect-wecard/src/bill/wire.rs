//! Requests and results about bills, member by member.

use crate::account::wire::merchant;
use crate::check::{Malformed, Read, required};
use crate::json::Object;
use crate::time;
use kernel::MerchantId;
use ledger::{Fen, Timestamp};
use serde::Serialize;

/// Rows of a page at most, and where the caller does not say.
const PAGE_SIZE_MAX: u32 = 1000;
/// Pages are counted up to here, so that no offset is out of range.
const PAGE_NO_MAX: i64 = 1_000_000;
/// Hours from the beginning of a day to when its bill is ready: 10:00 of the next day.
const READY_AFTER_HOURS: i64 = 34;
const HOUR_SECONDS: i64 = 3600;

/// What a bill lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BillType {
    /// The orders that were paid.
    Trade,
    /// What went back to payers.
    Refund,
    /// Shares and their returns, given and got.
    Profit,
    /// Movements of wallets, which are not listed: the bill is empty.
    Wallet,
}

impl BillType {
    /// Every type.
    const ALL: [BillType; 4] =
        [BillType::Trade, BillType::Refund, BillType::Profit, BillType::Wallet];

    /// The word on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            BillType::Trade => "TRADE",
            BillType::Refund => "REFUND",
            BillType::Profit => "PROFIT",
            BillType::Wallet => "WALLET",
        }
    }

    /// Reads the word of a type.
    pub(crate) fn from_name(name: &str) -> Option<BillType> {
        BillType::ALL.into_iter().find(|it| it.name() == name)
    }

    fn read(body: &Object<'_>) -> Read<BillType> {
        let word = body.word("BillType", &BillType::ALL.map(BillType::name))?;
        Ok(word.and_then(BillType::from_name).unwrap_or(BillType::Trade))
    }
}

/// Which bill: of a merchant's day in Shanghai.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BillName {
    pub(crate) merchant: MerchantId,
    /// `YYYY-MM-DD`.
    pub(crate) date: String,
    /// When the day begins.
    pub(crate) from: Timestamp,
    pub(crate) bill_type: BillType,
    /// Only payments through this channel, by the word of this API.
    pub(crate) pay_channel: Option<String>,
}

impl BillName {
    pub(crate) fn read(body: &Object<'_>) -> Read<BillName> {
        let merchant = MerchantId::new(merchant(body)?);
        let date = body.required_text("BillDate", 10..=10)?;
        let from = time::read(&format!("{date} 00:00:00"));
        Ok(BillName {
            merchant,
            date: date.to_owned(),
            from: from
                .ok_or_else(|| Malformed::new("BillDate", "want a real day as YYYY-MM-DD"))?,
            pay_channel: body.text("PayChannel", 1..=30)?.map(str::to_owned),
            bill_type: BillType::read(body)?,
        })
    }

    /// When the day ends.
    pub(crate) const fn to(&self) -> Timestamp {
        self.from.plus_seconds(24 * HOUR_SECONDS)
    }

    /// From when on the bill is made. Nothing is booked to the day after it has ended.
    pub(crate) const fn ready_at(&self) -> Timestamp {
        self.from.plus_seconds(READY_AFTER_HOURS * HOUR_SECONDS)
    }
}

/// `POST /cloudpay/v1/bill/out/query_page`, checked.
pub(crate) struct QueryPage {
    pub(crate) bill: BillName,
    /// From 1.
    pub(crate) page_no: u32,
    pub(crate) page_size: u32,
}

impl QueryPage {
    pub(crate) fn read(body: &Object<'_>) -> Read<QueryPage> {
        let bill = BillName::read(body)?;
        let page_no = body.integer("PageNo", 1..=PAGE_NO_MAX)?.unwrap_or(1);
        let largest = i64::from(PAGE_SIZE_MAX);
        let page_size = body.integer("PageSize", 1..=largest)?.unwrap_or(largest);
        let count = |name, number: i64| required(name, u32::try_from(number).ok());
        Ok(QueryPage {
            bill,
            page_no: count("PageNo", page_no)?,
            page_size: count("PageSize", page_size)?,
        })
    }

    /// How many rows come before the page.
    pub(crate) const fn offset(&self) -> u32 {
        (self.page_no - 1).saturating_mul(self.page_size)
    }
}

/// `Result` of `query_page`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    pub(crate) page_no: u32,
    pub(crate) page_size: u32,
    /// How many rows all pages have.
    pub(crate) count: u64,
    pub(crate) data_list: Vec<Line>,
}

/// `Result` of `download_url`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Link {
    pub(crate) download_url: String,
    pub(crate) hash_type: &'static str,
    pub(crate) hash_value: String,
}

/// A row of a bill. `CheckStatus` is not in it: a day is compared with the channel's bill when an operator
/// wants it, which is after the bill was fetched, and a bill that is ready does not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Line {
    pub(crate) bill_date: String,
    pub(crate) channel: String,
    pub(crate) merchant_id: String,
    pub(crate) out_trade_no: String,
    pub(crate) trade_no: String,
    pub(crate) end_trade_no: String,
    pub(crate) payment_type: &'static str,
    pub(crate) business_type: &'static str,
    pub(crate) trade_time: String,
    pub(crate) finish_time: String,
    pub(crate) trade_status: &'static str,
    /// In yuan.
    pub(crate) order_amount: String,
    pub(crate) description: String,
    /// The same amount, to add up.
    #[serde(skip)]
    pub(crate) amount: Fen,
}

/// The first line of a bill's file.
pub(crate) const CSV_HEADER: &str = "BillDate,Channel,MerchantId,OutTradeNo,TradeNo,EndTradeNo,\
    PaymentType,BusinessType,TradeTime,FinishTime,TradeStatus,OrderAmount,Description\r\n";

impl Line {
    /// The line of a bill's file, in the order of [`CSV_HEADER`].
    pub(crate) fn csv(&self) -> String {
        let cells = [
            &*self.bill_date,
            &self.channel,
            &self.merchant_id,
            &self.out_trade_no,
            &self.trade_no,
            &self.end_trade_no,
            self.payment_type,
            self.business_type,
            &self.trade_time,
            &self.finish_time,
            self.trade_status,
            &self.order_amount,
            &self.description,
        ];
        cells.map(cell).join(",") + "\r\n"
    }
}

/// The last line of a bill's file: how many rows, and their sum in yuan.
pub(crate) fn csv_total(count: u32, sum: Fen) -> String {
    format!("TOTAL,{count},{}\r\n", yuan(sum))
}

/// A cell in quotes (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe before it:
/// callers choose some of the texts.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// An amount in yuan: the members of a bill have it so.
pub(crate) fn yuan(amount: Fen) -> String {
    let sign = if amount.get() < 0 { "-" } else { "" };
    let fen = amount.get().unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_in_yuan_from_whole_fen() {
        for (fen, want) in [(0, "0.00"), (1, "0.01"), (1000, "10.00"), (-105, "-1.05")] {
            assert_eq!(yuan(Fen::new(fen)), want);
        }
    }

    #[test]
    fn cells_are_quoted_and_no_formula_begins_one() {
        for (text, want) in [
            ("茶", "\"茶\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("=1+1", "\"'=1+1\""),
            ("@x", "\"'@x\""),
        ] {
            assert_eq!(cell(text), want);
        }
    }

    #[test]
    fn a_bill_is_of_a_shanghai_day_and_ready_at_ten_on_the_next() {
        let body = br#"{"ChannelSubMerchantId":"CM1","BillDate":"2026-11-18"}"#;
        let body = crate::json::read_object(body).expect("JSON");
        let bill = BillName::read(&body).expect("a bill");
        assert_eq!(time::write(bill.from), "2026-11-18 00:00:00");
        assert_eq!(time::write(bill.to()), "2026-11-19 00:00:00");
        assert_eq!(time::write(bill.ready_at()), "2026-11-19 10:00:00");
        assert_eq!(bill.bill_type, BillType::Trade);
    }
}
