//! Orders with a past: made by the kernel's own decisions at fixed times.

use channel::{Finding, Operation, PayForm, PayInfo, Payer, Payment, PlatformKey, Scene};
use kernel::{
    Attempt, CallRecord, Caller, Change, Command, Delivery, Directory, Event, Merchant, MerchantId,
    OrderKey, PlaceOrder, Route, Task, Tenant, TenantId, View, decide,
};
use ledger::{Currency, Fen, Id, Stamp, Timestamp, Transfer, kinds};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{AttemptRow, Batch, NotificationRow, Story, Write};

/// 2026-11-18 19:06:40 in Shanghai.
pub(super) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// A payer's id, which must never be shown whole.
pub(super) const OPEN_ID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
/// What opens a cashier, which must never be shown.
pub(super) const PAY_TEXT: &str = "prepay_id=wx18190640secret";

/// A tenant with its orders.
pub(super) struct StoryFixture {
    pub(super) view: View,
    stamp: Stamp,
    events: Vec<Event>,
    transfers: Vec<Transfer>,
    tasks: BTreeMap<Task, Timestamp>,
}

/// The tenant.
pub(super) fn tenant() -> TenantId {
    TenantId::new("100001")
}

/// The installation: one tenant with one merchant, another without any.
pub(super) fn directory() -> Arc<Directory> {
    let route = Route {
        channel: Arc::from("wxpay"),
        channel_account: Arc::from("main"),
        scenes: vec![Scene::MiniProgram, Scene::Public],
        callback_url: Arc::from("https://pay.example/channel/wxpay/main"),
    };
    let merchant =
        Merchant { id: MerchantId::new("CM1"), name: "咖啡店".to_owned(), routes: vec![route] };
    let tenant = |id: &str, name: &str, merchants: Vec<Merchant>| Tenant {
        id: TenantId::new(id),
        name: name.to_owned(),
        merchants: merchants.into_iter().map(|merchant| (merchant.id.clone(), merchant)).collect(),
    };
    Arc::new(Directory::new([
        tenant("100002", "空", vec![]),
        tenant("100001", "一号主体", vec![merchant]),
    ]))
}

impl StoryFixture {
    pub(super) fn new() -> StoryFixture {
        let view = View { directory: directory(), ..View::default() };
        StoryFixture {
            view,
            stamp: Stamp::new(1, START),
            events: vec![],
            transfers: vec![],
            tasks: BTreeMap::new(),
        }
    }

    /// Decides a command `ms` after the start.
    pub(super) fn step(&mut self, ms: i64, caller: Caller, command: Command) {
        self.stamp = self.stamp.clone().at(START.plus_ms(ms));
        let decision =
            decide(&mut self.view, &caller, &command, &mut self.stamp).expect("the scene is legal");
        self.events.extend(decision.events);
        self.transfers.extend(decision.transfers);
        for change in decision.tasks {
            match change.due {
                Some(due) => self.tasks.insert(change.task, due),
                None => self.tasks.remove(&change.task),
            };
        }
    }

    pub(super) fn place(&mut self, ms: i64, number: &str) -> Id<kinds::Order> {
        self.step(ms, business(), Command::PlaceOrder(Box::new(request(number))));
        self.view
            .order(&tenant(), &OrderKey::MerchantOrderNo(number.to_owned()))
            .expect("placed")
            .terms
            .id
    }

    /// The channel answers a call or, without an operation, sends a callback.
    pub(super) fn finding(
        &mut self,
        ms: i64,
        order: Id<kinds::Order>,
        asked: Option<Operation>,
        finding: Finding,
    ) {
        let refund = None;
        self.record(ms, order, refund, asked, finding);
    }

    pub(super) fn record(
        &mut self,
        ms: i64,
        order: Id<kinds::Order>,
        refund: Option<Id<kinds::Refund>>,
        asked: Option<Operation>,
        finding: Finding,
    ) {
        let answered = !matches!(finding, Finding::Unknown { .. });
        let call = CallRecord {
            operation: asked,
            at: START.plus_ms(ms - 183),
            took_ms: 183,
            status: (asked.is_some() && answered).then_some(200),
            channel_trace: answered.then(|| format!("08F7A{ms}")),
            summary: finding.name().to_owned(),
        };
        let (tenant, channel_account) = (tenant(), Arc::from("main"));
        let command =
            Command::RecordFinding { tenant, order, refund, channel_account, finding, call };
        self.step(ms, Caller::Channel(Arc::from("wxpay")), command);
    }

