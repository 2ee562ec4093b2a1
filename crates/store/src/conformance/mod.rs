//! The promises of a store, as a suite that every store passes.
//!
//! Each of [`CASES`] wants a fresh, migrated store of its own and panics where a promise is broken.
//! [`differ`] plays the same random history to two stores and compares everything readable.
//! [`damage`] lists what an audit must find in a database whose rows were tampered with.
//!
//! - `fixture`: a small business whose commands are really decided, so that histories are legal.
//! - `agreements`, `archives`, `commits`, `books`, `settlement`, `approvals`, `allocations`, `shares`, `cards`, `wallets`, `liabilities`, `listings`, `directory`, `tasks`: the cases.
//! - `differential`: random histories.

mod agreements;
mod allocations;
mod approvals;
mod archives;
mod booked;
mod books;
mod cards;
mod commits;
pub mod damage;
mod differential;
mod directory;
mod fixture;
mod liabilities;
mod listings;
mod settlement;
mod shares;
mod sharing;
mod tasks;
mod wallets;

pub use differential::differ;

use crate::{Promise, Store};

/// One promise.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is promised.
    pub name: &'static str,
    /// Panics when a fresh, migrated store does not keep it.
    pub run: for<'a> fn(&'a dyn Store) -> Promise<'a, ()>,
}

macro_rules! cases {
    ($($module:ident: $($case:ident,)*;)*) => {
        /// Every promise.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($case), run: $module::$case },)*)*
        ];
    };
}

cases! {
    archives:
        finished_stories_leave,
        ended_withdrawals_leave,
        archived_order_goes_on,
        closed_order_is_finished_after_its_last_look,
        story_that_went_on_is_not_archived,
        archival_is_whole_or_nothing,
    ;
    commits:
        order_has_two_keys,
        namespaces_do_not_meet,
        tenants_do_not_meet,
        stale_batch_leaves_no_trace,
        number_is_taken_once,
        update_keeps_what_was_agreed,
        log_is_append_only,
        neighbours_do_not_disturb,
        many_changes_in_one_batch,
        every_state_reads_back,
    ;
    books:
        balances_move_by_delta,
        floor_refuses_the_whole_batch,
        audit_is_clean,
        audit_names_what_is_wrong,
        audit_proves_refunds,
        late_refund_keeps_the_books,
        balance_out_of_range_is_stale,
    ;
    settlement:
        withdrawals_are_kept_and_ended,
        balances_are_known_at_any_past_time,
        what_moved_comes_by_time_and_page,
        paid_orders_are_counted_and_come_by_page,
    ;
    booked:
        refunds_are_booked_when_the_payer_has_them,
        shares_are_booked_for_who_gives_and_who_gets,
    ;
    approvals:
        approvals_are_kept_and_decided,
        approvals_come_by_page,
    ;
    shares:
        shares_and_returns_are_counted,
    ;
    allocations:
        allocations_are_credited_and_released,
    ;
    cards:
        cards_are_issued_and_put_back,
        cards_are_taken_back_and_come_back,
        cards_whose_price_was_given_back_stay_void,
        cards_are_listed_newest_first,
        cards_are_given_away,
        batches_are_listed_by_sale,
        flows_of_cards_have_the_balance_after_them,
    ;
    wallets:
        wallets_are_paid_into_and_spent,
        cards_are_bound_and_spent,
        parts_of_wallets_are_frozen_and_released,
        what_was_paid_in_is_given_back,
        flows_of_wallets_have_the_balance_after_them,
        what_a_decision_rests_on_guards_its_commit,
    ;
    agreements:
        agreements_are_signed_and_debit_one_order_at_a_time,
        a_debit_beside_another_change_is_stale,
    ;
    liabilities:
        liabilities_are_known_at_any_past_time,
    ;
    directory:
        directory_is_put_and_changed,
        directory_names_are_taken_once,
        installation_names_are_taken_once,
        channel_keys_are_stored,
        unknown_callback_waits_for_a_person,
    ;
    listings:
        empty_store_answers,
        installation_has_a_name,
        story_is_in_order,
        story_has_the_attempts,
        sequence_has_the_last_word,
        orders_come_by_page,
        postings_come_by_page,
        notifications_come_with_attempts,
        what_needs_a_person_is_listed,
        last_id_is_the_largest,
    ;
    tasks:
        claims_are_shared_by_tenant,
        claims_take_less_of_busy_tenants,
        lanes_do_not_meet,
        due_tasks_are_counted_up_to_a_limit,
        lease_keeps_others_away,
        commit_ends_the_lease,
        deferred_task_is_due_later,
        parked_task_waits_for_a_person,
        age_is_counted_from_what_the_row_wanted,
        late_tasks_need_a_person,
    ;
}
