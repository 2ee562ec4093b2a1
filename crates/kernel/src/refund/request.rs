//! What a merchant requests: money of a paid order back, in one or several refunds.

use super::decide::{Moved, WholePayment, begin, moves, new, open, querying, requesting};
use super::prepare::{Step, begin as begin_step, carry_out_book, look_again, next_step, waiting};
use super::returns::{self, OrderShares, RefundReturn, again, order_after, plan};
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
use crate::share::sum as sum_of;
use crate::share_return::ReturnTerms;
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
    /// What payees give back of their shares first, a payee once; `None` where the caller names nobody.
    pub returns: Option<Vec<ReturnTerms>>,
    /// What the order has shared, as it was read.
    pub shares: OrderShares,
    /// What the merchant requests.
    pub request: Arc<RefundRequest>,
}

impl<'a> From<&'a Paid> for WholePayment<'a> {
    fn from(paid: &'a Paid) -> WholePayment<'a> {
        let Paid { payment_reference, amount, settled_amount, .. } = paid;
        let (amount, settled_amount) = (*amount, *settled_amount);
        WholePayment { payment_reference, amount, settled_amount }
    }
}

impl RequestRefund {
    /// The refund of an order that paid for stored value: the caller names nobody who gives back, for
    /// such an order is neither divided nor shared.
    pub(super) fn of_stored_value(
        tenant: &TenantId,
        order: Id<kinds::Order>,
        merchant: &MerchantId,
        amount: Fen,
        request: &Arc<RefundRequest>,
    ) -> RequestRefund {
        RequestRefund {
            tenant: tenant.clone(),
            order,
            merchant: merchant.clone(),
            amount,
            back: None,
            returns: None,
            shares: OrderShares::default(),
            request: request.clone(),
        }
    }

    pub(super) fn reads(&self, reads: &mut Reads) {
        let Self { tenant, order, merchant, request, .. } = self;
        reads_of(tenant, *order, merchant, request, reads);
        self.shares.reads(tenant, reads);
    }
}

/// What the request of any refund reads. With the order comes what was bought with it.
pub(super) fn reads_of(
    tenant: &TenantId,
    order: Id<kinds::Order>,
    merchant: &MerchantId,
    request: &RefundRequest,
    reads: &mut Reads,
) {
    reads.orders.push((tenant.clone(), Key::Id(order)));
    reads.refunds.push((tenant.clone(), Key::Number(request.key())));
    let pending = Account::new(AccountKind::MerchantPending, merchant.as_str());
    reads.balances.push((tenant.clone(), pending));
    reads.balances.push((tenant.clone(), payable(tenant)));
}

/// The order of which a merchant requests a refund.
pub(super) fn order_of(
    deciding: &Deciding<'_>,
    tenant: &TenantId,
    order: Id<kinds::Order>,
    merchant: &MerchantId,
) -> Result<Order, OrderRefusal> {
    let order = deciding.row::<Order>(tenant, order).ok_or(OrderRefusal::NotFound)?;
    match order.terms.request.merchant == *merchant {
        true => Ok(order),
        false => Err(OrderRefusal::Differs { field: OrderField::Merchant }),
    }
}

/// Requests a refund, or answers a repeat of it.
pub(super) fn request(
    deciding: &mut Deciding<'_>,
    command: &RequestRefund,
) -> Result<Reply, Refusal> {
    let order = order_of(deciding, &command.tenant, command.order, &command.merchant)?;
    if order.terms.request.recharge.is_some() {
        return Err(RefundRefusal::StoredValue.into());
    }
    let known = deciding.view().refunds.find(&command.tenant, &Key::Number(command.request.key()));
    let refund = match known {
        Some(known) => repeat(deciding, known, &order, command)?,
        None => accept(deciding, &order, command)?,
    };
    Ok(Reply::about(refund.subject()))
}

/// Makes a new refund: it is requested at once, or prepared first.
fn accept(
    deciding: &mut Deciding<'_>,
    order: &Order,
    command: &RequestRefund,
) -> Result<Id<kinds::Refund>, Refusal> {
    check_order(deciding.now(), order, command.amount)?;
    let wanted = command.returns.as_deref().unwrap_or_default();
    let planned = plan(deciding, order, &command.shares, wanted)?;
    let after = order_after(order, &planned);
    let refund = new_refund(deciding, &after, command, &planned)?;
    let Some(step) = first_step(deciding, &refund, &after)? else {
        carry_out_book(deciding, &refund, order, &planned);
        open(deciding, &refund);
        return Ok(refund.id);
    };
    let (state, next_poll_at) = (waiting(&step, false), Some(look_again(deciding)));
    let refund = Refund { state, next_poll_at, ..refund };
    deciding.record(&refund, RefundChange::Made(Box::new(refund.clone())));
    money::reserve(deciding, &refund, order);
    carry_out_book(deciding, &refund, order, &planned);
    begin_step(deciding, &refund, order, &step);
    Ok(refund.id)
}

