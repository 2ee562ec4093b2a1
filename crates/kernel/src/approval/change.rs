//! What can happen to an approval, and what it does to it.

use super::{Approval, ApprovalState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use ledger::Timestamp;
use std::sync::Arc;

/// What can happen to an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalChange {
    /// An operator proposed a manual command; the approval is complete in here.
    Proposed(Box<Approval>),
    /// Its proposer proposed it again, after it was rejected, refused or expired.
    ProposedAgain {
        /// When it expires now.
        expires_at: Timestamp,
    },
    /// A second operator approved it, and it was carried out in the same commit.
    Approved {
        /// The approver's name.
        by: Arc<str>,
    },
    /// A second operator approved it, and it could not be carried out any more. Nothing moved.
    Refused {
        /// The approver's name.
        by: Arc<str>,
        /// Why it was refused.
        reason: String,
    },
    /// An operator decided that it is not carried out.
    Rejected {
        /// The operator's name.
        by: Arc<str>,
        /// Why, for people.
        note: String,
    },
    /// No second operator decided in time.
    Expired,
}

impl AggregateChange for ApprovalChange {
    fn name(&self) -> &'static str {
        match self {
            ApprovalChange::Proposed(_) => "proposed",
            ApprovalChange::ProposedAgain { .. } => "proposed_again",
            ApprovalChange::Approved { .. } => "approved",
            ApprovalChange::Refused { .. } => "refused",
            ApprovalChange::Rejected { .. } => "rejected",
            ApprovalChange::Expired => "expired",
        }
    }
}

/// The approval after an event.
pub(super) fn evolve(
    before: Option<&Approval>,
    event: &Event,
    change: &ApprovalChange,
) -> Approval {
    let mut approval = match (change, before) {
        (ApprovalChange::Proposed(approval), None) => return (**approval).clone(),
        (_, Some(approval)) => approval.clone(),
        (_, None) => panic!("{} is changed before it is proposed", event.subject),
    };
    let at = event.at;
    approval.version = event.sequence;
    approval.state = match change {
        ApprovalChange::Proposed(_) => panic!("{} is new twice", event.subject),
        ApprovalChange::ProposedAgain { expires_at } => {
            approval.proposed_at = at;
            approval.expires_at = *expires_at;
            ApprovalState::Proposed
        }
        ApprovalChange::Approved { by } => ApprovalState::Approved { at, by: by.clone() },
        ApprovalChange::Refused { by, reason } => {
            ApprovalState::Refused { at, by: by.clone(), reason: reason.clone() }
        }
        ApprovalChange::Rejected { by, note } => {
            ApprovalState::Rejected { at, by: by.clone(), note: note.clone() }
        }
        ApprovalChange::Expired => ApprovalState::Expired { at },
    };
    approval
}
