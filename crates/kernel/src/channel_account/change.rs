//! What can happen to a channel account, and what it does to it.

use super::{Blocked, ChannelAccount, Mismatch};
use crate::aggregate::AggregateChange;
use crate::event::Event;
use channel::PlatformKey;
use std::sync::Arc;

/// What can happen to a channel account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAccountChange {
    /// It was created; it is complete in here.
    Created(Box<ChannelAccount>),
    /// It was changed; it is complete in here, as it is from now on.
    Changed(Box<ChannelAccount>),
    /// Signing keys of the channel were fetched; these are all that are trusted from now on.
    KeysStored(Vec<PlatformKey>),
    /// A callback was about nothing that we know; it waits for the operator.
    MismatchRecorded {
        /// What the callback was about, and why it fits nothing.
        why: String,
    },
    /// The channel refuses the account itself; a person must mend it.
    Blocked {
        /// What the channel answered.
        why: String,
    },
    /// The channel takes the account again, or an operator expects that.
    Resumed,
    /// An operator looked into the callback about nothing that is known.
    MismatchDismissed {
        /// What the operator noted.
        note: String,
    },
}

impl AggregateChange for ChannelAccountChange {
    fn name(&self) -> &'static str {
        match self {
            ChannelAccountChange::Created(_) => "created",
            ChannelAccountChange::Changed(_) => "changed",
            ChannelAccountChange::KeysStored(_) => "keys_stored",
            ChannelAccountChange::MismatchRecorded { .. } => "mismatch_recorded",
            ChannelAccountChange::Blocked { .. } => "blocked",
            ChannelAccountChange::Resumed => "resumed",
            ChannelAccountChange::MismatchDismissed { .. } => "mismatch_dismissed",
        }
    }
}

/// The channel account after an event.
pub(super) fn evolve(
    before: Option<&ChannelAccount>,
    event: &Event,
    change: &ChannelAccountChange,
) -> ChannelAccount {
    match (change, before) {
        (ChannelAccountChange::Created(row), None)
        | (ChannelAccountChange::Changed(row), Some(_)) => {
            ChannelAccount { version: event.sequence, ..(**row).clone() }
        }
        (ChannelAccountChange::KeysStored(keys), Some(before)) => ChannelAccount {
            version: event.sequence,
            platform_keys: keys.clone(),
            ..before.clone()
        },
        (ChannelAccountChange::MismatchRecorded { why }, Some(before)) => {
            let mismatch = Some(Mismatch { why: Arc::from(why.as_str()), since: event.at });
            ChannelAccount { version: event.sequence, mismatch, ..before.clone() }
        }
        (ChannelAccountChange::Blocked { why }, Some(before)) => {
            let blocked = Some(Blocked { why: Arc::from(why.as_str()), since: event.at });
            ChannelAccount { version: event.sequence, blocked, ..before.clone() }
        }
        (ChannelAccountChange::Resumed, Some(before)) => {
            ChannelAccount { version: event.sequence, blocked: None, ..before.clone() }
        }
        (ChannelAccountChange::MismatchDismissed { .. }, Some(before)) => {
            ChannelAccount { version: event.sequence, mismatch: None, ..before.clone() }
        }
        (_, Some(_)) => panic!("{} is created twice", event.subject),
        (_, None) => panic!("{} is changed before it is created", event.subject),
    }
}
