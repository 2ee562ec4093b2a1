//! Binding cells to statements and reading rows of cells.

use adapters::stopwatch::monotonic;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Error, ErrorCode, Row, Transaction};
use std::borrow::Cow;
use std::time::Duration;
use store::StoreFault;
use store::rows::Value;

/// A cell on its way into a statement; its text is not copied before SQLite does.
struct Bound<'a>(&'a Value<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Null => ValueRef::Null,
        }))
    }
}

/// Binds the cells to the parameters from `first` on, counted from 1.
pub(crate) fn bind(
    statement: &mut CachedStatement<'_>,
    first: usize,
    cells: &[Value<'_>],
) -> rusqlite::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        statement.raw_bind_parameter(first + at, Bound(cell))?;
    }
    Ok(())
}

/// A question that is asked with different parameters.
pub(crate) struct Select<'c> {
    statement: CachedStatement<'c>,
    table: &'static str,
}

impl<'c> Select<'c> {
    /// The statement must give the columns of the table's rows; a fault names the table.
    pub(crate) fn new(
        connection: &'c Connection,
        table: &'static str,
        sql: &str,
    ) -> Result<Select<'c>, StoreFault> {
        Ok(Select { statement: connection.prepare_cached(sql).map_err(fault)?, table })
    }

    /// Every row.
    pub(crate) fn all<T>(
        &mut self,
        parameters: &[Value<'_>],
        read: impl Fn(&[Value<'_>]) -> Result<T, StoreFault>,
    ) -> Result<Vec<T>, StoreFault> {
        self.each(parameters, read)?.into_iter().collect()
    }

    /// Every row, those that cannot be read among them.
    pub(crate) fn each<T>(
        &mut self,
        parameters: &[Value<'_>],
        read: impl Fn(&[Value<'_>]) -> Result<T, StoreFault>,
    ) -> Result<Vec<Result<T, StoreFault>>, StoreFault> {
        bind(&mut self.statement, 1, parameters).map_err(fault)?;
        let mut rows = self.statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(fault)? {
            found.push(cells(row, self.table).and_then(|cells| read(&cells)));
        }
        Ok(found)
    }

    /// The first row.
    pub(crate) fn first<T>(
        &mut self,
        parameters: &[Value<'_>],
        read: impl Fn(&[Value<'_>]) -> Result<T, StoreFault>,
    ) -> Result<Option<T>, StoreFault> {
        bind(&mut self.statement, 1, parameters).map_err(fault)?;
        let mut rows = self.statement.raw_query();
        let Some(row) = rows.next().map_err(fault)? else { return Ok(None) };
        read(&cells(row, self.table)?).map(Some)
    }
}

fn cells<'r>(row: &'r Row<'_>, table: &'static str) -> Result<Vec<Value<'r>>, StoreFault> {
    let statement = row.as_ref();
    let unreadable = |at: usize, what: &str| {
        let column = statement.column_name(at).unwrap_or("row");
        StoreFault::Unreadable { table, why: format!("{column}: {what}, want a number or text") }
    };
    let read = |at: usize| match row.get_ref(at).map_err(fault)? {
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Err(_) => Err(unreadable(at, "text that is not UTF-8")),
        },
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Real(_) => Err(unreadable(at, "a fraction")),
        ValueRef::Blob(_) => Err(unreadable(at, "bytes")),
    };
    (0..statement.column_count()).map(read).collect()
}

/// Reads from one snapshot of what is committed.
pub(crate) fn snapshot<T>(
    connection: &mut Connection,
    read: impl FnOnce(&Transaction<'_>) -> Result<T, StoreFault>,
) -> Result<T, StoreFault> {
    let transaction = connection.transaction().map_err(fault)?;
    let found = read(&transaction)?;
    transaction.commit().map_err(fault)?;
    Ok(found)
}

/// How many of SQLite's instructions run between two looks at the time: some 0.1 ms.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 10_000;

/// Does work on a connection that is broken off when it takes longer than this.
pub(crate) fn within<T>(
    connection: &mut Connection,
    limit: Duration,
    work: impl FnOnce(&mut Connection) -> Result<T, StoreFault>,
) -> Result<T, StoreFault> {
    let end = monotonic() + limit;
    let is_over = move || monotonic() >= end;
    connection.progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(is_over)).map_err(fault)?;
    let found = work(connection);
    connection.progress_handler(0, None::<fn() -> bool>).map_err(fault)?;
    found
}

/// What SQLite says, as a store says it.
pub(crate) fn fault(found: Error) -> StoreFault {
    let text = found.to_string();
    match found.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => {
            StoreFault::Overloaded("the query took longer than it may".to_owned())
        }
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly,
        ) => StoreFault::Unavailable(text),
        Some(_) | None => StoreFault::Failed(text),
    }
}

/// True when a column does not take a value of this type.
pub(crate) fn is_misfit(found: &Error) -> bool {
    let code = found.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_DATATYPE)
}

/// True when a row of this key is there already.
pub(crate) fn is_taken(found: &Error) -> bool {
    let code = found.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY)
        || code == Some(rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE)
}

#[cfg(test)]
mod tests {
    use super::{fault, within};
    use rusqlite::Connection;
    use std::time::Duration;
    use store::StoreFault;

    const ENDLESS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n)
        SELECT count(*) FROM n";

    #[test]
    fn a_query_that_takes_too_long_is_broken_off_and_the_next_one_is_not() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        let count = |connection: &mut Connection, sql: &str| {
            connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(fault)
        };
        let limit = Duration::from_millis(20);
        let found = within(&mut connection, limit, |connection| count(connection, ENDLESS));
        assert!(matches!(found, Err(StoreFault::Overloaded(_))), "{found:?}");
        assert_eq!(count(&mut connection, "SELECT 1"), Ok(1), "the limit has ended with its work");
    }
}
