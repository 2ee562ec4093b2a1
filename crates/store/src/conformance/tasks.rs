//! Claims and leases.

use super::fixture::{StoreFixture, empty, needy_of};
use crate::{
    AttentionCount, AttentionCounts, AttentionFilter, AttentionList, AttentionRow, Batch, Claim,
    DEFER_MS, Promise, Store, TASKS_COUNTED_MAX, TaskAction, TaskRow, TaskUpdate, Tasks,
};
use kernel::{AttentionKind, Exit, Lane, Put, Task, TaskChange};
use ledger::{Subject, SubjectKind, Timestamp};
use std::collections::BTreeMap;
use std::slice::from_ref;
use test_support::{TENANTS, put_tenant, tenant_at};

/// How long the leases here last, in milliseconds.
const LEASE_MS: i64 = 30_000;

fn task(index: usize, order: i64) -> Task {
    let subject = Subject { kind: SubjectKind::Order, value: order };
    Task { tenant: tenant_at(index), subject, root: subject.root() }
}

fn notification(index: usize, id: i64) -> Task {
    let subject = Subject { kind: SubjectKind::Notification, value: id };
    Task { subject, ..task(index, id) }
}

/// The present, in a store whose tenants exist.
async fn with_tenants(store: &dyn Store) -> Timestamp {
    let mut fixture = StoreFixture::new(store);
    for index in 0..TENANTS.len() {
        fixture.accept(put_tenant(&tenant_at(index), "", Put::Create)).await;
    }
    fixture.now()
}

async fn set(store: &dyn Store, task: Task, due: Option<Timestamp>) {
    let tenant = task.tenant.clone();
    let batch = Batch { tasks: vec![TaskChange { task, due }], ..empty(&tenant) };
    assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
}

fn of_lane(lane: Lane, now: Timestamp, limit: u32) -> Claim {
    let until = now.plus_ms(LEASE_MS);
    Claim { lane, now, until, limit, each: limit, less: BTreeMap::new(), after: None }
}

async fn claim(store: &dyn Store, now: Timestamp, limit: u32) -> Vec<Task> {
    store.claim(&of_lane(Lane::Money, now, limit)).await.expect("the store claims")
}

async fn update(store: &dyn Store, task: &Task, action: TaskAction) -> u64 {
    let update = TaskUpdate { tenant: task.tenant.clone(), subject: task.subject, action };
    store.update_tasks(&[update]).await.expect("the store updates")
}

pub(super) fn claims_are_shared_by_tenant(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        let of_first = [(0, 1, -50), (0, 2, -40), (0, 3, -30), (0, 4, -20)];
        for (index, subject, ms) in of_first.into_iter().chain([(1, 5, -10), (2, 6, 0), (1, 7, 1)])
        {
            set(store, task(index, subject), Some(now.plus_ms(ms))).await;
        }
        let tasks = Tasks { lane: Lane::Money, now };
        let want = TaskRow { due: 6, oldest_wanted_at: Some(now.plus_ms(-50)) };
        assert_eq!(StoreFixture::new(store).ask(tasks).await, want);
        assert_eq!(claim(store, now, 4).await, [task(0, 1), task(1, 5), task(2, 6), task(0, 2)]);
        assert_eq!(claim(store, now, 9).await, [task(0, 3), task(0, 4)]);
        assert_eq!(claim(store, now, 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(1), 0).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(1), 9).await, [task(1, 7)]);
    })
}

pub(super) fn claims_take_less_of_busy_tenants(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        for (index, subject) in [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5), (1, 6), (2, 7)] {
            set(store, task(index, subject), Some(now.plus_ms(subject - 9))).await;
        }
        let less = BTreeMap::from([(tenant_at(0), 1), (tenant_at(2), 0)]);
        let after = Some(tenant_at(0));
        let wanted = Claim { each: 2, less, after, ..of_lane(Lane::Money, now, 9) };
        let claimed = store.claim(&wanted).await.expect("the store claims");
        assert_eq!(claimed, [task(1, 4), task(0, 1), task(1, 5)], "the next tenant is first");
        assert_eq!(claim(store, now, 9).await, [task(0, 2), task(1, 6), task(2, 7), task(0, 3)]);
    })
}

