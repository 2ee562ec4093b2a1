//! Who has which session.
//!
//! Sessions are made when they are first wanted. The writer, the claim of tasks, and upkeep such as
//! health checks have sessions of their own; queries share the others, shared out to the tenants, and
//! never delay those.

use crate::address::Address;
use crate::connection::{Connection, Purpose};
use crate::query_permits::{Party, QueryPermit, QueryPermits};
use kernel::TenantId;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex as SyncMutex, PoisonError};
use store::{StoreFault, share_of};
use tokio::sync::{Mutex, MutexGuard};

/// Sessions that load and commit; each has its share of the tenants.
pub(crate) const WRITERS: usize = 4;
/// Sessions that commit for tenants whose rows were found locked, each for one at a time: as many as the
/// engine writes apart at once.
const APART: usize = 3;

/// Orders written by this process after which the planner is told how full the tables are. Without
/// that it would take fresh tables for empty, and read them whole, until the database looks by itself,
/// which takes a minute.
const MEASURED_AFTER: [usize; 3] = [100, 3_000, 30_000];

/// Room for a session with one use.
type Slot = Mutex<Option<Connection>>;

/// The sessions of a store.
pub(crate) struct Pool {
    address: Address,
    writers: [Slot; WRITERS],
    /// Commits of tenants whose rows were found locked.
    apart: [Slot; APART],
    claimer: Slot,
    upkeep: Slot,
    queries: QuerySessions,
    written: AtomicUsize,
    measured: AtomicUsize,
}

/// A session that is one's own for a while.
pub(crate) struct PooledConnection<'p>(MutexGuard<'p, Option<Connection>>);

impl Deref for PooledConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.0.as_ref().expect("only a slot with a connection is lent")
    }
}

impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.0.as_mut().expect("only a slot with a connection is lent")
    }
}

impl Pool {
    pub(crate) fn new(address: Address) -> Pool {
        Pool {
            address,
            writers: std::array::from_fn(|_| Mutex::new(None)),
            apart: std::array::from_fn(|_| Mutex::new(None)),
            claimer: Mutex::new(None),
            upkeep: Mutex::new(None),
            queries: QuerySessions::default(),
            written: AtomicUsize::new(0),
            measured: AtomicUsize::new(0),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Which writer has this tenant.
    pub(crate) fn share(tenant: &TenantId) -> usize {
        share_of(tenant, WRITERS)
    }

    /// The writer with this number.
    pub(crate) async fn writer(&self, share: usize) -> Result<PooledConnection<'_>, StoreFault> {
        self.connected(&self.writers[share], Purpose::Commit).await
    }

    /// A session for a tenant whose rows were found locked: one that is free, where there is one.
    pub(crate) async fn apart(&self) -> Result<PooledConnection<'_>, StoreFault> {
        let free = self.apart.iter().find_map(|slot| slot.try_lock().ok());
        match free {
            Some(slot) => self.opened(slot, Purpose::Commit).await,
            None => self.connected(&self.apart[0], Purpose::Commit).await,
        }
    }

    /// The session that claims tasks, and puts them off.
    pub(crate) async fn claimer(&self) -> Result<PooledConnection<'_>, StoreFault> {
        self.connected(&self.claimer, Purpose::Read).await
    }

    /// The session for health checks, the clock, the directory, and the rows of due tasks.
    pub(crate) async fn upkeep(&self) -> Result<PooledConnection<'_>, StoreFault> {
        self.connected(&self.upkeep, Purpose::Read).await
    }

    /// A session for a query of this party. A query that gets none in time is refused.
    pub(crate) async fn query(&self, party: &Party) -> Result<QueryConnection<'_>, StoreFault> {
        let permit = self.queries.permits.acquire(party).await?;
        let connection = match self.queries.idle() {
            Some(connection) => connection,
            None => Connection::open(&self.address, Purpose::Read).await?,
        };
        Ok(QueryConnection {
            connection: Some(connection),
            queries: &self.queries,
            _permit: permit,
        })
    }

    /// Counts orders that were written.
    pub(crate) fn wrote(&self, orders: usize) {
        self.written.fetch_add(orders, Ordering::Relaxed);
    }

    /// Whether the tables have grown so much that they are to be measured; says so once.
    pub(crate) fn has_outgrown(&self) -> bool {
        let written = self.written.load(Ordering::Relaxed);
        let steps = MEASURED_AFTER.iter().filter(|step| **step <= written).count();
        self.measured.fetch_max(steps, Ordering::Relaxed) < steps
    }

    async fn connected<'p>(
        &'p self,
        slot: &'p Slot,
        purpose: Purpose,
    ) -> Result<PooledConnection<'p>, StoreFault> {
        self.opened(slot.lock().await, purpose).await
    }

    async fn opened<'p>(
        &'p self,
        mut slot: MutexGuard<'p, Option<Connection>>,
        purpose: Purpose,
    ) -> Result<PooledConnection<'p>, StoreFault> {
        if slot.as_ref().is_none_or(Connection::is_lost) {
            *slot = None;
            *slot = Some(Connection::open(&self.address, purpose).await?);
        }
        Ok(PooledConnection(slot))
    }
}

/// The sessions that queries share.
#[derive(Default)]
struct QuerySessions {
    permits: QueryPermits,
    /// The last one used is the next one used, so that its statements stay warm.
    idle: SyncMutex<Vec<Connection>>,
}

impl QuerySessions {
    fn idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if !connection.is_lost() {
                return Some(connection);
            }
        }
        None
    }

    fn put_back(&self, connection: Connection) {
        if !connection.is_lost() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }
}

/// A query's session. It is put back before its permit is, so that the next caller finds it.
pub(crate) struct QueryConnection<'p> {
    connection: Option<Connection>,
    queries: &'p QuerySessions,
    _permit: QueryPermit,
}

impl Deref for QueryConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken only when dropped")
    }
}

impl DerefMut for QueryConnection<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("it is taken only when dropped")
    }
}

impl Drop for QueryConnection<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.queries.put_back(connection);
        }
    }
}
