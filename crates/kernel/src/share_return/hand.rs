//! What an operator decides about the return of a share that the channel contradicts, or does not end.
//! Its items are booked anew, as those of shares are.

use super::decide::begin_next;
use super::finding::ended;
use super::{
    ReturnItem, ReturnOutcome, ShareReturn, ShareReturnChange, ShareReturnRefusal, ShareReturnState,
};
use crate::aggregate::{Aggregate, Key};
use crate::approval::{Manual, ManualCommand, ManualRoot};
use crate::channel_no::ATTEMPTS_MAX;
use crate::deciding::{Deciding, Movement};
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order, OrderChange, OrderFunds};
use crate::refund::funds;
use crate::share::{HandEnd, ItemPlace, by_hand, pending, sum};
use crate::standing::Exit;
use ledger::{Account, Fen, Id, Phase, Reason, Timestamp, kinds};

/// What an operator decides about the return of a share. A repeat of what was decided already answers the
/// same and moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideShareReturn {
    /// The owner.
    pub tenant: TenantId,
    /// The return.
    pub share_return: Id<kinds::ShareReturn>,
    /// The order that it belongs to; the root of its story.
    pub order: Id<kinds::Order>,
    /// What is decided.
    pub end: HandEnd,
}

impl DecideShareReturn {
    pub(super) const fn name(&self) -> &'static str {
        match self.end {
            HandEnd::Accept { .. } => "accept_share_return",
            HandEnd::ByHand { .. } => "end_share_return_by_hand",
            HandEnd::EndContradiction { .. } => "end_share_return_contradiction",
        }
    }

    pub(super) fn manual(&self) -> Manual {
        let (order, share_return, end) = (self.order, self.share_return, self.end.clone());
        let command = ManualCommand::EndShareReturn { order, share_return, end };
        Manual { root: ManualRoot::Order(Key::Id(order)), command }
    }
}

impl From<DecideShareReturn> for crate::Command {
    fn from(command: DecideShareReturn) -> crate::Command {
        super::ShareReturnCommand::Decide(command).into()
    }
}

/// The commands that can end what a return needs a person for.
pub(super) fn exits(row: &ShareReturn) -> Vec<Exit> {
    if row.attention.is_none() {
        return vec![];
    }
    let accept = row.claimed.as_ref().map(|_| Exit::Accept);
    let rest = match row.state {
        ShareReturnState::Ended { .. } => vec![Exit::DismissContradiction],
        ShareReturnState::Running { .. } if is_refused(row) => {
            vec![Exit::Retry, Exit::RetryUnderNewNumber, Exit::EndByHand]
        }
        ShareReturnState::Running { .. } => vec![Exit::Retry, Exit::EndByHand],
    };
    accept.into_iter().chain(rest).collect()
}

/// True when the channel has refused the open item's number, and another one can be made.
fn is_refused(row: &ShareReturn) -> bool {
    matches!(row.state, ShareReturnState::Running { refused: Some(_), .. })
        && row.open_item().is_some_and(|(_, item)| item.attempt < ATTEMPTS_MAX)
}

