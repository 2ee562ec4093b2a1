//! Gift cards: purchases that are paid, open and given up, and the cards of the first.

use super::fixture::{StoreFixture, names};
use crate::{
    Batch, CardBatches, CardBatchesIn, CardFlows, Cards, CardsOf, Promise, SecretCards, Store,
};
use channel::{Finding, Operation, RefundStatus};
use kernel::{
    BeginCardTransfer, BuyCards, Card, CardBatchCommand, CardBatchModification, CardBatchState,
    CardCommand, CardSecret, CardState, CardTransferCommand, CardTransferState, CardValidity,
    Command, CreateCardBatch, Key, MerchantId, NaturalKey, Order, OrderRequest, PlaceOrder,
    ReadCardSecret, Reads, ReceiveCard, RechargeCommand, RechargeState, RefundCards, RefundCommand,
    RefundRequest, ResealCardSecret, Sealed, Task, TenantId,
};
use ledger::{Account, AccountKind, Fen, Id, kinds};
use std::sync::Arc;
use test_support::{
    CHANNEL, MERCHANT, START, close, found, found_of_refund, order_request, paid, refunded,
    tenant_at,
};

/// What a card is worth and costs.
pub(super) const FACE: Fen = Fen::new(1000);
const PRICE: Fen = Fen::new(900);
pub(super) const OWNER: &str = "WX:wx0001:\"o'\\";

fn create_batch(tenant: &TenantId) -> Command {
    let validity = CardValidity::Relative { days: 30 };
    create_batch_of(tenant, "B-1", validity)
}

pub(super) fn create_batch_of(tenant: &TenantId, number: &str, validity: CardValidity) -> Command {
    CardBatchCommand::Create(Box::new(CreateCardBatch {
        tenant: tenant.clone(),
        namespace: Arc::from("wecard.card_batch"),
        number: number.to_owned(),
        id: None,
        merchant: MerchantId::new(MERCHANT),
        name: "礼品卡 \"'".to_owned(),
        face: FACE,
        price: PRICE,
        total: 100,
        validity,
        owner_max: 50,
        is_transferable: true,
        accepted_by: vec![MerchantId::new(MERCHANT)],
        is_on_sale: true,
    }))
    .into()
}

