//! How a manual command is proposed, and how a second operator decides about it.

use super::{
    APPROVAL_LIFE_SECONDS, Approval, ApprovalChange, ApprovalRefusal, ApprovalState,
    ConcernedPayment, Manual, ManualCommand, ManualRoot,
};
use crate::aggregate::{AggregateCommand, Key, Reads, decide_own};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Caller;
use crate::order::{Order, OrderRefusal};
use crate::refund::{Refund, suspense};
use crate::share::Share;
use crate::share_return::ShareReturn;
use crate::withdrawal::{Withdrawal, WithdrawalRefusal};
use ledger::{Fen, Id, Subject, kinds};
use std::sync::Arc;

/// What can be requested of an approval. Only operators request it, and a repeat of what was decided
/// answers the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalCommand {
    /// Propose a manual command, or show again what was proposed. Where the command has nothing left
    /// to do, the row that it is about is shown.
    Propose(Box<Proposal>),
    /// By a second operator: carry out what was proposed.
    Approve {
        /// The owner.
        tenant: TenantId,
        /// The approval.
        approval: Id<kinds::Approval>,
        /// The order or withdrawal that it is about; the root of its story.
        root: Subject,
        /// The row beneath the root that it is about, if it is about one.
        row: Option<Subject>,
        /// The digest that the approver saw, so that nothing else is approved.
        digest: String,
    },
    /// Do not carry out what was proposed. The proposer may withdraw it so.
    Reject {
        /// The owner.
        tenant: TenantId,
        /// The approval.
        approval: Id<kinds::Approval>,
        /// Why, for people.
        note: String,
    },
}

/// A manual command that an operator proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The owner.
    pub tenant: TenantId,
    /// What is proposed.
    pub manual: Manual,
    /// A digest over [`Manual::content`].
    pub digest: String,
}

impl AggregateCommand for ApprovalCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            ApprovalCommand::Propose(proposal) => &proposal.tenant,
            ApprovalCommand::Approve { tenant, .. } | ApprovalCommand::Reject { tenant, .. } => {
                tenant
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            ApprovalCommand::Propose(_) => "propose_manual_command",
            ApprovalCommand::Approve { .. } => "approve_manual_command",
            ApprovalCommand::Reject { .. } => "reject_manual_command",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        let tenant = self.tenant();
        match self {
            ApprovalCommand::Propose(proposal) => {
                let key = Key::Number(Approval::key(&proposal.digest));
                reads.approvals.push((tenant.clone(), key));
                proposal.manual.command(tenant).reads(reads);
            }
            ApprovalCommand::Approve { approval, root, row, .. } => {
                reads.approvals.push((tenant.clone(), Key::Id(*approval)));
                reads.subject(tenant, *root, root.root());
                if let Some(row) = row {
                    reads.subject(tenant, *row, root.root());
                }
                reads.balances.push((tenant.clone(), suspense(tenant)));
            }
            ApprovalCommand::Reject { approval, .. } => {
                reads.approvals.push((tenant.clone(), Key::Id(*approval)));
            }
        }
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &ApprovalCommand,
) -> Result<Reply, Refusal> {
    let Caller::Operator(operator) = deciding.caller().clone() else {
        return Err(ApprovalRefusal::NotOperator.into());
    };
    match command {
        ApprovalCommand::Propose(proposal) => propose(deciding, operator, proposal),
        ApprovalCommand::Approve { tenant, approval, root, row, digest } => {
            let known = find(deciding, tenant, *approval)?;
            // What was loaded is what the caller named; the approval must be about just that.
            if (known.root, known.command.row()) != (*root, *row) {
                return Err(ApprovalRefusal::NotFound.into());
            }
            if known.digest != *digest {
                return Err(ApprovalRefusal::Differs.into());
            }
            approve(deciding, operator, &known)
        }
        ApprovalCommand::Reject { tenant, approval, note } => {
            let known = find(deciding, tenant, *approval)?;
            Ok(reject(deciding, operator, &known, note)?)
        }
    }
}

