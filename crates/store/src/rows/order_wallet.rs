//! The cells of what of a wallet pays for an order: the wallet, and a word or a list of cards.

use crate::StoreFault;
use crate::rows::cells::{Cells, Value};
use crate::rows::numbers;
use kernel::{Deduct, WalletUse};

const CARDS_FIRST: &str = "cards_first";
const BALANCE: &str = "balance";

/// The cell of what is used of it.
pub(super) fn cell(deduct: Option<&Deduct>) -> Value<'static> {
    match deduct {
        None => Value::Null,
        Some(Deduct::CardsFirst) => Value::text(CARDS_FIRST),
        Some(Deduct::Balance) => Value::text(BALANCE),
        Some(Deduct::Cards(cards)) => {
            let values: Vec<i64> = cards.iter().map(|card| card.value()).collect();
            Value::owned(numbers::written(&values))
        }
    }
}

/// Reads both cells.
pub(super) fn read(cells: &mut Cells<'_, '_>) -> Result<Option<WalletUse>, StoreFault> {
    let (wallet, deduct) = (cells.optional_id()?, cells.optional_text()?);
    let deduct = match deduct {
        None => None,
        Some(CARDS_FIRST) => Some(Deduct::CardsFirst),
        Some(BALANCE) => Some(Deduct::Balance),
        Some(cards) => {
            let cards = numbers::read_ids(Some(cards)).map_err(|why| cells.fault(&why))?;
            Some(Deduct::Cards(cards))
        }
    };
    match (wallet, deduct) {
        (Some(wallet), Some(deduct)) => Ok(Some(WalletUse { wallet, deduct })),
        (None, None) => Ok(None),
        (_, _) => Err(cells.misfit("wallet: half of it is missing")),
    }
}
