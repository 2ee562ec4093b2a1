//! What can happen to a freeze, and what it does to it.

use super::{WalletFreeze, WalletRelease};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::Fen;

/// What can happen to a freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletFreezeChange {
    /// A part of the wallet was frozen; the freeze is complete in here.
    Frozen(Box<WalletFreeze>),
    /// Some of it was released.
    Released {
        /// The caller's number of the release.
        number: String,
        /// How much.
        amount: Fen,
    },
    /// Its time was up, and what remained was released.
    Expired {
        /// How much.
        amount: Fen,
    },
}

impl AggregateChange for WalletFreezeChange {
    fn name(&self) -> &'static str {
        match self {
            WalletFreezeChange::Frozen(_) => "frozen",
            WalletFreezeChange::Released { .. } => "released",
            WalletFreezeChange::Expired { .. } => "expired",
        }
    }
}

/// The freeze after an event.
pub(super) fn evolve(
    before: Option<&WalletFreeze>,
    event: &Event,
    change: &WalletFreezeChange,
) -> WalletFreeze {
    let mut freeze = match (change, before) {
        (WalletFreezeChange::Frozen(freeze), None) => return (**freeze).clone(),
        (_, Some(freeze)) => freeze.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    let (number, amount) = match change {
        WalletFreezeChange::Frozen(_) => panic!("{} is made twice", event.subject),
        WalletFreezeChange::Released { number, amount } => (Some(number.clone()), *amount),
        WalletFreezeChange::Expired { amount } => (None, *amount),
    };
    freeze.version = event.sequence;
    freeze.releases.push(WalletRelease { number, amount, at: event.at });
    freeze
}
