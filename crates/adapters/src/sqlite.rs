//! SQLite on threads of its own.
//!
//! - [`Queue`]: threads that own a connection each and take work from one bounded queue.
//! - [`create_private`]: makes a database file that only its owner can read.
//! - [`Writer`]: one such thread that commits many jobs at once, each in its own savepoint.

mod private;
mod queue;
mod writer;

pub use private::create_private;
pub use queue::{Housekeeping, NoHousekeeping, Queue};
pub use writer::Writer;

/// The database did not do the work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqliteFault {
    /// A thread cannot be started.
    #[error("thread {name}: {why}")]
    Thread {
        /// Its name.
        name: String,
        /// What the system says.
        why: String,
    },
    /// The threads have ended.
    #[error("its thread has ended")]
    Ended,
    /// The work panicked; nothing of it stays.
    #[error("the work broke off")]
    BrokeOff,
    /// The database refused a statement or the commit.
    #[error("{0}")]
    Database(String),
}

impl From<rusqlite::Error> for SqliteFault {
    fn from(fault: rusqlite::Error) -> SqliteFault {
        SqliteFault::Database(fault.to_string())
    }
}
