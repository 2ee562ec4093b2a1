//! Freezes: what is frozen cannot be spent, and comes back exactly once.

mod support;

use channel::{Finding, Payment, WALLET_CHANNEL};
use kernel::{
    Command, Deduct, Directory, FREEZE_RELEASES_MAX, FreezeWallet, Key, MerchantId, NaturalKey,
    OrderState, PlaceOrder, RechargeCommand, RechargeWallet, Refusal, Route, Task, UnfreezeWallet,
    Wallet, WalletCommand, WalletFreeze, WalletFreezeCommand, WalletFreezeRefusal,
    WalletFreezeState, WalletRefusal, WalletState, WalletUse,
};
use ledger::{Currency, Fen, Timestamp};
use proptest::prelude::*;
use std::sync::Arc;
use support::{MERCHANT, START, TestKernel, directory, no_id, place_with, tenant};

const OWNER: &str = "user1";
/// The account at the channel of wallets.
const ACCOUNT: &str = "wallets";
const NAMESPACE: &str = "wecard.wallet_freeze";

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
    let order = place_with("in", |request| request.amount = Fen::new(fen));
    let (owner, bonus) = (OWNER.to_owned(), Fen::new(bonus));
    let pay_in = RechargeWallet { order, owner, bonus };
    kernel.handle(RechargeCommand::PayIn(Box::new(pay_in))).expect("placed");
    pay(&mut kernel, "in", "main");
    kernel
}

/// The wallet of the tests' user.
fn wallet(kernel: &TestKernel) -> Wallet {
    let key = Wallet::key(&MerchantId::new(MERCHANT), OWNER);
    kernel.stored.wallets.find(&tenant(), &key).expect("a wallet").clone()
}

/// What is held of what was paid in, and of the bonus.
fn held(kernel: &TestKernel) -> [i64; 2] {
    let wallet = wallet(kernel);
    [wallet.principal(), wallet.bonus()].map(|account| kernel.balance(&account).held.get())
}

/// What is in the wallet, held or not.
fn posted(kernel: &TestKernel) -> [i64; 2] {
    let wallet = wallet(kernel);
    [wallet.principal(), wallet.bonus()].map(|account| kernel.balance(&account).posted.get())
}

fn freezing(kernel: &TestKernel, number: &str, fen: i64) -> FreezeWallet {
    FreezeWallet {
        tenant: tenant(),
        namespace: Arc::from(NAMESPACE),
        number: number.to_owned(),
        wallet: wallet(kernel).id,
        amount: Fen::new(fen),
        expires_at: None,
        note: None,
    }
}

fn freeze(kernel: &mut TestKernel, freeze: FreezeWallet) -> Result<(), Refusal> {
    kernel.handle(WalletFreezeCommand::Freeze(Box::new(freeze))).map(drop)
}

fn freeze_fen(kernel: &mut TestKernel, number: &str, fen: i64) -> Result<(), Refusal> {
    let command = freezing(kernel, number, fen);
    freeze(kernel, command)
}

fn unfreeze(
    kernel: &mut TestKernel,
    number: &str,
    release: &str,
    fen: Option<i64>,
) -> Result<(), Refusal> {
    let unfreeze = UnfreezeWallet {
        tenant: tenant(),
        freeze: Key::Number(NaturalKey::new(NAMESPACE, number)),
        number: release.to_owned(),
        amount: fen.map(Fen::new),
    };
    kernel.handle(WalletFreezeCommand::Unfreeze(Box::new(unfreeze))).map(drop)
}

fn stored(kernel: &TestKernel, number: &str) -> WalletFreeze {
    let key = Key::Number(NaturalKey::new(NAMESPACE, number));
    kernel.stored.wallet_freezes.find(&tenant(), &key).expect("a freeze").clone()
}

/// Places an order that the wallet pays; true when it is paid.
fn spend(kernel: &mut TestKernel, number: &str, fen: i64) -> bool {
    let wallet = Some(wallet(kernel).id);
    let place = place_with(number, |request| {
        request.amount = Fen::new(fen);
        request.wallet = wallet.map(|wallet| WalletUse { wallet, deduct: Deduct::Balance });
    });
    kernel.handle(PlaceOrder { channel: WALLET_CHANNEL.to_owned(), ..place }).expect("placed");
    pay(kernel, number, ACCOUNT);
    matches!(kernel.order(number).expect("an order").state, OrderState::Paid(_))
}

