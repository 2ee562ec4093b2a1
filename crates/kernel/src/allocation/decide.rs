//! How allocations are made, credited and released.

use super::{Allocation, AllocationChange, AllocationFunds, AllocationState, by_account};
use crate::aggregate::Aggregate;
use crate::aggregate::{AggregateCommand, Reads};
use crate::allocation_release::AllocationRelease;
use crate::calendar::ShanghaiDay;
use crate::deciding::{Deciding, Movement};
use crate::directory::TenantId;
use crate::order::{AllocatePeriod, AllocationTerms, Order, OrderChange, OrderFunds, Paid};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Timestamp};

/// Why an order is not divided that was paid with another amount.
const OTHER_AMOUNT: &str = "the order was paid with another amount";
/// Why an order is not divided of which less arrived than others are to get.
const COUPONS: &str =
    "the merchant's coupons paid a part of the order: less arrived than others are to get";

/// What can be requested of an allocation by itself: nothing. Orders make allocations, their tasks credit
/// them, releases and refunds do the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllocationCommand {}

impl AggregateCommand for AllocationCommand {
    fn tenant(&self) -> &TenantId {
        match *self {}
    }

    fn name(&self) -> &'static str {
        match *self {}
    }

    fn reads(&self, _: &mut Reads) {
        match *self {}
    }
}

/// Divides the money of an order that is being paid. Returns what was allocated.
pub(crate) fn allocate(deciding: &mut Deciding<'_>, order: &Order, paid: &Paid) -> Fen {
    let request = &order.terms.request;
    let allocated = allocated(order, paid);
    if let Ok(allocated) = allocated
        && allocated != Fen::ZERO
    {
        let delta = OrderFunds { allocated, ..OrderFunds::default() };
        deciding.record(order, OrderChange::FundsMoved { by: order.id().subject(), delta });
    }
    for terms in &request.splits.allocations {
        let state = match allocated {
            Ok(_) => due_state(deciding, terms, paid.at),
            Err(why) => AllocationState::Failed { at: deciding.now(), reason: why.to_owned() },
        };
        let allocation = new_allocation(deciding, order, terms, state);
        deciding.record(&allocation, AllocationChange::Made(Box::new(allocation.clone())));
        let pending = Account::new(AccountKind::MerchantPending, request.merchant.as_str());
        credit(deciding, &allocation, &pending, Reason::Allocation, allocation.funds());
    }
    allocated.unwrap_or(Fen::ZERO)
}

/// What other merchants get of a payment in all, or why the order is not divided, so that all of it stays
/// with its own merchant. The caller divided one amount, and not another; and what the merchant's coupons
/// paid never arrives, so that it cannot be passed on: nobody lends it.
fn allocated(order: &Order, paid: &Paid) -> Result<Fen, &'static str> {
    let request = &order.terms.request;
    if paid.amount != request.amount {
        return Err(OTHER_AMOUNT);
    }
    // The sums were checked against the order's amount when the order was placed.
    let parts = request.splits.parts(paid.amount).unwrap_or(Fen::new(i64::MAX));
    if parts > paid.settled_amount {
        return Err(COUPONS);
    }
    let mut amounts = request.splits.allocations.iter().map(|terms| terms.amount);
    amounts.try_fold(Fen::ZERO, |sum, amount| sum.plus(amount).map_err(|_| OTHER_AMOUNT))
}

fn new_allocation(
    deciding: &mut Deciding<'_>,
    order: &Order,
    terms: &AllocationTerms,
    state: AllocationState,
) -> Allocation {
    Allocation {
        tenant: order.terms.tenant.clone(),
        id: deciding.id(),
        order: order.terms.id,
        merchant: terms.merchant.clone(),
        amount: terms.amount,
        period: terms.period,
        is_frozen: terms.is_frozen,
        made_at: deciding.now(),
        version: 1,
        state,
        released: Fen::ZERO,
        returned: Fen::ZERO,
    }
}

/// Where an allocation begins: a payment that is learned of late may be past its period.
fn due_state(
    deciding: &Deciding<'_>,
    terms: &AllocationTerms,
    paid_at: Timestamp,
) -> AllocationState {
    let now = deciding.now();
    let until = period_end(deciding, terms.period, paid_at);
    match until <= now {
        true => AllocationState::Credited { at: now },
        false => AllocationState::Waiting { until },
    }
}

/// When the period of a payment is over.
fn period_end(deciding: &Deciding<'_>, period: AllocatePeriod, paid_at: Timestamp) -> Timestamp {
    let day = ShanghaiDay::of(paid_at);
    match period {
        AllocatePeriod::D0 => paid_at.min(deciding.now()),
        AllocatePeriod::D1 => day.plus_days(1).start(),
        AllocatePeriod::T1 => deciding.view().directory.working_days.next_after(day).start(),
    }
}

/// The task of an allocation that waits: its period is over.
pub(super) fn end_period(deciding: &mut Deciding<'_>, allocation: &Allocation) {
    let AllocationState::Waiting { .. } = allocation.state else { return };
    let state = AllocationState::Credited { at: deciding.now() };
    let credited = Allocation { state, ..allocation.clone() }.funds();
    deciding.record(allocation, AllocationChange::Credited);
    let waiting = allocation.account(AccountKind::MerchantPending);
    credit(deciding, allocation, &waiting, Reason::AllocationRelease, credited);
}

/// Releases a part of what is frozen.
pub(crate) fn release(
    deciding: &mut Deciding<'_>,
    allocation: &Allocation,
    by: &AllocationRelease,
    amount: Fen,
) {
    deciding.record(allocation, AllocationChange::Released { by: by.id, amount });
    let frozen = allocation.account(AccountKind::MerchantFrozen);
    let released = AllocationFunds { available: amount, ..AllocationFunds::default() };
    credit(deciding, allocation, &frozen, Reason::AllocationRelease, released);
}

/// Moves money from an account to where it belongs with the allocation's merchant.
fn credit(
    deciding: &mut Deciding<'_>,
    allocation: &Allocation,
    debit: &Account,
    reason: Reason,
    funds: AllocationFunds,
) {
    for (kind, amount) in by_account(funds) {
        let (debit, credit) = (debit.clone(), allocation.account(kind));
        let phase = Phase::Post;
        deciding.transfer_any(allocation, Movement { phase, debit, credit, amount, reason });
    }
}
