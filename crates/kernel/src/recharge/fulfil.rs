//! What is done when the order of a recharge has ended: its cards are issued, or put back.

use super::buy::times;
use super::{Recharge, RechargeChange, RechargeRefusal, RechargeState};
use crate::card::{Card, CardChange, CardState, new_number};
use crate::card_batch::{CardBatch, CardBatchChange};
use crate::card_quota;
use crate::deciding::{Deciding, Movement};
use crate::order::Order;
use ledger::{Account, AccountKind, Fen, Phase, Reason};

/// The recharge that an order pays for, while what it needs is reserved.
fn open_recharge(deciding: &Deciding<'_>, order: &Order) -> Option<Recharge> {
    let id = order.terms.request.recharge?;
    let recharge = deciding.row::<Recharge>(&order.terms.tenant, id);
    let recharge = recharge.unwrap_or_else(|| panic!("order {} has no recharge", order.terms.id));
    (recharge.state == RechargeState::Open).then_some(recharge)
}

/// The batch of a recharge, which is loaded with it.
fn batch_of(deciding: &Deciding<'_>, recharge: &Recharge) -> CardBatch {
    let batch = deciding.row::<CardBatch>(&recharge.tenant, recharge.batch);
    batch.unwrap_or_else(|| panic!("recharge {} has no batch", recharge.id))
}

/// True when an order is for cards that nobody could spend any more: its money goes back.
pub(crate) fn is_obsolete(deciding: &Deciding<'_>, order: &Order) -> bool {
    open_recharge(deciding, order).is_some_and(|recharge| {
        let ends_at = batch_of(deciding, &recharge).validity.ends_at();
        ends_at.is_some_and(|ends_at| ends_at <= deciding.now())
    })
}

/// Issues what an order was paid for, in the commit of the payment.
pub(crate) fn fulfil(deciding: &mut Deciding<'_>, order: &Order, paid: Fen) {
    let Some(recharge) = open_recharge(deciding, order) else { return };
    let batch = batch_of(deciding, &recharge);
    let cards = deciding.ids(recharge.quantity);
    let (begins_at, ends_at) = batch.validity.of_issue(deciding.now());
    let issued = RechargeChange::Issued { cards, expires_at: ends_at };
    deciding.record(&recharge, issued);
    let by = recharge.id;
    deciding.record(&batch, CardBatchChange::Issued { by, cards: i64::from(recharge.quantity) });
    for id in cards.iter() {
        let card = Card {
            tenant: recharge.tenant.clone(),
            id,
            number: new_number(deciding),
            batch: batch.id,
            recharge: recharge.id,
            order: recharge.order,
            face: batch.face,
            made_at: deciding.now(),
            begins_at,
            ends_at,
            version: 1,
            state: CardState::Issued,
            owner: recharge.owner.clone(),
            spent: Fen::ZERO,
        };
        deciding.record(&card, CardChange::Issued(Box::new(card.clone())));
    }
    book_faces(deciding, &recharge, &batch, paid);
}

/// Books what the new cards are worth. What was paid for them stays with us until they are spent; what
/// they are worth above that is the selling merchant's expense, and what they cost above their worth is
/// its gain.
fn book_faces(deciding: &mut Deciding<'_>, recharge: &Recharge, batch: &CardBatch, paid: Fen) {
    let worth = times(batch.face, recharge.quantity);
    let covered = paid.min(worth);
    let given = worth.minus(covered).unwrap_or_else(|fault| panic!("{worth}: {fault}"));
    let merchant = batch.merchant.as_str();
    for (kind, amount) in
        [(AccountKind::MerchantPending, covered), (AccountKind::MerchantPromotions, given)]
    {
        let (debit, credit) = (Account::new(kind, merchant), batch.liability());
        let (phase, reason) = (Phase::Post, Reason::CardIssue);
        deciding.transfer_any(recharge, Movement { phase, debit, credit, amount, reason });
    }
}

/// Puts back what was reserved, in the commit in which the order ends unpaid.
pub(crate) fn release(deciding: &mut Deciding<'_>, order: &Order) {
    let Some(recharge) = open_recharge(deciding, order) else { return };
    let batch = batch_of(deciding, &recharge);
    deciding.record(&recharge, RechargeChange::Released);
    let (by, cards) = (recharge.id, i64::from(recharge.quantity));
    deciding.record(&batch, CardBatchChange::Released { by, cards });
    let Recharge { tenant, owner, quantity, .. } = &recharge;
    card_quota::put_back(deciding, tenant, batch.id, owner, *quantity);
}

/// The task of a recharge: the time of its cards is up. Where the batch was extended meanwhile, it is up later.
pub(super) fn expire(
    deciding: &mut Deciding<'_>,
    recharge: &Recharge,
) -> Result<(), RechargeRefusal> {
    if recharge.next_poll_at.is_none() {
        return Ok(());
    }
    let batch = batch_of(deciding, recharge);
    let later = batch.validity.ends_at().filter(|ends_at| *ends_at > deciding.now());
    if let Some(expires_at) = later {
        deciding.record(recharge, RechargeChange::Extended { expires_at });
        return Ok(());
    }
    let mut lapsed = Fen::ZERO;
    for id in recharge.cards() {
        let card = deciding.row::<Card>(&recharge.tenant, id).ok_or(RechargeRefusal::NotFound)?;
        if card.is_alive() {
            lapsed = lapsed.plus(card.balance()).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            deciding.record(&card, CardChange::Expired);
        }
    }
    deciding.record(recharge, RechargeChange::Expired);
    keep_rest(deciding, recharge, &batch, lapsed);
    Ok(())
}

/// What was left on expired cards is the selling merchant's.
fn keep_rest(deciding: &mut Deciding<'_>, recharge: &Recharge, batch: &CardBatch, amount: Fen) {
    let credit = Account::new(AccountKind::Breakage, batch.merchant.as_str());
    let (phase, reason, debit) = (Phase::Post, Reason::Breakage, batch.liability());
    deciding.transfer_any(recharge, Movement { phase, debit, credit, amount, reason });
}
