//! The budgets of the lanes: what may be under way of each kind of work, so that money never waits for
//! notifications, nor a tenant for another.

use crate::bulkhead::{Bulkhead, Limits};
use kernel::{Lane, Order, Row, Task, View};
use std::sync::Arc;
use url::Url;

/// Calls to channels: by tenant, and then by channel account.
const MONEY: Limits =
    Limits { all: 512, each_tenant: 192, each_key: 96, waiting: 1024, waiting_each_key: 768 };
/// Deliveries to merchants: by tenant, and then by host.
const NOTIFICATIONS: Limits =
    Limits { all: 256, each_tenant: 64, each_key: 16, waiting: 512, waiting_each_key: 128 };
/// Fetches of signing keys: by tenant, and then by channel account.
const HOUSEKEEPING: Limits =
    Limits { all: 32, each_tenant: 8, each_key: 1, waiting: 32, waiting_each_key: 32 };

/// A bulkhead for each lane.
pub(crate) struct Lanes {
    pub(crate) money: Arc<Bulkhead>,
    pub(crate) notifications: Arc<Bulkhead>,
    pub(crate) housekeeping: Arc<Bulkhead>,
}

impl Lanes {
    pub(crate) fn new() -> Lanes {
        Lanes {
            money: Bulkhead::new(MONEY),
            notifications: Bulkhead::new(NOTIFICATIONS),
            housekeeping: Bulkhead::new(HOUSEKEEPING),
        }
    }

    pub(crate) fn of(&self, lane: Lane) -> &Arc<Bulkhead> {
        match lane {
            Lane::Money => &self.money,
            Lane::Notifications => &self.notifications,
            Lane::Housekeeping => &self.housekeeping,
        }
    }
}

/// Whose slow answer would hold up a task: a channel account, a host; empty where there is nobody. The
/// view has the task's row and what is related to it.
pub(crate) fn counterpart(view: &View, task: &Task) -> Arc<str> {
    let account = |order: &Order| order.terms.channel_account.clone();
    match view.row(&task.tenant, task.subject) {
        Some(Row::Order(order)) => account(&order),
        Some(Row::Refund(refund)) => {
            view.orders.get(&task.tenant, refund.order).map(account).unwrap_or_default()
        }
        Some(Row::Share(share)) => {
            view.orders.get(&task.tenant, share.order).map(account).unwrap_or_default()
        }
        Some(Row::ShareReturn(row)) => {
            view.orders.get(&task.tenant, row.order).map(account).unwrap_or_default()
        }
        Some(Row::Agreement(row)) => row.terms.channel_account.clone(),
        Some(Row::Notification(notification)) => host(&notification.url),
        Some(
            Row::Tenant(_)
            | Row::Merchant(_)
            | Row::CallerKey(_)
            | Row::ChannelAccount(_)
            | Row::Approval(_)
            | Row::Payee(_)
            | Row::Allocation(_)
            | Row::AllocationRelease(_)
            | Row::CardBatch(_)
            | Row::CardQuota(_)
            | Row::Recharge(_)
            | Row::Card(_)
            | Row::CardTransfer(_)
            | Row::CardBinding(_)
            | Row::Wallet(_)
            | Row::WalletPayment(_)
            | Row::WalletFreeze(_)
            | Row::Withdrawal(_),
        )
        | None => Arc::default(),
    }
}

/// The host of a URL with its port, spelled one way.
pub(crate) fn host(url: &str) -> Arc<str> {
    let Ok(url) = Url::parse(url) else { return Arc::default() };
    let name = url.host_str().unwrap_or_default().trim_end_matches('.');
    let port = url.port_or_known_default().unwrap_or_default();
    Arc::from(format!("{name}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::{Lanes, host};
    use kernel::TenantId;
    use std::sync::Arc;

    #[test]
    fn hung_accounts_of_a_tenant_leave_permits_for_strangers() {
        let lanes = Lanes::new();
        let take = |of: &str, account: &str| {
            lanes.money.try_acquire(&TenantId::new(of), &Arc::from(account))
        };
        let mut held = vec![];
        for account in ["a1", "a2", "a3"] {
            held.extend(std::iter::from_fn(|| take("a", account)));
        }
        assert_eq!(held.len(), 192, "the tenant's share");
        assert!(take("b", "b1").is_some());
    }

    #[test]
    fn a_host_is_one_however_it_is_spelled() {
        for url in [
            "http://shop.example/notify",
            "http://SHOP.example/other?x=1",
            "http://Shop.Example:80/",
            "http://shop.example.:80",
            "http://shop.example:0080/notify",
            "http://user@shop.example/",
            "http://sh%6fp.example/",
            "http://shop。example/",
        ] {
            assert_eq!(&*host(url), "shop.example:80", "{url}");
        }
        for url in ["http://127.1/", "http://2130706433/", "http://0x7f.0.0.1:80/"] {
            assert_eq!(&*host(url), "127.0.0.1:80", "{url}");
        }
        assert_eq!(&*host("https://shop.example/"), "shop.example:443");
        assert_eq!(&*host("http://[::0:1]:8080/"), "[::1]:8080");
        assert_eq!(&*host("no url"), "");
    }
}
