//! What questions are answered, and in which order.

use super::fixture::{StoreFixture, account, distinct, every_order, names, needy_of, place_at};
use crate::{
    AboutDatabase, Accounts, AttentionCount, AttentionCounts, AttentionFilter, AttentionList,
    AttentionRow, Audit, AuditReport, DirectoryOf, DirectoryRevision, DirectoryRows, Installation,
    LastId, Listed, NotificationRow, Notifications, OldestUndelivered, OneNotification, OneOrder,
    OrderFilter, Orders, Ping, Postings, Promise, Store, TaskRow, Tasks, TenantsWithOrder,
};
use channel::{Finding, Operation, RefundStatus};
use kernel::{
    Aggregate, AttentionKind, Delivery, Exit, INSTALLATION_LEN, Key, NaturalKey, NotificationState,
    Order, Reads, Task,
};
use ledger::{Balance, Id, Stamp, SubjectKind};
use test_support::{
    NAMESPACE, SEED, START, attempt, close, found, found_of_refund, paid_as, payable, refunded,
    replay, tenant_at,
};

/// An id that names nothing in an empty store.
fn no_id<K>() -> Id<K> {
    Stamp::new(1, START, SEED).id()
}

pub(super) fn empty_store_answers(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let fixture = StoreFixture::new(store);
        let (tenant, now) = (tenant_at(0), fixture.now());
        let account = account("suspense/100001");
        let key = || Key::Number(NaturalKey::new(NAMESPACE, "A-1"));
        let reads = Reads {
            orders: vec![(tenant.clone(), Key::Id(no_id())), (tenant.clone(), key())],
            refunds: vec![(tenant.clone(), Key::Id(no_id()))],
            notifications: vec![(tenant.clone(), Key::Id(no_id()))],
            tenants: vec![(tenant.clone(), Key::Id(no_id()))],
            balances: vec![(tenant.clone(), account.clone())],
            ..Reads::default()
        };
        let view = fixture.load(&reads).await;
        assert_eq!((view.orders.all().count(), view.refunds.all().count()), (0, 0));
        assert_eq!((view.notifications.all().count(), view.tenants.all().count()), (0, 0));
        let zero = [((tenant.clone(), account.clone()), Balance::default())];
        assert_eq!(view.balances, zero.into_iter().collect());
        let own = || tenant.clone();
        assert_eq!(fixture.ask(OneOrder { tenant: own(), key: key() }).await, None);
        assert_eq!(fixture.ask(Orders { filter: every_order(&tenant) }).await.rows, vec![]);
        assert_eq!(fixture.story_of(&tenant, no_id()).await, None);
        let merchant_order_no = "A".to_owned();
        assert_eq!(fixture.ask(TenantsWithOrder { merchant_order_no }).await, vec![]);
        assert_eq!(fixture.ask(Accounts { tenant: own() }).await, vec![]);
        let postings = Postings { tenant: own(), account, before: None, limit: 9 };
        assert_eq!(fixture.ask(postings).await, vec![]);
        let list = Notifications { tenant: own(), state: None, before: None, limit: 9 };
        assert_eq!(fixture.ask(list).await, Listed { rows: vec![], next: None });
        let one = OneNotification { tenant: own(), id: no_id() };
        assert_eq!(fixture.ask(one).await, None);
        assert_eq!(fixture.ask(AttentionList { filter: needy_of(&own(), 9), now }).await, vec![]);
        assert_eq!(*fixture.ask(DirectoryOf {}).await, DirectoryRows::default());
        assert_eq!(fixture.ask(DirectoryRevision {}).await, 0);
        assert_eq!(fixture.ask(LastId {}).await, None);
        fixture.ask(Ping {}).await;
        let about = fixture.ask(AboutDatabase {}).await;
        assert_eq!(about.schema_version, about.schema_version_known, "{about:?}");
        assert_eq!(fixture.ask(OldestUndelivered {}).await, None);
        for lane in kernel::Lane::ALL {
            assert_eq!(fixture.ask(Tasks { lane, now }).await, TaskRow::default());
        }
        assert_eq!(fixture.ask(Audit {}).await, AuditReport::default());
        assert_eq!(store.migrate().await, Ok(()), "migrating twice is harmless");
    })
}

