//! Withdrawals, what accounts had at past times, what moved, and the orders of a bill.

use super::fixture::{StoreFixture, account, empty};
use crate::{
    AttentionList, BalancesAt, Batch, OneWithdrawal, PaidOrders, PostingsBetween, Promise, Store,
    TenantsWithWithdrawal, Withdrawals,
};
use kernel::{
    AttentionKind, Caller, Command, Key, NaturalKey, RequestWithdrawal, TenantId, Withdrawal,
    WithdrawalCommand, WithdrawalState,
};
use ledger::book::sum_deltas;
use ledger::{Account, AccountKind, Balance, Fen, Id, Phase, Reason, Timestamp, Transfer, kinds};
use std::sync::Arc;
use test_support::{PRICE, merchant, tenant_at};

const AVAILABLE: &str = "merchant_available/CM0001";

/// Books money that a merchant has available, as an allocation would.
pub(super) fn funding(fixture: &mut StoreFixture<'_>, tenant: &TenantId, fen: i64) -> Batch {
    let order: Id<kinds::Order> = fixture.stamp.id();
    let transfer = Transfer {
        id: fixture.stamp.id(),
        phase: Phase::Post,
        debit: Account::new(AccountKind::WriteOff, tenant.as_str()),
        credit: account(AVAILABLE),
        amount: Fen::new(fen),
        reason: Reason::Allocation,
        subject: order.subject(),
        root: order.subject().root(),
        at: fixture.now(),
    };
    let deltas = sum_deltas([&transfer]).expect("the sums fit");
    Batch { transfers: vec![transfer], deltas, ..empty(tenant) }
}

async fn fund(fixture: &mut StoreFixture<'_>, tenant: &TenantId, fen: i64) {
    let batch = funding(fixture, tenant, fen);
    assert_eq!(fixture.store.commit(vec![batch]).await, vec![Ok(())]);
}

/// A merchant's request.
pub(super) fn withdraw(tenant: &TenantId, number: &str, fen: i64) -> Command {
    WithdrawalCommand::Request(Box::new(RequestWithdrawal {
        tenant: tenant.clone(),
        merchant: merchant(),
        namespace: Arc::from("wecard.withdrawal"),
        withdrawal_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(fen),
        notify_url: Some("https://shop.example/settled".to_owned()),
        remark: Some("周结 \"'".to_owned()),
    }))
    .into()
}

/// An operator's decision about it.
pub(super) fn end(withdrawal: &Withdrawal, is_paid: bool) -> Command {
    let (tenant, withdrawal) = (withdrawal.tenant.clone(), withdrawal.id);
    let note = "已付 \"'".to_owned();
    match is_paid {
        true => {
            let outside_reference = "B-1".to_owned();
            WithdrawalCommand::BookPaid { tenant, withdrawal, note, outside_reference }.into()
        }
        false => WithdrawalCommand::BookFailed { tenant, withdrawal, note }.into(),
    }
}

async fn changed(fixture: &mut StoreFixture<'_>, command: Command) -> Withdrawal {
    fixture.accept(command).await.changed.withdrawals[0].row.clone()
}

/// A withdrawal that was paid.
pub(super) async fn paid_out(fixture: &mut StoreFixture<'_>, tenant: &TenantId) {
    fund(fixture, tenant, 70).await;
    let row = changed(fixture, withdraw(tenant, "W-1", 60)).await;
    fixture.accept(end(&row, true)).await;
}

pub(super) fn withdrawals_are_kept_and_ended(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        fund(&mut fixture, &tenant, 500).await;
        let first = changed(&mut fixture, withdraw(&tenant, "W-1", 300)).await;
        let second = changed(&mut fixture, withdraw(&tenant, "W-2", 200)).await;
        let has = |posted, held| Balance { posted: Fen::new(posted), held: Fen::new(held) };
        assert_eq!(fixture.balance(&tenant, AVAILABLE).await, has(500, 500));
        let refused = fixture.prepare(&[withdraw(&tenant, "W-3", 1)]).await;
        assert!(refused.is_empty(), "nothing is left");
        let filter = super::fixture::needy_of(&tenant, 10);
        let needy = fixture.ask(AttentionList { filter, now: fixture.now() }).await;
        let due = |kind| kind == AttentionKind::WithdrawalDue;
        assert_eq!(needy.iter().filter(|row| due(row.kind)).count(), 2);
        fixture.assert_sound().await;

        fixture.caller = Caller::Operator(Arc::from("ann"));
        let paid = changed(&mut fixture, end(&first, true)).await;
        assert!(matches!(paid.state, WithdrawalState::Paid { .. }));
        let failed = changed(&mut fixture, end(&second, false)).await;
        assert!(matches!(failed.state, WithdrawalState::Failed { .. }));
        assert_eq!(fixture.balance(&tenant, AVAILABLE).await, has(200, 0));
        assert_eq!(fixture.balance(&tenant, "settled_by_hand/100001").await, has(300, 0));
        fixture.assert_sound().await;

        let number = NaturalKey::new("wecard.withdrawal", "W-1");
        for key in [Key::Id(first.id), Key::Number(number)] {
            let one = OneWithdrawal { tenant: tenant.clone(), key };
            assert_eq!(fixture.ask(one).await, Some(Box::new(paid.clone())));
        }
        let page = async |before| {
            fixture.ask(Withdrawals { tenant: tenant.clone(), before, limit: 1 }).await
        };
        assert_eq!(page(None).await, std::slice::from_ref(&failed));
        assert_eq!(page(Some(failed.id)).await, std::slice::from_ref(&paid));
        assert_eq!(page(Some(paid.id)).await, []);
        let with = TenantsWithWithdrawal { withdrawal_no: "W-1".to_owned() };
        assert_eq!(fixture.ask(with).await, [(tenant.clone(), first.id)]);
        let root = first.id.subject().root();
        let story = fixture.story_of(&tenant, root).await.expect("a story");
        assert_eq!(story.withdrawal(), Some(&paid));
        assert_eq!(story.notifications().count(), 1);
        assert_eq!(story.transfers.len(), 2);
    })
}

