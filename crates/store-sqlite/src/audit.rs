//! Proving the books: each rule that needs more than the accounts is a question for the first row
//! that breaks it.

use crate::sql::audit::{
    ARCHIVE_RULES, BALANCES, COUNTS, MONEY_RULES, PAID_WITHOUT_NOTIFICATION, POSTINGS, RuleSql,
    TRANSFER_SHAPE,
};
use crate::sql::rows::SqlRow;
use crate::statement::{Select, fault};
use ledger::{Id, kinds};
use rusqlite::{Connection, OptionalExtension};
use store::audit::{Rule, Sums, accounts};
use store::rows::{noun, transfer};
use store::{AuditReport, StoreFault};

/// Proves the books as one snapshot has them.
pub(crate) fn audit(connection: &Connection) -> Result<AuditReport, StoreFault> {
    let mut report = counted(connection).map_err(fault)?;
    check(connection, &mut report, TRANSFER_SHAPE)?;
    let balances = sums(connection, BALANCES)?;
    let postings = sums(connection, POSTINGS)?;
    accounts(&mut report, &balances, &postings)?;
    for rule in MONEY_RULES {
        check(connection, &mut report, rule)?;
    }
    for rule in row_rules() {
        check(connection, &mut report, rule)?;
    }
    check(connection, &mut report, PAID_WITHOUT_NOTIFICATION)?;
    for rule in ARCHIVE_RULES {
        check(connection, &mut report, rule)?;
    }
    Ok(report)
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        /// The rules that every aggregate keeps.
        pub(crate) fn row_rules() -> Vec<RuleSql> {
            vec![
                $((Rule::HeldDiffers, noun::<kernel::$row>(), &kernel::$row::sql().held_differs),)*
                $((
                    Rule::HoldWithoutRow,
                    noun::<kernel::$row>(),
                    &kernel::$row::sql().hold_without_row,
                ),)*
                $((
                    Rule::OpenWithoutTask,
                    noun::<kernel::$row>(),
                    &kernel::$row::sql().open_without_task,
                ),)*
            ]
        }
    };
}
kernel::aggregates!(of_all);

fn counted(connection: &Connection) -> rusqlite::Result<AuditReport> {
    connection.query_row(COUNTS, [], |row| {
        let count = |at| row.get(at).map(|count: i64| u64::try_from(count).unwrap_or_default());
        let moved = row.get(4)?;
        Ok(AuditReport {
            orders: count(0)?,
            paid_orders: count(1)?,
            transfers: count(2)?,
            accounts: count(3)?,
            debits: moved,
            credits: moved,
            faults: vec![],
        })
    })
}

fn sums(connection: &Connection, sql: &str) -> Result<Sums, StoreFault> {
    let mut select = Select::new(connection, transfer::BALANCES.name, sql)?;
    let rows = select.all(&[], transfer::read_balance)?;
    Ok(rows.into_iter().map(|(tenant, row)| ((tenant, row.account), row.balance)).collect())
}

#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
fn check(
    connection: &Connection,
    report: &mut AuditReport,
    (rule, noun, sql): RuleSql,
) -> Result<(), StoreFault> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let first: Option<(String, i64)> =
        connection.query_row(sql, [], read).optional().map_err(fault)?;
    let fault = first.map(|(tenant, id)| {
        let id: Id<kinds::Root> = Id::from_value(id);
        rule.fault(tenant, noun, id)
    });
    report.faults.extend(fault);
    Ok(())
}
