//! The baseline of a disk: the rows of orders that are in a database already, written once more into
//! a fresh one, in batches of the same size, by a loop that does nothing else.
//!
//! It is what no program over this store can exceed, and stands beside a measured figure to tell how
//! much of the machine the program leaves on the table.

use crate::checkpoints::Checkpoints;
use crate::connection::writer;
use crate::schema;
use crate::statement::fault;
use adapters::sqlite::Housekeeping;
use adapters::stopwatch::{Stopwatch, monotonic};
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use std::path::Path;
use store::{Baseline, StoreFault};

/// Orders that are written, at most: their rows are kept in memory.
const ORDERS_MAX: usize = 100_000;

/// The tables that a new order writes to, and the column that names the order.
const TABLES: [(&str, &str); 9] = [
    ("orders", "id"),
    ("order_terms", "id"),
    ("allocations", "order_id"),
    ("recharges", "order_id"),
    ("cards", "order_id"),
    ("wallet_payments", "order_id"),
    ("transfers", "root"),
    ("events", "root"),
    ("tasks", "subject_id"),
];

/// The rows of orders, in memory.
#[derive(Debug)]
pub struct Orders(Vec<Rows>);

/// Reads the rows of the first orders in `source`.
///
/// # Errors
/// When the database cannot be opened or read.
pub fn read(source: &Path) -> Result<Orders, StoreFault> {
    try_read(source).map(Orders).map_err(fault)
}

/// Writes the orders into the fresh database `target`, `batch` orders a transaction, each on disk
/// before the next begins.
///
/// # Errors
/// When the database cannot be opened or written.
pub fn write(orders: &Orders, target: &Path, batch: usize) -> Result<Baseline, StoreFault> {
    let Orders(orders) = orders;
    let mut connection = writer(target)?;
    schema::migrate(&mut connection)?;
    let mut checkpoints = Checkpoints::new(&connection);
    let batch = batch.max(1);
    let stopwatch = Stopwatch::start();
    for batch in orders.chunks(batch) {
        write_batch(&mut connection, batch).map_err(fault)?;
        checkpoints.after_work(&connection, monotonic());
    }
    Ok(Baseline { orders: orders.len(), batch, took: stopwatch.elapsed() })
}

/// The rows of one order: table and cells.
type Rows = Vec<(usize, Vec<Value>)>;

fn try_read(source: &Path) -> rusqlite::Result<Vec<Rows>> {
    let connection = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sql = "SELECT id FROM orders ORDER BY id LIMIT ?1";
    let mut statement = connection.prepare(sql)?;
    let limit = i64::try_from(ORDERS_MAX).unwrap_or(i64::MAX);
    let ids = statement.query_map([limit], |row| row.get::<_, i64>(0))?;
    let ids = ids.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut orders: Vec<Rows> = ids.iter().map(|_| Rows::new()).collect();
    for (table, (name, column)) in TABLES.iter().enumerate() {
        let mut statement =
            connection.prepare(&format!("SELECT {column}, * FROM {name} ORDER BY {column}"))?;
        let cells = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Ok(at) = ids.binary_search(&row.get(0)?) else { continue };
            let cells = (1..cells).map(|cell| row.get(cell)).collect::<rusqlite::Result<_>>()?;
            orders[at].push((table, cells));
        }
    }
    Ok(orders)
}

fn write_batch(connection: &mut Connection, orders: &[Rows]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (table, cells) in orders.iter().flatten() {
        let (name, _) = TABLES[*table];
        let places = vec!["?"; cells.len()].join(", ");
        let sql = format!("INSERT INTO {name} VALUES ({places})");
        transaction.prepare_cached(&sql)?.execute(params_from_iter(cells))?;
    }
    transaction.commit()
}
