//! The life of an order under any sequence of commands: the ledger stays balanced, every change of
//! state is legal (evolve asserts it), money has exactly one effect, and the events alone rebuild the
//! rows.

use channel::{
    Finding, Operation, PayForm, PayInfo, Payer, Payment, RefundStatus, Refunded, Scene,
};
use kernel::{
    Attempt, CallRecord, Caller, Change, ChannelAnswer, Command, Delivery, Directory, Event,
    Merchant, MerchantId, NotificationState, Order, OrderKey, OrderState, PlaceOrder, RefundState,
    Refusal, Reply, Route, Tenant, TenantId, View, Work, decide,
};
use ledger::{
    Account, AccountKind, Balance, Currency, Fen, Phase, Reason, Stamp, Timestamp, Transfer,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
const MERCHANT: &str = "CM1";

fn tenant() -> TenantId {
    TenantId::new("100001")
}

fn account() -> Arc<str> {
    Arc::from("main")
}

/// A kernel with a memory: what a store would keep.
struct Fixture {
    view: View,
    stamp: Stamp,
    now: Timestamp,
    events: Vec<Event>,
    transfers: Vec<Transfer>,
    work: Vec<Work>,
    tasks: HashMap<kernel::Task, Option<Timestamp>>,
}

impl Fixture {
    fn new() -> Fixture {
        let route = Route {
            channel: Arc::from("wxpay"),
            channel_account: Arc::from("main"),
            scenes: vec![Scene::MiniProgram],
            callback_url: Arc::from("https://pay.example.com/channel/main/callback"),
        };
        let merchant =
            Merchant { id: MerchantId::new(MERCHANT), name: String::new(), routes: vec![route] };
        let merchants = HashMap::from([(merchant.id.clone(), merchant)]);
        let directory = Directory::new([Tenant { id: tenant(), name: String::new(), merchants }]);
        let suspense = Account::new(AccountKind::Suspense, tenant().as_str());
        let view = View {
            directory: Arc::new(directory),
            balances: HashMap::from([((tenant(), suspense), Balance::default())]),
            ..View::default()
        };
        Fixture {
            view,
            stamp: Stamp::new(1, START),
            now: START,
            events: vec![],
            transfers: vec![],
            work: vec![],
            tasks: HashMap::new(),
        }
    }

    fn handle(&mut self, command: &Command) -> Result<Reply, Refusal> {
        self.stamp = self.stamp.clone().at(self.now);
        let before = self.view.orders.clone();
        let caller = Caller::Business(Arc::from("AKID"));
        match decide(&mut self.view, &caller, command, &mut self.stamp) {
            Ok(decision) => {
                self.events.extend(decision.events);
                self.transfers.extend(decision.transfers);
                self.work.extend(decision.work);
                for change in decision.tasks {
                    self.tasks.insert(change.task, change.due);
                }
                Ok(decision.reply)
            }
            Err(refusal) => {
                assert_eq!(before, self.view.orders, "a refused command leaves no trace");
                Err(refusal)
            }
        }
    }

    fn place(&mut self, number: &str) -> Result<Reply, Refusal> {
        self.handle(&place(number))
    }

    fn find(&mut self, finding: Finding, asked: Option<Operation>) -> Reply {
        let order = self.order().terms.id;
        let call = CallRecord {
            operation: asked,
            at: self.now,
            took_ms: 1,
            status: Some(200),
            channel_trace: None,
            summary: finding.name().to_owned(),
        };
        let refund = None;
        self.handle(&Command::RecordFinding {
            tenant: tenant(),
            order,
            refund,
            channel_account: account(),
            finding,
            call,
        })
        .expect("a finding about a known order is recorded")
    }

    /// The only order.
    fn order(&self) -> Order {
        self.view.orders.values().next().cloned().expect("an order was placed")
    }

    fn state(&self) -> &'static str {
        self.order().state.name()
    }

    fn paid(&self, reference: &str, fen: i64) -> Finding {
        Finding::Paid(Payment {
            channel_order_no: self.order().channel_order_no(),
            payment_reference: reference.to_owned(),
            amount: Fen::new(fen),
            currency: Currency::Cny,
            payer_amount: None,
            at: self.now,
        })
    }

    fn balance(&self, kind: AccountKind, owner: &str) -> Balance {
        let account = Account::new(kind, owner);
        let sums = ledger::book::sum_deltas(&self.transfers).expect("the sums fit");
        let delta = sums.get(&account).copied().unwrap_or_default();
        Balance { posted: delta.posted, held: delta.held }
    }
}

