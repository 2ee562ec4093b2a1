//! Stored value at any time: what the book says is what cards and wallets had then.

use super::cards::{batch_of, one_taken_back, sold};
use super::fixture::StoreFixture;
use super::wallets::{spent, wallet_balance};
use crate::rows::liability::Liability;
use crate::{Cards, CardsOf, LiabilitiesAt, Promise, Store};
use kernel::{Card, TenantId};
use ledger::{AccountKind, Fen, Id, Timestamp, kinds};
use test_support::tenant_at;

/// What cards and wallets had at a time, read from their rows while it was now.
struct Then {
    at: Timestamp,
    cards: i64,
    wallets: i64,
}

async fn then(
    fixture: &mut StoreFixture<'_>,
    tenant: &TenantId,
    batch: Option<Id<kinds::CardBatch>>,
) -> Then {
    let mut cards = 0;
    if let Some(batch) = batch {
        let (tenant, of) = (tenant.clone(), CardsOf::Batch(batch));
        let page = fixture.ask(Cards { tenant, of, state: None, offset: 0, limit: 1000 }).await;
        cards = page.rows.iter().map(|card: &Card| card.balance().get()).sum();
    }
    let wallets = wallet_balance(fixture, tenant).await.get();
    let at = fixture.now();
    fixture.wait_ms(90_000);
    Then { at, cards, wallets }
}

pub(super) fn liabilities_are_known_at_any_past_time(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let mut past = vec![then(&mut fixture, &tenant, None).await];
        let order = sold(&mut fixture, &tenant).await;
        let batch = batch_of(&mut fixture, &order).await;
        past.push(then(&mut fixture, &tenant, Some(batch)).await);
        one_taken_back(&mut fixture, &order).await;
        past.push(then(&mut fixture, &tenant, Some(batch)).await);
        spent(&mut fixture, &tenant).await;
        past.push(then(&mut fixture, &tenant, Some(batch)).await);
        let cards: Vec<i64> = past.iter().map(|then| then.cards).collect();
        assert_eq!(cards, [0, 3000, 2000, 2000], "the history moves what is asked about");
        for Then { at, cards, wallets } in &past {
            let rows = fixture.ask(of(&tenant, Some(*at), 0, 100)).await;
            let sum = |kinds: &[AccountKind]| -> i64 {
                let own = rows.iter().filter(|row| kinds.contains(&row.kind));
                own.map(|row| row.amount.get()).sum()
            };
            assert_eq!(sum(&[AccountKind::CardLiability]), *cards, "{rows:?}");
            let of_wallets = [AccountKind::WalletPrincipal, AccountKind::WalletBonus];
            assert_eq!(sum(&of_wallets), *wallets, "{rows:?}");
        }
        let now = fixture.ask(of(&tenant, None, 0, 100)).await;
        let kinds: Vec<AccountKind> = now.iter().map(|row| row.kind).collect();
        let wanted =
            [AccountKind::CardLiability, AccountKind::WalletBonus, AccountKind::WalletPrincipal];
        assert_eq!(kinds, wanted, "{now:?}");
        let Liability { batch: of_batch, amount, .. } = &now[0];
        assert_eq!((*of_batch, *amount), (Some(batch), Fen::new(2000)));
        assert_eq!(fixture.ask(of(&tenant, None, 1, 1)).await, now[1..2]);
        assert_eq!(fixture.ask(of(&tenant_at(1), None, 0, 100)).await, []);
    })
}

fn of(tenant: &TenantId, at: Option<Timestamp>, offset: u32, limit: u32) -> LiabilitiesAt {
    LiabilitiesAt { tenant: tenant.clone(), at, offset, limit }
}
