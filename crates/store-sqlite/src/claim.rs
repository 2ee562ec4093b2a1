//! Claiming due tasks.

use crate::sql::claim::{DUE, LEASE};
use crate::statement::{Select, bind, fault};
use kernel::Task;
use rusqlite::{Connection, TransactionBehavior};
use store::rows::{Value, task};
use store::{Lease, StoreFault};

/// A due row: its key, and the task that it is, where it can be read.
struct Due {
    key: Vec<Value<'static>>,
    task: Result<Task, StoreFault>,
}

/// Claims due tasks. A look that finds none writes nothing.
///
/// A row that cannot be read, such as a newer release leaves behind, is leased like the others and
/// claimed by nobody, so that it neither stops them nor stands in their way at every look.
pub(crate) fn claim(connection: &mut Connection, lease: Lease) -> Result<Vec<Task>, StoreFault> {
    if due(connection, lease)?.is_empty() {
        return Ok(vec![]);
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let due = due(&transaction, lease)?;
    for row in &due {
        let mut statement = transaction.prepare_cached(LEASE).map_err(fault)?;
        bind(&mut statement, 1, &row.key).map_err(fault)?;
        let until = [Value::Int(lease.until.ms())];
        bind(&mut statement, 1 + task::KEY_LEN, &until).map_err(fault)?;
        statement.raw_execute().map_err(fault)?;
    }
    transaction.commit().map_err(fault)?;
    Ok(due.into_iter().filter_map(|row| readable(row.task)).collect())
}

fn due(connection: &Connection, lease: Lease) -> Result<Vec<Due>, StoreFault> {
    let parameters = [Value::Int(lease.now.ms()), Value::Int(i64::from(lease.limit))];
    let mut select = Select::new(connection, task::TASKS.name, &DUE)?;
    let read = |cells: &[Value<'_>]| {
        let key = cells.iter().take(task::KEY_LEN).cloned().map(Value::into_owned).collect();
        Ok(Due { key, task: task::read(cells).map(|(task, _)| task) })
    };
    // A row without a key, because its text is not text, cannot even be leased.
    Ok(select.each(&parameters, read)?.into_iter().filter_map(readable).collect())
}

fn readable<T>(found: Result<T, StoreFault>) -> Option<T> {
    found.inspect_err(|fault| tracing::error!(%fault, "a task is left undone")).ok()
}