fn place(number: &str) -> Command {
    Command::PlaceOrder(Box::new(PlaceOrder {
        tenant: tenant(),
        merchant: MerchantId::new(MERCHANT),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(1000),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        channel: "wxpay".to_owned(),
        subject: "杂粮煎饼".to_owned(),
        payer: Payer::default(),
        goods_tag: None,
        notify_url: Some("https://business.com/pay/notify".to_owned()),
        front_url: None,
        details: "{}".to_owned(),
        expires_at: None,
    }))
}

fn changed(command: &Command, change: impl FnOnce(&mut PlaceOrder)) -> Command {
    let mut command = command.clone();
    if let Command::PlaceOrder(request) = &mut command {
        change(request);
    }
    command
}

fn pay_info(fixture: &Fixture) -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: "{}".to_owned(),
        valid_until: fixture.now.plus_seconds(600),
    })
}

/// An order that the payer can pay.
fn paying() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.place("order1").expect("accepted");
    fixture.find(pay_info(&fixture), Some(Operation::Place));
    fixture
}

#[test]
fn a_paid_order_is_booked_once_and_told_once() {
    let mut fixture = paying();
    let paid = fixture.paid("tx1", 1000);
    fixture.find(paid.clone(), None);
    fixture.find(paid.clone(), None);
    fixture.find(paid, Some(Operation::Query));
    assert_eq!(fixture.state(), "paid");
    assert_eq!(fixture.transfers.len(), 1);
    assert_eq!(fixture.balance(AccountKind::MerchantPending, MERCHANT).posted, Fen::new(1000));
    assert_eq!(fixture.balance(AccountKind::ChannelFunds, "main").posted, Fen::new(-1000));
    let told = fixture.work.iter().filter(|work| matches!(work, Work::Deliver { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn a_payment_that_contradicts_the_order_changes_nothing() {
    for finding in [
        |fixture: &Fixture| fixture.paid("tx1", 999),
        |fixture: &Fixture| match fixture.paid("tx1", 1000) {
            Finding::Paid(payment) => Finding::Paid(Payment {
                channel_order_no: "100000000000000001".to_owned(),
                ..payment
            }),
            other => other,
        },
        |_: &Fixture| Finding::Mismatch { why: "mchid 2, want 1".to_owned() },
    ] {
        let mut fixture = paying();
        let finding = finding(&fixture);
        fixture.find(finding, None);
        assert_eq!(fixture.state(), "paying");
        assert!(fixture.transfers.is_empty());
        let last = fixture.events.last().expect("an event");
        assert!(matches!(last.change, Change::MismatchRecorded { .. }), "{last:?}");
    }
}

#[test]
fn another_account_cannot_pay_an_order() {
    let mut fixture = paying();
    let (order, finding) = (fixture.order().terms.id, fixture.paid("tx1", 1000));
    let call = CallRecord {
        operation: None,
        at: fixture.now,
        took_ms: 0,
        status: None,
        channel_trace: None,
        summary: String::new(),
    };
    let channel_account = Arc::from("other");
    let (tenant, refund) = (tenant(), None);
    fixture
        .handle(&Command::RecordFinding { tenant, order, refund, channel_account, finding, call })
        .expect("recorded");
    assert_eq!(fixture.state(), "paying");
    assert!(fixture.transfers.is_empty());
}

#[test]
fn what_we_do_not_know_is_not_a_failure() {
    for finding in [
        Finding::Unknown { why: "nothing within 10 s".to_owned() },
        Finding::Later { code: "FREQUENCY_LIMITED".to_owned(), text: String::new() },
        Finding::NotFound,
        Finding::Pending,
    ] {
        let mut fixture = Fixture::new();
        fixture.place("order1").expect("accepted");
        fixture.find(finding, Some(Operation::Place));
        assert_eq!(fixture.state(), "init");
        let due = fixture.tasks.values().flatten().count();
        assert_eq!(due, 1, "somebody will look again");
    }
}

#[test]
fn the_same_number_again() {
    let request = place("order1");
    let mut fixture = Fixture::new();
    fixture.handle(&request).expect("accepted");
    assert_eq!(fixture.handle(&request), Err(Refusal::CallInFlight), "the first call is under way");
    fixture.find(pay_info(&fixture), Some(Operation::Place));
    let calls = fixture.work.len();
    let again = fixture.handle(&request).expect("the same again");
    assert!(
        matches!(again, Reply::Order { order, answer: None } if order.state.name() == "paying")
    );
    assert_eq!(fixture.work.len(), calls, "valid pay information needs no call");

    for (field, other) in [
        (kernel::command::Field::Amount, changed(&request, |request| request.amount = Fen::new(1))),
        (kernel::command::Field::Scene, changed(&request, |request| request.scene = Scene::Pc)),
        (
            kernel::command::Field::Channel,
            changed(&request, |request| request.channel = "alipay".into()),
        ),
    ] {
        assert_eq!(fixture.handle(&other), Err(Refusal::Differs { field }));
    }
    let other_subject = changed(&request, |request| request.subject = "other".to_owned());
    assert!(fixture.handle(&other_subject).is_ok(), "only the five members count");

    fixture.now = fixture.now.plus_seconds(601);
    fixture.handle(&request).expect("the same again");
    assert_eq!(fixture.work.len(), calls + 1, "stale pay information is renewed");

    fixture.find(fixture.paid("tx1", 1000), None);
    assert_eq!(fixture.handle(&request), Err(Refusal::OrderFinal));
}

#[test]
fn a_lost_answer_to_placing_is_asked_again_with_the_same_number() {
    let mut fixture = Fixture::new();
    fixture.place("order1").expect("accepted");
    let number = fixture.order().channel_order_no();
    let reply = fixture.find(Finding::Unknown { why: "lost".to_owned() }, Some(Operation::Place));
    assert!(matches!(reply, Reply::Order { answer: Some(ChannelAnswer::Unknown), .. }));
    fixture.place("order1").expect("the caller retries");
    let placed: Vec<&Work> =
        fixture.work.iter().filter(|work| matches!(work, Work::Ask { .. })).collect();
    assert_eq!(placed.len(), 2);
    assert_eq!(placed[0], placed[1], "the same instruction, number included");
    assert_eq!(fixture.order().channel_order_no(), number);
}

#[test]
fn expiry_closes_at_the_channel_before_the_order_fails() {
    let mut fixture = paying();
    fixture.now = fixture.order().terms.expires_at;
    let task = fixture.order().task();
    fixture.handle(&Command::RunTask(task)).expect("the task runs");
    assert_eq!(fixture.state(), "closing");
    assert_eq!(fixture.place("order1"), Err(Refusal::CallInFlight));
    fixture.find(Finding::Closed, Some(Operation::Close));
    assert_eq!(fixture.state(), "failed");
    assert!(
        fixture.events.iter().all(|event| !matches!(event.change, Change::NotificationQueued(_)))
    );
}

#[test]
fn if_the_channel_says_paid_while_closing_it_is_paid() {
    let mut fixture = paying();
    fixture.now = fixture.order().terms.expires_at;
    let task = fixture.order().task();
    fixture.handle(&Command::RunTask(task)).expect("the task runs");
    fixture.find(Finding::Ask { code: "ORDERPAID".to_owned() }, Some(Operation::Close));
    assert!(matches!(
        fixture.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::Query { .. }, .. })
    ));
    fixture.find(fixture.paid("tx1", 1000), Some(Operation::Query));
    assert_eq!(fixture.state(), "paid");
}

/// An order that failed, and then was paid after all.
fn late() -> Fixture {
    let mut fixture = paying();
    fixture.handle(&close()).expect("closing");
    fixture.find(Finding::Closed, Some(Operation::Close));
    assert_eq!(fixture.state(), "closed");
    fixture.find(fixture.paid("tx1", 1000), None);
    fixture
}

fn close() -> Command {
    Command::CloseOrder { tenant: tenant(), order: OrderKey::MerchantOrderNo("order1".to_owned()) }
}

fn refund_finding(fixture: &mut Fixture, finding: Finding) {
    refund_found(fixture, finding, Operation::Refund);
}

fn refund_found(fixture: &mut Fixture, finding: Finding, asked: Operation) {
    let refund = fixture.view.refunds.values().next().cloned().expect("a refund");
    let call = CallRecord {
        operation: Some(asked),
        at: fixture.now,
        took_ms: 1,
        status: Some(200),
        channel_trace: None,
        summary: String::new(),
    };
    let command = Command::RecordFinding {
        tenant: tenant(),
        order: refund.order,
        refund: Some(refund.id),
        channel_account: account(),
        finding,
        call,
    };
    fixture.handle(&command).expect("recorded");
}

fn refunded(fixture: &Fixture, status: RefundStatus, fen: i64) -> Finding {
    let refund = fixture.view.refunds.values().next().expect("a refund");
    Finding::Refund(Refunded {
        channel_refund_no: refund.channel_refund_no(),
        refund_reference: "rf1".to_owned(),
        amount: Fen::new(fen),
        status,
        at: None,
    })
}

#[test]
fn late_money_waits_in_suspense_and_goes_back() {
    let mut fixture = late();
    let suspense = |fixture: &Fixture| fixture.balance(AccountKind::Suspense, "100001");
    assert_eq!(fixture.state(), "closed", "the merchant was told closed, and closed it stays");
    let waiting = Balance { posted: Fen::new(1000), held: Fen::new(1000) };
    assert_eq!(suspense(&fixture), waiting);
    fixture.find(fixture.paid("tx1", 1000), None);
    assert_eq!(suspense(&fixture), waiting, "the same payment twice is one payment");
    refund_finding(&mut fixture, Finding::Unknown { why: "lost".to_owned() });
    assert_eq!(suspense(&fixture), waiting);
    let lie = refunded(&fixture, RefundStatus::Done, 999);
    refund_finding(&mut fixture, lie);
    assert_eq!(suspense(&fixture), waiting, "a refund of another amount is not ours");
    let done = refunded(&fixture, RefundStatus::Done, 1000);
    refund_finding(&mut fixture, done.clone());
    refund_finding(&mut fixture, done);
    assert_eq!(suspense(&fixture), Balance::default());
    assert_eq!(fixture.balance(AccountKind::ChannelFunds, "main"), Balance::default());
}

#[test]
fn a_lost_refund_is_asked_about_and_only_an_unknown_one_is_asked_for_again() {
    let mut fixture = late();
    let task = fixture.view.refunds.values().next().expect("a refund").task();
    let asked: Vec<Work> = fixture.work.drain(..).collect();
    refund_finding(&mut fixture, Finding::Unknown { why: "lost".to_owned() });
    fixture.handle(&Command::RunTask(task)).expect("the task runs");
    assert!(matches!(
        fixture.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::QueryRefund { .. }, .. })
    ));
    refund_found(&mut fixture, Finding::NotFound, Operation::QueryRefund);
    assert_eq!(fixture.work.last(), asked.last(), "the same number, the same content");
}

