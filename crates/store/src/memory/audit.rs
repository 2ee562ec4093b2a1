//! Proving the model's books.

use super::State;
use super::search::count;
use crate::audit::{
    Part, Rule, Sums, accounts, add, out_of_range, parts, sorted, unapplied_part, unapplied_parts,
};
use crate::rows::{Stored, noun};
use crate::{AuditReport, StoreFault};
use kernel::{
    Aggregate as _, AllocationState, CardBatch, Order, OrderState, Recharge, RechargePurpose,
    RechargeState, Refund, RefundState, ReturnItem, ReturnOutcome, ShareState, Task, TenantId,
    UnappliedOutcome, WalletPayment, WithdrawalState,
};
use ledger::{Account, AccountKind, Fen, Id, Phase, Reason, Subject, SubjectKind, Transfer, kinds};
use std::collections::BTreeMap;

/// The transfers of each row.
pub(super) type BySubject<'a> = BTreeMap<(&'a TenantId, Subject), Vec<&'a Transfer>>;

impl State {
    pub(super) fn audit(&self) -> Result<AuditReport, StoreFault> {
        let moved = self.moved()?;
        let mut report = AuditReport {
            orders: count(self.orders.all().count()),
            paid_orders: count(self.orders.all().filter(|order| is_paid(order)).count()),
            transfers: count(self.transfers.len()),
            accounts: count(self.balances.len()),
            debits: moved.get(),
            credits: moved.get(),
            faults: vec![],
        };
        let badly_shaped = self.transfers.iter().find(|(_, transfer)| {
            !transfer.amount.is_positive() || transfer.debit == transfer.credit
        });
        report.faults.extend(badly_shaped.map(|((tenant, _), transfer)| {
            Rule::TransferShape.fault(tenant, "transfer", transfer.id)
        }));
        accounts(&mut report, &self.balances, &self.postings()?)?;
        let transfers = self.by_subject();
        self.check_payments(&mut report, &transfers);
        self.check_unapplied(&mut report, &transfers);
        self.check_refunds(&mut report, &transfers);
        self.check_allocated(&mut report);
        self.check_shared(&mut report);
        self.check_withdrawals(&mut report, &transfers);
        self.check_cards(&mut report);
        self.check_wallets(&mut report, &transfers);
        self.check_stored_value(&mut report, &transfers);
        self.check_rows(&mut report, &transfers);
        self.check_notified(&mut report);
        self.check_events(&mut report);
        self.check_archives(&mut report);
        Ok(report)
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

    fn by_subject(&self) -> BySubject<'_> {
        let mut found = BySubject::new();
        for ((tenant, _), transfer) in &self.transfers {
            found.entry((tenant, transfer.subject)).or_default().push(transfer);
        }
        found
    }

    fn check_payments(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let unpaid = self.orders.all().find(|order| {
            let own = transfers.get(&(order.tenant(), order.id().subject())).into_iter().flatten();
            let found: Vec<Option<Part>> =
                own.filter(|it| is_payment(it)).map(|it| payment_part(it, order)).collect();
            paid_parts(order).is_some_and(|parts| sorted(found.into_iter()) != sorted(parts))
        });
        note(report, Rule::PaidWithoutPayment, unpaid);
        let wrong = transfers.iter().find(|((tenant, subject), found)| {
            let order =
                subject.id().and_then(|id: Id<kinds::Order>| self.orders.get(tenant, id.value()));
            found.iter().any(|transfer| is_payment(transfer)) && !order.is_some_and(is_paid)
        });
        report.faults.extend(
            wrong.map(|((tenant, subject), _)| {
                of_subject(Rule::PaymentWithoutPaid, tenant, *subject)
            }),
        );
    }

