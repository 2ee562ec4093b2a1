//! The baseline of a server: the rows of orders that are in a database already, written once more
//! into fresh tables of the same shape, in batches of the same size, over one connection, by a loop
//! that does nothing else.
//!
//! It is what no program over this store can exceed, and stands beside a measured figure to tell how
//! much of the server the program leaves on the table.

use crate::address::Address;
use crate::fault;
use adapters::Stopwatch;
use store::{Baseline, StoreFault};
use tokio_postgres::{Client, Statement};

/// Orders that are written, at most.
const ORDERS_MAX: i64 = 100_000;

/// Fresh tables of the same shape, emptied should they be there.
const MAKE: &str = "DROP SCHEMA IF EXISTS baseline CASCADE; CREATE SCHEMA baseline;
    CREATE TABLE baseline.orders (LIKE orders INCLUDING ALL);
    CREATE TABLE baseline.order_terms (LIKE order_terms INCLUDING ALL);
    CREATE TABLE baseline.recharges (LIKE recharges INCLUDING ALL);
    CREATE TABLE baseline.cards (LIKE cards INCLUDING ALL);
    CREATE TABLE baseline.wallet_payments (LIKE wallet_payments INCLUDING ALL);
    CREATE TABLE baseline.transfers (LIKE transfers INCLUDING ALL);
    CREATE TABLE baseline.events (LIKE events INCLUDING ALL);
    CREATE TABLE baseline.tasks (LIKE tasks INCLUDING ALL)";
const END: &str = "DROP SCHEMA baseline CASCADE";

/// The rows of the orders with these ids, once more. The server reads them from its memory; nothing
/// but the ids crosses the connection.
const WRITES: [&str; 8] = [
    "INSERT INTO baseline.orders SELECT * FROM orders WHERE tenant = $1 AND id = ANY($2)",
    "INSERT INTO baseline.order_terms SELECT * FROM order_terms WHERE tenant = $1 AND id = ANY($2)",
    "INSERT INTO baseline.recharges SELECT * FROM recharges
        WHERE tenant = $1 AND order_id = ANY($2)",
    "INSERT INTO baseline.cards SELECT * FROM cards WHERE tenant = $1 AND order_id = ANY($2)",
    "INSERT INTO baseline.wallet_payments SELECT * FROM wallet_payments
        WHERE tenant = $1 AND order_id = ANY($2)",
    "INSERT INTO baseline.transfers SELECT * FROM transfers
        WHERE tenant = $1 AND root = ANY($2)",
    "INSERT INTO baseline.events SELECT * FROM events WHERE tenant = $1 AND root = ANY($2)",
    "INSERT INTO baseline.tasks SELECT * FROM tasks
        WHERE tenant = $1 AND subject_kind = 'order' AND subject_id = ANY($2)",
];

/// Writes the rows of a tenant's orders once more, `batch` orders a transaction, each durable before
/// the next begins.
///
/// # Errors
/// When the database cannot be reached, read or written.
pub async fn write(url: &str, tenant: &str, batch: usize) -> Result<Baseline, StoreFault> {
    let (mut client, _connection) = Address::read(url)?.connect().await?;
    let batch = batch.max(1);
    let failed = |error: tokio_postgres::Error| fault::store(&error);
    client.batch_execute(MAKE).await.map_err(failed)?;
    let sql = "SELECT id FROM orders WHERE tenant = $1 ORDER BY id LIMIT $2";
    let rows = client.query(sql, &[&tenant, &ORDERS_MAX]).await.map_err(failed)?;
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut statements = Vec::with_capacity(WRITES.len());
    for sql in WRITES {
        statements.push(client.prepare(sql).await.map_err(failed)?);
    }
    let stopwatch = Stopwatch::start();
    for ids in ids.chunks(batch) {
        write_batch(&mut client, &statements, tenant, ids).await.map_err(failed)?;
    }
    let took = stopwatch.elapsed();
    client.batch_execute(END).await.map_err(failed)?;
    Ok(Baseline { orders: ids.len(), batch, took })
}

async fn write_batch(
    client: &mut Client,
    statements: &[Statement],
    tenant: &str,
    ids: &[i64],
) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    for statement in statements {
        transaction.execute(statement, &[&tenant, &ids]).await?;
    }
    transaction.commit().await
}
