//! Where an order's money lies: frozen, or in its merchant's balance.

use super::records::{add, balance};
use crate::counterpart::CallContext;
use crate::counterpart::records::{self, Order, Paid, State};
use crate::counterpart::refusal::{Refusal, Stop};
use channel::{DocumentFault, DocumentStore};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// What was not shared after this time is released.
const FROZEN_SECONDS: i64 = 30 * 86_400;

/// The money of a payment that is shared, in fen.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::counterpart) struct Frozen {
    /// What was frozen at first.
    pub(in crate::counterpart) net: i64,
    /// What is frozen still.
    pub(in crate::counterpart) left: i64,
    /// What receivers got.
    pub(in crate::counterpart) shared: i64,
    pub(in crate::counterpart) share_count: u32,
    /// Whether the rest was released: nothing is shared any more.
    pub(in crate::counterpart) is_released: bool,
    /// Until when a share of it is under way.
    pub(in crate::counterpart) busy_until_ms: i64,
}

/// A payment comes: into its merchant's balance, unless it is to be shared.
pub(in crate::counterpart) fn receive(
    documents: &mut dyn DocumentStore,
    order: &Order,
) -> Result<Option<Frozen>, DocumentFault> {
    let net = order.settled();
    if order.is_shared {
        let (left, shared, share_count, busy_until_ms) = (net, 0, 0, 0);
        let is_released = false;
        return Ok(Some(Frozen { net, left, shared, share_count, is_released, busy_until_ms }));
    }
    add(documents, order.payee(), net)?;
    Ok(None)
}

/// Takes what a refund costs: out of the order's frozen money, or once that was released out of the
/// merchant's balance. An order that was never shared is refunded even from an empty balance; the fault
/// `error` with `NOT_ENOUGH` shows that refusal.
pub(in crate::counterpart) fn pay_back(
    call: &mut CallContext<'_>,
    order: &Order,
    paid: Paid,
    fen: i64,
) -> Result<Paid, Stop> {
    let Some(frozen) = paid.frozen.clone() else {
        add(call.documents, order.payee(), -fen)?;
        return Ok(paid);
    };
    let is_expired = is_expired(&paid, call.context.now);
    let (frozen, released) = if is_expired { frozen.released() } else { (frozen, 0) };
    let available = balance(call.documents, order.payee())?.saturating_add(released);
    let (frozen, cost) = match frozen.is_released {
        false if fen <= frozen.left => (Frozen { left: frozen.left - fen, ..frozen }, 0),
        true if fen <= available => (frozen, fen),
        false | true => return Err(not_enough().into()),
    };
    add(call.documents, order.payee(), released - cost)?;
    Ok(Paid { frozen: Some(frozen), ..paid })
}

fn not_enough() -> Refusal {
    Refusal::new("NOT_ENOUGH", "基本账户余额不足，请充值后重新发起")
}

impl Frozen {
    /// With its rest released, and how much that is.
    pub(super) fn released(self) -> (Frozen, i64) {
        let rest = self.left;
        (Frozen { left: 0, is_released: true, ..self }, rest)
    }
}

fn is_expired(paid: &Paid, now: Timestamp) -> bool {
    now >= Timestamp::from_ms(paid.at_ms).plus_seconds(FROZEN_SECONDS)
}

/// The paid order as it stands now: what is frozen for too long is released.
pub(super) fn current(
    call: &mut CallContext<'_>,
    order: Order,
) -> Result<(Order, Paid, Frozen), Stop> {
    let State::Paid(paid) = &order.state else {
        return Err(Refusal::new("INVALID_REQUEST", "订单未支付，不支持分账").into());
    };
    let (paid, frozen) = (paid.clone(), paid.frozen.clone());
    let frozen = frozen.ok_or_else(|| Refusal::new("INVALID_REQUEST", "非分账订单不支持分账"))?;
    if frozen.is_released || !is_expired(&paid, call.context.now) {
        return Ok((order, paid, frozen));
    }
    let (frozen, rest) = frozen.released();
    add(call.documents, order.payee(), rest)?;
    let order = keep(call, order, &paid, frozen.clone())?;
    Ok((order, paid, frozen))
}

/// Writes an order with other frozen money.
pub(super) fn keep(
    call: &mut CallContext<'_>,
    order: Order,
    paid: &Paid,
    frozen: Frozen,
) -> Result<Order, DocumentFault> {
    let state = State::Paid(Paid { frozen: Some(frozen), ..paid.clone() });
    let order = Order { state, ..order };
    records::write(call.documents, &order.key(), &order)?;
    Ok(order)
}
