//! Refunds that merchants request: their life at the channel, and their money.

mod support;
use support::script::check;

#[test]
fn a_payment_is_given_back_in_parts() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        balances -> channel_funds -1000, merchant_pending 600, refunds_payable 400 held 400
        f1 refund: processing 400 -> refund processing +60s by moved
        f1 callback: done 400 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 400 refunds_payable to channel_funds; deliver
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0
        request f2 o1 601 -> refused: 600 fen of the order can still be refunded
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: done 600 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 600 refunds_payable to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0, refunds_payable 0
        request f3 o1 1 -> refused: 0 fen of the order can still be refunded
        request f1 o1 400 -> nothing",
    );
}

#[test]
fn what_the_channel_closed_is_requested_again_under_a_new_number() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: closed 400 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        balances -> channel_funds -1000, merchant_pending 1000, refunds_payable 0
        f1 query_refund: closed 400 -> refund failed +600s by moved
        request f1 o1 400 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: done 400 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 400 refunds_payable to channel_funds; deliver
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0",
    );
}

#[test]
fn after_a_refusal_that_is_not_signed_the_number_is_queried_first() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: unsigned_refusal -> refund requesting +5s by moved
        request f1 o1 400 -> nothing
        task f1 -> refund requesting +30s by call_begun; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: unsigned_refusal -> refund requesting +30s by moved
        task f1 -> refund requesting +30s by call_begun; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: unsigned_refusal -> refund requesting +120s by moved
        task f1 -> refund requesting +30s by call_begun; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: unsigned_refusal -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by moved, call_begun; order paid by funds_moved; refund requesting +30s by moved, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        f1 refund: processing 400 -> refund processing +120s by moved",
    );
}

#[test]
fn what_is_done_after_it_failed_is_booked_once() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        f1 callback: done 400 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; post_held 400 refunds_payable to channel_funds; deliver
        f1 callback: done 400 -> refund done by repeated
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: closed 600 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 600 refunds_payable to channel_funds; post 600 refunds_payable to merchant_pending; deliver
        request f2 o1 600 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 600 refunds_payable to channel_funds; post 600 refunds_payable to merchant_pending; deliver
        f2 callback: done 600 first -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; post_held 600 refunds_payable to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0, refunds_payable 0",
    );
}

#[test]
fn what_is_done_too_late_and_is_gone_needs_a_person() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f2 o1 1000 -> refund requesting +30s by made; order paid by funds_moved; post 1000 merchant_pending to refunds_payable; hold 1000 refunds_payable to channel_funds; ask refund
        f1 callback: done 400 -> refund done !contradiction by moved; order paid by funds_moved; notification due +30s by queued; post 400 write_off to refunds_payable; hold 400 refunds_payable to channel_funds; post_held 400 refunds_payable to channel_funds; deliver
        f2 refund: done 1000 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 1000 refunds_payable to channel_funds; deliver
        balances -> channel_funds 400, merchant_pending 0, refunds_payable 0, write_off -400
        request f1 o1 400 -> nothing",
    );
}

#[test]
fn a_number_that_is_done_beside_another_needs_a_person() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: closed 400 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 callback: done 400 first -> refund requesting +60s !contradiction by mismatch_recorded
        f1 refund: refused -> refund failed +30s !contradiction by moved, call_begun; order paid by funds_moved; notification due +30s by queued; refund failed +30s !contradiction by moved, call_begun; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver; ask query_refund
        request f1 o1 400 -> refused: the refund waits for a person
        operator write_off refund -> refund failed +30s by attention_ended
        balances -> channel_funds -1000, merchant_pending 1000, refunds_payable 0",
    );
}

#[test]
fn an_account_without_money_keeps_a_refund_waiting() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: unfunded -> refund requesting +60s !refund_unfunded by moved
        task f1 -> refund requesting +30s !refund_unfunded by call_begun; ask query_refund
        f1 query_refund: not_found -> refund requesting +30s !refund_unfunded by moved, call_begun; ask refund
        f1 refund: done 400 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 400 refunds_payable to channel_funds; deliver
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0",
    );
}

/// The callback of an abnormal refund may come before the answer to its request.
#[test]
fn what_the_payers_account_refuses_is_not_undone_by_an_earlier_answer() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 callback: abnormal 400 -> refund processing +21600s !refund_abnormal by moved
        f1 refund: processing 400 -> refund processing +21600s !refund_abnormal by repeated
        f1 query_refund: processing 400 -> refund processing +60s by moved",
    );
}

