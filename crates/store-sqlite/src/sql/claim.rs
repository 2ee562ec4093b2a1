//! Setting, ending, finding, leasing and parking tasks.

use std::sync::LazyLock;
use store::rows::task;

/// Setting a task ends its lease, and it is not parked any more. Its row wants it when it is due at first.
pub(crate) const SET: &str =
    "INSERT INTO tasks (tenant, subject_kind, subject_id, root, due, lane, wanted_at, leased_until)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, 0)
    ON CONFLICT DO UPDATE SET due = excluded.due, lane = excluded.lane,
        wanted_at = excluded.wanted_at, leased_until = 0,
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
    "UPDATE tasks SET lane = ?4, due = ?5, wanted_at = ?5, leased_until = 0,
        parked_reason = NULL, parked_at = NULL
    WHERE tenant = ?1 AND subject_kind = ?2 AND subject_id = ?3 AND parked_at IS NOT NULL";

pub(crate) static PARKED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT tenant, subject_kind, subject_id, root, parked_reason, parked_at
        FROM tasks INDEXED BY tasks_of_lane WHERE lane = '{}'
        ORDER BY tenant, due LIMIT ?1",
        task::PARKED
    )
});

/// The oldest late task of a tenant and lane, and how many there are among the first due. Parameters:
/// tenant, lane, due by, wanted by, how many are looked at.
pub(crate) const LATE: &str =
    "SELECT tenant, subject_kind, subject_id, root, wanted_at, count(*) OVER () FROM (
        SELECT tenant, subject_kind, subject_id, root, wanted_at
        FROM tasks INDEXED BY tasks_of_lane
        WHERE tenant = ?1 AND lane = ?2 AND due <= ?3 ORDER BY due LIMIT ?5)
    WHERE wanted_at <= ?4 ORDER BY wanted_at, subject_kind, subject_id LIMIT 1";

/// How many of the first due are wanted by now, and since when. Parameters as before.
pub(crate) const COUNT_DUE: &str = "SELECT count(*), min(wanted_at) FROM (
        SELECT wanted_at FROM tasks INDEXED BY tasks_of_lane
        WHERE tenant = ?1 AND lane = ?2 AND due <= ?3 ORDER BY due LIMIT ?5)
    WHERE wanted_at <= ?4";
