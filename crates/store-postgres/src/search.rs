//! Answering queries: everything that an answer needs is asked at once, in one snapshot.

use crate::audit::audit;
use crate::cell::{self, Parameter, cells, int, word};
use crate::connection::{Patience, Step};
use crate::pool::Pool;
use crate::sql::{Sql, read};
use kernel::{Notification, OrderKey, Task, TenantId};
use ledger::{Account, Id, Stamp, Timestamp, kinds};
use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};
use store::rows::{Value, event, key, notification, order, refund, task, transfer};
use store::{
    AccountRow, AttemptRow, NotificationRow, OrderFilter, Page, Query, StoreFault, Story, TaskRow,
};
use tokio_postgres::Row;

pub(crate) async fn search(pool: &Pool, query: &Query) -> Result<Page, StoreFault> {
    match query {
        Query::Audit => return audit(pool).await.map(Page::Audit),
        Query::LastId => return last_id(pool).await.map(Page::LastId),
        Query::Ping => {
            let ping = Step::new(read::PING, []);
            return pool.reader().await?.rows(&[ping]).await.map(|_| Page::Pong);
        }
        Query::Order { .. }
        | Query::Orders(_)
        | Query::Story { .. }
        | Query::TenantsWithOrder { .. }
        | Query::Accounts { .. }
        | Query::Postings { .. }
        | Query::Notifications { .. }
        | Query::Notification { .. }
        | Query::Keys
        | Query::Tasks { .. }
        | Query::Attention { .. } => {}
    }
    let steps = steps(query);
    let found = pool.reader().await?.snapshot(&steps, Patience::Usual).await?;
    page(query, &found)
}

/// The largest id of an event. Most likely it is a recent one; where none is, more is read, in
/// the end everything.
async fn last_id(pool: &Pool) -> Result<Option<i64>, StoreFault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_ms(i64::try_from(now.as_millis()).unwrap_or_default());
    let since = |hours: i64| lowest_id(now.plus_seconds(-hours * 3600));
    let mut reader = pool.reader().await?;
    for lowest in [since(1), since(24), since(30 * 24), i64::MIN] {
        let step = Step::new(read::LAST_ID, [Parameter::int(lowest)]);
        let rows = reader.snapshot(&[step], Patience::Long).await?.concat();
        let cells = rows.first().map(cells).transpose()?.unwrap_or_default();
        match cells.first() {
            Some(Value::Int(last)) => return Ok(Some(*last)),
            Some(Value::Null | Value::Text(_)) | None => {}
        }
    }
    Ok(None)
}

/// What a query asks.
fn steps(query: &Query) -> Vec<Step<'_>> {
    match query {
        Query::Order { tenant, key } => vec![one_order(tenant, key)],
        Query::Orders(filter) => vec![orders(filter)],
        Query::Story { tenant, order } => story(tenant, *order),
        Query::TenantsWithOrder { merchant_order_no } => {
            vec![Step::new(read::TENANTS_WITH_ORDER, [Parameter::text(merchant_order_no)])]
        }
        Query::Accounts { tenant } => vec![Step::new(read::ACCOUNTS, [of(tenant)])],
        Query::Postings { tenant, account, before, limit } => {
            vec![postings(tenant, account, below(*before), *limit)]
        }
        Query::Notifications { tenant, state, before, limit } => {
            notifications(tenant, (below(*before), i64::MIN), state.as_deref(), *limit)
        }
        Query::Notification { tenant, id } => {
            let range = (id.value().saturating_add(1), id.value());
            notifications(tenant, range, None, 1)
        }
        Query::Keys => vec![Step::new(read::KEYS, [])],
        Query::Tasks { now } => vec![Step::new(read::WAITING, [Parameter::int(now.ms())])],
        Query::Attention { tenant, before, limit } => {
            let (below, limit) = (Parameter::int(below(*before)), i64::from(*limit));
            vec![Step::new(read::ATTENTION, [of(tenant), below, Parameter::int(limit)])]
        }
        Query::LastId | Query::Ping | Query::Audit => vec![],
    }
}

fn of(tenant: &TenantId) -> Parameter<'_> {
    Parameter::text(tenant.as_str())
}

/// The bound of a page: everything, or what lies before the page that was seen.
fn below<K>(before: Option<Id<K>>) -> i64 {
    before.map_or(i64::MAX, Id::value)
}

fn one_order<'a>(tenant: &'a TenantId, key: &'a OrderKey) -> Step<'a> {
    match key {
        OrderKey::Id(id) => {
            Step::new(read::ORDERS_BY_ID, [of(tenant), Parameter::ints([id.value()])])
        }
        OrderKey::MerchantOrderNo(number) => {
            let numbers = Parameter::texts([number.as_str().into()]);
            Step::new(read::ORDERS_BY_NUMBER, [of(tenant), numbers])
        }
    }
}

fn orders(filter: &OrderFilter) -> Step<'_> {
    Step::new(
        read::ORDERS,
        [
            of(&filter.tenant),
            Parameter::int(below(filter.before)),
            Parameter::int(filter.from.map_or(i64::MIN, lowest_id)),
            Parameter::optional(filter.state.as_deref()),
            Parameter::int(filter.from.map_or(i64::MIN, Timestamp::ms)),
            Parameter::int(filter.to.map_or(i64::MAX, Timestamp::ms)),
            Parameter::int(i64::from(filter.limit)),
        ],
    )
}

/// The least id that an order placed at or after this instant can have, so that a listing ends where
/// its time begins. Ids never lie before the time at which they were drawn.
fn lowest_id(from: Timestamp) -> i64 {
    const YEAR_2109: Timestamp = Timestamp::from_ms(1 << 42);
    if from < Timestamp::default() || from > YEAR_2109 {
        return i64::MIN;
    }
    Stamp::new(0, from).id::<kinds::Order>().value()
}

