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
struct House {
    view: View,
    stamp: Stamp,
    now: Timestamp,
    events: Vec<Event>,
    transfers: Vec<Transfer>,
    work: Vec<Work>,
    tasks: HashMap<kernel::Task, Option<Timestamp>>,
}

impl House {
    fn new() -> House {
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
        House {
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

fn pay_info(house: &House) -> Finding {
    Finding::Placed(PayInfo {
        form: PayForm::Jsapi,
        text: "{}".to_owned(),
        valid_until: house.now.plus_seconds(600),
    })
}

/// An order that the payer can pay.
fn paying() -> House {
    let mut house = House::new();
    house.place("order1").expect("accepted");
    house.find(pay_info(&house), Some(Operation::Place));
    house
}

#[test]
fn a_paid_order_is_booked_once_and_told_once() {
    let mut house = paying();
    let paid = house.paid("tx1", 1000);
    house.find(paid.clone(), None);
    house.find(paid.clone(), None);
    house.find(paid, Some(Operation::Query));
    assert_eq!(house.state(), "paid");
    assert_eq!(house.transfers.len(), 1);
    assert_eq!(house.balance(AccountKind::MerchantPending, MERCHANT).posted, Fen::new(1000));
    assert_eq!(house.balance(AccountKind::ChannelFunds, "main").posted, Fen::new(-1000));
    let told = house.work.iter().filter(|work| matches!(work, Work::Deliver { .. })).count();
    assert_eq!(told, 1);
}

#[test]
fn a_payment_that_contradicts_the_order_changes_nothing() {
    for finding in [
        |house: &House| house.paid("tx1", 999),
        |house: &House| match house.paid("tx1", 1000) {
            Finding::Paid(payment) => Finding::Paid(Payment {
                channel_order_no: "100000000000000001".to_owned(),
                ..payment
            }),
            other => other,
        },
        |_: &House| Finding::Mismatch { why: "mchid 2, want 1".to_owned() },
    ] {
        let mut house = paying();
        let finding = finding(&house);
        house.find(finding, None);
        assert_eq!(house.state(), "paying");
        assert!(house.transfers.is_empty());
        let last = house.events.last().expect("an event");
        assert!(matches!(last.change, Change::MismatchRecorded { .. }), "{last:?}");
    }
}

#[test]
fn another_account_cannot_pay_an_order() {
    let mut house = paying();
    let (order, finding) = (house.order().terms.id, house.paid("tx1", 1000));
    let call = CallRecord {
        operation: None,
        at: house.now,
        took_ms: 0,
        status: None,
        channel_trace: None,
        summary: String::new(),
    };
    let channel_account = Arc::from("other");
    let (tenant, refund) = (tenant(), None);
    house
        .handle(&Command::RecordFinding { tenant, order, refund, channel_account, finding, call })
        .expect("recorded");
    assert_eq!(house.state(), "paying");
    assert!(house.transfers.is_empty());
}

#[test]
fn what_we_do_not_know_is_not_a_failure() {
    for finding in [
        Finding::Unknown { why: "nothing within 10 s".to_owned() },
        Finding::Later { code: "FREQUENCY_LIMITED".to_owned(), text: String::new() },
        Finding::NotFound,
        Finding::Pending,
    ] {
        let mut house = House::new();
        house.place("order1").expect("accepted");
        house.find(finding, Some(Operation::Place));
        assert_eq!(house.state(), "init");
        let due = house.tasks.values().flatten().count();
        assert_eq!(due, 1, "somebody will look again");
    }
}

#[test]
fn the_same_number_again() {
    let request = place("order1");
    let mut house = House::new();
    house.handle(&request).expect("accepted");
    assert_eq!(house.handle(&request), Err(Refusal::CallInFlight), "the first call is under way");
    house.find(pay_info(&house), Some(Operation::Place));
    let calls = house.work.len();
    let again = house.handle(&request).expect("the same again");
    assert!(
        matches!(again, Reply::Order { order, answer: None } if order.state.name() == "paying")
    );
    assert_eq!(house.work.len(), calls, "valid pay information needs no call");

    for (field, other) in [
        (kernel::command::Field::Amount, changed(&request, |request| request.amount = Fen::new(1))),
        (kernel::command::Field::Scene, changed(&request, |request| request.scene = Scene::Pc)),
        (
            kernel::command::Field::Channel,
            changed(&request, |request| request.channel = "alipay".into()),
        ),
    ] {
        assert_eq!(house.handle(&other), Err(Refusal::Differs { field }));
    }
    let other_subject = changed(&request, |request| request.subject = "other".to_owned());
    assert!(house.handle(&other_subject).is_ok(), "only the five members count");

    house.now = house.now.plus_seconds(601);
    house.handle(&request).expect("the same again");
    assert_eq!(house.work.len(), calls + 1, "stale pay information is renewed");

    house.find(house.paid("tx1", 1000), None);
    assert_eq!(house.handle(&request), Err(Refusal::OrderFinal));
}

#[test]
fn a_lost_answer_to_placing_is_asked_again_with_the_same_number() {
    let mut house = House::new();
    house.place("order1").expect("accepted");
    let number = house.order().channel_order_no();
    let reply = house.find(Finding::Unknown { why: "lost".to_owned() }, Some(Operation::Place));
    assert!(matches!(reply, Reply::Order { answer: Some(ChannelAnswer::Unknown), .. }));
    house.place("order1").expect("the caller retries");
    let placed: Vec<&Work> =
        house.work.iter().filter(|work| matches!(work, Work::Ask { .. })).collect();
    assert_eq!(placed.len(), 2);
    assert_eq!(placed[0], placed[1], "the same instruction, number included");
    assert_eq!(house.order().channel_order_no(), number);
}

#[test]
fn expiry_closes_at_the_channel_before_the_order_fails() {
    let mut house = paying();
    house.now = house.order().terms.expires_at;
    let task = house.order().task();
    house.handle(&Command::RunTask(task)).expect("the task runs");
    assert_eq!(house.state(), "closing");
    assert_eq!(house.place("order1"), Err(Refusal::CallInFlight));
    house.find(Finding::Closed, Some(Operation::Close));
    assert_eq!(house.state(), "failed");
    assert!(
        house.events.iter().all(|event| !matches!(event.change, Change::NotificationQueued(_)))
    );
}

#[test]
fn if_the_channel_says_paid_while_closing_it_is_paid() {
    let mut house = paying();
    house.now = house.order().terms.expires_at;
    let task = house.order().task();
    house.handle(&Command::RunTask(task)).expect("the task runs");
    house.find(Finding::Ask { code: "ORDERPAID".to_owned() }, Some(Operation::Close));
    assert!(matches!(
        house.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::Query { .. }, .. })
    ));
    house.find(house.paid("tx1", 1000), Some(Operation::Query));
    assert_eq!(house.state(), "paid");
}

/// An order that failed, and then was paid after all.
fn late() -> House {
    let mut house = paying();
    house.handle(&close()).expect("closing");
    house.find(Finding::Closed, Some(Operation::Close));
    assert_eq!(house.state(), "closed");
    house.find(house.paid("tx1", 1000), None);
    house
}

fn close() -> Command {
    Command::CloseOrder { tenant: tenant(), order: OrderKey::MerchantOrderNo("order1".to_owned()) }
}

fn refund_finding(house: &mut House, finding: Finding) {
    refund_found(house, finding, Operation::Refund);
}

fn refund_found(house: &mut House, finding: Finding, asked: Operation) {
    let refund = house.view.refunds.values().next().cloned().expect("a refund");
    let call = CallRecord {
        operation: Some(asked),
        at: house.now,
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
    house.handle(&command).expect("recorded");
}

fn refunded(house: &House, status: RefundStatus, fen: i64) -> Finding {
    let refund = house.view.refunds.values().next().expect("a refund");
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
    let mut house = late();
    let suspense = |house: &House| house.balance(AccountKind::Suspense, "100001");
    assert_eq!(house.state(), "closed", "the merchant was told closed, and closed it stays");
    let waiting = Balance { posted: Fen::new(1000), held: Fen::new(1000) };
    assert_eq!(suspense(&house), waiting);
    house.find(house.paid("tx1", 1000), None);
    assert_eq!(suspense(&house), waiting, "the same payment twice is one payment");
    refund_finding(&mut house, Finding::Unknown { why: "lost".to_owned() });
    assert_eq!(suspense(&house), waiting);
    let lie = refunded(&house, RefundStatus::Done, 999);
    refund_finding(&mut house, lie);
    assert_eq!(suspense(&house), waiting, "a refund of another amount is not ours");
    let done = refunded(&house, RefundStatus::Done, 1000);
    refund_finding(&mut house, done.clone());
    refund_finding(&mut house, done);
    assert_eq!(suspense(&house), Balance::default());
    assert_eq!(house.balance(AccountKind::ChannelFunds, "main"), Balance::default());
}

#[test]
fn a_lost_refund_is_asked_about_and_only_an_unknown_one_is_asked_for_again() {
    let mut house = late();
    let task = house.view.refunds.values().next().expect("a refund").task();
    let asked: Vec<Work> = house.work.drain(..).collect();
    refund_finding(&mut house, Finding::Unknown { why: "lost".to_owned() });
    house.handle(&Command::RunTask(task)).expect("the task runs");
    assert!(matches!(
        house.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::QueryRefund { .. }, .. })
    ));
    refund_found(&mut house, Finding::NotFound, Operation::QueryRefund);
    assert_eq!(house.work.last(), asked.last(), "the same number, the same content");
}