    fn check_unapplied(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let differs = self.orders.all().find(|order| {
            let own = transfers.get(&(order.tenant(), order.id().subject())).into_iter().flatten();
            let booked = own
                .filter(|transfer| is_unapplied(transfer))
                .map(|transfer| unapplied_part(transfer, order));
            sorted(booked) != sorted(unapplied_parts(order))
        });
        note(report, Rule::UnappliedWithoutTransfer, differs);
        let lost = self.orders.all().find(|order| {
            order.unapplied.iter().any(|payment| {
                let UnappliedOutcome::Refund(refund) = payment.outcome else { return false };
                let refund = self.refunds.get(&order.terms.tenant, refund.value());
                !refund.is_some_and(|refund| {
                    refund.order == order.terms.id
                        && refund.amount == payment.amount
                        && refund.settled_amount == payment.settled_amount
                        && refund.payment_reference == payment.payment_reference
                })
            })
        });
        note(report, Rule::UnappliedWithoutRefund, lost);
    }

    #[expect(clippy::disallowed_methods, reason = "the value comes from an order's id")]
    fn check_allocated(&self, report: &mut AuditReport) {
        let mut sums: BTreeMap<(&TenantId, i64), i128> = BTreeMap::new();
        for order in self.orders.all() {
            let sum = sums.entry((&order.terms.tenant, order.terms.id.value())).or_default();
            *sum += i128::from(order.funds.allocated.get());
        }
        for row in self.allocations.all() {
            if !matches!(row.state, AllocationState::Failed { .. }) {
                let sum = sums.entry((&row.tenant, row.order.value())).or_default();
                *sum -= i128::from(row.amount.get()) - i128::from(row.returned.get());
            }
        }
        let differs = sums.into_iter().find(|(_, sum)| *sum != 0);
        report.faults.extend(differs.map(|((tenant, order), _)| {
            let order: Id<kinds::Order> = Id::from_value(order);
            Rule::AllocatedDiffers.fault(tenant, noun::<Order>(), order)
        }));
    }

    #[expect(clippy::disallowed_methods, reason = "the value comes from an order's id")]
    fn check_shared(&self, report: &mut AuditReport) {
        let mut sums: BTreeMap<(&TenantId, i64), [i128; 2]> = BTreeMap::new();
        for order in self.orders.all() {
            let sum = sums.entry((&order.terms.tenant, order.terms.id.value())).or_default();
            *sum = [order.funds.sharing, order.funds.shared].map(fen);
        }
        for row in self.shares.all() {
            let [sharing, shared] = sums.entry((&row.tenant, row.order.value())).or_default();
            for item in &row.items {
                match row.state {
                    ShareState::Ended { .. } => *shared -= fen(item.real_amount()),
                    _ => *sharing -= fen(item.amount),
                }
            }
        }
        for row in self.share_returns.all() {
            let [_, shared] = sums.entry((&row.tenant, row.order.value())).or_default();
            let done = |item: &&ReturnItem| matches!(item.outcome, ReturnOutcome::Done { .. });
            *shared += row.items.iter().filter(done).map(|item| fen(item.amount)).sum::<i128>();
        }
        let differs = sums.into_iter().find(|(_, sums)| *sums != [0, 0]);
        report.faults.extend(differs.map(|((tenant, order), _)| {
            let order: Id<kinds::Order> = Id::from_value(order);
            Rule::SharedDiffers.fault(tenant, noun::<Order>(), order)
        }));
    }

    fn check_refunds(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let broken = |rule, holds: &dyn Fn(&Refund, &RefundTransfers) -> bool| {
            let holds = |refund: &&Refund| !holds(refund, &self.of_refund(transfers, refund));
            (rule, self.refunds.all().find(holds))
        };
        let found = [
            broken(Rule::RefundWithoutHold, &|refund, found| {
                let left = found.holds.fit.checked_sub(found.releases);
                let wanted = usize::from(!has_nothing(refund));
                found.holds.misfit == 0
                    && match refund.request {
                        Some(_) => left == Some(wanted),
                        None => found.holds.fit == 1,
                    }
            }),
            broken(Rule::RefundWithoutPost, &|refund, found| {
                !found.misfits && ways(refund).contains(&found.moved)
            }),
            broken(Rule::RefundReleased, &|refund, found| {
                refund.request.is_some() || found.releases == 0
            }),
            broken(Rule::RefundNotTaken, &|refund, found| found.taken == wanted_taken(refund)),
        ];
        for (rule, refund) in found {
            note(report, rule, refund);
        }
        self.check_counted(report);
    }

