//! What can happen to a refund, and what it does to it.

use super::{Refund, RefundState};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind};
use channel::Operation;
use ledger::Timestamp;
use std::sync::Arc;

/// What can happen to a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundChange {
    /// It was made; it is complete in here.
    Made(Box<Refund>),
    /// A call to the channel was begun.
    CallBegun {
        /// What is asked.
        operation: Operation,
        /// When the call has certainly ended.
        until: Timestamp,
    },
    /// It was polled, and stands here now.
    Moved {
        /// Where it stands.
        state: RefundState,
        /// When it is polled next; `None` when it is final.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel contradicted it; that moved no money and waits for the operator.
    MismatchRecorded {
        /// What contradicts.
        why: String,
        /// When it is polled next; `None` when it is final.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel reported again what is known; the refund is final.
    Repeated,
}

impl AggregateChange for RefundChange {
    fn name(&self) -> &'static str {
        match self {
            RefundChange::Made(_) => "made",
            RefundChange::CallBegun { .. } => "call_begun",
            RefundChange::Moved { .. } => "moved",
            RefundChange::MismatchRecorded { .. } => "mismatch_recorded",
            RefundChange::Repeated => "repeated",
        }
    }
}

/// The refund after an event.
pub(super) fn evolve(before: Option<&Refund>, event: &Event, change: &RefundChange) -> Refund {
    let mut refund = match (change, before) {
        (RefundChange::Made(refund), None) => return (**refund).clone(),
        (_, Some(refund)) => refund.clone(),
        (_, None) => panic!("{} is changed before it is made", event.subject),
    };
    refund.version = event.sequence;
    match change {
        RefundChange::Made(_) => panic!("{} is made twice", event.subject),
        RefundChange::CallBegun { until, .. } => refund.next_poll_at = Some(*until),
        RefundChange::Moved { state, next_poll_at } => {
            refund.polls = match refund.state == *state {
                true => refund.polls.saturating_add(1),
                false => 0,
            };
            refund.state = state.clone();
            if matches!(state, RefundState::Failed { .. }) {
                // The failure itself needs a person now; its story keeps what contradicted before.
                refund.attention = None;
            }
            refund.next_poll_at = *next_poll_at;
        }
        RefundChange::MismatchRecorded { why, next_poll_at } => {
            refund.polls = refund.polls.saturating_add(1);
            // A failed refund needs a person already; a row has one reason, and its story has both.
            if !matches!(refund.state, RefundState::Failed { .. }) {
                let reason = Arc::from(why.as_str());
                let kind = AttentionKind::Contradiction;
                refund.attention = Some(Attention { kind, reason, since: event.at });
            }
            refund.next_poll_at = *next_poll_at;
        }
        RefundChange::Repeated => {}
    }
    refund
}
