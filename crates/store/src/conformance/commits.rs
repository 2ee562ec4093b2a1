//! What a commit stores, and what a refused one leaves behind: nothing.

use super::fixture::{StoreFixture, by_id, distinct, empty, place_at};
use crate::{
    Batch, CommitFault, OneNotification, OneOrder, Promise, Store, TenantsWithOrder, Write,
};
use channel::{Finding, Operation, RefundStatus};
use kernel::{Aggregate, Changed, Key, NaturalKey, Order, OrderRequest, OrderState, Reads, Refund};
use ledger::{Fen, Stamp};
use std::sync::Arc;
use test_support::{
    NAMESPACE, SEED, close, found, found_of_refund, order_request, paid, paid_as, payable,
    place_for, refunded, replay, tenant_at,
};

pub(super) fn order_has_two_keys(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        let number = Key::Number(NaturalKey::new(NAMESPACE, "A-1"));
        for key in [Key::Id(order.terms.id), number.clone()] {
            let reads = Reads { orders: vec![(tenant_at(0), key.clone())], ..Reads::default() };
            let view = fixture.load(&reads).await;
            assert_eq!(view.orders.find(&tenant_at(0), &key), Some(&order));
            assert_eq!(view.orders.find(&tenant_at(0), &number), Some(&order));
            let found = fixture.ask(OneOrder { tenant: tenant_at(0), key }).await;
            assert_eq!(found.as_deref(), Some(&order));
        }
    })
}

/// Two APIs may give the same number to different orders of one tenant.
pub(super) fn namespaces_do_not_meet(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let place = |index, namespace: &str| {
            let request = order_request("A-1");
            let request = OrderRequest { namespace: Arc::from(namespace), ..request };
            place_for(&tenant_at(index), request)
        };
        let mut ids = vec![];
        for (index, namespace) in [(1, "wecard"), (0, "wecard"), (0, "open"), (0, "z")] {
            let batch = fixture.accept(place(index, namespace)).await;
            ids.push(batch.changed.orders[0].row.terms.id);
        }
        for (namespace, want) in
            [("wecard", Some(ids[1])), ("open", Some(ids[2])), ("z", Some(ids[3])), ("", None)]
        {
            let key = Key::Number(NaturalKey::new(namespace, "A-1"));
            let order = fixture.ask(OneOrder { tenant: tenant_at(0), key }).await;
            assert_eq!(order.map(|order| order.terms.id), want, "{namespace}");
        }
        let merchant_order_no = "A-1".to_owned();
        let with = fixture.ask(TenantsWithOrder { merchant_order_no }).await;
        let (zero, one) = (tenant_at(0), tenant_at(1));
        let want = [(&zero, ids[2]), (&zero, ids[1]), (&zero, ids[3]), (&one, ids[0])];
        assert_eq!(with, want.map(|(tenant, id)| (tenant.clone(), id)));
    })
}

pub(super) fn tenants_do_not_meet(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "A-1").await;
        let notification = fixture.only_notification(&order).await;
        let foreign = tenant_at(1);
        let reads = Reads {
            orders: vec![
                (foreign.clone(), Key::Id(order.terms.id)),
                (foreign.clone(), Key::Number(order.merchant_key())),
            ],
            notifications: vec![(foreign.clone(), Key::Id(notification.id))],
            ..Reads::default()
        };
        let view = fixture.load(&reads).await;
        assert_eq!((view.orders.all().count(), view.notifications.all().count()), (0, 0));
        assert_eq!(fixture.story_of(&foreign, order.root()).await, None);
        let (tenant, id) = (foreign.clone(), notification.id);
        assert_eq!(fixture.ask(OneNotification { tenant, id }).await, None);
        assert_eq!(fixture.ask(crate::Accounts { tenant: foreign }).await, vec![]);
    })
}

