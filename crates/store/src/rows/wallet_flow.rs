//! Flows of a wallet's money.

use super::cells::{Cells, Source, Table, Value, int, nullable, text};
use crate::StoreFault;
use crate::flows::{WalletFlow, WalletFlowKind};
use ledger::{Account, Phase, Reason};

/// The columns of such a flow.
pub static WALLET_FLOWS: Table = Table {
    name: "transfers",
    columns: &[
        int("id"),
        text("account"),
        text("reason"),
        text("phase"),
        int("change"),
        int("frozen"),
        int("balance_after"),
        int("at"),
        nullable(text("order_no")),
        nullable(text("refund_no")),
        nullable(text("freeze_no")),
        nullable(text("note")),
    ],
};

/// Reads the cells of a flow.
///
/// # Errors
/// When a cell holds what no flow can have.
pub fn read(cells: &[Value<'_>]) -> Result<WalletFlow, StoreFault> {
    let mut cells = Cells::new(Source::Table(&WALLET_FLOWS), cells);
    let id = cells.id()?;
    let account = cells.word(Account::from_key)?;
    let (reason, phase) = (cells.word(Reason::from_name)?, cells.word(Phase::from_name)?);
    let kind = WalletFlowKind::of(reason, phase, account.kind).ok_or_else(|| {
        let (reason, phase) = (reason.name(), phase.name());
        cells.fault(&format!("{reason} with {phase}, which no flow of a wallet has"))
    })?;
    Ok(WalletFlow {
        id,
        kind,
        amount: cells.fen()?,
        frozen: cells.fen()?,
        balance_after: cells.fen()?,
        at: cells.time()?,
        order_no: cells.optional_string()?,
        refund_no: cells.optional_string()?,
        freeze_no: cells.optional_string()?,
        note: cells.optional_string()?,
    })
}
