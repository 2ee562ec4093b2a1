//! Under any sequence of commands the ledger stays balanced, money has exactly one effect, what is open
//! has a task, what is held is what is on its way, and the events alone rebuild every row.

mod support;

use kernel::{
    Aggregate, ApprovalState, Order, OrderState, RefundState, Row, Standing, UnappliedOutcome,
    WithdrawalState, subject_of_channel_no,
};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Subject, SubjectKind};
use proptest::prelude::*;
use std::collections::BTreeMap;
use support::script::play;
use support::{INSTALLATION, MERCHANT, TestKernel, directory};

/// How the money of some orders is divided.
const DIVIDED: &str = "CM-B:200:D0,CM-C:100:T1:frozen";

/// Steps in the language of scenarios, as `support/script.rs` describes it. Those about a row that is
/// not there are skipped.
fn any_step() -> impl Strategy<Value = String> {
    let order = (0u8..3).prop_map(|slot| format!("o{slot}"));
    let asked = prop::sample::select(vec!["callback", "place", "query", "close"]);
    let account = prop::sample::select(vec!["", "", "", "", "", "@other", "@moved"]);
    let said = prop::sample::select(vec![
        "placed",
        "placed",
        "pending",
        "closed",
        "failed",
        "refused",
        "unsigned_refusal",
        "later",
        "account_fault",
        "not_found",
        "unsigned_not_found",
        "ask",
        "unknown",
        "mismatch",
        "keys",
        "paid tx1 1000",
        "paid tx1 1000",
        "paid tx2 1000",
        "paid tx1 999",
        "paid tx3 999",
        "paid tx1 1000/700",
        "paid tx1 1000/0",
        "paid tx2 1000/700",
        "paid tx2 1000/1001",
        "paid tx3 999/-1",
        "paid tx3 999/300",
    ]);
    let finding = (order.clone(), account.clone(), asked, said)
        .prop_map(|(order, account, asked, said)| format!("{order}{account} {asked}: {said}"));
    let refund_said = prop::sample::select(vec![
        "processing 1000",
        "processing 400",
        "done 400",
        "done 400/300",
        "done 300",
        "done 300 first",
        "done 300 first",
        "done 400 first",
        "closed 300",
        "closed 400",
        "abnormal 400",
        "done 1000",
        "done 999",
        "done 1000/700",
        "done 1000/600",
        "done 1000/0",
        "done 1000/1001",
        "closed 1000",
        "abnormal 1000",
        "refused",
        "unsigned_refusal",
        "account_fault",
        "unfunded",
        "not_found",
        "unknown",
        "later",
        "mismatch",
        "pending",
    ]);
    let refund_asked = prop::sample::select(vec!["callback", "refund", "query_refund"]);
    let number = prop::sample::select(vec!["f0", "f1", "f2"]);
    let fen = prop::sample::select(vec![300, 400, 1000]);
    let back = prop::sample::select(vec!["", "", " CM-B:50", " CM-B:1,CM-C:30", " CM-C:0"]);
    let requested = (number.clone(), order.clone(), fen, back)
        .prop_map(|(number, order, fen, back)| format!("request {number} {order} {fen}{back}"));
    let refund = prop_oneof![Just("refund"), number.clone()];
    let refund = (refund, account, refund_asked, refund_said)
        .prop_map(|(refund, account, asked, said)| format!("{refund}{account} {asked}: {said}"));
    let fixed = prop::sample::select(vec![
        "task refund",
        "task notification",
        "task approval",
        "task allocation",
        "attempt no_answer",
        "attempt acknowledged",
        "replay",
        "operator retry",
        "operator renew",
        "operator by_hand refund",
        "operator write_off refund",
        "operator dismiss",
    ]);
    let decided = prop::sample::select(vec![
        "poll {}",
        "apply {} tx1",
        "apply {} tx3",
        "give_back {} tx1",
        "give_back {} tx3",
        "by_hand {}",
        "write_off {}",
        "close_for_good {}",
    ]);
    let decided = (order.clone(), decided)
        .prop_map(|(order, decided)| format!("operator {}", decided.replace("{}", &order)));
    let ended = (prop::sample::select(vec!["paid", "unpaid"]), 0u8..3)
        .prop_map(|(how, slot)| format!("{how} w{slot}"));
    let who = prop::sample::select(vec!["ann", "bob"]);
    let refunded = prop::sample::select(vec!["by_hand refund", "write_off refund"]);
    let manual = prop_oneof![
        2 => decided.clone().prop_filter("no manual command", |it| !it.contains("poll"))
            .prop_map(|it| it.replace("operator ", "")),
        1 => refunded.prop_map(str::to_owned),
        1 => ended.clone(),
    ];
    let proposed =
        (who.clone(), manual).prop_map(|(who, manual)| format!("propose {who} {manual}"));
    let approved = (prop::sample::select(vec!["approve", "approve", "reject"]), who)
        .prop_map(|(decided, who)| format!("{decided} {who}"));
    let withdrawn = (0u8..3, 1i64..900, prop::sample::select(vec!["", " CM-B", " CM-C"]))
        .prop_map(|(slot, fen, who)| format!("withdraw w{slot} {fen}{who}"));
    let unfrozen = (0u8..4, order.clone(), prop::sample::select(vec!["CM-B", "CM-C"]), 1i64..80)
        .prop_map(|(no, order, who, fen)| format!("unfreeze u{no} {order} {who}:{fen}"));
    prop_oneof![
        2 => proposed,
        2 => approved,
        2 => order.clone().prop_map(|order| format!("place {order}")),
        1 => order.clone().prop_map(|order| format!("place {order} allocate={DIVIDED}")),
        1 => order.clone().prop_map(|order| format!("close {order}")),
        1 => unfrozen,
        2 => order.prop_map(|order| format!("task {order}")),
        6 => finding,
        3 => refund,
        3 => requested,
        1 => number.prop_map(|number| format!("task {number}")),
        3 => fixed.prop_map(str::to_owned),
        1 => (1i64..500).prop_map(|fen| format!("fund {fen}")),
        2 => withdrawn,
        2 => ended.prop_map(|step| format!("operator {step}")),
        2 => decided,
        1 => (1i64..3600).prop_map(|seconds| format!("wait {seconds}s")),
    ]
}

