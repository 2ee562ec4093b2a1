//! Transfers and balances.

use super::cells::{Cells, Source, Table, Value, int, text};
use crate::{AccountRow, StoreFault};
use kernel::TenantId;
use ledger::{Account, Balance, Delta, Phase, Reason, Transfer};

/// A transfer.
pub static TRANSFERS: Table = Table {
    name: "transfers",
    columns: &[
        text("tenant"),
        int("id"),
        int("root"),
        text("subject_kind"),
        int("subject_id"),
        int("at"),
        text("phase"),
        text("debit"),
        text("credit"),
        int("amount"),
        text("reason"),
    ],
};

/// The balance of an account.
pub static BALANCES: Table = Table {
    name: "balances",
    columns: &[text("tenant"), text("account"), int("posted"), int("held")],
};

/// The cells of a transfer.
pub fn row<'a>(tenant: &'a TenantId, transfer: &'a Transfer) -> Vec<Value<'a>> {
    vec![
        Value::text(tenant.as_str()),
        Value::Int(transfer.id.value()),
        Value::Int(transfer.root.value()),
        Value::text(transfer.subject.kind.name()),
        Value::Int(transfer.subject.value),
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
    let mut cells = Cells::new(Source::Table(&TRANSFERS), cells);
    cells.text()?;
    let id = cells.id()?;
    let root = cells.id()?;
    let subject = cells.subject()?;
    let at = cells.time()?;
    let phase = cells.word(Phase::from_name)?;
    let debit = cells.word(Account::from_key)?;
    let credit = cells.word(Account::from_key)?;
    let amount = cells.fen()?;
    let reason = cells.word(Reason::from_name)?;
    Ok(Transfer { id, phase, debit, credit, amount, reason, subject, root, at })
}

/// Reads a count.
///
/// # Errors
/// When the cell holds no count.
pub fn read_count(cells: &[Value<'_>]) -> Result<u64, StoreFault> {
    Cells::new(Source::Table(&TRANSFERS), cells).count()
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

/// The cells of a whole balance, in the same columns.
pub fn balance_row<'a>(
    tenant: &'a TenantId,
    account: &Account,
    Balance { posted, held }: Balance,
) -> Vec<Value<'a>> {
    delta_row(tenant, account, Delta { posted, held })
}

/// Reads the cells of a balance, or of a sum of postings in the same columns.
///
/// # Errors
/// When a cell holds what no balance can have.
pub fn read_balance(cells: &[Value<'_>]) -> Result<(TenantId, AccountRow), StoreFault> {
    let mut cells = Cells::new(Source::Table(&BALANCES), cells);
    let tenant = TenantId::new(cells.text()?);
    let account = cells.word(Account::from_key)?;
    let balance = Balance { posted: cells.fen()?, held: cells.fen()? };
    Ok((tenant, AccountRow { account, balance }))
}