pub(super) fn lanes_do_not_meet(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        set(store, notification(0, 1), Some(now.plus_ms(-9))).await;
        set(store, task(0, 2), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, [task(0, 2)]);
        let other = of_lane(Lane::Notifications, now, 9);
        assert_eq!(store.claim(&other).await, Ok(vec![notification(0, 1)]));
        let none = of_lane(Lane::Housekeeping, now, 9);
        assert_eq!(store.claim(&none).await, Ok(vec![]));
        let fixture = StoreFixture::new(store);
        for (lane, due, oldest_wanted_at) in [
            (Lane::Money, 1, Some(now)),
            (Lane::Notifications, 1, Some(now.plus_ms(-9))),
            (Lane::Housekeeping, 0, None),
        ] {
            assert_eq!(fixture.ask(Tasks { lane, now }).await, TaskRow { due, oldest_wanted_at });
        }
    })
}

pub(super) fn due_tasks_are_counted_up_to_a_limit(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        let many = i64::from(TASKS_COUNTED_MAX) + 5;
        let change = |subject| TaskChange { task: task(0, subject), due: Some(now) };
        let batch = Batch { tasks: (0..many).map(change).collect(), ..empty(&tenant_at(0)) };
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        set(store, task(1, 1), Some(now.plus_ms(-1))).await;
        let found = StoreFixture::new(store).ask(Tasks { lane: Lane::Money, now }).await;
        let due = u64::from(TASKS_COUNTED_MAX) + 1;
        assert_eq!(found, TaskRow { due, oldest_wanted_at: Some(now.plus_ms(-1)) });
    })
}

pub(super) fn lease_keeps_others_away(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        set(store, task(0, 1), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, vec![task(0, 1)]);
        assert_eq!(claim(store, now.plus_ms(LEASE_MS - 1), 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(LEASE_MS), 9).await, vec![task(0, 1)]);
    })
}

pub(super) fn commit_ends_the_lease(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        set(store, task(0, 1), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, vec![task(0, 1)]);
        set(store, task(0, 1), Some(now.plus_ms(5))).await;
        assert_eq!(claim(store, now.plus_ms(4), 9).await, vec![]);
        assert_eq!(claim(store, now.plus_ms(5), 9).await, vec![task(0, 1)]);
        set(store, task(0, 1), None).await;
        set(store, task(0, 2), None).await;
        assert_eq!(claim(store, now.plus_ms(LEASE_MS * 9), 9).await, vec![]);
        let found = StoreFixture::new(store).ask(Tasks { lane: Lane::Money, now }).await;
        assert_eq!(found, TaskRow::default());
    })
}

/// A task is put off only under the lease of the one who puts it off.
pub(super) fn deferred_task_is_due_later(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        set(store, task(0, 1), Some(now)).await;
        set(store, task(0, 2), Some(now.plus_ms(1))).await;
        let later = now.plus_ms(9);
        let defer = |leased_until| TaskAction::Defer { leased_until, due: later };
        let lease = now.plus_ms(LEASE_MS);
        assert_eq!(update(store, &task(0, 1), defer(lease)).await, 0, "nobody has claimed it");
        assert_eq!(claim(store, now, 9).await, [task(0, 1)]);
        assert_eq!(update(store, &task(0, 1), defer(lease.plus_ms(1))).await, 0);
        assert_eq!(update(store, &task(1, 1), defer(lease)).await, 0, "another tenant's");
        assert_eq!(update(store, &task(0, 1), defer(lease)).await, 1);
        assert_eq!(claim(store, later.plus_ms(-1), 9).await, [task(0, 2)]);
        assert_eq!(claim(store, later, 9).await, [task(0, 1)]);
        set(store, task(0, 1), Some(now)).await;
        let lease = later.plus_ms(LEASE_MS);
        assert_eq!(update(store, &task(0, 1), defer(lease)).await, 0, "a commit ended the lease");
    })
}

