//! The double-entry book: accounts, transfers, balances.
//!
//! A transfer moves an amount from a debit account to a credit account, so Σ debits = Σ credits holds
//! by construction. An account's balance is credits minus debits: what Tongbao owes its owner.
//! Money that lies at a channel is an asset, hence negative; the balances of all accounts sum to zero.
//!
//! A balance has two parts. *Posted* is what has happened. *Held* is reserved for something that may
//! happen: it is taken when a refund or payout is accepted, posted when it succeeds, released when it
//! finally fails. What an account can spend is posted − held, and never falls below its floor.

use crate::id::{Id, Subject, kinds};
use crate::money::{Fen, MoneyFault};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountKind {
    /// Money that a channel holds for us; the owner is the channel account's name. An asset.
    ChannelFunds,
    /// Money collected for a merchant and not settled yet, with what its own coupons paid; the owner is
    /// the merchant's id.
    MerchantPending,
    /// Money that a merchant may withdraw: what was allocated or shared to it and whose period is over.
    /// The owner is the merchant's id.
    MerchantAvailable,
    /// Money that was allocated to a merchant and is withheld until it is released; the owner is the
    /// merchant's id.
    MerchantFrozen,
    /// What a merchant's own coupons paid, for which the channel settles nothing: its expense, to be
    /// taken off what is pending for it. The owner is the merchant's id.
    MerchantCoupons,
    /// What a merchant gave away with stored value: bonuses, and face values above the price. Its
    /// expense; the owner is the merchant's id.
    MerchantPromotions,
    /// What the gift cards of a batch are still worth; the owner is the batch's id.
    CardLiability,
    /// What a wallet's owner paid in and has not spent; the owner is the wallet's id.
    WalletPrincipal,
    /// What a wallet's owner got as a bonus and has not spent; the owner is the wallet's id.
    WalletBonus,
    /// What was left on cards that have expired; the owner is the id of the merchant that sold them.
    Breakage,
    /// What was shared in the book to a payee who has no merchant account; the owner is the payee's id.
    PayeeAvailable,
    /// What we owe payers: the amounts of refunds that were accepted and are not done; the owner is the
    /// tenant.
    RefundsPayable,
    /// Money that came without an order to take it (late, twice); the owner is the tenant.
    Suspense,
    /// Money that somebody handed out for us outside the channel's interface, and that we owe them;
    /// the owner is the tenant.
    SettledByHand,
    /// Money that was given up: kept where no payer gets it back, or lost; the owner is the tenant.
    WriteOff,
}

impl AccountKind {
    /// Every kind, for listings and tests.
    pub const ALL: [AccountKind; 15] = [
        AccountKind::ChannelFunds,
        AccountKind::MerchantPending,
        AccountKind::MerchantAvailable,
        AccountKind::MerchantFrozen,
        AccountKind::MerchantCoupons,
        AccountKind::MerchantPromotions,
        AccountKind::CardLiability,
        AccountKind::WalletPrincipal,
        AccountKind::WalletBonus,
        AccountKind::Breakage,
        AccountKind::PayeeAvailable,
        AccountKind::RefundsPayable,
        AccountKind::Suspense,
        AccountKind::SettledByHand,
        AccountKind::WriteOff,
    ];

    /// The noun in storage, logs and documents.
    pub const fn name(self) -> &'static str {
        match self {
            AccountKind::ChannelFunds => "channel_funds",
            AccountKind::MerchantPending => "merchant_pending",
            AccountKind::MerchantAvailable => "merchant_available",
            AccountKind::MerchantFrozen => "merchant_frozen",
            AccountKind::MerchantCoupons => "merchant_coupons",
            AccountKind::MerchantPromotions => "merchant_promotions",
            AccountKind::CardLiability => "card_liability",
            AccountKind::WalletPrincipal => "wallet_principal",
            AccountKind::WalletBonus => "wallet_bonus",
            AccountKind::Breakage => "breakage",
            AccountKind::PayeeAvailable => "payee_available",
            AccountKind::RefundsPayable => "refunds_payable",
            AccountKind::Suspense => "suspense",
            AccountKind::SettledByHand => "settled_by_hand",
            AccountKind::WriteOff => "write_off",
        }
    }

    /// The least that the account may have available, or `None` where it may be overdrawn: assets and
    /// expenses are negative by nature, and what a person booked may turn out to have been otherwise.
    pub const fn floor(self) -> Option<Fen> {
        match self {
            AccountKind::ChannelFunds
            | AccountKind::MerchantCoupons
            | AccountKind::MerchantPromotions
            | AccountKind::SettledByHand
            | AccountKind::WriteOff => None,
            AccountKind::MerchantPending
            | AccountKind::MerchantAvailable
            | AccountKind::MerchantFrozen
            | AccountKind::CardLiability
            | AccountKind::WalletPrincipal
            | AccountKind::WalletBonus
            | AccountKind::Breakage
            | AccountKind::PayeeAvailable
            | AccountKind::RefundsPayable
            | AccountKind::Suspense => Some(Fen::ZERO),
        }
    }
}