/// A second number only after the first is known to be refused. It is requested once no call about the
/// first can bring an answer any more.
pub(super) fn renew_number(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
) -> Result<(), ShareReturnRefusal> {
    let (tries, attempt) = match (&row.state, row.open_item()) {
        (ShareReturnState::Running { tries, .. }, Some((_, item))) => (*tries, item.attempt),
        (_, _) => return Err(ShareReturnRefusal::Ended),
    };
    // A repeat: the new number is about to be requested.
    if tries == 0 && attempt > 1 {
        return Ok(());
    }
    if row.attention.is_none() {
        return Err(ShareReturnRefusal::NoAttention);
    }
    if !is_refused(row) {
        return Err(ShareReturnRefusal::NotRefused);
    }
    let next_poll_at = deciding.now().plus_ms(CALL_MAX_MS);
    let attempt = attempt + 1;
    deciding.record(row, ShareReturnChange::NumberRenewed { attempt, next_poll_at });
    Ok(())
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    end: &HandEnd,
) -> Result<(), ShareReturnRefusal> {
    if is_decided(row, end) {
        return Ok(());
    }
    let is_ended = matches!(row.state, ShareReturnState::Ended { .. });
    if row.attention.is_none() {
        return Err(match is_ended {
            true => ShareReturnRefusal::Ended,
            false => ShareReturnRefusal::NoAttention,
        });
    }
    match end {
        HandEnd::Accept { note } => {
            let items = row.claimed.clone().ok_or(ShareReturnRefusal::NothingClaimed)?;
            rebook(deciding, row, order, items, note)
        }
        HandEnd::ByHand { .. } if is_ended => Err(ShareReturnRefusal::Ended),
        HandEnd::ByHand { done, note, outside_reference, .. } => {
            let items = ended_by_hand(row, done, note, (deciding.now(), outside_reference))?;
            rebook(deciding, row, order, items, note)
        }
        HandEnd::EndContradiction { note } if is_ended => {
            deciding.record(row, ShareReturnChange::ContradictionEnded { note: note.clone() });
            Ok(())
        }
        HandEnd::EndContradiction { .. } => Err(ShareReturnRefusal::NotEnded),
    }
}

/// True when just this was decided, and nothing has contradicted it since.
fn is_decided(row: &ShareReturn, end: &HandEnd) -> bool {
    let is_so = match end {
        HandEnd::ByHand { done, outside_reference, .. } => {
            let paid = |item: &&ReturnItem| is_by_hand(&item.outcome, outside_reference);
            let mut paid: Vec<_> = row.items.iter().filter(paid).map(|item| item.payee).collect();
            paid.sort();
            paid == *done && matches!(row.state, ShareReturnState::Ended { .. })
        }
        HandEnd::Accept { .. } | HandEnd::EndContradiction { .. } => true,
    };
    row.attention.is_none() && row.note.as_deref() == Some(end.note()) && is_so
}

fn is_by_hand(outcome: &ReturnOutcome, outside_reference: &str) -> bool {
    match outcome {
        ReturnOutcome::Done { reference, is_by_hand: true, .. } => {
            reference.as_deref() == Some(outside_reference)
        }
        ReturnOutcome::Done { .. } | ReturnOutcome::Open | ReturnOutcome::Failed { .. } => false,
    }
}

/// The items, where those that are not final end as somebody saw it.
fn ended_by_hand(
    row: &ShareReturn,
    done: &[Id<kinds::Payee>],
    note: &str,
    (at, outside_reference): (Timestamp, &str),
) -> Result<Vec<ReturnItem>, ShareReturnRefusal> {
    let is_open = |payee: &Id<kinds::Payee>| {
        let mut items = row.items.iter();
        items.any(|item| item.payee == *payee && item.outcome == ReturnOutcome::Open)
    };
    if let Some(payee) = done.iter().find(|payee| !is_open(payee)) {
        let (payee, why) = (*payee, "has no part that is not final");
        return Err(ShareReturnRefusal::Payee { payee, why });
    }
    let item = |item: &ReturnItem| {
        let outcome = match &item.outcome {
            ReturnOutcome::Open if done.contains(&item.payee) => ReturnOutcome::Done {
                at,
                reference: Some(outside_reference.to_owned()),
                is_by_hand: true,
            },
            ReturnOutcome::Open => ReturnOutcome::Failed { reason: note.to_owned() },
            outcome => outcome.clone(),
        };
        ReturnItem { outcome, ..item.clone() }
    };
    Ok(row.items.iter().map(item).collect())
}

