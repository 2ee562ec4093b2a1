//! Claiming due tasks.

use crate::statement::{Select, bind, fault};
use kernel::Task;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::LazyLock;
use store::rows::{Value, task};
use store::{Lease, StoreFault};

static DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM tasks WHERE due <= ?1 AND leased_until <= ?1 ORDER BY due LIMIT ?2",
        task::TASKS.list()
    )
});
const LEASE: &str =
    "UPDATE tasks SET leased_until = ?4 WHERE tenant = ?1 AND kind = ?2 AND subject = ?3";

/// Claims due tasks. A look that finds none writes nothing.
pub(crate) fn claim(connection: &mut Connection, lease: Lease) -> Result<Vec<Task>, StoreFault> {
    let due = due(connection, lease)?;
    if due.is_empty() {
        return Ok(due);
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let due = self::due(&transaction, lease)?;
    for task in &due {
        let mut statement = transaction.prepare_cached(LEASE).map_err(fault)?;
        bind(&mut statement, 1, &task::key(task)).map_err(fault)?;
        let until = [Value::Int(lease.until.ms())];
        bind(&mut statement, 1 + task::KEY_LEN, &until).map_err(fault)?;
        statement.raw_execute().map_err(fault)?;
    }
    transaction.commit().map_err(fault)?;
    Ok(due)
}

fn due(connection: &Connection, lease: Lease) -> Result<Vec<Task>, StoreFault> {
    let parameters = [Value::Int(lease.now.ms()), Value::Int(i64::from(lease.limit))];
    let mut select = Select::new(connection, &task::TASKS, &DUE)?;
    select.all(&parameters, |cells| task::read(cells).map(|(task, _)| task))
}
