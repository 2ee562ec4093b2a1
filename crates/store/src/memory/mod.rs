//! The model: sorted maps, obviously right. Used by tests of the engine, and to hold the databases to.
//!
//! A batch is checked whole before its first change, so that a refused batch leaves no trace.

mod audit;
mod commit;
mod search;

use crate::audit::Sums;
use crate::{AttemptRow, Batch, CommitFault, Lease, Page, Promise, Query, Store, StoreFault};
use channel::PlatformKey;
use kernel::{Event, Notification, Order, OrderKey, Reads, Refund, Task, TenantId, View};
use ledger::{Id, Timestamp, Transfer, kinds};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that keeps everything in memory and forgets it at the end.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

/// A task's times.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    due: Timestamp,
    leased_until: Option<Timestamp>,
}

/// Names a key: whose, of which account, its serial.
type KeyName = (TenantId, Arc<str>, String);

/// Names a row of a tenant by the number of its id.
type RowKey = (TenantId, i64);

#[derive(Debug, Default)]
struct State {
    orders: BTreeMap<RowKey, Order>,
    order_ids: BTreeMap<(TenantId, String), i64>,
    refunds: BTreeMap<RowKey, Refund>,
    notifications: BTreeMap<RowKey, Notification>,
    events: BTreeMap<(TenantId, Option<Id<kinds::Order>>, i64), Event>,
    transfers: BTreeMap<RowKey, Transfer>,
    attempts: BTreeMap<(TenantId, i64, u32), AttemptRow>,
    tasks: BTreeMap<Task, Waiting>,
    balances: Sums,
    keys: BTreeMap<KeyName, (Id<kinds::Event>, PlatformKey)>,
}

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
    fn order(&self, tenant: &TenantId, key: &OrderKey) -> Option<&Order> {
        let id = match key {
            OrderKey::Id(id) => id.value(),
            OrderKey::MerchantOrderNo(number) => {
                *self.order_ids.get(&(tenant.clone(), number.clone()))?
            }
        };
        self.orders.get(&(tenant.clone(), id))
    }

    fn view(&self, reads: &Reads) -> View {
        let mut view = View::default();
        for (tenant, key) in &reads.orders {
            self.order(tenant, key).cloned().into_iter().for_each(|order| view.put_order(order));
        }
        for (tenant, id) in &reads.refunds {
            let Some(refund) = self.refunds.get(&(tenant.clone(), id.value())) else { continue };
            let order = self.order(tenant, &OrderKey::Id(refund.order)).cloned();
            order.into_iter().for_each(|order| view.put_order(order));
            view.refunds.insert((tenant.clone(), *id), refund.clone());
        }
        for (tenant, id) in &reads.notifications {
            let notification = self.notifications.get(&(tenant.clone(), id.value())).cloned();
            view.notifications
                .extend(notification.map(|notification| ((tenant.clone(), *id), notification)));
        }
        for key in &reads.balances {
            let balance = self.balances.get(key).copied().unwrap_or_default();
            view.balances.insert(key.clone(), balance);
        }
        view
    }

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
