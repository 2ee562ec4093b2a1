//! Balances and the audit.

use super::fixture::{StoreFixture, account, empty, place_at};
use crate::audit::Rule;
use crate::{Accounts, Batch, CommitFault, Promise, Store};
use channel::{Finding, Operation, RefundStatus, Refunded};
use kernel::{Delivery, Task, TaskChange, TenantId};
use ledger::{Balance, Delta, Fen, Phase, Reason, SubjectKind};
use test_support::{
    PRICE, attempt, close, decided, found, found_of_refund, paid, paid_as, payable, refunded,
    tenant_at, write_off,
};

/// A batch of changes of balances alone.
fn deltas(tenant: &TenantId, moves: &[(&str, i64, i64)]) -> Batch {
    let delta = |posted, held| Delta { posted: Fen::new(posted), held: Fen::new(held) };
    let moves = moves.iter().map(|(key, posted, held)| (account(key), delta(*posted, *held)));
    Batch { deltas: moves.collect(), ..empty(tenant) }
}

fn has(posted: i64, held: i64) -> Balance {
    Balance { posted: Fen::new(posted), held: Fen::new(held) }
}

pub(super) fn balances_move_by_delta(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let price = PRICE.get();
        let order = fixture.sell(&tenant_at(0), "A-1").await;
        fixture.sell(&tenant_at(0), "A-2").await;
        fixture.sell(&tenant_at(1), "A-1").await;
        fixture.accept(found(&order, paid_as(&order, "wx2"), None)).await;
        let tenant = tenant_at(0);
        let funds = fixture.balance(&tenant, "channel_funds/wx-100001").await;
        assert_eq!(funds, has(-3 * price, 0));
        let merchant = fixture.balance(&tenant, "merchant_pending/CM0001").await;
        assert_eq!(merchant, has(2 * price, 0));
        assert_eq!(fixture.balance(&tenant, "suspense/100001").await, has(price, price));
        let refund = fixture.only_refund(&order).await;
        fixture.accept(found_of_refund(&refund, refunded(&refund, RefundStatus::Done))).await;
        assert_eq!(fixture.balance(&tenant, "suspense/100001").await, has(0, 0));
        let funds = fixture.balance(&tenant, "channel_funds/wx-100001").await;
        assert_eq!(funds, has(-2 * price, 0));
        let rows = fixture.ask(Accounts { tenant }).await;
        let keys: Vec<String> = rows.iter().map(|row| row.account.key()).collect();
        let want = ["channel_funds/wx-100001", "merchant_pending/CM0001", "suspense/100001"];
        assert_eq!(keys, want);
    })
}

pub(super) fn floor_refuses_the_whole_batch(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let suspense = "suspense/100001";
        let funds = "channel_funds/wx-100001";
        let commit = async |moves: &[(&str, i64, i64)]| {
            store.commit(vec![deltas(&tenant, moves)]).await.remove(0)
        };
        let floor = Err(CommitFault::Floor(suspense.to_owned()));
        assert_eq!(commit(&[(suspense, -1, 0)]).await, floor, "a new account starts at zero");
        assert_eq!(commit(&[(suspense, 0, 1)]).await, floor, "nothing to hold");
        assert_eq!(commit(&[(suspense, 100, 0), (funds, -100, 0)]).await, Ok(()));
        assert_eq!(commit(&[(suspense, 0, 80)]).await, Ok(()));
        assert_eq!(commit(&[(suspense, -21, 0), (funds, 21, 0)]).await, floor);
        assert_eq!(commit(&[(suspense, 0, 21)]).await, floor);
        assert_eq!(commit(&[(suspense, 0, -81)]).await, floor, "more than is held");
        assert_eq!(fixture.balance(&tenant, suspense).await, has(100, 80));
        assert_eq!(fixture.balance(&tenant, funds).await, has(-100, 0));

        let mut batch = fixture.one(place_at(0, "A-1")).await;
        batch.deltas = deltas(&tenant, &[(funds, 21, 0), (suspense, -21, 0)]).deltas;
        let neighbour = fixture.one(place_at(1, "A-1")).await;
        let before = fixture.everything().await;
        assert_eq!(store.commit(vec![batch.clone()]).await, vec![floor.clone()]);
        assert_eq!(fixture.everything().await, before);
        assert_eq!(store.commit(vec![batch, neighbour]).await, vec![floor, Ok(())]);
        assert_eq!(fixture.balance(&tenant, funds).await, has(-100, 0));

        assert_eq!(commit(&[(suspense, -80, -80), (funds, 80, 0)]).await, Ok(()));
        assert_eq!(commit(&[(suspense, -20, 0), (funds, 20, 0)]).await, Ok(()));
        assert_eq!(fixture.balance(&tenant, suspense).await, has(0, 0));
    })
}