#[test]
fn a_refused_question_about_a_refund_is_no_answer() {
    let mut fixture = late();
    let refused = Finding::Refused { code: "SIGN_ERROR".to_owned(), text: String::new() };
    refund_found(&mut fixture, refused, Operation::QueryRefund);
    let suspense = fixture.balance(AccountKind::Suspense, "100001");
    assert_eq!(suspense.held, Fen::new(1000), "the money stays on hold");
}

#[test]
fn a_refund_that_comes_about_after_it_was_refused_is_booked() {
    let mut fixture = late();
    let refused = Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() };
    refund_finding(&mut fixture, refused);
    let done = refunded(&fixture, RefundStatus::Done, 1000);
    refund_finding(&mut fixture, done.clone());
    refund_finding(&mut fixture, done);
    assert_eq!(fixture.balance(AccountKind::Suspense, "100001"), Balance::default());
    assert_eq!(fixture.balance(AccountKind::ChannelFunds, "main"), Balance::default());
}

#[test]
fn a_refusal_after_a_lost_answer_closes_before_it_fails() {
    let mut fixture = Fixture::new();
    fixture.place("order1").expect("accepted");
    fixture.find(Finding::Unknown { why: "lost".to_owned() }, Some(Operation::Place));
    fixture.place("order1").expect("the caller retries");
    let refused = Finding::Refused { code: "SIGN_ERROR".to_owned(), text: String::new() };
    fixture.find(refused, Some(Operation::Place));
    assert_eq!(fixture.state(), "closing", "the first try may stand");
    fixture.find(Finding::NotFound, Some(Operation::Close));
    assert_eq!(fixture.state(), "failed");
}

