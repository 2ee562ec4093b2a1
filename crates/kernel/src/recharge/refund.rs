//! What leaves a wallet when a payment into it is refunded, and what comes back when that fails.
//!
//! The refund takes its amount from what is pending for the merchant, as it takes any money of an order.
//! Before that it leaves the wallet for there. Of the bonus that came with the payment the merchant has as
//! much again as is refunded of the payment, rounded up: the rest is never more than what the merchant gave
//! for the rest of the payment, and after a full refund there is none. That share follows from the sum of
//! all refunds, so that no order in which they are made, fail and are repeated leaves a fen of it behind.

use super::{Recharge, RechargeChange, RechargePurpose};
use crate::aggregate::View;
use crate::deciding::{Deciding, Movement};
use crate::order::{Order, OrderState};
use crate::refund::Refund;
use crate::wallet::Wallet;
use ledger::{Account, AccountKind, Fen, Phase, Reason};

/// A refund of what was paid into a wallet.
pub(crate) struct PaidBack<'a> {
    /// The refund.
    pub(crate) refund: &'a Refund,
    /// The order that paid into the wallet.
    pub(crate) order: &'a Order,
    /// What is refunded of the order without this refund.
    pub(crate) before: Fen,
}

impl Recharge {
    /// What of the bonus is the merchant's again when so much of a payment into a wallet is refunded.
    pub fn bonus_back(&self, paid: Fen, refunded: Fen) -> Fen {
        let RechargePurpose::Balance { bonus, .. } = self.purpose else { return Fen::ZERO };
        let wide = |fen: Fen| i128::from(fen.get());
        let paid = wide(paid).max(1);
        let back = (wide(bonus) * wide(refunded) + paid - 1) / paid;
        i64::try_from(back).map_or(bonus, Fen::new).min(bonus)
    }
}

impl PaidBack<'_> {
    /// The wallet, which is loaded with the order; `None` of another order.
    pub(crate) fn wallet<'v>(&self, view: &'v View) -> Option<&'v Wallet> {
        match self.recharge(view)?.purpose {
            RechargePurpose::Balance { wallet, .. } => {
                view.wallets.get(&self.order.terms.tenant, wallet)
            }
            RechargePurpose::Cards { .. } => None,
        }
    }

    fn recharge<'v>(&self, view: &'v View) -> Option<&'v Recharge> {
        view.recharges.get(&self.order.terms.tenant, self.order.terms.request.recharge?)
    }

    /// What this refund takes of the bonus.
    fn bonus(&self, view: &View) -> Fen {
        let (Some(recharge), OrderState::Paid(paid)) = (self.recharge(view), &self.order.state)
        else {
            return Fen::ZERO;
        };
        let after = Fen::new(self.before.get().saturating_add(self.refund.amount.get()));
        let [before, after] = [self.before, after].map(|sum| recharge.bonus_back(paid.amount, sum));
        Fen::new(after.get() - before.get())
    }

    /// True unless less of the bonus is available than this refund takes.
    pub(crate) fn has_bonus(&self, view: &View) -> bool {
        let there =
            self.wallet(view).map_or(Fen::ZERO, |wallet| wallet.available(view, wallet.bonus()));
        self.bonus(view) <= there
    }

    /// Takes `principal` of what was paid in, and the refund's share of the bonus, as far as they are there.
    pub(crate) fn take(&self, deciding: &mut Deciding<'_>, principal: Fen) {
        let view = deciding.view();
        let Some(wallet) = self.wallet(view) else { return };
        let share = self.bonus(view);
        let bonus = share.min(wallet.available(view, wallet.bonus()));
        let [pending, promotions] = self.merchant();
        self.move_value(deciding, wallet.principal(), pending, principal);
        self.move_value(deciding, wallet.bonus(), promotions, bonus);
        self.count_missing(deciding, share.get() - bonus.get());
    }

    /// Puts back what the refund took, without what was made up before for another one: it has failed. Of the
    /// bonus, what was missing when refunds took it stays with the merchant first. What the wallet may be used
    /// for by then does not matter.
    pub(crate) fn put_back(&self, deciding: &mut Deciding<'_>, made_up: Fen) {
        let view = deciding.view();
        let Some(wallet) = self.wallet(view) else { return };
        let share = self.bonus(view);
        let missing = self.recharge(view).map_or(Fen::ZERO, |recharge| recharge.bonus_missing);
        let missing = missing.min(share);
        let [pending, promotions] = self.merchant();
        let principal = Fen::new(self.refund.amount.get() - made_up.get());
        self.move_value(deciding, pending, wallet.principal(), principal);
        let bonus = Fen::new(share.get() - missing.get());
        self.move_value(deciding, promotions, wallet.bonus(), bonus);
        self.count_missing(deciding, -missing.get());
    }

    /// Counts what of the bonus was not there to be taken, or was made up for.
    fn count_missing(&self, deciding: &mut Deciding<'_>, more: i64) {
        let recharge = self.recharge(deciding.view()).filter(|_| more != 0).cloned();
        if let Some(recharge) = recharge {
            let (by, delta) = (self.refund.id, Fen::new(more));
            deciding.record(&recharge, RechargeChange::BonusMissed { by, delta });
        }
    }

    /// Where what was paid in came from, and where the bonus did.
    fn merchant(&self) -> [Account; 2] {
        let merchant = self.order.terms.request.merchant.as_str();
        let kinds = [AccountKind::MerchantPending, AccountKind::MerchantPromotions];
        kinds.map(|kind| Account::new(kind, merchant))
    }

    fn move_value(
        &self,
        deciding: &mut Deciding<'_>,
        debit: Account,
        credit: Account,
        amount: Fen,
    ) {
        let (phase, reason) = (Phase::Post, Reason::RechargeRefund);
        if let Some(recharge) = self.recharge(deciding.view()) {
            deciding.transfer_any(recharge, Movement { phase, debit, credit, amount, reason });
        }
    }
}
