//! Refunds of orders whose money payees have: they give it back first.

mod support;

use support::script::check;

#[test]
fn in_the_book_payees_give_back_in_the_commit_of_the_refund() {
    check("
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee b1 book -> payee by created
        payee b2 merchant -> payee by created
        share s1 o1 b1=100 b2=200 -> share ended [done done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 100 merchant_pending to payee_available; post 200 merchant_pending to merchant_available; deliver
        share s2 o1 b1=300 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 300 merchant_pending to payee_available; deliver
        request f1 o1 401 -> refused: 400 fen of the order are not with payees
        request f1 o1 800 b1=401 -> refused: payee 227712119603201537 has 400 fen of the share, less than what it is to give back
        request f1 o1 800 b1=100 b1=100 -> refused: payee 227712119603201537 appears twice
        request f1 o1 300 b1=301 -> refused: payees are to give back more than what is refunded
        request f1 o1 1000 b1=400 b2=199 -> refused: 999 fen of the order are not with payees
        request f1 o1 900 b1=350 b2=150 -> return ended [done done] by made; share ended [done done] by return_made; order paid by funds_moved, funds_moved, funds_moved, funds_moved; return ended [done] by made; share ended [done] by return_made; order paid by funds_moved, funds_moved, funds_moved, funds_moved; refund requesting +30s by made; order paid by funds_moved, funds_moved, funds_moved, funds_moved; post 100 payee_available to merchant_pending; post 150 merchant_available to merchant_pending; post 250 payee_available to merchant_pending; post 900 merchant_pending to refunds_payable; hold 900 refunds_payable to channel_funds; ask refund
        request f1 o1 900 b1=350 b2=150 -> nothing
        request f1 o1 900 b1=350 b2=151 -> refused: the refund exists with other shares to give back
        request f1 o1 900 -> nothing
        f1 refund: done 900 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 900 refunds_payable to channel_funds; deliver
        request f2 o1 100 b1=50 b2=50 -> refused: merchant CM1 has not enough left
        balances -> channel_funds -100, merchant_pending 0, merchant_available 50, payee_available 50, refunds_payable 0
    ");
}

#[test]
fn what_a_payee_in_the_book_has_no_more_refuses_the_refund() {
    check("
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee b2 CM-B -> payee by created
        share s1 o1 b2=600 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 600 merchant_pending to merchant_available; deliver
        withdraw w1 500 CM-B -> withdrawal accepted !withdrawal_due by accepted; hold 500 merchant_available to settled_by_hand
        request f1 o1 800 b2=400 -> refused: payee 227712119603201537 has 100 fen available, less than what it is to give back
        request f1 o1 500 b2=100 -> return ended [done] by made; share ended [done] by return_made; order paid by funds_moved, funds_moved; refund requesting +30s by made; order paid by funds_moved, funds_moved; post 100 merchant_available to merchant_pending; post 500 merchant_pending to refunds_payable; hold 500 refunds_payable to channel_funds; ask refund
        balances -> channel_funds -1000, merchant_pending 0, merchant_available 500 held 500, refunds_payable 500 held 500, settled_by_hand 0
    ");
}

#[test]
fn at_the_channel_payees_give_back_first_and_the_rest_is_released() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 p2=200 -> share waiting [open open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open open] +30s by made, call_begun; hold 500 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open open] +30s by moved, call_begun; ask share
        share share: shared p1=done p2=done -> share ended [done done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 500 merchant_pending to channel_funds; deliver
        share s2 o1 p1=100 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 100 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 100 merchant_pending to channel_funds; deliver
        request f1 o1 500 -> refused: 400 fen of the order are not with payees
        request f1 o1 800 p1=350 p2=100 -> refund preparing +3600s by made; order paid by funds_moved, sharing_changed; return running [open open] +30s by made, call_begun; share ended [done done] by return_made; order paid by funds_moved, sharing_changed; return running [open open] +30s by made, call_begun; ask return_share
        request f1 o1 800 p1=350 p2=100 -> nothing
        request f1 o1 800 p1=350 p2=101 -> refused: the refund exists with other shares to give back
        request f2 o1 10 -> refused: a share of the order, or the return of one, is running
        share s3 o1 p1=1 -> refused: another share, return or refund of the order is running
        early f1 -> nothing
        task f1 -> refund preparing +3600s by moved
        share_return return_share: returned 0 done -> return running [done open] +30s by moved, call_begun; order paid by funds_moved; return running [done open] +30s by moved, call_begun; post 300 channel_funds to merchant_pending; ask return_share
        share_return return_share: returned 1 done -> return ended [done done] by moved; order paid by funds_moved, sharing_changed; refund preparing +0s by step_ended; post 100 channel_funds to merchant_pending
        task f1 -> refund preparing +3600s by returns_ended, moved; return running [open] +30s by made, call_begun; share ended [done] by return_made; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: unknown -> return running [open] +5s by moved
        task share_return -> return running [open] +30s by call_begun; ask query_share_return
        share_return query_share_return: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; refund preparing +0s by step_ended; post 50 channel_funds to merchant_pending
        task f1 -> refund preparing +3600s by returns_ended, moved; share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f1 -> refund requesting +30s by moved, call_begun; order paid by sharing_changed; refund requesting +30s by moved, call_begun; post 800 merchant_pending to refunds_payable; hold 800 refunds_payable to channel_funds; ask refund
        f1 refund: done 800 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 800 refunds_payable to channel_funds; deliver
        balances -> channel_funds -50, merchant_pending 50, refunds_payable 0
    ");
}

#[test]
fn what_fails_in_preparation_ends_the_refund_and_only_the_rest_is_taken_again() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 p2=400 -> share waiting [open open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open open] +30s by made, call_begun; hold 700 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open open] +30s by moved, call_begun; ask share
        share share: shared p1=done p2=done -> share ended [done done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 700 merchant_pending to channel_funds; deliver
        request f1 o1 900 p1=300 p2=300 -> refund preparing +3600s by made; order paid by funds_moved, sharing_changed; return running [open open] +30s by made, call_begun; share ended [done done] by return_made; order paid by funds_moved, sharing_changed; return running [open open] +30s by made, call_begun; ask return_share
        share_return return_share: returned 0 done -> return running [done open] +30s by moved, call_begun; order paid by funds_moved; return running [done open] +30s by moved, call_begun; post 300 channel_funds to merchant_pending; ask return_share
        share_return return_share: returned 1 failed -> return ended [done failed] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f1 -> refund failed by returns_ended, moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; deliver
        balances -> channel_funds -600, merchant_pending 600
        request f1 o1 900 -> refund preparing +3600s by prepared_again; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; share ended [done done] by return_made; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; refund preparing +0s by step_ended; post 300 channel_funds to merchant_pending
        task f1 -> refund preparing +3600s by returns_ended, moved; share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: refused -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f1 -> refund failed +600s by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; deliver
        request f1 o1 900 -> refund preparing +3600s by prepared_again; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f1 -> refund requesting +30s by moved, call_begun; order paid by sharing_changed; refund requesting +30s by moved, call_begun; post 900 merchant_pending to refunds_payable; hold 900 refunds_payable to channel_funds; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: done 900 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 900 refunds_payable to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0, refunds_payable 0
    ");
}

#[test]
fn a_refund_within_the_frozen_rest_is_requested_at_once() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        request f1 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        request f2 o1 200 p1=100 -> refused: a share of the order, or the return of one, is running
        f1 refund: done 600 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 600 refunds_payable to channel_funds; deliver
        request f2 o1 200 p1=100 -> refund preparing +3600s by made; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; share ended [done] by return_made; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; refund preparing +0s by step_ended; post 100 channel_funds to merchant_pending
        task f2 -> refund preparing +3600s by returns_ended, moved; share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        wait 2592000s ->
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f2 -> refund requesting +30s by moved, call_begun; order paid by sharing_changed; refund requesting +30s by moved, call_begun; post 200 merchant_pending to refunds_payable; hold 200 refunds_payable to channel_funds; ask refund
        balances -> channel_funds -200, merchant_pending 0, refunds_payable 200 held 200
    ");
}