fn set(kernel: &mut TestKernel, state: WalletState) -> Result<(), Refusal> {
    let wallet = Key::Id(wallet(kernel).id);
    kernel.handle(WalletCommand::SetState { tenant: tenant(), wallet, state, note: None })?;
    Ok(())
}

fn run_task(kernel: &mut TestKernel, number: &str) {
    let task = Task::of(&stored(kernel, number));
    kernel.handle(Command::RunTask(task)).expect("a task");
}

#[test]
fn what_is_frozen_is_not_spent_and_comes_back_in_reverse_order() {
    let mut kernel = with_balance(1000, 200);
    freeze_fen(&mut kernel, "f1", 1100).expect("frozen");
    assert_eq!((held(&kernel), posted(&kernel)), ([1000, 100], [1000, 200]));
    assert_eq!(stored(&kernel, "f1").state(), WalletFreezeState::Frozen);
    assert!(!spend(&mut kernel, "o1", 101));
    assert!(spend(&mut kernel, "o2", 60));
    unfreeze(&mut kernel, "f1", "u1", Some(150)).expect("released");
    assert_eq!(held(&kernel), [950, 0]);
    assert_eq!(stored(&kernel, "f1").state(), WalletFreezeState::PartUnfrozen);
    // 50 of what was paid in, and 140 of the bonus.
    assert!(!spend(&mut kernel, "o3", 191));
    assert!(spend(&mut kernel, "o4", 190));
    unfreeze(&mut kernel, "f1", "u2", None).expect("released");
    let freeze = stored(&kernel, "f1");
    assert_eq!((held(&kernel), freeze.state()), ([0, 0], WalletFreezeState::Unfrozen));
    assert_eq!(freeze.releases.iter().map(|row| row.amount.get()).collect::<Vec<_>>(), [150, 950]);
    assert!(spend(&mut kernel, "o5", 950));
    assert_eq!(posted(&kernel), [0, 0]);
}

#[test]
fn a_repeat_finds_what_is_there() {
    let mut kernel = with_balance(1000, 0);
    freeze_fen(&mut kernel, "f1", 1000).expect("frozen");
    unfreeze(&mut kernel, "f1", "u1", None).expect("released");
    freeze_fen(&mut kernel, "f2", 600).expect("frozen");
    let (events, transfers) = (kernel.events.len(), kernel.transfers.len());
    freeze_fen(&mut kernel, "f1", 1000).expect("it is there");
    let noted = FreezeWallet { note: Some("again".to_owned()), ..freezing(&kernel, "f2", 600) };
    freeze(&mut kernel, noted).expect("a note does not make another freeze");
    for fen in [None, Some(1000)] {
        unfreeze(&mut kernel, "f1", "u1", fen).expect("it is there");
    }
    assert_eq!((kernel.events.len(), kernel.transfers.len()), (events, transfers));
    assert_eq!(held(&kernel), [600, 0]);
}

#[test]
fn what_remains_is_released_when_the_time_is_up() {
    let mut kernel = with_balance(1000, 0);
    let end = START.plus_seconds(600);
    let timed = FreezeWallet { expires_at: Some(end), ..freezing(&kernel, "f1", 800) };
    freeze(&mut kernel, timed).expect("frozen");
    let subject = stored(&kernel, "f1").id.subject();
    assert_eq!(kernel.due(subject), Some(end));
    unfreeze(&mut kernel, "f1", "u1", Some(300)).expect("released");
    kernel.now = end.plus_ms(-1);
    run_task(&mut kernel, "f1");
    assert_eq!(held(&kernel), [500, 0], "it is too early");
    kernel.now = end;
    run_task(&mut kernel, "f1");
    run_task(&mut kernel, "f1");
    assert_eq!((held(&kernel), kernel.due(subject)), ([0, 0], None));
    let freeze = stored(&kernel, "f1");
    assert_eq!(freeze.state(), WalletFreezeState::Unfrozen);
    assert_eq!(freeze.releases.iter().filter(|row| row.number.is_none()).count(), 1);
}

