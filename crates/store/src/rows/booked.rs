//! Sums of what refunds and shares moved.

use super::cells::{Cells, Source, Table, Value, int, text};
use crate::StoreFault;
use ledger::{Fen, Subject, Timestamp};

/// The columns of such a sum.
pub static BOOKED: Table = Table {
    name: "transfers",
    columns: &[text("subject_kind"), int("subject_id"), int("is_income"), int("amount"), int("at")],
};

/// What one subject moved in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedSum {
    /// The refund, share or return.
    pub subject: Subject,
    /// True when the money came.
    pub is_income: bool,
    /// How much.
    pub amount: Fen,
    /// When the last of it was booked.
    pub at: Timestamp,
}

/// Reads the cells of a sum.
///
/// # Errors
/// When a cell holds what no sum can have.
pub fn read(cells: &[Value<'_>]) -> Result<BookedSum, StoreFault> {
    let mut cells = Cells::new(Source::Table(&BOOKED), cells);
    let subject = cells.subject()?;
    let is_income = cells.flag()?;
    Ok(BookedSum { subject, is_income, amount: cells.fen()?, at: cells.time()? })
}
