//! What a merchant requests: money of a paid order back, in one or several refunds.

use super::decide::{Moved, WholePayment, begin, moves, new, open, querying, requesting};
use super::{
    Refund, RefundChange, RefundPart, RefundRefusal, RefundRequest, RefundSource, RefundState,
    money, payable,
};
use crate::aggregate::{Key, Reads, View};
use crate::allocation::{Allocation, in_proportion};
use crate::allocation_release::{AllocationPart, by_merchant};
use crate::channel_no::ATTEMPTS_MAX;
use crate::command::{Refusal, Reply};
use crate::coupons::coupon_amount;
use crate::deciding::Deciding;
use crate::directory::{MerchantId, TenantId};
use crate::order::{CALL_MAX_MS, Order, OrderField, OrderRefusal, OrderState, Paid};
use channel::RefundCause;
use ledger::{Account, AccountKind, Fen, Id, Timestamp, kinds};
use std::sync::Arc;

/// How long after a payment the channel takes refunds of it, in days.
const REFUND_DAYS_MAX: i64 = 365;
const SECONDS_PER_DAY: i64 = 24 * 3600;

/// A refund that a merchant requests. A repeat is answered with the refund as it stands; one that has
/// failed runs again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRefund {
    /// The owner.
    pub tenant: TenantId,
    /// The order whose money is given back.
    pub order: Id<kinds::Order>,
    /// The merchant that collected it.
    pub merchant: MerchantId,
    /// How much.
    pub amount: Fen,
    /// What is taken back from the order's allocations, a merchant once; the rest is taken from its own
    /// merchant, all of it where the list is empty. `None`: from each in proportion to what is left.
    pub back: Option<Vec<AllocationPart>>,
    /// What the merchant requests.
    pub request: Arc<RefundRequest>,
}

impl RequestRefund {
    pub(super) fn reads(&self, reads: &mut Reads) {
        let tenant = &self.tenant;
        reads.orders.push((tenant.clone(), Key::Id(self.order)));
        reads.refunds.push((tenant.clone(), Key::Number(self.request.key())));
        let pending = Account::new(AccountKind::MerchantPending, self.merchant.as_str());
        reads.balances.push((tenant.clone(), pending));
        reads.balances.push((tenant.clone(), payable(tenant)));
    }
}

/// Requests a refund, or answers a repeat of it.
pub(super) fn request(
    deciding: &mut Deciding<'_>,
    command: &RequestRefund,
) -> Result<Reply, Refusal> {
    let order = deciding.row::<Order>(&command.tenant, command.order);
    let order = order.ok_or(OrderRefusal::NotFound)?;
    if order.terms.request.merchant != command.merchant {
        return Err(OrderRefusal::Differs { field: OrderField::Merchant }.into());
    }
    let known = deciding.view().refunds.find(&command.tenant, &Key::Number(command.request.key()));
    let refund = match known {
        Some(known) => repeat(deciding, known, &order, command)?,
        None => {
            let refund = new_refund(deciding, &order, command)?;
            open(deciding, &refund);
            refund.id
        }
    };
    Ok(Reply::about(refund.subject()))
}

/// The same number again: only a refund that has failed runs again.
fn repeat(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    command: &RequestRefund,
) -> Result<Id<kinds::Refund>, RefundRefusal> {
    if refund.order != command.order {
        return Err(RefundRefusal::OtherOrder);
    }
    if refund.amount != command.amount {
        return Err(RefundRefusal::OtherAmount);
    }
    if takes_otherwise(deciding.view(), refund, command) {
        return Err(RefundRefusal::OtherParts);
    }
    if refund.request.as_ref().is_some_and(|made| made.notify_url != command.request.notify_url) {
        return Err(RefundRefusal::OtherNotifyUrl);
    }
    if let RefundState::Failed { is_proven, .. } = refund.state {
        if refund.attention.is_some() {
            return Err(RefundRefusal::Contradicted);
        }
        check(deciding.now(), order, command.amount)?;
        if !money::is_there(deciding.view(), refund, order) {
            return Err(not_enough(deciding, refund, order, command.back.is_some()));
        }
        run_again(deciding, refund, order, is_proven);
    }
    Ok(refund.id)
}

