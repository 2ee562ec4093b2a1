//! Who has which connection.

use crate::address::Address;
use crate::connection::{Connection, Purpose};
use kernel::TenantId;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use store::StoreFault;
use tokio::sync::{Mutex, MutexGuard};

/// Connections that commit; each has its share of the tenants.
pub(crate) const WRITERS: usize = 4;
/// Connections that load, claim and answer queries.
const READERS: usize = 4;

/// Orders written by this process after which the planner is told how full the tables are. Without
/// that it would take fresh tables for empty, and read them whole, until the database looks by itself,
/// which takes a minute.
const MEASURED_AFTER: [usize; 3] = [100, 3_000, 30_000];

/// Room for a connection.
type Slot = Mutex<Option<Connection>>;

/// The connections of a store, made when they are wanted.
pub(crate) struct Pool {
    address: Address,
    writers: [Slot; WRITERS],
    readers: [Slot; READERS],
    next_reader: AtomicUsize,
    written: AtomicUsize,
    measured: AtomicUsize,
}

/// A connection that is one's own for a while.
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
            readers: std::array::from_fn(|_| Mutex::new(None)),
            next_reader: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            measured: AtomicUsize::new(0),
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Which writer has this tenant.
    pub(crate) fn share(tenant: &TenantId) -> usize {
        let mut hasher = DefaultHasher::new();
        tenant.hash(&mut hasher);
        let writers = u64::try_from(WRITERS).unwrap_or(1);
        usize::try_from(hasher.finish() % writers).unwrap_or(0)
    }

    /// The writer with this number.
    pub(crate) async fn writer(&self, share: usize) -> Result<PooledConnection<'_>, StoreFault> {
        self.connected(self.writers[share].lock().await, Purpose::Commit).await
    }

    /// A reader: one that is free, else the one whose turn it is. The first slots are preferred, so
    /// that their statements stay warm.
    pub(crate) async fn reader(&self) -> Result<PooledConnection<'_>, StoreFault> {
        let free = self.readers.iter().find_map(|slot| slot.try_lock().ok());
        let slot = match free {
            Some(slot) => slot,
            None => {
                let turn = self.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
                self.readers[turn].lock().await
            }
        };
        self.connected(slot, Purpose::Read).await
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
