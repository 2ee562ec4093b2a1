//! What is done when the order of a recharge has ended: its cards are issued, or put back; or its money
//! is in the wallet.

use super::buy::times;
use super::credit::{credit, wallet_of};
use super::{Recharge, RechargeChange, RechargePurpose, RechargeRefusal, RechargeState};
use crate::card::{Card, CardChange, CardState, new_number};
use crate::card_batch::{CardBatch, CardBatchChange};
use crate::card_quota;
use crate::deciding::{Deciding, Movement};
use crate::order::Order;
use crate::wallet::WalletState;
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, kinds};

/// The recharge that an order pays for, while what it needs is reserved.
fn open_recharge(deciding: &Deciding<'_>, order: &Order) -> Option<Recharge> {
    let id = order.terms.request.recharge?;
    let recharge = deciding.row::<Recharge>(&order.terms.tenant, id);
    let recharge = recharge.unwrap_or_else(|| panic!("order {} has no recharge", order.terms.id));
    (recharge.state == RechargeState::Open).then_some(recharge)
}

/// The batch of a recharge, which is loaded with it.
fn batch_of(deciding: &Deciding<'_>, recharge: &Recharge, id: Id<kinds::CardBatch>) -> CardBatch {
    let batch = deciding.row::<CardBatch>(&recharge.tenant, id);
    batch.unwrap_or_else(|| panic!("recharge {} has no batch", recharge.id))
}

/// Why the money of an order goes back that is paid now: what it is for could not be used any more.
pub(crate) fn obsolete(deciding: &Deciding<'_>, order: &Order) -> Option<&'static str> {
    let recharge = open_recharge(deciding, order)?;
    match recharge.purpose {
        RechargePurpose::Cards { batch, .. } => {
            let ends_at = batch_of(deciding, &recharge, batch).validity.ends_at();
            let is_over = ends_at.is_some_and(|ends_at| ends_at <= deciding.now());
            is_over.then_some("paid when the cards had expired")
        }
        RechargePurpose::Balance { wallet, .. } => {
            let is_closed = wallet_of(deciding, &recharge, wallet).state == WalletState::Closed;
            is_closed.then_some("paid when the wallet was closed")
        }
    }
}

/// Does what an order was paid for, in the commit of the payment.
pub(crate) fn fulfil(deciding: &mut Deciding<'_>, order: &Order, paid: Fen) {
    let Some(recharge) = open_recharge(deciding, order) else { return };
    match recharge.purpose {
        RechargePurpose::Cards { batch, quantity } => {
            let batch = batch_of(deciding, &recharge, batch);
            issue(deciding, &recharge, &batch, quantity);
            book_faces(deciding, &recharge, &batch, times(batch.face, quantity), paid);
        }
        RechargePurpose::Balance { wallet, bonus } => {
            let wallet = wallet_of(deciding, &recharge, wallet);
            credit(deciding, order, &recharge, &wallet, [paid, bonus]);
        }
    }
}

/// Issues the cards of a purchase.
fn issue(deciding: &mut Deciding<'_>, recharge: &Recharge, batch: &CardBatch, quantity: u32) {
    let cards = deciding.ids(quantity);
    let (begins_at, ends_at) = batch.validity.of_issue(deciding.now());
    let issued = RechargeChange::Issued { cards, expires_at: ends_at };
    deciding.record(recharge, issued);
    let by = recharge.id;
    deciding.record(batch, CardBatchChange::Issued { by, cards: i64::from(quantity) });
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
            void_by: None,
            secret: None,
            bound_to: None,
            wrong_secrets: vec![],
        };
        deciding.record(&card, CardChange::Issued(Box::new(card.clone())));
    }
}

/// Books what the new cards are worth. What was paid for them stays with us until they are spent; what
/// they are worth above that is the selling merchant's expense, and what they cost above their worth is
/// its gain.
fn book_faces(
    deciding: &mut Deciding<'_>,
    recharge: &Recharge,
    batch: &CardBatch,
    worth: Fen,
    paid: Fen,
) {
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
    deciding.record(&recharge, RechargeChange::Released);
    if let RechargePurpose::Cards { batch, quantity } = recharge.purpose {
        let batch = batch_of(deciding, &recharge, batch);
        let (by, cards) = (recharge.id, i64::from(quantity));
        deciding.record(&batch, CardBatchChange::Released { by, cards });
        let Recharge { tenant, owner, .. } = &recharge;
        card_quota::put_back(deciding, tenant, batch.id, owner, quantity);
    }
}

/// The task of a recharge: the time of its cards is up. Where the batch was extended meanwhile, it is up later.
pub(super) fn expire(
    deciding: &mut Deciding<'_>,
    recharge: &Recharge,
) -> Result<(), RechargeRefusal> {
    let RechargePurpose::Cards { batch, .. } = recharge.purpose else { return Ok(()) };
    if recharge.next_poll_at.is_none() {
        return Ok(());
    }
    let batch = batch_of(deciding, recharge, batch);
    let later = batch.validity.ends_at().filter(|ends_at| *ends_at > deciding.now());
    if let Some(expires_at) = later {
        deciding.record(recharge, RechargeChange::Extended { expires_at });
        return Ok(());
    }
    // Where another process extends the batch meanwhile, they have not expired.
    deciding.rest_on(&batch);
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
