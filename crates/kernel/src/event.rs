//! The envelope around each change. Events are the only way in which state changes, and together they
//! are the story of a subject: who did what, when, and what the channel said.

use crate::aggregate::Change;
use crate::directory::TenantId;
use channel::Operation;
use ledger::{Id, Subject, Timestamp, kinds};
use std::sync::Arc;

/// Who requested something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A business system, by the name of its key.
    Business(Arc<str>),
    /// A channel, by its name.
    Channel(Arc<str>),
    /// Tongbao itself: a task that was due.
    Clock,
    /// A person at the administration.
    Operator(Arc<str>),
}

impl Caller {
    /// Its text in storage and documents: `business:KEY`, `channel:NAME`, `clock`, `operator:NAME`.
    pub fn text(&self) -> String {
        match self {
            Caller::Business(key) => format!("business:{key}"),
            Caller::Channel(name) => format!("channel:{name}"),
            Caller::Clock => "clock".to_owned(),
            Caller::Operator(name) => format!("operator:{name}"),
        }
    }

    /// Reads the text.
    pub fn from_text(text: &str) -> Option<Caller> {
        match text.split_once(':') {
            Some(("business", key)) => Some(Caller::Business(Arc::from(key))),
            Some(("channel", name)) => Some(Caller::Channel(Arc::from(name))),
            Some(("operator", name)) => Some(Caller::Operator(Arc::from(name))),
            None if text == "clock" => Some(Caller::Clock),
            Some(_) | None => None,
        }
    }
}

/// How we know what a channel said: by asking, or by its callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// What was asked; `None` for a callback.
    pub operation: Option<Operation>,
    /// When the call began, or the callback came.
    pub at: Timestamp,
    /// How long the call took, in milliseconds.
    pub took_ms: i64,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// The channel's own id of the call or callback.
    pub channel_trace: Option<String>,
    /// What the channel said, for people.
    pub summary: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id; time-ordered.
    pub id: Id<kinds::Event>,
    /// The owner.
    pub tenant: TenantId,
    /// What it happened to.
    pub subject: Subject,
    /// The story that it belongs to.
    pub root: Id<kinds::Root>,
    /// Counts the events of the subject from 1, so that their order does not rest on clocks. It is the
    /// subject's version after the event.
    pub sequence: i64,
    /// When it was decided.
    pub at: Timestamp,
    /// Who requested it.
    pub caller: Caller,
    /// The channel's call or callback through which we know.
    pub call: Option<CallRecord>,
    /// What happened.
    pub change: Change,
}
