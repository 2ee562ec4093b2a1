//! Returns: a merchant that got a part of an order gives it back. The answer is final.

use super::records::{self as documents, Item, Returning, Sharing, add, balance};
use super::{Named, answer, callback, sharing_merchant};
use crate::counterpart::answer::Reply;
use crate::counterpart::records::Entry;
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::parameter;
use crate::counterpart::rules::{convert, parse, sharing as rules};
use crate::counterpart::{CallContext, identifiers, records};
use crate::sharing::wire::{MERCHANT_ID, ReturnRequest};
use channel::FaultMode;
use ledger::Timestamp;

/// Returns of one share.
const RETURNS_MAX: u32 = 50;
/// A share can be given back for 180 days.
const RETURNABLE_SECONDS: i64 = 180 * 86_400;
/// The receiver has spent the money.
const BALANCE_NOT_ENOUGH: &str = "BALANCE_NOT_ENOUGH";

pub(super) fn create(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = parse(call.request)?;
    rules::check_return(&body)?;
    let asked: ReturnRequest = convert(body)?;
    let named = Named { sub_mchid: asked.sub_mchid.as_ref(), appid: None, sub_appid: None };
    sharing_merchant(call, named)?;
    let (share_key, sharing) = share_of(call, &asked)?;
    let key = documents::return_key(&call.merchant.mchid, &asked.out_return_no);
    match records::read::<Returning>(call.documents, &key)? {
        Some(known) if is_repeat(&known, &sharing, &asked) => Ok(shown(call, &known)),
        Some(_) => Err(refused("回退请求与原请求不一致，请检查后再试").into()),
        None => accept(call, [&share_key, &key], sharing, asked),
    }
}

pub(super) fn query(call: &mut CallContext<'_>, out_return_no: &str) -> Result<Reply, Stop> {
    let out_order_no = parameter(call.request, "out_order_no")
        .ok_or_else(|| Refusal::field("out_order_no", "缺少必填参数"))?;
    let sub_mchid = parameter(call.request, "sub_mchid");
    let key = documents::return_key(&call.merchant.mchid, out_return_no);
    let known = records::read::<Returning>(call.documents, &key)?
        .filter(|known| known.out_order_no == out_order_no && known.sub_mchid == sub_mchid)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "分账回退单不存在"))?;
    Ok(shown(call, &known))
}

fn shown(call: &CallContext<'_>, returning: &Returning) -> Reply {
    Reply::json(200, &answer::returned(returning, call.mode))
}

/// The share to give back of, with its key.
fn share_of(call: &CallContext<'_>, asked: &ReturnRequest) -> Result<(String, Sharing), Stop> {
    let mchid = &call.merchant.mchid;
    let by_id = |id: &String| call.documents.get(&documents::share_pointer(mchid, id));
    let key = match (&asked.out_order_no, &asked.order_id) {
        (Some(number), _) => Some(documents::share_key(mchid, number)),
        (None, Some(id)) => by_id(id)?,
        (None, None) => None,
    };
    let missing = || Refusal::new("RESOURCE_NOT_EXISTS", "分账单不存在");
    let key = key.ok_or_else(missing)?;
    let sharing = records::read::<Sharing>(call.documents, &key)?
        .filter(|sharing| sharing.sub_mchid == asked.sub_mchid)
        .ok_or_else(missing)?;
    Ok((key, sharing))
}

fn is_repeat(known: &Returning, sharing: &Sharing, asked: &ReturnRequest) -> bool {
    let Returning { out_order_no, return_mchid, amount, description, .. } = known;
    (out_order_no, return_mchid) == (&sharing.out_order_no, &asked.return_mchid)
        && (amount, description) == (&asked.amount, &asked.description)
}

fn accept(
    call: &mut CallContext<'_>,
    [share_key, key]: [&str; 2],
    mut sharing: Sharing,
    asked: ReturnRequest,
) -> Result<Reply, Stop> {
    check_share(call, &sharing)?;
    let item = giver(&mut sharing.items, &asked)?;
    let fail_reason = fail_reason(call, &asked)?;
    if fail_reason.is_none() {
        item.returned += asked.amount;
        sharing.return_count += 1;
        add(call.documents, &asked.return_mchid, -asked.amount)?;
        // It becomes the merchant's own money: it cannot be shared again.
        add(call.documents, &sharing.payee, asked.amount)?;
        records::write(call.documents, share_key, &sharing)?;
    }
    let returning = Returning {
        sub_mchid: asked.sub_mchid,
        order_id: sharing.order_id.clone(),
        transaction_id: sharing.transaction_id.clone(),
        out_order_no: sharing.out_order_no.clone(),
        out_return_no: asked.out_return_no,
        return_id: identifiers::share_return_id(call.context),
        return_mchid: asked.return_mchid,
        amount: asked.amount,
        description: asked.description,
        fail_reason,
        at_ms: call.context.now.ms(),
    };
    records::write(call.documents, key, &returning)?;
    let entry = Entry::Returned { at_ms: returning.at_ms, return_key: key.to_owned() };
    records::journal(call.documents, &call.merchant.mchid, &returning.return_id, &entry)?;
    let is_back = returning.fail_reason.is_none();
    let callback = if is_back { callback::of_return(call, &sharing, &returning)? } else { None };
    Ok(shown(call, &returning).with_callbacks(callback))
}

fn check_share(call: &CallContext<'_>, sharing: &Sharing) -> Result<(), Refusal> {
    let now = call.context.now;
    if now < sharing.ends_at() {
        return Err(refused("分账单处理中，请稍后重试"));
    }
    if now > Timestamp::from_ms(sharing.created_ms).plus_seconds(RETURNABLE_SECONDS) {
        return Err(refused("分账单已超过可回退的最大期限"));
    }
    match sharing.return_count >= RETURNS_MAX {
        true => Err(refused("分账单回退次数已达上限")),
        false => Ok(()),
    }
}

/// The item of the merchant who gives back.
fn giver<'a>(items: &'a mut [Item], asked: &ReturnRequest) -> Result<&'a mut Item, Refusal> {
    let item = items
        .iter_mut()
        .filter(|item| item.kind == MERCHANT_ID && item.fail_reason.is_none())
        .find(|item| item.account == asked.return_mchid)
        .ok_or_else(|| refused("回退方不是该分账单分账成功的商户"))?;
    match asked.amount <= item.amount - item.returned {
        true => Ok(item),
        false => Err(refused("回退金额超过可回退金额")),
    }
}

/// Why the money does not come back, if it does not.
fn fail_reason(call: &CallContext<'_>, asked: &ReturnRequest) -> Result<Option<String>, Stop> {
    if let FaultMode::Share { reason, .. } = call.mode {
        return Ok(Some(reason.clone()));
    }
    let has = balance(call.documents, &asked.return_mchid)?;
    Ok((has < asked.amount).then(|| BALANCE_NOT_ENOUGH.to_owned()))
}

fn refused(message: &str) -> Refusal {
    Refusal::new("INVALID_REQUEST", message)
}
