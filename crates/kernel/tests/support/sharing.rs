//! Steps of scenarios about payees, shares and their returns.

use super::super::{MERCHANT, TestKernel, no_id, order_key, tenant};
use super::number;
use channel::{Finding, ReceiverKind, ShareReturned, ShareStatus, Shared, SharedItem};
use kernel::{
    Command, CreatePayee, DecideShare, DecideShareReturn, HandEnd, ItemPlace, ItemTerms, Key,
    MakeShare, MakeShareReturn, MerchantId, NaturalKey, PayeeAccount, PayeeCommand, PayeeKind,
    ReturnTerms, Sealed, Share, ShareAmount, ShareCommand, ShareReturnCommand,
};
use ledger::{Fen, Id, kinds};
use std::sync::Arc;

const PAYEES: &str = "wecard.payee";

/// A share's or return's state, with the outcomes of its items.
pub(super) fn row(noun: &str, state: &str, items: &[&str], rest: &str) -> String {
    format!("{noun} {state} [{}]{rest}", items.join(" "))
}

pub(super) fn payee(no: &str, at: &str) -> Command {
    let (at, role) = at.split_once('@').map_or((at, None), |(at, role)| (at, Some(role)));
    let account = |channel: &str, kind| {
        let number = Sealed::new("sealed");
        Some(PayeeAccount { channel: Arc::from(channel), kind, number })
    };
    let (kind, merchant, account) = match at {
        "wx" => (PayeeKind::Merchant, None, account("wxpay", ReceiverKind::Merchant)),
        "alipay" => (PayeeKind::Merchant, None, account("alipay", ReceiverKind::Merchant)),
        "person" => (PayeeKind::Person, None, account("wxpay", ReceiverKind::Person)),
        "merchant" => (PayeeKind::Merchant, Some("CM2"), None),
        at if at.starts_with("CM") => (PayeeKind::Merchant, Some(at), None),
        "nobody" => (PayeeKind::Merchant, None, None),
        _ => (PayeeKind::Person, None, None),
    };
    PayeeCommand::Create(Box::new(CreatePayee {
        tenant: tenant(),
        namespace: Arc::from(PAYEES),
        number: no.to_owned(),
        kind,
        merchant: merchant.map(MerchantId::new),
        name: None,
        account,
        role: role.map(str::to_owned),
    }))
    .into()
}

pub(super) fn unbind(no: &str) -> Command {
    let payee = Key::Number(NaturalKey::new(PAYEES, no));
    PayeeCommand::Unbind { tenant: tenant(), payee }.into()
}

pub(super) fn id_of(kernel: &TestKernel, payee: &str) -> Id<kinds::Payee> {
    kernel.payee(payee).map_or_else(no_id, |row| row.id)
}

/// What payees are to get: `p1=300`, `p1=30%`; in the list of an order `p1:300`.
pub(super) fn terms(kernel: &TestKernel, items: &[&str]) -> Vec<ItemTerms> {
    let items = items.iter().filter_map(|item| item.split_once(['=', ':']));
    let terms = items.map(|(payee, amount)| {
        let amount = match amount.strip_suffix('%') {
            Some(percent) => ShareAmount::Ratio(u16::try_from(number(percent) * 100).expect("%")),
            None => ShareAmount::Fixed(Fen::new(number(amount))),
        };
        ItemTerms { payee: id_of(kernel, payee), merchant: None, amount }
    });
    terms.collect()
}

pub(super) fn share(kernel: &TestKernel, no: &str, order: &str, items: &[&str]) -> Command {
    let order = kernel.stored.orders.find(&tenant(), &order_key(order)).expect("an order");
    ShareCommand::Make(Box::new(MakeShare {
        tenant: tenant(),
        order: order.terms.id,
        merchant: MerchantId::new(MERCHANT),
        namespace: Arc::from("wecard.profit"),
        number: no.to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: Some("https://business.com/profit".to_owned()),
        content: items.join(" "),
        items: terms(kernel, items),
        releases_rest: items.contains(&"rest"),
    }))
    .into()
}