pub(super) fn installation_has_a_name(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let fixture = StoreFixture::new(store);
        let name = fixture.ask(Installation {}).await;
        assert_eq!(name.len(), INSTALLATION_LEN, "{name:?}");
        let is_legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        assert!(name.bytes().all(is_legal), "{name:?}");
        assert_eq!(store.migrate().await, Ok(()));
        assert_eq!(fixture.ask(Installation {}).await, name, "it is made once");
    })
}

pub(super) fn story_is_in_order(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        fixture.sell(&tenant_at(0), "A-0").await;
        let order = fixture.place(&tenant_at(0), "A-1").await;
        fixture.wait_ms(10);
        fixture.accept(found(&order, payable(&order), Some(Operation::Place))).await;
        fixture.accept(close(&order)).await;
        fixture.wait_ms(10);
        fixture.accept(found(&order, paid_as(&order, "wx1"), Some(Operation::Close))).await;
        fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
        fixture.accept(found(&order, paid_as(&order, "wx3"), None)).await;
        let story = fixture.story(&order).await;
        let mut found = names(&story);
        found.sort();
        let want = [
            "notification queued",
            "order call_begun",
            "order closing",
            "order paid",
            "order pay_info_received",
            "order placed",
            "order unapplied_received",
            "order unapplied_received",
            "refund made",
            "refund made",
        ];
        assert_eq!(found, want);
        assert!(story.events.is_sorted_by_key(|event| event.id));
        assert_eq!((story.transfers.len(), story.refunds().count()), (5, 2));
        assert!(story.transfers.is_sorted_by_key(|transfer| transfer.id));
        assert!(story.refunds().is_sorted_by_key(|refund| refund.id));
        assert_eq!(story.rows[0].subject(), order.id().subject(), "the root comes first");
        let mut tasks: Vec<Task> = story.refunds().map(Task::of).collect();
        tasks.extend(story.notifications().map(|row| Task::of(&row.notification)));
        tasks.sort();
        let mut found: Vec<Task> = story.tasks.iter().map(|(task, _)| task.clone()).collect();
        assert!(story.tasks.is_sorted_by_key(|(_, due)| *due));
        found.sort();
        assert_eq!(found, tasks, "the paid order's own task has ended");
    })
}

pub(super) fn story_has_the_attempts(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "a").await;
        let row = fixture.only_notification(&order).await;
        let why = "timed out".to_owned();
        fixture.accept(attempt(&row, fixture.now(), Delivery::NoAnswer { why })).await;
        fixture.accept(replay(&row)).await;
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.accept(attempt(&row, fixture.now(), acknowledged.clone())).await;
        let story = fixture.story(&order).await;
        let told: Vec<String> =
            names(&story).into_iter().filter(|name| name.starts_with("notification")).collect();
        let want = ["queued", "attempted", "replayed", "attempted"];
        assert_eq!(told, want.map(|name| format!("notification {name}")));
        let found: Vec<NotificationRow> = story.notifications().collect();
        assert_eq!(found[0].attempts.len(), 2);
        assert_eq!(found[0].attempts[1].attempt.delivery, acknowledged);
        let (tenant, id) = (tenant_at(0), row.id);
        let one = fixture.ask(OneNotification { tenant, id }).await;
        assert_eq!(one.as_deref(), found.first());
        assert!(story.tasks.is_empty(), "nothing is left to do");
    })
}