#[test]
fn a_refusal_after_a_call_that_was_never_heard_of_closes_too() {
    let mut fixture = Fixture::new();
    fixture.place("order1").expect("accepted");
    fixture.now = fixture.now.plus_ms(kernel::order::CALL_MAX_MS);
    let task = fixture.order().task();
    fixture.handle(&Command::RunTask(task)).expect("the process had died");
    let refused = Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() };
    fixture.find(refused, Some(Operation::Place));
    assert_eq!(fixture.state(), "closing");
}

#[test]
fn an_order_that_will_not_close_is_asked_about() {
    let mut fixture = paying();
    fixture.now = fixture.order().terms.expires_at;
    let task = fixture.order().task();
    fixture.handle(&Command::RunTask(task.clone())).expect("the task runs");
    fixture.find(Finding::Unknown { why: "INVALID_REQUEST".to_owned() }, Some(Operation::Close));
    fixture.now = fixture.now.plus_seconds(60);
    fixture.handle(&Command::RunTask(task)).expect("the task runs");
    assert!(matches!(
        fixture.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::Query { .. }, .. })
    ));
    fixture.find(fixture.paid("tx1", 1000), Some(Operation::Query));
    assert_eq!(fixture.state(), "paid");
}

#[test]
fn a_look_that_ends_after_the_expiry_does_not_postpone_it() {
    let mut fixture = paying();
    fixture.now = fixture.order().terms.expires_at.plus_ms(-1);
    let task = fixture.order().task();
    fixture.handle(&Command::RunTask(task.clone())).expect("the task runs");
    fixture.now = fixture.now.plus_seconds(2);
    fixture.find(Finding::Pending, Some(Operation::Query));
    assert_eq!(fixture.tasks[&task], Some(fixture.now));
}

