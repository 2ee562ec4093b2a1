//! Tasks: a plain look at which tenants have something due and at what, then one guarded claim a
//! tenant.

use store::rows::task;

super::statements! {
    /// One look into the index for each tenant. Locks nothing, and so may look at every tenant.
    TENANTS_DUE = "SELECT tenant FROM tenants WHERE EXISTS (
            SELECT 1 FROM tasks WHERE tasks.tenant = tenants.tenant AND tasks.lane = $1
                AND tasks.due <= $2 AND tasks.leased_until <= $3)
        ORDER BY tenant";

    DUE = format!(
        "SELECT {} FROM tasks
        WHERE tenant = $1 AND lane = $2 AND due <= $3 AND leased_until <= $3
        ORDER BY due LIMIT $4",
        task::TASKS.list()
    );

    /// How many of the first due are wanted by then, and since when. Parameters: tenant, lane, due by,
    /// wanted by, how many are looked at.
    COUNT_DUE = "SELECT count(*), min(wanted_at) FROM (
            SELECT wanted_at FROM tasks WHERE tenant = $1 AND lane = $2 AND due <= $3
            ORDER BY due LIMIT $5) AS due
        WHERE wanted_at <= $4";

    /// The oldest late task of a tenant and lane, and how many there are among the first due. Parameters
    /// as before.
    LATE = "SELECT tenant, subject_kind, subject_id, root, wanted_at, count(*) OVER () FROM (
            SELECT tenant, subject_kind, subject_id, root, wanted_at FROM tasks
            WHERE tenant = $1 AND lane = $2 AND due <= $3
            ORDER BY due LIMIT $5) AS due
        WHERE wanted_at <= $4 ORDER BY wanted_at, subject_kind, subject_id LIMIT 1";

    /// Of two claimers one finds the lease taken: the second waits for the first and looks again.
    LEASE = format!(
        "UPDATE tasks SET leased_until = $3
        FROM unnest($4::text[], $5::bigint[]) AS row (subject_kind, subject_id)
        WHERE tasks.tenant = $1 AND tasks.subject_kind = row.subject_kind
            AND tasks.subject_id = row.subject_id AND tasks.lane <> '{}'
            AND tasks.due <= $2 AND tasks.leased_until <= $2
        RETURNING tasks.subject_kind, tasks.subject_id",
        task::PARKED
    );

    DEFER = "UPDATE tasks SET leased_until = 0, due = row.due
        FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
            AS row (subject_kind, subject_id, leased_until, due)
        WHERE tasks.tenant = $1 AND tasks.subject_kind = row.subject_kind
            AND tasks.subject_id = row.subject_id
            AND tasks.leased_until = row.leased_until AND tasks.parked_at IS NULL
        RETURNING tasks.subject_id";

    PARK = format!(
        "UPDATE tasks SET lane = '{}', leased_until = 0, parked_reason = $4, parked_at = $5
        WHERE tenant = $1 AND subject_kind = $2 AND subject_id = $3
        RETURNING subject_id",
        task::PARKED
    );

    RESUME = "UPDATE tasks
        SET lane = $4, due = $5, wanted_at = $5, leased_until = 0,
            parked_reason = NULL, parked_at = NULL
        WHERE tenant = $1 AND subject_kind = $2 AND subject_id = $3 AND parked_at IS NOT NULL
        RETURNING subject_id";

    PARKED = format!(
        "SELECT tenant, subject_kind, subject_id, root, parked_reason, parked_at FROM tasks
        WHERE lane = '{}' ORDER BY tenant, due LIMIT $1::bigint",
        task::PARKED
    );
}
