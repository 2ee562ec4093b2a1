//! Committing batches: all in one transaction, each whole or not at all.

use crate::statement::{bind, fault, is_misfit, is_taken, marks};
use ledger::{Account, Balance, BookFault, Fen};
use rusqlite::{CachedStatement, Connection, Savepoint, Transaction, TransactionBehavior};
use std::fmt::Display;
use std::sync::LazyLock;
use store::rows::{Table, Value, event, key, notification, order, refund, task, transfer};
use store::{Batch, CommitFault, StoreFault, Write};

/// The leading columns of an order that both of its tables have, or the narrow one alone.
const ORDER_KEY_LEN: usize = 2;
const NARROW_LEN: usize = 4;

static INSERT_ORDER: LazyLock<String> = LazyLock::new(|| {
    let columns =
        [&order::ORDERS.columns[..NARROW_LEN], &order::ORDERS.columns[order::TERMS_LEN..]];
    insert("orders", &columns.concat())
});
static INSERT_TERMS: LazyLock<String> = LazyLock::new(|| {
    let terms = &order::ORDERS.columns[..order::TERMS_LEN];
    insert("order_terms", &[&terms[..ORDER_KEY_LEN], &terms[NARROW_LEN..]].concat())
});
static UPDATE_ORDER: LazyLock<String> = LazyLock::new(|| update(&order::ORDERS, order::TERMS_LEN));
static INSERT_REFUND: LazyLock<String> = LazyLock::new(|| insert_all(&refund::REFUNDS));
static UPDATE_REFUND: LazyLock<String> =
    LazyLock::new(|| update(&refund::REFUNDS, refund::FIXED_LEN));
static INSERT_NOTIFICATION: LazyLock<String> =
    LazyLock::new(|| insert_all(&notification::NOTIFICATIONS));
static UPDATE_NOTIFICATION: LazyLock<String> =
    LazyLock::new(|| update(&notification::NOTIFICATIONS, notification::FIXED_LEN));
static INSERT_EVENT: LazyLock<String> = LazyLock::new(|| insert_all(&event::EVENTS));
static INSERT_TRANSFER: LazyLock<String> = LazyLock::new(|| insert_all(&transfer::TRANSFERS));
static INSERT_ATTEMPT: LazyLock<String> = LazyLock::new(|| insert_all(&notification::ATTEMPTS));
static KEEP_KEY: LazyLock<String> = LazyLock::new(|| {
    format!("{} ON CONFLICT DO UPDATE SET {}", insert_all(&key::KEYS), {
        let kept = key::KEYS.columns[key::KEY_LEN..].iter();
        kept.map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ")
    })
});
const MOVE_BALANCE: &str = "INSERT INTO balances (tenant, account, posted, held)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET posted = posted + excluded.posted, held = held + excluded.held
    RETURNING posted, held";
const KEEP_LAST_ID: &str = "INSERT INTO last_event (only, id) VALUES (1, ?1)
    ON CONFLICT DO UPDATE SET id = max(id, excluded.id)";
const SET_TASK: &str = "INSERT INTO tasks (tenant, kind, subject, due, leased_until)
    VALUES (?1, ?2, ?3, ?4, 0)
    ON CONFLICT DO UPDATE SET due = excluded.due, leased_until = 0";
const END_TASK: &str = "DELETE FROM tasks WHERE tenant = ?1 AND kind = ?2 AND subject = ?3";

fn insert(table: &str, columns: &[&str]) -> String {
    let (list, marks) = (columns.join(", "), marks(columns.len()));
    format!("INSERT INTO {table} ({list}) VALUES ({marks})")
}

fn insert_all(table: &Table) -> String {
    insert(table.name, table.columns)
}

/// Writes the columns that can change where the version is still the one that was loaded:
/// parameters tenant, id, expected version, then the columns.
fn update(table: &Table, fixed_len: usize) -> String {
    let columns = table.columns.iter().skip(fixed_len).enumerate();
    let sets: Vec<String> = columns.map(|(at, column)| format!("{column} = ?{}", at + 4)).collect();
    let (name, sets) = (table.name, sets.join(", "));
    format!("UPDATE {name} SET {sets} WHERE tenant = ?1 AND id = ?2 AND version = ?3")
}

/// Commits the batches durably, and says of each how it went.
pub(crate) fn commit(
    connection: &mut Connection,
    batches: &[Batch],
) -> Vec<Result<(), CommitFault>> {
    try_commit(connection, batches)
        .unwrap_or_else(|fault| vec![Err(CommitFault::Store(fault)); batches.len()])
}

