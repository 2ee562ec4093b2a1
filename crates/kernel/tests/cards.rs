//! Gift cards: what is reserved is issued once or put back once, and the book has what cards are worth.
#![expect(clippy::disallowed_methods, reason = "batches with ids of their own")]

mod support;

use channel::{Finding, Payment};
use kernel::{
    BuyCards, Card, CardBatch, CardBatchCommand, CardBatchModification, CardBatchRefusal,
    CardBatchState, CardValidity, CreateCardBatch, Key, MerchantId, OrderCommand, OrderState,
    PlaceOrder, Recharge, RechargeCommand, RechargePurpose, RechargeRefusal, RechargeState,
    Refusal, Task,
};
use ledger::{Account, AccountKind, Currency, Fen, Id, Timestamp, kinds};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{MERCHANT, PARTNERS, START, TestKernel, directory, order_key, place_with, tenant};

const BATCH: i64 = 100;
const DAY: i64 = 24 * 3600;

fn batch_id() -> Id<kinds::CardBatch> {
    Id::from_value(BATCH)
}

/// A batch of ten cards of 1000 for 900.
fn new_batch() -> CreateCardBatch {
    CreateCardBatch {
        tenant: tenant(),
        namespace: Arc::from("wecard.card_batch"),
        number: "b1".to_owned(),
        id: Some(batch_id()),
        merchant: MerchantId::new(MERCHANT),
        name: "礼品卡".to_owned(),
        face: Fen::new(1000),
        price: Fen::new(900),
        total: 10,
        validity: CardValidity::Relative { days: 30 },
        owner_max: 0,
        is_transferable: false,
        accepted_by: vec![],
        is_on_sale: true,
    }
}

fn create(change: impl FnOnce(&mut CreateCardBatch)) -> CardBatchCommand {
    let mut create = new_batch();
    change(&mut create);
    CardBatchCommand::Create(Box::new(create))
}

fn with_batch(change: impl FnOnce(&mut CreateCardBatch)) -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    kernel.handle(create(change)).expect("a batch");
    kernel
}

fn modify(modification: CardBatchModification) -> CardBatchCommand {
    CardBatchCommand::Modify { tenant: tenant(), batch: Key::Id(batch_id()), modification }
}

fn buying(number: &str, quantity: u32, owner: &str) -> BuyCards {
    let order = place_with(number, |request| {
        request.amount = Fen::new(900 * i64::from(quantity));
    });
    BuyCards { order, batch: batch_id(), quantity, owner: owner.to_owned() }
}

fn buy(kernel: &mut TestKernel, number: &str, quantity: u32) -> Result<(), Refusal> {
    let buying = buying(number, quantity, "user");
    kernel.handle(RechargeCommand::BuyCards(Box::new(buying))).map(drop)
}

fn batch(kernel: &TestKernel) -> CardBatch {
    kernel.stored.card_batches.get(&tenant(), batch_id()).expect("the batch").clone()
}

fn cards(kernel: &TestKernel) -> Vec<Card> {
    kernel.stored.cards.all().cloned().collect()
}

fn state(kernel: &TestKernel, number: &str) -> RechargeState {
    let order = kernel.order(number).expect("an order");
    let id = order.terms.request.recharge.expect("a recharge");
    kernel.stored.recharges.get(&tenant(), id).expect("the recharge").state.clone()
}

/// The channel reports that an order was paid.
fn pay(kernel: &mut TestKernel, number: &str, reference: &str) {
    let order = kernel.order(number).expect("an order").clone();
    let amount = order.terms.request.amount;
    let finding = Finding::Paid(Payment {
        channel_order_no: order.terms.channel_order_no.clone(),
        payment_reference: reference.to_owned(),
        amount,
        settled_amount: amount,
        currency: Currency::Cny,
        payer_amount: None,
        at: kernel.now,
    });
    report(kernel, number, finding);
}

fn report(kernel: &mut TestKernel, number: &str, finding: Finding) {
    let subject = kernel.order(number).expect("an order").terms.id.subject();
    let task = Task { tenant: tenant(), subject, root: subject.root() };
    kernel.record(&task, "main", None, finding).expect("a finding is recorded");
}

fn posted(kernel: &TestKernel, kind: AccountKind, owner: &str) -> i64 {
    kernel.balance(&Account::new(kind, owner)).posted.get()
}

fn liability(kernel: &TestKernel) -> i64 {
    kernel.balance(&batch(kernel).liability()).posted.get()
}

