//! Asking for orders, and closing them.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, Order, Stage, State};
use crate::counterpart::refusal::{Location, Refusal, Stop};
use crate::counterpart::route::{Mode, Trade, parameter};
use crate::counterpart::{CallContext, rules};
use crate::wire::{self, CloseRequest, Parties, Transaction};
use channel::{DocumentFault, DocumentStore, FaultMode};
use ledger::Timestamp;
use serde_json::{Value, json};

pub(super) fn query_by_number(
    call: &mut CallContext<'_>,
    mode: Mode,
    number: &str,
) -> Result<Reply, Stop> {
    let parties = asked_parties(call, mode);
    check_parties(call, mode, &parties)?;
    let key = records::order_key(&call.merchant.mchid, number);
    let order = records::read::<Order>(call.documents, &key)?;
    show(call, order, &parties)
}

pub(super) fn query_by_id(
    call: &mut CallContext<'_>,
    mode: Mode,
    transaction_id: &str,
) -> Result<Reply, Stop> {
    let parties = asked_parties(call, mode);
    check_parties(call, mode, &parties)?;
    let order = records::follow(call.documents, &records::transaction_key(transaction_id))?;
    show(call, order, &parties)
}

pub(super) fn close(call: &mut CallContext<'_>, mode: Mode, number: &str) -> Result<Reply, Stop> {
    rules::check_number(number)?;
    let body = rules::parse(call.request)?;
    rules::check_close(&body, mode)?;
    let asked: CloseRequest = rules::convert(body)?;
    check_parties(call, mode, &asked.parties)?;
    end(call, number, &asked.parties)?;
    Ok(Reply::empty())
}

/// What a close found.
#[derive(PartialEq, Eq)]
pub(super) enum Close {
    /// It closes the order.
    New,
    /// The order was closed.
    Again,
}

/// Closes an order.
pub(super) fn end(
    call: &mut CallContext<'_>,
    number: &str,
    parties: &Parties,
) -> Result<Close, Stop> {
    let key = records::order_key(&call.merchant.mchid, number);
    let Some(order) = records::read::<Order>(call.documents, &key)? else {
        // The answer says closed, and so it stays: the number cannot be ordered any more.
        records::burn(call.documents, &key)?;
        return Ok(Close::New);
    };
    let order = owned(call, Some(order), parties)?;
    match order.stage(call.context.now) {
        Stage::Paid(_) => return Err(Refusal::order_paid().into()),
        Stage::Closed | Stage::Revoked(_) => return Ok(Close::Again),
        Stage::Open | Stage::Typing | Stage::Failed(_) => {}
    }
    if order.trade == Trade::Micropay {
        return Err(Refusal::new("INVALID_REQUEST", "付款码支付的订单请调用撤销订单接口").into());
    }
    records::write(call.documents, &key, &Order { state: State::Closed, ..order })?;
    Ok(Close::New)
}

/// The last orders, newest last. An order that ended by itself still says NOTPAY here: its
/// `time_expire` stands beside it.
pub(super) fn list(
    documents: &dyn DocumentStore,
    limit: usize,
) -> Result<Vec<String>, DocumentFault> {
    let mut keys: Vec<String> = Vec::new();
    for (_, key) in documents.list(records::PREPAYS, limit)? {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let orders = keys.iter().map(|key| records::read::<Order>(documents, key));
    orders
        .filter_map(|order| order.map(|order| order.map(|order| describe(&order))).transpose())
        .collect()
}

fn describe(order: &Order) -> String {
    let (last_error, refunded) = match &order.state {
        State::Open { last_error } => (last_error.clone(), 0),
        State::Failed { why } => (Some(why.clone()), 0),
        State::Typing { .. } | State::Closed | State::Revoked { .. } => (None, 0),
        State::Paid(paid) => (None, paid.refunded),
    };
    let mut described = json!({
        "channel": super::NAME,
        "api": if order.v2.is_some() { "v2" } else { "v3" },
        "prepay_id": order.prepay_id,
        "code_url": order.code_url(),
        "notify_url": order.notify_url,
        "time_expire": wire::time_text(Timestamp::from_ms(order.expires_ms)),
        "refunded": refunded,
        "last_error": last_error,
        "unsplit_amount": order.payment().and_then(|paid| Some(paid.frozen.as_ref()?.left)),
    });
    let transaction = json!(order.transaction(Timestamp::default()));
    if let (Value::Object(all), Value::Object(more)) = (&mut described, transaction) {
        all.extend(more);
    }
    described.to_string()
}

fn show(call: &CallContext<'_>, order: Option<Order>, parties: &Parties) -> Result<Reply, Stop> {
    let order = owned(call, order, parties)?;
    Ok(shown(call, &order))
}

/// An order as queries show it.
pub(super) fn shown(call: &CallContext<'_>, order: &Order) -> Reply {
    let mut transaction = order.transaction(call.context.now);
    if *call.mode == FaultMode::WrongAmount {
        falsify(&mut transaction);
    }
    Reply::json(200, &with_coupons(&transaction))
}

/// Queries show the list of coupons also where it is empty.
fn with_coupons(transaction: &Transaction) -> Value {
    let mut shown = json!(transaction);
    if let Some(members) = shown.as_object_mut() {
        members.entry("promotion_detail").or_insert_with(|| json!([]));
    }
    shown
}

/// Lies about the amount.
pub(super) fn falsify(transaction: &mut Transaction) {
    if let Some(amount) = &mut transaction.amount {
        amount.total = amount.total.map(|total| total.saturating_add(1));
    }
}

/// The order, if it is of the merchants who ask.
pub(super) fn owned(
    call: &CallContext<'_>,
    order: Option<Order>,
    asked: &Parties,
) -> Result<Order, Refusal> {
    order
        .filter(|order| order.mchid() == call.merchant.mchid)
        .filter(|order| order.parties.sub_mchid == asked.sub_mchid)
        .ok_or_else(Refusal::no_order)
}

fn asked_parties(call: &CallContext<'_>, mode: Mode) -> Parties {
    let asked = |name| parameter(call.request, name);
    match mode {
        Mode::Direct => Parties { mchid: asked("mchid"), ..Parties::default() },
        Mode::Partner => Parties {
            sp_mchid: asked("sp_mchid"),
            sub_mchid: asked("sub_mchid"),
            ..Parties::default()
        },
    }
}

pub(super) fn check_parties(
    call: &CallContext<'_>,
    mode: Mode,
    asked: &Parties,
) -> Result<(), Refusal> {
    let (name, label, mchid) = match mode {
        Mode::Direct => ("mchid", "直连商户号", &asked.mchid),
        Mode::Partner => ("sp_mchid", "服务商户号", &asked.sp_mchid),
    };
    let missing = |name, label| Refusal::missing(Location::Query, &format!("/{name}"), label);
    let mchid = mchid.as_ref().ok_or_else(|| missing(name, label))?;
    if *mchid != call.merchant.mchid {
        return Err(Refusal::field(name, "与Http头Authorization中的mchid不一致"));
    }
    match (mode, &asked.sub_mchid) {
        (Mode::Partner, None) => Err(missing("sub_mchid", "子商户号")),
        (Mode::Partner, Some(_)) | (Mode::Direct, _) => Ok(()),
    }
}
