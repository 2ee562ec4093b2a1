//! Shares and their returns that the channel contradicts, or does not end: what a person decides.

mod support;

use kernel::{ApprovalState, Exit};
use support::script::{check, play};
use support::{TestKernel, directory};

/// A paid order of 1000 fen, of which two payees are to get 300 and 200; the channel was requested.
const REQUESTED: &[&str] = &[
    "place o1 shared=yes",
    "o1 callback: paid tx1 1000",
    "payee p1 wx",
    "payee p2 wx",
    "wait 60s",
    "share s1 o1 p1=300 p2=200 rest",
    "share bind_receiver: receiver",
    "share bind_receiver: receiver",
];

/// The same, done, and 100 and 50 are to come back.
const RETURNING: &[&str] = &["share share: shared p1=done p2=done", "return u1 s1 p1=100 p2=50"];

fn after(begin: &[&[&str]], scenario: &str) {
    let mut kernel = TestKernel::new(directory());
    for step in begin.iter().copied().flatten() {
        play(&mut kernel, step);
    }
    support::script::check_on(&mut kernel, scenario);
}

fn exits(begin: &[&[&str]]) -> Vec<Exit> {
    use kernel::Aggregate as _;
    let mut kernel = TestKernel::new(directory());
    for step in begin.iter().copied().flatten() {
        play(&mut kernel, step);
    }
    let of_return = kernel.share_return("share_return").map(kernel::ShareReturn::exits);
    of_return.unwrap_or_else(|| kernel.share("share").expect("a share").exits())
}