#[test]
fn an_operator_ends_what_the_payers_account_refuses() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        operator by_hand refund -> refused: the refund needs no person
        f1 refund: abnormal 400 -> refund processing +21600s !refund_abnormal by moved
        operator by_hand refund -> refund settled_by_hand by moved; order paid by funds_moved; notification due +30s by queued; post_held 400 refunds_payable to settled_by_hand; deliver
        balances -> channel_funds -1000, merchant_pending 600, refunds_payable 0, settled_by_hand 400
        f1 callback: done 400 -> refund done !contradiction by moved; post 400 settled_by_hand to channel_funds
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0, settled_by_hand 0
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: abnormal 600 -> refund processing +21600s !refund_abnormal by moved
        operator write_off refund -> refund written_off +600s by moved; order paid by funds_moved; notification due +30s by queued; release 600 refunds_payable to channel_funds; post 600 refunds_payable to merchant_pending; deliver
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0, settled_by_hand 0
        f2 callback: done 600 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; post_held 600 refunds_payable to channel_funds; deliver
        balances -> channel_funds 0, merchant_pending 0, refunds_payable 0, settled_by_hand 0",
    );
}

#[test]
fn an_operator_leaves_a_failed_refund_to_its_merchant() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        operator retry -> refused: the refund is failed
        operator renew -> refused: the refund is failed
        operator by_hand refund -> refused: the refund is failed
        operator write_off refund -> refused: the refund is failed",
    );
}

#[test]
fn the_channel_tells_what_of_a_part_were_coupons() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000/700 -> order paid by paid; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: done 400/300 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 300 refunds_payable to channel_funds; post_held 100 refunds_payable to merchant_coupons; deliver
        balances -> channel_funds -400, merchant_pending 600, merchant_coupons -200, refunds_payable 0
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: abnormal 600 -> refund processing +21600s !refund_abnormal by moved
        operator by_hand refund -> refund settled_by_hand by moved; order paid by funds_moved; notification due +30s by queued; post_held 420 refunds_payable to settled_by_hand; post_held 180 refunds_payable to merchant_coupons; deliver
        balances -> channel_funds -400, merchant_pending 0, merchant_coupons -20, refunds_payable 0, settled_by_hand 420",
    );
}

#[test]
fn what_cannot_be_given_back_is_refused() {
    check(
        "request f1 o1 1 -> refused: no such order
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        request f1 o1 1 -> refused: the order is paying
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 0 -> refused: amount must be above zero
        request f1 o1 1001 -> refused: 1000 fen of the order can still be refunded
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        request f1 o1 401 -> refused: the refund exists with another amount
        place o2 -> order init +30s by placed; ask place
        o2 place: placed -> order paying +60s by pay_info_received
        o2 callback: paid tx2 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o2 400 -> refused: the refund exists for another order
        wait 31535999s ->
        request f2 o1 1 -> refund requesting +30s by made; order paid by funds_moved; post 1 merchant_pending to refunds_payable; hold 1 refunds_payable to channel_funds; ask refund
        wait 1s ->
        request f3 o1 1 -> refused: the order was paid more than 365 days ago
        request f1 o1 400 -> nothing",
    );
}

#[test]
fn a_callback_without_the_settled_part_is_followed_by_a_query() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/700 -> order paid by paid; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        request f1 o1 333 -> refund requesting +30s by made; order paid by funds_moved; post 333 merchant_pending to refunds_payable; hold 333 refunds_payable to channel_funds; ask refund
        f1 callback: done 333 -> refund requesting +30s by call_begun; ask query_refund
        f1 query_refund: done 333/234 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 234 refunds_payable to channel_funds; post_held 99 refunds_payable to merchant_coupons; deliver
        f1 callback: done 333 -> refund done by repeated
        f1 query_refund: done 333/233 -> refund done !contradiction by mismatch_recorded
        request f2 o1 667 -> refund requesting +30s by made; order paid by funds_moved; post 667 merchant_pending to refunds_payable; hold 667 refunds_payable to channel_funds; ask refund
        f2 refund: done 667 -> refund requesting +30s by call_begun; ask query_refund
        f2 query_refund: done 667 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 466 refunds_payable to channel_funds; post_held 201 refunds_payable to merchant_coupons; deliver
        balances -> channel_funds 0, merchant_pending 0, merchant_coupons 0, refunds_payable 0",
    );
}

