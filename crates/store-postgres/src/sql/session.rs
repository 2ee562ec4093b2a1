//! Transactions, settings of a session, and the statements of a migration: sent as plain text.

use crate::schema::tenant_tables;
use std::sync::LazyLock;

/// Every session. Statements that decide and commit go by index, and a look into an index counts
/// little, because what they touch is recent and in memory: a plan that was made while a table was
/// small must not read the whole of it once it is full. A database whose default is to lose the last
/// commits on a power loss is overruled.
///
/// Plans are made once, because planning costs more than running. A distributed server must know the
/// tenant to find its node, and refuses to plan without it: there each statement is planned anew.
pub(crate) static SETTINGS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SET statement_timeout = '10s';
        SET lock_timeout = '5s';
        SET idle_in_transaction_session_timeout = '30s';
        SET random_page_cost = 0.1;
        SET enable_seqscan = off;
        SET enable_hashjoin = off;
        SET enable_mergejoin = off;
        SELECT set_config('plan_cache_mode', CASE WHEN ({IS_DISTRIBUTED})
            THEN 'force_custom_plan' ELSE 'force_generic_plan' END, false);
        SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'"
    )
});

/// A session that commits. Should a BEGIN be cancelled, the statements behind it, which are on their
/// way already, must not commit one by one.
pub(crate) const COMMITTING: &str = "SET default_transaction_read_only = on";

/// Tells the planner how full the tables are.
pub(crate) static MEASURE: LazyLock<String> =
    LazyLock::new(|| format!("ANALYZE {}", tenant_tables().join(", ")));

/// Begins a commit. The tenants behind it in the pipeline wait as long as it does: a row that is still
/// locked after this time is waited for elsewhere.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '250ms'";

/// Begins the commit of a tenant whose rows were found locked.
pub(crate) const BEGIN_APART: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '2s'";

/// Ends a commit, or a snapshot.
pub(crate) const COMMIT: &str = "COMMIT";

/// Begins a consistent snapshot, planned for the parameters at hand.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL random_page_cost TO DEFAULT;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_hashjoin = on;
    SET LOCAL enable_mergejoin = on";

/// The same for a look at everything, which takes its time.
pub(crate) const LONG_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL statement_timeout = '600s';
    SET LOCAL plan_cache_mode = force_custom_plan;
    SET LOCAL random_page_cost TO DEFAULT;
    SET LOCAL enable_seqscan = on;
    SET LOCAL enable_hashjoin = on;
    SET LOCAL enable_mergejoin = on";

/// A session that migrates: others may be at it, and moving rows takes its time.
pub(crate) const MIGRATING: &str = "RESET ALL; SET lock_timeout = '60s'; SET statement_timeout = 0";

/// One process at a time changes the schema, until its session ends.
pub(crate) const LOCK_SCHEMA: &str = "SELECT pg_advisory_lock(7812738666512280673)";

/// The versions that were reached; not a tenant's.
pub(crate) const VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version bigint NOT NULL PRIMARY KEY)";

/// The version that was reached last.
pub(crate) const VERSION: &str = "SELECT coalesce(max(version), 0) FROM schema_version";

/// Whether this is a distributed PostgreSQL: Citus is known by its function.
pub(crate) const IS_DISTRIBUTED: &str = "SELECT to_regproc('create_distributed_table') IS NOT NULL";

/// Whether a table is distributed already.
pub(crate) const HAS_SHARDS: &str =
    "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)";

/// Distributes the first table.
pub(crate) const DISTRIBUTE_FIRST: &str =
    "SELECT create_distributed_table($1::text::regclass, 'tenant', colocate_with => 'none')";

/// Distributes another table so that a tenant's rows lie together.
pub(crate) const DISTRIBUTE: &str =
    "SELECT create_distributed_table($1::text::regclass, 'tenant', colocate_with => 'orders')";

/// Keeps a small table that is not a tenant's on every node, so that any commit may write it.
pub(crate) const COPY_TO_EVERY_NODE: &str = "SELECT create_reference_table($1::text::regclass)";

/// Makes a guard known to every node.
pub(crate) const DISTRIBUTE_FUNCTION: &str =
    "SELECT create_distributed_function($1::text::regprocedure)";
