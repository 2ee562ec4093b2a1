//! Wire to commands about payees, shares and returns; rows to wire. Pure.

use super::wire::{
    self, CreatePayee, MakeReturn, MakeShare, PayeeShown, ReturnFlow, ReturnShown, ShareFlow,
    ShareShown, payee_id, read_payee_id,
};
use crate::faults::{ErrCode, Fault};
use crate::members::Share as ShareMember;
use crate::{map::unwritable, time};
use channel::ReceiverKind;
use crypto::{SealFault, Secret};
use engine::{Secrets, payee_context};
use kernel::{
    ItemOutcome, ItemPlace, ItemTerms, MakeShareReturn, MerchantId, NaturalKey, Order, Payee,
    PayeeAccount, PayeeKind, ReturnOutcome, ReturnTerms, Share, ShareAmount, ShareReturn,
    ShareReturnState, ShareState, TenantId,
};
use ledger::{Fen, Id, kinds};
use serde::Serialize;
use std::sync::Arc;

/// The channel of the account types that begin with `WX_`.
const WECHAT: &str = "wxpay";

/// The command that creates a payee. What is known already stays sealed as it is, so that a repeat has
/// the same content.
pub(super) fn create_payee(
    tenant: &TenantId,
    request: &CreatePayee<'_>,
    stored: Option<&Payee>,
    secrets: &Secrets,
) -> Result<kernel::CreatePayee, SealFault> {
    let key = NaturalKey::new(wire::PAYEES, request.number);
    let seal = |field, text: &str, stored| {
        let context = payee_context(tenant, &key, field);
        secrets.seal_again(&context, &Secret::new(text.to_owned()), stored)
    };
    let known = stored.and_then(|row| row.account.as_ref());
    let account = request.account.map(|(kind, number)| {
        let number = seal("account", number, known.map(|account| &account.number))?;
        Ok(PayeeAccount { channel: Arc::from(WECHAT), kind, number })
    });
    let known_name = stored.and_then(|row| row.name.as_ref());
    let name = request.name.map(|name| seal("name", name, known_name));
    Ok(kernel::CreatePayee {
        tenant: tenant.clone(),
        namespace: key.namespace.clone(),
        number: key.number.clone(),
        kind: request.kind,
        merchant: request.merchant.map(MerchantId::new),
        name: name.transpose()?,
        account: account.transpose()?,
        role: request.role.map(str::to_owned),
    })
}

/// A payee.
pub(super) fn payee(row: &Payee) -> PayeeShown<'_> {
    PayeeShown {
        payee_id: payee_id(row.id),
        out_payee_id: &row.number,
        payee_type: match row.kind {
            PayeeKind::Merchant => "MERCHANT",
            PayeeKind::Person => "PERSON",
        },
        channel_sub_merchant_id: row.merchant.as_ref().map(MerchantId::as_str),
        account_type: match row.account.as_ref().map(|account| account.kind) {
            Some(ReceiverKind::Merchant) => "WX_MCH_ID",
            Some(ReceiverKind::Person) => "WX_OPENID",
            Some(ReceiverKind::SubPerson) => "WX_SUB_OPENID",
            None => "ACCOUNT_BOOK_ID",
        },
        role_code: row.role.as_deref(),
        bind_state: if row.unbound_at.is_some() { "UNBOUND" } else { "APPROVED" },
    }
}

/// The payee that a member names.
fn named(text: &str) -> Result<Id<kinds::Payee>, Fault> {
    let text_of = || format!("PayeeId: no such payee: {text}");
    read_payee_id(text).ok_or_else(|| Fault::new(ErrCode::PayeeNotExist, text_of()))
}

#[derive(Serialize)]
struct ShareContent<'a> {
    shares: &'a [ShareMember<'a>],
    releases_rest: bool,
    notify_url: Option<&'a str>,
}

/// The command that makes a share of an order.
pub(super) fn make_share(
    order: &Order,
    request: &MakeShare<'_>,
) -> Result<kernel::MakeShare, Fault> {
    let MakeShare { shares, releases_rest, notify_url, .. } = request;
    let (releases_rest, notify_url) = (*releases_rest, *notify_url);
    let content = ShareContent { shares, releases_rest, notify_url };
    Ok(kernel::MakeShare {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        namespace: Arc::from(wire::SHARES),
        number: request.number.to_owned(),
        dialect: Arc::from(crate::NAME),
        notify_url: notify_url.map(str::to_owned),
        content: crate::content::digest_of(&content).map_err(unwritable)?,
        items: shares.iter().map(item).collect::<Result<_, Fault>>()?,
        releases_rest,
    })
}

/// What a member of a list asks for.
pub(crate) fn item(share: &ShareMember<'_>) -> Result<ItemTerms, Fault> {
    let amount = match share.amount() {
        Some(amount) => ShareAmount::Fixed(Fen::new(amount)),
        None => ShareAmount::Ratio(share.ratio()),
    };
    let (payee, merchant) = (named(share.payee())?, share.merchant().map(MerchantId::new));
    Ok(ItemTerms { payee, merchant, amount })
}

#[derive(Serialize)]
struct ReturnContent<'a> {
    items: &'a [wire::ReturnItem<'a>],
    remark: Option<&'a str>,
    notify_url: Option<&'a str>,
}