/// Clocks of several processes differ: the later of two changes may have the smaller id.
pub(super) fn sequence_has_the_last_word(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "a").await;
        let row = fixture.only_notification(&order).await;
        fixture.wait_ms(60_000);
        let why = "slow".to_owned();
        fixture.accept(attempt(&row, fixture.now(), Delivery::NoAnswer { why })).await;
        let mut behind = StoreFixture::new(store);
        behind.stamp = Stamp::new(2, fixture.now().plus_ms(-30_000), SEED);
        let acknowledged = Delivery::Acknowledged { status: 200 };
        behind.accept(attempt(&row, behind.now(), acknowledged.clone())).await;
        let story = fixture.story(&order).await;
        let own = |event: &&kernel::Event| event.subject.kind == SubjectKind::Notification;
        let events: Vec<_> = story.events.iter().filter(own).collect();
        assert!(!events.is_sorted_by_key(|event| event.id), "the second clock is behind");
        let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(sequences, [1, 2, 3]);
        let (tenant, id) = (tenant_at(0), row.id);
        let found = fixture.ask(OneNotification { tenant, id }).await.expect("it is there");
        assert_eq!(found.attempts[1].attempt.delivery, acknowledged);
        assert_eq!(found.notification.version, 3);
        fixture.assert_sound().await;
    })
}

fn numbers(orders: &[Order]) -> Vec<&str> {
    orders.iter().map(|order| order.terms.request.merchant_order_no.as_str()).collect()
}

pub(super) fn orders_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut times = vec![];
        for number in ["e", "d", "c", "b", "a"] {
            times.push(fixture.now());
            let order = fixture.place(&tenant_at(0), number).await;
            fixture.place(&tenant_at(1), number).await;
            if ["d", "b"].contains(&number) {
                fixture.accept(found(&order, paid_as(&order, "wx1"), None)).await;
            }
            fixture.wait_ms(1000);
        }
        let every = every_order(&tenant_at(0));
        let list = async |filter| fixture.ask(Orders { filter }).await;
        let orders = async |filter| list(filter).await.rows;
        let first = orders(OrderFilter { limit: 2, ..every.clone() }).await;
        assert_eq!(numbers(&first), ["a", "b"]);
        let before = first.last().map(|order| order.terms.id);
        let rest = orders(OrderFilter { before, ..every.clone() }).await;
        assert_eq!(numbers(&rest), ["c", "d", "e"]);
        let state = Some("paid".to_owned());
        let found = orders(OrderFilter { state, ..every.clone() }).await;
        assert_eq!(numbers(&found), ["b", "d"]);
        let (from, to) = (Some(times[1]), Some(times[3]));
        let found = orders(OrderFilter { from, to, ..every.clone() }).await;
        assert_eq!(numbers(&found), ["c", "d"]);
        let part = list(OrderFilter { limit: 2, ..every.clone() }).await;
        assert_eq!(part.next, first.last().map(|order| order.terms.id));
        assert_eq!(list(OrderFilter { before, ..every.clone() }).await.next, None, "the last one");
        assert_eq!(orders(OrderFilter { limit: 0, ..every }).await, vec![]);
    })
}

pub(super) fn postings_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut placed = vec![];
        for number in ["a", "b", "c"] {
            let order = fixture.sell(&tenant_at(0), number).await;
            fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
            placed.push(order);
        }
        let postings = async |key: &str, before, limit| {
            let (tenant, account) = (tenant_at(0), account(key));
            fixture.ask(Postings { tenant, account, before, limit }).await
        };
        let all = postings("channel_funds/wx-100001", None, 99).await;
        assert_eq!((all.len(), distinct(all.iter().map(|transfer| transfer.id))), (9, 9));
        assert!(all.is_sorted_by(|a, b| a.id > b.id));
        let mut paged = postings("channel_funds/wx-100001", None, 4).await;
        let last = paged.last().map(|transfer| transfer.id);
        paged.extend(postings("channel_funds/wx-100001", last, 9).await);
        assert_eq!(paged, all);
        assert_eq!(postings("merchant_pending/CM0001", None, 99).await.len(), 3);
        assert_eq!(postings("suspense/100001", None, 99).await.len(), 6);
        assert_eq!(postings("suspense/100002", None, 99).await, vec![]);
        assert_eq!(fixture.story(&placed[1]).await.transfers.len(), 3);
    })
}

