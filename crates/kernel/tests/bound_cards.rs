//! Gift cards in wallets: who binds them, how they pay, and how what they paid comes back.

mod support;

use channel::{Finding, Payment, RefundStatus, Refunded, WALLET_CHANNEL};
use kernel::{
    BindCard, BuyCards, Card, CardBatchCommand, CardBindingCommand, CardBindingRefusal,
    CardCommand, CardProof, CardSecret, CardState, CardValidity, Command, CreateCardBatch, Deduct,
    Directory, Key, MerchantId, OpenWallet, OrderRefusal, OrderState, PlaceOrder, ReadCardSecret,
    RechargeCommand, RechargeWallet, RefundCards, RefundCommand, RefundRefusal, RefundRequest,
    Refusal, ResealCardSecret, Route, Row, Sealed, Task, WALLET_CARDS_MAX, Wallet, WalletCommand,
    WalletRefusal, WalletState, WalletUse,
};
use ledger::{Account, AccountKind, Currency, Fen, Id, Subject, kinds};
use proptest::prelude::*;
use std::sync::Arc;
use support::{MERCHANT, PARTNERS, TestKernel, directory, no_id, place_with, request, tenant};

const OWNER: &str = "user1";
/// The account at the channel of wallets.
const ACCOUNT: &str = "wallets";
const FACE: i64 = 1000;
const DAY: i64 = 24 * 3600;
const HOUR: i64 = 3600;
/// A batch whose cards end later, and one whose cards end sooner.
const BATCHES: [(i64, u16); 2] = [(100, 30), (101, 10)];

#[expect(clippy::disallowed_methods, reason = "the id that a caller chooses for a batch")]
const fn batch_id(number: i64) -> Id<kinds::CardBatch> {
    Id::from_value(number)
}

fn with_wallets() -> Directory {
    let mut directory = directory();
    let routes = directory.tenants.get_mut(&tenant()).expect("the tenant");
    for merchant in routes.merchants.values_mut() {
        let of_wallets = Route {
            channel: Arc::from(WALLET_CHANNEL),
            channel_account: Arc::from(ACCOUNT),
            ..merchant.routes[0].clone()
        };
        merchant.routes.push(of_wallets);
    }
    directory
}

fn create_batch(id: i64, days: u16, accepted_by: Vec<MerchantId>) -> CardBatchCommand {
    CardBatchCommand::Create(Box::new(CreateCardBatch {
        tenant: tenant(),
        namespace: Arc::from("wecard.card_batch"),
        number: format!("b{id}"),
        id: Some(batch_id(id)),
        merchant: MerchantId::new(MERCHANT),
        name: "礼品卡".to_owned(),
        face: Fen::new(FACE),
        price: Fen::new(900),
        total: 1000,
        validity: CardValidity::Relative { days },
        owner_max: 0,
        is_transferable: true,
        accepted_by,
        is_on_sale: true,
    }))
}

/// A kernel with both batches on sale and an empty wallet.
fn new_kernel() -> TestKernel {
    let mut kernel = TestKernel::new(with_wallets());
    for (id, days) in BATCHES {
        kernel.handle(create_batch(id, days, vec![])).expect("a batch");
    }
    open(&mut kernel, MERCHANT);
    kernel
}

fn open(kernel: &mut TestKernel, merchant: &str) {
    let (merchant, owner) = (MerchantId::new(merchant), OWNER.to_owned());
    let open = OpenWallet { tenant: tenant(), merchant, owner };
    kernel.handle(WalletCommand::Open(open)).expect("opened");
}

fn wallet(kernel: &TestKernel) -> Wallet {
    let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
    kernel.stored.wallets.find(&tenant(), &key).expect("a wallet").clone()
}

fn card(kernel: &TestKernel, id: Id<kinds::Card>) -> Card {
    kernel.stored.cards.get(&tenant(), id).expect("a card").clone()
}

fn posted(kernel: &TestKernel, account: &Account) -> i64 {
    kernel.balance(account).posted.get()
}

fn liability(kernel: &TestKernel, batch: i64) -> i64 {
    let batch = kernel.stored.card_batches.get(&tenant(), batch_id(batch));
    posted(kernel, &batch.expect("the batch").liability())
}

/// What was paid in and what was given, in fen.
fn balance(kernel: &TestKernel) -> [i64; 2] {
    let wallet = wallet(kernel);
    [wallet.principal(), wallet.bonus()].map(|account| posted(kernel, &account))
}

/// The channel reports that an order was paid.
fn pay(kernel: &mut TestKernel, number: &str, account: &str) {
    let order = kernel.order(number).expect("an order").clone();
    let payment = Payment {
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: order.terms.channel_order_no.clone(),
        amount: order.terms.request.amount,
        settled_amount: order.terms.request.amount,
        currency: Currency::Cny,
        payer_amount: None,
        at: kernel.now,
    };
    let task = task_of(order.terms.id.subject());
    kernel.record(&task, account, None, Finding::Paid(payment)).expect("recorded");
}

