//! What was divided among merchants and shared to payees: a refund that fails puts every fen back
//! where it was, and when all of an order went back to the payer, no account has anything of it.

mod support;

use kernel::{OrderFunds, RefundState};
use ledger::book::{Delta, sum_deltas};
use ledger::{Account, Fen};
use proptest::prelude::*;
use support::script::play;
use support::{TestKernel, directory};

/// An order of 10 yuan, how it is divided and shared, and what of it is refunded one after another.
#[derive(Clone, Debug)]
struct Story {
    /// How the money of the order is divided.
    allocated: String,
    /// What two payees in the book get: a person, and one of a merchant that has an allocation too.
    shared: [i64; 2],
    /// What is released of the frozen part.
    released: i64,
    /// Amounts, and whether each is refused by the channel first.
    refunds: Vec<(i64, bool)>,
    /// After how many refunds the payees give everything back.
    back_after: usize,
}

fn any_story() -> impl Strategy<Value = Story> {
    let period = || prop::sample::select(vec!["D0", "D1", "T1"]);
    let allocated = (1i64..=400, period(), 1i64..=200).prop_map(|(first, period, second)| {
        format!("CM-B:{first}:{period},CM-C:{second}:D0:frozen")
    });
    let refunds = prop::collection::vec((1i64..=400, any::<bool>()), 0..6);
    (allocated, [1i64..=200, 1i64..=200], 1i64..=200, refunds, 0usize..6).prop_map(
        |(allocated, shared, released, refunds, back_after)| Story {
            allocated,
            shared,
            released,
            refunds,
            back_after,
        },
    )
}

/// What accounts have and hold, where it is something.
fn balances(kernel: &TestKernel) -> Vec<(Account, Delta)> {
    let sums = sum_deltas(&kernel.transfers).expect("the sums fit");
    let is_something = |(_, sum): &(Account, Delta)| *sum != Delta::default();
    sums.into_iter().filter(is_something).collect()
}

/// Requests a refund and carries it out; one that the channel refuses first must have moved nothing. A
/// request that is refused moves nothing either.
fn refund(kernel: &mut TestKernel, no: usize, fen: i64, fails_first: bool) {
    let before = balances(kernel);
    let request = format!("request f{no} o1 {fen}");
    if play(kernel, &request).starts_with("refused") {
        assert_eq!(balances(kernel), before, "{request}: a refusal moved money");
        return;
    }
    if fails_first {
        play(kernel, &format!("f{no} callback: closed {fen}"));
        assert_eq!(balances(kernel), before, "{request}: not all is back where it was");
        play(kernel, &request);
    }
    play(kernel, &format!("f{no} callback: done {fen}"));
    let refund = kernel.refund_no(&format!("f{no}")).expect("it was accepted");
    assert!(matches!(refund.state, RefundState::Done { .. }), "{:?}", refund.state);
}

fn play_story(story: &Story) -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    let [person, merchant] = story.shared;
    for step in [
        "payee b1 book".to_owned(),
        "payee b2 CM-B".to_owned(),
        format!("place o1 allocate={}", story.allocated),
        "o1 callback: paid tx1 1000".to_owned(),
        format!("share s1 o1 b1={person} b2={merchant}"),
        format!("unfreeze u1 o1 CM-C:{}", story.released),
    ] {
        play(&mut kernel, &step);
    }
    let back = format!("return v1 s1 b1={person} b2={merchant}");
    for (no, (fen, fails_first)) in story.refunds.iter().enumerate() {
        if no == story.back_after {
            play(&mut kernel, &back);
        }
        if no == 3 && kernel.waiting_allocation().is_some() {
            play(&mut kernel, "task allocation");
        }
        refund(&mut kernel, no, *fen, *fails_first);
    }
    if kernel.share_return("v1").is_none() {
        play(&mut kernel, &back);
    }
    let left = kernel.order("o1").expect("o1").refundable();
    if left.is_positive() {
        refund(&mut kernel, 9, left.get(), true);
    }
    kernel
}

proptest! {
    #[test]
    fn all_that_went_somewhere_comes_back(story in any_story()) {
        let kernel = play_story(&story);
        let funds = kernel.order("o1").expect("o1").funds;
        let want = OrderFunds { refunded: Fen::new(1000), ..OrderFunds::default() };
        prop_assert_eq!(funds, want);
        prop_assert_eq!(balances(&kernel), vec![]);
    }
}