fn play_if_possible(kernel: &mut TestKernel, step: &str) {
    let row = match step.split([' ', '@']).collect::<Vec<_>>().as_slice() {
        ["place" | "close" | "wait" | "request" | "fund" | "withdraw", ..] => "",
        ["task", row] => row,
        ["propose", _, _, row, ..] => row,
        ["approve" | "reject", _] => "approval",
        ["operator", "retry" | "renew", ..] => "refund",
        ["operator", "dismiss", ..] => "notification",
        ["operator", _, row, ..] => row,
        ["unfreeze", _, row, ..] => row,
        ["attempt" | "replay", ..] => "notification",
        [row, ..] => row,
        [] => "",
    };
    let is_there = match row {
        "" => true,
        "refund" => kernel.refund().is_some(),
        "notification" => kernel.notification().is_some(),
        "approval" => kernel.approval().is_some(),
        "allocation" => kernel.waiting_allocation().is_some(),
        row if row.starts_with('w') => kernel.withdrawal(row).is_some(),
        row => kernel.order(row).is_some() || kernel.refund_no(row).is_some(),
    };
    if is_there {
        let transfers = kernel.transfers.len();
        let outcome = play(kernel, step);
        let is_approved = outcome.contains("approval approved by approved");
        if ["propose", "reject"].iter().any(|verb| step.starts_with(verb)) {
            assert!(!is_approved && kernel.transfers.len() == transfers, "{step} moved money");
        }
        if step.starts_with("approve") && !is_approved {
            assert_eq!(kernel.transfers.len(), transfers, "{step} moved money: {outcome}");
        }
    }
}

/// A row as its events rebuild it: they do not keep the text of pay info.
fn logged(row: impl Into<Row>) -> Row {
    let mut row = row.into();
    if let Row::Order(Order { state: OrderState::Paying(pay_info), .. }) = &mut row {
        pay_info.text = None;
    }
    row
}