/// An account of one tenant. Its text form, `kind/owner`, is its key in storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Account {
    /// What it is for.
    pub kind: AccountKind,
    /// Whose it is; the meaning depends on the kind.
    pub owner: String,
}

impl Account {
    /// The account of this kind and owner.
    pub fn new(kind: AccountKind, owner: impl Into<String>) -> Account {
        Account { kind, owner: owner.into() }
    }

    /// The key, `kind/owner`.
    pub fn key(&self) -> String {
        format!("{}/{}", self.kind.name(), self.owner)
    }

    /// Reads a key; `None` when it names no kind of account.
    pub fn from_key(key: &str) -> Option<Account> {
        let (name, owner) = key.split_once('/')?;
        let kind = AccountKind::ALL.into_iter().find(|kind| kind.name() == name)?;
        Some(Account::new(kind, owner))
    }
}

/// What a transfer does to the two parts of a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Moves the amount at once.
    Post,
    /// Reserves the amount on the debit account; nothing moves.
    Hold,
    /// Gives a reservation back; nothing moves.
    Release,
    /// Moves an amount that was held before.
    PostHeld,
}

impl Phase {
    /// Every phase, for listings and tests.
    pub const ALL: [Phase; 4] = [Phase::Post, Phase::Hold, Phase::Release, Phase::PostHeld];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Post => "post",
            Phase::Hold => "hold",
            Phase::Release => "release",
            Phase::PostHeld => "post_held",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// Why money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// An order was paid.
    Payment,
    /// The part of a payment, or of the refund that gives it back, that a merchant's coupon paid: no
    /// money moves at the channel for it.
    Coupon,
    /// A merchant's refund: its amount set aside, given back to the payer, or put back.
    Refund,
    /// A part of an order's money went to another merchant.
    Allocation,
    /// Allocated money became available, because its period is over or it was released.
    AllocationRelease,
    /// Allocated money was taken back for a refund, or put back when that failed.
    AllocationReturn,
    /// A part of an order's money was shared to a payee.
    Share,
    /// Shared money came back.
    ShareReturn,
    /// A merchant withdrew available money.
    Withdrawal,
    /// The face value of cards that were issued.
    CardIssue,
    /// Money that was paid into a wallet, and the bonus that came with it.
    Recharge,
    /// Stored value was spent on an order.
    StoredValuePayment,
    /// Spent stored value was put back, because the order was refunded.
    StoredValueRefund,
    /// Stored value was taken back, because what was paid for it is refunded; or put back when that
    /// failed.
    RechargeRefund,
    /// A part of a wallet was frozen, or released.
    WalletFreeze,
    /// What was left on an expired card; or given back when its validity was extended.
    Breakage,
    /// Money arrived for an order that could not take it.
    UnappliedPayment,
    /// Unapplied money on its way back to the payer.
    UnappliedRefund,
    /// Unapplied money that a cancel of its order gave back.
    Reversal,
    /// Unapplied money that somebody gave back outside the channel's interface.
    SettledByHand,
    /// Unapplied money that is not given back.
    WrittenOff,
}