fn task_of(subject: Subject) -> Task {
    Task { tenant: tenant(), subject, root: subject.root() }
}

/// Cards of a batch that the wallet's owner has bought.
fn bought(
    kernel: &mut TestKernel,
    number: &str,
    batch: i64,
    quantity: u32,
) -> Vec<Id<kinds::Card>> {
    let price = Fen::new(900 * i64::from(quantity));
    let order = place_with(number, |request| request.amount = price);
    let (batch, owner) = (batch_id(batch), OWNER.to_owned());
    let buy = BuyCards { order, batch, quantity, owner };
    kernel.handle(RechargeCommand::BuyCards(Box::new(buy))).expect("placed");
    pay(kernel, number, "main");
    let order = kernel.order(number).expect("an order").terms.id;
    let own = kernel.stored.cards.all().filter(|card| card.order == order);
    own.map(|card| card.id).collect()
}

fn pay_in(kernel: &mut TestKernel, number: &str, fen: i64, bonus: i64) {
    let order = place_with(number, |request| request.amount = Fen::new(fen));
    let (owner, bonus) = (OWNER.to_owned(), Fen::new(bonus));
    let recharge = RechargeWallet { order, owner, bonus };
    kernel.handle(RechargeCommand::PayIn(Box::new(recharge))).expect("placed");
    pay(kernel, number, "main");
}

fn binding(number: &str, card: Id<kinds::Card>, proof: CardProof) -> BindCard {
    BindCard {
        tenant: tenant(),
        namespace: Arc::from("wecard.card_binding"),
        number: number.to_owned(),
        card: Key::Id(card),
        proof,
        wallet: Wallet::key(&MerchantId::new(MERCHANT), OWNER),
    }
}

fn handle(kernel: &mut TestKernel, bind: BindCard) -> Result<Row, Refusal> {
    let reply = kernel.handle(CardBindingCommand::Bind(Box::new(bind)))?;
    Ok(reply.row.expect("a row"))
}

/// Its owner binds a card.
fn bind(kernel: &mut TestKernel, card: Id<kinds::Card>) -> Result<Row, Refusal> {
    handle(kernel, binding(&format!("of {card}"), card, CardProof::Owner(None)))
}

fn secret(tag: &str) -> CardProof {
    CardProof::Secret { tags: vec!["of an older key".to_owned(), tag.to_owned()] }
}

/// Makes the secret of a card: its hash is the word.
fn make_secret(kernel: &mut TestKernel, card: Id<kinds::Card>, tag: &str) {
    let fresh = CardSecret { sealed: Sealed::new("k1:sealed"), tag: tag.to_owned() };
    let read = ReadCardSecret { tenant: tenant(), card, owner: OWNER.to_owned(), fresh };
    kernel.handle(CardCommand::ReadSecret(Box::new(read))).expect("read");
}

fn freeze(card: Id<kinds::Card>) -> Command {
    CardCommand::Freeze { tenant: tenant(), card: Key::Id(card), note: None }.into()
}

fn unfreeze(card: Id<kinds::Card>) -> Command {
    CardCommand::Unfreeze { tenant: tenant(), card: Key::Id(card), note: None }.into()
}

fn spending(kernel: &TestKernel, number: &str, fen: i64, deduct: Deduct) -> PlaceOrder {
    let wallet = Some(WalletUse { wallet: wallet(kernel).id, deduct });
    let place = place_with(number, |request| {
        request.amount = Fen::new(fen);
        request.wallet = wallet;
    });
    PlaceOrder { channel: WALLET_CHANNEL.to_owned(), ..place }
}

/// Places an order that the wallet pays; why it is not paid, where it is not.
fn spend(kernel: &mut TestKernel, number: &str, fen: i64, deduct: Deduct) -> Result<(), String> {
    kernel.handle(spending(kernel, number, fen, deduct)).expect("placed");
    pay(kernel, number, ACCOUNT);
    match &kernel.order(number).expect("an order").state {
        OrderState::Paid(_) => Ok(()),
        OrderState::Failed { reason, .. } => Err(reason.clone()),
        state => panic!("{state:?}"),
    }
}

/// Refunds a part of an order, and the channel reports it done.
fn refund(kernel: &mut TestKernel, number: &str, order: &str, fen: i64) {
    kernel.handle(request(kernel, number, order, fen, None, None, None)).expect("requested");
    report_refund(kernel, number, ACCOUNT, RefundStatus::Done);
}

fn report_refund(kernel: &mut TestKernel, number: &str, account: &str, status: RefundStatus) {
    let refund = kernel.refund_no(number).expect("a refund").clone();
    let refunded = Refunded {
        channel_refund_no: refund.current_channel_refund_no(),
        refund_reference: "done".to_owned(),
        amount: refund.amount,
        settled_amount: None,
        status,
        at: Some(kernel.now),
    };
    let subject = refund.id.subject();
    let task = Task { tenant: tenant(), subject, root: refund.order.subject().root() };
    kernel.record(&task, account, None, Finding::Refund(refunded)).expect("recorded");
}

