//! What counterparts enqueue to their merchants, durably.
//!
//! A callback is `waiting` until its time, `sending` while it is on its way, and ends as `accepted` or
//! `given_up`. Every attempt is kept.

use crate::faults::{self, Fault};
use crate::schema::fault;
use crate::{CallbackClock, SharedClock, context, system_now};
use channel::{CodecContext, Counterpart, DocumentFault, OutgoingCallback};
use ledger::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// A callback on its way, with what it needs to be sent.
pub(crate) struct Claimed {
    /// Its row.
    pub(crate) row: i64,
    /// Who sends it.
    pub(crate) counterpart: Arc<dyn Counterpart>,
    /// What is sent.
    pub(crate) callback: OutgoingCallback,
    /// Attempts that failed before this one.
    pub(crate) attempt: i64,
    /// What shall go wrong.
    pub(crate) fault: Option<Fault>,
    /// Time and nonce, one for each copy that may be sent.
    pub(crate) contexts: [CodecContext; 2],
}

/// What a look at the due callbacks found.
pub(crate) struct Claim {
    /// Callbacks to send now.
    pub(crate) now: Vec<Claimed>,
    /// When the next one is due; in the past when more were due than asked for.
    pub(crate) next_due: Option<Timestamp>,
}

/// How an attempt ended.
pub(crate) struct Attempt {
    /// For the list of attempts: a status, or what happened instead of an answer.
    pub(crate) outcome: String,
    /// Whether the receiver has it.
    pub(crate) accepted: Accepted,
}

/// Whether a callback was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    Yes,
    No,
}

/// A callback as the control API lists it.
pub(crate) struct Listed {
    pub(crate) row: i64,
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) url: String,
    pub(crate) state: String,
    pub(crate) due_ms: i64,
}

/// Adds a callback, due at `due`. One that is there already stays as it is.
pub(crate) fn add(
    connection: &Connection,
    counterpart: &str,
    callback: &OutgoingCallback,
    due: Timestamp,
) -> Result<(), DocumentFault> {
    connection
        .prepare_cached(
            "INSERT INTO outgoing (counterpart, id, url, text, due_ms, attempt, state)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, 'waiting') ON CONFLICT DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                counterpart,
                callback.id,
                callback.url,
                callback.text,
                due.ms()
            ])
        })
        .map(drop)
        .map_err(fault)
}

/// Makes callbacks that were on their way when the process ended due again.
pub(crate) fn recover(connection: &Connection) -> Result<(), DocumentFault> {
    connection
        .execute("UPDATE outgoing SET state = 'waiting' WHERE state = 'sending'", [])
        .map(drop)
        .map_err(fault)
}

/// The clocks of callbacks.
pub(crate) struct Clocks {
    /// When they are due.
    pub(crate) schedule: Arc<SharedClock>,
    /// When they are signed.
    pub(crate) signature: CallbackClock,
}

/// Takes at most `limit` due callbacks and marks them as on their way. Faults that need no sending are
/// carried out here.
pub(crate) fn claim(
    connection: &Connection,
    clocks: &Clocks,
    counterparts: &[Arc<dyn Counterpart>],
    limit: usize,
) -> Result<Claim, DocumentFault> {
    let clock = &clocks.schedule;
    let mut now = Vec::new();
    for due in due(connection, clock.now(), limit).map_err(fault)? {
        let counterpart = counterparts.iter().find(|one| one.name() == due.counterpart);
        let Some(counterpart) = counterpart else {
            // This process plays another set of channels; the callback stays in the list.
            set_state(connection, due.row, due.attempt, "given_up", clock.now()).map_err(fault)?;
            continue;
        };
        now.extend(start(connection, clocks, counterpart, due)?);
    }
    Ok(Claim { now, next_due: next_due(connection).map_err(fault)? })
}

/// Keeps an attempt, and decides what becomes of the callback.
pub(crate) fn finish(
    connection: &Connection,
    claimed: &Claimed,
    ended: &Attempt,
    now: Timestamp,
) -> Result<(), DocumentFault> {
    let Claimed { row, attempt, counterpart, .. } = claimed;
    conclude(connection, *row, *attempt, ended, counterpart.schedule_seconds(), now).map_err(fault)
}

/// The last callbacks, newest last.
pub(crate) fn list(connection: &Connection, limit: usize) -> Result<Vec<Listed>, DocumentFault> {
    let mut listed: Vec<Listed> = connection
        .prepare_cached(
            "SELECT row, id, counterpart, url, state, due_ms FROM outgoing
             ORDER BY row DESC LIMIT ?1",
        )
        .and_then(|mut statement| statement.query_map([sql_limit(limit)], read_listed)?.collect())
        .map_err(fault)?;
    listed.reverse();
    Ok(listed)
}

