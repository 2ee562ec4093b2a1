//! Wallets: opened, shown, frozen and closed, paid into, and paid from.

use super::account_wire::{
    AccountShown, ModifyAccount, OpenAccount, PayIn, WalletKey, deduct, paying_wallet, status,
    wallet_id, wallet_key,
};
use super::faults::of_wallet;
use super::{RETRY, map};
use crate::auth::Caller;
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::map::{place_in, unwritable};
use crate::routes::{Api, Shared, answer, success};
use crate::wire::UnifiedOrder;
use crate::{RECHARGE_NAMESPACE, content, time};
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{
    Deduct, MerchantId, OpenWallet, OrderRequest, PlaceOrder, Reads, RechargeCommand,
    RechargeWallet, TenantId, View, Wallet, WalletCommand, WalletUse,
};
use ledger::Timestamp;
use serde::Serialize;
use std::sync::Arc;

pub(super) async fn open_account(State(api): Shared, request: Request) -> Response {
    answer(open(&api, request).await.map_err(of_wallet))
}

pub(super) async fn query_account(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await.map_err(of_wallet))
}

pub(super) async fn modify_account_status(State(api): Shared, request: Request) -> Response {
    answer(modify(&api, request).await.map_err(of_wallet))
}

pub(super) async fn recharge(State(api): Shared, request: Request) -> Response {
    answer(pay_in(&api, request).await.map_err(|fault| of_wallet(fault).advising(RETRY)))
}

async fn open(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, open) = api.admit(&received, |caller, body| {
        let OpenAccount { merchant, owner } = OpenAccount::read(body)?;
        let (tenant, merchant) = (caller.tenant.clone(), MerchantId::new(merchant));
        Ok(OpenWallet { tenant, merchant, owner: owner.to_owned() })
    })?;
    let key = Wallet::key(&open.merchant, &open.owner);
    api.engine.handle(caller.business(), WalletCommand::Open(open)).await?;
    show(api, &caller.tenant, &key).await
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(wallet_key(body)?))?;
    show(api, &caller.tenant, &key).await
}

async fn modify(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api.admit(&received, |caller, body| {
        let ModifyAccount { wallet, state, note } = ModifyAccount::read(body)?;
        let (tenant, note) = (caller.tenant.clone(), note.map(str::to_owned));
        Ok(WalletCommand::SetState { tenant, wallet, state, note })
    })?;
    let WalletCommand::SetState { wallet, .. } = &command else { return Err(Fault::unknown()) };
    let key = wallet.clone();
    api.engine.handle(caller.business(), command).await?;
    show(api, &caller.tenant, &key).await
}

async fn pay_in(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) =
        api.admit(&received, |caller, body| paying_in(caller, &PayIn::read(body)?))?;
    let command = RechargeCommand::PayIn(Box::new(command));
    let (order, channel_answer) = api.handle_and_wait(&caller, command.into()).await?;
    let (order, about) = api.recharge(&caller.tenant, &order.terms.id.into()).await?;
    let mut shown = map::bought(&order, channel_answer.as_ref(), api.engine.now())?;
    shown.wallet_id = map::wallet_of(&order, &about).map(wallet_id);
    Ok(success(shown))
}

/// What a repeat of an order that a wallet pays must not change beyond what its order compares.
#[derive(Serialize)]
struct WalletContent<'a> {
    order: &'a str,
    wallet: i64,
    uses_cards: bool,
    /// Those that are named.
    cards: Vec<i64>,
}

/// What a repeat of a payment into a wallet must not change beyond what its order compares.
#[derive(Serialize)]
struct PayInContent<'a> {
    order: &'a str,
    owner: &'a str,
    bonus: i64,
}

/// The command that a payment into a wallet is.
fn paying_in(caller: &Caller, request: &PayIn<'_>) -> Result<RechargeWallet, Fault> {
    let PayIn { order, owner, bonus } = request;
    let place = place_in(RECHARGE_NAMESPACE, caller, order)?;
    let content = PayInContent { order: &place.request.content, owner, bonus: bonus.get() };
    let content = content::digest_of(&content).map_err(unwritable)?;
    let request = Arc::new(OrderRequest { content, ..(*place.request).clone() });
    let order = PlaceOrder { request, ..place };
    Ok(RechargeWallet { order, owner: owner.clone(), bonus: *bonus })
}

async fn show(api: &Api, tenant: &TenantId, key: &WalletKey) -> Result<Response, Fault> {
    let (wallet, view) = api.wallet(tenant, key).await?;
    Ok(success(account(&wallet, &view, api.engine.now())?))
}

/// A wallet, with what is in it. The view has its balances.
fn account<'w>(wallet: &'w Wallet, view: &View, now: Timestamp) -> Result<AccountShown<'w>, Fault> {
    let balance = wallet.balance(view).ok_or_else(Fault::unknown)?;
    let cards = wallet.card_balance(view, now).ok_or_else(Fault::unknown)?;
    let available = balance.available().map_err(|_| Fault::unknown())?;
    Ok(AccountShown {
        wallet_id: wallet_id(wallet.id),
        channel_sub_merchant_id: wallet.merchant.as_str(),
        out_user_id: &wallet.owner,
        balance: balance.posted.get().to_string(),
        frozen_amount: balance.held.get().to_string(),
        available_amount: available.get().to_string(),
        card_balance: cards.get().to_string(),
        account_status: status(wallet.state),
        create_time: time::write(wallet.made_at),
    })
}

impl Api {
    /// A wallet, and its balances.
    pub(super) async fn wallet(
        &self,
        tenant: &TenantId,
        key: &WalletKey,
    ) -> Result<(Wallet, View), Fault> {
        let wallets = vec![(tenant.clone(), key.clone())];
        let view = self.engine.rows(&Reads { wallets, ..Reads::default() }).await?;
        let found = view.wallets.find(tenant, key).cloned();
        let wallet = found.ok_or_else(|| Fault::new(ErrCode::AccountNotExist, "no such wallet"))?;
        Ok((wallet, view))
    }

    /// An order as it is placed: one that a wallet pays names it.
    pub(crate) async fn with_wallet(
        &self,
        order: &UnifiedOrder<'_>,
        place: PlaceOrder,
    ) -> Result<PlaceOrder, Fault> {
        if place.channel != channel::WALLET_CHANNEL {
            return Ok(place);
        }
        let deduct = deduct(order)?;
        let (wallet, _) = self.wallet(&place.tenant, &paying_wallet(order)?).await?;
        let content = WalletContent {
            order: &place.request.content,
            wallet: wallet.id.value(),
            uses_cards: deduct != Deduct::Balance,
            cards: deduct.listed().iter().map(|card| card.value()).collect(),
        };
        let content = content::digest_of(&content).map_err(unwritable)?;
        let wallet = Some(WalletUse { wallet: wallet.id, deduct });
        let request = OrderRequest { wallet, content, ..(*place.request).clone() };
        Ok(PlaceOrder { request: Arc::new(request), ..place })
    }
}
