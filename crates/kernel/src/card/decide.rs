//! What can be requested of a card: reading its secret, blocking it.

use super::{Card, CardChange, CardSecret, CardState};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::command::Reply;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use ledger::{Id, kinds};

/// What can be requested of a card by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardCommand {
    /// Read its secret for its owner.
    ReadSecret(Box<ReadCardSecret>),
    /// Seal its secret under another master key.
    Reseal(Box<ResealCardSecret>),
    /// Block it. A blocked card stays as it is.
    Freeze {
        /// The owner of its batch.
        tenant: TenantId,
        /// The card.
        card: Key<kinds::Card>,
        /// Why, in the merchant's words.
        note: Option<String>,
    },
    /// End its block. A card that is not blocked stays as it is.
    Unfreeze {
        /// The owner of its batch.
        tenant: TenantId,
        /// The card.
        card: Key<kinds::Card>,
        /// Why, in the merchant's words.
        note: Option<String>,
    },
}

/// Reads the secret of a card, which is made when it is read for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCardSecret {
    /// The owner of its batch.
    pub tenant: TenantId,
    /// The card.
    pub card: Id<kinds::Card>,
    /// Whose it is, as the caller believes.
    pub owner: String,
    /// A new secret, which the card gets if it has none.
    pub fresh: CardSecret,
}

/// Seals and hashes the secret of a card under another master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResealCardSecret {
    /// The owner of its batch.
    pub tenant: TenantId,
    /// The card.
    pub card: Id<kinds::Card>,
    /// The secret as it was found. One that the card has got since stays.
    pub found: CardSecret,
    /// The same secret, sealed and hashed anew.
    pub again: CardSecret,
}

/// Why a command about a card is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardRefusal {
    /// There is no such card.
    #[error("no such card")]
    NotFound,
    /// Somebody else has it.
    #[error("the card belongs to another owner")]
    OtherOwner,
    /// Its state does not allow it.
    #[error("the card is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
}

impl CardCommand {
    fn card(&self) -> Key<kinds::Card> {
        match self {
            CardCommand::ReadSecret(read) => Key::Id(read.card),
            CardCommand::Reseal(reseal) => Key::Id(reseal.card),
            CardCommand::Freeze { card, .. } | CardCommand::Unfreeze { card, .. } => card.clone(),
        }
    }
}

impl AggregateCommand for CardCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            CardCommand::ReadSecret(read) => &read.tenant,
            CardCommand::Reseal(reseal) => &reseal.tenant,
            CardCommand::Freeze { tenant, .. } | CardCommand::Unfreeze { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            CardCommand::ReadSecret(_) => "read_card_secret",
            CardCommand::Reseal(_) => "reseal_card_secret",
            CardCommand::Freeze { .. } => "freeze_card",
            CardCommand::Unfreeze { .. } => "unfreeze_card",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        reads.cards.push((self.tenant().clone(), self.card()));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &CardCommand,
) -> Result<Reply, CardRefusal> {
    let card = deciding.view().cards.find(command.tenant(), &command.card());
    let card = card.ok_or(CardRefusal::NotFound)?;
    match command {
        CardCommand::ReadSecret(read) => read_secret(deciding, card, read)?,
        CardCommand::Reseal(reseal) => {
            if card.secret.as_ref() == Some(&reseal.found) {
                deciding.record(card, CardChange::SecretResealed(reseal.again.clone()));
            }
        }
        CardCommand::Freeze { note, .. } => freeze(deciding, card, note.clone())?,
        CardCommand::Unfreeze { note, .. } => unfreeze(deciding, card, note.clone())?,
    }
    Ok(Reply::about(card.id.subject()))
}

/// Each reading is an event, so that a story shows who knew the secret, and since when.
fn read_secret(
    deciding: &mut Deciding<'_>,
    card: &Card,
    read: &ReadCardSecret,
) -> Result<(), CardRefusal> {
    if card.owner != read.owner {
        return Err(CardRefusal::OtherOwner);
    }
    if card.state != CardState::Issued {
        return Err(state(card));
    }
    let change = match card.secret {
        Some(_) => CardChange::SecretRead,
        None => CardChange::SecretMade(read.fresh.clone()),
    };
    deciding.record(card, change);
    Ok(())
}

fn freeze(
    deciding: &mut Deciding<'_>,
    card: &Card,
    note: Option<String>,
) -> Result<(), CardRefusal> {
    match card.state {
        CardState::Issued | CardState::Bound | CardState::UsedUp => {
            deciding.record(card, CardChange::Frozen { note });
        }
        CardState::Frozen => {}
        CardState::Transferring | CardState::Void | CardState::Expired => return Err(state(card)),
    }
    Ok(())
}

fn unfreeze(
    deciding: &mut Deciding<'_>,
    card: &Card,
    note: Option<String>,
) -> Result<(), CardRefusal> {
    match card.state {
        CardState::Frozen => deciding.record(card, CardChange::Unfrozen { note }),
        CardState::Issued | CardState::Bound | CardState::UsedUp => {}
        CardState::Transferring | CardState::Void | CardState::Expired => return Err(state(card)),
    }
    Ok(())
}

const fn state(card: &Card) -> CardRefusal {
    CardRefusal::State { state: card.state.name() }
}
