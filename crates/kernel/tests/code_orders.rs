//! Orders that a payer's code pays: placed once, queried, and cancelled when in doubt.

mod support;

use support::script::{check, play};
use support::{TestKernel, directory, place_with};

use channel::{PaymentCode, Scene};
use kernel::{OrderRefusal, Refusal, Work};

const CODE: &str = "134567890123456789";

#[test]
fn a_code_pays_at_once() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        ",
    );
}

#[test]
fn a_definite_refusal_fails_the_order_at_once() {
    for refusal in ["refused", "failed", "later", "unsigned_refusal"] {
        let mut kernel = TestKernel::new(directory());
        play(&mut kernel, "place o1 code=134567890123456789");
        let outcome = play(&mut kernel, &format!("o1 place: {refusal}"));
        assert!(outcome.starts_with("order failed by failed"), "{refusal}: {outcome}");
        assert!(!outcome.contains("; ask"), "{refusal}: {outcome}");
    }
}

/// A refused account ends no order: it is queried, and cancelled in its time.
#[test]
fn a_refused_account_leaves_the_order_unclear() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: account_fault -> order init +5s by call_ended; answer account_fault
        task o1 -> order init +30s by call_begun; ask query
        o1 query: account_fault -> order init +5s by call_ended; answer account_fault
        wait 30s ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: not_found -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: not_found -> order closing +30s by cancel_answered, call_begun; ask query
        o1 query: not_found -> order failed +600s by failed
        ",
    );
}

/// The answers to cancels settle nothing and queries neither: a person is needed, and sees why.
#[test]
fn an_order_that_no_cancel_ends_needs_a_person() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "place o1 code=134567890123456789");
    play(&mut kernel, "o1 place: pending");
    play(&mut kernel, "wait 35s");
    play(&mut kernel, "task o1");
    let mut asked = "query";
    for _ in 0..64 {
        let answer = if asked == "cancel" { "refused" } else { "pending" };
        let outcome = play(&mut kernel, &format!("o1 {asked}: {answer}"));
        if outcome.contains('!') {
            assert!(outcome.contains("!cannot_close"), "{outcome}");
            return;
        }
        let outcome = match outcome.contains("; ask") {
            true => outcome,
            false => {
                play(&mut kernel, "wait 300s");
                play(&mut kernel, "task o1")
            }
        };
        asked = if outcome.contains("ask cancel") { "cancel" } else { "query" };
    }
    panic!("nobody is told");
}

#[test]
fn a_payer_who_types_is_queried_and_pays() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: pending -> order init +5s by confirmed
        task o1 -> order init +30s by call_begun; ask query
        o1 query: pending -> order init +5s by call_ended
        place o1 code=150000000000000000 -> order init +30s by call_begun; ask query
        o1 query: pending -> order init +5s by call_ended
        task o1 -> order init +30s by call_begun; ask query
        o1 query: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        place o1 code=134567890123456789 -> refused: the order is final
        ",
    );
}

#[test]
fn an_order_without_an_outcome_is_queried_cancelled_and_queried() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        task o1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order init +5s by call_ended
        wait 30s ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: not_found -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: later -> order closing +10s by call_ended; answer later
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: paid tx1 1000 -> order closing +30s by call_ended, call_begun; ask cancel
        o1 callback: paid tx1 1000 -> order closing +30s by call_ended
        o1 cancel: cancelled -> order closing +30s by cancel_answered, call_begun; ask query
        o1 query: reversed tx1 1000 -> order failed +600s by unapplied_received, failed; post 1000 channel_funds to suspense; post 1000 suspense to channel_funds
        o1 callback: paid tx1 1000 -> order failed +600s by call_ended
        balances -> channel_funds 0, suspense 0
        rebuild ->
        o1 callback: paid tx1 1000 -> order failed +600s by call_ended
        ",
    );
}

#[test]
fn a_cancel_that_reports_a_reversal_is_booked_once() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        wait 30s ->
        task o1 -> order init +30s by call_begun; ask query
        o1 query: unknown -> order init +5s by call_ended; answer unknown
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: unknown -> order closing +30s by call_ended, call_begun; ask cancel; answer unknown
        o1 cancel: reversed tx1 1000 -> order closing +30s by unapplied_received, cancel_answered, call_begun; post 1000 channel_funds to suspense; post 1000 suspense to channel_funds; ask query
        o1 query: reversed tx1 1000/700 -> order failed +600s by failed
        balances -> channel_funds 0, suspense 0
        ",
    );
}

