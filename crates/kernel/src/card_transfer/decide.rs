//! Giving a card away, receiving it, and calling it back.

use super::{
    CardTransfer, CardTransferChange, CardTransferRefusal, CardTransferState,
    TRANSFER_LIFE_SECONDS, TRANSFER_LIFE_SECONDS_MAX,
};
use crate::aggregate::{AggregateCommand, Key, NaturalKey, Reads};
use crate::card::{Card, CardChange, CardState};
use crate::card_batch::CardBatch;
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

const SECONDS_PER_DAY: i64 = 24 * 3600;

/// What can be requested of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardTransferCommand {
    /// Give a card away. A repeat with the same content finds the transfer.
    Begin(Box<BeginCardTransfer>),
    /// Receive it.
    Receive(Box<ReceiveCard>),
    /// Call it back.
    Cancel {
        /// The owner of the card's batch.
        tenant: TenantId,
        /// The transfer.
        transfer: Key<kinds::CardTransfer>,
    },
}

/// A card that its owner gives away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeginCardTransfer {
    /// The owner of the card's batch.
    pub tenant: TenantId,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number.
    pub number: String,
    /// The card.
    pub card: Id<kinds::Card>,
    /// Who gives it away, as the caller names them.
    pub from: String,
    /// Who alone may receive it; `None` for everybody who has the token.
    pub to: Option<String>,
    /// When it times out; `None` for the usual time.
    pub expires_at: Option<Timestamp>,
    /// The SHA-256 of a new token, in hex digits.
    pub token_hash: String,
}

/// A card that somebody receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveCard {
    /// The owner of the card's batch.
    pub tenant: TenantId,
    /// The transfer.
    pub transfer: Id<kinds::CardTransfer>,
    /// The SHA-256 of the token that was presented, in hex digits.
    pub token_hash: String,
    /// Who receives it, as the caller names them.
    pub owner: String,
}

impl CardTransferCommand {
    fn transfer(&self) -> Key<kinds::CardTransfer> {
        match self {
            CardTransferCommand::Begin(begin) => {
                let (namespace, number) = (begin.namespace.clone(), begin.number.clone());
                Key::Number(NaturalKey { namespace, number })
            }
            CardTransferCommand::Receive(receive) => Key::Id(receive.transfer),
            CardTransferCommand::Cancel { transfer, .. } => transfer.clone(),
        }
    }
}