fn run_task(kernel: &mut TestKernel, number: &str) {
    let order = kernel.order(number).expect("an order");
    let id = order.terms.request.recharge.expect("a recharge");
    let subject = id.subject();
    let task = Task { tenant: tenant(), subject, root: order.terms.id.subject().root() };
    kernel.handle(kernel::Command::RunTask(task)).expect("a task");
}

#[test]
fn cards_are_issued_with_the_payment_and_once() {
    let mut kernel = with_batch(|_| {});
    buy(&mut kernel, "r1", 3).expect("bought");
    assert_eq!((batch(&kernel).reserved, batch(&kernel).stock()), (3, 7));
    assert_eq!((cards(&kernel).len(), state(&kernel, "r1")), (0, RechargeState::Open));
    pay(&mut kernel, "r1", "tx1");
    assert_eq!((batch(&kernel).reserved, batch(&kernel).issued), (0, 3));
    let issued = cards(&kernel);
    assert_eq!(issued.len(), 3);
    for card in &issued {
        assert!(kernel::has_check_digit(&card.number), "{}", card.number);
        assert_eq!((card.balance(), &*card.owner), (Fen::new(1000), "user"));
        assert_eq!(card.ends_at, START.plus_seconds(30 * DAY));
    }
    assert_eq!(liability(&kernel), 3000);
    assert_eq!(posted(&kernel, AccountKind::MerchantPending, MERCHANT), 0);
    assert_eq!(posted(&kernel, AccountKind::MerchantPromotions, MERCHANT), -300);
    // The same payment again, and another one for the same order.
    pay(&mut kernel, "r1", "tx1");
    pay(&mut kernel, "r1", "tx2");
    assert_eq!((cards(&kernel), liability(&kernel)), (issued, 3000));
    assert_eq!(kernel.refund().expect("the second payment goes back").amount, Fen::new(2700));
}

#[test]
fn what_costs_more_than_it_is_worth_leaves_the_rest_with_the_seller() {
    let mut kernel = with_batch(|batch| batch.face = Fen::new(800));
    buy(&mut kernel, "r1", 2).expect("bought");
    pay(&mut kernel, "r1", "tx1");
    assert_eq!(liability(&kernel), 1600);
    assert_eq!(posted(&kernel, AccountKind::MerchantPending, MERCHANT), 200);
    assert_eq!(posted(&kernel, AccountKind::MerchantPromotions, MERCHANT), 0);
}

#[test]
fn an_unpaid_end_puts_the_cards_back_once() {
    let mut kernel = with_batch(|batch| batch.owner_max = 4);
    buy(&mut kernel, "r1", 4).expect("bought");
    assert_eq!(
        buy(&mut kernel, "r2", 1),
        Err(RechargeRefusal::OwnerMax { max: 4, taken: 4 }.into())
    );
    let close = OrderCommand::Close { tenant: tenant(), order: order_key("r1") };
    kernel.now = kernel.now.plus_seconds(60);
    kernel.handle(close).expect("closing");
    assert_eq!(batch(&kernel).reserved, 4, "it is as payable as before");
    report(&mut kernel, "r1", Finding::Closed);
    assert_eq!((batch(&kernel).reserved, batch(&kernel).stock()), (0, 10));
    assert!(matches!(state(&kernel, "r1"), RechargeState::Released { .. }));
    report(&mut kernel, "r1", Finding::Closed);
    assert_eq!(batch(&kernel).stock(), 10);
    // Money that comes now goes back, and issues nothing.
    pay(&mut kernel, "r1", "tx1");
    assert_eq!((cards(&kernel).len(), batch(&kernel).stock()), (0, 10));
    assert_eq!(kernel.refund().expect("a refund").amount, Fen::new(3600));
    buy(&mut kernel, "r2", 4).expect("the owner may buy again");
}

#[test]
fn each_refusal_in_its_order_changes_nothing() {
    let mut kernel = with_batch(|batch| batch.owner_max = 5);
    let mut refused = |change: &dyn Fn(&mut BuyCards)| {
        let mut buying = buying("r1", 1, "user");
        change(&mut buying);
        kernel.handle(RechargeCommand::BuyCards(Box::new(buying))).expect_err("refused")
    };
    assert_eq!(refused(&|buy| buy.batch = Id::from_value(7)), RechargeRefusal::NoBatch.into());
    let quantity = Refusal::from(RechargeRefusal::Quantity { max: 100 });
    assert_eq!(refused(&|buy| buy.quantity = 0), quantity);
    assert_eq!(refused(&|buy| buy.quantity = 101), quantity);
    let (price, merchant) = (Fen::new(1800), MerchantId::new(MERCHANT));
    let wrong = Refusal::from(RechargeRefusal::Price { price, merchant });
    assert_eq!(refused(&|buy| buy.quantity = 2), wrong);
    let all = |buy: &mut BuyCards| *buy = self::buying("r1", 11, "user");
    assert_eq!(refused(&all), RechargeRefusal::Stock { stock: 10 }.into());
    let many = |buy: &mut BuyCards| *buy = self::buying("r1", 6, "user");
    assert_eq!(refused(&many), RechargeRefusal::OwnerMax { max: 5, taken: 0 }.into());
    let off = CardBatchModification { state: Some(CardBatchState::OffSale), ..modified() };
    kernel.handle(modify(off)).expect("off sale");
    assert_eq!(buy(&mut kernel, "r1", 1), Err(RechargeRefusal::NotOnSale.into()));
}

