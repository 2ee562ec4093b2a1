//! The model: sorted maps, obviously right. Used by tests of the engine, and to hold the databases to.
//!
//! A batch is checked whole before its first change, so that a refused batch leaves no trace.

mod audit;
mod commit;
mod search;
mod table;

use crate::audit::Sums;
use crate::{Batch, CommitFault, Lease, Page, Promise, Query, Store, StoreFault};
use kernel::{Event, Reads, Task, TenantId, View};
use ledger::{Id, Timestamp, Transfer, kinds};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use table::Rows;

/// What names every installation that is kept in memory.
const INSTALLATION: &str = "MEMORY";

/// A store that keeps everything in memory and forgets it at the end.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

/// A task's times, and what else its row holds.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Timestamp,
    leased_until: Option<Timestamp>,
}

/// Names a row of a tenant by the value of its id.
type RowKey = (TenantId, i64);

/// Names an event: its tenant, its story, its own id.
type EventKey = (TenantId, Id<kinds::Root>, i64);

macro_rules! state {
    ($($rows:ident: $row:ident,)*) => {
        #[derive(Debug, Default)]
        struct State {
            $($rows: Rows<kernel::$row>,)*
            events: BTreeMap<EventKey, Event>,
            transfers: BTreeMap<RowKey, Transfer>,
            tasks: BTreeMap<Task, Waiting>,
            balances: Sums,
            /// Names that are unique in the installation, by kind.
            names: BTreeSet<(&'static str, String)>,
        }

        impl State {
            fn view(&self, reads: &Reads) -> View {
                let mut view = View::default();
                $(
                    for (tenant, key) in &reads.$rows {
                        if let Some(row) = self.$rows.find(tenant, key) {
                            view.$rows.load(row.clone());
                        }
                    }
                )*
                for key in &reads.balances {
                    let balance = self.balances.get(key).copied().unwrap_or_default();
                    view.balances.insert(key.clone(), balance);
                }
                view
            }
        }
    };
}
kernel::aggregates!(state);

impl Memory {
    /// An empty store.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// A commit changes the state only when nothing can fail any more, so a poisoned lock guards a
    /// whole state.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Memory {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        Box::pin(async move { Ok(self.state().view(reads)) })
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        Box::pin(async move {
            let mut state = self.state();
            batches.into_iter().map(|batch| state.commit(batch)).collect()
        })
    }

    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move { self.state().commit(batch) })
    }

    fn shares(&self) -> usize {
        1
    }

    fn claim<'a>(&'a self, lease: Lease) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        Box::pin(async move { Ok(self.state().claim(lease)) })
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        Box::pin(async move { self.state().search(query) })
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }
}

impl State {
    fn claim(&mut self, lease: Lease) -> Vec<Task> {
        let mut due: Vec<(Timestamp, Task)> = self
            .tasks
            .iter()
            .filter(|(_, waiting)| {
                waiting.due <= lease.now
                    && waiting.leased_until.is_none_or(|until| until <= lease.now)
            })
            .map(|(task, waiting)| (waiting.due, task.clone()))
            .collect();
        due.sort();
        due.truncate(usize::try_from(lease.limit).unwrap_or(usize::MAX));
        for (_, task) in &due {
            if let Some(waiting) = self.tasks.get_mut(task) {
                waiting.leased_until = Some(lease.until);
            }
        }
        due.into_iter().map(|(_, task)| task).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::conformance::{CASES, differ};
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    /// The model never waits.
    fn at_once<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("the model waits for nothing"),
        }
    }

    #[test]
    fn keeps_every_promise() {
        for case in CASES {
            let store = Memory::new();
            at_once((case.run)(&store));
        }
    }

    #[test]
    fn two_models_agree() {
        for seed in 1..20 {
            at_once(differ(&Memory::new(), &Memory::new(), seed, 300));
        }
    }
}
