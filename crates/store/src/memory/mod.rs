//! The model: sorted maps, obviously right. Used by tests of the engine, and to hold the databases to.
//!
//! A batch is checked whole before its first change, so that a refused batch leaves no trace.

mod archive;
mod audit;
mod commit;
mod flows;
mod search;
mod table;
mod value_audit;

use crate::audit::Sums;
use crate::{
    Archival, ArchiveRecord, ArchivedEvents, Batch, Claim, CommitFault, Page, Promise, Query,
    Store, StoreFault, TaskAction, TaskUpdate,
};
use kernel::{Event, Lane, Links, Reads, Task, TenantId, View};
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
#[derive(Clone, Debug)]
struct Waiting {
    due: Timestamp,
    /// When its row wanted it: only commits and persons move this.
    wanted_at: Timestamp,
    leased_until: Option<Timestamp>,
    parked: Option<(String, Timestamp)>,
}

impl Waiting {
    /// A task that its row wants then.
    const fn wanted(at: Timestamp) -> Waiting {
        Waiting { due: at, wanted_at: at, leased_until: None, parked: None }
    }
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
            /// By tenant and number.
            archives: BTreeMap<RowKey, ArchiveRecord>,
            /// In order of their archives, each with its tenant.
            archived: Vec<(TenantId, ArchivedEvents)>,
            /// Names that are unique in the installation, by kind.
            names: BTreeSet<(&'static str, String)>,
        }

        impl State {
            fn view(&self, reads: &Reads) -> View {
                let mut view = View::default();
                self.load_into(&mut view, reads);
                let mut links = Links::of(reads);
                while let Some(more) = links.next(&view) {
                    self.load_into(&mut view, &more);
                }
                view
            }

            fn load_into(&self, view: &mut View, reads: &Reads) {
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

    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        self.load(reads)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        Box::pin(async move { Ok(self.state().claim(claim)) })
    }

    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>> {
        Box::pin(async move {
            let mut state = self.state();
            Ok(updates.iter().map(|update| u64::from(state.update_task(update))).sum())
        })
    }

    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move { self.state().archive(archival) })
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        Box::pin(async move { self.state().search(query) })
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        Box::pin(async { Ok(()) })
    }
}

impl State {
    fn claim(&mut self, claim: &Claim) -> Vec<Task> {
        let is_free =
            |waiting: &Waiting| waiting.leased_until.is_none_or(|until| until <= claim.now);
        let mut due: BTreeMap<TenantId, Vec<(Timestamp, Task)>> = BTreeMap::new();
        for (task, waiting) in self.due(claim.lane, claim.now).filter(|(_, it)| is_free(it)) {
            due.entry(task.tenant.clone()).or_default().push((waiting.due, task.clone()));
        }
        let mut found = vec![];
        for (tenant, most) in claim.turns(due.keys().cloned().collect()) {
            let mut own = due.remove(&tenant).unwrap_or_default();
            own.sort();
            own.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            found.push(own);
        }
        let claimed: Vec<Task> = claim.share(found).into_iter().map(|(_, task)| task).collect();
        for task in &claimed {
            if let Some(waiting) = self.tasks.get_mut(task) {
                waiting.leased_until = Some(claim.until);
            }
        }
        claimed
    }

    /// Due tasks of a lane, also those that are claimed, of tenants that exist.
    fn due(&self, lane: Lane, now: Timestamp) -> impl Iterator<Item = (&Task, &Waiting)> {
        let is_due = move |task: &Task, waiting: &Waiting| {
            Lane::of(task.subject.kind) == lane && waiting.due <= now && waiting.parked.is_none()
        };
        self.tasks.iter().filter(move |(task, waiting)| {
            is_due(task, waiting) && self.tenants.of(&task.tenant).next().is_some()
        })
    }

    /// True when the task was as the update wants it.
    fn update_task(&mut self, update: &TaskUpdate) -> bool {
        let mut own = self.tasks.iter_mut().filter(|(task, _)| task.tenant == update.tenant);
        let found = own.find(|(task, _)| task.subject == update.subject);
        let Some((_, waiting)) = found else { return false };
        match &update.action {
            TaskAction::Defer { leased_until, due } => {
                let is_ours =
                    waiting.leased_until == Some(*leased_until) && waiting.parked.is_none();
                if is_ours {
                    (waiting.due, waiting.leased_until) = (*due, None);
                }
                is_ours
            }
            TaskAction::Park { reason, at } => {
                waiting.parked = Some((reason.clone(), *at));
                true
            }
            TaskAction::Resume { due } => {
                let was_parked = waiting.parked.is_some();
                if was_parked {
                    *waiting = Waiting::wanted(*due);
                }
                was_parked
            }
        }
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
