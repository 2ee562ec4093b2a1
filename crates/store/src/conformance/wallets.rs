//! Wallets: paid into, spent, and what was spent put back; parts of them frozen and released.

use super::cards;
use super::fixture::{StoreFixture, names};
use crate::{Counted, Promise, Store, WalletFlow, WalletFlowKind, WalletFlows};
use channel::RefundStatus;
use kernel::{
    Aggregate, BindCard, Card, CardBindingCommand, CardProof, CardState, Command, Deduct,
    FreezeWallet, Key, MerchantId, NaturalKey, OpenWallet, Order, OrderRequest, OrderState,
    PlaceOrder, Reads, RechargeCommand, RechargeWallet, RefundBalance, RefundCommand,
    RefundRequest, Task, TenantId, UnfreezeWallet, Wallet, WalletCommand, WalletFreeze,
    WalletFreezeCommand, WalletFreezeState, WalletPayment, WalletState, WalletUse,
};
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;
use test_support::{
    CHANNEL, MERCHANT, START, found, found_of_refund, order_request, paid, refunded,
    request_refund, tenant_at,
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
        payment_code: None,
        agreement: None,
    }
}

pub(super) fn pay_in(tenant: &TenantId, number: &str, fen: i64, bonus: i64) -> Command {
    let order = order(tenant, CHANNEL, number, |request| {
        request.amount = Fen::new(fen);
        request.namespace = Arc::from("wecard.recharge");
    });
    let (owner, bonus) = (OWNER.to_owned(), Fen::new(bonus));
    RechargeCommand::PayIn(Box::new(RechargeWallet { order, owner, bonus })).into()
}

fn spend(tenant: &TenantId, number: &str, wallet: Id<kinds::Wallet>, fen: i64) -> Command {
    let of = WalletUse { wallet, deduct: Deduct::CardsFirst };
    spend_of(tenant, number, of, Fen::new(fen))
}

