//! How connections are set up, and when the log is folded into the file.

use crate::statement::fault;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;
use store::StoreFault;

/// How long a statement waits for another process, in milliseconds.
const BUSY_MS: u64 = 5_000;
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 64 * 1024;
/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: i64 = 16 * 1024;
/// Bytes in a page.
const PAGE_LEN: i64 = 8192;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 96;
/// Pages in the log that are not in the file yet, from which on it is folded even in busy times.
const LOG_PAGES_MAX: i64 = 20_000;
/// How long the writer must be idle before the log is folded into the file.
const QUIET: Duration = Duration::from_secs(1);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Reading and writing.
    Write,
    /// Reading.
    Read,
}

/// The connection that writes.
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, WRITER_CACHE_KIB)?;
    set_up_writer(&connection).map_err(fault)?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags, READER_CACHE_KIB)
}

fn open(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreFault> {
    let connection = Connection::open_with_flags(path, flags)
        .map_err(|found| StoreFault::Unavailable(format!("{}: {found}", path.display())))?;
    set_up(&connection, cache_kib).map_err(fault)?;
    Ok(connection)
}

fn set_up(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", false)
}

/// The page size must be known before the first page is written. `synchronous=FULL`, because it is
/// money: a commit that was answered survives a power loss.
fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_LEN)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

/// When the log is folded into the file: in large steps while busy, and whenever it is quiet.
/// Automatic checkpoints are off, because they would stop a commit every thousand pages.
pub(crate) struct Checkpoints {
    mode: Mode,
    changes_seen: u64,
    log_in_use: bool,
}

impl Checkpoints {
    /// The log may hold something from before.
    pub(crate) fn new(mode: Mode) -> Checkpoints {
        Checkpoints { mode, changes_seen: 0, log_in_use: mode == Mode::Write }
    }

    /// How long to wait for work before it is quiet; for ever when there is nothing to fold.
    pub(crate) fn quiet_after(&self) -> Option<Duration> {
        self.log_in_use.then_some(QUIET)
    }

    pub(crate) fn after_work(&mut self, connection: &Connection) {
        let changes = connection.total_changes();
        if self.mode == Mode::Read || changes == self.changes_seen {
            return;
        }
        self.changes_seen = changes;
        self.log_in_use = true;
        let log = checkpoint(connection, LOOK);
        if log.is_some_and(|log| log.pages - log.folded >= LOG_PAGES_MAX) {
            self.in_quiet(connection);
        }
    }

    /// A reader can keep a part of the log in use; the rest waits for the next time.
    pub(crate) fn in_quiet(&mut self, connection: &Connection) {
        let folded = checkpoint(connection, FOLD).is_some_and(|log| log.pages <= log.folded);
        self.log_in_use = !folded;
    }

    pub(crate) fn at_end(&self, connection: &Connection) {
        if self.mode == Mode::Write {
            checkpoint(connection, EMPTY);
        }
    }
}

/// The log: how many pages it has, and how many of them are in the file.
struct Log {
    pages: i64,
    folded: i64,
}

/// Looks at the log and folds nothing.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Folds what no reader needs, and waits for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Waits for readers, folds everything and empties the log.
const EMPTY: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// A checkpoint that fails loses nothing: the log stays and is folded later, also by the next
/// process.
fn checkpoint(connection: &Connection, sql: &str) -> Option<Log> {
    let read = |row: &rusqlite::Row<'_>| Ok(Log { pages: row.get(1)?, folded: row.get(2)? });
    connection.prepare_cached(sql).ok()?.query_row([], read).ok()
}