#[test]
fn a_freeze_of_which_all_was_released_has_no_task() {
    let mut kernel = with_balance(1000, 0);
    let expires_at = Some(START.plus_seconds(600));
    let timed = FreezeWallet { expires_at, ..freezing(&kernel, "f1", 800) };
    freeze(&mut kernel, timed).expect("frozen");
    unfreeze(&mut kernel, "f1", "u1", None).expect("released");
    assert_eq!(kernel.due(stored(&kernel, "f1").id.subject()), None);
}

#[test]
fn a_frozen_wallet_can_be_frozen_in_parts_and_one_with_a_freeze_is_not_closed() {
    let mut kernel = with_balance(1000, 0);
    set(&mut kernel, WalletState::Frozen).expect("frozen");
    freeze_fen(&mut kernel, "f1", 1000).expect("frozen");
    assert_eq!(set(&mut kernel, WalletState::Closed), Err(WalletRefusal::NotEmpty.into()));
    unfreeze(&mut kernel, "f1", "u1", None).expect("released");
    assert_eq!(held(&kernel), [0, 0]);
}

#[test]
fn a_freeze_has_a_bounded_number_of_releases_and_the_last_one_is_always_possible() {
    let releases = i64::try_from(FREEZE_RELEASES_MAX).expect("small");
    let mut kernel = with_balance(releases + 2, 0);
    freeze_fen(&mut kernel, "f1", releases + 2).expect("frozen");
    for number in 0..releases {
        unfreeze(&mut kernel, "f1", &format!("u{number}"), Some(1)).expect("released");
    }
    let many = WalletFreezeRefusal::TooMany { max: FREEZE_RELEASES_MAX };
    assert_eq!(unfreeze(&mut kernel, "f1", "more", Some(1)), Err(many.into()));
    unfreeze(&mut kernel, "f1", "last", Some(2)).expect("released");
    assert_eq!(held(&kernel), [0, 0]);
}

/// The place of a refusal in the order of checks.
const fn rank(refusal: &WalletFreezeRefusal) -> usize {
    match refusal {
        WalletFreezeRefusal::NotFound => 0,
        WalletFreezeRefusal::Differs => 1,
        WalletFreezeRefusal::Wallet(_) => 2,
        WalletFreezeRefusal::Amount => 3,
        WalletFreezeRefusal::Expiry => 4,
        WalletFreezeRefusal::TooLittle => 5,
        WalletFreezeRefusal::ReleaseDiffers => 6,
        WalletFreezeRefusal::ReleaseAmount => 7,
        WalletFreezeRefusal::Ended => 8,
        WalletFreezeRefusal::Exceeds { .. } => 9,
        WalletFreezeRefusal::TooMany { .. } => 10,
    }
}

#[test]
fn refusals_of_freezes_come_in_order() {
    let mut kernel = with_balance(1000, 0);
    freeze_fen(&mut kernel, "known", 400).expect("frozen");
    let past: Option<Timestamp> = Some(START);
    let worst = FreezeWallet { wallet: no_id(), expires_at: past, ..freezing(&kernel, "new", 0) };
    let there = FreezeWallet { wallet: wallet(&kernel).id, ..worst.clone() };
    let positive = FreezeWallet { amount: Fen::new(601), ..there.clone() };
    let missing = WalletFreezeRefusal::Wallet(WalletRefusal::NotFound);
    let cases = [
        (
            FreezeWallet { number: "known".to_owned(), ..worst.clone() },
            WalletFreezeRefusal::Differs,
        ),
        (worst, missing),
        (there, WalletFreezeRefusal::Amount),
        (positive.clone(), WalletFreezeRefusal::Expiry),
        (FreezeWallet { expires_at: None, ..positive }, WalletFreezeRefusal::TooLittle),
    ];
    assert!(cases.is_sorted_by_key(|(_, want)| rank(want)));
    for (command, want) in cases {
        assert_eq!(freeze(&mut kernel, command), Err(want.into()));
    }
    let mut empty = with_balance(1, 0);
    assert!(spend(&mut empty, "o1", 1));
    set(&mut empty, WalletState::Closed).expect("it is empty");
    let closed = WalletFreezeRefusal::Wallet(WalletRefusal::Closed);
    assert_eq!(freeze_fen(&mut empty, "f1", 0), Err(closed.into()));
}

