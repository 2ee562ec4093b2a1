//! A gift card (礼品卡): value that was paid for and is spent later.
//!
//! A card is issued in the commit that makes its purchase paid. What is left of all cards of a batch is
//! the balance of one account of the book; what is left of one card is in its row, and both move in the
//! same commit.

mod change;
mod decide;
mod number;
mod refund;

pub use change::CardChange;
pub use decide::{CardCommand, CardRefusal, ReadCardSecret};
pub(crate) use number::new_number;
pub use number::{CARD_NUMBER_LEN, has_check_digit};
pub(crate) use refund::{put_back, take_back};

use crate::aggregate::{Aggregate, Key, NaturalKey, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::Sealed;
use ledger::{Fen, Id, Timestamp, kinds};

/// The namespace of cards' numbers.
pub const CARD_NAMESPACE: &str = "card";

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardState {
    /// It belongs to an owner, and is bound to no wallet.
    Issued,
    /// Its owner gave it away, and nobody has received it yet.
    Transferring,
    /// Its merchant has blocked it.
    Frozen,
    /// It was taken back: its price went to the payer, or is on its way there.
    Void,
    /// Its time is up; what was left of it is the selling merchant's.
    Expired,
}

impl CardState {
    /// Every state, for listings and tests.
    pub const ALL: [CardState; 5] = [
        CardState::Issued,
        CardState::Transferring,
        CardState::Frozen,
        CardState::Void,
        CardState::Expired,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            CardState::Issued => "issued",
            CardState::Transferring => "transferring",
            CardState::Frozen => "frozen",
            CardState::Void => "void",
            CardState::Expired => "expired",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<CardState> {
        CardState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The secret of a card, which proves with its number who may use it. It has none until somebody reads
/// it for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardSecret {
    /// The secret, for its owner to read again.
    pub sealed: Sealed,
    /// What a secret that somebody types in is compared with: a keyed hash.
    pub tag: String,
}

/// A gift card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The owner of its batch.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Card>,
    /// The number that people see: 16 digits, the last of which checks the others.
    pub number: String,
    /// Its batch.
    pub batch: Id<kinds::CardBatch>,
    /// The purchase that it was issued for.
    pub recharge: Id<kinds::Recharge>,
    /// The order of that purchase; the root of its story.
    pub order: Id<kinds::Order>,
    /// What it was worth when it was new.
    pub face: Fen,
    /// When it was issued.
    pub made_at: Timestamp,
    /// From when on it can be spent.
    pub begins_at: Timestamp,
    /// Until when it can be spent, unless its batch was extended.
    pub ends_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: CardState,
    /// Whose it is, as callers name them.
    pub owner: String,
    /// What of it was spent.
    pub spent: Fen,
    /// Its secret, once somebody has read it.
    pub secret: Option<CardSecret>,
}

impl Card {
    /// What is left of it; nothing once it has expired or was taken back.
    pub fn balance(&self) -> Fen {
        let left = match self.is_alive() {
            true => self.face.minus(self.spent),
            false => Ok(Fen::ZERO),
        };
        left.unwrap_or_else(|fault| panic!("card {}: {fault}", self.id))
    }

    /// True while its time is not up and nobody has taken it back.
    pub(crate) const fn is_alive(&self) -> bool {
        match self.state {
            CardState::Issued | CardState::Transferring | CardState::Frozen => true,
            CardState::Void | CardState::Expired => false,
        }
    }

    /// True while all that it was worth is left.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_alive() && self.spent == Fen::ZERO
    }

    /// The key of a card's number.
    pub fn key(number: &str) -> Key<kinds::Card> {
        Key::Number(NaturalKey::new(CARD_NAMESPACE, number))
    }
}

impl Aggregate for Card {
    type Kind = kinds::Card;
    type Change = CardChange;
    type Command = CardCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Card> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(NaturalKey::new(CARD_NAMESPACE, self.number.as_str()))
    }

    fn evolve(before: Option<&Card>, event: &Event, change: &CardChange) -> Card {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &CardCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }

    fn linked(&self, reads: &mut Reads) {
        reads.card_batches.push((self.tenant.clone(), Key::Id(self.batch)));
    }
}
