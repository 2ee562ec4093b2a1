//! What happens to approvals.

use super::{Facts, at, fen, text};
use crate::words::local;
use kernel::{Approval, ApprovalChange};
use ledger::{Id, Subject, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &ApprovalChange) -> String {
    let id: Id<kinds::Approval> = Id::from_value(subject.value);
    match change {
        ApprovalChange::Proposed(approval) => format!("approval {id}: {}", approval.describe()),
        ApprovalChange::ProposedAgain { expires_at } => {
            format!("approval {id} is proposed again, until {}", local(*expires_at))
        }
        ApprovalChange::Approved { by } => {
            format!("approval {id}: {by} approves, and it is carried out")
        }
        ApprovalChange::Refused { by, reason } => {
            format!("approval {id}: {by} approves, and it is REFUSED, nothing moved: {reason}")
        }
        ApprovalChange::Rejected { by, note } => format!("approval {id}: {by} rejects: {note}"),
        ApprovalChange::Expired => {
            format!("approval {id} expired: no second operator decided, nothing moved")
        }
    }
}

pub(super) fn facts(change: &ApprovalChange) -> Facts {
    match change {
        ApprovalChange::Proposed(approval) => proposal(approval),
        ApprovalChange::ProposedAgain { expires_at } => vec![at("expires_at", *expires_at)],
        ApprovalChange::Approved { by } => vec![text("approver", &**by)],
        ApprovalChange::Refused { by, reason } => {
            vec![text("approver", &**by), text("reason", reason)]
        }
        ApprovalChange::Rejected { by, note } => {
            vec![text("rejected_by", &**by), text("note", note)]
        }
        ApprovalChange::Expired => vec![],
    }
}

fn proposal(approval: &Approval) -> Facts {
    let command = &approval.command;
    let mut facts = vec![
        text("proposer", &*approval.proposer),
        text("command", command.name()),
        at("expires_at", approval.expires_at),
        text("digest", &approval.digest),
    ];
    facts.extend(command.note().map(|note| text("note", note)));
    facts.extend(command.outside_reference().map(|no| text("outside_reference", no)));
    if let Some(payment) = &approval.payment {
        facts.push(text("payment_reference", &payment.payment_reference));
        facts.push(fen("amount_fen", payment.amount));
    }
    facts
}
