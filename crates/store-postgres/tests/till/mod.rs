//! A till: orders that are placed and paid, decided by the kernel over what a store loads.
#![allow(dead_code, reason = "each test binary uses its part")]

use channel::{Finding, Payer, Payment, Scene};
use kernel::{
    CallRecord, Caller, Command, Directory, Merchant, MerchantId, PlaceOrder, Reads, Route, Task,
    TaskChange, TaskKind, Tenant, TenantId, View, decide,
};
use ledger::{Currency, Fen, Stamp, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{Audit, Batch, Page, Query, Store, Write};

/// Every order's amount, in fen.
pub(crate) const PRICE: i64 = 1999;
const TENANTS: [&str; 3] = ["100001", "100002", "100003"];
const MERCHANT: &str = "CM0001";

/// A till of one process.
pub(crate) struct Till {
    stamp: Stamp,
    directory: Arc<Directory>,
}

pub(crate) fn tenant(index: usize) -> TenantId {
    TenantId::new(TENANTS[index])
}

impl Till {
    pub(crate) fn new(node: u8) -> Till {
        let directory = Arc::new(Directory::new(TENANTS.map(open)));
        Till { stamp: Stamp::new(node, Timestamp::from_seconds(1_795_000_000)), directory }
    }

    /// Decides commands of one tenant.
    pub(crate) async fn batch(&mut self, store: &dyn Store, commands: &[Command]) -> Batch {
        self.try_batch(store, commands).await.expect("the store loads")
    }

    /// The same, or nothing where the store does not load.
    pub(crate) async fn try_batch(
        &mut self,
        store: &dyn Store,
        commands: &[Command],
    ) -> Option<Batch> {
        let mut reads = Reads::default();
        commands.iter().for_each(|command| command.reads(&mut reads));
        let before = store.load(&reads).await.ok()?;
        let mut view = View { directory: self.directory.clone(), ..before.clone() };
        let mut batch = empty(commands[0].tenant());
        let mut tasks: BTreeMap<Task, Option<Timestamp>> = BTreeMap::new();
        for command in commands {
            let decision = decide(&mut view, &Caller::Clock, command, &mut self.stamp)
                .expect("the command is accepted");
            batch.events.extend(decision.events);
            batch.transfers.extend(decision.transfers);
            tasks.extend(decision.tasks.into_iter().map(|change| (change.task, change.due)));
        }
        batch.orders = view
            .orders
            .iter()
            .filter(|(key, order)| before.orders.get(key) != Some(order))
            .map(|(key, order)| {
                let expected = before.orders.get(key).map(|order| order.version);
                Write { row: order.clone(), expected }
            })
            .collect();
        let notifications = view.notifications.into_values();
        batch.notifications = notifications.map(|row| Write { row, expected: None }).collect();
        batch.deltas = ledger::book::sum_deltas(&batch.transfers).expect("sound transfers");
        batch.tasks = tasks.into_iter().map(|(task, due)| TaskChange { task, due }).collect();
        Some(batch)
    }

    /// Places an order and has it paid, in two commits.
    pub(crate) async fn sells(&mut self, store: &dyn Store, tenant: &TenantId, number: &str) {
        let batch = self.batch(store, &[place(tenant, number)]).await;
        let order = batch.orders[0].row.clone();
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
        let batch = self.batch(store, &[paid(&order)]).await;
        assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
    }
}

fn open(id: &str) -> Tenant {
    let route = Route {
        channel: Arc::from("wxpay"),
        channel_account: Arc::from(format!("wx-{id}")),
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

pub(crate) fn empty(tenant: &TenantId) -> Batch {
    Batch {
        tenant: tenant.clone(),
        orders: vec![],
        refunds: vec![],
        notifications: vec![],
        events: vec![],
        transfers: vec![],
        deltas: BTreeMap::new(),
        tasks: vec![],
    }
}

/// A batch that sets tasks and nothing else.
pub(crate) fn tasks_of(
    tenant: &TenantId,
    subjects: impl Iterator<Item = i64>,
    due: Timestamp,
) -> Batch {
    let change = |subject| TaskChange {
        task: Task { tenant: tenant.clone(), kind: TaskKind::Order, subject },
        due: Some(due),
    };
    Batch { tasks: subjects.map(change).collect(), ..empty(tenant) }
}

pub(crate) fn place(tenant: &TenantId, number: &str) -> Command {
    Command::PlaceOrder(Box::new(PlaceOrder {
        tenant: tenant.clone(),
        dialect: Arc::from("wecard"),
        merchant: MerchantId::new(MERCHANT),
        merchant_order_no: number.to_owned(),
        amount: Fen::new(PRICE),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        channel: "wxpay".to_owned(),
        subject: "茶".to_owned(),
        payer: Payer {
            app_id: Some("wx0001".to_owned()),
            user_id: Some("o-0001".to_owned()),
            client_ip: Some("203.0.113.7".to_owned()),
            device_id: None,
        },
        goods_tag: None,
        notify_url: Some("https://shop.example/told".to_owned()),
        front_url: None,
        details: "{}".to_owned(),
        expires_at: None,
    }))
}

/// The payer paid the order.
pub(crate) fn paid(order: &kernel::Order) -> Command {
    Command::RecordFinding {
        tenant: order.terms.tenant.clone(),
        channel_account: order.terms.channel_account.clone(),
        order: order.terms.id,
        refund: None,
        finding: Finding::Paid(Payment {
            channel_order_no: order.channel_order_no(),
            payment_reference: "wx1".to_owned(),
            amount: order.terms.amount,
            currency: order.terms.currency,
            payer_amount: None,
            at: order.terms.placed_at.plus_ms(900),
        }),
        call: CallRecord {
            operation: None,
            at: order.terms.placed_at.plus_ms(950),
            took_ms: 3,
            status: None,
            channel_trace: None,
            summary: "paid".to_owned(),
        },
    }
}

pub(crate) async fn audit(store: &dyn Store) -> Audit {
    match store.search(&Query::Audit).await.expect("the books are readable") {
        Page::Audit(audit) => audit,
        other => panic!("want an audit, got {other:?}"),
    }
}
