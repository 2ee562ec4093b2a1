//! Tasks.

use super::cells::{Cells, Source, Table, Value, int, text};
use crate::{AttentionRow, LateTasks, StoreFault, TaskRow};
use kernel::{AttentionKind, Exit, Lane, Task, TenantId};
use ledger::{Subject, Timestamp};

/// A task, when it is due and its lane. An engine keeps beside it when its row wanted it, which is when it
/// was due at first, the end of its lease, and why it is parked.
pub static TASKS: Table = Table {
    name: "tasks",
    columns: &[
        text("tenant"),
        text("subject_kind"),
        int("subject_id"),
        int("root"),
        int("due"),
        text("lane"),
    ],
};

/// What stands in the place of the lane of a parked task, so that no claim comes across it.
pub const PARKED: &str = "parked";

/// How many leading columns name the task.
pub const KEY_LEN: usize = 3;

/// The cells that name a task.
pub fn key(task: &Task) -> [Value<'_>; KEY_LEN] {
    key_of(&task.tenant, task.subject)
}

/// The cells that name the task of a row.
pub fn key_of(tenant: &TenantId, subject: Subject) -> [Value<'_>; KEY_LEN] {
    let kind = Value::text(subject.kind.name());
    [Value::text(tenant.as_str()), kind, Value::Int(subject.value)]
}

/// The cells of a task that is due then.
pub fn row(task: &Task, due: Timestamp) -> [Value<'_>; 6] {
    let [tenant, kind, subject] = key(task);
    let lane = Value::text(Lane::of(task.subject.kind).name());
    [tenant, kind, subject, Value::Int(task.root.value()), Value::Int(due.ms()), lane]
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

/// Reads the cells of a parked task: which, why, and since when.
///
/// # Errors
/// When a cell holds what no parked task can have.
pub fn read_parked(cells: &[Value<'_>]) -> Result<AttentionRow, StoreFault> {
    let mut cells = Cells::new(Source::Table(&TASKS), cells);
    let tenant = TenantId::new(cells.text()?);
    let (subject, root) = (cells.subject()?, cells.id()?);
    let (reason, since) = (cells.text()?.to_owned(), cells.time()?);
    let kind = AttentionKind::Parked;
    let exits = vec![Exit::ResumeTask];
    Ok(AttentionRow { tenant, subject, root, name: None, kind, reason, since, exits })
}

/// Reads the cells of late tasks: the oldest, when it was wanted, and how many there are.
///
/// # Errors
/// When a cell holds what no late tasks can have.
pub fn read_late(cells: &[Value<'_>]) -> Result<LateTasks, StoreFault> {
    let mut cells = Cells::new(Source::Table(&TASKS), cells);
    let oldest =
        Task { tenant: TenantId::new(cells.text()?), subject: cells.subject()?, root: cells.id()? };
    Ok(LateTasks { oldest, wanted_at: cells.time()?, count: cells.count()? })
}

/// Reads the cells of a count of due tasks: how many, and when the first was wanted.
///
/// # Errors
/// When a cell holds what no count can have.
pub fn read_count(cells: &[Value<'_>]) -> Result<TaskRow, StoreFault> {
    let mut cells = Cells::new(Source::Table(&TASKS), cells);
    Ok(TaskRow { due: cells.count()?, oldest_wanted_at: cells.optional_time()? })
}
