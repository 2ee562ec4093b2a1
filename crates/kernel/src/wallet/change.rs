//! What can happen to a wallet, and what it does to it.

use super::{Wallet, WalletState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Id, kinds};

/// What can happen to a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletChange {
    /// It was opened; it is complete in here.
    Opened(Box<Wallet>),
    /// It may be used from now on, or may not.
    StateChanged {
        /// Whether it may be used.
        state: WalletState,
        /// Why, as the caller noted it.
        note: Option<String>,
    },
    /// A gift card is in it from now on.
    CardBound {
        /// Which card.
        card: Id<kinds::Card>,
        /// The cards that made room for it: nothing is left of them.
        dropped: Vec<Id<kinds::Card>>,
    },
}

impl AggregateChange for WalletChange {
    fn name(&self) -> &'static str {
        match self {
            WalletChange::Opened(_) => "opened",
            WalletChange::StateChanged { .. } => "state_changed",
            WalletChange::CardBound { .. } => "card_bound",
        }
    }
}

/// The wallet after an event.
pub(super) fn evolve(before: Option<&Wallet>, event: &Event, change: &WalletChange) -> Wallet {
    let wallet = match (change, before) {
        (WalletChange::Opened(wallet), None) => return (**wallet).clone(),
        (_, Some(wallet)) => wallet.clone(),
        (_, None) => panic!("{} is changed before it is opened", event.subject),
    };
    match change {
        WalletChange::Opened(_) => panic!("{} is opened twice", event.subject),
        WalletChange::StateChanged { state, .. } => {
            Wallet { version: event.sequence, state: *state, ..wallet }
        }
        WalletChange::CardBound { card, dropped } => {
            let kept = wallet.cards.iter().filter(|known| !dropped.contains(known));
            let cards = kept.chain([card]).copied().collect();
            Wallet { version: event.sequence, cards, ..wallet }
        }
    }
}
