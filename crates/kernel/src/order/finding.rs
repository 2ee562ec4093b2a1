//! What a channel's answer or callback means for an order.
//!
//! Exactly one ledger effect, in whatever order expiry, close, callback, query and repeats arrive: the
//! first payment pays the order if it can still be paid; any other payment is booked to suspense and
//! goes back. A finding that contradicts the order changes nothing and is kept for the operator.

use super::decide::{begin, begin_closing};
use super::{
    Closure, Order, OrderKey, OrderState, POLL_SCHEDULE_SECONDS, Paid, RETRY_SCHEDULE_SECONDS,
};
use crate::command::{ChannelAnswer, Deciding, Decision, Refusal, Reply};
use crate::event::{CallRecord, Change};
use crate::merchant::TenantId;
use crate::notification::{Notification, NotificationKind, NotificationState};
use crate::refund::{self, Refund, RefundState, scheduled_seconds};
use crate::task::TaskChange;
use channel::{Finding, Operation, Payment};
use ledger::{Account, AccountKind, Id, Phase, Reason, Timestamp, Transfer, kinds};

/// Records a finding about an order.
pub(crate) fn record(
    deciding: &mut Deciding<'_>,
    tenant: &TenantId,
    id: Id<kinds::Order>,
    finding: &Finding,
    call: &CallRecord,
) -> Result<Decision, Refusal> {
    let order = deciding.order(tenant, &OrderKey::Id(id))?;
    let answer = channel_answer(finding);
    let reply = Reply::Order { order: Box::new(order.clone()), answer };
    let mut decision = Decision::new(reply);
    match transition(&order, finding, call.operation, deciding.stamp.now()) {
        Transition::PayInfo(pay_info) => {
            let change = Change::PayInfoReceived { pay_info, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            decision.tasks.push(order.wake_at(order.next_poll(deciding.stamp.now(), 0)));
        }
        Transition::Pays(payment) => pay(deciding, &mut decision, &order, payment, call),
        Transition::Unapplied(payment) => unapplied(deciding, &mut decision, &order, payment, call),
        Transition::Ends(change) => {
            push(deciding, &mut decision, &order, change.with(call.clone()));
            decision.tasks.push(TaskChange { task: order.task(), due: None });
        }
        Transition::Contradicts(why) => {
            let change = Change::MismatchRecorded { why, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            poll_again(&mut decision, &order, finding, deciding.stamp.now());
        }
        Transition::Query => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            begin(deciding, &mut decision, &order, order.query_instruction());
        }
        Transition::Close => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            begin_closing(deciding, &mut decision, &order, Closure::Refused);
        }
        Transition::Nothing => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            poll_again(&mut decision, &order, finding, deciding.stamp.now());
        }
    }
    Ok(decision)
}

