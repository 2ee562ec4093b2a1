//! How a refund is made, requested and followed to its end.

use super::money::{self, Place};
use super::{Need, Refund, RefundChange, RefundState, prepare};
use crate::aggregate::{About, Aggregate};
use crate::channel_no::channel_no;
use crate::command::Work;
use crate::coupons::is_part;
use crate::deciding::Deciding;
use crate::notification::{self, NotificationKind, Notified};
use crate::order::{
    CALL_MAX_MS, CHANNEL_LAG_SECONDS, CONTRADICTION_SCHEDULE_SECONDS, FINAL_POLL_SECONDS, Order,
    OrderState, POLL_SCHEDULE_SECONDS, RETRY_SCHEDULE_SECONDS,
};
use crate::schedule;
use crate::standing::AttentionKind;
use channel::{
    Finding, Instruction, Operation, PlacedRefund, RefundCause, RefundStatus, Refunded, Unproven,
};
use ledger::{Fen, Id, Timestamp, kinds};

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
    let cause = match &order.state {
        OrderState::Paid(_) => RefundCause::SecondPayment,
        OrderState::Init
        | OrderState::Paying(_)
        | OrderState::Closing(_)
        | OrderState::Failed { .. }
        | OrderState::Closed { .. } => RefundCause::LatePayment,
    };
    let whole = WholePayment { payment_reference, amount, settled_amount };
    new(deciding, order, whole, cause)
}

/// A payment, as it was booked.
pub(super) struct WholePayment<'a> {
    pub(super) payment_reference: &'a str,
    pub(super) amount: Fen,
    pub(super) settled_amount: Fen,
}

