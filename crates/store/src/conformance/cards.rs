//! Gift cards: purchases that are paid, open and given up, and the cards of the first.

use super::fixture::{StoreFixture, names};
use crate::{Promise, Store};
use channel::{Finding, Operation};
use kernel::{
    BuyCards, CardBatchCommand, CardState, CardValidity, Command, CreateCardBatch, Key, MerchantId,
    NaturalKey, Order, OrderRequest, PlaceOrder, Reads, RechargeCommand, RechargeState, TenantId,
};
use ledger::{Fen, Id, kinds};
use std::sync::Arc;
use test_support::{CHANNEL, MERCHANT, close, found, order_request, paid, tenant_at};

/// What a card is worth and costs.
const FACE: Fen = Fen::new(1000);
const PRICE: Fen = Fen::new(900);
const OWNER: &str = "WX:wx0001:\"o'\\";

fn create_batch(tenant: &TenantId) -> Command {
    CardBatchCommand::Create(Box::new(CreateCardBatch {
        tenant: tenant.clone(),
        namespace: Arc::from("wecard.card_batch"),
        number: "B-1".to_owned(),
        id: None,
        merchant: MerchantId::new(MERCHANT),
        name: "礼品卡 \"'".to_owned(),
        face: FACE,
        price: PRICE,
        total: 100,
        validity: CardValidity::Relative { days: 30 },
        owner_max: 50,
        is_transferable: true,
        accepted_by: vec![MerchantId::new(MERCHANT)],
        is_on_sale: true,
    }))
    .into()
}

fn buy(tenant: &TenantId, batch: Id<kinds::CardBatch>, number: &str, quantity: u32) -> Command {
    let amount = Fen::new(PRICE.get() * i64::from(quantity));
    let namespace = Arc::from("wecard.recharge");
    let request = OrderRequest { amount, namespace, ..order_request(number) };
    let order = PlaceOrder {
        tenant: tenant.clone(),
        channel: CHANNEL.to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
    };
    let owner = OWNER.to_owned();
    RechargeCommand::BuyCards(Box::new(BuyCards { order, batch, quantity, owner })).into()
}

/// A batch of which one purchase is paid, one is open and one was closed; the order of the first.
pub(super) async fn sold(fixture: &mut StoreFixture<'_>, tenant: &TenantId) -> Order {
    let made = fixture.accept(create_batch(tenant)).await;
    let batch = made.changed.card_batches[0].row.id;
    let mut orders = vec![];
    for (number, quantity) in [("J-1", 3), ("J-2", 2), ("J-3", 5)] {
        fixture.wait_ms(40_000);
        let bought = fixture.accept(buy(tenant, batch, number, quantity)).await;
        orders.push(bought.changed.orders[0].row.clone());
    }
    fixture.accept(found(&orders[0], paid(&orders[0]), None)).await;
    fixture.wait_ms(40_000);
    fixture.accept(close(&orders[2])).await;
    fixture.accept(found(&orders[2], Finding::Closed, Some(Operation::Close))).await;
    fixture.order(&orders[0]).await
}

pub(super) fn cards_are_issued_and_put_back(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        let key = Key::Number(NaturalKey::new("wecard.recharge", "J-1"));
        let reads = Reads { orders: vec![(tenant.clone(), key)], ..Reads::default() };
        // Everything that belongs to the order comes with it.
        let view = fixture.load(&reads).await;
        let recharge = view.recharges.all().next().expect("its recharge");
        assert!(matches!(recharge.state, RechargeState::Issued { .. }));
        let batch = view.card_batches.all().next().expect("its batch");
        assert_eq!((batch.issued, batch.reserved, batch.stock()), (3, 2, 95));
        assert_eq!(view.card_quotas.all().next().map(|quota| quota.taken), Some(5));
        let cards: Vec<_> = view.cards.all().cloned().collect();
        assert_eq!(cards.len(), 3);
        for card in &cards {
            let is_new = (card.state, card.balance(), &*card.owner);
            assert_eq!(is_new, (CardState::Issued, FACE, OWNER));
            let key = kernel::Card::key(&card.number);
            let reads = Reads { cards: vec![(tenant.clone(), key)], ..Reads::default() };
            assert_eq!(fixture.load(&reads).await.cards.all().next(), Some(card));
        }
        let liability = fixture.balance(&tenant, &batch.liability().key()).await;
        assert_eq!(liability.posted, Fen::new(3000));
        let names = names(&fixture.story(&order).await);
        for (name, times) in [("recharge made", 1), ("recharge issued", 1), ("card issued", 3)] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), times, "{names:?}");
        }
        fixture.assert_sound().await;
    })
}
