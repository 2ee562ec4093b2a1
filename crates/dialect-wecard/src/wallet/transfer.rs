//! Cards that their owners give away: `transfer_card`, `receive_card`, `cancel_transfer`.

use super::faults::of_wallet;
use super::wire::{card_id, moment, read_card_id};
use crate::TRANSFER_NAMESPACE;
use crate::auth::Caller;
use crate::check::{Malformed, Read, required};
use crate::envelope::Received;
use crate::faults::Fault;
use crate::json::Object;
use crate::routes::{Api, Shared, answer, success};
use crate::wire::plain;
use axum::extract::{Request, State};
use axum::response::Response;
use crypto::{hash, random};
use kernel::{
    BeginCardTransfer, CardTransfer, CardTransferCommand, CardTransferState, Key, NaturalKey,
    ReceiveCard, Row,
};
use ledger::{Id, kinds};
use serde::Serialize;
use std::sync::Arc;

/// The longest name of an owner, in characters.
const OWNER_LEN_MAX: usize = 256;

/// `Result` of all three.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TransferShown {
    out_transfer_id: String,
    transfer_id: String,
    card_id: String,
    transfer_status: &'static str,
    /// Only in the answer to the call that began the transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_token: Option<String>,
}

pub(super) async fn transfer_card(State(api): Shared, request: Request) -> Response {
    answer(begin(&api, request).await.map_err(of_wallet))
}

pub(super) async fn receive_card(State(api): Shared, request: Request) -> Response {
    answer(receive(&api, request).await.map_err(of_wallet))
}

pub(super) async fn cancel_transfer(State(api): Shared, request: Request) -> Response {
    answer(cancel(&api, request).await.map_err(of_wallet))
}

async fn begin(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let token = random::hex_nonce();
    let token_hash = hash::sha256_hex(token.as_bytes());
    let (caller, command) =
        api.admit(&received, |caller, body| Ok(read_begin(caller, body, &token_hash)?))?;
    let transfer = transferred(api, &caller, CardTransferCommand::Begin(Box::new(command))).await?;
    // A repeat finds the transfer of before, whose token was shown then and is kept nowhere.
    let receive_token = (transfer.token_hash == token_hash).then_some(token);
    Ok(success(TransferShown { receive_token, ..shown(&transfer) }))
}

async fn receive(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, command) = api.admit(&received, |caller, body| Ok(read_receive(caller, body)?))?;
    let command = CardTransferCommand::Receive(Box::new(command));
    Ok(success(shown(&transferred(api, &caller, command).await?)))
}

async fn cancel(api: &Api, request: Request) -> Result<Response, Fault> {
    let received = Received::read(request).await?;
    let (caller, number) = api.admit(&received, |_, body| Ok(number(body)?.to_owned()))?;
    let transfer = Key::Number(NaturalKey::new(TRANSFER_NAMESPACE, number));
    let command = CardTransferCommand::Cancel { tenant: caller.tenant.clone(), transfer };
    Ok(success(shown(&transferred(api, &caller, command).await?)))
}

async fn transferred(
    api: &Api,
    caller: &Caller,
    command: CardTransferCommand,
) -> Result<CardTransfer, Fault> {
    match api.engine.handle(caller.business(), command).await?.reply.row {
        Some(Row::CardTransfer(transfer)) => Ok(transfer),
        Some(_) | None => Err(Fault::unknown()),
    }
}

fn read_begin(caller: &Caller, body: &Object<'_>, token_hash: &str) -> Read<BeginCardTransfer> {
    let card = read_card_id(body.required_text("CardId", 1..=50)?);
    Ok(BeginCardTransfer {
        tenant: caller.tenant.clone(),
        namespace: Arc::from(TRANSFER_NAMESPACE),
        number: number(body)?.to_owned(),
        card: card.map_err(|fault| fault.inside("CardId"))?,
        from: body.required_text("FromOwnerId", 1..=OWNER_LEN_MAX)?.to_owned(),
        to: body.text("ToOwnerId", 1..=OWNER_LEN_MAX)?.map(str::to_owned),
        expires_at: moment(body, "ExpireTime")?,
        token_hash: token_hash.to_owned(),
    })
}

fn read_receive(caller: &Caller, body: &Object<'_>) -> Read<ReceiveCard> {
    let token = body.required_text("ReceiveToken", 1..=128)?;
    Ok(ReceiveCard {
        tenant: caller.tenant.clone(),
        transfer: transfer_id(body)?,
        token_hash: hash::sha256_hex(token.as_bytes()),
        owner: body.required_text("ToOwnerId", 1..=OWNER_LEN_MAX)?.to_owned(),
    })
}

/// `OutTransferId`: digits, letters, underscores.
fn number<'o>(body: &'o Object<'_>) -> Read<&'o str> {
    required("OutTransferId", plain(body, "OutTransferId", 6..=60)?)
}

fn transfer_id(body: &Object<'_>) -> Read<Id<kinds::CardTransfer>> {
    let id = Id::parse(body.required_text("TransferId", 1..=50)?);
    id.map_err(|_| Malformed::new("TransferId", "want 18 decimal digits"))
}

fn shown(transfer: &CardTransfer) -> TransferShown {
    TransferShown {
        out_transfer_id: transfer.number.clone(),
        transfer_id: transfer.id.to_string(),
        card_id: card_id(transfer.card),
        transfer_status: match transfer.state {
            CardTransferState::Waiting => "WAIT",
            CardTransferState::Received { .. } => "SUCCESS",
            CardTransferState::Cancelled { .. } => "CANCELLED",
            CardTransferState::TimedOut { .. } => "EXPIRED",
        },
        receive_token: None,
    }
}
