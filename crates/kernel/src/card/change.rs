//! What can happen to a card, and what it does to it.

use super::{BoundTo, Card, CardSecret, CardState, LOCK_SECONDS};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Fen, Id, kinds};

/// What can happen to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChange {
    /// It was issued; it is complete in here.
    Issued(Box<Card>),
    /// Its secret was made, and read for the first time.
    SecretMade(CardSecret),
    /// Its secret was read again.
    SecretRead,
    /// The same secret is sealed and hashed under another master key.
    SecretResealed(CardSecret),
    /// Its merchant blocked it.
    Frozen {
        /// Why, in the merchant's words.
        note: Option<String>,
    },
    /// Its merchant ended the block.
    Unfrozen {
        /// Why, in the merchant's words.
        note: Option<String>,
    },
    /// Its owner gave it away; it waits for the receiver.
    GivenAway {
        /// With which transfer.
        by: Id<kinds::CardTransfer>,
    },
    /// The receiver has it. Its secret was known to the former owner, so that it has none now.
    Received {
        /// With which transfer.
        by: Id<kinds::CardTransfer>,
        /// Whose it is now.
        owner: String,
    },
    /// Nobody received it: it is its owner's again.
    Kept {
        /// Which transfer ended.
        by: Id<kinds::CardTransfer>,
    },
    /// Somebody presented a wrong secret for it.
    WrongSecret,
    /// It is in a wallet from now on.
    Bound {
        /// With which binding.
        by: Id<kinds::CardBinding>,
        /// The wallet.
        wallet: Id<kinds::Wallet>,
    },
    /// Nothing was left of it, and it left its wallet to make room for another.
    Dropped {
        /// With which binding.
        by: Id<kinds::CardBinding>,
    },
    /// An order took a part of its value.
    Spent {
        /// Which order.
        by: Id<kinds::Order>,
        /// How much.
        amount: Fen,
    },
    /// A refund of an order put a part of its value back.
    PutBack {
        /// Which refund.
        by: Id<kinds::Refund>,
        /// How much.
        amount: Fen,
    },
    /// A refund took it back.
    Voided {
        /// Which refund.
        by: Id<kinds::Refund>,
        /// What was left of it.
        amount: Fen,
    },
    /// Another refund of its price, which had failed, was carried out after all while it was void: the
    /// end of the one that took it back cannot revive it any more.
    PaidBack {
        /// Which refund.
        by: Id<kinds::Refund>,
    },
    /// The refund that took it back failed: it is as it was issued.
    Revived {
        /// Which refund.
        by: Id<kinds::Refund>,
    },
    /// Its time is up.
    Expired,
}

impl AggregateChange for CardChange {
    fn name(&self) -> &'static str {
        match self {
            CardChange::Issued(_) => "issued",
            CardChange::SecretMade(_) => "secret_made",
            CardChange::SecretRead => "secret_read",
            CardChange::SecretResealed(_) => "secret_resealed",
            CardChange::Frozen { .. } => "frozen",
            CardChange::Unfrozen { .. } => "unfrozen",
            CardChange::GivenAway { .. } => "given_away",
            CardChange::Received { .. } => "received",
            CardChange::Kept { .. } => "kept",
            CardChange::WrongSecret => "wrong_secret",
            CardChange::Bound { .. } => "bound",
            CardChange::Dropped { .. } => "dropped",
            CardChange::Spent { .. } => "spent",
            CardChange::PutBack { .. } => "put_back",
            CardChange::Voided { .. } => "voided",
            CardChange::PaidBack { .. } => "paid_back",
            CardChange::Revived { .. } => "revived",
            CardChange::Expired => "expired",
        }
    }
}

/// The card after an event.
pub(super) fn evolve(before: Option<&Card>, event: &Event, change: &CardChange) -> Card {
    let mut card = match (change, before) {
        (CardChange::Issued(card), None) => return (**card).clone(),
        (_, Some(card)) => card.clone(),
        (_, None) => panic!("{} is changed before it is issued", event.subject),
    };
    card.version = event.sequence;
    match change {
        CardChange::Issued(_) => panic!("{} is issued twice", event.subject),
        CardChange::SecretMade(secret) | CardChange::SecretResealed(secret) => {
            card.secret = Some(secret.clone());
        }
        CardChange::SecretRead => {}
        CardChange::Frozen { .. } => card.state = CardState::Frozen,
        CardChange::Unfrozen { .. } | CardChange::Kept { .. } => card.state = card.usable_state(),
        CardChange::GivenAway { .. } => card.state = CardState::Transferring,
        CardChange::Received { owner, .. } => {
            card.state = CardState::Issued;
            card.owner = owner.clone();
            card.secret = None;
            card.wrong_secrets.clear();
        }
        CardChange::WrongSecret => {
            let since = event.at.plus_seconds(-LOCK_SECONDS);
            card.wrong_secrets.retain(|at| *at > since);
            card.wrong_secrets.push(event.at);
        }
        CardChange::Dropped { .. } => card.bound_to = None,
        CardChange::Bound { wallet, .. } => {
            assert_eq!(card.bound_to, None, "{} is bound twice", event.subject);
            card.bound_to = Some(BoundTo { wallet: *wallet, at: event.at });
            card.wrong_secrets.clear();
            card.state = card.usable_state();
        }
        CardChange::Spent { amount, .. } => {
            assert_eq!(card.state, CardState::Bound, "{} is spent", event.subject);
            move_spent(&mut card, event, amount.get());
        }
        CardChange::PutBack { amount, .. } => {
            let is_expired = card.state == CardState::Expired;
            assert!(!is_expired, "{} has expired and gets something back", event.subject);
            move_spent(&mut card, event, -amount.get());
        }
        CardChange::Voided { by, .. } => {
            assert!(card.is_alive(), "{} is taken back and not alive", event.subject);
            card.state = CardState::Void;
            card.void_by = Some(*by);
        }
        CardChange::PaidBack { by } => {
            assert_eq!(card.state, CardState::Void, "{} was not taken back", event.subject);
            card.void_by = Some(*by);
        }
        CardChange::Revived { by } => {
            assert_eq!(card.void_by, Some(*by), "{} is not void by this refund", event.subject);
            card.void_by = None;
            card.state = card.usable_state();
        }
        CardChange::Expired => card.state = CardState::Expired,
    }
    card
}

/// Counts what was spent of a card. A frozen one stays frozen, a void one void.
fn move_spent(card: &mut Card, event: &Event, fen: i64) {
    let spent = card.spent.plus(Fen::new(fen));
    card.spent = spent.unwrap_or_else(|fault| panic!("{}: {fault}", event.subject));
    let is_within = (Fen::ZERO..=card.face).contains(&card.spent);
    assert!(is_within, "{}: {} of {} are spent", event.subject, card.spent, card.face);
    if !matches!(card.state, CardState::Frozen | CardState::Void) {
        card.state = card.usable_state();
    }
}
