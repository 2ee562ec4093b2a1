//! Proving the books as one snapshot has them: each rule that needs more than the accounts is a
//! question for the first row that breaks it.

use crate::cell::{self, cells, int, word};
use crate::connection::{Patience, Step};
use crate::pool::Pool;
use crate::sql::rows::SqlRow;
use crate::sql::{Sql, audit as sql};
use kernel::{
    Allocation, AllocationRelease, Approval, Card, CardBatch, CardQuota, Notification, Order,
    Recharge, Refund, TenantId, UnappliedOutcome, Wallet, WalletPayment, Withdrawal,
};
use ledger::{Id, Subject, Transfer, kinds};
use std::collections::{BTreeMap, HashMap};
use store::audit::{Part, Rule, Sums, accounts, sorted, unapplied_part, unapplied_parts};
use store::rows::{self, Value, noun, transfer};
use store::{AuditReport, StoreFault};
use tokio_postgres::Row;

/// The table in whose name a count or the finding of a rule is unreadable.
const TABLE: &str = "audit";

/// What is counted, summed up or judged outside the database, in the order in which [`prove`] reads it.
fn questions() -> [&'static Sql; 7] {
    [
        &sql::ORDERS,
        &sql::TRANSFERS,
        &sql::BALANCES,
        &sql::POSTINGS,
        &sql::ORDERS_WITH_UNAPPLIED,
        &sql::UNAPPLIED_TRANSFERS,
        &sql::UNAPPLIED_REFUNDS,
    ]
}

/// A rule, the noun of what its question finds, and the question.
type RuleSql = (Rule, &'static str, &'static Sql);

/// The rules that the database checks.
fn rules() -> Vec<RuleSql> {
    let order = noun::<Order>();
    let refund = noun::<Refund>();
    let mut rules: Vec<RuleSql> = vec![
        (Rule::TransferShape, "transfer", &sql::TRANSFER_SHAPE),
        (Rule::PaidWithoutPayment, order, &sql::PAID_WITHOUT_PAYMENT),
        (Rule::PaymentWithoutPaid, order, &sql::PAYMENT_WITHOUT_PAID),
        (Rule::RefundWithoutHold, refund, &sql::REFUND_WITHOUT_HOLD),
        (Rule::RefundWithoutPost, refund, &sql::REFUND_WITHOUT_POST),
        (Rule::RefundReleased, refund, &sql::REFUND_RELEASED),
        (Rule::RefundNotTaken, refund, &sql::REFUND_NOT_TAKEN),
        (Rule::RefundsNotCounted, order, &sql::REFUNDS_NOT_COUNTED),
        (Rule::AllocatedDiffers, order, &sql::ALLOCATED_DIFFERS),
        (Rule::SharedDiffers, order, &sql::SHARED_DIFFERS),
        (
            Rule::WithdrawalWithoutTransfers,
            noun::<Withdrawal>(),
            &sql::WITHDRAWAL_WITHOUT_TRANSFERS,
        ),
        (Rule::CardsDiffer, noun::<CardBatch>(), &sql::CARDS_DIFFER),
        (Rule::StockDiffers, noun::<CardBatch>(), &sql::STOCK_DIFFERS),
        (Rule::RechargeDiffers, noun::<Recharge>(), &sql::RECHARGE_DIFFERS),
        (Rule::WalletPaymentDiffers, order, &sql::WALLET_PAYMENT_DIFFERS),
        (Rule::WalletPartsDiffer, noun::<WalletPayment>(), &sql::WALLET_PARTS_DIFFER),
        (Rule::WalletCardsDiffer, noun::<Wallet>(), &sql::WALLET_CARDS_DIFFER),
        (Rule::CardVoidDiffers, noun::<Card>(), &sql::CARD_VOID_DIFFERS),
        (Rule::QuotaDiffers, noun::<CardQuota>(), &sql::QUOTA_DIFFERS),
        (Rule::DebitDiffers, noun::<kernel::Agreement>(), &sql::DEBIT_DIFFERS),
        (Rule::RechargeNotBooked, noun::<Recharge>(), &sql::RECHARGE_NOT_BOOKED),
        (Rule::PaidWithoutNotification, order, &sql::PAID_WITHOUT_NOTIFICATION),
        (Rule::EventsMissing, order, &sql::ORDER_EVENTS_MISSING),
        (Rule::EventsMissing, refund, &sql::REFUND_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Notification>(), &sql::NOTIFICATION_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Approval>(), &sql::APPROVAL_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::Share>(), &sql::SHARE_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::ShareReturn>(), &sql::SHARE_RETURN_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Allocation>(), &sql::ALLOCATION_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<AllocationRelease>(), &sql::ALLOCATION_RELEASE_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Withdrawal>(), &sql::WITHDRAWAL_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<CardBatch>(), &sql::CARD_BATCH_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<CardQuota>(), &sql::CARD_QUOTA_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Recharge>(), &sql::RECHARGE_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Card>(), &sql::CARD_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::CardTransfer>(), &sql::CARD_TRANSFER_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::CardBinding>(), &sql::CARD_BINDING_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<Wallet>(), &sql::WALLET_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<WalletPayment>(), &sql::WALLET_PAYMENT_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::WalletFreeze>(), &sql::WALLET_FREEZE_EVENTS_MISSING),
        (Rule::EventsMissing, noun::<kernel::Agreement>(), &sql::AGREEMENT_EVENTS_MISSING),
        (Rule::ArchivesDiffer, "archive", &sql::ARCHIVES_DIFFER),
    ];
    rules.extend(row_rules());
    rules
}

