//! What a channel's answer means for the return of a share: always for its first open item.

use super::decide::{begin_next, request};
use super::make::{give_back, notify};
use super::{ReturnItem, ReturnOutcome, ShareReturn, ShareReturnChange, ShareReturnState};
use crate::aggregate::About;
use crate::deciding::Deciding;
use crate::order::{
    CONTRADICTION_SCHEDULE_SECONDS, Order, OrderChange, OrderSharing, RETRY_SCHEDULE_SECONDS,
};
use crate::refund::{self, funds};
use crate::schedule;
use crate::share::{SHARE_SCHEDULE_SECONDS, SLOW_SCHEDULE_SECONDS, need_while_open};
use channel::{Finding, Operation, ShareReturned, ShareStatus, Unproven};
use ledger::{Timestamp, kinds};

/// What a finding means for the first open item.
enum Outcome {
    /// Nothing new about a return that has ended, or about an item that is final.
    Repeated,
    /// The item is final.
    Ends(ReturnOutcome),
    /// The channel does not know it: it is requested again, with the same number.
    RequestAgain { tries: u32 },
    /// The channel refuses it, and may have it from an earlier request.
    Doubtful { tries: u32, refused: String },
    /// Nothing new; it is called about again on this schedule.
    Stays { schedule: &'static [i64] },
    /// It contradicts the return and moves no money.
    Contradicts { why: String },
    /// The channel describes an item otherwise, and these would be the items.
    Otherwise { why: String, claimed: Option<Vec<ReturnItem>> },
}

/// Records a finding about the return of a share.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    about: &About<'_, kinds::ShareReturn>,
    finding: &Finding,
) {
    let outcome = match order.terms.differs_from(about, finding) {
        Some(why) => Outcome::Contradicts { why },
        None => outcome(row, finding, deciding.asked(), deciding.now()),
    };
    match outcome {
        Outcome::Repeated => deciding.record(row, ShareReturnChange::Repeated),
        Outcome::Ends(outcome) => item_ends(deciding, row, order, outcome),
        Outcome::RequestAgain { tries } => {
            stay(deciding, row, row.state.clone(), &RETRY_SCHEDULE_SECONDS, finding);
            request(deciding, row, order, tries.saturating_add(1));
        }
        Outcome::Doubtful { tries, refused } => {
            let state = ShareReturnState::Running { tries, refused: Some(refused) };
            stay(deciding, row, state, &RETRY_SCHEDULE_SECONDS, finding);
        }
        Outcome::Stays { schedule } => stay(deciding, row, row.state.clone(), schedule, finding),
        Outcome::Contradicts { why } => contradicted(deciding, row, why, None),
        Outcome::Otherwise { why, claimed } => contradicted(deciding, row, why, claimed),
    }
}

fn contradicted(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    why: String,
    claimed: Option<Vec<ReturnItem>>,
) {
    let next_poll_at = match row.state {
        ShareReturnState::Ended { .. } => None,
        ShareReturnState::Running { .. } => {
            schedule::due_if_any(deciding.now(), &CONTRADICTION_SCHEDULE_SECONDS, row.polls)
        }
    };
    deciding.record(row, ShareReturnChange::MismatchRecorded { why, next_poll_at, claimed });
}