/// A parked task is a matter of a person's, until it is resumed or its row changes.
pub(super) fn parked_task_waits_for_a_person(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        let fixture = StoreFixture::new(store);
        for subject in 1..4 {
            set(store, task(0, subject), Some(now)).await;
        }
        let park = || TaskAction::Park { reason: "a bug".to_owned(), at: now.plus_ms(2) };
        assert_eq!(claim(store, now, 1).await, [task(0, 1)], "also one that is claimed");
        for subject in [2, 1] {
            assert_eq!(update(store, &task(0, subject), park()).await, 1);
        }
        assert_eq!(update(store, &task(0, 9), park()).await, 0, "there is none");
        let due = now.plus_ms(LEASE_MS);
        let found = fixture.ask(Tasks { lane: Lane::Money, now }).await;
        assert_eq!(found, TaskRow { due: 1, oldest_wanted_at: Some(now) });
        assert_eq!(claim(store, due, 9).await, [task(0, 3)]);
        let needy = async |limit| {
            fixture.ask(AttentionList { filter: needy_of(&tenant_at(0), limit), now }).await
        };
        let row = |subject| {
            let Task { subject, root, .. } = task(0, subject);
            let (kind, reason) = (AttentionKind::Parked, "a bug".to_owned());
            let (tenant, name, since) = (tenant_at(0), None, now.plus_ms(2));
            let exits = vec![Exit::ResumeTask];
            AttentionRow { tenant, subject, root, name, kind, reason, since, exits }
        };
        assert_eq!(needy(9).await, [row(1), row(2)]);
        assert_eq!(needy(1).await, [row(1)]);
        assert_eq!(update(store, &task(0, 3), TaskAction::Resume { due: now }).await, 0);
        assert_eq!(update(store, &task(0, 1), TaskAction::Resume { due: now }).await, 1);
        assert_eq!(claim(store, now, 9).await, [task(0, 1)]);
        set(store, task(0, 2), Some(now)).await;
        assert_eq!(claim(store, now, 9).await, [task(0, 2)], "its row has changed");
        assert_eq!(needy(9).await, vec![]);
    })
}

/// Putting a task off and leasing it move neither its age nor the count.
pub(super) fn age_is_counted_from_what_the_row_wanted(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        let fixture = StoreFixture::new(store);
        let counted = async |now| fixture.ask(Tasks { lane: Lane::Money, now }).await;
        let wanted_at = now.plus_ms(-40_000);
        set(store, task(0, 1), Some(wanted_at)).await;
        set(store, task(1, 2), Some(now.plus_ms(1))).await;
        let want = TaskRow { due: 1, oldest_wanted_at: Some(wanted_at) };
        assert_eq!(claim(store, now, 9).await, [task(0, 1)]);
        assert_eq!(counted(now).await, want, "it is under a lease");
        let due = now.plus_ms(DEFER_MS);
        let action = TaskAction::Defer { leased_until: now.plus_ms(LEASE_MS), due };
        assert_eq!(update(store, &task(0, 1), action).await, 1);
        assert_eq!(counted(now).await, want, "it was put off");
        set(store, task(0, 1), Some(now.plus_ms(5))).await;
        assert_eq!(counted(now).await, TaskRow::default(), "a commit wants both later");
        let (due, oldest_wanted_at) = (2, Some(now.plus_ms(1)));
        assert_eq!(counted(now.plus_ms(5)).await, TaskRow { due, oldest_wanted_at });
    })
}

/// The line of late tasks: the oldest, since when, and why.
fn late(oldest: Task, wanted_at: Timestamp, reason: &str) -> AttentionRow {
    let since = wanted_at.plus_ms(Lane::of(oldest.subject.kind).late_after_ms());
    let Task { tenant, subject, root } = oldest;
    let (kind, reason) = (AttentionKind::Late, reason.to_owned());
    let exits = vec![];
    AttentionRow { tenant, subject, root, name: None, kind, reason, since, exits }
}

