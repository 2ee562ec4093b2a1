//! Debits: accepted first, and ended then. Here they end at once, unless a fault keeps them waiting.

use super::contract::{self, Contract};
use super::not_there;
use crate::counterpart::callback::{self, Event};
use crate::counterpart::records::{self, Order, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::route::Trade;
use crate::counterpart::v2::order::{body, fingerprint, mode};
use crate::counterpart::v2::trade::{described, owned};
use crate::counterpart::v2::words::{parties, want};
use crate::counterpart::v2::{Call, Reply};
use crate::counterpart::{CallContext, order, payment, rules, trade};
use crate::v2::agreement::TRADE_TYPE;
use crate::v2::xml::Members;
use crate::wire::PayerIds;
use channel::{
    CodecContext, DocumentFault, DocumentStore, FaultMode, OutgoingCallback, PhoneFault,
    PhoneOutcome,
};
use serde_json::json;

/// 500 yuan: what a new merchant may debit at once.
const TOTAL_MAX: i64 = 50_000;
/// The word of a fault that keeps an accepted debit waiting: a state of its own at the channel.
const WAITING: &str = "ACCEPT";
/// The codes of faults by which an accepted debit fails later.
const FAILING: [&str; 2] = ["NOTENOUGH", "USER_ACCOUNT_ABNORMAL"];

/// Whether the code of a fault lets a debit be accepted, and says how it goes on.
pub(in crate::counterpart::v2) fn is_later(call: Call, code: &str) -> bool {
    matches!(call, Call::Debit) && (code == WAITING || FAILING.contains(&code))
}

pub(in crate::counterpart::v2) fn create(
    call: &mut CallContext<'_>,
    asked: &Members,
) -> Result<Reply, Stop> {
    if want(asked, "trade_type")? != TRADE_TYPE {
        return Err(Refusal::field("trade_type", "取值为PAP").into());
    }
    let contract_id = want(asked, "contract_id")?;
    let contract = contract::by_id(call.documents, contract_id)?;
    let contract = contract.filter(|known| known.page.is_of(&parties(asked)));
    let contract = contract.ok_or_else(not_there)?;
    let body = body(asked, Trade::Papay)?;
    rules::check_order(&body, Trade::Papay, mode(asked))?;
    let key = records::order_key(&call.merchant.mchid, want(asked, "out_trade_no")?);
    let is_known = records::read::<Order>(call.documents, &key)?.is_some();
    if !is_known {
        check(&contract, &body)?;
    }
    let order = order::take(call, Trade::Papay, rules::convert(body)?, fingerprint(asked))?;
    if is_known {
        return Err(Refusal::new("INVALID_REQUEST", "扣款请求已受理，请勿重复发起").into());
    }
    let order = order::keep(call, by(contract, order))?;
    let outgoing = go_on(call.documents, order, call.mode, call.context)?;
    Ok(Reply::Message(Members::default(), outgoing))
}

fn check(contract: &Contract, body: &serde_json::Value) -> Result<(), Refusal> {
    if contract.ended.is_some() {
        return Err(not_there());
    }
    let total = body.pointer("/amount/total").and_then(serde_json::Value::as_i64);
    match total.is_some_and(|total| total > TOTAL_MAX) {
        true => Err(Refusal::new("RULELIMIT", "超出扣款额度限制")),
        false => Ok(()),
    }
}

/// The order with its contract and payer.
fn by(contract: Contract, order: Order) -> Order {
    let openid = Some(contract.openid);
    let payer = match order.parties.sp_mchid.is_some() {
        true => PayerIds { sp_openid: openid, ..PayerIds::default() },
        false => PayerIds { openid, ..PayerIds::default() },
    };
    Order { payer: Some(payer), contract_id: Some(contract.contract_id), ..order }
}

/// What becomes of an accepted debit.
fn go_on(
    documents: &mut dyn DocumentStore,
    order: Order,
    mode: &FaultMode,
    context: &CodecContext,
) -> Result<Vec<OutgoingCallback>, DocumentFault> {
    match mode {
        FaultMode::Error { code } if code == WAITING => Ok(vec![]),
        FaultMode::Error { code } => fail(documents, order, code, context),
        _ => Ok(payment::succeed(documents, order, context)?.1),
    }
}

/// A debit that failed is told too.
fn fail(
    documents: &mut dyn DocumentStore,
    order: Order,
    code: &str,
    context: &CodecContext,
) -> Result<Vec<OutgoingCallback>, DocumentFault> {
    let why = "扣款失败，用户账户余额不足".to_owned();
    let order = payment::put(documents, order, State::Failed { why: why.clone() })?;
    let app = order.parties.sp_appid.as_ref().or(order.parties.appid.as_ref());
    let mut content = json!({
        "return_code": "SUCCESS",
        "result_code": "FAIL",
        "err_code": code,
        "err_code_des": why,
        "appid": app,
        "mch_id": order.mchid(),
        "trade_type": TRADE_TYPE,
        "trade_state": "PAY_FAIL",
        "total_fee": order.total.to_string(),
        "out_trade_no": order.out_trade_no,
        "contract_id": order.contract_id,
    });
    if let Some(sub_mchid) = &order.parties.sub_mchid {
        content["sub_mch_id"] = json!(sub_mchid);
    }
    let url = order.notify_url.clone().into_iter();
    let to = (order.mchid(), order.v2);
    Ok(url.map(|url| callback::of_v2(to, Event::DebitFailed, &content, url, context)).collect())
}

/// Asking for debits alone.
pub(in crate::counterpart::v2) fn query(
    call: &mut CallContext<'_>,
    asked: &Members,
) -> Result<Reply, Stop> {
    let order = owned(call, asked)?;
    if order.trade != Trade::Papay {
        return Err(Refusal::new("INVALID_REQUEST", "订单不是委托代扣场景").into());
    }
    let mut transaction = order.transaction(call.context.now);
    if *call.mode == FaultMode::WrongAmount {
        trade::falsify(&mut transaction);
    }
    let state = match order.stage(call.context.now) {
        Stage::Open => WAITING,
        Stage::Failed(_) => "PAY_FAIL",
        Stage::Typing | Stage::Closed | Stage::Paid(_) | Stage::Revoked(_) => {
            &transaction.trade_state
        }
    };
    let state = Members::default()
        .with("trade_state", state)
        .with_some("trade_state_desc", transaction.trade_state_desc.as_deref());
    Ok(Reply::message(described(&transaction, state)))
}

/// A waiting debit ends as the person with the phone wants.
pub(in crate::counterpart) fn decide(
    documents: &mut dyn DocumentStore,
    (mchid, number): (&str, &str),
    outcome: PhoneOutcome,
    context: &CodecContext,
) -> Result<(String, Vec<OutgoingCallback>), PhoneFault> {
    let refused = |text: &str| PhoneFault::Refused(text.to_owned());
    let order = records::read::<Order>(documents, &records::order_key(mchid, number))?;
    let waits = |order: &Order| {
        order.trade == Trade::Papay && matches!(order.stage(context.now), Stage::Open)
    };
    let order = order.filter(waits).ok_or_else(|| refused("没有等待中的扣款"))?;
    match outcome {
        PhoneOutcome::Success => payment::by_phone(documents, order, None, context),
        PhoneOutcome::SuccessWith(_) => Err(refused("委托代扣不使用优惠券")),
        PhoneOutcome::Fail => {
            Ok(("扣款失败".to_owned(), fail(documents, order, FAILING[0], context)?))
        }
        PhoneOutcome::Cancel => Ok(("扣款等待中".to_owned(), vec![])),
    }
}
