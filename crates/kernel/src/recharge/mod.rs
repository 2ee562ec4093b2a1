//! A purchase of stored value (充值单): what an order is paid for, where that is not goods.
//!
//! The order carries the payment with all that can happen to it; the recharge says what is done once it
//! is paid, and keeps what was reserved until then. Both begin in one commit. What was bought is issued in the
//! commit that makes the order paid, and what was reserved is put back in the commit in which the
//! order ends unpaid, so that neither can happen twice or not at all.

mod buy;
mod change;
mod credit;
mod decide;
mod fulfil;
mod pay_in;
mod refund;

pub use buy::BuyCards;
pub(crate) use buy::times;
pub use change::RechargeChange;
pub use decide::RechargeCommand;
pub(crate) use fulfil::{fulfil, obsolete, release};
pub use pay_in::RechargeWallet;
pub(crate) use refund::PaidBack;

use crate::aggregate::{Aggregate, Key, Reads};
use crate::card_quota::CardQuota;
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::standing::Standing;
use ledger::{Fen, Id, IdRun, Timestamp, kinds};

/// How many cards one purchase may have.
pub const CARDS_MAX: u32 = 100;

/// Where a recharge stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RechargeState {
    /// Its order is not paid yet; what it needs is reserved.
    Open,
    /// Its order was paid, and the cards were issued.
    Issued {
        /// When.
        at: Timestamp,
        /// Which cards.
        cards: IdRun<kinds::Card>,
    },
    /// Its order was paid, and the money is in the wallet.
    Credited {
        /// When.
        at: Timestamp,
    },
    /// Its order ended unpaid; what was reserved was put back.
    Released {
        /// When.
        at: Timestamp,
    },
}

impl RechargeState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            RechargeState::Open => "open",
            RechargeState::Issued { .. } => "issued",
            RechargeState::Credited { .. } => "credited",
            RechargeState::Released { .. } => "released",
        }
    }
}

/// What is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RechargePurpose {
    /// Gift cards.
    Cards {
        /// The batch whose cards are bought.
        batch: Id<kinds::CardBatch>,
        /// How many cards.
        quantity: u32,
    },
    /// The balance of a wallet.
    Balance {
        /// The wallet.
        wallet: Id<kinds::Wallet>,
        /// What the merchant adds.
        bonus: Fen,
    },
}

/// A purchase of stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recharge {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Recharge>,
    /// The order that pays for it; the root of its story.
    pub order: Id<kinds::Order>,
    /// What is bought.
    pub purpose: RechargePurpose,
    /// Who gets it, as the caller names them.
    pub owner: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: RechargeState,
    /// What refunds that were carried out too late could not take of the bonus, because it was spent. What
    /// other refunds put back later makes up for it first.
    pub bonus_missing: Fen,
    /// When its cards expire; `None` while there are none, and once they have.
    pub next_poll_at: Option<Timestamp>,
}

impl Recharge {
    /// The cards that were issued for it.
    pub fn cards(&self) -> impl Iterator<Item = Id<kinds::Card>> + use<> {
        let run = match &self.state {
            RechargeState::Issued { cards, .. } => Some(*cards),
            RechargeState::Open
            | RechargeState::Credited { .. }
            | RechargeState::Released { .. } => None,
        };
        run.into_iter().flat_map(|run| run.iter())
    }
}

/// Why a command about a recharge is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RechargeRefusal {
    /// There is no such recharge.
    #[error("no such recharge")]
    NotFound,
    /// There is no such batch.
    #[error("no such card batch")]
    NoBatch,
    /// The batch is not sold now.
    #[error("the card batch is not on sale")]
    NotOnSale,
    /// Too few cards or too many.
    #[error("a purchase has 1 to {max} cards")]
    Quantity {
        /// The limit.
        max: u32,
    },
    /// The order's merchant or amount is not what the batch demands.
    #[error("the cards cost {price} and are sold by merchant {merchant}")]
    Price {
        /// What all cards cost.
        price: Fen,
        /// Who sells them.
        merchant: MerchantId,
    },
    /// Fewer cards are left.
    #[error("{stock} cards are left")]
    Stock {
        /// How many are left.
        stock: i64,
    },
    /// The owner would have more cards of the batch than one owner may buy.
    #[error("one owner may buy {max} cards of the batch, and has bought {taken}")]
    OwnerMax {
        /// The limit.
        max: u32,
        /// How many the owner has.
        taken: u32,
    },
    /// The bonus is below zero.
    #[error("the bonus must not be below zero")]
    Bonus,
    /// The order could be paid when its cards are not valid any more.
    #[error("the cards of the batch expire at {ends_at}, before the order does")]
    Expiry {
        /// When the cards expire.
        ends_at: Timestamp,
    },
}

impl Aggregate for Recharge {
    type Kind = kinds::Recharge;
    type Change = RechargeChange;
    type Command = RechargeCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Recharge> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    /// Its order has the caller's number.
    fn natural_key(&self) -> Option<crate::aggregate::NaturalKey> {
        None
    }

    fn standing(&self) -> Standing {
        Standing { next_poll_at: self.next_poll_at, attention: None, holds: vec![] }
    }

    fn evolve(before: Option<&Recharge>, event: &Event, change: &RechargeChange) -> Recharge {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &RechargeCommand) -> Result<Reply, Refusal> {
        decide::decide(deciding, command)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Recharge>,
    ) -> Result<(), Refusal> {
        let recharge = deciding.row::<Recharge>(tenant, id).ok_or(RechargeRefusal::NotFound)?;
        fulfil::expire(deciding, &recharge)?;
        Ok(())
    }

    fn linked(&self, reads: &mut Reads) {
        let tenant = &self.tenant;
        match self.purpose {
            RechargePurpose::Cards { batch, .. } => {
                reads.card_batches.push((tenant.clone(), Key::Id(batch)));
                reads.card_quotas.push((tenant.clone(), CardQuota::key(batch, &self.owner)));
                reads.cards.extend(self.cards().map(|card| (tenant.clone(), Key::Id(card))));
            }
            RechargePurpose::Balance { wallet, .. } => {
                reads.wallets.push((tenant.clone(), Key::Id(wallet)));
            }
        }
    }
}
