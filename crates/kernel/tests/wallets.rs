//! Wallets: what is paid in is there to be spent, once; what an order took comes back exactly as it went.

mod support;

use channel::{Finding, Payment, RefundStatus, Refunded, WALLET_CHANNEL};
use kernel::{
    Command, Deduct, Directory, MerchantId, OpenWallet, OrderRefusal, OrderState, PlaceOrder,
    RechargeCommand, RechargeRefusal, RechargeWallet, RefundBalance, RefundCommand, RefundRefusal,
    RefundRequest, Refusal, Route, Task, UnappliedOutcome, Wallet, WalletCommand, WalletPayment,
    WalletRefusal, WalletState, WalletUse,
};
use ledger::{Account, AccountKind, Currency, Fen, Id, kinds};
use proptest::prelude::*;
use std::sync::Arc;
use support::{MERCHANT, PARTNERS, TestKernel, directory, no_id, place_with, request, tenant};

const OWNER: &str = "user1";
/// The account at the channel of wallets.
const ACCOUNT: &str = "wallets";

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

fn paying_in(number: &str, fen: i64, bonus: i64) -> Command {
    let order = place_with(number, |request| request.amount = Fen::new(fen));
    let (owner, bonus) = (OWNER.to_owned(), Fen::new(bonus));
    RechargeCommand::PayIn(Box::new(RechargeWallet { order, owner, bonus })).into()
}

/// The wallet of the tests' user.
fn wallet(kernel: &TestKernel) -> Wallet {
    let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
    kernel.stored.wallets.find(&tenant(), &key).expect("a wallet").clone()
}

/// What was paid in and what was given, in fen.
fn balance(kernel: &TestKernel) -> [i64; 2] {
    let wallet = wallet(kernel);
    [wallet.principal(), wallet.bonus()].map(|account| kernel.balance(&account).posted.get())
}

fn posted(kernel: &TestKernel, kind: AccountKind, owner: &str) -> i64 {
    kernel.balance(&Account::new(kind, owner)).posted.get()
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
    let subject = order.terms.id.subject();
    let task = Task { tenant: tenant(), subject, root: subject.root() };
    kernel.record(&task, account, None, Finding::Paid(payment)).expect("recorded");
}

/// A kernel whose user has paid in and got a bonus.
fn with_balance(fen: i64, bonus: i64) -> TestKernel {
    let mut kernel = TestKernel::new(with_wallets());
    kernel.handle(paying_in("in", fen, bonus)).expect("placed");
    pay(&mut kernel, "in", "main");
    kernel
}

fn of_wallet(wallet: Id<kinds::Wallet>) -> WalletUse {
    WalletUse { wallet, deduct: Deduct::CardsFirst }
}

fn spending(kernel: &TestKernel, number: &str, fen: i64) -> PlaceOrder {
    let wallet = Some(of_wallet(wallet(kernel).id));
    let place = place_with(number, |request| {
        request.amount = Fen::new(fen);
        request.wallet = wallet;
    });
    PlaceOrder { channel: WALLET_CHANNEL.to_owned(), ..place }
}

/// Places an order that the wallet pays; true when it is paid.
fn spend(kernel: &mut TestKernel, number: &str, fen: i64) -> bool {
    kernel.handle(spending(kernel, number, fen)).expect("placed");
    pay(kernel, number, ACCOUNT);
    matches!(kernel.order(number).expect("an order").state, OrderState::Paid(_))
}

/// Refunds a part of an order, and the channel reports it done.
fn refund(kernel: &mut TestKernel, number: &str, order: &str, fen: i64) {
    kernel.handle(request(kernel, number, order, fen, None, None, None)).expect("requested");
    let refund = kernel.refund_no(number).expect("a refund").clone();
    let done = Refunded {
        channel_refund_no: refund.current_channel_refund_no(),
        refund_reference: "done".to_owned(),
        amount: refund.amount,
        settled_amount: None,
        status: RefundStatus::Done,
        at: Some(kernel.now),
    };
    let subject = refund.id.subject();
    let task = Task { tenant: tenant(), subject, root: refund.order.subject().root() };
    kernel.record(&task, ACCOUNT, None, Finding::Refund(done)).expect("recorded");
}

