//! Proving the model's books of stored value: what rows say of each other, and what the book has of them.

use super::State;
use super::audit::{BySubject, fen, note};
use crate::AuditReport;
use crate::audit::Rule;
use kernel::{
    Agreement, Card, CardQuota, CardState, Order, OrderState, Recharge, RechargePurpose,
    RechargeState, Refund, RefundState, ValueSource, WalletPayment,
};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Transfer};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(super) fn check_stored_value(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let parts = self.wallet_payments.all().find(|row| !left_as_it_says(row, transfers));
        note(report, Rule::WalletPartsDiffer, parts);
        let wallet = self.wallets.all().find(|wallet| {
            let inside = self.cards.all().filter(|card| {
                card.tenant == wallet.tenant
                    && card.bound_to.is_some_and(|bound| bound.wallet == wallet.id)
            });
            let inside: BTreeSet<_> = inside.map(|card| card.id).collect();
            let listed: BTreeSet<_> = wallet.cards.iter().copied().collect();
            listed != inside || listed.len() != wallet.cards.len()
        });
        note(report, Rule::WalletCardsDiffer, wallet);
        note(
            report,
            Rule::CardVoidDiffers,
            self.cards.all().find(|card| !self.is_void_rightly(card)),
        );
        note(report, Rule::QuotaDiffers, self.card_quotas.all().find(|row| !self.counts(row)));
        let debits = self.agreements.all().find(|row| !self.debits_its_order(row));
        note(report, Rule::DebitDiffers, debits);
        let recharge = self.recharges.all().find(|row| !self.is_in_the_book(row, transfers));
        note(report, Rule::RechargeNotBooked, recharge);
    }

    /// Whether an agreement debits exactly the order that is open and is to be paid by it.
    fn debits_its_order(&self, row: &Agreement) -> bool {
        let is_open = |order: &&Order| {
            let debit = order.terms.debit;
            debit.is_some_and(|debit| debit.agreement == row.terms.id) && !order.state.is_final()
        };
        let open = self.orders.of(&row.terms.tenant).filter(is_open);
        let open: Vec<_> = open.map(|order| order.terms.id).collect();
        open == row.debiting.into_iter().collect::<Vec<_>>()
    }

    /// Whether a card is void exactly when a refund gives its price back, or has. One that has expired may
    /// have such a refund, too.
    fn is_void_rightly(&self, card: &Card) -> bool {
        let mut refunds = self.refunds.of(&card.tenant).filter(|refund| gives_back(refund));
        match (card.state, card.void_by) {
            (CardState::Void, Some(by)) => {
                refunds.any(|refund| refund.id == by && refund.order == card.order)
            }
            (CardState::Expired, None) => true,
            (CardState::Void, None) | (_, Some(_)) => false,
            (_, None) => !refunds.any(|refund| refund.cards().any(|id| id == card.id)),
        }
    }

    /// Whether a quota has the cards of its owner's purchases, without those that are void.
    fn counts(&self, quota: &CardQuota) -> bool {
        let own = self.recharges.of(&quota.tenant).filter(|row| row.owner == quota.owner);
        let cards = own.map(|row| match (&row.purpose, &row.state) {
            (
                RechargePurpose::Cards { batch, quantity },
                RechargeState::Open | RechargeState::Issued { .. },
            ) if *batch == quota.batch => {
                let void = self
                    .cards
                    .of(&row.tenant)
                    .filter(|card| card.recharge == row.id && card.state == CardState::Void);
                i128::from(*quantity) - void.map(|_| 1).sum::<i128>()
            }
            (_, _) => 0,
        });
        cards.sum::<i128>() == i128::from(quota.taken)
    }

    /// Whether what a purchase brought is in the book.
    fn is_in_the_book(&self, recharge: &Recharge, transfers: &BySubject<'_>) -> bool {
        let own = transfers.get(&(&recharge.tenant, recharge.id.subject()));
        let booked = |reason, kind, owner: String| {
            let account = Account::new(kind, owner);
            let fits = |it: &&&Transfer| {
                (it.phase, it.reason, &it.credit) == (Phase::Post, reason, &account)
            };
            own.into_iter().flatten().filter(fits).map(|it| fen(it.amount)).sum::<i128>()
        };
        match (recharge.purpose, &recharge.state) {
            (RechargePurpose::Cards { batch, quantity }, state) => {
                let face = self.card_batches.get(&recharge.tenant, batch.value());
                let face = face.map_or(0, |batch| fen(batch.face));
                let worth = match state {
                    RechargeState::Issued { .. } => face * i128::from(quantity),
                    _ => 0,
                };
                booked(Reason::CardIssue, AccountKind::CardLiability, batch.to_string()) == worth
            }
            (RechargePurpose::Balance { wallet, bonus }, state) => {
                let order = self.orders.get(&recharge.tenant, recharge.order.value());
                let wanted = match state {
                    RechargeState::Credited { .. } => [paid(order), bonus],
                    _ => [Fen::ZERO; 2],
                };
                [AccountKind::WalletPrincipal, AccountKind::WalletBonus]
                    .map(|kind| booked(Reason::Recharge, kind, wallet.to_string()))
                    == wanted.map(fen)
            }
        }
    }
}

fn paid(order: Option<&Order>) -> Fen {
    match order.map(|order| &order.state) {
        Some(OrderState::Paid(paid)) => paid.amount,
        _ => Fen::ZERO,
    }
}

/// True while the price of the cards of a refund is on its way to the payer, or there.
const fn gives_back(refund: &Refund) -> bool {
    matches!(
        refund.state,
        RefundState::Requesting
            | RefundState::Processing
            | RefundState::Done { .. }
            | RefundState::SettledByHand { .. }
    )
}

/// Whether as much left each kind of a wallet's accounts as the parts say.
fn left_as_it_says(row: &WalletPayment, transfers: &BySubject<'_>) -> bool {
    let mut left: BTreeMap<Option<&str>, i128> = BTreeMap::new();
    for part in &row.parts {
        *left.entry(Some(part.source.name())).or_default() += fen(part.amount);
    }
    let own = transfers.get(&(&row.tenant, row.id.subject())).into_iter().flatten();
    for transfer in own.filter(|it| it.reason == Reason::StoredValuePayment) {
        *left.entry(source(transfer.debit.kind)).or_default() -= fen(transfer.amount);
    }
    left.values().all(|fen| *fen == 0)
}

fn source(kind: AccountKind) -> Option<&'static str> {
    match kind {
        AccountKind::WalletPrincipal => Some(ValueSource::Principal.name()),
        AccountKind::WalletBonus => Some(ValueSource::Bonus.name()),
        AccountKind::CardLiability => Some("card"),
        _ => None,
    }
}
