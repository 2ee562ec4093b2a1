//! Setting, ending, finding, leasing and parking tasks.

use std::sync::LazyLock;
use store::rows::task;

/// Setting a task ends its lease, and it is not parked any more.
pub(crate) const SET: &str =
    "INSERT INTO tasks (tenant, subject_kind, subject_id, root, due, lane, leased_until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
    ON CONFLICT DO UPDATE SET due = excluded.due, lane = excluded.lane, leased_until = 0,
        parked_at = NULL, parked_reason = NULL";

pub(crate) const END: &str =
    "DELETE FROM tasks WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3";

/// One look into the index for each tenant.
pub(crate) const TENANTS_DUE: &str = "SELECT tenant FROM tenants WHERE EXISTS (
        SELECT 1 FROM tasks INDEXED BY tasks_of_lane
        WHERE tasks.lane = ?1 AND tasks.tenant = tenants.tenant
            AND tasks.due <= ?2 AND tasks.leased_until <= ?3)
    ORDER BY tenant";

pub(crate) static DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM tasks INDEXED BY tasks_of_lane
        WHERE tenant = ?1 AND lane = ?2 AND due <= ?3 AND leased_until <= ?3
        ORDER BY due LIMIT ?4",
        task::TASKS.list()
    )
});

pub(crate) const LEASE: &str = "UPDATE tasks SET leased_until = ?4
    WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3";

pub(crate) const DEFER: &str = "UPDATE tasks SET leased_until = 0, due = ?5
    WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3
        AND leased_until = ?4 AND parked_at IS NULL";

pub(crate) static PARK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE tasks SET lane = '{}', leased_until = 0, parked_reason = ?4, parked_at = ?5
        WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3",
        task::PARKED
    )
});

pub(crate) const RESUME: &str =
    "UPDATE tasks SET lane = ?4, due = ?5, leased_until = 0, parked_reason = NULL, parked_at = NULL
    WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3 AND parked_at IS NOT NULL";

pub(crate) static PARKED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT tenant, subject_kind, subject_id, root, parked_reason, parked_at
        FROM tasks INDEXED BY tasks_of_lane WHERE lane = '{}'
        ORDER BY tenant, due LIMIT ?1",
        task::PARKED
    )
});
