//! Claiming due tasks: a plain look at all tenants, then one guarded update for each. Putting tasks off
//! is one guarded update for each tenant, too.

use crate::cell::{self, Parameter};
use crate::connection::{Connection, Step};
use crate::fault;
use crate::pool::Pool;
use crate::sql::{claim as sql, session};
use kernel::{Lane, Task, TenantId};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use store::rows::{Value, task};
use store::{Claim, StoreFault, TaskAction, TaskUpdate};

pub(crate) async fn claim(pool: &Pool, claim: &Claim) -> Result<Vec<Task>, StoreFault> {
    let mut claimer = pool.claimer().await?;
    if pool.has_outgrown() {
        // Here nobody waits for an answer, as a caller of a commit would.
        claimer.run(&session::MEASURE).await?;
    }
    let due = due(&mut claimer, claim).await?;
    if due.is_empty() {
        return Ok(vec![]);
    }
    let mut tenants: BTreeMap<&str, Vec<&Key>> = BTreeMap::new();
    for row in &due {
        tenants.entry(&row.key.tenant).or_default().push(&row.key);
    }
    let steps: Vec<Step<'_>> =
        tenants.iter().map(|(tenant, keys)| leasing(tenant, keys, claim)).collect();
    let mut leased: HashSet<Key> = HashSet::new();
    for (answer, tenant) in claimer.each(&steps).await?.into_iter().zip(tenants.keys()) {
        match answer {
            Ok(rows) => leased.extend(cell::read(&rows, |cells| read_leased(tenant, cells))?),
            // Another process claims the same tasks; what it leaves is due at the next look.
            Err(error) if fault::is_collision(&error) => {}
            Err(error) => return Err(fault::store(&error)),
        }
    }
    let claimed = due.into_iter().filter(|row| leased.contains(&row.key));
    Ok(claimed.filter_map(|row| readable(row.task)).collect())
}

/// A due row: its key, and the task that it is, where it can be read. One that cannot, such as a newer
/// release leaves behind, is leased like the others and claimed by nobody, so that it neither stops
/// them nor stands in their way at every look.
struct Due {
    key: Key,
    task: Result<Task, StoreFault>,
}

/// What names a task's row.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    tenant: String,
    kind: String,
    subject: i64,
}

/// What is due and not leased, shared out to the tenants.
async fn due(session: &mut Connection, claim: &Claim) -> Result<Vec<Due>, StoreFault> {
    let tenants = tenants_due(claim.lane, claim.now.ms(), claim.now.ms());
    let tenants = cell::read(&session.rows(&[tenants]).await?.concat(), read_tenant)?;
    let turns = claim.turns(tenants);
    let look = |(tenant, most): &(TenantId, u32)| {
        Step::new(
            &sql::DUE,
            [
                Parameter::text(tenant.as_str().to_owned()),
                Parameter::text(claim.lane.name()),
                Parameter::int(claim.now.ms()),
                Parameter::int(i64::from(*most)),
            ],
        )
    };
    let steps: Vec<Step<'_>> = turns.iter().map(look).collect();
    let mut found = vec![];
    for rows in session.rows(&steps).await? {
        found.push(cell::read(&rows, read_due)?);
    }
    Ok(claim.share(found))
}

/// Asks for the tenants that have a task in a lane, due by then and with a lease that has ended by then.
pub(crate) fn tenants_due(lane: Lane, due_ms: i64, leased_until_ms: i64) -> Step<'static> {
    let parameters =
        [Parameter::text(lane.name()), Parameter::int(due_ms), Parameter::int(leased_until_ms)];
    Step::new(&sql::TENANTS_DUE, parameters)
}

/// Reads the cell of a tenant's id.
pub(crate) fn read_tenant(cells: &[Value<'_>]) -> Result<TenantId, StoreFault> {
    cell::word("tenants", cells.first()).map(TenantId::new)
}

fn read_due(cells: &[Value<'_>]) -> Result<Due, StoreFault> {
    let tenant = cell::word(task::TASKS.name, cells.first())?;
    let key = read_leased(tenant, cells.get(1..).unwrap_or_default())?;
    Ok(Due { key, task: task::read(cells).map(|(task, _)| task) })
}

/// The key of a row, from the word of its kind and its id.
fn read_leased(tenant: &str, cells: &[Value<'_>]) -> Result<Key, StoreFault> {
    let kind = cell::word(task::TASKS.name, cells.first())?.to_owned();
    let subject = cell::int(task::TASKS.name, cells.get(1))?;
    Ok(Key { tenant: tenant.to_owned(), kind, subject })
}

/// What can be read; the rest, such as a newer release leaves behind, is logged and left out.
pub(crate) fn readable<T>(found: Result<T, StoreFault>) -> Option<T> {
    found.inspect_err(|fault| tracing::error!(%fault, "a task is left undone")).ok()
}

fn leasing<'a>(tenant: &'a str, keys: &[&'a Key], claim: &Claim) -> Step<'a> {
    Step::new(
        &sql::LEASE,
        [
            Parameter::text(tenant),
            Parameter::int(claim.now.ms()),
            Parameter::int(claim.until.ms()),
            Parameter::texts(keys.iter().map(|key| Cow::Borrowed(key.kind.as_str()))),
            Parameter::ints(keys.iter().map(|key| key.subject)),
        ],
    )
}

/// Puts tasks off, parks or resumes them; how many were changed.
pub(crate) async fn update(pool: &Pool, updates: &[TaskUpdate]) -> Result<u64, StoreFault> {
    let mut deferred: BTreeMap<&TenantId, Vec<[Value<'_>; 4]>> = BTreeMap::new();
    let mut steps = vec![];
    for update in updates {
        match update.action {
            TaskAction::Defer { leased_until, due } => {
                let [_, kind, subject] = task::key_of(&update.tenant, update.subject);
                let times = [Value::Int(leased_until.ms()), Value::Int(due.ms())];
                let [leased_until, due] = times;
                let row = [kind, subject, leased_until, due];
                deferred.entry(&update.tenant).or_default().push(row);
            }
            TaskAction::Park { .. } | TaskAction::Resume { .. } => steps.extend(alone(update)),
        }
    }
    for (tenant, rows) in deferred {
        let rows = rows.into_iter().map(Vec::from).collect();
        let tenant = Parameter::text(tenant.as_str());
        steps.push(Step::new(&sql::DEFER, std::iter::once(tenant).chain(cell::columns(rows))));
    }
    let mut changed = 0;
    for answer in pool.claimer().await?.each(&steps).await? {
        match answer {
            Ok(rows) => changed += u64::try_from(rows.len()).unwrap_or_default(),
            // Another transaction changes the task: what it leaves stands.
            Err(error) if fault::is_collision(&error) => {}
            Err(error) => return Err(fault::store(&error)),
        }
    }
    Ok(changed)
}

/// The statement for one task that is parked or resumed.
fn alone(update: &TaskUpdate) -> Option<Step<'_>> {
    let (sql, cells) = match &update.action {
        TaskAction::Defer { .. } => return None,
        TaskAction::Park { reason, at } => {
            (&*sql::PARK, [Parameter::text(reason.as_str()), Parameter::int(at.ms())])
        }
        TaskAction::Resume { due } => {
            let lane = Lane::of(update.subject.kind).name();
            (&*sql::RESUME, [Parameter::text(lane), Parameter::int(due.ms())])
        }
    };
    let key = [
        Parameter::text(update.tenant.as_str()),
        Parameter::text(update.subject.kind.name()),
        Parameter::int(update.subject.value),
    ];
    Some(Step::new(sql, key.into_iter().chain(cells)))
}
