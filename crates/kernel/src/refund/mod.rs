//! A refund: money on its way back to a payer.
//!
//! Its amount is held when the refund is made, posted when the channel says done, released when the
//! channel finally says no. Its number at the channel is its id, the same in every repeat.
//!
//! It is asked for once; from then on the channel is asked what became of it, and only when the channel
//! knows of none is it asked for again. So whoever says no to the asking says no to all of it.

use crate::command::{Deciding, Decision, Refusal, Reply, Work};
use crate::event::{CallRecord, Change};
use crate::merchant::TenantId;
use crate::order::{BUSY_MS, LOOK_LADDER_SECONDS, Order, RETRY_LADDER_SECONDS};
use crate::task::{Task, TaskChange, TaskKind};
use channel::{Finding, Instruction, Operation, RefundState, Refunded};
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
        callback_url: order.terms.callback_url.to_string(),
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

/// A due task: ask what became of it.
pub(crate) fn attend(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Refund>,
) -> Result<Decision, Refusal> {
    let (order, refund) = deciding.refund_with_order(tenant, id)?;
    let mut decision = Decision::new(Reply::Done);
    if refund.stage.is_final() {
        decision.tasks.push(TaskChange { task: refund.task(), due: None });
        return Ok(decision);
    }
    let instruction = Instruction::QueryRefund { refund_number: refund.number() };
    begin(deciding, &mut decision, &order, &refund, instruction);
    Ok(decision)
}

/// Begins a call about a refund.
fn begin(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    refund: &Refund,
    instruction: Instruction,
) {
    let change = Change::RefundCallBegun { refund: refund.id, operation: instruction.operation() };
    decision.events.push(deciding.event(&refund.tenant, Some(order.terms.id), change));
    let due = Some(deciding.stamp.now().plus_ms(BUSY_MS));
    decision.tasks.push(TaskChange { task: refund.task(), due });
    decision.work.push(work(order, refund, instruction));
}

/// Records what the channel said about a refund of an order.
pub(crate) fn record(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    (order, id): (Id<kinds::Order>, Id<kinds::Refund>),
    finding: &Finding,
    call: &CallRecord,
) -> Result<Decision, Refusal> {
    let (own_order, refund) = deciding.refund_with_order(tenant, id)?;
    if own_order.terms.id != order {
        return Err(Refusal::RefundNotFound);
    }
    let order = own_order;
    let mut decision = Decision::new(Reply::Done);
    match outcome(&refund, finding, call.operation, deciding.stamp.now()) {
        Outcome::Repeated => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            decision.tasks.push(TaskChange { task: refund.task(), due: None });
        }
        Outcome::Stage { stage, due } => {
            if let Some(phase) = phase(&refund.stage, &stage) {
                decision.transfers.push(transfer_back(deciding, &order, refund.amount, phase));
            }
            let change = Change::RefundMoved { refund: id, stage, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            decision.tasks.push(TaskChange { task: refund.task(), due });
        }
        Outcome::AsksAgain => {
            let stage = refund.stage.clone();
            let change = Change::RefundMoved { refund: id, stage, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            begin(deciding, &mut decision, &order, &refund, asking(&order, &refund));
        }
        Outcome::Kept { why, due } => {
            push(deciding, &mut decision, &order, Change::FindingKept { why, call: call.clone() });
            let stage = refund.stage.clone();
            let change = Change::RefundMoved { refund: id, stage, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            decision.tasks.push(TaskChange { task: refund.task(), due });
        }
    }
    Ok(decision)
}

fn push(deciding: &mut Deciding<'_>, decision: &mut Decision, order: &Order, change: Change) {
    let event = deciding.event(&order.terms.tenant, Some(order.terms.id), change);
    decision.events.push(event);
}

/// What the money does when a refund goes from one stage to another. A refund that the channel had
/// refused and then carried out all the same is booked from what was released.
fn phase(from: &RefundStage, to: &RefundStage) -> Option<Phase> {
    match (from, to) {
        (RefundStage::Asking | RefundStage::Processing, RefundStage::Done { .. }) => {
            Some(Phase::PostHeld)
        }
        (RefundStage::Asking | RefundStage::Processing, RefundStage::Failed { .. }) => {
            Some(Phase::Release)
        }
        (RefundStage::Failed { .. }, RefundStage::Done { .. }) => Some(Phase::Post),
        (
            RefundStage::Asking
            | RefundStage::Processing
            | RefundStage::Done { .. }
            | RefundStage::Failed { .. },
            RefundStage::Asking
            | RefundStage::Processing
            | RefundStage::Done { .. }
            | RefundStage::Failed { .. },
        ) => None,
    }
}

/// What a finding means for a refund.
enum Outcome {
    /// Nothing new about a refund that is final.
    Repeated,
    /// It stands here now; the next look is due then.
    Stage { stage: RefundStage, due: Option<Timestamp> },
    /// The channel knows of none: it is asked for again, with the same number.
    AsksAgain,
    /// It contradicts the refund and moves no money.
    Kept { why: String, due: Option<Timestamp> },
}

fn outcome(
    refund: &Refund,
    finding: &Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Outcome {
    let later = now.plus_seconds(rung(&RETRY_LADDER_SECONDS, refund.looks));
    let stay = || Outcome::Stage { stage: refund.stage.clone(), due: Some(later) };
    match (finding, &refund.stage) {
        (Finding::Refund(refunded), _) => moved(refund, refunded, now),
        (_, RefundStage::Done { .. } | RefundStage::Failed { .. }) => Outcome::Repeated,
        (Finding::Refused { code, text } | Finding::Failed { code, text }, _)
            if asked == Some(Operation::Refund) =>
        {
            let reason = format!("{code}: {text}");
            Outcome::Stage { stage: RefundStage::Failed { at: now, reason }, due: None }
        }
        (Finding::NotFound, RefundStage::Asking) if asked == Some(Operation::QueryRefund) => {
            Outcome::AsksAgain
        }
        (Finding::NotFound, RefundStage::Asking) => stay(),
        (
            Finding::Later { .. }
            | Finding::Unknown { .. }
            | Finding::Ask { .. }
            | Finding::Refused { .. }
            | Finding::Failed { .. },
            RefundStage::Asking | RefundStage::Processing,
        ) => stay(),
        (Finding::Mismatch { why }, _) => Outcome::Kept { why: why.clone(), due: Some(later) },
        (Finding::NotFound, RefundStage::Processing)
        | (
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Keys(_),
            RefundStage::Asking | RefundStage::Processing,
        ) => {
            let why = format!("{} is no answer about this refund", finding.name());
            Outcome::Kept { why, due: Some(later) }
        }
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
        let due = (!refund.stage.is_final()).then_some(look);
        return Outcome::Kept { why, due };
    }
    match (refunded.state, &refund.stage) {
        (_, RefundStage::Done { .. }) => Outcome::Repeated,
        (RefundState::Done, _) => Outcome::Stage {
            stage: RefundStage::Done {
                at: refunded.at.unwrap_or(now),
                channel_reference: refunded.channel_reference.clone(),
            },
            due: None,
        },
        (_, RefundStage::Failed { .. }) => Outcome::Repeated,
        (RefundState::Processing, _) => {
            Outcome::Stage { stage: RefundStage::Processing, due: Some(look) }
        }
        (RefundState::Abnormal, _) => {
            let due = Some(now.plus_seconds(ABNORMAL_LOOK_SECONDS));
            Outcome::Stage { stage: RefundStage::Processing, due }
        }
        (RefundState::Closed, _) => Outcome::Stage {
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
