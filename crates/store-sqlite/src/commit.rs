//! Committing batches: all in one transaction, each whole or not at all.

use crate::archive::of_version;
use crate::load::text;
use crate::sql::claim::{END, SET};
use crate::sql::commit::{
    BALANCE_IS, CLAIM_NAME, INSERT_EVENT, INSERT_TRANSFER, MOVE_BALANCE, STORE_LAST_ID,
};
use crate::sql::rows::SqlRow;
use crate::statement::{bind, fault, is_misfit, is_taken};
use kernel::Changed;
use ledger::{Account, Balance, BookFault, Fen};
use rusqlite::{CachedStatement, Connection, Savepoint, Transaction, TransactionBehavior};
use std::fmt::Display;
use store::rows::{
    Value, claimed_name, event, expected_cells, mutable_cells, noun, parts, task, transfer,
};
use store::{Batch, CommitFault, StoreFault, Write};

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
        store_last_id(&transaction, stored.map(|(batch, _)| batch)).map_err(fault)?;
        transaction.commit().map_err(fault)?;
    } else {
        transaction.rollback().map_err(fault)?;
    }
    Ok(outcomes)
}

/// Stores the largest id of the events, so that it is found without a look at all of them.
fn store_last_id<'b>(
    connection: &Connection,
    stored: impl Iterator<Item = &'b Batch>,
) -> rusqlite::Result<()> {
    let last = stored.flat_map(|batch| &batch.events).map(|event| event.id.value()).max();
    match last {
        Some(last) => connection.prepare_cached(STORE_LAST_ID)?.execute([last]).map(|_| ()),
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
    write_changed(connection, &batch.changed)?;
    for (subject, version) in &batch.rests_on {
        let key = [text(&batch.tenant), Value::Int(subject.value), Value::Int(*version)];
        expect(connection, of_version(subject.kind), &key, || subject.to_string())?;
    }
    claim_names(connection, batch)?;
    write_events(connection, batch)?;
    write_transfers(connection, batch)?;
    move_balances(connection, batch)?;
    for (account, balance) in &batch.balances {
        let row = transfer::balance_row(&batch.tenant, account, *balance);
        expect(connection, BALANCE_IS, &row, || name("balance", account.key()))?;
    }
    set_tasks(connection, batch)
}

/// A statement that writes, prepared when the first row wants it.
pub(crate) struct Writing<'c> {
    connection: &'c Connection,
    sql: &'c str,
    statement: Option<CachedStatement<'c>>,
}

impl<'c> Writing<'c> {
    pub(crate) fn new(connection: &'c Connection, sql: &'c str) -> Writing<'c> {
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
    pub(crate) fn add(
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

    /// Changes or deletes a row that must be there in the version that was loaded.
    pub(crate) fn change(
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

/// Wants a row to be there.
pub(crate) fn expect(
    connection: &Connection,
    sql: &str,
    key: &[Value<'_>],
    name: impl FnOnce() -> String,
) -> Result<(), CommitFault> {
    let mut statement = connection.prepare_cached(sql).map_err(fault)?;
    bind(&mut statement, 1, key).map_err(fault)?;
    let is_there = statement.raw_query().next().map_err(fault)?.is_some();
    if is_there { Ok(()) } else { Err(CommitFault::Stale(name())) }
}

pub(crate) fn name(noun: &str, id: impl Display) -> String {
    format!("{noun} {id}")
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        fn write_changed(connection: &Connection, changed: &Changed) -> Result<(), CommitFault> {
            $(write_rows(connection, &changed.$rows)?;)*
            Ok(())
        }
    };
}
kernel::aggregates!(of_all);

/// Adds new rows, and writes what can change of the others.
fn write_rows<A: SqlRow>(connection: &Connection, writes: &[Write<A>]) -> Result<(), CommitFault> {
    let sql = A::sql();
    let mut insert = Writing::new(connection, &sql.insert);
    let mut insert_terms = sql.insert_terms.as_ref().map(|sql| Writing::new(connection, sql));
    let mut update = Writing::new(connection, &sql.update);
    for write in writes {
        let name = || name(noun::<A>(), write.row.id());
        if let Some(expected) = write.expected {
            let cells = [&expected_cells(write, expected)[..], &mutable_cells(&write.row)];
            update.change(&cells, name)?;
            continue;
        }
        let parts = parts(&write.row);
        insert.add(&[&parts.own], name)?;
        if let Some(insert_terms) = &mut insert_terms {
            insert_terms.add(&[&parts.terms], name)?;
        }
    }
    Ok(())
}

/// Claims the names of new rows; one that another tenant has is as stale as a row that was changed.
fn claim_names(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &CLAIM_NAME);
    for claimed in claimed_name::claimed(&batch.changed) {
        let row = claimed_name::row(&batch.tenant, claimed);
        insert.add(&[&row], || name(claimed.kind, claimed.name))?;
    }
    Ok(())
}

fn write_events(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut insert = Writing::new(connection, &INSERT_EVENT);
    for event in &batch.events {
        insert.add(&[&event::row(event)], || name("event", event.id))?;
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

fn set_tasks(connection: &Connection, batch: &Batch) -> Result<(), CommitFault> {
    let mut set = Writing::new(connection, SET);
    let mut end = Writing::new(connection, END);
    for change in &batch.tasks {
        match change.due {
            Some(due) => set.run(&[&task::row(&change.task, due)]),
            None => end.run(&[&task::key(&change.task)]),
        }
        .map_err(fault)?;
    }
    Ok(())
}
