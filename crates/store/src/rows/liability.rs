//! Stored value that is outstanding, and breakage.

use super::cells::{Cells, Source, Table, Value, int, nullable, text};
use crate::StoreFault;
use kernel::MerchantId;
use ledger::{AccountKind, Fen, Id, kinds};

/// The columns of such a row.
pub static LIABILITIES: Table = Table {
    name: "balances",
    columns: &[text("kind"), text("merchant"), nullable(int("batch_id")), int("amount")],
};

/// The kinds of accounts that the report is about, in its order.
pub const KINDS: [AccountKind; 4] = [
    AccountKind::Breakage,
    AccountKind::CardLiability,
    AccountKind::WalletBonus,
    AccountKind::WalletPrincipal,
];

/// What one merchant had in accounts of one kind; of gift cards, what one batch had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Liability {
    /// The kind: gift cards, wallets' principal or bonus, or breakage, which is the merchant's own.
    pub kind: AccountKind,
    /// The merchant that sold the cards or keeps the wallets.
    pub merchant: MerchantId,
    /// The batch of the cards.
    pub batch: Option<Id<kinds::CardBatch>>,
    /// How much.
    pub amount: Fen,
}

/// Reads the cells of a row.
///
/// # Errors
/// When a cell holds what no row can have.
pub fn read(cells: &[Value<'_>]) -> Result<Liability, StoreFault> {
    let mut cells = Cells::new(Source::Table(&LIABILITIES), cells);
    let kind = cells.word(|name| KINDS.into_iter().find(|kind| kind.name() == name))?;
    let merchant = MerchantId::new(cells.text()?);
    Ok(Liability { kind, merchant, batch: cells.optional_id()?, amount: cells.fen()? })
}
