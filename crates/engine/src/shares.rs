//! Which writer a tenant's commands go to.
//!
//! The tenants are divided into shares, and each share has a writer of its own. A tenant whose rows were
//! found locked leaves its share for the writer that works apart, until a commit of it succeeds there: so
//! a lock on one tenant's rows stops that tenant alone.

use crate::writer::Job;
use kernel::TenantId;
use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use store::share_of;
use tokio::sync::mpsc;

/// Commands that may wait for one writer; more are refused as overloaded.
const QUEUE_LEN_MAX: usize = 4096;

/// The queues of the writers.
pub(crate) struct Shares {
    shares: Vec<mpsc::Sender<Job>>,
    apart: mpsc::Sender<Job>,
    blocked: Mutex<HashSet<TenantId>>,
}

/// The other ends of the queues.
pub(crate) struct Queues {
    pub(crate) shares: Vec<mpsc::Receiver<Job>>,
    pub(crate) apart: mpsc::Receiver<Job>,
}

impl Shares {
    /// A queue for each share, and one for blocked tenants.
    pub(crate) fn new(shares: usize) -> (Shares, Queues) {
        let queues = (0..shares.max(1)).map(|_| mpsc::channel(QUEUE_LEN_MAX));
        let (shares, of_shares) = queues.unzip();
        let (apart, of_apart) = mpsc::channel(QUEUE_LEN_MAX);
        let writers = Shares { shares, apart, blocked: Mutex::default() };
        (writers, Queues { shares: of_shares, apart: of_apart })
    }

    /// The queue for a tenant's commands.
    pub(crate) fn of(&self, tenant: &TenantId) -> &mpsc::Sender<Job> {
        if self.blocked().contains(tenant) {
            return &self.apart;
        }
        &self.shares[share_of(tenant, self.shares.len())]
    }

    /// Sends a job of a tenant whose rows were found locked to the writer that works apart. The job comes
    /// back when that writer's queue is full.
    pub(crate) fn set_apart(&self, job: Job) -> Option<Job> {
        self.blocked().insert(job.command.tenant().clone());
        self.apart.try_send(job).err().map(mpsc::error::TrySendError::into_inner)
    }

    /// The rows of a tenant are free again.
    pub(crate) fn readmit(&self, tenant: &TenantId) {
        self.blocked().remove(tenant);
    }

    /// Commands that wait.
    pub(crate) fn waiting(&self) -> usize {
        let queues = self.shares.iter().chain([&self.apart]);
        queues.map(|queue| queue.max_capacity() - queue.capacity()).sum()
    }

    fn blocked(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
