//! Claiming due tasks: a plain look at all tenants, then one guarded update for each.

use crate::cell::{self, Parameter};
use crate::connection::Step;
use crate::fault;
use crate::pool::Pool;
use crate::sql::{claim as sql, session};
use kernel::{Task, TenantId};
use ledger::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::rows::task;
use store::{Lease, StoreFault};

pub(crate) async fn claim(pool: &Pool, lease: Lease) -> Result<Vec<Task>, StoreFault> {
    let mut reader = pool.reader().await?;
    if pool.has_outgrown() {
        // Here nobody waits for an answer, as a caller of a commit would.
        reader.run(session::MEASURE).await?;
    }
    let limit = Parameter::int(i64::from(lease.limit));
    let look = Step::new(sql::DUE, [Parameter::int(lease.now.ms()), limit]);
    let rows = reader.rows(&[look]).await?.concat();
    let due = cell::read(&rows, task::read)?;
    if due.is_empty() {
        return Ok(vec![]);
    }
    let mut tenants: BTreeMap<&TenantId, Vec<&Task>> = BTreeMap::new();
    for (task, _) in &due {
        tenants.entry(&task.tenant).or_default().push(task);
    }
    let steps: Vec<Step<'_>> =
        tenants.into_iter().map(|(tenant, tasks)| leasing(tenant, &tasks, lease)).collect();
    let mut claimed: Vec<(Task, Timestamp)> = vec![];
    for answer in reader.each(&steps).await? {
        match answer {
            Ok(rows) => claimed.extend(cell::read(&rows, task::read)?),
            // Another process claims the same tasks; what it leaves is due at the next look.
            Err(error) if fault::is_collision(&error) => {}
            Err(error) => return Err(fault::store(&error)),
        }
    }
    claimed.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(claimed.into_iter().map(|(task, _)| task).collect())
}

fn leasing<'a>(tenant: &'a TenantId, tasks: &[&'a Task], lease: Lease) -> Step<'a> {
    let kinds = tasks.iter().map(|task| Cow::Borrowed(task.kind.name()));
    Step::new(
        sql::LEASE,
        [
            Parameter::text(tenant.as_str()),
            Parameter::int(lease.now.ms()),
            Parameter::int(lease.until.ms()),
            Parameter::texts(kinds),
            Parameter::ints(tasks.iter().map(|task| task.subject)),
        ],
    )
}
