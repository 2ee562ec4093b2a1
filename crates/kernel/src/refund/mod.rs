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
use crate::order::{CALL_MAX_MS, Order, POLL_SCHEDULE_SECONDS, RETRY_SCHEDULE_SECONDS};
use crate::task::{Task, TaskChange, TaskKind};
use channel::{Finding, Instruction, Operation, RefundStatus, Refunded};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Timestamp, Transfer, kinds};

/// Seconds between polls of a refund that somebody must mend at the channel.
const ABNORMAL_POLL_SECONDS: i64 = 6 * 3600;

/// Where a refund stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundState {
    /// The channel has not accepted it yet, as far as we know.
    Requesting,
    /// The channel accepted it.
    Processing,
    /// The money is back.
    Done {
        /// When.
        at: Timestamp,
        /// The channel's number of the refund.
        refund_reference: String,
    },
    /// The channel finally refused; the money stays where it was, for the operator.
    Failed {
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl RefundState {
    /// The word in storage and documents.
    pub const fn name(&self) -> &'static str {
        match self {
            RefundState::Requesting => "requesting",
            RefundState::Processing => "processing",
            RefundState::Done { .. } => "done",
            RefundState::Failed { .. } => "failed",
        }
    }

    /// True when nothing more is expected.
    pub const fn is_final(&self) -> bool {
        match self {
            RefundState::Requesting | RefundState::Processing => false,
            RefundState::Done { .. } | RefundState::Failed { .. } => true,
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
    pub payment_reference: String,
    /// How much.
    pub amount: Fen,
    /// When it was made.
    pub made_at: Timestamp,
    /// Counts its changes; 1 when new.
    pub version: i64,
    /// Where it stands.
    pub state: RefundState,
    /// Polls of the channel since the state last changed.
    pub polls: u32,
}

impl Refund {
    /// Its task.
    pub fn task(&self) -> Task {
        Task { tenant: self.tenant.clone(), kind: TaskKind::Refund, subject: self.id.value() }
    }

    /// Its number at the channel.
    pub fn channel_refund_no(&self) -> String {
        self.id.to_string()
    }

    /// The refund inside a number that a channel sent back.
    pub fn id_of_channel_no(number: &str) -> Option<Id<kinds::Refund>> {
        Id::parse(number).ok()
    }
}

/// The account that unapplied money waits in.
pub(crate) fn suspense(tenant: &TenantId) -> Account {
    Account::new(AccountKind::Suspense, tenant.as_str())
}

/// The account of the money at the channel.
pub(crate) fn funds(order: &Order) -> Account {
    Account::new(AccountKind::ChannelFunds, &*order.terms.channel_account)
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
        reason: Reason::UnappliedRefund,
        order: order.terms.id,
        at: deciding.stamp.now(),
    }
}

/// The instruction that asks for the refund; the same in every repeat.
pub(crate) fn requesting(order: &Order, refund: &Refund) -> Instruction {
    Instruction::Refund(Box::new(channel::Refund {
        channel_refund_no: refund.channel_refund_no(),
        channel_order_no: order.channel_order_no(),
        payment_reference: refund.payment_reference.clone(),
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
        channel_account: order.terms.channel_account.clone(),
        instruction,
    }
}

/// A due task: ask what became of it.
pub(crate) fn run_task(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Refund>,
) -> Result<Decision, Refusal> {
    let (order, refund) = deciding.refund_with_order(tenant, id)?;
    let mut decision = Decision::new(Reply::Done);
    if refund.state.is_final() {
        decision.tasks.push(TaskChange { task: refund.task(), due: None });
        return Ok(decision);
    }
    let instruction = Instruction::QueryRefund { channel_refund_no: refund.channel_refund_no() };
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
    let due = Some(deciding.stamp.now().plus_ms(CALL_MAX_MS));
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
        Outcome::State { state, due } => {
            if let Some(phase) = phase(&refund.state, &state) {
                decision.transfers.push(transfer_back(deciding, &order, refund.amount, phase));
            }
            let change = Change::RefundMoved { refund: id, state, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            decision.tasks.push(TaskChange { task: refund.task(), due });
        }
        Outcome::RequestAgain => {
            let state = refund.state.clone();
            let change = Change::RefundMoved { refund: id, state, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            begin(deciding, &mut decision, &order, &refund, requesting(&order, &refund));
        }
        Outcome::Kept { why, due } => {
            push(
                deciding,
                &mut decision,
                &order,
                Change::MismatchRecorded { why, call: call.clone() },
            );
            let state = refund.state.clone();
            let change = Change::RefundMoved { refund: id, state, call: call.clone() };
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

/// What the money does when a refund goes from one state to another. A refund that the channel had
/// refused and then carried out all the same is booked from what was released.
fn phase(from: &RefundState, to: &RefundState) -> Option<Phase> {
    match (from, to) {
        (RefundState::Requesting | RefundState::Processing, RefundState::Done { .. }) => {
            Some(Phase::PostHeld)
        }
        (RefundState::Requesting | RefundState::Processing, RefundState::Failed { .. }) => {
            Some(Phase::Release)
        }
        (RefundState::Failed { .. }, RefundState::Done { .. }) => Some(Phase::Post),
        (
            RefundState::Requesting
            | RefundState::Processing
            | RefundState::Done { .. }
            | RefundState::Failed { .. },
            RefundState::Requesting
            | RefundState::Processing
            | RefundState::Done { .. }
            | RefundState::Failed { .. },
        ) => None,
    }
}

/// What a finding means for a refund.
enum Outcome {
    /// Nothing new about a refund that is final.
    Repeated,
    /// It stands here now; the next poll is due then.
    State { state: RefundState, due: Option<Timestamp> },
    /// The channel knows of none: it is asked for again, with the same number.
    RequestAgain,
    /// It contradicts the refund and moves no money.
    Kept { why: String, due: Option<Timestamp> },
}

fn outcome(
    refund: &Refund,
    finding: &Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Outcome {
    let later = now.plus_seconds(scheduled_seconds(&RETRY_SCHEDULE_SECONDS, refund.polls));
    let stay = || Outcome::State { state: refund.state.clone(), due: Some(later) };
    match (finding, &refund.state) {
        (Finding::Refund(refunded), _) => moved(refund, refunded, now),
        (_, RefundState::Done { .. } | RefundState::Failed { .. }) => Outcome::Repeated,
        (Finding::Refused { code, text } | Finding::Failed { code, text }, _)
            if asked == Some(Operation::Refund) =>
        {
            let reason = format!("{code}: {text}");
            Outcome::State { state: RefundState::Failed { at: now, reason }, due: None }
        }
        (Finding::NotFound, RefundState::Requesting) if asked == Some(Operation::QueryRefund) => {
            Outcome::RequestAgain
        }
        (Finding::NotFound, RefundState::Requesting) => stay(),
        (
            Finding::Later { .. }
            | Finding::Unknown { .. }
            | Finding::Ask { .. }
            | Finding::Refused { .. }
            | Finding::Failed { .. },
            RefundState::Requesting | RefundState::Processing,
        ) => stay(),
        (Finding::Mismatch { why }, _) => Outcome::Kept { why: why.clone(), due: Some(later) },
        (Finding::NotFound, RefundState::Processing)
        | (
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Keys(_),
            RefundState::Requesting | RefundState::Processing,
        ) => {
            let why = format!("{} is no answer about this refund", finding.name());
            Outcome::Kept { why, due: Some(later) }
        }
    }
}

fn moved(refund: &Refund, refunded: &Refunded, now: Timestamp) -> Outcome {
    let poll = now.plus_seconds(scheduled_seconds(&POLL_SCHEDULE_SECONDS, refund.polls));
    if refunded.channel_refund_no != refund.channel_refund_no() || refunded.amount != refund.amount
    {
        let why = format!(
            "refund {} of {}, asked {} of {}",
            refunded.channel_refund_no,
            refunded.amount,
            refund.channel_refund_no(),
            refund.amount
        );
        let due = (!refund.state.is_final()).then_some(poll);
        return Outcome::Kept { why, due };
    }
    match (refunded.status, &refund.state) {
        (_, RefundState::Done { .. }) => Outcome::Repeated,
        (RefundStatus::Done, _) => Outcome::State {
            state: RefundState::Done {
                at: refunded.at.unwrap_or(now),
                refund_reference: refunded.refund_reference.clone(),
            },
            due: None,
        },
        (_, RefundState::Failed { .. }) => Outcome::Repeated,
        (RefundStatus::Processing, _) => {
            Outcome::State { state: RefundState::Processing, due: Some(poll) }
        }
        (RefundStatus::Abnormal, _) => {
            let due = Some(now.plus_seconds(ABNORMAL_POLL_SECONDS));
            Outcome::State { state: RefundState::Processing, due }
        }
        (RefundStatus::Closed, _) => Outcome::State {
            state: RefundState::Failed { at: now, reason: "closed at the channel".to_owned() },
            due: None,
        },
    }
}

/// The wait after so many attempts; the last one of the schedule from then on.
pub(crate) fn scheduled_seconds(schedule: &[i64], attempts: u32) -> i64 {
    let at = usize::try_from(attempts).unwrap_or(usize::MAX).min(schedule.len().saturating_sub(1));
    schedule.get(at).copied().unwrap_or_default()
}
