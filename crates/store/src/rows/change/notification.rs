//! Notifications and attempts to deliver them.

use super::word;
use crate::rows::notification::{delivery, delivery_of, ended_at, state_of};
use kernel::{Attempt, Change, Notification, NotificationKind, NotificationState, TenantId};
use ledger::{Id, Timestamp, kinds};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(super) struct NotificationBody<'a> {
    tenant: Cow<'a, str>,
    id: i64,
    order: i64,
    kind: &'a str,
    url: Cow<'a, str>,
    made_at: i64,
    version: i64,
    state: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    attempts: u32,
    step: u32,
}

impl<'a> NotificationBody<'a> {
    pub(super) fn of(notification: &'a Notification) -> NotificationBody<'a> {
        NotificationBody {
            tenant: Cow::Borrowed(notification.tenant.as_str()),
            id: notification.id.value(),
            order: notification.order.value(),
            kind: notification.kind.name(),
            url: Cow::Borrowed(&notification.url),
            made_at: notification.made_at.ms(),
            version: notification.version,
            state: notification.state.name(),
            ended_at: ended_at(notification.state),
            attempts: notification.attempts,
            step: notification.step,
        }
    }

    pub(super) fn read(self) -> Result<Notification, String> {
        Ok(Notification {
            tenant: TenantId::new(&self.tenant),
            id: Id::from_value(self.id),
            order: Id::from_value(self.order),
            kind: word(NotificationKind::from_name, self.kind, "notification kind")?,
            url: self.url.into_owned(),
            made_at: Timestamp::from_ms(self.made_at),
            version: self.version,
            state: state_of(self.state, self.ended_at).ok_or("state does not fit")?,
            attempts: self.attempts,
            step: self.step,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct AttemptBody<'a> {
    notification: i64,
    at: i64,
    took_ms: i64,
    outcome: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excerpt: Option<Cow<'a, str>>,
    state: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
}

impl<'a> AttemptBody<'a> {
    pub(super) fn of(
        notification: Id<kinds::Notification>,
        attempt: &'a Attempt,
        state: NotificationState,
    ) -> AttemptBody<'a> {
        let (outcome, status, excerpt) = delivery(&attempt.delivery);
        AttemptBody {
            notification: notification.value(),
            at: attempt.at.ms(),
            took_ms: attempt.took_ms,
            outcome,
            status,
            excerpt: excerpt.map(Cow::Borrowed),
            state: state.name(),
            ended_at: ended_at(state),
        }
    }

    pub(super) fn read(self) -> Result<Change, String> {
        let delivery = delivery_of(self.outcome, self.status, self.excerpt.as_deref())
            .ok_or("outcome does not fit")?;
        Ok(Change::NotificationAttempted {
            notification: Id::from_value(self.notification),
            attempt: Attempt { at: Timestamp::from_ms(self.at), took_ms: self.took_ms, delivery },
            state: state_of(self.state, self.ended_at).ok_or("state does not fit")?,
        })
    }
}