fn set(kernel: &mut TestKernel, state: WalletState) -> Result<(), Refusal> {
    let wallet = kernel::Key::Id(wallet(kernel).id);
    kernel.handle(WalletCommand::SetState { tenant: tenant(), wallet, state, note: None })?;
    Ok(())
}

#[test]
fn what_is_paid_in_is_there_once_and_the_bonus_is_the_merchants_expense() {
    let mut kernel = TestKernel::new(with_wallets());
    kernel.handle(paying_in("in", 1000, 200)).expect("placed");
    assert_eq!(balance(&kernel), [0, 0]);
    pay(&mut kernel, "in", "main");
    pay(&mut kernel, "in", "main");
    assert_eq!(balance(&kernel), [1000, 200]);
    assert_eq!(posted(&kernel, AccountKind::MerchantPending, MERCHANT), 0);
    assert_eq!(posted(&kernel, AccountKind::MerchantPromotions, MERCHANT), -200);
    assert_eq!(posted(&kernel, AccountKind::ChannelFunds, "main"), -1000);
}

#[test]
fn what_was_paid_in_is_spent_before_the_bonus_and_comes_back_after_it() {
    let mut kernel = with_balance(1000, 200);
    assert!(spend(&mut kernel, "o1", 1150));
    assert_eq!(balance(&kernel), [0, 50]);
    assert_eq!(posted(&kernel, AccountKind::MerchantPending, MERCHANT), 1150);
    assert_eq!(posted(&kernel, AccountKind::ChannelFunds, ACCOUNT), 0);
    for (number, fen, left) in
        [("r1", 100, [0, 150]), ("r2", 100, [50, 200]), ("r3", 950, [1000, 200])]
    {
        refund(&mut kernel, number, "o1", fen);
        assert_eq!(balance(&kernel), left, "{number}");
        assert_eq!(posted(&kernel, AccountKind::ChannelFunds, ACCOUNT), 0);
    }
    assert_eq!(posted(&kernel, AccountKind::MerchantPending, MERCHANT), 0);
}

#[test]
fn an_order_takes_all_or_nothing() {
    let mut kernel = with_balance(1000, 200);
    assert!(!spend(&mut kernel, "o1", 1201));
    assert_eq!(balance(&kernel), [1000, 200]);
    let order = kernel.order("o1").expect("an order");
    let OrderState::Failed { reason, .. } = &order.state else { panic!("{:?}", order.state) };
    assert_eq!((&**reason, order.next_poll_at), ("the balance is not enough", None));
    assert_eq!(kernel.stored.wallet_payments.all().count(), 0);
    assert!(spend(&mut kernel, "o2", 1200));
    assert!(!spend(&mut kernel, "o3", 1));
}

#[test]
fn a_wallet_that_is_frozen_or_closed_neither_pays_nor_is_paid_into() {
    let mut kernel = with_balance(1000, 0);
    let closed = set(&mut kernel, WalletState::Closed);
    assert_eq!(closed, Err(WalletRefusal::NotEmpty.into()));
    kernel.handle(spending(&kernel, "o1", 400)).expect("placed");
    set(&mut kernel, WalletState::Frozen).expect("frozen");
    // Between the order and its payment the wallet was frozen.
    pay(&mut kernel, "o1", ACCOUNT);
    let order = kernel.order("o1").expect("an order");
    assert!(matches!(order.state, OrderState::Failed { .. }), "{:?}", order.state);
    assert_eq!(balance(&kernel), [1000, 0]);
    let refused = kernel.handle(spending(&kernel, "o2", 400)).expect_err("frozen");
    assert_eq!(refused, OrderRefusal::Wallet(WalletRefusal::Frozen).into());
    assert_eq!(kernel.handle(paying_in("in2", 1, 0)), Err(WalletRefusal::Frozen.into()));
    set(&mut kernel, WalletState::Normal).expect("usable");
    assert!(spend(&mut kernel, "o3", 1000));
    set(&mut kernel, WalletState::Closed).expect("it is empty");
    assert_eq!(kernel.handle(paying_in("in2", 1, 0)), Err(WalletRefusal::Closed.into()));
    // What a closed wallet paid comes back to it.
    refund(&mut kernel, "r1", "o3", 300);
    assert_eq!(balance(&kernel), [300, 0]);
}

