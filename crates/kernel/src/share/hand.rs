//! What an operator decides about a share that the channel contradicts, or does not end.
//!
//! Its money is booked anew: what it holds is released, and what went elsewhere than the items say now
//! goes back first. So every end is reached from every state by the same rule.

use super::finding::end_of_order;
use super::{ItemOutcome, ItemPlace, Share, ShareChange, ShareItem, ShareRefusal, ShareState};
use super::{make, sum};
use crate::aggregate::{Aggregate, Key};
use crate::approval::{Manual, ManualCommand, ManualRoot};
use crate::channel_no::ATTEMPTS_MAX;
use crate::deciding::{Deciding, Movement};
use crate::directory::TenantId;
use crate::order::{CALL_MAX_MS, Order, OrderChange, OrderFunds};
use crate::refund::{final_poll, funds};
use crate::standing::Exit;
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Timestamp, kinds};

/// What an operator decides about a share. A repeat of what was decided already answers the same and
/// moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecideShare {
    /// The owner.
    pub tenant: TenantId,
    /// The share.
    pub share: Id<kinds::Share>,
    /// The order that it belongs to; the root of its story.
    pub order: Id<kinds::Order>,
    /// What is decided.
    pub end: HandEnd,
}

/// How a person ends a share or the return of one, or what contradicts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandEnd {
    /// It is booked as the channel describes it, other than was requested.
    Accept {
        /// Why, for people.
        note: String,
    },
    /// The items that are not final end as somebody saw it.
    ByHand {
        /// The payees whose items are done, outside the channel's interface; in order, each once. Those
        /// of other payees are not done.
        done: Vec<Id<kinds::Payee>>,
        /// True when what was not shared of the order is released at the channel.
        is_released: bool,
        /// Why, for people.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// It has ended, and what contradicted was looked into; no money moves.
    EndContradiction {
        /// Why, for people.
        note: String,
    },
}

impl HandEnd {
    /// What the operator noted.
    pub fn note(&self) -> &str {
        match self {
            HandEnd::Accept { note }
            | HandEnd::ByHand { note, .. }
            | HandEnd::EndContradiction { note } => note,
        }
    }

    /// The number of a movement outside the channel.
    pub fn outside_reference(&self) -> Option<&str> {
        match self {
            HandEnd::ByHand { outside_reference, .. } => Some(outside_reference),
            HandEnd::Accept { .. } | HandEnd::EndContradiction { .. } => None,
        }
    }
}

impl DecideShare {
    pub(super) const fn name(&self) -> &'static str {
        match self.end {
            HandEnd::Accept { .. } => "accept_share",
            HandEnd::ByHand { .. } => "end_share_by_hand",
            HandEnd::EndContradiction { .. } => "end_share_contradiction",
        }
    }

    pub(super) fn manual(&self) -> Manual {
        let (order, share, end) = (self.order, self.share, self.end.clone());
        let command = ManualCommand::EndShare { order, share, end };
        Manual { root: ManualRoot::Order(Key::Id(order)), command }
    }
}

impl From<DecideShare> for crate::Command {
    fn from(command: DecideShare) -> crate::Command {
        super::ShareCommand::Decide(command).into()
    }
}

/// The commands that can end what a share needs a person for.
pub(super) fn exits(share: &Share) -> Vec<Exit> {
    if share.attention.is_none() {
        return vec![];
    }
    let accept = share.claimed.as_ref().map(|_| Exit::Accept);
    let rest = match share.state {
        ShareState::Ended { .. } => vec![Exit::DismissContradiction],
        _ if is_refused(share) => vec![Exit::Retry, Exit::RetryUnderNewNumber, Exit::EndByHand],
        _ => vec![Exit::Retry, Exit::EndByHand],
    };
    accept.into_iter().chain(rest).collect()
}

/// True when the channel has refused the present number, and another one can be made.
const fn is_refused(share: &Share) -> bool {
    matches!(share.state, ShareState::Requesting { refused: Some(_), .. })
        && share.attempt < ATTEMPTS_MAX
}

