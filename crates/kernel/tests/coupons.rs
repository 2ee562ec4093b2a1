//! Coupons that the merchant bears: the book of the channel has what arrives, the rest is the merchant's.

mod support;

use support::script::check;

#[test]
fn a_coupon_of_the_merchant_pays_a_part() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/700 -> order paid by paid; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        o1 query: paid tx1 1000/700 -> order paid by call_ended
        o1 query: paid tx1 1000 -> order paid !contradiction by mismatch_recorded
        balances -> channel_funds -700, merchant_pending 1000, merchant_coupons -300
        ",
    );
}

#[test]
fn a_coupon_may_pay_all() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/0 -> order paid by paid; notification due +30s by queued; post 1000 merchant_coupons to merchant_pending; deliver
        balances -> merchant_pending 1000, merchant_coupons -1000
        ",
    );
}

#[test]
fn what_is_settled_is_a_part_of_the_amount() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 query: paid tx1 1000/1001 -> order init +60s !contradiction by payment_contested
        o1 query: paid tx1 1000/-1 -> order init +60s !contradiction by mismatch_recorded
        balances ->
        o1 query: paid tx1 1000/999 -> order paid by paid; notification due +30s by queued; post 999 channel_funds to merchant_pending; post 1 merchant_coupons to merchant_pending; deliver
        ",
    );
}

#[test]
fn a_coupon_goes_back_with_the_money() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000/700 -> order failed by unapplied_received; refund requesting +30s by made; post 700 channel_funds to suspense; post 300 merchant_coupons to suspense; hold 1000 suspense to channel_funds; ask refund
        balances -> channel_funds -700, merchant_coupons -300, suspense 1000 held 1000
        o1 callback: paid tx1 1000 -> order failed !contradiction by mismatch_recorded
        refund refund: done 1000/1001 -> refund requesting +60s !contradiction by mismatch_recorded
        refund callback: done 1000/700 -> refund done by moved; post_held 700 suspense to channel_funds; post_held 300 suspense to merchant_coupons
        balances -> channel_funds 0, merchant_coupons 0, suspense 0
        refund query_refund: done 1000 -> refund done by repeated
        refund query_refund: done 1000/600 -> refund done !contradiction by mismatch_recorded
        ",
    );
}

#[test]
fn the_channels_own_split_of_a_refund_is_booked() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000/700 -> order failed by unapplied_received; refund requesting +30s by made; post 700 channel_funds to suspense; post 300 merchant_coupons to suspense; hold 1000 suspense to channel_funds; ask refund
        refund query_refund: done 1000/600 -> refund done by moved; post_held 600 suspense to channel_funds; post_held 400 suspense to merchant_coupons
        balances -> channel_funds -100, merchant_coupons 100, suspense 0
        ",
    );
}

#[test]
fn a_person_ends_the_money_and_the_coupon_goes_back() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000/700 -> order failed by unapplied_received; refund requesting +30s by made; post 700 channel_funds to suspense; post 300 merchant_coupons to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: refused -> refund failed !refund_failed by moved
        operator by_hand refund -> refund settled_by_hand by moved; post_held 700 suspense to settled_by_hand; post_held 300 suspense to merchant_coupons
        balances -> channel_funds -700, merchant_coupons 0, suspense 0, settled_by_hand 700
        refund callback: done 1000 -> refund done !contradiction by moved; post 700 settled_by_hand to channel_funds
        balances -> channel_funds 0, merchant_coupons 0, suspense 0, settled_by_hand 0
        ",
    );
}

#[test]
fn a_contested_payment_with_a_coupon_is_applied_or_ended_as_it_is() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 query: paid tx1 999/300 -> order init +60s !contradiction by payment_contested
        operator apply o1 tx1 -> order paid by paid; notification due +30s by queued; post 300 channel_funds to merchant_pending; post 699 merchant_coupons to merchant_pending; deliver
        balances -> channel_funds -300, merchant_pending 999, merchant_coupons -699
        place o2 -> order init +30s by placed; ask place
        o2 query: paid tx2 999/300 -> order init +60s !contradiction by payment_contested
        operator write_off o2 -> order failed by unapplied_received, failed; post 300 channel_funds to suspense; post 699 merchant_coupons to suspense; post 300 suspense to write_off; post 699 suspense to merchant_coupons
        balances -> channel_funds -600, merchant_pending 999, merchant_coupons -699, suspense 0, write_off 300
        ",
    );
}

/// The amount is the order's; how it is divided cannot be read. The money has a way into the book.
#[test]
fn a_payment_whose_parts_contradict_each_other_is_applied_by_a_person() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: unclear tx1 1000 -> order paying +60s !contradiction by payment_contested
        o1 query: unclear tx1 1000 -> order paying +60s !contradiction by call_ended
        operator apply o1 tx1 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        o1 query: unclear tx1 1000 -> order paid by call_ended
        o1 query: unclear tx2 1000 -> order paid !contradiction by payment_contested
        balances -> channel_funds -1000, merchant_pending 1000
        place o2 -> order init +30s by placed; ask place
        o2 place: failed -> order failed by failed
        o2 callback: unclear tx3 1000 -> order failed !contradiction by payment_contested
        operator give_back o2 tx3 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        ",
    );
}

#[test]
fn what_a_coupon_paid_is_lent_to_nobody() {
    check(
        "
        place o1 allocate=CM-B:500:D0,CM-C:201:D0 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/700 -> order paid by paid; allocation failed by made; allocation failed by made; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        place o2 allocate=CM-B:500:D0,CM-C:200:D0 -> order init +30s by placed; ask place
        o2 callback: paid tx2 1000/700 -> order paid by paid, funds_moved; allocation available by made; allocation available by made; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; post 500 merchant_pending to merchant_available; post 200 merchant_pending to merchant_available; deliver
        place o3 -> order init +30s by placed; ask place
        o3 callback: paid tx3 1000/700 -> order paid by paid; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        payee b1 book -> payee by created
        share s1 o3 b1=701 -> refused: 701 fen in all, and 700 fen of the order are free
        share s2 o3 b1=700 -> share ended [done] by made; order paid by funds_moved, sharing_changed; notification due +30s by queued; post 700 merchant_pending to payee_available; deliver
        balances -> channel_funds -2100, merchant_pending 1600, merchant_available 500, merchant_available 200, merchant_coupons -900, payee_available 700
        ",
    );
}
