//! Shares of paid orders and their returns: in the book, and at a channel in every order of answers.

mod support;

use support::script::check;

#[test]
fn a_share_in_the_book_is_done_at_once_and_comes_back() {
    check("
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee b1 book -> payee by created
        payee b1 book -> nothing
        payee b2 merchant -> payee by created
        share s1 o1 b1=100 b2=10% -> share ended [done done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 100 merchant_pending to payee_available; post 100 merchant_pending to merchant_available; deliver
        share s1 o1 b1=100 b2=10% -> nothing
        share s1 o1 b1=101 -> refused: the share exists with other content
        share s2 o1 b1=801 -> refused: 801 fen in all, and 800 fen of the order are free
        return u1 s1 b1=60 b2=100 -> return ended [done done] by made; share ended [done done] by return_made; order paid by funds_moved, funds_moved; post 60 payee_available to merchant_pending; post 100 merchant_available to merchant_pending
        return u1 s1 b1=60 b2=100 -> nothing
        return u1 s1 b1=61 -> refused: the return exists with other content
        return u2 s1 b1=41 -> refused: payee 227712119603201537 has 40 fen of the share, less than what it is to give back
        share s3 o1 b1=100 rest -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 100 merchant_pending to payee_available; deliver
        share s4 o1 b1=1 -> refused: the rest of the order is released, nothing more is shared of it
        balances -> channel_funds -1000, merchant_pending 860, merchant_available 0, payee_available 140
    ");
}

#[test]
fn a_share_at_the_channel_binds_its_receivers_and_ends_item_by_item() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        payee p2 person -> payee by created
        share s1 o1 p1=300 p2=200 -> share waiting [open open] +60s by made; order paid by funds_moved, sharing_changed; hold 500 merchant_pending to channel_funds
        share s2 o1 p1=1 -> refused: another share, return or refund of the order is running
        task share -> share waiting [open open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: unknown -> share waiting [open open] +10s by moved
        task share -> share waiting [open open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open open] +30s by moved, call_begun; ask share
        share share: shared p1=processing p2=done -> share processing [open open] +15s by moved
        task share -> share processing [open open] +30s by call_begun; ask query_share
        share query_share: shared p1=done p2=failed -> share ended [done failed] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; release 200 merchant_pending to channel_funds; deliver
        share query_share: shared p1=done p2=failed -> share ended [done failed] by repeated
        balances -> channel_funds -700, merchant_pending 700
        share s3 o1 p2=700 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 700 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: refused -> share ended [failed] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 700 merchant_pending to channel_funds; deliver
        share s4 o1 p2=701 -> refused: 701 fen in all, and 700 fen of the order are free
    ");
}

#[test]
fn a_refusal_ends_only_what_was_never_sent_or_does_not_stand_there() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        share s1 o1 p1=300 rest -> share waiting [open] +60s by made; order paid by funds_moved, sharing_changed; hold 300 merchant_pending to channel_funds
        task share -> share waiting [open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: unsigned_refusal -> share requesting [open] +5s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: not_found -> share ended [failed] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 300 merchant_pending to channel_funds; deliver
        wait 60s ->
        share s2 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: unknown -> share requesting [open] +5s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: not_found -> share requesting [open] +30s by moved, call_begun; ask share
        share share: refused -> share requesting [open] +5s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: unknown -> share requesting [open] +5s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: not_found -> share ended [failed] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; release 300 merchant_pending to channel_funds; deliver
        share s3 o1 p1=300 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 300 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: account_fault -> share waiting [open] +60s by moved
        task share -> share waiting [open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: later -> share requesting [open] +60s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: not_found -> share requesting [open] +30s by moved, call_begun; ask share
        share share: ask -> share requesting [open] +5s by moved
        task share -> share requesting [open] +30s by call_begun; ask query_share
        share query_share: shared p1=done/299 -> share requesting [open] +60s !contradiction by mismatch_recorded
        task share -> share requesting [open] +30s !contradiction by call_begun; ask query_share
        share query_share: unknown -> share requesting [open] +5s !contradiction by moved
        task share -> share requesting [open] +30s !contradiction by call_begun; ask query_share
        wait 90000s ->
        share query_share: shared p1=processing -> share processing [open] +15s !share_overdue by moved
        task share -> share processing [open] +30s !share_overdue by call_begun; ask query_share
        share query_share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        share s4 o1 p1=1 -> share waiting [open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open] +30s by made, call_begun; hold 1 merchant_pending to channel_funds; ask bind_receiver
        balances -> channel_funds -700, merchant_pending 700 held 1
    ");
}

#[test]
fn what_was_not_shared_is_released_under_a_number_of_its_own() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        wait 60s ->
        share s1 o1 -> refused: no payees, and the rest is not to be released
        share s1 o1 rest -> share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: refused -> share ended [] by moved; order paid by sharing_changed; notification due +30s by queued; deliver
        share s2 o1 rest -> share requesting [] +30s by made, call_begun; order paid by sharing_changed; share requesting [] +30s by made, call_begun; ask unfreeze
        share unfreeze: unknown -> share requesting [] +5s by moved
        task share -> share requesting [] +30s by call_begun; ask query_share
        share query_share: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 700 -> share releasing [] +15s by moved
        task share -> share releasing [] +30s by call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; notification due +30s by queued; deliver
        share s3 o1 p1=1 -> refused: the rest of the order is released, nothing more is shared of it
    ");
}

#[test]
fn returns_go_one_after_another_and_end_item_by_item() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        payee p3 person -> payee by created
        wait 60s ->
        share s1 o1 p1=300 p2=200 p3=100 -> share waiting [open open open] +30s by made, call_begun; order paid by funds_moved, sharing_changed; share waiting [open open open] +30s by made, call_begun; hold 600 merchant_pending to channel_funds; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open open open] +30s by moved, call_begun; ask share
        share share: shared p1=done p2=done p3=done -> share ended [done done done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 600 merchant_pending to channel_funds; deliver
        return u1 s1 p3=1 -> refused: payee 227712119603202817 is a person at the channel, who gives nothing back
        return u1 s1 p1=301 -> refused: payee 227712119603201793 has 300 fen of the share, less than what it is to give back
        return u1 s1 p1=100 p2=50 -> return running [open open] +30s by made, call_begun; share ended [done done done] by return_made; order paid by sharing_changed; return running [open open] +30s by made, call_begun; ask return_share
        share s2 o1 p1=1 -> refused: another share, return or refund of the order is running
        request r1 o1 100 -> refused: a share of the order, or the return of one, is running
        share_return return_share: unknown -> return running [open open] +5s by moved
        task share_return -> return running [open open] +30s by call_begun; ask query_share_return
        share_return query_share_return: not_found -> return running [open open] +30s by moved, call_begun; ask return_share
        share_return return_share: returned 0 done -> return running [done open] +30s by moved, call_begun; order paid by funds_moved; return running [done open] +30s by moved, call_begun; post 100 channel_funds to merchant_pending; ask return_share
        share_return query_share_return: returned 0 done -> return running [done open] +30s by repeated
        share_return return_share: returned 1 processing -> return running [done open] +15s by moved
        task share_return -> return running [done open] +30s by call_begun; ask query_share_return
        share_return query_share_return: returned 1 failed -> return ended [done failed] by moved; order paid by sharing_changed
        return u2 s1 p1=201 -> refused: payee 227712119603201793 has 200 fen of the share, less than what it is to give back
        return u2 s1 p1=200 p2=200 -> return running [open open] +30s by made, call_begun; share ended [done done done] by return_made; order paid by sharing_changed; return running [open open] +30s by made, call_begun; ask return_share
        share_return return_share: refused -> return running [failed open] +30s by moved, call_begun; ask return_share
        share_return return_share: later -> return running [failed open] +60s by moved
        task share_return -> return running [failed open] +30s by call_begun; ask query_share_return
        share_return query_share_return: not_found -> return running [failed open] +30s by moved, call_begun; ask return_share
        share_return return_share: unsigned_refusal -> return running [failed open] +5s by moved
        task share_return -> return running [failed open] +30s by call_begun; ask query_share_return
        share_return query_share_return: not_found -> return ended [failed failed] by moved; order paid by sharing_changed
        balances -> channel_funds -500, merchant_pending 500
    ");
}

#[test]
fn what_cannot_be_shared_is_refused_by_name() {
    check("
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        payee p3 wx -> payee by created
        payee p4 wx -> payee by created
        payee p1 book -> refused: the payee exists with other content
        payee p5 nobody -> refused: a merchant without an account at a channel must be one of the tenant's merchants
        payee a1 alipay -> payee by created
        payee b1 book -> payee by created
        place o1 shared=yes -> order init +30s by placed; ask place
        share s1 o1 p1=1 -> refused: the order is init
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        share s1 o1 -> refused: no payees, and the rest is not to be released
        share s1 o1 p1=1 p1=2 -> refused: payee 227712119603200001 appears twice
        share s1 o1 p9=1 -> refused: payee 226000000000000001 does not exist
        share s1 o1 a1=1 -> refused: payee 227712119603202049 is at a channel that the order was not paid through
        share s1 o1 p1=1 b1=1 -> refused: payees at the channel and payees in the book cannot be in one share
        share s1 o1 p1=1 p2=1 p3=1 p4=1 -> refused: more than 3 payees
        share s1 o1 p1=0% -> refused: the part of payee 227712119603200001 comes to nothing
        share s1 o1 p1=1001 -> refused: 1001 fen in all, and 1000 fen of the order are free
        unbind p1 -> payee by unbound
        unbind p1 -> nothing
        share s1 o1 p1=1 -> refused: payee 227712119603200001 is unbound
        request r1 o1 100 -> refund requesting +30s by made; order paid by funds_moved; post 100 merchant_pending to refunds_payable; hold 100 refunds_payable to channel_funds; ask refund
        share s1 o1 p2=1 -> refused: another share, return or refund of the order is running
        place o2 -> order init +30s by placed; ask place
        o2 callback: paid tx2 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        share s1 o2 p2=1 -> refused: the order was not placed to be shared
        share s1 o2 b1=400 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 400 merchant_pending to payee_available; deliver
        request r2 o2 601 -> refused: 600 fen of the order are not with payees
        request r3 o2 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        share s2 o2 b1=1 -> refused: 1 fen in all, and 0 fen of the order are free
    ");
}

#[test]
fn payees_of_one_merchant_give_back_no_more_than_it_has() {
    check("
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee b1 CM-B -> payee by created
        payee b2 CM-B -> payee by created
        share s1 o1 b1=100 b2=100 -> share ended [done done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 100 merchant_pending to merchant_available; post 100 merchant_pending to merchant_available; deliver
        withdraw w1 50 CM-B -> withdrawal accepted !withdrawal_due by accepted; hold 50 merchant_available to settled_by_hand
        return u1 s1 b1=100 b2=100 -> return ended [done failed] by made; share ended [done done] by return_made; order paid by funds_moved; post 100 merchant_available to merchant_pending
        return u2 s1 b2=50 -> return ended [done] by made; share ended [done done] by return_made; order paid by funds_moved; post 50 merchant_available to merchant_pending
        balances -> channel_funds -1000, merchant_pending 950, merchant_available 50 held 50, settled_by_hand 0
    ");
}

#[test]
fn what_the_channel_keeps_frozen_is_released_after_a_share_in_the_book() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee b1 book -> payee by created
        share s1 o1 b1=100 rest -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 100 merchant_pending to payee_available; deliver
        share s2 o1 rest -> share waiting [] +60s by made; order paid by sharing_changed
        task share -> share requesting [] +30s by call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed; notification due +30s by queued; deliver
        share s3 o1 b1=1 -> refused: the rest of the order is released, nothing more is shared of it
    ");
}

#[test]
fn an_operator_hurries_no_call_that_is_under_way() {
    check("
        place o1 shared=yes -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        share s1 o1 p1=300 p2=200 -> share waiting [open open] +60s by made; order paid by funds_moved, sharing_changed; hold 500 merchant_pending to channel_funds
        operator retry share s1 -> share waiting [open open] +0s by poll_requested
        task share -> share waiting [open open] +30s by call_begun; ask bind_receiver
        operator retry share s1 -> nothing
        share bind_receiver: later -> share waiting [open open] +60s by moved
        operator retry share s1 -> share waiting [open open] +0s by poll_requested
        task share -> share waiting [open open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share waiting [open open] +30s by moved, call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open open] +30s by moved, call_begun; ask share
        share share: shared *=done -> share ended [done done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 500 merchant_pending to channel_funds; deliver
        return u1 s1 p1=100 p2=100 -> return running [open open] +30s by made, call_begun; share ended [done done] by return_made; order paid by sharing_changed; return running [open open] +30s by made, call_begun; ask return_share
        operator retry share_return u1 -> nothing
        share_return return_share: later -> return running [open open] +60s by moved
        operator retry share_return u1 -> return running [open open] +0s by poll_requested
        task share_return -> return running [open open] +30s by call_begun; ask query_share_return
        share_return query_share_return: returned 0 done -> return running [done open] +30s by moved, call_begun; order paid by funds_moved; return running [done open] +30s by moved, call_begun; post 100 channel_funds to merchant_pending; ask return_share
        share_return return_share: returned 1 done -> return ended [done done] by moved; order paid by funds_moved, sharing_changed; post 100 channel_funds to merchant_pending
        operator retry share_return u1 -> refused: the return has ended
    ");
}
