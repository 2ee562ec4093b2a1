//! Commands, what they read, what they decide, and how they are refused.

use crate::event::{CallRecord, Caller, Change, Event, evolve};
use crate::merchant::TenantId;
use crate::notification::{self, Attempt};
use crate::order::{self, Order, OrderKey, PlaceOrder};
use crate::refund::{self, Refund};
use crate::task::{Task, TaskChange, TaskKind};
use crate::view::View;
use channel::{Finding, Instruction, PlatformKey};
use ledger::{Account, BookFault, Id, Stamp, Transfer, kinds};
use std::sync::Arc;

/// A request to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Place an order, or say again what was placed.
    PlaceOrder(Box<PlaceOrder>),
    /// Close an unpaid order.
    CloseOrder {
        /// Whose.
        tenant: TenantId,
        /// Which.
        order: OrderKey,
    },
    /// Record what a channel said about an order, or about a refund of it.
    RecordFinding {
        /// Whose.
        tenant: TenantId,
        /// The order.
        order: Id<kinds::Order>,
        /// The refund, when it is about one.
        refund: Option<Id<kinds::Refund>>,
        /// The channel account that said it; another than the order's changes nothing.
        channel_account: Arc<str>,
        /// What it said.
        finding: Finding,
        /// How we know.
        call: CallRecord,
    },
    /// Keep what a channel said about something that is not ours, for the operator.
    RecordMismatch {
        /// Whose account was told.
        tenant: TenantId,
        /// What it said, and why it is about nothing of ours.
        why: String,
        /// How we know.
        call: CallRecord,
    },
    /// A task is due.
    RunTask(Task),
    /// Record an attempt to deliver a notification.
    RecordAttempt {
        /// Whose.
        tenant: TenantId,
        /// Which.
        notification: Id<kinds::Notification>,
        /// How it went.
        attempt: Attempt,
    },
    /// Send a notification again.
    ReplayNotification {
        /// Whose.
        tenant: TenantId,
        /// Which.
        notification: Id<kinds::Notification>,
    },
    /// Keep the signing keys that were fetched from a channel.
    StoreKeys {
        /// Whose account.
        tenant: TenantId,
        /// The account's name.
        channel_account: Arc<str>,
        /// The keys.
        keys: Vec<PlatformKey>,
    },
}

/// What must be loaded before deciding. What does not exist is simply absent from the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Orders, by either name.
    pub orders: Vec<(TenantId, OrderKey)>,
    /// Refunds, each together with its order.
    pub refunds: Vec<(TenantId, Id<kinds::Refund>)>,
    /// Notifications.
    pub notifications: Vec<(TenantId, Id<kinds::Notification>)>,
    /// Balances.
    pub balances: Vec<(TenantId, Account)>,
}

impl Command {
    /// Whose it is: a batch's commands of one tenant are committed together.
    pub fn tenant(&self) -> &TenantId {
        match self {
            Command::PlaceOrder(place) => &place.tenant,
            Command::CloseOrder { tenant, .. }
            | Command::RecordFinding { tenant, .. }
            | Command::RecordMismatch { tenant, .. }
            | Command::RecordAttempt { tenant, .. }
            | Command::ReplayNotification { tenant, .. }
            | Command::StoreKeys { tenant, .. } => tenant,
            Command::RunTask(task) => &task.tenant,
        }
    }

    /// Adds what it must read.
    pub fn reads(&self, reads: &mut Reads) {
        match self {
            Command::PlaceOrder(place) => {
                let key = OrderKey::MerchantOrderNo(place.merchant_order_no.clone());
                reads.orders.push((place.tenant.clone(), key));
            }
            Command::CloseOrder { tenant, order } => {
                reads.orders.push((tenant.clone(), order.clone()));
            }
            Command::RecordFinding { tenant, order, refund, finding, .. } => {
                reads.orders.push((tenant.clone(), OrderKey::Id(*order)));
                reads.refunds.extend(refund.map(|refund| (tenant.clone(), refund)));
                if refund.is_some() || matches!(finding, Finding::Paid(_)) {
                    reads.balances.push((tenant.clone(), refund::suspense(tenant)));
                }
            }
            Command::RunTask(task) => reads.task(task),
            Command::RecordAttempt { tenant, notification, .. }
            | Command::ReplayNotification { tenant, notification } => {
                reads.notifications.push((tenant.clone(), *notification));
            }
            Command::RecordMismatch { .. } | Command::StoreKeys { .. } => {}
        }
    }

    /// The word in logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Command::PlaceOrder(_) => "place_order",
            Command::CloseOrder { .. } => "close_order",
            Command::RecordFinding { .. } => "record_finding",
            Command::RecordMismatch { .. } => "record_mismatch",
            Command::RunTask(_) => "run_task",
            Command::RecordAttempt { .. } => "record_attempt",
            Command::ReplayNotification { .. } => "replay_notification",
            Command::StoreKeys { .. } => "store_keys",
        }
    }
}

