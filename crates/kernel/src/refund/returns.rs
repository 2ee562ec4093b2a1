//! What payees give back of their shares for a refund: which share it is taken from.

use super::RefundRefusal;
use crate::aggregate::{Key, Reads};
use crate::command::Refusal;
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::order::{Order, OrderFunds};
use crate::share::{ItemOutcome, ItemPlace, Share, ShareItem, sum};
use crate::share_return::{
    ReturnItem, ReturnOutcome, ReturnTerms, ShareReturn, ShareReturnRefusal, item, left, refused,
};
use ledger::{Account, Fen, Id, kinds};
use std::collections::{BTreeMap, BTreeSet};

/// What a payee gives back of a share for a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundReturn {
    /// The share.
    pub share: Id<kinds::Share>,
    /// Who gives back how much, and what became of that.
    pub item: ReturnItem,
}

impl RefundReturn {
    /// True when the merchant has it back.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.item.outcome, ReturnOutcome::Done { .. })
    }

    pub(super) const fn is_in_book(&self) -> bool {
        matches!(self.item.place, ItemPlace::Book(_))
    }
}

/// An order's shares, as they were read before a command about them: what the command must see. Where
/// another share or return came since, the command is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderShares {
    /// The shares, oldest first.
    pub shares: Vec<Id<kinds::Share>>,
    /// Their returns.
    pub returns: Vec<Id<kinds::ShareReturn>>,
    /// The accounts in the book that their items lie in.
    pub accounts: Vec<Account>,
}

impl OrderShares {
    /// Of these shares, in any order.
    pub fn of<'s>(shares: impl Iterator<Item = &'s Share>) -> OrderShares {
        let mut found = OrderShares::default();
        for share in shares {
            found.shares.push(share.id);
            found.returns.extend(&share.returns);
            found.accounts.extend(share.items.iter().filter_map(|item| match &item.place {
                ItemPlace::Book(account) => Some(account.clone()),
                ItemPlace::Channel(_) => None,
            }));
        }
        found.shares.sort();
        found
    }

    pub(super) fn reads(&self, tenant: &TenantId, reads: &mut Reads) {
        let of_tenant = |account: &Account| (tenant.clone(), account.clone());
        reads.shares.extend(self.shares.iter().map(|id| (tenant.clone(), Key::Id(*id))));
        reads.share_returns.extend(self.returns.iter().map(|id| (tenant.clone(), Key::Id(*id))));
        reads.balances.extend(self.accounts.iter().map(of_tenant));
    }
}

/// From which shares these payees give back what is wanted of them: the oldest first. What lies in the
/// book is there. An item in the book is done once it is carried out, in the same commit.
pub(super) fn plan(
    deciding: &Deciding<'_>,
    order: &Order,
    shares: &OrderShares,
    terms: &[ReturnTerms],
) -> Result<Vec<RefundReturn>, Refusal> {
    let shares = known(deciding, order, shares)?;
    let (mut seen, mut planned) = (BTreeSet::new(), vec![]);
    for terms in terms {
        if !seen.insert(terms.payee) {
            return Err(ShareReturnRefusal::Twice { payee: terms.payee }.into());
        }
        planned.extend(of_payee(deciding, &shares, terms)?);
    }
    check_book(deciding, order, &planned)?;
    Ok(planned)
}

/// The order's shares. Each of their returns must have been read, so that nothing is given back twice.
fn known(
    deciding: &Deciding<'_>,
    order: &Order,
    shares: &OrderShares,
) -> Result<Vec<Share>, RefundRefusal> {
    let tenant = &order.terms.tenant;
    let rows = shares.shares.iter().filter_map(|id| deciding.row::<Share>(tenant, *id));
    let rows: Vec<Share> = rows.filter(|share| share.order == order.terms.id).collect();
    let is_read = |id: &Id<kinds::ShareReturn>| deciding.row::<ShareReturn>(tenant, *id).is_some();
    match rows.iter().flat_map(|share| &share.returns).all(is_read) {
        true => Ok(rows),
        false => Err(RefundRefusal::Sharing),
    }
}