/// What the accounts had after each step is what they are said to have had then, also later.
pub(super) fn balances_are_known_at_any_past_time(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let accounts: Vec<Account> =
            [AVAILABLE, "merchant_pending/CM0001", "settled_by_hand/100001"].map(account).to_vec();
        let ask = |at| BalancesAt { tenant: tenant.clone(), accounts: accounts.clone(), at };
        let mut seen = vec![(fixture.now().plus_ms(-1), fixture.ask(ask(None)).await)];
        let mut open = None;
        for step in 0..8 {
            fixture.wait_ms(7);
            match step % 4 {
                0 => fund(&mut fixture, &tenant, 100 + step).await,
                1 => {
                    let number = format!("W-{step}");
                    open = Some(changed(&mut fixture, withdraw(&tenant, &number, 40)).await);
                }
                2 => drop(fixture.sell(&tenant, &format!("A-{step}")).await),
                _ => {
                    let open = open.take().expect("a withdrawal waits");
                    fixture.accept(end(&open, step == 3)).await;
                }
            }
            seen.push((fixture.now(), fixture.ask(ask(None)).await));
        }
        for (at, rows) in &seen {
            assert_eq!(fixture.ask(ask(Some(*at))).await, *rows, "at {at:?}");
        }
        for (earlier, (at, _)) in seen.iter().zip(seen.iter().skip(1)) {
            let before = Some(at.plus_ms(-1));
            assert_eq!(fixture.ask(ask(before)).await, earlier.1, "just before {at:?}");
        }
        let ever = fixture.ask(ask(Some(Timestamp::from_ms(i64::MAX)))).await;
        assert_eq!(ever, fixture.ask(ask(None)).await);
        let never = fixture.ask(ask(Some(Timestamp::default()))).await;
        assert!(never.iter().all(|row| row.balance == Balance::default()), "{never:?}");
    })
}

pub(super) fn what_moved_comes_by_time_and_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let mut at = vec![];
        for fen in [1, 2, 3] {
            fixture.wait_ms(1000);
            at.push(fixture.now());
            fund(&mut fixture, &tenant, fen).await;
        }
        fixture.wait_ms(1000);
        let row = changed(&mut fixture, withdraw(&tenant, "W-1", 2)).await;
        fixture.accept(end(&row, true)).await;
        let end = fixture.now().plus_ms(1);
        let ask = |from, to, after, limit| {
            let (tenant, account) = (tenant.clone(), account(AVAILABLE));
            PostingsBetween { tenant, account, from, to, after, limit }
        };
        let all = fixture.ask(ask(at[0], end, None, 10)).await;
        let fen: Vec<i64> = all.iter().map(|it| it.amount.get()).collect();
        assert_eq!(fen, [1, 2, 3, 2], "what was only held moved nothing");
        assert_eq!(fixture.ask(ask(at[1], at[2], None, 10)).await, all[1..2]);
        assert_eq!(fixture.ask(ask(at[1], end, None, 1)).await, all[1..2]);
        assert_eq!(fixture.ask(ask(at[0], end, Some(all[1].id), 1)).await, all[2..3]);
        assert_eq!(fixture.ask(ask(at[0], end, Some(all[3].id), 10)).await, []);
    })
}

pub(super) fn paid_orders_are_counted_and_come_by_page(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let mut sold = vec![];
        let begin = fixture.now();
        for number in ["A-1", "A-2", "A-3"] {
            sold.push(fixture.sell(&tenant, number).await);
            fixture.place(&tenant, &format!("{number}-open")).await;
        }
        let late = fixture.now();
        fixture.sell(&tenant, "A-4").await;
        let ask = |channel: Option<&str>, offset, limit| PaidOrders {
            tenant: tenant.clone(),
            account: account("merchant_pending/CM0001"),
            channel: channel.map(str::to_owned),
            from: begin,
            to: late.plus_ms(1),
            offset,
            limit,
        };
        let page = fixture.ask(ask(None, 0, 2)).await;
        assert_eq!((page.count, &page.rows[..]), (3, &sold[..2]));
        assert!(page.rows.iter().all(|order| order.paid_amount() == PRICE));
        let page = fixture.ask(ask(Some(test_support::CHANNEL), 2, 2)).await;
        assert_eq!((page.count, &page.rows[..]), (3, &sold[2..]));
        let page = fixture.ask(ask(Some("another"), 0, 2)).await;
        assert_eq!((page.count, page.rows.len()), (0, 0));
    })
}