/// What each card still has, in fen.
fn left(kernel: &TestKernel, cards: &[Id<kinds::Card>]) -> Vec<i64> {
    cards.iter().map(|id| card(kernel, *id).balance().get()).collect()
}

/// Each batch's account is the sum of its cards, and nothing lies at the channel of wallets.
fn assert_books(kernel: &TestKernel) {
    for (batch, _) in BATCHES {
        let own = kernel.stored.cards.all().filter(|card| card.batch == batch_id(batch));
        let sum: i64 = own.map(|card| card.balance().get()).sum();
        assert_eq!(liability(kernel, batch), sum, "batch {batch}");
    }
    assert_eq!(posted(kernel, &Account::new(AccountKind::ChannelFunds, ACCOUNT)), 0);
}

#[test]
fn its_owner_binds_a_card_and_a_repeat_finds_the_binding() {
    let mut kernel = new_kernel();
    let ids = bought(&mut kernel, "buy", 100, 2);
    let first = bind(&mut kernel, ids[0]).expect("bound");
    let now = card(&kernel, ids[0]);
    assert_eq!(now.state, CardState::Bound);
    assert_eq!(now.bound_to.map(|bound| bound.wallet), Some(wallet(&kernel).id));
    assert_eq!(wallet(&kernel).cards, ids[..1]);
    let events = kernel.events.len();
    assert_eq!(bind(&mut kernel, ids[0]), Ok(first));
    assert_eq!(kernel.events.len(), events, "a repeat changes nothing");
    let other = binding(&format!("of {}", ids[0]), ids[1], CardProof::Owner(None));
    assert_eq!(handle(&mut kernel, other), Err(CardBindingRefusal::Differs.into()));
    let again = binding("again", ids[0], CardProof::Owner(None));
    let bound = CardBindingRefusal::CardState { state: "bound" };
    assert_eq!(handle(&mut kernel, again), Err(bound.into()));
}

#[test]
fn five_wrong_secrets_in_an_hour_lock_the_card_for_an_hour() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    // Nobody has read its secret yet: nothing is right.
    let attempt = |kernel: &mut TestKernel, tag: &str| {
        kernel.now = kernel.now.plus_seconds(60);
        handle(kernel, binding("b1", id, secret(tag)))
    };
    let is_wrong = |row: Result<Row, Refusal>| matches!(row, Ok(Row::Card(_)));
    assert!(is_wrong(attempt(&mut kernel, "right")));
    make_secret(&mut kernel, id, "right");
    // The first attempt is forgotten after an hour.
    kernel.now = kernel.now.plus_seconds(HOUR);
    for at in 0..5 {
        assert!(is_wrong(attempt(&mut kernel, "wrong")), "{at}");
    }
    assert_eq!(card(&kernel, id).wrong_secrets.len(), 5);
    assert_eq!(attempt(&mut kernel, "right"), Err(CardBindingRefusal::Locked.into()));
    kernel.now = kernel.now.plus_seconds(HOUR - 121);
    assert_eq!(attempt(&mut kernel, "right"), Err(CardBindingRefusal::Locked.into()));
    assert!(matches!(attempt(&mut kernel, "right"), Ok(Row::CardBinding(_))));
    assert_eq!(card(&kernel, id).wrong_secrets, []);
    // The same again, and with another secret.
    assert!(matches!(attempt(&mut kernel, "right"), Ok(Row::CardBinding(_))));
    assert_eq!(attempt(&mut kernel, "wrong"), Err(CardBindingRefusal::Differs.into()));
}

#[test]
fn a_secret_that_was_made_since_is_not_resealed() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    make_secret(&mut kernel, id, "right");
    let found = card(&kernel, id).secret.expect("a secret");
    let again = CardSecret { sealed: Sealed::new("k2:sealed"), tag: "right2".to_owned() };
    let other = CardSecret { tag: "other".to_owned(), ..again.clone() };
    let reseal = |found: &CardSecret| {
        let (found, again) = (found.clone(), again.clone());
        CardCommand::Reseal(Box::new(ResealCardSecret { tenant: tenant(), card: id, found, again }))
    };
    kernel.handle(reseal(&other)).expect("nothing to do");
    assert_eq!(card(&kernel, id).secret.as_ref(), Some(&found));
    kernel.handle(reseal(&found)).expect("resealed");
    assert_eq!(card(&kernel, id).secret, Some(again.clone()));
    let bound = handle(&mut kernel, binding("b1", id, secret("right2")));
    assert!(matches!(bound, Ok(Row::CardBinding(_))));
}

