//! The sandbox's database file: its tables and its settings.

use adapters::sqlite::create_private;
use channel::DocumentFault;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use std::time::Duration;

/// How long to wait for another process that holds the file.
const BUSY_MS: u64 = 5_000;
/// The clock is never moved further than ten years in all, in milliseconds.
const CLOCK_OFFSET_MS_MAX: i64 = 3_660 * 86_400 * 1_000;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS docs (
    key  TEXT PRIMARY KEY,
    text TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing (
    row         INTEGER PRIMARY KEY,
    counterpart TEXT NOT NULL,
    id          TEXT NOT NULL,
    url         TEXT NOT NULL,
    text        TEXT NOT NULL,
    due_ms      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    UNIQUE (counterpart, id)
);
CREATE INDEX IF NOT EXISTS outgoing_due ON outgoing (due_ms) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS attempts (
    callback  INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    PRIMARY KEY (callback, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS faults (
    row       INTEGER PRIMARY KEY,
    channel   TEXT NOT NULL,
    operation TEXT NOT NULL,
    fault     TEXT NOT NULL,
    code      TEXT,
    delay_ms  INTEGER,
    times     INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS settings (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
";

/// Opens the file and makes what is missing. A killed process loses nothing; only a power failure may
/// cost the last moments, which is fair for a simulated world and saves a disk flush per commit.
pub(crate) fn open(path: &Path) -> Result<Connection, DocumentFault> {
    // Merchants' keys are in it.
    create_private(path).map_err(|fault| DocumentFault(format!("{}: {fault}", path.display())))?;
    let connection = Connection::open(path).map_err(fault)?;
    prepare(&connection).map_err(fault)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -32_768)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(TABLES)
}

/// How far the clock was moved, in milliseconds.
pub(crate) fn clock_offset_ms(connection: &Connection) -> Result<i64, DocumentFault> {
    connection
        .query_row("SELECT value FROM settings WHERE name = 'clock_offset_ms'", [], |row| {
            row.get(0)
        })
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(fault)
}

/// Notes that the clock is moved further.
pub(crate) fn add_clock_offset(connection: &Connection, ms: i64) -> Result<(), DocumentFault> {
    let offset_ms = clock_offset_ms(connection)?.saturating_add(ms);
    if offset_ms > CLOCK_OFFSET_MS_MAX {
        return Err(DocumentFault(
            "the clock would be moved more than ten years in all".to_owned(),
        ));
    }
    connection
        .execute(
            "INSERT INTO settings (name, value) VALUES ('clock_offset_ms', ?1)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [offset_ms],
        )
        .map(drop)
        .map_err(fault)
}

/// The database's error, as counterparts see it.
pub(crate) fn fault(error: rusqlite::Error) -> DocumentFault {
    DocumentFault(error.to_string())
}
