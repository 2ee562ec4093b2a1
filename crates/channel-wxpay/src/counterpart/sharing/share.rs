//! Shares, the release of the rest, and what can still be shared.
//!
//! Money moves when a share is taken; for a moment after that it is answered as PROCESSING.

use super::funds::Frozen;
use super::records::{self as documents, Item, Sharing, add};
use super::{Named, answer, callback, funds, guard, sharing_merchant};
use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, Entry, Order, Paid};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::parameter;
use crate::counterpart::rules::{convert, parse, sharing as rules};
use crate::counterpart::{CallContext, identifiers};
use crate::sharing::wire::{ShareRequest, UnfreezeRequest, UnsharedAnswer};
use crate::wire;
use channel::{FailedItems, FaultMode};

/// The merchant does not know the receiver any more.
const NO_RELATION: &str = "NO_RELATION";

pub(super) fn create(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = parse(call.request)?;
    rules::check_share(&body)?;
    let asked: ShareRequest = convert(body)?;
    let payee = sharing_merchant(call, guard::named(&asked))?;
    let fingerprint = fingerprint(&asked);
    let key = documents::share_key(&call.merchant.mchid, &asked.out_order_no);
    match records::read::<Sharing>(call.documents, &key)? {
        Some(known) if known.fingerprint == fingerprint => Ok(shown(call, &known)),
        Some(_) => Err(changed().into()),
        None => accept(call, &key, &payee, asked, fingerprint),
    }
}

pub(super) fn query(call: &mut CallContext<'_>, out_order_no: &str) -> Result<Reply, Stop> {
    let transaction_id = parameter(call.request, "transaction_id")
        .ok_or_else(|| Refusal::field("transaction_id", "缺少必填参数"))?;
    let sub_mchid = parameter(call.request, "sub_mchid");
    let key = documents::share_key(&call.merchant.mchid, out_order_no);
    let known = records::read::<Sharing>(call.documents, &key)?
        .filter(|known| known.transaction_id == transaction_id && known.sub_mchid == sub_mchid)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "分账单不存在"))?;
    Ok(shown(call, &known))
}

/// Under a number that was used before nothing is released, and the answer says success.
pub(super) fn unfreeze(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let body = parse(call.request)?;
    rules::check_unfreeze(&body)?;
    let asked: UnfreezeRequest = convert(body)?;
    let named = Named { sub_mchid: asked.sub_mchid.as_ref(), appid: None, sub_appid: None };
    let payee = sharing_merchant(call, named)?;
    let key = documents::share_key(&call.merchant.mchid, &asked.out_order_no);
    if let Some(known) = records::read::<Sharing>(call.documents, &key)? {
        return Ok(shown(call, &known));
    }
    let order = guard::order_of(call, &asked.transaction_id, &payee)?;
    let (order, paid, frozen) = funds::current(call, order)?;
    guard::check_order(call, &paid, &frozen)?;
    let (frozen, released) = frozen.released();
    let sharing = Sharing {
        sub_mchid: asked.sub_mchid,
        transaction_id: asked.transaction_id,
        out_order_no: asked.out_order_no,
        order_id: identifiers::share_id(call.context),
        fingerprint: String::new(),
        items: vec![],
        released,
        payee,
        created_ms: call.context.now.ms(),
        return_count: 0,
    };
    keep(call, &key, &sharing, (order, &paid, frozen))?;
    Ok(shown(call, &sharing))
}

pub(super) fn amounts(call: &mut CallContext<'_>, transaction_id: &str) -> Result<Reply, Stop> {
    let order = records::follow(call.documents, &records::transaction_key(transaction_id))?
        .filter(|order| order.mchid() == call.merchant.mchid)
        .ok_or_else(|| Refusal::new("RESOURCE_NOT_EXISTS", "订单不存在"))?;
    let (_, _, frozen) = funds::current(call, order)?;
    let lie = i64::from(*call.mode == FaultMode::WrongAmount);
    let unsplit_amount = frozen.left.saturating_add(lie);
    let transaction_id = transaction_id.to_owned();
    Ok(Reply::json(200, &UnsharedAnswer { transaction_id, unsplit_amount }))
}

