//! A kernel with a memory: it loads what a command says that it reads, decides, and keeps what a
//! store would keep. Fixtures for one tenant with one merchant.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod put;
pub(crate) mod script;

use channel::{
    AgreementRules, Finding, Operation, PayForm, PayInfo, Payer, PaymentCodeRules, Scene,
    SharingRules,
};
use kernel::{
    Aggregate, Allocation, AllocationPart, Approval, ApprovalCommand, Attempt, CallRecord, Caller,
    Command, Delivery, Directory, Event, Key, Links, MerchantId, MerchantRoutes, MerchantSharing,
    NaturalKey, Notification, NotificationCommand, Order, OrderCommand, OrderRequest, OrderShares,
    Payee, PlaceOrder, Proposal, Reads, RecordFinding, Refund, RefundRequest, Refusal, Reply,
    RequestRefund, RequestWithdrawal, ReturnTerms, Route, Share, ShareReturn, Task, TenantId,
    TenantRoutes, View, Withdrawal, Work, decide,
};
use ledger::{
    Account, AccountKind, Balance, Currency, Fen, Id, Phase, Reason, Seed, Stamp, Subject,
    Timestamp, Transfer, kinds,
};
use std::collections::HashMap;
use std::sync::Arc;

const SEED: Seed = Seed([1; 32]);
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_000_000);
pub(crate) const INSTALLATION: &str = "A1B2C3";
/// Who the channel account is at its channel.
pub(crate) const IDENTITY: &str = "1900000001";
pub(crate) const MERCHANT: &str = "CM1";
pub(crate) const DISABLED_MERCHANT: &str = "CM2";
/// Merchants that collect nothing themselves and get parts of others' orders.
pub(crate) const PARTNERS: [&str; 2] = ["CM-B", "CM-C"];

pub(crate) fn tenant() -> TenantId {
    TenantId::new("100001")
}

/// One tenant with a merchant that collects through the account `main`, and one that may not collect.
pub(crate) fn directory() -> Directory {
    let route = Route {
        channel: Arc::from("wxpay"),
        channel_account: Arc::from("main"),
        channel_identity: Arc::from(IDENTITY),
        scenes: vec![Scene::MiniProgram, Scene::Swipe, Scene::Agreement, Scene::Authorize],
        order_life_seconds_max: 90 * 24 * 3600,
        sharing: Some(SharingRules {
            shares_max: 3,
            receivers_max: 3,
            min_age_seconds: 60,
            frozen_seconds: 30 * 24 * 3600,
        }),
        agreements: Some(AgreementRules {
            debit_life_seconds: 1800,
            debit_life_seconds_max: 90 * 24 * 3600,
            cancels_debits: true,
        }),
        payment_codes: Some(PaymentCodeRules {
            digits_min: 18,
            digits_max: 18,
            first_two_min: 10,
            first_two_max: 15,
        }),
        text: channel::TextRules::ANY,
        callback_url: Arc::from("https://pay.example.com/channel/main/callback"),
    };
    let merchant = |is_enabled| MerchantRoutes {
        name: Arc::from("杂粮"),
        is_enabled,
        sharing: MerchantSharing::default(),
        routes: vec![route.clone()],
    };
    let merchants = HashMap::from([
        (MerchantId::new(MERCHANT), merchant(true)),
        (MerchantId::new(DISABLED_MERCHANT), merchant(false)),
        (MerchantId::new(PARTNERS[0]), merchant(true)),
        (MerchantId::new(PARTNERS[1]), merchant(true)),
    ]);
    let routes = TenantRoutes { name: Arc::from("煎饼"), is_enabled: true, merchants };
    Directory {
        installation: Arc::from(INSTALLATION),
        tenants: HashMap::from([(tenant(), routes)]),
        ..Directory::default()
    }
}

/// An order of 10 yuan.
pub(crate) fn place(number: &str) -> PlaceOrder {
    let request = OrderRequest {
        merchant: MerchantId::new(MERCHANT),
        namespace: Arc::from("wecard"),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(1000),
        currency: Currency::Cny,
        scene: Scene::MiniProgram,
        subject: "杂粮煎饼".to_owned(),
        payer: Payer::default(),
        goods_tag: None,
        notify_url: Some("https://business.com/pay/notify".to_owned()),
        front_url: None,
        splits: kernel::Splits::default(),
        recharge: None,
        wallet: None,
        details: "{}".to_owned(),
        content: String::new(),
    };
    PlaceOrder {
        tenant: tenant(),
        channel: "wxpay".to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
        payment_code: None,
        agreement: None,
    }
}