fn assert_stale(outcomes: &[Result<(), CommitFault>]) {
    assert!(matches!(outcomes, [Err(CommitFault::Stale(_))]), "{outcomes:?}");
}

pub(super) fn stale_batch_leaves_no_trace(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        let late = fixture.one(found(&order, paid(&order), None)).await;
        fixture.accept(found(&order, payable(&order), Some(Operation::Place))).await;
        let before = fixture.everything().await;
        assert_stale(&store.commit(vec![late]).await);
        assert_eq!(fixture.everything().await, before);
        let mut gone = fixture.one(found(&order, paid(&order), None)).await;
        gone.changed.orders[0].row.terms = {
            let mut terms = (*order.terms).clone();
            terms.id = Stamp::new(2, fixture.now(), SEED).id();
            Arc::new(terms)
        };
        assert_stale(&store.commit(vec![gone]).await);
        assert_eq!(fixture.everything().await, before);
    })
}

pub(super) fn number_is_taken_once(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let first = fixture.one(place_at(0, "A-1")).await;
        let second = fixture.one(place_at(0, "A-1")).await;
        let other = fixture.one(place_at(1, "A-1")).await;
        assert_eq!(store.commit(vec![first]).await, vec![Ok(())]);
        let before = fixture.everything().await;
        assert_stale(&store.commit(vec![second]).await);
        assert_eq!(fixture.everything().await, before);
        assert_eq!(store.commit(vec![other]).await, vec![Ok(())]);
        let tenants = async |number: &str| {
            let question = TenantsWithOrder { merchant_order_no: number.to_owned() };
            let found = fixture.ask(question).await.into_iter();
            found.map(|(tenant, _)| tenant).collect::<Vec<_>>()
        };
        assert_eq!(tenants("A-1").await, [tenant_at(0), tenant_at(1)]);
        assert_eq!(tenants("A-2").await, []);
    })
}

pub(super) fn update_keeps_what_was_agreed(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        let mut batch = fixture.one(found(&order, paid(&order), None)).await;
        let Write { row, .. } = &mut batch.changed.orders[0];
        let mut terms = (*row.terms).clone();
        terms.request = Arc::new(OrderRequest {
            amount: Fen::new(1),
            subject: "another".to_owned(),
            ..(*terms.request).clone()
        });
        row.terms = Arc::new(terms);
        let want = row.state.clone();
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let stored = fixture.order(&order).await;
        assert_eq!(stored.terms, order.terms);
        assert_eq!((stored.state, stored.version), (want, order.version + 1));
        let notification = fixture.only_notification(&order).await;
        let mut batch = fixture.one(replay(&notification)).await;
        batch.changed.notifications[0].row.url = "https://elsewhere.example".to_owned();
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let stored = fixture.only_notification(&order).await;
        assert_eq!((stored.url, stored.version), (notification.url, notification.version + 1));
    })
}

fn new<A>(row: A) -> Vec<Write<A>> {
    vec![Write { row, expected: None }]
}

pub(super) fn log_is_append_only(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "A-1").await;
        fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
        let order = fixture.order(&order).await;
        let story = fixture.story(&order).await;
        let before = fixture.everything().await;
        let empty = empty(&tenant_at(0));
        let changed = |changed| Batch { changed, ..empty.clone() };
        let refunds = new(fixture.only_refund(&order).await);
        let notifications = new(fixture.only_notification(&order).await);
        for batch in [
            Batch { events: story.events, ..empty.clone() },
            Batch { transfers: story.transfers, ..empty.clone() },
            changed(Changed { orders: new(order), ..Changed::default() }),
            changed(Changed { refunds, ..Changed::default() }),
            changed(Changed { notifications, ..Changed::default() }),
        ] {
            assert_stale(&store.commit(vec![batch]).await);
            assert_eq!(fixture.everything().await, before);
        }
    })
}

