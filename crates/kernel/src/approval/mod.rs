//! An approval: a command with which an operator moves money by hand, kept until a second operator has
//! decided about it.
//!
//! Approving it carries the command out in the same commit, by the rules of the order, refund or
//! withdrawal that it is about, so that an approved command is a command that happened. Where those rules refuse it, because
//! the world moved on, the approval ends refused and nothing moves. A proposer can never approve. The
//! same command of the same operator is one approval, which can be proposed again once it has ended
//! without effect.

mod change;
mod decide;
mod manual;

pub use change::ApprovalChange;
pub use decide::{ApprovalCommand, Proposal};
pub use manual::{Manual, ManualCommand, ManualRoot};

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind, Exit, Standing};
use ledger::{Fen, Id, Subject, Timestamp, kinds};
use std::sync::Arc;

/// How long a proposal can be approved, in seconds.
pub const APPROVAL_LIFE_SECONDS: i64 = 24 * 3600;

/// Where an approval stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalState {
    /// A second operator has to decide.
    Proposed,
    /// It was approved and carried out.
    Approved {
        /// When.
        at: Timestamp,
        /// The approver's name.
        by: Arc<str>,
    },
    /// It was approved and could not be carried out any more. Nothing moved.
    Refused {
        /// When.
        at: Timestamp,
        /// The approver's name.
        by: Arc<str>,
        /// Why it was refused.
        reason: String,
    },
    /// An operator decided that it is not carried out.
    Rejected {
        /// When.
        at: Timestamp,
        /// The operator's name.
        by: Arc<str>,
        /// Why, for people.
        note: String,
    },
    /// Nobody decided in time.
    Expired {
        /// When that was recorded.
        at: Timestamp,
    },
}

impl ApprovalState {
    /// The words in storage, listings and documents.
    pub const NAMES: [&'static str; 5] = ["proposed", "approved", "refused", "rejected", "expired"];

    /// The word in storage, listings and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            ApprovalState::Proposed => "proposed",
            ApprovalState::Approved { .. } => "approved",
            ApprovalState::Refused { .. } => "refused",
            ApprovalState::Rejected { .. } => "rejected",
            ApprovalState::Expired { .. } => "expired",
        }
    }
}

/// The payment that a manual command is about: an order's contested payment, the one that a refund
/// gives back, or what a withdrawal pays out, by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcernedPayment {
    /// The channel's number of the payment.
    pub payment_reference: String,
    /// Its amount.
    pub amount: Fen,
}

/// A manual command that an operator proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The owner.
    pub tenant: TenantId,
    /// Its id.
    pub id: Id<kinds::Approval>,
    /// The order or withdrawal that the command is about; the root of its story.
    pub root: Subject,
    /// What is carried out when it is approved.
    pub command: ManualCommand,
    /// The payment as the proposer saw it; about another nothing is carried out. `None` where no
    /// payment was there.
    pub payment: Option<ConcernedPayment>,
    /// A digest over command and proposer, which an approver repeats.
    pub digest: String,
    /// The proposer's name; an operator of this name cannot approve.
    pub proposer: Arc<str>,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// When it was proposed last.
    pub proposed_at: Timestamp,
    /// From when on it cannot be approved.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: ApprovalState,
}

impl Approval {
    pub(crate) fn key(digest: &str) -> NaturalKey {
        NaturalKey::new("approval", digest)
    }

    /// Who proposes what, for people.
    pub fn describe(&self) -> String {
        let what = self.command.describe();
        let payment = self
            .payment
            .as_ref()
            .map(|payment| format!(" (payment {}, {})", payment.payment_reference, payment.amount));
        format!("{} proposes {what}{}", self.proposer, payment.unwrap_or_default())
    }
}

/// Why a command about an approval is refused, in the order in which it is checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    /// It was not an operator who called.
    #[error("only operators propose and approve")]
    NotOperator,
    /// There is no such approval.
    #[error("no such approval")]
    NotFound,
    /// The digest is of another proposal.
    #[error("the digest is not the approval's")]
    Differs,
    /// The proposer wants to approve.
    #[error("the proposer cannot approve: a second operator must")]
    OwnProposal,
    /// The approval's state does not allow it.
    #[error("the approval is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
    /// The same command was carried out already, or proposed about another payment.
    #[error("the same command was proposed before and is spent: give another note")]
    Spent,
    /// The payment is not the one that the proposer saw.
    #[error("another payment is contested now than when it was proposed")]
    OtherPayment,
}

impl Aggregate for Approval {
    type Kind = kinds::Approval;
    type Change = ApprovalChange;
    type Command = ApprovalCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::Approval> {
        self.id
    }

    fn root(&self) -> Id<kinds::Root> {
        self.root.root()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(Approval::key(&self.digest))
    }

    fn standing(&self) -> Standing {
        match &self.state {
            ApprovalState::Proposed => Standing {
                next_poll_at: Some(self.expires_at),
                attention: Some(Attention {
                    kind: AttentionKind::ApprovalPending,
                    reason: Arc::from(self.describe()),
                    since: self.proposed_at,
                }),
                ..Standing::settled()
            },
            ApprovalState::Approved { .. }
            | ApprovalState::Refused { .. }
            | ApprovalState::Rejected { .. }
            | ApprovalState::Expired { .. } => Standing::settled(),
        }
    }

    fn exits(&self) -> Vec<Exit> {
        match self.state {
            ApprovalState::Proposed => vec![Exit::Approve, Exit::Reject],
            ApprovalState::Approved { .. }
            | ApprovalState::Refused { .. }
            | ApprovalState::Rejected { .. }
            | ApprovalState::Expired { .. } => vec![],
        }
    }

    fn evolve(before: Option<&Approval>, event: &Event, change: &ApprovalChange) -> Approval {
        change::evolve(before, event, change)
    }

    fn decide(deciding: &mut Deciding<'_>, command: &ApprovalCommand) -> Result<Reply, Refusal> {
        decide::decide(deciding, command)
    }

    fn run_task(
        deciding: &mut Deciding<'_>,
        tenant: &TenantId,
        id: Id<kinds::Approval>,
    ) -> Result<(), Refusal> {
        let approval = deciding.row::<Approval>(tenant, id).ok_or(ApprovalRefusal::NotFound)?;
        decide::run_task(deciding, &approval);
        Ok(())
    }
}
