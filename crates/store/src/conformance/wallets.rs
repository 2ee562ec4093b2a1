//! Wallets: paid into, spent, and what was spent put back.

use super::fixture::{StoreFixture, names};
use crate::{Promise, Store};
use channel::RefundStatus;
use kernel::{
    Command, MerchantId, Order, OrderRequest, OrderState, PlaceOrder, Reads, RechargeCommand,
    RechargeWallet, TenantId, Wallet, WalletPayment,
};
use ledger::{Fen, Id, kinds};
use std::sync::Arc;
use test_support::{
    CHANNEL, MERCHANT, found, found_of_refund, order_request, paid, refunded, request_refund,
    tenant_at,
};

const OWNER: &str = "用户 \"1'\\";

fn order(
    tenant: &TenantId,
    channel: &str,
    number: &str,
    change: impl FnOnce(&mut OrderRequest),
) -> PlaceOrder {
    let mut request = order_request(number);
    change(&mut request);
    PlaceOrder {
        tenant: tenant.clone(),
        channel: channel.to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
    }
}

fn pay_in(tenant: &TenantId, number: &str, fen: i64, bonus: i64) -> Command {
    let order = order(tenant, CHANNEL, number, |request| {
        request.amount = Fen::new(fen);
        request.namespace = Arc::from("wecard.recharge");
    });
    let (owner, bonus) = (OWNER.to_owned(), Fen::new(bonus));
    RechargeCommand::PayIn(Box::new(RechargeWallet { order, owner, bonus })).into()
}

fn spend(tenant: &TenantId, number: &str, wallet: Id<kinds::Wallet>, fen: i64) -> Command {
    let order = order(tenant, channel::WALLET_CHANNEL, number, |request| {
        request.amount = Fen::new(fen);
        request.wallet = Some(wallet);
    });
    order.into()
}

/// A wallet with 1000 fen and 200 fen of bonus: an order took 1100 of them and got 150 back, and another
/// found too little. The first order.
pub(super) async fn spent(fixture: &mut StoreFixture<'_>, tenant: &TenantId) -> Order {
    let placed = fixture.accept(pay_in(tenant, "V-1", 1000, 200)).await;
    let (recharge, wallet) = (&placed.changed.orders[0].row, placed.changed.wallets[0].row.id);
    fixture.wait_ms(10);
    fixture.accept(found(recharge, paid(recharge), None)).await;
    let mut orders = vec![];
    for (number, fen) in [("D-1", 1100), ("D-2", 101)] {
        fixture.wait_ms(10);
        let placed = fixture.accept(spend(tenant, number, wallet, fen)).await;
        let order = placed.changed.orders[0].row.clone();
        fixture.accept(found(&order, paid(&order), None)).await;
        orders.push(fixture.order(&order).await);
    }
    fixture.accept(request_refund(&orders[0], "RD-1", 150)).await;
    let refund = fixture.refund(&orders[0], "RD-1").await;
    fixture.accept(found_of_refund(&refund, refunded(&refund, RefundStatus::Done))).await;
    assert!(matches!(orders[1].state, OrderState::Failed { .. }), "{:?}", orders[1].state);
    fixture.order(&orders[0]).await
}

pub(super) fn wallets_are_paid_into_and_spent(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = spent(&mut fixture, &tenant).await;
        let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
        let reads = Reads { wallets: vec![(tenant.clone(), key.clone())], ..Reads::default() };
        // Its balances come with it.
        let view = fixture.load(&reads).await;
        let wallet = view.wallets.find(&tenant, &key).expect("the wallet");
        let posted = |account| view.balances[&(tenant.clone(), account)].posted;
        let both = (posted(wallet.principal()), posted(wallet.bonus()));
        assert_eq!(both, (Fen::new(50), Fen::new(200)));
        let key = WalletPayment::key(order.terms.id);
        let reads = Reads { wallet_payments: vec![(tenant.clone(), key)], ..Reads::default() };
        let payment = fixture.load(&reads).await.wallet_payments.all().next().cloned();
        let payment = payment.expect("what the order took");
        assert_eq!((payment.parts.len(), payment.returned), (2, Fen::new(150)));
        let names = names(&fixture.story(&order).await);
        for name in ["wallet_payment taken", "wallet_payment put_back"] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{names:?}");
        }
        fixture.assert_sound().await;
    })
}