#[test]
fn money_for_a_closed_wallet_goes_back() {
    let mut kernel = TestKernel::new(with_wallets());
    kernel.handle(paying_in("in", 1000, 200)).expect("placed");
    set(&mut kernel, WalletState::Closed).expect("it is empty");
    pay(&mut kernel, "in", "main");
    assert_eq!(balance(&kernel), [0, 0]);
    let order = kernel.order("in").expect("an order");
    assert!(matches!(order.state, OrderState::Failed { .. }), "{:?}", order.state);
    assert!(matches!(order.unapplied[0].outcome, UnappliedOutcome::Refund(_)));
    assert_eq!(posted(&kernel, AccountKind::MerchantPromotions, MERCHANT), 0);
}

#[test]
fn refusals_come_in_order() {
    let mut kernel = with_balance(1000, 0);
    let open = |merchant: &str| {
        let (merchant, owner) = (MerchantId::new(merchant), OWNER.to_owned());
        WalletCommand::Open(OpenWallet { tenant: tenant(), merchant, owner })
    };
    let unknown = kernel.handle(open("nobody"));
    assert_eq!(unknown, Err(WalletRefusal::UnknownMerchant.into()));
    let events = kernel.events.len();
    kernel.handle(open(MERCHANT)).expect("it is there");
    assert_eq!(kernel.events.len(), events, "a repeat changes nothing");
    let state = WalletState::Frozen;
    let missing = WalletCommand::SetState {
        tenant: tenant(),
        wallet: kernel::Key::Id(no_id()),
        state,
        note: None,
    };
    assert_eq!(kernel.handle(missing), Err(WalletRefusal::NotFound.into()));
    assert_eq!(kernel.handle(paying_in("in2", 1, -1)), Err(RechargeRefusal::Bonus.into()));
    let mut place = |channel: &str, wallet: Option<Id<kinds::Wallet>>, merchant: &str| {
        let mut place = place_with("o1", |request| {
            request.wallet = wallet.map(of_wallet);
            request.merchant = MerchantId::new(merchant);
        });
        place.channel = channel.to_owned();
        kernel.handle(place).expect_err("refused")
    };
    assert_eq!(place(WALLET_CHANNEL, None, MERCHANT), OrderRefusal::NoWallet.into());
    assert_eq!(place("wxpay", Some(no_id()), MERCHANT), OrderRefusal::NoWallet.into());
    let not_found = OrderRefusal::Wallet(WalletRefusal::NotFound);
    assert_eq!(place(WALLET_CHANNEL, Some(no_id()), MERCHANT), not_found.into());
    let mut other = spending(&kernel, "o1", 1);
    Arc::make_mut(&mut other.request).merchant = MerchantId::new(PARTNERS[0]);
    assert_eq!(kernel.handle(other), Err(OrderRefusal::OtherWallet.into()));
}

/// Requests a refund of what was paid in with a recharge.
fn giving_back(kernel: &TestKernel, number: &str, recharge: &str, fen: i64) -> RefundCommand {
    let order = kernel.order(recharge).expect("an order");
    RefundCommand::RequestBalance(Box::new(RefundBalance {
        tenant: tenant(),
        order: order.terms.id,
        merchant: order.terms.request.merchant.clone(),
        amount: Fen::new(fen),
        request: Arc::new(RefundRequest {
            namespace: Arc::from("wecard.refund"),
            merchant_refund_no: number.to_owned(),
            dialect: Arc::from("wecard"),
            reason: None,
            notify_url: None,
            details: "{}".to_owned(),
            is_to_balance: false,
        }),
    }))
}

fn give_back(
    kernel: &mut TestKernel,
    number: &str,
    recharge: &str,
    fen: i64,
) -> Result<(), Refusal> {
    let command = giving_back(kernel, number, recharge, fen);
    kernel.handle(command).map(|_| ())
}

