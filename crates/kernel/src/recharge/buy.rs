//! How gift cards are bought: an order is placed, and its cards are reserved.

use super::{CARDS_MAX, Recharge, RechargeChange, RechargePurpose, RechargeRefusal, RechargeState};
use crate::aggregate::{Aggregate, Key, Reads};
use crate::card_batch::{CardBatch, CardBatchChange};
use crate::card_quota::{self, CardQuota};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::order::{self, DEFAULT_LIFE_SECONDS, OrderRequest, PlaceOrder};
use ledger::{Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// A purchase of gift cards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuyCards {
    /// The order that pays for them. Its merchant and amount are those of the batch.
    pub order: PlaceOrder,
    /// The batch.
    pub batch: Id<kinds::CardBatch>,
    /// How many cards.
    pub quantity: u32,
    /// Who gets the cards, as the caller names them.
    pub owner: String,
}

impl BuyCards {
    pub(super) fn reads(&self, reads: &mut Reads) {
        let tenant = &self.order.tenant;
        reads.orders.push((tenant.clone(), Key::Number(self.order.key())));
        reads.card_batches.push((tenant.clone(), Key::Id(self.batch)));
        reads.card_quotas.push((tenant.clone(), CardQuota::key(self.batch, &self.owner)));
    }
}

pub(super) fn buy(deciding: &mut Deciding<'_>, buy: &BuyCards) -> Result<Reply, Refusal> {
    let tenant = &buy.order.tenant;
    let known = deciding.view().orders.find(tenant, &Key::Number(buy.order.key()));
    if let Some(order) = known {
        return Ok(order::repeat(deciding, order, &buy.order)?);
    }
    let batch = check(deciding, buy)?;
    let recharge = deciding.id();
    let place = with_recharge(deciding, buy, &batch, recharge)?;
    let order = order::place_new(deciding, &place)?;
    let recharge = Recharge {
        tenant: tenant.clone(),
        id: recharge,
        order: order.terms.id,
        purpose: RechargePurpose::Cards { batch: batch.id, quantity: buy.quantity },
        owner: buy.owner.clone(),
        made_at: deciding.now(),
        version: 1,
        state: RechargeState::Open,
        bonus_missing: Fen::ZERO,
        next_poll_at: None,
    };
    deciding.record(&recharge, RechargeChange::Made(Box::new(recharge.clone())));
    let (by, cards) = (recharge.id, i64::from(buy.quantity));
    deciding.record(&batch, CardBatchChange::Reserved { by, cards });
    if batch.owner_max > 0 {
        card_quota::take(deciding, tenant, batch.id, &buy.owner, buy.quantity);
    }
    Ok(Reply::about(order.id().subject()))
}

/// What a new purchase must fulfil; its batch.
fn check(deciding: &Deciding<'_>, buy: &BuyCards) -> Result<CardBatch, RechargeRefusal> {
    let (tenant, request) = (&buy.order.tenant, &buy.order.request);
    let batch = deciding.row::<CardBatch>(tenant, buy.batch).ok_or(RechargeRefusal::NoBatch)?;
    if !batch.is_sold(deciding.now()) {
        return Err(RechargeRefusal::NotOnSale);
    }
    if !(1..=CARDS_MAX).contains(&buy.quantity) {
        return Err(RechargeRefusal::Quantity { max: CARDS_MAX });
    }
    let price = times(batch.price, buy.quantity);
    if (request.amount, &request.merchant) != (price, &batch.merchant) {
        return Err(RechargeRefusal::Price { price, merchant: batch.merchant });
    }
    if i64::from(buy.quantity) > batch.stock() {
        return Err(RechargeRefusal::Stock { stock: batch.stock() });
    }
    let quota = deciding.view().card_quotas.find(tenant, &CardQuota::key(batch.id, &buy.owner));
    let taken = quota.map_or(0, |quota| quota.taken);
    let max = batch.owner_max;
    if max > 0 && taken.saturating_add(buy.quantity) > max {
        return Err(RechargeRefusal::OwnerMax { max, taken });
    }
    Ok(batch)
}

/// An amount for each of some cards. All cards of a batch together were checked to fit.
pub(crate) fn times(each: Fen, cards: u32) -> Fen {
    let amount = each.get().checked_mul(i64::from(cards));
    Fen::new(amount.unwrap_or_else(|| panic!("{each} for each of {cards} cards")))
}

/// The order of a purchase. It must not be payable when its cards could not be spent any more.
fn with_recharge(
    deciding: &Deciding<'_>,
    buy: &BuyCards,
    batch: &CardBatch,
    recharge: Id<kinds::Recharge>,
) -> Result<PlaceOrder, RechargeRefusal> {
    let usual = deciding.now().plus_seconds(DEFAULT_LIFE_SECONDS);
    let expires_at = match (buy.order.expires_at, batch.validity.ends_at()) {
        (Some(expires_at), Some(ends_at)) if expires_at > ends_at => {
            return Err(RechargeRefusal::Expiry { ends_at });
        }
        (Some(expires_at), _) => expires_at,
        (None, ends_at) => ends_at.map_or(usual, |ends_at: Timestamp| usual.min(ends_at)),
    };
    let request = OrderRequest { recharge: Some(recharge), ..(*buy.order.request).clone() };
    let expires_at = Some(expires_at);
    Ok(PlaceOrder { request: Arc::new(request), expires_at, ..buy.order.clone() })
}
