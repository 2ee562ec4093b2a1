//! What queries answer, and in which order.

use super::fixture::{
    StoreFixture, attempt, close, every_order, paid, payable, place, refunded, says,
    says_of_refund, tenant,
};
use crate::{Audit, NotificationRow, OrderFilter, Page, Promise, Query, Store, TaskRow};
use channel::{Finding, Operation, RefundStatus};
use kernel::{Delivery, NotificationState, Order, OrderKey, Reads};
use ledger::{Account, AccountKind, Balance, Id};

pub(super) fn empty_store_answers(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let fixture = StoreFixture::new(store);
        let (tenant, now) = (tenant(0), fixture.now());
        let account = Account::new(AccountKind::Suspense, "100001");
        let reads = Reads {
            orders: vec![(tenant.clone(), OrderKey::Id(Id::from_value(1)))],
            refunds: vec![(tenant.clone(), Id::from_value(1))],
            notifications: vec![(tenant.clone(), Id::from_value(1))],
            balances: vec![(tenant.clone(), account.clone())],
        };
        let view = store.load(&reads).await.expect("the store loads");
        assert!(view.orders.is_empty() && view.refunds.is_empty() && view.notifications.is_empty());
        let zero = [((tenant.clone(), account.clone()), Balance::default())];
        assert_eq!(view.balances, zero.into_iter().collect());
        let id = Id::from_value(1);
        let key = OrderKey::MerchantOrderNo("A-1".to_owned());
        let postings = Query::Postings { tenant: tenant.clone(), account, before: None, limit: 9 };
        let notifications =
            Query::Notifications { tenant: tenant.clone(), state: None, before: None, limit: 9 };
        for (query, want) in [
            (Query::Order { tenant: tenant.clone(), key }, Page::Order(None)),
            (Query::Orders(every_order(&tenant)), Page::Orders(vec![])),
            (Query::Story { tenant: tenant.clone(), order: id }, Page::Story(None)),
            (Query::TenantsWithOrder { merchant_order_no: "A".to_owned() }, Page::Tenants(vec![])),
            (Query::Accounts { tenant: tenant.clone() }, Page::Accounts(vec![])),
            (postings, Page::Transfers(vec![])),
            (notifications, Page::Notifications(vec![])),
            (
                Query::Notification { tenant: tenant.clone(), id: Id::from_value(1) },
                Page::Notifications(vec![]),
            ),
            (Query::Attention { tenant, before: None, limit: 9 }, Page::Events(vec![])),
            (Query::LastId, Page::LastId(None)),
            (Query::Ping, Page::Pong),
            (Query::Keys, Page::Keys(vec![])),
            (Query::Tasks { now }, Page::Tasks(TaskRow::default())),
            (Query::Audit, Page::Audit(Audit::default())),
        ] {
            assert_eq!(fixture.page(query).await, want);
        }
        assert_eq!(store.migrate().await, Ok(()), "migrating twice is harmless");
    })
}

pub(super) fn story_is_in_order(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        fixture.sells(&tenant(0), "A-0").await;
        let order = fixture.places(&tenant(0), "A-1").await;
        fixture.wait_ms(10);
        fixture.does(says(&order, payable(&order), Some(Operation::Place))).await;
        fixture.does(close(&order)).await;
        fixture.wait_ms(10);
        fixture.does(says(&order, paid(&order, "wx1"), Some(Operation::Close))).await;
        fixture.does(says(&order, paid(&order, "wx2"), None)).await;
        fixture.does(says(&order, paid(&order, "wx3"), None)).await;
        let story = fixture.story(&order).await;
        let names: Vec<&str> = story.events.iter().map(|event| event.change.name()).collect();
        let want = [
            "order_placed",
            "pay_info_received",
            "order_closing",
            "call_begun",
            "order_paid",
            "notification_queued",
            "unapplied_received",
            "unapplied_received",
        ];
        assert_eq!(names, want);
        assert!(story.events.is_sorted_by_key(|event| event.id));
        assert_eq!(kernel::event::replay(&story.events), Some(story.order.clone()));
        assert_eq!(
            (story.transfers.len(), story.refunds.len(), story.notifications.len()),
            (5, 2, 1)
        );
        assert!(story.transfers.is_sorted_by_key(|transfer| transfer.id));
        assert!(story.refunds.is_sorted_by_key(|refund| refund.id));
        let mut tasks: Vec<_> = story.refunds.iter().map(|refund| refund.task()).collect();
        tasks.push(story.notifications[0].notification.task());
        tasks.sort();
        let mut found: Vec<_> = story.tasks.iter().map(|(task, _)| task.clone()).collect();
        assert!(story.tasks.is_sorted_by_key(|(_, due)| *due));
        found.sort();
        assert_eq!(found, tasks, "the paid order's own task has ended");
    })
}

