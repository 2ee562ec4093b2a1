//! Answering queries from the model.

use super::{RowKey, State};
use crate::{
    AccountRow, NotificationRow, OrderFilter, Page, Query, StoreFault, Story, TaskRow, rows,
};
use kernel::{Change, Event, Notification, Order, OrderKey, RefundState, Task, TenantId};
use ledger::{Id, Timestamp, kinds};
use std::cmp::Reverse;
use std::collections::BTreeMap;

impl State {
    pub(super) fn search(&self, query: &Query) -> Result<Page, StoreFault> {
        Ok(match query {
            Query::Order { tenant, key } => {
                Page::Order(self.order(tenant, key).cloned().map(Box::new))
            }
            Query::Orders(filter) => Page::Orders(self.orders(filter)),
            Query::Story { tenant, order } => Page::Story(self.story(tenant, *order).map(Box::new)),
            Query::TenantsWithOrder { merchant_order_no } => {
                Page::Tenants(self.tenants(merchant_order_no))
            }
            Query::Accounts { tenant } => Page::Accounts(self.accounts(tenant)),
            Query::Postings { tenant, account, before, limit } => Page::Transfers(
                newest_first(&self.transfers, tenant)
                    .filter(|transfer| before.is_none_or(|before| transfer.id < before))
                    .filter(|transfer| [&transfer.debit, &transfer.credit].contains(&account))
                    .take(len(*limit))
                    .cloned()
                    .collect(),
            ),
            Query::Notifications { tenant, state, before, limit } => Page::Notifications(
                newest_first(&self.notifications, tenant)
                    .filter(|notification| before.is_none_or(|before| notification.id < before))
                    .filter(|notification| is(state, notification.state.name()))
                    .take(len(*limit))
                    .map(|notification| self.notification_row(notification))
                    .collect(),
            ),
            Query::Notification { tenant, id } => {
                let notification = self.notifications.get(&(tenant.clone(), id.value()));
                Page::Notifications(
                    notification
                        .map(|notification| self.notification_row(notification))
                        .into_iter()
                        .collect(),
                )
            }
            Query::Keys => Page::Keys(self.newest_keys()),
            Query::Tasks { now } => Page::Tasks(self.waiting(*now)),
            Query::Attention { tenant, before, limit } => {
                Page::Events(self.attention(tenant, *before, *limit))
            }
            Query::LastId => Page::LastId(self.events.values().map(|event| event.id.value()).max()),
            Query::Ping => Page::Pong,
            Query::Audit => Page::Audit(self.audit()?),
        })
    }

    fn orders(&self, filter: &OrderFilter) -> Vec<Order> {
        newest_first(&self.orders, &filter.tenant)
            .filter(|order| filter.before.is_none_or(|before| order.terms.id < before))
            .filter(|order| is(&filter.state, order.state.name()))
            .filter(|order| filter.from.is_none_or(|from| order.terms.placed_at >= from))
            .filter(|order| filter.to.is_none_or(|to| order.terms.placed_at < to))
            .take(len(filter.limit))
            .cloned()
            .collect()
    }

    fn story(&self, tenant: &TenantId, id: Id<kinds::Order>) -> Option<Story> {
        let order = self.order(tenant, &OrderKey::Id(id))?.clone();
        let events =
            self.events.values().filter(|event| event.tenant == *tenant && event.order == Some(id));
        let refunds = of(&self.refunds, tenant).filter(|refund| refund.order == id);
        let notifications =
            of(&self.notifications, tenant).filter(|notification| notification.order == id);
        let tasks = std::iter::once(order.task())
            .chain(refunds.clone().map(|refund| refund.task()))
            .chain(notifications.clone().map(|notification| notification.task()));
        Some(Story {
            events: events.cloned().collect(),
            transfers: of(&self.transfers, tenant)
                .filter(|transfer| transfer.order == id)
                .cloned()
                .collect(),
            refunds: refunds.cloned().collect(),
            notifications: notifications
                .map(|notification| self.notification_row(notification))
                .collect(),
            tasks: self.due(tasks),
            order,
        })
    }

