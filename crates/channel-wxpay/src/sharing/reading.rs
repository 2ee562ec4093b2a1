//! Answers about sharing to findings: first whose message it is, then what it says.

use crate::reading::equal;
use crate::settings::Account;
use crate::sharing::wire::{
    self as messages, ReceiverAnswer, ReturnAnswer, ShareAnswer, SharedReceiver, UnsharedAnswer,
};
use crate::sharing::{kind, sharing_merchant, word};
use crate::wire;
use channel::{
    Finding, PlacedShareReturn, Receiver, ReceiverKind, Share, ShareReturn, ShareReturned,
    ShareStatus, Shared, SharedItem, SharedPayment,
};
use ledger::{Fen, Timestamp};
use serde::Deserialize;

/// What is wrong with an answer.
enum Fault {
    /// It cannot be read.
    Unreadable(String),
    /// It is about something else.
    Other(String),
}

/// The answer to binding or unbinding a receiver.
pub(crate) fn receiver(account: &Account, asked: &Receiver, body: &[u8]) -> Finding {
    finding(read_receiver(account, asked, body))
}

/// The answer to a share.
pub(crate) fn share(account: &Account, asked: &Share, body: &[u8]) -> Finding {
    let wanted = (&*asked.channel_share_no, &asked.payment);
    finding(read_share(account, wanted, body).and_then(|shared| {
        same_items(asked, &shared).map_err(Fault::Other)?;
        Ok(Finding::Share(shared))
    }))
}

/// The answer to a share's query, or to an unfreeze.
pub(crate) fn queried_share(
    account: &Account,
    channel_share_no: &str,
    payment: &SharedPayment,
    body: &[u8],
) -> Finding {
    finding(read_share(account, (channel_share_no, payment), body).map(Finding::Share))
}

/// The answer to the query of what can still be shared.
pub(crate) fn unshared(asked: &SharedPayment, body: &[u8]) -> Finding {
    finding(read_unshared(asked, body))
}

/// The answer to a return.
pub(crate) fn returned(account: &Account, asked: &ShareReturn, body: &[u8]) -> Finding {
    let wanted = (&*asked.channel_return_no, &*asked.channel_share_no);
    finding(read_return(account, wanted, body).and_then(|returned| {
        same_account("return_mchid", &returned.account, &asked.receiver.account)
            .and_then(|()| same_amount("amount", returned.amount, asked.amount))
            .map_err(Fault::Other)?;
        Ok(Finding::ShareReturn(returned))
    }))
}

/// The answer to a return's query.
pub(crate) fn queried_return(account: &Account, asked: &PlacedShareReturn, body: &[u8]) -> Finding {
    let wanted = (&*asked.channel_return_no, &*asked.channel_share_no);
    finding(read_return(account, wanted, body).map(Finding::ShareReturn))
}

fn finding(read: Result<Finding, Fault>) -> Finding {
    match read {
        Ok(finding) => finding,
        Err(Fault::Unreadable(why)) => Finding::Unknown { why },
        Err(Fault::Other(why)) => Finding::Mismatch { why },
    }
}

fn read<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, Fault> {
    wire::read(body).map_err(Fault::Unreadable)
}

fn read_receiver(account: &Account, asked: &Receiver, body: &[u8]) -> Result<Finding, Fault> {
    let read: ReceiverAnswer = read(body)?;
    is_ours(account, read.sub_mchid.as_deref())
        .and_then(|()| equal("type", Some(&read.kind), word(asked.kind)))
        .and_then(|()| same_account("account", &read.account, &asked.account))
        .map_err(Fault::Other)?;
    Ok(Finding::Receiver)
}

fn read_share(
    account: &Account,
    (channel_share_no, payment): (&str, &SharedPayment),
    body: &[u8],
) -> Result<Shared, Fault> {
    let read: ShareAnswer = read(body)?;
    is_ours(account, read.sub_mchid.as_deref())
        .and_then(|()| equal("out_order_no", Some(&read.out_order_no), channel_share_no))
        .and_then(|()| {
            equal("transaction_id", Some(&read.transaction_id), &payment.payment_reference)
        })
        .map_err(Fault::Other)?;
    let is_handled = match &*read.state {
        messages::PROCESSING => false,
        messages::FINISHED => true,
        other => return Err(Fault::Unreadable(format!("state {other}"))),
    };
    let own = sharing_merchant(account);
    let is_rest =
        |item: &&SharedReceiver| item.kind == messages::MERCHANT_ID && item.account == own;
    let items = read.receivers.iter().filter(|item| !is_rest(item)).map(item);
    let items = items.collect::<Result<Vec<SharedItem>, Fault>>()?;
    let is_open = items.iter().any(|item| item.status == ShareStatus::Processing);
    Ok(Shared {
        channel_share_no: read.out_order_no,
        payment_reference: read.transaction_id,
        share_reference: read.order_id,
        is_finished: is_handled && !is_open,
        items,
    })
}

