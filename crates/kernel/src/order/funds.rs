//! How an order's money is divided: what its caller requested, and what became of it.

use super::{Order, OrderState};
use crate::coupons::coupon_amount;
use crate::directory::MerchantId;
use crate::share::ItemTerms;
use ledger::{Fen, Id, MoneyFault, Subject, SubjectKind, kinds};

/// How the money of an order is divided once it is paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splits {
    /// What other merchants get in the book.
    pub allocations: Vec<AllocationTerms>,
    /// What payees get as soon as the order is paid.
    pub shares: Vec<ItemTerms>,
    /// True when the channel must keep the money frozen because payees get a part of it there, now or
    /// by a later command.
    pub is_shared: bool,
}

impl Splits {
    /// What leaves the order's own merchant when this amount is paid.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub fn parts(&self, paid: Fen) -> Result<Fen, MoneyFault> {
        let allocated =
            self.allocations.iter().try_fold(Fen::ZERO, |sum, terms| sum.plus(terms.amount))?;
        self.shares.iter().try_fold(allocated, |sum, terms| sum.plus(terms.amount.of(paid)?))
    }
}

/// What one merchant gets of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllocationTerms {
    /// The merchant; once in an order.
    pub merchant: MerchantId,
    /// How much, above zero.
    pub amount: Fen,
    /// From when on the merchant has it.
    pub period: AllocatePeriod,
    /// True when it is withheld then, until it is released.
    pub is_frozen: bool,
}

/// When allocated money becomes the merchant's, counted in Shanghai days from the payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllocatePeriod {
    /// At once.
    D0,
    /// On the next day.
    D1,
    /// On the next working day.
    T1,
}

impl AllocatePeriod {
    /// Every period, for listings and tests.
    pub const ALL: [AllocatePeriod; 3] =
        [AllocatePeriod::D0, AllocatePeriod::D1, AllocatePeriod::T1];

    /// The word in storage and documents.
    pub const fn name(self) -> &'static str {
        match self {
            AllocatePeriod::D0 => "D0",
            AllocatePeriod::D1 => "D1",
            AllocatePeriod::T1 => "T1",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<AllocatePeriod> {
        AllocatePeriod::ALL.into_iter().find(|period| period.name() == name)
    }
}

/// How much a payee gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShareAmount {
    /// This much, above zero.
    Fixed(Fen),
    /// This part of what was paid, in 1/10000, rounded down to whole fen.
    Ratio(u16),
}

impl ShareAmount {
    /// Ratios are parts of this whole.
    const RATIO_WHOLE: i128 = 10_000;

    /// How much it is of what was paid; a ratio is rounded down.
    ///
    /// # Errors
    /// When the amount does not fit.
    pub fn of(self, paid: Fen) -> Result<Fen, MoneyFault> {
        match self {
            ShareAmount::Fixed(amount) => Ok(amount),
            ShareAmount::Ratio(ratio) => {
                let part = i128::from(paid.get()) * i128::from(ratio) / Self::RATIO_WHOLE;
                i64::try_from(part).map(Fen::new).map_err(|_| MoneyFault::OutOfRange)
            }
        }
    }
}

/// What of an order's money went elsewhere or is reserved to go, and, as a change, what is added to each
/// of these sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderFunds {
    /// Reserved by refunds that are not done.
    pub refunding: Fen,
    /// Given back to the payer.
    pub refunded: Fen,
    /// Allocated to other merchants, without what was taken back for refunds.
    pub allocated: Fen,
    /// Reserved by shares that are not final.
    pub sharing: Fen,
    /// Shared to payees, without what came back.
    pub shared: Fen,
    /// Written off for refunds that were carried out after they had failed, where its own merchant or its
    /// wallet had the money no more. What other refunds put back later makes up for it first.
    pub made_up: Fen,
}