/// A second number only after the first is known to be refused. It is requested once no call about the
/// first can bring an answer any more.
pub(super) fn renew_number(deciding: &mut Deciding<'_>, share: &Share) -> Result<(), ShareRefusal> {
    match share.state {
        ShareState::Ended { .. } => return Err(ShareRefusal::Ended),
        // A repeat: the new number is about to be requested.
        ShareState::Waiting if share.attempt > 1 => return Ok(()),
        _ if share.attention.is_none() => return Err(ShareRefusal::NoAttention),
        _ if !is_refused(share) => return Err(ShareRefusal::NotRefused),
        _ => {}
    }
    let next_poll_at = deciding.now().plus_ms(CALL_MAX_MS);
    let attempt = share.attempt + 1;
    deciding.record(share, ShareChange::NumberRenewed { attempt, next_poll_at });
    Ok(())
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    end: &HandEnd,
) -> Result<(), ShareRefusal> {
    if is_decided(share, end) {
        return Ok(());
    }
    if share.attention.is_none() {
        return Err(match share.state {
            ShareState::Ended { .. } => ShareRefusal::Ended,
            _ => ShareRefusal::NoAttention,
        });
    }
    match end {
        HandEnd::Accept { note } => accept(deciding, share, order, note),
        HandEnd::ByHand { .. } => by_hand_end(deciding, share, order, end),
        HandEnd::EndContradiction { note } => match share.state {
            ShareState::Ended { .. } => {
                deciding.record(share, ShareChange::ContradictionEnded { note: note.clone() });
                Ok(())
            }
            _ => Err(ShareRefusal::NotEnded),
        },
    }
}

/// True when just this was decided, and nothing has contradicted it since.
fn is_decided(share: &Share, end: &HandEnd) -> bool {
    let is_ended = matches!(share.state, ShareState::Ended { .. });
    let is_noted = share.note.as_deref() == Some(end.note());
    let is_so = match end {
        HandEnd::ByHand { done, outside_reference, .. } => {
            let paid = |item: &&ShareItem| is_by_hand(&item.outcome, outside_reference);
            let mut paid: Vec<_> = share.items.iter().filter(paid).map(|item| item.payee).collect();
            paid.sort();
            paid == *done
        }
        HandEnd::Accept { .. } | HandEnd::EndContradiction { .. } => true,
    };
    is_ended && share.attention.is_none() && is_noted && is_so
}

fn is_by_hand(outcome: &ItemOutcome, outside_reference: &str) -> bool {
    match outcome {
        ItemOutcome::Done { reference, is_by_hand: true, .. } => {
            reference.as_deref() == Some(outside_reference)
        }
        ItemOutcome::Done { .. } | ItemOutcome::Open { .. } | ItemOutcome::Failed { .. } => false,
    }
}

/// What the channel describes is how it ended.
fn accept(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    note: &str,
) -> Result<(), ShareRefusal> {
    let items = share.claimed.clone().ok_or(ShareRefusal::NothingClaimed)?;
    let is_done = items.iter().all(|item| matches!(item.outcome, ItemOutcome::Done { .. }));
    let releases = share.releases_rest && is_done;
    let ended = Decided { items, refused: None, releases, next_poll_at: None, note };
    rebook(deciding, share, order, ended)
}

/// The items that are not final end as somebody saw it. The channel is asked afterwards whether it did
/// otherwise.
fn by_hand_end(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    end: &HandEnd,
) -> Result<(), ShareRefusal> {
    let HandEnd::ByHand { done, is_released, note, outside_reference } = end else { return Ok(()) };
    if let ShareState::Ended { .. } = share.state {
        return Err(ShareRefusal::Ended);
    }
    let is_open = |payee: &Id<kinds::Payee>| {
        let mut items = share.items.iter();
        items.any(|item| item.payee == *payee && matches!(item.outcome, ItemOutcome::Open { .. }))
    };
    if let Some(payee) = done.iter().find(|payee| !is_open(payee)) {
        return Err(ShareRefusal::Payee { payee: *payee, why: "has no part that is not final" });
    }
    let now = deciding.now();
    let item = |item: &ShareItem| {
        let outcome = match &item.outcome {
            ItemOutcome::Open { .. } if done.contains(&item.payee) => ItemOutcome::Done {
                at: now,
                reference: Some(outside_reference.clone()),
                is_by_hand: true,
            },
            ItemOutcome::Open { .. } => ItemOutcome::Failed { reason: note.clone() },
            outcome => outcome.clone(),
        };
        ShareItem { outcome, ..item.clone() }
    };
    let items: Vec<ShareItem> = share.items.iter().map(item).collect();
    let refused = (items.is_empty() && !is_released).then(|| note.clone());
    let next_poll_at = final_poll(now, now).filter(|_| !items.is_empty());
    let ended = Decided { items, refused, releases: *is_released, next_poll_at, note };
    rebook(deciding, share, order, ended)
}

