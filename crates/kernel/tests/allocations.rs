//! Allocations: how a paid order's money is divided, credited when its period is over, and released.

mod support;

use kernel::AllocationStatus;
use kernel::{Aggregate as _, AllocationFault, OrderRefusal, Reads, Refusal};
use ledger::{Account, AccountKind, Fen};
use ledger::{Balance, Phase, Reason, Transfer};
use proptest::prelude::*;
use support::script::{check, play};
use support::{PARTNERS, TestKernel, directory};

#[test]
fn money_is_divided_in_the_commit_of_the_payment() {
    check(
        "
        place o1 allocate=CM-B:200:D0,CM-C:100:D0:frozen -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation available by made; allocation frozen by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_available; post 100 merchant_pending to merchant_frozen; deliver
        balances -> channel_funds -1000, merchant_pending 700, merchant_available 200, merchant_frozen 100
        o1 query: paid tx1 1000 -> order paid by call_ended
        balances -> channel_funds -1000, merchant_pending 700, merchant_available 200, merchant_frozen 100
        ",
    );
}

/// The scenarios begin on a Wednesday at 19:06:40 in Shanghai.
#[test]
fn the_next_day_begins_at_midnight_in_shanghai() {
    check(
        "
        place o1 allocate=CM-B:200:D1,CM-C:100:T1:frozen -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation waiting +17600s by made; allocation waiting +17600s by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_pending; post 100 merchant_pending to merchant_pending; deliver
        early allocation -> nothing
        unfreeze u1 o1 CM-C:60 -> refused: the allocation waits for its period
        task allocation -> allocation available by credited; post 200 merchant_pending to merchant_available
        task allocation -> allocation frozen by credited; post 100 merchant_pending to merchant_frozen
        ",
    );
}

#[test]
fn the_next_working_day_of_a_friday_is_a_monday() {
    check(
        "
        wait 172800s ->
        place o1 allocate=CM-B:200:T1,CM-C:100:D1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation waiting +190400s by made; allocation waiting +17600s by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_pending; post 100 merchant_pending to merchant_pending; deliver
        ",
    );
}

#[test]
fn frozen_money_is_released_in_parts_and_once() {
    check(
        "
        place o1 allocate=CM-B:200:D0,CM-C:100:D0:frozen -> order init +30s by placed; ask place
        unfreeze u1 o1 CM-C:60 -> refused: the order is init
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation available by made; allocation frozen by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_available; post 100 merchant_pending to merchant_frozen; deliver
        unfreeze u1 o9 CM-C:60 -> refused: no such order
        unfreeze u1 o1 -> refused: nothing to release
        unfreeze u1 o1 CM-X:60 -> refused: the order allocates nothing to this merchant
        unfreeze u1 o1 CM-C:60,CM-C:1 -> refused: the merchant appears twice
        unfreeze u1 o1 CM-C:0 -> refused: amount must be above zero
        unfreeze u1 o1 CM-C:101 -> refused: more than is frozen: 100 fen
        unfreeze u1 o1 CM-B:1 -> refused: more than is frozen: 0 fen
        unfreeze u1 o1 CM-C:60 -> allocation_release by made; allocation frozen by released; post 60 merchant_frozen to merchant_available
        unfreeze u1 o1 CM-C:60 -> nothing
        unfreeze u1 o1 CM-C:40 -> refused: the release exists with other content
        unfreeze u2 o1 CM-C:41 -> refused: more than is frozen: 40 fen
        unfreeze u2 o1 CM-C:40 -> allocation_release by made; allocation available by released; post 40 merchant_frozen to merchant_available
        balances -> channel_funds -1000, merchant_pending 700, merchant_available 200, merchant_available 100, merchant_frozen 0
        ",
    );
}

#[test]
fn an_order_that_was_paid_otherwise_is_not_divided() {
    check(
        "
        place o1 allocate=CM-B:200:D0 -> order init +30s by placed; ask place
        o1 callback: paid tx1 900 -> order init +60s !contradiction by payment_contested
        operator apply o1 tx1 -> order paid by paid; allocation failed by made; notification due +30s by queued; post 900 channel_funds to merchant_pending; deliver
        unfreeze u1 o1 CM-B:1 -> refused: more than is frozen: 0 fen
        balances -> channel_funds -900, merchant_pending 900
        ",
    );
}