#[test]
fn what_the_channel_describes_otherwise_is_booked_as_it_describes_it() {
    after(&[REQUESTED], "
        operator accept share -> refused: the share needs no person
        share share: shared p1=done/299 p2=processing -> share requesting [open open] +60s !contradiction by mismatch_recorded
        operator accept share -> refused: what the channel describes cannot be booked
        share query_share: shared p1=done/299 p2=failed -> share requesting [open open] +60s !contradiction by mismatch_recorded
        request r1 o1 1 -> refused: a share of the order, or the return of one, is running
        operator end_contradiction share -> refused: the share has not ended
        operator accept share -> share ended [done failed] by decided; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 500 merchant_pending to channel_funds; post 299 merchant_pending to channel_funds; deliver
        operator accept share -> nothing
        operator accept share other -> refused: the share has ended
        balances -> channel_funds -701, merchant_pending 701
        request r1 o1 701 -> refund requesting +30s by made; order paid by funds_moved; post 701 merchant_pending to refunds_payable; hold 701 refunds_payable to channel_funds; ask refund
    ");
    // More than was requested left the merchant's account, as far as the order can bear it.
    after(&[REQUESTED], "
        share share: shared p1=done/801 p2=done -> share requesting [open open] +60s !contradiction by mismatch_recorded
        operator accept share -> refused: 1001 fen in all, and 1000 fen of the order are free
        share query_share: shared p1=done/800 p2=done -> share requesting [open open] +60s !contradiction by mismatch_recorded
        operator accept share -> share ended [done done] by decided; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 500 merchant_pending to channel_funds; post 800 merchant_pending to channel_funds; post 200 merchant_pending to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0
        share s2 o1 p1=1 -> refused: the rest of the order is released, nothing more is shared of it
    ");
}

#[test]
fn a_share_without_an_end_ends_as_somebody_saw_it() {
    after(&[REQUESTED], "
        share share: unknown -> share requesting [open open] +5s by moved
        operator end share p1 -> refused: the share needs no person
        wait 90000s ->
        share query_share: unknown -> share requesting [open open] +10s !share_overdue by moved
        payee p3 wx -> payee by created
        operator end share p3 -> refused: payee 227806554357760257 has no part that is not final
        operator end share p1 -> share ended [done failed] +600s by decided; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 500 merchant_pending to channel_funds; post 300 merchant_pending to settled_by_hand; deliver
        operator end share p1 -> nothing
        operator end share -> refused: the share has ended
        balances -> channel_funds -1000, merchant_pending 700, settled_by_hand 300
        share s2 o1 p1=100 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 100 merchant_pending to channel_funds; ask bind_receiver
    ");
}

#[test]
fn what_the_channel_does_after_an_end_by_hand_is_found_and_booked() {
    after(&[REQUESTED], "
        wait 90000s ->
        share share: unknown -> share requesting [open open] +5s !share_overdue by moved
        operator end share p1 -> share ended [done failed] +600s by decided; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 500 merchant_pending to channel_funds; post 300 merchant_pending to settled_by_hand; deliver
        task share -> share ended [done failed] +30s by call_begun; ask query_share
        share query_share: unknown -> share ended [done failed] +60s by moved
        task share -> share ended [done failed] +30s by call_begun; ask query_share
        share query_share: shared p1=failed p2=failed -> share ended [done failed] +85740s by moved
        task share -> share ended [done failed] +30s by call_begun; ask query_share
        share query_share: shared p1=done p2=done -> share ended [done failed] !contradiction by mismatch_recorded
        operator accept share -> share ended [done done] by decided; order paid by funds_moved; post 300 settled_by_hand to merchant_pending; post 300 merchant_pending to channel_funds; post 200 merchant_pending to channel_funds
        balances -> channel_funds -500, merchant_pending 500, settled_by_hand 0
    ");
    after(&[REQUESTED], "
        share share: refused -> share ended [failed failed] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 500 merchant_pending to channel_funds; deliver
        share share: shared p1=done p2=failed -> share ended [failed failed] !contradiction by mismatch_recorded
        operator end share p1 -> refused: the share has ended
        operator end_contradiction share -> share ended [failed failed] by contradiction_ended
        operator end_contradiction share -> nothing
        balances -> channel_funds -1000, merchant_pending 1000
    ");
}

#[test]
fn a_new_number_follows_only_a_refused_one() {
    after(&[REQUESTED], "
        share share: unknown -> share requesting [open open] +5s by moved
        operator renew share -> refused: the share needs no person
        share query_share: shared first p1=done/1 -> share requesting [open open] +300s !contradiction by mismatch_recorded
        operator renew share -> refused: the channel has not refused the number before
        task share -> share requesting [open open] +30s !contradiction by call_begun; ask query_share
        share query_share: not_found -> share requesting [open open] +30s !contradiction by moved, call_begun; ask share
        share share: ask -> share requesting [open open] +5s !contradiction by moved
        operator renew share -> share waiting [open open] +30s by number_renewed
        operator renew share -> nothing
        share share: refused -> share waiting [open open] +30s by repeated
        share query_share: not_found -> share waiting [open open] +30s by repeated
        task share -> share requesting [open open] +30s by call_begun; ask share
        share share: shared p1=processing p2=processing -> share processing [open open] +15s by moved
        share query_share: shared first p1=done -> share processing [open open] +60s !contradiction by mismatch_recorded
        share query_share: shared p1=done p2=done -> share ended [done done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 500 merchant_pending to channel_funds; deliver
        balances -> channel_funds -500, merchant_pending 500
        return u1 s1 p1=300 -> return running [open] +30s by made, call_begun; share ended [done done] by return_made; order paid by sharing_changed; return running [open] +30s by made, call_begun; ask return_share
    ");
}

#[test]
fn the_release_of_the_rest_ends_by_hand_too() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        wait 60s ->
        share s1 o1 rest -> share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: mismatch -> share requesting [] +60s !contradiction by mismatch_recorded
        operator end share -> share ended [] by decided; order paid by sharing_changed; notification due +30s by queued; deliver
        share s2 o1 rest -> share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: mismatch -> share requesting [] +60s !contradiction by mismatch_recorded
        operator end share rest -> share ended [] by decided; order paid by sharing_changed; notification due +30s by queued; deliver
        share s3 o1 rest -> refused: the rest of the order is released, nothing more is shared of it
    ");
}

#[test]
fn a_return_is_booked_as_the_channel_describes_it_and_goes_on() {
    after(&[REQUESTED, RETURNING], "
        share_return return_share: returned 0 done/301 -> return running [open open] +60s !contradiction by mismatch_recorded
        share s2 o1 p1=1 -> refused: another share, return or refund of the order is running
        operator accept share_return -> return running [done open] +30s by decided, call_begun; order paid by funds_moved; return running [done open] +30s by decided, call_begun; post 301 channel_funds to merchant_pending; ask return_share
        operator accept share_return -> nothing
        share_return return_share: returned 1 done -> return ended [done done] by moved; order paid by funds_moved, sharing_changed; post 50 channel_funds to merchant_pending
        share_return query_share_return: returned 0 failed -> return ended [done done] !contradiction by mismatch_recorded
        operator accept share_return -> return ended [failed done] by decided; order paid by funds_moved; post 301 merchant_pending to channel_funds
        balances -> channel_funds -550, merchant_pending 550
    ");
    after(&[REQUESTED, RETURNING], "
        share_return return_share: returned 0 done/501 -> return running [open open] +60s !contradiction by mismatch_recorded
        operator accept share_return -> refused: payees have 500 fen of the order, less than what would come back
    ");
}

#[test]
fn a_return_without_an_end_ends_as_somebody_saw_it() {
    after(&[REQUESTED, RETURNING], "
        wait 90000s ->
        share_return return_share: unknown -> return running [open open] +5s !share_overdue by moved
        operator end share_return p2 -> return ended [failed done] by decided; order paid by funds_moved, sharing_changed; post 50 settled_by_hand to merchant_pending
        operator end share_return p2 -> nothing
        operator end share_return p1 -> refused: the return has ended
        share_return query_share_return: returned 1 failed -> return ended [failed done] by repeated
        share_return query_share_return: returned 1 done -> return ended [failed done] !contradiction by mismatch_recorded
        operator accept share_return -> return ended [failed done] by decided; post 50 merchant_pending to settled_by_hand; post 50 channel_funds to merchant_pending
        balances -> channel_funds -550, merchant_pending 550, settled_by_hand 0
        return u2 s1 p1=300 -> return running [open] +30s by made, call_begun; share ended [done done] by return_made; order paid by sharing_changed; return running [open] +30s by made, call_begun; ask return_share
    ");
}

#[test]
fn an_item_of_a_return_gets_a_new_number_only_after_a_refusal() {
    after(&[REQUESTED, RETURNING], "
        share_return return_share: ask -> return running [open open] +5s by moved
        operator renew share_return -> refused: the return needs no person
        share_return query_share_return: returned 0 done/99 -> return running [open open] +60s !contradiction by mismatch_recorded
        operator renew share_return -> return running [open open] +30s by number_renewed
        operator renew share_return -> nothing
        share_return return_share: refused -> return running [open open] +30s by repeated
        task share_return -> return running [open open] +30s by call_begun; ask return_share
        share_return return_share: returned 0 done -> return running [done open] +30s by moved, call_begun; order paid by funds_moved; return running [done open] +30s by moved, call_begun; post 100 channel_funds to merchant_pending; ask return_share
    ");
}

#[test]
fn the_exits_are_those_that_the_state_allows() {
    let otherwise = &["share share: shared p1=done/1 p2=done"][..];
    assert_eq!(exits(&[REQUESTED]), []);
    let open = exits(&[REQUESTED, otherwise]);
    assert_eq!(open, [Exit::Accept, Exit::Retry, Exit::EndByHand]);
    let refused = exits(&[REQUESTED, &["share share: ask", "share query_share: mismatch"]]);
    assert_eq!(refused, [Exit::Retry, Exit::RetryUnderNewNumber, Exit::EndByHand]);
    let ended = exits(&[REQUESTED, &["share share: refused"], otherwise]);
    assert_eq!(ended, [Exit::Accept, Exit::DismissContradiction]);
    let back = &["share_return return_share: returned 0 done/99"][..];
    let of_return = exits(&[REQUESTED, RETURNING, back]);
    assert_eq!(of_return, [Exit::Accept, Exit::Retry, Exit::EndByHand]);
}

#[test]
fn what_ends_a_share_takes_two_people_and_the_amounts_that_both_saw() {
    let mut kernel = TestKernel::new(directory());
    for step in REQUESTED {
        play(&mut kernel, step);
    }
    play(&mut kernel, "share share: shared p1=done/299 p2=done");
    play(&mut kernel, "propose ann accept share");
    play(&mut kernel, "share query_share: shared p1=done/298 p2=done");
    play(&mut kernel, "approve bob");
    let refused = &kernel.approval().expect("an approval").state;
    assert!(matches!(refused, ApprovalState::Refused { .. }), "{refused:?}");
    play(&mut kernel, "propose ann accept share seen");
    let approved = play(&mut kernel, "approve bob");
    assert!(approved.contains("share ended [done done] by decided"), "{approved}");
    assert!(approved.contains("post 298 merchant_pending"), "{approved}");
}