/// The same, with something else in the request.
pub(crate) fn place_with(number: &str, change: impl FnOnce(&mut OrderRequest)) -> PlaceOrder {
    let mut place = place(number);
    change(Arc::make_mut(&mut place.request));
    place
}

pub(crate) fn order_key(number: &str) -> Key<kinds::Order> {
    Key::Number(NaturalKey::new("wecard", number))
}

pub(crate) fn close(number: &str) -> Command {
    OrderCommand::Close { tenant: tenant(), order: order_key(number) }.into()
}

/// A merchant's refund of a part of an order, with a notification, and what is taken back for it from
/// whom where that is given.
pub(crate) fn request(
    kernel: &TestKernel,
    number: &str,
    order: &str,
    fen: i64,
    back: Option<Vec<AllocationPart>>,
    returns: Option<Vec<ReturnTerms>>,
    notify_url: Option<&str>,
) -> Command {
    let order = kernel.order(order).map_or(no_id(), |order| order.terms.id);
    let shares = OrderShares::of(kernel.stored.shares.all().filter(|share| share.order == order));
    let request = RefundRequest {
        namespace: Arc::from("wecard.refund"),
        merchant_refund_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        reason: Some("买错了".to_owned()),
        notify_url: Some(notify_url.unwrap_or("https://business.com/refund/notify").to_owned()),
        details: "{}".to_owned(),
        is_to_balance: false,
    };
    let (tenant, merchant, amount) = (tenant(), MerchantId::new(MERCHANT), Fen::new(fen));
    let request = Arc::new(request);
    RequestRefund { tenant, order, merchant, amount, back, returns, shares, request }.into()
}

/// What the merchant may withdraw.
pub(crate) fn available() -> Account {
    Account::new(AccountKind::MerchantAvailable, MERCHANT)
}

/// A withdrawal of the merchant's.
pub(crate) fn withdraw(number: &str, fen: i64) -> RequestWithdrawal {
    RequestWithdrawal {
        tenant: tenant(),
        merchant: MerchantId::new(MERCHANT),
        namespace: Arc::from("wecard.withdrawal"),
        withdrawal_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(fen),
        notify_url: Some("https://business.com/settle/notify".to_owned()),
        remark: None,
    }
}

pub(crate) fn suspense() -> Account {
    Account::new(AccountKind::Suspense, tenant().as_str())
}

/// A call to the channel, or a callback of it.
pub(crate) fn call(operation: Option<Operation>, at: Timestamp) -> CallRecord {
    let (status, channel_trace, summary) = (Some(200), None, String::new());
    CallRecord { operation, at, took_ms: 1, status, channel_trace, summary }
}

/// A kernel with a memory.
pub(crate) struct TestKernel {
    /// What is stored; the transfers have the balances.
    pub(crate) stored: View,
    /// What the events alone lead to.
    pub(crate) rebuilt: View,
    pub(crate) now: Timestamp,
    /// Who requests what is handled.
    pub(crate) caller: Caller,
    pub(crate) events: Vec<Event>,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) work: Vec<Work>,
    pub(crate) tasks: HashMap<Task, Timestamp>,
    stamp: Stamp,
}

/// Above every id that one decision draws.
const ID_MARGIN: i64 = 1 << 24;

/// The same memory; from here on ids and random numbers are its own.
impl Clone for TestKernel {
    fn clone(&self) -> TestKernel {
        let last = self.events.last().map_or(0, |event| event.id.value()) + ID_MARGIN;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&last.to_le_bytes());
        TestKernel {
            stored: self.stored.clone(),
            rebuilt: self.rebuilt.clone(),
            now: self.now,
            caller: self.caller.clone(),
            events: self.events.clone(),
            transfers: self.transfers.clone(),
            work: self.work.clone(),
            tasks: self.tasks.clone(),
            stamp: Stamp::new(1, self.now, Seed(seed)).above(last),
        }
    }
}

impl TestKernel {
    pub(crate) fn new(directory: Directory) -> TestKernel {
        TestKernel {
            stored: View { directory: Arc::new(directory), ..View::default() },
            rebuilt: View::default(),
            now: START,
            caller: Caller::Business(Arc::from("AKID")),
            events: vec![],
            transfers: vec![],
            work: vec![],
            tasks: HashMap::new(),
            stamp: Stamp::new(1, START, SEED),
        }
    }