fn story(tenant: &TenantId, order: Id<kinds::Order>) -> Vec<Step<'_>> {
    let about = |sql: Sql| Step::new(sql, [of(tenant), Parameter::int(order.value())]);
    vec![
        Step::new(read::ORDERS_BY_ID, [of(tenant), Parameter::ints([order.value()])]),
        about(read::EVENTS_OF_ORDER),
        about(read::TRANSFERS_OF_ORDER),
        about(read::REFUNDS_OF_ORDER),
        about(read::NOTIFICATIONS_OF_ORDER),
        about(read::ATTEMPTS_OF_ORDER),
        about(read::TASKS_OF_ORDER),
    ]
}

fn postings<'a>(tenant: &'a TenantId, account: &Account, below: i64, limit: u32) -> Step<'a> {
    let (account, below) = (Parameter::text(account.key()), Parameter::int(below));
    Step::new(read::POSTINGS, [of(tenant), account, below, Parameter::int(i64::from(limit))])
}

fn notifications<'a>(
    tenant: &'a TenantId,
    (below, lowest): (i64, i64),
    state: Option<&'a str>,
    limit: u32,
) -> Vec<Step<'a>> {
    let about = |sql: Sql| {
        let (below, lowest) = (Parameter::int(below), Parameter::int(lowest));
        let (state, limit) = (Parameter::optional(state), Parameter::int(i64::from(limit)));
        Step::new(sql, [of(tenant), below, lowest, state, limit])
    };
    vec![about(read::NOTIFICATIONS), about(read::ATTEMPTS_OF_NOTIFICATIONS)]
}

/// The answer in what was found, a list of rows for each step.
fn page(query: &Query, found: &[Vec<Row>]) -> Result<Page, StoreFault> {
    let rows = |at: usize| found.get(at).map(Vec::as_slice).unwrap_or_default();
    Ok(match query {
        Query::Order { .. } => Page::Order(cell::read(rows(0), order::read)?.pop().map(Box::new)),
        Query::Orders(_) => Page::Orders(cell::read(rows(0), order::read)?),
        Query::Story { .. } => Page::Story(read_story(&rows)?.map(Box::new)),
        Query::TenantsWithOrder { .. } => {
            let tenant =
                |cells: &[Value<'_>]| word(&order::ORDERS, cells.first()).map(TenantId::new);
            Page::Tenants(cell::read(rows(0), tenant)?)
        }
        Query::Accounts { .. } => Page::Accounts(read_accounts(rows(0))?),
        Query::Postings { .. } => Page::Transfers(cell::read(rows(0), transfer::read)?),
        Query::Notifications { .. } | Query::Notification { .. } => {
            Page::Notifications(read_notifications(rows(0), rows(1))?)
        }
        Query::Keys => Page::Keys(key::newest(cell::read(rows(0), key::read)?)),
        Query::Tasks { .. } => Page::Tasks(read_waiting(rows(0))?),
        Query::Attention { .. } => Page::Events(cell::read(rows(0), event::read)?),
        Query::LastId | Query::Ping | Query::Audit => {
            return Err(StoreFault::Failed("this is more than a page of rows".to_owned()));
        }
    })
}

fn read_story<'r>(rows: &impl Fn(usize) -> &'r [Row]) -> Result<Option<Story>, StoreFault> {
    let Some(order) = cell::read(rows(0), order::read)?.pop() else { return Ok(None) };
    let mut tasks: Vec<(Task, Timestamp)> = cell::read(rows(6), task::read)?;
    tasks.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(Some(Story {
        order,
        events: cell::read(rows(1), event::read)?,
        transfers: cell::read(rows(2), transfer::read)?,
        refunds: cell::read(rows(3), refund::read)?,
        notifications: read_notifications(rows(4), rows(5))?,
        tasks,
    }))
}

fn read_accounts(rows: &[Row]) -> Result<Vec<AccountRow>, StoreFault> {
    let mut found = cell::read(rows, |cells| transfer::read_balance(cells).map(|(_, row)| row))?;
    found.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(found)
}

fn read_notifications(rows: &[Row], attempts: &[Row]) -> Result<Vec<NotificationRow>, StoreFault> {
    let mut attempts = by_notification(attempts)?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let cells = cells(row)?;
        let (own, number) =
            cells.split_at(notification::NOTIFICATIONS.columns.len().min(cells.len()));
        let notification: Notification = notification::read(own)?;
        found.push(NotificationRow {
            merchant_order_no: word(&order::ORDERS, number.first())?.to_owned(),
            attempts: attempts.remove(&notification.id.value()).unwrap_or_default(),
            notification,
        });
    }
    Ok(found)
}

fn by_notification(rows: &[Row]) -> Result<HashMap<i64, Vec<AttemptRow>>, StoreFault> {
    let mut found: HashMap<i64, Vec<AttemptRow>> = HashMap::new();
    for row in rows {
        let cells = cells(row)?;
        let notification = int(&notification::ATTEMPTS, cells.get(1))?;
        found.entry(notification).or_default().push(notification::read_attempt(&cells)?);
    }
    Ok(found)
}

fn read_waiting(rows: &[Row]) -> Result<TaskRow, StoreFault> {
    let cells = rows.first().map(cells).transpose()?.unwrap_or_default();
    let count = |at: usize| {
        int(&task::TASKS, cells.get(at)).map(|count| u64::try_from(count).unwrap_or_default())
    };
    let oldest_due = match cells.get(2) {
        Some(Value::Int(due)) => Some(Timestamp::from_ms(*due)),
        Some(Value::Null | Value::Text(_)) | None => None,
    };
    Ok(TaskRow { waiting: count(0)?, due: count(1)?, oldest_due })
}