fn try_commit(
    connection: &mut Connection,
    batches: &[Batch],
) -> Result<Vec<Result<(), CommitFault>>, StoreFault> {
    if batches.is_empty() {
        return Ok(vec![]);
    }
    let mut transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let outcomes = match batches {
        [only] => vec![write(&transaction, only)],
        many => many
            .iter()
            .map(|batch| write_apart(&mut transaction, batch))
            .collect::<Result<_, StoreFault>>()?,
    };
    if outcomes.iter().any(Result::is_ok) {
        let stored = batches.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        keep_last_id(&transaction, stored.map(|(batch, _)| batch)).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    } else {
        transaction.rollback().map_err(fault)?;
    }
    Ok(outcomes)
}

/// Keeps the largest id of the events, so that it is found without a look at all of them.
fn keep_last_id<'b>(
    connection: &Connection,
    stored: impl Iterator<Item = &'b Batch>,
) -> rusqlite::Result<()> {
    let last = stored.flat_map(|batch| &batch.events).map(|event| event.id.value()).max();
    match last {
        Some(last) => connection.prepare_cached(KEEP_LAST_ID)?.execute([last]).map(|_| ()),
        None => Ok(()),
    }
}

/// Writes one batch of several, so that its failure does not disturb the others. Where SQLite gave
/// up the whole transaction, all have failed.
fn write_apart(
    transaction: &mut Transaction<'_>,
    batch: &Batch,
) -> Result<Result<(), CommitFault>, StoreFault> {
    let savepoint: Savepoint<'_> = transaction.savepoint().map_err(fault)?;
    match write(&savepoint, batch) {
        Ok(()) => savepoint.commit().map_err(fault).map(Ok),
        Err(CommitFault::Store(found)) if savepoint.is_autocommit() => Err(found),
        Err(refused) => roll_back(savepoint).map(|()| Err(refused)),
    }
}

fn roll_back(mut savepoint: Savepoint<'_>) -> Result<(), StoreFault> {
    savepoint.rollback().map_err(fault)?;
    savepoint.commit().map_err(fault)
}

fn write(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    write_orders(connection, &batch.orders)?;
    write_refunds(connection, &batch.refunds)?;
    write_notifications(connection, &batch.notifications)?;
    write_events(connection, batch)?;
    write_transfers(connection, batch)?;
    write_attempts(connection, batch)?;
    move_balances(connection, batch)?;
    store_keys(connection, batch)?;
    set_tasks(connection, batch)
}

/// A statement that writes, prepared when the first row wants it.
struct Writing<'c> {
    connection: &'c Connection,
    sql: &'c str,
    statement: Option<CachedStatement<'c>>,
}

impl<'c> Writing<'c> {
    fn new(connection: &'c Connection, sql: &'c str) -> Writing<'c> {
        Writing { connection, sql, statement: None }
    }

    /// The statement with these parts bound one behind the other.
    fn bound(&mut self, parts: &[&[Value<'_>]]) -> rusqlite::Result<&mut CachedStatement<'c>> {
        let statement = match &mut self.statement {
            Some(statement) => statement,
            none => none.insert(self.connection.prepare_cached(self.sql)?),
        };
        let mut first = 1;
        for part in parts {
            bind(statement, first, part)?;
            first += part.len();
        }
        Ok(statement)
    }

    fn run(&mut self, parts: &[&[Value<'_>]]) -> rusqlite::Result<usize> {
        self.bound(parts)?.raw_execute()
    }

    /// Adds a row that must not be there.
    fn add(
        &mut self,
        parts: &[&[Value<'_>]],
        name: impl FnOnce() -> String,
    ) -> Result<(), CommitFault> {
        match self.run(parts) {
            Ok(_) => Ok(()),
            Err(found) if is_taken(&found) => Err(CommitFault::Stale(name())),
            Err(found) => Err(fault(found).into()),
        }
    }

    /// Changes a row that must be there in the version that was loaded.
    fn change(
        &mut self,
        parts: &[&[Value<'_>]],
        name: impl FnOnce() -> String,
    ) -> Result<(), CommitFault> {
        match self.run(parts).map_err(fault)? {
            1 => Ok(()),
            _ => Err(CommitFault::Stale(name())),
        }
    }
}

fn name(noun: &str, id: impl Display) -> String {
    format!("{noun} {id}")
}

fn write_orders(
    connection: &Connection,
    orders: &[Write<kernel::Order>],
) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_ORDER);
    let mut insert_terms = Writing::new(connection, &INSERT_TERMS);
    let mut update = Writing::new(connection, &UPDATE_ORDER);
    for Write { row, expected } in orders {
        let name = || name("order", row.terms.id);
        if let Some(expected) = expected {
            let tenant = crate::load::text(&row.terms.tenant);
            let key = [tenant, Value::Int(row.terms.id.value()), Value::Int(*expected)];
            update.change(&[&key, &order::mutable(row)], name)?;
            continue;
        }
        let cells = order::row(row);
        let (terms, mutable) = cells.split_at(order::TERMS_LEN);
        insert.add(&[&terms[..NARROW_LEN], mutable], name)?;
        insert_terms.add(&[&terms[..ORDER_KEY_LEN], &terms[NARROW_LEN..]], name)?;
    }
    Ok(())
}

fn write_refunds(
    connection: &Connection,
    refunds: &[Write<kernel::Refund>],
) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_REFUND);
    let mut update = Writing::new(connection, &UPDATE_REFUND);
    for Write { row, expected } in refunds {
        let name = || name("refund", row.id);
        match expected {
            None => insert.add(&[&refund::row(row)], name)?,
            Some(expected) => {
                let tenant = crate::load::text(&row.tenant);
                let key = [tenant, Value::Int(row.id.value()), Value::Int(*expected)];
                update.change(&[&key, &refund::mutable(row)], name)?;
            }
        }
    }
    Ok(())
}

fn write_notifications(
    connection: &Connection,
    notifications: &[Write<kernel::Notification>],
) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_NOTIFICATION);
    let mut update = Writing::new(connection, &UPDATE_NOTIFICATION);
    for Write { row, expected } in notifications {
        let name = || name("notification", row.id);
        match expected {
            None => insert.add(&[&notification::row(row)], name)?,
            Some(expected) => {
                let tenant = crate::load::text(&row.tenant);
                let key = [tenant, Value::Int(row.id.value()), Value::Int(*expected)];
                update.change(&[&key, &notification::mutable(row)], name)?;
            }
        }
    }
    Ok(())
}

fn write_events(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_EVENT);
    for event in &batch.events {
        insert.add(&[&event::row(event)?], || name("event", event.id))?;
    }
    Ok(())
}

fn write_transfers(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_TRANSFER);
    for transfer in &batch.transfers {
        let row = transfer::row(&batch.tenant, transfer);
        insert.add(&[&row], || name("transfer", transfer.id))?;
    }
    Ok(())
}