#[test]
fn a_refund_of_what_came_back_before_needs_a_release_only() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        return u1 s1 p1=300 -> return running [open] +30s by made, call_begun; share ended [done] by return_made; order paid by sharing_changed; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; post 300 channel_funds to merchant_pending
        request f1 o1 800 -> refund preparing +3600s by made; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: refused -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s by step_ended
        task f1 -> refund failed by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; deliver
        wait 2592000s ->
        request f1 o1 800 -> refund requesting +30s by moved, call_begun; order paid +-432060s by funds_moved; refund requesting +30s by moved, call_begun; post 800 merchant_pending to refunds_payable; hold 800 refunds_payable to channel_funds; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: done 800 -> refund done by moved; order paid +-432060s by funds_moved; notification due +30s by queued; post_held 800 refunds_payable to channel_funds; deliver
    ");
}

#[test]
fn a_number_that_was_refused_and_is_carried_out_ends_a_refund_that_is_prepared() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        request f1 o1 700 -> refund requesting +30s by made; order paid by funds_moved; post 700 merchant_pending to refunds_payable; hold 700 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 700 refunds_payable to channel_funds; post 700 refunds_payable to merchant_pending; deliver
        share s2 o1 p1=100 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 100 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 100 merchant_pending to channel_funds; deliver
        return u1 s1 p1=200 -> return running [open] +30s by made, call_begun; share ended [done] by return_made; order paid by sharing_changed; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; post 200 channel_funds to merchant_pending
        request f1 o1 700 -> refund preparing +3600s by prepared_again; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        f1 callback: processing 700 first -> refund preparing +3600s by repeated
        f1 callback: done 700 first -> refund done by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 700 merchant_pending to refunds_payable; hold 700 refunds_payable to channel_funds; post_held 700 refunds_payable to channel_funds; deliver
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed
        early f1 -> nothing
        request f2 o1 100 -> refund requesting +30s by made; order paid by funds_moved; post 100 merchant_pending to refunds_payable; hold 100 refunds_payable to channel_funds; ask refund
        f2 refund: done 100 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 100 refunds_payable to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0, refunds_payable 0
    ");
}

