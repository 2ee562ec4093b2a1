//! Every order of a few events around a refund for which a payee gives its share back: requests and their
//! repeats, a return of the merchant's own, answers and due tasks. Nothing comes back twice or is counted
//! twice, one thing of the order runs at a time, every open row has a task, and after any order the end is
//! reached with nothing held.

mod support;

use kernel::{RefundState, ReturnOutcome, ShareReturnState, ShareState};
use ledger::{Account, AccountKind, Fen};
use support::script::play;
use support::{TestKernel, directory};

/// What can happen, in any order. The payee has 400 of the order's 1000, which are frozen at the channel.
const HAPPENINGS: [&str; 7] = [
    "request f1 o1 800 p1=400",
    "request f1 o1 800 p1=400",
    "request f2 o1 500",
    "return u1 s1 p1=300",
    "share_return return_share: returned 0 failed",
    "share_return query_share_return: returned 0 done",
    "task f1",
];

fn shared_order() -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for step in [
        "place o1 shared=yes",
        "o1 callback: paid tx1 1000",
        "payee p1 wx",
        "wait 60s",
        "share s1 o1 p1=400",
        "share bind_receiver: receiver",
        "share share: shared p1=done",
    ] {
        play(&mut kernel, step);
    }
    kernel
}

/// A step about a row that is not there happens to nothing.
fn happens(kernel: &mut TestKernel, step: &str) {
    let is_there = match step.split(' ').next().unwrap_or_default() {
        "share_return" => kernel.share_return("share_return").is_some(),
        "task" => kernel.refund_no("f1").is_some(),
        _ => true,
    };
    if is_there {
        play(kernel, step);
    }
}

/// What holds after every step.
fn check(kernel: &TestKernel, path: &[&str]) {
    let sums = ledger::book::sum_deltas(&kernel.transfers).expect("the sums fit");
    assert_eq!(sums.values().map(|delta| delta.posted.get()).sum::<i64>(), 0, "{path:?}");
    let refunds = || kernel.stored.refunds.all();
    let sum = |counts: fn(&RefundState) -> bool| -> i64 {
        refunds().filter(|it| counts(&it.state)).map(|it| it.amount.get()).sum()
    };
    let prepared = sum(|it| matches!(it, RefundState::Preparing { .. }));
    let waiting = sum(|it| matches!(it, RefundState::Requesting | RefundState::Processing));
    let refunded = sum(|it| matches!(it, RefundState::Done { .. }));
    let items = kernel.stored.share_returns.all().flat_map(|row| &row.items);
    let done = items.filter(|item| matches!(item.outcome, ReturnOutcome::Done { .. }));
    let back: i64 = done.map(|item| item.amount.get()).sum();
    assert!(back <= 400, "{path:?}: {back} came back");
    let order = kernel.order("o1").expect("an order");
    let funds = order.funds;
    assert_eq!(funds.refunding.get(), prepared + waiting, "{path:?}");
    assert_eq!((funds.refunded.get(), funds.shared.get()), (refunded, 400 - back), "{path:?}");
    let pending = kernel.balance(&Account::new(AccountKind::MerchantPending, "CM1"));
    assert_eq!(pending.posted.get(), 600 + back - waiting - refunded, "{path:?}");
    assert!(pending.posted >= Fen::ZERO, "{path:?}");
    let payable = kernel.balance(&Account::new(AccountKind::RefundsPayable, "100001"));
    assert_eq!((payable.posted.get(), payable.held.get()), (waiting, waiting), "{path:?}");
    check_running(kernel, path);
}

/// That the order names what runs, and that this has a task.
fn check_running(kernel: &TestKernel, path: &[&str]) {
    let preparing = kernel.stored.refunds.all().filter_map(|refund| match refund.state {
        RefundState::Preparing { step, .. } => Some((refund.id.subject(), step)),
        _ => None,
    });
    let preparing: Vec<_> = preparing.collect();
    let is_open = |state: &ShareReturnState| matches!(state, ShareReturnState::Running { .. });
    let returns = kernel.stored.share_returns.all().filter(|row| is_open(&row.state));
    let is_ended = |state: &ShareState| matches!(state, ShareState::Ended { .. });
    let shares = kernel.stored.shares.all().filter(|row| !is_ended(&row.state));
    let open: Vec<_> =
        returns.map(|row| row.id.subject()).chain(shares.map(|row| row.id.subject())).collect();
    let running = kernel.order("o1").expect("an order").sharing.running;
    match (preparing.as_slice(), open.as_slice()) {
        ([], []) => assert_eq!(running, None, "{path:?}"),
        ([], [open]) => assert_eq!(running, Some(*open), "{path:?}"),
        ([(refund, step)], open) => {
            assert_eq!(running, Some(*refund), "{path:?}");
            assert!(open.is_empty() || open == [*step], "{path:?}: {open:?}");
        }
        (preparing, open) => panic!("{path:?}: {preparing:?}, {open:?}"),
    }
    let refunds = preparing.iter().map(|(refund, _)| *refund);
    for subject in open.iter().copied().chain(refunds) {
        assert!(kernel.due(subject).is_some(), "{path:?}: {subject} has no task");
    }
}

/// The channel ends what is open, and due tasks run; nothing is held then.
fn finish(kernel: &mut TestKernel, path: &[&str]) {
    while let Some(step) = next_step(kernel) {
        play(kernel, &step);
        check(kernel, path);
    }
    let order = kernel.order("o1").expect("an order");
    assert_eq!((order.funds.refunding, order.sharing.running), (Fen::ZERO, None), "{path:?}");
}

fn next_step(kernel: &TestKernel) -> Option<String> {
    let is_running = |state: &ShareReturnState| matches!(state, ShareReturnState::Running { .. });
    if kernel.share_return("share_return").is_some_and(|row| is_running(&row.state)) {
        return Some("share_return query_share_return: returned 0 done".to_owned());
    }
    match kernel.share("share").map(|share| &share.state) {
        Some(ShareState::Requesting { .. }) => return Some("share unfreeze: shared".to_owned()),
        Some(ShareState::Releasing) => {
            return Some("share query_unshared: unshared 0".to_owned());
        }
        _ => {}
    }
    kernel.stored.refunds.all().find_map(|refund| {
        let number = &refund.request.as_ref()?.merchant_refund_no;
        match refund.state {
            RefundState::Preparing { .. } => Some(format!("task {number}")),
            RefundState::Requesting => {
                Some(format!("{number} query_refund: done {}", refund.amount.get()))
            }
            _ => None,
        }
    })
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

#[test]
fn no_order_of_events_counts_money_twice_or_leaves_a_refund_behind() {
    let played = every_order(&shared_order(), &mut vec![], &HAPPENINGS);
    assert_eq!(played, (1..=HAPPENINGS.len()).product::<usize>());
}
