//! The rules that the books must keep, in words, and those of them that need no database.

use crate::{AuditReport, StoreFault};
use kernel::{Order, TenantId};
use ledger::{Account, AccountKind, Balance, Delta, Fen, Phase, Reason, Transfer};
use std::collections::BTreeMap;
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
    /// Every paid order has exactly one payment of what the channel settled of the amount that it took,
    /// from its channel account to its merchant, and one of the rest from its merchant's coupons. Where
    /// one of the two is nothing, it has only the other.
    PaidWithoutPayment,
    /// No other order has a payment.
    PaymentWithoutPaid,
    /// Every unapplied payment of an order is booked to suspense once, what arrived and what its merchant's
    /// coupons paid each by itself, and nothing else is.
    UnappliedWithoutTransfer,
    /// Every unapplied payment that a refund gives back has that refund.
    UnappliedWithoutRefund,
    /// Every refund of unapplied money has its amount held in suspense once, for its order's channel
    /// account. Every hold of a merchant's refund is of its amount in `refunds_payable`, and all but the
    /// last, which is there while it has not failed, are released.
    RefundWithoutHold,
    /// Every refund that is done or was ended by a person moved its amount out of what was held, once:
    /// what arrived back to its channel account, or to where the person booked it, the rest to the
    /// merchant's coupons. What the channel gave back after that moved on from there, and what it
    /// divided otherwise was set right. No other refund moved anything.
    RefundWithoutPost,
    /// No refund of unapplied money releases what it holds.
    RefundReleased,
    /// What an order says is allocated of it is what its allocations have, without what was taken back.
    AllocatedDiffers,
    /// What an order says is reserved for shares is what its shares that have not ended give; what it
    /// says was shared is what the others gave, without what came back.
    SharedDiffers,
    /// What a merchant's refund has taken from merchants, and has not put back, is its amount; nothing of
    /// one that has failed or was written off.
    RefundNotTaken,
    /// What refunds have reserved of an order and given back of it is what the order counts.
    RefundsNotCounted,
    /// Every withdrawal has its amount held once on what its merchant has available; one that is paid
    /// moved it from there to where it was paid by hand, one that failed released it, and nothing else
    /// moved for it.
    WithdrawalWithoutTransfers,
    /// What the cards of a batch are worth is what the book says that they are.
    CardsDiffer,
    /// A batch counts the cards of its purchases: as issued those of paid ones, as reserved those of open
    /// ones.
    StockDiffers,
    /// A purchase of stored value is fulfilled exactly when its order is paid, with as many cards as it has;
    /// it is released exactly when its order has ended unpaid.
    RechargeDiffers,
    /// An order whose wallet pays took exactly what it was paid with, and what was put back of that is in the
    /// book and no more than its refunds.
    WalletPaymentDiffers,
    /// What an order took from a wallet was taken from the accounts that the row says, as much from each.
    WalletPartsDiffer,
    /// The cards that a wallet says are in it are those that say so.
    WalletCardsDiffer,
    /// Every void card has a refund of its purchase that gives its price back, or has; and every card of such
    /// a refund is void, or has expired.
    CardVoidDiffers,
    /// An owner's quota has the cards of its purchases that were not given up, without those that are void.
    QuotaDiffers,
    /// An agreement debits exactly the order that is open and is to be paid by it, or none.
    DebitDiffers,
    /// What a purchase brought is in the book once: the worth of its cards in the account of their batch, what
    /// was paid into a wallet and what the merchant added in the wallet's accounts.
    RechargeNotBooked,
    /// What the transfers of a row hold is what the row says that it holds.
    HeldDiffers,
    /// Every transfer that holds or releases belongs to a row.
    HoldWithoutRow,
    /// Every row that is open has a task.
    OpenWithoutTask,
    /// Every paid order whose merchant asked for it has a notification, or had one that is archived.
    PaidWithoutNotification,
    /// Every row that has a story has as many events as its version says, in the log or in archives.
    EventsMissing,
    /// Each archive has as many events as are written down for its rows.
    ArchivesDiffer,
}

impl Rule {
    /// Every rule, in the order in which they are checked.
    pub const ALL: [Rule; 33] = [
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
        Rule::RefundReleased,
        Rule::RefundNotTaken,
        Rule::RefundsNotCounted,
        Rule::AllocatedDiffers,
        Rule::SharedDiffers,
        Rule::WithdrawalWithoutTransfers,
        Rule::CardsDiffer,
        Rule::StockDiffers,
        Rule::RechargeDiffers,
        Rule::WalletPaymentDiffers,
        Rule::WalletPartsDiffer,
        Rule::WalletCardsDiffer,
        Rule::CardVoidDiffers,
        Rule::QuotaDiffers,
        Rule::DebitDiffers,
        Rule::RechargeNotBooked,
        Rule::HeldDiffers,
        Rule::HoldWithoutRow,
        Rule::OpenWithoutTask,
        Rule::PaidWithoutNotification,
        Rule::EventsMissing,
        Rule::ArchivesDiffer,
    ];