#[test]
fn a_step_that_contradicts_keeps_the_refund_waiting() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        request f1 o1 900 p1=200 -> refund preparing +3600s by made; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; share ended [done] by return_made; order paid by funds_moved, sharing_changed; return running [open] +30s by made, call_begun; ask return_share
        share_return return_share: mismatch -> return running [open] +60s !contradiction by mismatch_recorded
        task f1 -> refund preparing +3600s by moved
        operator by_hand refund -> refused: the refund is preparing
        operator write_off refund -> refused: the refund is preparing
        operator renew -> refused: the refund is preparing
        f1 callback: closed 900 -> refund preparing +3600s by repeated
        f1 callback: mismatch -> refund preparing +3600s by repeated
        f1 callback: done 899 -> refund preparing +3600s !contradiction by mismatch_recorded
        operator retry -> refund preparing +0s !contradiction by poll_requested
        task f1 -> refund preparing +3600s !contradiction by moved
        share_return query_share_return: returned 0 done -> return ended [done] by moved; order paid by funds_moved, sharing_changed; refund preparing +0s !contradiction by step_ended; post 200 channel_funds to merchant_pending
        task f1 -> refund preparing +3600s !contradiction by returns_ended, moved; share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; refund preparing +0s !contradiction by step_ended
        task f1 -> refund failed !contradiction by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; deliver
        request f1 o1 900 -> refused: the refund waits for a person
        operator write_off refund -> refund failed by attention_ended
        request f1 o1 900 -> refund requesting +30s by moved, call_begun; order paid by funds_moved; refund requesting +30s by moved, call_begun; post 900 merchant_pending to refunds_payable; hold 900 refunds_payable to channel_funds; ask query_refund
        balances -> channel_funds -900, merchant_pending 0, refunds_payable 900 held 900
    ");
}