pub(super) fn returning(kernel: &TestKernel, no: &str, share: &str, items: &[&str]) -> Command {
    let key = Key::Number(NaturalKey::new("wecard.profit", share));
    let share = kernel.stored.shares.find(&tenant(), &key).expect("a share");
    let accounts = share.items.iter().filter_map(|item| match &item.place {
        ItemPlace::Book(account) => Some(account.clone()),
        ItemPlace::Channel(_) => None,
    });
    let terms = items.iter().filter_map(|item| item.split_once('=')).map(|(payee, amount)| {
        let (payee, amount) = (id_of(kernel, payee), Fen::new(number(amount)));
        ReturnTerms { payee, merchant: None, amount }
    });
    ShareReturnCommand::Make(Box::new(MakeShareReturn {
        tenant: tenant(),
        share: share.id,
        order: share.order,
        earlier: share.returns.clone(),
        accounts: accounts.collect(),
        namespace: Arc::from("wecard.profit_refund"),
        number: no.to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: None,
        remark: None,
        content: items.join(" "),
        items: terms.collect(),
    }))
    .into()
}

/// An operator has the channel asked again to unbind a payee.
pub(super) fn retry(kernel: &TestKernel, payee: &str) -> Command {
    PayeeCommand::RetryUnbinding { tenant: tenant(), payee: id_of(kernel, payee) }.into()
}

/// An operator has looked into why the channel does not unbind a payee.
pub(super) fn dismiss(kernel: &TestKernel, payee: &str) -> Command {
    let (payee, note) = (id_of(kernel, payee), "checked".to_owned());
    PayeeCommand::Dismiss { tenant: tenant(), payee, note }.into()
}

/// What an operator decides about the newest share, or the newest return of one.
pub(super) fn operator(kernel: &TestKernel, row: &str, end: HandEnd) -> Command {
    let tenant = tenant();
    match row {
        "share" => {
            let share = kernel.share(row).expect("a share");
            DecideShare { tenant, share: share.id, order: share.order, end }.into()
        }
        _ => {
            let row = kernel.share_return(row).expect("a return");
            let (share_return, order) = (row.id, row.order);
            DecideShareReturn { tenant, share_return, order, end }.into()
        }
    }
}

/// The end of items by hand: done for the payees that are named, and whether the rest is released.
pub(super) fn by_hand(kernel: &TestKernel, words: &[&str]) -> HandEnd {
    let (note, outside_reference) = ("checked".to_owned(), "B-1".to_owned());
    let payees = words.iter().filter(|word| **word != "rest");
    let mut done: Vec<_> = payees.map(|payee| id_of(kernel, payee)).collect();
    done.sort();
    HandEnd::ByHand { done, is_released: words.contains(&"rest"), note, outside_reference }
}

/// The newest share, or the newest return of one, is requested under a new number.
pub(super) fn renew(kernel: &TestKernel, row: &str) -> Command {
    let tenant = tenant();
    match row {
        "share" => {
            let share = kernel.share(row).expect("a share");
            let (share, order) = (share.id, share.order);
            ShareCommand::RetryUnderNewNumber { tenant, share, order }.into()
        }
        _ => {
            let row = kernel.share_return(row).expect("a return");
            let (share_return, order) = (row.id, row.order);
            ShareReturnCommand::RetryUnderNewNumber { tenant, share_return, order }.into()
        }
    }
}

pub(super) fn retry_share(kernel: &TestKernel, no: &str) -> Command {
    let Share { id, order, .. } = kernel.share(no).expect("a share");
    ShareCommand::RetryNow { tenant: tenant(), share: *id, order: *order }.into()
}

pub(super) fn retry_return(kernel: &TestKernel, no: &str) -> Command {
    let row = kernel.share_return(no).expect("a return");
    let (tenant, share_return, order) = (tenant(), row.id, row.order);
    ShareReturnCommand::RetryNow { tenant, share_return, order }.into()
}

/// True of a word that says what a payee gives back for a refund.
pub(super) fn is_return(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name != "notify")
}

