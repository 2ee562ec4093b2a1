//! Asking for orders, and closing them.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, Order, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::{Mode, parameter};
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
    let body = rules::parse(&call.request.body)?;
    rules::check_close(&body, mode)?;
    let asked: CloseRequest = rules::convert(body)?;
    check_parties(call, mode, &asked.parties)?;
    let key = records::order_key(&call.merchant.mchid, number);
    let order = owned(call, records::read(call.documents, &key)?, &asked.parties)?;
    match order.stage(call.context.now) {
        Stage::Paid(_) => return Err(Refusal::order_paid().into()),
        Stage::Closed => return Err(Refusal::order_closed().into()),
        Stage::Open => {}
    }
    records::write(call.documents, &key, &Order { state: State::Closed, ..order })?;
    Ok(Reply::empty())
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
        State::Closed => (None, 0),
        State::Paid(paid) => (None, paid.refunded),
    };
    let mut described = json!({
        "channel": super::NAME,
        "prepay_id": order.prepay_id,
        "notify_url": order.notify_url,
        "time_expire": wire::time_text(Timestamp::from_ms(order.expires_ms)),
        "refunded": refunded,
        "last_error": last_error,
    });
    let transaction = json!(order.transaction(Timestamp::default()));
    if let (Value::Object(all), Value::Object(more)) = (&mut described, transaction) {
        all.extend(more);
    }
    described.to_string()
}

fn show(call: &CallContext<'_>, order: Option<Order>, parties: &Parties) -> Result<Reply, Stop> {
    let order = owned(call, order, parties)?;
    let mut transaction = order.transaction(call.context.now);
    if *call.mode == FaultMode::WrongAmount {
        falsify(&mut transaction);
    }
    Ok(Reply::json(200, &transaction))
}

/// Lies about the amount.
pub(super) fn falsify(transaction: &mut Transaction) {
    if let Some(amount) = &mut transaction.amount {
        amount.total = amount.total.map(|total| total.saturating_add(1));
    }
}

/// The order, if it is of the merchants who ask.
fn owned(call: &CallContext<'_>, order: Option<Order>, asked: &Parties) -> Result<Order, Refusal> {
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

fn check_parties(call: &CallContext<'_>, mode: Mode, asked: &Parties) -> Result<(), Refusal> {
    let (name, mchid) = match mode {
        Mode::Direct => ("mchid", &asked.mchid),
        Mode::Partner => ("sp_mchid", &asked.sp_mchid),
    };
    if mchid.as_ref() != Some(&call.merchant.mchid) {
        return Err(Refusal::field(name, "与Http头Authorization中的mchid不一致"));
    }
    match (mode, &asked.sub_mchid) {
        (Mode::Partner, None) => Err(Refusal::field("sub_mchid", "缺少必填参数")),
        (Mode::Partner, Some(_)) | (Mode::Direct, _) => Ok(()),
    }
}
