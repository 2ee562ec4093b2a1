//! How an order's money is divided: the JSON of the column `splits`.

use super::super::cells::Value;
use super::super::stored::{parse, word};
use kernel::{AllocatePeriod, AllocationTerms, ItemTerms, MerchantId, ShareAmount, Splits};
use ledger::{Fen, Id};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The cell; nearly every order is not divided.
pub(super) fn cell(splits: &Splits) -> Value<'_> {
    match splits {
        splits if *splits == Splits::default() => Value::Null,
        splits => {
            let body = SplitsBody::of(splits);
            Value::owned(serde_json::to_string(&body).expect("texts and numbers are always JSON"))
        }
    }
}

/// Reads the cell.
pub(super) fn read(text: &str) -> Result<Splits, String> {
    parse::<SplitsBody<'_>>(text)?.read()
}

#[derive(Serialize, Deserialize)]
struct SplitsBody<'a> {
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    allocations: Vec<AllocationBody<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareBody<'a>>,
    #[serde(default)]
    is_shared: bool,
}

#[derive(Serialize, Deserialize)]
struct AllocationBody<'a> {
    #[serde(borrow)]
    merchant: Cow<'a, str>,
    amount: i64,
    period: &'a str,
    is_frozen: bool,
}

#[derive(Serialize, Deserialize)]
struct ShareBody<'a> {
    payee: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio: Option<u16>,
}

impl<'a> SplitsBody<'a> {
    fn of(splits: &'a Splits) -> SplitsBody<'a> {
        SplitsBody {
            allocations: splits.allocations.iter().map(AllocationBody::of).collect(),
            shares: splits.shares.iter().map(ShareBody::of).collect(),
            is_shared: splits.is_shared,
        }
    }

    fn read(self) -> Result<Splits, String> {
        Ok(Splits {
            allocations: self
                .allocations
                .into_iter()
                .map(AllocationBody::read)
                .collect::<Result<_, _>>()?,
            shares: self.shares.into_iter().map(ShareBody::read).collect::<Result<_, _>>()?,
            is_shared: self.is_shared,
        })
    }
}

impl<'a> AllocationBody<'a> {
    fn of(terms: &'a AllocationTerms) -> AllocationBody<'a> {
        AllocationBody {
            merchant: Cow::Borrowed(terms.merchant.as_str()),
            amount: terms.amount.get(),
            period: terms.period.name(),
            is_frozen: terms.is_frozen,
        }
    }

    fn read(self) -> Result<AllocationTerms, String> {
        Ok(AllocationTerms {
            merchant: MerchantId::new(&self.merchant),
            amount: Fen::new(self.amount),
            period: word(AllocatePeriod::from_name, self.period, "period")?,
            is_frozen: self.is_frozen,
        })
    }
}

impl<'a> ShareBody<'a> {
    fn of(terms: &'a ItemTerms) -> ShareBody<'a> {
        let (amount, ratio) = match terms.amount {
            ShareAmount::Fixed(amount) => (Some(amount.get()), None),
            ShareAmount::Ratio(ratio) => (None, Some(ratio)),
        };
        let merchant = terms.merchant.as_ref().map(|merchant| Cow::Borrowed(merchant.as_str()));
        ShareBody { payee: terms.payee.value(), merchant, amount, ratio }
    }

    #[expect(clippy::disallowed_methods, reason = "the reading of a payee's id")]
    fn read(self) -> Result<ItemTerms, String> {
        let amount = match (self.amount, self.ratio) {
            (Some(amount), None) => ShareAmount::Fixed(Fen::new(amount)),
            (None, Some(ratio)) => ShareAmount::Ratio(ratio),
            (Some(_), Some(_)) | (None, None) => return Err("amount or ratio wanted".to_owned()),
        };
        let merchant = self.merchant.map(|merchant| MerchantId::new(&merchant));
        Ok(ItemTerms { payee: Id::from_value(self.payee), merchant, amount })
    }
}
