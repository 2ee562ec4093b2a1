//! What can happen to the return of a share, and what it does to it.

use super::{ReturnItem, ShareReturn, ShareReturnState};
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
    },
    /// The channel reported again what is known; the return has ended.
    Repeated,
    /// An operator wants it polled now.
    PollRequested,
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
            row.state = state.clone();
            row.next_poll_at = *next_poll_at;
            if let Some(items) = items {
                row.items.clone_from(items);
            }
        }
        ShareReturnChange::MismatchRecorded { why, next_poll_at } => {
            let need = Need { kind: AttentionKind::Contradiction, reason: why.clone() };
            row.polls = match &row.attention {
                Some(_) => row.polls.saturating_add(1),
                None => 0,
            };
            row.attention = Some(attention(&row, &need, event.at));
            row.next_poll_at = *next_poll_at;
        }
        ShareReturnChange::Repeated => {}
        ShareReturnChange::PollRequested => {
            row.polls = 0;
            row.next_poll_at = Some(event.at);
        }
    }
    row
}

/// The attention that a need raises; the same need goes on since it began.
fn attention(row: &ShareReturn, need: &Need, now: Timestamp) -> Attention {
    let known = row.attention.as_ref();
    let known = known.filter(|it| it.kind == need.kind && *it.reason == *need.reason);
    let reason = Arc::from(need.reason.as_str());
    known.cloned().unwrap_or(Attention { kind: need.kind, reason, since: now })
}
