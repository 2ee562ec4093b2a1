//! Scenarios of orders, from placing to their end.

mod support;

use support::script::check;

#[test]
fn a_paid_order_is_booked_once_and_reported_once() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        o1 callback: paid tx1 1000 -> order paid by call_ended
        o1 query: paid tx1 1000 -> order paid by call_ended
        balances -> channel_funds -1000, merchant_pending 1000
        ",
    );
}

#[test]
fn a_payment_that_contradicts_the_order_changes_nothing() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        o1 callback: paid tx1 999 -> order paying +60s !contradiction by payment_contested
        o1 callback: paid tx1 1000 PA1B2C3226000000000000001 -> order paying +60s !contradiction by mismatch_recorded
        o1 query: mismatch -> order paying +60s !contradiction by mismatch_recorded; answer unknown
        o1 query: keys -> order paying +60s !contradiction by mismatch_recorded; answer unknown
        o1@other callback: paid tx1 1000 -> order paying +60s !contradiction by mismatch_recorded
        balances ->
        ",
    );
}

#[test]
fn what_we_do_not_know_is_not_a_failure() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        place o2 -> order init +30s by placed; ask place
        o2 place: later -> order init +5s by call_ended; answer later
        place o3 -> order init +30s by placed; ask place
        o3 place: not_found -> order init +5s by call_ended
        place o4 -> order init +30s by placed; ask place
        o4 place: pending -> order init +5s by confirmed
        ",
    );
}

#[test]
fn the_same_number_again() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        place o1 -> refused: another operation on the order is running
        o1 place: placed -> order paying +60s by pay_info_received
        place o1 -> nothing
        place o1 amount=1 -> refused: the order exists with another amount
        place o1 scene=pc -> refused: the order exists with another scene
        place o1 channel=alipay -> refused: the order exists with another channel
        place o1 subject=other -> nothing
        place o1 payer=other -> refused: the order exists with another payer
        place o1 notify=https://other.example -> refused: the order exists with another notification URL
        place o1 split=other -> refused: the order exists with another content
        wait 601s ->
        place o1 -> order paying +30s by call_begun; ask place
        o1 callback: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        place o1 -> refused: the order is final
        ",
    );
}

#[test]
fn a_lost_answer_to_placing_is_asked_again_with_the_same_number() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        place o1 -> order init +30s by call_begun; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        ",
    );
}

#[test]
fn pay_info_without_its_text_is_asked_again_with_the_same_number() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        place o1 -> nothing
        rebuild ->
        place o1 -> order paying +30s by call_begun; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        place o1 -> nothing
        ",
    );
}

#[test]
fn expiry_closes_at_the_channel_before_the_order_fails() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask close
        place o1 -> refused: another operation on the order is running
        close o1 -> refused: another operation on the order is running
        o1 close: closed -> order failed +600s by failed
        task o1 -> order failed +30s by call_begun; ask query
        ",
    );
}

#[test]
fn an_order_that_the_channel_reports_paid_while_closing_is_paid() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: ask -> order closing +30s by call_ended, call_begun; ask query; answer unknown
        o1 query: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        ",
    );
}

#[test]
fn an_order_that_will_not_close_is_queried() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: unknown -> order closing +5s by call_ended; answer unknown
        wait 60s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: pending -> order closing +10s by call_ended
        wait 60s ->
        task o1 -> order closing +30s by call_begun; ask close
        o1 close: later -> order closing +30s by call_ended; answer later
        wait 60s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: paid tx1 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        ",
    );
}

#[test]
fn a_poll_that_ends_after_the_expiry_does_not_postpone_it() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait expiry ->
        wait -1ms ->
        task o1 -> order paying +30s by call_begun; ask query
        wait 2s ->
        o1 query: pending -> order paying +0s by call_ended
        ",
    );
}

#[test]
fn polls_follow_their_schedule_up_to_the_expiry() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: placed -> order paying +60s by pay_info_received
        wait 60s ->
        task o1 -> order paying +30s by call_begun; ask query
        o1 query: pending -> order paying +60s by call_ended
        wait 120s ->
        task o1 -> order paying +30s by call_begun; ask query
        early o1 -> nothing
        o1 query: pending -> order paying +120s by call_ended
        early o1 -> nothing
        wait 300s ->
        task o1 -> order paying +30s by call_begun; ask query
        o1 query: unknown -> order paying +30s by call_ended; answer unknown
        wait 1200s ->
        task o1 -> order paying +30s by call_begun; ask query
        o1 query: pending -> order paying +120s by call_ended
        ",
    );
}