/// How far an order is shared: the channel takes one share or return of an order at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderSharing {
    /// The share or return that runs, or the refund that has its own returns and release run.
    pub running: Option<Subject>,
    /// Shares so far.
    pub shares: u32,
    /// True once what was not shared is released: nothing more is shared then.
    pub is_released: bool,
    /// What receivers at the channel got of it. It is not frozen there any more, even where it came back.
    pub taken: Fen,
}

impl OrderSharing {
    /// What runs once this has ended.
    pub(crate) fn running_without(&self, ended: Subject) -> Option<Subject> {
        self.running.filter(|running| *running != ended)
    }
}

impl OrderFunds {
    /// The sums after a change.
    ///
    /// # Panics
    /// When a sum falls below zero or does not fit: a decision has counted wrong.
    pub(crate) fn plus(&self, delta: &OrderFunds) -> OrderFunds {
        let plus = |sum: Fen, delta: Fen| match sum.plus(delta) {
            Ok(after) if after >= Fen::ZERO => after,
            Ok(after) => panic!("a sum of an order's funds falls to {after}"),
            Err(fault) => panic!("a sum of an order's funds: {fault}"),
        };
        OrderFunds {
            refunding: plus(self.refunding, delta.refunding),
            refunded: plus(self.refunded, delta.refunded),
            allocated: plus(self.allocated, delta.allocated),
            sharing: plus(self.sharing, delta.sharing),
            shared: plus(self.shared, delta.shared),
            made_up: plus(self.made_up, delta.made_up),
        }
    }
}

impl Order {
    /// The amount that was booked for it; zero while it is not paid.
    pub fn paid_amount(&self) -> Fen {
        match &self.state {
            OrderState::Paid(paid) => paid.amount,
            OrderState::Init
            | OrderState::Paying(_)
            | OrderState::Closing(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Fen::ZERO,
        }
    }

    /// What of it can still be refunded: what was paid, without what was given back or is reserved for
    /// that. Never below zero.
    pub fn refundable(&self) -> Fen {
        let OrderFunds { refunding, refunded, .. } = self.funds;
        let left = self.paid_amount().minus(refunding).and_then(|left| left.minus(refunded));
        left.unwrap_or(Fen::ZERO).max(Fen::ZERO)
    }

    /// The refund that is prepared.
    #[expect(clippy::disallowed_methods, reason = "the id of what runs")]
    pub(crate) fn preparing(&self) -> Option<Id<kinds::Refund>> {
        let running = self.sharing.running.filter(|it| it.kind == SubjectKind::Refund);
        running.map(|refund| Id::from_value(refund.value))
    }

    /// What of it can still be refunded without what payees have or are to get. Never below zero.
    pub fn not_shared(&self) -> Fen {
        let OrderFunds { sharing, shared, .. } = self.funds;
        let parts = [sharing, shared];
        let left =
            parts.into_iter().try_fold(self.refundable(), |left, part| left.minus(part).ok());
        left.unwrap_or(Fen::ZERO).max(Fen::ZERO)
    }

    /// What of it is still with its own merchant and free: nothing of it is reserved, given back,
    /// allocated or shared. Never below zero.
    pub fn free(&self) -> Fen {
        let OrderFunds { allocated, sharing, shared, .. } = self.funds;
        let parts = [allocated, sharing, shared];
        let left =
            parts.into_iter().try_fold(self.refundable(), |left, part| left.minus(part).ok());
        left.unwrap_or(Fen::ZERO).max(Fen::ZERO)
    }

    /// What of it payees can get: what is free, without what the merchant's coupons paid, which never
    /// arrives. What refunds took back of the coupons is not counted, as channels state it late. Never
    /// below zero.
    pub fn shareable(&self) -> Fen {
        let coupons = match &self.state {
            OrderState::Paid(paid) => coupon_amount(paid.amount, paid.settled_amount),
            OrderState::Init
            | OrderState::Paying(_)
            | OrderState::Closing(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Fen::ZERO,
        };
        self.free().minus(coupons).unwrap_or(Fen::ZERO).max(Fen::ZERO)
    }
}
