//! How a refund is made, requested and followed to its end.

use super::{Refund, RefundChange, RefundState, funds, suspense};
use crate::aggregate::{Aggregate, AggregateCommand, Reads};
use crate::channel_no::channel_no;
use crate::command::Work;
use crate::deciding::{Deciding, Movement};
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order, OrderState, POLL_SCHEDULE_SECONDS, RETRY_SCHEDULE_SECONDS};
use crate::schedule;
use channel::{
    Finding, Instruction, Operation, Payment, PlacedRefund, RefundCause, RefundStatus, Refunded,
};
use ledger::{Id, Phase, Reason, Timestamp, kinds};

/// Seconds between polls of a refund that somebody must mend at the channel.
const ABNORMAL_POLL_SECONDS: i64 = 6 * 3600;

/// What can be requested of a refund: nothing yet; they are made where money cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundCommand {}

impl AggregateCommand for RefundCommand {
    fn tenant(&self) -> &TenantId {
        match *self {}
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn reads(&self, _: &mut Reads) {
        match *self {}
    }
}

/// The refund that gives back a payment that its order cannot take.
pub(crate) fn of_unapplied(
    deciding: &mut Deciding<'_>,
    order: &Order,
    payment: &Payment,
) -> Refund {
    let id: Id<kinds::Refund> = deciding.id();
    let now = deciding.now();
    let cause = match &order.state {
        OrderState::Paid(_) => RefundCause::SecondPayment,
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => RefundCause::LatePayment,
    };
    Refund {
        tenant: order.terms.tenant.clone(),
        id,
        order: order.terms.id,
        channel_refund_no: channel_no(&deciding.view().directory.installation, id.subject()),
        payment_reference: payment.payment_reference.clone(),
        amount: payment.amount,
        cause,
        made_at: now,
        version: 1,
        state: RefundState::Requesting,
        polls: 0,
        next_poll_at: Some(now.plus_ms(CALL_MAX_MS)),
        attention: None,
    }
}

/// Holds a new refund's amount and requests it.
pub(crate) fn open(deciding: &mut Deciding<'_>, refund: &Refund) {
    let Some(order) = deciding.row::<Order>(&refund.tenant, refund.order) else {
        panic!("refund {} is made for an order that was not loaded", refund.id)
    };
    deciding.record(refund, RefundChange::Made(Box::new(refund.clone())));
    move_back(deciding, refund, &order, Phase::Hold);
    deciding.work(ask(refund, &order, requesting(refund, &order)));
}

/// Moves, holds or releases the refund's amount on its way from suspense to the channel.
fn move_back(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, phase: Phase) {
    let movement = Movement {
        phase,
        debit: suspense(&refund.tenant),
        credit: funds(&order.terms.channel_account),
        amount: refund.amount,
        reason: Reason::UnappliedRefund,
    };
    deciding.transfer(refund, movement);
}

/// The instruction that requests the refund; the same in every repeat.
fn requesting(refund: &Refund, order: &Order) -> Instruction {
    Instruction::Refund(Box::new(channel::Refund {
        channel_refund_no: refund.channel_refund_no.clone(),
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: refund.payment_reference.clone(),
        amount: refund.amount,
        paid: refund.amount,
        currency: order.terms.request.currency,
        cause: refund.cause,
        callback_url: order.terms.callback_url.to_string(),
    }))
}

/// The work that carries an instruction about a refund to the channel.
fn ask(refund: &Refund, order: &Order, instruction: Instruction) -> Work {
    Work::Ask {
        tenant: refund.tenant.clone(),
        subject: refund.id.subject(),
        root: refund.root(),
        channel: order.terms.channel.clone(),
        channel_account: order.terms.channel_account.clone(),
        instruction,
    }
}

/// A due task: query what became of it.
pub(super) fn run_task(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    if refund.state.is_final() {
        return;
    }
    let placed = PlacedRefund {
        channel_refund_no: refund.channel_refund_no.clone(),
        channel_order_no: order.terms.channel_order_no.clone(),
        made_at: refund.made_at,
        amount: refund.amount,
    };
    begin(deciding, refund, order, Instruction::QueryRefund(placed));
}

/// Begins a call about a refund.
fn begin(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, instruction: Instruction) {
    let until = deciding.now().plus_ms(CALL_MAX_MS);
    let operation = instruction.operation();
    deciding.record(refund, RefundChange::CallBegun { operation, until });
    deciding.work(ask(refund, order, instruction));
}

/// Records what the channel said about a refund.
pub(super) fn record_finding(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    channel_account: &str,
    finding: &Finding,
) {
    let now = deciding.now();
    let outcome = match *order.terms.channel_account == *channel_account {
        true => outcome(refund, finding, deciding.asked(), now),
        false => {
            let expected = &order.terms.channel_account;
            let found = finding.name();
            let why =
                format!("channel account {channel_account} reported {found}, want {expected}");
            Outcome::Contradicts { why }
        }
    };
    match outcome {
        Outcome::Repeated => deciding.record(refund, RefundChange::Repeated),
        Outcome::State { state, next_poll_at } => {
            if let Some(phase) = phase(&refund.state, &state) {
                move_back(deciding, refund, order, phase);
            }
            deciding.record(refund, RefundChange::Moved { state, next_poll_at });
        }
        Outcome::RequestAgain => {
            let (state, next_poll_at) = (refund.state.clone(), refund.next_poll_at);
            deciding.record(refund, RefundChange::Moved { state, next_poll_at });
            begin(deciding, refund, order, requesting(refund, order));
        }
        Outcome::Contradicts { why } => {
            let later = schedule::due(now, &RETRY_SCHEDULE_SECONDS, refund.polls);
            let next_poll_at = (!refund.state.is_final()).then_some(later);
            deciding.record(refund, RefundChange::MismatchRecorded { why, next_poll_at });
        }
    }
}

/// What the money does when a refund goes from one state to another. A refund that the channel had
/// refused and then carried out is booked from what was released.
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
    /// It stands here now, and is polled next at that time.
    State { state: RefundState, next_poll_at: Option<Timestamp> },
    /// The channel does not know it: it is requested again, with the same number.
    RequestAgain,
    /// It contradicts the refund and moves no money.
    Contradicts { why: String },
}

