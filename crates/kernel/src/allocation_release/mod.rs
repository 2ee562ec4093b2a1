//! A release of frozen allocations: made and carried out in one commit, and kept so that a repeat of its
//! number is recognised.

mod change;
mod decide;

pub use change::AllocationReleaseChange;
pub use decide::{AllocationReleaseCommand, ReleaseAllocations};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// What of one merchant's part of an order is released or taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationPart {
    /// The merchant.
    pub merchant: MerchantId,
    /// How much, above zero.
    pub amount: Fen,
}

/// The parts in the order of their merchants: lists of the same parts are equal then.
pub(crate) fn by_merchant(parts: impl Iterator<Item = AllocationPart>) -> Vec<AllocationPart> {
    let mut parts: Vec<AllocationPart> = parts.collect();
    parts.sort_by(|one, other| one.merchant.as_str().cmp(other.merchant.as_str()));
    parts
}

/// A release of frozen allocations of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationRelease {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::AllocationRelease>,
    /// The order whose allocations were released; the root of its story.
    pub order: Id<kinds::Order>,
    /// Whose numbering its number belongs to.
    pub namespace: Arc<str>,
    /// Its caller's number.
    pub number: String,
    /// What was released.
    pub parts: Vec<AllocationPart>,
    /// When it was made and carried out.
    pub made_at: Timestamp,
    /// Counts its events: 1.
    pub version: i64,
}

/// Why a release is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationReleaseRefusal {
    /// There is no such order.
    #[error("no such order")]
    NotFound,
    /// The release exists with other content.
    #[error("the release exists with other content")]
    Differs,
    /// The order is not paid.
    #[error("the order is {state}")]
    State {
        /// The order's state.
        state: &'static str,
    },
    /// Nothing is to be released.
    #[error("nothing to release")]
    NoParts,
    /// The merchant gets nothing of the order.
    #[error("the order allocates nothing to this merchant")]
    NotAllocated {
        /// Which part, counted from 0.
        at: usize,
    },
    /// The merchant stands in the list before.
    #[error("the merchant appears twice")]
    Twice {
        /// Which part, counted from 0.
        at: usize,
    },
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount {
        /// Which part, counted from 0.
        at: usize,
    },
    /// The period is not over: nothing is frozen yet.
    #[error("the allocation waits for its period")]
    Waiting {
        /// Which part, counted from 0.
        at: usize,
    },
    /// Less is frozen.
    #[error("more than is frozen: {frozen}")]
    NotFrozen {
        /// Which part, counted from 0.
        at: usize,
        /// What is frozen.
        frozen: Fen,
    },
}

impl Aggregate for AllocationRelease {
    type Kind = kinds::AllocationRelease;
    type Change = AllocationReleaseChange;
    type Command = AllocationReleaseCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::AllocationRelease> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(NaturalKey { namespace: self.namespace.clone(), number: self.number.clone() })
    }

    fn evolve(
        before: Option<&AllocationRelease>,
        event: &Event,
        change: &AllocationReleaseChange,
    ) -> AllocationRelease {
        change::evolve(before, event, change)
    }

    fn decide(
        deciding: &mut Deciding<'_>,
        command: &AllocationReleaseCommand,
    ) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
