//! Committing: a batch is one transaction, a table a statement, all of it sent before the first
//! answer. What many transactions want to change, the balances, comes last.

use crate::cell::{Parameter, columns};
use crate::connection::Step;
use crate::fault;
use crate::pipeline::{self, Sending};
use crate::pool::{Pool, WRITERS};
use crate::sql::{Sql, commit as sql};
use kernel::TenantId;
use ledger::{Account, Delta, Fen};
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::rows::{Value, event, key, notification, order, refund, task, transfer};
use store::{Batch, CommitFault, StoreFault, Write};

/// The leading columns of an order that stay in the narrow table.
const NARROW_LEN: usize = 4;

type Outcome = Result<(), CommitFault>;
type Row<'a> = Vec<Value<'a>>;

/// Commits the batches: those of one writer behind each other, the writers side by side.
pub(crate) async fn commit(pool: &Pool, batches: &[Batch]) -> Vec<Outcome> {
    let mut shares: [Vec<usize>; WRITERS] = Default::default();
    for (at, batch) in batches.iter().enumerate() {
        pool.wrote(batch.orders.len());
        shares[Pool::share(&batch.tenant)].push(at);
    }
    let busy = shares.iter().enumerate().filter(|(_, own)| !own.is_empty());
    let writing = busy.map(|(share, own)| -> Sending<'_, Vec<(usize, Outcome)>> {
        Box::pin(async move {
            let outcomes = write(pool, share, own.iter().map(|at| &batches[*at])).await;
            own.iter().copied().zip(outcomes).collect()
        })
    });
    let mut outcomes: Vec<(usize, Outcome)> =
        pipeline::all(writing.collect()).await.into_iter().flatten().collect();
    outcomes.sort_by_key(|(at, _)| *at);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

/// Commits a writer's batches. One that cannot be written down is not sent.
async fn write<'b>(
    pool: &Pool,
    share: usize,
    batches: impl Iterator<Item = &'b Batch>,
) -> Vec<Outcome> {
    let mut outcomes: Vec<Option<Outcome>> = vec![];
    let mut transactions = vec![];
    for batch in batches {
        match steps(batch) {
            Ok(steps) => {
                transactions.push(steps);
                outcomes.push(None);
            }
            Err(fault) => outcomes.push(Some(Err(CommitFault::Store(fault)))),
        }
    }
    let mut sent = send(pool, share, &transactions).await.into_iter();
    outcomes.into_iter().filter_map(|outcome| outcome.or_else(|| sent.next())).collect()
}

async fn send(pool: &Pool, share: usize, transactions: &[Vec<Step<'_>>]) -> Vec<Outcome> {
    let sent = async {
        let mut writer = pool.writer(share).await?;
        writer.transactions(transactions).await
    };
    match sent.await {
        Ok(ended) => {
            ended.into_iter().map(|end| end.map_err(|error| fault::commit(&error))).collect()
        }
        Err(fault) => vec![Err(CommitFault::Store(fault)); transactions.len()],
    }
}

/// What a batch writes.
fn steps(batch: &Batch) -> Result<Vec<Step<'_>>, StoreFault> {
    let mut writing = Writing { tenant: &batch.tenant, steps: vec![] };
    writing.orders(&batch.orders);
    writing.aggregates(&batch.refunds, REFUNDS);
    writing.aggregates(&batch.notifications, NOTIFICATIONS);
    let events: Result<Vec<Row<'_>>, StoreFault> = batch.events.iter().map(event::row).collect();
    writing.rows(sql::INSERT_EVENTS, events?);
    let transfers = batch.transfers.iter().map(|moved| transfer::row(&batch.tenant, moved));
    writing.rows(sql::INSERT_TRANSFERS, transfers.collect());
    let attempts = notification::attempts(batch)?;
    writing.rows(sql::INSERT_ATTEMPTS, attempts.iter().map(notification::attempt_row).collect());
    writing.rows(sql::KEEP_KEYS, keys(batch));
    writing.tasks(batch);
    writing.balances(&batch.deltas);
    Ok(writing.steps)
}

/// The last of each key, because one statement writes a row once.
fn keys(batch: &Batch) -> Vec<Row<'_>> {
    let mut last = BTreeMap::new();
    for (stored_by, account, key) in key::kept(batch) {
        last.insert((account, &key.serial), key::row(&batch.tenant, stored_by, account, key));
    }
    last.into_values().collect()
}

