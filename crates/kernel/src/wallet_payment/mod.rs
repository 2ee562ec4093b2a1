//! What an order took from a wallet, so that refunds put the same value back where it came from.
//!
//! Value is taken in the decision that makes the order paid: either all of it, or none and the order has
//! failed. It goes through the account of the channel that stands for wallets, so that an order that is paid from
//! a wallet is booked like every other; nothing stays in that account.

mod change;
mod decide;
mod money;
mod sources;

pub use change::WalletPaymentChange;
pub use decide::WalletPaymentCommand;
pub(crate) use money::{Shortage, put_back, take};
pub(crate) use sources::balance_parts;

use crate::aggregate::{Aggregate, Key, NaturalKey, Reads};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use ledger::{Fen, Id, Timestamp, kinds};

/// The namespace of what orders took: by order.
const NAMESPACE: &str = "wallet_payment";

/// What of a wallet pays for an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletUse {
    /// The wallet.
    pub wallet: Id<kinds::Wallet>,
    /// What of it.
    pub deduct: Deduct,
}

/// What of a wallet is used, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deduct {
    /// Its cards, those that end first before others, then its balance.
    CardsFirst,
    /// Its balance alone: what was paid in, then the bonuses.
    Balance,
    /// These cards alone, in this order.
    Cards(Vec<Id<kinds::Card>>),
}

impl Deduct {
    /// The cards that are named; none where all or none are used.
    pub fn listed(&self) -> &[Id<kinds::Card>] {
        match self {
            Deduct::Cards(cards) => cards,
            Deduct::CardsFirst | Deduct::Balance => &[],
        }
    }
}

/// From where value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueSource {
    /// A gift card in the wallet.
    Card(Id<kinds::Card>),
    /// What the wallet's owner paid in.
    Principal,
    /// The owner's bonuses.
    Bonus,
}

impl ValueSource {
    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            ValueSource::Card(_) => "card",
            ValueSource::Principal => "principal",
            ValueSource::Bonus => "bonus",
        }
    }
}

/// A part of what was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuePart {
    /// From where.
    pub source: ValueSource,
    /// How much, above zero.
    pub amount: Fen,
}

/// What an order took from a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletPayment {
    /// The owner of the order.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::WalletPayment>,
    /// The order; the root of its story.
    pub order: Id<kinds::Order>,
    /// The wallet.
    pub wallet: Id<kinds::Wallet>,
    /// What was taken, in that order; in sum what the order was paid with.
    pub parts: Vec<ValuePart>,
    /// When it was taken.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// How much of it was put back: what was taken last is put back first.
    pub returned: Fen,
}

impl WalletPayment {
    /// The key of what an order took.
    pub fn key(order: Id<kinds::Order>) -> Key<kinds::WalletPayment> {
        Key::Number(WalletPayment::number(order))
    }

    fn number(order: Id<kinds::Order>) -> NaturalKey {
        NaturalKey::new(NAMESPACE, order.to_string())
    }

    /// Where the next `amount` of it goes back to, after what was put back before.
    pub fn backwards(&self, amount: Fen) -> Vec<ValuePart> {
        backwards(&self.parts, self.returned, amount)
    }
}

/// The next `amount` of parts that go back the last one first, after `gone` went before.
pub(crate) fn backwards(taken: &[ValuePart], gone: Fen, amount: Fen) -> Vec<ValuePart> {
    let (mut skipped, mut wanted) = (gone.get(), amount.get());
    let mut parts = vec![];
    for part in taken.iter().rev() {
        let gone = part.amount.get().min(skipped);
        let back = (part.amount.get() - gone).min(wanted);
        skipped -= gone;
        wanted -= back;
        parts.push(ValuePart { amount: Fen::new(back), ..*part });
    }
    parts.retain(|part| part.amount.is_positive());
    parts
}

impl Aggregate for WalletPayment {
    type Kind = kinds::WalletPayment;
    type Change = WalletPaymentChange;
    type Command = WalletPaymentCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::WalletPayment> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(WalletPayment::number(self.order))
    }

    fn evolve(
        before: Option<&WalletPayment>,
        event: &Event,
        change: &WalletPaymentChange,
    ) -> WalletPayment {
        change::evolve(before, event, change)
    }

    fn decide(_: &mut Deciding<'_>, command: &WalletPaymentCommand) -> Result<Reply, Refusal> {
        match *command {}
    }

    /// The cards that it took from: one that needed its place in the wallet for another is not loaded with that.
    fn linked(&self, reads: &mut Reads) {
        let cards = self.parts.iter().filter_map(|part| match part.source {
            ValueSource::Card(card) => Some((self.tenant.clone(), Key::Id(card))),
            ValueSource::Principal | ValueSource::Bonus => None,
        });
        reads.cards.extend(cards);
    }
}
