//! Proving the model's books.

use super::State;
use super::search::count;
use crate::audit::{Rule, Sums, accounts, add, out_of_range, suspense};
use crate::{Audit, StoreFault};
use kernel::{NotificationState, Order, OrderState, RefundState, TenantId};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Transfer};
use std::collections::BTreeMap;

/// Refunds of one amount of one order, and their transfers.
#[derive(Default)]
struct Returns {
    refunds: u32,
    done: u32,
    failed: u32,
    held: u32,
    posted_held: u32,
    released: u32,
    posted: u32,
}

/// Whether a rule holds.
type Holds = fn(&Returns) -> bool;

/// The transfers of each order.
type ByOrder<'a> = BTreeMap<(&'a TenantId, i64), Vec<&'a Transfer>>;

impl State {
    pub(super) fn audit(&self) -> Result<Audit, StoreFault> {
        let moved = self.moved()?;
        let mut audit = Audit {
            orders: count(self.orders.len()),
            paid_orders: count(self.orders.values().filter(|order| is_paid(order)).count()),
            transfers: count(self.transfers.len()),
            accounts: count(self.balances.len()),
            debits: moved.get(),
            credits: moved.get(),
            faults: vec![],
        };
        let badly_shaped = self.transfers.iter().find(|(_, transfer)| {
            !transfer.amount.is_positive() || transfer.debit == transfer.credit
        });
        let faults = badly_shaped.map(|((tenant, id), _)| Rule::TransferShape.fault(tenant, id));
        audit.faults.extend(faults);
        accounts(&mut audit, &self.balances, &self.postings()?)?;
        let by_order = self.by_order();
        self.check_payments(&mut audit, &by_order);
        self.check_unapplied(&mut audit, &by_order);
        self.check_refunds(&mut audit, &by_order)?;
        self.check_tasks(&mut audit);
        Ok(audit)
    }

    fn moved(&self) -> Result<Fen, StoreFault> {
        self.transfers
            .values()
            .filter(|transfer| matches!(transfer.phase, Phase::Post | Phase::PostHeld))
            .try_fold(Fen::ZERO, |sum, transfer| sum.plus(transfer.amount))
            .map_err(|_| out_of_range())
    }