async fn orders(fixture: &StoreFixture<'_>, filter: OrderFilter) -> Vec<Order> {
    match fixture.page(Query::Orders(filter)).await {
        Page::Orders(orders) => orders,
        other => panic!("want orders, got {other:?}"),
    }
}

fn numbers(orders: &[Order]) -> Vec<&str> {
    orders.iter().map(|order| order.terms.merchant_order_no.as_str()).collect()
}

pub(super) fn orders_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut times = vec![];
        for number in ["e", "d", "c", "b", "a"] {
            times.push(fixture.now());
            let order = fixture.places(&tenant(0), number).await;
            fixture.places(&tenant(1), number).await;
            if ["d", "b"].contains(&number) {
                fixture.does(says(&order, paid(&order, "wx1"), None)).await;
            }
            fixture.wait_ms(1000);
        }
        let every = every_order(&tenant(0));
        let first = orders(&fixture, OrderFilter { limit: 2, ..every.clone() }).await;
        assert_eq!(numbers(&first), ["a", "b"]);
        let before = first.last().map(|order| order.terms.id);
        let rest = orders(&fixture, OrderFilter { before, ..every.clone() }).await;
        assert_eq!(numbers(&rest), ["c", "d", "e"]);
        let state = Some("paid".to_owned());
        let found = orders(&fixture, OrderFilter { state, ..every.clone() }).await;
        assert_eq!(numbers(&found), ["b", "d"]);
        let (from, to) = (Some(times[1]), Some(times[3]));
        let found = orders(&fixture, OrderFilter { from, to, ..every.clone() }).await;
        assert_eq!(numbers(&found), ["c", "d"]);
        assert_eq!(orders(&fixture, OrderFilter { limit: 0, ..every }).await, vec![]);
    })
}

pub(super) fn postings_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut placed = vec![];
        for number in ["a", "b", "c"] {
            let order = fixture.sells(&tenant(0), number).await;
            fixture.does(says(&order, paid(&order, "wx2"), None)).await;
            placed.push(order);
        }
        let postings = async |key: &str, before, limit| {
            let account = Account::from_key(key).expect("a good key");
            let query = Query::Postings { tenant: tenant(0), account, before, limit };
            match fixture.page(query).await {
                Page::Transfers(transfers) => transfers,
                other => panic!("want transfers, got {other:?}"),
            }
        };
        let all = postings("channel_funds/wx-100001", None, 99).await;
        assert_eq!(all.len(), 9);
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

async fn notifications(fixture: &StoreFixture<'_>, query: Query) -> Vec<NotificationRow> {
    match fixture.page(query).await {
        Page::Notifications(notifications) => notifications,
        other => panic!("want notifications, got {other:?}"),
    }
}

pub(super) fn notifications_come_with_attempts(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        for number in ["a", "b", "c"] {
            fixture.sells(&tenant(0), number).await;
        }
        let list = |state: Option<&str>, before, limit| {
            let state = state.map(str::to_owned);
            Query::Notifications { tenant: tenant(0), state, before, limit }
        };
        let all = notifications(&fixture, list(None, None, 9)).await;
        let numbers: Vec<&str> = all.iter().map(|row| row.merchant_order_no.as_str()).collect();
        assert_eq!(numbers, ["c", "b", "a"]);
        let first = notifications(&fixture, list(None, None, 1)).await;
        let rest = notifications(&fixture, list(None, Some(first[0].notification.id), 9)).await;
        assert_eq!([first, rest].concat(), all);

        let notification = all[1].notification.clone();
        let (at, why) = (fixture.now(), "timed out".to_owned());
        let rejected = Delivery::Rejected { status: 500, excerpt: "<html>".to_owned() };
        let tries = [
            attempt(&notification, at, Delivery::NoAnswer { why }),
            attempt(&notification, at.plus_ms(1), rejected),
        ];
        let (batches, _) = fixture.prepare(&tries).await;
        assert_eq!(store.commit(batches).await, vec![Ok(())]);
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.does(attempt(&notification, at.plus_ms(2), acknowledged)).await;
        let query = Query::Notification { tenant: tenant(0), id: notification.id };
        let found = notifications(&fixture, query).await;
        assert_eq!(found[0].notification.state, NotificationState::Delivered { at: fixture.now() });
        let attempts: Vec<_> = found[0]
            .attempts
            .iter()
            .map(|row| (row.attempt_no, row.attempt.at.ms() - at.ms()))
            .collect();
        assert_eq!(attempts, [(1, 0), (2, 1), (3, 2)]);
        assert_eq!(found[0].attempts[0].state, NotificationState::Due);
        assert_eq!(found[0].attempts[2].state, found[0].notification.state);
        assert_eq!(notifications(&fixture, list(Some("delivered"), None, 9)).await, found);
        assert_eq!(notifications(&fixture, list(Some("due"), None, 9)).await.len(), 2);
        let order = fixture.does(place(&tenant(0), "d")).await.orders[0].row.clone();
        fixture.does(says(&order, Finding::Pending, None)).await;
        assert_eq!(fixture.story(&order).await.notifications, vec![]);
    })
}

