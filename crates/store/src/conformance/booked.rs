//! What refunds and shares moved for a merchant.

use super::fixture::StoreFixture;
use super::shares::shared;
use crate::{Booked, BookedFor, BookedKind, Counted, Promise, Store};
use channel::RefundStatus;
use kernel::{MerchantId, Order, Row, TenantId};
use ledger::Timestamp;
use test_support::{found_of_refund, merchant, refunded, request_refund, tenant_at};

/// Asks for a whole time.
fn asked(tenant: &TenantId, kind: BookedKind, from: Timestamp, to: Timestamp) -> BookedFor {
    let (tenant, merchant) = (tenant.clone(), merchant());
    BookedFor { tenant, merchant, kind, channel: None, from, to, offset: 0, limit: 10 }
}

/// The number, direction and fen of each row.
fn seen(found: &Counted<Booked>) -> Vec<(String, bool, i64)> {
    let number = |row: &Row| match row {
        Row::Refund(row) => row.request.as_ref().map(|it| it.merchant_refund_no.clone()),
        Row::Share(row) => Some(row.number.clone()),
        Row::ShareReturn(row) => Some(row.number.clone()),
        _ => None,
    };
    let row = |it: &Booked| (number(&it.row).expect("a number"), it.is_income, it.amount.get());
    found.rows.iter().map(row).collect()
}

/// Requests a refund, and has the channel end it.
async fn refund(fixture: &mut StoreFixture<'_>, order: &Order, number: &str, end: RefundStatus) {
    fixture.accept(request_refund(order, number, 30)).await;
    fixture.wait_ms(1000);
    let refund = fixture.refund(order, number).await;
    fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
}

pub(super) fn refunds_are_booked_when_the_payer_has_them(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = fixture.sell(&tenant, "A-1").await;
        fixture.accept(request_refund(&order, "waits", 10)).await;
        let from = fixture.now();
        refund(&mut fixture, &order, "R-1", RefundStatus::Done).await;
        refund(&mut fixture, &order, "closed", RefundStatus::Closed).await;
        refund(&mut fixture, &order, "R-2", RefundStatus::Done).await;
        let to = fixture.now().plus_ms(1);
        fixture.wait_ms(1000);
        refund(&mut fixture, &order, "late", RefundStatus::Done).await;

        let whole = asked(&tenant, BookedKind::Refunds, from, to);
        let found = fixture.ask(whole.clone()).await;
        assert_eq!(seen(&found), [("R-1".to_owned(), false, 30), ("R-2".to_owned(), false, 30)]);
        assert!(found.rows.iter().all(|it| it.order.terms.id == order.terms.id));
        let page = fixture.ask(BookedFor { offset: 1, limit: 5, ..whole.clone() }).await;
        assert_eq!((page.count, &page.rows[..]), (2, &found.rows[1..]));
        let channel = |name: &str| Some(name.to_owned());
        let own = BookedFor { channel: channel(test_support::CHANNEL), ..whole.clone() };
        assert_eq!(fixture.ask(own).await, found);
        let nothing = Counted { count: 0, rows: vec![] };
        let foreign = MerchantId::new("CM0002");
        for other in [
            BookedFor { channel: channel("another"), ..whole.clone() },
            BookedFor { merchant: foreign, ..whole.clone() },
            BookedFor { tenant: tenant_at(1), ..whole.clone() },
            BookedFor { kind: BookedKind::Shares, ..whole },
        ] {
            assert_eq!(fixture.ask(other).await, nothing);
        }
    })
}

pub(super) fn shares_are_booked_for_who_gives_and_who_gets(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let from = fixture.now();
        let (order, back) = shared(&mut fixture, &tenant, "a").await;
        let to = fixture.now().plus_ms(1);
        let whole = asked(&tenant, BookedKind::Shares, from, to);
        let found = fixture.ask(whole.clone()).await;
        assert_eq!(seen(&found), [("S-1".to_owned(), false, 30), ("U-1".to_owned(), true, 10)]);
        assert_eq!(found.rows[1].row, Row::ShareReturn(back));
        assert_eq!(found.rows[0].order, order);
        let page = fixture.ask(BookedFor { limit: 1, ..whole.clone() }).await;
        assert_eq!((page.count, &page.rows[..]), (2, &found.rows[..1]));
        for empty in [
            BookedFor { to: from, ..whole.clone() },
            BookedFor { kind: BookedKind::Refunds, ..whole },
        ] {
            assert_eq!(fixture.ask(empty).await.count, 0);
        }
    })
}
