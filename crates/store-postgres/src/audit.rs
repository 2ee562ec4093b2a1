//! Proving the books as one snapshot has them.

use crate::cell::{self, cells, int, word};
use crate::connection::{Patience, Step};
use crate::pool::Pool;
use crate::sql::{Sql, audit as sql};
use kernel::{Order, Refund, TenantId};
use ledger::{Account, AccountKind, Fen, Phase, Transfer};
use std::collections::{BTreeMap, HashMap};
use store::audit::{Rule, Sums, accounts, suspense};
use store::rows::{Table, Value, order, refund, transfer};
use store::{Audit, StoreFault};
use tokio_postgres::Row;

/// The questions, in the order of the answers that [`prove`] reads.
const QUESTIONS: [Sql; 18] = [
    sql::ORDERS,
    sql::TRANSFERS,
    sql::BALANCES,
    sql::POSTINGS,
    sql::TRANSFER_SHAPE,
    sql::PAID_WITHOUT_PAYMENT,
    sql::PAYMENT_WITHOUT_PAID,
    sql::ORDERS_WITH_UNAPPLIED,
    sql::UNAPPLIED_TRANSFERS,
    sql::UNAPPLIED_REFUNDS,
    sql::REFUND_WITHOUT_HOLD,
    sql::REFUND_WITHOUT_POST,
    sql::REFUND_WITHOUT_RELEASE,
    sql::OPEN_REFUNDS,
    sql::ORDER_WITHOUT_TASK,
    sql::REFUND_WITHOUT_TASK,
    sql::PAID_WITHOUT_NOTIFICATION,
    sql::NOTIFICATION_WITHOUT_TASK,
];

pub(crate) async fn audit(pool: &Pool) -> Result<Audit, StoreFault> {
    let steps = QUESTIONS.map(|sql| Step::new(sql, []));
    let found = pool.reader().await?.snapshot(&steps, Patience::Long).await?;
    let answers: [Vec<Row>; QUESTIONS.len()] = found
        .try_into()
        .map_err(|_| StoreFault::Failed("an audit with another number of answers".to_owned()))?;
    prove(&answers)
}

fn prove(answers: &[Vec<Row>; QUESTIONS.len()]) -> Result<Audit, StoreFault> {
    let [
        orders,
        transfers,
        balances,
        postings,
        transfer_shape,
        paid_without_payment,
        payment_without_paid,
        orders_with_unapplied,
        unapplied_transfers,
        unapplied_refunds,
        refund_without_hold,
        refund_without_post,
        refund_without_release,
        open_refunds,
        order_without_task,
        refund_without_task,
        paid_without_notification,
        notification_without_task,
    ] = answers;
    let balances = sums(balances)?;
    let (orders, paid_orders) = pair(&order::ORDERS, orders)?;
    let (transfers, moved) = pair(&transfer::TRANSFERS, transfers)?;
    let mut audit = Audit {
        orders: count(orders),
        paid_orders: count(paid_orders),
        transfers: count(transfers),
        accounts: u64::try_from(balances.len()).unwrap_or(u64::MAX),
        debits: moved,
        credits: moved,
        faults: vec![],
    };
    first(&mut audit, Rule::TransferShape, transfer_shape)?;
    accounts(&mut audit, &balances, &sums(postings)?)?;
    first(&mut audit, Rule::PaidWithoutPayment, paid_without_payment)?;
    first(&mut audit, Rule::PaymentWithoutPaid, payment_without_paid)?;
    let unapplied = cell::read(orders_with_unapplied, order::read)?;
    unapplied_without_transfer(&mut audit, &unapplied, unapplied_transfers)?;
    unapplied_without_refund(&mut audit, unapplied, cell::read(unapplied_refunds, refund::read)?);
    first(&mut audit, Rule::RefundWithoutHold, refund_without_hold)?;
    first(&mut audit, Rule::RefundWithoutPost, refund_without_post)?;
    first(&mut audit, Rule::RefundWithoutRelease, refund_without_release)?;
    let open = cell::read(open_refunds, read_open)?.into_iter().collect();
    suspense(&mut audit, &balances, &open);
    first(&mut audit, Rule::OrderWithoutTask, order_without_task)?;
    first(&mut audit, Rule::RefundWithoutTask, refund_without_task)?;
    first(&mut audit, Rule::PaidWithoutNotification, paid_without_notification)?;
    first(&mut audit, Rule::NotificationWithoutTask, notification_without_task)?;
    Ok(audit)
}

