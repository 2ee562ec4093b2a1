//! What can happen to what an order took from a wallet, and what it does to it.

use super::WalletPayment;
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Fen, Id, kinds};

/// What can happen to what an order took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalletPaymentChange {
    /// It was taken; it is complete in here.
    Taken(Box<WalletPayment>),
    /// A refund of the order put a part of it back.
    PutBack {
        /// Which refund.
        by: Id<kinds::Refund>,
        /// How much.
        amount: Fen,
    },
}

impl AggregateChange for WalletPaymentChange {
    fn name(&self) -> &'static str {
        match self {
            WalletPaymentChange::Taken(_) => "taken",
            WalletPaymentChange::PutBack { .. } => "put_back",
        }
    }
}

/// What was taken, after an event.
pub(super) fn evolve(
    before: Option<&WalletPayment>,
    event: &Event,
    change: &WalletPaymentChange,
) -> WalletPayment {
    let before = match (change, before) {
        (WalletPaymentChange::Taken(payment), None) => return (**payment).clone(),
        (_, Some(payment)) => payment.clone(),
        (_, None) => panic!("{} is changed before it is taken", event.subject),
    };
    match change {
        WalletPaymentChange::Taken(_) => panic!("{} is taken twice", event.subject),
        WalletPaymentChange::PutBack { amount, .. } => {
            let returned = before.returned.plus(*amount);
            let returned = returned.unwrap_or_else(|fault| panic!("{}: {fault}", event.subject));
            WalletPayment { version: event.sequence, returned, ..before }
        }
    }
}
