//! How a refund is prepared: shares come back first, and what is frozen at the channel is released.
//!
//! Money of an order that receivers at the channel have comes back by returns, one for each share, one
//! after another; where the frozen rest does not cover the refund, that is released then, under a number
//! of its own. Each of these is a step: a row that is followed as every other return or release. While it
//! is prepared the refund is counted in its order and holds no money, and nothing else of the order runs:
//! the order names the refund as what runs.
//!
//! The end of a step makes the refund's task due, in the same commit. The task reads what became of the
//! step and begins the next one, requests the refund, or ends it as failed. What came back stays with the
//! merchant then; the same number again takes back only what is missing. A step that no answer ends waits
//! for its person, and the refund with it. A refund that the channel carries out while it is prepared,
//! under a number that it had refused, is done, and the step that runs goes on by itself.

use super::decide::{Moved, begin as call, final_poll, moves, querying, requesting};
use super::request::settled_part;
use super::returns::RefundReturn;
use super::{Need, Refund, RefundChange, RefundState, money};
use crate::deciding::Deciding;
use crate::order::{CALL_MAX_MS, Order, OrderChange, OrderSharing, OrderState};
use crate::share::{self, Share, ShareState};
use crate::share_return::{self, ReturnItem, ReturnOutcome, ShareReturn, ShareReturnState};
use ledger::{Fen, Id, Subject, SubjectKind, kinds};
use std::sync::Arc;

/// Whose numbering the returns and releases of refunds belong to: our own.
const NAMESPACE: &str = "refund";
/// When a refund that waits for a step looks again, in seconds; the end of the step wakes it before.
const WAIT_SECONDS: i64 = 3600;

/// What a refund needs next before it can be requested.
pub(super) enum Step {
    /// Payees at the channel give back what they got of a share.
    Return { row: Box<ShareReturn>, share: Box<Share> },
    /// What is frozen at the channel is released.
    Release(Box<Share>),
}

impl Step {
    pub(super) fn subject(&self) -> Subject {
        match self {
            Step::Return { row, .. } => row.id.subject(),
            Step::Release(share) => share.id.subject(),
        }
    }
}

/// The next step of a refund, if it needs one. The order is as without the refund.
pub(super) fn next_step(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
) -> Option<Step> {
    let dialect = dialect(refund);
    let is_open = |it: &&RefundReturn| it.item.outcome == ReturnOutcome::Open;
    if let Some(first) = refund.returns.iter().find(is_open) {
        let share = share_of(deciding, refund, first.share);
        let of_share = refund.returns.iter().filter(is_open).filter(|it| it.share == first.share);
        let items = of_share.map(|it| it.item.clone()).collect();
        let row = share_return::return_for_refund(deciding, &share, NAMESPACE, &dialect, items);
        return Some(Step::Return { row: Box::new(row), share: Box::new(share) });
    }
    needs_release(deciding, order, refund.amount).then(|| {
        let share = share::release_for_refund(deciding, order, NAMESPACE, &dialect);
        Step::Release(Box::new(share))
    })
}

/// A share that the refund takes from; the refund and the request of it name it to be loaded.
fn share_of(deciding: &Deciding<'_>, refund: &Refund, id: Id<kinds::Share>) -> Share {
    let found = deciding.row::<Share>(&refund.tenant, id);
    found.unwrap_or_else(|| panic!("refund {} takes from a share that was not loaded", refund.id))
}

fn dialect(refund: &Refund) -> Arc<str> {
    refund.request.as_ref().map_or_else(|| Arc::from(NAMESPACE), |it| it.dialect.clone())
}