pub(super) fn buy(
    tenant: &TenantId,
    batch: Id<kinds::CardBatch>,
    number: &str,
    quantity: u32,
) -> Command {
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
        agreement: None,
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
pub(super) fn take_back(order: &Order, card: &Card, number: &str) -> Command {
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

/// What the end of an order's cards would change, a month later, and their batch.
pub(super) async fn expiring(
    fixture: &mut StoreFixture<'_>,
    order: &Order,
) -> (Batch, Id<kinds::CardBatch>) {
    let key = (order.terms.tenant.clone(), Key::Id(order.terms.id));
    let view = fixture.load(&Reads { orders: vec![key], ..Reads::default() }).await;
    let recharge = view.recharges.all().next().expect("the purchase").clone();
    fixture.wait_ms(31 * 24 * 3_600_000);
    let expiring = fixture.one(Command::RunTask(Task::of(&recharge))).await;
    (expiring, batch_of(fixture, order).await)
}

/// Adds a card to the batch of an order's cards.
pub(super) fn raise_total(order: &Order, batch: Id<kinds::CardBatch>) -> Command {
    let modification = CardBatchModification { total: Some(101), ..Default::default() };
    let (tenant, batch) = (order.terms.tenant.clone(), Key::Id(batch));
    CardBatchCommand::Modify { tenant, batch, modification }.into()
}

/// Has one card of an order taken back.
pub(super) async fn one_taken_back(fixture: &mut StoreFixture<'_>, order: &Order) {
    let cards = cards_of(fixture, order).await;
    let card = cards.last().expect("a card");
    let made = fixture.accept(take_back(order, card, "W-1")).await;
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

/// The price of a card is given back once: of three refunds of two cards, the first has failed and is done
/// while another one runs for the same card, which fails then; and one is done when half of its card is spent.
pub(super) fn cards_whose_price_was_given_back_stay_void(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        let own = cards_of(&mut fixture, &order).await;
        let mut ends = vec![];
        for (card, number, end) in [
            (&own[0], "W-1", Some(RefundStatus::Closed)),
            (&own[2], "W-2", Some(RefundStatus::Closed)),
            (&own[2], "W-3", None),
        ] {
            let made = fixture.accept(take_back(&order, card, number)).await;
            let refund = made.changed.refunds[0].row.clone();
            if let Some(end) = end {
                fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
            }
            ends.push(refund);
        }
        // A quarter of the first is spent, and the second is used up.
        super::wallets::bound(&mut fixture, &order).await;
        for (which, end) in
            [(0, RefundStatus::Done), (1, RefundStatus::Done), (2, RefundStatus::Closed)]
        {
            let number =
                ends[which].request.as_ref().expect("requested").merchant_refund_no.clone();
            let refund = fixture.refund(&order, &number).await;
            fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
            fixture.assert_sound().await;
        }
        let now = cards_of(&mut fixture, &order).await;
        let states: Vec<_> = now.iter().map(|card| (card.state, card.void_by)).collect();
        let void = |which: usize| (CardState::Void, Some(ends[which].id));
        assert_eq!(states, [void(0), (CardState::UsedUp, None), void(1)]);
        // 900 were given back of which 750 were there; for the other card nothing is lost.
        let write_off = Account::new(AccountKind::WriteOff, tenant.as_str());
        assert_eq!(fixture.balance(&tenant, &write_off.key()).await.posted, Fen::new(-150));
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

pub(super) fn give(card: &Card, number: &str) -> Command {
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

pub(super) fn receive(tenant: &TenantId, transfer: Id<kinds::CardTransfer>) -> Command {
    let (tenant, token_hash, owner) = (tenant.clone(), "00ff".to_owned(), FRIEND.to_owned());
    let receive = ReceiveCard { tenant, transfer, token_hash, owner };
    CardTransferCommand::Receive(Box::new(receive)).into()
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
        fixture.accept(receive(&tenant, ids[0])).await;
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

pub(super) fn batches_are_listed_by_sale(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let ends_at = fixture.now().plus_seconds(60);
        let fixed = CardValidity::Fixed { begins_at: fixture.now(), ends_at };
        let relative = CardValidity::Relative { days: 1 };
        let mut made = vec![];
        for (number, validity) in [("B-1", fixed), ("B-2", relative), ("B-3", fixed)] {
            let batch = fixture.accept(create_batch_of(&tenant, number, validity)).await;
            made.push(batch.changed.card_batches[0].row.clone());
        }
        fixture.accept(create_batch_of(&tenant_at(1), "B-1", fixed)).await;
        let state = Some(CardBatchState::OffSale);
        let modification = CardBatchModification { state, total: None, ends_at: None };
        let (of, batch) = (tenant.clone(), Key::Id(made[2].id));
        let modify = CardBatchCommand::Modify { tenant: of, batch, modification };
        let modified = fixture.accept(modify.into()).await;
        made[2] = modified.changed.card_batches[0].row.clone();
        made.reverse();
        let on_sale = Some(CardBatchesIn::State(CardBatchState::OnSale));
        let off_sale = Some(CardBatchesIn::State(CardBatchState::OffSale));
        let expired = Some(CardBatchesIn::Expired);
        let (seller, other) = (MerchantId::new(MERCHANT), MerchantId::new("other"));
        for (batch, merchant, sale, now, page, count, rows) in [
            (None, None, None, START, [0, 9], 3, &made[..]),
            (None, Some(&seller), None, START, [1, 1], 3, &made[1..2]),
            (None, Some(&other), None, START, [0, 9], 0, &made[..0]),
            (Some(made[1].id), None, None, START, [0, 9], 1, &made[1..2]),
            (None, None, on_sale, START, [0, 9], 2, &made[1..]),
            (None, None, off_sale, START, [0, 9], 1, &made[..1]),
            (None, None, expired, START, [0, 9], 0, &made[..0]),
            (None, None, on_sale, ends_at, [0, 9], 1, &made[1..2]),
            (None, None, expired, ends_at, [1, 9], 2, &made[2..]),
        ] {
            let (tenant, merchant, [offset, limit]) = (tenant.clone(), merchant.cloned(), page);
            let asked = CardBatches { tenant, batch, merchant, sale, now, offset, limit };
            let found = fixture.ask(asked.clone()).await;
            assert_eq!((found.count, &found.rows[..]), (count, rows), "{asked:?}");
        }
    })
}

pub(super) fn flows_of_cards_have_the_balance_after_them(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let order = sold(&mut fixture, &tenant).await;
        // The second card is spent whole; of the first one half is, and half of that comes back.
        super::wallets::bound(&mut fixture, &order).await;
        let own = cards_of(&mut fixture, &order).await;
        for note in ["lost \\ '", "found"] {
            let (card, note) = (Key::Id(own[0].id), Some(note.to_owned()));
            let tenant = tenant.clone();
            let change = match note.as_deref() {
                Some("found") => CardCommand::Unfreeze { tenant, card, note },
                _ => CardCommand::Freeze { tenant, card, note },
            };
            fixture.accept(change.into()).await;
        }
        let asked = |card: &Card, offset, limit| {
            let (tenant, card) = (tenant.clone(), card.id);
            CardFlows { tenant, card, offset, limit }
        };
        let all = fixture.ask(asked(&own[0], 0, 100)).await.expect("the card");
        let lines: Vec<_> = all
            .rows
            .iter()
            .map(|flow| (flow.event.change.name(), flow.amount.get(), flow.balance_after.get()))
            .collect();
        let wanted = [
            ("unfrozen", 0, 750),
            ("frozen", 0, 750),
            ("put_back", 250, 750),
            ("spent", -500, 500),
            ("issued", 1000, 1000),
        ];
        assert_eq!((all.count, &lines[..]), (5, &wanted[..]));
        let page = fixture.ask(asked(&own[0], 2, 2)).await.expect("the card");
        assert_eq!((page.count, &page.rows[..]), (5, &all.rows[2..4]));
        let page = fixture.ask(asked(&own[0], 7, 2)).await.expect("the card");
        assert_eq!((page.count, page.rows.len()), (5, 0));
        let unknown = CardFlows { tenant: tenant_at(1), ..asked(&own[0], 0, 9) };
        assert_eq!(fixture.ask(unknown).await, None);
    })
}