impl Reason {
    /// Every reason, for listings and tests.
    pub const ALL: [Reason; 21] = [
        Reason::Payment,
        Reason::Coupon,
        Reason::Refund,
        Reason::Allocation,
        Reason::AllocationRelease,
        Reason::AllocationReturn,
        Reason::Share,
        Reason::ShareReturn,
        Reason::Withdrawal,
        Reason::CardIssue,
        Reason::Recharge,
        Reason::StoredValuePayment,
        Reason::StoredValueRefund,
        Reason::RechargeRefund,
        Reason::WalletFreeze,
        Reason::Breakage,
        Reason::UnappliedPayment,
        Reason::UnappliedRefund,
        Reason::Reversal,
        Reason::SettledByHand,
        Reason::WrittenOff,
    ];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Payment => "payment",
            Reason::Coupon => "coupon",
            Reason::Refund => "refund",
            Reason::Allocation => "allocation",
            Reason::AllocationRelease => "allocation_release",
            Reason::AllocationReturn => "allocation_return",
            Reason::Share => "share",
            Reason::ShareReturn => "share_return",
            Reason::Withdrawal => "withdrawal",
            Reason::CardIssue => "card_issue",
            Reason::Recharge => "recharge",
            Reason::StoredValuePayment => "stored_value_payment",
            Reason::StoredValueRefund => "stored_value_refund",
            Reason::RechargeRefund => "recharge_refund",
            Reason::WalletFreeze => "wallet_freeze",
            Reason::Breakage => "breakage",
            Reason::UnappliedPayment => "unapplied_payment",
            Reason::UnappliedRefund => "unapplied_refund",
            Reason::Reversal => "reversal",
            Reason::SettledByHand => "settled_by_hand",
            Reason::WrittenOff => "written_off",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// One immutable movement between two accounts of the same tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its own id.
    pub id: Id<kinds::Transfer>,
    /// What it does to held and posted.
    pub phase: Phase,
    /// The account that gives.
    pub debit: Account,
    /// The account that takes.
    pub credit: Account,
    /// How much; above zero.
    pub amount: Fen,
    /// Why.
    pub reason: Reason,
    /// What it was made for: the order that was paid, the refund that was made …
    pub subject: Subject,
    /// The story that it belongs to.
    pub root: Id<kinds::Root>,
    /// When it was decided.
    pub at: Timestamp,
}

/// What one or more transfers do to one account's balance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// Change of the posted part.
    pub posted: Fen,
    /// Change of the held part.
    pub held: Fen,
}

impl Delta {
    /// Both changes together.
    pub fn plus(self, other: Delta) -> Result<Delta, MoneyFault> {
        Ok(Delta { posted: self.posted.plus(other.posted)?, held: self.held.plus(other.held)? })
    }
}

/// What an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Credits minus debits.
    pub posted: Fen,
    /// The part of it that is reserved.
    pub held: Fen,
}

/// A movement that the book does not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookFault {
    /// The amount is not above zero.
    #[error("transfer of {0}, want more than zero")]
    NotPositive(Fen),
    /// Debit and credit are the same account.
    #[error("transfer from {0} to itself")]
    SameAccount(String),
    /// The account would fall below its floor.
    #[error("{account} would have {available} available")]
    Floor {
        /// The account's key.
        account: String,
        /// What would be left.
        available: Fen,
    },
    /// More would be released or posted than is held.
    #[error("{account} would hold {held}")]
    NotHeld {
        /// The account's key.
        account: String,
        /// What would be held.
        held: Fen,
    },
    /// A sum does not fit.
    #[error(transparent)]
    Money(#[from] MoneyFault),
}

impl Transfer {
    /// The changes of the debit account and of the credit account. They sum to zero in the posted
    /// part.
    pub fn deltas(&self) -> Result<(Delta, Delta), BookFault> {
        if !self.amount.is_positive() {
            return Err(BookFault::NotPositive(self.amount));
        }
        if self.debit == self.credit {
            return Err(BookFault::SameAccount(self.debit.key()));
        }
        let amount = self.amount;
        let less = amount.negated()?;
        let (posted_debit, held_debit, posted_credit) = match self.phase {
            Phase::Post => (less, Fen::ZERO, amount),
            Phase::Hold => (Fen::ZERO, amount, Fen::ZERO),
            Phase::Release => (Fen::ZERO, less, Fen::ZERO),
            Phase::PostHeld => (less, less, amount),
        };
        let debit = Delta { posted: posted_debit, held: held_debit };
        let credit = Delta { posted: posted_credit, held: Fen::ZERO };
        Ok((debit, credit))
    }
}

impl Balance {
    /// What can be spent: posted − held.
    pub fn available(self) -> Result<Fen, MoneyFault> {
        self.posted.minus(self.held)
    }