    /// Decides a command and keeps what it leads to.
    pub(crate) fn handle(&mut self, command: impl Into<Command>) -> Result<Reply, Refusal> {
        let command = command.into();
        let mut view = self.load(&command);
        let balances = view.balances.clone();
        self.stamp.set_time(self.now);
        match decide(&mut view, &self.caller, &command, &mut self.stamp) {
            Ok(decision) => {
                self.keep(&view, command.tenant());
                self.transfers.extend(decision.transfers);
                for ((_, account), balance) in &view.balances {
                    assert_eq!(*balance, self.balance(account), "{account:?} in view");
                }
                decision.events.iter().for_each(|event| self.rebuilt.apply(event));
                self.events.extend(decision.events);
                self.work.extend(decision.work);
                Ok(decision.reply)
            }
            Err(refusal) => {
                assert!(view.changed(command.tenant()).is_empty(), "{refusal} left a trace");
                assert_eq!(view.balances, balances, "{refusal} moved money");
                Err(refusal)
            }
        }
    }

    /// Replaces the orders by what their events rebuild.
    pub(crate) fn rebuild_orders(&mut self) {
        for order in self.rebuilt.orders.all() {
            self.stored.orders.load(order.clone());
        }
    }

    /// Exactly what the command says that it reads.
    fn load(&self, command: &Command) -> View {
        let mut reads = Reads::default();
        command.reads(&mut reads);
        let mut view = View { directory: self.stored.directory.clone(), ..View::default() };
        self.load_into(&mut view, &reads);
        let mut links = Links::of(&reads);
        while let Some(more) = links.next(&view) {
            self.load_into(&mut view, &more);
        }
        view
    }

    fn load_into(&self, view: &mut View, reads: &Reads) {
        for key in &reads.balances {
            let balance = self.balance(&key.1);
            view.balances.insert(key.clone(), balance);
        }
        macro_rules! load_rows {
            ($($rows:ident: $row:ident,)*) => {$(
                for (tenant, key) in &reads.$rows {
                    let found = self.stored.$rows.find(tenant, key).cloned();
                    found.into_iter().for_each(|row| view.$rows.load(row));
                }
            )*};
        }
        kernel::aggregates!(load_rows);
    }

    /// Keeps rows, tasks and balances, as a commit would.
    fn keep(&mut self, view: &View, tenant: &TenantId) {
        let changed = view.changed(tenant);
        macro_rules! keep_rows {
            ($($rows:ident: $row:ident,)*) => {$(
                for write in changed.$rows {
                    let stored = self.stored.$rows.get(tenant, write.row.id());
                    assert_eq!(write.expected, stored.map(Aggregate::version));
                    self.stored.$rows.load(write.row);
                }
            )*};
        }
        kernel::aggregates!(keep_rows);
        for change in view.tasks(tenant) {
            match change.due {
                Some(due) => self.tasks.insert(change.task, due),
                None => self.tasks.remove(&change.task),
            };
        }
    }

    /// Records what a channel said about a row.
    pub(crate) fn record(
        &mut self,
        task: &Task,
        account: &str,
        asked: Option<Operation>,
        finding: Finding,
    ) -> Result<Reply, Refusal> {
        self.handle(Command::RecordFinding(RecordFinding {
            tenant: task.tenant.clone(),
            subject: task.subject,
            root: task.root,
            channel_account: Arc::from(if account == "moved" { "main" } else { account }),
            channel_identity: Arc::from(match account {
                "moved" => "1900000002",
                _ => IDENTITY,
            }),
            finding,
            call: call(asked, self.now),
        }))
    }

    pub(crate) fn order(&self, number: &str) -> Option<&Order> {
        self.stored.orders.find(&tenant(), &order_key(number))
    }

    /// The refund that a merchant knows by this number.
    pub(crate) fn refund_no(&self, number: &str) -> Option<&Refund> {
        let key = Key::Number(NaturalKey::new("wecard.refund", number));
        self.stored.refunds.find(&tenant(), &key)
    }

    /// The newest refund.
    pub(crate) fn refund(&self) -> Option<&Refund> {
        self.stored.refunds.all().max_by_key(|row| row.id)
    }

    /// A withdrawal by its merchant's number.
    pub(crate) fn withdrawal(&self, number: &str) -> Option<&Withdrawal> {
        let key = Key::Number(NaturalKey::new("wecard.withdrawal", number));
        self.stored.withdrawals.find(&tenant(), &key)
    }

    /// Books money that the merchant has available, as if somebody had given it.
    pub(crate) fn fund(&mut self, fen: i64) {
        let subject = no_id::<kinds::Order>().subject();
        let transfer = Transfer {
            id: self.stamp.id(),
            phase: Phase::Post,
            debit: Account::new(AccountKind::WriteOff, tenant().as_str()),
            credit: available(),
            amount: Fen::new(fen),
            reason: Reason::Allocation,
            subject,
            root: subject.root(),
            at: self.now,
        };
        for (account, delta) in ledger::book::sum_deltas([&transfer]).expect("the sums fit") {
            let balance = self.stored.balances.entry((tenant(), account.clone())).or_default();
            *balance = balance.after(&account, delta).expect("the book takes it");
        }
        self.transfers.push(transfer);
    }