/// What a coupon of the merchant's paid does not arrive, so that others cannot get it.
#[test]
fn a_payment_of_which_less_arrives_than_others_are_to_get_is_not_divided() {
    check(
        "
        place o1 allocate=CM-B:1000:D0 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/700 -> order paid by paid; allocation failed by made; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        ",
    );
}

#[test]
fn wrong_allocations_are_refused_in_order() {
    let refusal = |allocate: &str| {
        let mut kernel = TestKernel::new(directory());
        play(&mut kernel, &format!("place o1 allocate={allocate}"))
    };
    let fault =
        |at, why| format!("refused: {}", Refusal::from(OrderRefusal::Allocation { at, why }));
    for (allocate, want) in [
        ("CM9:0:D0", fault(0, AllocationFault::UnknownMerchant)),
        ("CM-B:1:D0,CM2:0:D0", fault(1, AllocationFault::MerchantDisabled)),
        ("CM1:0:D0", fault(0, AllocationFault::OwnMerchant)),
        ("CM-B:1:D0,CM-B:0:D0", fault(1, AllocationFault::Twice)),
        ("CM-B:0:D0", fault(0, AllocationFault::Amount)),
        ("CM-B:-1:D0", fault(0, AllocationFault::Amount)),
        ("CM-B:900:D0,CM-C:101:D0", format!("refused: {}", OrderRefusal::Splits)),
        ("CM-B:9223372036854775807:D0,CM-C:1:D0", format!("refused: {}", OrderRefusal::Splits)),
    ] {
        assert_eq!(refusal(allocate), want, "{allocate}");
    }
    assert!(refusal("CM-B:900:D0,CM-C:100:D0").starts_with("order init"));
}

#[test]
fn what_a_merchant_gets_lies_in_its_own_accounts() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 allocate=CM-B:200:D0,CM-C:100:D1");
    play(&mut kernel, "o1 callback: paid tx1 1000");
    let has = |kind, owner: &str| kernel.balance(&Account::new(kind, owner)).posted;
    assert_eq!(has(AccountKind::MerchantPending, "CM1"), Fen::new(700));
    assert_eq!(has(AccountKind::MerchantAvailable, "CM-B"), Fen::new(200));
    assert_eq!(has(AccountKind::MerchantPending, "CM-C"), Fen::new(100));
}

#[test]
fn a_refund_takes_back_in_proportion_and_puts_back() {
    check(
        "
        place o1 allocate=CM-B:200:D0,CM-C:100:D0:frozen -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation available by made; allocation frozen by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_available; post 100 merchant_pending to merchant_frozen; deliver
        request r1 o1 500 -> refund requesting +30s by made; order paid by funds_moved; allocation available by taken_back; allocation frozen by taken_back; post 350 merchant_pending to refunds_payable; post 100 merchant_available to refunds_payable; post 50 merchant_frozen to refunds_payable; hold 500 refunds_payable to channel_funds; ask refund
        unfreeze u1 o1 CM-C:51 -> refused: more than is frozen: 50 fen
        unfreeze u1 o1 CM-C:40 -> allocation_release by made; allocation frozen by released; post 40 merchant_frozen to merchant_available
        r1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; allocation available by put_back; allocation frozen by put_back; notification due +30s by queued; release 500 refunds_payable to channel_funds; post 350 refunds_payable to merchant_pending; post 100 refunds_payable to merchant_available; post 50 refunds_payable to merchant_frozen; deliver
        balances -> channel_funds -1000, merchant_pending 700, merchant_available 200, merchant_available 40, merchant_frozen 60, refunds_payable 0
        request r2 o1 1000 -> refund requesting +30s by made; order paid by funds_moved; allocation returned by taken_back; allocation returned by taken_back; post 700 merchant_pending to refunds_payable; post 200 merchant_available to refunds_payable; post 60 merchant_frozen to refunds_payable; post 40 merchant_available to refunds_payable; hold 1000 refunds_payable to channel_funds; ask refund
        ",
    );
}