fn outcome(
    refund: &Refund,
    finding: &Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Outcome {
    let later = Some(schedule::due(now, &RETRY_SCHEDULE_SECONDS, refund.polls));
    let stay = || Outcome::State { state: refund.state.clone(), next_poll_at: later };
    match (finding, &refund.state) {
        (Finding::Refund(refunded), _) => moved(refund, refunded, now),
        (_, RefundState::Done { .. } | RefundState::Failed { .. }) => Outcome::Repeated,
        (Finding::Refused { code, text } | Finding::Failed { code, text }, _)
            if asked == Some(Operation::Refund) =>
        {
            let reason = format!("{code}: {text}");
            let state = RefundState::Failed { at: now, reason };
            Outcome::State { state, next_poll_at: None }
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
        (Finding::Mismatch { why }, _) => Outcome::Contradicts { why: why.clone() },
        (Finding::NotFound, RefundState::Processing)
        | (
            Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Keys(_)
            | Finding::BillFile(_)
            | Finding::Bill(_),
            RefundState::Requesting | RefundState::Processing,
        ) => {
            let why = format!("{} is not an answer about this refund", finding.name());
            Outcome::Contradicts { why }
        }
    }
}

fn moved(refund: &Refund, refunded: &Refunded, now: Timestamp) -> Outcome {
    if refunded.channel_refund_no != refund.channel_refund_no || refunded.amount != refund.amount {
        let why = format!(
            "refund {} of {}, requested {} of {}",
            refunded.channel_refund_no, refunded.amount, refund.channel_refund_no, refund.amount
        );
        return Outcome::Contradicts { why };
    }
    let poll = Some(schedule::due(now, &POLL_SCHEDULE_SECONDS, refund.polls));
    match (refunded.status, &refund.state) {
        (_, RefundState::Done { .. }) => Outcome::Repeated,
        (RefundStatus::Done, _) => Outcome::State {
            state: RefundState::Done {
                at: refunded.at.unwrap_or(now),
                refund_reference: refunded.refund_reference.clone(),
            },
            next_poll_at: None,
        },
        (_, RefundState::Failed { .. }) => Outcome::Repeated,
        (RefundStatus::Processing, _) => {
            Outcome::State { state: RefundState::Processing, next_poll_at: poll }
        }
        (RefundStatus::Abnormal, _) => {
            let next_poll_at = Some(now.plus_seconds(ABNORMAL_POLL_SECONDS));
            Outcome::State { state: RefundState::Processing, next_poll_at }
        }
        (RefundStatus::Closed, _) => {
            let reason = "closed at the channel".to_owned();
            Outcome::State { state: RefundState::Failed { at: now, reason }, next_poll_at: None }
        }
    }
}
