//! What a commit stores, and what a refused one leaves behind: nothing.

use super::fixture::{
    StoreFixture, by_id, close, paid, payable, place, says, says_of_refund, tenant,
};
use crate::{CommitFault, Page, Promise, Query, Store, Write};
use channel::{Finding, Operation, RefundStatus, Refunded};
use kernel::{OrderKey, Reads};
use ledger::{Fen, Id};
use std::sync::Arc;

pub(super) fn order_has_two_keys(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(0), "A-1").await;
        let number = OrderKey::MerchantOrderNo("A-1".to_owned());
        for key in [OrderKey::Id(order.terms.id), number.clone()] {
            let reads = Reads { orders: vec![(tenant(0), key.clone())], ..Reads::default() };
            let view = store.load(&reads).await.expect("the store loads");
            assert_eq!(view.order(&tenant(0), &key), Some(&order));
            assert_eq!(view.order(&tenant(0), &number), Some(&order));
            let page = fixture.page(Query::Order { tenant: tenant(0), key }).await;
            assert_eq!(page, Page::Order(Some(Box::new(order.clone()))));
        }
    })
}

pub(super) fn tenants_do_not_meet(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sells(&tenant(0), "A-1").await;
        let notification = fixture.only_notification(&order).await;
        let foreign = tenant(1);
        let reads = Reads {
            orders: vec![
                (foreign.clone(), OrderKey::Id(order.terms.id)),
                (foreign.clone(), OrderKey::MerchantOrderNo("A-1".to_owned())),
            ],
            notifications: vec![(foreign.clone(), notification.id)],
            ..Reads::default()
        };
        let view = store.load(&reads).await.expect("the store loads");
        assert!(
            view.orders.is_empty() && view.order_ids.is_empty() && view.notifications.is_empty()
        );
        let query = Query::Story { tenant: foreign.clone(), order: order.terms.id };
        assert_eq!(fixture.page(query).await, Page::Story(None));
        let query = Query::Notification { tenant: foreign.clone(), id: notification.id };
        assert_eq!(fixture.page(query).await, Page::Notifications(vec![]));
        assert_eq!(fixture.page(Query::Accounts { tenant: foreign }).await, Page::Accounts(vec![]));
    })
}

pub(super) fn stale_batch_leaves_no_trace(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(0), "A-1").await;
        let late = fixture.one(says(&order, paid(&order, "wx1"), None)).await;
        fixture.does(says(&order, payable(&order), Some(Operation::Place))).await;
        let before = fixture.everything().await;
        let outcomes = store.commit(vec![late]).await;
        assert!(matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]), "{outcomes:?}");
        assert_eq!(fixture.everything().await, before);
        let mut gone = fixture.one(says(&order, paid(&order, "wx1"), None)).await;
        gone.orders[0].row.terms = {
            let mut terms = (*order.terms).clone();
            terms.id = Id::from_value(order.terms.id.value() + 1);
            Arc::new(terms)
        };
        let outcomes = store.commit(vec![gone]).await;
        assert!(matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]), "{outcomes:?}");
        assert_eq!(fixture.everything().await, before);
    })
}

pub(super) fn number_is_taken_once(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let first = fixture.one(place(&tenant(0), "A-1")).await;
        let second = fixture.one(place(&tenant(0), "A-1")).await;
        let other = fixture.one(place(&tenant(1), "A-1")).await;
        assert_eq!(store.commit(vec![first]).await, vec![Ok(())]);
        let before = fixture.everything().await;
        let outcomes = store.commit(vec![second]).await;
        assert!(matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]), "{outcomes:?}");
        assert_eq!(fixture.everything().await, before);
        assert_eq!(store.commit(vec![other]).await, vec![Ok(())]);
        let query = Query::TenantsWithOrder { merchant_order_no: "A-1".to_owned() };
        assert_eq!(fixture.page(query).await, Page::Tenants(vec![tenant(0), tenant(1)]));
        let query = Query::TenantsWithOrder { merchant_order_no: "A-2".to_owned() };
        assert_eq!(fixture.page(query).await, Page::Tenants(vec![]));
    })
}

pub(super) fn update_keeps_what_was_agreed(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(0), "A-1").await;
        let mut batch = fixture.one(says(&order, paid(&order, "wx1"), None)).await;
        let Write { row, .. } = &mut batch.orders[0];
        let mut terms = (*row.terms).clone();
        terms.amount = Fen::new(1);
        terms.subject = "another".to_owned();
        row.terms = Arc::new(terms);
        let want = row.state.clone();
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let stored = fixture.order(&order).await;
        assert_eq!(stored.terms, order.terms);
        assert_eq!((stored.state, stored.version), (want, order.version + 1));
        let notification = fixture.only_notification(&order).await;
        let replay = kernel::Command::ReplayNotification {
            tenant: tenant(0),
            notification: notification.id,
        };
        let mut batch = fixture.one(replay).await;
        batch.notifications[0].row.url = "https://elsewhere.example".to_owned();
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let stored = fixture.only_notification(&order).await;
        assert_eq!((stored.url, stored.version), (notification.url, notification.version + 1));
    })
}