/// Books what became of items, regardless of what was booked of them before. Open items go on.
fn rebook(
    deciding: &mut Deciding<'_>,
    row: &ShareReturn,
    order: &Order,
    items: Vec<ReturnItem>,
    note: &str,
) -> Result<(), ShareReturnRefusal> {
    let delta = delta(row, order, &items)?;
    move_money(deciding, row, order, &items);
    let (state, next_poll_at) = goes_on(deciding.now(), row, &items);
    let note = note.to_owned();
    let after = ShareReturn { state: state.clone(), items: items.clone(), ..row.clone() };
    deciding.record(row, ShareReturnChange::Decided { state, items, next_poll_at, note });
    if delta != OrderFunds::default() {
        let by = row.id().subject();
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
    match (&row.state, &after.state) {
        (ShareReturnState::Running { .. }, ShareReturnState::Ended { .. }) => {
            ended(deciding, &after, order);
        }
        (_, ShareReturnState::Running { .. }) => begin_next(deciding, &after, order),
        (ShareReturnState::Ended { .. }, ShareReturnState::Ended { .. }) => {}
    }
    Ok(())
}

/// Where a return stands with these items, and when its next call is due.
fn goes_on(
    now: Timestamp,
    row: &ShareReturn,
    items: &[ReturnItem],
) -> (ShareReturnState, Option<Timestamp>) {
    let open = items.iter().position(|item| item.outcome == ReturnOutcome::Open);
    match (&row.state, open) {
        (ShareReturnState::Ended { at }, _) => (ShareReturnState::Ended { at: *at }, None),
        (_, None) => (ShareReturnState::Ended { at: now }, None),
        (state, open) if open == row.open_item().map(|(at, _)| at) => (state.clone(), Some(now)),
        (_, Some(_)) => (ShareReturnState::Running { tries: 0, refused: None }, Some(now)),
    }
}

/// What the order's funds have more or less.
fn delta(
    row: &ShareReturn,
    order: &Order,
    items: &[ReturnItem],
) -> Result<OrderFunds, ShareReturnRefusal> {
    let left = order.funds.shared;
    let too_much = || ShareReturnRefusal::MoreThanShared { left };
    let before = sum(row.items.iter().map(ReturnItem::real_amount));
    let after = items.iter().map(ReturnItem::real_amount);
    let after = after.into_iter().try_fold(Fen::ZERO, |sum, amount| sum.plus(amount).ok());
    let shared = after.and_then(|after| before.minus(after).ok()).ok_or_else(too_much)?;
    if left.plus(shared).map_or(true, |left| left < Fen::ZERO) {
        return Err(too_much());
    }
    match order.free() {
        free if shared > free => Err(ShareReturnRefusal::Spent { free }),
        _ => Ok(OrderFunds { shared, ..OrderFunds::default() }),
    }
}

/// What came from elsewhere than now goes back there, and comes anew.
fn move_money(deciding: &mut Deciding<'_>, row: &ShareReturn, order: &Order, items: &[ReturnItem]) {
    let pending = pending(&row.merchant);
    let movement = |debit, credit, amount| {
        let (phase, reason) = (Phase::Post, Reason::ShareReturn);
        Movement { phase, debit, credit, amount, reason }
    };
    let changed = row.items.iter().zip(items).filter(|(before, after)| before != after);
    for (before, after) in changed {
        if let Some(account) = came_from(row, order, before) {
            deciding.transfer(row, movement(pending.clone(), account, before.amount));
        }
        if let Some(account) = came_from(row, order, after) {
            deciding.transfer(row, movement(account, pending.clone(), after.amount));
        }
    }
}

/// The account that an item's money came from; none of one that is not done.
fn came_from(row: &ShareReturn, order: &Order, item: &ReturnItem) -> Option<Account> {
    match (&item.outcome, &item.place) {
        (ReturnOutcome::Open | ReturnOutcome::Failed { .. }, _) => None,
        (ReturnOutcome::Done { is_by_hand: true, .. }, _) => Some(by_hand(&row.tenant)),
        (ReturnOutcome::Done { .. }, ItemPlace::Channel(_)) => {
            Some(funds(&order.terms.channel_account))
        }
        (ReturnOutcome::Done { .. }, ItemPlace::Book(account)) => Some(account.clone()),
    }
}