#[test]
fn a_refund_takes_what_the_caller_names() {
    check(
        "
        place o1 allocate=CM-B:200:D0,CM-C:100:D1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation available by made; allocation waiting +17600s by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_available; post 100 merchant_pending to merchant_pending; deliver
        request r1 o1 300 CM-X:1 -> refused: the order allocates nothing to this merchant
        request r1 o1 300 CM-B:1,CM-B:1 -> refused: the merchant appears twice
        request r1 o1 300 CM-B:201 -> refused: more than is left of the allocation: 200 fen
        request r1 o1 300 CM-B:200,CM-C:100,CM-B:1 -> refused: the merchant appears twice
        request r1 o1 299 CM-B:200,CM-C:100 -> refused: the parts sum to more than the refund
        request r1 o1 800 CM-B:50 -> refused: merchant CM1 has not enough left
        request r1 o1 300 CM-B:200,CM-C:100 -> refund requesting +30s by made; order paid by funds_moved; allocation returned by taken_back; allocation returned +17600s by taken_back; post 200 merchant_available to refunds_payable; post 100 merchant_pending to refunds_payable; hold 300 refunds_payable to channel_funds; ask refund
        task allocation -> allocation returned by credited
        r1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; allocation available by put_back; allocation available by put_back; notification due +30s by queued; release 300 refunds_payable to channel_funds; post 200 refunds_payable to merchant_available; post 100 refunds_payable to merchant_available; deliver
        ",
    );
}

/// What is available to a merchant may have gone elsewhere: here by a movement that no command makes.
#[test]
fn a_merchant_that_has_not_enough_is_named() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 allocate=CM-B:200:D0,CM-C:100:D0:frozen");
    play(&mut kernel, "o1 callback: paid tx1 1000");
    let like = kernel.transfers[0].clone();
    kernel.transfers.push(Transfer {
        phase: Phase::Post,
        debit: Account::new(AccountKind::MerchantAvailable, PARTNERS[0]),
        credit: Account::new(AccountKind::SettledByHand, "100001"),
        amount: Fen::new(150),
        reason: Reason::Withdrawal,
        ..like
    });
    let refused = play(&mut kernel, "request r1 o1 500");
    assert_eq!(refused, "refused: merchant CM-B has not enough left");
    assert!(play(&mut kernel, "request r1 o1 250").starts_with("refund requesting"));
    assert!(play(&mut kernel, "r1 refund: refused").starts_with("refund failed"));
    // A list means what it says: without anybody in it, all comes from the order's own merchant.
    for (number, list) in [("r3", "[]"), ("r4", "CM-B:0")] {
        let taken = play(&mut kernel, &format!("request {number} o1 300 {list}"));
        assert!(
            taken.contains("post 300 merchant_pending to refunds_payable; hold 300"),
            "{taken}"
        );
    }
    // All of it is frozen for the other.
    assert!(play(&mut kernel, "request r2 o1 100 CM-C:100").starts_with("refund requesting"));
}

#[test]
fn one_number_takes_from_the_same_and_notifies_the_same() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 allocate=CM-B:200:D0,CM-C:100:D0");
    play(&mut kernel, "o1 callback: paid tx1 1000");
    play(&mut kernel, "request r1 o1 500 CM-B:50,CM-C:20");
    let other = "refused: the refund exists with other parts";
    for is_failed in [false, true] {
        if is_failed {
            play(&mut kernel, "r1 refund: refused");
        }
        for list in ["CM-B:50", "CM-B:20,CM-C:50", "[]", "CM-X:1"] {
            let step = format!("request r1 o1 500 {list}");
            assert_eq!(play(&mut kernel, &step), other, "{list}");
        }
        let elsewhere = "refused: the refund exists with another address";
        assert_eq!(play(&mut kernel, "request r1 o1 500 notify=https://x.com/"), elsewhere);
    }
    let again = play(&mut kernel, "request r1 o1 500 CM-C:20,CM-B:50");
    assert!(again.starts_with("refund requesting"), "{again}");
    assert_eq!(play(&mut kernel, "request r1 o1 500"), "nothing");
    assert_eq!(play(&mut kernel, "request r1 o1 500 CM-C:20,CM-B:50"), "nothing");
}

