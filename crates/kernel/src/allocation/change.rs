//! What can happen to an allocation, and what it does to it.

use super::{Allocation, AllocationState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::{Fen, Id, kinds};

/// What can happen to an allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllocationChange {
    /// Its order was paid; it is complete in here.
    Made(Box<Allocation>),
    /// Its period is over.
    Credited,
    /// A part of what is frozen was released.
    Released {
        /// By which release.
        by: Id<kinds::AllocationRelease>,
        /// How much.
        amount: Fen,
    },
    /// A part was taken back for a refund.
    TakenBack {
        /// For which refund.
        by: Id<kinds::Refund>,
        /// How much.
        amount: Fen,
    },
    /// What was taken back for a refund was put back, because the refund failed.
    PutBack {
        /// Which refund.
        by: Id<kinds::Refund>,
        /// How much.
        amount: Fen,
    },
}

impl AggregateChange for AllocationChange {
    fn name(&self) -> &'static str {
        match self {
            AllocationChange::Made(_) => "made",
            AllocationChange::Credited => "credited",
            AllocationChange::Released { .. } => "released",
            AllocationChange::TakenBack { .. } => "taken_back",
            AllocationChange::PutBack { .. } => "put_back",
        }
    }
}

/// The allocation after an event.
pub(super) fn evolve(
    before: Option<&Allocation>,
    event: &Event,
    change: &AllocationChange,
) -> Allocation {
    let mut allocation = match (change, before) {
        (AllocationChange::Made(allocation), None) => return (**allocation).clone(),
        (_, Some(allocation)) => allocation.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    allocation.version = event.sequence;
    match change {
        AllocationChange::Made(_) => panic!("{} is made twice", event.subject),
        AllocationChange::Credited => {
            allocation.state = AllocationState::Credited { at: event.at };
        }
        AllocationChange::Released { amount, .. } => {
            allocation.released = sum(allocation.released, *amount);
        }
        AllocationChange::TakenBack { amount, .. } => {
            allocation.returned = sum(allocation.returned, *amount);
        }
        AllocationChange::PutBack { amount, .. } => {
            let less = amount.negated().unwrap_or_else(|fault| panic!("{amount}: {fault}"));
            allocation.returned = sum(allocation.returned, less);
        }
    }
    assert!(
        (Fen::ZERO..=allocation.amount).contains(&allocation.returned)
            && (Fen::ZERO..=allocation.amount).contains(&allocation.released),
        "allocation {} has more released or taken back than it has",
        allocation.id
    );
    allocation
}

fn sum(one: Fen, other: Fen) -> Fen {
    one.plus(other).unwrap_or_else(|fault| panic!("a sum of an allocation: {fault}"))
}
