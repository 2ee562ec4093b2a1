//! What every statement and the schema must keep, so that a tenant can live on any node.

use super::{Sql, audit, claim, commit, read, rows};
use crate::schema::tenant_tables;
use store::rows::{Column, Stored, Type, archive, event, transfer};

const SCHEMA: &str = include_str!("../../migrations/0001_first.sql");

/// Tables that belong to nobody.
const SHARED_TABLES: &[&str] = &["schema_version", "installation"];

/// The statements about an aggregate that write.
fn writes_of(sql: &rows::Statements) -> impl Iterator<Item = &Sql> {
    [&sql.insert, &sql.update].into_iter().chain(&sql.insert_terms)
}

fn every_statement() -> Vec<&'static Sql> {
    let mut all = [commit::every(), claim::every(), read::every(), audit::every()].concat();
    for sql in rows::every() {
        all.extend(writes_of(sql));
        all.extend([
            &sql.expect,
            &sql.by_ids,
            &sql.of_root,
            &sql.all,
            &sql.attention,
            &sql.attention_of_tenant,
        ]);
        all.push(&sql.attention_counts);
        all.extend([&sql.held_differs, &sql.hold_without_row, &sql.open_without_task]);
        all.extend(&sql.by_numbers);
    }
    all
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
        let text = even(&sql.text);
        if writes(&text) {
            seen += 1;
            assert!(names_one_tenant(&text), "{}: {text}", sql.name);
        }
    }
    let of_rows: usize = rows::every().into_iter().map(|sql| writes_of(sql).count()).sum();
    let locked = rows::every().len();
    // Of the statements of a commit, one only compares balances.
    let want = of_rows + locked + (commit::every().len() - 1) + 4;
    assert_eq!(seen, want, "a commit, what it and archiving lock, leases and tasks");
}

#[test]
fn the_check_finds_what_spans_tenants() {
    for text in [
        "UPDATE tasks SET leased_until = $1 WHERE due <= $2",
        "SELECT id FROM tasks WHERE due <= $1 FOR UPDATE SKIP LOCKED",
        "INSERT INTO tasks (subject_kind, tenant) SELECT $1::text, $2::text",
        "DELETE FROM tasks WHERE tenant = ANY($1)",
    ] {
        assert!(writes(text) && !names_one_tenant(text), "{text}");
    }
}

/// The cache of a connection knows statements by their names.
#[test]
fn names_are_different() {
    let mut names: Vec<&str> = every_statement().iter().map(|sql| sql.name.as_str()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// The tables of the schema: name, and everything between the brackets.
fn definitions() -> Vec<(&'static str, String)> {
    let definition = |text: &'static str| {
        let (name, rest) = text.split_once(" (").expect("a table has columns");
        (name, even(rest.split_once(";").expect("a statement ends").0))
    };
    SCHEMA.split("CREATE TABLE ").skip(1).map(definition).collect()
}

#[test]
fn unique_keys_begin_with_the_tenant() {
    let mut tables = vec![];
    for (name, body) in definitions() {
        if SHARED_TABLES.contains(&name) {
            assert!(!body.contains("tenant"), "{name} is shared and has a tenant");
            continue;
        }
        assert!(body.starts_with("tenant text COLLATE \"C\" NOT NULL"), "{name}");
        assert!(body.contains("PRIMARY KEY (tenant, "), "{name}");
        for key in body.split("UNIQUE").skip(1) {
            assert!(key.starts_with(" (tenant"), "{name}: UNIQUE{key}");
        }
        tables.push(name);
    }
    assert_eq!(tables, tenant_tables());
    for index in SCHEMA.split("CREATE UNIQUE INDEX ").skip(1) {
        assert!(index.split_once('(').is_some_and(|(_, columns)| columns.starts_with("tenant, ")));
    }
}

/// A column as the schema declares it, its white space made even.
fn declared(column: &Column) -> String {
    let ty = match column.ty {
        Type::Int => "bigint",
        Type::Text => "text COLLATE \"C\"",
    };
    let null = if column.is_nullable { "" } else { " NOT NULL" };
    format!("{} {ty}{null}", column.name)
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        fn row_tables() -> Vec<(&'static str, Vec<Column>)> {
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
    let added = [
        &event::EVENTS,
        &transfer::TRANSFERS,
        &transfer::BALANCES,
        &archive::ARCHIVES,
        &archive::ARCHIVED_EVENTS,
    ];
    let added = added.map(|table| (table.name, table.columns.to_vec()));
    let definitions = definitions();
    for (table, columns) in row_tables().into_iter().chain(added) {
        let (_, body) = definitions.iter().find(|(name, _)| *name == table).expect("a table");
        let columns: Vec<String> = columns.iter().map(declared).collect();
        let want = format!("{}, PRIMARY KEY (", columns.join(", "));
        assert!(body.starts_with(&want), "{table}: want {want}, got {body}");
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
    ("query_permits", include_str!("../query_permits.rs")),
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
