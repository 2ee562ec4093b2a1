//! Notifications and the attempts to deliver them.

use super::cells::{Cells, Table, Value};
use crate::{AttemptRow, Batch, StoreFault};
use kernel::{
    Attempt, Change, Delivery, Notification, NotificationKind, NotificationState, TenantId,
};
use ledger::{Id, Timestamp, kinds};
use std::collections::BTreeMap;

/// A notification; what can change stands last.
pub const NOTIFICATIONS: Table = Table {
    name: "notifications",
    columns: &[
        "tenant", "id", "order_id", "kind", "url", "made_at", "version", "state", "ended_at",
        "attempts", "step",
    ],
};

/// How many leading columns never change; an update writes only the columns behind them.
pub const FIXED_LEN: usize = 6;

/// An attempt to deliver a notification.
pub const ATTEMPTS: Table = Table {
    name: "attempts",
    columns: &[
        "tenant",
        "notification_id",
        "attempt_no",
        "at",
        "took_ms",
        "outcome",
        "status",
        "excerpt",
        "state",
        "ended_at",
    ],
};

/// The cells of a whole notification.
pub fn row(notification: &Notification) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(NOTIFICATIONS.columns.len());
    cells.extend([
        Value::text(notification.tenant.as_str()),
        Value::Int(notification.id.value()),
        Value::Int(notification.order.value()),
        Value::text(notification.kind.name()),
        Value::text(&notification.url),
        Value::Int(notification.made_at.ms()),
    ]);
    cells.extend(mutable(notification));
    cells
}

/// The cells of what can change: the columns of [`NOTIFICATIONS`] from [`FIXED_LEN`] on.
pub fn mutable(notification: &Notification) -> Vec<Value<'_>> {
    vec![
        Value::Int(notification.version),
        Value::text(notification.state.name()),
        Value::number(ended_at(notification.state)),
        Value::Int(i64::from(notification.attempts)),
        Value::Int(i64::from(notification.step)),
    ]
}

/// Reads the cells of a whole notification.
///
/// # Errors
/// When a cell holds what no notification can have.
pub fn read(cells: &[Value<'_>]) -> Result<Notification, StoreFault> {
    let mut cells = Cells::new(&NOTIFICATIONS, cells);
    Ok(Notification {
        tenant: TenantId::new(cells.text()?),
        id: cells.id()?,
        order: cells.id()?,
        kind: cells.word(NotificationKind::from_name)?,
        url: cells.text()?.to_owned(),
        made_at: cells.time()?,
        version: cells.int()?,
        state: read_state(&mut cells)?,
        attempts: cells.count()?,
        step: cells.count()?,
    })
}

pub(super) fn ended_at(state: NotificationState) -> Option<i64> {
    match state {
        NotificationState::Due => None,
        NotificationState::Delivered { at } | NotificationState::GivenUp { at } => Some(at.ms()),
    }
}

pub(super) fn state_of(name: &str, ended_at: Option<i64>) -> Option<NotificationState> {
    match (name, ended_at.map(Timestamp::from_ms)) {
        ("due", None) => Some(NotificationState::Due),
        ("delivered", Some(at)) => Some(NotificationState::Delivered { at }),
        ("given_up", Some(at)) => Some(NotificationState::GivenUp { at }),
        (_, None | Some(_)) => None,
    }
}

fn read_state(cells: &mut Cells<'_, '_>) -> Result<NotificationState, StoreFault> {
    let name = cells.text()?;
    let ended_at = cells.optional_int()?;
    state_of(name, ended_at).ok_or_else(|| cells.fault(&format!("does not fit state {name:?}")))
}

/// An attempt of a batch, with its place among the notification's attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAttempt<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Of which notification.
    pub notification: Id<kinds::Notification>,
    /// Which one, from 1.
    pub attempt_no: u32,
    /// How it went.
    pub attempt: &'a Attempt,
    /// Where the notification stood afterwards.
    pub state: NotificationState,
}

/// The attempts among a batch's events. The notification as it shall be counts all of them, so the last
/// one has that number.
///
/// # Errors
/// When the batch records an attempt and does not write its notification.
pub fn attempts(batch: &Batch) -> Result<Vec<NewAttempt<'_>>, StoreFault> {
    let mut found = Vec::new();
    let mut later: BTreeMap<Id<kinds::Notification>, u32> = BTreeMap::new();
    for event in batch.events.iter().rev() {
        let Change::NotificationAttempted { notification, attempt, state } = &event.change else {
            continue;
        };
        let write = batch.notifications.iter().find(|write| write.row.id == *notification);
        let behind = later.entry(*notification).or_default();
        let attempt_no = write.and_then(|write| write.row.attempts.checked_sub(*behind));
        let attempt_no = attempt_no.ok_or_else(|| {
            StoreFault::Failed(format!(
                "attempt of notification {notification} that the batch does not count"
            ))
        })?;
        *behind += 1;
        let (notification, state) = (*notification, *state);
        found.push(NewAttempt { tenant: &batch.tenant, notification, attempt_no, attempt, state });
    }
    found.reverse();
    Ok(found)
}

/// The cells of an attempt.
pub fn attempt_row<'a>(new: &NewAttempt<'a>) -> Vec<Value<'a>> {
    let (outcome, status, excerpt) = delivery(&new.attempt.delivery);
    vec![
        Value::text(new.tenant.as_str()),
        Value::Int(new.notification.value()),
        Value::Int(i64::from(new.attempt_no)),
        Value::Int(new.attempt.at.ms()),
        Value::Int(new.attempt.took_ms),
        Value::text(outcome),
        Value::number(status.map(i64::from)),
        Value::optional(excerpt),
        Value::text(new.state.name()),
        Value::number(ended_at(new.state)),
    ]
}

/// Reads the cells of an attempt.
///
/// # Errors
/// When a cell holds what no attempt can have.
pub fn read_attempt(cells: &[Value<'_>]) -> Result<AttemptRow, StoreFault> {
    let mut cells = Cells::new(&ATTEMPTS, cells);
    cells.text()?;
    cells.int()?;
    let attempt_no = cells.count()?;
    let at = cells.time()?;
    let took_ms = cells.int()?;
    let outcome = cells.text()?;
    let status = cells.optional_int()?;
    let excerpt = cells.optional_text()?;
    let delivery =
        delivery_of(outcome, status.and_then(|status| u16::try_from(status).ok()), excerpt)
            .ok_or_else(|| cells.fault(&format!("does not fit outcome {outcome:?}")))?;
    let state = read_state(&mut cells)?;
    Ok(AttemptRow { attempt_no, attempt: Attempt { at, took_ms, delivery }, state })
}

pub(super) fn delivery(delivery: &Delivery) -> (&'static str, Option<u16>, Option<&str>) {
    match delivery {
        Delivery::Acknowledged { status } => ("acknowledged", Some(*status), None),
        Delivery::Rejected { status, excerpt } => ("rejected", Some(*status), Some(excerpt)),
        Delivery::NoAnswer { why } => ("no_answer", None, Some(why)),
    }
}

pub(super) fn delivery_of(
    outcome: &str,
    status: Option<u16>,
    excerpt: Option<&str>,
) -> Option<Delivery> {
    match (outcome, status, excerpt) {
        ("acknowledged", Some(status), None) => Some(Delivery::Acknowledged { status }),
        ("rejected", Some(status), Some(excerpt)) => {
            Some(Delivery::Rejected { status, excerpt: excerpt.to_owned() })
        }
        ("no_answer", None, Some(excerpt)) => Some(Delivery::NoAnswer { why: excerpt.to_owned() }),
        (_, _, _) => None,
    }
}