fn modified() -> CardBatchModification {
    CardBatchModification::default()
}

#[test]
fn cards_that_end_together_are_not_sold_beyond_their_end() {
    let ends_at = START.plus_seconds(600);
    let mut kernel = with_batch(|batch| {
        batch.validity = CardValidity::Fixed { begins_at: START, ends_at };
    });
    let late = |expires_at: Option<Timestamp>| {
        let buying = buying("r1", 1, "user");
        let order = PlaceOrder { expires_at, ..buying.order };
        RechargeCommand::BuyCards(Box::new(BuyCards { order, ..buying }))
    };
    let beyond = kernel.handle(late(Some(ends_at.plus_seconds(1))));
    assert_eq!(beyond, Err(RechargeRefusal::Expiry { ends_at }.into()));
    kernel.handle(late(None)).expect("bought");
    assert_eq!(kernel.order("r1").expect("an order").terms.expires_at, ends_at);
    // The channel reports the payment when the cards have ended.
    kernel.now = ends_at.plus_seconds(1);
    pay(&mut kernel, "r1", "tx1");
    assert!(matches!(kernel.order("r1").expect("an order").state, OrderState::Failed { .. }));
    assert_eq!((cards(&kernel).len(), batch(&kernel).stock()), (0, 10));
    assert_eq!(kernel.refund().expect("the money goes back").amount, Fen::new(900));
    assert_eq!(buy(&mut kernel, "r2", 1), Err(RechargeRefusal::NotOnSale.into()));
}

#[test]
fn an_extended_batch_keeps_its_cards_alive() {
    let ends_at = START.plus_seconds(600);
    let mut kernel = with_batch(|batch| {
        batch.validity = CardValidity::Fixed { begins_at: START, ends_at };
    });
    buy(&mut kernel, "r1", 2).expect("bought");
    pay(&mut kernel, "r1", "tx1");
    let later = ends_at.plus_seconds(600);
    let extension = CardBatchModification { ends_at: Some(later), ..modified() };
    kernel.handle(modify(extension)).expect("extended");
    kernel.now = ends_at;
    run_task(&mut kernel, "r1");
    assert_eq!(liability(&kernel), 2000);
    kernel.now = later;
    run_task(&mut kernel, "r1");
    assert_eq!(liability(&kernel), 0);
    assert_eq!(posted(&kernel, AccountKind::Breakage, MERCHANT), 2000);
    assert!(cards(&kernel).iter().all(|card| card.balance() == Fen::ZERO));
    run_task(&mut kernel, "r1");
    assert_eq!(posted(&kernel, AccountKind::Breakage, MERCHANT), 2000);
}

#[test]
fn a_batch_is_refused_by_the_member_that_is_wrong() {
    let mut kernel = with_batch(|_| {});
    assert_eq!(kernel.handle(create(|_| {})).map(drop), Ok(()), "a repeat");
    let differs = kernel.handle(create(|batch| batch.face = Fen::new(1)));
    assert_eq!(differs, Err(CardBatchRefusal::Differs.into()));
    let taken = kernel.handle(create(|batch| batch.number = "b2".to_owned()));
    assert!(taken.expect_err("refused").to_string().contains("another card batch"));
    let other = |change: fn(&mut CreateCardBatch)| {
        create(|batch| {
            (batch.number, batch.id) = ("b2".to_owned(), None);
            change(batch);
        })
    };
    let wrong: [fn(&mut CreateCardBatch); 8] = [
        |batch| batch.merchant = MerchantId::new("CM-X"),
        |batch| batch.face = Fen::ZERO,
        |batch| batch.price = Fen::new(-1),
        |batch| batch.total = 0,
        |batch| batch.face = Fen::new(i64::MAX),
        |batch| batch.validity = CardValidity::Relative { days: 0 },
        |batch| batch.validity = CardValidity::Fixed { begins_at: START, ends_at: START },
        |batch| batch.accepted_by = vec![MerchantId::new("CM-X")],
    ];
    for change in wrong {
        let refused = kernel.handle(other(change)).expect_err("refused");
        assert!(
            matches!(refused, Refusal::CardBatch(CardBatchRefusal::Member { .. })),
            "{refused}"
        );
    }
    let accepted = other(|batch| batch.accepted_by = vec![MerchantId::new(PARTNERS[0])]);
    kernel.handle(accepted).expect("a second batch");
}

