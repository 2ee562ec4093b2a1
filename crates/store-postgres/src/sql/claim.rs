//! Tasks: a plain look at what is due, then one guarded claim a tenant.

super::statements! {
    /// Locks nothing, and so may look at every tenant.
    DUE = concat!("SELECT ", task_columns!(), " FROM tasks
        WHERE due <= $1 AND leased_until <= $1 ORDER BY due LIMIT $2");

    /// Of two claimers one finds the lease taken: the second waits for the first and looks again.
    LEASE = "UPDATE tasks SET leased_until = $3
        FROM unnest($4::text[], $5::bigint[]) AS row (kind, subject)
        WHERE tasks.tenant = $1 AND tasks.kind = row.kind AND tasks.subject = row.subject
            AND tasks.due <= $2 AND tasks.leased_until <= $2
        RETURNING tasks.tenant, tasks.kind, tasks.subject, tasks.due";
}
