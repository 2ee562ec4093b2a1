//! A small business: its commands are decided by the kernel over what the store loads.

use crate::{Batch, Page, Query, Store, Story, Write};
use channel::{
    Finding, Operation, PayForm, PayInfo, Payer, Payment, RefundStatus, Refunded, Scene,
};
use kernel::{
    Attempt, CallRecord, Caller, Change, Command, Decision, Delivery, Directory, Merchant,
    MerchantId, Notification, Order, OrderKey, PlaceOrder, Reads, Refund, Refusal, Route, Task,
    Tenant, TenantId, View, decide,
};
use ledger::{Balance, Currency, Fen, Id, Stamp, Timestamp, kinds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the fixture opens.
pub(super) const OPENING: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// Every order's amount.
pub(super) const PRICE: Fen = Fen::new(1999);
/// The tenants.
pub(super) const TENANTS: [&str; 3] = ["100001", "100002", "100003"];
/// The merchant that every tenant has.
const MERCHANT: &str = "CM0001";

/// The fixture, with its clock and its ids.
pub(super) struct StoreFixture<'s> {
    pub(super) store: &'s dyn Store,
    pub(super) stamp: Stamp,
    pub(super) caller: Caller,
    directory: Arc<Directory>,
}

pub(super) fn tenant(index: usize) -> TenantId {
    TenantId::new(TENANTS[index])
}

