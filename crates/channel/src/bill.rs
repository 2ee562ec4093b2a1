//! Bills: a channel's own list of what happened to money on one day.
//!
//! A bill is fetched in two steps: [`crate::Instruction::FindBill`] asks for the file's address, and
//! [`crate::Instruction::FetchBill`] fetches the file and reads it. A channel without a first step
//! answers it with the bill itself.

use crate::finding::RefundStatus;
use crate::share::ShareStatus;
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use ledger::{Currency, Fen, Timestamp};

/// What a bill lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BillKind {
    /// 交易账单: payments and refunds.
    Trade,
    /// 资金账单: everything that changed the balance of the account at the channel.
    FundFlow,
    /// 分账账单: shares of payments, and their returns.
    Sharing,
}

impl BillKind {
    /// Every kind, for listings and tests.
    pub const ALL: [BillKind; 3] = [BillKind::Trade, BillKind::FundFlow, BillKind::Sharing];

    /// The word in commands and documents.
    pub const fn name(self) -> &'static str {
        match self {
            BillKind::Trade => "trade",
            BillKind::FundFlow => "fund_flow",
            BillKind::Sharing => "sharing",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<BillKind> {
        BillKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which bill: its kind and its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BillDay {
    /// What it lists.
    pub kind: BillKind,
    /// The day, in Asia/Shanghai.
    pub date: Date,
}

impl BillDay {
    /// The first instant of the day.
    pub fn starts_at(&self) -> Timestamp {
        midnight(self.date)
    }

    /// The first instant of the next day.
    pub fn ends_at(&self) -> Timestamp {
        midnight(self.date.tomorrow().unwrap_or(Date::MAX))
    }

    /// Whether an instant lies in the day.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.starts_at() <= at && at < self.ends_at()
    }
}

/// Midnight in Asia/Shanghai, which has had one offset since 1991.
fn midnight(date: Date) -> Timestamp {
    let zoned = date.to_zoned(TimeZone::fixed(offset(8)));
    // Only the last days of the year 9999 have no instant.
    zoned.map_or(Timestamp::from_ms(i64::MAX), |at| {
        Timestamp::from_ms(at.timestamp().as_millisecond())
    })
}

/// Where a bill's file is, and how its content is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillFile {
    /// Which bill.
    pub day: BillDay,
    /// The file's address; it works for minutes.
    pub url: String,
    /// The hash of the file's content.
    pub hash: FileHash,
}

/// A file's hash, from a verified answer, where it states one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileHash {
    /// SHA-1, 40 lower-case hex digits.
    Sha1(String),
    /// None is stated: what proves the file is that it comes from the address of a verified answer.
    Unstated,
}

/// What became of the request for a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bill {
    /// The bill, in the order of the file.
    Rows(Vec<BillRow>),
    /// Nothing happened that day, so the channel made no bill.
    Empty,
    /// The channel has not made the bill yet.
    NotYet,
}

/// A line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BillRow {
    /// Money that came.
    Payment(PaymentRow),
    /// Money on its way back to a payer.
    Refund(RefundRow),
    /// A change of the balance at the channel.
    Funds(FundsRow),
    /// An item of a share, or the return of one.
    Shared(SharedRow),
}

/// A payment in a bill. It is paid: bills list no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    /// Our number of the order.
    pub channel_order_no: String,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// The order's amount.
    pub amount: Fen,
    /// What of it is settled to the account: all but the coupons that the merchant itself bears.
    pub settled_amount: Fen,
    /// Its currency.
    pub currency: Currency,
    /// What the channel keeps for it.
    pub fee: Fen,
    /// When it was paid.
    pub at: Timestamp,
}

/// A refund in a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundRow {
    /// Our number of the refund.
    pub channel_refund_no: String,
    /// The channel's number of the refund.
    pub refund_reference: String,
    /// Our number of the order.
    pub channel_order_no: String,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// How much goes back.
    pub amount: Fen,
    /// What of it is taken from the account: all but the merchant's own coupons.
    pub settled_amount: Fen,
    /// What the channel keeps for it; below zero when it gives fees back.
    pub fee: Fen,
    /// Where it stood when the bill was made.
    pub status: RefundStatus,
    /// The time of the row.
    pub at: Timestamp,
}

/// A change of the balance in a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundsRow {
    /// The channel's number of the change.
    pub funds_reference: String,
    /// The channel's number of the payment or refund behind it.
    pub business_reference: String,
    /// Our number of the order or refund behind it, as far as the channel writes one.
    pub channel_no: Option<String>,
    /// What it was for, in the channel's words.
    pub purpose: String,
    /// Whether the balance grew.
    pub direction: FundsDirection,
    /// By how much, above zero.
    pub amount: Fen,
    /// The balance afterwards.
    pub balance: Fen,
    /// When.
    pub at: Timestamp,
}

/// An item of a share, or a return, in a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedRow {
    /// Which of the two it is.
    pub direction: SharedDirection,
    /// Our number of the share or of the return.
    pub channel_no: String,
    /// The channel's number of the item, or of the return.
    pub reference: String,
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// How much.
    pub amount: Fen,
    /// Where it stood when the bill was made.
    pub status: ShareStatus,
    /// When it ended, or the time of the row.
    pub at: Timestamp,
}

/// Which way shared money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SharedDirection {
    /// 分账: to a receiver.
    Given,
    /// 分账回退: back to the sharing merchant.
    Returned,
}

/// Which way the balance changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FundsDirection {
    /// 收入: it grew.
    In,
    /// 支出: it shrank.
    Out,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_lasts_from_midnight_to_midnight_in_shanghai() {
        let date = "2026-11-18".parse().expect("a date");
        let day = BillDay { kind: BillKind::Trade, date };
        // 2026-11-17 16:00 UTC.
        assert_eq!(day.starts_at(), Timestamp::from_seconds(1_794_931_200));
        assert_eq!(day.ends_at(), day.starts_at().plus_seconds(86_400));
        for (at, inside) in [(day.starts_at(), true), (day.ends_at(), false)] {
            assert_eq!(day.contains(at), inside);
            assert_eq!(day.contains(at.plus_ms(-1)), !inside);
        }
    }

    #[test]
    fn the_last_day_has_an_end() {
        let day = BillDay { kind: BillKind::Trade, date: Date::MAX };
        assert!(day.starts_at() <= day.ends_at());
    }
}
