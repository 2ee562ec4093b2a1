//! What can happen to the return of a share, and what it does to it.

use super::{ReturnItem, ReturnOutcome, ShareReturn, ShareReturnState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::refund::Need;
use crate::standing::{Attention, AttentionKind};
use channel::Operation;
use ledger::Timestamp;
use std::sync::Arc;

/// What can happen to the return of a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareReturnChange {
    /// It was made; it is complete in here.
    Made(Box<ShareReturn>),
    /// A call to the channel was begun.
    CallBegun {
        /// What is asked.
        operation: Operation,
        /// When the call has certainly ended.
        until: Timestamp,
        /// Where the return stands while it is asked.
        state: ShareReturnState,
    },
    /// The channel answered, and it stands here now.
    Moved {
        /// Where it stands.
        state: ShareReturnState,
        /// Its items, where one of them changed.
        items: Option<Vec<ReturnItem>>,
        /// When its next call is due; `None` when it has ended.
        next_poll_at: Option<Timestamp>,
        /// Why it needs a person, if it does.
        need: Option<Need>,
    },
    /// The channel contradicted it; that moved no money and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// When it is polled next; `None` when it is not.
        next_poll_at: Option<Timestamp>,
        /// The items as the channel describes them, where that could be booked.
        claimed: Option<Vec<ReturnItem>>,
    },
    /// The channel reported again what is known; the return has ended.
    Repeated,
    /// An operator wants it polled now.
    PollRequested,
    /// An operator wants its first open item requested under a new number.
    NumberRenewed {
        /// Which number the item has now, counted from 1.
        attempt: u32,
        /// When it is requested: every call about the number before has ended then.
        next_poll_at: Timestamp,
    },
    /// An operator decided what became of items.
    Decided {
        /// Where it stands.
        state: ShareReturnState,
        /// Its items.
        items: Vec<ReturnItem>,
        /// When its next call is due; `None` when there is none.
        next_poll_at: Option<Timestamp>,
        /// What the operator noted.
        note: String,
    },
    /// An operator looked into what contradicted it, after its end.
    ContradictionEnded {
        /// What the operator noted.
        note: String,
    },
}

impl AggregateChange for ShareReturnChange {
    fn name(&self) -> &'static str {
        match self {
            ShareReturnChange::Made(_) => "made",
            ShareReturnChange::CallBegun { .. } => "call_begun",
            ShareReturnChange::Moved { .. } => "moved",
            ShareReturnChange::MismatchRecorded { .. } => "mismatch_recorded",
            ShareReturnChange::Repeated => "repeated",
            ShareReturnChange::PollRequested => "poll_requested",
            ShareReturnChange::NumberRenewed { .. } => "number_renewed",
            ShareReturnChange::Decided { .. } => "decided",
            ShareReturnChange::ContradictionEnded { .. } => "contradiction_ended",
        }
    }
}

/// The return after an event.
pub(super) fn evolve(
    before: Option<&ShareReturn>,
    event: &Event,
    change: &ShareReturnChange,
) -> ShareReturn {
    let mut row = match (change, before) {
        (ShareReturnChange::Made(row), None) => return (**row).clone(),
        (_, Some(row)) => row.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    row.version = event.sequence;
    match change {
        ShareReturnChange::Made(_) => panic!("{} is made twice", event.subject),
        ShareReturnChange::CallBegun { until, state, .. } => {
            row.state = state.clone();
            row.next_poll_at = Some(*until);
        }
        ShareReturnChange::Moved { state, items, next_poll_at, need } => {
            row.polls = match row.state == *state && items.is_none() {
                true => row.polls.saturating_add(1),
                false => 0,
            };
            row.attention = need.as_ref().map(|need| attention(&row, need, event.at));
            if !is_contradicted(&row) {
                row.claimed = None;
            }
            row.state = state.clone();
            row.next_poll_at = *next_poll_at;
            if let Some(items) = items {
                row.items.clone_from(items);
            }
        }
        ShareReturnChange::MismatchRecorded { why, next_poll_at, claimed } => {
            let need = Need { kind: AttentionKind::Contradiction, reason: why.clone() };
            row.polls = match &row.attention {
                Some(_) => row.polls.saturating_add(1),
                None => 0,
            };
            row.attention = Some(attention(&row, &need, event.at));
            row.next_poll_at = *next_poll_at;
            row.claimed.clone_from(claimed);
        }
        ShareReturnChange::Repeated => {}
        ShareReturnChange::PollRequested => {
            row.polls = 0;
            row.next_poll_at = Some(event.at);
        }
        ShareReturnChange::NumberRenewed { attempt, next_poll_at } => {
            let mut open = row.items.iter_mut();
            if let Some(item) = open.find(|item| item.outcome == ReturnOutcome::Open) {
                item.attempt = *attempt;
            }
            row.state = ShareReturnState::Running { tries: 0, refused: None };
            row.next_poll_at = Some(*next_poll_at);
            needs_nobody(&mut row);
        }
        ShareReturnChange::Decided { state, items, next_poll_at, note } => {
            row.state = state.clone();
            row.items.clone_from(items);
            row.next_poll_at = *next_poll_at;
            row.note = Some(note.clone());
            needs_nobody(&mut row);
        }
        ShareReturnChange::ContradictionEnded { note } => {
            row.note = Some(note.clone());
            needs_nobody(&mut row);
        }
    }
    row
}

fn is_contradicted(row: &ShareReturn) -> bool {
    let attention = row.attention.as_ref();
    attention.is_some_and(|attention| attention.kind == AttentionKind::Contradiction)
}

/// A person has decided.
fn needs_nobody(row: &mut ShareReturn) {
    row.attention = None;
    row.claimed = None;
    row.polls = 0;
}

/// The attention that a need raises; the same need goes on since it began.
fn attention(row: &ShareReturn, need: &Need, now: Timestamp) -> Attention {
    let known = row.attention.as_ref();
    let known = known.filter(|it| it.kind == need.kind && *it.reason == *need.reason);
    let reason = Arc::from(need.reason.as_str());
    known.cloned().unwrap_or(Attention { kind: need.kind, reason, since: now })
}
