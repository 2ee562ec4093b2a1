//! The state that a decision sees: what its command asked to read, and what earlier decisions of the
//! same batch changed.

use crate::merchant::{Directory, TenantId};
use crate::notification::Notification;
use crate::order::{Order, OrderKey};
use crate::refund::Refund;
use ledger::{Account, Balance, Id, kinds};
use std::collections::HashMap;
use std::sync::Arc;

/// Stored state, loaded for a batch of commands and kept current by [`crate::evolve`].
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Tenants, merchants and routes.
    pub directory: Arc<Directory>,
    /// Orders by tenant and id.
    pub orders: HashMap<(TenantId, Id<kinds::Order>), Order>,
    /// Ids of orders by tenant and the merchant's number.
    pub order_ids: HashMap<(TenantId, String), Id<kinds::Order>>,
    /// Refunds by tenant and id.
    pub refunds: HashMap<(TenantId, Id<kinds::Refund>), Refund>,
    /// Notifications by tenant and id.
    pub notifications: HashMap<(TenantId, Id<kinds::Notification>), Notification>,
    /// Balances of the accounts that were asked for; an account without postings is at zero.
    pub balances: HashMap<(TenantId, Account), Balance>,
}

impl View {
    /// The order that a key names.
    pub fn order(&self, tenant: &TenantId, key: &OrderKey) -> Option<&Order> {
        let id = match key {
            OrderKey::Id(id) => *id,
            OrderKey::MerchantOrderNo(number) => {
                *self.order_ids.get(&(tenant.clone(), number.clone()))?
            }
        };
        self.orders.get(&(tenant.clone(), id))
    }

    /// A refund.
    pub fn refund(&self, tenant: &TenantId, id: Id<kinds::Refund>) -> Option<&Refund> {
        self.refunds.get(&(tenant.clone(), id))
    }

    /// A notification.
    pub fn notification(
        &self,
        tenant: &TenantId,
        id: Id<kinds::Notification>,
    ) -> Option<&Notification> {
        self.notifications.get(&(tenant.clone(), id))
    }

    /// Adds or replaces an order.
    pub fn put_order(&mut self, order: Order) {
        let terms = &order.terms;
        self.order_ids.insert((terms.tenant.clone(), terms.merchant_order_no.clone()), terms.id);
        self.orders.insert((terms.tenant.clone(), terms.id), order);
    }
}