#[test]
fn a_refund_that_finally_fails_leaves_the_money_to_the_operator() {
    let mut fixture = late();
    refund_finding(
        &mut fixture,
        Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() },
    );
    let left = Balance { posted: Fen::new(1000), held: Fen::ZERO };
    assert_eq!(fixture.balance(AccountKind::Suspense, "100001"), left);
}

#[test]
fn a_second_payment_of_a_paid_order_goes_back() {
    let mut fixture = paying();
    fixture.find(fixture.paid("tx1", 1000), None);
    fixture.find(fixture.paid("tx2", 1000), None);
    assert_eq!(fixture.state(), "paid");
    assert_eq!(fixture.balance(AccountKind::MerchantPending, MERCHANT).posted, Fen::new(1000));
    assert_eq!(fixture.balance(AccountKind::Suspense, "100001").held, Fen::new(1000));
}

#[test]
fn notifications_follow_the_schedule_and_can_be_replayed() {
    let mut fixture = paying();
    fixture.find(fixture.paid("tx1", 1000), None);
    let notification = fixture.view.notifications.values().next().cloned().expect("a notification");
    let attempt = |delivery| Command::RecordAttempt {
        tenant: tenant(),
        notification: notification.id,
        attempt: Attempt { at: START, took_ms: 1, delivery },
    };
    let failed = attempt(Delivery::NoAnswer { why: "refused".to_owned() });
    let mut waits = vec![];
    for _ in 0..16 {
        fixture.handle(&failed).expect("recorded");
        let due = fixture.tasks.get(&notification.task()).copied().flatten();
        waits.extend(due.map(|due| due.ms_since(fixture.now) / 1000));
    }
    assert_eq!(waits, kernel::notification::NOTIFICATION_SCHEDULE_SECONDS);
    let state = |fixture: &Fixture| fixture.view.notifications.values().next().expect("it").state;
    assert!(matches!(state(&fixture), NotificationState::GivenUp { .. }));
    fixture
        .handle(&Command::ReplayNotification { tenant: tenant(), notification: notification.id })
        .expect("replayed");
    assert_eq!(state(&fixture), NotificationState::Due);
    fixture.handle(&attempt(Delivery::Acknowledged { status: 200 })).expect("recorded");
    assert!(matches!(state(&fixture), NotificationState::Delivered { .. }));
    fixture.handle(&failed).expect("a straggler");
    assert!(
        matches!(state(&fixture), NotificationState::Delivered { .. }),
        "delivered stays delivered"
    );
}