/// True when the repeat wants other parts than the refund takes. One that wants none repeats them.
fn takes_otherwise(view: &View, refund: &Refund, command: &RequestRefund) -> bool {
    let Some(back) = &command.back else { return false };
    let of_merchant = |part: &RefundPart| match part.source {
        RefundSource::OwnMerchant => None,
        RefundSource::Allocation(id) => {
            let merchant = view.allocations.get(&refund.tenant, id)?.merchant.clone();
            Some(AllocationPart { merchant, amount: part.amount })
        }
    };
    let wanted = back.iter().filter(|part| part.amount != Fen::ZERO).cloned();
    by_merchant(wanted) != by_merchant(refund.parts.iter().filter_map(of_merchant))
}

/// Takes the money of a failed refund again. The channel takes a number that it has refused or closed no
/// more, so that the refund gets another; where that is not proven, it is first asked about the number.
fn run_again(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, is_proven: bool) {
    let next_poll_at = deciding.now().plus_ms(CALL_MAX_MS);
    if is_proven && refund.attempt < ATTEMPTS_MAX {
        let attempt = refund.attempt + 1;
        money::move_to(deciding, refund, order, &RefundState::Requesting);
        deciding.record(refund, RefundChange::NumberRenewed { attempt, next_poll_at });
        money::count(deciding, refund, order, &RefundState::Requesting);
        let renewed = Refund { attempt, ..refund.clone() };
        return begin(deciding, refund, order, requesting(&renewed, order));
    }
    let state = RefundState::Requesting;
    let moved = Moved { state, next_poll_at: Some(next_poll_at), need: None };
    moves(deciding, refund, order, moved);
    begin(deciding, refund, order, querying(refund, order));
}

/// A new refund of a part of the order's payment.
fn new_refund(
    deciding: &mut Deciding<'_>,
    order: &Order,
    command: &RequestRefund,
) -> Result<Refund, RefundRefusal> {
    let amount = command.amount;
    let paid = check(deciding.now(), order, amount)?;
    let parts = parts(deciding, order, command)?;
    let whole = WholePayment {
        payment_reference: &paid.payment_reference,
        amount: paid.amount,
        settled_amount: paid.settled_amount,
    };
    let before = Fen::new(order.funds.refunding.get().saturating_add(order.funds.refunded.get()));
    let refund = new(deciding, order, whole, RefundCause::Requested);
    Ok(Refund {
        amount,
        settled_amount: settled_part(amount, before, paid),
        request: Some(command.request.clone()),
        parts,
        ..refund
    })
}

/// From where the amount is taken: each part is there.
fn parts(
    deciding: &Deciding<'_>,
    order: &Order,
    command: &RequestRefund,
) -> Result<Vec<RefundPart>, RefundRefusal> {
    let view = deciding.view();
    let allocations = view.allocations_of(order);
    let is_named = command.back.is_some();
    let lacks_it = |merchant: &MerchantId| {
        let merchant = merchant.clone();
        RefundRefusal::NotEnough { merchant, is_named }
    };
    let own_lacks = || lacks_it(&command.merchant);
    let taken = match &command.back {
        Some(back) => wanted(order, view, back)?,
        None => {
            let left: Vec<Fen> = [order.free()]
                .into_iter()
                .chain(allocations.iter().map(|allocation| allocation.left()))
                .collect();
            let divided = in_proportion(command.amount, &left).ok_or_else(own_lacks)?;
            allocations.into_iter().zip(divided.into_iter().skip(1)).collect()
        }
    };
    let lacks = |(allocation, amount): &&(&Allocation, Fen)| !allocation.has(view, *amount);
    if let Some((allocation, _)) = taken.iter().find(lacks) {
        return Err(lacks_it(&allocation.merchant));
    }
    let sum = taken.iter().try_fold(Fen::ZERO, |sum, (_, amount)| sum.plus(*amount));
    let own = sum.and_then(|sum| command.amount.minus(sum));
    let own = own.ok().filter(|own| *own >= Fen::ZERO).ok_or(RefundRefusal::PartsExceed)?;
    if own > order.free() {
        return Err(own_lacks());
    }
    let own = [(RefundSource::OwnMerchant, own)].into_iter();
    let others = taken.into_iter().map(|(row, amount)| (RefundSource::Allocation(row.id), amount));
    let parts = own.chain(others).filter(|(_, amount)| amount.is_positive());
    Ok(parts.map(|(source, amount)| RefundPart { source, amount }).collect())
}