#[test]
fn the_shares_of_parts_sum_to_the_payments() {
    check(
        "place o1 amount=100 -> order init +30s by placed; ask place
        o1 callback: paid tx1 100/80 -> order paid by paid; notification due +30s by queued; post 80 channel_funds to merchant_pending; post 20 merchant_coupons to merchant_pending; deliver
        request f1 o1 33 -> refund requesting +30s by made; order paid by funds_moved; post 33 merchant_pending to refunds_payable; hold 33 refunds_payable to channel_funds; ask refund
        f1 query_refund: done 33 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 27 refunds_payable to channel_funds; post_held 6 refunds_payable to merchant_coupons; deliver
        request f2 o1 33 -> refund requesting +30s by made; order paid by funds_moved; post 33 merchant_pending to refunds_payable; hold 33 refunds_payable to channel_funds; ask refund
        f2 query_refund: done 33 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 26 refunds_payable to channel_funds; post_held 7 refunds_payable to merchant_coupons; deliver
        request f3 o1 34 -> refund requesting +30s by made; order paid by funds_moved; post 34 merchant_pending to refunds_payable; hold 34 refunds_payable to channel_funds; ask refund
        f3 query_refund: done 34 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 27 refunds_payable to channel_funds; post_held 7 refunds_payable to merchant_coupons; deliver
        balances -> channel_funds 0, merchant_pending 0, merchant_coupons 0, refunds_payable 0",
    );
}

#[test]
fn what_a_person_gave_back_is_set_right_by_the_channels_split() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000/700 -> order paid by paid; notification due +30s by queued; post 700 channel_funds to merchant_pending; post 300 merchant_coupons to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: abnormal 400 -> refund processing +21600s !refund_abnormal by moved
        operator by_hand refund -> refund settled_by_hand by moved; order paid by funds_moved; notification due +30s by queued; post_held 280 refunds_payable to settled_by_hand; post_held 120 refunds_payable to merchant_coupons; deliver
        f1 query_refund: done 400/300 -> refund done !contradiction by moved; post 20 merchant_coupons to settled_by_hand; post 300 settled_by_hand to channel_funds
        balances -> channel_funds -400, merchant_pending 600, merchant_coupons -200, refunds_payable 0, settled_by_hand 0
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: abnormal 600 -> refund processing +21600s !refund_abnormal by moved
        operator by_hand refund -> refund settled_by_hand by moved; order paid by funds_moved; notification due +30s by queued; post_held 420 refunds_payable to settled_by_hand; post_held 180 refunds_payable to merchant_coupons; deliver
        f2 query_refund: done 600/400 -> refund done !contradiction by moved; post 20 settled_by_hand to merchant_coupons; post 400 settled_by_hand to channel_funds
        balances -> channel_funds 0, merchant_pending 0, merchant_coupons 0, refunds_payable 0, settled_by_hand 0",
    );
}

#[test]
fn what_contradicts_a_written_off_refund_is_ended_with_the_same_note() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: abnormal 400 -> refund processing +21600s !refund_abnormal by moved
        operator write_off refund -> refund written_off +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        f1 callback: done 399 -> refund written_off !contradiction by mismatch_recorded
        operator write_off refund -> refund written_off by attention_ended
        operator write_off refund -> nothing",
    );
}

#[test]
fn a_number_that_is_done_beside_another_is_booked_when_that_fails() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: closed 400 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 callback: done 400 first -> refund requesting +60s !contradiction by mismatch_recorded
        f1 refund: processing 400 -> refund processing +60s !contradiction by moved
        f1 query_refund: abnormal 400 -> refund processing +21600s !contradiction by moved
        f1 query_refund: closed 400 -> refund failed +30s !contradiction by moved, call_begun; order paid by funds_moved; notification due +30s by queued; refund failed +30s !contradiction by moved, call_begun; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver; ask query_refund
        request f1 o1 400 -> refused: the refund waits for a person
        f1 query_refund: done 400 first -> refund done !contradiction by moved; order paid by funds_moved; notification due +30s by queued; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; post_held 400 refunds_payable to channel_funds; deliver
        operator write_off refund -> refund done by attention_ended
        balances -> channel_funds -600, merchant_pending 600, refunds_payable 0
        request f2 o1 300 -> refund requesting +30s by made; order paid by funds_moved; post 300 merchant_pending to refunds_payable; hold 300 refunds_payable to channel_funds; ask refund
        f2 refund: closed 300 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 300 refunds_payable to channel_funds; post 300 refunds_payable to merchant_pending; deliver
        request f2 o1 300 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 300 merchant_pending to refunds_payable; hold 300 refunds_payable to channel_funds; ask refund
        f2 callback: done 300 first -> refund requesting +60s !contradiction by mismatch_recorded
        f2 refund: unfunded -> refund requesting +60s !contradiction by moved
        f2 query_refund: done 300 -> refund done +30s !contradiction by moved, call_begun; order paid by funds_moved; notification due +30s by queued; refund done +30s !contradiction by moved, call_begun; post_held 300 refunds_payable to channel_funds; deliver; ask query_refund
        f2 query_refund: unknown -> refund done +60s !contradiction by moved
        task f2 -> refund done +30s !contradiction by call_begun; ask query_refund
        f2 query_refund: done 300 first -> refund done +30s !contradiction by paid_again; post 300 write_off to channel_funds
        f2 callback: done 300 first -> refund done +30s !contradiction by repeated
        task f2 -> refund done +30s !contradiction by call_begun; ask query_refund
        f2 query_refund: done 300 first -> refund done !contradiction by moved
        operator by_hand refund -> refund done by paid_back; post 300 settled_by_hand to write_off
        operator by_hand refund -> nothing
        operator by_hand refund other -> refused: the refund is done
        balances -> channel_funds 0, merchant_pending 300, refunds_payable 0, settled_by_hand -300, write_off 0",
    );
}

