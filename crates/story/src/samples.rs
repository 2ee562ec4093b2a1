//! Orders with a past, for tests: made by the kernel's own decisions at fixed times.

use channel::{
    Finding, Operation, PayForm, PayInfo, Payer, Payment, RefundStatus, Refunded, Scene,
};
use kernel::{
    Aggregate, Attempt, CallRecord, Caller, Command, Decision, Delivery, Directory, Event, Key,
    MerchantId, MerchantRoutes, NaturalKey, NotificationCommand, Order, OrderCommand, OrderRequest,
    PlaceOrder, RecordFinding, Refund, RefundRequest, RequestRefund, Route, Row, Task, TenantId,
    TenantRoutes, View, decide,
};
use ledger::{Currency, Fen, Id, Seed, Stamp, Subject, Timestamp, kinds};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::{Batch, Story};

/// 2026-11-18 19:06:40 in Shanghai.
pub const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
/// A payer's id, which must never be shown whole.
pub const OPEN_ID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
/// What opens a cashier, which must never be shown.
pub const PAY_TEXT: &str = "prepay_id=wx18190640secret";
/// What must not be found in any text that is shown.
pub const HIDDEN: [&str; 4] = [OPEN_ID, PAY_TEXT, "203.0.113.77", "13800138000"];

/// How long each call to the channel takes, in milliseconds.
const CALL_MS: i64 = 183;
/// How long each attempt to notify takes, in milliseconds.
const ATTEMPT_MS: i64 = 34;

/// A tenant with its orders.
pub struct Samples {
    view: View,
    stamp: Stamp,
    decisions: Vec<Decision>,
}

/// The tenant.
pub fn tenant() -> TenantId {
    TenantId::new("100001")
}

fn directory() -> Arc<Directory> {
    let route = Route {
        channel: Arc::from("wxpay"),
        channel_account: Arc::from("main"),
        channel_identity: Arc::from("1900000001"),
        scenes: vec![Scene::MiniProgram, Scene::Public],
        order_life_seconds_max: 90 * 24 * 3600,
        sharing: None,
        payment_codes: None,
        agreements: None,
        text: channel::TextRules::ANY,
        callback_url: Arc::from("https://pay.example/channel/main/callback"),
    };
    let merchant = MerchantRoutes {
        name: Arc::from("咖啡店"),
        is_enabled: true,
        routes: vec![route],
        ..MerchantRoutes::default()
    };
    let merchants = HashMap::from([(MerchantId::new("CM1"), merchant)]);
    let routes = TenantRoutes { name: Arc::from("一号主体"), is_enabled: true, merchants };
    Arc::new(Directory {
        installation: Arc::from("0A1B2C"),
        tenants: HashMap::from([(tenant(), routes)]),
        ..Directory::default()
    })
}

impl Default for Samples {
    fn default() -> Samples {
        Samples::new()
    }
}

impl Samples {
    /// A tenant without orders.
    pub fn new() -> Samples {
        let view = View { directory: directory(), ..View::default() };
        Samples { view, stamp: Stamp::new(1, START, Seed([1; 32])), decisions: vec![] }
    }

    /// Decides a command `ms` after the start.
    pub fn step(&mut self, ms: i64, caller: Caller, command: impl Into<Command>) {
        self.stamp.set_time(START.plus_ms(ms));
        let command = command.into();
        let decision = decide(&mut self.view, &caller, &command, &mut self.stamp);
        self.decisions.push(decision.expect("the command is accepted"));
    }

    /// The merchant places an order, or the same again.
    pub fn place(&mut self, ms: i64, number: &str) -> Id<kinds::Order> {
        self.step(ms, business(), OrderCommand::Place(Box::new(place(number))));
        let key = Key::Number(NaturalKey::new("wecard", number));
        self.view.orders.find(&tenant(), &key).expect("placed").terms.id
    }

    /// The channel answers a call about an order or, without an operation, calls back.
    pub fn finding(
        &mut self,
        ms: i64,
        order: Id<kinds::Order>,
        asked: Option<Operation>,
        finding: Finding,
    ) {
        self.record(ms, order, order.subject(), asked, finding);
    }

    /// The channel answers a call about a row of an order's story.
    pub fn record(
        &mut self,
        ms: i64,
        order: Id<kinds::Order>,
        subject: Subject,
        asked: Option<Operation>,
        finding: Finding,
    ) {
        let is_answered = !matches!(finding, Finding::Unknown { .. });
        let call = CallRecord {
            operation: asked,
            at: START.plus_ms(ms - CALL_MS),
            took_ms: CALL_MS,
            status: (asked.is_some() && is_answered).then_some(200),
            channel_trace: is_answered.then(|| format!("08F7A{ms}")),
            summary: finding.name().to_owned(),
        };
        let record = RecordFinding {
            tenant: tenant(),
            subject,
            root: order.subject().root(),
            channel_account: Arc::from("main"),
            channel_identity: Arc::from("1900000001"),
            finding,
            call,
        };
        self.step(ms, Caller::Channel(Arc::from("wxpay")), Command::RecordFinding(record));
    }