#[test]
fn a_release_is_the_same_in_any_order_of_its_parts() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 allocate=CM-B:200:D0:frozen,CM-C:100:D0:frozen");
    play(&mut kernel, "o1 callback: paid tx1 1000");
    play(&mut kernel, "unfreeze u1 o1 CM-B:60,CM-C:40");
    assert_eq!(play(&mut kernel, "unfreeze u1 o1 CM-C:40,CM-B:60"), "nothing");
    let other = play(&mut kernel, "unfreeze u1 o1 CM-C:60,CM-B:40");
    assert_eq!(other, "refused: the release exists with other content");
}

/// The payment and a refund may be decided together: what the refund must see is loaded before.
#[test]
fn an_order_brings_its_merchants_balances_before_it_is_paid() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 allocate=CM-B:200:D0");
    let mut reads = Reads::default();
    kernel.order("o1").expect("it was placed").linked(&mut reads);
    let available = Account::new(AccountKind::MerchantAvailable, PARTNERS[0]);
    assert_eq!(reads.balances, [(support::tenant(), available)]);
    assert_eq!(reads.allocations.len(), 1);
}

/// What each merchant has, by account.
fn lies(kernel: &TestKernel) -> Vec<Balance> {
    let kinds =
        [AccountKind::MerchantPending, AccountKind::MerchantAvailable, AccountKind::MerchantFrozen];
    let owners = ["CM1", PARTNERS[0], PARTNERS[1]];
    let accounts = owners.iter().flat_map(|owner| kinds.map(|kind| Account::new(kind, *owner)));
    accounts.map(|account| kernel.balance(&account)).collect()
}

fn sum(balances: &[Balance]) -> i64 {
    balances.iter().map(|balance| balance.posted.get()).sum()
}

proptest! {
    /// Refunds of any amounts, of which some fail while the money moves on, leave nothing and create
    /// nothing; when all is refunded, nobody has a fen.
    #[test]
    fn refunds_undo_allocations_exactly(
        (b, c) in (1i64..=500, 1i64..=500),
        period in prop::sample::select(vec!["D0", "D1"]),
        refunds in prop::collection::vec((1i64..=1000, any::<bool>(), 0u8..3), 1..8),
    ) {
        let mut kernel = TestKernel::new(directory());
        play(&mut kernel, &format!("place o1 allocate=CM-B:{b}:D0,CM-C:{c}:{period}:frozen"));
        play(&mut kernel, "o1 callback: paid tx1 1000");
        for (at, (fen, fails, between)) in refunds.into_iter().enumerate() {
            let before = lies(&kernel);
            let outcome = play(&mut kernel, &format!("request r{at} o1 {fen}"));
            if outcome.starts_with("refused") {
                prop_assert!(outcome.contains("can still be refunded"), "{}", outcome);
                prop_assert_eq!(lies(&kernel), before);
                continue;
            }
            prop_assert_eq!(sum(&lies(&kernel)), sum(&before) - fen);
            match between {
                1 => drop(play(&mut kernel, &format!("unfreeze u{at} o1 CM-C:1"))),
                2 if kernel.waiting_allocation().is_some() => {
                    play(&mut kernel, "task allocation");
                }
                _ => {}
            }
            if fails {
                play(&mut kernel, &format!("r{at} refund: refused"));
                prop_assert_eq!(sum(&lies(&kernel)), sum(&before));
                prop_assert!(between != 0 || lies(&kernel) == before, "put back elsewhere");
            } else {
                play(&mut kernel, &format!("r{at} callback: done {fen}"));
            }
        }
        let left = kernel.order("o1").map_or(0, |order| order.refundable().get());
        prop_assert_eq!(sum(&lies(&kernel)), left);
        if left > 0 {
            let rest = play(&mut kernel, &format!("request rest o1 {left}"));
            prop_assert!(rest.starts_with("refund requesting"), "{}", rest);
        }
        prop_assert!(lies(&kernel).iter().all(|balance| balance.posted == Fen::ZERO));
        let all_back = |row: &kernel::Allocation| row.status() == AllocationStatus::Returned;
        prop_assert!(kernel.stored.allocations.all().all(all_back));
    }
}