fn check(kernel: &TestKernel) {
    check_book(kernel);
    macro_rules! check_rows {
        ($($rows:ident: $row:ident,)*) => {$(
            for row in kernel.stored.$rows.all() {
                let subject = row.id().subject();
                let rebuilt = kernel.rebuilt.$rows.get(row.tenant(), row.id());
                assert_eq!(rebuilt.cloned().map(logged), Some(logged(row.clone())));
                check_standing(kernel, subject, &row.standing());
                check_sequence(kernel, subject, row.version());
            }
        )*};
    }
    kernel::aggregates!(check_rows);
    kernel.stored.orders.all().for_each(|order| check_order(kernel, order));
    for approval in kernel.stored.approvals.all() {
        if let ApprovalState::Approved { by, .. } | ApprovalState::Refused { by, .. } =
            &approval.state
        {
            assert_ne!(*by, approval.proposer, "the proposer approved");
        }
    }
    check_arrived(kernel);
    check_coupons(kernel);
    check_allocated(kernel);
    check_withdrawals(kernel);
    check_counted(kernel);
    for refund in kernel.stored.refunds.all() {
        assert_eq!(subject_of(&refund.channel_refund_no), Some(refund.id.subject()));
        let standing = refund.standing();
        assert!(standing.is_open() || standing.attention.is_some() || !refund.holds());
    }
}

/// Σ debits = Σ credits, and no account below its floor.
fn check_book(kernel: &TestKernel) {
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    let posted: i64 = sums.values().map(|delta| delta.posted.get()).sum();
    assert_eq!(posted, 0, "Σ debits = Σ credits");
    for (account, delta) in &sums {
        assert!(delta.held >= Fen::ZERO);
        if let Some(floor) = account.kind.floor() {
            assert!(delta.posted.minus(delta.held).expect("fits") >= floor, "{account:?}");
        }
    }
}

/// Open rows have a task, final ones hold nothing, and what a row holds is what its transfers hold.
fn check_standing(kernel: &TestKernel, subject: Subject, standing: &Standing) {
    assert_eq!(kernel.due(subject), standing.next_poll_at, "an open row has a task");
    assert_eq!(standing.is_open(), standing.next_poll_at.is_some());
    let has_way_out = standing.is_open() || standing.attention.is_some();
    assert!(has_way_out || standing.holds.is_empty(), "{subject} is settled and holds");
    let mut held: BTreeMap<Account, i64> = BTreeMap::new();
    for transfer in kernel.transfers.iter().filter(|transfer| transfer.subject == subject) {
        let amount = transfer.amount.get();
        *held.entry(transfer.debit.clone()).or_default() += match transfer.phase {
            Phase::Hold => amount,
            Phase::Release | Phase::PostHeld => -amount,
            Phase::Post => 0,
        };
    }
    held.retain(|_, fen| *fen != 0);
    let holds = standing.holds.iter().map(|(account, fen)| (account.clone(), fen.get()));
    assert_eq!(held, holds.collect(), "{subject}: Σ hold − release − post_held");
}

/// The events of a subject count from 1 to its version.
fn check_sequence(kernel: &TestKernel, subject: Subject, version: i64) {
    let of_row = kernel.events.iter().filter(|event| event.subject == subject);
    let sequences: Vec<i64> = of_row.map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=version).collect::<Vec<_>>());
}