fn shown(call: &CallContext<'_>, sharing: &Sharing) -> Reply {
    Reply::json(200, &answer::share(sharing, call.mode, call.context.now))
}

fn changed() -> Refusal {
    Refusal::new("INVALID_REQUEST", "分账接收方与原请求不一致，请检查后再试")
}

/// What must be equal for a repeat to be one. Names are sealed anew each time.
fn fingerprint(asked: &ShareRequest) -> String {
    let mut asked = asked.clone();
    for receiver in &mut asked.receivers {
        receiver.name = None;
    }
    crypto::hash::sha256_hex(&wire::json(&asked))
}

fn accept(
    call: &mut CallContext<'_>,
    key: &str,
    payee: &str,
    asked: ShareRequest,
    fingerprint: String,
) -> Result<Reply, Stop> {
    let order = guard::order_of(call, &asked.transaction_id, payee)?;
    let (order, paid, frozen) = funds::current(call, order)?;
    guard::check_order(call, &paid, &frozen)?;
    guard::check_share(call, payee, &frozen, &asked)?;
    let items = items(call, payee, &asked)?;
    let moved = items.iter().filter(|item| item.fail_reason.is_none()).map(|item| item.amount);
    let moved: i64 = moved.sum();
    let now = call.context.now;
    let frozen = Frozen {
        left: frozen.left - moved,
        shared: frozen.shared + moved,
        share_count: frozen.share_count + 1,
        busy_until_ms: documents::ends_at(now).ms(),
        ..frozen
    };
    let (frozen, released) = if asked.unfreeze_unsplit { frozen.released() } else { (frozen, 0) };
    let sharing = Sharing {
        sub_mchid: asked.sub_mchid,
        transaction_id: asked.transaction_id,
        out_order_no: asked.out_order_no,
        order_id: identifiers::share_id(call.context),
        fingerprint,
        items,
        released,
        payee: payee.to_owned(),
        created_ms: now.ms(),
        return_count: 0,
    };
    keep(call, key, &sharing, (order, &paid, frozen))?;
    let callbacks = callback::of_share(call, &sharing)?;
    Ok(shown(call, &sharing).with_callbacks(callbacks))
}

fn items(call: &CallContext<'_>, payee: &str, asked: &ShareRequest) -> Result<Vec<Item>, Stop> {
    let mut items = Vec::with_capacity(asked.receivers.len());
    for receiver in &asked.receivers {
        let is_bound = guard::bound(call, payee, asked, receiver)?.is_some_and(|it| it.is_bound);
        let fail_reason = match is_bound {
            true => injected(call.mode, items.is_empty()),
            false => Some(NO_RELATION.to_owned()),
        };
        items.push(Item {
            kind: receiver.kind.clone(),
            account: receiver.account.clone(),
            amount: receiver.amount,
            description: receiver.description.clone(),
            fail_reason,
            returned: 0,
        });
    }
    Ok(items)
}

/// Why an item fails by an injected fault.
fn injected(mode: &FaultMode, is_first: bool) -> Option<String> {
    match mode {
        FaultMode::Share { failed: FailedItems::All, reason } => Some(reason.clone()),
        FaultMode::Share { failed: FailedItems::First, reason } if is_first => Some(reason.clone()),
        _ => None,
    }
}

/// Writes a share and moves its money.
fn keep(
    call: &mut CallContext<'_>,
    key: &str,
    sharing: &Sharing,
    (order, paid, frozen): (Order, &Paid, Frozen),
) -> Result<(), Stop> {
    for item in sharing.items.iter().filter(|item| item.fail_reason.is_none()) {
        add(call.documents, &item.account, item.amount)?;
    }
    add(call.documents, &sharing.payee, sharing.released)?;
    funds::keep(call, order, paid, frozen)?;
    let pointer = documents::share_pointer(&call.merchant.mchid, &sharing.order_id);
    call.documents.put(&pointer, key)?;
    records::write(call.documents, key, sharing)?;
    let entry = Entry::Shared { at_ms: sharing.ends_at().ms(), share_key: key.to_owned() };
    records::journal(call.documents, &call.merchant.mchid, &sharing.order_id, &entry)?;
    Ok(())
}
