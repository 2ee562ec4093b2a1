//! Parts of wallets that cannot be spent: `freeze`, `unfreeze`, `query_freeze`.

use super::account_wire::{required_wallet_id, wallet_id};
use super::faults::of_wallet;
use super::wire::{moment, remark};
use crate::auth::Caller;
use crate::check::{Read, required};
use crate::envelope::Received;
use crate::faults::{ErrCode, Fault};
use crate::json::Object;
use crate::routes::{Api, Shared, answer, success};
use crate::wire::{TOTAL_FEN_MAX, plain};
use crate::{FREEZE_NAMESPACE, time};
use axum::extract::{Request, State};
use axum::response::Response;
use kernel::{
    FreezeWallet, Key, NaturalKey, Reads, Row, UnfreezeWallet, WalletFreeze, WalletFreezeCommand,
    WalletFreezeState, WalletRelease,
};
use ledger::{Fen, kinds};
use serde::Serialize;
use std::sync::Arc;

/// `Result` of all three.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FreezeShown<'o> {
    out_freeze_id: &'o str,
    freeze_id: String,
    wallet_id: String,
    freeze_status: &'static str,
    freeze_amount: String,
    remain_amount: String,
    create_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'o str>,
    /// Only in the answer to a release: what it released.
    #[serde(flatten)]
    release: Option<ReleaseShown<'o>>,
    /// Only in the answer to a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    unfreeze_list: Option<Vec<ReleaseShown<'o>>>,
}

/// A release.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReleaseShown<'o> {
    /// Left out where the time of the freeze was up.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_unfreeze_id: Option<&'o str>,
    unfreeze_amount: String,
    unfreeze_time: String,
}

pub(super) async fn freeze(State(api): Shared, request: Request) -> Response {
    answer(make(&api, request).await.map_err(of_wallet))
}

pub(super) async fn unfreeze(State(api): Shared, request: Request) -> Response {
    answer(release(&api, request).await.map_err(of_wallet))
}

pub(super) async fn query_freeze(State(api): Shared, request: Request) -> Response {
    answer(query(&api, request).await.map_err(of_wallet))
}

async fn make(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api.admit(&received, |caller, body| Ok(read_freeze(caller, body)?))?;
    let command = WalletFreezeCommand::Freeze(Box::new(command));
    Ok(success(shown(&changed(api, &caller, command).await?)))
}

async fn release(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) =
        api.admit(&received, |caller, body| Ok(read_unfreeze(caller, body)?))?;
    let number = command.number.clone();
    let command = WalletFreezeCommand::Unfreeze(Box::new(command));
    let freeze = changed(api, &caller, command).await?;
    let release = freeze.release(&number).map(shown_release);
    Ok(success(FreezeShown { release, ..shown(&freeze) }))
}

async fn query(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, key) = api.admit(&received, |_, body| Ok(freeze_key(body)?))?;
    let wallet_freezes = vec![(caller.tenant.clone(), key.clone())];
    let view = api.engine.rows(&Reads { wallet_freezes, ..Reads::default() }).await?;
    let found = view.wallet_freezes.find(&caller.tenant, &key);
    let freeze = found.ok_or_else(|| Fault::new(ErrCode::FreezeNotExist, "no such freeze"))?;
    let unfreeze_list = Some(freeze.releases.iter().map(shown_release).collect());
    Ok(success(FreezeShown { unfreeze_list, ..shown(freeze) }))
}

async fn changed(
    api: &Api,
    caller: &Caller,
    command: WalletFreezeCommand,
) -> Result<WalletFreeze, Fault> {
    match api.engine.handle(caller.business(), command).await?.reply.row {
        Some(Row::WalletFreeze(freeze)) => Ok(freeze),
        Some(_) | None => Err(Fault::unknown()),
    }
}

fn read_freeze(caller: &Caller, body: &Object<'_>) -> Read<FreezeWallet> {
    let amount = body.integer("FreezeAmount", 1..=TOTAL_FEN_MAX)?;
    Ok(FreezeWallet {
        tenant: caller.tenant.clone(),
        namespace: Arc::from(FREEZE_NAMESPACE),
        number: number(body, "OutFreezeId")?.to_owned(),
        wallet: required_wallet_id(body)?,
        amount: Fen::new(required("FreezeAmount", amount)?),
        expires_at: moment(body, "ExpireTime")?,
        note: remark(body)?,
    })
}

fn read_unfreeze(caller: &Caller, body: &Object<'_>) -> Read<UnfreezeWallet> {
    Ok(UnfreezeWallet {
        tenant: caller.tenant.clone(),
        freeze: freeze_key(body)?,
        number: number(body, "OutUnfreezeId")?.to_owned(),
        amount: body.integer("UnfreezeAmount", 1..=TOTAL_FEN_MAX)?.map(Fen::new),
    })
}

fn freeze_key(body: &Object<'_>) -> Read<Key<kinds::WalletFreeze>> {
    let number = number(body, "OutFreezeId")?;
    Ok(Key::Number(NaturalKey::new(FREEZE_NAMESPACE, number)))
}

/// A number of the caller's: digits, letters, underscores.
fn number<'o>(body: &'o Object<'_>, name: &str) -> Read<&'o str> {
    required(name, plain(body, name, 6..=60)?)
}

fn shown(freeze: &WalletFreeze) -> FreezeShown<'_> {
    FreezeShown {
        out_freeze_id: &freeze.number,
        freeze_id: freeze.id.to_string(),
        wallet_id: wallet_id(freeze.wallet),
        freeze_status: match freeze.state() {
            WalletFreezeState::Frozen => "FROZEN",
            WalletFreezeState::PartUnfrozen => "PART_UNFROZEN",
            WalletFreezeState::Unfrozen => "UNFROZEN",
        },
        freeze_amount: freeze.amount().get().to_string(),
        remain_amount: freeze.remaining().get().to_string(),
        create_time: time::write(freeze.made_at),
        expire_time: freeze.expires_at.map(time::write),
        remark: freeze.note.as_deref(),
        release: None,
        unfreeze_list: None,
    }
}

fn shown_release(release: &WalletRelease) -> ReleaseShown<'_> {
    ReleaseShown {
        out_unfreeze_id: release.number.as_deref(),
        unfreeze_amount: release.amount.get().to_string(),
        unfreeze_time: time::write(release.at),
    }
}
