//! Scenarios of what does not end by itself: contradictions, accounts that the channel refuses, orders
//! that it does not close, refunds that it does not carry out; and the operators' commands that end them.

mod support;

use support::script::check;

#[test]
fn a_contested_payment_is_applied_with_its_real_amount() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 999 -> order paying +60s !contradiction by payment_contested
        o1 query: paid tx1 999 -> order paying +60s !contradiction by call_ended
        operator apply o1 tx1 -> order paid by paid; notification due +30s by queued; post 999 channel_funds to merchant_pending; deliver
        operator apply o1 tx1 -> nothing
        o1 query: paid tx1 999 -> order paid by call_ended
        o1 callback: paid tx1 1000 -> order paid !contradiction by mismatch_recorded
        operator write_off o1 looked -> order paid by attention_ended
        operator write_off o1 looked -> nothing
        balances -> channel_funds -999, merchant_pending 999
        ",
    );
}

#[test]
fn a_contested_payment_is_given_back() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 999 -> order paying +60s !contradiction by payment_contested
        operator give_back o1 tx1 -> order failed +600s by unapplied_received, failed; refund requesting +30s by made; order failed +600s by unapplied_received, failed; post 999 channel_funds to suspense; hold 999 suspense to channel_funds; ask refund
        operator give_back o1 tx1 -> nothing
        o1 query: paid tx1 999 -> order failed +600s by call_ended
        balances -> channel_funds -999, suspense 999 held 999
        refund callback: done 999 -> refund done by moved; post_held 999 suspense to channel_funds
        balances -> channel_funds 0, suspense 0
        ",
    );
}

#[test]
fn a_contested_payment_was_given_back_by_hand() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 999 -> order paying +60s !contradiction by payment_contested
        operator by_hand o1 -> order failed +600s by unapplied_received, failed; post 999 channel_funds to suspense; post 999 suspense to settled_by_hand
        operator by_hand o1 -> nothing
        operator by_hand o1 otherwise -> refused: no such contested payment
        o1 query: paid tx1 999 -> order failed +600s by call_ended
        balances -> channel_funds -999, suspense 0, settled_by_hand 999
        ",
    );
}

#[test]
fn a_contested_payment_of_a_failed_order_is_written_off() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 999 -> order failed !contradiction by payment_contested
        operator apply o1 tx1 -> refused: the order is failed
        operator write_off o1 -> order failed by unapplied_received; post 999 channel_funds to suspense; post 999 suspense to write_off
        operator write_off o1 -> nothing
        balances -> channel_funds -999, suspense 0, write_off 999
        ",
    );
}

#[test]
fn not_found_is_a_contradiction_once_the_channel_has_confirmed() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        close o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: not_found -> order closing +5s by call_ended
        wait 300s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: not_found -> order closing +300s !contradiction by mismatch_recorded
        wait 60s ->
        task o1 -> order closing +30s !contradiction by call_begun; ask close
        o1 close: not_found -> order closing +60s !contradiction by call_ended
        wait 300s ->
        task o1 -> order closing +30s !contradiction by call_begun; ask query
        o1 query: pending -> order closing +300s by confirmed
        task o1 -> order closing +30s by call_begun; ask close
        o1 close: not_found -> order closing +60s !contradiction by mismatch_recorded
        operator write_off o1 -> order closing +0s by attention_ended, poll_requested
        operator close_for_good o1 -> refused: the order needs no person
        task o1 -> order closing +30s by call_begun; ask close
        o1 query: not_found -> order closing +60s !contradiction by mismatch_recorded
        operator close_for_good o1 lost -> order closed +600s by closed, attention_ended
        operator close_for_good o1 lost -> nothing
        o1 callback: paid tx1 1000 -> order closed +600s by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        ",
    );
}

#[test]
fn not_found_ends_what_was_never_confirmed() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        close o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: not_found -> order closed +600s by closed
        ",
    );
}

#[test]
fn a_fault_of_the_account_ends_nothing_and_an_order_that_cannot_be_closed_needs_a_person() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: account_fault -> order init +60s by call_ended; answer account_fault
        place o1 -> order init +30s by call_begun; ask place
        o1 place: account_fault -> order init +300s by call_ended; answer account_fault
        place o1 -> order init +30s by call_begun; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: account_fault -> order closing +60s by call_ended; answer account_fault
        wait 3600s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: account_fault -> order closing +300s by call_ended; answer account_fault
        task o1 -> order closing +30s by call_begun; ask close
        o1 close: account_fault -> order closing +1800s !cannot_close by close_refused; answer account_fault
        operator poll o1 -> order closing +0s !cannot_close by poll_requested
        operator poll o1 -> nothing
        task o1 -> order closing +30s !cannot_close by call_begun; ask close
        operator poll o1 -> nothing
        o1 close: closed -> order failed +600s by failed
        ",
    );
}