#[test]
fn a_refused_question_about_a_refund_is_no_answer() {
    let mut house = late();
    let refused = Finding::Refused { code: "SIGN_ERROR".to_owned(), text: String::new() };
    refund_found(&mut house, refused, Operation::QueryRefund);
    let suspense = house.balance(AccountKind::Suspense, "100001");
    assert_eq!(suspense.held, Fen::new(1000), "the money stays on hold");
}

#[test]
fn a_refund_that_comes_about_after_it_was_refused_is_booked() {
    let mut house = late();
    let refused = Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() };
    refund_finding(&mut house, refused);
    let done = refunded(&house, RefundStatus::Done, 1000);
    refund_finding(&mut house, done.clone());
    refund_finding(&mut house, done);
    assert_eq!(house.balance(AccountKind::Suspense, "100001"), Balance::default());
    assert_eq!(house.balance(AccountKind::ChannelFunds, "main"), Balance::default());
}

#[test]
fn a_refusal_after_a_lost_answer_closes_before_it_fails() {
    let mut house = House::new();
    house.place("order1").expect("accepted");
    house.find(Finding::Unknown { why: "lost".to_owned() }, Some(Operation::Place));
    house.place("order1").expect("the caller retries");
    let refused = Finding::Refused { code: "SIGN_ERROR".to_owned(), text: String::new() };
    house.find(refused, Some(Operation::Place));
    assert_eq!(house.state(), "closing", "the first try may stand");
    house.find(Finding::NotFound, Some(Operation::Close));
    assert_eq!(house.state(), "failed");
}

