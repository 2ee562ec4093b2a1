//! Agreements by which payers are debited: how they are signed, used and ended.

mod support;

use support::TestKernel;
use support::script::agreements::without_cancels;
use support::script::{check, check_on};

#[test]
fn an_agreement_is_signed_used_and_ended() {
    check(
        "
        agree a1 -> agreement signing +30s by requested; ask sign_agreement
        a1 sign_agreement: placed -> agreement signing +30s by page_received
        agree a1 -> nothing
        agree a1 content=other -> refused: the agreement exists with other content
        agree a1 channel=alipay -> refused: the agreement exists with other content
        place o1 agreement=a1 -> refused: the agreement is signing
        a1 callback: agreement signed r1 -> agreement signing +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed by signed; notification due +30s by queued; deliver
        agree a1 -> refused: the agreement exists and is signed
        a1 callback: agreement signed r1 -> agreement signed by call_ended
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: paid tx1 1000 -> order paid by paid; agreement signed by debit_ended; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        terminate a1 -> agreement terminating +30s by terminating, call_begun; ask terminate_agreement
        place o3 agreement=a1 -> refused: the agreement is terminating
        a1 terminate_agreement: agreement terminated r1 -> agreement terminated by terminated; notification due +30s by queued; deliver
        terminate a1 -> nothing
        place o3 agreement=a1 -> refused: the agreement is terminated
        agree a1 -> refused: the agreement exists and is terminated
        ",
    );
}

/// The steps to a signed agreement.
const SIGNED: &str = "
    agree a1 -> agreement signing +30s by requested; ask sign_agreement
    a1 sign_agreement: placed -> agreement signing +30s by page_received
    a1 query_agreement: agreement signed r1 -> agreement signed by signed; notification due +30s by queued; deliver
    ";

/// Checks a scenario that begins with a signed agreement.
#[track_caller]
fn check_signed(scenario: &str) {
    check(&format!("{SIGNED}{scenario}"));
}

#[test]
fn a_page_that_nobody_signs_ends_when_the_channel_says_so() {
    check(
        "
        agree a1 life=600 -> agreement signing +30s by requested; ask sign_agreement
        a1 sign_agreement: placed -> agreement signing +30s by page_received
        task a1 -> agreement signing +30s by call_begun; ask query_agreement
        a1 query_agreement: agreement signing -> agreement signing +30s by call_ended
        wait 600s ->
        agree a1 life=600 -> refused: another operation on the agreement is running
        task a1 -> agreement signing +30s by call_begun; ask query_agreement
        a1 query_agreement: unknown -> agreement signing +10s by call_ended; answer unknown
        task a1 -> agreement signing +30s by call_begun; ask query_agreement
        a1 query_agreement: not_found -> agreement invalid +600s by invalid
        agree a1 -> refused: the agreement exists and is invalid
        task a1 -> agreement invalid +30s by call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed !signed_late by signed; notification due +30s by queued; deliver
        operator dismiss a1 -> agreement signed by dismissed
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        ",
    );
}

#[test]
fn a_refused_request_is_invalid_and_what_is_unknown_is_requested_again() {
    check(
        "
        agree a1 -> agreement signing +30s by requested; ask sign_agreement
        a1 sign_agreement: refused -> agreement invalid +600s by invalid; answer refused
        agree a2 -> agreement signing +30s by requested; ask sign_agreement
        a2 sign_agreement: unknown -> agreement signing +30s by call_ended; answer unknown
        task a2 -> agreement signing +30s by call_begun; ask sign_agreement
        a2 sign_agreement: placed -> agreement signing +30s by page_received
        agree a3 -> agreement signing +30s by requested; ask sign_agreement
        a3 sign_agreement: later -> agreement signing +30s by call_ended; answer later
        agree a3 -> agreement signing +30s by call_begun; ask sign_agreement
        agree a3 -> refused: another operation on the agreement is running
        agree a4 merchant=CM2 -> refused: the merchant is disabled
        agree a5 channel=other -> refused: the merchant has no account at this channel for agreements of this kind
        agree a6 life=-1 -> refused: expiry lies in the past
        agree a7 life=999999999 -> refused: expiry lies more than 7 days ahead
        ",
    );
}