    /// An attempt to deliver the latest notification.
    pub fn attempt(&mut self, ms: i64, delivery: Delivery) {
        let at = START.plus_ms(ms - ATTEMPT_MS);
        let attempt = Attempt { at, took_ms: ATTEMPT_MS, delivery };
        let notification = self.last_notification();
        let command =
            NotificationCommand::RecordAttempt { tenant: tenant(), notification, attempt };
        self.step(ms, Caller::Clock, command);
    }

    /// The earliest task that is due runs.
    pub fn run_task(&mut self, ms: i64) {
        let due = self.tasks().into_iter().filter(|(_, due)| *due <= START.plus_ms(ms));
        let (task, _) = due.min_by_key(|(_, due)| *due).expect("a due task");
        self.step(ms, Caller::Clock, Command::RunTask(task));
    }

    /// The notification that was queued last.
    pub fn last_notification(&self) -> Id<kinds::Notification> {
        self.view.notifications.all().map(|row| row.id).max().expect("a notification")
    }

    fn last_refund(&self) -> Refund {
        self.view.refunds.all().max_by_key(|row| row.id).expect("a refund").clone()
    }

    fn order(&self, id: Id<kinds::Order>) -> &Order {
        self.view.orders.get(&tenant(), id).expect("an order")
    }

    fn payment(&self, order: Id<kinds::Order>, fen: i64, ms: i64) -> Finding {
        Finding::Paid(Payment {
            channel_order_no: self.order(order).terms.channel_order_no.clone(),
            payment_reference: format!("4200000{ms}"),
            amount: Fen::new(fen),
            settled_amount: Fen::new(fen),
            currency: Currency::Cny,
            payer_amount: Some(Fen::new(fen - 800)),
            at: START.plus_ms(ms),
        })
    }

    /// The channel calls back: paid.
    pub fn pay(&mut self, ms: i64, order: Id<kinds::Order>, fen: i64) {
        let payment = self.payment(order, fen, ms - 1_000);
        self.finding(ms, order, None, payment);
    }

    fn tasks(&self) -> Vec<(Task, Timestamp)> {
        let tasks = self.view.tasks(&tenant()).into_iter();
        tasks.filter_map(|change| Some((change.task, change.due?))).collect()
    }

    /// Every event, in order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.decisions.iter().flat_map(|decision| &decision.events)
    }

    /// An order's story, as a store would answer.
    pub fn story(&self, order: Id<kinds::Order>) -> Story {
        let root = order.subject().root();
        let events: Vec<Event> =
            self.events().filter(|event| event.root == root).cloned().collect();
        let subjects: BTreeSet<Subject> = events.iter().map(|event| event.subject).collect();
        let row = |subject: &Subject| self.view.row(&tenant(), *subject);
        let rows: Vec<Row> = subjects.iter().filter_map(row).collect();
        let transfers = self.decisions.iter().flat_map(|decision| &decision.transfers);
        let transfers = transfers.filter(|transfer| transfer.root == root).cloned().collect();
        let tasks = self.tasks().into_iter().filter(|(task, _)| task.root == root).collect();
        Story::of(root, rows, events, transfers, tasks).expect("the order has a row")
    }

    /// Everything as one batch for an empty store.
    pub fn batch(&self) -> Batch {
        Batch::of(&tenant(), &self.view, self.decisions.clone()).expect("the sums fit")
    }
}

fn business() -> Caller {
    Caller::Business(Arc::from("demo"))
}

fn place(number: &str) -> PlaceOrder {
    let request = OrderRequest {
        merchant: MerchantId::new("CM1"),
        namespace: Arc::from("wecard"),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(8_800),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
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
        splits: kernel::Splits::default(),
        recharge: None,
        wallet: None,
        details: r#"{"Phone":"13800138000"}"#.to_owned(),
        content: String::new(),
    };
    let (tenant, channel) = (tenant(), "wxpay".to_owned());
    PlaceOrder {
        tenant,
        channel,
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
        payment_code: None,
        agreement: None,
    }
}

fn pay_info() -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: PAY_TEXT.to_owned(),
        valid_until: START.plus_seconds(7_200),
    })
}

/// The merchant's server fails.
pub fn rejected() -> Delivery {
    Delivery::Rejected { status: 500, excerpt: "busy".to_owned() }
}

/// Placed, polled, paid; the merchant acknowledges the second attempt; then it is replayed.
pub fn paid(samples: &mut Samples) -> Id<kinds::Order> {
    let order = samples.place(0, "A-001");
    samples.finding(210, order, Some(Operation::Place), pay_info());
    samples.run_task(60_210);
    samples.finding(60_393, order, Some(Operation::Query), Finding::Pending);
    samples.pay(90_000, order, 8_800);
    samples.attempt(90_034, rejected());
    samples.attempt(105_040, Delivery::Acknowledged { status: 200 });
    let notification = samples.last_notification();
    let replay = NotificationCommand::Replay { tenant: tenant(), notification };
    samples.step(200_000, Caller::Operator(Arc::from("admin")), replay);
    let why = "not sent: connection refused".to_owned();
    samples.attempt(200_100, Delivery::NoAnswer { why });
    order
}

