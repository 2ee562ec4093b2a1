//! The rules that the books must keep, in words, and those of them that need no database.

use crate::{Audit, StoreFault};
use kernel::TenantId;
use ledger::{Account, AccountKind, Balance, Delta, Fen};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

/// A rule of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Every transfer moves more than zero from one account to another.
    TransferShape,
    /// Every account with postings has a balance.
    BalanceMissing,
    /// Every balance is the sum of its account's postings.
    BalanceDiffers,
    /// No account has less available than its floor, or less than nothing held.
    BelowFloor,
    /// The balances of a tenant sum to zero.
    Unbalanced,
    /// Every paid order has exactly one payment: of its amount, from its channel account to its
    /// merchant.
    PaidWithoutPayment,
    /// No other order has a payment.
    PaymentWithoutPaid,
    /// Every unapplied payment of an order is booked to suspense once, and nothing else is.
    UnappliedWithoutTransfer,
    /// Every unapplied payment has the refund that gives it back.
    UnappliedWithoutRefund,
    /// Every refund has its amount held in suspense once, and nothing else is held there.
    RefundWithoutHold,
    /// Every refund that is done moved its amount from suspense to its channel account once, out of
    /// what was held or after that was released; no other refund moved anything.
    RefundWithoutPost,
    /// Every refund that failed released its amount once, also where it was done in the end; no other
    /// refund released anything.
    RefundWithoutRelease,
    /// A tenant's suspense holds the amounts of the refunds that are not final.
    HeldDiffers,
    /// Every order that is not final has a task.
    OrderWithoutTask,
    /// Every refund that is not final has a task.
    RefundWithoutTask,
    /// Every paid order whose merchant wants to be told has a notification.
    PaidWithoutNotification,
    /// Every due notification has a task.
    NotificationWithoutTask,
}

impl Rule {
    /// Every rule, in the order in which they are looked at.
    pub const ALL: [Rule; 17] = [
        Rule::TransferShape,
        Rule::BalanceMissing,
        Rule::BalanceDiffers,
        Rule::BelowFloor,
        Rule::Unbalanced,
        Rule::PaidWithoutPayment,
        Rule::PaymentWithoutPaid,
        Rule::UnappliedWithoutTransfer,
        Rule::UnappliedWithoutRefund,
        Rule::RefundWithoutHold,
        Rule::RefundWithoutPost,
        Rule::RefundWithoutRelease,
        Rule::HeldDiffers,
        Rule::OrderWithoutTask,
        Rule::RefundWithoutTask,
        Rule::PaidWithoutNotification,
        Rule::NotificationWithoutTask,
    ];

    /// What the rule is about, and what is wrong where it does not hold.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Rule::TransferShape => ("transfer", "moves nothing, or from an account to itself"),
            Rule::BalanceMissing => ("account", "postings and no balance"),
            Rule::BalanceDiffers => ("account", "the balance is not the sum of its postings"),
            Rule::BelowFloor => ("account", "less available than its floor, or less than 0 held"),
            Rule::Unbalanced => ("sum", "the balances do not sum to zero"),
            Rule::PaidWithoutPayment => (
                "order",
                "paid, want exactly one payment of its amount from its channel account to its \
                 merchant",
            ),
            Rule::PaymentWithoutPaid => ("order", "a payment, and the order is not paid"),
            Rule::UnappliedWithoutTransfer => {
                ("order", "its unapplied payments are not those booked to suspense")
            }
            Rule::UnappliedWithoutRefund => ("order", "an unapplied payment without its refund"),
            Rule::RefundWithoutHold => ("order", "its refunds are not those held in suspense"),
            Rule::RefundWithoutPost => ("order", "its refunds that are done are not those posted"),
            Rule::RefundWithoutRelease => {
                ("order", "its refunds that failed are not those released")
            }
            Rule::HeldDiffers => {
                ("account", "held, want the sum of the refunds that are not final")
            }
            Rule::OrderWithoutTask => ("order", "not final, and no task"),
            Rule::RefundWithoutTask => ("refund", "not final, and no task"),
            Rule::PaidWithoutNotification => ("order", "paid, and no notification to its merchant"),
            Rule::NotificationWithoutTask => ("notification", "due, and no task"),
        }
    }

    /// What is reported where the rule does not hold: the first row that breaks it.
    pub fn fault(self, tenant: impl Display, subject: impl Display) -> String {
        let (noun, wrong) = self.words();
        format!("{noun} {subject} of tenant {tenant}: {wrong}")
    }
}