macro_rules! of_all {
    ($($rows:ident: $row:ident,)*) => {
        /// The rules that every aggregate keeps.
        fn row_rules() -> Vec<RuleSql> {
            let mut rules: Vec<RuleSql> = vec![];
            $(
                let (name, sql) = (noun::<kernel::$row>(), kernel::$row::sql());
                rules.extend([
                    (Rule::HeldDiffers, name, &sql.held_differs),
                    (Rule::HoldWithoutRow, name, &sql.hold_without_row),
                    (Rule::OpenWithoutTask, name, &sql.open_without_task),
                ]);
            )*
            rules
        }
    };
}
kernel::aggregates!(of_all);

pub(crate) async fn audit(pool: &Pool) -> Result<AuditReport, StoreFault> {
    let (questions, rules) = (questions(), rules());
    let asked = questions.into_iter().chain(rules.iter().map(|(_, _, sql)| *sql));
    let steps: Vec<Step<'_>> = asked.map(|sql| Step::new(sql, [])).collect();
    let mut found = pool.query(&None).await?.snapshot(&steps, Patience::Long).await?;
    let broken = found.split_off(questions.len().min(found.len()));
    let answers = found
        .try_into()
        .map_err(|_| StoreFault::Failed("an audit with another number of answers".to_owned()))?;
    let mut faults = vec![];
    for ((rule, noun, _), rows) in rules.into_iter().zip(&broken) {
        faults.extend(first(rule, noun, rows)?.map(|fault| (rule, fault)));
    }
    prove(&answers, faults)
}

/// Counts, sums, and the rules that are checked outside the database; with what the database found.
fn prove(
    answers: &[Vec<Row>; 7],
    mut faults: Vec<(Rule, String)>,
) -> Result<AuditReport, StoreFault> {
    let [orders, transfers, balances, postings, with_unapplied, booked, refunds] = answers;
    let balances = sums(balances)?;
    let (orders, paid_orders) = pair(orders)?;
    let (transfers, moved) = pair(transfers)?;
    let with_unapplied: Vec<Order> = cell::read(with_unapplied, rows::read)?;
    let booked = cell::read(booked, read_transfer)?;
    let refunds: Vec<Refund> = cell::read(refunds, rows::read)?;
    faults.extend(unapplied_without_transfer(&with_unapplied, &booked));
    faults.extend(unapplied_without_refund(with_unapplied, &refunds));
    faults.sort_by_key(|(rule, _)| Rule::ALL.iter().position(|known| known == rule));
    let before = faults.partition_point(|(rule, _)| *rule == Rule::TransferShape);
    let after = faults.split_off(before);
    let text = |(_, fault)| fault;
    let mut report = AuditReport {
        orders: count(orders),
        paid_orders: count(paid_orders),
        transfers: count(transfers),
        accounts: u64::try_from(balances.len()).unwrap_or(u64::MAX),
        debits: moved,
        credits: moved,
        faults: faults.into_iter().map(text).collect(),
    };
    accounts(&mut report, &balances, &sums(postings)?)?;
    report.faults.extend(after.into_iter().map(text));
    Ok(report)
}

