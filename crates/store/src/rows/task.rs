//! Tasks.

use super::cells::{Cells, Table, Value};
use crate::StoreFault;
use kernel::{Task, TaskKind, TenantId};
use ledger::Timestamp;

/// A task and when it is due. An engine keeps the end of its lease beside it.
pub const TASKS: Table = Table { name: "tasks", columns: &["tenant", "kind", "subject", "due"] };

/// How many leading columns name the task.
pub const KEY_LEN: usize = 3;

/// The cells that name a task.
pub fn key(task: &Task) -> [Value<'_>; KEY_LEN] {
    [Value::text(task.tenant.as_str()), Value::text(task.kind.name()), Value::Int(task.subject)]
}

/// Reads the cells of a task.
///
/// # Errors
/// When a cell holds what no task can have.
pub fn read(cells: &[Value<'_>]) -> Result<(Task, Timestamp), StoreFault> {
    let mut cells = Cells::new(&TASKS, cells);
    let task = Task {
        tenant: TenantId::new(cells.text()?),
        kind: cells.word(TaskKind::from_name)?,
        subject: cells.int()?,
    };
    Ok((task, cells.time()?))
}
