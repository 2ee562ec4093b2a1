//! Gift cards that a merchant takes back: their price is refunded, and they are void.

use super::decide::{new, open};
use super::request::{
    check_order, order_of, paid, reads_of, repeat, requested_before, settled_part,
};
use super::{
    Refund, RefundPart, RefundRefusal, RefundRequest, RefundSource, RefundState, RequestRefund,
};
use crate::aggregate::{Key, Reads};
use crate::card::{Card, CardState};
use crate::card_batch::CardBatch;
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::order::Order;
use crate::recharge::{CARDS_MAX, Recharge, RechargePurpose, times};
use channel::RefundCause;
use ledger::{Fen, Id, kinds};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Cards that a merchant takes back. A repeat is answered with the refund as it stands; one that has
/// failed runs again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundCards {
    /// The owner.
    pub tenant: TenantId,
    /// The order with which the cards were bought.
    pub order: Id<kinds::Order>,
    /// The merchant that sold them.
    pub merchant: MerchantId,
    /// The cards.
    pub cards: Vec<Id<kinds::Card>>,
    /// What the merchant requests.
    pub request: Arc<RefundRequest>,
}

impl RefundCards {
    pub(super) fn reads(&self, reads: &mut Reads) {
        let Self { tenant, order, merchant, request, .. } = self;
        // With the order come its purchase, the batch and the cards.
        reads_of(tenant, *order, merchant, request, reads);
    }

    /// The refund of money that it is.
    fn of_money(&self, amount: Fen) -> RequestRefund {
        let Self { tenant, order, merchant, request, .. } = self;
        RequestRefund::of_stored_value(tenant, *order, merchant, amount, request)
    }
}

/// Takes cards back, or answers a repeat of that.
pub(super) fn request(
    deciding: &mut Deciding<'_>,
    command: &RefundCards,
) -> Result<Reply, Refusal> {
    let order = order_of(deciding, &command.tenant, command.order, &command.merchant)?;
    let price = price(deciding, &order).ok_or(RefundRefusal::NotItsCard { at: 0 })?;
    let known = deciding.view().refunds.find(&command.tenant, &Key::Number(command.request.key()));
    let refund = match known {
        Some(known) => again(deciding, known, &order, command)?,
        None => {
            let refund = new_refund(deciding, &order, command, price)?;
            open(deciding, &refund);
            refund.id
        }
    };
    Ok(Reply::about(refund.subject()))
}

/// What each card of an order cost.
fn price(deciding: &Deciding<'_>, order: &Order) -> Option<Fen> {
    let tenant = &order.terms.tenant;
    let recharge = deciding.row::<Recharge>(tenant, order.terms.request.recharge?)?;
    match recharge.purpose {
        RechargePurpose::Cards { batch, .. } => {
            Some(deciding.row::<CardBatch>(tenant, batch)?.price)
        }
        RechargePurpose::Balance { .. } => None,
    }
}

/// The same number again: only a refund that has failed runs again, and needs the cards as they were.
fn again(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    command: &RefundCards,
) -> Result<Id<kinds::Refund>, Refusal> {
    if refund.order != command.order {
        return Err(RefundRefusal::OtherOrder.into());
    }
    let wanted: BTreeSet<_> = command.cards.iter().copied().collect();
    if wanted != refund.cards().collect() {
        return Err(RefundRefusal::OtherCards.into());
    }
    if matches!(refund.state, RefundState::Failed { .. }) {
        check_cards(deciding, order, &command.cards)?;
    }
    repeat(deciding, refund, order, &command.of_money(refund.amount))
}

/// A new refund of the price of some cards.
fn new_refund(
    deciding: &mut Deciding<'_>,
    order: &Order,
    command: &RefundCards,
    price: Fen,
) -> Result<Refund, RefundRefusal> {
    let each_once: BTreeSet<_> = command.cards.iter().collect();
    let len = u32::try_from(command.cards.len()).unwrap_or(u32::MAX);
    if !(1..=CARDS_MAX).contains(&len) || each_once.len() != command.cards.len() {
        return Err(RefundRefusal::CardList { max: CARDS_MAX });
    }
    let amount = times(price, len);
    check_order(deciding.now(), order, amount)?;
    check_cards(deciding, order, &command.cards)?;
    let part = |card: &Id<kinds::Card>| {
        let source = RefundSource::Card(*card);
        RefundPart { source, amount: price }
    };
    let (paid, before) = (paid(order)?, requested_before(order));
    let refund = new(deciding, order, paid.into(), RefundCause::Requested);
    Ok(Refund {
        amount,
        settled_amount: settled_part(amount, before, paid),
        request: Some(command.request.clone()),
        parts: command.cards.iter().map(part).collect(),
        ..refund
    })
}

/// That each card was bought with the order, is usable, and has all its worth.
fn check_cards(
    deciding: &Deciding<'_>,
    order: &Order,
    cards: &[Id<kinds::Card>],
) -> Result<(), RefundRefusal> {
    for (at, id) in cards.iter().enumerate() {
        let card = deciding.row::<Card>(&order.terms.tenant, *id);
        let card = card.filter(|card| card.order == order.terms.id);
        let card = card.ok_or(RefundRefusal::NotItsCard { at })?;
        let state = card.state_at(deciding.view(), deciding.now());
        if !matches!(state, CardState::Issued | CardState::Bound | CardState::UsedUp) {
            return Err(RefundRefusal::CardState { at, state: state.name() });
        }
        if card.spent != Fen::ZERO {
            return Err(RefundRefusal::CardSpent { at });
        }
    }
    Ok(())
}
