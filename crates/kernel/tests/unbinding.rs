//! Payees that are unbound: each channel account at which they were bound unbinds them.

mod support;

use kernel::{Aggregate as _, Exit};
use support::script::{check, check_on, play};
use support::{TestKernel, directory};

/// A payee that a channel has bound, and of which a share is requested.
const BOUND: &[&str] = &[
    "place o1 shared=yes",
    "o1 callback: paid tx1 1000",
    "payee p1 wx",
    "wait 60s",
    "share s1 o1 p1=300",
    "share bind_receiver: receiver",
];

fn bound() -> TestKernel {
    let mut kernel = TestKernel::new(directory());
    for step in BOUND {
        play(&mut kernel, step);
    }
    kernel
}

#[test]
fn the_channel_is_told_where_the_payee_was_bound() {
    let mut kernel = bound();
    let names: Vec<_> = kernel.events.iter().map(|event| event.change.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "bound").count(), 1, "{names:?}");
    let bindings = &kernel.payee("p1").expect("a payee").bindings;
    assert_eq!(bindings.iter().map(|it| &*it.channel_account).collect::<Vec<_>>(), ["main"]);
    check_on(
        &mut kernel,
        "unbind p1 -> payee +30s by unbound, call_begun; ask unbind_receiver
        unbind p1 -> nothing
        p1 unbind_receiver: unknown -> payee +60s by unbind_failed
        task p1 -> payee +30s by call_begun; ask unbind_receiver
        p1 unbind_receiver: receiver -> payee by unbound_at
        p1 unbind_receiver: receiver -> payee by repeated
        task p1 -> nothing
        operator retry p1 -> refused: the payee needs no person
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        share s2 o1 p1=1 -> refused: payee 227712119603201793 is unbound",
    );
}

#[test]
fn a_payee_is_known_to_be_bound_once_at_an_account() {
    let mut kernel = bound();
    for step in [
        "share share: shared p1=done",
        "share s2 o1 p1=1",
        "share bind_receiver: receiver",
        "share share: shared p1=done",
    ] {
        play(&mut kernel, step);
    }
    assert_eq!(kernel.payee("p1").expect("a payee").bindings.len(), 1);
}

#[test]
fn a_payee_that_was_bound_nowhere_is_unbound_without_a_call() {
    check(
        "payee p1 wx -> payee by created
        unbind p1 -> payee by unbound
        operator retry p1 -> refused: the payee needs no person",
    );
}

#[test]
fn a_share_that_binds_a_payee_after_it_was_unbound_leads_to_a_call() {
    check(
        "place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        unbind p1 -> payee by unbound
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        task p1 -> payee +30s by call_begun; ask unbind_receiver
        p1 unbind_receiver: receiver -> payee by unbound_at",
    );
}

#[test]
fn what_the_channel_does_not_unbind_is_seen_and_harms_nothing() {
    let mut kernel = bound();
    play(&mut kernel, "unbind p1");
    for seconds in [60, 600, 3600, 21_600, 86_400] {
        let failed = play(&mut kernel, "p1 unbind_receiver: refused");
        assert_eq!(failed, format!("payee +{seconds}s by unbind_failed"));
        play(&mut kernel, "task p1");
    }
    let failed = play(&mut kernel, "p1 unbind_receiver: refused");
    assert_eq!(failed, "payee !unbind_failed by unbind_failed");
    let payee = kernel.payee("p1").expect("a payee");
    assert_eq!(payee.exits(), [Exit::Retry, Exit::Dismiss]);
    check_on(
        &mut kernel,
        "operator retry p1 -> payee +0s by poll_requested
        task p1 -> payee +30s by call_begun; ask unbind_receiver
        p1 unbind_receiver: refused -> payee +60s by unbind_failed
        operator dismiss p1 -> refused: the payee needs no person",
    );
    for _ in 0..5 {
        play(&mut kernel, "p1 unbind_receiver: refused");
    }
    check_on(
        &mut kernel,
        "operator dismiss p1 -> payee by dismissed
        task p1 -> nothing",
    );
}