/// What the channel reports of a refund that it was asked for.
fn end(kernel: &mut TestKernel, number: &str, status: RefundStatus) {
    let refund = kernel.refund_no(number).expect("a refund").clone();
    let finding = Finding::Refund(Refunded {
        channel_refund_no: refund.current_channel_refund_no(),
        refund_reference: format!("ref-{number}"),
        amount: refund.amount,
        settled_amount: None,
        status,
        at: Some(kernel.now),
    });
    let task = Task {
        tenant: tenant(),
        subject: refund.id.subject(),
        root: refund.order.subject().root(),
    };
    kernel.record(&task, "main", None, finding).expect("recorded");
}

/// All that a refund of a recharge moves: the wallet, the merchant's accounts, what payers get, and what is
/// lost.
fn book(kernel: &TestKernel) -> ([i64; 2], [i64; 3], [i64; 2], i64) {
    let of_tenant = tenant();
    let waits = kernel.balance(&Account::new(AccountKind::RefundsPayable, of_tenant.as_str()));
    let merchant = [AccountKind::MerchantPending, AccountKind::MerchantPromotions];
    let [pending, promotions] = merchant.map(|kind| posted(kernel, kind, MERCHANT));
    (
        balance(kernel),
        [pending, promotions, posted(kernel, AccountKind::ChannelFunds, "main")],
        [waits.posted.get(), waits.held.get()],
        posted(kernel, AccountKind::WriteOff, of_tenant.as_str()),
    )
}

#[test]
fn a_refund_of_a_recharge_takes_from_the_wallet_before_the_channel_is_asked() {
    let mut kernel = with_balance(1000, 201);
    let before = book(&kernel);
    give_back(&mut kernel, "r1", "in", 400).expect("requested");
    // 80.4 of the bonus: the merchant has 81 again.
    assert_eq!(book(&kernel), ([600, 120], [0, -120, -1000], [400, 400], 0));
    let events = kernel.events.len();
    give_back(&mut kernel, "r1", "in", 400).expect("a repeat");
    assert_eq!(kernel.events.len(), events, "a repeat changes nothing");
    end(&mut kernel, "r1", RefundStatus::Closed);
    assert_eq!(book(&kernel), before, "a refund that fails leaves everything as before");
    give_back(&mut kernel, "r1", "in", 400).expect("it runs again");
    end(&mut kernel, "r1", RefundStatus::Done);
    assert_eq!(book(&kernel), ([600, 120], [0, -120, -600], [0, 0], 0));
    give_back(&mut kernel, "r2", "in", 600).expect("the rest");
    end(&mut kernel, "r2", RefundStatus::Done);
    assert_eq!(book(&kernel), ([0, 0], [0, 0, 0], [0, 0], 0));
    assert_eq!(kernel.order("in").expect("an order").funds.refunded, Fen::new(1000));
}

/// One fen of bonus and three of payment: whichever refunds fail and are repeated, the bonus is taken back
/// once, and comes back where nothing is refunded.
#[test]
fn what_of_the_bonus_is_taken_back_follows_from_the_sum_of_all_refunds() {
    let mut kernel = with_balance(3, 1);
    give_back(&mut kernel, "r1", "in", 1).expect("requested");
    give_back(&mut kernel, "r2", "in", 1).expect("requested");
    assert_eq!(balance(&kernel), [1, 0]);
    end(&mut kernel, "r1", RefundStatus::Closed);
    assert_eq!(balance(&kernel), [2, 0], "the other still runs");
    end(&mut kernel, "r2", RefundStatus::Closed);
    assert_eq!(balance(&kernel), [3, 1]);
    give_back(&mut kernel, "r3", "in", 2).expect("requested");
    give_back(&mut kernel, "r1", "in", 1).expect("it runs again");
    assert_eq!(balance(&kernel), [0, 0]);
    for number in ["r1", "r3"] {
        end(&mut kernel, number, RefundStatus::Done);
    }
    assert_eq!(book(&kernel), ([0, 0], [0, 0, 0], [0, 0], 0));
}