#[test]
fn what_was_said_of_an_earlier_time_changes_nothing() {
    check_signed(
        "
        a1 callback: agreement terminated r1 old -> agreement signed by call_ended
        a1 callback: agreement terminated r1 -> agreement signed +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed by call_ended
        a1 callback: agreement terminated r1 -> agreement signed +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement terminated r1 -> agreement terminated by terminated; notification due +30s by queued; deliver
        a1 callback: agreement signed r1 -> agreement terminated +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement terminated !contradiction by mismatch_recorded
        operator dismiss a1 -> agreement terminated by dismissed
        ",
    );
}

#[test]
fn a_paused_agreement_pays_nothing_until_it_is_resumed() {
    check_signed(
        "
        a1 callback: agreement paused r1 -> agreement signed +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement paused r1 -> agreement paused by paused
        place o1 agreement=a1 -> refused: the agreement is paused
        a1 callback: agreement signed r1 -> agreement paused +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed by resumed
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        ",
    );
}

#[test]
fn an_end_is_asked_for_until_the_channel_tells_it() {
    check_signed(
        "
        terminate a1 -> agreement terminating +30s by terminating, call_begun; ask terminate_agreement
        a1 terminate_agreement: unknown -> agreement terminating +5s by call_ended; answer unknown
        task a1 -> agreement terminating +30s by call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement terminating +10s by call_ended
        task a1 -> agreement terminating +30s by call_begun; ask terminate_agreement
        a1 terminate_agreement: refused -> agreement terminating +30s by call_ended, call_begun; ask query_agreement; answer refused
        a1 query_agreement: not_found -> agreement terminating +60s by call_ended
        wait 300s ->
        task a1 -> agreement terminating +30s by call_begun; ask terminate_agreement
        a1 terminate_agreement: not_found -> agreement terminating +30s by call_ended, call_begun; ask query_agreement
        a1 query_agreement: not_found -> agreement terminated by terminated; notification due +30s by queued; deliver
        ",
    );
}

#[test]
fn another_contract_or_account_contradicts() {
    check_signed(
        "
        a1 query_agreement: agreement signed r2 -> agreement signed !contradiction by mismatch_recorded
        a1 query_agreement: agreement signed r2 -> agreement signed +5s !contradiction by call_ended
        a1@other query_agreement: agreement terminated r1 -> agreement signed +5s !contradiction by mismatch_recorded
        a1@moved query_agreement: agreement terminated r1 -> agreement signed +5s !contradiction by mismatch_recorded
        a1 query_agreement: agreement terminated r1 of=P1 -> agreement signed +5s !contradiction by mismatch_recorded
        operator retry a1 -> agreement signed +0s by poll_requested
        task a1 -> agreement signed +30s by call_begun; ask query_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed by call_ended
        ",
    );
}

#[test]
fn an_agreement_pays_what_it_allows_and_one_order_at_a_time() {
    check(
        "
        agree a1 max=1000 -> agreement signing +30s by requested; ask sign_agreement
        a1 query_agreement: agreement signed r1 next=864000 -> agreement signed by signed; notification due +30s by queued; deliver
        place o1 agreement=a1 amount=1001 -> refused: the agreement allows 1000 fen at once
        place o1 agreement=a1 -> refused: the next debit by the agreement is planned for a later time
        wait 600000s ->
        place o1 scene=agreement -> refused: the agreement is missing
        place o1 -> order init +30s by placed; ask place
        place o2 agreement=a1 merchant=CM-B -> refused: the agreement belongs to another merchant
        place o2 agreement=a1 channel=other -> refused: the merchant has no account at this channel
        place o2 agreement=none -> refused: no such agreement
        place o2 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        place o3 agreement=a1 -> refused: order 228341265203200513 is being debited: the next debit waits for its end
        o2 place: pending -> order init +5s by confirmed
        place o2 agreement=a1 -> nothing
        task o2 -> order init +30s by call_begun; ask query
        o2 query: paid tx1 1000 -> order paid by paid; agreement signed +0s by debit_ended; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        place o3 agreement=a1 -> order init +30s by placed; agreement signed +0s by debit_begun; ask place
        ",
    );
}

#[test]
fn a_debit_whose_outcome_is_unknown_is_queried_and_repeated_under_its_number() {
    check_signed(
        "
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        place o1 agreement=a1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order init +30s by call_ended, call_begun; ask place
        o1 place: unknown -> order init +30s by call_ended; answer unknown
        task o1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order init +30s by call_ended, call_begun; ask place
        o1 place: refused -> order closing +30s by call_ended, closing, call_begun; ask query; answer refused
        o1 query: not_found -> order closing +15s by call_ended
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: not_found -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: cancelled -> order closing +30s by cancel_answered, call_begun; ask query
        o1 query: not_found -> order failed +600s by failed; agreement signed +0s by debit_ended
        task a1 -> agreement signed +30s by call_begun; ask query_agreement
        a1 query_agreement: agreement terminated r1 -> agreement terminated by terminated; notification due +30s by queued; deliver
        ",
    );
}

