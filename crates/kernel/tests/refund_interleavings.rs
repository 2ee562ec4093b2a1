//! Every order of a few events around an order's refunds: requests and their repeats, answers, callbacks
//! and failures. Never more than was paid is given back or reserved, Σ debits = Σ credits at every step,
//! and after any order the end is reached with nothing held.

mod support;

use kernel::{Order, RefundState};
use ledger::{Account, AccountKind, Fen};
use support::script::play;
use support::{TestKernel, directory};

/// What can happen, once each, in any order: two refunds that fit together, one that fits only while
/// another has failed, and what the channel says of each.
const HAPPENINGS: [&str; 7] = [
    "request f1 o1 600",
    "request f2 o1 400",
    "request f3 o1 500",
    "f1 refund: refused",
    "request f1 o1 600",
    "f1 callback: done 600",
    "f2 callback: closed 400",
];

fn paid_order() -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for step in ["place o1", "o1 place: placed", "o1 callback: paid tx1 1000"] {
        play(&mut kernel, step);
    }
    kernel
}

/// A step about a refund that was not requested yet happens to nothing.
fn happens(kernel: &mut TestKernel, step: &str) {
    let row = step.split(' ').next().unwrap_or_default();
    if row == "request" || kernel.refund_no(row).is_some() {
        play(kernel, step);
    }
}

fn order(kernel: &TestKernel) -> &Order {
    kernel.order("o1").expect("an order")
}

/// What holds after every step.
fn check(kernel: &TestKernel, path: &[&str]) {
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    assert_eq!(sums.values().map(|delta| delta.posted.get()).sum::<i64>(), 0, "{path:?}");
    let refunds = || kernel.stored.refunds.all();
    let sum = |counts: fn(&RefundState) -> bool| -> i64 {
        refunds().filter(|it| counts(&it.state)).map(|it| it.amount.get()).sum()
    };
    let reserved = sum(|it| matches!(it, RefundState::Requesting | RefundState::Processing));
    let back = sum(|it| matches!(it, RefundState::Done { .. }));
    let funds = order(kernel).funds;
    assert_eq!((funds.refunding.get(), funds.refunded.get()), (reserved, back), "{path:?}");
    // Only what the channel carried out after it had failed can come on top, and a person sees that.
    let contradicted = refunds().any(|it| it.attention.is_some());
    assert!(reserved + back <= 1000 || contradicted, "{path:?}: {reserved} + {back}");
    let payable = kernel.balance(&Account::new(AccountKind::RefundsPayable, "100001"));
    assert_eq!((payable.posted.get(), payable.held.get()), (reserved, reserved), "{path:?}");
    let funds = kernel.balance(&Account::new(AccountKind::ChannelFunds, "main"));
    assert_eq!(funds.posted.get(), back - 1000, "{path:?}: what lies at the channel");
    // The merchant has what is left; what was given back beyond the payment is lost, and only that.
    let lost = -kernel.balance(&Account::new(AccountKind::WriteOff, "100001")).posted.get();
    let pending = kernel.balance(&Account::new(AccountKind::MerchantPending, "CM1")).posted.get();
    let over = (reserved + back - 1000).max(0);
    assert_eq!((lost, order(kernel).funds.made_up.get()), (over, over), "{path:?}: what is lost");
    assert_eq!(pending, 1000 - reserved - back + lost, "{path:?}: what is pending");
}

/// The channel ends what is still open; nothing is held then.
fn finish(kernel: &mut TestKernel, path: &[&str]) {
    let open: Vec<(String, i64)> = kernel
        .stored
        .refunds
        .all()
        .filter(|refund| refund.holds())
        .filter_map(|refund| {
            let request = refund.request.as_ref()?;
            Some((request.merchant_refund_no.clone(), refund.amount.get()))
        })
        .collect();
    for (number, fen) in open {
        play(kernel, &format!("{number} query_refund: done {fen}"));
    }
    check(kernel, path);
    let payable = kernel.balance(&Account::new(AccountKind::RefundsPayable, "100001"));
    assert_eq!((payable.posted, payable.held), (Fen::ZERO, Fen::ZERO), "{path:?}");
    assert_eq!(order(kernel).funds.refunding, Fen::ZERO, "{path:?}");
}

/// Plays every order of what is left after what has happened, and counts them.
fn every_order(kernel: &TestKernel, path: &mut Vec<&'static str>, left: &[&'static str]) -> usize {
    if left.is_empty() {
        finish(&mut kernel.clone(), path);
        return 1;
    }
    let mut played = 0;
    for at in 0..left.len() {
        let (mut kernel, mut rest) = (kernel.clone(), left.to_vec());
        path.push(rest.remove(at));
        happens(&mut kernel, path[path.len() - 1]);
        check(&kernel, path);
        played += every_order(&kernel, path, &rest);
        path.pop();
    }
    played
}

/// What can happen when a refund that had failed is carried out while others run.
const LATE_HAPPENINGS: [&str; 6] = [
    "f1 callback: done 600",
    "f1 query_refund: processing 600",
    "f3 callback: closed 500",
    "request f2 o1 400",
    "f2 callback: closed 400",
    "request f3 o1 500",
];

#[test]
fn what_is_written_off_is_made_up_for_when_another_refund_fails() {
    let mut kernel = paid_order();
    for step in ["request f1 o1 600", "f1 refund: refused", "request f3 o1 500"] {
        play(&mut kernel, step);
    }
    let played = every_order(&kernel, &mut vec![], &LATE_HAPPENINGS);
    assert_eq!(played, (1..=LATE_HAPPENINGS.len()).product::<usize>());
}

#[test]
fn no_order_of_events_gives_more_back_than_was_paid() {
    let played = every_order(&paid_order(), &mut vec![], &HAPPENINGS);
    assert_eq!(played, (1..=HAPPENINGS.len()).product::<usize>());
}
