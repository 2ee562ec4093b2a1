//! Scenarios of what follows a payment: refunds of money that an order cannot take, and notifications.

mod support;

use support::script::check;

#[test]
fn late_money_waits_in_suspense_and_goes_back() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        close o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: closed -> order closed +600s by closed
        o1 callback: paid tx1 1000 -> order closed +600s by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        balances -> channel_funds -1000, suspense 1000 held 1000
        o1 callback: paid tx1 1000 -> order closed +600s by call_ended
        refund refund: unknown -> refund requesting +5s by moved
        refund refund: done 999 -> refund requesting +300s !contradiction by mismatch_recorded
        refund@other callback: done 1000 -> refund requesting +60s !contradiction by mismatch_recorded
        balances -> channel_funds -1000, suspense 1000 held 1000
        refund callback: processing 1000 -> refund processing +120s by moved
        refund callback: done 1000 -> refund done by moved; post_held 1000 suspense to channel_funds
        refund callback: done 1000 -> refund done by repeated
        balances -> channel_funds 0, suspense 0
        ",
    );
}

#[test]
fn a_lost_refund_is_queried_and_only_an_unknown_one_is_requested_again() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: unknown -> refund requesting +5s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: abnormal 1000 -> refund processing +21600s !refund_abnormal by moved
        refund query_refund: not_found -> refund processing +60s !contradiction by mismatch_recorded
        refund query_refund: done 1000 -> refund done by moved; post_held 1000 suspense to channel_funds
        task refund -> nothing
        ",
    );
}

#[test]
fn the_refusal_of_a_query_says_nothing_about_the_refund() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: refused -> refund requesting +5s by moved
        balances -> channel_funds -1000, suspense 1000 held 1000
        ",
    );
}

#[test]
fn a_refund_that_was_refused_leaves_the_money_to_the_operator_and_may_still_come_about() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: refused -> refund failed !refund_failed by moved
        balances -> channel_funds -1000, suspense 1000 held 1000
        refund callback: done 1000 -> refund done by moved; post_held 1000 suspense to channel_funds
        refund callback: done 1000 -> refund done by repeated
        balances -> channel_funds 0, suspense 0
        ",
    );
}

#[test]
fn a_refusal_of_a_refund_without_signature_ends_what_was_never_sent_before() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: unsigned_refusal -> refund failed !refund_failed by moved
        operator retry -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: unsigned_refusal -> refund requesting +5s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: unsigned_refusal -> refund requesting +30s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: unsigned_refusal -> refund requesting +120s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: unsigned_refusal -> refund requesting +3600s !refund_failed by moved
        operator renew -> refused: the refund is requesting
        balances -> channel_funds -1000, suspense 1000 held 1000
        ",
    );
}

/// The channel answers alike when a refund stands under the number with another amount, and when the
/// amounts are not the order's.
#[test]
fn a_refund_whose_amounts_differ_is_queried_if_it_may_stand() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: ask -> refund failed !refund_failed by moved
        place o2 -> order init +30s by placed; ask place
        o2 place: failed -> order failed by failed
        o2 callback: paid tx2 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: unknown -> refund requesting +5s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: ask -> refund requesting +30s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: done 1000 -> refund done by moved; post_held 1000 suspense to channel_funds
        ",
    );
}

/// A refund is requested as soon as the payment is known here; the channel's own state may lag.
#[test]
fn a_payment_that_the_channel_does_not_know_any_more_needs_a_person() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: not_found -> refund requesting +5s by moved
        wait 300s ->
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: not_found -> refund requesting +1800s !contradiction by mismatch_recorded
        task refund -> refund requesting +30s !contradiction by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s !contradiction by moved, call_begun; ask refund
        refund refund: done 1000 -> refund done by moved; post_held 1000 suspense to channel_funds
        balances -> channel_funds 0, suspense 0
        ",
    );
}

#[test]
fn a_second_payment_of_a_paid_order_goes_back() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        o1 callback: paid tx2 1000 -> order paid by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        balances -> channel_funds -2000, merchant_pending 1000, suspense 1000 held 1000
        refund refund: closed 1000 -> refund failed !refund_failed by moved
        balances -> channel_funds -2000, merchant_pending 1000, suspense 1000 held 1000
        ",
    );
}

#[test]
fn a_notification_is_delivered_or_given_up_and_can_be_replayed() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        task notification -> deliver
        attempt no_answer -> notification due +15s by attempted
        attempt rejected -> notification due +15s by attempted
        attempt no_answer -> notification due +30s by attempted
        attempt no_answer -> notification due +180s by attempted
        attempt no_answer -> notification due +600s by attempted
        attempt no_answer -> notification due +1200s by attempted
        attempt no_answer -> notification due +1800s by attempted
        attempt no_answer -> notification due +1800s by attempted
        attempt no_answer -> notification due +1800s by attempted
        attempt no_answer -> notification due +3600s by attempted
        attempt no_answer -> notification due +10800s by attempted
        attempt no_answer -> notification due +10800s by attempted
        attempt no_answer -> notification due +10800s by attempted
        attempt no_answer -> notification due +21600s by attempted
        attempt no_answer -> notification due +21600s by attempted
        attempt no_answer -> notification given_up !notification_given_up by attempted
        operator dismiss -> notification dismissed by dismissed
        operator dismiss -> nothing
        replay -> notification due +30s by replayed; deliver
        attempt no_answer -> notification due +15s by attempted
        attempt acknowledged -> notification delivered by attempted
        attempt no_answer -> notification delivered by attempted
        replay -> notification due +30s by replayed; deliver
        ",
    );
}
