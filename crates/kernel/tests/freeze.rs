//! Orders that were marked for sharing: a person is warned before the channel releases what it still
//! keeps frozen of them, and of no other order.

mod support;

use kernel::Aggregate;
use support::script::{check_on, play};
use support::{START, TestKernel, directory};

const DAY_SECONDS: i64 = 24 * 3600;

/// A kernel with a payee at the channel, and an order of 10 yuan that is paid at the start.
fn paid(changes: &str) -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    play(&mut kernel, "payee p1 wx");
    play(&mut kernel, "payee b1 book");
    play(&mut kernel, &format!("place o1 {changes}"));
    play(&mut kernel, "o1 callback: paid tx1 1000");
    kernel
}

/// On which day after its payment the order is looked at next.
fn next_day(kernel: &TestKernel) -> Option<i64> {
    let order = kernel.order("o1").expect("it was placed");
    let due = kernel.due(order.id().subject());
    assert_eq!(due, order.standing().next_poll_at);
    due.map(|due| due.ms_since(START) / 1000 / DAY_SECONDS)
}

#[test]
fn only_a_marked_order_has_a_task_once_it_is_paid() {
    assert_eq!(next_day(&paid("")), None);
    assert_eq!(next_day(&paid("list=b1:100")), None);
    let mut marked = paid("shared=yes");
    assert_eq!(next_day(&marked), Some(25));
    // What the channel says again does not end the watch.
    check_on(&mut marked, "o1 callback: paid tx1 1000 -> order paid by call_ended");
    assert_eq!(next_day(&marked), Some(25));
}

#[test]
fn a_person_is_warned_on_day_25_until_the_channel_has_released_the_money() {
    let mut kernel = paid("shared=yes");
    check_on(
        &mut kernel,
        "
        task o1 -> order paid +432000s !freeze_ending by freeze_ending
        operator poll o1 -> refused: the order is paid
        operator write_off o1 -> refused: the order needs no person
        rebuild ->
        ",
    );
    assert!(kernel.order("o1").expect("it was placed").exits().is_empty());
    check_on(
        &mut kernel,
        "
        o1 callback: paid tx1 1000 -> order paid +432000s !freeze_ending by call_ended
        task o1 -> order paid by freeze_watched
        early o1 -> nothing
        ",
    );
    assert_eq!(kernel.now.ms_since(START) / 1000, 30 * DAY_SECONDS);
}

#[test]
fn the_warning_ends_when_the_rest_is_released() {
    check_on(
        &mut paid("shared=yes"),
        "
        task o1 -> order paid +432000s !freeze_ending by freeze_ending
        share s1 o1 rest -> share requesting [] +30s by made, call_begun; order paid +432000s !freeze_ending by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; notification due +30s by queued; deliver
        ",
    );
}

#[test]
fn the_warning_ends_when_all_is_shared_at_the_channel_and_not_in_the_book() {
    check_on(
        &mut paid("shared=yes"),
        "
        share s1 o1 b1=400 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 400 merchant_pending to payee_available; deliver
        task o1 -> order paid +432000s !freeze_ending by freeze_ending
        share s2 o1 p1=600 -> share waiting [open] +30s by made, call_begun; order paid +432000s !freeze_ending by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 600 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=failed -> share ended [failed] by moved; order paid +432000s !freeze_ending by funds_moved, sharing_changed; notification due +30s by queued; release 600 merchant_pending to channel_funds; deliver
        share s3 o1 b1=600 -> share ended [done] by made; order paid +432000s !freeze_ending by funds_moved, sharing_changed; notification due +30s by queued; post 600 merchant_pending to payee_available; deliver
        ",
    );
    let mut kernel = paid("shared=yes");
    for step in ["wait 60s", "share s1 o1 p1=1000", "share bind_receiver: receiver"] {
        play(&mut kernel, step);
    }
    assert_eq!(next_day(&kernel), Some(25));
    play(&mut kernel, "share share: shared p1=done");
    assert_eq!(next_day(&kernel), None);
}

#[test]
fn the_warning_ends_when_all_is_refunded() {
    let mut kernel = paid("shared=yes");
    for step in ["task o1", "request f1 o1 400", "refund refund: done 400", "request f2 o1 600"] {
        play(&mut kernel, step);
    }
    assert_eq!(next_day(&kernel), Some(30));
    play(&mut kernel, "refund refund: done 600");
    assert_eq!(next_day(&kernel), None);
    assert_eq!(kernel.order("o1").expect("it was placed").attention, None);
}

#[test]
fn what_needs_a_person_already_is_not_hidden_by_the_warning() {
    check_on(
        &mut paid("shared=yes"),
        "
        o1 callback: mismatch -> order paid !contradiction by mismatch_recorded; answer unknown
        task o1 -> nothing
        operator write_off o1 -> order paid +86400s by attention_ended
        task o1 -> order paid +345600s !freeze_ending by freeze_ending
        o1 callback: mismatch -> order paid +345600s !contradiction by mismatch_recorded; answer unknown
        task o1 -> order paid !contradiction by freeze_watched
        ",
    );
}