#[test]
fn a_refusal_after_a_call_that_was_never_heard_of_closes_too() {
    let mut house = House::new();
    house.place("order1").expect("accepted");
    house.now = house.now.plus_ms(kernel::order::CALL_MAX_MS);
    let task = house.order().task();
    house.handle(&Command::RunTask(task)).expect("the process had died");
    let refused = Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() };
    house.find(refused, Some(Operation::Place));
    assert_eq!(house.state(), "closing");
}

#[test]
fn an_order_that_will_not_close_is_asked_about() {
    let mut house = paying();
    house.now = house.order().terms.expires_at;
    let task = house.order().task();
    house.handle(&Command::RunTask(task.clone())).expect("the task runs");
    house.find(Finding::Unknown { why: "INVALID_REQUEST".to_owned() }, Some(Operation::Close));
    house.now = house.now.plus_seconds(60);
    house.handle(&Command::RunTask(task)).expect("the task runs");
    assert!(matches!(
        house.work.last(),
        Some(Work::Ask { instruction: channel::Instruction::Query { .. }, .. })
    ));
    house.find(house.paid("tx1", 1000), Some(Operation::Query));
    assert_eq!(house.state(), "paid");
}

#[test]
fn a_look_that_ends_after_the_expiry_does_not_postpone_it() {
    let mut house = paying();
    house.now = house.order().terms.expires_at.plus_ms(-1);
    let task = house.order().task();
    house.handle(&Command::RunTask(task.clone())).expect("the task runs");
    house.now = house.now.plus_seconds(2);
    house.find(Finding::Pending, Some(Operation::Query));
    assert_eq!(house.tasks[&task], Some(house.now));
}

