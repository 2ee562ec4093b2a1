//! What can happen to a payee, and what it does to it.

use super::{Binding, Payee};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind, Sealed};
use channel::Operation;
use ledger::Timestamp;
use std::sync::Arc;

/// What can happen to a payee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayeeChange {
    /// It was created; it is complete in here.
    Created(Box<Payee>),
    /// A channel has bound it as a receiver of an account.
    Bound(Binding),
    /// It was unbound: it gets no new shares.
    Unbound,
    /// A call to the channel was begun.
    CallBegun {
        /// What is asked.
        operation: Operation,
        /// When the call has certainly ended.
        until: Timestamp,
    },
    /// The channel has unbound it from an account.
    UnboundAt {
        /// The account.
        channel_account: Arc<str>,
    },
    /// The channel did not unbind it.
    UnbindFailed {
        /// What it answered.
        why: String,
        /// When it is asked again; `None` when a person has to look at it first.
        next_poll_at: Option<Timestamp>,
    },
    /// The channel reported again what is known.
    Repeated,
    /// An operator wants the channel asked now.
    PollRequested,
    /// An operator looked into it; the channel is not asked again.
    Dismissed {
        /// What the operator noted.
        note: String,
    },
    /// Its secrets were sealed under another master key.
    Resealed {
        /// Its name.
        name: Option<Sealed>,
        /// Its number or id at its channel.
        number: Option<Sealed>,
    },
}

impl AggregateChange for PayeeChange {
    fn name(&self) -> &'static str {
        match self {
            PayeeChange::Created(_) => "created",
            PayeeChange::Bound(_) => "bound",
            PayeeChange::Unbound => "unbound",
            PayeeChange::CallBegun { .. } => "call_begun",
            PayeeChange::UnboundAt { .. } => "unbound_at",
            PayeeChange::UnbindFailed { .. } => "unbind_failed",
            PayeeChange::Repeated => "repeated",
            PayeeChange::PollRequested => "poll_requested",
            PayeeChange::Dismissed { .. } => "dismissed",
            PayeeChange::Resealed { .. } => "resealed",
        }
    }
}

/// The payee after an event.
pub(super) fn evolve(before: Option<&Payee>, event: &Event, change: &PayeeChange) -> Payee {
    let mut payee = match (change, before) {
        (PayeeChange::Created(payee), None) => return (**payee).clone(),
        (_, Some(payee)) => payee.clone(),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    };
    payee.version = event.sequence;
    match change {
        PayeeChange::Created(_) => panic!("{} is created twice", event.subject),
        PayeeChange::Bound(binding) => {
            payee.bindings.push(binding.clone());
            // A share that was made before it was unbound has bound it once more.
            if payee.unbound_at.is_some() {
                payee.next_poll_at = Some(event.at);
            }
        }
        PayeeChange::Unbound => {
            payee.unbound_at = Some(event.at);
            payee.next_poll_at = (!payee.bindings.is_empty()).then_some(event.at);
        }
        PayeeChange::CallBegun { until, .. } => payee.next_poll_at = Some(*until),
        PayeeChange::UnboundAt { channel_account } => {
            payee.bindings.retain(|binding| binding.channel_account != *channel_account);
            payee.next_poll_at = (!payee.bindings.is_empty()).then_some(event.at);
            payee.attention = None;
            payee.polls = 0;
        }
        PayeeChange::UnbindFailed { why, next_poll_at } => {
            payee.polls = payee.polls.saturating_add(1);
            payee.next_poll_at = *next_poll_at;
            payee.attention = next_poll_at.is_none().then(|| attention(why, event.at));
        }
        PayeeChange::Repeated => {}
        PayeeChange::PollRequested => {
            payee.polls = 0;
            payee.attention = None;
            payee.next_poll_at = Some(event.at);
        }
        PayeeChange::Dismissed { .. } => payee.attention = None,
        PayeeChange::Resealed { name, number } => {
            payee.name.clone_from(name);
            if let (Some(account), Some(number)) = (&mut payee.account, number) {
                account.number = number.clone();
            }
        }
    }
    payee
}

fn attention(why: &str, since: Timestamp) -> Attention {
    let reason = Arc::from(format!("the channel does not unbind the payee: {why}"));
    Attention { kind: AttentionKind::UnbindFailed, reason, since }
}