#[test]
fn an_account_that_became_somebody_else_is_not_believed() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1@moved query: not_found -> order paying +60s !contradiction by mismatch_recorded
        o1@moved callback: paid tx1 1000 -> order paying +60s !contradiction by mismatch_recorded
        balances ->
        o1 query: pending -> order paying +60s by confirmed
        ",
    );
}

#[test]
fn an_order_that_ended_unpaid_is_polled_again() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: closed -> order failed +600s by failed
        wait 600s ->
        task o1 -> order failed +30s by call_begun; ask query
        o1 query: closed -> order failed +85800s by call_ended
        wait 85800s ->
        task o1 -> order failed +30s by call_begun; ask query
        o1 query: unknown -> order failed +3600s by call_ended; answer unknown
        wait 3600s ->
        task o1 -> order failed +30s by call_begun; ask query
        o1 query: paid tx1 1000 -> order failed +30s by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        task o1 -> order failed +30s by call_begun; ask query
        place o2 -> order init +30s by placed; ask place
        o2 place: placed -> order paying +60s by pay_info_received
        close o2 -> order closing +30s by closing, call_begun; ask close
        o2 close: closed -> order closed +600s by closed
        o2 place: placed -> order closed +30s by call_ended, call_begun; ask close
        o2 close: closed -> order closed +600s by call_ended
        wait 600s ->
        task o2 -> order closed +30s by call_begun; ask query
        o2 query: pending -> order closed +30s by call_ended, call_begun; ask close
        o2 close: closed -> order closed +85800s by call_ended
        ",
    );
}

#[test]
fn a_refund_without_an_end_needs_a_person() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: later -> refund requesting +60s by moved
        wait 86400s ->
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: unknown -> refund requesting +10s !refund_overdue by moved
        task refund -> refund requesting +30s !refund_overdue by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s !refund_overdue by moved, call_begun; ask refund
        refund refund: processing 1000 -> refund processing +120s by moved
        wait 604800s ->
        task refund -> refund processing +30s by call_begun; ask query_refund
        refund query_refund: processing 1000 -> refund processing +60s !refund_overdue by moved
        operator by_hand refund -> refund settled_by_hand by moved; post_held 1000 suspense to settled_by_hand
        ",
    );
}

#[test]
fn a_refund_ends_by_a_persons_decision() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: account_fault -> refund requesting +60s by moved
        task refund -> refund requesting +30s by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s by moved, call_begun; ask refund
        refund refund: unfunded -> refund requesting +1800s !refund_unfunded by moved
        task refund -> refund requesting +30s !refund_unfunded by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s !refund_unfunded by moved, call_begun; ask refund
        refund refund: unfunded -> refund requesting +300s !refund_unfunded by moved
        operator retry -> refund requesting +0s !refund_unfunded by poll_requested
        operator retry -> nothing
        task refund -> refund requesting +30s !refund_unfunded by call_begun; ask query_refund
        refund query_refund: not_found -> refund requesting +30s !refund_unfunded by moved, call_begun; ask refund
        refund refund: refused -> refund failed !refund_failed by moved
        operator retry -> refund requesting +30s by moved, call_begun; ask refund
        operator retry -> refund requesting +0s by poll_requested
        refund refund: closed 1000 -> refund failed !refund_failed by moved
        operator renew -> refund requesting +30s by number_renewed, call_begun; ask refund
        operator renew -> nothing
        refund refund: abnormal 1000 -> refund processing +21600s !refund_abnormal by moved
        operator by_hand refund -> refund settled_by_hand by moved; post_held 1000 suspense to settled_by_hand
        operator by_hand refund -> nothing
        operator by_hand refund otherwise -> refused: the refund is settled_by_hand
        balances -> channel_funds -1000, suspense 0, settled_by_hand 1000
        refund callback: done 1000 -> refund done !contradiction by moved; post 1000 settled_by_hand to channel_funds
        operator write_off refund -> refund done by attention_ended
        operator write_off refund -> nothing
        balances -> channel_funds 0, suspense 0, settled_by_hand 0
        ",
    );
}

#[test]
fn a_refund_that_was_written_off_may_still_come_about() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: failed -> order failed by failed
        o1 callback: paid tx1 1000 -> order failed by unapplied_received; refund requesting +30s by made; post 1000 channel_funds to suspense; hold 1000 suspense to channel_funds; ask refund
        refund refund: closed 1000 -> refund failed !refund_failed by moved
        operator write_off refund -> refund written_off by moved; post_held 1000 suspense to write_off
        operator write_off refund -> nothing
        balances -> channel_funds -1000, suspense 0, write_off 1000
        refund callback: done 1000 -> refund done by moved; post 1000 write_off to channel_funds
        balances -> channel_funds 0, suspense 0, write_off 0
        ",
    );
}