fn find(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Approval>,
) -> Result<Approval, ApprovalRefusal> {
    deciding.row::<Approval>(tenant, id).ok_or(ApprovalRefusal::NotFound)
}

fn propose(
    deciding: &mut Deciding<'_>,
    proposer: Arc<str>,
    proposal: &Proposal,
) -> Result<Reply, Refusal> {
    let Proposal { tenant, manual, digest } = proposal;
    // What would be refused now is refused now, and what is done already needs nobody.
    let trial = deciding.trial(&manual.command(tenant))?;
    if trial.events.is_empty() {
        return Ok(trial.reply);
    }
    let root = root_of(deciding, tenant, &manual.root)?;
    let payment = concerned(deciding, tenant, root, &manual.command);
    let expires_at = deciding.now().plus_seconds(APPROVAL_LIFE_SECONDS);
    let key = Key::Number(Approval::key(digest));
    let Some(known) = deciding.view().approvals.find(tenant, &key) else {
        let approval = Approval {
            tenant: tenant.clone(),
            id: deciding.id(),
            root,
            command: manual.command.clone(),
            payment,
            digest: digest.clone(),
            proposer,
            version: 1,
            proposed_at: deciding.now(),
            expires_at,
            state: ApprovalState::Proposed,
        };
        deciding.record(&approval, ApprovalChange::Proposed(Box::new(approval.clone())));
        return Ok(Reply::about(approval.id.subject()));
    };
    let is_same =
        known.proposer == proposer && known.root == root && known.command == manual.command;
    if !is_same {
        return Err(ApprovalRefusal::Differs.into());
    }
    match &known.state {
        ApprovalState::Proposed if deciding.now() < known.expires_at => {}
        // A late repeat of the approval must not carry out what its sender never saw.
        ApprovalState::Approved { .. } => return Err(ApprovalRefusal::Spent.into()),
        _ if known.payment != payment => return Err(ApprovalRefusal::Spent.into()),
        ApprovalState::Proposed
        | ApprovalState::Refused { .. }
        | ApprovalState::Rejected { .. }
        | ApprovalState::Expired { .. } => {
            deciding.record(known, ApprovalChange::ProposedAgain { expires_at });
        }
    }
    Ok(Reply::about(known.id.subject()))
}

/// The root that a command is about.
fn root_of(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    root: &ManualRoot,
) -> Result<Subject, Refusal> {
    let view = deciding.view();
    match root {
        ManualRoot::Order(order) => {
            let order = view.orders.find(tenant, order).ok_or(OrderRefusal::NotFound)?;
            Ok(order.terms.id.subject())
        }
        ManualRoot::Withdrawal(id) => {
            view.withdrawals.get(tenant, *id).ok_or(WithdrawalRefusal::NotFound)?;
            Ok(id.subject())
        }
    }
}

/// The payment that a command is about, as its order, refund or withdrawal has it now.
fn concerned(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    root: Subject,
    command: &ManualCommand,
) -> Option<ConcernedPayment> {
    if let Some(row) = command.row() {
        return concerned_row(deciding, tenant, row);
    }
    if let Some(withdrawal) = root.id::<kinds::Withdrawal>() {
        let Withdrawal { withdrawal_no, amount, .. } =
            deciding.row::<Withdrawal>(tenant, withdrawal)?;
        return Some(ConcernedPayment { payment_reference: withdrawal_no, amount });
    }
    let payment = deciding.row::<Order>(tenant, root.id()?)?.contested?;
    Some(ConcernedPayment { payment_reference: payment.payment_reference, amount: payment.amount })
}