#[test]
fn a_debit_that_is_pending_at_its_expiry_is_cancelled() {
    check_signed(
        "
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: pending -> order init +5s by confirmed
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: pending -> order closing +15s by call_ended
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: pending -> order closing +30s by call_ended, call_begun; ask cancel
        o1 cancel: cancelled -> order closing +30s by cancel_answered, call_begun; ask query
        o1 query: closed -> order failed +600s by failed; agreement signed +0s by debit_ended
        place o2 agreement=a1 -> order init +30s by placed; agreement signed +0s by debit_begun; ask place
        o2 place: pending -> order init +5s by confirmed
        close o2 -> order closing +30s by closing, call_begun; ask query
        o2 query: pending -> order closing +15s by call_ended
        o2 cancel: reversed tx1 1000 -> order closing +30s by unapplied_received, cancel_answered, call_begun; post 1000 channel_funds to suspense; post 1000 suspense to channel_funds; ask query
        o2 query: closed -> order closed +600s by closed; agreement signed +0s by debit_ended
        ",
    );
}

/// That the number is taken does not cause a question at once: a channel that then knows nothing of it would be
/// called without a pause.
#[test]
fn a_number_that_is_taken_and_unknown_is_asked_about_on_the_schedule() {
    check_signed(
        "
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: ask -> order init +5s by call_ended; answer unknown
        task o1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order init +30s by call_ended, call_begun; ask place
        o1 place: ask -> order init +30s by call_ended; answer unknown
        ",
    );
}

/// Once the merchant has ended the agreement, nothing is placed again that may not have arrived.
#[test]
fn nothing_is_placed_again_by_an_agreement_that_is_to_end() {
    check_signed(
        "
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: unknown -> order init +5s by call_ended; answer unknown
        terminate a1 -> agreement terminating +30s by terminating, call_begun; ask terminate_agreement
        task o1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order closing +30s by call_ended, closing, call_begun; ask query
        ",
    );
}

#[test]
fn a_debit_that_cannot_be_taken_back_waits_for_the_channels_word() {
    let mut kernel = TestKernel::new(without_cancels());
    check_on(
        &mut kernel,
        "
        agree a1 -> agreement signing +30s by requested; ask sign_agreement
        a1 query_agreement: agreement signed r1 -> agreement signed by signed; notification due +30s by queued; deliver
        place o1 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o1 place: pending -> order init +5s by confirmed
        close o1 -> refused: the payer is being debited, which the channel does not take back: query the order
        task o1 -> order init +30s by call_begun; ask query
        o1 query: not_found -> order init +30s by call_ended, call_begun; ask place
        o1 place: pending -> order init +300s by call_ended
        wait expiry ->
        task o1 -> order closing +30s by closing, call_begun; ask query
        o1 query: pending -> order closing +60s by call_ended
        close o1 -> refused: the payer is being debited, which the channel does not take back: query the order
        place o1 agreement=a1 -> refused: another operation on the order is running
        place o2 agreement=a1 -> refused: order 227712119603201281 is being debited: the next debit waits for its end
        wait 3600s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: not_found -> order closing +120s by call_ended
        wait 86400s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: pending -> order closing +300s by call_ended
        wait 172800s ->
        task o1 -> order closing +30s by call_begun; ask query
        o1 query: pending -> order closing +7200s !cannot_close by close_refused
        task o1 -> order closing +30s !cannot_close by call_begun; ask query
        o1 query: paid tx1 1000 -> order paid by paid; agreement signed by debit_ended; notification due +30s by queued; post 1000 channel_funds to merchant_pending; deliver
        place o2 agreement=a1 -> order init +30s by placed; agreement signed by debit_begun; ask place
        o2 place: unknown -> order init +5s by call_ended; answer unknown
        task o2 -> order init +30s by call_begun; ask query
        o2 query: not_found -> order init +30s by call_ended, call_begun; ask place
        o2 place: refused -> order closing +30s by call_ended, closing, call_begun; ask query; answer refused
        o2 query: not_found -> order closing +60s by call_ended
        wait 180000s ->
        task o2 -> order closing +30s by call_begun; ask query
        o2 query: not_found -> order failed +600s by failed; agreement signed +0s by debit_ended
        ",
    );
}
