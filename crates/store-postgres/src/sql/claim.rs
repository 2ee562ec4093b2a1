//! Tasks: a plain look at what is due, then one guarded claim a tenant.

use store::rows::task;

super::statements! {
    /// Locks nothing, and so may look at every tenant.
    DUE = format!(
        "SELECT {} FROM tasks WHERE due <= $1 AND leased_until <= $1 ORDER BY due LIMIT $2",
        task::TASKS.list()
    );

    /// Of two claimers one finds the lease taken: the second waits for the first and looks again.
    LEASE = "UPDATE tasks SET leased_until = $3
        FROM unnest($4::text[], $5::bigint[]) AS row (subject_kind, subject_id)
        WHERE tasks.tenant = $1 AND tasks.subject_kind = row.subject_kind
            AND tasks.subject_id = row.subject_id
            AND tasks.due <= $2 AND tasks.leased_until <= $2
        RETURNING tasks.tenant, tasks.subject_kind, tasks.subject_id, tasks.root, tasks.due";
}