    /// That orders count what their refunds have reserved and given back.
    fn check_counted(&self, report: &mut AuditReport) {
        let mut counted: BTreeMap<(&TenantId, Id<kinds::Order>), (i128, i128)> = BTreeMap::new();
        for refund in self.refunds.all().filter(|refund| refund.request.is_some()) {
            let (refunding, refunded) = counted.entry((&refund.tenant, refund.order)).or_default();
            match refund.state {
                RefundState::Preparing { .. }
                | RefundState::Requesting
                | RefundState::Processing => {
                    *refunding += fen(refund.amount);
                }
                RefundState::Done { .. } | RefundState::SettledByHand { .. } => {
                    *refunded += fen(refund.amount);
                }
                RefundState::Failed { .. } | RefundState::WrittenOff { .. } => {}
            }
        }
        let differs = self.orders.all().find(|order| {
            let sums = counted.get(&(order.tenant(), order.id())).copied().unwrap_or_default();
            (fen(order.funds.refunding), fen(order.funds.refunded)) != sums
        });
        note(report, Rule::RefundsNotCounted, differs);
    }

    /// What the transfers of a refund do.
    fn of_refund(&self, transfers: &BySubject<'_>, refund: &Refund) -> RefundTransfers {
        let mut found = RefundTransfers::default();
        let own = transfers.get(&(&refund.tenant, refund.id.subject())).into_iter().flatten();
        let waiting = refund.waiting();
        for transfer in own {
            let is_back = self.is_to_channel(transfer, refund);
            let is_waiting = transfer.debit == waiting;
            let to = match transfer.phase {
                Phase::Hold | Phase::Release => {
                    let fits = transfer.amount == refund.amount && is_waiting && is_back;
                    match (transfer.phase, fits) {
                        (Phase::Release, false) if refund.request.is_some() => {
                            found.misfits = true;
                        }
                        (Phase::Release, _) => found.releases += 1,
                        (_, true) => found.holds.fit += 1,
                        (_, false) => found.holds.misfit += 1,
                    }
                    continue;
                }
                Phase::PostHeld if is_waiting && is_back => &mut found.moved.back,
                Phase::PostHeld if is_waiting && is_of_hand(&transfer.credit, refund) => {
                    &mut found.moved.ended
                }
                Phase::PostHeld if is_waiting && self.is_coupons(&transfer.credit, refund) => {
                    &mut found.moved.coupons
                }
                Phase::Post
                    if refund.request.is_some()
                        && transfer.credit == waiting
                        && is_source(&transfer.debit, refund) =>
                {
                    found.taken += fen(transfer.amount);
                    continue;
                }
                Phase::Post
                    if refund.request.is_some()
                        && is_waiting
                        && is_source(&transfer.credit, refund) =>
                {
                    found.taken -= fen(transfer.amount);
                    continue;
                }
                Phase::Post if is_of_hand(&transfer.debit, refund) && is_back => {
                    &mut found.moved.after
                }
                // What a person had booked by our own share is set right by the channel's.
                Phase::Post
                    if is_of_hand(&transfer.debit, refund)
                        && self.is_coupons(&transfer.credit, refund) =>
                {
                    found.moved.ended -= fen(transfer.amount);
                    &mut found.moved.coupons
                }
                Phase::Post
                    if is_of_hand(&transfer.credit, refund)
                        && self.is_coupons(&transfer.debit, refund) =>
                {
                    found.moved.coupons -= fen(transfer.amount);
                    &mut found.moved.ended
                }
                Phase::PostHeld | Phase::Post => {
                    found.misfits = true;
                    continue;
                }
            };
            *to += i128::from(transfer.amount.get());
        }
        found
    }

