//! A refund: money on its way back to a payer.
//!
//! Its amount is held when the refund is made, posted when the channel says done, released when the
//! channel finally says no. Its number at the channel is its id, the same in every repeat.

use crate::command::{Deciding, Decision, Refusal, Reply, Work};
use crate::event::{CallRecord, Change};
use crate::merchant::TenantId;
use crate::order::{BUSY_MS, LOOK_LADDER_SECONDS, Order, RETRY_LADDER_SECONDS};
use crate::task::{Task, TaskChange, TaskKind};
use channel::{Finding, Instruction, RefundState, Refunded};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Timestamp, Transfer, kinds};

/// Seconds between looks at a refund that somebody must mend at the channel.
const ABNORMAL_LOOK_SECONDS: i64 = 6 * 3600;

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundStage {
    /// The channel has not accepted it yet, as far as we know.
    Asking,
    /// The channel accepted it.
    Processing,
    /// The money is back.
    Done {
        /// When.
        at: Timestamp,
        /// The channel's number of the refund.
        channel_reference: String,
    },
    /// The channel finally refused; the money stays where it was, for the operator.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl RefundStage {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            RefundStage::Asking => "asking",
            RefundStage::Processing => "processing",
            RefundStage::Done { .. } => "done",
            RefundStage::Failed { .. } => "failed",
        }
    }

    /// True when nothing more is expected.
    pub const fn is_final(&self) -> bool {
        match self {
            RefundStage::Asking | RefundStage::Processing => false,
            RefundStage::Done { .. } | RefundStage::Failed { .. } => true,
        }
    }
}

/// A refund of money that an order could not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Whose.
    pub tenant: TenantId,
    /// Its id, and its number at the channel.
    pub id: Id<kinds::Refund>,
    /// The order for which the money came.
    pub order: Id<kinds::Order>,
    /// The payment to give back, as the channel named it.
    pub channel_reference: String,
    /// How much.
    pub amount: Fen,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its changes; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub stage: RefundStage,
    /// Looks at the channel since the stage last changed.
    pub looks: u32,
}

impl Refund {
    /// Its task.
    pub fn task(&self) -> Task {
        Task { tenant: self.tenant.clone(), kind: TaskKind::Refund, subject: self.id.number() }
    }

    /// Its number at the channel.
    pub fn number(&self) -> String {
        self.id.to_string()
    }

    /// The refund inside a number that a channel sent back.
    pub fn id_of_number(number: &str) -> Option<Id<kinds::Refund>> {
        Id::parse(number).ok()
    }
}

/// The account that stray money waits in.
pub(crate) fn suspense(tenant: &TenantId) -> Account {
    Account::new(AccountKind::Suspense, tenant.as_str())
}

/// The account of the money at the channel.
pub(crate) fn funds(order: &Order) -> Account {
    Account::new(AccountKind::ChannelFunds, &*order.terms.account)
}

/// A transfer between suspense and the channel, for this refund.
pub(crate) fn transfer_back(
    deciding: &mut Deciding<'_>,
    order: &Order,
    amount: Fen,
    phase: Phase,
) -> Transfer {
    Transfer {
        id: deciding.stamp.id(),
        phase,
        debit: suspense(&order.terms.tenant),
        credit: funds(order),
        amount,
        reason: Reason::StrayRefund,
        order: order.terms.id,
        at: deciding.stamp.now(),
    }
}

/// The instruction that asks for the refund; the same in every repeat.
pub(crate) fn asking(order: &Order, refund: &Refund) -> Instruction {
    Instruction::Refund(Box::new(channel::Refund {
        refund_number: refund.number(),
        number: order.number(),
        channel_reference: refund.channel_reference.clone(),
        amount: refund.amount,
        paid: refund.amount,
        currency: order.terms.currency,
        reason: Some("订单已关闭,款项原路退回".to_owned()),
        notify_url: order.terms.channel_notify_url.to_string(),
    }))
}

/// The work that carries an instruction about a refund to the channel.
pub(crate) fn work(order: &Order, refund: &Refund, instruction: Instruction) -> Work {
    Work::Ask {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        refund: Some(refund.id),
        channel: order.terms.channel.clone(),
        account: order.terms.account.clone(),
        instruction,
    }
}