/// What a refund needs first. The channel takes one operation on the money of an order at a time.
fn first_step(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
) -> Result<Option<Step>, RefundRefusal> {
    match next_step(deciding, refund, order) {
        Some(_) if order.funds.refunding != Fen::ZERO => Err(RefundRefusal::Sharing),
        step => Ok(step),
    }
}

/// The same number again: only a refund that has failed runs again.
pub(super) fn repeat(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    command: &RequestRefund,
) -> Result<Id<kinds::Refund>, Refusal> {
    check_same(deciding.view(), refund, command)?;
    if let RefundState::Failed { is_proven, .. } = refund.state {
        if refund.attention.is_some() {
            return Err(RefundRefusal::Contradicted.into());
        }
        check_order(deciding.now(), order, command.amount)?;
        let planned = plan(deciding, order, &command.shares, &again(&refund.returns))?;
        let after = order_after(order, &planned);
        check_with_payees(&after, command.amount)?;
        if !money::is_there(deciding.view(), refund, &after) {
            return Err(not_enough(deciding, refund, &after, command.back.is_some()).into());
        }
        run_again(deciding, refund, &after, &planned, is_proven)?;
    }
    Ok(refund.id)
}

/// That a repeat wants what the refund is.
fn check_same(view: &View, refund: &Refund, command: &RequestRefund) -> Result<(), RefundRefusal> {
    if refund.order != command.order {
        return Err(RefundRefusal::OtherOrder);
    }
    if refund.amount != command.amount {
        return Err(RefundRefusal::OtherAmount);
    }
    if takes_otherwise(view, refund, command) {
        return Err(RefundRefusal::OtherParts);
    }
    if returns::takes_otherwise(&refund.returns, command.returns.as_deref()) {
        return Err(RefundRefusal::OtherReturns);
    }
    let is_to_balance = refund.request.as_ref().is_some_and(|made| made.is_to_balance);
    if is_to_balance != command.request.is_to_balance {
        return Err(RefundRefusal::OtherWay);
    }
    if refund.request.as_ref().is_some_and(|made| made.notify_url != command.request.notify_url) {
        return Err(RefundRefusal::OtherNotifyUrl);
    }
    Ok(())
}