pub(super) fn spend_of(tenant: &TenantId, number: &str, of: WalletUse, amount: Fen) -> Command {
    let order = order(tenant, channel::WALLET_CHANNEL, number, |request| {
        request.amount = amount;
        request.wallet = Some(of);
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

/// What is in the wallet; nothing where there is none.
pub(super) async fn wallet_balance(fixture: &mut StoreFixture<'_>, tenant: &TenantId) -> Fen {
    let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
    let reads = Reads { wallets: vec![(tenant.clone(), key.clone())], ..Reads::default() };
    let view = fixture.load(&reads).await;
    let wallet = view.wallets.find(tenant, &key);
    wallet.map_or(Fen::ZERO, |wallet| wallet.balance(&view).expect("it came with it").posted)
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

pub(super) fn bind(
    number: &str,
    card: &Card,
    wallet: Id<kinds::Wallet>,
    proof: CardProof,
) -> Command {
    let bind = BindCard {
        tenant: card.tenant.clone(),
        namespace: Arc::from("wecard.card_binding"),
        number: number.to_owned(),
        card: Key::Id(card.id),
        proof,
        wallet: Key::Id(wallet),
    };
    CardBindingCommand::Bind(Box::new(bind)).into()
}

/// The cards of a purchase, of which two are in a wallet: one with its secret at the second attempt, one by
/// its owner. An order took all of the second and half of the first, and half of the first came back.
/// The order.
pub(super) async fn bound(fixture: &mut StoreFixture<'_>, sold: &Order) -> Order {
    let tenant = sold.terms.tenant.clone();
    let (merchant, owner) = (MerchantId::new(MERCHANT), cards::OWNER.to_owned());
    let open = OpenWallet { tenant: tenant.clone(), merchant, owner };
    let opened = fixture.accept(WalletCommand::Open(open).into()).await;
    let wallet = opened.changed.wallets[0].row.id;
    let reads = Reads { orders: vec![(tenant.clone(), sold.terms.id.into())], ..Reads::default() };
    let own: Vec<Card> = fixture.load(&reads).await.cards.all().cloned().collect();
    fixture.accept(cards::read_secret(&own[0], "k1:first")).await;
    for tag in ["wrong", "'\"00ff"] {
        let proof = CardProof::Secret { tags: vec![tag.to_owned()] };
        fixture.wait_ms(10);
        fixture.accept(bind("L-1", &own[0], wallet, proof)).await;
    }
    fixture.accept(bind("L-2", &own[1], wallet, CardProof::Owner(None))).await;
    let of = WalletUse { wallet, deduct: Deduct::Cards(vec![own[1].id, own[0].id]) };
    let half = Fen::new(cards::FACE.get() / 2);
    let amount = Fen::new(cards::FACE.get() + half.get());
    let placed = fixture.accept(spend_of(&tenant, "D-3", of, amount)).await;
    let order = placed.changed.orders[0].row.clone();
    fixture.accept(found(&order, paid(&order), None)).await;
    let order = fixture.order(&order).await;
    fixture.accept(request_refund(&order, "RD-3", half.get() / 2)).await;
    let refund = fixture.refund(&order, "RD-3").await;
    fixture.accept(found_of_refund(&refund, refunded(&refund, RefundStatus::Done))).await;
    fixture.order(&order).await
}

pub(super) fn cards_are_bound_and_spent(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let sold = cards::sold(&mut fixture, &tenant).await;
        let order = bound(&mut fixture, &sold).await;
        let key = Wallet::key(&MerchantId::new(MERCHANT), cards::OWNER);
        let reads = Reads { wallets: vec![(tenant.clone(), key.clone())], ..Reads::default() };
        // Its cards come with it.
        let view = fixture.load(&reads).await;
        let wallet = view.wallets.find(&tenant, &key).expect("the wallet");
        let quarter = Fen::new(cards::FACE.get() / 4);
        let own: Vec<_> = wallet.cards(&view).map(|card| (card.state, card.spent)).collect();
        assert_eq!(own, [(CardState::Bound, quarter), (CardState::UsedUp, cards::FACE)]);
        assert!(wallet.cards(&view).all(|card| {
            card.bound_to.is_some_and(|bound| bound.wallet == wallet.id)
                && card.wrong_secrets.is_empty()
        }));
        let request = &order.terms.request.wallet;
        assert_eq!(request.as_ref().map(|of| of.deduct.listed().len()), Some(2));
        let names = names(&fixture.story(&sold).await);
        for (name, times) in [
            ("card wrong_secret", 1),
            ("card bound", 2),
            ("card_binding made", 2),
            ("card spent", 2),
            ("card put_back", 1),
        ] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), times, "{names:?}");
        }
        fixture.assert_sound().await;
    })
}

const FREEZES: &str = "wecard.wallet_freeze";

pub(super) fn freeze(
    tenant: &TenantId,
    number: &str,
    wallet: Id<kinds::Wallet>,
    fen: i64,
    expires_at: Option<Timestamp>,
) -> Command {
    let freeze = FreezeWallet {
        tenant: tenant.clone(),
        namespace: Arc::from(FREEZES),
        number: number.to_owned(),
        wallet,
        amount: Fen::new(fen),
        expires_at,
        note: Some("核查 \"1'\\".to_owned()),
    };
    WalletFreezeCommand::Freeze(Box::new(freeze)).into()
}

pub(super) fn unfreeze(
    tenant: &TenantId,
    freeze: &str,
    number: &str,
    amount: Option<i64>,
) -> Command {
    let unfreeze = UnfreezeWallet {
        tenant: tenant.clone(),
        freeze: Key::Number(NaturalKey::new(FREEZES, freeze)),
        number: number.to_owned(),
        amount: amount.map(Fen::new),
    };
    WalletFreezeCommand::Unfreeze(Box::new(unfreeze)).into()
}

