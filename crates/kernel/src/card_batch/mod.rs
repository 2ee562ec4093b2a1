//! A batch of gift cards that are alike (礼品卡批次): what a card costs, what it is worth, how long and
//! where it can be spent, and how many can be sold.
//!
//! The stock is counted in three parts: sold cards, cards of purchases that are not paid yet, and the
//! rest. A purchase takes its cards out of the rest when it is made, and puts them back when it ends
//! unpaid, so that no two purchases get the same card of the stock.

mod change;
mod decide;

pub use change::CardBatchChange;
pub use decide::{CardBatchCommand, CardBatchModification, CreateCardBatch};

use crate::aggregate::{Aggregate, Key, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// How many cards a batch may have at most.
pub const BATCH_CARDS_MAX: i64 = 10_000_000;
/// How many days a card may live at most when its life is counted from its issue: 20 years.
pub const VALID_DAYS_MAX: u16 = 7300;
const SECONDS_PER_DAY: i64 = 24 * 3600;

/// Whether a batch is sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardBatchState {
    /// Not sold yet.
    Init,
    /// Sold.
    OnSale,
    /// Not sold for the time being.
    OffSale,
    /// Never sold again; its cards live on.
    Closed,
}

impl CardBatchState {
    /// Every state, for listings and tests.
    pub const ALL: [CardBatchState; 4] = [
        CardBatchState::Init,
        CardBatchState::OnSale,
        CardBatchState::OffSale,
        CardBatchState::Closed,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            CardBatchState::Init => "init",
            CardBatchState::OnSale => "on_sale",
            CardBatchState::OffSale => "off_sale",
            CardBatchState::Closed => "closed",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<CardBatchState> {
        CardBatchState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether an operator may change this state to `next`.
    pub const fn may_become(self, next: CardBatchState) -> bool {
        match (self, next) {
            (_, CardBatchState::Init) | (CardBatchState::Closed, _) => false,
            (CardBatchState::Init, CardBatchState::OffSale) => false,
            (CardBatchState::Init, CardBatchState::OnSale)
            | (CardBatchState::OnSale, CardBatchState::OffSale)
            | (CardBatchState::OffSale, CardBatchState::OnSale)
            | (_, CardBatchState::Closed) => true,
            (CardBatchState::OnSale, CardBatchState::OnSale)
            | (CardBatchState::OffSale, CardBatchState::OffSale) => false,
        }
    }
}

/// How long the cards of a batch can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardValidity {
    /// All of them in the same time.
    Fixed {
        /// From when on.
        begins_at: Timestamp,
        /// Until when; it can be moved to a later time.
        ends_at: Timestamp,
    },
    /// Each for some days from its issue.
    Relative {
        /// How many.
        days: u16,
    },
}

impl CardValidity {
    /// When a card that is issued now begins and ends.
    pub(crate) const fn of_issue(self, now: Timestamp) -> (Timestamp, Timestamp) {
        match self {
            CardValidity::Fixed { begins_at, ends_at } => (begins_at, ends_at),
            CardValidity::Relative { days } => {
                (now, now.plus_seconds(days as i64 * SECONDS_PER_DAY))
            }
        }
    }

    /// When the cards end together; `None` where each has an end of its own.
    pub const fn ends_at(self) -> Option<Timestamp> {
        match self {
            CardValidity::Fixed { ends_at, .. } => Some(ends_at),
            CardValidity::Relative { .. } => None,
        }
    }
}

/// A batch of gift cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardBatch {
    /// The owner.
    pub tenant: TenantId,
    /// Its id; on the wire the CardBatchId, without leading zeros.
    pub id: Id<kinds::CardBatch>,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its number, as its creator gave it.
    pub number: String,
    /// The merchant that sells the cards and collects for them.
    pub merchant: MerchantId,
    /// Its name, for people.
    pub name: String,
    /// What a new card is worth, above zero.
    pub face: Fen,
    /// What a card costs, above zero.
    pub price: Fen,
    /// How many cards one owner may have bought; 0 for any number.
    pub owner_max: u32,
    /// True when an owner may give a card away.
    pub is_transferable: bool,
    /// The merchants at which the cards are spent; none for the selling merchant alone.
    pub accepted_by: Vec<MerchantId>,
    /// When it was created.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Whether it is sold.
    pub state: CardBatchState,
    /// How long its cards can be spent.
    pub validity: CardValidity,
    /// How many cards it has in all.
    pub total: i64,
    /// How many were issued.
    pub issued: i64,
    /// How many belong to purchases that are not paid yet.
    pub reserved: i64,
}

impl CardBatch {
    /// The key by which its creator knows it.
    pub fn key(&self) -> NaturalKey {
        NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() }
    }

    /// How many cards can still be sold.
    pub const fn stock(&self) -> i64 {
        self.total - self.issued - self.reserved
    }

    /// The account of what its cards are still worth.
    pub fn liability(&self) -> Account {
        Account::new(AccountKind::CardLiability, self.id.to_string())
    }

    /// True while purchases of its cards are taken.
    pub fn is_sold(&self, now: Timestamp) -> bool {
        self.state == CardBatchState::OnSale
            && self.validity.ends_at().is_none_or(|ends_at| now < ends_at)
    }

    /// True when its cards can be spent at this merchant.
    pub fn is_accepted_by(&self, merchant: &MerchantId) -> bool {
        match self.accepted_by.is_empty() {
            true => *merchant == self.merchant,
            false => self.accepted_by.contains(merchant),
        }
    }
}

/// A member of a batch that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardBatchField {
    /// Its id, where its creator chose it.
    Id,
    /// The selling merchant.
    Merchant,
    /// What a card is worth.
    Face,
    /// What a card costs.
    Price,
    /// How many cards it has.
    Total,
    /// From when on its cards can be spent.
    BeginsAt,
    /// Until when its cards can be spent.
    EndsAt,
    /// For how many days a card can be spent.
    Days,
    /// The merchants at which its cards are spent.
    AcceptedBy,
    /// Whether it is sold.
    State,
}

/// Why a command about a batch is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardBatchRefusal {
    /// There is no such batch.
    #[error("no such card batch")]
    NotFound,
    /// The batch exists with other content.
    #[error("the card batch exists with other content")]
    Differs,
    /// A member is wrong, or cannot be changed so.
    #[error("{why}")]
    Member {
        /// Which.
        field: CardBatchField,
        /// What is wrong.
        why: &'static str,
    },
}

impl Aggregate for CardBatch {
    type Kind = kinds::CardBatch;
    type Change = CardBatchChange;
    type Command = CardBatchCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::CardBatch> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(self.key())
    }

    fn evolve(before: Option<&CardBatch>, event: &Event, change: &CardBatchChange) -> CardBatch {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &CardBatchCommand) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}

/// The key of a batch of this id.
impl From<Id<kinds::CardBatch>> for Key<kinds::CardBatch> {
    fn from(id: Id<kinds::CardBatch>) -> Key<kinds::CardBatch> {
        Key::Id(id)
    }
}