/// What a finding means for the order in its present state.
enum Transition<'a> {
    /// The payer can pay now.
    PayInfo(channel::PayInfo),
    /// The order is paid by this.
    Pays(&'a Payment),
    /// Money that the order cannot take.
    Unapplied(&'a Payment),
    /// The order will not be paid.
    Ends(End),
    /// It contradicts the order.
    Contradicts(String),
    /// The channel must be asked what became of the order.
    Query,
    /// It will not be placed, and an earlier try may stand at the channel.
    Close,
    /// Nothing new.
    Nothing,
}

/// How an order ends unpaid.
enum End {
    Closed,
    Failed(String),
}

impl End {
    fn with(self, call: CallRecord) -> Change {
        match self {
            End::Closed => Change::OrderClosed { call },
            End::Failed(reason) => Change::OrderFailed { reason, call },
        }
    }
}

fn transition<'a>(
    order: &Order,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Transition<'a> {
    match finding {
        Finding::Paid(payment) => paid(order, payment),
        Finding::Mismatch { why } => Transition::Contradicts(why.clone()),
        Finding::Refund(_) | Finding::Keys(_) => {
            Transition::Contradicts(format!("{} is no answer about an order", finding.name()))
        }
        Finding::Unknown { .. } | Finding::Later { .. } | Finding::Pending => Transition::Nothing,
        Finding::Placed(pay_info) => match order.state {
            OrderState::Init | OrderState::Paying(_) => Transition::PayInfo(pay_info.clone()),
            OrderState::Closing(_)
            | OrderState::Paid(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Transition::Nothing,
        },
        Finding::Ask { .. } if order.state.is_final() => Transition::Nothing,
        Finding::Ask { .. } => Transition::Query,
        Finding::Closed => end(order, now, "closed at the channel"),
        Finding::Failed { code, text } => end(order, now, &format!("{code}: {text}")),
        Finding::NotFound => match order.state {
            OrderState::Closing(_) => end(order, now, "unknown at the channel"),
            OrderState::Init
            | OrderState::Paying(_)
            | OrderState::Paid(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Transition::Nothing,
        },
        Finding::Refused { code, text } => match (&order.state, asked) {
            (OrderState::Init, Some(Operation::Place)) if order.polls > 0 => Transition::Close,
            (OrderState::Init, Some(Operation::Place)) => {
                Transition::Ends(End::Failed(format!("{code}: {text}")))
            }
            (
                OrderState::Init
                | OrderState::Paying(_)
                | OrderState::Closing(_)
                | OrderState::Paid(_)
                | OrderState::Failed { .. }
                | OrderState::Closed { .. },
                _,
            ) => Transition::Nothing,
        },
    }
}

/// A payment: the number, amount and currency must be the order's.
fn paid<'a>(order: &Order, payment: &'a Payment) -> Transition<'a> {
    let terms = &order.terms;
    let expected = (order.channel_order_no(), terms.amount, terms.currency);
    let found = (payment.channel_order_no.clone(), payment.amount, payment.currency);
    if expected != found {
        return Transition::Contradicts(format!(
            "paid {} {} for {}, want {} {} for {}",
            found.1,
            found.2.code(),
            found.0,
            expected.1,
            expected.2.code(),
            expected.0
        ));
    }
    let known_unapplied = order
        .unapplied
        .iter()
        .any(|unapplied| unapplied.payment_reference == payment.payment_reference);
    match &order.state {
        OrderState::Paid(paid) if paid.payment_reference == payment.payment_reference => {
            Transition::Nothing
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            if known_unapplied {
                Transition::Nothing
            } else {
                Transition::Unapplied(payment)
            }
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
            Transition::Pays(payment)
        }
    }
}

/// The channel says that no money will come.
fn end<'a>(order: &Order, now: Timestamp, why: &str) -> Transition<'a> {
    match &order.state {
        OrderState::Closing(Closure::Asked) => Transition::Ends(End::Closed),
        OrderState::Closing(Closure::Expired) => {
            Transition::Ends(End::Failed("expired".to_owned()))
        }
        OrderState::Closing(Closure::Refused) => {
            Transition::Ends(End::Failed("refused by the channel".to_owned()))
        }
        OrderState::Init | OrderState::Paying(_) => {
            let reason = if order.is_overdue(now) { "expired" } else { why };
            Transition::Ends(End::Failed(reason.to_owned()))
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Transition::Nothing
        }
    }
}

/// Takes the payment: state, ledger and notification in one decision.
fn pay(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    payment: &Payment,
    call: &CallRecord,
) {
    let terms = &order.terms;
    let paid = Paid {
        at: payment.at,
        payment_reference: payment.payment_reference.clone(),
        payer_amount: payment.payer_amount.unwrap_or(terms.amount),
    };
    push(deciding, decision, order, Change::OrderPaid { paid, call: call.clone() });
    let merchant = Account::new(AccountKind::MerchantPending, terms.merchant.as_str());
    decision.transfers.push(incoming(deciding, order, merchant, Reason::Payment));
    decision.tasks.push(TaskChange { task: order.task(), due: None });
    if let Some(url) = &terms.notify_url {
        let notification = Notification {
            tenant: terms.tenant.clone(),
            id: deciding.stamp.id(),
            order: terms.id,
            kind: NotificationKind::Pay,
            url: url.clone(),
            made_at: deciding.stamp.now(),
            version: 1,
            state: NotificationState::Due,
            attempts: 0,
            step: 0,
        };
        decision.deliver(&notification, deciding.stamp.now());
        push(deciding, decision, order, Change::NotificationQueued(Box::new(notification)));
    }
}