impl<'s> StoreFixture<'s> {
    pub(super) fn new(store: &'s dyn Store) -> StoreFixture<'s> {
        let directory = Arc::new(Directory::new(TENANTS.map(open)));
        let caller = Caller::Business(Arc::from("till:1"));
        StoreFixture { store, stamp: Stamp::new(1, OPENING), caller, directory }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.stamp.now()
    }

    pub(super) fn wait_ms(&mut self, ms: i64) {
        self.stamp = self.stamp.clone().at(self.now().plus_ms(ms));
    }

    /// Decides the commands over what the store has, one after another; refused ones are left out.
    /// Nothing is committed.
    pub(super) async fn prepare(&mut self, commands: &[Command]) -> (Vec<Batch>, Vec<Decision>) {
        let mut reads = Reads::default();
        commands.iter().for_each(|command| command.reads(&mut reads));
        let before = self.store.load(&reads).await.expect("the store loads");
        let mut view = View { directory: self.directory.clone(), ..before.clone() };
        let mut decisions: Vec<(TenantId, Decision)> = vec![];
        for command in commands {
            if let Ok(decision) = self.decide(&mut view, command) {
                decisions.push((command.tenant().clone(), decision));
            }
        }
        let mut tenants: Vec<TenantId> =
            decisions.iter().map(|(tenant, _)| tenant.clone()).collect();
        tenants.sort();
        tenants.dedup();
        let batches = tenants.into_iter().map(|tenant| {
            let own = decisions.iter().filter(|(owner, _)| *owner == tenant);
            batch(&tenant, &before, &view, own.map(|(_, decision)| decision))
        });
        (batches.collect(), decisions.into_iter().map(|(_, decision)| decision).collect())
    }

    fn decide(&mut self, view: &mut View, command: &Command) -> Result<Decision, Refusal> {
        decide(view, &self.caller, command, &mut self.stamp)
    }

    /// Prepares one command that must be accepted.
    pub(super) async fn one(&mut self, command: Command) -> Batch {
        let (mut batches, _) = self.prepare(&[command]).await;
        assert_eq!(batches.len(), 1, "the command is accepted");
        batches.remove(0)
    }

    /// Prepares and commits one command that must be accepted.
    pub(super) async fn does(&mut self, command: Command) -> Batch {
        let batch = self.one(command).await;
        assert_eq!(self.store.commit(vec![batch.clone()]).await, vec![Ok(())]);
        batch
    }

    /// Places an order.
    pub(super) async fn places(&mut self, tenant: &TenantId, number: &str) -> Order {
        let batch = self.does(place(tenant, number)).await;
        batch.orders[0].row.clone()
    }

    /// Places an order and has it paid.
    pub(super) async fn sells(&mut self, tenant: &TenantId, number: &str) -> Order {
        let order = self.places(tenant, number).await;
        self.wait_ms(1000);
        self.does(says(&order, paid(&order, "wx1"), None)).await;
        self.order(&order).await
    }

    /// The order as the store has it.
    pub(super) async fn order(&self, order: &Order) -> Order {
        self.story(order).await.order
    }

    pub(super) async fn story(&self, order: &Order) -> Story {
        let terms = &order.terms;
        let query = Query::Story { tenant: terms.tenant.clone(), order: terms.id };
        match self.store.search(&query).await {
            Ok(Page::Story(Some(story))) => *story,
            other => panic!("want a story, got {other:?}"),
        }
    }

    pub(super) async fn only_refund(&self, order: &Order) -> Refund {
        self.story(order).await.refunds.remove(0)
    }

    pub(super) async fn only_notification(&self, order: &Order) -> Notification {
        self.story(order).await.notifications.remove(0).notification
    }

    pub(super) async fn balance(&self, tenant: &TenantId, key: &str) -> Balance {
        let account = ledger::Account::from_key(key).expect("a good key");
        let reads = Reads { balances: vec![(tenant.clone(), account.clone())], ..Reads::default() };
        let view = self.store.load(&reads).await.expect("the store loads");
        view.balances[&(tenant.clone(), account)]
    }

    pub(super) async fn page(&self, query: Query) -> Page {
        self.store.search(&query).await.expect("the store answers")
    }

    pub(super) async fn audit(&self) -> crate::Audit {
        match self.page(Query::Audit).await {
            Page::Audit(audit) => audit,
            other => panic!("want an audit, got {other:?}"),
        }
    }

    /// Everything that can be read.
    pub(super) async fn everything(&self) -> Vec<Page> {
        let mut pages = vec![];
        for tenant in TENANTS.map(TenantId::new) {
            self.of_tenant(tenant, &mut pages).await;
        }
        pages.push(self.page(Query::Keys).await);
        pages.push(self.page(Query::LastId).await);
        pages.push(self.page(Query::Tasks { now: self.now() }).await);
        pages.push(self.page(Query::Audit).await);
        pages
    }

    async fn of_tenant(&self, tenant: TenantId, pages: &mut Vec<Page>) {
        let orders = self.page(Query::Orders(every_order(&tenant))).await;
        let Page::Orders(found) = &orders else { panic!("want orders, got {orders:?}") };
        for order in found {
            pages.push(Page::Story(Some(Box::new(self.story(order).await))));
        }
        let accounts = self.page(Query::Accounts { tenant: tenant.clone() }).await;
        let Page::Accounts(rows) = &accounts else { panic!("want accounts, got {accounts:?}") };
        for row in rows {
            let (tenant, account) = (tenant.clone(), row.account.clone());
            let query = Query::Postings { tenant, account, before: None, limit: u32::MAX };
            pages.push(self.page(query).await);
        }
        pages.extend([orders, accounts]);
        let own = tenant.clone();
        let query =
            Query::Notifications { tenant: own, state: None, before: None, limit: u32::MAX };
        pages.push(self.page(query).await);
        let query = Query::Attention { tenant, before: None, limit: u32::MAX };
        pages.push(self.page(query).await);
    }
}

/// The one channel account of a tenant.
fn account(tenant: &TenantId) -> Arc<str> {
    Arc::from(format!("wx-{tenant}"))
}

fn open(id: &str) -> Tenant {
    let route = Route {
        channel: Arc::from("wxpay"),
        channel_account: account(&TenantId::new(id)),
        scenes: Scene::ALL.to_vec(),
        callback_url: Arc::from("https://pay.example/in/wxpay"),
    };
    let merchant =
        Merchant { id: MerchantId::new(MERCHANT), name: "茶馆".to_owned(), routes: vec![route] };
    Tenant {
        id: TenantId::new(id),
        name: id.to_owned(),
        merchants: [(merchant.id.clone(), merchant)].into_iter().collect(),
    }
}

/// What the decisions of one tenant changed.
fn batch<'a>(
    tenant: &TenantId,
    before: &View,
    after: &View,
    decisions: impl Iterator<Item = &'a Decision>,
) -> Batch {
    let mut tasks: BTreeMap<Task, Option<Timestamp>> = BTreeMap::new();
    let (mut events, mut transfers) = (vec![], vec![]);
    for decision in decisions {
        events.extend(decision.events.iter().cloned());
        transfers.extend(decision.transfers.iter().cloned());
        tasks.extend(decision.tasks.iter().map(|change| (change.task.clone(), change.due)));
    }
    Batch {
        tenant: tenant.clone(),
        orders: changed(tenant, &before.orders, &after.orders, |order| order.version),
        refunds: changed(tenant, &before.refunds, &after.refunds, |refund| refund.version),
        notifications: changed(
            tenant,
            &before.notifications,
            &after.notifications,
            |notification| notification.version,
        ),
        events,
        deltas: ledger::book::sum_deltas(&transfers).expect("decided transfers are sound"),
        transfers,
        tasks: tasks.into_iter().map(|(task, due)| kernel::TaskChange { task, due }).collect(),
    }
}

/// The rows of a tenant that differ.
fn changed<K: Ord + Copy + std::hash::Hash, T: Clone + PartialEq>(
    tenant: &TenantId,
    before: &std::collections::HashMap<(TenantId, K), T>,
    after: &std::collections::HashMap<(TenantId, K), T>,
    version: fn(&T) -> i64,
) -> Vec<Write<T>> {
    let mut rows: Vec<(K, Write<T>)> = after
        .iter()
        .filter(|(key, row)| key.0 == *tenant && before.get(key) != Some(row))
        .map(|(key, row)| {
            let expected = before.get(key).map(version);
            (key.1, Write { row: row.clone(), expected })
        })
        .collect();
    rows.sort_by_key(|(key, _)| *key);
    rows.into_iter().map(|(_, write)| write).collect()
}

