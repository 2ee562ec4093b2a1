//! What can happen to a recharge, and what it does to it.

use super::{Recharge, RechargeState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Fen, Id, IdRun, Timestamp, kinds};

/// What can happen to a recharge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RechargeChange {
    /// It was made, with its order; it is complete in here.
    Made(Box<Recharge>),
    /// Its order was paid, and its cards were issued.
    Issued {
        /// Which cards.
        cards: IdRun<kinds::Card>,
        /// When they expire.
        expires_at: Timestamp,
    },
    /// Its order was paid, and the money is in the wallet.
    Credited,
    /// Its order ended unpaid.
    Released,
    /// The cards' validity was extended.
    Extended {
        /// When they expire.
        expires_at: Timestamp,
    },
    /// The cards' time is up.
    Expired,
    /// A refund that was carried out too late took less of the bonus than its share, or one that failed
    /// left it with the merchant.
    BonusMissed {
        /// Which refund.
        by: Id<kinds::Refund>,
        /// What is missing more; below zero where it is made up for.
        delta: Fen,
    },
}

impl AggregateChange for RechargeChange {
    fn name(&self) -> &'static str {
        match self {
            RechargeChange::Made(_) => "made",
            RechargeChange::Issued { .. } => "issued",
            RechargeChange::Credited => "credited",
            RechargeChange::Released => "released",
            RechargeChange::Extended { .. } => "extended",
            RechargeChange::Expired => "expired",
            RechargeChange::BonusMissed { .. } => "bonus_missed",
        }
    }
}

/// The recharge after an event.
pub(super) fn evolve(
    before: Option<&Recharge>,
    event: &Event,
    change: &RechargeChange,
) -> Recharge {
    let mut recharge = match (change, before) {
        (RechargeChange::Made(recharge), None) => return (**recharge).clone(),
        (_, Some(recharge)) => recharge.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    recharge.version = event.sequence;
    match change {
        RechargeChange::Made(_) => panic!("{} is made twice", event.subject),
        RechargeChange::Issued { cards, expires_at } => {
            assert_eq!(recharge.state, RechargeState::Open, "{} is issued twice", event.subject);
            recharge.state = RechargeState::Issued { at: event.at, cards: *cards };
            recharge.next_poll_at = Some(*expires_at);
        }
        RechargeChange::Credited => {
            assert_eq!(recharge.state, RechargeState::Open, "{} is credited twice", event.subject);
            recharge.state = RechargeState::Credited { at: event.at };
        }
        RechargeChange::Released => {
            assert_eq!(recharge.state, RechargeState::Open, "{} has ended before", event.subject);
            recharge.state = RechargeState::Released { at: event.at };
        }
        RechargeChange::Extended { expires_at } => recharge.next_poll_at = Some(*expires_at),
        RechargeChange::Expired => recharge.next_poll_at = None,
        RechargeChange::BonusMissed { delta, .. } => match recharge.bonus_missing.plus(*delta) {
            Ok(missing) if missing >= Fen::ZERO => recharge.bonus_missing = missing,
            _ => panic!("{}: the missing bonus changes by {delta}", event.subject),
        },
    }
    recharge
}
