//! Gift cards: purchases that are paid, open and given up, and the cards of the first.

use super::fixture::{StoreFixture, names};
use crate::{Cards, CardsOf, Promise, SecretCards, Store};
use channel::{Finding, Operation, RefundStatus};
use kernel::{
    BeginCardTransfer, BuyCards, Card, CardBatchCommand, CardCommand, CardSecret, CardState,
    CardTransferCommand, CardTransferState, CardValidity, Command, CreateCardBatch, Key,
    MerchantId, NaturalKey, Order, OrderRequest, PlaceOrder, ReadCardSecret, Reads, ReceiveCard,
    RechargeCommand, RechargeState, RefundCards, RefundCommand, RefundRequest, ResealCardSecret,
    Sealed, TenantId,
};
use ledger::{Fen, Id, kinds};
use std::sync::Arc;
use test_support::{
    CHANNEL, MERCHANT, close, found, found_of_refund, order_request, paid, refunded, tenant_at,
};

/// What a card is worth and costs.
pub(super) const FACE: Fen = Fen::new(1000);
const PRICE: Fen = Fen::new(900);
pub(super) const OWNER: &str = "WX:wx0001:\"o'\\";

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
        payment_code: None,
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

/// Takes a card of an order back.
fn take_back(order: &Order, card: &Card, number: &str) -> Command {
    RefundCommand::RequestCards(Box::new(RefundCards {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        cards: vec![card.id],
        request: Arc::new(RefundRequest {
            namespace: Arc::from("wecard.refund"),
            merchant_refund_no: number.to_owned(),
            dialect: Arc::from("wecard"),
            reason: Some("不要了 '\"".to_owned()),
            notify_url: None,
            details: "{}".to_owned(),
            is_to_balance: false,
        }),
    }))
    .into()
}

/// The batch of the cards of an order.
pub(super) async fn batch_of(
    fixture: &mut StoreFixture<'_>,
    order: &Order,
) -> Id<kinds::CardBatch> {
    cards_of(fixture, order).await[0].batch
}

/// The cards of an order.
async fn cards_of(fixture: &mut StoreFixture<'_>, order: &Order) -> Vec<Card> {
    let key = (order.terms.tenant.clone(), Key::Id(order.terms.id));
    let reads = Reads { orders: vec![key], ..Reads::default() };
    fixture.load(&reads).await.cards.all().cloned().collect()
}

/// Has one card of an order taken back.
pub(super) async fn one_taken_back(fixture: &mut StoreFixture<'_>, order: &Order) {
    let cards = cards_of(fixture, order).await;
    let made = fixture.accept(take_back(order, &cards[0], "W-1")).await;
    let refund = made.changed.refunds[0].row.clone();
    fixture.accept(found_of_refund(&refund, refunded(&refund, RefundStatus::Done))).await;
}

pub(super) fn read_secret(card: &Card, text: &str) -> Command {
    let fresh = CardSecret { sealed: Sealed::new(text), tag: "'\"00ff".to_owned() };
    let (tenant, owner) = (card.tenant.clone(), card.owner.clone());
    CardCommand::ReadSecret(Box::new(ReadCardSecret { tenant, card: card.id, owner, fresh })).into()
}

pub(super) fn cards_are_taken_back_and_come_back(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        let key = Key::Id(order.terms.id);
        let reads = Reads { orders: vec![(tenant.clone(), key)], ..Reads::default() };
        let before: Vec<Card> = fixture.load(&reads).await.cards.all().cloned().collect();
        let [one, two, three] = &before[..] else { panic!("three cards") };
        let ends = [(one, "W-1", RefundStatus::Closed), (two, "W-2", RefundStatus::Done)];
        for (card, number, end) in ends {
            let made = fixture.accept(take_back(&order, card, number)).await;
            let refund = made.changed.refunds[0].row.clone();
            fixture.assert_sound().await;
            fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
            fixture.assert_sound().await;
        }
        fixture.accept(read_secret(one, "k1:first")).await;
        fixture.accept(read_secret(one, "k1:second")).await;
        let (freeze, note) = (Key::Id(three.id), Some("lost \\ '".to_owned()));
        let freeze = CardCommand::Freeze { tenant: tenant.clone(), card: freeze, note };
        fixture.accept(freeze.into()).await;
        let view = fixture.load(&reads).await;
        let card = |id| view.cards.get(&tenant, id).expect("a card");
        let states = [one, two, three].map(|known| card(known.id).state);
        assert_eq!(states, [CardState::Issued, CardState::Void, CardState::Frozen]);
        let secret = card(one.id).secret.as_ref().expect("a secret");
        assert_eq!(secret.sealed.as_str(), "k1:first");
        assert_eq!(view.card_quotas.all().next().map(|quota| quota.taken), Some(4));
        fixture.assert_sound().await;
    })
}

