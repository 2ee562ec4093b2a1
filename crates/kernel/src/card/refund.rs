//! What happens to cards when their price is refunded: they are void, and alive again if that fails.
//!
//! A refund takes the price of each card from what is pending for the selling merchant, as it takes any
//! money of an order. Before that the issue of the card is undone, and when the refund fails it is done
//! again, in the same commits.
//!
//! A refund that had failed may be carried out after all. Its cards may be spent in part by then: they are
//! void with what is left, which makes up for the price as far as it goes. Or another refund has taken them
//! back: then they stay void also when that one fails.

use super::{Card, CardChange, CardState};
use crate::card_batch::CardBatch;
use crate::card_quota;
use crate::deciding::{Deciding, Movement};
use crate::recharge::{Recharge, RechargeChange};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, kinds};

/// Makes cards of one purchase void, each with the price that is refunded for it. One that has expired
/// stays so.
pub(crate) fn take_back(deciding: &mut Deciding<'_>, by: Id<kinds::Refund>, cards: &[(Card, Fen)]) {
    let Some((recharge, batch)) = purchase(deciding, cards) else { return };
    for (card, _) in cards.iter().filter(|(card, _)| card.state == CardState::Void) {
        deciding.record(card, CardChange::PaidBack { by });
    }
    let alive: Vec<_> = cards.iter().filter(|(card, _)| card.is_alive()).cloned().collect();
    for (card, price) in &alive {
        deciding.record(card, CardChange::Voided { by, amount: card.unspent() });
        for (kind, amount) in parts(card, *price) {
            let (debit, credit) = (batch.liability(), Account::new(kind, batch.merchant.as_str()));
            move_value(deciding, &recharge, debit, credit, amount);
        }
    }
    card_quota::put_back(deciding, &recharge.tenant, batch.id, &recharge.owner, count(&alive));
}

/// Makes the cards of one purchase alive again that a refund has made void: it has failed.
pub(crate) fn put_back(deciding: &mut Deciding<'_>, by: Id<kinds::Refund>, cards: &[(Card, Fen)]) {
    let void = cards.iter().filter(|(card, _)| card.void_by == Some(by));
    let cards: &[(Card, Fen)] = &void.cloned().collect::<Vec<_>>();
    let Some((recharge, batch)) = purchase(deciding, cards) else { return };
    for (card, price) in cards {
        deciding.record(card, CardChange::Revived { by });
        for (kind, amount) in parts(card, *price) {
            let (debit, credit) = (Account::new(kind, batch.merchant.as_str()), batch.liability());
            move_value(deciding, &recharge, debit, credit, amount);
        }
    }
    card_quota::take_again(deciding, &recharge.tenant, batch.id, &recharge.owner, count(cards));
    // Where the time of the other cards was up meanwhile, that of these is up now. The purchase is written
    // in any case: its cards may expire at this moment in another process, which must then decide again.
    let expires_at = recharge.next_poll_at.unwrap_or(deciding.now());
    deciding.record(&recharge, RechargeChange::Extended { expires_at });
}

/// The purchase of the cards and their batch, which are loaded with its order.
fn purchase(deciding: &Deciding<'_>, cards: &[(Card, Fen)]) -> Option<(Recharge, CardBatch)> {
    let (card, _) = cards.first()?;
    let recharge = deciding.row::<Recharge>(&card.tenant, card.recharge);
    let recharge = recharge.unwrap_or_else(|| panic!("card {} has no purchase", card.id));
    let batch = deciding.row::<CardBatch>(&card.tenant, card.batch);
    let batch = batch.unwrap_or_else(|| panic!("card {} has no batch", card.id));
    Some((recharge, batch))
}

/// What is there of a card's price while so much of the card is not spent: that, and what the card cost
/// above its worth, which the merchant has.
pub(crate) fn left_of_price(card: &Card, price: Fen, unspent: Fen) -> Fen {
    let above = price.get().saturating_sub(card.face.get()).max(0);
    price.min(Fen::new(unspent.get().saturating_add(above)))
}

/// Where what is left of a card came from when it was issued: from its price, and what it is worth above
/// that from the merchant's expense.
fn parts(card: &Card, price: Fen) -> [(AccountKind, Fen); 2] {
    let covered = price.min(card.unspent());
    let given =
        card.unspent().minus(covered).unwrap_or_else(|fault| panic!("card {}: {fault}", card.id));
    [(AccountKind::MerchantPending, covered), (AccountKind::MerchantPromotions, given)]
}

fn move_value(
    deciding: &mut Deciding<'_>,
    recharge: &Recharge,
    debit: Account,
    credit: Account,
    amount: Fen,
) {
    let (phase, reason) = (Phase::Post, Reason::RechargeRefund);
    deciding.transfer_any(recharge, Movement { phase, debit, credit, amount, reason });
}

/// A purchase has at most a hundred cards.
fn count(cards: &[(Card, Fen)]) -> u32 {
    u32::try_from(cards.len()).unwrap_or_else(|_| panic!("{} cards", cards.len()))
}