/// A tenant's late tasks are one line for each lane, from the bound of the lane on.
pub(super) fn late_tasks_need_a_person(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let now = with_tenants(store).await;
        let fixture = StoreFixture::new(store);
        let list = async |filter, now| fixture.ask(AttentionList { filter, now }).await;
        let all = || AttentionFilter { limit: 9, ..AttentionFilter::default() };
        let minutes = |minutes: i64| now.plus_ms(minutes * 60_000);
        for subject in 1..4 {
            set(store, task(0, subject), Some(now.plus_ms(-subject))).await;
        }
        let change =
            |id| TaskChange { task: notification(0, id), due: Some(now.plus_ms(1_200 - id)) };
        let batch = Batch { tasks: (1..1_200).map(change).collect(), ..empty(&tenant_at(0)) };
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        set(store, notification(1, 1), Some(minutes(30))).await;
        let just_before = now.plus_ms(Lane::Money.late_after_ms() - 4);
        assert_eq!(list(all(), just_before).await, vec![]);
        let money = "1 task of money is late by 5 minutes";
        let oldest = || late(task(0, 3), now.plus_ms(-3), money);
        assert_eq!(list(all(), just_before.plus_ms(1)).await, [oldest()], "at the bound");
        let money = "3 tasks of money are late, the oldest by 20 minutes";
        let money = late(task(0, 3), now.plus_ms(-3), money);
        let reason = "1,199 tasks of notifications are late, the oldest by 19 minutes";
        let notified = late(notification(0, 1_199), now.plus_ms(1), reason);
        let later = minutes(20);
        let both = [notified.clone(), money.clone()];
        assert_eq!(list(all(), later).await, both, "what is wanted in the future is not late");
        assert_late_filters(&fixture, &both, later).await;
        assert_eq!(claim(store, later, 9).await.len(), 3);
        assert_eq!(list(all(), later).await, both, "a lease alone ends nothing");
        set(store, task(0, 3), Some(minutes(60))).await;
        let money = "2 tasks of money are late, the oldest by 20 minutes";
        let next = late(task(0, 2), now.plus_ms(-2), money);
        assert_eq!(list(all(), later).await, [notified.clone(), next]);
        let park = TaskAction::Park { reason: "a bug".to_owned(), at: later };
        for subject in [1, 2] {
            assert_eq!(update(store, &task(0, subject), park.clone()).await, 1);
        }
        let kind = Some(AttentionKind::Late);
        let of_kind = list(AttentionFilter { kind, ..all() }, later).await;
        assert_eq!(of_kind, [notified], "parked tasks are not late");
    })
}

/// The filters, the pages and the counts of two lines.
async fn assert_late_filters(fixture: &StoreFixture<'_>, both: &[AttentionRow; 2], now: Timestamp) {
    let [notified, money] = both;
    let of = async |filter: AttentionFilter| {
        fixture.ask(AttentionList { filter: AttentionFilter { limit: 9, ..filter }, now }).await
    };
    let any = AttentionFilter::default;
    let after = Some(notified.mark());
    assert_eq!(of(AttentionFilter { after, ..any() }).await, from_ref(money));
    let subject_kind = Some(SubjectKind::Notification);
    assert_eq!(of(AttentionFilter { subject_kind, ..any() }).await, from_ref(notified));
    let tenant = Some(tenant_at(1));
    assert_eq!(of(AttentionFilter { tenant, ..any() }).await, vec![]);
    let kind = Some(AttentionKind::Parked);
    assert_eq!(of(AttentionFilter { kind, ..any() }).await, vec![]);
    let count = AttentionCount { kind: AttentionKind::Late, rows: 2, oldest: money.since };
    assert_eq!(fixture.ask(AttentionCounts { now }).await, [count]);
}