/// What payees give back for a refund, where a word says so.
pub(super) fn returns(kernel: &TestKernel, words: &[&str]) -> Option<Vec<ReturnTerms>> {
    let named = words.iter().filter(|word| is_return(word)).filter_map(|it| it.split_once('='));
    let terms = named.map(|(payee, fen)| {
        let (payee, amount) = (id_of(kernel, payee), Fen::new(number(fen)));
        ReturnTerms { payee, merchant: None, amount }
    });
    Some(terms.collect::<Vec<_>>()).filter(|terms| !terms.is_empty())
}

fn status(word: &str) -> ShareStatus {
    ShareStatus::from_name(word).unwrap_or_else(|| panic!("no such status: {word}"))
}

/// What the channel says of a share: the items that are named, with their statuses, and other amounts
/// behind a slash; `*` are those of the share that are not named.
pub(super) fn shared(kernel: &TestKernel, share: &str, words: &[&str]) -> Finding {
    let share = kernel.share(share).expect("a share");
    let named: Vec<(Id<kinds::Payee>, &str)> = words
        .iter()
        .filter_map(|item| item.split_once('='))
        .filter(|(payee, _)| *payee != "*")
        .map(|(payee, word)| (id_of(kernel, payee), word))
        .collect();
    let others = words.iter().find_map(|item| item.strip_prefix("*="));
    let is_named = |payee| named.iter().any(|(named, _)| *named == payee);
    let others = share.items.iter().filter_map(|item| Some((item.payee, others?)));
    let others: Vec<_> = others.filter(|(payee, _)| !is_named(*payee)).collect();
    let items = [named.as_slice(), &others].concat();
    let items: Vec<SharedItem> =
        items.into_iter().map(|(payee, word)| shared_item(share, payee, word)).collect();
    let is_finished = items.iter().all(|item| item.status != ShareStatus::Processing);
    Finding::Share(Shared {
        channel_share_no: match words {
            ["first", ..] => share.channel_share_no.clone(),
            _ => share.current_channel_share_no(),
        },
        payment_reference: "tx1".to_owned(),
        share_reference: "sh1".to_owned(),
        is_finished,
        items,
    })
}

fn shared_item(share: &Share, payee: Id<kinds::Payee>, word: &str) -> SharedItem {
    let own = share.items.iter().find(|item| item.payee == payee);
    let kind = own.and_then(|item| match item.place {
        ItemPlace::Channel(kind) => Some(kind),
        ItemPlace::Book(_) => None,
    });
    let agreed = own.map_or(Fen::ZERO, |item| item.amount);
    let (word, amount) = match word.split_once('/') {
        Some((word, fen)) => (word, Fen::new(number(fen))),
        None => (word, agreed),
    };
    let status = status(word);
    SharedItem {
        kind: kind.unwrap_or(ReceiverKind::Merchant),
        account: payee.to_string(),
        amount,
        status,
        fail_reason: (status == ShareStatus::Failed).then(|| "NO_RELATION".to_owned()),
        detail_reference: Some("d1".to_owned()),
        at: None,
    }
}

/// What the channel says of an item of a return; nothing about one that is not there.
pub(super) fn returned(kernel: &TestKernel, row: &str, at: i64, word: &str) -> Finding {
    let row = kernel.share_return(row).expect("a return");
    let Some(item) = row.items.get(usize::try_from(at).expect("a place")) else {
        return Finding::NotFound;
    };
    let (word, amount) = match word.split_once('/') {
        Some((word, fen)) => (word, Fen::new(number(fen))),
        None => (word, item.amount),
    };
    let status = status(word);
    Finding::ShareReturn(ShareReturned {
        channel_return_no: match item.attempt {
            1 => format!("{}I{at:02}", row.channel_return_no),
            attempt => format!("{}I{at:02}R{attempt}", row.channel_return_no),
        },
        channel_share_no: row.channel_share_no.clone(),
        return_reference: "rt1".to_owned(),
        account: item.payee.to_string(),
        amount,
        status,
        fail_reason: (status == ShareStatus::Failed).then(|| "BALANCE_NOT_ENOUGH".to_owned()),
        at: None,
    })
}
