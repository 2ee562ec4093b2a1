//! Claims and leases.

use super::fixture::{StoreFixture, empty};
use crate::{Batch, Lease, Promise, Store, TaskRow, Tasks};
use kernel::{Task, TaskChange};
use ledger::{Subject, SubjectKind, Timestamp};
use test_support::tenant_at;

/// How long the leases here last, in milliseconds.
const LEASE_MS: i64 = 30_000;

fn task(index: usize, order: i64) -> Task {
    let subject = Subject { kind: SubjectKind::Order, value: order };
    Task { tenant: tenant_at(index), subject, root: subject.root() }
}

async fn set(store: &dyn Store, task: Task, due: Option<Timestamp>) {
    let tenant = task.tenant.clone();
    let batch = Batch { tasks: vec![TaskChange { task, due }], ..empty(&tenant) };
    assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
}

async fn claim(store: &dyn Store, now: Timestamp, limit: u32) -> Vec<Task> {
    let lease = Lease { now, until: now.plus_ms(LEASE_MS), limit };
    store.claim(lease).await.expect("the store claims")
}

pub(super) fn claims_take_the_longest_due(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let fixture = StoreFixture::new(store);
        let now = fixture.now();
        for (index, subject, ms) in [(0, 1, -10), (1, 2, -30), (0, 3, 0), (2, 4, 1), (1, 5, -20)] {
            set(store, task(index, subject), Some(now.plus_ms(ms))).await;
        }
        let want = TaskRow { waiting: 5, due: 4, oldest_due: Some(now.plus_ms(-30)) };
        assert_eq!(fixture.ask(Tasks { now }).await, want);
        assert_eq!(claim(store, now, 2).await, vec![task(1, 2), task(1, 5)]);
        assert_eq!(claim(store, now, 9).await, vec![task(0, 1), task(0, 3)]);
        assert_eq!(claim(store, now, 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(1), 9).await, vec![task(2, 4)]);
        assert_eq!(claim(store, now, 0).await, vec![]);
    })
}

pub(super) fn lease_keeps_others_away(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = StoreFixture::new(store).now();
        set(store, task(0, 1), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, vec![task(0, 1)]);
        assert_eq!(claim(store, now.plus_ms(LEASE_MS - 1), 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(LEASE_MS), 9).await, vec![task(0, 1)]);
    })
}

pub(super) fn commit_ends_the_lease(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = StoreFixture::new(store).now();
        set(store, task(0, 1), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, vec![task(0, 1)]);
        set(store, task(0, 1), Some(now.plus_ms(5))).await;
        assert_eq!(claim(store, now.plus_ms(4), 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(5), 9).await, vec![task(0, 1)]);
        set(store, task(0, 1), None).await;
        set(store, task(0, 2), None).await;
        assert_eq!(claim(store, now.plus_ms(LEASE_MS * 9), 9).await, vec![]);
        let waiting = StoreFixture::new(store).ask(Tasks { now }).await;
        assert_eq!(waiting, TaskRow::default());
    })
}
