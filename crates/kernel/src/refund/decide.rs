//! How a refund is made, requested and followed to its end.

use super::{Need, Refund, RefundChange, RefundState, funds, suspense};
use crate::aggregate::{About, Aggregate};
use crate::channel_no::{channel_no, repeated_channel_no};
use crate::command::Work;
use crate::coupons::{coupon_amount, coupons, is_part};
use crate::deciding::{Deciding, Movement};
use crate::order::{
    CALL_MAX_MS, CHANNEL_LAG_SECONDS, CONTRADICTION_SCHEDULE_SECONDS, Order, OrderState,
    POLL_SCHEDULE_SECONDS, RETRY_SCHEDULE_SECONDS,
};
use crate::schedule;
use crate::standing::{Attention, AttentionKind};
use channel::{
    Finding, Instruction, Operation, PlacedRefund, RefundCause, RefundStatus, Refunded, Unproven,
};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Timestamp, kinds};

/// Seconds until the next poll of a refund that somebody must mend at the channel; a week in all.
const ABNORMAL_SCHEDULE_SECONDS: [i64; 28] = [6 * 3600; 28];

/// The refund that gives back a payment that its order cannot take.
pub(crate) fn of_unapplied(
    deciding: &mut Deciding<'_>,
    order: &Order,
    payment_reference: &str,
    amount: Fen,
    settled_amount: Fen,
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
        payment_reference: payment_reference.to_owned(),
        amount,
        settled_amount,
        cause,
        made_at: now,
        version: 1,
        attempt: 1,
        state: RefundState::Requesting,
        polls: 0,
        next_poll_at: Some(now.plus_ms(CALL_MAX_MS)),
        dismissal: None,
        attention: None,
    }
}

/// Holds a new refund's amount and requests it.
pub(crate) fn open(deciding: &mut Deciding<'_>, refund: &Refund) {
    let Some(order) = deciding.row::<Order>(&refund.tenant, refund.order) else {
        panic!("refund {} is made for an order that was not loaded", refund.id)
    };
    deciding.record(refund, RefundChange::Made(Box::new(refund.clone())));
    deciding.transfer(refund, held(refund, &order));
    deciding.work(ask(refund, &order, requesting(refund, &order)));
}

/// Holds the refund's amount on its way from suspense to the channel.
fn held(refund: &Refund, order: &Order) -> Movement {
    Movement {
        phase: Phase::Hold,
        debit: suspense(&refund.tenant),
        credit: funds(&order.terms.channel_account),
        amount: refund.amount,
        reason: Reason::UnappliedRefund,
    }
}