#[test]
fn a_refund_that_finally_fails_leaves_the_money_to_the_operator() {
    let mut house = late();
    refund_finding(
        &mut house,
        Finding::Refused { code: "PARAM_ERROR".to_owned(), text: String::new() },
    );
    let left = Balance { posted: Fen::new(1000), held: Fen::ZERO };
    assert_eq!(house.balance(AccountKind::Suspense, "100001"), left);
}

#[test]
fn a_second_payment_of_a_paid_order_goes_back() {
    let mut house = paying();
    house.find(house.paid("tx1", 1000), None);
    house.find(house.paid("tx2", 1000), None);
    assert_eq!(house.state(), "paid");
    assert_eq!(house.balance(AccountKind::MerchantPending, MERCHANT).posted, Fen::new(1000));
    assert_eq!(house.balance(AccountKind::Suspense, "100001").held, Fen::new(1000));
}

#[test]
fn notifications_follow_the_schedule_and_can_be_replayed() {
    let mut house = paying();
    house.find(house.paid("tx1", 1000), None);
    let notification = house.view.notifications.values().next().cloned().expect("a notification");
    let attempt = |delivery| Command::RecordAttempt {
        tenant: tenant(),
        notification: notification.id,
        attempt: Attempt { at: START, took_ms: 1, delivery },
    };
    let failed = attempt(Delivery::NoAnswer { why: "refused".to_owned() });
    let mut waits = vec![];
    for _ in 0..16 {
        house.handle(&failed).expect("recorded");
        let due = house.tasks.get(&notification.task()).copied().flatten();
        waits.extend(due.map(|due| due.ms_since(house.now) / 1000));
    }
    assert_eq!(waits, kernel::notification::NOTIFICATION_SCHEDULE_SECONDS);
    let state = |house: &House| house.view.notifications.values().next().expect("it").state;
    assert!(matches!(state(&house), NotificationState::GivenUp { .. }));
    house
        .handle(&Command::ReplayNotification { tenant: tenant(), notification: notification.id })
        .expect("replayed");
    assert_eq!(state(&house), NotificationState::Due);
    house.handle(&attempt(Delivery::Acknowledged { status: 200 })).expect("recorded");
    assert!(matches!(state(&house), NotificationState::Delivered { .. }));
    house.handle(&failed).expect("a straggler");
    assert!(
        matches!(state(&house), NotificationState::Delivered { .. }),
        "delivered stays delivered"
    );
}

#[test]
fn refusals_come_in_their_order() {
    let request = place("order1");
    let mut house = House::new();
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
        assert_eq!(house.handle(&command), Err(want));
    }
    assert!(house.events.is_empty());
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
fn slot(house: &House, slot: u8) -> Option<Order> {
    house.view.order(&tenant(), &OrderKey::MerchantOrderNo(format!("order{slot}"))).cloned()
}