impl Reads {
    fn task(&mut self, task: &Task) {
        let tenant = task.tenant.clone();
        match task.kind {
            TaskKind::Order => {
                self.orders.push((tenant, OrderKey::Id(Id::from_value(task.subject))));
            }
            TaskKind::Refund => self.refunds.push((tenant, Id::from_value(task.subject))),
            TaskKind::Notification => {
                self.notifications.push((tenant, Id::from_value(task.subject)))
            }
        }
    }
}

/// What to do once the commit stands. Should the process die first, the task committed with it is
/// due later and leads to the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Ask a channel and record what it says.
    Ask {
        /// Whose.
        tenant: TenantId,
        /// The order.
        order: Id<kinds::Order>,
        /// The refund, when it is about one.
        refund: Option<Id<kinds::Refund>>,
        /// The channel's name.
        channel: Arc<str>,
        /// The channel account.
        channel_account: Arc<str>,
        /// What to ask.
        instruction: Instruction,
    },
    /// Deliver a notification and record how it went.
    Deliver {
        /// Whose.
        tenant: TenantId,
        /// Which.
        notification: Id<kinds::Notification>,
    },
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Money that moves.
    pub transfers: Vec<Transfer>,
    /// What must happen later.
    pub tasks: Vec<TaskChange>,
    /// What to do right after the commit.
    pub work: Vec<Work>,
    /// What the caller hears.
    pub reply: Reply,
}

impl Decision {
    pub(crate) fn new(reply: Reply) -> Decision {
        Decision { events: vec![], transfers: vec![], tasks: vec![], work: vec![], reply }
    }
}

/// Why an order is not further than it is, where the caller should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAnswer {
    /// The channel did not take the request now; the same request may pass later.
    Later {
        /// The channel's code.
        code: String,
        /// The channel's words.
        text: String,
    },
    /// It is not known what the channel did.
    Unknown,
}

/// What the caller hears once the commit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The order as it stands now.
    Order {
        /// The order.
        order: Box<Order>,
        /// Why it is not further.
        answer: Option<ChannelAnswer>,
    },
    /// It is recorded.
    Done,
}

/// Why a command is refused, in order of precedence. A refused command leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The tenant has no such merchant.
    #[error("unknown merchant")]
    UnknownMerchant,
    /// The merchant has no account for this channel and scene.
    #[error("the merchant has no account at this channel for this kind of payment")]
    NoRoute,
    /// The amount is not above zero.
    #[error("amount must be above zero")]
    Amount,
    /// The expiry lies in the past.
    #[error("expiry lies in the past")]
    Expiry,
    /// There is no such order.
    #[error("no such order")]
    OrderNotFound,
    /// There is no such refund.
    #[error("no such refund")]
    RefundNotFound,
    /// There is no such notification.
    #[error("no such notification")]
    NotificationNotFound,
    /// The order exists and is final.
    #[error("the order is final")]
    OrderFinal,
    /// The order exists with other content.
    #[error("the order exists with another {field}")]
    Differs {
        /// What differs.
        field: Field,
    },
    /// Another call has the order to itself.
    #[error("another operation on the order is running")]
    CallInFlight,
    /// The order's state does not allow it.
    #[error("the order is {state}")]
    State {
        /// The state.
        state: &'static str,
    },
    /// The book does not take the movement.
    #[error(transparent)]
    Book(#[from] BookFault),
}

/// A part of an order that a repeat must not change. A dialect knows its own name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The merchant.
    Merchant,
    /// The amount.
    Amount,
    /// The currency.
    Currency,
    /// The scene.
    Scene,
    /// The channel.
    Channel,
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Field::Merchant => "merchant",
            Field::Amount => "amount",
            Field::Currency => "currency",
            Field::Scene => "scene",
            Field::Channel => "channel",
        })
    }
}

/// What a deciding function has at hand.
pub(crate) struct Deciding<'a> {
    pub(crate) view: &'a View,
    pub(crate) stamp: &'a mut Stamp,
    pub(crate) caller: &'a Caller,
}

impl Deciding<'_> {
    pub(crate) fn event(
        &mut self,
        tenant: &TenantId,
        order: Option<Id<kinds::Order>>,
        change: Change,
    ) -> Event {
        Event {
            id: self.stamp.id(),
            tenant: tenant.clone(),
            order,
            at: self.stamp.now(),
            caller: self.caller.clone(),
            change,
        }
    }

    pub(crate) fn order(&self, tenant: &TenantId, key: &OrderKey) -> Result<Order, Refusal> {
        self.view.order(tenant, key).cloned().ok_or(Refusal::OrderNotFound)
    }

    pub(crate) fn refund_with_order(
        &self,
        tenant: &TenantId,
        id: Id<kinds::Refund>,
    ) -> Result<(Order, Refund), Refusal> {
        let refund = self.view.refund(tenant, id).cloned().ok_or(Refusal::RefundNotFound)?;
        let order = self.order(tenant, &OrderKey::Id(refund.order))?;
        Ok((order, refund))
    }
}

