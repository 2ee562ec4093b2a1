//! Committing: a batch is one transaction, a table a statement, all of it sent before the first
//! answer. What many transactions want to change, the balances, comes last.

use crate::cell::{Parameter, columns};
use crate::connection::Step;
use crate::fault;
use crate::pipeline::{self, Sending};
use crate::pool::{Pool, WRITERS};
use crate::sql::rows::SqlRow;
use crate::sql::{Sql, commit as sql, session};
use kernel::{Changed, TenantId};
use ledger::{Account, Delta, Fen, Subject, SubjectKind};
use std::collections::BTreeMap;
use store::rows::{
    Value, archive, claimed_name, event, expected_cells, mutable_cells, parts, task, transfer,
};
use store::{Archival, Batch, CommitFault, StoreFault, Write};
use tokio_postgres::Error;

type Outcome = Result<(), CommitFault>;
type Row<'a> = Vec<Value<'a>>;

/// Commits the batches: those of one writer behind each other, the writers side by side.
pub(crate) async fn commit(pool: &Pool, batches: &[Batch]) -> Vec<Outcome> {
    let mut shares: [Vec<usize>; WRITERS] = Default::default();
    for (at, batch) in batches.iter().enumerate() {
        pool.wrote(batch.changed.orders.len());
        shares[Pool::share(&batch.tenant)].push(at);
    }
    let wanted = shares.iter().enumerate().filter(|(_, own)| !own.is_empty());
    let writing = wanted.map(|(share, own)| -> Sending<'_, Vec<(usize, Outcome)>> {
        Box::pin(async move {
            let transactions: Vec<_> = own.iter().map(|at| steps(&batches[*at])).collect();
            let outcomes = outcomes(send(pool, share, &transactions).await, own.len());
            own.iter().copied().zip(outcomes).collect()
        })
    });
    let mut outcomes: Vec<(usize, Outcome)> =
        pipeline::all(writing.collect()).await.into_iter().flatten().collect();
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Commits the batch of a tenant whose rows were found locked, over a session apart.
pub(crate) async fn commit_apart(pool: &Pool, batch: &Batch) -> Outcome {
    pool.wrote(batch.changed.orders.len());
    let sent =
        async { pool.apart().await?.transactions(session::BEGIN_APART, &[steps(batch)]).await };
    outcomes(sent.await, 1).into_iter().collect()
}

/// Moves out what is archived, over the session apart: it delays no tenant's commit.
pub(crate) async fn archive(pool: &Pool, archival: &Archival) -> Outcome {
    let steps = steps_of_archival(archival);
    let sent = async { pool.apart().await?.transactions(session::BEGIN_APART, &[steps]).await };
    outcomes(sent.await, 1).into_iter().collect()
}

async fn send(
    pool: &Pool,
    share: usize,
    transactions: &[Vec<Step<'_>>],
) -> Result<Vec<Result<(), Error>>, StoreFault> {
    pool.writer(share).await?.transactions(session::BEGIN, transactions).await
}

/// How the transactions ended, as outcomes; the same for all when the session failed.
fn outcomes(ended: Result<Vec<Result<(), Error>>, StoreFault>, len: usize) -> Vec<Outcome> {
    match ended {
        Ok(ended) => {
            ended.into_iter().map(|end| end.map_err(|error| fault::commit(&error))).collect()
        }
        Err(fault) => vec![Err(CommitFault::Store(fault)); len],
    }
}

/// What a batch writes.
fn steps(batch: &Batch) -> Vec<Step<'_>> {
    let mut writing = Writing { tenant: &batch.tenant, steps: vec![] };
    writing.changed(&batch.changed);
    writing.unchanged(&batch.rests_on);
    let claims = claimed_name::claimed(&batch.changed)
        .map(|claimed| claimed_name::row(&batch.tenant, claimed).into());
    writing.rows(&sql::CLAIM_NAMES, claims.collect());
    writing.rows(&sql::INSERT_EVENTS, batch.events.iter().map(event::row).collect());
    let transfers = batch.transfers.iter().map(|moved| transfer::row(&batch.tenant, moved));
    writing.rows(&sql::INSERT_TRANSFERS, transfers.collect());
    writing.tasks(batch);
    writing.balances(&batch.deltas);
    let wanted = batch.balances.iter();
    let wanted =
        wanted.map(|(account, balance)| transfer::balance_row(&batch.tenant, account, *balance));
    writing.rows(&sql::EXPECT_BALANCES, wanted.collect());
    writing.steps
}

