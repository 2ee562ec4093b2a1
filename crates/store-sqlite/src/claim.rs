//! Claiming due tasks, and putting them off.

use crate::load::text;
use crate::sql::claim as sql;
use crate::statement::{Select, bind, fault};
use kernel::{Lane, Task, TenantId};
use rusqlite::{Connection, TransactionBehavior};
use store::rows::{Value, task};
use store::{Claim, StoreFault, TaskAction, TaskUpdate};

/// A due row: its key, and the task that it is, where it can be read.
struct Due {
    key: Vec<Value<'static>>,
    task: Result<Task, StoreFault>,
}

/// Claims due tasks. A look that finds none writes nothing.
///
/// A row that cannot be read, such as a newer release leaves behind, is leased like the others and
/// claimed by nobody, so that it neither stops them nor stands in their way at every look.
pub(crate) fn claim(connection: &mut Connection, claim: &Claim) -> Result<Vec<Task>, StoreFault> {
    if due(connection, claim)?.is_empty() {
        return Ok(vec![]);
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let due = due(&transaction, claim)?;
    for row in &due {
        run(&transaction, sql::LEASE, &row.key, &[Value::Int(claim.until.ms())])?;
    }
    transaction.commit().map_err(fault)?;
    Ok(due.into_iter().filter_map(|row| readable(row.task)).collect())
}

/// What is due and not leased, shared out to the tenants.
fn due(connection: &Connection, claim: &Claim) -> Result<Vec<Due>, StoreFault> {
    let (lane, now) = (Value::text(claim.lane.name()), Value::Int(claim.now.ms()));
    let tenants = tenants_due(connection, &[lane.clone(), now.clone(), now.clone()])?;
    let mut select = Select::new(connection, task::TASKS.name, &sql::DUE)?;
    let read = |cells: &[Value<'_>]| {
        let key = cells.iter().take(task::KEY_LEN).cloned().map(Value::into_owned).collect();
        Ok(Due { key, task: task::read(cells).map(|(task, _)| task) })
    };
    let mut found = vec![];
    for (tenant, most) in claim.turns(tenants) {
        let most = Value::Int(i64::from(most));
        let own = select.each(&[text(&tenant), lane.clone(), now.clone(), most], read)?;
        // A row without a key, because its text is not text, cannot even be leased.
        found.push(own.into_iter().filter_map(readable).collect());
    }
    Ok(claim.share(found))
}

/// The tenants that have a task in a lane, due by then and with a lease that has ended by then.
pub(crate) fn tenants_due(
    connection: &Connection,
    lane_due_leased: &[Value<'_>; 3],
) -> Result<Vec<TenantId>, StoreFault> {
    let read = |cells: &[Value<'_>]| match cells {
        [Value::Text(tenant)] => Ok(TenantId::new(tenant)),
        _ => Err(StoreFault::Failed("a tenant without its id".to_owned())),
    };
    Select::new(connection, "tenants", sql::TENANTS_DUE)?.all(lane_due_leased, read)
}

/// What can be read; the rest, such as a newer release leaves behind, is logged and left out.
pub(crate) fn readable<T>(found: Result<T, StoreFault>) -> Option<T> {
    found.inspect_err(|fault| tracing::error!(%fault, "a task is left undone")).ok()
}

/// Puts tasks off, parks or resumes them, all in one transaction; how many were changed.
pub(crate) fn update(
    connection: &mut Connection,
    updates: &[TaskUpdate],
) -> Result<u64, StoreFault> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let mut changed = 0;
    for update in updates {
        changed += update_one(&transaction, update)?;
    }
    transaction.commit().map_err(fault)?;
    Ok(changed)
}

fn update_one(connection: &Connection, update: &TaskUpdate) -> Result<u64, StoreFault> {
    let key = task::key_of(&update.tenant, update.subject);
    match &update.action {
        TaskAction::Defer { leased_until, due } => {
            let times = [Value::Int(leased_until.ms()), Value::Int(due.ms())];
            run(connection, sql::DEFER, &key, &times)
        }
        TaskAction::Park { reason, at } => {
            run(connection, &sql::PARK, &key, &[Value::text(reason), Value::Int(at.ms())])
        }
        TaskAction::Resume { due } => {
            let lane = Value::text(Lane::of(update.subject.kind).name());
            run(connection, sql::RESUME, &key, &[lane, Value::Int(due.ms())])
        }
    }
}

/// Changes the task of this key; how many rows were.
fn run(
    connection: &Connection,
    sql: &str,
    key: &[Value<'_>],
    cells: &[Value<'_>],
) -> Result<u64, StoreFault> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    bind(&mut statement, 1, key).map_err(fault)?;
    bind(&mut statement, 1 + key.len(), cells).map_err(fault)?;
    let changed = statement.raw_execute().map_err(fault)?;
    Ok(u64::try_from(changed).unwrap_or_default())
}