#[test]
fn each_refusal_of_a_refund_of_a_recharge_changes_nothing() {
    let mut kernel = with_balance(1000, 200);
    kernel.handle(paying_in("unpaid", 50, 0)).expect("placed");
    assert!(spend(&mut kernel, "o1", 700));
    let (before, events) = (book(&kernel), kernel.events.len());
    let mut refused =
        |recharge: &str, fen| give_back(&mut kernel, "r1", recharge, fen).expect_err("refused");
    assert_eq!(refused("o1", 1), RefundRefusal::NoWallet.into());
    assert_eq!(refused("unpaid", 1), RefundRefusal::NotPaid { state: "init" }.into());
    assert_eq!(refused("in", 0), RefundRefusal::Amount.into());
    assert_eq!(refused("in", 1001), RefundRefusal::Exceeds { left: Fen::new(1000) }.into());
    assert_eq!(refused("in", 301), RefundRefusal::BalanceTooLow.into());
    let ordinary = request(&kernel, "r1", "in", 1, None, None, None);
    assert_eq!(kernel.handle(ordinary), Err(RefundRefusal::StoredValue.into()));
    assert_eq!((book(&kernel), kernel.events.len()), (before, events));
    set(&mut kernel, WalletState::Frozen).expect("frozen");
    let frozen = RefundRefusal::Wallet(WalletRefusal::Frozen);
    assert_eq!(give_back(&mut kernel, "r1", "in", 1), Err(frozen.into()));
    set(&mut kernel, WalletState::Normal).expect("usable");
    give_back(&mut kernel, "r1", "in", 300).expect("what is there");
    assert_eq!(give_back(&mut kernel, "r1", "in", 299), Err(RefundRefusal::OtherAmount.into()));
}

#[test]
fn a_closed_wallet_gives_nothing_back_and_a_failed_refund_comes_back_to_it() {
    let mut kernel = with_balance(1000, 0);
    give_back(&mut kernel, "r1", "in", 1000).expect("requested");
    set(&mut kernel, WalletState::Closed).expect("it is empty");
    end(&mut kernel, "r1", RefundStatus::Closed);
    assert_eq!(balance(&kernel), [1000, 0]);
    let closed = RefundRefusal::Wallet(WalletRefusal::Closed);
    assert_eq!(give_back(&mut kernel, "r1", "in", 1000), Err(closed.clone().into()));
    assert_eq!(give_back(&mut kernel, "r2", "in", 1), Err(closed.into()));
}

/// The bonus is spent last, so that it can be gone while there is what another payment brought.
#[test]
fn a_refund_whose_share_of_the_bonus_is_spent_is_refused() {
    let mut kernel = with_balance(1000, 200);
    assert!(spend(&mut kernel, "o1", 1200));
    kernel.handle(paying_in("in2", 1000, 0)).expect("placed");
    pay(&mut kernel, "in2", "main");
    let before = book(&kernel);
    assert_eq!(give_back(&mut kernel, "r1", "in", 500), Err(RefundRefusal::BalanceTooLow.into()));
    assert_eq!(book(&kernel), before);
    give_back(&mut kernel, "r2", "in2", 500).expect("it came without a bonus");
}

/// The channel first refuses and then carries out. What is still in the wallet is taken; for the rest
/// somebody must make up, and a person sees it.
#[test]
fn a_refund_of_a_recharge_that_is_done_after_it_had_failed_takes_what_is_there() {
    let mut kernel = with_balance(1000, 200);
    give_back(&mut kernel, "r1", "in", 500).expect("requested");
    end(&mut kernel, "r1", RefundStatus::Closed);
    let mut spent = kernel.clone();
    end(&mut kernel, "r1", RefundStatus::Done);
    assert_eq!(book(&kernel), ([500, 100], [0, -100, -500], [0, 0], 0));
    assert!(kernel.refund_no("r1").expect("a refund").attention.is_none());
    assert!(spend(&mut spent, "o1", 1150));
    end(&mut spent, "r1", RefundStatus::Done);
    assert_eq!(book(&spent), ([0, 0], [1150, -150, -500], [0, 0], -500));
    assert!(spent.refund_no("r1").expect("a refund").attention.is_some());
}

/// The bonus that a late refund could not take is made up for by the next one that fails, as its payment is.
#[test]
fn what_of_the_bonus_was_missing_does_not_come_back_with_another_refund() {
    let mut kernel = with_balance(1000, 200);
    give_back(&mut kernel, "r1", "in", 500).expect("requested");
    end(&mut kernel, "r1", RefundStatus::Closed);
    assert!(spend(&mut kernel, "o1", 700));
    give_back(&mut kernel, "r2", "in", 300).expect("requested");
    assert_eq!(balance(&kernel), [0, 140]);
    assert!(spend(&mut kernel, "o2", 100));
    end(&mut kernel, "r1", RefundStatus::Done);
    assert_eq!(balance(&kernel), [0, 0], "its share is 100, and 40 are there");
    end(&mut kernel, "r2", RefundStatus::Closed);
    assert_eq!(balance(&kernel), [0, 0], "its own 60 make up for what was missing");
    assert_eq!(book(&kernel).1[1], -200 + 40 + 60, "the merchant has the share of what went back");
}