fn outcome(
    row: &ShareReturn,
    finding: &Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Outcome {
    let ShareReturnState::Running { tries, refused } = &row.state else {
        return match finding {
            Finding::ShareReturn(returned) => found_final(row, returned, now),
            _ => Outcome::Repeated,
        };
    };
    let is_request = asked == Some(Operation::ReturnShare);
    match finding {
        Finding::ShareReturn(returned) => found(row, returned, now),
        // The present number is not requested yet: this is about one that was given up.
        _ if *tries == 0 => Outcome::Repeated,
        Finding::Refused { code, text }
        | Finding::Failed { code, text }
        | Finding::Unfunded { code, text }
            if is_request =>
        {
            let reason = format!("{code}: {text}");
            match *tries {
                1 => Outcome::Ends(ReturnOutcome::Failed { reason }),
                tries => Outcome::Doubtful { tries, refused: reason },
            }
        }
        // Without a signature it does not prove that nothing stands there.
        Finding::Unproven(Unproven::Refused { code, text }) if is_request => {
            Outcome::Doubtful { tries: *tries, refused: format!("{code}: {text}") }
        }
        Finding::Ask { code } if is_request => {
            let refused = format!("{code}: differs from what the channel has");
            Outcome::Doubtful { tries: *tries, refused }
        }
        Finding::NotFound if asked == Some(Operation::QueryShareReturn) => match refused {
            Some(reason) => Outcome::Ends(ReturnOutcome::Failed { reason: reason.clone() }),
            None => Outcome::RequestAgain { tries: *tries },
        },
        Finding::Later { .. } | Finding::AccountFault { .. } => {
            Outcome::Stays { schedule: &SLOW_SCHEDULE_SECONDS }
        }
        Finding::Mismatch { why } | Finding::Contested { why, .. } => {
            Outcome::Contradicts { why: why.clone() }
        }
        Finding::NotFound
        | Finding::Unknown { .. }
        | Finding::Unproven(_)
        | Finding::Ask { .. }
        | Finding::Refused { .. }
        | Finding::Failed { .. }
        | Finding::Unfunded { .. } => Outcome::Stays { schedule: &RETRY_SCHEDULE_SECONDS },
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Refund(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::Agreement(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_) => {
            let why = format!("{} is not an answer about this return", finding.name());
            Outcome::Contradicts { why }
        }
    }
}

/// What the channel's description of a return says.
fn found(row: &ShareReturn, returned: &ShareReturned, now: Timestamp) -> Outcome {
    let Some((at, item)) = row.open_item() else { return Outcome::Repeated };
    let number = &returned.channel_return_no;
    if (0..at).any(|earlier| row.item_no(earlier) == *number) {
        return found_final(row, returned, now);
    }
    let (want, payee) = (row.item_no(at), item.payee.to_string());
    let is = (&*returned.account, returned.amount, &**number);
    if is != (&*payee, item.amount, &*want) {
        let amount = returned.amount;
        let why = format!("return {number} of {amount}, want {want} of {}", item.amount);
        let is_of_item = *number == want && returned.account == payee;
        let claimed = claimed(row, at, returned, now).filter(|_| is_of_item);
        return Outcome::Otherwise { why, claimed };
    }
    match outcome_of(returned, now) {
        None => Outcome::Stays { schedule: &SHARE_SCHEDULE_SECONDS },
        Some(outcome) => Outcome::Ends(outcome),
    }
}

/// What the channel says of an item that is final. Only what became of the money can contradict it.
fn found_final(row: &ShareReturn, returned: &ShareReturned, now: Timestamp) -> Outcome {
    let number = &returned.channel_return_no;
    let Some(at) = (0..row.items.len()).find(|at| row.item_no(*at) == *number) else {
        return match returned.status {
            ShareStatus::Done => {
                let why = format!("return {number} is done, which was given up");
                Outcome::Contradicts { why }
            }
            ShareStatus::Processing | ShareStatus::Failed => Outcome::Repeated,
        };
    };
    let is_same = match (&row.items[at].outcome, returned.status) {
        (ReturnOutcome::Done { is_by_hand, .. }, ShareStatus::Done) => !is_by_hand,
        (ReturnOutcome::Done { is_by_hand, .. }, ShareStatus::Failed) => *is_by_hand,
        (ReturnOutcome::Failed { .. }, ShareStatus::Done) => false,
        (_, ShareStatus::Processing | ShareStatus::Failed) | (ReturnOutcome::Open, _) => true,
    };
    let status = returned.status.name();
    match is_same {
        true => Outcome::Repeated,
        false => Outcome::Otherwise {
            why: format!("the channel ended return {number} otherwise: {status}"),
            claimed: claimed(row, at, returned, now),
        },
    }
}

/// The items with one of them as the channel describes it, where it is final there.
fn claimed(
    row: &ShareReturn,
    at: usize,
    returned: &ShareReturned,
    now: Timestamp,
) -> Option<Vec<ReturnItem>> {
    let outcome = outcome_of(returned, now).filter(|_| returned.amount.is_positive())?;
    let mut items = row.items.clone();
    let item = items.get_mut(at)?;
    *item = ReturnItem { amount: returned.amount, outcome, ..item.clone() };
    Some(items)
}

/// What became of an item, as the channel describes it; `None` while it is not final.
fn outcome_of(returned: &ShareReturned, now: Timestamp) -> Option<ReturnOutcome> {
    match returned.status {
        ShareStatus::Processing => None,
        ShareStatus::Done => Some(ReturnOutcome::Done {
            at: returned.at.unwrap_or(now),
            reference: Some(returned.return_reference.clone()),
            is_by_hand: false,
        }),
        ShareStatus::Failed => {
            let reason = returned.fail_reason.clone().unwrap_or_else(|| "failed".to_owned());
            Some(ReturnOutcome::Failed { reason })
        }
    }
}

/// The first open item is final; the next one is requested, or the return has ended.
fn item_ends(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    outcome: ReturnOutcome,
) {
    let Some((at, item)) = row.open_item() else { return };
    let (is_done, amount) = (matches!(outcome, ReturnOutcome::Done { .. }), item.amount);
    let mut items = row.items.clone();
    items[at] = ReturnItem { outcome, ..item.clone() };
    let now = deciding.now();
    let is_open = items.iter().any(|item| item.outcome == ReturnOutcome::Open);
    let (state, next_poll_at) = match is_open {
        true => (ShareReturnState::Running { tries: 0, refused: None }, Some(now)),
        false => (ShareReturnState::Ended { at: now }, None),
    };
    let after = ShareReturn { state: state.clone(), items: items.clone(), ..row.clone() };
    let (items, need) = (Some(items), None);
    deciding.record(row, ShareReturnChange::Moved { state, items, next_poll_at, need });
    if is_done {
        give_back(deciding, row, order, funds(&order.terms.channel_account), amount);
    }
    if is_open {
        begin_next(deciding, &after, order);
        return;
    }
    ended(deciding, &after, order);
}

/// What the end of a return means for its order and its caller, and for the refund that waits for it.
pub(super) fn ended(deciding: &mut Deciding<'_>, after: &ShareReturn, order: &Order) {
    let running = order.sharing.running_without(after.id.subject());
    let sharing = OrderSharing { running, ..order.sharing };
    deciding.record(order, OrderChange::SharingChanged(sharing));
    refund::step_ended(deciding, order);
    notify(deciding, after);
}

/// The item is not final: it is called about again.
fn stay(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    state: ShareReturnState,
    schedule: &[i64],
    finding: &Finding,
) {
    let now = deciding.now();
    let polls = if row.state == state { row.polls } else { 0 };
    let next_poll_at = Some(schedule::due(now, schedule, polls));
    let need = need_while_open(row.attention.as_ref(), row.made_at, now, finding);
    deciding.record(row, ShareReturnChange::Moved { state, items: None, next_poll_at, need });
}
