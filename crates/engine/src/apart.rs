//! The writer for tenants whose rows were found locked.
//!
//! Each of them is written by itself, and a few beside each other: a lock on the rows of one keeps another
//! waiting only when more tenants are locked than are written at once.

use crate::writer::{BATCH_LEN_MAX, Duty, Job, write};
use crate::{Engine, Failure};
use kernel::TenantId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

/// Tenants that are written at once; a store has room for as many commits apart.
const TENANTS_AT_ONCE: usize = 3;
/// Commands that wait here, at most; more stay in the queue, which refuses what is too much.
const WAITING_MAX: usize = 4096;
/// Commands of one tenant that wait here, at most; more are refused, so that they take no place from
/// those of another.
const WAITING_OF_TENANT_MAX: usize = WAITING_MAX / 4;

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>, mut queue: mpsc::Receiver<Job>) {
    let mut stopped = engine.stopped();
    let mut waiting = Waiting::default();
    let mut writes = JoinSet::new();
    let mut taken = Vec::with_capacity(BATCH_LEN_MAX);
    loop {
        while writes.len() < TENANTS_AT_ONCE
            && let Some((tenant, jobs)) = waiting.next()
        {
            writes.spawn(write_tenant(engine.clone(), tenant, jobs));
        }
        tokio::select! {
            count = queue.recv_many(&mut taken, BATCH_LEN_MAX), if waiting.len < WAITING_MAX => {
                if count == 0 {
                    break;
                }
                for job in taken.drain(..) {
                    let tenant = job.command.tenant().clone();
                    if let Err(job) = waiting.add(tenant, job) {
                        let _ = job.answer.send(Err(Failure::Busy));
                    }
                }
            }
            Some(ended) = writes.join_next() => waiting.written(&tenant_of(ended)),
            _ = stopped.wait_for(|stopped| *stopped) => break,
        }
    }
    // What is being committed gets its answer.
    while writes.join_next().await.is_some() {}
}

async fn write_tenant(engine: Arc<Engine>, tenant: TenantId, jobs: Vec<Job>) -> TenantId {
    write(&engine, jobs, Duty::Apart).await;
    tenant
}

/// A panic goes on in this loop, which ends the process as that of any writer does.
fn tenant_of(ended: Result<TenantId, JoinError>) -> TenantId {
    ended.unwrap_or_else(|fault| {
        resume_unwind(fault.try_into_panic().unwrap_or_else(|cancelled| Box::new(cancelled)))
    })
}

/// What waits to be written, by tenant, and who has the next turn.
struct Waiting<T = Job> {
    jobs: BTreeMap<TenantId, Vec<T>>,
    /// Tenants with jobs, the first one first.
    turn: VecDeque<TenantId>,
    /// Tenants that are being written: their next jobs wait for the end of that.
    writing: BTreeSet<TenantId>,
    len: usize,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        let (jobs, turn) = (BTreeMap::new(), VecDeque::new());
        Waiting { jobs, turn, writing: BTreeSet::new(), len: 0 }
    }
}

impl<T> Waiting<T> {
    /// Adds a job; it comes back when its tenant has too many here.
    fn add(&mut self, tenant: TenantId, job: T) -> Result<(), T> {
        let of_tenant = self.jobs.get(&tenant).map_or(0, Vec::len);
        if of_tenant >= WAITING_OF_TENANT_MAX {
            return Err(job);
        }
        if of_tenant == 0 {
            self.turn.push_back(tenant.clone());
        }
        self.jobs.entry(tenant).or_default().push(job);
        self.len += 1;
        Ok(())
    }

    /// The next tenant that is not being written, with the jobs that are written together.
    fn next(&mut self) -> Option<(TenantId, Vec<T>)> {
        let at = self.turn.iter().position(|tenant| !self.writing.contains(tenant))?;
        let tenant = self.turn.remove(at)?;
        let mut jobs = self.jobs.remove(&tenant)?;
        if jobs.len() > BATCH_LEN_MAX {
            self.jobs.insert(tenant.clone(), jobs.split_off(BATCH_LEN_MAX));
            self.turn.push_back(tenant.clone());
        }
        self.len -= jobs.len();
        self.writing.insert(tenant.clone());
        Some((tenant, jobs))
    }

    fn written(&mut self, tenant: &TenantId) {
        self.writing.remove(tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name)
    }

    #[test]
    fn a_tenant_is_written_once_at_a_time_and_the_others_have_their_turn() {
        let mut waiting = Waiting::default();
        for (name, job) in [("a", 1), ("a", 2), ("b", 3)] {
            assert_eq!(waiting.add(tenant(name), job), Ok(()));
        }
        assert_eq!(waiting.next(), Some((tenant("a"), vec![1, 2])));
        assert_eq!(waiting.add(tenant("a"), 4), Ok(()));
        assert_eq!(waiting.next(), Some((tenant("b"), vec![3])));
        assert_eq!(waiting.next(), None, "the first is being written");
        waiting.written(&tenant("a"));
        assert_eq!(waiting.next(), Some((tenant("a"), vec![4])));
        assert_eq!(waiting.len, 0);
    }

    #[test]
    fn more_than_a_batch_waits_for_the_next_turn() {
        let mut waiting = Waiting::default();
        (0..=BATCH_LEN_MAX).for_each(|job| assert_eq!(waiting.add(tenant("a"), job), Ok(())));
        assert_eq!(waiting.add(tenant("b"), 0), Ok(()));
        assert_eq!(waiting.next().map(|(_, jobs)| jobs.len()), Some(BATCH_LEN_MAX));
        waiting.written(&tenant("a"));
        assert_eq!(waiting.next(), Some((tenant("b"), vec![0])));
        assert_eq!(waiting.next(), Some((tenant("a"), vec![BATCH_LEN_MAX])));
    }

    #[test]
    fn one_tenant_takes_no_place_from_another() {
        let mut waiting = Waiting::default();
        (0..WAITING_OF_TENANT_MAX)
            .for_each(|job| assert_eq!(waiting.add(tenant("a"), job), Ok(())));
        assert_eq!(waiting.add(tenant("a"), 7), Err(7));
        assert_eq!(waiting.add(tenant("b"), 8), Ok(()));
    }
}
