//! What can happen to a withdrawal, and what it does to it.

use super::{Withdrawal, WithdrawalState};
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a withdrawal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WithdrawalChange {
    /// It was accepted and its amount is held; the withdrawal is complete in here.
    Accepted(Box<Withdrawal>),
    /// The merchant has the money at its bank.
    Paid {
        /// The number of the payout, where it was made.
        outside_reference: String,
        /// What the operator noted.
        note: String,
    },
    /// It was not paid out, and the merchant has the money available again.
    Failed {
        /// Why: what the operator noted.
        note: String,
    },
}

impl AggregateChange for WithdrawalChange {
    fn name(&self) -> &'static str {
        match self {
            WithdrawalChange::Accepted(_) => "accepted",
            WithdrawalChange::Paid { .. } => "paid",
            WithdrawalChange::Failed { .. } => "failed",
        }
    }
}

/// The withdrawal after an event.
pub(super) fn evolve(
    before: Option<&Withdrawal>,
    event: &Event,
    change: &WithdrawalChange,
) -> Withdrawal {
    let mut withdrawal = match (change, before) {
        (WithdrawalChange::Accepted(withdrawal), None) => return (**withdrawal).clone(),
        (_, Some(withdrawal)) => withdrawal.clone(),
        (_, None) => panic!("{} is changed before it is accepted", event.subject),
    };
    let at = event.at;
    withdrawal.version = event.sequence;
    withdrawal.state = match change {
        WithdrawalChange::Accepted(_) => panic!("{} is new twice", event.subject),
        WithdrawalChange::Paid { outside_reference, note } => WithdrawalState::Paid {
            at,
            outside_reference: outside_reference.clone(),
            note: note.clone(),
        },
        WithdrawalChange::Failed { note } => WithdrawalState::Failed { at, note: note.clone() },
    };
    withdrawal
}
