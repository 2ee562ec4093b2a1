//! Claiming due tasks: a plain look at all tenants, then one guarded update for each.

use crate::cell::{self, Parameter};
use crate::connection::Step;
use crate::fault;
use crate::pool::Pool;
use crate::sql::{claim as sql, session};
use kernel::Task;
use ledger::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::rows::{Value, task};
use store::{Lease, StoreFault};
use tokio_postgres::Row;

pub(crate) async fn claim(pool: &Pool, lease: Lease) -> Result<Vec<Task>, StoreFault> {
    let mut claimer = pool.claimer().await?;
    if pool.has_outgrown() {
        // Here nobody waits for an answer, as a caller of a commit would.
        claimer.run(&session::MEASURE).await?;
    }
    let limit = Parameter::int(i64::from(lease.limit));
    let look = Step::new(&sql::DUE, [Parameter::int(lease.now.ms()), limit]);
    let rows = claimer.rows(&[look]).await?.concat();
    let due = cell::read(&rows, read_key)?;
    if due.is_empty() {
        return Ok(vec![]);
    }
    let mut tenants: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for key in &due {
        tenants.entry(&key.tenant).or_default().push(key);
    }
    let steps: Vec<Step<'_>> =
        tenants.into_iter().map(|(tenant, keys)| leasing(tenant, &keys, lease)).collect();
    let mut claimed: Vec<(Task, Timestamp)> = vec![];
    for answer in claimer.each(&steps).await? {
        match answer {
            Ok(rows) => claimed.extend(rows.iter().filter_map(readable)),
            // Another process claims the same tasks; what it leaves is due at the next look.
            Err(error) if fault::is_collision(&error) => {}
            Err(error) => return Err(fault::store(&error)),
        }
    }
    claimed.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(claimed.into_iter().map(|(task, _)| task).collect())
}

/// What names a task's row. A row that cannot be read as a task, such as a newer release leaves
/// behind, is leased like the others and claimed by nobody, so that it neither stops them nor stands
/// in their way at every look.
struct Key {
    tenant: String,
    kind: String,
    subject: i64,
}

fn read_key(cells: &[Value<'_>]) -> Result<Key, StoreFault> {
    let word = |at: usize| cell::word(task::TASKS.name, cells.get(at)).map(str::to_owned);
    Ok(Key {
        tenant: word(0)?,
        kind: word(1)?,
        subject: cell::int(task::TASKS.name, cells.get(2))?,
    })
}

fn readable(row: &Row) -> Option<(Task, Timestamp)> {
    let found = cell::cells(row).and_then(|cells| task::read(&cells));
    found.inspect_err(|fault| tracing::error!(%fault, "a task is left undone")).ok()
}

fn leasing<'a>(tenant: &'a str, keys: &[&'a Key], lease: Lease) -> Step<'a> {
    Step::new(
        &sql::LEASE,
        [
            Parameter::text(tenant),
            Parameter::int(lease.now.ms()),
            Parameter::int(lease.until.ms()),
            Parameter::texts(keys.iter().map(|key| Cow::Borrowed(key.kind.as_str()))),
            Parameter::ints(keys.iter().map(|key| key.subject)),
        ],
    )
}