/// True when the repeat wants other parts than the refund takes. One that wants none repeats them.
fn takes_otherwise(view: &View, refund: &Refund, command: &RequestRefund) -> bool {
    let Some(back) = &command.back else { return false };
    let of_merchant = |part: &RefundPart| match part.source {
        RefundSource::OwnMerchant | RefundSource::Card(_) | RefundSource::Wallet(_) => None,
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
/// What payees have not given back they are to give back now. The order is as it is then.
fn run_again(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    planned: &[RefundReturn],
    is_proven: bool,
) -> Result<(), RefundRefusal> {
    let done = refund.returns.iter().filter(|it| it.is_done());
    let returns: Vec<RefundReturn> = done.chain(planned).cloned().collect();
    let refund = &Refund { returns: returns.clone(), ..refund.clone() };
    let is_renewed = is_proven && refund.attempt < ATTEMPTS_MAX;
    let attempt = refund.attempt + u32::from(is_renewed);
    if let Some(step) = first_step(deciding, refund, order)? {
        prepare_again(deciding, refund, order, &step, attempt);
        carry_out_book(deciding, refund, order, planned);
        begin_step(deciding, refund, order, &step);
        return Ok(());
    }
    carry_out_book(deciding, refund, order, planned);
    if !planned.is_empty() {
        deciding.record(refund, RefundChange::ReturnsEnded { returns });
    }
    request_again(deciding, refund, order, attempt);
    Ok(())
}

/// Counts the refund in its order again; it is prepared first.
fn prepare_again(
    deciding: &mut Deciding<'_>,
    refund: &Refund,
    order: &Order,
    step: &Step,
    attempt: u32,
) {
    let (step, is_requested) = (step.subject(), attempt == refund.attempt);
    let (returns, next_poll_at) = (refund.returns.clone(), look_again(deciding));
    deciding.record(
        refund,
        RefundChange::PreparedAgain { step, is_requested, attempt, returns, next_poll_at },
    );
    money::reserve(deciding, refund, order);
}

/// Takes the money of a failed refund again, and requests it under its number or the next one.
fn request_again(deciding: &mut Deciding<'_>, refund: &Refund, order: &Order, attempt: u32) {
    let next_poll_at = deciding.now().plus_ms(CALL_MAX_MS);
    if attempt != refund.attempt {
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
    planned: &[RefundReturn],
) -> Result<Refund, RefundRefusal> {
    let amount = command.amount;
    check_with_payees(order, amount)?;
    let paid = paid(order)?;
    let parts = parts(deciding, order, command, planned)?;
    let before = requested_before(order);
    let refund = new(deciding, order, paid.into(), RefundCause::Requested);
    Ok(Refund {
        amount,
        settled_amount: settled_part(amount, before, paid),
        request: Some(command.request.clone()),
        parts,
        returns: planned.to_vec(),
        ..refund
    })
}

/// From where the amount is taken: each part is there.
fn parts(
    deciding: &Deciding<'_>,
    order: &Order,
    command: &RequestRefund,
    planned: &[RefundReturn],
) -> Result<Vec<RefundPart>, RefundRefusal> {
    let view = deciding.view();
    let returned = sum_of(planned.iter().map(|it| it.item.amount));
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
            let rest = command.amount.minus(returned).unwrap_or(Fen::ZERO);
            let left: Vec<Fen> = [order.free().minus(returned).unwrap_or(Fen::ZERO)]
                .into_iter()
                .chain(allocations.iter().map(|allocation| allocation.left()))
                .collect();
            let divided = in_proportion(rest, &left).ok_or_else(own_lacks)?;
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
    if own < returned {
        return Err(RefundRefusal::ReturnsExceed);
    }
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
        RefundSource::OwnMerchant | RefundSource::Card(_) | RefundSource::Wallet(_) => None,
        RefundSource::Allocation(id) => view
            .allocations
            .get(&refund.tenant, id)
            .filter(|allocation| !allocation.has(view, part.amount)),
    });
    let merchant = lacks.map_or(&order.terms.request.merchant, |allocation| &allocation.merchant);
    RefundRefusal::NotEnough { merchant: merchant.clone(), is_named }
}

/// The payment of an order.
pub(super) fn paid(order: &Order) -> Result<&Paid, RefundRefusal> {
    let OrderState::Paid(paid) = &order.state else {
        return Err(RefundRefusal::NotPaid { state: order.state.name() });
    };
    Ok(paid)
}

/// What of an order was requested back before.
pub(super) fn requested_before(order: &Order) -> Fen {
    Fen::new(order.funds.refunding.get().saturating_add(order.funds.refunded.get()))
}

/// What the order must fulfil so that this much of it can be given back.
pub(super) fn check_order(now: Timestamp, order: &Order, amount: Fen) -> Result<(), RefundRefusal> {
    let paid = paid(order)?;
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
    match order.sharing.running {
        Some(_) => Err(RefundRefusal::Sharing),
        None => Ok(()),
    }
}

/// That payees do not have what is to be refunded. The account has the money of other orders too, which
/// cannot pay for this one.
fn check_with_payees(order: &Order, amount: Fen) -> Result<(), RefundRefusal> {
    match order.not_shared() {
        left if amount > left => Err(RefundRefusal::NotReturned { left }),
        _ => Ok(()),
    }
}

/// The settled part of an amount of which so much was requested before: all that the merchant's coupons
/// did not pay. Their share is rounded down of the sum with each refund, so that the shares of all
/// refunds sum to the payment's. The channel states the real one when it has carried the refund out.
pub(super) fn settled_part(amount: Fen, before: Fen, paid: &Paid) -> Fen {
    let wide = |fen: Fen| i128::from(fen.get());
    let coupons = wide(coupon_amount(paid.amount, paid.settled_amount));
    let share = |part: i128| part * coupons / wide(paid.amount).max(1);
    let coupon = share(wide(before) + wide(amount)) - share(wide(before));
    i64::try_from(wide(amount) - coupon).map_or(amount, Fen::new)
}