    fn is_coupons(&self, account: &Account, refund: &Refund) -> bool {
        let order = self.orders.get(&refund.tenant, refund.order.value());
        order.is_some_and(|order| {
            let merchant = order.terms.request.merchant.as_str();
            *account == Account::new(AccountKind::MerchantCoupons, merchant)
        })
    }

    fn is_to_channel(&self, transfer: &Transfer, refund: &Refund) -> bool {
        let order = self.orders.get(&refund.tenant, refund.order.value());
        order.is_some_and(|order| {
            let channel_account = &*order.terms.channel_account;
            transfer.credit == Account::new(AccountKind::ChannelFunds, channel_account)
        })
    }

    fn check_notified(&self, report: &mut AuditReport) {
        let untold = self.orders.all().find(|order| {
            let is_told = |subject: Subject, tenant: &TenantId| {
                let archived = self.archived_of(tenant, subject.root());
                self.notifications.of(tenant).any(|row| row.about == subject)
                    || archived.iter().any(|it| it.subject.kind == SubjectKind::Notification)
            };
            is_paid(order)
                && order.terms.request.notify_url.is_some()
                && !is_told(order.terms.id.subject(), &order.terms.tenant)
        });
        note(report, Rule::PaidWithoutNotification, untold);
    }

    #[expect(clippy::disallowed_methods, reason = "the values come from batches' ids")]
    fn check_cards(&self, report: &mut AuditReport) {
        let mut worth: BTreeMap<(&TenantId, i64), i128> = BTreeMap::new();
        let mut counted: BTreeMap<(&TenantId, i64), [i64; 2]> = BTreeMap::new();
        for row in self.cards.all() {
            *worth.entry((&row.tenant, row.batch.value())).or_default() += fen(row.balance());
        }
        for ((tenant, account), balance) in &self.balances {
            if account.kind == AccountKind::CardLiability
                && let Ok(batch) = Id::<kinds::CardBatch>::parse(&account.owner)
            {
                *worth.entry((tenant, batch.value())).or_default() -= fen(balance.posted);
            }
        }
        for row in self.card_batches.all() {
            counted.insert((&row.tenant, row.id.value()), [row.issued, row.reserved]);
        }
        for row in self.recharges.all() {
            let RechargePurpose::Cards { batch, quantity } = row.purpose else { continue };
            let [issued, reserved] = counted.entry((&row.tenant, batch.value())).or_default();
            match row.state {
                RechargeState::Issued { .. } => *issued -= i64::from(quantity),
                RechargeState::Open => *reserved -= i64::from(quantity),
                RechargeState::Credited { .. } | RechargeState::Released { .. } => {}
            }
        }
        let batch = |rule: Rule, tenant, id| {
            let id: Id<kinds::CardBatch> = Id::from_value(id);
            rule.fault(tenant, noun::<CardBatch>(), id)
        };
        let differs = worth.into_iter().find(|(_, sum)| *sum != 0);
        report.faults.extend(differs.map(|((tenant, id), _)| batch(Rule::CardsDiffer, tenant, id)));
        let differs = counted.into_iter().find(|(_, counts)| *counts != [0, 0]);
        report
            .faults
            .extend(differs.map(|((tenant, id), _)| batch(Rule::StockDiffers, tenant, id)));
        note(report, Rule::RechargeDiffers, self.recharges.all().find(|row| !self.fits(row)));
    }