    fn due(&self, tasks: impl Iterator<Item = Task>) -> Vec<(Task, Timestamp)> {
        let due = |task: Task| self.tasks.get(&task).map(|waiting| (task, waiting.due));
        let mut found: Vec<(Task, Timestamp)> = tasks.filter_map(due).collect();
        found.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        found
    }

    fn tenants(&self, merchant_order_no: &str) -> Vec<TenantId> {
        let named = self.order_ids.keys().filter(|(_, number)| number == merchant_order_no);
        named.map(|(tenant, _)| tenant.clone()).collect()
    }

    fn accounts(&self, tenant: &TenantId) -> Vec<AccountRow> {
        self.balances
            .iter()
            .filter(|((owner, _), _)| owner == tenant)
            .map(|((_, account), balance)| AccountRow {
                account: account.clone(),
                balance: *balance,
            })
            .collect()
    }

    fn notification_row(&self, notification: &Notification) -> NotificationRow {
        let order = self.order(&notification.tenant, &OrderKey::Id(notification.order));
        let (first, last) = (0, u32::MAX);
        let key = |number| (notification.tenant.clone(), notification.id.value(), number);
        NotificationRow {
            notification: notification.clone(),
            merchant_order_no: order
                .map(|order| order.terms.merchant_order_no.clone())
                .unwrap_or_default(),
            attempts: self
                .attempts
                .range(key(first)..=key(last))
                .map(|(_, attempt)| attempt.clone())
                .collect(),
        }
    }

    fn newest_keys(&self) -> Vec<(std::sync::Arc<str>, channel::PlatformKey)> {
        let keys = self.keys.iter();
        rows::key::newest(
            keys.map(|((_, account, _), (stored_by, key))| {
                (*stored_by, account.clone(), key.clone())
            }),
        )
    }

    fn attention(
        &self,
        tenant: &TenantId,
        before: Option<Id<kinds::Event>>,
        limit: u32,
    ) -> Vec<Event> {
        let own = self.events.values().filter(|event| event.tenant == *tenant);
        let mut found: Vec<Event> = own
            .filter(|event| before.is_none_or(|before| event.id < before))
            .filter(|event| needs_a_person(&event.change))
            .cloned()
            .collect();
        found.sort_by_key(|event| Reverse(event.id));
        found.truncate(len(limit));
        found
    }

    fn waiting(&self, now: Timestamp) -> TaskRow {
        let due = self.tasks.values().map(|waiting| waiting.due).filter(|due| *due <= now);
        TaskRow {
            waiting: count(self.tasks.len()),
            due: count(due.clone().count()),
            oldest_due: due.min(),
        }
    }
}

/// What contradicts, what came without an order to take it, and what could not be given back.
const fn needs_a_person(change: &Change) -> bool {
    match change {
        Change::MismatchRecorded { .. } | Change::UnappliedReceived { .. } => true,
        Change::RefundMoved { state, .. } => matches!(state, RefundState::Failed { .. }),
        Change::OrderPlaced(_)
        | Change::OrderRepeated
        | Change::CallBegun(_)
        | Change::CallEnded { .. }
        | Change::PayInfoReceived { .. }
        | Change::OrderPaid { .. }
        | Change::OrderClosing(_)
        | Change::OrderClosed { .. }
        | Change::OrderFailed { .. }
        | Change::RefundCallBegun { .. }
        | Change::NotificationQueued(_)
        | Change::NotificationAttempted { .. }
        | Change::NotificationReplayed { .. }
        | Change::KeysStored { .. } => false,
    }
}

/// A tenant's rows, oldest first.
pub(super) fn of<'a, T>(
    rows: &'a BTreeMap<RowKey, T>,
    tenant: &TenantId,
) -> impl DoubleEndedIterator<Item = &'a T> + Clone {
    rows.range((tenant.clone(), i64::MIN)..=(tenant.clone(), i64::MAX)).map(|(_, row)| row)
}

fn newest_first<'a, T>(
    rows: &'a BTreeMap<RowKey, T>,
    tenant: &TenantId,
) -> impl Iterator<Item = &'a T> {
    of(rows, tenant).rev()
}

fn is(wanted: &Option<String>, name: &str) -> bool {
    wanted.as_ref().is_none_or(|wanted| wanted == name)
}

fn len(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

pub(super) fn count(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}