/// The payment that a command about a row beneath the root is about: of a share and the return of one,
/// what the channel describes, where that contradicts it.
fn concerned_row(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    row: Subject,
) -> Option<ConcernedPayment> {
    let concerned =
        |payment_reference, amount| Some(ConcernedPayment { payment_reference, amount });
    if let Some(id) = row.id::<kinds::Refund>() {
        let Refund { payment_reference, amount, .. } = deciding.row::<Refund>(tenant, id)?;
        return concerned(payment_reference, amount);
    }
    if let Some(id) = row.id::<kinds::Share>() {
        let share = deciding.row::<Share>(tenant, id)?;
        let items = share.claimed.as_ref().unwrap_or(&share.items);
        let amount = sum_any(items.iter().map(|item| item.amount));
        return concerned(share.current_channel_share_no(), amount);
    }
    let found = deciding.row::<ShareReturn>(tenant, row.id()?)?;
    let items = found.claimed.as_ref().unwrap_or(&found.items);
    concerned(found.channel_return_no.clone(), sum_any(items.iter().map(|item| item.amount)))
}

/// The sum of amounts that a channel stated; the largest where it does not fit.
fn sum_any(amounts: impl Iterator<Item = Fen>) -> Fen {
    amounts.fold(Fen::ZERO, |sum, amount| sum.plus(amount).unwrap_or(Fen::new(i64::MAX)))
}

fn approve(
    deciding: &mut Deciding<'_>,
    approver: Arc<str>,
    approval: &Approval,
) -> Result<Reply, Refusal> {
    // Names that differ in capitals alone are too near to be trusted as two people.
    if approval.proposer.eq_ignore_ascii_case(&approver) {
        return Err(ApprovalRefusal::OwnProposal.into());
    }
    let reply = Reply::about(approval.id.subject());
    match &approval.state {
        ApprovalState::Approved { .. } | ApprovalState::Refused { .. } => return Ok(reply),
        ApprovalState::Proposed if deciding.now() < approval.expires_at => {}
        // Its time is up, also before its task has recorded that.
        ApprovalState::Proposed => {
            return Err(ApprovalRefusal::State { state: EXPIRED }.into());
        }
        ApprovalState::Rejected { .. } | ApprovalState::Expired { .. } => {
            return Err(ApprovalRefusal::State { state: approval.state.name() }.into());
        }
    }
    let root = ManualRoot::of(approval.root).ok_or(OrderRefusal::NotFound)?;
    let command = approval.command.on(&approval.tenant, &root);
    let checked = check_concerned(deciding, approval);
    match checked.and_then(|()| deciding.trial(&command).map(|_| ())) {
        Ok(()) => {
            // The story reads better with the approval before what it leads to.
            deciding.record(approval, ApprovalChange::Approved { by: approver });
            decide_own(deciding, &command)?;
        }
        Err(refusal) => {
            let reason = refusal.to_string();
            deciding.record(approval, ApprovalChange::Refused { by: approver, reason });
        }
    }
    Ok(reply)
}

const EXPIRED: &str = "expired";

/// The payment must be the one that the proposer saw: some commands name none.
fn check_concerned(deciding: &Deciding<'_>, approval: &Approval) -> Result<(), Refusal> {
    let now = concerned(deciding, &approval.tenant, approval.root, &approval.command);
    // The command itself says best why it does not find the payment any more.
    if now.is_none() || now == approval.payment {
        return Ok(());
    }
    Err(ApprovalRefusal::OtherPayment.into())
}

fn reject(
    deciding: &mut Deciding<'_>,
    by: Arc<str>,
    approval: &Approval,
    note: &str,
) -> Result<Reply, ApprovalRefusal> {
    let note = note.to_owned();
    match &approval.state {
        ApprovalState::Proposed => {
            deciding.record(approval, ApprovalChange::Rejected { by, note });
        }
        ApprovalState::Rejected { note: known, .. } if *known == note => {}
        ApprovalState::Approved { .. }
        | ApprovalState::Refused { .. }
        | ApprovalState::Rejected { .. }
        | ApprovalState::Expired { .. } => {
            return Err(ApprovalRefusal::State { state: approval.state.name() });
        }
    }
    Ok(Reply::about(approval.id.subject()))
}

/// A due task: nobody decided in time.
pub(super) fn run_task(deciding: &mut Deciding<'_>, approval: &Approval) {
    let is_pending = matches!(approval.state, ApprovalState::Proposed);
    if is_pending && deciding.now() >= approval.expires_at {
        deciding.record(approval, ApprovalChange::Expired);
    }
}