/// The allocations from which the caller wants so much back.
fn wanted<'v>(
    order: &Order,
    view: &'v View,
    back: &[AllocationPart],
) -> Result<Vec<(&'v Allocation, Fen)>, RefundRefusal> {
    let find = |(at, part): (usize, &AllocationPart)| {
        let key = Allocation::key(order.terms.id, &part.merchant);
        let found = view.allocations.find(&order.terms.tenant, &key);
        let found = found.ok_or(RefundRefusal::NotAllocated { at })?;
        if back.iter().take(at).any(|before| before.merchant == part.merchant) {
            return Err(RefundRefusal::Twice { at });
        }
        match found.left() {
            left if part.amount > left || part.amount < Fen::ZERO => {
                Err(RefundRefusal::MoreThanAllocated { at, left })
            }
            _ => Ok((found, part.amount)),
        }
    };
    back.iter().enumerate().map(find).collect()
}

/// Why a failed refund does not run again: the first merchant that has its part no more.
fn not_enough(
    deciding: &Deciding<'_>,
    refund: &Refund,
    order: &Order,
    is_named: bool,
) -> RefundRefusal {
    let view = deciding.view();
    let lacks = refund.parts.iter().find_map(|part| match part.source {
        RefundSource::OwnMerchant => None,
        RefundSource::Allocation(id) => view
            .allocations
            .get(&refund.tenant, id)
            .filter(|allocation| !allocation.has(view, part.amount)),
    });
    let merchant = lacks.map_or(&order.terms.request.merchant, |allocation| &allocation.merchant);
    RefundRefusal::NotEnough { merchant: merchant.clone(), is_named }
}

/// What the order must fulfil so that this much of it can be given back; its payment.
fn check(now: Timestamp, order: &Order, amount: Fen) -> Result<&Paid, RefundRefusal> {
    let OrderState::Paid(paid) = &order.state else {
        return Err(RefundRefusal::NotPaid { state: order.state.name() });
    };
    if now >= paid.at.plus_seconds(REFUND_DAYS_MAX * SECONDS_PER_DAY) {
        return Err(RefundRefusal::TooOld { days_max: REFUND_DAYS_MAX });
    }
    if !amount.is_positive() {
        return Err(RefundRefusal::Amount);
    }
    match order.refundable() {
        left if amount > left => return Err(RefundRefusal::Exceeds { left }),
        _ => {}
    }
    if order.sharing.running.is_some() {
        return Err(RefundRefusal::Sharing);
    }
    // The account has the money of other orders too, which cannot pay for this one.
    match order.not_shared() {
        left if amount > left => Err(RefundRefusal::NotReturned { left }),
        _ => Ok(paid),
    }
}

/// The settled part of an amount of which so much was requested before: all that the merchant's coupons
/// did not pay. Their share is rounded down of the sum with each refund, so that the shares of all
/// refunds sum to the payment's. The channel states the real one when it has carried the refund out.
fn settled_part(amount: Fen, before: Fen, paid: &Paid) -> Fen {
    let wide = |fen: Fen| i128::from(fen.get());
    let coupons = wide(coupon_amount(paid.amount, paid.settled_amount));
    let share = |part: i128| part * coupons / wide(paid.amount).max(1);
    let coupon = share(wide(before) + wide(amount)) - share(wide(before));
    i64::try_from(wide(amount) - coupon).map_or(amount, Fen::new)
}
