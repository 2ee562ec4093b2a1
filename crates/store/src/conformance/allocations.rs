//! Allocations: parts of paid orders for other merchants, and what releases them.

use super::fixture::{StoreFixture, names};
use crate::{AllocationsOf, Promise, Store};
use kernel::{
    Aggregate as _, Allocation, AllocationPart, AllocationRelease, AllocationReleaseCommand,
    AllocationStatus, Command, Key, MerchantId, NaturalKey, Order, Reads, ReleaseAllocations, Task,
};
use ledger::Fen;
use std::sync::Arc;
use test_support::{PARTNER, PARTNERS, divided_request, found, paid, place_for, tenant_at};

/// An order of which two other merchants get a part: one waits for the next day, one is frozen.
pub(super) async fn divided(fixture: &mut StoreFixture<'_>, tenant: usize, number: &str) -> Order {
    let batch = fixture.accept(place_for(&tenant_at(tenant), divided_request(number))).await;
    let order = batch.changed.orders[0].row.clone();
    fixture.accept(found(&order, paid(&order), None)).await;
    fixture.order(&order).await
}

/// The release of a part of what is frozen for a merchant.
pub(super) fn release(order: &Order, number: &str, merchant: &str, amount: Fen) -> Command {
    let part = AllocationPart { merchant: MerchantId::new(merchant), amount };
    AllocationReleaseCommand::Release(Box::new(ReleaseAllocations {
        tenant: order.terms.tenant.clone(),
        namespace: Arc::from("wecard.unfreeze"),
        number: number.to_owned(),
        order: order.terms.id.into(),
        parts: vec![part],
    }))
    .into()
}

async fn rows(fixture: &StoreFixture<'_>, order: &Order) -> Vec<Allocation> {
    let numbers = order.allocation_numbers().collect();
    fixture.ask(AllocationsOf { tenant: order.terms.tenant.clone(), numbers }).await
}

fn statuses(rows: &[Allocation]) -> Vec<AllocationStatus> {
    rows.iter().map(Allocation::status).collect()
}

pub(super) fn allocations_are_credited_and_released(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = divided(&mut fixture, 0, "a").await;
        let made = rows(&fixture, &order).await;
        assert_eq!(statuses(&made), [AllocationStatus::Waiting, AllocationStatus::Frozen]);
        assert_eq!(made.iter().map(|row| row.merchant.as_str()).collect::<Vec<_>>(), PARTNERS);
        let sum: i64 = made.iter().map(|row| row.amount.get()).sum();
        assert_eq!(order.funds.allocated, Fen::new(sum));
        fixture.assert_sound().await;

        let due = made[0].standing().next_poll_at.expect("it waits");
        let wait_ms = due.ms_since(fixture.now());
        fixture.wait_ms(wait_ms);
        fixture.accept(Command::RunTask(Task::of(&made[0]))).await;
        let batch = fixture.accept(release(&order, "u1", PARTNERS[1], Fen::new(1))).await;
        let made_release = batch.changed.allocation_releases[0].row.clone();
        let found = rows(&fixture, &order).await;
        assert_eq!(statuses(&found), [AllocationStatus::Available, AllocationStatus::Frozen]);
        assert_eq!(found[1].released, Fen::new(1));
        let available = format!("merchant_available/{PARTNER}");
        assert_eq!(fixture.balance(&tenant_at(0), &available).await.posted, made[0].amount);
        let story = fixture.story(&order).await;
        assert_eq!(story.allocations().cloned().collect::<Vec<_>>(), found);
        let names = names(&story);
        for name in ["allocation credited", "allocation_release made", "allocation released"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        fixture.assert_sound().await;
        loads_by_number(&fixture, &order, &made_release).await;
    })
}

/// A release is found by its number; a paid order brings its allocations.
async fn loads_by_number(fixture: &StoreFixture<'_>, order: &Order, release: &AllocationRelease) {
    let tenant = &order.terms.tenant;
    let key = Key::Number(NaturalKey::new("wecard.unfreeze", "u1"));
    let reads = Reads {
        orders: vec![(tenant.clone(), order.terms.id.into())],
        allocation_releases: vec![(tenant.clone(), key.clone())],
        ..Reads::default()
    };
    let view = fixture.load(&reads).await;
    assert_eq!(view.allocation_releases.find(tenant, &key), Some(release));
    assert_eq!(view.allocations_of(order).len(), 2, "an order brings its allocations");
    let peeked = fixture.store.peek(&reads).await.expect("the store answers");
    assert_eq!(peeked.allocations_of(order), view.allocations_of(order));
    let none =
        AllocationsOf { tenant: tenant_at(1), numbers: order.allocation_numbers().collect() };
    assert_eq!(fixture.ask(none).await, []);
}
