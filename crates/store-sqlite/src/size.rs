//! How much of the disk a database takes.

use crate::connection::checkpointer;
use crate::statement::fault;
use std::path::Path;
use store::StoreFault;

/// The bytes of a database's pages, after the log is folded into the file. Others may use the database
/// meanwhile.
///
/// # Errors
/// When the database cannot be opened or read.
pub fn bytes(path: &Path) -> Result<u64, StoreFault> {
    pages(path, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
}

/// The bytes of those pages that hold something; the others are written again before the file grows.
///
/// # Errors
/// As for [`bytes`].
pub fn used_bytes(path: &Path) -> Result<u64, StoreFault> {
    let sql = "SELECT (page_count - freelist_count) * page_size
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    pages(path, sql)
}

fn pages(path: &Path, sql: &str) -> Result<u64, StoreFault> {
    let connection = checkpointer(path)?;
    connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).map_err(fault)?;
    let bytes: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(fault)?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}
