//! Setting, ending, finding and leasing tasks.

use std::sync::LazyLock;
use store::rows::task;

pub(crate) const SET: &str =
    "INSERT INTO tasks (tenant, subject_kind, subject_id, root, due, leased_until)
    VALUES (?1, ?2, ?3, ?4, ?5, 0)
    ON CONFLICT DO UPDATE SET due = excluded.due, leased_until = 0";

pub(crate) const END: &str =
    "DELETE FROM tasks WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3";

pub(crate) static DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM tasks WHERE due <= ?1 AND leased_until <= ?1 ORDER BY due LIMIT ?2",
        task::TASKS.list()
    )
});

pub(crate) const LEASE: &str = "UPDATE tasks SET leased_until = ?4
    WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3";