impl AggregateCommand for CardTransferCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            CardTransferCommand::Begin(begin) => &begin.tenant,
            CardTransferCommand::Receive(receive) => &receive.tenant,
            CardTransferCommand::Cancel { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            CardTransferCommand::Begin(_) => "transfer_card",
            CardTransferCommand::Receive(_) => "receive_card",
            CardTransferCommand::Cancel { .. } => "cancel_transfer",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.card_transfers.push((self.tenant().clone(), self.transfer()));
        if let CardTransferCommand::Begin(begin) = self {
            reads.cards.push((begin.tenant.clone(), Key::Id(begin.card)));
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &CardTransferCommand,
) -> Result<Reply, CardTransferRefusal> {
    let known = deciding.view().card_transfers.find(command.tenant(), &command.transfer());
    let id = match (command, known) {
        (CardTransferCommand::Begin(begin), Some(known)) => repeat(known, begin)?,
        (CardTransferCommand::Begin(begin), None) => self::begin(deciding, begin)?,
        (_, None) => return Err(CardTransferRefusal::NotFound),
        (CardTransferCommand::Receive(asked), Some(known)) => receive(deciding, known, asked)?,
        (CardTransferCommand::Cancel { .. }, Some(known)) => cancel(deciding, known)?,
    };
    Ok(Reply::about(id.subject()))
}

/// The same number again. The token is another one then, and is not that of the transfer.
fn repeat(
    known: &CardTransfer,
    begin: &BeginCardTransfer,
) -> Result<Id<kinds::CardTransfer>, CardTransferRefusal> {
    let is_same = known.card == begin.card
        && known.from == begin.from
        && known.to == begin.to
        && begin.expires_at.is_none_or(|expires_at| expires_at == known.expires_at);
    if is_same { Ok(known.id) } else { Err(CardTransferRefusal::Differs) }
}

fn begin(
    deciding: &mut Deciding<'_>,
    begin: &BeginCardTransfer,
) -> Result<Id<kinds::CardTransfer>, CardTransferRefusal> {
    let card = deciding.row::<Card>(&begin.tenant, begin.card);
    let card = card.ok_or(CardTransferRefusal::NoCard)?;
    let expires_at = check(deciding, begin, &card)?;
    let transfer = CardTransfer {
        tenant: begin.tenant.clone(),
        id: deciding.id(),
        namespace: begin.namespace.clone(),
        number: begin.number.clone(),
        card: card.id,
        order: card.order,
        from: begin.from.clone(),
        to: begin.to.clone(),
        token_hash: begin.token_hash.clone(),
        made_at: deciding.now(),
        expires_at,
        version: 1,
        state: CardTransferState::Waiting,
    };
    deciding.record(&transfer, CardTransferChange::Begun(Box::new(transfer.clone())));
    deciding.record(&card, CardChange::GivenAway { by: transfer.id });
    Ok(transfer.id)
}

/// What a new transfer must fulfil; when it times out.
fn check(
    deciding: &Deciding<'_>,
    begin: &BeginCardTransfer,
    card: &Card,
) -> Result<Timestamp, CardTransferRefusal> {
    if card.owner != begin.from {
        return Err(CardTransferRefusal::OtherOwner);
    }
    let batch = deciding.row::<CardBatch>(&card.tenant, card.batch);
    if !batch.is_some_and(|batch| batch.is_transferable) {
        return Err(CardTransferRefusal::NotTransferable);
    }
    let state = card.state_at(deciding.view(), deciding.now());
    if state != CardState::Issued {
        return Err(CardTransferRefusal::CardState { state: state.name() });
    }
    let now = deciding.now();
    let expires_at = begin.expires_at.unwrap_or(now.plus_seconds(TRANSFER_LIFE_SECONDS));
    if expires_at <= now || expires_at > now.plus_seconds(TRANSFER_LIFE_SECONDS_MAX) {
        let max = TRANSFER_LIFE_SECONDS_MAX / SECONDS_PER_DAY;
        return Err(CardTransferRefusal::Expiry { max });
    }
    Ok(expires_at)
}

fn receive(
    deciding: &mut Deciding<'_>,
    transfer: &CardTransfer,
    receive: &ReceiveCard,
) -> Result<Id<kinds::CardTransfer>, CardTransferRefusal> {
    if transfer.token_hash != receive.token_hash {
        return Err(CardTransferRefusal::Token);
    }
    if transfer.to.as_ref().is_some_and(|to| *to != receive.owner) {
        return Err(CardTransferRefusal::OtherReceiver);
    }
    match &transfer.state {
        CardTransferState::Received { owner, .. } if *owner == receive.owner => {
            return Ok(transfer.id);
        }
        // Its time is up, and its task has not run yet.
        CardTransferState::Waiting if deciding.now() >= transfer.expires_at => {
            return Err(CardTransferRefusal::Ended { state: "timed_out" });
        }
        CardTransferState::Waiting => {}
        CardTransferState::Received { .. }
        | CardTransferState::Cancelled { .. }
        | CardTransferState::TimedOut { .. } => return Err(ended(transfer)),
    }
    let card = deciding.row::<Card>(&transfer.tenant, transfer.card);
    let card = card.ok_or(CardTransferRefusal::NoCard)?;
    let state = card.state_at(deciding.view(), deciding.now());
    if state != CardState::Transferring {
        return Err(CardTransferRefusal::CardState { state: state.name() });
    }
    let owner = receive.owner.clone();
    deciding.record(transfer, CardTransferChange::Received { owner: owner.clone() });
    deciding.record(&card, CardChange::Received { by: transfer.id, owner });
    Ok(transfer.id)
}

fn cancel(
    deciding: &mut Deciding<'_>,
    transfer: &CardTransfer,
) -> Result<Id<kinds::CardTransfer>, CardTransferRefusal> {
    match transfer.state {
        CardTransferState::Waiting => {
            deciding.record(transfer, CardTransferChange::Cancelled);
            keep(deciding, transfer);
            Ok(transfer.id)
        }
        CardTransferState::Cancelled { .. } => Ok(transfer.id),
        CardTransferState::Received { .. } | CardTransferState::TimedOut { .. } => {
            Err(ended(transfer))
        }
    }
}

/// The task of a transfer: its time is up.
pub(super) fn time_out(deciding: &mut Deciding<'_>, transfer: &CardTransfer) {
    // The claim may have come before its end was committed.
    if transfer.state == CardTransferState::Waiting && deciding.now() >= transfer.expires_at {
        deciding.record(transfer, CardTransferChange::TimedOut);
        keep(deciding, transfer);
    }
}

/// The card is its owner's again. One that expired meanwhile, or was taken back, stays as it is.
fn keep(deciding: &mut Deciding<'_>, transfer: &CardTransfer) {
    let card = deciding.row::<Card>(&transfer.tenant, transfer.card);
    if let Some(card) = card.filter(|card| card.state == CardState::Transferring) {
        deciding.record(&card, CardChange::Kept { by: transfer.id });
    }
}

const fn ended(transfer: &CardTransfer) -> CardTransferRefusal {
    CardTransferRefusal::Ended { state: transfer.state.name() }
}