/// The user's wallet, as it is stored.
async fn wallet(fixture: &StoreFixture<'_>, tenant: &TenantId) -> Wallet {
    let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
    let reads = Reads { wallets: vec![(tenant.clone(), key.clone())], ..Reads::default() };
    fixture.load(&reads).await.wallets.find(tenant, &key).expect("the wallet").clone()
}

/// Of the 50 fen and 200 fen of bonus that [`spent`] leaves, 90 are frozen, of which 30 were released, and
/// 20 until a second later.
pub(super) async fn frozen(fixture: &mut StoreFixture<'_>, tenant: &TenantId) -> [WalletFreeze; 2] {
    let wallet = wallet(fixture, tenant).await.id;
    fixture.accept(freeze(tenant, "H-1", wallet, 90, None)).await;
    fixture.wait_ms(10);
    let released = fixture.accept(unfreeze(tenant, "H-1", "HU-1", Some(30))).await;
    let end = fixture.now().plus_seconds(1);
    let timed = fixture.accept(freeze(tenant, "H-2", wallet, 20, Some(end))).await;
    [released, timed].map(|batch| batch.changed.wallet_freezes[0].row.clone())
}

pub(super) fn parts_of_wallets_are_frozen_and_released(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        spent(&mut fixture, &tenant).await;
        let freezes = frozen(&mut fixture, &tenant).await;
        let wallet_freezes = freezes.each_ref().map(|row| (tenant.clone(), Key::Id(row.id)));
        let reads = Reads { wallet_freezes: wallet_freezes.to_vec(), ..Reads::default() };
        let view = fixture.load(&reads).await;
        for row in &freezes {
            assert_eq!(view.wallet_freezes.get(&tenant, row.id), Some(row));
        }
        assert_eq!(freezes[0].state(), WalletFreezeState::PartUnfrozen);
        let wallet = wallet(&fixture, &tenant).await;
        let [principal, bonus] = [wallet.principal(), wallet.bonus()];
        let held = async |fixture: &StoreFixture<'_>| {
            let principal = fixture.balance(&tenant, &principal.key()).await.held;
            (principal.get(), fixture.balance(&tenant, &bonus.key()).await.held.get())
        };
        assert_eq!(held(&fixture).await, (50, 30));
        fixture.wait_ms(1_000);
        fixture.accept(Command::RunTask(Task::of(&freezes[1]))).await;
        fixture.accept(unfreeze(&tenant, "H-1", "HU-2", None)).await;
        assert_eq!(held(&fixture).await, (0, 0));
        let story = fixture.story_of(&tenant, freezes[0].root()).await.expect("a story");
        let names = names(&story);
        for (name, count) in [("frozen", 2), ("released", 2), ("expired", 1)] {
            let name = format!("wallet_freeze {name}");
            assert_eq!(names.iter().filter(|known| **known == name).count(), count, "{names:?}");
        }
        fixture.assert_sound().await;
    })
}

fn set_state(tenant: &TenantId, wallet: Id<kinds::Wallet>, state: WalletState) -> Command {
    let (tenant, wallet, note) = (tenant.clone(), Key::Id(wallet), None);
    WalletCommand::SetState { tenant, wallet, state, note }.into()
}