/// A number of a binding tells nothing about other cards before their secrets are known, and what nobody
/// can have known is not held against a secret that comes later.
#[test]
fn attempts_count_against_the_secret_that_they_were_made_at() {
    let mut kernel = new_kernel();
    let ids = bought(&mut kernel, "buy", 100, 2);
    bind(&mut kernel, ids[0]).expect("bound");
    let number = format!("of {}", ids[0]);
    let wrong = handle(&mut kernel, binding(&number, ids[1], secret("wrong")));
    assert!(matches!(wrong, Ok(Row::Card(_))), "it has no secret");
    assert_eq!(card(&kernel, ids[1]).wrong_secrets, []);
    make_secret(&mut kernel, ids[1], "right");
    let wrong = handle(&mut kernel, binding(&number, ids[1], secret("wrong")));
    assert!(matches!(wrong, Ok(Row::Card(_))));
    assert_eq!(card(&kernel, ids[1]).wrong_secrets.len(), 1, "it counts");
    let differs = handle(&mut kernel, binding(&number, ids[1], secret("right")));
    assert_eq!(differs, Err(CardBindingRefusal::Differs.into()));
}

#[test]
fn an_owner_binds_a_locked_card() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    for _ in 0..5 {
        handle(&mut kernel, binding("b1", id, secret("wrong"))).expect("it counts");
    }
    bind(&mut kernel, id).expect("bound");
}

#[test]
fn each_refusal_of_a_binding_in_its_order_changes_nothing() {
    let mut kernel = new_kernel();
    let partner = [MerchantId::new(PARTNERS[0])];
    kernel.handle(create_batch(102, 30, partner.to_vec())).expect("a batch");
    let (ids, strange) = (bought(&mut kernel, "buy", 100, 2), bought(&mut kernel, "buy2", 102, 1));
    let id = ids[0];
    let owner = || CardProof::Owner(None);
    assert_eq!(
        handle(&mut kernel, binding("b1", no_id(), owner())),
        Err(CardBindingRefusal::NoCard.into())
    );
    let nowhere = Key::Id(no_id());
    let nowhere = BindCard { wallet: nowhere, ..binding("b1", id, owner()) };
    assert_eq!(
        handle(&mut kernel, nowhere.clone()),
        Err(CardBindingRefusal::Wallet(WalletRefusal::NotFound).into())
    );
    // A wrong secret is told apart from nothing else.
    let wrong = BindCard { proof: secret("wrong"), ..nowhere };
    assert!(matches!(handle(&mut kernel, wrong), Ok(Row::Card(_))));
    let key = Key::Id(wallet(&kernel).id);
    let set = |kernel: &mut TestKernel, state| {
        let (wallet, note) = (key.clone(), None);
        kernel.handle(WalletCommand::SetState { tenant: tenant(), wallet, state, note })
    };
    set(&mut kernel, WalletState::Frozen).expect("frozen");
    assert_eq!(
        bind(&mut kernel, id),
        Err(CardBindingRefusal::Wallet(WalletRefusal::Frozen).into())
    );
    set(&mut kernel, WalletState::Normal).expect("usable");
    let other = binding("b1", id, CardProof::Owner(Some("stranger".to_owned())));
    assert_eq!(handle(&mut kernel, other), Err(CardBindingRefusal::OtherOwner.into()));
    kernel.handle(freeze(id)).expect("frozen");
    let state = |state| Err(CardBindingRefusal::CardState { state }.into());
    assert_eq!(bind(&mut kernel, id), state("frozen"));
    kernel.handle(unfreeze(id)).expect("usable");
    assert_eq!(bind(&mut kernel, strange[0]), Err(CardBindingRefusal::NotAccepted.into()));
    // Its time is up before its task has run.
    kernel.now = kernel.now.plus_seconds(31 * DAY);
    assert_eq!(bind(&mut kernel, id), state("expired"));
}

#[test]
fn a_card_is_spent_where_its_batch_is_accepted() {
    let mut kernel = new_kernel();
    let partner = MerchantId::new(PARTNERS[0]);
    kernel.handle(create_batch(102, 30, vec![partner.clone()])).expect("a batch");
    open(&mut kernel, PARTNERS[0]);
    let id = bought(&mut kernel, "buy", 102, 1)[0];
    let there = Wallet::key(&partner, OWNER);
    let bind = BindCard { wallet: there.clone(), ..binding("b1", id, CardProof::Owner(None)) };
    handle(&mut kernel, bind).expect("bound");
    let wallet = kernel.stored.wallets.find(&tenant(), &there).expect("a wallet").id;
    let place = place_with("o1", |request| {
        request.amount = Fen::new(300);
        request.merchant = partner.clone();
        request.wallet = Some(WalletUse { wallet, deduct: Deduct::CardsFirst });
    });
    let place = PlaceOrder { channel: WALLET_CHANNEL.to_owned(), ..place };
    kernel.handle(place).expect("placed");
    pay(&mut kernel, "o1", ACCOUNT);
    assert_eq!(left(&kernel, &[id]), [700]);
    assert_eq!(liability(&kernel, 102), 700);
    // The seller has the price, the other merchant what was spent there.
    assert_eq!(posted(&kernel, &Account::new(AccountKind::MerchantPending, PARTNERS[0])), 300);
}