/// A new refund of a whole payment, which nobody has requested.
pub(super) fn new(
    deciding: &mut Deciding<'_>,
    order: &Order,
    whole: WholePayment<'_>,
    cause: RefundCause,
) -> Refund {
    let id: Id<kinds::Refund> = deciding.id();
    let now = deciding.now();
    Refund {
        tenant: order.terms.tenant.clone(),
        id,
        order: order.terms.id,
        merchant_order_no: order.terms.request.merchant_order_no.clone(),
        channel_refund_no: channel_no(&deciding.view().directory.installation, id.subject()),
        payment_reference: whole.payment_reference.to_owned(),
        paid: whole.amount,
        amount: whole.amount,
        settled_amount: whole.settled_amount,
        cause,
        request: None,
        parts: vec![],
        made_at: now,
        version: 1,
        attempt: 1,
        state: RefundState::Requesting,
        polls: 0,
        next_poll_at: Some(now.plus_ms(CALL_MAX_MS)),
        returns: vec![],
        second_payouts: vec![],
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
    money::open(deciding, refund, &order);
    deciding.work(ask(refund, &order, requesting(refund, &order)));
}

/// The instruction that requests the refund; the same in every repeat of the same number.
pub(super) fn requesting(refund: &Refund, order: &Order) -> Instruction {
    Instruction::Refund(Box::new(channel::Refund {
        channel_refund_no: refund.current_channel_refund_no(),
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: refund.payment_reference.clone(),
        amount: refund.amount,
        paid: refund.paid,
        currency: order.terms.request.currency,
        cause: refund.cause,
        reason: refund.request.as_ref().and_then(|request| request.reason.clone()),
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
        payees: vec![],
    }
}

/// A due task: query what became of it.
pub(super) fn run_task(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    // A settled refund has no task; a claim may have come before its end was committed.
    if refund.next_poll_at.is_none() {
        return;
    }
    match refund.state {
        // The number that is done is known; an earlier one may be done beside it.
        RefundState::Done { .. } if refund.attempt > 1 => query_earlier(deciding, refund, order),
        RefundState::Preparing { step, is_requested } => {
            prepare::go_on(deciding, refund, order, step, is_requested);
        }
        _ => begin(deciding, refund, order, querying(refund, order)),
    }
}

/// The instruction that asks what became of the refund.
pub(super) fn querying(refund: &Refund, order: &Order) -> Instruction {
    querying_number(refund, order, refund.current_channel_refund_no())
}

fn querying_number(refund: &Refund, order: &Order, channel_refund_no: String) -> Instruction {
    Instruction::QueryRefund(PlacedRefund {
        channel_refund_no,
        channel_order_no: order.terms.channel_order_no.clone(),
        made_at: refund.made_at,
        amount: refund.amount,
    })
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
        None => outcome(deciding, refund, order, finding),
    };
    match outcome {
        Outcome::Repeated => match polled_after_its_end(deciding, refund, finding) {
            Some(moved) => moves(deciding, refund, order, moved),
            None => deciding.record(refund, RefundChange::Repeated),
        },
        Outcome::Moves(moved) => {
            let is_earlier_open = leaves_earlier_open(refund, &moved);
            moves(deciding, refund, order, moved);
            if is_earlier_open {
                query_earlier(deciding, refund, order);
            }
        }
        Outcome::PaidAgain { refund_reference, amount } => {
            let why = format!("given back twice: {amount} as {refund_reference} too");
            money::pay_twice(deciding, refund, order, amount);
            deciding.record(refund, RefundChange::PaidAgain { refund_reference, amount, why });
        }
        Outcome::RequestAgain => {
            let next_poll_at = refund.next_poll_at;
            let moved = Moved { state: refund.state.clone(), next_poll_at, need: need(refund) };
            moves(deciding, refund, order, moved);
            begin(deciding, refund, order, requesting(refund, order));
        }
        Outcome::QueryNow => begin(deciding, refund, order, querying(refund, order)),
        Outcome::Contradicts { why } => {
            let next_poll_at = match &refund.state {
                RefundState::Preparing { .. } => refund.next_poll_at,
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

/// An end that a query confirms: the refund stands where it stood, and is polled once more or not.
fn polled_after_its_end(
    deciding: &Deciding<'_>,
    refund: &Refund,
    finding: &Finding,
) -> Option<Moved> {
    let is_asked = deciding.asked() == Some(Operation::QueryRefund);
    let state = refund.state.clone();
    let (RefundState::Failed { at, .. } | RefundState::WrittenOff { at, .. }) = &state else {
        return earlier_polled(deciding, refund, finding);
    };
    let is_back = money::place(refund, &state) == Place::Source;
    let next_poll_at = next_final_poll(*at, deciding.now(), finding, refund.polls);
    (is_asked && is_back).then(|| Moved { state, next_poll_at, need: need(refund) })
}

/// When a merchant's refund is polled that ended at `ended_at` and gave nothing back: the channel may have
/// carried it out after all.
pub(crate) fn final_poll(ended_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let polls = FINAL_POLL_SECONDS.into_iter().map(|seconds| ended_at.plus_seconds(seconds));
    polls.into_iter().find(|poll| *poll > now)
}

/// What became of an earlier number of a refund that is done was asked: that is not asked again, once the
/// answer was clear.
fn earlier_polled(deciding: &Deciding<'_>, refund: &Refund, finding: &Finding) -> Option<Moved> {
    let next = || next_final_poll(refund.made_at, deciding.now(), finding, refund.polls);
    let next_poll_at = is_unclear(finding).then(next).flatten();
    let is_asked = deciding.asked() == Some(Operation::QueryRefund);
    let state = refund.state.clone();
    let is_done = matches!(state, RefundState::Done { .. });
    let is_open = is_asked && is_done && refund.next_poll_at.is_some();
    is_open.then(|| Moved { state, next_poll_at, need: need(refund) })
}

fn is_unclear(finding: &Finding) -> bool {
    matches!(
        finding,
        Finding::Unknown { .. }
            | Finding::Unproven(_)
            | Finding::Later { .. }
            | Finding::AccountFault { .. }
    )
}

/// How long after the end a poll without a clear answer is repeated, in seconds.
const FINAL_REPEATS_SECONDS: i64 = 7 * 24 * 3600;

/// When something that has ended is polled once more, after this answer. One that leaves open what became
/// of it does not count: the poll is repeated, for a week.
pub(crate) fn next_final_poll(
    ended_at: Timestamp,
    now: Timestamp,
    finding: &Finding,
    polls: u32,
) -> Option<Timestamp> {
    match is_unclear(finding) && now < ended_at.plus_seconds(FINAL_REPEATS_SECONDS) {
        true => Some(schedule::due(now, &SLOW_SCHEDULE_SECONDS, polls)),
        false => final_poll(ended_at, now),
    }
}

/// True when a merchant's refund fails or is done now, and the channel had contradicted it while it had
/// this number: it may have carried out an earlier one.
fn leaves_earlier_open(refund: &Refund, moved: &Moved) -> bool {
    let is_end = |state: &RefundState| {
        matches!(state, RefundState::Failed { .. } | RefundState::Done { .. })
    };
    let ends = is_end(&moved.state) && !is_end(&refund.state);
    refund.request.is_some() && ends && earlier_contradiction(refund).is_some()
}

/// Asks what became of the numbers before the present one.
fn query_earlier(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order) {
    for number in refund.failed_channel_refund_nos() {
        begin(deciding, refund, order, querying_number(refund, order, number));
    }
}

/// Where a refund goes: its new state, when it is polled next, and why it needs a person then.
pub(super) struct Moved {
    pub(super) state: RefundState,
    pub(super) next_poll_at: Option<Timestamp>,
    pub(super) need: Option<Need>,
}

/// Moves a refund, and its money with it; its merchant is notified of an end.
pub(super) fn moves(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, moved: Moved) {
    let Moved { state, next_poll_at, need } = moved;
    let (before, after) = (money::place(refund, &refund.state), money::place(refund, &state));
    money::move_to(deciding, refund, order, &state);
    let change = RefundChange::Moved { state: state.clone(), next_poll_at, need };
    deciding.record(refund, change);
    money::count(deciding, refund, order, &state);
    if let RefundState::Preparing { step, .. } = refund.state
        && !matches!(state, RefundState::Preparing { .. })
    {
        prepare::leave(deciding, refund, order, step);
    }
    if is_news(before, after) {
        notify(deciding, refund);
    }
}

/// Whether the merchant should know that its money went from here to there. One that a person gave back
/// is back for the merchant.
fn is_news(before: Place, after: Place) -> bool {
    before != after && after != Place::Waiting && !matches!(before, Place::Hand(_))
}

fn notify(deciding: &mut Deciding<'_>, refund: &Refund) {
    let Some(request) = &refund.request else { return };
    let Some(url) = &request.notify_url else { return };
    let notified = Notified {
        kind: NotificationKind::Refund,
        about_no: &request.merchant_refund_no,
        dialect: &request.dialect,
        url,
    };
    notification::queue(deciding, refund, notified);
}

/// What a finding means for a refund.
enum Outcome {
    /// Nothing new about a refund that is settled or has failed.
    Repeated,
    /// It goes on.
    Moves(Moved),
    /// It was done, and is done once more under another number.
    PaidAgain { refund_reference: String, amount: Fen },
    /// The channel does not know it: it is requested again, with the same number.
    RequestAgain,
    /// It is done, and a query states how it is divided.
    QueryNow,
    /// It contradicts the refund and moves no money.
    Contradicts { why: String },
}

fn is_abnormal(refund: &Refund) -> bool {
    let attention = refund.attention.as_ref();
    attention.is_some_and(|attention| attention.kind == AttentionKind::RefundAbnormal)
}

fn outcome(deciding: &Deciding<'_>, refund: &Refund, order: &Order, finding: &Finding) -> Outcome {
    let (asked, now) = (deciding.asked(), deciding.now());
    match (finding, &refund.state) {
        // The answer to the request may come after the callback that the payer's account refused it.
        (Finding::Refund(refunded), _)
            if asked == Some(Operation::Refund)
                && refunded.status == RefundStatus::Processing
                && is_abnormal(refund) =>
        {
            Outcome::Repeated
        }
        (Finding::Refund(refunded), _) => moved(deciding, refund, order, refunded),
        (_, RefundState::Preparing { .. } | RefundState::Failed { .. }) => Outcome::Repeated,
        _ if !refund.holds() => Outcome::Repeated,
        (Finding::Refused { code, text } | Finding::Failed { code, text }, _)
            if asked == Some(Operation::Refund) =>
        {
            fails(refund, now, format!("{code}: {text}"), Proof::Signed)
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
                need: earlier_contradiction(refund).or(Some(need)),
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
            | Finding::Cancelled
            | Finding::Reversed(_)
            | Finding::Receiver
            | Finding::Share(_)
            | Finding::Unshared { .. }
            | Finding::ShareReturn(_)
            | Finding::Agreement(_)
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

/// A refusal that does not prove that nothing stands there. Of unapplied money, what was never sent before
/// cannot stand: the refund has failed. Anything else is queried, and requested again only where the
/// channel signs that it does not know it. After a few times a merchant has its money again, and its next
/// request queries the number first. Unapplied money has not failed then, and a person sees it, so that no
/// second number is sent while the first may stand.
fn refused_without_proof(
    refund: &Refund,
    finding: &Finding,
    now: Timestamp,
    reason: String,
) -> Outcome {
    if refund.version == 1 && refund.request.is_none() {
        return fails(refund, now, reason, Proof::Unsigned);
    }
    if refund.polls < UNPROVEN_POLLS_MAX {
        return stay(
            refund,
            finding,
            schedule::due(now, &RETRY_SCHEDULE_SECONDS, refund.polls),
            now,
        );
    }
    if refund.request.is_some() {
        return fails(refund, now, reason, Proof::Unsigned);
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
    refund.attention.as_ref().map(Need::of)
}

/// What contradicted the refund.
fn contradiction(refund: &Refund) -> Option<Need> {
    need(refund).filter(|need| need.kind == AttentionKind::Contradiction)
}

/// What contradicted a refund that has had several numbers: an earlier one may have been carried out, and
/// no answer about the present one ends that.
fn earlier_contradiction(refund: &Refund) -> Option<Need> {
    contradiction(refund).filter(|_| refund.attempt > 1)
}

/// Whether the channel signed that nothing stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Signed,
    Unsigned,
}

/// The channel refused or closed the refund. Of unapplied money a person decides how it goes on; a
/// merchant is told, and what contradicted before still needs a person.
fn fails(refund: &Refund, now: Timestamp, reason: String, proof: Proof) -> Outcome {
    let failed =
        Need { kind: AttentionKind::RefundFailed, reason: format!("refund failed: {reason}") };
    let (next_poll_at, need) = match refund.request {
        Some(_) => (final_poll(now, now), contradiction(refund)),
        None => (None, Some(failed)),
    };
    let state = RefundState::Failed { at: now, reason, is_proven: proof == Proof::Signed };
    Outcome::Moves(Moved { state, next_poll_at, need })
}

fn moved(deciding: &Deciding<'_>, refund: &Refund, order: &Order, refunded: &Refunded) -> Outcome {
    let now = deciding.now();
    let current = refund.current_channel_refund_no();
    let is_earlier =
        refund.failed_channel_refund_nos().any(|number| number == refunded.channel_refund_no);
    if is_earlier && refunded.status != RefundStatus::Done {
        // What became of a number that was given up is known.
        return Outcome::Repeated;
    }
    if let (RefundStatus::Done, RefundState::Done { refund_reference, .. }) =
        (refunded.status, &refund.state)
    {
        let is_ours = is_earlier || refunded.channel_refund_no == current;
        let is_counted = *refund_reference == refunded.refund_reference
            || refund
                .second_payouts
                .iter()
                .any(|it| it.refund_reference == refunded.refund_reference);
        if is_ours && !is_counted && refunded.amount == refund.amount {
            let amount = refunded.settled_amount.unwrap_or(refund.settled_amount);
            let refund_reference = refunded.refund_reference.clone();
            return Outcome::PaidAgain { refund_reference, amount };
        }
        if is_ours && is_counted && is_earlier {
            return Outcome::Repeated;
        }
    }
    // What had failed under an earlier number was carried out after all, and nothing else is under way.
    let is_late = is_earlier && !money::is_under_way(refund);
    let is_known = refunded.channel_refund_no == current || is_late;
    if !is_known || refunded.amount != refund.amount {
        let why = format!(
            "refund {} of {}, requested {current} of {}",
            refunded.channel_refund_no, refunded.amount, refund.amount
        );
        return Outcome::Contradicts { why };
    }
    if let Some(why) = splits_otherwise(refund, refunded) {
        return Outcome::Contradicts { why };
    }
    let poll = Some(schedule::due(now, &POLL_SCHEDULE_SECONDS, refund.polls));
    let moves = |state, next_poll_at, need| Outcome::Moves(Moved { state, next_poll_at, need });
    match (refunded.status, &refund.state) {
        (_, RefundState::Done { .. }) => Outcome::Repeated,
        (RefundStatus::Done, _)
            if refund.holds() && leaves_split_open(deciding, refund, order, refunded) =>
        {
            Outcome::QueryNow
        }
        (RefundStatus::Done, _) => {
            let settled_refund = refunded.settled_amount.unwrap_or(refund.settled_amount);
            let at = refunded.at.unwrap_or(now);
            let refund_reference = refunded.refund_reference.clone();
            let done = RefundState::Done { at, refund_reference, settled_refund };
            let need = done_after_its_end(deciding, refund, order);
            moves(done, None, need.or_else(|| earlier_contradiction(refund)))
        }
        (_, RefundState::Preparing { .. } | RefundState::Failed { .. }) => Outcome::Repeated,
        _ if !refund.holds() => Outcome::Repeated,
        (RefundStatus::Processing, _) => {
            let overdue = || overdue(refund, PROCESSING_SECONDS, now, "processing");
            moves(RefundState::Processing, poll, earlier_contradiction(refund).or_else(overdue))
        }
        (RefundStatus::Abnormal, _) => {
            let reason = "the payer's account refused the refund; act at the channel".to_owned();
            let need = Need { kind: AttentionKind::RefundAbnormal, reason };
            let next = schedule::due_if_any(now, &ABNORMAL_SCHEDULE_SECONDS, refund.polls);
            moves(RefundState::Processing, next, earlier_contradiction(refund).or(Some(need)))
        }
        (RefundStatus::Closed, _) => {
            fails(refund, now, "closed at the channel".to_owned(), Proof::Signed)
        }
    }
}

/// True when the channel may have taken less than the amount and does not state how much. A callback
/// of it never does; a query does, and where that does not either, our own share is taken for it.
fn leaves_split_open(
    deciding: &Deciding<'_>,
    refund: &Refund,
    order: &Order,
    refunded: &Refunded,
) -> bool {
    let has_coupons = match (&refund.request, &order.state) {
        (Some(_), OrderState::Paid(paid)) => paid.settled_amount != paid.amount,
        _ => refund.settled_amount != refund.amount,
    };
    let is_stated = refunded.settled_amount.is_some();
    has_coupons && !is_stated && deciding.asked() != Some(Operation::QueryRefund)
}

/// How the channel's split of the amount contradicts what is possible, or what was booked. What it does
/// not state contradicts nothing.
fn splits_otherwise(refund: &Refund, refunded: &Refunded) -> Option<String> {
    let (amount, settled_refund) = (refund.amount, refunded.settled_amount?);
    if !is_part(settled_refund, amount) {
        return Some(format!("{settled_refund} of {amount} settled"));
    }
    match &refund.state {
        RefundState::Done { settled_refund: known, .. }
            if refunded.status == RefundStatus::Done && *known != settled_refund =>
        {
            Some(format!("{settled_refund} of {amount} settled, {known} reported before"))
        }
        _ => None,
    }
}

/// What a person must look at when the channel gave back what had ended: the payer may have the money
/// twice, or the merchant has used it otherwise.
fn done_after_its_end(deciding: &Deciding<'_>, refund: &Refund, order: &Order) -> Option<Need> {
    let reason = match &refund.state {
        RefundState::SettledByHand { outside_reference, .. } => {
            format!("settled by hand as {outside_reference}, and done at the channel too")
        }
        state
            if matches!(money::place(refund, state), Place::Reserved | Place::Source)
                && !money::is_there(deciding.view(), refund, order) =>
        {
            "done at the channel after it had failed, and the merchant has the money no more"
                .to_owned()
        }
        state
            if matches!(money::place(refund, state), Place::Reserved | Place::Source)
                && money::has_other_owner(deciding.view(), refund) =>
        {
            "done at the channel after it had failed, and a card has another owner by now"
                .to_owned()
        }
        _ => return None,
    };
    Some(Need { kind: AttentionKind::Contradiction, reason })
}
