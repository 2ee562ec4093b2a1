//! What a share must fulfil.

use super::funds::Frozen;
use super::receivers::{app, check_name, no_relation};
use super::records::{self as documents, Bound};
use super::switch;
use crate::counterpart::records::{self, Order, Paid};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, sharing::Named};
use crate::sharing::wire::{MERCHANT_ID, ShareReceiver, ShareRequest};
use ledger::Timestamp;
use std::collections::BTreeSet;

/// A payment can be shared from this age on.
const MIN_AGE_SECONDS: i64 = 60;
/// Shares of one order.
const SHARES_MAX: u32 = 50;

/// The apps and the sub-merchant of a share.
pub(super) fn named(asked: &ShareRequest) -> Named<'_> {
    Named {
        sub_mchid: asked.sub_mchid.as_ref(),
        appid: Some(&asked.appid),
        sub_appid: asked.sub_appid.as_ref(),
    }
}

/// The order of a transaction, if it is the asking merchant's.
pub(super) fn order_of(
    call: &CallContext<'_>,
    transaction_id: &str,
    payee: &str,
) -> Result<Order, Stop> {
    let order = records::follow(call.documents, &records::transaction_key(transaction_id))?
        .filter(|order| order.mchid() == call.merchant.mchid)
        .filter(|order| order.payee() == payee);
    Ok(order.ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "订单不存在"))?)
}

/// Whether an order's frozen money can be moved now.
pub(super) fn check_order(
    call: &CallContext<'_>,
    paid: &Paid,
    frozen: &Frozen,
) -> Result<(), Refusal> {
    let now = call.context.now;
    if now < Timestamp::from_ms(paid.at_ms).plus_seconds(MIN_AGE_SECONDS) {
        return Err(Refusal::new("INVALID_REQUEST", "订单处理中，请稍后重试"));
    }
    if frozen.is_released {
        return Err(Refusal::new("INVALID_REQUEST", "订单已完结分账"));
    }
    match now.ms() < frozen.busy_until_ms {
        true => Err(Refusal::new("FREQUENCY_LIMITED", "同一订单的分账请求过于频繁，请稍后重试")),
        false => Ok(()),
    }
}

/// Whether a share's receivers can get their amounts out of this money.
pub(super) fn check_share(
    call: &mut CallContext<'_>,
    payee: &str,
    frozen: &Frozen,
    asked: &ShareRequest,
) -> Result<(), Stop> {
    if frozen.share_count >= SHARES_MAX {
        return Err(Refusal::new("INVALID_REQUEST", "订单分账次数已达上限").into());
    }
    check_unique(payee, &asked.receivers)?;
    for receiver in &asked.receivers {
        check_receiver(call, payee, asked, receiver)?;
    }
    let sum: i128 = asked.receivers.iter().map(|receiver| i128::from(receiver.amount)).sum();
    if sum > i128::from(frozen.left) {
        return Err(Refusal::new("NOT_ENOUGH", "分账金额不足").into());
    }
    let ratio = switch::max_ratio_of(call.documents, payee)?;
    let all = (sum + i128::from(frozen.shared)) * i128::from(switch::WHOLE);
    match all > i128::from(frozen.net) * i128::from(ratio) {
        true => Err(Refusal::new("RULE_LIMIT", "分账金额超出最大分账比例").into()),
        false => Ok(()),
    }
}

fn check_unique(payee: &str, receivers: &[ShareReceiver]) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    if receivers.iter().any(|receiver| !seen.insert((&receiver.kind, &receiver.account))) {
        return Err(Refusal::new("INVALID_REQUEST", "分账接收方重复"));
    }
    match receivers.iter().any(|receiver| receiver.kind == MERCHANT_ID && receiver.account == payee)
    {
        true => Err(Refusal::new("INVALID_REQUEST", "分账方不能作为分账接收方")),
        false => Ok(()),
    }
}

/// Who was never bound is refused; who is bound no longer makes the item fail.
fn check_receiver(
    call: &mut CallContext<'_>,
    payee: &str,
    asked: &ShareRequest,
    receiver: &ShareReceiver,
) -> Result<(), Stop> {
    let app = app(&receiver.kind, &asked.appid, asked.sub_appid.as_deref()).to_owned();
    if bound(call, payee, asked, receiver)?.is_none() {
        return Err(no_relation().into());
    }
    check_name(call, &app, &receiver.account, receiver.name.as_deref())
}

/// The relation to a receiver, if there ever was one.
pub(super) fn bound(
    call: &CallContext<'_>,
    payee: &str,
    asked: &ShareRequest,
    receiver: &ShareReceiver,
) -> Result<Option<Bound>, Stop> {
    let app = app(&receiver.kind, &asked.appid, asked.sub_appid.as_deref());
    let key = documents::receiver_key(payee, app, &receiver.kind, &receiver.account);
    Ok(records::read(call.documents, &key)?)
}
