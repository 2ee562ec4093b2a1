//! The narrow line between the engine and its databases.
//!
//! A store loads what a batch of commands must read, commits what they decided, claims due tasks,
//! answers a closed set of questions, and keeps its schema. There is no transaction object, so nothing
//! can be awaited while one is open.
//!
//! - [`Store`]: the interface.
//! - [`batch`]: what is committed together.
//! - `claim`: which due tasks are claimed, and what becomes of them besides.
//! - [`flows`]: what happened to the money of a wallet, and to a gift card.
//! - `late`: which tasks should have been run long ago.
//! - [`query`]: what can be asked, and what the answers look like.
//! - [`archive`]: what leaves the database for files, and what stays to prove it.
//! - [`audit`]: the rules of the books, in words.
//! - [`rows`]: how aggregates and events become rows, once for every engine.
//! - [`memory`]: the model: sorted maps, obviously right.
//! - `conformance`: the promises, as a suite that every store passes; behind the feature of that name.

pub mod archive;
pub mod audit;
mod baseline;
pub mod batch;
pub mod booked;
mod claim;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod flows;
mod late;
pub mod memory;
pub mod query;
pub mod rows;

pub use archive::{Archival, ArchiveCover, ArchiveRecord, ArchivedEvents};
pub use baseline::Baseline;
pub use batch::Batch;
pub use booked::{Booked, BookedKind};
pub use claim::{Claim, DEFER_MS, TaskAction, TaskUpdate};
pub use flows::{CardBatchesIn, CardFlow, CardFlowKind, WalletFlow, WalletFlowKind};
pub use kernel::Write;
pub use late::{LATE_EXAMINED_MAX, LateTasks, Lateness};
pub use query::{
    AboutDatabase, AccountRow, Accounts, AllocationsOf, Approvals, Archives, AttemptRow,
    AttentionCount, AttentionCounts, AttentionFilter, AttentionList, AttentionMark, AttentionRow,
    AttentionStart, Audit, AuditReport, BalancesAt, BookedFor, CardBatches, CardFlows, Cards,
    CardsOf, Counted, DatabaseFacts, DatabaseTime, DirectoryOf, DirectoryRevision, DirectoryRows,
    EXAMINED_MAX, Installation, LastId, LiabilitiesAt, Listed, NotificationRow, Notifications,
    OldestUndelivered, OneApproval, OneNotification, OneOrder, OneRefund, OneWithdrawal,
    OrderFilter, Orders, PARKED_LISTED_MAX, Page, PaidOrders, Payees, Ping, Postings,
    PostingsBetween, Query, Question, SecretCards, SignedAgreements, StoriesWithEvents, Story,
    StoryOf, TASKS_COUNTED_MAX, TaskRow, Tasks, TenantsWithOrder, TenantsWithWithdrawal,
    WalletFlows, Withdrawals, highest_id, lowest_id,
};

use kernel::{Reads, Task, TenantId, View};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;

/// A boxed future.
pub type Promise<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The database failed. Nothing is known about a commit that ends with this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreFault {
    /// It cannot be reached, or broke off.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// It answered with an error.
    #[error("database: {0}")]
    Failed(String),
    /// The question was not answered: too many were waiting, or the answer took too long. Only
    /// [`Store::search`] ends with this.
    #[error("database overloaded: {0}")]
    Overloaded(String),
    /// A stored row cannot be read.
    #[error("unreadable row in {table}: {why}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// What was found and what was wanted.
        why: String,
    },
}

/// Why a batch was not committed. Except for [`CommitFault::Store`], nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitFault {
    /// A row has changed since it was loaded, or exists already, or a balance would not fit its range:
    /// load and decide again, in the end one by one.
    #[error("stale {0}")]
    Stale(String),
    /// An account would fall below its floor: load and decide again.
    #[error("floor of account {0}")]
    Floor(String),
    /// Another transaction keeps a row of the tenant locked for longer than a commit waits. The same
    /// batch may be sent again.
    #[error("rows are locked: {0}")]
    Busy(String),
    /// The database failed; the batch may or may not be stored.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

/// A database that keeps Tongbao's state.
pub trait Store: Send + Sync {
    /// Loads what a batch of commands must read, and what the rows that are found name besides
    /// ([`View::linked`]). What does not exist is absent from the view;
    /// balances that were asked for and have no postings are zero. The view's directory is empty.
    ///
    /// # Errors
    /// When the database fails or a row is unreadable.
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>>;

    /// Commits batches of different tenants, durably: when this answers, they survive a power loss.
    /// One outcome per batch, in order. A batch is stored whole or not at all.
    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>>;

    /// Commits the batch of a tenant whose last commit ended with [`CommitFault::Busy`]. It is kept apart
    /// from the others and waits longer for locked rows, so that it delays no other tenant.
    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>>;

    /// How many shares the tenants are divided into; [`share_of`] names a tenant's. Commits of different
    /// shares do not wait for each other.
    fn shares(&self) -> usize;

    /// Loads the same as [`Store::load`], apart from what decisions wait for: for work that reads and
    /// decides nothing.
    ///
    /// # Errors
    /// As for [`Store::load`].
    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>>;

    /// Claims due tasks of tenants that exist: one of each tenant, then a second of each, of a tenant
    /// the longest due first. A claimed task is not claimed again before its lease ends; a commit that
    /// sets or ends the task ends the lease too.
    ///
    /// # Errors
    /// When the database fails.
    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>>;

    /// Puts tasks off, parks or resumes them; returns how many were. A commit that sets or ends a task
    /// overrules all of that.
    ///
    /// # Errors
    /// When the database fails; some may have been changed then.
    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>>;

    /// Moves what is archived out of the database, durably: adds the record, deletes the events and the
    /// notifications, and writes down which events lie in the archive. All of it or nothing.
    ///
    /// # Errors
    /// [`CommitFault::Stale`] when the record's number is taken, an event is not there, or a notification
    /// has changed. As for [`Store::commit_apart`] otherwise.
    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>>;

    /// Answers a query from a consistent snapshot of what is committed. Callers ask a [`Question`] by
    /// `ask`, which gives the answer its type.
    ///
    /// # Errors
    /// When the database fails or a row is unreadable.
    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>>;

    /// Brings the schema up to date; harmless when it is.
    ///
    /// # Errors
    /// When the database fails, or its schema is newer than this program.
    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>>;
}

/// The share of a tenant, below `shares`. The same in every process of a release, so that engine and
/// database agree.
pub fn share_of(tenant: &TenantId, shares: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    tenant.hash(&mut hasher);
    let shares = u64::try_from(shares).unwrap_or(1).max(1);
    usize::try_from(hasher.finish() % shares).unwrap_or(0)
}

impl dyn Store + '_ {
    /// Asks a question and gives the answer its type.
    ///
    /// # Errors
    /// As for [`Store::search`].
    pub async fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, StoreFault> {
        let page = self.search(&question.into()).await?;
        Q::answer(page).ok_or_else(|| {
            StoreFault::Failed("the store answered with another question's page".to_owned())
        })
    }
}
