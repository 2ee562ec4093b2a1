//! Transfers and balances.

use super::cells::{Cells, Table, Value};
use crate::{AccountRow, StoreFault};
use kernel::TenantId;
use ledger::{Account, Balance, Delta, Phase, Reason, Transfer};

/// A transfer.
pub const TRANSFERS: Table = Table {
    name: "transfers",
    columns: &["tenant", "id", "order_id", "at", "phase", "debit", "credit", "amount", "reason"],
};

/// The balance of an account.
pub const BALANCES: Table =
    Table { name: "balances", columns: &["tenant", "account", "posted", "held"] };

/// The cells of a transfer.
pub fn row<'a>(tenant: &'a TenantId, transfer: &'a Transfer) -> Vec<Value<'a>> {
    vec![
        Value::text(tenant.as_str()),
        Value::Int(transfer.id.value()),
        Value::Int(transfer.order.value()),
        Value::Int(transfer.at.ms()),
        Value::text(transfer.phase.name()),
        Value::owned(transfer.debit.key()),
        Value::owned(transfer.credit.key()),
        Value::Int(transfer.amount.get()),
        Value::text(transfer.reason.name()),
    ]
}

/// Reads the cells of a transfer.
///
/// # Errors
/// When a cell holds what no transfer can have.
pub fn read(cells: &[Value<'_>]) -> Result<Transfer, StoreFault> {
    let mut cells = Cells::new(&TRANSFERS, cells);
    cells.text()?;
    let id = cells.id()?;
    let order = cells.id()?;
    let at = cells.time()?;
    let phase = cells.word(Phase::from_name)?;
    let debit = cells.word(Account::from_key)?;
    let credit = cells.word(Account::from_key)?;
    let amount = cells.fen()?;
    let reason = cells.word(Reason::from_name)?;
    Ok(Transfer { id, phase, debit, credit, amount, reason, order, at })
}

/// The cells of a balance's change, in the columns of [`BALANCES`].
pub fn delta_row<'a>(tenant: &'a TenantId, account: &Account, delta: Delta) -> Vec<Value<'a>> {
    vec![
        Value::text(tenant.as_str()),
        Value::owned(account.key()),
        Value::Int(delta.posted.get()),
        Value::Int(delta.held.get()),
    ]
}

/// Reads the cells of a balance, or of a sum of postings in the same columns.
///
/// # Errors
/// When a cell holds what no balance can have.
pub fn read_balance(cells: &[Value<'_>]) -> Result<(TenantId, AccountRow), StoreFault> {
    let mut cells = Cells::new(&BALANCES, cells);
    let tenant = TenantId::new(cells.text()?);
    let account = cells.word(Account::from_key)?;
    let balance = Balance { posted: cells.fen()?, held: cells.fen()? };
    Ok((tenant, AccountRow { account, balance }))
}