pub(super) fn what_needs_a_person_is_listed(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sells(&tenant(0), "a").await;
        let other = fixture.places(&tenant(0), "b").await;
        let foreign = fixture.sells(&tenant(1), "a").await;
        let contradiction = || Finding::Mismatch { why: "\"state\":\"failed\"".to_owned() };
        fixture.does(says(&foreign, paid(&foreign, "wx2"), None)).await;
        fixture.does(says(&order, paid(&order, "wx2"), None)).await;
        fixture.wait_ms(1000);
        fixture.does(says(&other, contradiction(), Some(Operation::Query))).await;
        fixture.does(says(&order, paid(&order, "wx3"), None)).await;
        let refunds = fixture.story(&order).await.refunds;
        let later = Finding::Later { code: "\"state\":\"failed\"".to_owned(), text: String::new() };
        let moves = [
            (&refunds[1], later),
            (&refunds[1], refunded(&refunds[1], RefundStatus::Processing)),
            (&refunds[0], refunded(&refunds[0], RefundStatus::Done)),
            (&refunds[1], refunded(&refunds[1], RefundStatus::Closed)),
        ];
        for (refund, finding) in moves {
            fixture.wait_ms(1000);
            fixture.does(says_of_refund(refund, finding)).await;
        }
        let list = async |before, limit| match fixture
            .page(Query::Attention { tenant: tenant(0), before, limit })
            .await
        {
            Page::Events(events) => events,
            other => panic!("want events, got {other:?}"),
        };
        let all = list(None, 9).await;
        let found: Vec<_> = all.iter().map(|event| (event.change.name(), event.order)).collect();
        let (order, other) = (Some(order.terms.id), Some(other.terms.id));
        let want = [
            ("refund_moved", order),
            ("unapplied_received", order),
            ("mismatch_recorded", other),
            ("unapplied_received", order),
        ];
        assert_eq!(found, want);
        assert_eq!(all[0].change.refund(), Some(refunds[1].id));
        let first = list(None, 2).await;
        let rest = list(Some(first[1].id), 9).await;
        assert_eq!([first, rest].concat(), all);
        assert_eq!(list(None, 0).await, vec![]);
    })
}

pub(super) fn last_id_is_the_largest(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let first = fixture.places(&tenant(1), "a").await;
        let later = fixture.does(place(&tenant(0), "b")).await.events;
        let last_id = Page::LastId(later.last().map(|event| event.id.value()));
        assert_eq!(fixture.page(Query::LastId).await, last_id);
        let lost = fixture.one(place(&tenant(0), "b2")).await;
        let stale = fixture.one(says(&first, Finding::Pending, None)).await;
        fixture.does(says(&first, payable(&first), Some(Operation::Place))).await;
        let newest = fixture.does(says(&first, paid(&first, "wx1"), None)).await.events;
        let last_id = Page::LastId(newest.last().map(|event| event.id.value()));
        assert_eq!(
            fixture.page(Query::LastId).await,
            last_id,
            "of an order that is not the newest"
        );
        let outcomes = store.commit(vec![lost, stale]).await;
        assert!(matches!(&outcomes[..], [Ok(()), Err(_)]), "{outcomes:?}");
        assert_eq!(
            fixture.page(Query::LastId).await,
            last_id,
            "what comes late takes nothing away"
        );
    })
}
