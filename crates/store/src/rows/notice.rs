//! Notices and the attempts to deliver them.

use super::cells::{Cells, Table, Value};
use crate::{AttemptRow, Batch, StoreFault};
use kernel::{Attempt, Change, Delivery, Notice, NoticeKind, NoticeState, TenantId};
use ledger::{Id, Timestamp, kinds};
use std::collections::BTreeMap;

/// A notice; what can change stands last.
pub const NOTICES: Table = Table {
    name: "notices",
    columns: &[
        "tenant", "id", "order_id", "kind", "url", "made_at", "version", "state", "ended_at",
        "attempts", "rung",
    ],
};

/// How many leading columns never change; an update writes only the columns behind them.
pub const FIXED_LEN: usize = 6;

/// An attempt to deliver a notice.
pub const ATTEMPTS: Table = Table {
    name: "attempts",
    columns: &[
        "tenant",
        "notice_id",
        "number",
        "at",
        "took_ms",
        "outcome",
        "status",
        "said",
        "state",
        "ended_at",
    ],
};

/// The cells of a whole notice.
pub fn row(notice: &Notice) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(NOTICES.columns.len());
    cells.extend([
        Value::text(notice.tenant.as_str()),
        Value::Int(notice.id.number()),
        Value::Int(notice.order.number()),
        Value::text(notice.kind.name()),
        Value::text(&notice.url),
        Value::Int(notice.made_at.ms()),
    ]);
    cells.extend(standing(notice));
    cells
}

/// The cells of what can change: the columns of [`NOTICES`] from [`FIXED_LEN`] on.
pub fn standing(notice: &Notice) -> Vec<Value<'_>> {
    vec![
        Value::Int(notice.version),
        Value::text(notice.state.name()),
        Value::number(ended_at(notice.state)),
        Value::Int(i64::from(notice.attempts)),
        Value::Int(i64::from(notice.rung)),
    ]
}

/// Reads the cells of a whole notice.
///
/// # Errors
/// When a cell holds what no notice can have.
pub fn read(cells: &[Value<'_>]) -> Result<Notice, StoreFault> {
    let mut cells = Cells::new(&NOTICES, cells);
    Ok(Notice {
        tenant: TenantId::new(cells.text()?),
        id: cells.id()?,
        order: cells.id()?,
        kind: cells.word(NoticeKind::from_name)?,
        url: cells.text()?.to_owned(),
        made_at: cells.time()?,
        version: cells.int()?,
        state: read_state(&mut cells)?,
        attempts: cells.count()?,
        rung: cells.count()?,
    })
}

pub(super) fn ended_at(state: NoticeState) -> Option<i64> {
    match state {
        NoticeState::Due => None,
        NoticeState::Delivered { at } | NoticeState::GivenUp { at } => Some(at.ms()),
    }
}

pub(super) fn state_of(name: &str, ended_at: Option<i64>) -> Option<NoticeState> {
    match (name, ended_at.map(Timestamp::from_ms)) {
        ("due", None) => Some(NoticeState::Due),
        ("delivered", Some(at)) => Some(NoticeState::Delivered { at }),
        ("given_up", Some(at)) => Some(NoticeState::GivenUp { at }),
        (_, None | Some(_)) => None,
    }
}

fn read_state(cells: &mut Cells<'_, '_>) -> Result<NoticeState, StoreFault> {
    let name = cells.text()?;
    let ended_at = cells.optional_int()?;
    state_of(name, ended_at).ok_or_else(|| cells.fault(&format!("does not fit state {name:?}")))
}

/// An attempt of a batch, with its place among the notice's attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewAttempt<'a> {
    /// Whose.
    pub tenant: &'a TenantId,
    /// Of which notice.
    pub notice: Id<kinds::Notice>,
    /// Which one, from 1.
    pub number: u32,
    /// How it went.
    pub attempt: &'a Attempt,
    /// Where the notice stood afterwards.
    pub state: NoticeState,
}

/// The attempts among a batch's events. The notice as it shall be counts all of them, so the last
/// one has that number.
///
/// # Errors
/// When the batch records an attempt and does not write its notice.
pub fn attempts(batch: &Batch) -> Result<Vec<NewAttempt<'_>>, StoreFault> {
    let mut found = Vec::new();
    let mut later: BTreeMap<Id<kinds::Notice>, u32> = BTreeMap::new();
    for event in batch.events.iter().rev() {
        let Change::NoticeAttempted { notice, attempt, state } = &event.change else { continue };
        let write = batch.notices.iter().find(|write| write.row.id == *notice);
        let behind = later.entry(*notice).or_default();
        let number = write.and_then(|write| write.row.attempts.checked_sub(*behind));
        let number = number.ok_or_else(|| {
            StoreFault::Failed(format!("attempt of notice {notice} that the batch does not count"))
        })?;
        *behind += 1;
        let (notice, state) = (*notice, *state);
        found.push(NewAttempt { tenant: &batch.tenant, notice, number, attempt, state });
    }
    found.reverse();
    Ok(found)
}

/// The cells of an attempt.
pub fn attempt_row<'a>(new: &NewAttempt<'a>) -> Vec<Value<'a>> {
    let (outcome, status, said) = delivery(&new.attempt.delivery);
    vec![
        Value::text(new.tenant.as_str()),
        Value::Int(new.notice.number()),
        Value::Int(i64::from(new.number)),
        Value::Int(new.attempt.at.ms()),
        Value::Int(new.attempt.took_ms),
        Value::text(outcome),
        Value::number(status.map(i64::from)),
        Value::optional(said),
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
    let number = cells.count()?;
    let at = cells.time()?;
    let took_ms = cells.int()?;
    let outcome = cells.text()?;
    let status = cells.optional_int()?;
    let said = cells.optional_text()?;
    let delivery = delivery_of(outcome, status.and_then(|status| u16::try_from(status).ok()), said)
        .ok_or_else(|| cells.fault(&format!("does not fit outcome {outcome:?}")))?;
    let state = read_state(&mut cells)?;
    Ok(AttemptRow { number, attempt: Attempt { at, took_ms, delivery }, state })
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
    said: Option<&str>,
) -> Option<Delivery> {
    match (outcome, status, said) {
        ("acknowledged", Some(status), None) => Some(Delivery::Acknowledged { status }),
        ("rejected", Some(status), Some(said)) => {
            Some(Delivery::Rejected { status, excerpt: said.to_owned() })
        }
        ("no_answer", None, Some(said)) => Some(Delivery::NoAnswer { why: said.to_owned() }),
        (_, _, _) => None,
    }
}
