//! What a channel's answer or callback means for an order.
//!
//! Exactly one ledger effect, in whatever order expiry, close, callback, query and repeats arrive: the
//! first payment pays the order if it can still be paid; any other payment is booked to suspense and
//! goes back. A finding that contradicts the order changes nothing and is kept for the operator.

use super::decide::{begin, begin_closing};
use super::{
    Closure, LOOK_LADDER_SECONDS, Order, OrderKey, OrderState, Paid, RETRY_LADDER_SECONDS,
};
use crate::command::{Deciding, Decision, Refusal, Reply, Said};
use crate::event::{CallRecord, Change};
use crate::merchant::TenantId;
use crate::notification::{Notification, NotificationKind, NotificationState};
use crate::refund::{self, Refund, RefundStage, rung};
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
    let said = said(finding);
    let reply = Reply::Order { order: Box::new(order.clone()), said };
    let mut decision = Decision::new(reply);
    match meaning(&order, finding, call.operation, deciding.stamp.now()) {
        Meaning::PayInfo(pay_info) => {
            let change = Change::PayInfoReceived { pay_info, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            decision.tasks.push(order.wake_at(order.next_look(deciding.stamp.now(), 0)));
        }
        Meaning::Pays(payment) => pay(deciding, &mut decision, &order, payment, call),
        Meaning::Strays(payment) => stray(deciding, &mut decision, &order, payment, call),
        Meaning::Ends(change) => {
            push(deciding, &mut decision, &order, change.with(call.clone()));
            decision.tasks.push(TaskChange { task: order.task(), due: None });
        }
        Meaning::Contradicts(why) => {
            let change = Change::FindingKept { why, call: call.clone() };
            push(deciding, &mut decision, &order, change);
            look_again(&mut decision, &order, finding, deciding.stamp.now());
        }
        Meaning::Asks => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            begin(deciding, &mut decision, &order, order.query_instruction());
        }
        Meaning::Closes => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            begin_closing(deciding, &mut decision, &order, Closure::Refused);
        }
        Meaning::Nothing => {
            push(deciding, &mut decision, &order, Change::CallEnded { call: call.clone() });
            look_again(&mut decision, &order, finding, deciding.stamp.now());
        }
    }
    Ok(decision)
}

