//! An allocation: the part of a paid order's money that another merchant gets in the book.
//!
//! It is made in the commit in which its order is paid. Until its period is over the money waits; then it
//! is credited, available or frozen; what is frozen is released, wholly or in parts. What a refund takes
//! back is taken from where the money lies: the frozen part first, then the available one. So the place of
//! every fen follows from the state and two sums, and taking back and putting back undo each other,
//! regardless of what happened in between.

mod back;
mod change;
mod decide;

pub(crate) use back::{Way, in_proportion, record as record_part};
pub use change::AllocationChange;
pub use decide::AllocationCommand;
pub(crate) use decide::{allocate, release};

use crate::aggregate::{Aggregate, Key, NaturalKey, View};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::event::Event;
use crate::order::{AllocatePeriod, Order};
use crate::standing::Standing;
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};

/// The namespace of allocations: by order and merchant.
const NAMESPACE: &str = "allocation";

/// Where an allocation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllocationState {
    /// The money waits for the end of the period.
    Waiting {
        /// When the period is over.
        until: Timestamp,
    },
    /// The period is over: the merchant has the money, as far as it is not frozen.
    Credited {
        /// When it was credited.
        at: Timestamp,
    },
    /// The order was not divided: the merchant gets nothing.
    Failed {
        /// When that was decided.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl AllocationState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            AllocationState::Waiting { .. } => "waiting",
            AllocationState::Credited { .. } => "credited",
            AllocationState::Failed { .. } => "failed",
        }
    }
}

/// What became of an allocation, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllocationStatus {
    /// Its period is not over.
    Waiting,
    /// A part of it is frozen.
    Frozen,
    /// All that was not taken back is available.
    Available,
    /// All of it was taken back.
    Returned,
    /// The order was not divided.
    Failed,
}

impl AllocationStatus {
    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            AllocationStatus::Waiting => "waiting",
            AllocationStatus::Frozen => "frozen",
            AllocationStatus::Available => "available",
            AllocationStatus::Returned => "returned",
            AllocationStatus::Failed => "failed",
        }
    }
}

/// Where the money of an allocation lies: an account of its merchant each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocationFunds {
    /// Waits for the end of the period.
    pub waiting: Fen,
    /// Is withheld until it is released.
    pub frozen: Fen,
    /// Is the merchant's.
    pub available: Fen,
}

/// A part of an order's money for another merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The owner.
    pub tenant: TenantId,
    /// Its id; on the wire the AllocateId.
    pub id: Id<kinds::Allocation>,
    /// The order whose money it is a part of; the root of its story.
    pub order: Id<kinds::Order>,
    /// The merchant that gets it; once in an order.
    pub merchant: MerchantId,
    /// How much, above zero.
    pub amount: Fen,
    /// From when on the merchant has it.
    pub period: AllocatePeriod,
    /// True when it is withheld then, until it is released.
    pub is_frozen: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: AllocationState,
    /// What of it was released; zero where it is not frozen.
    pub released: Fen,
    /// What of it was taken back for refunds.
    pub returned: Fen,
}

impl Allocation {
    /// The key of a merchant's part of an order.
    pub fn key(order: Id<kinds::Order>, merchant: &MerchantId) -> Key<kinds::Allocation> {
        Key::Number(Allocation::number(order, merchant))
    }

    /// The number of a merchant's part of an order.
    pub(crate) fn number(order: Id<kinds::Order>, merchant: &MerchantId) -> NaturalKey {
        NaturalKey::new(NAMESPACE, format!("{order}/{merchant}"))
    }

    /// Where its money lies. What is taken back is taken off the frozen part first.
    pub fn funds(&self) -> AllocationFunds {
        let left = less(self.amount, self.returned);
        match &self.state {
            AllocationState::Waiting { .. } => {
                AllocationFunds { waiting: left, ..AllocationFunds::default() }
            }
            AllocationState::Credited { .. } => {
                let frozen = match self.is_frozen {
                    true => less(left, self.released),
                    false => Fen::ZERO,
                };
                AllocationFunds { waiting: Fen::ZERO, frozen, available: less(left, frozen) }
            }
            AllocationState::Failed { .. } => AllocationFunds::default(),
        }
    }

    /// What became of it, in one word.
    pub fn status(&self) -> AllocationStatus {
        match &self.state {
            AllocationState::Failed { .. } => AllocationStatus::Failed,
            _ if self.returned == self.amount => AllocationStatus::Returned,
            AllocationState::Waiting { .. } => AllocationStatus::Waiting,
            AllocationState::Credited { .. } if self.funds().frozen.is_positive() => {
                AllocationStatus::Frozen
            }
            AllocationState::Credited { .. } => AllocationStatus::Available,
        }
    }

    /// An account of its merchant.
    pub(crate) fn account(&self, kind: AccountKind) -> Account {
        Account::new(kind, self.merchant.as_str())
    }
}

/// The kinds of account in which the money lies.
const fn by_account(funds: AllocationFunds) -> [(AccountKind, Fen); 3] {
    [
        (AccountKind::MerchantPending, funds.waiting),
        (AccountKind::MerchantFrozen, funds.frozen),
        (AccountKind::MerchantAvailable, funds.available),
    ]
}

/// The difference, and nothing where it would be less.
fn less(whole: Fen, part: Fen) -> Fen {
    whole.minus(part).unwrap_or(Fen::ZERO).max(Fen::ZERO)
}

impl View {
    /// The allocations of a paid order, in the order in which they were requested.
    pub fn allocations_of(&self, order: &Order) -> Vec<&Allocation> {
        let tenant = &order.terms.tenant;
        let find = |number| self.allocations.find(tenant, &Key::Number(number));
        order.allocation_numbers().filter_map(find).collect()
    }
}

/// Why a command about an allocation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AllocationRefusal {
    /// There is no such allocation.
    #[error("no such allocation")]
    NotFound,
}

impl Aggregate for Allocation {
    type Kind = kinds::Allocation;
    type Change = AllocationChange;
    type Command = AllocationCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Allocation> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.order.subject().root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Allocation::number(self.order, &self.merchant))
    }

    /// While it waits it has a task, also when all of it was taken back: that may be put back.
    fn standing(&self) -> Standing {
        let next_poll_at = match &self.state {
            AllocationState::Waiting { until } => Some(*until),
            AllocationState::Credited { .. } | AllocationState::Failed { .. } => None,
        };
        Standing { next_poll_at, ..Standing::default() }
    }

    fn evolve(before: Option<&Allocation>, event: &Event, change: &AllocationChange) -> Allocation {
        change::evolve(before, event, change)
    }

    fn decide(_: &mut Deciding<'_>, command: &AllocationCommand) -> Result<Reply, Refusal> {
        match *command {}
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Allocation>,
    ) -> Result<(), Refusal> {
        let allocation =
            deciding.row::<Allocation>(tenant, id).ok_or(AllocationRefusal::NotFound)?;
        decide::end_period(deciding, &allocation);
        Ok(())
    }
}