#[test]
fn what_is_done_under_two_numbers_is_booked_twice_and_may_stay_lost() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: closed 400 -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by number_renewed, call_begun; order paid by funds_moved; refund requesting +30s by number_renewed, call_begun; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: done 400 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post_held 400 refunds_payable to channel_funds; deliver
        f1 callback: done 400 -> refund done by repeated
        f1 callback: done 400 first -> refund done !contradiction by paid_again; post 400 write_off to channel_funds
        f1 callback: done 400 first -> refund done !contradiction by repeated
        operator write_off refund -> refund done by attention_ended
        operator write_off refund -> nothing
        balances -> channel_funds -200, merchant_pending 600, refunds_payable 0, write_off -400",
    );
}

#[test]
fn an_ended_refund_is_polled_twice_more() {
    check(
        "place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        request f1 o1 400 -> refund requesting +30s by made; order paid by funds_moved; post 400 merchant_pending to refunds_payable; hold 400 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; notification due +30s by queued; release 400 refunds_payable to channel_funds; post 400 refunds_payable to merchant_pending; deliver
        task f1 -> refund failed +30s by call_begun; ask query_refund
        f1 query_refund: not_found -> refund failed +85800s by moved
        task f1 -> refund failed +30s by call_begun; ask query_refund
        f1 query_refund: unknown -> refund failed +300s by moved
        task f1 -> refund failed +30s by call_begun; ask query_refund
        f1 query_refund: not_found -> refund failed by moved
        task f1 -> nothing
        request f2 o1 600 -> refund requesting +30s by made; order paid by funds_moved; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; ask refund
        f2 refund: abnormal 600 -> refund processing +21600s !refund_abnormal by moved
        operator write_off refund -> refund written_off +600s by moved; order paid by funds_moved; notification due +30s by queued; release 600 refunds_payable to channel_funds; post 600 refunds_payable to merchant_pending; deliver
        task f2 -> refund written_off +30s by call_begun; ask query_refund
        f2 query_refund: processing 600 -> refund written_off +85800s by moved
        task f2 -> refund written_off +30s by call_begun; ask query_refund
        f2 query_refund: done 600 -> refund done by moved; order paid by funds_moved; notification due +30s by queued; post 600 merchant_pending to refunds_payable; hold 600 refunds_payable to channel_funds; post_held 600 refunds_payable to channel_funds; deliver
        balances -> channel_funds -400, merchant_pending 400, refunds_payable 0",
    );
}

#[test]
fn what_is_done_too_late_takes_the_parts_that_are_there() {
    check(
        "place o1 allocate=CM-B:200:D0,CM-C:100:D0 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid, funds_moved; allocation available by made; allocation available by made; notification due +30s by queued; post 1000 channel_funds to merchant_pending; post 200 merchant_pending to merchant_available; post 100 merchant_pending to merchant_available; deliver
        request f1 o1 900 CM-B:150,CM-C:50 -> refund requesting +30s by made; order paid by funds_moved; allocation available by taken_back; allocation available by taken_back; post 700 merchant_pending to refunds_payable; post 150 merchant_available to refunds_payable; post 50 merchant_available to refunds_payable; hold 900 refunds_payable to channel_funds; ask refund
        f1 refund: refused -> refund failed +600s by moved; order paid by funds_moved; allocation available by put_back; allocation available by put_back; notification due +30s by queued; release 900 refunds_payable to channel_funds; post 700 refunds_payable to merchant_pending; post 150 refunds_payable to merchant_available; post 50 refunds_payable to merchant_available; deliver
        withdraw w1 100 CM-B -> withdrawal accepted !withdrawal_due by accepted; hold 100 merchant_available to settled_by_hand
        f1 callback: done 900 -> refund done !contradiction by moved; order paid by funds_moved; allocation available by taken_back; notification due +30s by queued; post 700 merchant_pending to refunds_payable; post 50 merchant_available to refunds_payable; post 150 write_off to refunds_payable; hold 900 refunds_payable to channel_funds; post_held 900 refunds_payable to channel_funds; deliver
        balances -> channel_funds -100, merchant_pending 0, merchant_available 200 held 100, merchant_available 50, refunds_payable 0, settled_by_hand 0, write_off -150",
    );
}