/// What a finding means for the order in its present state.
enum Meaning<'a> {
    /// The payer can pay now.
    PayInfo(channel::PayInfo),
    /// The order is paid by this.
    Pays(&'a Payment),
    /// Money that the order cannot take.
    Strays(&'a Payment),
    /// The order will not be paid.
    Ends(End),
    /// It contradicts the order.
    Contradicts(String),
    /// The channel must be asked what became of the order.
    Asks,
    /// It will not be placed, and an earlier try may stand at the channel.
    Closes,
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

fn meaning<'a>(
    order: &Order,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Meaning<'a> {
    match finding {
        Finding::Paid(payment) => paid(order, payment),
        Finding::Mismatch { why } => Meaning::Contradicts(why.clone()),
        Finding::Refund(_) | Finding::Keys(_) => {
            Meaning::Contradicts(format!("{} is no answer about an order", finding.name()))
        }
        Finding::Unknown { .. } | Finding::Later { .. } | Finding::Pending => Meaning::Nothing,
        Finding::Placed(pay_info) => match order.state {
            OrderState::Init | OrderState::Paying(_) => Meaning::PayInfo(pay_info.clone()),
            OrderState::Closing(_)
            | OrderState::Paid(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Meaning::Nothing,
        },
        Finding::Ask { .. } if order.state.is_final() => Meaning::Nothing,
        Finding::Ask { .. } => Meaning::Asks,
        Finding::Closed => end(order, now, "closed at the channel"),
        Finding::Failed { code, text } => end(order, now, &format!("{code}: {text}")),
        Finding::NotFound => match order.state {
            OrderState::Closing(_) => end(order, now, "unknown at the channel"),
            OrderState::Init
            | OrderState::Paying(_)
            | OrderState::Paid(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Meaning::Nothing,
        },
        Finding::Refused { code, text } => match (&order.state, asked) {
            (OrderState::Init, Some(Operation::Place)) if order.looks > 0 => Meaning::Closes,
            (OrderState::Init, Some(Operation::Place)) => {
                Meaning::Ends(End::Failed(format!("{code}: {text}")))
            }
            (
                OrderState::Init
                | OrderState::Paying(_)
                | OrderState::Closing(_)
                | OrderState::Paid(_)
                | OrderState::Failed { .. }
                | OrderState::Closed { .. },
                _,
            ) => Meaning::Nothing,
        },
    }
}

/// A payment: the number, amount and currency must be the order's.
fn paid<'a>(order: &Order, payment: &'a Payment) -> Meaning<'a> {
    let terms = &order.terms;
    let expected = (order.number(), terms.amount, terms.currency);
    let found = (payment.number.clone(), payment.amount, payment.currency);
    if expected != found {
        return Meaning::Contradicts(format!(
            "paid {} {} for {}, want {} {} for {}",
            found.1,
            found.2.code(),
            found.0,
            expected.1,
            expected.2.code(),
            expected.0
        ));
    }
    let known_stray =
        order.strays.iter().any(|stray| stray.channel_reference == payment.channel_reference);
    match &order.state {
        OrderState::Paid(paid) if paid.channel_reference == payment.channel_reference => {
            Meaning::Nothing
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            if known_stray {
                Meaning::Nothing
            } else {
                Meaning::Strays(payment)
            }
        }
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => Meaning::Pays(payment),
    }
}

/// The channel says that no money will come.
fn end<'a>(order: &Order, now: Timestamp, why: &str) -> Meaning<'a> {
    match &order.state {
        OrderState::Closing(Closure::Asked) => Meaning::Ends(End::Closed),
        OrderState::Closing(Closure::Expired) => Meaning::Ends(End::Failed("expired".to_owned())),
        OrderState::Closing(Closure::Refused) => {
            Meaning::Ends(End::Failed("refused by the channel".to_owned()))
        }
        OrderState::Init | OrderState::Paying(_) => {
            let reason = if order.is_overdue(now) { "expired" } else { why };
            Meaning::Ends(End::Failed(reason.to_owned()))
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Meaning::Nothing
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
        channel_reference: payment.channel_reference.clone(),
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
            rung: 0,
        };
        decision.deliver(&notification, deciding.stamp.now());
        push(deciding, decision, order, Change::NotificationQueued(Box::new(notification)));
    }
}

/// Books money that the order cannot take and sends it back, in one decision.
fn stray(
    deciding: &mut Deciding<'_>,
    decision: &mut Decision,
    order: &Order,
    payment: &Payment,
    call: &CallRecord,
) {
    let terms = &order.terms;
    let suspense = refund::suspense(&terms.tenant);
    decision.transfers.push(incoming(deciding, order, suspense, Reason::StrayPayment));
    let hold = refund::transfer_back(deciding, order, payment.amount, Phase::Hold);
    decision.transfers.push(hold);
    let refund = Refund {
        tenant: terms.tenant.clone(),
        id: deciding.stamp.id(),
        order: terms.id,
        channel_reference: payment.channel_reference.clone(),
        amount: payment.amount,
        made_at: deciding.stamp.now(),
        version: 1,
        stage: RefundStage::Asking,
        looks: 0,
    };
    let due = Some(deciding.stamp.now().plus_ms(super::BUSY_MS));
    decision.tasks.push(TaskChange { task: refund.task(), due });
    decision.work.push(refund::work(order, &refund, refund::asking(order, &refund)));
    let change = Change::StrayReceived { refund: Box::new(refund), call: call.clone() };
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
/// ladder of looks, and never later than its expiry.
fn look_again(decision: &mut Decision, order: &Order, finding: &Finding, now: Timestamp) {
    if order.state.is_final() {
        return;
    }
    let unsettled = matches!(order.state, OrderState::Init | OrderState::Closing(_))
        || matches!(finding, Finding::Unknown { .. });
    let due = if unsettled {
        now.plus_seconds(rung(&RETRY_LADDER_SECONDS, order.looks))
    } else {
        order.next_look(now, order.looks)
    };
    decision.tasks.push(order.wake_at(due));
}

impl Order {
    fn next_look(&self, now: Timestamp, looks: u32) -> Timestamp {
        let look = now.plus_seconds(rung(&LOOK_LADDER_SECONDS, looks));
        if now < self.terms.expires_at { look.min(self.terms.expires_at) } else { now }
    }
}

fn said(finding: &Finding) -> Option<Said> {
    match finding {
        Finding::Later { code, text } | Finding::Refused { code, text } => {
            Some(Said::Later { code: code.clone(), text: text.clone() })
        }
        Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Ask { .. }
        | Finding::Refund(_)
        | Finding::Keys(_) => Some(Said::Unknown),
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Failed { .. }
        | Finding::NotFound => None,
    }
}