/// What happens in a random history.
#[derive(Clone, Debug)]
enum Step {
    Buy { quantity: u32 },
    Pay { which: usize, twice: bool },
    Close { which: usize },
    EndUnpaid { which: usize },
    Wait { days: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1u32..5).prop_map(|quantity| Step::Buy { quantity }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, twice)| Step::Pay { which, twice }),
        1 => any::<usize>().prop_map(|which| Step::Close { which }),
        1 => any::<usize>().prop_map(|which| Step::EndUnpaid { which }),
        1 => (1i64..20).prop_map(|days| Step::Wait { days }),
    ]
}

proptest! {
    /// In any order of purchases, payments, ends and expiries: stock adds up, each paid purchase has its
    /// cards, no number appears twice, and the book has exactly what the cards are worth.
    #[test]
    fn the_book_has_what_the_cards_are_worth(steps in proptest::collection::vec(step(), 1..40)) {
        let mut kernel = with_batch(|batch| batch.owner_max = 7);
        let mut made = 0usize;
        for step in steps {
            match step {
                Step::Buy { quantity } => {
                    if buy(&mut kernel, &format!("r{made}"), quantity).is_ok() {
                        made += 1;
                    }
                }
                _ if made == 0 => {}
                Step::Pay { which, twice } => {
                    let number = format!("r{}", which % made);
                    for reference in ["tx1", "tx2"].iter().take(1 + usize::from(twice)) {
                        pay(&mut kernel, &number, &format!("{number}{reference}"));
                    }
                }
                Step::Close { which } => {
                    let order = order_key(&format!("r{}", which % made));
                    // Refused where it is paid or a call is running.
                    let _ = kernel.handle(OrderCommand::Close { tenant: tenant(), order });
                }
                Step::EndUnpaid { which } => {
                    report(&mut kernel, &format!("r{}", which % made), Finding::Closed);
                }
                Step::Wait { days } => {
                    kernel.now = kernel.now.plus_seconds(days * DAY);
                    (0..made).for_each(|at| run_task(&mut kernel, &format!("r{at}")));
                }
            }
            check_sound(&kernel, made)?;
        }
    }
}

fn quantity(recharge: &Recharge) -> u32 {
    match recharge.purpose {
        RechargePurpose::Cards { quantity, .. } => quantity,
        RechargePurpose::Balance { .. } => panic!("a purchase of cards"),
    }
}

fn check_sound(kernel: &TestKernel, made: usize) -> Result<(), TestCaseError> {
    let (batch, cards) = (batch(kernel), cards(kernel));
    prop_assert_eq!(i64::try_from(cards.len()).expect("few"), batch.issued);
    let numbers: BTreeSet<&str> = cards.iter().map(|card| &*card.number).collect();
    prop_assert_eq!(numbers.len(), cards.len());
    let worth: i64 = cards.iter().map(|card| card.balance().get()).sum();
    prop_assert_eq!(worth, liability(kernel));
    let mut reserved = 0;
    for at in 0..made {
        let number = format!("r{at}");
        let order = kernel.order(&number).expect("an order");
        let id = order.terms.request.recharge.expect("a recharge");
        let recharge = kernel.stored.recharges.get(&tenant(), id).expect("the recharge");
        let own = cards.iter().filter(|card| card.recharge == id).count();
        let want = match (&order.state, &recharge.state) {
            (OrderState::Paid(_), RechargeState::Issued { cards, .. }) => cards.len,
            (
                OrderState::Failed { .. } | OrderState::Closed { .. },
                RechargeState::Released { .. },
            ) => 0,
            (
                OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_),
                RechargeState::Open,
            ) => {
                reserved += i64::from(quantity(recharge));
                0
            }
            (order, recharge) => {
                return Err(TestCaseError::fail(format!("{order:?} with {recharge:?}")));
            }
        };
        prop_assert_eq!(own, usize::try_from(want).expect("few"));
    }
    prop_assert_eq!(reserved, batch.reserved);
    Ok(())
}