#[test]
fn cards_that_end_first_are_used_before_others_and_then_the_balance() {
    let mut kernel = new_kernel();
    let late = bought(&mut kernel, "late", 100, 2);
    let soon = bought(&mut kernel, "soon", 101, 1);
    let cards = [late[0], late[1], soon[0]];
    for id in [late[1], late[0], soon[0]] {
        bind(&mut kernel, id).expect("bound");
    }
    pay_in(&mut kernel, "in", 500, 100);
    let view = &kernel.stored;
    assert_eq!(wallet(&kernel).card_balance(view, kernel.now), Some(Fen::new(3000)));
    spend(&mut kernel, "o1", 1200, Deduct::CardsFirst).expect("paid");
    assert_eq!(left(&kernel, &cards), [800, 1000, 0]);
    assert_eq!(card(&kernel, soon[0]).state, CardState::UsedUp);
    spend(&mut kernel, "o2", 2150, Deduct::CardsFirst).expect("paid");
    assert_eq!((left(&kernel, &cards), balance(&kernel)), (vec![0, 0, 0], [150, 100]));
    assert_books(&kernel);
    let short = spend(&mut kernel, "o3", 251, Deduct::CardsFirst);
    assert_eq!(short, Err("the balance is not enough".to_owned()));
    // What was taken last comes back first.
    refund(&mut kernel, "r1", "o2", 400);
    assert_eq!((left(&kernel, &cards), balance(&kernel)), (vec![0, 50, 0], [500, 100]));
    refund(&mut kernel, "r2", "o1", 1100);
    assert_eq!(left(&kernel, &cards), [200, 50, 900]);
    assert_eq!(card(&kernel, soon[0]).state, CardState::Bound);
    assert_books(&kernel);
}

#[test]
fn listed_cards_pay_alone_and_in_their_order() {
    let mut kernel = new_kernel();
    let ids = bought(&mut kernel, "buy", 100, 3);
    ids[..2].iter().for_each(|id| drop(bind(&mut kernel, *id).expect("bound")));
    pay_in(&mut kernel, "in", 500, 0);
    let cards = |list: &[usize]| Deduct::Cards(list.iter().map(|at| ids[*at]).collect());
    let short = spend(&mut kernel, "o1", 1001, cards(&[1]));
    assert_eq!(short, Err("the balance is not enough".to_owned()));
    spend(&mut kernel, "o2", 1200, cards(&[1, 0])).expect("paid");
    assert_eq!((left(&kernel, &ids), balance(&kernel)), (vec![800, 0, 1000], [500, 0]));
    for (list, at) in [(&[2][..], 0), (&[0, 2], 1), (&[0, 0], 1)] {
        let place = spending(&kernel, "o3", 1, cards(list));
        assert_eq!(kernel.handle(place), Err(OrderRefusal::WalletCard { at }.into()));
    }
    kernel.handle(freeze(ids[0])).expect("frozen");
    let frozen = spend(&mut kernel, "o4", 1, cards(&[0]));
    assert_eq!(frozen, Err("CardIdList[0]: the card is frozen".to_owned()));
    spend(&mut kernel, "o5", 500, Deduct::CardsFirst).expect("a frozen card is passed over");
    assert_eq!(balance(&kernel), [0, 0]);
    // What a frozen card paid comes back to it, and it stays frozen.
    refund(&mut kernel, "r1", "o2", 200);
    assert_eq!(
        (left(&kernel, &ids), card(&kernel, ids[0]).state),
        (vec![1000, 0, 1000], CardState::Frozen)
    );
    kernel.handle(unfreeze(ids[0])).expect("usable");
    assert_eq!(card(&kernel, ids[0]).state, CardState::Bound);
    assert_books(&kernel);
}

#[test]
fn what_an_expired_card_paid_comes_back_to_what_was_paid_in() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 101, 1)[0];
    bind(&mut kernel, id).expect("bound");
    spend(&mut kernel, "o1", 300, Deduct::CardsFirst).expect("paid");
    spend(&mut kernel, "o2", 100, Deduct::CardsFirst).expect("paid");
    kernel.now = kernel.now.plus_seconds(10 * DAY);
    let late = spend(&mut kernel, "o3", 1, Deduct::CardsFirst);
    assert_eq!(late, Err("the balance is not enough".to_owned()));
    // Its time is up, and its task has not run yet.
    refund(&mut kernel, "r1", "o1", 300);
    assert_eq!((left(&kernel, &[id]), balance(&kernel)), (vec![600], [300, 0]));
    assert_books(&kernel);
    let recharge = card(&kernel, id).recharge.subject();
    let root = card(&kernel, id).order.subject().root();
    let task = Task { tenant: tenant(), subject: recharge, root };
    kernel.handle(Command::RunTask(task)).expect("a task");
    assert_eq!(card(&kernel, id).state, CardState::Expired);
    assert_eq!(posted(&kernel, &Account::new(AccountKind::Breakage, MERCHANT)), 600);
    refund(&mut kernel, "r2", "o2", 100);
    assert_eq!((liability(&kernel, 101), balance(&kernel)), (0, [400, 0]));
    assert_books(&kernel);
}

