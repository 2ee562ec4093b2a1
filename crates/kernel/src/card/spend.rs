//! Whether a card can be spent from its wallet, and what spending and refunds do to it.

use super::refund::left_of_price;
use super::{Card, CardChange, CardState};
use crate::aggregate::View;
use crate::card_batch::CardBatch;
use crate::deciding::Deciding;
use crate::wallet::Wallet;
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};

/// Why a card cannot be spent from a wallet now; `None` where it can. The view has its batch.
pub(crate) fn obstacle(
    view: &View,
    card: &Card,
    wallet: &Wallet,
    now: Timestamp,
) -> Option<&'static str> {
    let Some(batch) = view.card_batches.get(&card.tenant, card.batch) else {
        return Some("of an unknown batch");
    };
    match card.state_at(view, now) {
        CardState::Bound if now < card.begins_at => Some("not valid yet"),
        CardState::Bound if !batch.is_accepted_by(&wallet.merchant) => {
            Some("not accepted by the merchant")
        }
        CardState::Bound => None,
        state => Some(state.name()),
    }
}

/// Takes a part of a card's value for an order; the account that it lies in.
pub(crate) fn spend(
    deciding: &mut Deciding<'_>,
    card: &Card,
    by: Id<kinds::Order>,
    amount: Fen,
) -> Account {
    deciding.record(card, CardChange::Spent { by, amount });
    liability(deciding, card)
}

/// Puts back what was spent of a card whose price a refund has given back since: it makes up for that
/// price, which had to be written off, and what the card was worth above it is the merchant's again.
pub(crate) fn make_up(
    deciding: &mut Deciding<'_>,
    card: &Card,
    by: Id<kinds::Refund>,
    amount: Fen,
) -> [(Account, Fen); 2] {
    deciding.record(card, CardChange::PutBack { by, amount });
    let batch = batch(deciding, card);
    let (before, after) = (card.unspent(), Fen::new(card.unspent().get() + amount.get()));
    let [before, after] = [before, after].map(|unspent| left_of_price(card, batch.price, unspent));
    let of_price = Fen::new(after.get() - before.get());
    let promotions = Account::new(AccountKind::MerchantPromotions, batch.merchant.as_str());
    let write_off = Account::new(AccountKind::WriteOff, card.tenant.as_str());
    [(write_off, of_price), (promotions, Fen::new(amount.get() - of_price.get()))]
}

/// Puts a part of a card's value back; the account that it lies in.
pub(crate) fn unspend(
    deciding: &mut Deciding<'_>,
    card: &Card,
    by: Id<kinds::Refund>,
    amount: Fen,
) -> Account {
    deciding.record(card, CardChange::PutBack { by, amount });
    liability(deciding, card)
}

fn liability(deciding: &Deciding<'_>, card: &Card) -> Account {
    batch(deciding, card).liability()
}

fn batch(deciding: &Deciding<'_>, card: &Card) -> CardBatch {
    let batch = deciding.row::<CardBatch>(&card.tenant, card.batch);
    batch.unwrap_or_else(|| panic!("card {} has no batch", card.id))
}