/// A payment has one effect: it pays the order, or it is unapplied and goes back.
fn check_order(kernel: &TestKernel, order: &Order) {
    let root = order.root();
    let moved = |reason, phase, credit: Option<AccountKind>| -> Vec<i64> {
        let story = kernel.transfers.iter().filter(|transfer| transfer.root == root);
        let of_order =
            story.filter(|transfer| transfer.reason == reason && transfer.phase == phase);
        let to = of_order.filter(|it| credit.is_none_or(|kind| it.credit.kind == kind));
        to.map(|transfer| transfer.amount.get()).collect()
    };
    let count = |reason, phase| moved(reason, phase, None).len();
    let paid: Vec<(Fen, Fen)> = match &order.state {
        OrderState::Paid(paid) => vec![(paid.amount, paid.settled_amount)],
        _ => vec![],
    };
    let unapplied: Vec<(Fen, Fen)> =
        order.unapplied.iter().map(|it| (it.amount, it.settled_amount)).collect();
    for (payments, reason, credit) in [
        (paid, Reason::Payment, AccountKind::MerchantPending),
        (unapplied, Reason::UnappliedPayment, AccountKind::Suspense),
    ] {
        let (settled, coupons): (Vec<i64>, Vec<i64>) = payments
            .iter()
            .map(|(amount, settled)| (settled.get(), amount.get() - settled.get()))
            .unzip();
        let some = |parts: Vec<i64>| parts.into_iter().filter(|fen| *fen > 0).collect::<Vec<_>>();
        assert_eq!(moved(reason, Phase::Post, Some(credit)), some(settled), "what arrived");
        assert_eq!(moved(Reason::Coupon, Phase::Post, Some(credit)), some(coupons), "coupons");
    }
    let refunds =
        order.unapplied.iter().filter(|it| matches!(it.outcome, UnappliedOutcome::Refund(_)));
    assert_eq!(count(Reason::UnappliedRefund, Phase::Hold), refunds.count());
    let standing = order.standing();
    assert!(standing.is_open() || standing.attention.is_some() || order.state.is_final());
    assert!(
        order.contested.is_none() || standing.attention.is_some(),
        "contested, and nobody sees it"
    );
    assert_eq!(subject_of(&order.terms.channel_order_no), Some(order.id().subject()));
}

/// An order counts what its merchant's refunds have reserved and given back.
fn check_counted(kernel: &TestKernel) {
    for order in kernel.stored.orders.all() {
        let own = kernel.stored.refunds.all().filter(|refund| refund.order == order.terms.id);
        let requested: Vec<_> = own.filter(|refund| refund.request.is_some()).collect();
        let sum = |counts: fn(&RefundState) -> bool| -> i64 {
            let counted = requested.iter().filter(|refund| counts(&refund.state));
            counted.map(|refund| refund.amount.get()).sum()
        };
        let waits = |state: &RefundState| {
            matches!(state, RefundState::Requesting | RefundState::Processing)
        };
        let is_back = |state: &RefundState| {
            matches!(state, RefundState::Done { .. } | RefundState::SettledByHand { .. })
        };
        let counted = (order.funds.refunding.get(), order.funds.refunded.get());
        assert_eq!(counted, (sum(waits), sum(is_back)), "what refunds have of {}", order.terms.id);
    }
}

/// The coupons of a merchant bear what the channel does not settle, without what refunds have given back
/// of that. What a person ended at once gave it back at once.
fn check_coupons(kernel: &TestKernel) {
    let coupon = |amount: Fen, settled: Fen| amount.get() - settled.get();
    let borne = kernel.stored.orders.all().flat_map(|order| {
        let refunded =
            order.unapplied.iter().filter(|it| matches!(it.outcome, UnappliedOutcome::Refund(_)));
        let unapplied = refunded.map(|it| coupon(it.amount, it.settled_amount));
        let paid = match &order.state {
            OrderState::Paid(paid) => coupon(paid.amount, paid.settled_amount),
            _ => 0,
        };
        unapplied.chain([paid])
    });
    let given_back = kernel.stored.refunds.all().map(|refund| match &refund.state {
        RefundState::Done { settled_refund, .. } => coupon(refund.amount, *settled_refund),
        RefundState::SettledByHand { .. } => coupon(refund.amount, refund.settled_amount),
        RefundState::WrittenOff { .. } if refund.request.is_none() => {
            coupon(refund.amount, refund.settled_amount)
        }
        _ => 0,
    });
    let account = Account::new(AccountKind::MerchantCoupons, MERCHANT);
    let want = given_back.sum::<i64>() - borne.sum::<i64>();
    assert_eq!(kernel.balance(&account).posted.get(), want, "what coupons bear");
}

/// The account of the money at the channel has what was settled and was not given back.
fn check_arrived(kernel: &TestKernel) {
    let orders = kernel.stored.orders.all();
    let arrived = orders.flat_map(|order| {
        let paid = match &order.state {
            OrderState::Paid(paid) => paid.settled_amount.get(),
            _ => 0,
        };
        order.unapplied.iter().map(|it| it.settled_amount.get()).chain([paid])
    });
    let left = kernel.stored.refunds.all().map(|refund| match &refund.state {
        RefundState::Done { settled_refund, .. } => settled_refund.get(),
        _ => 0,
    });
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    let funds = sums.iter().filter(|(account, _)| account.kind == AccountKind::ChannelFunds);
    let funds: i64 = funds.map(|(_, delta)| delta.posted.get()).sum();
    assert_eq!(-funds, arrived.sum::<i64>() - left.sum::<i64>(), "what lies at the channel");
}