#[test]
fn a_refusal_to_place_ends_the_order() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: refused -> order failed by failed; answer refused
        place o2 -> order init +30s by placed; ask place
        o2 place: failed -> order failed by failed
        close o2 -> nothing
        ",
    );
}

#[test]
fn a_refusal_after_a_lost_answer_closes_before_it_fails() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        place o1 -> order init +30s by call_begun; ask place
        o1 place: refused -> order closing +30s by call_ended, closing, call_begun; ask close; answer refused
        o1 close: not_found -> order failed +600s by failed
        ",
    );
}

#[test]
fn a_refusal_after_a_call_that_never_reported_back_closes_too() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        wait 30000ms ->
        task o1 -> order init +30s by call_begun; ask place
        o1 place: refused -> order closing +30s by call_ended, closing, call_begun; ask close; answer refused
        o1 close: closed -> order failed +600s by failed
        ",
    );
}

#[test]
fn a_refusal_without_signature_ends_what_was_never_sent_before() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unsigned_refusal -> order failed by failed; answer refused
        ",
    );
}

#[test]
fn a_refusal_without_signature_after_a_lost_answer_is_queried_first() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        operator poll o1 -> order init +0s by poll_requested
        task o1 -> order init +30s by call_begun; ask place
        o1 place: unsigned_refusal -> order closing +30s by call_ended, closing, call_begun; ask query; answer refused
        o1 query: unsigned_not_found -> order closing +5s by call_ended; answer unknown
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: not_found -> order failed +600s by failed
        place o2 -> order init +30s by placed; ask place
        o2 place: unknown -> order init +5s by call_ended; answer unknown
        task o2 -> order init +30s by call_begun; ask place
        o2 place: unsigned_refusal -> order closing +30s by call_ended, closing, call_begun; ask query; answer refused
        o2 query: paid tx2 1000 -> order paid by paid; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        ",
    );
}

/// "Not found" means "not yet" of an order of seconds ago, and five minutes later no more.
#[test]
fn not_found_without_signature_ends_nothing_that_may_still_arrive() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        task o1 -> order init +30s by call_begun; ask place
        o1 place: unsigned_refusal -> order closing +30s by call_ended, closing, call_begun; ask query; answer refused
        o1 query: unsigned_not_found -> order closing +5s by call_ended; answer unknown
        wait 294999ms ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: unsigned_not_found -> order closing +10s by call_ended; answer unknown
        task o1 -> order closing +30s by call_begun; ask close
        o1 close: unsigned_not_found -> order failed +600s by failed; answer unknown
        task o1 -> order failed +30s by call_begun; ask query
        o1 query: unsigned_not_found -> order failed +85800s by call_ended; answer unknown
        ",
    );
}

#[test]
fn what_the_channel_confirmed_is_not_ended_by_a_refusal_without_signature() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        task o1 -> order init +30s by call_begun; ask place
        o1 place: ask -> order init +30s by call_ended, call_begun; ask query; answer unknown
        o1 query: pending -> order init +30s by confirmed
        task o1 -> order init +30s by call_begun; ask place
        o1 place: unsigned_refusal -> order init +60s by call_ended; answer refused
        place o2 -> order init +30s by placed; ask place
        o2 place: placed -> order paying +60s by pay_info_received
        close o2 -> order closing +30s by closing, call_begun; ask close
        o2 close: unsigned_refusal -> order closing +5s by call_ended; answer refused
        o2 close: unsigned_not_found -> order closing +10s by call_ended; answer unknown
        ",
    );
}

/// The channel answers the close of a number that it never got as it answers any close, and takes no
/// order under that number afterwards.
#[test]
fn a_close_of_what_was_never_placed_ends_the_order() {
    check(
        "
        place o1 -> order init +30s by placed; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        close o1 -> order closing +30s by closing, call_begun; ask close
        o1 close: closed -> order closed +600s by closed
        place o1 -> refused: the order is final
        wait 600s ->
        task o1 -> order closed +30s by call_begun; ask query
        o1 query: not_found -> order closed +85800s by call_ended
        ",
    );
}

#[test]
fn a_merchant_closes_an_order() {
    check(
        "
        close o1 -> refused: no such order
        place o1 -> order init +30s by placed; ask place
        close o1 -> refused: another operation on the order is running
        o1 place: placed -> order paying +60s by pay_info_received
        close o1 -> order closing +30s by closing, call_begun; ask close
        close o1 -> refused: another operation on the order is running
        o1 close: unknown -> order closing +5s by call_ended; answer unknown
        close o1 -> order closing +30s by call_begun; ask close
        o1 close: closed -> order closed +600s by closed
        close o1 -> nothing
        o1 place: placed -> order closed +30s by call_ended, call_begun; ask close
        ",
    );
}
