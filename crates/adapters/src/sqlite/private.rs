//! Database files that only their owner can read.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Makes an empty file that only its owner can read, unless it is there. SQLite gives the files that it
/// makes beside a database, its log among them, the rights of the database.
///
/// # Errors
/// When the file cannot be made or opened.
pub fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path).map(drop)
}
