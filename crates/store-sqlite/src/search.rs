//! Answering queries.

use crate::audit::audit;
use crate::load::{Orders, text};
use crate::statement::{Select, fault, snapshot};
use kernel::{Notification, Order, OrderKey, Task, TenantId};
use ledger::{Account, Id, Stamp, Timestamp, Transfer, kinds};
use rusqlite::{Connection, OptionalExtension};
use std::borrow::Cow;
use std::sync::LazyLock;
use store::rows::{Value, event, key, notification, order, refund, task, transfer};
use store::{AccountRow, NotificationRow, OrderFilter, Page, Query, StoreFault, Story, TaskRow};

static ORDERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM orders CROSS JOIN order_terms USING (tenant, id)
         WHERE tenant = ?1 AND id < ?2 AND id >= ?3 AND (?4 IS NULL OR state = ?4)
           AND placed_at >= ?5 AND placed_at < ?6
         ORDER BY id DESC LIMIT ?7",
        order::ORDERS.list()
    )
});
static EVENTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM events WHERE tenant = ?1 AND order_id = ?2 ORDER BY id",
        event::EVENTS.list()
    )
});
// Without figures about the tables SQLite takes a tenant's rows for few and would read them all: the
// index of an order's rows has to be named.
static TRANSFERS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM transfers INDEXED BY transfers_of_order
         WHERE tenant = ?1 AND order_id = ?2 ORDER BY id",
        transfer::TRANSFERS.list()
    )
});
static REFUNDS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM refunds INDEXED BY refunds_of_order
         WHERE tenant = ?1 AND order_id = ?2 ORDER BY id",
        refund::REFUNDS.list()
    )
});
static NOTIFICATIONS_OF_ORDER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM notifications INDEXED BY notifications_of_order
         WHERE tenant = ?1 AND order_id = ?2 ORDER BY id",
        notification::NOTIFICATIONS.list()
    )
});
static NOTIFICATIONS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM notifications
         WHERE tenant = ?1 AND id < ?2 AND id >= ?3 AND (?4 IS NULL OR state = ?4)
         ORDER BY id DESC LIMIT ?5",
        notification::NOTIFICATIONS.list()
    )
});
static ATTEMPTS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM attempts WHERE tenant = ?1 AND notification_id = ?2 ORDER BY attempt_no",
        notification::ATTEMPTS.list()
    )
});
static TASK: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM tasks WHERE tenant = ?1 AND kind = ?2 AND subject = ?3",
        task::TASKS.list()
    )
});
static BALANCES: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM balances WHERE tenant = ?1", transfer::BALANCES.list())
});
/// Each side has an index that gives its newest; of both the newest are taken.
static POSTINGS: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM transfers WHERE tenant = ?1 AND id IN (
             SELECT * FROM (SELECT id FROM transfers WHERE tenant = ?1 AND debit = ?2 AND id < ?3
                            ORDER BY id DESC LIMIT ?4)
             UNION
             SELECT * FROM (SELECT id FROM transfers WHERE tenant = ?1 AND credit = ?2 AND id < ?3
                            ORDER BY id DESC LIMIT ?4))
         ORDER BY id DESC LIMIT ?4",
        transfer::TRANSFERS.list()
    )
});
static KEYS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM channel_keys", key::KEYS.list()));
/// The condition is word for word the index's.
static ATTENTION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM events INDEXED BY events_for_people
         WHERE tenant = ?1 AND id < ?2 AND (kind IN ('mismatch_recorded', 'unapplied_received')
             OR kind = 'refund_moved' AND instr(body, '\"state\":\"failed\"') > 0)
         ORDER BY id DESC LIMIT ?3",
        event::EVENTS.list()
    )
});
const LAST_ID: &str = "SELECT id FROM last_event";
/// Looks into the file, at its first page.
const PING: &str = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
const OUT_ORDER_ID: &str = "SELECT merchant_order_no FROM orders WHERE tenant = ?1 AND id = ?2";
/// Steps from tenant to tenant, because every index begins with the tenant.
const TENANTS: &str = "WITH RECURSIVE each (tenant) AS (
        SELECT min(tenant) FROM orders
        UNION ALL
        SELECT (SELECT min(orders.tenant) FROM orders WHERE orders.tenant > each.tenant)
        FROM each WHERE each.tenant IS NOT NULL)
    SELECT tenant FROM each WHERE EXISTS (
        SELECT 1 FROM orders WHERE orders.tenant = each.tenant AND merchant_order_no = ?1)
    ORDER BY tenant";
const WAITING: &str = "SELECT (SELECT count(*) FROM tasks),
    (SELECT count(*) FROM tasks WHERE due <= ?1),
    (SELECT min(due) FROM tasks WHERE due <= ?1)";

