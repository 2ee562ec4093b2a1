//! What can happen to a refund, and what it does to it.

use super::{Refund, RefundReturn, RefundState, SecondPayout};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind};
use channel::Operation;
use ledger::{Fen, Subject, Timestamp};
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
    /// The channel answered, or a person decided, and it stands here now.
    Moved {
        /// Where it stands.
        state: RefundState,
        /// When it is polled next; `None` when it is not.
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
    /// The channel reported again what is known; the refund is final.
    Repeated,
    /// An operator wants it polled now.
    PollRequested,
    /// An operator or its merchant wants it requested again under a new number.
    NumberRenewed {
        /// Which number it has now, counted from 1.
        attempt: u32,
        /// When it is polled next.
        next_poll_at: Timestamp,
    },
    /// The channel gave the money back a second time, under another number.
    PaidAgain {
        /// The channel's number of that.
        refund_reference: String,
        /// What left the account at the channel.
        amount: Fen,
        /// What a person must look at.
        why: String,
    },
    /// An operator recorded that what was given back twice came back outside the channel's interface.
    PaidBack {
        /// What the operator noted.
        note: String,
        /// The number of that movement, where it was made.
        outside_reference: String,
    },
    /// What it waited for while it is prepared has ended.
    StepEnded,
    /// What payees were to give back stands so.
    ReturnsEnded {
        /// All of it.
        returns: Vec<RefundReturn>,
    },
    /// Its merchant requested it again, and it is prepared again.
    PreparedAgain {
        /// The return or release that it waits for.
        step: Subject,
        /// True when the channel may know its number.
        is_requested: bool,
        /// Which number it has now, counted from 1.
        attempt: u32,
        /// What payees gave back, and give back now.
        returns: Vec<RefundReturn>,
        /// When it looks after the step.
        next_poll_at: Timestamp,
    },
    /// An operator ended what needed a person.
    AttentionEnded {
        /// What the operator noted.
        note: String,
    },
}

/// Why a refund needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The kind of thing to look at.
    pub kind: AttentionKind,
    /// The reason, for people.
    pub reason: String,
}

impl Need {
    /// The need that a row has already.
    pub(crate) fn of(attention: &Attention) -> Need {
        Need { kind: attention.kind, reason: attention.reason.to_string() }
    }
}

impl AggregateChange for RefundChange {
    fn name(&self) -> &'static str {
        match self {
            RefundChange::Made(_) => "made",
            RefundChange::CallBegun { .. } => "call_begun",
            RefundChange::Moved { .. } => "moved",
            RefundChange::MismatchRecorded { .. } => "mismatch_recorded",
            RefundChange::Repeated => "repeated",
            RefundChange::PollRequested => "poll_requested",
            RefundChange::NumberRenewed { .. } => "number_renewed",
            RefundChange::PaidAgain { .. } => "paid_again",
            RefundChange::PaidBack { .. } => "paid_back",
            RefundChange::StepEnded => "step_ended",
            RefundChange::ReturnsEnded { .. } => "returns_ended",
            RefundChange::PreparedAgain { .. } => "prepared_again",
            RefundChange::AttentionEnded { .. } => "attention_ended",
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
        RefundChange::Moved { state, next_poll_at, need } => {
            let attention = need.as_ref().map(|need| attention(&refund, need, event.at));
            let is_new = |attention: &Attention| refund.attention.as_ref() != Some(attention);
            // The schedule of a refund that needs a person begins with the need.
            refund.polls = match refund.state == *state && !attention.as_ref().is_some_and(is_new) {
                true => refund.polls.saturating_add(1),
                false => 0,
            };
            refund.attention = attention;
            refund.state = state.clone();
            refund.next_poll_at = *next_poll_at;
        }
        RefundChange::MismatchRecorded { why, next_poll_at } => {
            let need = Need { kind: AttentionKind::Contradiction, reason: why.clone() };
            refund.polls = match &refund.attention {
                Some(_) => refund.polls.saturating_add(1),
                None => 0,
            };
            // A failed refund of unapplied money needs a person already; a row has one reason, and its
            // story has both.
            if !matches!(refund.state, RefundState::Failed { .. }) || refund.attention.is_none() {
                refund.attention = Some(attention(&refund, &need, event.at));
            }
            refund.next_poll_at = *next_poll_at;
        }
        RefundChange::Repeated => {}
        RefundChange::PollRequested => {
            refund.polls = 0;
            refund.next_poll_at = Some(event.at);
        }
        RefundChange::NumberRenewed { attempt, next_poll_at } => {
            refund.attempt = *attempt;
            refund.state = RefundState::Requesting;
            refund.polls = 0;
            refund.attention = None;
            refund.next_poll_at = Some(*next_poll_at);
        }
        RefundChange::PaidAgain { refund_reference, amount, why } => {
            let (refund_reference, amount) = (refund_reference.clone(), *amount);
            let payout = SecondPayout { refund_reference, amount, is_back: false };
            refund.second_payouts.push(payout);
            let need = Need { kind: AttentionKind::Contradiction, reason: why.clone() };
            refund.attention = Some(attention(&refund, &need, event.at));
        }
        RefundChange::PaidBack { note, .. } => {
            refund.second_payouts.iter_mut().for_each(|payout| payout.is_back = true);
            refund.dismissal = Some(note.clone());
            refund.attention = None;
        }
        RefundChange::StepEnded => refund.next_poll_at = Some(event.at),
        RefundChange::ReturnsEnded { returns } => refund.returns.clone_from(returns),
        RefundChange::PreparedAgain { step, is_requested, attempt, returns, next_poll_at } => {
            let (step, is_requested) = (*step, *is_requested);
            refund.state = RefundState::Preparing { step, is_requested };
            refund.attempt = *attempt;
            refund.returns.clone_from(returns);
            refund.polls = 0;
            refund.next_poll_at = Some(*next_poll_at);
        }
        RefundChange::AttentionEnded { note } => {
            refund.dismissal = Some(note.clone());
            refund.attention = None;
        }
    }
    refund
}

/// The attention that a need raises; the same need goes on since it began.
fn attention(refund: &Refund, need: &Need, now: Timestamp) -> Attention {
    let known = refund.attention.as_ref();
    let known = known.filter(|it| it.kind == need.kind && *it.reason == *need.reason);
    let reason = Arc::from(need.reason.as_str());
    known.cloned().unwrap_or(Attention { kind: need.kind, reason, since: now })
}