    /// What is wrong where the rule does not hold.
    const fn wrong(self) -> &'static str {
        match self {
            Rule::TransferShape => "moves nothing, or from an account to itself",
            Rule::BalanceMissing => "postings and no balance",
            Rule::BalanceDiffers => "the balance is not the sum of its postings",
            Rule::BelowFloor => "less available than its floor, or less than 0 held",
            Rule::Unbalanced => "the balances do not sum to zero",
            Rule::PaidWithoutPayment => {
                "paid, want exactly one payment of what was settled from its channel account to its \
                 merchant, and of the rest from the merchant's coupons"
            }
            Rule::PaymentWithoutPaid => "a payment, and the order is not paid",
            Rule::UnappliedWithoutTransfer => {
                "its unapplied payments are not those booked to suspense"
            }
            Rule::UnappliedWithoutRefund => "an unapplied payment without its refund",
            Rule::RefundWithoutHold => "its amount is not held once",
            Rule::RefundWithoutPost => "what was posted does not fit its state",
            Rule::RefundReleased => "its amount was released",
            Rule::AllocatedDiffers => "its allocations do not sum to what it has allocated",
            Rule::SharedDiffers => "its shares and their returns are not what it counts of them",
            Rule::RefundNotTaken => "what it took from merchants is not its amount",
            Rule::RefundsNotCounted => "its refunds are not what it counts of them",
            Rule::WithdrawalWithoutTransfers => "its transfers do not fit its state",
            Rule::CardsDiffer => "its cards are not worth what the book says",
            Rule::StockDiffers => "its purchases do not have the cards that it counts",
            Rule::RechargeDiffers => "its order's end and its cards do not fit its state",
            Rule::WalletPaymentDiffers => "it did not take from its wallet what it was paid with",
            Rule::WalletPartsDiffer => "its parts are not what left the wallet's accounts",
            Rule::WalletCardsDiffer => "its cards are not those that say that they are in it",
            Rule::CardVoidDiffers => "it is void without a refund, or refunded and not void",
            Rule::QuotaDiffers => "its owner's purchases do not have the cards that it counts",
            Rule::DebitDiffers => "the order that it debits is not the open one that it pays",
            Rule::RechargeNotBooked => "what it brought is not in the book once",
            Rule::HeldDiffers => "its transfers do not hold what it should hold",
            Rule::HoldWithoutRow => "holds or releases for a row that does not exist",
            Rule::OpenWithoutTask => "open, and no task",
            Rule::PaidWithoutNotification => "paid, and no notification to its merchant",
            Rule::EventsMissing => {
                "not as many events, in the log and in archives, as its version says"
            }
            Rule::ArchivesDiffer => "its record does not count the events that were archived",
        }
    }

    /// What is reported where the rule does not hold: the first row that breaks it.
    pub fn fault(self, tenant: impl Display, noun: &str, subject: impl Display) -> String {
        format!("{noun} {subject} of tenant {tenant}: {}", self.wrong())
    }
}

/// Balances of all tenants by account, or sums of postings.
pub type Sums = BTreeMap<(TenantId, Account), Balance>;

/// Checks the rules about accounts: what each has against what was posted.
///
/// # Errors
/// When a sum does not fit.
pub fn accounts(
    report: &mut AuditReport,
    balances: &Sums,
    postings: &Sums,
) -> Result<(), StoreFault> {
    let zero = Balance::default();
    let note = |report: &mut AuditReport, rule: Rule, first: Option<&(TenantId, Account)>| {
        let fault = first.map(|(tenant, account)| rule.fault(tenant, "account", account.key()));
        report.faults.extend(fault);
    };
    let missing = postings.keys().find(|key| !balances.contains_key(key));
    note(report, Rule::BalanceMissing, missing);
    let differs = balances.iter().find(|(key, has)| *has != postings.get(key).unwrap_or(&zero));
    note(report, Rule::BalanceDiffers, differs.map(|(key, _)| key));
    let low = balances.iter().find(|((_, account), has)| is_low(account, **has));
    note(report, Rule::BelowFloor, low.map(|(key, _)| key));
    let mut sums: BTreeMap<&TenantId, Fen> = BTreeMap::new();
    for ((tenant, _), has) in balances {
        let sum = sums.entry(tenant).or_default();
        *sum = sum.plus(has.posted).map_err(|_| out_of_range())?;
    }
    let unbalanced = sums.iter().find(|(_, sum)| **sum != Fen::ZERO);
    report
        .faults
        .extend(unbalanced.map(|(tenant, sum)| Rule::Unbalanced.fault(tenant, "sum", sum)));
    Ok(())
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

/// A part of a payment: for money that arrived or for coupons, and how much.
pub type Part = (Reason, Fen);

/// The parts of a payment that are booked, for this reason and for coupons: those that are not nothing.
pub(crate) fn parts(
    reason: Reason,
    amount: Fen,
    settled: Fen,
) -> impl Iterator<Item = Option<Part>> {
    [(reason, settled), (Reason::Coupon, kernel::coupon_amount(amount, settled))]
        .into_iter()
        .filter(|(_, amount)| *amount != Fen::ZERO)
        .map(Some)
}

/// The parts of an order's unapplied payments, as they are booked.
pub fn unapplied_parts(order: &Order) -> impl Iterator<Item = Option<Part>> {
    let payments = order.unapplied.iter();
    payments.flat_map(|it| parts(Reason::UnappliedPayment, it.amount, it.settled_amount))
}

/// What a transfer books to suspense for an order of the merchant; nothing when it does not do that.
pub fn unapplied_part(transfer: &Transfer, order: &Order) -> Option<Part> {
    let suspense = Account::new(AccountKind::Suspense, order.terms.tenant.as_str());
    let coupons = Account::new(AccountKind::MerchantCoupons, order.terms.request.merchant.as_str());
    let fits = transfer.phase == Phase::Post
        && transfer.credit == suspense
        && (transfer.reason != Reason::Coupon || transfer.debit == coupons);
    fits.then_some((transfer.reason, transfer.amount))
}

/// The parts in an order of their own, to compare what was booked with what there is.
pub fn sorted(parts: impl Iterator<Item = Option<Part>>) -> Vec<Option<(&'static str, Fen)>> {
    let mut parts: Vec<_> =
        parts.map(|part| part.map(|(reason, amount)| (reason.name(), amount))).collect();
    parts.sort();
    parts
}