/// How an aggregate becomes statements.
struct Aggregate<T> {
    insert: Sql,
    update: Sql,
    row: fn(&T) -> Row<'_>,
    mutable: fn(&T) -> Row<'_>,
    id: fn(&T) -> i64,
}

const REFUNDS: Aggregate<kernel::Refund> = Aggregate {
    insert: sql::INSERT_REFUNDS,
    update: sql::UPDATE_REFUNDS,
    row: refund::row,
    mutable: refund::mutable,
    id: |refund| refund.id.value(),
};

const NOTIFICATIONS: Aggregate<kernel::Notification> = Aggregate {
    insert: sql::INSERT_NOTIFICATIONS,
    update: sql::UPDATE_NOTIFICATIONS,
    row: notification::row,
    mutable: notification::mutable,
    id: |notification| notification.id.value(),
};

/// The statements of one tenant's batch so far.
struct Writing<'a> {
    tenant: &'a TenantId,
    steps: Vec<Step<'a>>,
}

impl<'a> Writing<'a> {
    /// Adds a statement for rows without their tenant, if there are any.
    fn keyed(&mut self, sql: Sql, rows: Vec<Row<'a>>) {
        if rows.is_empty() {
            return;
        }
        let tenant = Parameter::text(self.tenant.as_str());
        self.steps.push(Step::new(sql, std::iter::once(tenant).chain(columns(rows))));
    }

    /// The same for rows that begin with their tenant.
    fn rows(&mut self, sql: Sql, rows: Vec<Row<'a>>) {
        self.keyed(sql, rows.into_iter().map(|mut row| row.split_off(1)).collect());
    }

    fn orders(&mut self, orders: &'a [Write<kernel::Order>]) {
        let (mut narrow, mut wide, mut changed) = (vec![], vec![], vec![]);
        for Write { row: order, expected } in orders {
            let id = Value::Int(order.terms.id.value());
            match expected {
                None => {
                    let mut cells = order::row(order);
                    let mutable = cells.split_off(order::TERMS_LEN);
                    let terms = cells.split_off(NARROW_LEN);
                    narrow.push(cells.into_iter().chain(mutable).collect());
                    wide.push(std::iter::once(id).chain(terms).collect());
                }
                Some(version) => changed.push(update(id, *version, order::mutable(order))),
            }
        }
        self.rows(sql::INSERT_ORDERS, narrow);
        self.keyed(sql::INSERT_TERMS, wide);
        self.keyed(sql::UPDATE_ORDERS, changed);
    }

    fn aggregates<T>(&mut self, writes: &'a [Write<T>], aggregate: Aggregate<T>) {
        let (mut new, mut changed) = (vec![], vec![]);
        for Write { row, expected } in writes {
            match expected {
                None => new.push((aggregate.row)(row)),
                Some(version) => {
                    let id = Value::Int((aggregate.id)(row));
                    changed.push(update(id, *version, (aggregate.mutable)(row)));
                }
            }
        }
        self.rows(aggregate.insert, new);
        self.keyed(aggregate.update, changed);
    }

    fn tasks(&mut self, batch: &'a Batch) {
        let (mut set, mut ended) = (vec![], vec![]);
        for change in &batch.tasks {
            let key = task::key(&change.task).into_iter();
            match change.due {
                Some(due) => set.push(key.chain([Value::Int(due.ms())]).collect()),
                None => ended.push(key.collect()),
            }
        }
        self.rows(sql::SET_TASKS, set);
        self.rows(sql::END_TASKS, ended);
    }

    fn balances(&mut self, deltas: &BTreeMap<Account, Delta>) {
        let account = |account: &Account| Value::Text(Cow::Owned(account.key()));
        let floor = |account: &Account| account.kind.floor().map(Fen::get);
        let opened = deltas.keys().map(|name| vec![account(name)]).collect();
        let moved = deltas.iter().map(|(name, delta)| {
            let floor = floor(name).map_or(Value::Null, Value::Int);
            let (posted, held) = (delta.posted.get(), delta.held.get());
            vec![account(name), Value::Int(posted), Value::Int(held), floor]
        });
        let moved = moved.collect();
        self.keyed(sql::OPEN_BALANCES, opened);
        self.keyed(sql::MOVE_BALANCES, moved);
    }
}

/// The cells of an update: which, at what version, and what can change.
fn update<'a>(id: Value<'a>, expected: i64, mutable: Row<'a>) -> Row<'a> {
    [id, Value::Int(expected)].into_iter().chain(mutable).collect()
}