/// Every order of a tenant, newest first.
pub(super) fn every_order(tenant: &TenantId) -> crate::OrderFilter {
    crate::OrderFilter {
        tenant: tenant.clone(),
        state: None,
        from: None,
        to: None,
        before: None,
        limit: u32::MAX,
    }
}

/// Reads of one order by its id.
pub(super) fn by_id(order: &Order) -> Reads {
    let key = OrderKey::Id(order.terms.id);
    Reads { orders: vec![(order.terms.tenant.clone(), key)], ..Reads::default() }
}

/// A request to place an order; the text in it is not friendly.
pub(super) fn place(tenant: &TenantId, number: &str) -> Command {
    Command::PlaceOrder(Box::new(PlaceOrder {
        tenant: tenant.clone(),
        dialect: Arc::from("wecard"),
        merchant: MerchantId::new(MERCHANT),
        merchant_order_no: number.to_owned(),
        amount: PRICE,
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        channel: "wxpay".to_owned(),
        subject: "茶 \"two\" \\ 'x'\n\u{1f375}".to_owned(),
        payer: Payer {
            app_id: Some("wx0001".to_owned()),
            user_id: Some(String::new()),
            client_ip: None,
            device_id: None,
        },
        goods_tag: None,
        notify_url: Some("https://shop.example/told?a=1&b=2".to_owned()),
        front_url: None,
        details: r#"{"Attach":"\u0000 is no text"}"#.to_owned(),
        expires_at: None,
    }))
}

/// A finding about an order. `asked` is the call that it answers, or none for a notification.
pub(super) fn says(order: &Order, finding: Finding, asked: Option<Operation>) -> Command {
    let summary = finding.name().to_owned();
    Command::RecordFinding {
        tenant: order.terms.tenant.clone(),
        order: order.terms.id,
        refund: None,
        channel_account: order.terms.channel_account.clone(),
        finding,
        call: CallRecord {
            operation: asked,
            at: order.terms.placed_at.plus_ms(5),
            took_ms: 87,
            status: asked.map(|_| 200),
            channel_trace: Some("08F78BB5AF0610D302".to_owned()),
            summary,
        },
    }
}

/// A finding about a refund.
pub(super) fn says_of_refund(refund: &Refund, finding: Finding) -> Command {
    Command::RecordFinding {
        tenant: refund.tenant.clone(),
        order: refund.order,
        refund: Some(refund.id),
        channel_account: Arc::from(format!("wx-{}", refund.tenant)),
        finding,
        call: CallRecord {
            operation: Some(Operation::Refund),
            at: refund.made_at.plus_ms(3),
            took_ms: 5,
            status: Some(200),
            channel_trace: None,
            summary: "refund".to_owned(),
        },
    }
}

/// What the channel says of a refund that stands there.
pub(super) fn refunded(refund: &Refund, status: RefundStatus) -> Finding {
    Finding::Refund(Refunded {
        channel_refund_no: refund.channel_refund_no(),
        refund_reference: "wxr1".to_owned(),
        amount: refund.amount,
        status,
        at: None,
    })
}

/// The payer paid the order under this number of the channel.
pub(super) fn paid(order: &Order, payment_reference: &str) -> Finding {
    Finding::Paid(Payment {
        channel_order_no: order.channel_order_no(),
        payment_reference: payment_reference.to_owned(),
        amount: order.terms.amount,
        currency: order.terms.currency,
        payer_amount: Some(Fen::new(1900)),
        at: order.terms.placed_at.plus_ms(900),
    })
}

/// The payer can pay.
pub(super) fn payable(order: &Order) -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: r#"{"package":"prepay_id=wx2016"}"#.to_owned(),
        valid_until: order.terms.placed_at.plus_seconds(7200),
    })
}

/// An attempt to deliver a notification.
pub(super) fn attempt(notification: &Notification, at: Timestamp, delivery: Delivery) -> Command {
    Command::RecordAttempt {
        tenant: notification.tenant.clone(),
        notification: notification.id,
        attempt: Attempt { at, took_ms: 12, delivery },
    }
}

/// A request to close an order.
pub(super) fn close(order: &Order) -> Command {
    let key = OrderKey::Id(order.terms.id);
    Command::CloseOrder { tenant: order.terms.tenant.clone(), order: key }
}

/// The ids that a batch made.
pub(super) fn notifications_of(batch: &Batch) -> impl Iterator<Item = Id<kinds::Notification>> {
    batch.events.iter().filter_map(|event| match &event.change {
        Change::NotificationQueued(notification) => Some(notification.id),
        Change::OrderPlaced(_)
        | Change::OrderRepeated
        | Change::CallBegun(_)
        | Change::CallEnded { .. }
        | Change::MismatchRecorded { .. }
        | Change::PayInfoReceived { .. }
        | Change::OrderPaid { .. }
        | Change::OrderClosing(_)
        | Change::OrderClosed { .. }
        | Change::OrderFailed { .. }
        | Change::UnappliedReceived { .. }
        | Change::RefundCallBegun { .. }
        | Change::RefundMoved { .. }
        | Change::NotificationAttempted { .. }
        | Change::NotificationReplayed { .. }
        | Change::KeysStored { .. } => None,
    })
}