#[test]
fn refusals_of_releases_come_in_order() {
    let mut kernel = with_balance(1000, 0);
    freeze_fen(&mut kernel, "f1", 400).expect("frozen");
    unfreeze(&mut kernel, "f1", "known", Some(400)).expect("released");
    freeze_fen(&mut kernel, "f2", 400).expect("frozen");
    let remaining = Fen::new(400);
    let cases = [
        ("nothing", "u1", Some(0), WalletFreezeRefusal::NotFound),
        ("f1", "known", Some(0), WalletFreezeRefusal::ReleaseDiffers),
        ("f1", "u1", Some(0), WalletFreezeRefusal::ReleaseAmount),
        ("f1", "u1", Some(500), WalletFreezeRefusal::Ended),
        ("f2", "u1", Some(401), WalletFreezeRefusal::Exceeds { remaining }),
    ];
    assert!(cases.is_sorted_by_key(|(.., want)| rank(want)));
    for (number, release, fen, want) in cases {
        assert_eq!(unfreeze(&mut kernel, number, release, fen), Err(want.into()));
    }
    assert_eq!(unfreeze(&mut kernel, "f1", "u1", None), Err(WalletFreezeRefusal::Ended.into()));
}

/// Something that happens to the wallet.
#[derive(Clone, Debug)]
enum Step {
    Freeze { fen: i64 },
    Unfreeze { which: usize, fen: Option<i64> },
    Spend { fen: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..600i64).prop_map(|fen| Step::Freeze { fen }),
        (any::<usize>(), proptest::option::of(1..400i64))
            .prop_map(|(which, fen)| Step::Unfreeze { which, fen }),
        (1..300i64).prop_map(|fen| Step::Spend { fen }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any freezes, releases and orders: what is held is what remains of the freezes, nothing of it
    /// is spent, and all of it can be released.
    #[test]
    fn what_is_held_is_what_remains(steps in proptest::collection::vec(step(), 1..20)) {
        let mut kernel = with_balance(1000, 500);
        let mut freezes: Vec<(String, i64)> = vec![];
        for (at, step) in steps.into_iter().enumerate() {
            let left: i64 = freezes.iter().map(|(_, left)| left).sum();
            let free = posted(&kernel).iter().sum::<i64>() - left;
            match step {
                Step::Freeze { fen } => {
                    let number = format!("f{at}");
                    let done = freeze_fen(&mut kernel, &number, fen);
                    prop_assert_eq!(done.is_ok(), fen <= free);
                    freezes.extend(done.is_ok().then_some((number, fen)));
                }
                Step::Unfreeze { which, fen } if !freezes.is_empty() => {
                    let len = freezes.len();
                    let (number, left) = &mut freezes[which % len];
                    let wanted = fen.unwrap_or(*left);
                    let done = unfreeze(&mut kernel, number, &format!("u{at}"), fen);
                    prop_assert_eq!(done.is_ok(), *left > 0 && wanted <= *left);
                    *left -= if done.is_ok() { wanted } else { 0 };
                }
                Step::Unfreeze { .. } => {}
                Step::Spend { fen } => {
                    let is_paid = spend(&mut kernel, &format!("o{at}"), fen);
                    prop_assert_eq!(is_paid, fen <= free);
                }
            }
            let left: i64 = freezes.iter().map(|(_, left)| left).sum();
            prop_assert_eq!(held(&kernel).iter().sum::<i64>(), left);
        }
        for (number, left) in freezes {
            if left > 0 {
                unfreeze(&mut kernel, &number, "last", None).expect("released");
            }
        }
        prop_assert_eq!(held(&kernel), [0, 0]);
    }
}
