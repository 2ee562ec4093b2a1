//! How connections are set up.

use crate::statement::fault;
use adapters::sqlite::create_private;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fmt;
use std::path::Path;
use std::time::Duration;
use store::StoreFault;

/// How long a statement waits for another process, in milliseconds.
const BUSY_MS: u64 = 5_000;
/// Page cache of the writer, in KiB. SQLite walks it at every commit, so that a larger one is slower
/// where writing goes to the right edge of each tree.
const WRITER_CACHE_KIB: i64 = 24 * 1024;
/// Page cache of a reader, in KiB.
const READER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of the connection that checkpoints, in KiB: it copies pages and keeps none.
const CHECKPOINTER_CACHE_KIB: i64 = 256;
/// Bytes in a page.
const PAGE_LEN: i64 = 8192;
/// Prepared statements that a connection keeps.
const STATEMENTS_MAX: usize = 128;

/// Makes the file, unless it is there.
pub(crate) fn create(path: &Path) -> Result<(), StoreFault> {
    create_private(path).map_err(|found| at(path, found))?;
    // A device can be opened too.
    if path.is_file() { Ok(()) } else { Err(at(path, "not a file")) }
}

/// The connection that writes.
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    create(path)?;
    let connection = open(path, flags, WRITER_CACHE_KIB)?;
    set_up_writer(&connection).map_err(|found| at(path, found))?;
    Ok(connection)
}

/// A connection that checkpoints: it folds the log into the file.
pub(crate) fn checkpointer(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, CHECKPOINTER_CACHE_KIB)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
    Ok(connection)
}

/// A connection that reads.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    open(path, flags, READER_CACHE_KIB)
}

fn open(path: &Path, flags: OpenFlags, cache_kib: i64) -> Result<Connection, StoreFault> {
    let connection = Connection::open_with_flags(path, flags).map_err(|found| at(path, found))?;
    set_up(&connection, cache_kib).map_err(|found| at(path, found))?;
    Ok(connection)
}

fn at(path: &Path, found: impl fmt::Display) -> StoreFault {
    StoreFault::Unavailable(format!("{}: {found}", path.display()))
}

fn set_up(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS))?;
    keep_plans(connection)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "foreign_keys", false)
}

/// Has every statement planned without its parameters. Otherwise SQLite prepares some statements again
/// whenever another value is bound, in the hope of a better plan.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// The page size must be known before the first page is written. `synchronous=FULL`, because it is
/// money: a commit that was answered survives a power loss.
fn set_up_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_LEN)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::migrate;
    use crate::sql::rows::SqlRow;
    use rusqlite::StatementStatus;

    /// Finding an order by its number is what every new order begins with.
    #[test]
    fn a_statement_is_prepared_once_for_all_parameters() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut connection = writer(&folder.path().join("plans.db")).expect("the file opens");
        migrate(&mut connection).expect("the tables are made");
        let sql = kernel::Order::sql().by_number.as_ref().expect("orders have numbers");
        let mut find = connection.prepare(sql).expect("it is SQL");
        for number in ["first", "second"] {
            assert!(!find.exists(["tenant", "namespace", number]).expect("it runs"));
        }
        assert_eq!(find.get_status(StatementStatus::RePrepare), 0);
    }
}