    /// Whether a recharge is where its order's end and its cards say that it is.
    fn fits(&self, recharge: &Recharge) -> bool {
        let order = self.orders.get(&recharge.tenant, recharge.order.value());
        let own = self.cards.all().filter(|card| card.recharge == recharge.id);
        let own = own.filter(|card| card.tenant == recharge.tenant).count();
        match (order.map(|order| &order.state), &recharge.state) {
            (Some(OrderState::Paid(_)), RechargeState::Issued { cards, .. }) => {
                u32::try_from(own) == Ok(cards.len)
            }
            (Some(OrderState::Paid(_)), RechargeState::Credited { .. })
            | (
                Some(OrderState::Failed { .. } | OrderState::Closed { .. }),
                RechargeState::Released { .. },
            )
            | (
                None | Some(OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_)),
                RechargeState::Open,
            ) => own == 0,
            (_, _) => false,
        }
    }

    fn check_wallets(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let mut orders = self.orders.all().filter(|row| row.terms.request.wallet.is_some());
        let broken = orders.find(|row| !self.took_what_it_paid(row, transfers));
        note(report, Rule::WalletPaymentDiffers, broken);
    }

    fn took_what_it_paid(&self, order: &Order, transfers: &BySubject<'_>) -> bool {
        let tenant = &order.terms.tenant;
        let own = self.wallet_payments.find(tenant, &WalletPayment::key(order.terms.id));
        let moved = own.and_then(|own| transfers.get(&(tenant, own.id.subject())));
        let sum = |reason| -> i128 {
            let own = moved.into_iter().flatten().filter(|transfer| transfer.reason == reason);
            own.map(|transfer| fen(transfer.amount)).sum()
        };
        let paid = match &order.state {
            OrderState::Paid(paid) => fen(paid.amount),
            _ => 0,
        };
        let returned = own.map_or(Fen::ZERO, |own| own.returned);
        (sum(Reason::StoredValuePayment), sum(Reason::StoredValueRefund)) == (paid, fen(returned))
            && returned == order.funds.refunded
    }

    fn check_withdrawals(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
        let broken = self.withdrawals.all().find(|row| {
            let key = (&row.tenant, row.id.subject());
            let own = transfers.get(&key).map(Vec::as_slice).unwrap_or_default();
            let source = Account::new(AccountKind::MerchantAvailable, row.merchant.as_str());
            let outside = Account::new(AccountKind::SettledByHand, row.tenant.as_str());
            let fits = |it: &&Transfer| {
                it.reason == Reason::Withdrawal
                    && it.amount == row.amount
                    && (&it.debit, &it.credit) == (&source, &outside)
            };
            let mut phases: Vec<&str> = own.iter().map(|it| it.phase.name()).collect();
            phases.sort_unstable();
            let wanted: &[&str] = match row.state {
                WithdrawalState::Accepted => &["hold"],
                WithdrawalState::Paid { .. } => &["hold", "post_held"],
                WithdrawalState::Failed { .. } => &["hold", "release"],
            };
            phases != wanted || !own.iter().all(fits)
        });
        note(report, Rule::WithdrawalWithoutTransfers, broken);
    }

    fn check_events(&self, report: &mut AuditReport) {
        let counts = self.event_counts();
        let orders = self.orders.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, orders);
        let refunds = self.refunds.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, refunds);
        let notifications = self.notifications.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, notifications);
        let approvals = self.approvals.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, approvals);
        let shares = self.shares.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, shares);
        let returns = self.share_returns.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, returns);
        let allocations = self.allocations.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, allocations);
        let releases = self.allocation_releases.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, releases);
        let withdrawals = self.withdrawals.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, withdrawals);
        let batches = self.card_batches.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, batches);
        let quotas = self.card_quotas.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, quotas);
        let recharges = self.recharges.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, recharges);
        let cards = self.cards.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, cards);
        let transfers = self.card_transfers.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, transfers);
        let bindings = self.card_bindings.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, bindings);
        let wallets = self.wallets.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, wallets);
        let payments = self.wallet_payments.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, payments);
        let freezes = self.wallet_freezes.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, freezes);
        let agreements = self.agreements.all().find(|row| lacks_events(&counts, *row));
        note(report, Rule::EventsMissing, agreements);
    }

    #[expect(clippy::disallowed_methods, reason = "the text names an archive's number")]
    fn check_archives(&self, report: &mut AuditReport) {
        let mut sums: BTreeMap<(&TenantId, i64), i128> = BTreeMap::new();
        for record in self.archives.values() {
            let sum = sums.entry((&record.tenant, record.number)).or_default();
            *sum += i128::from(record.event_count());
        }
        for (tenant, events) in &self.archived {
            let sum = sums.entry((tenant, events.archive)).or_default();
            *sum -= i128::from(events.event_count);
        }
        let differs = sums.into_iter().find(|(_, sum)| *sum != 0);
        report.faults.extend(differs.map(|((tenant, number), _)| {
            let number: Id<kinds::Root> = Id::from_value(number);
            Rule::ArchivesDiffer.fault(tenant, "archive", number)
        }));
    }
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        impl State {
            /// The rules that every aggregate keeps: what it holds, and that it has a task while open.
            fn check_rows(&self, report: &mut AuditReport, transfers: &BySubject<'_>) {
                $(
                    let differs = self.$rows.all().find(|row| held(transfers, *row) != row_held(*row));
                    note(report, Rule::HeldDiffers, differs);
                )*
                $(
                    let orphan = transfers.iter().find(|((tenant, subject), found)| {
                        subject.kind == SubjectKind::$row
                            && self.$rows.get(tenant, subject.value).is_none()
                            && found.iter().any(|transfer| transfer.phase != Phase::Post)
                    });
                    report.faults.extend(orphan.map(|((tenant, subject), _)| {
                        of_subject(Rule::HoldWithoutRow, tenant, *subject)
                    }));
                )*
                $(
                    let forgotten = self.$rows.all().find(|row| {
                        row.standing().is_open() && !self.tasks.contains_key(&Task::of(*row))
                    });
                    note(report, Rule::OpenWithoutTask, forgotten);
                )*
            }
        }
    };
}
kernel::aggregates!(of_all);