#[test]
fn a_merchant_may_put_all_into_the_balance() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    bind(&mut kernel, id).expect("bound");
    pay_in(&mut kernel, "in", 100, 50);
    spend(&mut kernel, "o1", 1120, Deduct::CardsFirst).expect("paid");
    let wanted = request(&kernel, "r1", "o1", 200, None, None, None);
    let Command::Refund(RefundCommand::Request(mut wanted)) = wanted else { panic!("a refund") };
    Arc::make_mut(&mut wanted.request).is_to_balance = true;
    let wanted = RefundCommand::Request(wanted);
    kernel.handle(wanted.clone()).expect("requested");
    report_refund(&mut kernel, "r1", ACCOUNT, RefundStatus::Done);
    assert_eq!((left(&kernel, &[id]), balance(&kernel)), (vec![0], [200, 30]));
    kernel.handle(wanted).expect("a repeat");
    let other = request(&kernel, "r1", "o1", 200, None, None, None);
    assert_eq!(kernel.handle(other), Err(RefundRefusal::OtherWay.into()));
    // The rest of the order goes on from there.
    refund(&mut kernel, "r2", "o1", 920);
    assert_eq!((left(&kernel, &[id]), balance(&kernel)), (vec![920], [200, 30]));
    assert_books(&kernel);
}

/// Takes a card of a purchase back.
fn take_back(kernel: &mut TestKernel, number: &str, card: &Card) -> Result<(), Refusal> {
    let refund = RefundCards {
        tenant: tenant(),
        order: card.order,
        merchant: MerchantId::new(MERCHANT),
        cards: vec![card.id],
        request: Arc::new(RefundRequest {
            namespace: Arc::from("wecard.refund"),
            merchant_refund_no: number.to_owned(),
            dialect: Arc::from("wecard"),
            reason: None,
            notify_url: None,
            details: "{}".to_owned(),
            is_to_balance: false,
        }),
    };
    kernel.handle(RefundCommand::RequestCards(Box::new(refund))).map(drop)
}

#[test]
fn a_bound_card_is_taken_back_only_while_it_is_whole_and_is_bound_again_if_that_fails() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    bind(&mut kernel, id).expect("bound");
    spend(&mut kernel, "o1", 1000, Deduct::CardsFirst).expect("paid");
    let used = card(&kernel, id);
    let spent = Err(RefundRefusal::CardSpent { at: 0 }.into());
    assert_eq!(take_back(&mut kernel, "r0", &used), spent);
    refund(&mut kernel, "back", "o1", 1000);
    take_back(&mut kernel, "r1", &used).expect("taken back");
    assert_eq!((card(&kernel, id).state, liability(&kernel, 100)), (CardState::Void, 0));
    let void = spend(&mut kernel, "o2", 1, Deduct::Cards(vec![id]));
    assert_eq!(void, Err("CardIdList[0]: the card is void".to_owned()));
    report_refund(&mut kernel, "r1", "main", RefundStatus::Closed);
    assert_eq!((card(&kernel, id).state, liability(&kernel, 100)), (CardState::Bound, 1000));
    spend(&mut kernel, "o3", 400, Deduct::CardsFirst).expect("paid");
    assert_books(&kernel);
}

#[test]
fn a_wallet_with_cards_of_which_something_is_left_is_not_closed() {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    bind(&mut kernel, id).expect("bound");
    let close = |kernel: &mut TestKernel| {
        let (wallet, state) = (Key::Id(wallet(kernel).id), WalletState::Closed);
        let note = None;
        kernel.handle(WalletCommand::SetState { tenant: tenant(), wallet, state, note }).map(drop)
    };
    assert_eq!(close(&mut kernel), Err(WalletRefusal::NotEmpty.into()));
    kernel.handle(freeze(id)).expect("frozen");
    assert_eq!(close(&mut kernel), Err(WalletRefusal::NotEmpty.into()));
    kernel.handle(unfreeze(id)).expect("usable");
    spend(&mut kernel, "o1", 1000, Deduct::CardsFirst).expect("paid");
    close(&mut kernel).expect("nothing is left");
    // It comes back to the card also then.
    refund(&mut kernel, "r1", "o1", 1000);
    assert_eq!(left(&kernel, &[id]), [1000]);
}