/// What was written off for a refund that was carried out too late is made up for by the next one that fails,
/// before anything comes back to the wallet.
#[test]
fn what_a_failed_refund_brings_back_makes_up_for_what_was_written_off() {
    let mut kernel = with_balance(1000, 0);
    give_back(&mut kernel, "r1", "in", 600).expect("requested");
    end(&mut kernel, "r1", RefundStatus::Closed);
    assert!(spend(&mut kernel, "o1", 500));
    give_back(&mut kernel, "r2", "in", 400).expect("requested");
    end(&mut kernel, "r1", RefundStatus::Done);
    assert_eq!(book(&kernel), ([0, 0], [500, 0, -400], [400, 400], -500));
    end(&mut kernel, "r2", RefundStatus::Closed);
    assert_eq!(book(&kernel), ([0, 0], [500, 0, -400], [0, 0], -100));
    assert_eq!(kernel.order("in").expect("an order").funds.made_up, Fen::new(100));
}

/// Something that happens to the wallet.
#[derive(Clone, Debug)]
enum Step {
    PayIn { fen: i64, bonus: i64 },
    Spend { fen: i64 },
    Refund { which: usize, fen: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..500i64, 0..100i64).prop_map(|(fen, bonus)| Step::PayIn { fen, bonus }),
        (1..600i64).prop_map(|fen| Step::Spend { fen }),
        (any::<usize>(), 1..400i64).prop_map(|(which, fen)| Step::Refund { which, fen }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However orders were paid and refunded in parts: when all is refunded, the wallet has in both
    /// accounts what was paid in and given.
    #[test]
    fn refunds_are_the_exact_inverse_of_spending(steps in proptest::collection::vec(step(), 1..20)) {
        let mut kernel = with_balance(1, 1);
        let (mut sum, mut orders) = ([1, 1], vec![]);
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::PayIn { fen, bonus } => {
                    let number = format!("in{at}");
                    kernel.handle(paying_in(&number, fen, bonus)).expect("placed");
                    pay(&mut kernel, &number, "main");
                    sum = [sum[0] + fen, sum[1] + bonus];
                }
                Step::Spend { fen } => {
                    let there: i64 = balance(&kernel).iter().sum();
                    let number = format!("o{at}");
                    let is_paid = spend(&mut kernel, &number, fen);
                    prop_assert_eq!(is_paid, fen <= there);
                    orders.extend(is_paid.then_some((number, fen)));
                }
                Step::Refund { which, fen } if !orders.is_empty() => {
                    let len = orders.len();
                    let (number, left) = &mut orders[which % len];
                    let fen = fen.min(*left);
                    if fen > 0 {
                        *left -= fen;
                        refund(&mut kernel, &format!("r{at}"), &number.clone(), fen);
                    }
                }
                Step::Refund { .. } => {}
            }
            let there = balance(&kernel);
            prop_assert!(there.iter().all(|fen| *fen >= 0));
            let out: i64 = orders.iter().map(|(_, left)| left).sum();
            prop_assert_eq!(there.iter().sum::<i64>() + out, sum.iter().sum::<i64>());
            prop_assert_eq!(posted(&kernel, AccountKind::ChannelFunds, ACCOUNT), 0);
        }
        for (at, (number, left)) in orders.iter().enumerate().filter(|(_, (_, left))| *left > 0) {
            refund(&mut kernel, &format!("last{at}"), number, *left);
        }
        prop_assert_eq!(balance(&kernel), sum);
        let all_back = |row: &WalletPayment| {
            row.returned.get() == row.parts.iter().map(|part| part.amount.get()).sum::<i64>()
        };
        prop_assert!(kernel.stored.wallet_payments.all().all(all_back));
    }
}
