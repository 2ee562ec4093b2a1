//! Shares: parts of paid orders for payees, and what comes back of them.

use super::fixture::{StoreFixture, names};
use crate::{Payees, Promise, Store};
use kernel::{
    Command, CreatePayee, ItemPlace, ItemTerms, Key, MakeShare, MakeShareReturn, NaturalKey, Order,
    Payee, PayeeCommand, PayeeKind, Reads, ReturnTerms, Sealed, Share, ShareAmount, ShareCommand,
    ShareReturn, ShareReturnCommand, TenantId,
};
use ledger::Fen;
use std::sync::Arc;
use test_support::tenant_at;

/// What the payee gets, and what it gives back of that.
const GIVEN: Fen = Fen::new(30);
const BACK: Fen = Fen::new(10);

/// A person whose money waits in the book.
fn create_payee(tenant: &TenantId) -> Command {
    PayeeCommand::Create(Box::new(CreatePayee {
        tenant: tenant.clone(),
        namespace: Arc::from("wecard.payee"),
        number: "E-1".to_owned(),
        kind: PayeeKind::Person,
        merchant: None,
        name: None,
        account: None,
        role: Some("店长 \"'".to_owned()),
    }))
    .into()
}

fn share(order: &Order, payee: &Payee) -> Command {
    let amount = ShareAmount::Fixed(GIVEN);
    ShareCommand::Make(Box::new(MakeShare {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        namespace: Arc::from("wecard.profit"),
        number: "S-1".to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: Some("https://shop.example/shared".to_owned()),
        content: "30 of E-1".to_owned(),
        items: vec![ItemTerms { payee: payee.id, merchant: None, amount }],
        releases_rest: false,
    }))
    .into()
}

fn give_back(share: &Share, payee: &Payee) -> Command {
    let accounts = share.items.iter().filter_map(|item| match &item.place {
        ItemPlace::Book(account) => Some(account.clone()),
        ItemPlace::Channel(_) => None,
    });
    ShareReturnCommand::Make(Box::new(MakeShareReturn {
        tenant: share.tenant.clone(),
        share: share.id,
        order: share.order,
        earlier: share.returns.clone(),
        accounts: accounts.collect(),
        namespace: Arc::from("wecard.profit_refund"),
        number: "U-1".to_owned(),
        dialect: Arc::from("wecard"),
        notify_url: None,
        remark: Some("退回 \"'".to_owned()),
        content: "10 of E-1".to_owned(),
        items: vec![ReturnTerms { payee: payee.id, merchant: None, amount: BACK }],
    }))
    .into()
}

/// A paid order of which a payee in the book got a part, and gave some of it back.
pub(super) async fn shared(
    fixture: &mut StoreFixture<'_>,
    tenant: &TenantId,
    number: &str,
) -> (Order, ShareReturn) {
    let order = fixture.sell(tenant, number).await;
    let payee = fixture.accept(create_payee(tenant)).await.changed.payees[0].row.clone();
    let made = fixture.accept(share(&order, &payee)).await.changed.shares[0].row.clone();
    let back = fixture.accept(give_back(&made, &payee)).await;
    (fixture.order(&order).await, back.changed.share_returns[0].row.clone())
}

/// Payees come in pages in order of their ids, as they are sealed now.
async fn payees_are_listed_and_sealed_anew(fixture: &mut StoreFixture<'_>, tenant: &TenantId) {
    let page = |after| Payees { tenant: tenant.clone(), after, limit: 1 };
    let [payee] = &fixture.ask(page(None)).await[..] else { panic!("one payee wanted") };
    let name = Some(Sealed::new("sealed anew \"'"));
    let reseal = PayeeCommand::Reseal {
        tenant: tenant.clone(),
        payee: payee.id,
        name: name.clone(),
        number: None,
    };
    fixture.accept(reseal.into()).await;
    let found = fixture.ask(page(None)).await;
    assert_eq!((found[0].version, &found[0].name), (payee.version + 1, &name));
    assert_eq!(fixture.ask(page(Some(payee.id))).await, []);
    let elsewhere = Payees { tenant: tenant_at(1), after: None, limit: 1 };
    assert_eq!(fixture.ask(elsewhere).await, []);
}

pub(super) fn shares_and_returns_are_counted(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let (order, back) = shared(&mut fixture, &tenant, "a").await;
        assert_eq!((order.funds.sharing, order.funds.shared), (Fen::ZERO, Fen::new(20)));
        let share = found_by_number(&fixture, &tenant, &back).await;
        payees_are_listed_and_sealed_anew(&mut fixture, &tenant).await;
        assert_eq!((share.returns, share.items[0].amount), (vec![back.id], GIVEN));
        let story = fixture.story(&order).await;
        assert_eq!(story.shares().count(), 1);
        let names = names(&story);
        for name in ["share made", "share_return made"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        fixture.assert_sound().await;
    })
}

/// A share and its return are found by their numbers, and are those that were made.
async fn found_by_number(
    fixture: &StoreFixture<'_>,
    tenant: &TenantId,
    back: &ShareReturn,
) -> Share {
    let share = Key::Number(NaturalKey::new("wecard.profit", "S-1"));
    let returned = Key::Number(NaturalKey::new("wecard.profit_refund", "U-1"));
    let reads = Reads {
        shares: vec![(tenant.clone(), share.clone())],
        share_returns: vec![(tenant.clone(), returned.clone())],
        ..Reads::default()
    };
    let view = fixture.load(&reads).await;
    assert_eq!(view.share_returns.find(tenant, &returned), Some(back));
    view.shares.find(tenant, &share).expect("it was made").clone()
}