pub(super) fn notifications_come_with_attempts(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        for number in ["a", "b", "c"] {
            fixture.sell(&tenant_at(0), number).await;
        }
        let list = async |fixture: &StoreFixture<'_>, state: Option<&str>, before, limit| {
            let state = state.map(str::to_owned);
            fixture.ask(Notifications { tenant: tenant_at(0), state, before, limit }).await.rows
        };
        let all = list(&fixture, None, None, 9).await;
        let numbers: Vec<&str> = all.iter().map(|row| row.notification.about_no.as_str()).collect();
        assert_eq!(numbers, ["c", "b", "a"]);
        let first = list(&fixture, None, None, 1).await;
        let rest = list(&fixture, None, Some(first[0].notification.id), 9).await;
        assert_eq!([first, rest].concat(), all);

        let row = all[1].notification.clone();
        let (at, why) = (fixture.now(), "timed out".to_owned());
        let rejected = Delivery::Rejected { status: 500, excerpt: "<html>".to_owned() };
        let tries =
            [attempt(&row, at, Delivery::NoAnswer { why }), attempt(&row, at.plus_ms(1), rejected)];
        let batches = fixture.prepare(&tries).await;
        assert_eq!(store.commit(batches).await, vec![Ok(())]);
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.accept(attempt(&row, at.plus_ms(2), acknowledged)).await;
        let (tenant, id) = (tenant_at(0), row.id);
        let one = *fixture.ask(OneNotification { tenant, id }).await.expect("it is there");
        assert_eq!(one.notification.state, NotificationState::Delivered { at: fixture.now() });
        let attempts: Vec<_> = one
            .attempts
            .iter()
            .map(|row| (row.attempt_no, row.attempt.at.ms() - at.ms()))
            .collect();
        assert_eq!(attempts, [(1, 0), (2, 1), (3, 2)]);
        assert_eq!(one.attempts[0].state.name(), "due");
        assert_eq!(one.attempts[2].state, one.notification.state);
        assert_eq!(list(&fixture, Some("delivered"), None, 9).await, [one]);
        assert_eq!(list(&fixture, Some("due"), None, 9).await.len(), 2);
        let oldest = all[2].notification.made_at;
        assert_eq!(fixture.ask(OldestUndelivered {}).await, Some(oldest));
    })
}

/// What needs a person is listed while it does, by kind and then newest first.
pub(super) fn what_needs_a_person_is_listed(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "a").await;
        let other = fixture.place(&tenant_at(0), "b").await;
        let foreign = fixture.place(&tenant_at(1), "a").await;
        let needy = async |fixture: &StoreFixture<'_>, limit| {
            let (filter, now) = (needy_of(&tenant_at(0), limit), fixture.now());
            fixture.ask(AttentionList { filter, now }).await
        };
        assert_eq!(needy(&fixture, 9).await, vec![]);
        let mismatch = || Finding::Mismatch { why: "mchid \"2\"".to_owned() };
        fixture.accept(found(&foreign, mismatch(), None)).await;
        for reference in ["wx2", "wx3"] {
            fixture.accept(found(&order, paid_as(&order, reference), None)).await;
        }
        fixture.wait_ms(1000);
        fixture.accept(found(&other, mismatch(), Some(Operation::Query))).await;
        fixture.accept(found(&order, mismatch(), None)).await;
        let refunds = fixture.refunds(&order).await;
        for refund in &refunds {
            fixture.wait_ms(1000);
            let closed = refunded(refund, RefundStatus::Closed);
            fixture.accept(found_of_refund(refund, closed)).await;
        }
        let row = |kind, subject: ledger::Subject, root, reason: &str, since| AttentionRow {
            tenant: tenant_at(0),
            subject,
            root,
            // Orders have a number of their owner; refunds have none.
            name: (subject.kind == SubjectKind::Order)
                .then(|| if root == other.root() { "b" } else { "a" }.to_owned()),
            kind,
            reason: reason.to_owned(),
            since,
            exits: match (subject.kind, root == other.root()) {
                (SubjectKind::Order, false) => vec![Exit::EndContradiction],
                (SubjectKind::Order, true) => {
                    vec![Exit::EndContradiction, Exit::PollNow, Exit::CloseForGood]
                }
                _ => {
                    vec![Exit::Retry, Exit::RetryUnderNewNumber, Exit::SettleByHand, Exit::WriteOff]
                }
            },
        };
        let now = fixture.now();
        let root = order.root();
        let (contradiction, refused) = (AttentionKind::Contradiction, AttentionKind::RefundFailed);
        let (failed, said) = ("refund failed: closed at the channel", "mchid \"2\"");
        let want = [
            row(refused, refunds[1].id.subject(), root, failed, now),
            row(refused, refunds[0].id.subject(), root, failed, now.plus_ms(-1000)),
            row(contradiction, order.id().subject(), root, said, now.plus_ms(-2000)),
            row(contradiction, other.id().subject(), other.root(), said, now.plus_ms(-2000)),
        ];
        assert_eq!(needy(&fixture, 9).await, want);
        assert_eq!(needy(&fixture, 3).await, want[..3]);
        assert_eq!(needy(&fixture, 0).await, vec![]);
        assert_attention_pages(&fixture, &want).await;
        let done = refunded(&refunds[1], RefundStatus::Done);
        fixture.accept(found_of_refund(&refunds[1], done)).await;
        assert_eq!(needy(&fixture, 9).await, want[1..], "it was carried out after all");
    })
}

