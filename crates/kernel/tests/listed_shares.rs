//! Orders that list payees: checked when they are placed, shared in the commit of their payment, which
//! that never hinders.

mod support;

use support::script::check;

#[test]
fn payees_in_the_book_have_their_parts_with_the_payment() {
    check("
        payee b1 book -> payee by created
        payee b2 merchant -> payee by created
        place o1 list=b1:100,b2:10% -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; share ended [done done] by made; order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 100 merchant_pending to payee_available; post 100 merchant_pending to merchant_available; deliver; deliver
        o1 callback: paid tx1 1000 -> order paid by call_ended
        share s1 o1 b1=1 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 1 merchant_pending to payee_available; deliver
        balances -> channel_funds -1000, merchant_pending 799, merchant_available 100, payee_available 101
    ");
}

#[test]
fn payees_at_the_channel_have_their_parts_a_minute_later_and_the_rest_is_released() {
    check("
        payee p1 wx -> payee by created
        place o1 list=p1:300 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved, sharing_changed; notification due +30s by queued; share waiting [open] +60s by made; order paid by paid, funds_moved, sharing_changed; post 1000 channel_funds to merchant_pending; hold 300 merchant_pending to channel_funds; deliver
        share s1 o1 p1=1 -> refused: another share, return or refund of the order is running
        task share -> share waiting [open] +30s by call_begun; ask bind_receiver
        share bind_receiver: receiver -> share requesting [open] +30s by moved, call_begun; ask share
        share share: shared p1=done -> share ended [done] by moved; order paid by funds_moved, sharing_changed; notification due +30s by queued; post_held 300 merchant_pending to channel_funds; deliver
        share s1 o1 p1=1 -> refused: the rest of the order is released, nothing more is shared of it
        balances -> channel_funds -700, merchant_pending 700
    ");
}

#[test]
fn what_cannot_be_shared_any_more_never_hinders_the_payment() {
    check("
        payee p1 wx -> payee by created
        payee b1 book -> payee by created
        place o1 list=p1:300 -> order init +30s by placed; ask place
        place o2 list=b1:300 -> order init +30s by placed; ask place
        place o3 list=b1:300 allocate=CM-B:600:D0 -> order init +30s by placed; ask place
        unbind p1 -> payee by unbound
        o1 callback: paid tx1 1000 -> order paid by paid, sharing_changed; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; share waiting [] +60s by made; order paid by paid, sharing_changed; post 1000 channel_funds to merchant_pending; deliver; deliver
        task share -> share requesting [] +30s by call_begun; ask unfreeze
        share unfreeze: shared -> share releasing [] +30s by moved, call_begun; ask query_unshared
        share query_unshared: unshared 0 -> share ended [] by moved; order paid by sharing_changed
        o2 callback: unclear tx2 900 -> order init +60s !contradiction by payment_contested
        operator apply o2 tx2 -> order paid by paid; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; post 900 channel_funds to merchant_pending; deliver; deliver
        o3 callback: paid tx3 1000/899 -> order paid by paid; allocation failed by made; notification due +30s by queued; share ended [failed] by made; notification due +30s by queued; post 899 channel_funds to merchant_pending; post 101 merchant_coupons to merchant_pending; deliver; deliver
        balances -> channel_funds -2799, merchant_pending 2900, merchant_coupons -101
    ");
}

#[test]
fn a_list_that_cannot_be_carried_out_is_refused_by_its_item() {
    check("
        payee p1 wx -> payee by created
        payee p2 wx -> payee by created
        payee p3 wx -> payee by created
        payee p4 wx -> payee by created
        payee a1 alipay -> payee by created
        payee b1 book -> payee by created
        place o1 list=p9:1 -> refused: payee 226000000000000001 does not exist
        place o1 list=p1:1,p1:1 -> refused: payee 227712119603200001 appears twice
        place o1 list=p1:1,b1:1 -> refused: payees at the channel and payees in the book cannot be in one share
        place o1 list=a1:1 -> refused: payee 227712119603202049 is at a channel that the order was not paid through
        place o1 list=p1:1% amount=99 -> refused: the part of payee 227712119603200001 comes to nothing
        place o1 list=p1:1,p2:1,p3:1,p4:1 -> refused: more than 3 payees
        place o1 list=p1:600 allocate=CM-B:401:D0 -> refused: allocations and shares sum to more than the amount
        place o1 list=p1:600 allocate=CM-B:400:D0 -> order init +30s by placed; ask place
        unbind p2 -> payee by unbound
        place o2 list=p1:1,p2:1 -> refused: payee 227712119603200513 is unbound
    ");
}
