//! Loading what a batch of commands must read: a table of a tenant a query, all under way at once.

use crate::cell::{self, Parameter};
use crate::connection::Step;
use crate::pool::Pool;
use crate::sql::read;
use kernel::{OrderKey, Reads, TenantId, View};
use ledger::{Account, Balance, Id, kinds};
use std::borrow::Cow;
use std::collections::BTreeMap;
use store::StoreFault;
use store::rows::{notification, order, refund, transfer};
use tokio_postgres::Row;

/// What is read of one tenant.
#[derive(Default)]
struct Own<'a> {
    order_ids: Vec<Id<kinds::Order>>,
    numbers: Vec<&'a str>,
    refunds: Vec<Id<kinds::Refund>>,
    notifications: Vec<Id<kinds::Notification>>,
    accounts: Vec<&'a Account>,
}

/// What a query's rows are.
#[derive(Clone, Copy)]
enum Kind {
    Orders,
    Refunds,
    Notifications,
    Balances,
}

pub(crate) async fn load(pool: &Pool, reads: &Reads) -> Result<View, StoreFault> {
    let mut view = View::default();
    for key in &reads.balances {
        view.balances.insert(key.clone(), Balance::default());
    }
    let mut queries = vec![];
    for (tenant, own) in by_tenant(reads) {
        own.queries(tenant, &mut queries);
    }
    if queries.is_empty() {
        return Ok(view);
    }
    let (kinds, steps): (Vec<Kind>, Vec<Step<'_>>) = queries.into_iter().unzip();
    let found = pool.reader().await?.rows(&steps).await?;
    for (kind, rows) in kinds.into_iter().zip(found) {
        put(&mut view, kind, &rows)?;
    }
    Ok(view)
}

fn by_tenant(reads: &Reads) -> BTreeMap<&TenantId, Own<'_>> {
    let mut tenants: BTreeMap<&TenantId, Own<'_>> = BTreeMap::new();
    for (tenant, key) in &reads.orders {
        let own = tenants.entry(tenant).or_default();
        match key {
            OrderKey::Id(id) => own.order_ids.push(*id),
            OrderKey::MerchantOrderNo(number) => own.numbers.push(number),
        }
    }
    for (tenant, id) in &reads.refunds {
        tenants.entry(tenant).or_default().refunds.push(*id);
    }
    for (tenant, id) in &reads.notifications {
        tenants.entry(tenant).or_default().notifications.push(*id);
    }
    for (tenant, account) in &reads.balances {
        tenants.entry(tenant).or_default().accounts.push(account);
    }
    tenants
}

impl<'a> Own<'a> {
    fn queries(self, tenant: &'a TenantId, queries: &mut Vec<(Kind, Step<'a>)>) {
        let numbers = self.numbers.into_iter().map(Cow::Borrowed);
        let accounts = self.accounts.into_iter().map(|account| Cow::Owned(account.key()));
        let refunds = || Parameter::ints(self.refunds.iter().map(|id| id.value()));
        let wanted = [
            (Kind::Orders, read::ORDERS_BY_ID, ids(self.order_ids)),
            (Kind::Orders, read::ORDERS_BY_NUMBER, Parameter::texts(numbers)),
            (Kind::Orders, read::ORDERS_OF_REFUNDS, refunds()),
            (Kind::Refunds, read::REFUNDS_BY_ID, refunds()),
            (Kind::Notifications, read::NOTIFICATIONS_BY_ID, ids(self.notifications)),
            (Kind::Balances, read::BALANCES_BY_ACCOUNT, Parameter::texts(accounts)),
        ];
        for (kind, sql, names) in wanted {
            if !matches!(&names, Parameter::Column(names) if names.is_empty()) {
                let tenant = Parameter::text(tenant.as_str());
                queries.push((kind, Step::new(sql, [tenant, names])));
            }
        }
    }
}

fn ids<'a, K>(ids: Vec<Id<K>>) -> Parameter<'a> {
    Parameter::ints(ids.into_iter().map(Id::value))
}

fn put(view: &mut View, kind: Kind, rows: &[Row]) -> Result<(), StoreFault> {
    match kind {
        Kind::Orders => {
            cell::read(rows, order::read)?.into_iter().for_each(|order| view.put_order(order));
        }
        Kind::Refunds => {
            let found = cell::read(rows, refund::read)?.into_iter();
            view.refunds.extend(found.map(|refund| ((refund.tenant.clone(), refund.id), refund)));
        }
        Kind::Notifications => {
            let found = cell::read(rows, notification::read)?.into_iter();
            view.notifications.extend(found.map(|notification| {
                ((notification.tenant.clone(), notification.id), notification)
            }));
        }
        Kind::Balances => {
            let found = cell::read(rows, transfer::read_balance)?.into_iter();
            view.balances.extend(found.map(|(tenant, row)| ((tenant, row.account), row.balance)));
        }
    }
    Ok(())
}