#[test]
fn used_cards_make_room_in_a_full_wallet() {
    let mut kernel = new_kernel();
    let mut ids = vec![];
    for number in ["buy1", "buy2", "buy3"] {
        ids.extend(bought(&mut kernel, number, 100, 100));
    }
    for id in &ids[..WALLET_CARDS_MAX] {
        bind(&mut kernel, *id).expect("bound");
    }
    let next = ids[WALLET_CARDS_MAX];
    let full = CardBindingRefusal::Full { max: WALLET_CARDS_MAX };
    assert_eq!(bind(&mut kernel, next), Err(full.into()));
    spend(&mut kernel, "o1", 1000, Deduct::Cards(vec![ids[7]])).expect("paid");
    bind(&mut kernel, next).expect("there is room");
    let own = wallet(&kernel).cards;
    assert_eq!((own.len(), own.contains(&ids[7])), (WALLET_CARDS_MAX, false));
    let dropped = card(&kernel, ids[7]);
    assert_eq!((dropped.state, dropped.bound_to), (CardState::UsedUp, None));
    // The card has left the wallet: its owner gets the value as what was paid in.
    refund(&mut kernel, "r1", "o1", 1000);
    assert_eq!((left(&kernel, &[ids[7]]), balance(&kernel)), (vec![0], [1000, 0]));
    assert_books(&kernel);
}

/// Something that happens to the wallet.
#[derive(Clone, Debug)]
enum Step {
    PayIn { fen: i64, bonus: i64 },
    Spend { fen: i64, deduct: Way },
    Refund { which: usize, fen: i64 },
    Freeze { which: usize },
    Unfreeze { which: usize },
}

/// What of the wallet pays.
#[derive(Clone, Debug)]
enum Way {
    CardsFirst,
    Balance,
    Cards(Vec<usize>),
}