fn write_attempts(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_ATTEMPT);
    for new in notification::attempts(batch)? {
        let row = notification::attempt_row(&new);
        insert.add(&[&row], || name("attempt of notification", new.notification))?;
    }
    Ok(())
}

/// Adds each change, then holds the result to the book's own rule.
fn move_balances(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut add = Writing::new(connection, MOVE_BALANCE);
    for (account, delta) in &batch.deltas {
        let row = transfer::delta_row(&batch.tenant, account, *delta);
        let statement = add.bound(&[&row]).map_err(fault)?;
        let after = balance(statement).map_err(|found| unfit(found, account))?;
        let before = Balance {
            posted: after.posted.minus(delta.posted).map_err(|_| out_of_range(account))?,
            held: after.held.minus(delta.held).map_err(|_| out_of_range(account))?,
        };
        before.after(account, *delta).map_err(|broken| match broken {
            BookFault::Floor { account, .. } | BookFault::NotHeld { account, .. } => {
                CommitFault::Floor(account)
            }
            BookFault::NotPositive(_) | BookFault::SameAccount(_) | BookFault::Money(_) => {
                out_of_range(account)
            }
        })?;
    }
    Ok(())
}

fn balance(statement: &mut CachedStatement<'_>) -> rusqlite::Result<Balance> {
    let mut rows = statement.raw_query();
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let balance = Balance { posted: Fen::new(row.get(0)?), held: Fen::new(row.get(1)?) };
    // The statement has done its work only when it is run to its end.
    while rows.next()?.is_some() {}
    Ok(balance)
}

/// SQLite makes a fraction of a sum that does not fit, which the column does not take.
fn unfit(found: rusqlite::Error, account: &Account) -> CommitFault {
    if is_misfit(&found) { out_of_range(account) } else { fault(found).into() }
}

fn out_of_range(account: &Account) -> CommitFault {
    CommitFault::Stale(format!("balance of {}: out of range", account.key()))
}

fn store_keys(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut keep = Writing::new(connection, &KEEP_KEY);
    for (stored_by, account, platform_key) in key::kept(batch) {
        let row = key::row(&batch.tenant, stored_by, account, platform_key);
        keep.run(&[&row]).map_err(fault)?;
    }
    Ok(())
}

fn set_tasks(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut set = Writing::new(connection, SET_TASK);
    let mut end = Writing::new(connection, END_TASK);
    for change in &batch.tasks {
        let key = task::key(&change.task);
        match change.due {
            Some(due) => set.run(&[&key, &[Value::Int(due.ms())]]),
            None => end.run(&[&key]),
        }
        .map_err(fault)?;
    }
    Ok(())
}