/// The list of all tenants: the rows of one tenant, and one older row of another.
async fn assert_attention_pages(fixture: &StoreFixture<'_>, own: &[AttentionRow]) {
    let all = AttentionFilter { limit: 99, ..AttentionFilter::default() };
    let now = fixture.now();
    let list = async |filter: AttentionFilter| fixture.ask(AttentionList { filter, now }).await;
    let rows = list(all.clone()).await;
    assert_eq!(rows[..own.len()], *own, "newest first");
    assert_eq!(rows.len(), own.len() + 1);
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(AttentionRow::mark);
        let page = list(AttentionFilter { after, limit: 1, ..all.clone() }).await;
        let is_last = page.is_empty();
        paged.extend(page);
        if is_last {
            break;
        }
    }
    assert_eq!(paged, rows, "each row is on one page");
    for kind in AttentionKind::ALL {
        let of_kind: Vec<_> = rows.iter().filter(|row| row.kind == kind).cloned().collect();
        assert_eq!(list(AttentionFilter { kind: Some(kind), ..all.clone() }).await, of_kind);
    }
    for kind in SubjectKind::ALL {
        let of_kind: Vec<_> = rows.iter().filter(|row| row.subject.kind == kind).cloned().collect();
        let filter = AttentionFilter { subject_kind: Some(kind), ..all.clone() };
        assert_eq!(list(filter).await, of_kind);
    }
    let count =
        |kind, rows, oldest: &AttentionRow| AttentionCount { kind, rows, oldest: oldest.since };
    let counts = [
        count(AttentionKind::Contradiction, 3, &rows[4]),
        count(AttentionKind::RefundFailed, 2, &rows[1]),
    ];
    assert_eq!(fixture.ask(AttentionCounts { now }).await, counts);
}

pub(super) fn last_id_is_the_largest(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let first = fixture.place(&tenant_at(1), "a").await;
        let later = fixture.accept(place_at(0, "b")).await.events;
        let last_id = |events: &[kernel::Event]| events.last().map(|event| event.id.value());
        assert_eq!(fixture.ask(LastId {}).await, last_id(&later));
        let lost = fixture.one(place_at(0, "b2")).await;
        let stale = fixture.one(found(&first, Finding::Pending, None)).await;
        fixture.accept(found(&first, payable(&first), Some(Operation::Place))).await;
        let newest = fixture.accept(found(&first, paid_as(&first, "wx1"), None)).await.events;
        let newest = last_id(&newest);
        assert_eq!(fixture.ask(LastId {}).await, newest, "of an order that is not the newest");
        let outcomes = store.commit(vec![lost, stale]).await;
        assert!(matches!(&outcomes[..], [Ok(()), Err(_)]), "{outcomes:?}");
        assert_eq!(fixture.ask(LastId {}).await, newest, "what comes late takes nothing away");
    })
}