/// True when what is frozen of the order at the channel does not cover a refund of this amount: receivers
/// got a part of it, and the rest was not released.
pub(super) fn needs_release(deciding: &Deciding<'_>, order: &Order, amount: Fen) -> bool {
    let OrderState::Paid(paid) = &order.state else { return false };
    let taken = order.sharing.taken;
    let is_frozen = order.terms.request.splits.is_shared && !order.sharing.is_released;
    let Some(rules) = share::rules(deciding, order).filter(|_| is_frozen && taken != Fen::ZERO)
    else {
        return false;
    };
    let before = order.funds.refunding.get().saturating_add(order.funds.refunded.get());
    let all = Fen::new(before.saturating_add(amount.get()));
    let leaves = settled_part(all, Fen::ZERO, paid).get().saturating_add(taken.get());
    deciding.now() < paid.at.plus_seconds(rules.frozen_seconds)
        && leaves > paid.settled_amount.get()
}

/// Begins a step: nothing else of the order runs until the refund is prepared.
pub(super) fn begin(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, step: &Step) {
    let running = refund.id.subject();
    match step {
        Step::Return { row, share } => share_return::begin(deciding, row, share, order, running),
        Step::Release(share) => share::reserve(deciding, share, order, running),
    }
}

/// The state of a refund that waits for a step.
pub(super) fn waiting(step: &Step, is_requested: bool) -> RefundState {
    RefundState::Preparing { step: step.subject(), is_requested }
}

/// When it looks after its step itself.
pub(super) fn look_again(deciding: &Deciding<'_>) -> ledger::Timestamp {
    deciding.now().plus_seconds(WAIT_SECONDS)
}

/// Carries out in the book what payees there give back: the returns that were planned now.
pub(super) fn carry_out_book(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    planned: &[RefundReturn],
) {
    let mut in_book: Vec<(Id<kinds::Share>, Vec<ReturnItem>)> = vec![];
    for it in planned.iter().filter(|it| it.is_in_book()) {
        match in_book.iter_mut().find(|(share, _)| *share == it.share) {
            Some((_, items)) => items.push(it.item.clone()),
            None => in_book.push((it.share, vec![it.item.clone()])),
        }
    }
    let dialect = dialect(refund);
    for (share, items) in in_book {
        let share = share_of(deciding, refund, share);
        let row = share_return::return_for_refund(deciding, &share, NAMESPACE, &dialect, items);
        share_return::begin(deciding, &row, &share, order, refund.id.subject());
    }
}

/// A return or release of the order has ended: a refund that waits for it goes on at once.
pub(crate) fn step_ended(deciding: &mut Deciding<'_>, order: &Order) {
    let Some(id) = order.preparing() else { return };
    let Some(refund) = deciding.row::<Refund>(&order.terms.tenant, id) else { return };
    if let RefundState::Preparing { .. } = refund.state {
        deciding.record(&refund, RefundChange::StepEnded);
    }
}

/// A due task of a refund that is prepared: the next step, the request, or its end.
pub(super) fn go_on(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    step: Subject,
    is_requested: bool,
) {
    let (returns, failed) = match outcome(deciding, refund, step) {
        StepOutcome::Open => return wait(deciding, refund),
        StepOutcome::Ended { returns, failed } => (returns, failed),
    };
    if returns != refund.returns {
        deciding.record(refund, RefundChange::ReturnsEnded { returns: returns.clone() });
    }
    let refund = &Refund { returns, ..refund.clone() };
    if let Some(reason) = failed {
        return fail(deciding, refund, order, reason, is_requested);
    }
    let without = money::without(refund, order);
    match next_step(deciding, refund, &without) {
        Some(step) => {
            let state = waiting(&step, is_requested);
            let next_poll_at = Some(look_again(deciding));
            moves(deciding, refund, order, Moved { state, next_poll_at, need: need(refund) });
            begin(deciding, refund, order, &step);
        }
        None => request(deciding, refund, order, is_requested),
    }
}

fn wait(deciding: &mut Deciding<'_>, refund: &Refund) {
    let (state, need) = (refund.state.clone(), need(refund));
    let next_poll_at = Some(look_again(deciding));
    deciding.record(refund, RefundChange::Moved { state, next_poll_at, need });
}

fn need(refund: &Refund) -> Option<Need> {
    let attention = refund.attention.as_ref()?;
    Some(Need { kind: attention.kind, reason: attention.reason.to_string() })
}