fn sums(rows: &[Row]) -> Result<Sums, StoreFault> {
    let found = cell::read(rows, transfer::read_balance)?.into_iter();
    Ok(found.map(|(tenant, row)| ((tenant, row.account), row.balance)).collect())
}

/// The two numbers of a row that counts.
fn pair(rows: &[Row]) -> Result<(i64, i64), StoreFault> {
    let cells = rows.first().map(cells).transpose()?.unwrap_or_default();
    Ok((int(TABLE, cells.first())?, int(TABLE, cells.get(1))?))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// The fault of the row that breaks a rule, if one was found.
#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
fn first(rule: Rule, noun: &str, rows: &[Row]) -> Result<Option<String>, StoreFault> {
    let Some(row) = rows.first() else { return Ok(None) };
    let cells = cells(row)?;
    let tenant = word(TABLE, cells.first())?;
    let id: Id<kinds::Root> = Id::from_value(int(TABLE, cells.get(1))?);
    Ok(Some(rule.fault(tenant, noun, id)))
}

/// An order with unapplied payments, if it is one, and what was booked to suspense for it.
type Sides<'a> = (Option<&'a Order>, Vec<&'a Transfer>);

fn unapplied_without_transfer(
    orders: &[Order],
    transfers: &[(TenantId, Transfer)],
) -> Option<(Rule, String)> {
    let mut sides: BTreeMap<(&TenantId, Id<kinds::Root>), Sides<'_>> = BTreeMap::new();
    for order in orders {
        let key = (&order.terms.tenant, order.terms.id.subject().root());
        sides.entry(key).or_default().0 = Some(order);
    }
    for (tenant, transfer) in transfers {
        sides.entry((tenant, transfer.subject.root())).or_default().1.push(transfer);
    }
    let differs = |(order, transfers): &Sides<'_>| match order {
        Some(order) => {
            let found = transfers.iter().map(|transfer| booked(transfer, order));
            sorted(found) != sorted(unapplied_parts(order))
        }
        None => !transfers.is_empty(),
    };
    let ((tenant, id), _) = sides.iter().find(|(_, both)| differs(both))?;
    let rule = Rule::UnappliedWithoutTransfer;
    Some((rule, rule.fault(tenant, noun::<Order>(), id)))
}

fn read_transfer(cells: &[Value<'_>]) -> Result<(TenantId, Transfer), StoreFault> {
    let tenant = TenantId::new(word(transfer::TRANSFERS.name, cells.first())?);
    Ok((tenant, transfer::read(cells)?))
}

/// What a transfer books to suspense for the order; nothing when it does not do that.
fn booked(transfer: &Transfer, order: &Order) -> Option<Part> {
    Subject::id::<kinds::Order>(transfer.subject)?;
    unapplied_part(transfer, order)
}

fn unapplied_without_refund(mut orders: Vec<Order>, refunds: &[Refund]) -> Option<(Rule, String)> {
    let refunds: HashMap<(&TenantId, i64), &Refund> =
        refunds.iter().map(|refund| ((&refund.tenant, refund.id.value()), refund)).collect();
    orders.sort_by(|a, b| (&a.terms.tenant, a.terms.id).cmp(&(&b.terms.tenant, b.terms.id)));
    let lost = orders.iter().find(|order| {
        order.unapplied.iter().any(|payment| {
            let UnappliedOutcome::Refund(refund) = payment.outcome else { return false };
            let refund = refunds.get(&(&order.terms.tenant, refund.value()));
            !refund.is_some_and(|refund| {
                refund.order == order.terms.id
                    && refund.amount == payment.amount
                    && refund.settled_amount == payment.settled_amount
                    && refund.payment_reference == payment.payment_reference
            })
        })
    })?;
    let (rule, terms) = (Rule::UnappliedWithoutRefund, &lost.terms);
    Some((rule, rule.fault(&terms.tenant, noun::<Order>(), terms.id)))
}