    /// The balance after a change, or the rule that it would break.
    pub fn after(self, account: &Account, delta: Delta) -> Result<Balance, BookFault> {
        let after =
            Balance { posted: self.posted.plus(delta.posted)?, held: self.held.plus(delta.held)? };
        if after.held < Fen::ZERO {
            return Err(BookFault::NotHeld { account: account.key(), held: after.held });
        }
        let available = after.available()?;
        let falls = available < self.available()?;
        match account.kind.floor() {
            Some(floor) if falls && available < floor => {
                Err(BookFault::Floor { account: account.key(), available })
            }
            _ => Ok(after),
        }
    }
}

/// The changes of many transfers, one per account, in the accounts' order.
pub fn sum_deltas<'a>(
    transfers: impl IntoIterator<Item = &'a Transfer>,
) -> Result<BTreeMap<Account, Delta>, BookFault> {
    let mut sums: BTreeMap<Account, Delta> = BTreeMap::new();
    for transfer in transfers {
        let (debit, credit) = transfer.deltas()?;
        for (account, delta) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
            let sum = sums.entry(account.clone()).or_default();
            *sum = sum.plus(delta)?;
        }
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[expect(clippy::disallowed_methods, reason = "ids for a test")]
    fn transfer(phase: Phase, debit: &Account, credit: &Account, fen: i64) -> Transfer {
        Transfer {
            id: Id::from_value(1),
            phase,
            debit: debit.clone(),
            credit: credit.clone(),
            amount: Fen::new(fen),
            reason: Reason::Payment,
            subject: Id::<kinds::Order>::from_value(1).subject(),
            root: Id::from_value(1),
            at: Timestamp::from_ms(0),
        }
    }

    fn any_account() -> impl Strategy<Value = Account> {
        (0usize..4, "[ab]").prop_map(|(kind, owner)| Account::new(AccountKind::ALL[kind], owner))
    }

    fn any_transfer() -> impl Strategy<Value = Transfer> {
        (0usize..4, any_account(), any_account(), -2i64..1_000).prop_map(
            |(phase, debit, credit, fen)| transfer(Phase::ALL[phase], &debit, &credit, fen),
        )
    }

    proptest! {
        /// The accepted transfers keep the sum of all balances at zero, nobody
        /// falls below the floor and nobody holds less than nothing.
        #[test]
        fn the_book_stays_balanced(tries in proptest::collection::vec(any_transfer(), 1..200)) {
            let mut balances: BTreeMap<Account, Balance> = BTreeMap::new();
            for transfer in tries {
                let Ok((debit, credit)) = transfer.deltas() else { continue };
                let before = |account: &Account| balances.get(account).copied().unwrap_or_default();
                let after_debit = before(&transfer.debit).after(&transfer.debit, debit);
                let after_credit = before(&transfer.credit).after(&transfer.credit, credit);
                if let (Ok(after_debit), Ok(after_credit)) = (after_debit, after_credit) {
                    balances.insert(transfer.debit.clone(), after_debit);
                    balances.insert(transfer.credit.clone(), after_credit);
                }
            }
            let sum: i64 = balances.values().map(|balance| balance.posted.get()).sum();
            prop_assert_eq!(sum, 0);
            for (account, balance) in &balances {
                prop_assert!(balance.held >= Fen::ZERO);
                if let Some(floor) = account.kind.floor() {
                    prop_assert!(balance.available()? >= floor);
                }
            }
        }

        #[test]
        fn account_keys_read_back(account in any_account()) {
            prop_assert_eq!(Account::from_key(&account.key()), Some(account));
        }
    }

    #[test]
    fn a_hold_blocks_spending_and_a_release_frees_it() {
        let suspense = Account::new(AccountKind::Suspense, "100001");
        let funds = Account::new(AccountKind::ChannelFunds, "main");
        let apply = |balance: Balance, phase, fen| {
            let (debit, _) = transfer(phase, &suspense, &funds, fen).deltas()?;
            balance.after(&suspense, debit)
        };
        let start = Balance { posted: Fen::new(100), held: Fen::ZERO };
        let held = apply(start, Phase::Hold, 80).expect("100 are there");
        assert!(matches!(apply(held, Phase::Hold, 21), Err(BookFault::Floor { .. })));
        assert!(matches!(apply(held, Phase::Post, 21), Err(BookFault::Floor { .. })));
        assert_eq!(apply(held, Phase::Release, 80), Ok(start));
        let spent = Balance { posted: Fen::new(20), held: Fen::ZERO };
        assert_eq!(apply(held, Phase::PostHeld, 80), Ok(spent));
        assert!(matches!(apply(spent, Phase::PostHeld, 1), Err(BookFault::NotHeld { .. })));
    }
}