/// Answers a query from one snapshot.
pub(crate) fn search(connection: &mut Connection, query: &Query) -> Result<Page, StoreFault> {
    snapshot(connection, |snapshot| answer(snapshot, query))
}

fn answer(connection: &Connection, query: &Query) -> Result<Page, StoreFault> {
    Ok(match query {
        Query::Order { tenant, key } => {
            Page::Order(Orders::new(connection)?.find(tenant, key)?.map(Box::new))
        }
        Query::Orders(filter) => Page::Orders(orders(connection, filter)?),
        Query::Story { tenant, order } => {
            Page::Story(story(connection, tenant, *order)?.map(Box::new))
        }
        Query::TenantsWithOrder { merchant_order_no } => {
            Page::Tenants(tenants(connection, merchant_order_no).map_err(fault)?)
        }
        Query::Accounts { tenant } => Page::Accounts(accounts(connection, tenant)?),
        Query::Postings { tenant, account, before, limit } => {
            let before = before.map(Id::value);
            Page::Transfers(postings(connection, (tenant, account), before, *limit)?)
        }
        Query::Notifications { tenant, state, before, limit } => {
            let (below, lowest) = (before.map_or(i64::MAX, Id::value), i64::MIN);
            let state = state.as_deref();
            let parameters = [
                text(tenant),
                Value::Int(below),
                Value::Int(lowest),
                optional(state),
                Value::Int(i64::from(*limit)),
            ];
            Page::Notifications(notifications(connection, &NOTIFICATIONS, &parameters)?)
        }
        Query::Notification { tenant, id } => {
            let (below, lowest) = (id.value().saturating_add(1), id.value());
            let (below, lowest) = (Value::Int(below), Value::Int(lowest));
            let parameters = [text(tenant), below, lowest, Value::Null, Value::Int(1)];
            Page::Notifications(notifications(connection, &NOTIFICATIONS, &parameters)?)
        }
        Query::Keys => {
            let mut select = Select::new(connection, &key::KEYS, &KEYS)?;
            Page::Keys(key::newest(select.all(&[], key::read)?))
        }
        Query::Tasks { now } => Page::Tasks(waiting(connection, *now).map_err(fault)?),
        Query::Attention { tenant, before, limit } => {
            let below = before.map_or(i64::MAX, Id::value);
            let parameters = [text(tenant), Value::Int(below), Value::Int(i64::from(*limit))];
            let mut select = Select::new(connection, &event::EVENTS, &ATTENTION)?;
            Page::Events(select.all(&parameters, event::read)?)
        }
        Query::LastId => Page::LastId(last_id(connection).map_err(fault)?),
        Query::Ping => connection.query_row(PING, [], |_| Ok(Page::Pong)).map_err(fault)?,
        Query::Audit => Page::Audit(audit(connection)?),
    })
}

fn optional(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text)))
}