/// Balances of all tenants by account, or sums of postings.
pub type Sums = BTreeMap<(TenantId, Account), Balance>;

/// Checks the rules about accounts: what each has against what was posted.
///
/// # Errors
/// When a sum does not fit.
pub fn accounts(audit: &mut Audit, balances: &Sums, postings: &Sums) -> Result<(), StoreFault> {
    let zero = Balance::default();
    let report = |audit: &mut Audit, rule: Rule, first: Option<&(TenantId, Account)>| {
        audit.faults.extend(first.map(|(tenant, account)| rule.fault(tenant, account.key())));
    };
    let missing = postings.keys().find(|key| !balances.contains_key(key));
    report(audit, Rule::BalanceMissing, missing);
    let differs = balances.iter().find(|(key, has)| *has != postings.get(key).unwrap_or(&zero));
    report(audit, Rule::BalanceDiffers, differs.map(|(key, _)| key));
    let low = balances.iter().find(|((_, account), has)| is_low(account, **has));
    report(audit, Rule::BelowFloor, low.map(|(key, _)| key));
    let mut sums: BTreeMap<&TenantId, Fen> = BTreeMap::new();
    for ((tenant, _), has) in balances {
        let sum = sums.entry(tenant).or_default();
        *sum = sum.plus(has.posted).map_err(|_| out_of_range())?;
    }
    let unbalanced = sums.iter().find(|(_, sum)| **sum != Fen::ZERO);
    audit.faults.extend(unbalanced.map(|(tenant, sum)| Rule::Unbalanced.fault(tenant, sum)));
    Ok(())
}

/// Checks that suspense holds what is on its way back: the sums of refunds that are not final.
pub fn suspense(audit: &mut Audit, balances: &Sums, open_refunds: &BTreeMap<TenantId, Fen>) {
    let account = |tenant: &TenantId| Account::new(AccountKind::Suspense, tenant.as_str());
    let tenants: BTreeSet<&TenantId> =
        balances.keys().map(|(tenant, _)| tenant).chain(open_refunds.keys()).collect();
    let differs = tenants.into_iter().find(|tenant| {
        let has = balances.get(&((*tenant).clone(), account(tenant))).copied().unwrap_or_default();
        has.held != open_refunds.get(*tenant).copied().unwrap_or_default()
    });
    let faults = differs.map(|tenant| Rule::HeldDiffers.fault(tenant, account(tenant).key()));
    audit.faults.extend(faults);
}

/// Below its floor, or holding less than nothing, or out of range.
fn is_low(account: &Account, has: Balance) -> bool {
    let below = match (account.kind.floor(), has.available()) {
        (Some(floor), Ok(available)) => available < floor,
        (None, Ok(_)) => false,
        (Some(_) | None, Err(_)) => true,
    };
    below || has.held < Fen::ZERO
}

/// Adds a posting to a sum.
pub(crate) fn add(sum: &mut Balance, delta: Delta) -> Result<(), StoreFault> {
    sum.posted = sum.posted.plus(delta.posted).map_err(|_| out_of_range())?;
    sum.held = sum.held.plus(delta.held).map_err(|_| out_of_range())?;
    Ok(())
}

pub(crate) fn out_of_range() -> StoreFault {
    StoreFault::Failed("sum of amounts out of range".to_owned())
}
