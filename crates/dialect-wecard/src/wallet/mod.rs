//! Stored value (储值余额) and gift cards (礼品卡): the endpoints under `/cloudpay/v1/wallet/out`.
//!
//! - `wire`: requests and results; `map`: to commands and back; `faults`: their codes.
//! - `accounts`: wallets; `account_wire`: their requests and results; `freeze`: parts of them that cannot
//!   be spent.
//! - `secret`: a card's secret; `refund`: cards that are taken back; `listing`: cards and batches page by
//!   page; `flows`: what happened to a wallet's money and to a card; `transfer`: cards that are given
//!   away; `bind`: cards that are put into wallets.

mod account_wire;
mod accounts;
mod bind;
pub(crate) mod faults;
mod flows;
mod freeze;
mod listing;
pub(crate) mod map;
mod refund;
mod secret;
mod transfer;
mod wire;

pub(crate) use account_wire::wallet_id;

use crate::RECHARGE_NAMESPACE;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::routes::{Api, QUERY_PATIENCE, Shared, answer, success, wrong_method};
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use faults::of_wallet;
use kernel::{
    Card, CardBatch, CardCommand, Key, NaturalKey, Order, OrderCommand, Reads, RechargeCommand,
    Row, TenantId, View,
};
use ledger::{Id, kinds};
use std::sync::Arc;
use wire::{BuyCards, CreateBatch, ModifyBatch};
pub(crate) use wire::{RechargeShown, card_id};

const BASE: &str = "/cloudpay/v1/wallet/out";
const RETRY: &str = "retry with the same OutRechargeId";

/// The routes, with their full paths.
pub(crate) fn router() -> Router<Arc<Api>> {
    let paths = [
        ("open_account", post(accounts::open_account)),
        ("query_account", post(accounts::query_account)),
        ("modify_account_status", post(accounts::modify_account_status)),
        ("recharge", post(accounts::recharge)),
        ("buy_cards", post(buy_cards)),
        ("query_recharge", post(query_recharge)),
        ("close_recharge", post(close_recharge)),
        ("create_card_batch", post(create_card_batch)),
        ("modify_card_batch", post(modify_card_batch)),
        ("query_card", post(query_card)),
        ("query_cards", post(listing::query_cards)),
        ("query_card_batches", post(listing::query_card_batches)),
        ("query_card_flows", post(flows::query_card_flows)),
        ("query_flows", post(flows::query_flows)),
        ("query_card_secret", post(secret::query_card_secret)),
        ("bind_card", post(bind::bind_card)),
        ("transfer_card", post(transfer::transfer_card)),
        ("receive_card", post(transfer::receive_card)),
        ("cancel_transfer", post(transfer::cancel_transfer)),
        ("freeze", post(freeze::freeze)),
        ("unfreeze", post(freeze::unfreeze)),
        ("query_freeze", post(freeze::query_freeze)),
        ("freeze_card", post(freeze_card)),
        ("unfreeze_card", post(unfreeze_card)),
        ("refund_recharge", post(refund::refund_recharge)),
        ("query_recharge_refund", post(refund::query_recharge_refund)),
    ];
    paths.into_iter().fold(Router::new(), |router, (name, method)| {
        router.route(&format!("{BASE}/{name}"), method.fallback(wrong_method))
    })
}

/// A recharge by its OutRechargeId.
fn by_number(out_recharge_id: &str) -> Key<kinds::Order> {
    Key::Number(NaturalKey::new(RECHARGE_NAMESPACE, out_recharge_id))
}

async fn buy_cards(State(api): Shared, request: Request) -> Response {
    answer(buy(&api, request).await.map_err(|fault| of_wallet(fault).advising(RETRY)))
}

async fn query_recharge(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await.map_err(of_wallet))
}

async fn close_recharge(State(api): Shared, request: Request) -> Response {
    answer(close(&api, request).await.map_err(|fault| of_wallet(fault).advising(RETRY)))
}

async fn create_card_batch(State(api): Shared, request: Request) -> Response {
    answer(create_batch(&api, request).await.map_err(of_wallet))
}

async fn modify_card_batch(State(api): Shared, request: Request) -> Response {
    answer(modify_batch(&api, request).await.map_err(of_wallet))
}

async fn query_card(State(api): Shared, request: Request) -> Response {
    answer(card(&api, request).await.map_err(of_wallet))
}

async fn freeze_card(State(api): Shared, request: Request) -> Response {
    let freeze = |tenant, card, note| CardCommand::Freeze { tenant, card, note };
    answer(change_card(&api, request, freeze).await.map_err(of_wallet))
}