fn lacks_events<A: Stored>(counts: &BTreeMap<(&TenantId, Subject), u64>, row: &A) -> bool {
    let count = counts.get(&(row.tenant(), row.id().subject())).copied().unwrap_or_default();
    i64::try_from(count) != Ok(row.version())
}

/// The fault of a subject whose row is missing or was never read.
#[expect(clippy::disallowed_methods, reason = "the text names the subject's id")]
fn of_subject(rule: Rule, tenant: &TenantId, subject: Subject) -> String {
    rule.fault(tenant.as_str(), subject.kind.name(), Id::<kinds::Root>::from_value(subject.value))
}

pub(super) fn note<A: Stored>(report: &mut AuditReport, rule: Rule, first: Option<&A>) {
    let fault = first.map(|row| rule.fault(row.tenant(), noun::<A>(), row.id()));
    report.faults.extend(fault);
}

/// What the transfers of a refund do.
#[derive(Default)]
struct RefundTransfers {
    /// Those that hold.
    holds: Holds,
    /// Those that release all of it.
    releases: usize,
    /// What was taken from merchants and not put back, in fen.
    taken: i128,
    moved: RefundMoved,
    /// Something else moved.
    misfits: bool,
}

#[derive(Default)]
struct Holds {
    fit: usize,
    misfit: usize,
}

/// How much a refund moved, in fen.
#[derive(Default, PartialEq, Eq)]
struct RefundMoved {
    /// Out of what was held, back to the channel.
    back: i128,
    /// Out of what was held, to where a person ended it.
    ended: i128,
    /// Out of what was held, to the merchant's coupons.
    coupons: i128,
    /// From where a person ended it, back to the channel.
    after: i128,
}

/// What a refund may have moved, in its state: one that is done was carried out at once, or after a person
/// had ended it.
fn ways(refund: &Refund) -> Vec<RefundMoved> {
    let (amount, settled) = (fen(refund.amount), fen(refund.settled_amount));
    let ended = |ended, after| RefundMoved { ended, coupons: amount - ended, back: 0, after };
    match &refund.state {
        RefundState::Preparing { .. }
        | RefundState::Requesting
        | RefundState::Processing
        | RefundState::Failed { .. } => vec![RefundMoved::default()],
        RefundState::WrittenOff { .. } if refund.request.is_some() => vec![RefundMoved::default()],
        RefundState::SettledByHand { .. } | RefundState::WrittenOff { .. } => {
            vec![ended(settled, 0)]
        }
        RefundState::Done { settled_refund, .. } => {
            let back = fen(*settled_refund);
            let at_once = RefundMoved { back, coupons: amount - back, ended: 0, after: 0 };
            vec![at_once, ended(back, back)]
        }
    }
}

