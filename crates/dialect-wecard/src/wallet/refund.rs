//! Cards that are taken back: `refund_recharge` and `query_recharge_refund`.

use super::faults::{CARDS, of_wallet};
use super::wire;
use crate::check::{Malformed, Read, as_text, required};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::Object;
use crate::refund::{Name, applied, given, notify_url, out_refund_id, shown};
use crate::routes::{Api, CALL_PATIENCE, QUERY_REFUND, Shared, answer, no_such_refund, success};
use crate::{NAME, REFUND_NAMESPACE};
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{CARDS_MAX, Command, Key, RefundCards, RefundCommand, RefundRequest, Row};
use ledger::{Id, kinds};
use std::sync::Arc;

/// `POST …/refund_recharge`, checked.
struct Asked {
    recharge: Key<kinds::Order>,
    cards: Vec<Id<kinds::Card>>,
    request: RefundRequest,
}

impl Asked {
    fn read(body: &Object<'_>) -> Read<Asked> {
        let number = required("OutRefundId", out_refund_id(body)?)?.to_owned();
        let recharge = wire::recharge_key(body)?;
        if body.get("RefundAmount").is_some() {
            let why = "cards are refunded at their price; leave it out";
            return Err(Malformed::new("RefundAmount", why));
        }
        let card = |item| wire::read_card_id(as_text(item, 1..=50)?);
        let len_max = usize::try_from(CARDS_MAX).unwrap_or(usize::MAX);
        let cards = required(CARDS, body.list(CARDS, len_max, card)?)?;
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
        Ok(Asked { recharge, cards, request })
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
    let command: Command = RefundCommand::RequestCards(Box::new(RefundCards {
        tenant: caller.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        cards: asked.cards,
        request: Arc::new(asked.request),
    }))
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
    if refund.cards().next().is_none() {
        return Err(no_such_refund());
    }
    let request = refund.request.as_deref().ok_or_else(no_such_refund)?;
    Ok(success(shown(&refund, request)))
}