fn item(read: &SharedReceiver) -> Result<SharedItem, Fault> {
    let kind = kind(&read.kind)
        .ok_or_else(|| Fault::Unreadable(format!("receiver type {}", read.kind)))?;
    let status = match &*read.result {
        messages::PENDING => ShareStatus::Processing,
        messages::SUCCESS => ShareStatus::Done,
        messages::CLOSED => ShareStatus::Failed,
        other => return Err(Fault::Unreadable(format!("result {other}"))),
    };
    Ok(SharedItem {
        kind,
        account: read.account.clone(),
        amount: Fen::new(read.amount),
        status,
        fail_reason: fail_reason(status, read.fail_reason.as_ref()),
        detail_reference: read.detail_id.clone(),
        at: ended_at(status, read.finish_time.as_deref()),
    })
}

/// The channel answers with the items that were asked for, in any order.
fn same_items(asked: &Share, found: &Shared) -> Result<(), String> {
    let key = |kind: ReceiverKind, account: &str, amount: Fen| (kind, account.to_owned(), amount);
    let mut wanted: Vec<_> = asked
        .items
        .iter()
        .map(|item| key(item.receiver.kind, &item.receiver.account, item.amount))
        .collect();
    let mut items: Vec<_> =
        found.items.iter().map(|item| key(item.kind, &item.account, item.amount)).collect();
    wanted.sort();
    items.sort();
    match items == wanted {
        true => Ok(()),
        false => {
            let amounts = |items: &[(ReceiverKind, String, Fen)]| -> Vec<String> {
                items.iter().map(|(kind, _, amount)| format!("{kind:?} {amount}")).collect()
            };
            let (items, wanted) = (amounts(&items).join(", "), amounts(&wanted).join(", "));
            Err(format!("other receivers: {items} found, {wanted} wanted"))
        }
    }
}

fn read_unshared(asked: &SharedPayment, body: &[u8]) -> Result<Finding, Fault> {
    let read: UnsharedAnswer = read(body)?;
    equal("transaction_id", Some(&read.transaction_id), &asked.payment_reference)
        .map_err(Fault::Other)?;
    let amount = Fen::new(read.unsplit_amount);
    match amount < Fen::ZERO {
        true => Err(Fault::Unreadable(format!("unsplit_amount {amount}"))),
        false => Ok(Finding::Unshared { amount }),
    }
}

fn read_return(
    account: &Account,
    (channel_return_no, channel_share_no): (&str, &str),
    body: &[u8],
) -> Result<ShareReturned, Fault> {
    let read: ReturnAnswer = read(body)?;
    is_ours(account, read.sub_mchid.as_deref())
        .and_then(|()| equal("out_return_no", Some(&read.out_return_no), channel_return_no))
        .and_then(|()| equal("out_order_no", Some(&read.out_order_no), channel_share_no))
        .map_err(Fault::Other)?;
    let status = match &*read.result {
        messages::PROCESSING => ShareStatus::Processing,
        messages::SUCCESS => ShareStatus::Done,
        messages::FAILED => ShareStatus::Failed,
        other => return Err(Fault::Unreadable(format!("result {other}"))),
    };
    Ok(ShareReturned {
        channel_return_no: read.out_return_no,
        channel_share_no: read.out_order_no,
        return_reference: read.return_id,
        account: read.return_mchid,
        amount: Fen::new(read.amount),
        status,
        fail_reason: fail_reason(status, read.fail_reason.as_ref()),
        at: ended_at(status, read.finish_time.as_deref()),
    })
}

/// Whether an answer is about this account's merchant. A merchant of its own is not named.
fn is_ours(account: &Account, sub_mchid: Option<&str>) -> Result<(), String> {
    match (&account.partner, sub_mchid) {
        (Some(partner), Some(found)) => equal("sub_mchid", Some(found), &partner.sub_mchid),
        (None, Some(found)) => Err(format!("sub_mchid: {found} found, nothing wanted")),
        (Some(_) | None, None) => Ok(()),
    }
}

/// Accounts of receivers are sealed in the database, so that no text has them.
fn same_account(name: &str, found: &str, wanted: &str) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{name}: another receiver's found")),
    }
}

fn same_amount(name: &str, found: Fen, wanted: Fen) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("{name}: {found} found, {wanted} wanted")),
    }
}

fn fail_reason(status: ShareStatus, reason: Option<&String>) -> Option<String> {
    reason.filter(|_| status == ShareStatus::Failed).cloned()
}

fn ended_at(status: ShareStatus, finish_time: Option<&str>) -> Option<Timestamp> {
    finish_time.filter(|_| status != ShareStatus::Processing).and_then(wire::read_time)
}