async fn unfreeze_card(State(api): Shared, request: Request) -> Response {
    let unfreeze = |tenant, card, note| CardCommand::Unfreeze { tenant, card, note };
    answer(change_card(&api, request, unfreeze).await.map_err(of_wallet))
}

async fn buy(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, body) = api.prove(&received)?;
    let request = BuyCards::read(&body)?;
    let batch = api.card_batch(&caller.tenant, request.batch).await?;
    let command = RechargeCommand::BuyCards(Box::new(map::buy(&caller, request, &batch)?));
    let (order, channel_answer) = api.handle_and_wait(&caller, command.into()).await?;
    Ok(success(map::bought(&order, channel_answer.as_ref(), api.engine.now())?))
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(wire::recharge_key(body)?))?;
    let (mut order, mut about) = api.recharge(&caller.tenant, &key).await?;
    if order.is_overdue(api.engine.now()) {
        // The recharge as it stands afterwards is the answer, also when the channel has not answered.
        api.engine.refresh_order(caller.business(), &order, QUERY_PATIENCE).await;
        (order, about) = api.recharge(&caller.tenant, &key).await?;
    }
    Ok(success(map::recharge(&order, &about)?))
}

async fn close(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(wire::recharge_key(body)?))?;
    let (order, _) = api.recharge(&caller.tenant, &key).await?;
    let (tenant, order) = (caller.tenant.clone(), Key::Id(order.terms.id));
    let command = OrderCommand::Close { tenant, order };
    let (order, channel_answer) = api.handle_and_wait(&caller, command.into()).await?;
    Ok(success(map::closed(&order, channel_answer.as_ref(), api.engine.now())?))
}

async fn create_batch(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api
        .admit(&received, |caller, body| Ok(map::create_batch(caller, CreateBatch::read(body)?)))?;
    let handled = api.engine.handle(caller.business(), command).await?;
    shown_batch(api, handled.reply.row)
}

async fn modify_batch(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api.admit(&received, |caller, body| {
        Ok(map::modify_batch(caller, &ModifyBatch::read(body)?))
    })?;
    let handled = api.engine.handle(caller.business(), command).await?;
    shown_batch(api, handled.reply.row)
}

fn shown_batch(api: &Api, row: Option<Row>) -> Result<Response, Fault> {
    match row {
        Some(Row::CardBatch(batch)) => Ok(success(map::batch(&batch, api.engine.now()))),
        Some(_) | None => Err(Fault::unknown()),
    }
}

async fn card(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(wire::card_key(body)?))?;
    Ok(success(map::card(&api.card(&caller.tenant, &key).await?)))
}

async fn change_card(
    api: &Api,
    request: Request,
    command: impl FnOnce(TenantId, Key<kinds::Card>, Option<String>) -> CardCommand,
) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api.admit(&received, |caller, body| {
        Ok(command(caller.tenant.clone(), wire::card_key(body)?, wire::remark(body)?))
    })?;
    match api.engine.handle(caller.business(), command).await?.reply.row {
        Some(Row::Card(card)) => Ok(success(map::card(&card))),
        Some(_) | None => Err(Fault::unknown()),
    }
}

impl Api {
    async fn card_batch(
        &self,
        tenant: &TenantId,
        id: Id<kinds::CardBatch>,
    ) -> Result<CardBatch, Fault> {
        let card_batches = vec![(tenant.clone(), Key::Id(id))];
        let view = self.engine.rows(&Reads { card_batches, ..Reads::default() }).await?;
        let found = view.card_batches.get(tenant, id).cloned();
        let text = "CardBatchId: no such card batch";
        found.ok_or_else(|| Fault::new(ErrCode::CardBatchNotExist, text))
    }

    async fn card(&self, tenant: &TenantId, key: &Key<kinds::Card>) -> Result<Card, Fault> {
        let cards = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { cards, ..Reads::default() }).await?;
        let found = view.cards.find(tenant, key).cloned();
        found.ok_or_else(|| Fault::new(ErrCode::CardNotExist, "no such card"))
    }

    /// The order of a recharge, and everything that belongs to it.
    pub(super) async fn recharge(
        &self,
        tenant: &TenantId,
        key: &Key<kinds::Order>,
    ) -> Result<(Order, View), Fault> {
        let orders = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { orders, ..Reads::default() }).await?;
        let found = view.orders.find(tenant, key).cloned();
        let order = found.filter(|order| order.terms.request.recharge.is_some());
        let order =
            order.ok_or_else(|| Fault::new(ErrCode::RechargeNotExist, "no such recharge"))?;
        Ok((order, view))
    }
}