fn way() -> impl Strategy<Value = Way> {
    let order = Just(vec![0, 1, 2, 3]).prop_shuffle();
    prop_oneof![
        3 => Just(Way::CardsFirst),
        1 => Just(Way::Balance),
        2 => (order, 1..4usize).prop_map(|(order, len)| Way::Cards(order[..len].to_vec())),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let which = || any::<usize>();
    prop_oneof![
        1 => (1..500i64, 0..100i64).prop_map(|(fen, bonus)| Step::PayIn { fen, bonus }),
        4 => (1..2500i64, way()).prop_map(|(fen, deduct)| Step::Spend { fen, deduct }),
        4 => (which(), 1..1500i64).prop_map(|(which, fen)| Step::Refund { which, fen }),
        1 => which().prop_map(|which| Step::Freeze { which }),
        1 => which().prop_map(|which| Step::Unfreeze { which }),
    ]
}

/// The wallet of a history, and what a model of it says.
struct History {
    kernel: TestKernel,
    cards: Vec<Id<kinds::Card>>,
    /// What was paid in and given.
    sum: [i64; 2],
    /// Orders that were paid, with what of each is not refunded.
    orders: Vec<(String, i64)>,
}

impl History {
    fn new() -> History {
        let mut kernel = new_kernel();
        let mut cards = bought(&mut kernel, "late", 100, 2);
        cards.extend(bought(&mut kernel, "soon", 101, 2));
        cards.iter().for_each(|id| drop(bind(&mut kernel, *id).expect("bound")));
        pay_in(&mut kernel, "in", 700, 70);
        History { kernel, cards, sum: [700, 70], orders: vec![] }
    }

    /// What these can pay, in fen: frozen cards pay nothing.
    fn there(&self, deduct: &Way) -> Option<i64> {
        let usable = |at: &usize| card(&self.kernel, self.cards[*at]).state != CardState::Frozen;
        let of = |at: usize| left(&self.kernel, &[self.cards[at]])[0];
        let balance: i64 = balance(&self.kernel).iter().sum();
        match deduct {
            Way::Balance => Some(balance),
            Way::CardsFirst => {
                Some(balance + (0..self.cards.len()).filter(usable).map(of).sum::<i64>())
            }
            // A card that cannot be spent ends the order, one of which nothing is left as well.
            Way::Cards(list) => {
                let can =
                    |at: &usize| card(&self.kernel, self.cards[*at]).state == CardState::Bound;
                list.iter().all(can).then(|| list.iter().map(|at| of(*at)).sum())
            }
        }
    }

    fn play(&mut self, at: usize, step: Step) {
        let pick = |which: usize, len: usize| which % len;
        match step {
            Step::PayIn { fen, bonus } => {
                pay_in(&mut self.kernel, &format!("in{at}"), fen, bonus);
                self.sum = [self.sum[0] + fen, self.sum[1] + bonus];
            }
            Step::Spend { fen, deduct } => {
                let can = self.there(&deduct).is_some_and(|there| fen <= there);
                let number = format!("o{at}");
                let deduct = match deduct {
                    Way::CardsFirst => Deduct::CardsFirst,
                    Way::Balance => Deduct::Balance,
                    Way::Cards(list) => {
                        Deduct::Cards(list.iter().map(|at| self.cards[*at]).collect())
                    }
                };
                let paid = spend(&mut self.kernel, &number, fen, deduct);
                assert_eq!(paid.is_ok(), can, "{paid:?}");
                self.orders.extend(can.then_some((number, fen)));
            }
            Step::Refund { which, fen } if !self.orders.is_empty() => {
                let which = pick(which, self.orders.len());
                let (number, left) = &mut self.orders[which];
                let fen = fen.min(*left);
                if fen > 0 {
                    *left -= fen;
                    refund(&mut self.kernel, &format!("r{at}"), &number.clone(), fen);
                }
            }
            Step::Refund { .. } => {}
            Step::Freeze { which } => {
                let id = self.cards[pick(which, self.cards.len())];
                self.kernel.handle(freeze(id)).expect("frozen");
            }
            Step::Unfreeze { which } => {
                let id = self.cards[pick(which, self.cards.len())];
                self.kernel.handle(unfreeze(id)).expect("usable");
            }
        }
    }

    fn all(&self) -> i64 {
        let out: i64 = self.orders.iter().map(|(_, left)| left).sum();
        let cards: i64 = left(&self.kernel, &self.cards).iter().sum();
        balance(&self.kernel).iter().sum::<i64>() + cards + out
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However orders were paid from cards and balance and refunded in parts: each batch's account is the
    /// sum of its cards at every step, and when all is refunded, each card and both accounts have what
    /// they had.
    #[test]
    fn refunds_are_the_exact_inverse_of_spending(
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        let mut history = History::new();
        for (at, step) in steps.into_iter().enumerate() {
            history.play(at, step);
            assert_books(&history.kernel);
            let worth = 4 * FACE + history.sum.iter().sum::<i64>();
            prop_assert_eq!(history.all(), worth);
        }
        for (at, (number, left)) in history.orders.iter().enumerate() {
            if *left > 0 {
                refund(&mut history.kernel, &format!("last{at}"), number, *left);
            }
        }
        assert_books(&history.kernel);
        prop_assert_eq!(left(&history.kernel, &history.cards), vec![FACE; 4]);
        prop_assert_eq!(balance(&history.kernel), history.sum);
    }
}

/// A card whose refund had failed was spent in part when the channel carried that out after all.
fn given_back_late(spent: i64) -> (TestKernel, Id<kinds::Card>) {
    let mut kernel = new_kernel();
    let id = bought(&mut kernel, "buy", 100, 1)[0];
    let order = kernel.order("buy").expect("an order").terms.id;
    let (tenant, merchant) = (tenant(), MerchantId::new(MERCHANT));
    let request = Arc::new(RefundRequest {
        namespace: Arc::from("wecard.refund"),
        merchant_refund_no: "f1".to_owned(),
        dialect: Arc::from("wecard"),
        reason: None,
        notify_url: None,
        details: "{}".to_owned(),
        is_to_balance: false,
    });
    let back = RefundCards { tenant, order, merchant, cards: vec![id], request };
    kernel.handle(RefundCommand::RequestCards(Box::new(back))).expect("requested");
    report_refund(&mut kernel, "f1", "main", RefundStatus::Closed);
    bind(&mut kernel, id).expect("bound");
    spend(&mut kernel, "o1", spent, Deduct::CardsFirst).expect("paid");
    report_refund(&mut kernel, "f1", "main", RefundStatus::Done);
    assert_books(&kernel);
    assert_eq!(card(&kernel, id).state, CardState::Void);
    assert!(kernel.refund_no("f1").expect("a refund").attention.is_some());
    (kernel, id)
}

/// What the merchant's promotions cost, and what was written off.
fn costs(kernel: &TestKernel) -> [i64; 2] {
    let of = [(AccountKind::MerchantPromotions, MERCHANT), (AccountKind::WriteOff, "100001")];
    of.map(|(kind, owner)| -posted(kernel, &Account::new(kind, owner)))
}

/// What is left makes up for the price, and so does what the order gives back later: its owner has the price
/// and nothing more to spend.
#[test]
fn a_card_that_is_spent_in_part_is_void_once_its_price_is_given_back() {
    for (spent, after) in [(30, [30, 0]), (300, [100, 200]), (1000, [100, 900])] {
        let (mut kernel, id) = given_back_late(spent);
        assert_eq!(costs(&kernel), after, "{spent} are spent");
        let refused = spend(&mut kernel, "o2", 1, Deduct::Cards(vec![id]));
        assert!(refused.expect_err("void").contains("void"));
        refund(&mut kernel, "f2", "o1", spent - 10);
        refund(&mut kernel, "f3", "o1", 10);
        assert_books(&kernel);
        assert_eq!((costs(&kernel), balance(&kernel)), ([0, 0], [0, 0]));
        assert_eq!(card(&kernel, id).state, CardState::Void);
        assert_eq!(posted(&kernel, &Account::new(AccountKind::MerchantPending, MERCHANT)), 0);
    }
}