    fn postings(&self) -> Result<Sums, StoreFault> {
        let mut sums = Sums::new();
        for ((tenant, _), transfer) in &self.transfers {
            let Ok((debit, credit)) = transfer.deltas() else { continue };
            for (account, delta) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
                add(sums.entry((tenant.clone(), account.clone())).or_default(), delta)?;
            }
        }
        Ok(sums)
    }

    fn by_order(&self) -> ByOrder<'_> {
        let mut found = ByOrder::new();
        for ((tenant, _), transfer) in &self.transfers {
            found.entry((tenant, transfer.order.value())).or_default().push(transfer);
        }
        found
    }

    fn check_payments(&self, audit: &mut Audit, by_order: &ByOrder<'_>) {
        let payments = |tenant, id| with_reason(by_order, tenant, id, Reason::Payment);
        let unpaid = self.orders.iter().find(|((tenant, id), order)| {
            let found = payments(tenant, *id);
            is_paid(order) && !matches!(found.as_slice(), [one] if is_payment_of(one, order))
        });
        let faults = unpaid.map(|((tenant, id), _)| Rule::PaidWithoutPayment.fault(tenant, id));
        audit.faults.extend(faults);
        let wrong = by_order.keys().find(|(tenant, id)| {
            let order = self.orders.get(&((*tenant).clone(), *id));
            !payments(tenant, *id).is_empty() && !order.is_some_and(is_paid)
        });
        audit.faults.extend(wrong.map(|(tenant, id)| Rule::PaymentWithoutPaid.fault(tenant, id)));
    }

    fn check_unapplied(&self, audit: &mut Audit, by_order: &ByOrder<'_>) {
        let booked = |tenant: &TenantId, id| {
            let found = with_reason(by_order, tenant, id, Reason::UnappliedPayment);
            sorted(found.into_iter().map(|transfer| unapplied_amount(tenant, transfer)))
        };
        let keys = self.orders.keys().map(|(tenant, id)| (tenant, *id));
        let mut keys: Vec<(&TenantId, i64)> = keys.chain(by_order.keys().copied()).collect();
        keys.sort();
        let differs = keys.into_iter().find(|(tenant, id)| {
            let order = self.orders.get(&((*tenant).clone(), *id));
            let unapplied = order.map(|order| order.unapplied.as_slice()).unwrap_or_default();
            sorted(unapplied.iter().map(|unapplied| Some(unapplied.amount))) != booked(tenant, *id)
        });
        let faults = differs.map(|(tenant, id)| Rule::UnappliedWithoutTransfer.fault(tenant, id));
        audit.faults.extend(faults);
        let lost = self.orders.iter().find(|((tenant, _), order)| {
            order.unapplied.iter().any(|unapplied| {
                let refund = self.refunds.get(&(tenant.clone(), unapplied.refund.value()));
                !refund.is_some_and(|refund| {
                    refund.order == order.terms.id
                        && refund.amount == unapplied.amount
                        && refund.payment_reference == unapplied.payment_reference
                })
            })
        });
        let faults = lost.map(|((tenant, id), _)| Rule::UnappliedWithoutRefund.fault(tenant, id));
        audit.faults.extend(faults);
    }

    fn check_refunds(&self, audit: &mut Audit, by_order: &ByOrder<'_>) -> Result<(), StoreFault> {
        let returns = self.returns(by_order);
        let rules: [(Rule, Holds); 3] = [
            (Rule::RefundWithoutHold, |of| of.held == of.refunds),
            (Rule::RefundWithoutPost, |of| of.posted_held + of.posted == of.done),
            (Rule::RefundWithoutRelease, |of| of.released == of.failed + of.posted),
        ];
        for (rule, holds) in rules {
            let broken = returns.iter().find(|(_, of)| !holds(of));
            audit.faults.extend(broken.map(|((tenant, id, _), _)| rule.fault(tenant, id)));
        }
        let mut open = BTreeMap::<TenantId, Fen>::new();
        for refund in self.refunds.values().filter(|refund| !refund.state.is_final()) {
            let sum = open.entry(refund.tenant.clone()).or_default();
            *sum = sum.plus(refund.amount).map_err(|_| out_of_range())?;
        }
        suspense(audit, &self.balances, &open);
        Ok(())
    }

    /// Refunds of the same amount of the same order are not told apart.
    fn returns<'a>(
        &'a self,
        by_order: &ByOrder<'a>,
    ) -> BTreeMap<(&'a TenantId, i64, Option<Fen>), Returns> {
        let mut found = BTreeMap::<_, Returns>::new();
        for refund in self.refunds.values() {
            let key = (&refund.tenant, refund.order.value(), Some(refund.amount));
            let of = found.entry(key).or_default();
            of.refunds += 1;
            match refund.state {
                RefundState::Requesting | RefundState::Processing => {}
                RefundState::Done { .. } => of.done += 1,
                RefundState::Failed { .. } => of.failed += 1,
            }
        }
        for (tenant, id) in by_order.keys() {
            let order = self.orders.get(&((*tenant).clone(), *id));
            for transfer in with_reason(by_order, tenant, *id, Reason::UnappliedRefund) {
                let amount = refund_amount(tenant, order, transfer);
                let of = found.entry((*tenant, *id, amount)).or_default();
                match transfer.phase {
                    Phase::Hold => of.held += 1,
                    Phase::PostHeld => of.posted_held += 1,
                    Phase::Release => of.released += 1,
                    Phase::Post => of.posted += 1,
                }
            }
        }
        found
    }

    fn check_tasks(&self, audit: &mut Audit) {
        let forgotten = self
            .orders
            .iter()
            .find(|(_, order)| !order.state.is_final() && !self.tasks.contains_key(&order.task()));
        let faults = forgotten.map(|((tenant, id), _)| Rule::OrderWithoutTask.fault(tenant, id));
        audit.faults.extend(faults);
        let forgotten = self.refunds.iter().find(|(_, refund)| {
            !refund.state.is_final() && !self.tasks.contains_key(&refund.task())
        });
        let faults = forgotten.map(|((tenant, id), _)| Rule::RefundWithoutTask.fault(tenant, id));
        audit.faults.extend(faults);
        let untold = self.orders.iter().find(|((tenant, _), order)| {
            let told = |notification: &kernel::Notification| {
                notification.tenant == *tenant && notification.order == order.terms.id
            };
            is_paid(order)
                && order.terms.notify_url.is_some()
                && !self.notifications.values().any(told)
        });
        let faults =
            untold.map(|((tenant, id), _)| Rule::PaidWithoutNotification.fault(tenant, id));
        audit.faults.extend(faults);
        let forgotten = self.notifications.iter().find(|(_, notification)| {
            notification.state == NotificationState::Due
                && !self.tasks.contains_key(&notification.task())
        });
        let faults =
            forgotten.map(|((tenant, id), _)| Rule::NotificationWithoutTask.fault(tenant, id));
        audit.faults.extend(faults);
    }
}

fn with_reason<'a>(
    by_order: &ByOrder<'a>,
    tenant: &TenantId,
    id: i64,
    reason: Reason,
) -> Vec<&'a Transfer> {
    let all = by_order.get(&(tenant, id)).map(Vec::as_slice).unwrap_or_default();
    all.iter().copied().filter(|transfer| transfer.reason == reason).collect()
}

const fn is_paid(order: &Order) -> bool {
    matches!(order.state, OrderState::Paid(_))
}

fn is_payment_of(transfer: &Transfer, order: &Order) -> bool {
    let terms = &order.terms;
    transfer.phase == Phase::Post
        && transfer.amount == terms.amount
        && transfer.debit == Account::new(AccountKind::ChannelFunds, &*terms.channel_account)
        && transfer.credit == Account::new(AccountKind::MerchantPending, terms.merchant.as_str())
}

/// What a transfer books to suspense; nothing when it does not do that.
fn unapplied_amount(tenant: &TenantId, transfer: &Transfer) -> Option<Fen> {
    let suspense = Account::new(AccountKind::Suspense, tenant.as_str());
    (transfer.phase == Phase::Post && transfer.credit == suspense).then_some(transfer.amount)
}

/// What a transfer takes from suspense for the channel account of its order; nothing when it does not
/// do that.
fn refund_amount(tenant: &TenantId, order: Option<&Order>, transfer: &Transfer) -> Option<Fen> {
    let suspense = Account::new(AccountKind::Suspense, tenant.as_str());
    let funds = Account::new(AccountKind::ChannelFunds, &*order?.terms.channel_account);
    (transfer.debit == suspense && transfer.credit == funds).then_some(transfer.amount)
}

fn sorted(amounts: impl Iterator<Item = Option<Fen>>) -> Vec<Option<Fen>> {
    let mut amounts: Vec<Option<Fen>> = amounts.collect();
    amounts.sort();
    amounts
}