pub(super) fn log_is_append_only(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sells(&tenant(0), "A-1").await;
        let story = fixture.story(&order).await;
        let before = fixture.everything().await;
        let empty = crate::Batch {
            tenant: tenant(0),
            orders: vec![],
            refunds: vec![],
            notifications: vec![],
            events: vec![],
            transfers: vec![],
            deltas: Default::default(),
            tasks: vec![],
        };
        let events = crate::Batch { events: story.events, ..empty.clone() };
        let transfers = crate::Batch { transfers: story.transfers, ..empty.clone() };
        let rows = vec![Write { row: order, expected: None }];
        let orders = crate::Batch { orders: rows, ..empty.clone() };
        let row = story.notifications[0].notification.clone();
        let rows = vec![Write { row, expected: None }];
        let notifications = crate::Batch { notifications: rows, ..empty };
        for batch in [events, transfers, orders, notifications] {
            let outcomes = store.commit(vec![batch]).await;
            assert!(matches!(outcomes.as_slice(), [Err(CommitFault::Stale(_))]), "{outcomes:?}");
            assert_eq!(fixture.everything().await, before);
        }
    })
}

pub(super) fn neighbours_do_not_disturb(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(1), "B-1").await;
        let late = fixture.one(says(&order, payable(&order), Some(Operation::Place))).await;
        fixture.does(says(&order, Finding::Pending, Some(Operation::Place))).await;
        let first = fixture.one(place(&tenant(0), "A-1")).await;
        let last = fixture.one(place(&tenant(2), "C-1")).await;
        let outcomes = store.commit(vec![first, late, last]).await;
        assert!(
            matches!(outcomes.as_slice(), [Ok(()), Err(CommitFault::Stale(_)), Ok(())]),
            "{outcomes:?}"
        );
        let query = |number: &str| Query::TenantsWithOrder { merchant_order_no: number.to_owned() };
        assert_eq!(fixture.page(query("A-1")).await, Page::Tenants(vec![tenant(0)]));
        assert_eq!(fixture.page(query("C-1")).await, Page::Tenants(vec![tenant(2)]));
        assert_eq!(fixture.order(&order).await.state, kernel::OrderState::Init);
        assert_eq!(store.commit(vec![]).await, vec![]);
    })
}

pub(super) fn many_changes_in_one_batch(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(0), "A-1").await;
        let commands = [
            place(&tenant(0), "A-2"),
            says(&order, payable(&order), Some(Operation::Place)),
            says(&order, paid(&order, "wx1"), None),
            place(&tenant(0), "A-2"),
            says(&order, paid(&order, "wx2"), None),
        ];
        let (batches, decisions) = fixture.prepare(&commands).await;
        assert_eq!((batches.len(), decisions.len()), (1, 4), "the repeat is refused: busy");
        let want: Vec<_> = batches[0].orders.iter().map(|write| write.row.clone()).collect();
        assert_eq!(store.commit(batches).await, vec![Ok(())]);
        for order in want {
            let view = store.load(&by_id(&order)).await.expect("the store loads");
            assert_eq!(view.orders.into_values().collect::<Vec<_>>(), vec![order]);
        }
        assert_eq!(fixture.audit().await.faults, Vec::<String>::new());
    })
}

pub(super) fn every_state_reads_back(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.places(&tenant(0), "A-1").await;
        let command = says(&order, payable(&order), Some(Operation::Place));
        let mut want = fixture.does(command).await.orders;
        assert_eq!(fixture.order(&order).await, want.remove(0).row, "paying");
        let mut want = fixture.does(close(&order)).await.orders;
        assert_eq!(fixture.order(&order).await, want.remove(0).row, "closing");
        let mut want =
            fixture.does(says(&order, Finding::Closed, Some(Operation::Close))).await.orders;
        assert_eq!(fixture.order(&order).await, want.remove(0).row, "closed");
        let mut want = fixture.does(says(&order, paid(&order, "wx1"), None)).await.orders;
        assert_eq!(
            fixture.order(&order).await,
            want.remove(0).row,
            "closed with an unapplied payment"
        );
        let refund = fixture.only_refund(&order).await;
        let state = |state| {
            Finding::Refund(Refunded {
                channel_refund_no: refund.channel_refund_no(),
                refund_reference: "wxr1".to_owned(),
                amount: refund.amount,
                status: state,
                at: None,
            })
        };
        for finding in [state(RefundStatus::Processing), state(RefundStatus::Done)] {
            let mut want = fixture.does(says_of_refund(&refund, finding)).await.refunds;
            assert_eq!(fixture.only_refund(&order).await, want.remove(0).row);
        }
        let order = fixture.places(&tenant(0), "A-2").await;
        let refused = Finding::Refused { code: "NO_AUTH".to_owned(), text: "无权限".to_owned() };
        let mut want = fixture.does(says(&order, refused, Some(Operation::Place))).await.orders;
        assert_eq!(fixture.order(&order).await, want.remove(0).row, "failed");
    })
}