/// How a share has ended, as a person decided.
struct Decided<'a> {
    items: Vec<ShareItem>,
    refused: Option<String>,
    releases: bool,
    next_poll_at: Option<Timestamp>,
    note: &'a str,
}

/// Books how a share has ended, regardless of what was booked of it before.
fn rebook(
    deciding: &mut Deciding<'_>,
    share: &Share,
    order: &Order,
    decided: Decided<'_>,
) -> Result<(), ShareRefusal> {
    let Decided { items, refused, releases, next_poll_at, note } = decided;
    let delta = delta(share, order, &items)?;
    move_money(deciding, share, order, &items);
    let was_open = !matches!(share.state, ShareState::Ended { .. });
    let at = match share.state {
        ShareState::Ended { at, .. } => at,
        _ => deciding.now(),
    };
    let (state, note) = (ShareState::Ended { at, refused }, note.to_owned());
    let ended = Share { state: state.clone(), items: items.clone(), ..share.clone() };
    deciding.record(share, ShareChange::Decided { state, items, next_poll_at, note });
    if was_open {
        end_of_order(deciding, &ended, order, delta, releases);
        make::notify(deciding, &ended);
    } else if delta != OrderFunds::default() {
        let by = share.id().subject();
        deciding.record(order, OrderChange::FundsMoved { by, delta });
    }
    Ok(())
}

/// What the order's funds have more or less. Money of other orders cannot pay for this one.
fn delta(share: &Share, order: &Order, items: &[ShareItem]) -> Result<OrderFunds, ShareRefusal> {
    let real = |items: &[ShareItem]| {
        let mut real = items.iter().map(ShareItem::real_amount);
        real.try_fold(Fen::ZERO, |sum, amount| sum.plus(amount).ok())
    };
    let (held, before) = (share.held(), sum(share.items.iter().map(ShareItem::real_amount)));
    let room = [before, order.free()].into_iter().try_fold(held, |sum, part| sum.plus(part).ok());
    let exceeds = |amount, free| ShareRefusal::Exceeds { amount, free };
    let room = room.unwrap_or(Fen::ZERO);
    let after = real(items).ok_or(exceeds(Fen::new(i64::MAX), room))?;
    if after > room {
        return Err(exceeds(after, room));
    }
    let shared = after.minus(before).map_err(|_| exceeds(after, room))?;
    if order.funds.shared.plus(shared).map_or(true, |left| left < Fen::ZERO) {
        return Err(ShareRefusal::GivenBack);
    }
    let sharing = held.negated().unwrap_or(Fen::ZERO);
    Ok(OrderFunds { sharing, shared, ..OrderFunds::default() })
}

/// Releases what is held; what was paid elsewhere than now goes back, and is paid anew.
fn move_money(deciding: &mut Deciding<'_>, share: &Share, order: &Order, items: &[ShareItem]) {
    let pending = share.debit();
    let movement = |phase, debit, credit, amount| Movement {
        phase,
        debit,
        credit,
        amount,
        reason: Reason::Share,
    };
    let credit = funds(&order.terms.channel_account);
    let release = movement(Phase::Release, pending.clone(), credit, share.held());
    deciding.transfer_any(share, release);
    let changed = share.items.iter().zip(items).filter(|(before, after)| before != after);
    for (before, after) in changed {
        if let Some(account) = paid_to(share, order, before) {
            let back = movement(Phase::Post, account, pending.clone(), before.amount);
            deciding.transfer(share, back);
        }
        if let Some(account) = paid_to(share, order, after) {
            let paid = movement(Phase::Post, pending.clone(), account, after.amount);
            deciding.transfer(share, paid);
        }
    }
}

/// The account that an item's money went to; none of one that is not done.
fn paid_to(share: &Share, order: &Order, item: &ShareItem) -> Option<Account> {
    match (&item.outcome, &item.place) {
        (ItemOutcome::Open { .. } | ItemOutcome::Failed { .. }, _) => None,
        (ItemOutcome::Done { is_by_hand: true, .. }, _) => Some(by_hand(&share.tenant)),
        (ItemOutcome::Done { .. }, ItemPlace::Channel(_)) => {
            Some(funds(&order.terms.channel_account))
        }
        (ItemOutcome::Done { .. }, ItemPlace::Book(account)) => Some(account.clone()),
    }
}

/// The account of what was moved outside the channel's interface.
pub(crate) fn by_hand(tenant: &TenantId) -> Account {
    Account::new(AccountKind::SettledByHand, tenant.as_str())
}
