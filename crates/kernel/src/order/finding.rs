//! What a channel's answer or callback means for an order.
//!
//! Exactly one ledger effect, in any order of expiry, close, callback, query and repeats: the
//! first payment pays the order if it can still be paid; any other payment is booked to suspense and
//! goes back. A finding that contradicts the order changes nothing and is recorded for the operator.

use super::decide::{begin, begin_closing};
use super::{
    Closure, Order, OrderChange, OrderState, Paid, RETRY_SCHEDULE_SECONDS, UnappliedPayment,
};
use crate::command::ChannelAnswer;
use crate::deciding::{Deciding, Movement};
use crate::notification::{self, NotificationKind};
use crate::refund;
use crate::schedule;
use channel::{Finding, Operation, PayInfo, Payment};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Timestamp};

/// Records a finding about an order.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    order: &Order,
    channel_account: &str,
    finding: &Finding,
) {
    let now = deciding.now();
    match transition(order, channel_account, finding, deciding.asked(), now) {
        Transition::PayInfo(pay_info) => {
            deciding.record(order, OrderChange::PayInfoReceived(pay_info.clone().into()));
        }
        Transition::Pays(payment) => pay(deciding, order, payment),
        Transition::Unapplied(payment) => take_unapplied(deciding, order, payment),
        Transition::Closed => deciding.record(order, OrderChange::Closed),
        Transition::Failed(reason) => deciding.record(order, OrderChange::Failed { reason }),
        Transition::Contradicts(why) => {
            let next_poll_at = poll_again(order, finding, now);
            deciding.record(order, OrderChange::MismatchRecorded { why, next_poll_at });
        }
        Transition::Query => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            begin(deciding, order, order.query_instruction());
        }
        Transition::Close => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            begin_closing(deciding, order, Closure::Refused);
        }
        Transition::Nothing => {
            let next_poll_at = poll_again(order, finding, now);
            deciding.record(order, OrderChange::CallEnded { next_poll_at });
        }
    }
}

