//! A gift card (礼品卡): value that was paid for and is spent later.
//!
//! A card is issued in the commit that makes its purchase paid. What is left of all cards of a batch is
//! the balance of one account of the book; what is left of one card is in its row, and both move in the
//! same commit.

mod change;
mod decide;
mod number;

pub use change::CardChange;
pub use decide::CardCommand;
pub(crate) use number::new_number;
pub use number::{CARD_NUMBER_LEN, has_check_digit};

use crate::aggregate::{Aggregate, Key, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use ledger::{Fen, Id, Timestamp, kinds};

/// The namespace of cards' numbers.
pub const CARD_NAMESPACE: &str = "card";

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardState {
    /// It belongs to an owner, and is bound to no wallet.
    Issued,
    /// Its time is up; what was left of it is the selling merchant's.
    Expired,
}

impl CardState {
    /// Every state, for listings and tests.
    pub const ALL: [CardState; 2] = [CardState::Issued, CardState::Expired];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            CardState::Issued => "issued",
            CardState::Expired => "expired",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<CardState> {
        CardState::ALL.into_iter().find(|state| state.name() == name)
    }
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
}

impl Card {
    /// What is left of it; nothing once it has expired.
    pub fn balance(&self) -> Fen {
        let left = match self.state {
            CardState::Issued => self.face.minus(self.spent),
            CardState::Expired => Ok(Fen::ZERO),
        };
        left.unwrap_or_else(|fault| panic!("card {}: {fault}", self.id))
    }

    /// True while its time is not up.
    pub(crate) const fn is_alive(&self) -> bool {
        match self.state {
            CardState::Issued => true,
            CardState::Expired => false,
        }
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

    fn decide(_: &mut Deciding<'_>, command: &CardCommand) -> Result<Reply, Refusal> {
        match *command {}
    }
}