pub(super) fn cards_are_listed_newest_first(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        sold(&mut fixture, &tenant_at(1)).await;
        let key = Key::Id(order.terms.id);
        let reads = Reads { orders: vec![(tenant.clone(), key)], ..Reads::default() };
        let mut cards: Vec<Card> = fixture.load(&reads).await.cards.all().cloned().collect();
        cards.reverse();
        let (batch, frozen) = (cards[0].batch, Key::Id(cards[1].id));
        let freeze = CardCommand::Freeze { tenant: tenant.clone(), card: frozen, note: None };
        let made = fixture.accept(freeze.into()).await;
        cards[1] = made.changed.cards[0].row.clone();
        let asked =
            |of, state, offset, limit| Cards { tenant: tenant.clone(), of, state, offset, limit };
        for of in [CardsOf::Owner(OWNER.to_owned()), CardsOf::Batch(batch)] {
            for (state, offset, limit, count, rows) in [
                (None, 0, 10, 3, &cards[..]),
                (None, 1, 1, 3, &cards[1..2]),
                (None, 3, 10, 3, &cards[..0]),
                (Some(CardState::Frozen), 0, 10, 1, &cards[1..2]),
                (Some(CardState::Void), 0, 10, 0, &cards[..0]),
            ] {
                let page = fixture.ask(asked(of.clone(), state, offset, limit)).await;
                assert_eq!((page.count, &page.rows[..]), (count, rows), "{of:?} {state:?}");
            }
        }
        let made = fixture.accept(read_secret(&cards[2], "k1:first")).await;
        cards[2] = made.changed.cards[0].row.clone();
        let found = cards[2].secret.clone().expect("a secret");
        let again = CardSecret { sealed: Sealed::new("k2:again"), tag: "aa".to_owned() };
        let (card, of) = (cards[2].id, tenant.clone());
        let reseal = ResealCardSecret { tenant: of, card, found, again: again.clone() };
        fixture.accept(CardCommand::Reseal(Box::new(reseal)).into()).await;
        let with_secrets = SecretCards { tenant: tenant.clone(), after: None, limit: 2 };
        let page = fixture.ask(with_secrets).await;
        let shown: Vec<_> = page.iter().map(|card| (card.id, card.secret.clone())).collect();
        assert_eq!(shown, [(card, Some(again))]);
        let after = Some(card);
        let rest = SecretCards { tenant: tenant.clone(), after, limit: 2 };
        assert_eq!(fixture.ask(rest).await, []);
        let strange = CardsOf::Owner("stranger".to_owned());
        assert_eq!(fixture.ask(asked(strange, None, 0, 10)).await.count, 0);
    })
}

/// Who receives a card.
const FRIEND: &str = "friend \"'\\";

fn give(card: &Card, number: &str) -> Command {
    let begin = BeginCardTransfer {
        tenant: card.tenant.clone(),
        namespace: Arc::from("wecard.card_transfer"),
        number: number.to_owned(),
        card: card.id,
        from: OWNER.to_owned(),
        to: Some(FRIEND.to_owned()),
        expires_at: None,
        token_hash: "00ff".to_owned(),
    };
    CardTransferCommand::Begin(Box::new(begin)).into()
}

pub(super) fn cards_are_given_away(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        let key = Key::Id(order.terms.id);
        let of_order = Reads { orders: vec![(tenant.clone(), key)], ..Reads::default() };
        let cards: Vec<Card> = fixture.load(&of_order).await.cards.all().cloned().collect();
        let mut ids = vec![];
        for (card, number) in cards.iter().zip(["X-1", "X-2"]) {
            let made = fixture.accept(give(card, number)).await;
            ids.push(made.changed.card_transfers[0].row.id);
        }
        let (transfer, token_hash) = (ids[0], "00ff".to_owned());
        let (owner, tenant_of) = (FRIEND.to_owned(), tenant.clone());
        let receive = ReceiveCard { tenant: tenant_of, transfer, token_hash, owner };
        fixture.accept(CardTransferCommand::Receive(Box::new(receive)).into()).await;
        let transfer = Key::Number(NaturalKey::new("wecard.card_transfer", "X-2"));
        let cancel = CardTransferCommand::Cancel { tenant: tenant.clone(), transfer };
        fixture.accept(cancel.into()).await;
        let view = fixture.load(&of_order).await;
        for (card, owner) in cards.iter().zip([FRIEND, OWNER, OWNER]) {
            let now = view.cards.get(&tenant, card.id).expect("a card");
            assert_eq!((&*now.owner, now.state), (owner, CardState::Issued));
        }
        let card_transfers = ids.iter().map(|id| (tenant.clone(), Key::Id(*id))).collect();
        let view = fixture.load(&Reads { card_transfers, ..Reads::default() }).await;
        let state = |at: usize| view.card_transfers.get(&tenant, ids[at]).map(|row| &row.state);
        assert!(
            matches!(state(0), Some(CardTransferState::Received { owner, .. }) if owner == FRIEND)
        );
        assert!(matches!(state(1), Some(CardTransferState::Cancelled { .. })));
        fixture.assert_sound().await;
    })
}