/// What became of a step.
enum StepOutcome {
    /// It runs still.
    Open,
    /// It has ended: what the payees gave back stands so, and why the refund cannot go on.
    Ended { returns: Vec<RefundReturn>, failed: Option<String> },
}

#[expect(clippy::disallowed_methods, reason = "the step's kind is the subject's kind")]
fn outcome(deciding: &Deciding<'_>, refund: &Refund, step: Subject) -> StepOutcome {
    match step.kind {
        SubjectKind::ShareReturn => {
            let row = deciding.row::<ShareReturn>(&refund.tenant, Id::from_value(step.value));
            row.map_or(StepOutcome::Open, |row| of_return(refund, &row))
        }
        _ => {
            let row = deciding.row::<Share>(&refund.tenant, Id::from_value(step.value));
            row.map_or(StepOutcome::Open, |row| of_release(refund, &row))
        }
    }
}

fn of_return(refund: &Refund, row: &ShareReturn) -> StepOutcome {
    if let ShareReturnState::Running { .. } = row.state {
        return StepOutcome::Open;
    }
    let mut returns = refund.returns.clone();
    for it in returns.iter_mut().filter(|it| it.share == row.share && !it.is_done()) {
        let found = row.items.iter().find(|item| item.payee == it.item.payee);
        it.item.outcome = found.map_or(it.item.outcome.clone(), |item| item.outcome.clone());
    }
    let failed = row.items.iter().find_map(|item| match &item.outcome {
        ReturnOutcome::Failed { reason } => {
            Some(format!("payee {} did not give its share back: {reason}", item.payee))
        }
        ReturnOutcome::Open | ReturnOutcome::Done { .. } => None,
    });
    StepOutcome::Ended { returns, failed }
}

fn of_release(refund: &Refund, row: &Share) -> StepOutcome {
    let failed = match &row.state {
        ShareState::Ended { refused: None, .. } => None,
        ShareState::Ended { refused: Some(reason), .. } => {
            Some(format!("what is frozen at the channel was not released: {reason}"))
        }
        ShareState::Waiting
        | ShareState::Requesting { .. }
        | ShareState::Processing
        | ShareState::Releasing => return StepOutcome::Open,
    };
    StepOutcome::Ended { returns: refund.returns.clone(), failed }
}

/// The refund ends without having been requested; the same number may be requested again.
fn fail(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    reason: String,
    is_requested: bool,
) {
    let at = deciding.now();
    let state = RefundState::Failed { at, reason, is_proven: false };
    let next_poll_at = final_poll(at, at).filter(|_| is_requested);
    moves(deciding, refund, order, Moved { state, next_poll_at, need: need(refund) });
}

/// Everything is there: the refund takes its money and is requested.
fn request(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, is_requested: bool) {
    // The channel contradicted it meanwhile: a person looks into that before it is requested.
    if refund.attention.is_some() {
        let reason = "the channel contradicts it".to_owned();
        return fail(deciding, refund, order, reason, is_requested);
    }
    if !money::is_there(deciding.view(), refund, order) {
        let reason = "a merchant has not enough left for its part".to_owned();
        return fail(deciding, refund, order, reason, is_requested);
    }
    let next_poll_at = Some(deciding.now().plus_ms(CALL_MAX_MS));
    let state = RefundState::Requesting;
    moves(deciding, refund, order, Moved { state, next_poll_at, need: None });
    let instruction = match is_requested {
        true => querying(refund, order),
        false => requesting(refund, order),
    };
    call(deciding, refund, order, instruction);
}

/// The refund is not prepared any more: only a step that has not ended runs on.
pub(super) fn leave(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, step: Subject) {
    let running = match outcome(deciding, refund, step) {
        StepOutcome::Open => Some(step),
        StepOutcome::Ended { .. } => None,
    };
    let sharing = OrderSharing { running, ..order.sharing };
    deciding.record(order, OrderChange::SharingChanged(sharing));
}