/// What one payee gives back, of each of its shares.
fn of_payee(
    deciding: &Deciding<'_>,
    shares: &[Share],
    terms: &ReturnTerms,
) -> Result<Vec<RefundReturn>, ShareReturnRefusal> {
    let payee = terms.payee;
    let got =
        |item: &&ShareItem| item.payee == payee && matches!(item.outcome, ItemOutcome::Done { .. });
    let of_share = shares.iter().filter_map(|share| Some((share, share.items.iter().find(got)?)));
    let parts: Vec<(&Share, &ShareItem)> = of_share.collect();
    if parts.is_empty() {
        return Err(refused(payee, "got nothing of the order"));
    }
    let (mut missing, mut planned) = (terms.amount, vec![]);
    for (share, shared) in &parts {
        let amount = left(deciding, share, shared).min(missing);
        if amount.is_positive() {
            let item = item(deciding, share, shared, &ReturnTerms { amount, ..terms.clone() })?;
            planned.push(RefundReturn { share: share.id, item });
            missing = missing.minus(amount).unwrap_or(Fen::ZERO);
        }
    }
    match terms.amount.is_positive() && missing == Fen::ZERO {
        true => Ok(planned),
        false => {
            let left = sum(parts.iter().map(|(share, shared)| left(deciding, share, shared)));
            Err(ShareReturnRefusal::Exceeds { payee, left })
        }
    }
}

/// That payees in the book have what they are to give back, in sum.
fn check_book(
    deciding: &Deciding<'_>,
    order: &Order,
    planned: &[RefundReturn],
) -> Result<(), RefundRefusal> {
    let mut wanted: BTreeMap<Account, Fen> = BTreeMap::new();
    for RefundReturn { item, .. } in planned {
        let ItemPlace::Book(account) = &item.place else { continue };
        let sum_of = wanted.entry(account.clone()).or_default();
        *sum_of = sum([*sum_of, item.amount].into_iter());
        let key = (order.terms.tenant.clone(), account.clone());
        let balance = deciding.view().balances.get(&key);
        let available = balance.and_then(|balance| balance.available().ok()).unwrap_or(Fen::ZERO);
        if available < *sum_of {
            return Err(RefundRefusal::PayeeNotEnough { payee: item.payee, available });
        }
    }
    Ok(())
}

/// The order as it is once these are back with its merchant.
pub(super) fn order_after(order: &Order, planned: &[RefundReturn]) -> Order {
    let back = sum(planned.iter().map(|it| it.item.amount));
    let shared = order.funds.shared.minus(back).unwrap_or(Fen::ZERO);
    Order { funds: OrderFunds { shared, ..order.funds }, ..order.clone() }
}

/// True when the caller names other payees, or other amounts, than the refund takes. One who names nobody
/// repeats them.
pub(super) fn takes_otherwise(returns: &[RefundReturn], wanted: Option<&[ReturnTerms]>) -> bool {
    let Some(wanted) = wanted else { return false };
    let by_payee = |parts: &mut dyn Iterator<Item = (Id<kinds::Payee>, Fen)>| {
        let mut sums: BTreeMap<Id<kinds::Payee>, i128> = BTreeMap::new();
        for (payee, amount) in parts {
            *sums.entry(payee).or_default() += i128::from(amount.get());
        }
        sums
    };
    by_payee(&mut wanted.iter().map(|terms| (terms.payee, terms.amount)))
        != by_payee(&mut returns.iter().map(|it| (it.item.payee, it.item.amount)))
}

/// What is wanted again of those that failed, or never came to their turn.
pub(super) fn again(returns: &[RefundReturn]) -> Vec<ReturnTerms> {
    let mut terms: Vec<ReturnTerms> = vec![];
    for RefundReturn { item, .. } in returns.iter().filter(|it| !it.is_done()) {
        match terms.iter_mut().find(|known| known.payee == item.payee) {
            Some(known) => known.amount = sum([known.amount, item.amount].into_iter()),
            None => terms.push(ReturnTerms {
                payee: item.payee,
                merchant: item.merchant.clone(),
                amount: item.amount,
            }),
        }
    }
    terms
}