pub(super) fn fen(amount: Fen) -> i128 {
    i128::from(amount.get())
}

/// Whether the merchant has the money of its refund still, or again.
const fn has_nothing(refund: &Refund) -> bool {
    matches!(
        refund.state,
        RefundState::Preparing { .. } | RefundState::Failed { .. } | RefundState::WrittenOff { .. }
    )
}

/// What a refund must have taken from merchants.
fn wanted_taken(refund: &Refund) -> i128 {
    match refund.request {
        Some(_) if !has_nothing(refund) => fen(refund.amount),
        Some(_) | None => 0,
    }
}

/// From where a merchant's refund may be taken, and to where it may be put back: merchants, or what was
/// given up, where the channel carried one out too late.
fn is_source(account: &Account, refund: &Refund) -> bool {
    is_of_merchant(account)
        || *account == Account::new(AccountKind::WriteOff, refund.tenant.as_str())
}

const fn is_of_merchant(account: &Account) -> bool {
    matches!(
        account.kind,
        AccountKind::MerchantPending | AccountKind::MerchantAvailable | AccountKind::MerchantFrozen
    )
}

/// One of the accounts to which a person's decision books.
fn is_of_hand(account: &Account, refund: &Refund) -> bool {
    [AccountKind::SettledByHand, AccountKind::WriteOff]
        .into_iter()
        .any(|kind| *account == Account::new(kind, refund.tenant.as_str()))
}

/// What a row's transfers hold.
fn held<A: Stored>(transfers: &BySubject<'_>, row: &A) -> i128 {
    let own = transfers.get(&(row.tenant(), row.id().subject())).into_iter().flatten();
    own.map(|transfer| {
        let amount = i128::from(transfer.amount.get());
        match transfer.phase {
            Phase::Hold => amount,
            Phase::Release | Phase::PostHeld => -amount,
            Phase::Post => 0,
        }
    })
    .sum()
}

/// What a row says that it holds.
fn row_held<A: Stored>(row: &A) -> i128 {
    row.standing().holds.iter().map(|(_, amount)| i128::from(amount.get())).sum()
}

const fn is_paid(order: &Order) -> bool {
    matches!(order.state, OrderState::Paid(_))
}

/// What the order took, as it is booked; nothing of one that is not paid.
fn paid_parts(order: &Order) -> Option<impl Iterator<Item = Option<Part>>> {
    let OrderState::Paid(paid) = &order.state else { return None };
    Some(parts(Reason::Payment, paid.amount, paid.settled_amount))
}

/// Whether a transfer is a part of the payment that an order took: a coupon's goes to a merchant.
fn is_payment(transfer: &Transfer) -> bool {
    transfer.reason == Reason::Payment
        || (transfer.reason == Reason::Coupon
            && transfer.credit.kind == AccountKind::MerchantPending)
}

/// The part of the payment that a transfer books; nothing when it does not do that.
fn payment_part(transfer: &Transfer, order: &Order) -> Option<Part> {
    let (terms, request) = (&order.terms, &order.terms.request);
    let merchant = request.merchant.as_str();
    let debit = match transfer.reason {
        Reason::Payment => Account::new(AccountKind::ChannelFunds, &*terms.channel_account),
        _ => Account::new(AccountKind::MerchantCoupons, merchant),
    };
    let credit = Account::new(AccountKind::MerchantPending, merchant);
    let fits =
        transfer.phase == Phase::Post && (&transfer.debit, &transfer.credit) == (&debit, &credit);
    fits.then_some((transfer.reason, transfer.amount))
}

/// Whether a transfer is a part of an unapplied payment: a coupon's goes to suspense.
fn is_unapplied(transfer: &Transfer) -> bool {
    transfer.reason == Reason::UnappliedPayment
        || (transfer.reason == Reason::Coupon && transfer.credit.kind == AccountKind::Suspense)
}
