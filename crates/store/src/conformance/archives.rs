//! What leaves the database for archives, and what stays.

use super::fixture::{StoreFixture, every_order, place_at};
use super::settlement::paid_out;
use crate::archive::{ArchivedStory, file_text, first_not_rebuilt};
use crate::{
    Accounts, Archival, ArchivedEvents, Archives, CommitFault, LastId, OneNotification, Orders,
    Promise, Store, StoriesWithEvents, Story, Withdrawals,
};
use channel::{Finding, Operation, RefundStatus};
use kernel::{Delivery, Order};
use ledger::SubjectKind;
use std::collections::BTreeMap;
use test_support::{
    attempt, close, found, found_of_refund, paid_as, payable, refunded, replay, tenant_at,
};

/// Sells, and has the merchant acknowledge it.
async fn sell_and_notify(fixture: &mut StoreFixture<'_>, number: &str) -> Order {
    let order = fixture.sell(&tenant_at(0), number).await;
    let row = fixture.only_notification(&order).await;
    let acknowledged = Delivery::Acknowledged { status: 200 };
    fixture.accept(attempt(&row, row.made_at, acknowledged)).await;
    fixture.wait_ms(1000);
    order
}

/// Has a payment come that the order does not take, and go back.
async fn pay_late(fixture: &mut StoreFixture<'_>, order: &Order, reference: &str) {
    fixture.wait_ms(1000);
    fixture.accept(found(order, paid_as(order, reference), None)).await;
    let refund = fixture.refunds(order).await.pop().expect("a refund");
    fixture.wait_ms(1000);
    fixture.accept(found_of_refund(&refund, refunded(&refund, RefundStatus::Done))).await;
    fixture.wait_ms(1000);
}

/// How many events of each kind of subject lie in each archive.
fn counts(archived: &[ArchivedEvents]) -> BTreeMap<(i64, SubjectKind), u64> {
    let mut counts = BTreeMap::new();
    for events in archived {
        *counts.entry((events.archive, events.subject.kind)).or_default() += events.event_count;
    }
    counts
}

fn read_back(stories: &[Story]) -> Vec<ArchivedStory> {
    let text = file_text(stories);
    text.lines().map(|line| ArchivedStory::read(line).expect("a line reads back")).collect()
}

pub(super) fn finished_stories_leave(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let told = sell_and_notify(&mut fixture, "A-1").await;
        let notification = fixture.only_notification(&told).await;
        pay_late(&mut fixture, &told, "wx2").await;
        let open = fixture.place(&tenant, "A-2").await;
        let untold = fixture.sell(&tenant, "A-3").await;
        fixture.wait_ms(1000);
        let before = fixture.story(&told).await;
        let (orders, accounts) = (Orders { filter: every_order(&tenant) }, Accounts { tenant });
        let kept = (fixture.ask(orders.clone()).await, fixture.ask(accounts.clone()).await);
        let last = fixture.ask(LastId {}).await;

        let tenant = tenant_at(0);
        let stories = fixture.archive(&tenant).await;
        assert_eq!(stories, vec![before.clone()], "what is open or not told stays");
        assert_eq!((fixture.ask(orders).await, fixture.ask(accounts).await), kept);
        assert_eq!(fixture.ask(LastId {}).await, last, "no id is drawn twice");
        let after = fixture.story(&told).await;
        assert_eq!(after.events, vec![]);
        assert_eq!(after.transfers, before.transfers);
        assert_eq!(after.refunds().collect::<Vec<_>>(), before.refunds().collect::<Vec<_>>());
        assert_eq!(after.notifications().count(), 0);
        let one = OneNotification { tenant: tenant.clone(), id: notification.id };
        assert_eq!(fixture.ask(one).await, None);
        let archived = counts(&after.archived);
        let total: u64 = archived.values().sum();
        assert_eq!(Ok(total), u64::try_from(before.events.len()));
        assert_eq!(archived.len(), 3, "{archived:?}");
        let records = fixture.archives(&tenant, 9).await;
        assert_eq!((records.len(), records[0].event_count(), records[0].stories), (1, total, 1));
        let with_events = StoriesWithEvents { tenant: tenant.clone(), after: None, limit: 9 };
        let want: Vec<_> = [&open, &untold].map(|order| order.terms.id.subject().root()).into();
        assert_eq!(fixture.ask(with_events).await, want);
        let next = StoriesWithEvents { tenant, after: Some(want[0]), limit: 1 };
        assert_eq!(fixture.ask(next).await, want[1..]);
        fixture.assert_sound().await;
    })
}