pub(super) fn audit_is_clean(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let sold = fixture.sell(&tenant_at(0), "A-1").await;
        fixture.sell(&tenant_at(1), "A-1").await;
        let order = fixture.place(&tenant_at(0), "A-2").await;
        fixture.accept(found(&order, payable(&order), Some(Operation::Place))).await;
        fixture.accept(close(&order)).await;
        fixture.accept(found(&order, Finding::Closed, Some(Operation::Close))).await;
        fixture.accept(found(&order, paid_as(&order, "wx9"), None)).await;
        fixture.place(&tenant_at(0), "A-3").await;
        let row = fixture.only_notification(&sold).await;
        let acknowledged = Delivery::Acknowledged { status: 200 };
        fixture.accept(attempt(&row, row.made_at, acknowledged)).await;
        let audit = fixture.audit().await;
        assert_eq!(audit.faults, Vec::<String>::new());
        assert_eq!((audit.orders, audit.paid_orders), (4, 2));
        assert_eq!((audit.transfers, audit.accounts), (4, 5));
        assert_eq!((audit.debits, audit.credits), (3 * PRICE.get(), 3 * PRICE.get()));
    })
}

/// A store takes what it is given; that the books are wrong then is the audit's to find.
pub(super) fn audit_names_what_is_wrong(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.place(&tenant_at(0), "A-1").await;
        let id = order.terms.id;
        let mut batch = fixture.one(found(&order, paid(&order), None)).await;
        batch.transfers.clear();
        batch.tasks.clear();
        batch.changed.notifications.clear();
        batch.events.retain(|event| event.subject.kind != SubjectKind::Notification);
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let forgotten = fixture.place(&tenant_at(1), "B-1").await;
        let mut batch = fixture.one(found(&forgotten, Finding::Pending, None)).await;
        batch.tasks = vec![TaskChange { task: Task::of(&forgotten), due: None }];
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let account = "channel_funds/wx-100001";
        assert_eq!(
            fixture.audit().await.faults,
            [
                Rule::BalanceDiffers.fault(tenant_at(0), "account", account),
                Rule::PaidWithoutPayment.fault(tenant_at(0), "order", id),
                Rule::OpenWithoutTask.fault(tenant_at(1), "order", forgotten.terms.id),
                Rule::PaidWithoutNotification.fault(tenant_at(0), "order", id),
            ]
        );
    })
}

/// The channel may carry out after all what it had refused.
pub(super) fn late_refund_keeps_the_books(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let order = fixture.sell(&tenant_at(0), "A-1").await;
        for reference in ["wx2", "wx3", "wx4"] {
            fixture.accept(found(&order, paid_as(&order, reference), None)).await;
        }
        let refunds = fixture.refunds(&order).await;
        let moves = [
            (0, RefundStatus::Closed),
            (1, RefundStatus::Done),
            (0, RefundStatus::Done),
            (2, RefundStatus::Closed),
        ];
        for (which, state) in moves {
            let refund = &refunds[which];
            fixture.accept(found_of_refund(refund, refunded(refund, state))).await;
            fixture.assert_sound().await;
        }
        let transfers = fixture.story(&order).await.transfers;
        let moved = transfers.iter().filter(|transfer| transfer.reason == Reason::UnappliedRefund);
        let phases: Vec<Phase> = moved.map(|transfer| transfer.phase).collect();
        let [hold, post_held] = [Phase::Hold, Phase::PostHeld];
        assert_eq!(phases, [hold, hold, hold, post_held, post_held]);
        let suspense = fixture.balance(&tenant_at(0), "suspense/100001").await;
        let price = PRICE.get();
        assert_eq!(suspense, has(price, price), "what failed stays held for the operator");

        // What a person booked is set right when the channel carries that out too, and divides it otherwise.
        fixture.accept(decided(&refunds[2], write_off())).await;
        fixture.assert_sound().await;
        let Finding::Refund(done) = refunded(&refunds[2], RefundStatus::Done) else {
            panic!("a refund is found")
        };
        let done = Refunded { settled_amount: Some(Fen::new(price - 1)), ..done };
        fixture.accept(found_of_refund(&refunds[2], Finding::Refund(done))).await;
        fixture.assert_sound().await;
        let written_off = fixture.balance(&tenant_at(0), "write_off/100001").await;
        assert_eq!(written_off, has(0, 0));
    })
}

