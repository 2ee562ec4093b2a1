//! The store on embedded SQLite: one file, no server.
//!
//! One thread owns the only connection that writes; it also loads what decisions read, so that its
//! page cache is the hot one. A few threads with read-only connections answer queries, and one what the
//! process itself needs to know. A commit of many batches is one transaction and one flush to disk.
//!
//! - `connection`: how connections are set up. `checkpoints`: when the log is folded into the file.
//! - `lock`: one process serves. `schema`: migrations. `statement`: binding and reading rows.
//! - [`baseline`]: what this disk could do at most. [`size`]: how much of it is taken.
//! - `sql`: the statements, most of them made from the description of the rows.
//! - `load`, `commit`, `claim`, `archive`, `search`, `audit`: the work.

mod archive;
mod audit;
pub mod baseline;
mod checkpoints;
mod claim;
mod commit;
mod connection;
mod flows;
mod load;
mod lock;
mod schema;
mod search;
pub mod size;
mod sql;
mod statement;

use adapters::Stopwatch;
use adapters::sqlite::{NoHousekeeping, Queue, SqliteFault};
use checkpoints::Checkpoints;
use connection::{reader, writer};
use kernel::{Reads, Task, View};
use std::fs::File;
use std::path::Path;
use std::time::Duration;
use store::{
    Archival, Batch, Claim, CommitFault, Page, Promise, Query, Store, StoreFault, TaskUpdate,
};

/// Threads that answer queries.
const READERS: usize = 3;
/// How long a query may wait for a thread before it is refused.
const QUERY_WAIT_MAX: Duration = Duration::from_secs(2);

/// Tongbao's state in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    // The readers go first: the writer folds the log into the file as it ends, and nobody may read
    // from the log then.
    readers: Queue,
    upkeep: Queue,
    writer: Option<Queue>,
    _lock: Option<File>,
}

impl SqliteStore {
    /// Opens the file for reading and writing, and makes it when it is not there. The schema is the
    /// business of [`Store::migrate`].
    ///
    /// # Errors
    /// When the file cannot be opened or is not a database.
    pub fn open(path: &Path) -> Result<SqliteStore, StoreFault> {
        let writer = Queue::start("store-writer", vec![writer(path)?], Checkpoints::new)
            .map_err(unavailable)?;
        let readers = SqliteStore::readers(path, READERS)?;
        let upkeep = SqliteStore::readers(path, 1)?;
        Ok(SqliteStore { readers, upkeep, writer: Some(writer), _lock: None })
    }

    /// Opens the file for a process that serves callers, which only one may do at a time. The lock lies on
    /// a file beside the database and ends with the process. [`SqliteStore::open`] does not ask for it, so
    /// that tenants can be declared beside a process that serves.
    ///
    /// # Errors
    /// As for [`SqliteStore::open`], and when another process serves the database.
    pub fn open_to_serve(path: &Path) -> Result<SqliteStore, StoreFault> {
        connection::create(path)?;
        let lock = lock::exclusive(path)?;
        Ok(SqliteStore { _lock: Some(lock), ..SqliteStore::open(path)? })
    }

    /// Opens the file for reading alone, also beside a process that writes to it. Commits, claims
    /// and migrations are refused.
    ///
    /// # Errors
    /// When the file is not there, cannot be opened or is not a database.
    pub fn open_read_only(path: &Path) -> Result<SqliteStore, StoreFault> {
        let readers = SqliteStore::readers(path, READERS)?;
        let upkeep = SqliteStore::readers(path, 1)?;
        Ok(SqliteStore { readers, upkeep, writer: None, _lock: None })
    }

    fn readers(path: &Path, threads: usize) -> Result<Queue, StoreFault> {
        let connections = (0..threads).map(|_| reader(path)).collect::<Result<Vec<_>, _>>()?;
        Queue::start("store-reader", connections, |_| NoHousekeeping).map_err(unavailable)
    }

    fn writer(&self) -> Result<&Queue, StoreFault> {
        self.writer.as_ref().ok_or_else(|| {
            StoreFault::Failed("the database was opened for reading only".to_owned())
        })
    }
}

fn unavailable(fault: SqliteFault) -> StoreFault {
    StoreFault::Unavailable(fault.to_string())
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        let reads = reads.clone();
        Box::pin(async move {
            let queue = self.writer.as_ref().unwrap_or(&self.readers);
            queue
                .ask(move |connection| load::load(connection, &reads))
                .await
                .map_err(unavailable)?
        })
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        Box::pin(async move {
            let len = batches.len();
            let ask = async {
                let commit = move |connection: &mut _| commit::commit(connection, &batches);
                self.writer()?.ask(commit).await.map_err(unavailable)
            };
            ask.await.unwrap_or_else(|fault| vec![Err(CommitFault::Store(fault)); len])
        })
    }

    /// There is one connection that writes: no tenant's commit can run beside another's.
    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move { self.commit(vec![batch]).await.into_iter().collect() })
    }

    fn shares(&self) -> usize {
        1
    }

    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        let reads = reads.clone();
        Box::pin(async move {
            self.upkeep
                .ask(move |connection| load::load(connection, &reads))
                .await
                .map_err(unavailable)?
        })
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        let claim = claim.clone();
        Box::pin(async move {
            self.writer()?
                .ask(move |connection| claim::claim(connection, &claim))
                .await
                .map_err(unavailable)?
        })
    }

    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>> {
        let updates = updates.to_vec();
        Box::pin(async move {
            self.writer()?
                .ask(move |connection| claim::update(connection, &updates))
                .await
                .map_err(unavailable)?
        })
    }

    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>> {
        let archival = archival.clone();
        Box::pin(async move {
            self.writer()?
                .ask(move |connection| archive::archive(connection, &archival))
                .await
                .map_err(unavailable)?
        })
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        let query = query.clone();
        let asked = Stopwatch::start();
        let queue = if search::is_upkeep(&query) { &self.upkeep } else { &self.readers };
        Box::pin(async move {
            let answer = move |connection: &mut _| match asked.elapsed() > QUERY_WAIT_MAX {
                true => Err(StoreFault::Overloaded(format!("no reader within {QUERY_WAIT_MAX:?}"))),
                false => search::search(connection, &query),
            };
            queue.ask(answer).await.map_err(unavailable)?
        })
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        Box::pin(async move { self.writer()?.ask(schema::migrate).await.map_err(unavailable)? })
    }
}