fn play(house: &mut House, step: Step) {
    let command = match step {
        Step::Wait(seconds) => {
            house.now = house.now.plus_seconds(seconds);
            return;
        }
        Step::Place(number) => place(&format!("order{number}")),
        Step::Close(number) => {
            let order = OrderKey::MerchantOrderNo(format!("order{number}"));
            Command::CloseOrder { tenant: tenant(), order }
        }
        Step::RunTask(number) => match slot(house, number) {
            Some(order) => Command::RunTask(order.task()),
            None => return,
        },
        Step::Find(number, kind, asked) => {
            let Some(order) = slot(house, number) else { return };
            let finding = match kind {
                Kind::Placed => pay_info(house),
                Kind::Paid(tx, fen) => Finding::Paid(Payment {
                    channel_order_no: order.channel_order_no(),
                    payment_reference: format!("tx{number}{tx}"),
                    amount: Fen::new(fen),
                    currency: Currency::Cny,
                    payer_amount: None,
                    at: house.now,
                }),
                Kind::Plain(kind) => plain(kind),
            };
            let call = CallRecord {
                operation: asked,
                at: house.now,
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
            let Some(refund) = house.view.refunds.values().min_by_key(|it| it.id).cloned() else {
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
                at: house.now,
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
                house.view.notifications.values().min_by_key(|it| it.id).cloned()
            else {
                return;
            };
            let delivery = match right {
                true => Delivery::Acknowledged { status: 200 },
                false => Delivery::NoAnswer { why: String::new() },
            };
            let attempt = Attempt { at: house.now, took_ms: 0, delivery };
            Command::RecordAttempt { tenant: tenant(), notification: notification.id, attempt }
        }
    };
    let _ = house.handle(&command);
}

fn check(house: &House) {
    let sums = ledger::book::sum_deltas(&house.transfers).expect("the sums fit");
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
    let known = house.view.balances[&(tenant(), suspense)];
    assert_eq!((known.posted, known.held), (booked.posted, booked.held));

    for order in house.view.orders.values() {
        let of_order = |reason, phase| {
            let right = |it: &&Transfer| {
                it.order == order.terms.id && it.reason == reason && it.phase == phase
            };
            house.transfers.iter().filter(right).count()
        };
        let paid = matches!(order.state, OrderState::Paid(_));
        assert_eq!(of_order(Reason::Payment, Phase::Post), usize::from(paid));
        assert_eq!(of_order(Reason::UnappliedPayment, Phase::Post), order.unapplied.len());
        assert_eq!(of_order(Reason::UnappliedRefund, Phase::Hold), order.unapplied.len());
        let waiting = house.tasks.get(&order.task()).copied().flatten();
        assert_eq!(waiting.is_some(), !order.state.is_final(), "an open order has a task");

        let events: Vec<&Event> =
            house.events.iter().filter(|event| event.order == Some(order.terms.id)).collect();
        let rebuilt = kernel::event::replay(events).expect("its events hold it");
        assert_eq!(&rebuilt, order, "the events rebuild the row");
    }
    let mut open = BTreeMap::new();
    for refund in house.view.refunds.values() {
        let is_open = matches!(refund.state, RefundState::Requesting | RefundState::Processing);
        open.insert(refund.id, is_open);
        let waiting = house.tasks.get(&refund.task()).copied().flatten();
        assert_eq!(waiting.is_some(), is_open, "an open refund has a task");
    }
    let held: i64 = house
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
        let mut house = House::new();
        for step in steps {
            play(&mut house, step);
            check(&house);
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_decisions(
        steps in proptest::collection::vec(any_step(), 1..60),
    ) {
        let (mut first, mut second) = (House::new(), House::new());
        for step in steps {
            play(&mut first, step.clone());
            play(&mut second, step);
        }
        prop_assert_eq!(first.events, second.events);
        prop_assert_eq!(first.transfers, second.transfers);
    }
}