/// A due task: ask again, or ask what became of it.
pub(crate) fn attend(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Refund>,
) -> Result<Decision, Refusal> {
    let (order, refund) = deciding.refund_with_order(tenant, id)?;
    let instruction = match refund.stage {
        RefundStage::Asking => asking(&order, &refund),
        RefundStage::Processing => Instruction::QueryRefund { refund_number: refund.number() },
        RefundStage::Done { .. } | RefundStage::Failed { .. } => {
            let mut decision = Decision::new(Reply::Done);
            decision.tasks.push(TaskChange { task: refund.task(), due: None });
            return Ok(decision);
        }
    };
    let mut decision = Decision::new(Reply::Done);
    let change = Change::RefundCallBegun { refund: id, operation: instruction.operation() };
    decision.events.push(deciding.event(tenant, Some(order.terms.id), change));
    let due = Some(deciding.stamp.now().plus_ms(BUSY_MS));
    decision.tasks.push(TaskChange { task: refund.task(), due });
    decision.work.push(work(&order, &refund, instruction));
    Ok(decision)
}

/// Records what the channel said about a refund.
pub(crate) fn record(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Refund>,
    finding: &Finding,
    call: &CallRecord,
) -> Result<Decision, Refusal> {
    let (order, refund) = deciding.refund_with_order(tenant, id)?;
    let mut decision = Decision::new(Reply::Done);
    let outcome = outcome(&refund, finding, deciding.stamp.now());
    let (change, due) = match outcome {
        Outcome::Repeated => (Change::CallEnded { call: call.clone() }, None),
        Outcome::Stage { stage, due } => {
            let phase = match stage {
                RefundStage::Done { .. } => Some(Phase::PostHeld),
                RefundStage::Failed { .. } => Some(Phase::Release),
                RefundStage::Asking | RefundStage::Processing => None,
            };
            if let Some(phase) = phase {
                decision.transfers.push(transfer_back(deciding, &order, refund.amount, phase));
            }
            (Change::RefundMoved { refund: id, stage, call: call.clone() }, due)
        }
        Outcome::Kept { why, due } => (Change::FindingKept { why, call: call.clone() }, Some(due)),
    };
    decision.events.push(deciding.event(tenant, Some(order.terms.id), change));
    decision.tasks.push(TaskChange { task: refund.task(), due });
    Ok(decision)
}

/// What a finding means for a refund.
enum Outcome {
    /// Nothing new about a refund that is final.
    Repeated,
    /// It stands here now; the next look is due then.
    Stage { stage: RefundStage, due: Option<Timestamp> },
    /// It contradicts the refund and changes nothing.
    Kept { why: String, due: Timestamp },
}

fn outcome(refund: &Refund, finding: &Finding, now: Timestamp) -> Outcome {
    if refund.stage.is_final() {
        return Outcome::Repeated;
    }
    let later = now.plus_seconds(rung(&RETRY_LADDER_SECONDS, refund.looks));
    let stay = |due| Outcome::Stage { stage: refund.stage.clone(), due: Some(due) };
    match finding {
        Finding::Refund(refunded) => moved(refund, refunded, now),
        Finding::Refused { code, text } | Finding::Failed { code, text } => Outcome::Stage {
            stage: RefundStage::Failed { at: now, reason: format!("{code}: {text}") },
            due: None,
        },
        Finding::NotFound => Outcome::Stage { stage: RefundStage::Asking, due: Some(later) },
        Finding::Later { .. } | Finding::Unknown { .. } | Finding::Ask { .. } => stay(later),
        Finding::Mismatch { why } => Outcome::Kept { why: why.clone(), due: later },
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Keys(_) => Outcome::Kept {
            why: format!("{} is no answer about a refund", finding.name()),
            due: later,
        },
    }
}

fn moved(refund: &Refund, refunded: &Refunded, now: Timestamp) -> Outcome {
    let look = now.plus_seconds(rung(&LOOK_LADDER_SECONDS, refund.looks));
    if refunded.refund_number != refund.number() || refunded.amount != refund.amount {
        let why = format!(
            "refund {} of {}, asked {} of {}",
            refunded.refund_number,
            refunded.amount,
            refund.number(),
            refund.amount
        );
        return Outcome::Kept { why, due: look };
    }
    match refunded.state {
        RefundState::Processing => {
            Outcome::Stage { stage: RefundStage::Processing, due: Some(look) }
        }
        RefundState::Abnormal => {
            let due = Some(now.plus_seconds(ABNORMAL_LOOK_SECONDS));
            Outcome::Stage { stage: RefundStage::Processing, due }
        }
        RefundState::Done => Outcome::Stage {
            stage: RefundStage::Done {
                at: refunded.at.unwrap_or(now),
                channel_reference: refunded.channel_reference.clone(),
            },
            due: None,
        },
        RefundState::Closed => Outcome::Stage {
            stage: RefundStage::Failed { at: now, reason: "closed at the channel".to_owned() },
            due: None,
        },
    }
}

/// The rung of a ladder, the last one for ever.
pub(crate) fn rung(ladder: &[i64], looks: u32) -> i64 {
    let at = usize::try_from(looks).unwrap_or(usize::MAX).min(ladder.len().saturating_sub(1));
    ladder.get(at).copied().unwrap_or_default()
}
