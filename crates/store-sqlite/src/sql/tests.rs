//! How SQLite means to answer, and that the schema fits the rows.

use super::{audit, claim, read, rows};
use rusqlite::Connection;
use store::rows::{Column, Stored, Type, archive, event, list, task, transfer};

fn migrated() -> Connection {
    let mut connection = Connection::open_in_memory().expect("memory is there");
    crate::connection::keep_plans(&connection).expect("it is a setting of SQLite");
    crate::schema::migrate(&mut connection).expect("the schema is new");
    connection
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|fault| panic!("{fault}: {sql}"));
    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
    let rows = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| row.get(3))
        .expect("it has a plan");
    rows.collect::<rusqlite::Result<_>>().expect("it has a plan")
}

/// The newest of two sides are put in order after they are found, and so are late tasks, of which only a
/// number is looked at.
fn is_merged(sql: &str) -> bool {
    sql == *read::POSTINGS || sql == claim::LATE
}

/// Reads all rows of a tenant, of a table in which a tenant can have many.
fn reads_a_tenant(step: &str) -> bool {
    // The first has only rows that need a person; a tenant has one row of its own.
    let is_small = ["attention_of_", "sqlite_autoindex_tenants_2"];
    let by_tenant = step.ends_with("(tenant=?)") || step.ends_with("(tenant>?)");
    by_tenant && !is_small.iter().any(|index| step.contains(index))
}

fn reads_a_table(step: &str) -> bool {
    // The steps through the numbers begin at the first of them; tenants are few.
    let is_small = [
        "SCAN (subquery",
        "SCAN each",
        "SCAN CONSTANT ROW",
        "SCAN orders USING COVERING",
        "SCAN tenants",
    ];
    step.starts_with("SCAN") && !is_small.iter().any(|start| step.starts_with(start))
}

fn assert_frugal(connection: &Connection, sql: &str) {
    for step in plan(connection, sql) {
        let sorts = step.contains("FOR ORDER BY") && !is_merged(sql);
        assert!(!reads_a_table(&step) && !reads_a_tenant(&step) && !sorts, "{step}: {sql}");
    }
}

/// A listing reads what it shows: no table is read from end to end, none of a tenant's either, and
/// nothing is sorted that lies in order.
#[test]
fn queries_read_no_more_than_they_show() {
    let connection = migrated();
    for sql in [
        &*read::ORDERS,
        &*read::NOTIFICATIONS,
        &*read::EVENTS_OF_ROOT,
        &*read::EVENTS_OF_SUBJECT,
        &*read::CARD_FLOWS_OF,
        &*read::CARD_FLOW_COUNT,
        &*read::TRANSFERS_OF_ROOT,
        read::STORIES_WITH_EVENTS,
        &*read::ARCHIVES,
        read::ARCHIVED_EVENTS_OF_ROOT,
        &*read::TASK,
        &*read::BALANCE,
        &*read::POSTINGS,
        claim::TENANTS_DUE,
        &*claim::DUE,
        claim::COUNT_DUE,
        claim::LATE,
        read::TENANTS_WITH_ORDER,
        read::ORDER_REACHED,
        read::NOTIFICATION_REACHED,
    ] {
        assert_frugal(&connection, sql);
    }
    for sql in rows::every() {
        let lists = [&sql.attention, &sql.attention_of_tenant];
        for sql in [&sql.by_id, &sql.of_version, &sql.of_root]
            .into_iter()
            .chain(lists)
            .chain(&sql.by_number)
        {
            assert_frugal(&connection, sql);
        }
    }
}

/// Each rule reads one table from end to end, or two; what it looks up beside each row it finds by a
/// whole key, or millions of rows would take days.
#[test]
fn rules_look_up_by_whole_keys() {
    let connection = migrated();
    let rules = audit::MONEY_RULES.into_iter().chain(crate::audit::row_rules());
    for (_, _, sql) in rules
        .chain(audit::ARCHIVE_RULES)
        .chain([audit::TRANSFER_SHAPE, audit::PAID_WITHOUT_NOTIFICATION])
    {
        let steps = plan(&connection, sql);
        assert!(!steps.iter().any(|step| reads_a_tenant(step)), "{steps:#?}");
    }
}

fn columns_of(connection: &Connection, table: &str) -> String {
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\" FROM pragma_table_info(?1) ORDER BY cid")
        .expect("the statement is SQL");
    let read = |row: &rusqlite::Row<'_>| {
        Ok(described(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?, !row.get::<_, bool>(2)?))
    };
    let columns = statement.query_map([table], read).expect("it runs");
    columns.collect::<rusqlite::Result<Vec<_>>>().expect("columns").join("\n")
}

fn described(name: &str, ty: &str, is_nullable: bool) -> String {
    format!("{name} {ty}{}", if is_nullable { "" } else { " NOT NULL" })
}

fn wanted(columns: &[Column]) -> String {
    let columns = columns.iter().map(|column| {
        let ty = match column.ty {
            Type::Int => "INTEGER",
            Type::Text => "TEXT",
        };
        described(column.name, ty, column.is_nullable)
    });
    columns.collect::<Vec<_>>().join("\n")
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        fn tables() -> Vec<(&'static str, Vec<Column>)> {
            let mut tables = vec![];
            $(
                let table = <kernel::$row as Stored>::TABLE;
                tables.push((table.name, table.own_columns()));
                tables.extend(table.terms.map(|terms| (terms, table.terms_columns())));
            )*
            tables
        }
    };
}
kernel::aggregates!(of_all);

/// The baseline inserts whole rows, so that even the order of the columns is a promise.
#[test]
fn the_schema_fits_the_rows() {
    let connection = migrated();
    let added = [
        &event::EVENTS,
        &transfer::TRANSFERS,
        &transfer::BALANCES,
        &archive::ARCHIVES,
        &archive::ARCHIVED_EVENTS,
    ];
    let added = added.map(|table| (table.name, table.columns.to_vec()));
    for (table, columns) in tables().into_iter().chain(added) {
        assert_eq!(columns_of(&connection, table), wanted(&columns), "{table}");
    }
    assert!(list(task::TASKS.columns).starts_with("tenant, subject_kind, subject_id"));
}
