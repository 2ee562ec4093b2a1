//! Tasks.

use super::cells::{Cells, Source, Table, Value, int, text};
use crate::StoreFault;
use kernel::{Task, TenantId};
use ledger::Timestamp;

/// A task and when it is due. An engine keeps the end of its lease beside it.
pub static TASKS: Table = Table {
    name: "tasks",
    columns: &[text("tenant"), text("subject_kind"), int("subject_id"), int("root"), int("due")],
};

/// How many leading columns name the task.
pub const KEY_LEN: usize = 3;

/// The cells that name a task.
pub fn key(task: &Task) -> [Value<'_>; KEY_LEN] {
    [
        Value::text(task.tenant.as_str()),
        Value::text(task.subject.kind.name()),
        Value::Int(task.subject.value),
    ]
}

/// The cells of a task that is due then.
pub fn row(task: &Task, due: Timestamp) -> [Value<'_>; 5] {
    let [tenant, kind, subject] = key(task);
    [tenant, kind, subject, Value::Int(task.root.value()), Value::Int(due.ms())]
}

/// Reads the cells of a task.
///
/// # Errors
/// When a cell holds what no task can have.
pub fn read(cells: &[Value<'_>]) -> Result<(Task, Timestamp), StoreFault> {
    let mut cells = Cells::new(Source::Table(&TASKS), cells);
    let task =
        Task { tenant: TenantId::new(cells.text()?), subject: cells.subject()?, root: cells.id()? };
    Ok((task, cells.time()?))
}
