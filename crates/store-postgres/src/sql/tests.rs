//! What every statement and the schema must keep, so that a tenant can live on any node.

use super::columns::LISTS;
use super::{Sql, audit, claim, commit, read};
use crate::schema::TENANT_TABLES;
use store::rows::{Table, event, key, notification, order, refund, task, transfer};

const SCHEMA: &str = include_str!("../../migrations/0001_first.sql");

/// Tables that belong to nobody.
const SHARED_TABLES: &[&str] = &["schema_version"];

fn every_statement() -> impl Iterator<Item = Sql> {
    [commit::ALL, claim::ALL, read::ALL, audit::ALL].into_iter().flatten().copied()
}

/// The text with its white space made even.
fn even(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn writes(text: &str) -> bool {
    ["INSERT INTO", "UPDATE ", "DELETE ", "FOR UPDATE", "FOR SHARE", "LOCK ", "MERGE "]
        .iter()
        .any(|verb| text.replace("DO UPDATE SET", "").contains(verb))
}

/// One tenant, named by the first parameter: in an insert as the value of the first column.
fn names_one_tenant(text: &str) -> bool {
    match text.strip_prefix("INSERT INTO ") {
        Some(insert) => {
            let (_, rest) = insert.split_once(" (").expect("a list of columns");
            rest.starts_with("tenant, ") && rest.contains(") SELECT $1::text, ")
        }
        None => text.contains("tenant = $1"),
    }
}

#[test]
fn what_writes_or_locks_names_one_tenant() {
    let mut seen = 0;
    for sql in every_statement() {
        let text = even(sql.text);
        if writes(&text) {
            seen += 1;
            assert!(names_one_tenant(&text), "{}: {text}", sql.name);
        }
    }
    assert_eq!(seen, commit::ALL.len() + 1, "everything of a commit, and the lease");
}

#[test]
fn the_check_finds_what_spans_tenants() {
    for text in [
        "UPDATE tasks SET leased_until = $1 WHERE due <= $2",
        "SELECT id FROM tasks WHERE due <= $1 FOR UPDATE SKIP LOCKED",
        "INSERT INTO tasks (kind, tenant) SELECT $1::text, $2::text",
        "DELETE FROM tasks WHERE tenant = ANY($1)",
    ] {
        assert!(writes(text) && !names_one_tenant(text), "{text}");
    }
}

#[test]
fn unique_keys_begin_with_the_tenant() {
    let mut tables = vec![];
    for definition in SCHEMA.split("CREATE TABLE ").skip(1) {
        let (name, rest) = definition.split_once(" (").expect("a table has columns");
        let body = even(rest.split_once(";").expect("a statement ends").0);
        assert!(body.starts_with("tenant text COLLATE \"C\" NOT NULL"), "{name}");
        assert!(body.contains("PRIMARY KEY (tenant, "), "{name}");
        for key in body.split("UNIQUE").skip(1) {
            assert!(key.starts_with(" (tenant, "), "{name}: UNIQUE{key}");
        }
        assert!(!SHARED_TABLES.contains(&name), "{name} is shared and has a tenant");
        tables.push(name);
    }
    assert_eq!(tables, TENANT_TABLES);
    for index in SCHEMA.split("CREATE UNIQUE INDEX ").skip(1) {
        assert!(index.split_once('(').is_some_and(|(_, columns)| columns.starts_with("tenant, ")));
    }
}

#[test]
fn lists_of_columns_are_those_of_the_tables() {
    let tables: [(&str, &Table); 9] = [
        ("order_columns", &order::ORDERS),
        ("refund_columns", &refund::REFUNDS),
        ("notification_columns", &notification::NOTIFICATIONS),
        ("attempt_columns", &notification::ATTEMPTS),
        ("event_columns", &event::EVENTS),
        ("transfer_columns", &transfer::TRANSFERS),
        ("balance_columns", &transfer::BALANCES),
        ("task_columns", &task::TASKS),
        ("key_columns", &key::KEYS),
    ];
    for ((name, list), (table_name, table)) in LISTS.iter().zip(tables) {
        assert_eq!((*name, (*list).to_owned()), (table_name, table.list()));
    }
    assert_eq!(LISTS.len(), tables.len());
}

/// The columns that an insert names, or that an update sets.
fn columns_of(sql: Sql) -> Vec<String> {
    let text = even(sql.text);
    let list = match text.split_once("INSERT INTO ") {
        Some((_, insert)) => insert.split_once('(').and_then(|(_, rest)| rest.split_once(')')),
        None => text.split_once(" SET ").and_then(|(_, rest)| rest.split_once(" FROM ")),
    };
    let (list, _) = list.expect("a list of columns");
    let name = |column: &str| column.split_whitespace().next().unwrap_or_default().to_owned();
    list.split(", ").map(name).collect()
}

#[test]
fn writes_have_the_columns_of_their_rows() {
    let orders = order::ORDERS.columns;
    let mutable = &orders[order::TERMS_LEN..];
    let wants: [(Sql, Vec<&str>); 12] = [
        (commit::INSERT_ORDERS, [&orders[..4], mutable].concat()),
        (commit::INSERT_TERMS, [&orders[..2], &orders[4..order::TERMS_LEN]].concat()),
        (commit::UPDATE_ORDERS, mutable.to_vec()),
        (commit::INSERT_REFUNDS, refund::REFUNDS.columns.to_vec()),
        (commit::UPDATE_REFUNDS, refund::REFUNDS.columns[refund::FIXED_LEN..].to_vec()),
        (commit::INSERT_NOTIFICATIONS, notification::NOTIFICATIONS.columns.to_vec()),
        (
            commit::UPDATE_NOTIFICATIONS,
            notification::NOTIFICATIONS.columns[notification::FIXED_LEN..].to_vec(),
        ),
        (commit::INSERT_EVENTS, event::EVENTS.columns.to_vec()),
        (commit::INSERT_TRANSFERS, transfer::TRANSFERS.columns.to_vec()),
        (commit::INSERT_ATTEMPTS, notification::ATTEMPTS.columns.to_vec()),
        (commit::KEEP_KEYS, key::KEYS.columns.to_vec()),
        (commit::OPEN_BALANCES, transfer::BALANCES.columns.to_vec()),
    ];
    for (sql, want) in wants {
        assert_eq!(columns_of(sql), want, "{}", sql.name);
    }
}

/// What the other files of the crate say, in lines without tests.
const OTHER_FILES: &[(&str, &str)] = &[
    ("address", include_str!("../address.rs")),
    ("audit", include_str!("../audit.rs")),
    ("cell", include_str!("../cell.rs")),
    ("claim", include_str!("../claim.rs")),
    ("commit", include_str!("../commit.rs")),
    ("connection", include_str!("../connection.rs")),
    ("load", include_str!("../load.rs")),
    ("pool", include_str!("../pool.rs")),
    ("search", include_str!("../search.rs")),
];

#[test]
fn every_statement_stands_in_this_folder() {
    for (name, text) in OTHER_FILES {
        for verb in ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "] {
            assert!(!text.contains(&format!("\"{verb}")), "{name} has a statement of its own");
        }
    }
}
