//! Notifications. The attempts to deliver one are its events.

use super::cells::{Cells, Value, initially, int, nullable, text};
use super::stored::{Body, RowTable, Stored, json, parse, unknown};
use crate::StoreFault;
use kernel::{
    Attempt, Delivery, Notification, NotificationChange, NotificationKind, NotificationState,
    TenantId,
};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

impl Stored for Notification {
    const TABLE: &'static RowTable = &RowTable {
        name: "notifications",
        terms: None,
        fixed: &[
            text("tenant"),
            int("id"),
            text("about_kind"),
            int("about_id"),
            text("about_no"),
            int("root"),
            text("kind"),
            text("dialect"),
            text("url"),
            int("made_at"),
        ],
        narrow_len: 10,
        mutable: &[
            initially("due", text("state")),
            nullable(int("ended_at")),
            int("attempts"),
            int("step"),
        ],
        number: None,
    };

    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        cells.extend([
            Value::text(self.tenant.as_str()),
            Value::Int(self.id.value()),
            Value::text(self.about.kind.name()),
            Value::Int(self.about.value),
            Value::text(&self.about_no),
            Value::Int(self.root.value()),
            Value::text(self.kind.name()),
            Value::text(&self.dialect),
            Value::text(&self.url),
            Value::Int(self.made_at.ms()),
        ]);
    }

    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>) {
        let ended_at = match self.state {
            NotificationState::Due { .. } => None,
            NotificationState::Delivered { at }
            | NotificationState::GivenUp { at }
            | NotificationState::Dismissed { at } => Some(at.ms()),
        };
        cells.extend([
            Value::text(self.state.name()),
            Value::number(ended_at),
            Value::Int(i64::from(self.attempts)),
            Value::Int(i64::from(self.step)),
        ]);
    }

    fn read(cells: &mut Cells<'_, '_>) -> Result<Notification, StoreFault> {
        let tenant = TenantId::new(cells.text()?);
        let id = cells.id()?;
        let about = cells.subject()?;
        let about_no = cells.text()?.to_owned();
        let root = cells.id()?;
        let kind = cells.word(NotificationKind::from_name)?;
        let dialect = cells.shared()?;
        let url = cells.text()?.to_owned();
        let made_at = cells.time()?;
        let standing = cells.standing()?;
        let name = cells.text()?;
        let ended_at = cells.optional_time()?;
        let state = state_of(name, standing.next_poll_at, ended_at)
            .ok_or_else(|| cells.fault(&format!("does not fit state {name:?}")))?;
        Ok(Notification {
            tenant,
            id,
            about,
            about_no,
            root,
            kind,
            dialect,
            url,
            made_at,
            version: standing.version,
            state,
            attempts: cells.count()?,
            step: cells.count()?,
        })
    }

    fn encode(change: &NotificationChange, at: Timestamp) -> Body<'_, Notification> {
        match change {
            NotificationChange::Queued(notification) => Body::Whole(notification),
            NotificationChange::Attempted { attempt, state } => {
                json(&AttemptBody::of(attempt, *state, at))
            }
            NotificationChange::Replayed { next_attempt_at } => {
                json(&ReplayedBody { next_attempt_at: next_attempt_at.ms() })
            }
            NotificationChange::Dismissed { note } => json(&NoteBody { note: Cow::Borrowed(note) }),
        }
    }

    fn decode(
        name: &str,
        at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Notification, String>,
    ) -> Result<NotificationChange, String> {
        Ok(match name {
            "queued" => NotificationChange::Queued(Box::new(whole(body)?)),
            "attempted" => parse::<AttemptBody<'_>>(body)?.read(at)?,
            "replayed" => {
                let at = parse::<ReplayedBody>(body)?.next_attempt_at;
                NotificationChange::Replayed { next_attempt_at: Timestamp::from_ms(at) }
            }
            "dismissed" => {
                let note = parse::<NoteBody<'_>>(body)?.note.into_owned();
                NotificationChange::Dismissed { note }
            }
            name => unknown(name)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct NoteBody<'a> {
    note: Cow<'a, str>,
}

fn state_of(
    name: &str,
    next_attempt_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
) -> Option<NotificationState> {
    match (name, next_attempt_at, ended_at) {
        ("due", Some(next_attempt_at), None) => Some(NotificationState::Due { next_attempt_at }),
        ("delivered", None, Some(at)) => Some(NotificationState::Delivered { at }),
        ("given_up", None, Some(at)) => Some(NotificationState::GivenUp { at }),
        ("dismissed", None, Some(at)) => Some(NotificationState::Dismissed { at }),
        (_, _, _) => None,
    }
}

/// The usual attempt is acknowledged and delivers the notification then and there: a body without an
/// outcome and a state means that. Bodies that were written before name both always.
#[derive(Serialize, Deserialize)]
struct AttemptBody<'a> {
    at: i64,
    took_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    excerpt: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

const ACKNOWLEDGED: &str = "acknowledged";

impl<'a> AttemptBody<'a> {
    fn of(attempt: &'a Attempt, state: NotificationState, at: Timestamp) -> AttemptBody<'a> {
        let (outcome, status, excerpt) = match &attempt.delivery {
            Delivery::Acknowledged { status } => (ACKNOWLEDGED, Some(*status), None),
            Delivery::Rejected { status, excerpt } => ("rejected", Some(*status), Some(excerpt)),
            Delivery::NoAnswer { why } => ("no_answer", None, Some(why)),
        };
        let body = AttemptBody {
            at: attempt.at.ms(),
            took_ms: attempt.took_ms,
            outcome: None,
            status,
            excerpt: excerpt.map(|text| Cow::Borrowed(text.as_str())),
            state: None,
            next_attempt_at: None,
            ended_at: None,
        };
        if outcome == ACKNOWLEDGED && state == (NotificationState::Delivered { at }) {
            return body;
        }
        let (next_attempt_at, ended_at) = match state {
            NotificationState::Due { next_attempt_at } => (Some(next_attempt_at.ms()), None),
            NotificationState::Delivered { at }
            | NotificationState::GivenUp { at }
            | NotificationState::Dismissed { at } => (None, Some(at.ms())),
        };
        let (outcome, state) = (Some(outcome), Some(state.name()));
        AttemptBody { outcome, state, next_attempt_at, ended_at, ..body }
    }

    fn read(self, at: Timestamp) -> Result<NotificationChange, String> {
        let state = match self.state {
            None => self.outcome.is_none().then_some(NotificationState::Delivered { at }),
            Some(name) => state_of(
                name,
                self.next_attempt_at.map(Timestamp::from_ms),
                self.ended_at.map(Timestamp::from_ms),
            ),
        };
        let state = state.ok_or("state does not fit")?;
        let excerpt = self.excerpt.map(Cow::into_owned);
        let delivery = match (self.outcome.unwrap_or(ACKNOWLEDGED), self.status, excerpt) {
            (ACKNOWLEDGED, Some(status), None) => Delivery::Acknowledged { status },
            ("rejected", Some(status), Some(excerpt)) => Delivery::Rejected { status, excerpt },
            ("no_answer", None, Some(why)) => Delivery::NoAnswer { why },
            (_, _, _) => return Err("outcome does not fit".to_owned()),
        };
        let attempt = Attempt { at: Timestamp::from_ms(self.at), took_ms: self.took_ms, delivery };
        Ok(NotificationChange::Attempted { attempt, state })
    }
}

#[derive(Serialize, Deserialize)]
struct ReplayedBody {
    next_attempt_at: i64,
}
