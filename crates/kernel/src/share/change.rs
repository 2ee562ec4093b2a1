//! What can happen to a share, and what it does to it.

use super::{Share, ShareItem, ShareState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::refund::Need;
use crate::standing::{Attention, AttentionKind};
use channel::Operation;
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;

/// What can happen to a share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareChange {
    /// It was made; it is complete in here.
    Made(Box<Share>),
    /// A call to the channel was begun.
    CallBegun {
        /// What is asked.
        operation: Operation,
        /// When the call has certainly ended.
        until: Timestamp,
        /// Where the share stands while it is asked.
        state: ShareState,
    },
    /// The channel answered, and it stands here now.
    Moved {
        /// Where it stands.
        state: ShareState,
        /// Its items, where one of them changed.
        items: Option<Vec<ShareItem>>,
        /// When its next call is due; `None` when it has ended, or another call begins at once.
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
        claimed: Option<Vec<ShareItem>>,
    },
    /// The channel reported again what is known; the share has ended.
    Repeated,
    /// An operator wants it polled now.
    PollRequested,
    /// A return of it was made.
    ReturnMade(Id<kinds::ShareReturn>),
    /// An operator wants it requested under a new number.
    NumberRenewed {
        /// Which number it has now, counted from 1.
        attempt: u32,
        /// When it is requested: every call about the number before has ended then.
        next_poll_at: Timestamp,
    },
    /// An operator decided what became of it.
    Decided {
        /// Where it stands: it has ended.
        state: ShareState,
        /// Its items.
        items: Vec<ShareItem>,
        /// When the channel is asked whether it did otherwise; `None` when it is not.
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

impl AggregateChange for ShareChange {
    fn name(&self) -> &'static str {
        match self {
            ShareChange::Made(_) => "made",
            ShareChange::CallBegun { .. } => "call_begun",
            ShareChange::Moved { .. } => "moved",
            ShareChange::MismatchRecorded { .. } => "mismatch_recorded",
            ShareChange::Repeated => "repeated",
            ShareChange::PollRequested => "poll_requested",
            ShareChange::ReturnMade(_) => "return_made",
            ShareChange::NumberRenewed { .. } => "number_renewed",
            ShareChange::Decided { .. } => "decided",
            ShareChange::ContradictionEnded { .. } => "contradiction_ended",
        }
    }
}

/// The share after an event.
pub(super) fn evolve(before: Option<&Share>, event: &Event, change: &ShareChange) -> Share {
    let mut share = match (change, before) {
        (ShareChange::Made(share), None) => return (**share).clone(),
        (_, Some(share)) => share.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    share.version = event.sequence;
    match change {
        ShareChange::Made(_) => panic!("{} is made twice", event.subject),
        ShareChange::CallBegun { until, state, .. } => {
            if share.state.name() != state.name() {
                share.polls = 0;
            }
            share.state = state.clone();
            share.next_poll_at = Some(*until);
        }
        ShareChange::Moved { state, items, next_poll_at, need } => {
            share.polls = match share.state == *state {
                true => share.polls.saturating_add(1),
                false => 0,
            };
            share.attention = need.as_ref().map(|need| attention(&share, need, event.at));
            if !is_contradicted(&share) {
                share.claimed = None;
            }
            share.state = state.clone();
            share.next_poll_at = *next_poll_at;
            if let Some(items) = items {
                share.items.clone_from(items);
            }
        }
        ShareChange::MismatchRecorded { why, next_poll_at, claimed } => {
            let need = Need { kind: AttentionKind::Contradiction, reason: why.clone() };
            share.polls = match &share.attention {
                Some(_) => share.polls.saturating_add(1),
                None => 0,
            };
            share.attention = Some(attention(&share, &need, event.at));
            share.next_poll_at = *next_poll_at;
            share.claimed.clone_from(claimed);
        }
        ShareChange::Repeated => {}
        ShareChange::PollRequested => {
            share.polls = 0;
            share.next_poll_at = Some(event.at);
        }
        ShareChange::ReturnMade(id) => share.returns.push(*id),
        ShareChange::NumberRenewed { attempt, next_poll_at } => {
            share.attempt = *attempt;
            share.state = ShareState::Waiting;
            share.next_poll_at = Some(*next_poll_at);
            needs_nobody(&mut share);
        }
        ShareChange::Decided { state, items, next_poll_at, note } => {
            share.state = state.clone();
            share.items.clone_from(items);
            share.next_poll_at = *next_poll_at;
            share.note = Some(note.clone());
            needs_nobody(&mut share);
        }
        ShareChange::ContradictionEnded { note } => {
            share.note = Some(note.clone());
            needs_nobody(&mut share);
        }
    }
    share
}

fn is_contradicted(share: &Share) -> bool {
    let attention = share.attention.as_ref();
    attention.is_some_and(|attention| attention.kind == AttentionKind::Contradiction)
}

/// A person has decided.
fn needs_nobody(share: &mut Share) {
    share.attention = None;
    share.claimed = None;
    share.polls = 0;
}

/// The attention that a need raises; the same need goes on since it began.
fn attention(share: &Share, need: &Need, now: Timestamp) -> Attention {
    let known = share.attention.as_ref();
    let known = known.filter(|it| it.kind == need.kind && *it.reason == *need.reason);
    let reason = Arc::from(need.reason.as_str());
    known.cloned().unwrap_or(Attention { kind: need.kind, reason, since: now })
}
