//! The store on PostgreSQL: a batch of one tenant is one pipelined transaction.
//!
//! A few sessions load and commit, each for its share of the tenants, so that different tenants
//! commit side by side; a few more commit for tenants whose rows were found locked. The claim of
//! tasks and upkeep have a session each, and a few answer queries, shared out to the tenants. They
//! are made when they are first wanted and again when they were lost: the call that loses one fails
//! at once, the next one connects. Several processes may share a database.
//!
//! - `address`: the URL and TLS. `connection`: sessions, pipelining, deadlines. `pool`: who has which.
//! - `query_permits`: whose query gets a session.
//! - `sql`: every statement. `cell`: binding and reading. `fault`: what an error means.
//! - `schema`: migrations, and distributing the tables where the database can.
//! - [`baseline`]: what this server could do at most. [`Backend`]: the process that serves a session.
//! - `load`, `commit`, `claim`, `search`, `audit`: the work.

mod address;
mod audit;
mod backend;
pub mod baseline;
mod cell;
mod claim;
mod commit;
mod connection;
mod fault;
mod flows;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod load;
mod pipeline;
mod pool;
mod query_permits;
mod schema;
mod search;
mod sql;

pub use backend::Backend;

use address::Address;
use kernel::{Reads, Task, View};
use pool::Pool;
use std::fmt;
use store::{
    Archival, Batch, Claim, CommitFault, Page, Promise, Query, Store, StoreFault, TaskUpdate,
};

/// Tongbao's state in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
}

impl PostgresStore {
    /// A store at this URL, `postgres://user:password@host:port/database?…`. Nothing is connected
    /// yet; the schema is the business of [`Store::migrate`].
    ///
    /// Besides the parameters that PostgreSQL's own clients know, as far as they concern a connection
    /// (`host` for a socket's folder, `target_session_attrs` …):
    /// - `sslrootcert=FILE`: certificates (PEM) of those who may sign the server's; without it nothing
    ///   is encrypted.
    /// - `sslmode=disable|prefer|require`: whether to encrypt. A server that is spoken to encrypted
    ///   always proves its name. `require` needs `sslrootcert`.
    ///
    /// # Errors
    /// When the URL cannot be understood or a file that it names cannot be read.
    pub fn connect(url: &str) -> Result<PostgresStore, StoreFault> {
        Ok(PostgresStore { pool: Pool::new(Address::read(url)?) })
    }
}

/// The address holds a password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        Box::pin(async move { load::load(&self.pool, reads).await })
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        Box::pin(async move { commit::commit(&self.pool, &batches).await })
    }

    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move { commit::commit_apart(&self.pool, &batch).await })
    }

    fn shares(&self) -> usize {
        pool::WRITERS
    }

    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        Box::pin(async move { load::peek(&self.pool, reads).await })
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        Box::pin(async move { claim::claim(&self.pool, claim).await })
    }

    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>> {
        Box::pin(async move { claim::update(&self.pool, updates).await })
    }

    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move { commit::archive(&self.pool, archival).await })
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        Box::pin(async move { search::search(&self.pool, query).await })
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        Box::pin(async move { schema::migrate(self.pool.address()).await })
    }
}
