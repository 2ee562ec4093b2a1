//! Recharges that are refunded: `refund_recharge` and `query_recharge_refund`. Of a purchase of cards the
//! caller names the cards, of a payment into a wallet the amount.

use super::faults::{CARDS, of_wallet};
use super::wire;
use crate::check::{Malformed, Read, as_text, required};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::Object;
use crate::refund::{Name, applied, given, notify_url, out_refund_id, shown};
use crate::routes::{Api, CALL_PATIENCE, QUERY_REFUND, Shared, answer, no_such_refund, success};
use crate::wire::TOTAL_FEN_MAX;
use crate::{NAME, REFUND_NAMESPACE};
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{
    CARDS_MAX, Command, Key, RefundBalance, RefundCards, RefundCommand, RefundRequest, Row,
};
use ledger::{Fen, Id, kinds};
use std::sync::Arc;

/// How much of what was paid into a wallet is refunded.
const AMOUNT: &str = "RefundAmount";

/// `POST …/refund_recharge`, checked.
struct Asked {
    recharge: Key<kinds::Order>,
    value: Value,
    request: RefundRequest,
}

/// What is taken back.
enum Value {
    /// Cards, at their price.
    Cards(Vec<Id<kinds::Card>>),
    /// So much of what was paid into a wallet.
    Balance(Fen),
}

impl Value {
    fn read(body: &Object<'_>) -> Read<Value> {
        let fen = body.integer(AMOUNT, 1..=TOTAL_FEN_MAX)?;
        let card = |item| wire::read_card_id(as_text(item, 1..=50)?);
        let len_max = usize::try_from(CARDS_MAX).unwrap_or(usize::MAX);
        match (body.list(CARDS, len_max, card)?, fen) {
            (Some(cards), None) => Ok(Value::Cards(cards)),
            (None, Some(fen)) => Ok(Value::Balance(Fen::new(fen))),
            (Some(_), Some(_)) => {
                Err(Malformed::new(AMOUNT, "cards are refunded at their price; leave it out"))
            }
            (None, None) => {
                let why = "missing, and RefundAmount too: want one";
                Err(Malformed::new(CARDS, why))
            }
        }
    }
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let number = required("OutRefundId", out_refund_id(body)?)?.to_owned();
        let recharge = wire::recharge_key(body)?;
        let value = Value::read(body)?;
        let reason = given(body.text("RefundReason", 0..=128)?).map(str::to_owned);
        let request = RefundRequest {
            namespace: Arc::from(REFUND_NAMESPACE),
            merchant_refund_no: number,
            dialect: Arc::from(NAME),
            reason,
            notify_url: notify_url(body)?,
            details: "{}".to_owned(),
            is_to_balance: false,
        };
        Ok(Asked { recharge, value, request })
    }
}

pub(super) async fn refund_recharge(State(api): Shared, request: Request) -> Response {
    let applied = apply(&api, request).await;
    answer(applied.map_err(|fault| of_wallet(fault).advising(QUERY_REFUND)))
}

pub(super) async fn query_recharge_refund(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await.map_err(of_wallet))
}

async fn apply(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, asked) = api.admit(&received, |_, body| Ok(Asked::read(body)?))?;
    let (order, _) = api.recharge(&caller.tenant, &asked.recharge).await?;
    let (tenant, merchant) = (caller.tenant.clone(), order.terms.request.merchant.clone());
    let (order, request) = (order.terms.id, Arc::new(asked.request));
    let command: Command = match asked.value {
        Value::Cards(cards) => RefundCommand::RequestCards(Box::new(RefundCards {
            tenant,
            order,
            merchant,
            cards,
            request,
        })),
        Value::Balance(amount) => RefundCommand::RequestBalance(Box::new(RefundBalance {
            tenant,
            order,
            merchant,
            amount,
            request,
        })),
    }
    .into();
    let reply = api.engine.handle_and_wait(caller.business(), command, CALL_PATIENCE).await?;
    let Some(Row::Refund(refund)) = reply.row else { return Err(Fault::unknown()) };
    let request = refund.request.as_deref().ok_or_else(Fault::unknown)?;
    Ok(success(applied(&refund, request)))
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, name) = api.admit(&received, |_, body| Ok(Name::read(body)?))?;
    let refund = api.refund(&caller.tenant, name).await?;
    if !refund.is_of_recharge() {
        return Err(no_such_refund());
    }
    let request = refund.request.as_deref().ok_or_else(no_such_refund)?;
    Ok(success(shown(&refund, request)))
}