    pub(super) fn attempt(&mut self, ms: i64, delivery: Delivery) {
        let notification =
            *self.view.notifications.keys().map(|(_, id)| id).max().expect("a notification");
        let attempt = Attempt { at: START.plus_ms(ms - 34), took_ms: 34, delivery };
        self.step(
            ms,
            Caller::Clock,
            Command::RecordAttempt { tenant: tenant(), notification, attempt },
        );
    }

    pub(super) fn run_task(&mut self, ms: i64) {
        let due = self.tasks.iter().filter(|(_, due)| **due <= START.plus_ms(ms));
        let task = due.map(|(task, _)| task.clone()).next().expect("a due task");
        self.step(ms, Caller::Clock, Command::RunTask(task));
    }

    /// An order's story, as a store would tell it.
    pub(super) fn story(&self, id: Id<kinds::Order>) -> Story {
        let order = self.view.orders[&(tenant(), id)].clone();
        let mut refunds: Vec<_> =
            self.view.refunds.values().filter(|refund| refund.order == id).cloned().collect();
        refunds.sort_by_key(|refund| refund.id);
        let mut notifications: Vec<_> = self
            .view
            .notifications
            .values()
            .filter(|notification| notification.order == id)
            .map(|notification| NotificationRow {
                notification: notification.clone(),
                merchant_order_no: order.terms.merchant_order_no.clone(),
                attempts: self.attempts(notification.id),
            })
            .collect();
        notifications.sort_by_key(|row| row.notification.id);
        let subjects: Vec<Task> = std::iter::once(order.task())
            .chain(refunds.iter().map(kernel::Refund::task))
            .chain(notifications.iter().map(|row| row.notification.task()))
            .collect();
        let tasks = self.tasks.iter().filter(|(task, _)| subjects.contains(task));
        Story {
            events: self.events.iter().filter(|event| event.order == Some(id)).cloned().collect(),
            transfers: self.transfers.iter().filter(|moved| moved.order == id).cloned().collect(),
            tasks: tasks.map(|(task, due)| (task.clone(), *due)).collect(),
            order,
            refunds,
            notifications,
        }
    }

    fn attempts(&self, id: Id<kinds::Notification>) -> Vec<AttemptRow> {
        let attempts = self.events.iter().filter_map(|event| match &event.change {
            Change::NotificationAttempted { notification, attempt, state }
                if *notification == id =>
            {
                Some((attempt.clone(), *state))
            }
            _ => None,
        });
        let numbered = (1..).zip(attempts);
        numbered
            .map(|(attempt_no, (attempt, state))| AttemptRow { attempt_no, attempt, state })
            .collect()
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Everything as one batch for an empty store.
    pub(super) fn batch(&self) -> Batch {
        let write = |row| Write { row, expected: None };
        let task = |(task, due): (&Task, &Timestamp)| kernel::TaskChange {
            task: task.clone(),
            due: Some(*due),
        };
        Batch {
            tenant: tenant(),
            orders: self.view.orders.values().cloned().map(write).collect(),
            refunds: self
                .view
                .refunds
                .values()
                .cloned()
                .map(|row| Write { row, expected: None })
                .collect(),
            notifications: self
                .view
                .notifications
                .values()
                .cloned()
                .map(|row| Write { row, expected: None })
                .collect(),
            events: self.events.clone(),
            transfers: self.transfers.clone(),
            deltas: ledger::book::sum_deltas(&self.transfers).expect("sums fit"),
            tasks: self.tasks.iter().map(task).collect(),
        }
    }
}

pub(super) fn business() -> Caller {
    Caller::Business(Arc::from("demo"))
}

pub(super) fn request(number: &str) -> PlaceOrder {
    PlaceOrder {
        tenant: tenant(),
        merchant: MerchantId::new("CM1"),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(8_800),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        channel: "wxpay".to_owned(),
        subject: "一杯\u{1b}[31m咖啡".to_owned(),
        payer: Payer {
            app_id: Some("wx8888".to_owned()),
            user_id: Some(OPEN_ID.to_owned()),
            client_ip: Some("203.0.113.77".to_owned()),
            device_id: None,
        },
        goods_tag: None,
        notify_url: Some("https://shop.example/paid".to_owned()),
        front_url: None,
        details: r#"{"Phone":"13800138000"}"#.to_owned(),
        expires_at: None,
    }
}

pub(super) fn pay_info() -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: PAY_TEXT.to_owned(),
        valid_until: START.plus_seconds(7_200),
    })
}