pub(super) fn neighbours_do_not_disturb(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(1), "B-1").await;
        let late = fixture.one(found(&order, payable(&order), Some(Operation::Place))).await;
        fixture.accept(found(&order, Finding::Pending, Some(Operation::Place))).await;
        let first = fixture.one(place_at(0, "A-1")).await;
        let last = fixture.one(place_at(2, "C-1")).await;
        let outcomes = store.commit(vec![first.clone(), late, last.clone()]).await;
        let one_is_stale =
            matches!(outcomes.as_slice(), [Ok(()), Err(CommitFault::Stale(_)), Ok(())]);
        assert!(one_is_stale, "{outcomes:?}");
        for batch in [first, last] {
            let want = &batch.changed.orders[0].row;
            assert_eq!(fixture.order(want).await, *want);
        }
        assert_eq!(fixture.order(&order).await.state, OrderState::Init);
        assert_eq!(store.commit(vec![]).await, vec![]);
    })
}

pub(super) fn many_changes_in_one_batch(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        let commands = [
            place_at(0, "A-2"),
            found(&order, payable(&order), Some(Operation::Place)),
            found(&order, paid(&order), None),
            place_at(0, "A-2"),
            found(&order, paid_as(&order, "wx2"), None),
        ];
        let batches = fixture.prepare(&commands).await;
        assert_eq!(batches.len(), 1);
        let placed = batches[0].events.iter().filter(|event| event.change.name() == "placed");
        assert_eq!(placed.count(), 1, "the repeat is refused: a call is in flight");
        let written = &batches[0].changed.orders;
        assert_eq!(distinct(written.iter().map(|write| write.row.terms.id)), written.len());
        let want: Vec<Order> = written.iter().map(|write| write.row.clone()).collect();
        assert_eq!(store.commit(batches).await, vec![Ok(())]);
        for order in want {
            let view = fixture.load(&by_id(&order)).await;
            assert_eq!(view.orders.all().collect::<Vec<_>>(), [&order]);
        }
        fixture.assert_sound().await;
    })
}

pub(super) fn every_state_reads_back(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        for (command, state) in [
            (found(&order, payable(&order), Some(Operation::Place)), "paying"),
            (close(&order), "closing"),
            (found(&order, Finding::Closed, Some(Operation::Close)), "closed"),
            (found(&order, paid(&order), None), "closed"),
        ] {
            let want = fixture.accept(command).await.changed.orders.remove(0).row;
            assert_eq!(fixture.order(&order).await, want);
            assert_eq!(want.state.name(), state);
        }
        assert_eq!(fixture.order(&order).await.unapplied.len(), 1);
        let refund = fixture.only_refund(&order).await;
        for status in [RefundStatus::Processing, RefundStatus::Done] {
            let command = found_of_refund(&refund, refunded(&refund, status));
            let want = fixture.accept(command).await.changed.refunds.remove(0).row;
            assert_eq!(fixture.only_refund(&order).await, want);
        }
        fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
        let refund = fixture.refunds(&order).await.remove(1);
        let other_amount = Refund { amount: Fen::new(1), ..refund.clone() };
        for finding in [
            refunded(&refund, RefundStatus::Closed),
            // It needs a person already, because it failed.
            refunded(&other_amount, RefundStatus::Done),
            refunded(&refund, RefundStatus::Done),
            refunded(&other_amount, RefundStatus::Done),
        ] {
            let command = found_of_refund(&refund, finding);
            let want = fixture.accept(command).await.changed.refunds.remove(0).row;
            assert_eq!(fixture.refunds(&order).await.remove(1), want);
        }
        let order = fixture.place(&tenant_at(0), "A-2").await;
        let refused = Finding::Refused { code: "NO_AUTH".to_owned(), text: "无权限".to_owned() };
        let command = found(&order, refused, Some(Operation::Place));
        let want = fixture.accept(command).await.changed.orders.remove(0).row;
        assert_eq!(fixture.order(&order).await, want);
        assert_eq!(want.state.name(), "failed");
    })
}
