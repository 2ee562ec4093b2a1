//! The promises of a store, as a suite that every store passes.
//!
//! Each of [`CASES`] wants a fresh, migrated store of its own and panics where a promise is broken.
//! [`differ`] plays the same random history to two stores and compares everything readable.
//!
//! - `fixture`: a small business whose commands are really decided, so that histories are legal.
//! - `commits`, `books`, `listings`, `tasks`: the cases.
//! - `differential`: random histories.

mod books;
mod commits;
mod differential;
mod fixture;
mod listings;
mod tasks;

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

/// Every promise.
pub const CASES: &[Case] = &[
    Case { name: "empty_store_answers", run: listings::empty_store_answers },
    Case { name: "order_has_two_keys", run: commits::order_has_two_keys },
    Case { name: "tenants_do_not_meet", run: commits::tenants_do_not_meet },
    Case { name: "stale_batch_leaves_no_trace", run: commits::stale_batch_leaves_no_trace },
    Case { name: "number_is_taken_once", run: commits::number_is_taken_once },
    Case { name: "update_keeps_what_was_agreed", run: commits::update_keeps_what_was_agreed },
    Case { name: "log_is_append_only", run: commits::log_is_append_only },
    Case { name: "neighbours_do_not_disturb", run: commits::neighbours_do_not_disturb },
    Case { name: "many_changes_in_one_batch", run: commits::many_changes_in_one_batch },
    Case { name: "every_state_reads_back", run: commits::every_state_reads_back },
    Case { name: "balances_move_by_delta", run: books::balances_move_by_delta },
    Case { name: "floor_refuses_the_whole_batch", run: books::floor_refuses_the_whole_batch },
    Case { name: "audit_is_clean_after_legal_history", run: books::audit_is_clean },
    Case { name: "audit_names_what_is_wrong", run: books::audit_names_what_is_wrong },
    Case { name: "audit_proves_refunds", run: books::audit_proves_refunds },
    Case { name: "late_refund_keeps_the_books", run: books::late_refund_keeps_the_books },
    Case { name: "balance_out_of_range_is_stale", run: books::balance_out_of_range_is_stale },
    Case { name: "newest_key_wins", run: books::newest_key_wins },
    Case { name: "story_is_in_order", run: listings::story_is_in_order },
    Case { name: "orders_come_by_page", run: listings::orders_come_by_page },
    Case { name: "postings_come_by_page", run: listings::postings_come_by_page },
    Case {
        name: "notifications_come_with_attempts",
        run: listings::notifications_come_with_attempts,
    },
    Case { name: "what_needs_a_person_is_listed", run: listings::what_needs_a_person_is_listed },
    Case { name: "last_id_is_the_largest", run: listings::last_id_is_the_largest },
    Case { name: "claims_take_the_longest_due", run: tasks::claims_take_the_longest_due },
    Case { name: "lease_keeps_others_away", run: tasks::lease_keeps_others_away },
    Case { name: "commit_ends_the_lease", run: tasks::commit_ends_the_lease },
];