/// Books money that the order cannot take and sends it back, in one decision.
fn unapplied(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    payment: &Payment,
    call: &CallRecord,
) {
    let terms = &order.terms;
    let suspense = refund::suspense(&terms.tenant);
    decision.transfers.push(incoming(deciding, order, suspense, Reason::UnappliedPayment));
    let hold = refund::transfer_back(deciding, order, payment.amount, Phase::Hold);
    decision.transfers.push(hold);
    let refund = Refund {
        tenant: terms.tenant.clone(),
        id: deciding.stamp.id(),
        order: terms.id,
        payment_reference: payment.payment_reference.clone(),
        amount: payment.amount,
        made_at: deciding.stamp.now(),
        version: 1,
        state: RefundState::Requesting,
        polls: 0,
    };
    let due = Some(deciding.stamp.now().plus_ms(super::CALL_MAX_MS));
    decision.tasks.push(TaskChange { task: refund.task(), due });
    decision.work.push(refund::work(order, &refund, refund::requesting(order, &refund)));
    let change = Change::UnappliedReceived { refund: Box::new(refund), call: call.clone() };
    push(deciding, decision, order, change);
}

/// The transfer of the order's amount from the channel to an account.
fn incoming(
    deciding: &mut Deciding<'_>,
    order: &Order,
    credit: Account,
    reason: Reason,
) -> Transfer {
    Transfer {
        id: deciding.stamp.id(),
        phase: Phase::Post,
        debit: refund::funds(order),
        credit,
        amount: order.terms.amount,
        reason,
        order: order.terms.id,
        at: deciding.stamp.now(),
    }
}

fn push(deciding: &mut Deciding<'_>, decision: &mut Decision, order: &Order, change: Change) {
    let event = deciding.event(&order.terms.tenant, Some(order.terms.id), change);
    decision.events.push(event);
}

/// Sets when the order is looked at next: soon when we do not know what the channel did, else on the
/// poll schedule, and never later than its expiry.
fn poll_again(decision: &mut Decision, order: &Order, finding: &Finding, now: Timestamp) {
    if order.state.is_final() {
        return;
    }
    let unsettled = matches!(order.state, OrderState::Init | OrderState::Closing(_))
        || matches!(finding, Finding::Unknown { .. });
    let due = if unsettled {
        now.plus_seconds(scheduled_seconds(&RETRY_SCHEDULE_SECONDS, order.polls))
    } else {
        order.next_poll(now, order.polls)
    };
    decision.tasks.push(order.wake_at(due));
}

impl Order {
    fn next_poll(&self, now: Timestamp, polls: u32) -> Timestamp {
        let poll = now.plus_seconds(scheduled_seconds(&POLL_SCHEDULE_SECONDS, polls));
        if now < self.terms.expires_at { poll.min(self.terms.expires_at) } else { now }
    }
}

fn channel_answer(finding: &Finding) -> Option<ChannelAnswer> {
    match finding {
        Finding::Later { code, text } | Finding::Refused { code, text } => {
            Some(ChannelAnswer::Later { code: code.clone(), text: text.clone() })
        }
        Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Ask { .. }
        | Finding::Refund(_)
        | Finding::Keys(_) => Some(ChannelAnswer::Unknown),
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Failed { .. }
        | Finding::NotFound => None,
    }
}