/// Placed at `ms`, never paid, closed when its time was up.
pub fn expired(samples: &mut Samples, ms: i64, number: &str) -> Id<kinds::Order> {
    let order = samples.place(ms, number);
    samples.finding(ms + 210, order, Some(Operation::Place), pay_info());
    samples.run_task(ms + 1_800_000);
    samples.finding(ms + 1_800_200, order, Some(Operation::Close), Finding::Closed);
    order
}

/// Expired, then paid too late; the channel gives the money back.
pub fn given_back(samples: &mut Samples) -> Id<kinds::Order> {
    let order = expired(samples, 0, "A-004");
    samples.pay(1_900_000, order, 8_800);
    let refund = samples.last_refund();
    let status = |status, at| {
        Finding::Refund(Refunded {
            channel_refund_no: refund.channel_refund_no.clone(),
            refund_reference: "5030000001".to_owned(),
            amount: refund.amount,
            settled_amount: None,
            status,
            at,
        })
    };
    let subject = refund.id.subject();
    let asked = Some(Operation::Refund);
    samples.record(1_900_400, order, subject, asked, status(RefundStatus::Processing, None));
    let done = status(RefundStatus::Done, Some(START.plus_ms(1_930_000)));
    samples.record(1_931_000, order, subject, None, done);
    order
}

/// Paid; its merchant requests a part back, the channel closes that, and the second try is done.
pub fn refunded(samples: &mut Samples) -> Id<kinds::Order> {
    let order = samples.place(0, "A-005");
    samples.pay(90_000, order, 8_800);
    for (ms, status) in [(200_000, RefundStatus::Closed), (300_000, RefundStatus::Done)] {
        samples.step(ms, business(), request_refund(order));
        let refund = samples.last_refund();
        let finding = Finding::Refund(Refunded {
            channel_refund_no: refund.current_channel_refund_no(),
            refund_reference: "5030000002".to_owned(),
            amount: refund.amount,
            settled_amount: None,
            status,
            at: None,
        });
        let asked = Some(Operation::Refund);
        samples.record(ms + 400, order, refund.id.subject(), asked, finding);
    }
    order
}

fn request_refund(order: Id<kinds::Order>) -> RequestRefund {
    let request = RefundRequest {
        namespace: Arc::from("wecard.refund"),
        merchant_refund_no: "R-005".to_owned(),
        dialect: Arc::from("wecard"),
        reason: Some("凉了".to_owned()),
        notify_url: Some("https://shop.example/refunded".to_owned()),
        details: "{}".to_owned(),
        is_to_balance: false,
    };
    let (merchant, amount) = (MerchantId::new("CM1"), Fen::new(3_300));
    RequestRefund {
        tenant: tenant(),
        order,
        merchant,
        amount,
        back: None,
        returns: None,
        shares: kernel::OrderShares::default(),
        request: Arc::new(request),
    }
}

/// Unanswered, contradicted, expired, paid too late, and the refund refused.
pub fn troubled(samples: &mut Samples) -> Id<kinds::Order> {
    let order = samples.place(1_000_000, "A-002");
    let why = "no answer: nothing within 10 s".to_owned();
    samples.finding(1_010_000, order, Some(Operation::Place), Finding::Unknown { why });
    samples.run_task(1_015_000);
    samples.finding(1_015_200, order, Some(Operation::Place), pay_info());
    samples.pay(1_020_000, order, 8_000);
    samples.run_task(2_800_000);
    samples.finding(2_800_200, order, Some(Operation::Close), Finding::Closed);
    samples.pay(2_900_000, order, 8_800);
    let refund = samples.last_refund();
    let (code, text) = ("NOT_ENOUGH".to_owned(), "余额不足".to_owned());
    let refused = Finding::Refused { code, text };
    samples.record(2_930_200, order, refund.id().subject(), Some(Operation::Refund), refused);
    order
}

/// Placed twice, then closed at the merchant's request.
pub fn closed(samples: &mut Samples) -> Id<kinds::Order> {
    let order = samples.place(3_000_000, "A-003/中");
    samples.finding(3_000_210, order, Some(Operation::Place), pay_info());
    samples.place(3_001_000, "A-003/中");
    let close = OrderCommand::Close { tenant: tenant(), order: Key::Id(order) };
    samples.step(3_002_000, business(), close);
    samples.finding(3_002_200, order, Some(Operation::Close), Finding::Closed);
    order
}

/// A paid, a troubled and a closed order of one tenant.
pub fn whole() -> (Samples, [Id<kinds::Order>; 3]) {
    let mut samples = Samples::new();
    let orders = [paid(&mut samples), troubled(&mut samples), closed(&mut samples)];
    (samples, orders)
}