/// The instruction that requests the refund; the same in every repeat of the same number.
pub(super) fn requesting(refund: &Refund, order: &Order) -> Instruction {
    Instruction::Refund(Box::new(channel::Refund {
        channel_refund_no: refund.current_channel_refund_no(),
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: refund.payment_reference.clone(),
        amount: refund.amount,
        paid: refund.amount,
        currency: order.terms.request.currency,
        cause: refund.cause,
        reason: None,
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
        channel_identity: order.terms.channel_identity.clone(),
        instruction,
    }
}

/// A due task: query what became of it.
pub(super) fn run_task(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    // A settled refund has no task; a claim may have come before its end was committed.
    if refund.next_poll_at.is_none() {
        return;
    }
    let placed = PlacedRefund {
        channel_refund_no: refund.current_channel_refund_no(),
        channel_order_no: order.terms.channel_order_no.clone(),
        made_at: refund.made_at,
        amount: refund.amount,
    };
    begin(deciding, refund, order, Instruction::QueryRefund(placed));
}

/// Begins a call about a refund.
pub(super) fn begin(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    instruction: Instruction,
) {
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
    about: &About<'_, kinds::Refund>,
    finding: &Finding,
) {
    let now = deciding.now();
    let outcome = match order.terms.differs_from(about, finding) {
        Some(why) => Outcome::Contradicts { why },
        None => outcome(refund, finding, deciding.asked(), now),
    };
    match outcome {
        Outcome::Repeated => deciding.record(refund, RefundChange::Repeated),
        Outcome::Moves(moved) => moves(deciding, refund, order, moved),
        Outcome::RequestAgain => {
            let next_poll_at = refund.next_poll_at;
            let moved = Moved { state: refund.state.clone(), next_poll_at, need: need(refund) };
            moves(deciding, refund, order, moved);
            begin(deciding, refund, order, requesting(refund, order));
        }
        Outcome::Contradicts { why } => {
            let next_poll_at = match &refund.state {
                RefundState::Requesting | RefundState::Processing => poll_contradicted(refund, now),
                RefundState::Done { .. }
                | RefundState::Failed { .. }
                | RefundState::SettledByHand { .. }
                | RefundState::WrittenOff { .. } => None,
            };
            deciding.record(refund, RefundChange::MismatchRecorded { why, next_poll_at });
        }
    }
}

/// Where a refund goes: its new state, when it is polled next, and why it needs a person then.
pub(super) struct Moved {
    pub(super) state: RefundState,
    pub(super) next_poll_at: Option<Timestamp>,
    pub(super) need: Option<Need>,
}

/// Moves a refund, and its money with it.
pub(super) fn moves(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, moved: Moved) {
    for movement in movements(refund, order, &moved.state) {
        deciding.transfer_any(refund, movement);
    }
    let Moved { state, next_poll_at, need } = moved;
    deciding.record(refund, RefundChange::Moved { state, next_poll_at, need });
}

/// What the money does when a refund goes to another state: it leaves suspense once, and what a coupon
/// paid goes back to the merchant's coupons.
fn movements(refund: &Refund, order: &Order, to: &RefundState) -> Vec<Movement> {
    let hand = |kind| Account::new(kind, refund.tenant.as_str());
    let (credit, settled, reason) = match to {
        RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => {
            return vec![];
        }
        RefundState::Done { settled_refund, .. } => {
            (funds(&order.terms.channel_account), *settled_refund, Reason::UnappliedRefund)
        }
        RefundState::SettledByHand { .. } => {
            (hand(AccountKind::SettledByHand), refund.settled_amount, Reason::SettledByHand)
        }
        RefundState::WrittenOff { .. } => {
            (hand(AccountKind::WriteOff), refund.settled_amount, Reason::WrittenOff)
        }
    };
    // Where the channel carried out what a person had ended otherwise, the money comes from what that
    // was booked to; the coupon was taken back then.
    let debit = match &refund.state {
        RefundState::Requesting | RefundState::Processing | RefundState::Failed { .. } => {
            return out_of_suspense(refund, order, (credit, settled, reason));
        }
        RefundState::SettledByHand { .. } => hand(AccountKind::SettledByHand),
        RefundState::WrittenOff { .. } => hand(AccountKind::WriteOff),
        RefundState::Done { .. } => return vec![],
    };
    vec![Movement { phase: Phase::Post, debit, credit, amount: settled, reason }]
}

fn out_of_suspense(refund: &Refund, order: &Order, money: (Account, Fen, Reason)) -> Vec<Movement> {
    let coupon = (coupons(order), coupon_amount(refund.amount, money.1), Reason::Coupon);
    let part = |(credit, amount, reason)| {
        let (phase, debit) = (Phase::PostHeld, suspense(&refund.tenant));
        Movement { phase, debit, credit, amount, reason }
    };
    [money, coupon].map(part).into()
}

/// What a finding means for a refund.
enum Outcome {
    /// Nothing new about a refund that is settled or has failed.
    Repeated,
    /// It goes on.
    Moves(Moved),
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
    match (finding, &refund.state) {
        (Finding::Refund(refunded), _) => moved(refund, refunded, now),
        (_, RefundState::Failed { .. }) => Outcome::Repeated,
        (_, state) if !state.holds() => Outcome::Repeated,
        (Finding::Refused { code, text } | Finding::Failed { code, text }, _)
            if asked == Some(Operation::Refund) =>
        {
            fails(now, format!("{code}: {text}"))
        }
        (Finding::Unproven(Unproven::Refused { code, text }), _)
            if asked == Some(Operation::Refund) =>
        {
            refused_without_proof(refund, finding, now, format!("{code}: {text}"))
        }
        (Finding::Ask { code }, _) if asked == Some(Operation::Refund) => {
            let reason = format!("{code}: number or amounts differ from what the channel has");
            refused_without_proof(refund, finding, now, reason)
        }
        (Finding::NotFound, RefundState::Requesting) if asked == Some(Operation::QueryRefund) => {
            Outcome::RequestAgain
        }
        // The channel knows no such payment, which it had reported itself. Its state may lag.
        (Finding::NotFound, RefundState::Requesting)
            if asked == Some(Operation::Refund)
                && now >= refund.made_at.plus_seconds(CHANNEL_LAG_SECONDS) =>
        {
            let payment = &refund.payment_reference;
            let why = format!("the channel does not know payment {payment}, which it had reported");
            Outcome::Contradicts { why }
        }
        (Finding::Unfunded { code, text }, _) => {
            let reason = format!("{code}: {text}; top up the account at the channel");
            let need = Need { kind: AttentionKind::RefundUnfunded, reason };
            Outcome::Moves(Moved {
                state: refund.state.clone(),
                next_poll_at: Some(schedule::due(now, &SLOW_SCHEDULE_SECONDS, refund.polls)),
                need: Some(need),
            })
        }
        // The account must be mended, or its quota comes back: soon is of no use.
        (Finding::AccountFault { .. } | Finding::Later { .. }, _) => {
            stay(refund, finding, schedule::due(now, &SLOW_SCHEDULE_SECONDS, refund.polls), now)
        }
        (Finding::NotFound, RefundState::Requesting)
        | (
            Finding::Unknown { .. }
            | Finding::Unproven(_)
            | Finding::Ask { .. }
            | Finding::Refused { .. }
            | Finding::Failed { .. },
            _,
        ) => stay(refund, finding, schedule::due(now, &RETRY_SCHEDULE_SECONDS, refund.polls), now),
        (Finding::Mismatch { why } | Finding::Contested { why, .. }, _) => {
            Outcome::Contradicts { why: why.clone() }
        }
        (
            Finding::NotFound
            | Finding::Placed(_)
            | Finding::Paid(_)
            | Finding::Pending
            | Finding::Closed
            | Finding::Receiver
            | Finding::Share(_)
            | Finding::Unshared { .. }
            | Finding::ShareReturn(_)
            | Finding::Keys(_)
            | Finding::BillFile(_)
            | Finding::Bill(_),
            _,
        ) => {
            let why = format!("{} is not an answer about this refund", finding.name());
            Outcome::Contradicts { why }
        }
    }
}

/// Calls about a refund after which a refusal that is not signed needs a person.
const UNPROVEN_POLLS_MAX: u32 = 6;

/// A refusal that does not prove that nothing stands there. What was never sent before cannot stand:
/// the refund has failed. Anything else is queried, and after a few times a person sees it; it has not
/// failed then, so that no second number is sent while the first may stand.
fn refused_without_proof(
    refund: &Refund,
    finding: &Finding,
    now: Timestamp,
    reason: String,
) -> Outcome {
    if refund.version == 1 {
        return fails(now, reason);
    }
    if refund.polls < UNPROVEN_POLLS_MAX {
        return stay(
            refund,
            finding,
            schedule::due(now, &RETRY_SCHEDULE_SECONDS, refund.polls),
            now,
        );
    }
    let reason = format!("the channel refuses the refund, and may have it: {reason}");
    Outcome::Moves(Moved {
        state: refund.state.clone(),
        next_poll_at: Some(schedule::due(now, &SLOW_SCHEDULE_SECONDS, refund.polls)),
        need: Some(Need { kind: AttentionKind::RefundFailed, reason }),
    })
}

/// Seconds until a refund is polled again that the channel does not take now, by number of polls.
const SLOW_SCHEDULE_SECONDS: [i64; 4] = [60, 300, 1800, 3600];

/// Nothing new: the refund is polled again. One that contradicts is polled on a schedule that ends.
fn stay(refund: &Refund, finding: &Finding, next: Timestamp, now: Timestamp) -> Outcome {
    let is_contradicted = refund
        .attention
        .as_ref()
        .is_some_and(|attention| attention.kind == AttentionKind::Contradiction);
    let next_poll_at = match is_contradicted {
        true => poll_contradicted(refund, now),
        false => Some(next),
    };
    let overdue = || overdue(refund, UNDECIDED_SECONDS, now, &finding.describe());
    let need = need(refund).or_else(overdue);
    Outcome::Moves(Moved { state: refund.state.clone(), next_poll_at, need })
}

/// How long the channel may leave open whether it has the refund at all, in seconds.
const UNDECIDED_SECONDS: i64 = 24 * 3600;
/// How long a refund may be on its way that the channel has taken, in seconds: to a bank card it takes
/// some working days.
const PROCESSING_SECONDS: i64 = 7 * 24 * 3600;

/// Why a person should look at a refund that has no end for so long; it is still polled.
fn overdue(refund: &Refund, after_seconds: i64, now: Timestamp, last: &str) -> Option<Need> {
    let is_overdue = now >= refund.made_at.plus_seconds(after_seconds);
    let reason = || format!("the channel has not ended the refund; its last answer: {last}");
    is_overdue.then(|| Need { kind: AttentionKind::RefundOverdue, reason: reason() })
}

fn poll_contradicted(refund: &Refund, now: Timestamp) -> Option<Timestamp> {
    schedule::due_if_any(now, &CONTRADICTION_SCHEDULE_SECONDS, refund.polls)
}

/// Why the refund needs a person already.
fn need(refund: &Refund) -> Option<Need> {
    let Attention { kind, reason, .. } = refund.attention.as_ref()?;
    Some(Need { kind: *kind, reason: reason.to_string() })
}

/// The channel refused or closed the refund; a person decides how it goes on.
fn fails(now: Timestamp, reason: String) -> Outcome {
    let need =
        Need { kind: AttentionKind::RefundFailed, reason: format!("refund failed: {reason}") };
    let state = RefundState::Failed { at: now, reason };
    Outcome::Moves(Moved { state, next_poll_at: None, need: Some(need) })
}

fn moved(refund: &Refund, refunded: &Refunded, now: Timestamp) -> Outcome {
    let current = refund.current_channel_refund_no();
    let is_earlier = (1..refund.attempt).any(|attempt| {
        repeated_channel_no(&refund.channel_refund_no, attempt) == refunded.channel_refund_no
    });
    if is_earlier && refunded.status != RefundStatus::Done {
        // What became of a number that was given up is known.
        return Outcome::Repeated;
    }
    if refunded.channel_refund_no != current || refunded.amount != refund.amount {
        let why = format!(
            "refund {} of {}, requested {current} of {}",
            refunded.channel_refund_no, refunded.amount, refund.amount
        );
        return Outcome::Contradicts { why };
    }
    // A channel that does not state it gives back what it had settled: the refund is of the whole payment.
    let settled_refund = refunded.settled_amount.unwrap_or(refund.settled_amount);
    if let Some(why) = splits_otherwise(refund, refunded.status, settled_refund) {
        return Outcome::Contradicts { why };
    }
    let poll = Some(schedule::due(now, &POLL_SCHEDULE_SECONDS, refund.polls));
    let moves = |state, next_poll_at, need| Outcome::Moves(Moved { state, next_poll_at, need });
    match (refunded.status, &refund.state) {
        (_, RefundState::Done { .. }) => Outcome::Repeated,
        (RefundStatus::Done, _) => {
            let at = refunded.at.unwrap_or(now);
            let refund_reference = refunded.refund_reference.clone();
            let done = RefundState::Done { at, refund_reference, settled_refund };
            moves(done, None, done_twice(refund))
        }
        (_, RefundState::Failed { .. }) => Outcome::Repeated,
        (_, state) if !state.holds() => Outcome::Repeated,
        (RefundStatus::Processing, _) => {
            let need = overdue(refund, PROCESSING_SECONDS, now, "processing");
            moves(RefundState::Processing, poll, need)
        }
        (RefundStatus::Abnormal, _) => {
            let reason = "the payer's account refused the refund; act at the channel".to_owned();
            let need = Need { kind: AttentionKind::RefundAbnormal, reason };
            let next = schedule::due_if_any(now, &ABNORMAL_SCHEDULE_SECONDS, refund.polls);
            moves(RefundState::Processing, next, Some(need))
        }
        (RefundStatus::Closed, _) => fails(now, "closed at the channel".to_owned()),
    }
}

/// How the channel's split of the amount contradicts what is possible, or what it reported before.
fn splits_otherwise(refund: &Refund, status: RefundStatus, settled_refund: Fen) -> Option<String> {
    let amount = refund.amount;
    if !is_part(settled_refund, amount) {
        return Some(format!("{settled_refund} of {amount} settled"));
    }
    match &refund.state {
        RefundState::Done { settled_refund: known, .. }
            if status == RefundStatus::Done && *known != settled_refund =>
        {
            Some(format!("{settled_refund} of {amount} settled, {known} reported before"))
        }
        _ => None,
    }
}

/// What a person must look at when the channel gave back what was settled by hand.
fn done_twice(refund: &Refund) -> Option<Need> {
    let RefundState::SettledByHand { outside_reference, .. } = &refund.state else { return None };
    let reason = format!("settled by hand as {outside_reference}, and done at the channel too");
    Some(Need { kind: AttentionKind::Contradiction, reason })
}
