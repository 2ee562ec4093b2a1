//! What can be asked of a store, and what the answers look like.

use kernel::{
    Attempt, Event, Notification, NotificationState, Order, OrderKey, Refund, Task, TenantId,
};
use ledger::{Account, Balance, Id, Timestamp, Transfer, kinds};
use std::sync::Arc;

/// The closed set of questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// One order → [`Page::Order`].
    Order {
        /// Whose.
        tenant: TenantId,
        /// Which.
        key: OrderKey,
    },
    /// Orders by time, newest first → [`Page::Orders`].
    Orders(OrderFilter),
    /// Everything about one order → [`Page::Story`].
    Story {
        /// Whose.
        tenant: TenantId,
        /// Which.
        order: Id<kinds::Order>,
    },
    /// Tenants that have orders with this merchant's number → [`Page::Tenants`].
    TenantsWithOrder {
        /// The number.
        merchant_order_no: String,
    },
    /// The accounts of a tenant with their balances → [`Page::Accounts`].
    Accounts {
        /// Whose.
        tenant: TenantId,
    },
    /// Transfers that touch an account, newest first → [`Page::Transfers`].
    Postings {
        /// Whose.
        tenant: TenantId,
        /// Which account.
        account: Account,
        /// Only transfers with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Transfer>>,
        /// At most so many.
        limit: u32,
    },
    /// Notifications, newest first → [`Page::Notifications`].
    Notifications {
        /// Whose.
        tenant: TenantId,
        /// Only in this state, by its name.
        state: Option<String>,
        /// Only notifications with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Notification>>,
        /// At most so many.
        limit: u32,
    },
    /// One notification with its attempts → [`Page::Notifications`] of none or one.
    Notification {
        /// Whose.
        tenant: TenantId,
        /// Which.
        id: Id<kinds::Notification>,
    },
    /// Channel signing keys that were kept, of every account → [`Page::Keys`].
    Keys,
    /// How many tasks wait and since when the oldest is due → [`Page::Tasks`].
    Tasks {
        /// The present.
        now: Timestamp,
    },
    /// Events that need a person, newest first → [`Page::Events`]: findings that were kept, unapplied
    /// payments, and refunds that failed.
    Attention {
        /// Whose.
        tenant: TenantId,
        /// Only events with a smaller id: the last id of the page before.
        before: Option<Id<kinds::Event>>,
        /// At most so many.
        limit: u32,
    },
    /// The largest id of any event of any tenant → [`Page::LastId`]: ids that are made from now on
    /// must be larger.
    LastId,
    /// Whether the database answers → [`Page::Pong`].
    Ping,
    /// Proves the books → [`Page::Audit`].
    Audit,
}

/// Which orders to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFilter {
    /// Whose.
    pub tenant: TenantId,
    /// Only in this state, by its name.
    pub state: Option<String>,
    /// Placed at or after.
    pub from: Option<Timestamp>,
    /// Placed before.
    pub to: Option<Timestamp>,
    /// Only orders with a smaller id: the last id of the page before.
    pub before: Option<Id<kinds::Order>>,
    /// At most so many.
    pub limit: u32,
}

/// Answers, one kind per question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The order, if there is one.
    Order(Option<Box<Order>>),
    /// Orders.
    Orders(Vec<Order>),
    /// The story, if there is such an order.
    Story(Option<Box<Story>>),
    /// Tenants.
    Tenants(Vec<TenantId>),
    /// Accounts.
    Accounts(Vec<AccountRow>),
    /// Transfers.
    Transfers(Vec<Transfer>),
    /// Notifications.
    Notifications(Vec<NotificationRow>),
    /// Keys by account.
    Keys(Vec<(Arc<str>, channel::PlatformKey)>),
    /// Waiting tasks.
    Tasks(TaskRow),
    /// Events.
    Events(Vec<Event>),
    /// The number of the largest id, if there is one.
    LastId(Option<i64>),
    /// It answers.
    Pong,
    /// The audit.
    Audit(Audit),
}

/// Everything about one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// The order as it stands.
    pub order: Order,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// Money that moved, oldest first.
    pub transfers: Vec<Transfer>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Notifications with their attempts, oldest first.
    pub notifications: Vec<NotificationRow>,
    /// What is still to be done, and when.
    pub tasks: Vec<(Task, Timestamp)>,
}

/// An account and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// The account.
    pub account: Account,
    /// Its balance.
    pub balance: Balance,
}

/// A notification and its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationRow {
    /// The notification.
    pub notification: Notification,
    /// The merchant's number of its order.
    pub merchant_order_no: String,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptRow>,
}

/// One attempt, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    /// Which one, from 1.
    pub attempt_no: u32,
    /// How it went.
    pub attempt: Attempt,
    /// Where the notification stood afterwards.
    pub state: NotificationState,
}

/// Waiting tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskRow {
    /// How many wait, due or not.
    pub waiting: u64,
    /// How many are due.
    pub due: u64,
    /// Since when the oldest of them is due.
    pub oldest_due: Option<Timestamp>,
}

/// The proof of the books: what was counted, and every rule that does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Orders looked at.
    pub orders: u64,
    /// Orders that are paid.
    pub paid_orders: u64,
    /// Transfers looked at.
    pub transfers: u64,
    /// Accounts looked at.
    pub accounts: u64,
    /// Σ of all posted amounts on the debit side, in fen, over all tenants.
    pub debits: i64,
    /// The same on the credit side.
    pub credits: i64,
    /// What does not hold, the first row of each rule by name. Empty when the books are right.
    pub faults: Vec<String>,
}