/// What a finding does to the order in its present state.
enum Transition<'a> {
    /// The payer can pay now.
    PayInfo(&'a PayInfo),
    /// The order is paid by this.
    Pays(&'a Payment),
    /// Money that the order cannot take.
    Unapplied(&'a Payment),
    /// The order is closed, at the merchant's request.
    Closed,
    /// The order will not be paid.
    Failed(String),
    /// It contradicts the order.
    Contradicts(String),
    /// The channel must be queried.
    Query,
    /// It will not be placed, and an earlier try may stand at the channel.
    Close,
    /// Nothing new.
    Nothing,
}

fn transition<'a>(
    order: &Order,
    channel_account: &str,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Transition<'a> {
    // A finding from an account other than the order's is a mismatch; its content does not matter.
    if *order.terms.channel_account != *channel_account {
        let (found, expected) = (finding.name(), &order.terms.channel_account);
        let payment = match finding {
            Finding::Paid(payment) => {
                format!(", {} as {}", payment.amount, payment.payment_reference)
            }
            _ => String::new(),
        };
        return Transition::Contradicts(format!(
            "channel account {channel_account} reported {found}{payment}, want {expected}"
        ));
    }
    match finding {
        Finding::Paid(payment) => paid(order, payment),
        Finding::Mismatch { why } => Transition::Contradicts(why.clone()),
        Finding::Refund(_) | Finding::Keys(_) | Finding::BillFile(_) | Finding::Bill(_) => {
            Transition::Contradicts(format!("{} is not an answer about an order", finding.name()))
        }
        Finding::Unknown { .. } | Finding::Later { .. } | Finding::Pending => Transition::Nothing,
        Finding::Placed(pay_info) => match order.state {
            OrderState::Init | OrderState::Paying(_) => Transition::PayInfo(pay_info),
            // The answer to an earlier placing: the order is being closed or has ended since.
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
            // Before it is closed, an order that the channel does not know may still arrive there.
            OrderState::Init
            | OrderState::Paying(_)
            | OrderState::Paid(_)
            | OrderState::Failed { .. }
            | OrderState::Closed { .. } => Transition::Nothing,
        },
        Finding::Refused { code, text } => match (&order.state, asked) {
            // An earlier call never reported back: its order may stand at the channel and be payable.
            (OrderState::Init, Some(Operation::Place)) if order.polls > 0 => Transition::Close,
            (OrderState::Init, Some(Operation::Place)) => {
                Transition::Failed(format!("{code}: {text}"))
            }
            // The refusal of a query or a close is about that call, not about the order.
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
    let (terms, request) = (&order.terms, &order.terms.request);
    let expected = (&terms.channel_order_no, request.amount, request.currency);
    let found = (&payment.channel_order_no, payment.amount, payment.currency);
    if expected != found {
        return Transition::Contradicts(format!(
            "paid {} {} for {} as {}, want {} {} for {}",
            found.1,
            found.2.code(),
            found.0,
            payment.payment_reference,
            expected.1,
            expected.2.code(),
            expected.0
        ));
    }
    match &order.state {
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
            Transition::Pays(payment)
        }
        OrderState::Paid(paid) if paid.payment_reference == payment.payment_reference => {
            Transition::Nothing
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            let is_known =
                |known: &UnappliedPayment| known.payment_reference == payment.payment_reference;
            match order.unapplied.iter().any(is_known) {
                true => Transition::Nothing,
                false => Transition::Unapplied(payment),
            }
        }
    }
}

/// The channel reports that no money will come.
fn end<'a>(order: &Order, now: Timestamp, why: &str) -> Transition<'a> {
    match &order.state {
        OrderState::Closing(Closure::Asked) => Transition::Closed,
        OrderState::Closing(Closure::Expired) => Transition::Failed("expired".to_owned()),
        OrderState::Closing(Closure::Refused) => {
            Transition::Failed("refused by the channel".to_owned())
        }
        OrderState::Init | OrderState::Paying(_) => {
            let reason = if order.is_overdue(now) { "expired" } else { why };
            Transition::Failed(reason.to_owned())
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Transition::Nothing
        }
    }
}

/// Takes the payment: state, ledger and notification in one decision.
fn pay(deciding: &mut Deciding<'_>, order: &Order, payment: &Payment) {
    let request = &order.terms.request;
    let paid = Paid {
        at: payment.at,
        payment_reference: payment.payment_reference.clone(),
        payer_amount: payment.payer_amount.unwrap_or(request.amount),
    };
    deciding.record(order, OrderChange::Paid(paid));
    let merchant = Account::new(AccountKind::MerchantPending, request.merchant.as_str());
    deciding.transfer(order, incoming(order, request.amount, merchant, Reason::Payment));
    if let Some(url) = &request.notify_url {
        notification::queue(deciding, order, NotificationKind::Pay, url);
    }
}

/// Books money that the order cannot take and sends it back, in one decision.
fn take_unapplied(deciding: &mut Deciding<'_>, order: &Order, payment: &Payment) {
    let refund = refund::of_unapplied(deciding, order, payment);
    deciding.record(
        order,
        OrderChange::UnappliedReceived(UnappliedPayment {
            payment_reference: payment.payment_reference.clone(),
            amount: payment.amount,
            refund: refund.id,
        }),
    );
    let suspense = refund::suspense(&order.terms.tenant);
    let reason = Reason::UnappliedPayment;
    deciding.transfer(order, incoming(order, payment.amount, suspense, reason));
    refund::open(deciding, &refund);
}

/// Money from the channel to an account.
fn incoming(order: &Order, amount: Fen, credit: Account, reason: Reason) -> Movement {
    let debit = refund::funds(&order.terms.channel_account);
    Movement { phase: Phase::Post, debit, credit, amount, reason }
}

/// When the order is polled next: soon when we do not know what the channel did, else on the schedule
/// of polls, and never later than its expiry. `None` for a final order.
fn poll_again(order: &Order, finding: &Finding, now: Timestamp) -> Option<Timestamp> {
    order.next_poll_at?;
    let is_unsettled = matches!(order.state, OrderState::Init | OrderState::Closing(_))
        || matches!(finding, Finding::Unknown { .. });
    Some(match is_unsettled {
        true => schedule::due(now, &RETRY_SCHEDULE_SECONDS, order.polls),
        false => order.next_poll(now, order.polls),
    })
}

/// What the caller should know about an answer that did not bring the order further.
pub(super) fn channel_answer(finding: &Finding) -> Option<ChannelAnswer> {
    match finding {
        Finding::Later { code, text } | Finding::Refused { code, text } => {
            Some(ChannelAnswer::Later { code: code.clone(), text: text.clone() })
        }
        Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Ask { .. }
        | Finding::Refund(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_) => Some(ChannelAnswer::Unknown),
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Failed { .. }
        | Finding::NotFound => None,
    }
}