/// Two processes decide at once: the second one's commit is stale where the first one changed what it only
/// read, and its next decision is another one.
pub(super) fn what_a_decision_rests_on_guards_its_commit(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let placed = fixture.accept(pay_in(&tenant, "V-1", 1000, 200)).await;
        let (first, wallet) = (&placed.changed.orders[0].row, placed.changed.wallets[0].row.id);
        // The wallet is closed, empty as it is, beside a payment into it; and the other way round.
        let closing = fixture.one(set_state(&tenant, wallet, WalletState::Closed)).await;
        fixture.accept(found(first, paid(first), None)).await;
        assert_stale(&fixture, closing).await;
        // It is frozen beside an order that it pays.
        let placed = fixture.accept(spend(&tenant, "D-1", wallet, 1200)).await;
        let order = &placed.changed.orders[0].row;
        let paying = fixture.one(found(order, paid(order), None)).await;
        fixture.accept(set_state(&tenant, wallet, WalletState::Frozen)).await;
        assert_stale(&fixture, paying).await;
        fixture.accept(set_state(&tenant, wallet, WalletState::Normal)).await;
        fixture.accept(found(order, paid(order), None)).await;
        let placed = fixture.accept(pay_in(&tenant, "V-2", 1000, 200)).await;
        let second = &placed.changed.orders[0].row;
        let crediting = fixture.one(found(second, paid(second), None)).await;
        fixture.accept(set_state(&tenant, wallet, WalletState::Closed)).await;
        assert_stale(&fixture, crediting).await;
        fixture.accept(found(second, paid(second), None)).await;
        assert!(matches!(fixture.order(second).await.state, OrderState::Failed { .. }));
        // Cards expire beside a change of their batch.
        let sold = cards::sold(&mut fixture, &tenant).await;
        let expiring = cards::expiring(&mut fixture, &sold).await;
        fixture.accept(cards::raise_total(&sold, expiring.1)).await;
        assert_stale(&fixture, expiring.0).await;
        fixture.assert_sound().await;
    })
}

pub(super) async fn assert_stale(fixture: &StoreFixture<'_>, batch: crate::Batch) {
    let outcome = fixture.store.commit(vec![batch]).await;
    assert!(matches!(outcome[..], [Err(crate::CommitFault::Stale(_))]), "{outcome:?}");
}

