//! A gift card (礼品卡): value that was paid for and is spent later.
//!
//! A card is issued in the commit that makes its purchase paid. What is left of all cards of a batch is
//! the balance of one account of the book; what is left of one card is in its row, and both move in the
//! same commit.

mod change;
mod decide;
mod number;
mod refund;
mod spend;

pub use change::CardChange;
pub use decide::{CardCommand, CardRefusal, ReadCardSecret, ResealCardSecret};
pub(crate) use number::new_number;
pub use number::{CARD_NUMBER_LEN, has_check_digit};
pub(crate) use refund::{left_of_price, put_back, take_back};
pub(crate) use spend::{make_up, obstacle, spend, unspend};

use crate::aggregate::{Aggregate, Key, NaturalKey, Reads, View};
use crate::card_batch::CardBatch;
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::Sealed;
use ledger::{Fen, Id, Timestamp, kinds};

/// The namespace of cards' numbers.
pub const CARD_NAMESPACE: &str = "card";
/// How many wrong secrets may be presented for a card in an hour.
const WRONG_MAX: usize = 5;
/// For how long they count, and for how long the card cannot be bound with its secret then.
const LOCK_SECONDS: i64 = 3600;

/// Where a card stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardState {
    /// It belongs to an owner, and is bound to no wallet.
    Issued,
    /// Its owner gave it away, and nobody has received it yet.
    Transferring,
    /// It is in a wallet, which spends it.
    Bound,
    /// It is in a wallet, and nothing is left of it. A refund can put something back.
    UsedUp,
    /// Its merchant has blocked it.
    Frozen,
    /// It was taken back: its price went to the payer, or is on its way there.
    Void,
    /// Its time is up; what was left of it is the selling merchant's.
    Expired,
}

impl CardState {
    /// Every state, for listings and tests.
    pub const ALL: [CardState; 7] = [
        CardState::Issued,
        CardState::Transferring,
        CardState::Bound,
        CardState::UsedUp,
        CardState::Frozen,
        CardState::Void,
        CardState::Expired,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            CardState::Issued => "issued",
            CardState::Transferring => "transferring",
            CardState::Bound => "bound",
            CardState::UsedUp => "used_up",
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

/// The wallet that a card is in. It stays there: nothing takes a card out of its wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundTo {
    /// The wallet.
    pub wallet: Id<kinds::Wallet>,
    /// Since when.
    pub at: Timestamp,
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
    /// The refund that gave its price back, or is about to, while it is void.
    pub void_by: Option<Id<kinds::Refund>>,
    /// Its secret, once somebody has read it.
    pub secret: Option<CardSecret>,
    /// The wallet that it is in, once it is bound.
    pub bound_to: Option<BoundTo>,
    /// When somebody presented a wrong secret: the last times, all within an hour, oldest first.
    pub wrong_secrets: Vec<Timestamp>,
}

impl Card {
    /// What is left of it; nothing once it has expired or was taken back.
    pub fn balance(&self) -> Fen {
        if self.is_alive() { self.unspent() } else { Fen::ZERO }
    }

    /// What of it was not spent.
    pub(crate) fn unspent(&self) -> Fen {
        self.face.minus(self.spent).unwrap_or_else(|fault| panic!("card {}: {fault}", self.id))
    }

    /// True while its time is not up and nobody has taken it back.
    pub(crate) const fn is_alive(&self) -> bool {
        match self.state {
            CardState::Issued
            | CardState::Transferring
            | CardState::Bound
            | CardState::UsedUp
            | CardState::Frozen => true,
            CardState::Void | CardState::Expired => false,
        }
    }

    /// Its state while nobody blocks it, gives it away or takes it back.
    pub(crate) fn usable_state(&self) -> CardState {
        match self.bound_to {
            _ if self.spent == self.face => CardState::UsedUp,
            None => CardState::Issued,
            Some(_) => CardState::Bound,
        }
    }

    /// Until when it can be spent: its batch may have been extended since it was issued.
    pub fn spendable_until(&self, batch: &CardBatch) -> Timestamp {
        batch.validity.ends_at().unwrap_or(self.ends_at)
    }

    /// Its state now: its time may be up though its task has not run yet. The view has its batch.
    pub(crate) fn state_at(&self, view: &View, now: Timestamp) -> CardState {
        let batch = view.card_batches.get(&self.tenant, self.batch);
        let is_over = batch.is_none_or(|batch| now >= self.spendable_until(batch));
        if self.is_alive() && is_over { CardState::Expired } else { self.state }
    }

    /// True while value that was spent of it can be put back: it is alive and can still be spent. The view
    /// has its batch.
    pub(crate) fn can_take_back(&self, view: &View, now: Timestamp) -> bool {
        self.is_alive() && self.state_at(view, now) == self.state
    }

    /// Until when nobody can bind it with its secret, because too many wrong ones were presented.
    pub fn locked_until(&self) -> Option<Timestamp> {
        let last = self.wrong_secrets.last().filter(|_| self.wrong_secrets.len() >= WRONG_MAX);
        last.map(|last| last.plus_seconds(LOCK_SECONDS))
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
