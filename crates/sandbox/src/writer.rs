//! The thread that writes the sandbox's file, with the faults that counterparts know.

use adapters::sqlite::{self, SqliteFault};
use channel::DocumentFault;
use rusqlite::Connection;

/// The handle to the writer thread. Dropping it finishes the waiting jobs.
pub(crate) struct Writer(sqlite::Writer);

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection) -> Result<Writer, DocumentFault> {
        sqlite::Writer::start("sandbox-writer", connection).map(Writer).map_err(fault)
    }

    /// Runs `work` in a savepoint of its own and waits for the commit. Work that fails or panics
    /// leaves no trace.
    pub(crate) async fn run<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DocumentFault> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        self.0.run(work).await.map_err(fault)?
    }
}

fn fault(fault: SqliteFault) -> DocumentFault {
    DocumentFault(fault.to_string())
}
