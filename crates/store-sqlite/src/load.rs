//! Loading what decisions read.

use crate::statement::{Select, snapshot};
use kernel::{Order, OrderKey, Reads, TenantId, View};
use ledger::Balance;
use rusqlite::Connection;
use std::borrow::Cow;
use std::sync::LazyLock;
use store::StoreFault;
use store::rows::{Value, notification, order, refund, transfer};

static ORDER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM orders CROSS JOIN order_terms USING (tenant, id)
         WHERE tenant = ?1 AND id = ?2",
        order::ORDERS.list()
    )
});
static ORDER_BY_NUMBER: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM orders CROSS JOIN order_terms USING (tenant, id)
         WHERE tenant = ?1 AND merchant_order_no = ?2",
        order::ORDERS.list()
    )
});
static REFUND: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM refunds WHERE tenant = ?1 AND id = ?2", refund::REFUNDS.list())
});
static NOTIFICATION: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM notifications WHERE tenant = ?1 AND id = ?2",
        notification::NOTIFICATIONS.list()
    )
});
static BALANCE: LazyLock<String> = LazyLock::new(|| {
    format!("SELECT {} FROM balances WHERE tenant = ?1 AND account = ?2", transfer::BALANCES.list())
});

/// Looks for orders by either name.
pub(crate) struct Orders<'c> {
    by_id: Select<'c>,
    by_number: Select<'c>,
}

impl<'c> Orders<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Result<Orders<'c>, StoreFault> {
        Ok(Orders {
            by_id: Select::new(connection, &order::ORDERS, &ORDER)?,
            by_number: Select::new(connection, &order::ORDERS, &ORDER_BY_NUMBER)?,
        })
    }

    pub(crate) fn find(
        &mut self,
        tenant: &TenantId,
        key: &OrderKey,
    ) -> Result<Option<Order>, StoreFault> {
        let (select, name) = match key {
            OrderKey::Id(id) => (&mut self.by_id, Value::Int(id.value())),
            OrderKey::MerchantOrderNo(number) => {
                (&mut self.by_number, Value::Text(Cow::Borrowed(number)))
            }
        };
        select.first(&[text(tenant), name], order::read)
    }
}

/// The tenant as a cell.
pub(crate) fn text(tenant: &TenantId) -> Value<'_> {
    Value::Text(Cow::Borrowed(tenant.as_str()))
}

/// Loads the reads from one snapshot.
pub(crate) fn load(connection: &mut Connection, reads: &Reads) -> Result<View, StoreFault> {
    snapshot(connection, |snapshot| {
        let mut view = View::default();
        let mut orders = Orders::new(snapshot)?;
        for (tenant, key) in &reads.orders {
            orders.find(tenant, key)?.into_iter().for_each(|order| view.put_order(order));
        }
        load_refunds(snapshot, reads, &mut view, &mut orders)?;
        load_notifications(snapshot, reads, &mut view)?;
        load_balances(snapshot, reads, &mut view)?;
        Ok(view)
    })
}

fn load_refunds(
    connection: &Connection,
    reads: &Reads,
    view: &mut View,
    orders: &mut Orders<'_>,
) -> Result<(), StoreFault> {
    if reads.refunds.is_empty() {
        return Ok(());
    }
    let mut select = Select::new(connection, &refund::REFUNDS, &REFUND)?;
    for (tenant, id) in &reads.refunds {
        let found = select.first(&[text(tenant), Value::Int(id.value())], refund::read)?;
        let Some(refund) = found else { continue };
        let order = orders.find(tenant, &OrderKey::Id(refund.order))?;
        order.into_iter().for_each(|order| view.put_order(order));
        view.refunds.insert((tenant.clone(), *id), refund);
    }
    Ok(())
}

fn load_notifications(
    connection: &Connection,
    reads: &Reads,
    view: &mut View,
) -> Result<(), StoreFault> {
    if reads.notifications.is_empty() {
        return Ok(());
    }
    let mut select = Select::new(connection, &notification::NOTIFICATIONS, &NOTIFICATION)?;
    for (tenant, id) in &reads.notifications {
        let found = select.first(&[text(tenant), Value::Int(id.value())], notification::read)?;
        view.notifications.extend(found.map(|notification| ((tenant.clone(), *id), notification)));
    }
    Ok(())
}

fn load_balances(
    connection: &Connection,
    reads: &Reads,
    view: &mut View,
) -> Result<(), StoreFault> {
    if reads.balances.is_empty() {
        return Ok(());
    }
    let mut select = Select::new(connection, &transfer::BALANCES, &BALANCE)?;
    for (tenant, account) in &reads.balances {
        let key = Value::Text(Cow::Owned(account.key()));
        let found = select.first(&[text(tenant), key], transfer::read_balance)?;
        let balance = found.map_or(Balance::default(), |(_, row)| row.balance);
        view.balances.insert((tenant.clone(), account.clone()), balance);
    }
    Ok(())
}