/// What archiving writes and deletes.
fn steps_of_archival(archival: &Archival) -> Vec<Step<'_>> {
    let record = &archival.record;
    let tenant = || Value::text(record.tenant.as_str());
    let mut writing = Writing { tenant: &record.tenant, steps: vec![] };
    writing.rows(&sql::INSERT_ARCHIVES, vec![archive::row(record)]);
    writing.unchanged(&archival.kept);
    let events = archival.events.iter();
    let events =
        events.map(|(root, id)| vec![tenant(), Value::Int(root.value()), Value::Int(id.value())]);
    writing.rows(&sql::DELETE_EVENTS, events.collect());
    let notifications = archival.notifications.iter();
    let notifications = notifications
        .map(|(id, version)| vec![tenant(), Value::Int(id.value()), Value::Int(*version)]);
    writing.rows(&sql::DELETE_NOTIFICATIONS, notifications.collect());
    let archived = archival.archived.iter();
    let archived = archived.map(|events| archive::events_row(&record.tenant, events));
    writing.rows(&sql::INSERT_ARCHIVED_EVENTS, archived.collect());
    writing.steps
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        impl<'a> Writing<'a> {
            fn changed(&mut self, changed: &'a Changed) {
                $(self.aggregates(&changed.$rows);)*
            }

            /// Wants rows that stay to be as they were.
            fn unchanged(&mut self, kept: &'a [(Subject, i64)]) {
                $(
                    let own = kept.iter();
                    let own = own.filter(|(subject, _)| subject.kind == SubjectKind::$row);
                    let keys = own.map(|(subject, version)| {
                        let tenant = Value::text(self.tenant.as_str());
                        vec![tenant, Value::Int(subject.value), Value::Int(*version)]
                    });
                    let keys = keys.collect();
                    self.rows(&kernel::$row::sql().expect, keys);
                )*
            }
        }
    };
}
kernel::aggregates!(of_all);

/// The statements of one tenant's batch so far.
struct Writing<'a> {
    tenant: &'a TenantId,
    steps: Vec<Step<'a>>,
}

impl<'a> Writing<'a> {
    /// Adds a statement for rows that begin with their tenant, if there are any.
    fn rows(&mut self, sql: &'static Sql, rows: Vec<Row<'a>>) {
        if rows.is_empty() {
            return;
        }
        let tenant = Parameter::text(self.tenant.as_str());
        let others = rows.into_iter().map(|mut row| row.split_off(1)).collect();
        self.steps.push(Step::new(sql, std::iter::once(tenant).chain(columns(others))));
    }

    fn aggregates<A: SqlRow>(&mut self, writes: &'a [Write<A>]) {
        let (mut new, mut terms, mut changed) = (vec![], vec![], vec![]);
        for write in writes {
            if let Some(expected) = write.expected {
                let key = expected_cells(write, expected).into_iter();
                changed.push(key.chain(mutable_cells(&write.row)).collect());
            } else {
                let parts = parts(&write.row);
                new.push(parts.own);
                terms.push(parts.terms);
            }
        }
        let statements = A::sql();
        self.rows(&statements.insert, new);
        if let Some(insert_terms) = &statements.insert_terms {
            self.rows(insert_terms, terms);
        }
        self.rows(&statements.update, changed);
    }

    fn tasks(&mut self, batch: &'a Batch) {
        let (mut set, mut ended) = (vec![], vec![]);
        for change in &batch.tasks {
            match change.due {
                Some(due) => set.push(task::row(&change.task, due).into()),
                None => ended.push(task::key(&change.task).into()),
            }
        }
        self.rows(&sql::SET_TASKS, set);
        self.rows(&sql::END_TASKS, ended);
    }

    fn balances(&mut self, deltas: &BTreeMap<Account, Delta>) {
        let (mut opened, mut moved) = (vec![], vec![]);
        for (account, delta) in deltas {
            let mut row = transfer::delta_row(self.tenant, account, *delta);
            row.push(Value::number(account.kind.floor().map(Fen::get)));
            opened.push(row.iter().take(2).cloned().collect());
            moved.push(row);
        }
        self.rows(&sql::OPEN_BALANCES, opened);
        self.rows(&sql::MOVE_BALANCES, moved);
    }
}