/// Gives a part of what was paid into a wallet back.
pub(super) fn give_back(order: &Order, number: &str, fen: i64) -> Command {
    RefundCommand::RequestBalance(Box::new(RefundBalance {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        amount: Fen::new(fen),
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

pub(super) fn what_was_paid_in_is_given_back(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        let placed = fixture.accept(pay_in(&tenant, "V-1", 1000, 201)).await;
        let wallet = placed.changed.wallets[0].row.clone();
        let recharge = placed.changed.orders[0].row.clone();
        fixture.accept(found(&recharge, paid(&recharge), None)).await;
        let ends = [
            ("RV-1", 400, RefundStatus::Closed, [600, 120], [1000, 201]),
            ("RV-2", 250, RefundStatus::Done, [750, 150], [750, 150]),
            ("RV-3", 750, RefundStatus::Done, [0, 0], [0, 0]),
        ];
        for (number, fen, end, meanwhile, after) in ends {
            let order = fixture.order(&recharge).await;
            let made = fixture.accept(give_back(&order, number, fen)).await;
            let refund = made.changed.refunds[0].row.clone();
            assert_eq!(both(&fixture, &tenant, &wallet).await, meanwhile, "{number}");
            fixture.assert_sound().await;
            fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
            assert_eq!(both(&fixture, &tenant, &wallet).await, after, "{number}");
            fixture.assert_sound().await;
            // Its parts are read as they were written.
            assert_eq!(fixture.refund(&order, number).await.parts, refund.parts);
        }
    })
}

/// What is in a wallet's accounts, in fen.
async fn both(fixture: &StoreFixture<'_>, tenant: &TenantId, wallet: &Wallet) -> [i64; 2] {
    let principal = fixture.balance(tenant, &wallet.principal().key()).await;
    let bonus = fixture.balance(tenant, &wallet.bonus().key()).await;
    [principal.posted.get(), bonus.posted.get()]
}

/// A page of the flows of the user's wallet, of all time.
async fn flows(
    fixture: &StoreFixture<'_>,
    of: &Wallet,
    kind: Option<WalletFlowKind>,
    [offset, limit]: [u32; 2],
) -> Counted<WalletFlow> {
    let (tenant, wallet) = (of.tenant.clone(), of.id);
    let (from, to) = (Timestamp::default(), fixture.now().plus_ms(1));
    fixture.ask(WalletFlows { tenant, wallet, kind, from, to, offset, limit }).await
}

/// What a flow is, what it does and what it is about.
fn line(flow: &WalletFlow) -> String {
    let WalletFlow { kind, amount, frozen, balance_after, .. } = flow;
    let [order, refund, freeze] = [&flow.order_no, &flow.refund_no, &flow.freeze_no]
        .map(|number| number.as_deref().unwrap_or("-"));
    let (amount, frozen, after) = (amount.get(), frozen.get(), balance_after.get());
    format!("{kind:?} {amount} {frozen} {after} {order} {refund} {freeze}")
}

pub(super) fn flows_of_wallets_have_the_balance_after_them(store: &dyn Store) -> Promise<'_, ()> {
    Box::pin(async move {
        let mut fixture = StoreFixture::new(store);
        let tenant = tenant_at(0);
        spent(&mut fixture, &tenant).await;
        spent(&mut fixture, &tenant_at(1)).await;
        let began = fixture.now();
        fixture.wait_ms(5_000);
        let placed = fixture.accept(pay_in(&tenant, "V-2", 100, 10)).await;
        let recharge = placed.changed.orders[0].row.clone();
        fixture.accept(found(&recharge, paid(&recharge), None)).await;
        for (number, end) in [("RV-1", RefundStatus::Closed), ("RV-2", RefundStatus::Done)] {
            let order = fixture.order(&recharge).await;
            let made = fixture.accept(give_back(&order, number, 50)).await;
            let refund = made.changed.refunds[0].row.clone();
            fixture.accept(found_of_refund(&refund, refunded(&refund, end))).await;
        }
        frozen(&mut fixture, &tenant).await;
        let own = wallet(&fixture, &tenant).await;
        let all = flows(&fixture, &own, None, [0, 100]).await;
        let lines: Vec<String> = all.rows.iter().rev().map(line).collect();
        let text = lines.join("\n");
        assert_eq!(
            text,
            "Recharge 1000 0 1000 V-1 - -\n\
             Bonus 200 0 1200 V-1 - -\n\
             Payment -1000 0 200 D-1 - -\n\
             Payment -100 0 100 D-1 - -\n\
             Refund 100 0 200 D-1 RD-1 -\n\
             Refund 50 0 250 D-1 RD-1 -\n\
             Recharge 100 0 350 V-2 - -\n\
             Bonus 10 0 360 V-2 - -\n\
             RechargeRefund -50 0 310 V-2 RV-1 -\n\
             RechargeRefund -5 0 305 V-2 RV-1 -\n\
             RechargeRefund 50 0 355 V-2 RV-1 -\n\
             RechargeRefund 5 0 360 V-2 RV-1 -\n\
             RechargeRefund -50 0 310 V-2 RV-2 -\n\
             RechargeRefund -5 0 305 V-2 RV-2 -\n\
             Freeze 0 90 305 - - H-1\n\
             Unfreeze 0 -30 305 - - H-1\n\
             Freeze 0 20 305 - - H-2"
        );
        assert_eq!(all.count, 17);
        assert!(all.rows[0].note.as_deref().is_some_and(|note| note.starts_with("核查")));
        for kind in WalletFlowKind::ALL {
            let own_kind = all.rows.iter().filter(|flow| flow.kind == kind);
            let wanted: Vec<WalletFlow> = own_kind.cloned().collect();
            let page = flows(&fixture, &own, Some(kind), [1, 2]).await;
            assert_eq!(usize::try_from(page.count), Ok(wanted.len()), "{kind:?}");
            let rest: Vec<WalletFlow> = wanted.into_iter().skip(1).take(2).collect();
            assert_eq!(page.rows, rest, "{kind:?}");
        }
        let (wallet, offset, limit) = (own.id, 2, 3);
        let before =
            WalletFlows { tenant, wallet, kind: None, from: START, to: began, offset, limit };
        let page = fixture.ask(before).await;
        let older = all.rows.iter().filter(|flow| flow.at < began).skip(2).take(3);
        assert_eq!(page.rows, older.cloned().collect::<Vec<_>>());
        assert_eq!(page.count, 6);
    })
}
