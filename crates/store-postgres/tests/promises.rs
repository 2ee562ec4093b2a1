//! Every promise of a store, and that PostgreSQL and the model answer alike.

mod fixture;

use fixture::{another, fresh};
use store::conformance::{CASES, differ};
use store::memory::Memory;
use store::{Audit, Installation, Store, StoreFault};
use test_postgres::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_every_promise() {
    let Some(server) = test_postgres::server() else { return };
    for case in CASES {
        let (_database, store) = fresh(server).await;
        eprintln!("{}", case.name);
        (case.run)(&store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agrees_with_the_model() {
    let Some(server) = test_postgres::server() else { return };
    for seed in 1..4 {
        let (_database, store) = fresh(server).await;
        differ(&Memory::new(), &store, seed, 180).await;
        let (_database, store) = fresh(server).await;
        differ(&store, &Memory::new(), seed + 100, 60).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_migrate_side_by_side() {
    let Some(server) = test_postgres::server() else { return };
    let database = server.database().await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = another(&database);
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), Ok(()));
    }
    let client = database.client().await;
    let count = "SELECT count(*) FROM schema_version";
    let row = client.query_one(count, &[]).await.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 3);
}

#[tokio::test]
async fn newer_schema_is_refused() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let insert = "INSERT INTO schema_version (version) VALUES (9)";
    database.client().await.batch_execute(insert).await.expect("a row");
    let refused = store.migrate().await.expect_err("version 9 is unknown").to_string();
    assert_eq!(refused, "database: schema version 9 is newer than this program, which knows 3");
}

#[tokio::test]
async fn a_database_without_schema_says_so() {
    let Some(server) = test_postgres::server() else { return };
    let database = server.database().await;
    let store = another(&database);
    let fault = store.search(&Audit {}.into()).await.expect_err("there are no tables");
    assert!(
        matches!(&fault, StoreFault::Failed(why) if why.contains("relation \"orders\"")),
        "{fault}"
    );
    store.migrate().await.expect("the schema is new");
    store.search(&Audit {}.into()).await.expect("there are tables now");
}

/// Functions of the names and parameters that Citus has, which write down how they are called.
const STAND_IN: &str = "
    CREATE TABLE calls (number serial, call text);
    CREATE TABLE pg_dist_partition (logicalrelid regclass);
    CREATE FUNCTION create_distributed_table(
        table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
        colocate_with text DEFAULT 'default', shard_count int DEFAULT null) RETURNS void
    LANGUAGE sql AS $$
        INSERT INTO calls (call) VALUES (
            table_name || ' by ' || distribution_column || ' with ' || colocate_with);
        INSERT INTO pg_dist_partition VALUES (table_name);
    $$;
    CREATE FUNCTION create_reference_table(table_name regclass) RETURNS void
    LANGUAGE sql AS $$
        INSERT INTO calls (call) VALUES (table_name || ' on every node');
        INSERT INTO pg_dist_partition VALUES (table_name);
    $$;
    CREATE FUNCTION create_distributed_function(
        function_name regprocedure, distribution_arg_name text DEFAULT null,
        colocate_with text DEFAULT 'default', force_delegation bool DEFAULT null) RETURNS void
    LANGUAGE sql AS $$ INSERT INTO calls (call) VALUES (function_name::text) $$;
";

const GUARDS: [&str; 2] =
    ["tongbao_expect(bigint,bigint,text)", "tongbao_held(text,bigint,bigint,bigint,bigint,bigint)"];

async fn calls(database: &Database) -> Vec<String> {
    let client = database.client().await;
    let rows = client.query("DELETE FROM calls RETURNING call, number", &[]).await;
    let mut rows: Vec<(i32, String)> =
        rows.expect("the calls").iter().map(|row| (row.get(1), row.get(0))).collect();
    rows.sort();
    rows.into_iter().map(|(_, call)| call).collect()
}

#[tokio::test]
async fn tables_are_distributed_where_the_database_can() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    database.client().await.batch_execute(STAND_IN).await.expect("stand-ins");
    store.migrate().await.expect("the tables are distributed");
    let others = [
        "order_terms",
        "refunds",
        "notifications",
        "tenants",
        "merchants",
        "caller_keys",
        "channel_accounts",
        "approvals",
        "payees",
        "shares",
        "share_returns",
        "allocations",
        "allocation_releases",
        "withdrawals",
        "card_batches",
        "card_quotas",
        "recharges",
        "cards",
        "card_transfers",
        "card_bindings",
        "wallets",
        "wallet_payments",
        "wallet_freezes",
        "agreements",
        "events",
        "transfers",
        "balances",
        "tasks",
        "archives",
        "archived_events",
    ];
    let mut want = vec!["orders by tenant with none".to_owned()];
    want.extend(others.map(|table| format!("{table} by tenant with orders")));
    want.push("installation_names on every node".to_owned());
    want.extend(GUARDS.map(str::to_owned));
    assert_eq!(calls(&database).await, want);
    let client = database.client().await;
    let forget = "DELETE FROM pg_dist_partition WHERE logicalrelid = 'tasks'::regclass";
    client.batch_execute(forget).await.expect("a row less");
    store.migrate().await.expect("only the rest is distributed");
    let mut want = vec!["tasks by tenant with orders".to_owned()];
    want.extend(GUARDS.map(str::to_owned));
    assert_eq!(calls(&database).await, want);
}

/// Databases that are made beside each other have names of their own, which stay.
#[tokio::test]
async fn an_installation_keeps_its_name() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let (_other, other) = fresh(server).await;
    let name = async |store: &dyn Store| store.ask(Installation {}).await.expect("a name");
    let first = name(&store).await;
    assert_eq!(first.len(), kernel::INSTALLATION_LEN, "{first}");
    assert!(first.bytes().all(|byte| b"0123456789ABCDEF".contains(&byte)), "{first}");
    assert_ne!(first, name(&other).await);
    store.migrate().await.expect("it is up to date");
    assert_eq!(name(&another(&database)).await, first);
}

/// What the catalog says of unique indexes, not the text of the schema.
#[tokio::test]
async fn unique_indexes_begin_with_the_tenant() {
    let Some(server) = test_postgres::server() else { return };
    let (database, _store) = fresh(server).await;
    let sql = "SELECT indrelid::regclass::text, attname::text FROM pg_index
        JOIN pg_class ON pg_class.oid = indrelid AND relnamespace = 'public'::regnamespace
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indisunique";
    let rows = database.client().await.query(sql, &[]).await.expect("the catalog");
    let mut led = 0;
    for row in rows {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        match table.as_str() {
            "schema_version" => assert_eq!(column, "version"),
            "installation" => assert_eq!(column, "id"),
            // Unique across tenants, by what it is for.
            "installation_names" => assert_eq!(column, "kind"),
            _ => {
                led += 1;
                assert_eq!(column, "tenant", "{table}");
            }
        }
    }
    assert_eq!(led, 53);
}