    /// The share that its caller knows by this number; with the word `share` the newest one.
    pub(crate) fn share(&self, number: &str) -> Option<&Share> {
        let key = Key::Number(NaturalKey::new("wecard.profit", number));
        match number {
            "share" => self.stored.shares.all().max_by_key(|row| row.id),
            _ => self.stored.shares.find(&tenant(), &key),
        }
    }

    /// The same of a return; the word is `share_return`.
    pub(crate) fn share_return(&self, number: &str) -> Option<&ShareReturn> {
        let key = Key::Number(NaturalKey::new("wecard.profit_refund", number));
        match number {
            "share_return" => self.stored.share_returns.all().max_by_key(|row| row.id),
            _ => self.stored.share_returns.find(&tenant(), &key),
        }
    }

    /// A payee, by its number.
    pub(crate) fn payee(&self, number: &str) -> Option<&Payee> {
        self.stored.payees.find(&tenant(), &Key::Number(NaturalKey::new("wecard.payee", number)))
    }

    /// The newest notification.
    pub(crate) fn notification(&self) -> Option<&Notification> {
        self.stored.notifications.all().max_by_key(|row| row.id)
    }

    /// The first allocation that waits for the end of its period.
    pub(crate) fn waiting_allocation(&self) -> Option<&Allocation> {
        self.stored.allocations.all().find(|row| row.standing().is_open())
    }

    /// The newest approval.
    pub(crate) fn approval(&self) -> Option<&Approval> {
        self.stored.approvals.all().max_by_key(|row| row.id)
    }

    /// Decides a command of an operator.
    pub(crate) fn handle_as(
        &mut self,
        operator: &str,
        command: impl Into<Command>,
    ) -> Result<Reply, Refusal> {
        let before = std::mem::replace(&mut self.caller, Caller::Operator(Arc::from(operator)));
        let reply = self.handle(command);
        self.caller = before;
        reply
    }

    /// What the transfers add up to.
    pub(crate) fn balance(&self, account: &Account) -> Balance {
        let sums = ledger::book::sum_deltas(&self.transfers).expect("the sums fit");
        let delta = sums.get(account).copied().unwrap_or_default();
        Balance { posted: delta.posted, held: delta.held }
    }

    /// When the task of a subject is due.
    pub(crate) fn due(&self, subject: Subject) -> Option<Timestamp> {
        let found = self.tasks.iter().find(|(task, _)| task.subject == subject);
        found.map(|(_, due)| *due)
    }
}

/// An id of a kind that names nothing.
#[expect(clippy::disallowed_methods, reason = "no stamp draws an id so early")]
pub(crate) fn no_id<K>() -> Id<K> {
    Id::from_value(226_000_000_000_000_001)
}

/// The proposal of a manual command by an operator.
pub(crate) fn proposal(operator: &str, command: &Command) -> Command {
    let tenant = tenant();
    let manual = command.manual().expect("a manual command");
    let digest = manual.content(&tenant, operator);
    ApprovalCommand::Propose(Box::new(Proposal { tenant, manual, digest })).into()
}

/// The approval of what was proposed.
pub(crate) fn approving(approval: &Approval) -> Command {
    let row = approval.command.row();
    let (tenant, root, digest) = (tenant(), approval.root, approval.digest.clone());
    ApprovalCommand::Approve { tenant, approval: approval.id, root, row, digest }.into()
}

pub(crate) fn rejecting(approval: &Approval) -> Command {
    let note = "not so".to_owned();
    ApprovalCommand::Reject { tenant: tenant(), approval: approval.id, note }.into()
}

/// Pay information that works for ten minutes.
pub(crate) fn pay_info(now: Timestamp) -> PayInfo {
    let (form, text) = (PayForm::Jsapi, "{}".to_owned());
    PayInfo { form, text, valid_until: now.plus_seconds(600) }
}

/// An attempt to deliver the newest notification that ended in this way.
pub(crate) fn attempt(kernel: &TestKernel, delivery: &str) -> Command {
    let delivery = match delivery {
        "acknowledged" => Delivery::Acknowledged { status: 200 },
        "rejected" => Delivery::Rejected { status: 500, excerpt: String::new() },
        _ => Delivery::NoAnswer { why: "refused".to_owned() },
    };
    let notification = kernel.notification().expect("a notification").id;
    let attempt = Attempt { at: kernel.now, took_ms: 1, delivery };
    NotificationCommand::RecordAttempt { tenant: tenant(), notification, attempt }.into()
}