/// The command that makes the return of a share.
pub(super) fn make_return(
    share: &Share,
    request: &MakeReturn<'_>,
) -> Result<MakeShareReturn, Fault> {
    let MakeReturn { items, remark, notify_url, .. } = request;
    let (remark, notify_url) = (*remark, *notify_url);
    let content = ReturnContent { items, remark, notify_url };
    let accounts = share.items.iter().filter_map(|item| match &item.place {
        ItemPlace::Book(account) => Some(account.clone()),
        ItemPlace::Channel(_) => None,
    });
    Ok(MakeShareReturn {
        tenant: share.tenant.clone(),
        share: share.id,
        order: share.order,
        earlier: share.returns.clone(),
        accounts: accounts.collect(),
        namespace: Arc::from(wire::RETURNS),
        number: request.number.to_owned(),
        dialect: Arc::from(crate::NAME),
        notify_url: notify_url.map(str::to_owned),
        remark: remark.map(str::to_owned),
        content: crate::content::digest_of(&content).map_err(unwritable)?,
        items: return_terms(items)?,
    })
}

/// Who is to give how much back.
pub(crate) fn return_terms(items: &[wire::ReturnItem<'_>]) -> Result<Vec<ReturnTerms>, Fault> {
    let terms = |item: &wire::ReturnItem<'_>| {
        let (payee, merchant) = (named(item.payee_id)?, item.merchant.map(MerchantId::new));
        Ok(ReturnTerms { payee, merchant, amount: item.fen() })
    };
    items.iter().map(terms).collect()
}

/// A share, in the words of this API.
pub(crate) fn share(row: &Share) -> ShareShown<'_> {
    let (finish_time, fail_reason) = match &row.state {
        ShareState::Ended { at, refused } => (Some(time::write(*at)), refused.as_deref()),
        ShareState::Waiting
        | ShareState::Requesting { .. }
        | ShareState::Processing
        | ShareState::Releasing => (None, None),
    };
    ShareShown {
        out_profit_order_id: &row.number,
        out_order_id: &row.order_no,
        profit_order_id: &row.channel_share_no,
        profit_status: share_status(row),
        fail_reason,
        finish_time,
        profit_flow_list: row.items.iter().enumerate().map(|(at, it)| flow(row, at, it)).collect(),
    }
}

fn share_status(row: &Share) -> &'static str {
    let is_done = |item: &kernel::ShareItem| matches!(item.outcome, ItemOutcome::Done { .. });
    match &row.state {
        ShareState::Waiting => "INIT",
        ShareState::Requesting { .. } | ShareState::Processing | ShareState::Releasing => {
            "PROCESSING"
        }
        ShareState::Ended { .. } if row.is_done_in_full() => "SUCCESS",
        ShareState::Ended { .. } if row.items.iter().any(is_done) => "PART_SUCCESS",
        ShareState::Ended { .. } => "FAILED",
    }
}

fn flow<'o>(row: &'o Share, at: usize, item: &'o kernel::ShareItem) -> ShareFlow<'o> {
    let (finish_time, fail_reason) = match &item.outcome {
        ItemOutcome::Open { .. } => (None, None),
        ItemOutcome::Done { at, .. } => (Some(time::write(*at)), None),
        ItemOutcome::Failed { reason } => (None, Some(&**reason)),
    };
    let profit_status = item_status(row, item);
    ShareFlow {
        profit_id: format!("{}{at:02}", row.id),
        payee_id: payee_id(item.payee),
        channel_sub_merchant_id: item.merchant.as_ref().map(MerchantId::as_str),
        profit_amount: item.amount.get(),
        profit_status,
        finish_time,
        fail_reason,
    }
}

/// What became of an item.
pub(crate) fn item_status(row: &Share, item: &kernel::ShareItem) -> &'static str {
    match &item.outcome {
        ItemOutcome::Open { .. } if row.state == ShareState::Waiting => "INIT",
        ItemOutcome::Open { .. } => "PROCESSING",
        ItemOutcome::Done { .. } => "SUCCESS",
        ItemOutcome::Failed { .. } => "FAILED",
    }
}

/// The return of a share, in the words of this API.
pub(crate) fn share_return<'o>(row: &'o ShareReturn) -> ReturnShown<'o> {
    let items = row.items.iter().enumerate();
    ReturnShown {
        out_profit_order_id: &row.share_no,
        out_order_id: &row.order_no,
        profit_order_id: &row.channel_share_no,
        out_profit_refund_id: &row.number,
        profit_status: return_status(row),
        profit_flow_list: items.map(|(at, item)| return_flow(row, at, item)).collect(),
    }
}

fn return_status(row: &ShareReturn) -> &'static str {
    let is_done = |item: &kernel::ReturnItem| matches!(item.outcome, ReturnOutcome::Done { .. });
    let done = row.items.iter().filter(|item| is_done(item)).count();
    match row.state {
        ShareReturnState::Running { .. } => "PROCESSING",
        ShareReturnState::Ended { .. } if done == row.items.len() => "SUCCESS",
        ShareReturnState::Ended { .. } if done == 0 => "FAILED",
        ShareReturnState::Ended { .. } => "PART_SUCCESS",
    }
}

fn return_flow<'o>(
    row: &'o ShareReturn,
    at: usize,
    item: &'o kernel::ReturnItem,
) -> ReturnFlow<'o> {
    let (profit_status, finish_time, fail_reason) = match &item.outcome {
        ReturnOutcome::Open => ("PROCESSING", None, None),
        ReturnOutcome::Done { at, .. } => ("SUCCESS", Some(time::write(*at)), None),
        ReturnOutcome::Failed { reason } => ("FAILED", None, Some(&**reason)),
    };
    ReturnFlow {
        profit_id: format!("{}{at:02}", row.id),
        payee_id: payee_id(item.payee),
        profit_refund_amount: item.amount.get(),
        profit_status,
        channel_sub_merchant_id: item.merchant.as_ref().map(MerchantId::as_str),
        finish_time,
        fail_reason,
    }
}