fn orders(connection: &Connection, filter: &OrderFilter) -> Result<Vec<Order>, StoreFault> {
    let parameters = [
        text(&filter.tenant),
        Value::Int(filter.before.map_or(i64::MAX, Id::value)),
        Value::Int(filter.from.map_or(i64::MIN, lowest_id)),
        optional(filter.state.as_deref()),
        Value::Int(filter.from.map_or(i64::MIN, Timestamp::ms)),
        Value::Int(filter.to.map_or(i64::MAX, Timestamp::ms)),
        Value::Int(i64::from(filter.limit)),
    ];
    Select::new(connection, &order::ORDERS, &ORDERS)?.all(&parameters, order::read)
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

fn story(
    connection: &Connection,
    tenant: &TenantId,
    id: Id<kinds::Order>,
) -> Result<Option<Story>, StoreFault> {
    let found = Orders::new(connection)?.find(tenant, &OrderKey::Id(id))?;
    let Some(order) = found else { return Ok(None) };
    let key = [text(tenant), Value::Int(id.value())];
    let refunds = Select::new(connection, &refund::REFUNDS, &REFUNDS)?.all(&key, refund::read)?;
    let notifications = notifications(connection, &NOTIFICATIONS_OF_ORDER, &key)?;
    let subjects = std::iter::once(order.task())
        .chain(refunds.iter().map(|refund| refund.task()))
        .chain(notifications.iter().map(|row| row.notification.task()));
    Ok(Some(Story {
        events: Select::new(connection, &event::EVENTS, &EVENTS)?.all(&key, event::read)?,
        transfers: Select::new(connection, &transfer::TRANSFERS, &TRANSFERS)?
            .all(&key, transfer::read)?,
        tasks: tasks(connection, subjects)?,
        order,
        refunds,
        notifications,
    }))
}

fn tasks(
    connection: &Connection,
    subjects: impl Iterator<Item = Task>,
) -> Result<Vec<(Task, Timestamp)>, StoreFault> {
    let mut select = Select::new(connection, &task::TASKS, &TASK)?;
    let mut found = Vec::new();
    for subject in subjects {
        found.extend(select.first(&task::key(&subject), task::read)?);
    }
    found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    Ok(found)
}

fn notifications(
    connection: &Connection,
    sql: &str,
    parameters: &[Value<'_>],
) -> Result<Vec<NotificationRow>, StoreFault> {
    let found = Select::new(connection, &notification::NOTIFICATIONS, sql)?
        .all(parameters, notification::read)?;
    found.into_iter().map(|notification| notification_row(connection, notification)).collect()
}

fn notification_row(
    connection: &Connection,
    notification: Notification,
) -> Result<NotificationRow, StoreFault> {
    let merchant_order_no = connection
        .prepare_cached(OUT_ORDER_ID)
        .and_then(|mut statement| {
            let key = (notification.tenant.as_str(), notification.order.value());
            statement.query_row(key, |row| row.get(0)).optional()
        })
        .map_err(fault)?;
    let key = [text(&notification.tenant), Value::Int(notification.id.value())];
    let mut attempts = Select::new(connection, &notification::ATTEMPTS, &ATTEMPTS)?;
    Ok(NotificationRow {
        attempts: attempts.all(&key, notification::read_attempt)?,
        merchant_order_no: merchant_order_no.unwrap_or_default(),
        notification,
    })
}

fn tenants(connection: &Connection, merchant_order_no: &str) -> rusqlite::Result<Vec<TenantId>> {
    let mut statement = connection.prepare_cached(TENANTS)?;
    let read = |row: &rusqlite::Row<'_>| Ok(TenantId::new(row.get_ref(0)?.as_str()?));
    statement.query_map([merchant_order_no], read)?.collect()
}

fn accounts(connection: &Connection, tenant: &TenantId) -> Result<Vec<AccountRow>, StoreFault> {
    let mut select = Select::new(connection, &transfer::BALANCES, &BALANCES)?;
    let read = |cells: &[Value<'_>]| transfer::read_balance(cells).map(|(_, row)| row);
    let mut rows = select.all(&[text(tenant)], read)?;
    rows.sort_by(|a, b| a.account.cmp(&b.account));
    Ok(rows)
}

fn postings(
    connection: &Connection,
    (tenant, account): (&TenantId, &Account),
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Transfer>, StoreFault> {
    let parameters = [
        text(tenant),
        Value::Text(Cow::Owned(account.key())),
        Value::Int(before.unwrap_or(i64::MAX)),
        Value::Int(i64::from(limit)),
    ];
    Select::new(connection, &transfer::TRANSFERS, &POSTINGS)?.all(&parameters, transfer::read)
}

fn last_id(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(LAST_ID)?.query_row([], |row| row.get(0)).optional()
}

fn waiting(connection: &Connection, now: Timestamp) -> rusqlite::Result<TaskRow> {
    connection.prepare_cached(WAITING)?.query_row([now.ms()], |row| {
        let (waiting, due): (i64, i64) = (row.get(0)?, row.get(1)?);
        let oldest_due: Option<i64> = row.get(2)?;
        Ok(TaskRow {
            waiting: u64::try_from(waiting).unwrap_or_default(),
            due: u64::try_from(due).unwrap_or_default(),
            oldest_due: oldest_due.map(Timestamp::from_ms),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite means to answer.
    fn plan(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement =
            connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("the statement is SQL");
        let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
        let rows = statement
            .query_map(rusqlite::params_from_iter(nothing), |row| row.get(3))
            .expect("it has a plan");
        rows.collect::<rusqlite::Result<_>>().expect("it has a plan")
    }

    /// The newest of two sides are put in order after they are found.
    fn is_merged(sql: &str) -> bool {
        sql == *POSTINGS
    }

    /// A listing reads what it shows: no table is read from end to end, none of a tenant's either,
    /// and nothing is sorted that lies in order.
    #[test]
    fn queries_read_no_more_than_they_show() {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        crate::schema::migrate(&mut connection).expect("the schema is new");
        for sql in [
            &*ORDERS,
            &*EVENTS,
            &*TRANSFERS,
            &*REFUNDS,
            &*NOTIFICATIONS_OF_ORDER,
            &*NOTIFICATIONS,
            &*ATTEMPTS,
            &*TASK,
            &*POSTINGS,
            &*ATTENTION,
            OUT_ORDER_ID,
        ] {
            for step in plan(&connection, sql) {
                let wasteful = (step.starts_with("SCAN") && !step.contains("(subquery"))
                    || step.ends_with("(tenant=?)")
                    || (step.contains("FOR ORDER BY") && !is_merged(sql));
                assert!(!wasteful, "{step}: {sql}");
            }
        }
    }
}