/// Every fen that was allocated lies where its allocation says, and the order knows how much it is.
fn check_allocated(kernel: &TestKernel) {
    let mut lies: BTreeMap<(AccountKind, &str), i64> = BTreeMap::new();
    let mut allocated: BTreeMap<i64, i64> = BTreeMap::new();
    for row in kernel.stored.allocations.all() {
        let funds = row.funds();
        for (kind, fen) in [
            (AccountKind::MerchantPending, funds.waiting),
            (AccountKind::MerchantFrozen, funds.frozen),
            (AccountKind::MerchantAvailable, funds.available),
        ] {
            *lies.entry((kind, row.merchant.as_str())).or_default() += fen.get();
        }
        let parts = [funds.waiting, funds.frozen, funds.available].map(Fen::get);
        *allocated.entry(row.order.value()).or_default() += parts.iter().sum::<i64>();
    }
    for ((kind, merchant), fen) in lies {
        let account = Account::new(kind, merchant);
        let withdrawn = match kind {
            AccountKind::MerchantAvailable => withdrawn(kernel, merchant),
            _ => 0,
        };
        let has = kernel.balance(&account).posted.get();
        assert_eq!(has, fen - withdrawn, "{account:?}");
    }
    for order in kernel.stored.orders.all() {
        let want = allocated.get(&order.terms.id.value()).copied().unwrap_or_default();
        assert_eq!(order.funds.allocated, Fen::new(want), "what the order has allocated");
    }
}

/// What a merchant was paid of what it had available, in fen.
fn withdrawn(kernel: &TestKernel, merchant: &str) -> i64 {
    let own = kernel.stored.withdrawals.all().filter(|row| row.merchant.as_str() == merchant);
    let paid = own.filter(|row| matches!(row.state, WithdrawalState::Paid { .. }));
    paid.map(|row| row.amount.get()).sum()
}

/// One that waits is seen by an operator; money leaves once, when it is paid.
fn check_withdrawals(kernel: &TestKernel) {
    for row in kernel.stored.withdrawals.all() {
        let is_waiting = matches!(row.state, WithdrawalState::Accepted);
        assert_eq!(row.standing().attention.is_some(), is_waiting);
        let own = kernel.transfers.iter().filter(|it| it.subject == row.id.subject());
        let paid = own.filter(|it| it.phase == Phase::PostHeld).count();
        let is_paid = matches!(row.state, WithdrawalState::Paid { .. });
        assert_eq!(paid, usize::from(is_paid));
    }
}

fn subject_of(channel_no: &str) -> Option<Subject> {
    subject_of_channel_no(INSTALLATION, channel_no)
}

proptest! {
    #[test]
    fn any_sequence_keeps_every_rule(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut kernel = TestKernel::new(directory());
        for step in steps {
            play_if_possible(&mut kernel, &step);
            check(&kernel);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decisions(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let (mut first, mut second) = (TestKernel::new(directory()), TestKernel::new(directory()));
        for step in steps {
            play_if_possible(&mut first, &step);
            play_if_possible(&mut second, &step);
        }
        prop_assert_eq!(first.events, second.events);
        prop_assert_eq!(first.transfers, second.transfers);
        prop_assert_eq!(first.work, second.work);
    }

    #[test]
    fn a_number_at_a_channel_names_its_subject(value in 100_000_000_000_000_000i64.., kind in 0usize..SubjectKind::ALL.len()) {
        let value = value % 1_000_000_000_000_000_000;
        let subject = Subject { kind: SubjectKind::ALL[kind], value };
        let number = kernel::channel_no(INSTALLATION, subject);
        prop_assert_eq!(subject_of(&number), Some(subject));
        prop_assert_eq!(subject_of_channel_no("ZZZZZZ", &number), None);
    }
}