#[test]
fn refusals_come_in_their_order() {
    let request = place("order1");
    let mut fixture = Fixture::new();
    let unknown = changed(&request, |request| request.merchant = MerchantId::new("CM2"));
    let no_route = changed(&request, |request| request.channel = "alipay".to_owned());
    let no_amount = changed(&request, |request| request.amount = Fen::ZERO);
    let past = changed(&request, |request| request.expires_at = Some(START));
    for (command, want) in [
        (unknown, Refusal::UnknownMerchant),
        (no_route, Refusal::NoRoute),
        (no_amount, Refusal::Amount),
        (past, Refusal::Expiry),
        (close(), Refusal::OrderNotFound),
    ] {
        assert_eq!(fixture.handle(&command), Err(want));
    }
    assert!(fixture.events.is_empty());
}

/// Something that can happen.
#[derive(Clone, Debug)]
enum Step {
    Place(u8),
    Close(u8),
    RunTask(u8),
    Find(u8, Kind, Option<Operation>),
    Refund(RefundStatus, bool),
    Deliver(bool),
    Wait(i64),
}

#[derive(Clone, Debug)]
enum Kind {
    Placed,
    Paid(u8, i64),
    Plain(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let operation = prop_oneof![
        Just(None),
        Just(Some(Operation::Place)),
        Just(Some(Operation::Query)),
        Just(Some(Operation::Close)),
    ];
    let kind = prop_oneof![
        2 => Just(Kind::Placed),
        3 => (0u8..2, prop_oneof![4 => Just(1000i64), 1 => Just(999)])
            .prop_map(|(tx, fen)| Kind::Paid(tx, fen)),
        4 => (0u8..9).prop_map(Kind::Plain),
    ];
    let refund_state = prop_oneof![
        Just(RefundStatus::Processing),
        Just(RefundStatus::Done),
        Just(RefundStatus::Closed),
        Just(RefundStatus::Abnormal),
    ];
    prop_oneof![
        2 => (0u8..3).prop_map(Step::Place),
        1 => (0u8..3).prop_map(Step::Close),
        2 => (0u8..3).prop_map(Step::RunTask),
        6 => (0u8..3, kind, operation).prop_map(|(order, kind, asked)| Step::Find(order, kind, asked)),
        2 => (refund_state, any::<bool>()).prop_map(|(state, right)| Step::Refund(state, right)),
        1 => any::<bool>().prop_map(Step::Deliver),
        1 => (1i64..3600).prop_map(Step::Wait),
    ]
}

fn plain(kind: u8) -> Finding {
    let (code, text) = ("CODE".to_owned(), "text".to_owned());
    match kind {
        0 => Finding::Pending,
        1 => Finding::Closed,
        2 => Finding::Failed { code, text },
        3 => Finding::Refused { code, text },
        4 => Finding::Later { code, text },
        5 => Finding::NotFound,
        6 => Finding::Ask { code },
        7 => Finding::Unknown { why: text },
        _ => Finding::Mismatch { why: text },
    }
}

/// The order of a slot, if it was placed.
fn slot(fixture: &Fixture, slot: u8) -> Option<Order> {
    fixture.view.order(&tenant(), &OrderKey::MerchantOrderNo(format!("order{slot}"))).cloned()
}

fn play(fixture: &mut Fixture, step: Step) {
    let command = match step {
        Step::Wait(seconds) => {
            fixture.now = fixture.now.plus_seconds(seconds);
            return;
        }
        Step::Place(number) => place(&format!("order{number}")),
        Step::Close(number) => {
            let order = OrderKey::MerchantOrderNo(format!("order{number}"));
            Command::CloseOrder { tenant: tenant(), order }
        }
        Step::RunTask(number) => match slot(fixture, number) {
            Some(order) => Command::RunTask(order.task()),
            None => return,
        },
        Step::Find(number, kind, asked) => {
            let Some(order) = slot(fixture, number) else { return };
            let finding = match kind {
                Kind::Placed => pay_info(fixture),
                Kind::Paid(tx, fen) => Finding::Paid(Payment {
                    channel_order_no: order.channel_order_no(),
                    payment_reference: format!("tx{number}{tx}"),
                    amount: Fen::new(fen),
                    currency: Currency::Cny,
                    payer_amount: None,
                    at: fixture.now,
                }),
                Kind::Plain(kind) => plain(kind),
            };
            let call = CallRecord {
                operation: asked,
                at: fixture.now,
                took_ms: 0,
                status: None,
                channel_trace: None,
                summary: String::new(),
            };
            let order = order.terms.id;
            Command::RecordFinding {
                tenant: tenant(),
                order,
                refund: None,
                channel_account: account(),
                finding,
                call,
            }
        }
        Step::Refund(state, right) => {
            let Some(refund) = fixture.view.refunds.values().min_by_key(|it| it.id).cloned() else {
                return;
            };
            let finding = Finding::Refund(Refunded {
                channel_refund_no: refund.channel_refund_no(),
                refund_reference: "rf".to_owned(),
                amount: if right { refund.amount } else { Fen::new(1) },
                status: state,
                at: None,
            });
            let call = CallRecord {
                operation: Some(Operation::QueryRefund),
                at: fixture.now,
                took_ms: 0,
                status: None,
                channel_trace: None,
                summary: String::new(),
            };
            let (order, refund) = (refund.order, Some(refund.id));
            Command::RecordFinding {
                tenant: tenant(),
                order,
                refund,
                channel_account: account(),
                finding,
                call,
            }
        }
        Step::Deliver(right) => {
            let Some(notification) =
                fixture.view.notifications.values().min_by_key(|it| it.id).cloned()
            else {
                return;
            };
            let delivery = match right {
                true => Delivery::Acknowledged { status: 200 },
                false => Delivery::NoAnswer { why: String::new() },
            };
            let attempt = Attempt { at: fixture.now, took_ms: 0, delivery };
            Command::RecordAttempt { tenant: tenant(), notification: notification.id, attempt }
        }
    };
    let _ = fixture.handle(&command);
}

fn check(fixture: &Fixture) {
    let sums = ledger::book::sum_deltas(&fixture.transfers).expect("the sums fit");
    let posted: i64 = sums.values().map(|delta| delta.posted.get()).sum();
    assert_eq!(posted, 0, "Σ debits = Σ credits");
    for (account, delta) in &sums {
        assert!(delta.held >= Fen::ZERO);
        if let Some(floor) = account.kind.floor() {
            assert!(delta.posted.minus(delta.held).expect("fits") >= floor, "{account:?}");
        }
    }
    let suspense = Account::new(AccountKind::Suspense, "100001");
    let booked = sums.get(&suspense).copied().unwrap_or_default();
    let known = fixture.view.balances[&(tenant(), suspense)];
    assert_eq!((known.posted, known.held), (booked.posted, booked.held));

    for order in fixture.view.orders.values() {
        let of_order = |reason, phase| {
            let right = |it: &&Transfer| {
                it.order == order.terms.id && it.reason == reason && it.phase == phase
            };
            fixture.transfers.iter().filter(right).count()
        };
        let paid = matches!(order.state, OrderState::Paid(_));
        assert_eq!(of_order(Reason::Payment, Phase::Post), usize::from(paid));
        assert_eq!(of_order(Reason::UnappliedPayment, Phase::Post), order.unapplied.len());
        assert_eq!(of_order(Reason::UnappliedRefund, Phase::Hold), order.unapplied.len());
        let waiting = fixture.tasks.get(&order.task()).copied().flatten();
        assert_eq!(waiting.is_some(), !order.state.is_final(), "an open order has a task");

        let events: Vec<&Event> =
            fixture.events.iter().filter(|event| event.order == Some(order.terms.id)).collect();
        let rebuilt = kernel::event::replay(events).expect("its events hold it");
        assert_eq!(&rebuilt, order, "the events rebuild the row");
    }
    let mut open = BTreeMap::new();
    for refund in fixture.view.refunds.values() {
        let is_open = matches!(refund.state, RefundState::Requesting | RefundState::Processing);
        open.insert(refund.id, is_open);
        let waiting = fixture.tasks.get(&refund.task()).copied().flatten();
        assert_eq!(waiting.is_some(), is_open, "an open refund has a task");
    }
    let held: i64 = fixture
        .view
        .refunds
        .values()
        .filter(|refund| open[&refund.id])
        .map(|refund| refund.amount.get())
        .sum();
    assert_eq!(booked.held.get(), held, "what is held is what is on its way back");
}

proptest! {
    #[test]
    fn any_sequence_keeps_every_rule(steps in proptest::collection::vec(any_step(), 1..120)) {
        let mut fixture = Fixture::new();
        for step in steps {
            play(&mut fixture, step);
            check(&fixture);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decisions(
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let (mut first, mut second) = (Fixture::new(), Fixture::new());
        for step in steps {
            play(&mut first, step.clone());
            play(&mut second, step);
        }
        prop_assert_eq!(first.events, second.events);
        prop_assert_eq!(first.transfers, second.transfers);
    }
}