/// A refund whose transfers are missing is found, though every balance is the sum of its postings.
pub(super) fn audit_proves_refunds(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let mut refunds = vec![];
        for index in 0..3 {
            let order = fixture.sell(&tenant_at(index), "A-1").await;
            let mut second = fixture.one(found(&order, paid_as(&order, "wx2"), None)).await;
            if index == 2 {
                second.transfers.retain(|transfer| transfer.phase != Phase::Hold);
            }
            commit_transfers(store, second).await;
            refunds.push(fixture.only_refund(&order).await);
        }
        let broken =
            |rule: Rule, index: usize| rule.fault(tenant_at(index), "refund", refunds[index].id);
        let differs = |index| broken(Rule::HeldDiffers, index);
        let not_held = broken(Rule::RefundWithoutHold, 2);
        assert_eq!(fixture.audit().await.faults, [not_held.clone(), differs(2)]);

        let done = refunded(&refunds[1], RefundStatus::Done);
        let mut batch = fixture.one(found_of_refund(&refunds[1], done)).await;
        batch.transfers.clear();
        commit_transfers(store, batch).await;
        let not_posted = broken(Rule::RefundWithoutPost, 1);
        let want = [not_held.clone(), not_posted.clone(), differs(1)];
        assert_eq!(fixture.audit().await.faults, want);

        let failed = refunded(&refunds[0], RefundStatus::Closed);
        fixture.accept(found_of_refund(&refunds[0], failed)).await;
        let mut batch = fixture.one(decided(&refunds[0], write_off())).await;
        batch.transfers.clear();
        commit_transfers(store, batch).await;
        let not_posted = broken(Rule::RefundWithoutPost, 0);
        let want = [not_held, not_posted, differs(0)];
        assert_eq!(fixture.audit().await.faults, want);
    })
}

/// Commits a batch whose transfers were tampered with, with the deltas that they have now.
async fn commit_transfers(store: &dyn Store, mut batch: Batch) {
    batch.deltas = ledger::book::sum_deltas(&batch.transfers).expect("sound transfers");
    assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
}

/// A sum that does not fit refuses its own batch, as something to decide again one by one; the
/// database has not failed.
pub(super) fn balance_out_of_range_is_stale(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let fixture = StoreFixture::new(store);
        let (suspense, funds) = ("suspense/100001", "channel_funds/wx-100001");
        let commit = async |moves: &[(&str, i64, i64)]| {
            store.commit(vec![deltas(&tenant_at(0), moves)]).await.remove(0)
        };
        let most = i64::MAX - 5;
        assert_eq!(commit(&[(suspense, most, 0), (funds, -most, 0)]).await, Ok(()));
        let outcomes = [
            commit(&[(suspense, 6, 0)]).await,
            commit(&[(suspense, i64::MAX, 0)]).await,
            commit(&[(funds, -7, 0)]).await,
            commit(&[(funds, 0, 7)]).await,
            commit(&[(funds, i64::MIN, 0)]).await,
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(CommitFault::Stale(_))), "{outcome:?}");
        }
        let neighbour = deltas(&tenant_at(1), &[("suspense/100002", 1, 0)]);
        let outcomes =
            store.commit(vec![deltas(&tenant_at(0), &[(suspense, 6, 0)]), neighbour]).await;
        assert!(matches!(&outcomes[..], [Err(CommitFault::Stale(_)), Ok(())]), "{outcomes:?}");
        assert_eq!(commit(&[(suspense, 5, most), (funds, -5, 0)]).await, Ok(()), "it just fits");
        assert_eq!(fixture.balance(&tenant_at(0), suspense).await, has(i64::MAX, most));
        assert_eq!(fixture.balance(&tenant_at(0), funds).await, has(-i64::MAX, 0));
    })
}