pub(super) fn payment(order: Id<kinds::Order>, fen: i64, ms: i64) -> Finding {
    Finding::Paid(Payment {
        channel_order_no: order.to_string(),
        payment_reference: format!("4200000{ms}"),
        amount: Fen::new(fen),
        currency: Currency::Cny,
        payer_amount: Some(Fen::new(fen - 800)),
        at: START.plus_ms(ms),
    })
}

pub(super) fn rejected() -> Delivery {
    Delivery::Rejected { status: 500, excerpt: "busy".to_owned() }
}

/// Placed, looked at, paid; the merchant hears of it at the second attempt, and again by replay.
pub(super) fn paid(fixture: &mut StoryFixture) -> Id<kinds::Order> {
    let order = fixture.place(0, "A-001");
    fixture.finding(210, order, Some(Operation::Place), pay_info());
    fixture.run_task(60_210);
    fixture.finding(60_393, order, Some(Operation::Query), Finding::Pending);
    fixture.finding(90_000, order, None, payment(order, 8_800, 89_000));
    fixture.attempt(90_034, rejected());
    fixture.attempt(105_040, Delivery::Acknowledged { status: 200 });
    let notification =
        *fixture.view.notifications.keys().map(|(_, id)| id).max().expect("a notification");
    let operator = Caller::Operator(Arc::from("admin"));
    fixture.step(200_000, operator, Command::ReplayNotification { tenant: tenant(), notification });
    let why = "not sent: connection refused".to_owned();
    fixture.attempt(200_100, Delivery::NoAnswer { why });
    order
}

/// Unanswered, contradicted, expired, paid too late, and the refund refused.
pub(super) fn troubled(fixture: &mut StoryFixture) -> Id<kinds::Order> {
    let order = fixture.place(1_000_000, "A-002");
    let why = "no answer: nothing within 10 s".to_owned();
    fixture.finding(1_010_000, order, Some(Operation::Place), Finding::Unknown { why });
    fixture.run_task(1_015_000);
    fixture.finding(1_015_200, order, Some(Operation::Place), pay_info());
    fixture.finding(1_020_000, order, None, payment(order, 8_000, 1_019_000));
    fixture.run_task(2_800_000);
    fixture.finding(2_800_200, order, Some(Operation::Close), Finding::Closed);
    fixture.finding(2_900_000, order, None, payment(order, 8_800, 2_899_000));
    let refund = *fixture.view.refunds.keys().map(|(_, id)| id).max().expect("a refund");
    fixture.run_task(2_930_000);
    let (code, text) = ("NOT_ENOUGH".to_owned(), "余额不足".to_owned());
    let refused = Finding::Refused { code, text };
    fixture.record(2_930_200, order, Some(refund), Some(Operation::Refund), refused);
    order
}

/// Placed twice, then closed on the merchant's request.
pub(super) fn closed(fixture: &mut StoryFixture) -> Id<kinds::Order> {
    let order = fixture.place(3_000_000, "A-003/中");
    fixture.finding(3_000_210, order, Some(Operation::Place), pay_info());
    fixture.place(3_001_000, "A-003/中");
    let close = Command::CloseOrder { tenant: tenant(), order: OrderKey::Id(order) };
    fixture.step(3_002_000, business(), close);
    fixture.finding(3_002_200, order, Some(Operation::Close), Finding::Closed);
    order
}

/// All of the above, and fetched keys.
pub(super) fn whole() -> (StoryFixture, [Id<kinds::Order>; 3]) {
    let mut fixture = StoryFixture::new();
    let orders = [paid(&mut fixture), troubled(&mut fixture), closed(&mut fixture)];
    let keys = vec![PlatformKey {
        serial: "5157F09EFDC096DE".to_owned(),
        pem: "-----BEGIN".to_owned(),
        valid_from: START,
        valid_until: START.plus_seconds(86_400),
    }];
    let keep = Command::StoreKeys { tenant: tenant(), channel_account: Arc::from("main"), keys };
    fixture.step(3_100_000, Caller::Clock, keep);
    (fixture, orders)
}
