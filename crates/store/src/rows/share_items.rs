//! The items of shares and of their returns: the JSON of the column `items`.

use super::stored::{parse, word};
use channel::ReceiverKind;
use kernel::{ItemOutcome, ItemPlace, MerchantId, ReturnItem, ReturnOutcome, ShareItem};
use ledger::{Account, Fen, Id, Timestamp};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An item. What became of it is `done`, `failed`, or neither.
#[derive(Serialize, Deserialize)]
pub(super) struct ItemBody<'a> {
    payee: i64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    merchant: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receiver: Option<&'a str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    account: Option<Cow<'a, str>>,
    amount: i64,
    #[serde(default, skip_serializing_if = "is_false")]
    is_bound: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    done_at: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reference: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    failed: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    is_by_hand: bool,
    #[serde(default = "first", skip_serializing_if = "is_first")]
    attempt: u32,
}

/// The attempt of an item that had one number.
const fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_first(attempt: &u32) -> bool {
    *attempt == first()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl<'a> ItemBody<'a> {
    fn of_share(item: &'a ShareItem) -> ItemBody<'a> {
        let place = Place { merchant: item.merchant.as_ref(), place: &item.place };
        let body = ItemBody::open(item.payee.value(), place, item.amount);
        match &item.outcome {
            ItemOutcome::Open { is_bound } => ItemBody { is_bound: *is_bound, ..body },
            ItemOutcome::Done { at, reference, is_by_hand } => {
                body.done(*at, reference.as_deref(), *is_by_hand)
            }
            ItemOutcome::Failed { reason } => {
                ItemBody { failed: Some(Cow::Borrowed(reason)), ..body }
            }
        }
    }

    pub(super) fn of_return(item: &'a ReturnItem) -> ItemBody<'a> {
        let place = Place { merchant: item.merchant.as_ref(), place: &item.place };
        let body = ItemBody::open(item.payee.value(), place, item.amount);
        let body = ItemBody { attempt: item.attempt, ..body };
        match &item.outcome {
            ReturnOutcome::Open => body,
            ReturnOutcome::Done { at, reference, is_by_hand } => {
                body.done(*at, reference.as_deref(), *is_by_hand)
            }
            ReturnOutcome::Failed { reason } => {
                ItemBody { failed: Some(Cow::Borrowed(reason)), ..body }
            }
        }
    }

    fn open(payee: i64, place: Place<'a>, amount: Fen) -> ItemBody<'a> {
        let (receiver, account) = match place.place {
            ItemPlace::Channel(kind) => (Some(kind.name()), None),
            ItemPlace::Book(account) => (None, Some(Cow::Owned(account.key()))),
        };
        ItemBody {
            payee,
            merchant: place.merchant.map(|merchant| Cow::Borrowed(merchant.as_str())),
            receiver,
            account,
            amount: amount.get(),
            is_bound: false,
            done_at: None,
            reference: None,
            failed: None,
            is_by_hand: false,
            attempt: first(),
        }
    }

    fn done(self, at: Timestamp, reference: Option<&'a str>, is_by_hand: bool) -> ItemBody<'a> {
        let reference = reference.map(Cow::Borrowed);
        ItemBody { done_at: Some(at.ms()), reference, is_by_hand, ..self }
    }

    pub(super) fn of_shares(items: &'a [ShareItem]) -> Vec<ItemBody<'a>> {
        items.iter().map(ItemBody::of_share).collect()
    }

    pub(super) fn of_returns(items: &'a [ReturnItem]) -> Vec<ItemBody<'a>> {
        items.iter().map(ItemBody::of_return).collect()
    }

    pub(super) fn shares(items: Vec<ItemBody<'_>>) -> Result<Vec<ShareItem>, String> {
        items.into_iter().map(ItemBody::share).collect()
    }

    pub(super) fn returns(items: Vec<ItemBody<'_>>) -> Result<Vec<ReturnItem>, String> {
        items.into_iter().map(ItemBody::returning).collect()
    }

    #[expect(clippy::disallowed_methods, reason = "the reading of a payee's id")]
    fn share(self) -> Result<ShareItem, String> {
        let place = self.place()?;
        let outcome = match (self.done_at, self.reference, self.failed) {
            (None, None, None) => ItemOutcome::Open { is_bound: self.is_bound },
            (Some(at), reference, None) => ItemOutcome::Done {
                at: Timestamp::from_ms(at),
                reference: reference.map(Cow::into_owned),
                is_by_hand: self.is_by_hand,
            },
            (None, None, Some(reason)) => ItemOutcome::Failed { reason: reason.into_owned() },
            (_, _, _) => return Err("an item with two outcomes".to_owned()),
        };
        Ok(ShareItem {
            payee: Id::from_value(self.payee),
            merchant: self.merchant.map(|merchant| MerchantId::new(&merchant)),
            place,
            amount: Fen::new(self.amount),
            outcome,
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the reading of a payee's id")]
    pub(super) fn returning(self) -> Result<ReturnItem, String> {
        let place = self.place()?;
        let outcome = match (self.done_at, self.reference, self.failed) {
            (None, None, None) => ReturnOutcome::Open,
            (Some(at), reference, None) => ReturnOutcome::Done {
                at: Timestamp::from_ms(at),
                reference: reference.map(Cow::into_owned),
                is_by_hand: self.is_by_hand,
            },
            (None, None, Some(reason)) => ReturnOutcome::Failed { reason: reason.into_owned() },
            (_, _, _) => return Err("an item with two outcomes".to_owned()),
        };
        Ok(ReturnItem {
            payee: Id::from_value(self.payee),
            merchant: self.merchant.map(|merchant| MerchantId::new(&merchant)),
            place,
            amount: Fen::new(self.amount),
            attempt: self.attempt,
            outcome,
        })
    }

    fn place(&self) -> Result<ItemPlace, String> {
        match (self.receiver, &self.account) {
            (Some(kind), None) => {
                word(ReceiverKind::from_name, kind, "receiver").map(ItemPlace::Channel)
            }
            (None, Some(key)) => {
                let account = Account::from_key(key);
                account.map(ItemPlace::Book).ok_or_else(|| format!("no account {key:?}"))
            }
            (Some(_), Some(_)) | (None, None) => Err("receiver or account wanted".to_owned()),
        }
    }
}

/// Where an item's money goes, and whose it is.
struct Place<'a> {
    merchant: Option<&'a MerchantId>,
    place: &'a ItemPlace,
}

/// The items of a share, as text.
pub(super) fn share_text(items: &[ShareItem]) -> String {
    serde_json::to_string(&ItemBody::of_shares(items)).expect("texts and numbers are always JSON")
}

/// Reads the items of a share.
pub(super) fn read_share(text: &str) -> Result<Vec<ShareItem>, String> {
    ItemBody::shares(parse(text)?)
}

/// The items of a return, as text.
pub(super) fn return_text(items: &[ReturnItem]) -> String {
    serde_json::to_string(&ItemBody::of_returns(items)).expect("texts and numbers are always JSON")
}

/// Reads the items of a return.
pub(super) fn read_return(text: &str) -> Result<Vec<ReturnItem>, String> {
    ItemBody::returns(parse(text)?)
}
