//! What can happen to a card, and what it does to it.

use super::{Card, CardSecret, CardState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Id, kinds};

/// What can happen to a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CardChange {
    /// It was issued; it is complete in here.
    Issued(Box<Card>),
    /// Its secret was made, and read for the first time.
    SecretMade(CardSecret),
    /// Its secret was read again.
    SecretRead,
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
    /// A refund took it back.
    Voided {
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
            CardChange::Frozen { .. } => "frozen",
            CardChange::Unfrozen { .. } => "unfrozen",
            CardChange::GivenAway { .. } => "given_away",
            CardChange::Received { .. } => "received",
            CardChange::Kept { .. } => "kept",
            CardChange::Voided { .. } => "voided",
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
        CardChange::SecretMade(secret) => card.secret = Some(secret.clone()),
        CardChange::SecretRead => {}
        CardChange::Frozen { .. } => card.state = CardState::Frozen,
        CardChange::Unfrozen { .. } | CardChange::Kept { .. } => card.state = CardState::Issued,
        CardChange::GivenAway { .. } => card.state = CardState::Transferring,
        CardChange::Received { owner, .. } => {
            card.state = CardState::Issued;
            card.owner = owner.clone();
            card.secret = None;
        }
        CardChange::Voided { .. } => {
            assert!(card.is_whole(), "{} is taken back and not whole", event.subject);
            card.state = CardState::Void;
        }
        CardChange::Revived { .. } => {
            assert_eq!(card.state, CardState::Void, "{} was not taken back", event.subject);
            card.state = CardState::Issued;
        }
        CardChange::Expired => card.state = CardState::Expired,
    }
    card
}
