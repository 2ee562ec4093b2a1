//! Asking for trades, closing and cancelling them.

use crate::counterpart::answer::Reply;
use crate::counterpart::records::{self, BALANCE, Order, Stage, State};
use crate::counterpart::refusal::{Refusal, Stop};
use crate::counterpart::{CallContext, NAME, refund};
use crate::wire::{self, CancelAnswer, CloseAnswer, FundBill, TradeRequest, Yuan};
use channel::{DocumentFault, DocumentStore, FaultMode};
use ledger::{Fen, Timestamp};
use serde_json::{Value, json};

pub(super) fn query(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let order = asked(call)?;
    let mut answer = order.answer(call.context.now).ok_or_else(Refusal::no_trade)?;
    if *call.mode == FaultMode::WrongAmount {
        answer.total_amount = Yuan(Fen::new(order.total.saturating_add(1)));
    }
    let asked = request(call)?;
    if asked.query_options.iter().flatten().any(|option| option == "fund_bill_list")
        && let State::Paid(_) = &order.state
    {
        let amount = Yuan(Fen::new(order.total));
        answer.fund_bill_list = Some(vec![FundBill { fund_channel: BALANCE.to_owned(), amount }]);
    }
    Ok(Reply::done(answer))
}

/// Closes a trade that is not paid. What is closed already is refused.
pub(super) fn close(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let order = asked(call)?;
    let trade_no = order.trade_no().ok_or_else(Refusal::no_trade)?.to_owned();
    match order.stage(call.context.now) {
        Stage::Open => {}
        Stage::Prepared => return Err(Refusal::no_trade().into()),
        Stage::Closed => {
            return Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭").into());
        }
        Stage::Paid(_) => return Err(Refusal::state().into()),
    }
    let out_trade_no = order.out_trade_no.clone();
    let state = State::Closed { trade_no: Some(trade_no.clone()) };
    records::keep(call.documents, &Order { state, ..order })?;
    Ok(Reply::done(CloseAnswer { trade_no, out_trade_no }))
}

/// Ends an order in any state: what was paid goes back, and a code can no longer be scanned. A
/// number that nobody knows is answered with success too.
pub(super) fn cancel(call: &mut CallContext<'_>) -> Result<Reply, Stop> {
    let request = request(call)?;
    let answer = |action: Option<&str>, trade_no: Option<&str>| {
        Reply::done(CancelAnswer {
            out_trade_no: request.out_trade_no.clone().unwrap_or_default(),
            trade_no: trade_no.map(str::to_owned),
            retry_flag: "N".to_owned(),
            action: action.map(str::to_owned),
        })
    };
    let Some(order) = find(call, &request)? else { return Ok(answer(None, None)) };
    let trade_no = order.trade_no().map(str::to_owned);
    match order.stage(call.context.now) {
        Stage::Paid(_) => {
            let outgoing = refund::all(call, &order)?;
            Ok(answer(Some("refund"), trade_no.as_deref()).with_callbacks(outgoing))
        }
        Stage::Open | Stage::Prepared => {
            let state = State::Closed { trade_no: trade_no.clone() };
            records::keep(call.documents, &Order { state, ..order })?;
            Ok(answer(Some("close"), trade_no.as_deref()))
        }
        Stage::Closed => Ok(answer(Some("close"), trade_no.as_deref())),
    }
}

/// The order that a call is about.
pub(super) fn asked(call: &CallContext<'_>) -> Result<Order, Stop> {
    let request = request(call)?;
    find(call, &request)?.ok_or_else(|| Refusal::no_trade().into())
}

fn request(call: &CallContext<'_>) -> Result<TradeRequest, Refusal> {
    let content = call.parameter("biz_content").unwrap_or_default();
    wire::read_given(&content).map_err(|_| Refusal::field("biz_content"))
}

/// By the trade's number where it is given, else by the seller's. Both must be of one trade.
fn find(call: &CallContext<'_>, request: &TradeRequest) -> Result<Option<Order>, Stop> {
    let seller_id = &call.app.seller_id;
    let order = match (&request.trade_no, &request.out_trade_no) {
        (Some(trade_no), _) => records::follow(call.documents, &records::trade_key(trade_no))?,
        (None, Some(number)) => {
            records::read(call.documents, &records::order_key(seller_id, number))?
        }
        (None, None) => return Err(Refusal::field("out_trade_no").into()),
    };
    let order = order.filter(|order: &Order| order.seller_id == *seller_id);
    match (&order, &request.out_trade_no) {
        (Some(order), Some(number)) if order.out_trade_no != *number => {
            Err(Refusal::field("out_trade_no").into())
        }
        _ => Ok(order),
    }
}

/// The last orders, newest last. One whose time is up still says WAIT_BUYER_PAY here: `time_expire` stands
/// beside it.
pub(super) fn list(
    documents: &dyn DocumentStore,
    limit: usize,
) -> Result<Vec<String>, DocumentFault> {
    let pointers = documents.list(records::LIST, limit)?;
    let orders = pointers.iter().map(|(_, key)| records::read::<Order>(documents, key));
    orders.filter_map(|order| order.map(|order| order.as_ref().map(describe)).transpose()).collect()
}

fn describe(order: &Order) -> String {
    let epoch = Timestamp::default();
    let (last_error, refunded) = match &order.state {
        State::Open { last_error, .. } => (last_error.clone(), 0),
        State::Prepared | State::Closed { .. } => (None, 0),
        State::Paid(paid) => (None, paid.refunded),
    };
    let mut described = json!({
        "channel": NAME,
        "out_trade_no": order.out_trade_no,
        "subject": order.subject,
        "qr_code": order.qr_code,
        "notify_url": order.notify_url,
        "time_expire": wire::time_text(Timestamp::from_ms(order.expires_ms)),
        "refunded": refunded,
        "last_error": last_error,
    });
    let trade = order.answer(epoch).map(|trade| json!(trade));
    if let (Value::Object(all), Some(Value::Object(more))) = (&mut described, trade) {
        all.extend(more);
    }
    described.to_string()
}
