//! Migrations: forward only, each in a transaction of its own.

use crate::statement::fault;
use rusqlite::{Connection, TransactionBehavior};
use store::StoreFault;

/// Every migration, by number from 1. What has been released never changes.
pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_installation_names.sql"),
    include_str!("../migrations/0003_task_lanes.sql"),
];

const VERSIONS: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL PRIMARY KEY) STRICT";

/// Brings the schema up to date.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreFault> {
    connection.execute_batch(VERSIONS).map_err(fault)?;
    let found = version(connection)?;
    let known = MIGRATIONS.len();
    if found > known {
        return Err(StoreFault::Failed(format!(
            "schema version {found} is newer than this program, which knows {known}"
        )));
    }
    for (at, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        step(connection, at + 1, sql).map_err(fault)?;
    }
    Ok(())
}

/// The number of the last migration that was made.
pub(crate) fn version(connection: &Connection) -> Result<usize, StoreFault> {
    let sql = "SELECT coalesce(max(version), 0) FROM schema_version";
    let version: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(fault)?;
    usize::try_from(version)
        .map_err(|_| StoreFault::Failed(format!("schema version {version}, want 0 or more")))
}

/// Another process may have been faster; then there is nothing to do.
fn step(connection: &mut Connection, number: usize, sql: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let insert = "INSERT OR IGNORE INTO schema_version (version) VALUES (?1)";
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    if transaction.execute(insert, [number])? == 1 {
        transaction.execute_batch(sql)?;
    }
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_of_an_earlier_schema_get_their_lanes() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        connection.execute_batch(VERSIONS).expect("a table");
        step(&mut connection, 1, MIGRATIONS[0]).expect("the first schema");
        let insert = "INSERT INTO tasks VALUES ('1', 'notification', 1, 1, 5, 5, 0),
            ('1', 'order', 2, 2, 5, 5, 0), ('1', 'refund', 3, 2, 5, 5, 0)";
        connection.execute_batch(insert).expect("the rows are written");
        migrate(&mut connection).expect("the schema is brought up to date");
        let sql = "SELECT group_concat(lane) FROM (SELECT lane FROM tasks ORDER BY subject_id)";
        let lanes: String = connection.query_row(sql, [], |row| row.get(0)).expect("the lanes");
        assert_eq!(lanes, "notifications,money,money");
    }
}