fn sums(rows: &[Row]) -> Result<Sums, StoreFault> {
    let found = cell::read(rows, transfer::read_balance)?.into_iter();
    Ok(found.map(|(tenant, row)| ((tenant, row.account), row.balance)).collect())
}

fn read_open(cells: &[Value<'_>]) -> Result<(TenantId, Fen), StoreFault> {
    let tenant = TenantId::new(word(&refund::REFUNDS, cells.first())?);
    Ok((tenant, Fen::new(int(&refund::REFUNDS, cells.get(1))?)))
}

/// The two numbers of a row that counts.
fn pair(table: &'static Table, rows: &[Row]) -> Result<(i64, i64), StoreFault> {
    let cells = rows.first().map(cells).transpose()?.unwrap_or_default();
    Ok((int(table, cells.first())?, int(table, cells.get(1))?))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Reports the row that breaks a rule, if one was found.
fn first(audit: &mut Audit, rule: Rule, rows: &[Row]) -> Result<(), StoreFault> {
    let Some(row) = rows.first() else { return Ok(()) };
    let cells = cells(row)?;
    let tenant = word(&order::ORDERS, cells.first())?;
    audit.faults.push(rule.fault(tenant, int(&order::ORDERS, cells.get(1))?));
    Ok(())
}

/// The amounts of an order's unapplied payments: as the order has them, and as they were booked.
type Sides = (Vec<Option<Fen>>, Vec<Option<Fen>>);

fn unapplied_without_transfer(
    audit: &mut Audit,
    orders: &[Order],
    transfers: &[Row],
) -> Result<(), StoreFault> {
    let mut sides: BTreeMap<(TenantId, i64), Sides> = BTreeMap::new();
    for order in orders {
        let key = (order.terms.tenant.clone(), order.terms.id.value());
        sides.entry(key).or_default().0 =
            order.unapplied.iter().map(|unapplied| Some(unapplied.amount)).collect();
    }
    for (tenant, transfer) in cell::read(transfers, read_transfer)? {
        let amount = booked(&tenant, &transfer);
        sides.entry((tenant, transfer.order.value())).or_default().1.push(amount);
    }
    for (had, booked) in sides.values_mut() {
        had.sort();
        booked.sort();
    }
    let differs = sides.iter().find(|(_, (had, booked))| had != booked);
    let faults = differs.map(|((tenant, id), _)| Rule::UnappliedWithoutTransfer.fault(tenant, id));
    audit.faults.extend(faults);
    Ok(())
}

fn read_transfer(cells: &[Value<'_>]) -> Result<(TenantId, Transfer), StoreFault> {
    let tenant = TenantId::new(word(&transfer::TRANSFERS, cells.first())?);
    Ok((tenant, transfer::read(cells)?))
}

/// What a transfer books to suspense; nothing when it does not do that.
fn booked(tenant: &TenantId, transfer: &Transfer) -> Option<Fen> {
    let suspense = Account::new(AccountKind::Suspense, tenant.as_str());
    (transfer.phase == Phase::Post && transfer.credit == suspense).then_some(transfer.amount)
}

fn unapplied_without_refund(audit: &mut Audit, mut orders: Vec<Order>, refunds: Vec<Refund>) {
    let refunds: HashMap<(&TenantId, i64), &Refund> =
        refunds.iter().map(|refund| ((&refund.tenant, refund.id.value()), refund)).collect();
    orders.sort_by(|a, b| (&a.terms.tenant, a.terms.id).cmp(&(&b.terms.tenant, b.terms.id)));
    let lost = orders.iter().find(|order| {
        order.unapplied.iter().any(|unapplied| {
            let refund = refunds.get(&(&order.terms.tenant, unapplied.refund.value()));
            !refund.is_some_and(|refund| {
                refund.order == order.terms.id
                    && refund.amount == unapplied.amount
                    && refund.payment_reference == unapplied.payment_reference
            })
        })
    });
    let faults = lost.map(|order| {
        Rule::UnappliedWithoutRefund.fault(&order.terms.tenant, order.terms.id.value())
    });
    audit.faults.extend(faults);
}