/// Decides a command and, when it is accepted, brings the view up to date with the decision.
///
/// # Errors
/// The [`Refusal`]; then the view is as before.
pub fn decide(
    view: &mut View,
    caller: &Caller,
    command: &Command,
    stamp: &mut Stamp,
) -> Result<Decision, Refusal> {
    let mut deciding = Deciding { view, stamp, caller };
    let mut decision = match command {
        Command::PlaceOrder(place) => order::place(&mut deciding, place),
        Command::CloseOrder { tenant, order } => order::close(&mut deciding, tenant, order),
        Command::RecordFinding { tenant, order, refund, channel_account, finding, call } => {
            let key = OrderKey::Id(*order);
            let finding = &of_account(&deciding.order(tenant, &key)?, channel_account, finding);
            match refund {
                Some(id) => refund::record(&mut deciding, tenant, (*order, *id), finding, call),
                None => order::record(&mut deciding, tenant, *order, finding, call),
            }
        }
        Command::RecordMismatch { tenant, why, call } => {
            let change = Change::MismatchRecorded { why: why.clone(), call: call.clone() };
            let mut decision = Decision::new(Reply::Done);
            decision.events.push(deciding.event(tenant, None, change));
            Ok(decision)
        }
        Command::RunTask(task) => run_task(&mut deciding, task),
        Command::RecordAttempt { tenant, notification, attempt } => {
            notification::record(&mut deciding, tenant, *notification, attempt)
        }
        Command::ReplayNotification { tenant, notification } => {
            notification::replay(&mut deciding, tenant, *notification)
        }
        Command::StoreKeys { tenant, channel_account, keys } => {
            let change =
                Change::KeysStored { channel_account: channel_account.clone(), keys: keys.clone() };
            let mut decision = Decision::new(Reply::Done);
            decision.events.push(deciding.event(tenant, None, change));
            Ok(decision)
        }
    }?;
    book(view, command.tenant(), &decision.transfers)?;
    for event in &decision.events {
        evolve(view, event);
    }
    refresh(view, &mut decision.reply);
    Ok(decision)
}

/// What an account says about an order of another account is a contradiction, whatever it says.
fn of_account(order: &Order, account: &str, finding: &Finding) -> Finding {
    if *order.terms.channel_account == *account {
        return finding.clone();
    }
    let why =
        format!("account {account} said {}, want {}", finding.name(), order.terms.channel_account);
    Finding::Mismatch { why }
}

fn run_task(deciding: &mut Deciding<'_>, task: &Task) -> Result<Decision, Refusal> {
    let tenant = &task.tenant;
    match task.kind {
        TaskKind::Order => order::run_task(deciding, tenant, Id::from_value(task.subject)),
        TaskKind::Refund => refund::run_task(deciding, tenant, Id::from_value(task.subject)),
        TaskKind::Notification => {
            let id = Id::from_value(task.subject);
            let notification = deciding
                .view
                .notification(tenant, id)
                .ok_or(Refusal::NotificationNotFound)?
                .clone();
            let mut decision = Decision::new(Reply::Done);
            decision.deliver(&notification, deciding.stamp.now());
            Ok(decision)
        }
    }
}

/// Applies the transfers to the balances in view: all of them, or none and the rule that one breaks.
/// Accounts that are only credited need not be in view; the store adds to them blindly.
fn book(view: &mut View, tenant: &TenantId, transfers: &[Transfer]) -> Result<(), BookFault> {
    let mut changed = Vec::new();
    for transfer in transfers {
        let (debit, credit) = transfer.deltas()?;
        for (account, delta) in [(&transfer.debit, debit), (&transfer.credit, credit)] {
            let key = (tenant.clone(), account.clone());
            let Some(before) = view.balances.get(&key).copied() else { continue };
            match before.after(account, delta) {
                Ok(after) => {
                    view.balances.insert(key.clone(), after);
                    changed.push((key, before));
                }
                Err(fault) => {
                    for (key, before) in changed.into_iter().rev() {
                        view.balances.insert(key, before);
                    }
                    return Err(fault);
                }
            }
        }
    }
    Ok(())
}

/// The reply shows the order as the decision left it.
fn refresh(view: &View, reply: &mut Reply) {
    match reply {
        Reply::Order { order, .. } => {
            let key = OrderKey::Id(order.terms.id);
            if let Some(current) = view.order(&order.terms.tenant, &key) {
                **order = current.clone();
            }
        }
        Reply::Done => {}
    }
}
