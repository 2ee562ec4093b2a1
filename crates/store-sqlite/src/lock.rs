//! Of the processes that would serve callers from one file, one does.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use store::StoreFault;

/// What follows the name of the database in the name of the file that is locked: a lock on the database
/// itself would be in the way of SQLite's own.
const SUFFIX: &str = "-serve-lock";

/// The lock, held until the file is dropped or the process ends.
pub(crate) fn exclusive(database: &Path) -> Result<File, StoreFault> {
    let mut name = database.as_os_str().to_owned();
    name.push(SUFFIX);
    let unavailable =
        |fault: io::Error| StoreFault::Unavailable(format!("{}: {fault}", name.display()));
    let options = OpenOptions::new().append(true).create(true).mode(0o600).open(&name);
    let file = options.map_err(unavailable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreFault::Unavailable(format!(
            "{}: another process serves this database",
            database.display()
        ))),
        Err(TryLockError::Error(fault)) => Err(unavailable(fault)),
    }
}