#[test]
fn a_cancel_that_the_channel_refuses_leaves_the_truth_to_a_query() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: pending -> order init +5s by confirmed
        wait 35s ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: pending -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: refused -> order closing +30s by cancel_answered, call_begun; ask query; answer refused
        o1 query: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        o1 query: reversed tx1 1000 -> order paid !contradiction by mismatch_recorded
        ",
    );
}

#[test]
fn money_that_a_query_reports_after_the_end_goes_back() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        wait 40s ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: unknown -> order closing +30s by call_ended, call_begun; ask cancel; answer unknown
        o1 cancel: unknown -> order closing +10s by call_ended; answer unknown
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: closed -> order failed +600s by failed
        task o1 -> order failed +30s by call_begun; ask query
        o1 query: paid tx1 1000 -> order failed +30s by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        ",
    );
}

#[test]
fn a_merchant_closes_through_a_cancel_and_not_before_its_time() {
    check(
        "
        place o1 code=134567890123456789 -> order init +30s by placed; ask place
        close o1 -> refused: another operation on the order is running
        o1 place: pending -> order init +5s by confirmed
        close o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: pending -> order closing +15s by call_ended
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: pending -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: not_found -> order closing +30s by cancel_answered, call_begun; ask query
        o1 query: not_found -> order closed +600s by closed
        o1 callback: paid tx1 1000 -> order closed +30s by poll_requested, call_begun; ask query
        o1 query: paid tx1 1000 -> order closed +30s by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        ",
    );
}

/// Long after its end its polls are used up: a payment that is reported then is queried until that is clear.
#[test]
fn a_late_payment_is_not_forgotten_after_one_unclear_query() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, &format!("place o1 code={CODE}"));
    for step in ["o1 place: unknown", "wait 40s", "task o1", "o1 query: not_found"] {
        play(&mut kernel, step);
    }
    play(&mut kernel, "o1 cancel: not_found");
    assert!(play(&mut kernel, "o1 query: not_found").contains("order failed"));
    let next_poll = |kernel: &TestKernel| kernel.order("o1").and_then(|order| order.next_poll_at);
    let mut polls = 0;
    while next_poll(&kernel).is_some() {
        play(&mut kernel, "wait 86400s");
        play(&mut kernel, "task o1");
        play(&mut kernel, "o1 query: unknown");
        polls += 1;
        assert!(polls < 20, "its polls do not end");
    }
    let reported = play(&mut kernel, "o1 callback: paid tx1 1000");
    assert!(reported.contains("ask query"), "{reported}");
    let unclear = play(&mut kernel, "o1 query: unknown");
    assert!(unclear.contains("+3600s"), "{unclear}");
    play(&mut kernel, "wait 3600s");
    play(&mut kernel, "task o1");
    let found = play(&mut kernel, "o1 query: paid tx1 1000");
    assert!(found.contains("ask refund"), "{found}");
}

#[test]
fn a_code_that_is_missing_or_another_channels_is_refused_before_any_call() {
    let mut kernel = TestKernel::new(directory());
    for code in [None, Some("280000000000000000"), Some("13456789012345678")] {
        let mut place = place_with("o1", |request| request.scene = Scene::Swipe);
        place.payment_code = code.map(|code| PaymentCode::new(code.to_owned()));
        let refused = kernel.handle(place).expect_err("refused");
        let Refusal::Order(OrderRefusal::PaymentCode { why }) = &refused else {
            panic!("{refused}")
        };
        assert!(code.is_none_or(|code| !why.contains(code)), "{why}");
    }
    assert!(kernel.work.is_empty() && kernel.events.is_empty());
}

#[test]
fn the_code_is_in_the_one_call_and_nowhere_else() {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, &format!("place o1 code={CODE}"));
    let [Work::Ask { instruction: channel::Instruction::Place(place), .. }] = &kernel.work[..]
    else {
        panic!("one call wanted")
    };
    assert_eq!(place.payment_code.as_ref().map(PaymentCode::expose), Some(CODE));
    assert!(!format!("{:?}{:?}", kernel.work, kernel.events).contains(CODE));
    assert_eq!(kernel.order("o1").expect("placed").placing().payment_code, None);
}
