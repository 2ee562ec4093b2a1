//! Migrations: forward only, one process at a time, each in a transaction of its own. Where the
//! database is distributed (Citus), the tables are distributed by their tenant.

use crate::address::Address;
use crate::fault;
use crate::sql::{rows, session};
use store::StoreFault;
use store::rows::{archive, claimed_name, event, task, transfer};
use tokio_postgres::{Client, Error};

/// Every migration, by number from 1. What has been released never changes.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_installation_names.sql"),
    include_str!("../migrations/0003_task_lanes.sql"),
];

/// The tables whose rows belong to a tenant; the others colocate with the first.
pub(crate) fn tenant_tables() -> Vec<&'static str> {
    let added = [
        &event::EVENTS,
        &transfer::TRANSFERS,
        &transfer::BALANCES,
        &task::TASKS,
        &archive::ARCHIVES,
        &archive::ARCHIVED_EVENTS,
    ];
    rows::tables().into_iter().chain(added.map(|table| table.name)).collect()
}

/// The guards, which every node must know.
const FUNCTIONS: &[&str] = &[
    "tongbao_expect(bigint,bigint,text)",
    "tongbao_held(text,bigint,bigint,bigint,bigint,bigint)",
];

/// Brings the schema up to date. Others who want to wait for the end of this session.
pub(crate) async fn migrate(address: &Address) -> Result<(), StoreFault> {
    let (client, _) = address.connect().await?;
    let begin = format!("{}; {}", session::MIGRATING, session::LOCK_SCHEMA);
    client.batch_execute(&begin).await.map_err(failed)?;
    client.batch_execute(session::VERSIONS).await.map_err(failed)?;
    let found = version(&client).await?;
    let known = MIGRATIONS.len();
    if found > known {
        return Err(StoreFault::Failed(format!(
            "schema version {found} is newer than this program, which knows {known}"
        )));
    }
    for (at, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        client.batch_execute(&step(at + 1, sql)).await.map_err(failed)?;
    }
    distribute(&client).await.map_err(failed)
}

fn failed(error: Error) -> StoreFault {
    fault::store(&error)
}

async fn version(client: &Client) -> Result<usize, StoreFault> {
    let row = client.query_one(session::VERSION, &[]).await.map_err(failed)?;
    let version: i64 = row.try_get(0).map_err(failed)?;
    usize::try_from(version)
        .map_err(|_| StoreFault::Failed(format!("schema version {version}, want 0 or more")))
}

fn step(number: usize, sql: &str) -> String {
    format!("BEGIN; {sql}; INSERT INTO schema_version (version) VALUES ({number}); COMMIT")
}

/// Distributes what is not distributed yet; nothing on a PostgreSQL that cannot.
async fn distribute(client: &Client) -> Result<(), Error> {
    let row = client.query_one(session::IS_DISTRIBUTED, &[]).await?;
    if !row.try_get(0)? {
        return Ok(());
    }
    let mut distribute = session::DISTRIBUTE_FIRST;
    for table in tenant_tables() {
        let has_shards: bool =
            client.query_one(session::HAS_SHARDS, &[&table]).await?.try_get(0)?;
        if !has_shards {
            tracing::info!(table, "distributing by tenant");
            client.query(distribute, &[&table]).await?;
        }
        distribute = session::DISTRIBUTE;
    }
    let names = claimed_name::CLAIMED_NAMES.name;
    if !client.query_one(session::HAS_SHARDS, &[&names]).await?.try_get::<_, bool>(0)? {
        client.query(session::COPY_TO_EVERY_NODE, &[&names]).await?;
    }
    for function in FUNCTIONS {
        client.query(session::DISTRIBUTE_FUNCTION, &[function]).await?;
    }
    Ok(())
}