/// The attempts of a callback, in order: time and outcome.
pub(crate) fn attempts(
    connection: &Connection,
    row: i64,
) -> Result<Vec<(i64, String)>, DocumentFault> {
    connection
        .prepare_cached("SELECT at_ms, outcome FROM attempts WHERE callback = ?1 ORDER BY number")
        .and_then(|mut statement| {
            statement.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .map_err(fault)
}

struct Due {
    row: i64,
    counterpart: String,
    callback: OutgoingCallback,
    attempt: i64,
}

fn due(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<Due>> {
    connection
        .prepare_cached(
            "SELECT row, counterpart, id, url, text, attempt FROM outgoing
             WHERE state = 'waiting' AND due_ms <= ?1 ORDER BY due_ms, row LIMIT ?2",
        )?
        .query_map(params![now.ms(), sql_limit(limit)], read_due)?
        .collect()
}

fn next_due(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(
            "SELECT due_ms FROM outgoing WHERE state = 'waiting' ORDER BY due_ms LIMIT 1",
        )?
        .query_row([], |row| row.get(0))
        .optional()
        .map(|ms| ms.map(Timestamp::from_ms))
}

fn start(
    connection: &Connection,
    clocks: &Clocks,
    counterpart: &Arc<dyn Counterpart>,
    due: Due,
) -> Result<Option<Claimed>, DocumentFault> {
    let now = clocks.schedule.now();
    match faults::take(connection, counterpart.name(), faults::NOTIFY)? {
        Some(Fault::LoseRequest) => {
            let lost = Attempt { outcome: "lost, as injected".to_owned(), accepted: Accepted::No };
            let schedule = counterpart.schedule_seconds();
            conclude(connection, due.row, due.attempt, &lost, schedule, now).map_err(fault)?;
            Ok(None)
        }
        Some(Fault::Delay { ms }) => {
            wait(connection, due.row, due.attempt, now.plus_ms(ms)).map_err(fault)?;
            Ok(None)
        }
        other => {
            set_state(connection, due.row, due.attempt, "sending", now).map_err(fault)?;
            Ok(Some(Claimed {
                row: due.row,
                counterpart: counterpart.clone(),
                callback: due.callback,
                attempt: due.attempt,
                fault: other,
                contexts: [signed_at(connection, clocks)?, signed_at(connection, clocks)?],
            }))
        }
    }
}

/// The context in which a copy is signed.
fn signed_at(connection: &Connection, clocks: &Clocks) -> Result<CodecContext, DocumentFault> {
    let context = context(connection, &clocks.schedule)?;
    match clocks.signature {
        CallbackClock::Shared => Ok(context),
        CallbackClock::System => Ok(CodecContext { now: system_now(&clocks.schedule), ..context }),
    }
}

fn conclude(
    connection: &Connection,
    row: i64,
    attempt: i64,
    ended: &Attempt,
    schedule_seconds: &[i64],
    now: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO attempts (callback, number, at_ms, outcome) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![row, attempt + 1, now.ms(), ended.outcome])?;
    let step = usize::try_from(attempt).ok().and_then(|step| schedule_seconds.get(step));
    match (ended.accepted, step) {
        (Accepted::Yes, _) => set_state(connection, row, attempt + 1, "accepted", now),
        (Accepted::No, Some(seconds)) => {
            wait(connection, row, attempt + 1, now.plus_seconds(*seconds))
        }
        (Accepted::No, None) => set_state(connection, row, attempt + 1, "given_up", now),
    }
}

fn wait(connection: &Connection, row: i64, attempt: i64, due: Timestamp) -> rusqlite::Result<()> {
    set_state(connection, row, attempt, "waiting", due)
}

fn set_state(
    connection: &Connection,
    row: i64,
    attempt: i64,
    state: &str,
    due: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE outgoing SET attempt = ?2, state = ?3, due_ms = ?4 WHERE row = ?1")?
        .execute(params![row, attempt, state, due.ms()])
        .map(drop)
}

fn read_due(row: &Row<'_>) -> rusqlite::Result<Due> {
    let callback = OutgoingCallback { id: row.get(2)?, url: row.get(3)?, text: row.get(4)? };
    Ok(Due { row: row.get(0)?, counterpart: row.get(1)?, callback, attempt: row.get(5)? })
}

fn read_listed(row: &Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        row: row.get(0)?,
        id: row.get(1)?,
        channel: row.get(2)?,
        url: row.get(3)?,
        state: row.get(4)?,
        due_ms: row.get(5)?,
    })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