pub(super) fn ended_withdrawals_leave(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        paid_out(&mut fixture, &tenant).await;
        let all = Withdrawals { tenant: tenant.clone(), before: None, limit: 9 };
        let ended = fixture.ask(all.clone()).await;
        let root = ended[0].id.subject().root();
        fixture.wait_ms(1000);
        assert_eq!(fixture.finished(&tenant).await, vec![], "the merchant does not know yet");
        let before = fixture.story_of(&tenant, root).await.expect("a story");
        let row = before.notifications().next().expect("a notification").notification;
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.accept(attempt(&row, row.made_at, acknowledged)).await;
        fixture.wait_ms(1000);
        fixture.accept(super::settlement::withdraw(&tenant, "W-open", 5)).await;
        fixture.wait_ms(1000);

        let before = fixture.story_of(&tenant, root).await.expect("a story");
        let stories = fixture.archive(&tenant).await;
        assert_eq!(stories, vec![before.clone()], "what waits for an operator stays");
        let read = read_back(&stories);
        assert_eq!(first_not_rebuilt(&tenant, &read[0].events, &before.rows), None);
        let after = fixture.story_of(&tenant, root).await.expect("the withdrawal stays");
        assert_eq!((after.events.len(), after.notifications().count()), (0, 0));
        assert_eq!(after.transfers, before.transfers);
        assert_eq!(fixture.ask(all).await[1..], ended);
        fixture.assert_sound().await;
    })
}

pub(super) fn archived_order_goes_on(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sell_and_notify(&mut fixture, "A-1").await;
        let first = read_back(&fixture.archive(&tenant).await);
        pay_late(&mut fixture, &order, "wx2").await;
        fixture.assert_sound().await;
        let story = fixture.story(&order).await;
        assert_eq!(counts(&story.archived).len(), 2, "its own, and those of its notification");
        let events: Vec<_> = first[0].events.iter().chain(&story.events).collect();
        assert_eq!(first_not_rebuilt(&tenant, events.iter().copied(), &story.rows), None);
        let own = order.terms.id.subject();
        assert_eq!(first_not_rebuilt(&tenant, &story.events[1..], &story.rows), Some(own));
        let later = first_not_rebuilt(&tenant, &story.events, &story.rows);
        assert_eq!(later, Some(own), "the first events are missing");

        fixture.archive(&tenant).await;
        let story = fixture.story(&order).await;
        let archives: Vec<i64> = counts(&story.archived).into_keys().map(|(of, _)| of).collect();
        assert_eq!(archives, [1, 1, 2, 2], "order and notification, then order and refund");
        let before = Archives { tenant: tenant.clone(), before: Some(2), limit: 9 };
        let older = fixture.ask(before).await;
        assert_eq!(older.iter().map(|record| record.number).collect::<Vec<_>>(), [1]);
        assert_ne!(older[0].link(""), older[0].link("x"));
        fixture.assert_sound().await;
    })
}

pub(super) fn closed_order_is_finished_after_its_last_look(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = fixture.place(&tenant, "A-1").await;
        fixture.accept(found(&order, payable(&order), Some(Operation::Place))).await;
        fixture.accept(close(&order)).await;
        fixture.accept(found(&order, Finding::Closed, Some(Operation::Close))).await;
        fixture.wait_ms(1000);
        assert_eq!(fixture.finished(&tenant).await, vec![], "money may still come");
    })
}

pub(super) fn story_that_went_on_is_not_archived(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sell_and_notify(&mut fixture, "A-1").await;
        let stories = fixture.finished(&tenant).await;
        let archival = fixture.archival(&tenant, &stories).await.expect("a story is finished");
        fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
        let before = fixture.everything().await;
        let outcome = store.archive(&archival).await;
        assert!(matches!(outcome, Err(CommitFault::Stale(_))), "{outcome:?}: late money came");
        assert!(fixture.everything().await == before, "a refused archival changed something");
        fixture.assert_sound().await;
    })
}

pub(super) fn archival_is_whole_or_nothing(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        sell_and_notify(&mut fixture, "A-1").await;
        let first = fixture.finished(&tenant).await;
        let first = fixture.archival(&tenant, &first).await.expect("a story is finished");
        assert_eq!(store.archive(&first).await, Ok(()));
        let order = sell_and_notify(&mut fixture, "A-2").await;
        fixture.accept(place_at(1, "B-1")).await;
        let stories = fixture.finished(&tenant).await;
        let second = fixture.archival(&tenant, &stories).await.expect("a story is finished");
        let with = |change: &dyn Fn(&mut Archival)| {
            let mut changed = second.clone();
            change(&mut changed);
            changed
        };
        let before = fixture.everything().await;
        for refused in [
            first.clone(),
            with(&|it| it.record.number = 1),
            with(&|it| it.events.extend(first.events.first().copied())),
            with(&|it| it.notifications.extend(first.notifications.first().copied())),
            with(&|it| it.notifications[0].1 += 1),
            with(&|it| it.kept[0].1 += 1),
        ] {
            let outcome = store.archive(&refused).await;
            assert!(matches!(outcome, Err(CommitFault::Stale(_))), "{outcome:?}");
            assert!(fixture.everything().await == before, "a refused archival changed something");
        }
        let row = fixture.only_notification(&order).await;
        fixture.accept(replay(&row)).await;
        let outcome = store.archive(&second).await;
        assert!(matches!(outcome, Err(CommitFault::Stale(_))), "{outcome:?}: it is sent again");
        fixture.assert_sound().await;
    })
}
