//! What a channel's answer or callback means for an order.
//!
//! Exactly one ledger effect, in any order of expiry, close, callback, query and repeats: the
//! first payment pays the order if it can still be paid; any other payment is booked to suspense and
//! goes back. A finding that contradicts the order changes nothing and is recorded for the operator.
//!
//! A negative answer has weight only in context: "not found" ends an order only while the channel has
//! never confirmed it, and a refusal of the channel account says nothing about the order.

use super::by_code;
use super::debit;
use super::decide::{begin, begin_closing};
use super::freeze;
use super::polls::{FINAL_POLLS_MAX, cannot_close, is_known, poll_again, poll_contradicted};
use super::{
    Closure, ContestedPayment, Order, OrderChange, OrderFunds, OrderState, Paid, UnappliedOutcome,
    UnappliedPayment,
};
use crate::aggregate::About;
use crate::allocation;
use crate::command::ChannelAnswer;
use crate::coupons::{coupon_amount, coupons, is_part};
use crate::deciding::{Deciding, Movement};
use crate::notification::{self, NotificationKind, Notified};
use crate::recharge;
use crate::refund;
use crate::share;
use crate::standing::AttentionKind;
use crate::wallet_payment;
use channel::{Finding, Operation, PayInfo, Payment, Unproven};
use ledger::{Account, AccountKind, Fen, Phase, Reason, Timestamp, kinds};

/// Records a finding about an order.
pub(super) fn record(
    deciding: &mut Deciding<'_>,
    order: &Order,
    about: &About<'_, kinds::Order>,
    finding: &Finding,
) {
    let (now, asked) = (deciding.now(), deciding.asked());
    let poll = |finding| poll_again(order, finding, asked, now);
    match transition(order, about, finding, asked, now) {
        Transition::PayInfo(pay_info) => {
            deciding.record(order, OrderChange::PayInfoReceived(pay_info.clone().into()));
        }
        Transition::Pays(payment) => take(deciding, order, payment),
        Transition::Unapplied(payment) => give_back(deciding, order, Taken::of(payment)),
        Transition::Closed => end_unpaid(deciding, order, OrderChange::Closed),
        Transition::Failed(reason) => {
            end_unpaid(deciding, order, OrderChange::Failed { reason });
        }
        Transition::Pending
            if debit::is_uncancellable(order) && cannot_close(order, asked, now) =>
        {
            close_refused(deciding, order, finding);
        }
        Transition::Pending => {
            let next_poll_at = poll(finding);
            deciding.record(
                order,
                match needs_confirmation(order) {
                    true => OrderChange::Confirmed { next_poll_at },
                    false => OrderChange::CallEnded { next_poll_at },
                },
            );
        }
        // What is known already is counted as a poll and raises nothing anew.
        Transition::Contradicts(why) if is_known(order, &why) => {
            let next_poll_at = poll_contradicted(order, now);
            deciding.record(order, OrderChange::CallEnded { next_poll_at });
        }
        Transition::Contradicts(why) => {
            let next_poll_at = poll_contradicted(order, now);
            deciding.record(order, OrderChange::MismatchRecorded { why, next_poll_at });
        }
        Transition::Contested(payment, why) => {
            let next_poll_at = poll_contradicted(order, now);
            deciding.record(order, OrderChange::PaymentContested { payment, why, next_poll_at });
        }
        Transition::Query => {
            deciding.record(
                order,
                match order.state.is_final() {
                    // Its polls after the end may be used up: what is reported now is not forgotten after
                    // one query that stays unclear.
                    true => OrderChange::PollRequested,
                    false => OrderChange::CallEnded { next_poll_at: None },
                },
            );
            begin(deciding, order, order.query_instruction());
        }
        Transition::PlaceAgain => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            match debit::blocked(deciding, order) {
                // The payer or the merchant ended the agreement meanwhile: nothing is debited any more.
                Some(reason) => begin_closing(deciding, order, Closure::Refused { reason }),
                None => begin(deciding, order, order.place_instruction()),
            }
        }
        Transition::Close(reason) => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            begin_closing(deciding, order, Closure::Refused { reason });
        }
        Transition::QueryBeforeClosing(reason) => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            deciding.record(order, OrderChange::Closing(Closure::Refused { reason }));
            begin(deciding, order, order.query_instruction());
        }
        Transition::CloseAgain => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            let closing = match debit::is_cancellable(order) {
                true => order.cancel_instruction(),
                false => order.close_instruction(),
            };
            begin(deciding, order, closing);
        }
        Transition::Cancel => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: None });
            begin(deciding, order, order.cancel_instruction());
        }
        Transition::CancelAnswered => by_code::cancel_answered(deciding, order),
        Transition::Reversed(payment) => {
            by_code::book_reversed(deciding, order, payment);
            match end(order, now, "reversed at the channel") {
                _ if asked == Some(Operation::Cancel) && !order.state.is_final() => {
                    by_code::cancel_answered(deciding, order);
                }
                Transition::Closed => end_unpaid(deciding, order, OrderChange::Closed),
                Transition::Failed(reason) => {
                    end_unpaid(deciding, order, OrderChange::Failed { reason });
                }
                _ => deciding.record(order, OrderChange::CallEnded { next_poll_at: poll(finding) }),
            }
        }
        Transition::Nothing if cannot_close(order, asked, now) => {
            close_refused(deciding, order, finding);
        }
        Transition::Nothing => {
            deciding.record(order, OrderChange::CallEnded { next_poll_at: poll(finding) });
        }
    }
}

/// The channel has not closed the order for too long: a person is needed.
fn close_refused(deciding: &mut Deciding<'_>, order: &Order, finding: &Finding) {
    let why = format!("the channel does not close the order: {}", finding.describe());
    let next_poll_at = poll_contradicted(order, deciding.now());
    deciding.record(order, OrderChange::CloseRefused { why, next_poll_at });
}

/// Takes a payment, unless what it is for cannot be used any more, or the wallet that it comes from has
/// too little.
fn take(deciding: &mut Deciding<'_>, order: &Order, payment: &Payment) {
    if let Some(reason) = recharge::obsolete(deciding, order) {
        give_back(deciding, order, Taken::of(payment));
        return end_unpaid(deciding, order, OrderChange::Failed { reason: reason.to_owned() });
    }
    match wallet_payment::take(deciding, order, payment.amount) {
        Ok(()) => pay(deciding, order, Taken::of(payment)),
        Err(shortage) => {
            let reason = shortage.to_string();
            end_unpaid(deciding, order, OrderChange::Failed { reason });
        }
    }
}

/// Ends an order without a payment; what it had reserved is put back.
pub(super) fn end_unpaid(deciding: &mut Deciding<'_>, order: &Order, end: OrderChange) {
    deciding.record(order, end);
    recharge::release(deciding, order);
    debit::ended(deciding, order, false);
}

/// True when "it stands there, unpaid" is news about the order.
fn needs_confirmation(order: &Order) -> bool {
    let is_contradicted = order.attention.as_ref().is_some_and(|attention| {
        attention.kind == AttentionKind::Contradiction && order.contested.is_none()
    });
    !order.state.is_final() && (!order.is_confirmed || is_contradicted)
}

/// What a finding does to the order in its present state.
pub(super) enum Transition<'a> {
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
    /// The order stands at the channel, unpaid.
    Pending,
    /// It contradicts the order.
    Contradicts(String),
    /// A payment that contradicts the order, and how.
    Contested(ContestedPayment, String),
    /// The channel must be queried.
    Query,
    /// The channel does not know it: it is placed again, under its number.
    PlaceAgain,
    /// It will not be placed, for this reason, and an earlier try may stand at the channel.
    Close(String),
    /// The same, and that it will not be placed is not proven: it is queried first.
    QueryBeforeClosing(String),
    /// It has ended here and can still be paid at the channel.
    CloseAgain,
    /// Its outcome is in doubt: it is cancelled.
    Cancel,
    /// The channel has answered a cancel.
    CancelAnswered,
    /// A payment that came, and that a cancel gave back.
    Reversed(&'a Payment),
    /// Nothing new.
    Nothing,
}

fn transition<'a>(
    order: &Order,
    about: &About<'_, kinds::Order>,
    finding: &'a Finding,
    asked: Option<Operation>,
    now: Timestamp,
) -> Transition<'a> {
    // A finding from an account other than the order's is a mismatch; its content does not matter.
    if let Some(why) = order.terms.differs_from(about, finding) {
        return Transition::Contradicts(why);
    }
    if debit::is_debit(order)
        && let Some(found) = debit::transition(order, finding, asked, now)
    {
        return found;
    }
    if debit::is_cancellable(order)
        && let Some(found) = by_code::transition(order, finding, asked, now)
    {
        return found;
    }
    match finding {
        Finding::Paid(payment) => paid(order, payment),
        Finding::Contested { payment, why } => contests(order, payment, why),
        Finding::Mismatch { why } => Transition::Contradicts(why.clone()),
        Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Refund(_)
        | Finding::Agreement(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::ShareReturn(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_) => {
            Transition::Contradicts(format!("{} is not an answer about an order", finding.name()))
        }
        Finding::Unknown { .. }
        | Finding::Later { .. }
        | Finding::AccountFault { .. }
        | Finding::Unfunded { .. } => Transition::Nothing,
        Finding::Unproven(Unproven::Refused { code, text }) => {
            refused_without_proof(order, asked, code, text)
        }
        Finding::Unproven(Unproven::NotFound { .. }) => not_found(order, now, Proof::Unsigned),
        Finding::Unproven(Unproven::UnknownKey { .. } | Unproven::Clock { .. }) => {
            Transition::Nothing
        }
        Finding::Pending => match order.state {
            OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
                Transition::Pending
            }
            OrderState::Failed { .. } | OrderState::Closed { .. } => close_again(order, asked),
            OrderState::Paid(_) => Transition::Nothing,
        },
        Finding::Placed(pay_info) => match order.state {
            OrderState::Init | OrderState::Paying(_) => Transition::PayInfo(pay_info),
            // The answer to an earlier placing: the order is being closed since.
            OrderState::Closing(_) => Transition::Pending,
            OrderState::Failed { .. } | OrderState::Closed { .. } => close_again(order, asked),
            OrderState::Paid(_) => Transition::Nothing,
        },
        Finding::Ask { .. } if order.state.is_final() => Transition::Nothing,
        Finding::Ask { .. } => Transition::Query,
        Finding::Closed => end(order, now, "closed at the channel"),
        Finding::Failed { code, text } => end(order, now, &format!("{code}: {text}")),
        Finding::NotFound => not_found(order, now, Proof::Signed),
        Finding::Refused { code, text } => match (&order.state, asked) {
            (OrderState::Init, Some(Operation::Place)) if is_first_finding(order) => {
                Transition::Failed(format!("{code}: {text}"))
            }
            (OrderState::Init, Some(Operation::Place)) => {
                Transition::Close(format!("{code}: {text}"))
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

/// True for the answer to the first call, if nothing came before it. Else an earlier call may not have
/// reported back, and its order may stand at the channel and be payable.
const fn is_first_finding(order: &Order) -> bool {
    order.version == 1
}

/// The channel refused a call without signing that. It ends only what was never sent before; what
/// the channel has confirmed stays as it is, and its time will be up.
fn refused_without_proof<'a>(
    order: &Order,
    asked: Option<Operation>,
    code: &str,
    text: &str,
) -> Transition<'a> {
    match (&order.state, asked) {
        (OrderState::Init, Some(Operation::Place)) if is_first_finding(order) => {
            Transition::Failed(format!("{code}: {text}"))
        }
        (OrderState::Init, Some(Operation::Place)) if !order.is_confirmed => {
            Transition::QueryBeforeClosing(format!("{code}: {text}"))
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
    }
}

/// The order ended here and stands open at the channel: it is closed there. A callback is not a reason to
/// call, and the answer to that call none to call again.
fn close_again<'a>(order: &Order, asked: Option<Operation>) -> Transition<'a> {
    match asked {
        _ if debit::is_uncancellable(order) => Transition::Nothing,
        Some(Operation::Place | Operation::Query) if order.polls < FINAL_POLLS_MAX => {
            Transition::CloseAgain
        }
        Some(_) | None => Transition::Nothing,
    }
}

/// How long after placing the channel may not know an order that it has confirmed, in seconds: its state
/// may lag. As long an unsigned "not found" proves nothing.
pub(crate) const CHANNEL_LAG_SECONDS: i64 = 300;

/// Whether the channel signed what it answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    Signed,
    Unsigned,
}

/// The channel does not know the number. That ends only what it has never confirmed, and only once it
/// is being closed: before, the order may still arrive there.
fn not_found<'a>(order: &Order, now: Timestamp, proof: Proof) -> Transition<'a> {
    let lag_ends_at = order.terms.placed_at.plus_seconds(CHANNEL_LAG_SECONDS);
    let may_lag = order.is_confirmed || proof == Proof::Unsigned;
    match &order.state {
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Transition::Nothing
        }
        _ if may_lag && now < lag_ends_at => Transition::Nothing,
        _ if order.is_confirmed => Transition::Contradicts(
            "the channel does not know the order, which it had confirmed".to_owned(),
        ),
        OrderState::Closing(_) => end(order, now, "unknown at the channel"),
        OrderState::Init | OrderState::Paying(_) => Transition::Nothing,
    }
}

/// A payment: the number, amount and currency must be the order's.
fn paid<'a>(order: &Order, payment: &'a Payment) -> Transition<'a> {
    let (terms, request) = (&order.terms, &order.terms.request);
    let reference = &payment.payment_reference;
    let reported = (payment.amount, payment.settled_amount);
    let is_of_order = terms.channel_order_no == payment.channel_order_no;
    let is_agreed = (request.amount, request.currency) == (payment.amount, payment.currency);
    let why = || contradiction(order, payment);
    if !is_of_order {
        return Transition::Contradicts(why());
    }
    if !is_part(payment.settled_amount, payment.amount) {
        return contests(order, payment, &why());
    }
    if let Some(booked) = booked(order, reference) {
        return match booked == reported {
            true => Transition::Nothing,
            false => Transition::Contradicts(why()),
        };
    }
    match &order.state {
        // A row has one contested payment; the story has them all.
        _ if !is_agreed && order.contested.is_some() => Transition::Contradicts(why()),
        _ if !is_agreed => Transition::Contested(contested(payment), why()),
        OrderState::Init | OrderState::Paying(_) | OrderState::Closing(_) => {
            Transition::Pays(payment)
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Transition::Unapplied(payment)
        }
    }
}

/// A payment whose parts contradict each other: a person applies it or gives it back.
fn contests<'a>(order: &Order, payment: &Payment, why: &str) -> Transition<'a> {
    let is_of_order = order.terms.channel_order_no == payment.channel_order_no;
    let known = booked(order, &payment.payment_reference);
    match known {
        // How it is divided is known from when it was booked.
        Some((amount, _)) if is_of_order && amount == payment.amount => Transition::Nothing,
        None if is_of_order && order.contested.is_none() => {
            let settled_amount = payment.amount;
            let contested = ContestedPayment { settled_amount, ..contested(payment) };
            Transition::Contested(contested, why.to_owned())
        }
        Some(_) | None => Transition::Contradicts(why.to_owned()),
    }
}

/// The amount and the settled amount of a payment that is in the book already.
pub(super) fn booked(order: &Order, payment_reference: &str) -> Option<(Fen, Fen)> {
    let unapplied =
        order.unapplied.iter().find(|known| known.payment_reference == payment_reference);
    match &order.state {
        _ if unapplied.is_some() => unapplied.map(|it| (it.amount, it.settled_amount)),
        OrderState::Paid(paid) if paid.payment_reference == payment_reference => {
            Some((paid.amount, paid.settled_amount))
        }
        _ => None,
    }
}

fn contested(payment: &Payment) -> ContestedPayment {
    ContestedPayment {
        payment_reference: payment.payment_reference.clone(),
        amount: payment.amount,
        settled_amount: payment.settled_amount,
        currency: payment.currency,
        payer_amount: payment.payer_amount,
        at: payment.at,
    }
}

/// What a payment says against what was agreed.
fn contradiction(order: &Order, payment: &Payment) -> String {
    let (terms, request) = (&order.terms, &order.terms.request);
    let settled = match payment.settled_amount == payment.amount {
        true => String::new(),
        false => format!(" ({} settled)", payment.settled_amount),
    };
    let known = match booked(order, &payment.payment_reference) {
        Some((amount, settled)) if amount != settled => format!(" ({settled} settled)"),
        Some(_) | None => String::new(),
    };
    format!(
        "paid {} {}{settled} for {} as {}, want {} {}{known} for {}",
        payment.amount,
        payment.currency.code(),
        payment.channel_order_no,
        payment.payment_reference,
        request.amount,
        request.currency.code(),
        terms.channel_order_no
    )
}

/// The reason that the merchant of an order sees whose payer did not pay while the code was good.
const CANCELLED: &str = "not paid in time, and cancelled";

/// The channel reports that no money will come.
pub(super) fn end<'a>(order: &Order, now: Timestamp, why: &str) -> Transition<'a> {
    match &order.state {
        OrderState::Closing(Closure::Asked) => Transition::Closed,
        OrderState::Closing(Closure::Expired) => Transition::Failed("expired".to_owned()),
        OrderState::Closing(Closure::OutcomeUnknown) => Transition::Failed(CANCELLED.to_owned()),
        OrderState::Closing(Closure::Refused { reason }) => Transition::Failed(reason.clone()),
        OrderState::Init | OrderState::Paying(_) => {
            let reason = if order.is_overdue(now) { "expired" } else { why };
            Transition::Failed(reason.to_owned())
        }
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            Transition::Nothing
        }
    }
}

/// A payment that the order takes.
pub(super) struct Taken<'a> {
    pub(super) payment_reference: &'a str,
    pub(super) amount: Fen,
    settled_amount: Fen,
    payer_amount: Option<Fen>,
    at: Timestamp,
}

impl<'a> Taken<'a> {
    pub(super) fn of(payment: &'a Payment) -> Taken<'a> {
        Taken {
            payment_reference: &payment.payment_reference,
            amount: payment.amount,
            settled_amount: payment.settled_amount,
            payer_amount: payment.payer_amount,
            at: payment.at,
        }
    }

    /// A contested payment, as the channel reported it.
    pub(super) fn contested(payment: &'a ContestedPayment) -> Taken<'a> {
        Taken {
            payment_reference: &payment.payment_reference,
            amount: payment.amount,
            settled_amount: payment.settled_amount,
            payer_amount: payment.payer_amount,
            at: payment.at,
        }
    }
}

/// Takes the payment: state, ledger and notification in one decision.
pub(super) fn pay(deciding: &mut Deciding<'_>, order: &Order, taken: Taken<'_>) {
    let request = &order.terms.request;
    let paid = Paid {
        at: taken.at,
        payment_reference: taken.payment_reference.to_owned(),
        amount: taken.amount,
        settled_amount: taken.settled_amount,
        payer_amount: taken.payer_amount.unwrap_or(taken.amount),
    };
    deciding.record(order, OrderChange::Paid(paid.clone()));
    freeze::watch(deciding, order, paid.at);
    let merchant = Account::new(AccountKind::MerchantPending, request.merchant.as_str());
    book(deciding, order, &taken, &merchant, Reason::Payment);
    let allocated = allocation::allocate(deciding, order, &paid);
    recharge::fulfil(deciding, order, taken.amount);
    debit::ended(deciding, order, true);
    if let Some(url) = &request.notify_url {
        let notified = Notified {
            kind: match request.recharge {
                Some(_) => NotificationKind::Recharge,
                None => NotificationKind::Pay,
            },
            about_no: &request.merchant_order_no,
            dialect: &request.dialect,
            url,
        };
        notification::queue(deciding, order, notified);
    }
    if !request.splits.shares.is_empty() {
        let funds = OrderFunds { allocated, ..order.funds };
        let paid = Order { state: OrderState::Paid(paid), funds, ..order.clone() };
        share::share_listed(deciding, &paid);
    }
}

/// Books money that the order cannot take and sends it back, in one decision.
pub(super) fn give_back(deciding: &mut Deciding<'_>, order: &Order, taken: Taken<'_>) {
    let Taken { payment_reference, amount, settled_amount, .. } = taken;
    let refund = refund::of_unapplied(deciding, order, payment_reference, amount, settled_amount);
    let outcome = UnappliedOutcome::Refund(refund.id);
    book_unapplied(deciding, order, taken, outcome);
    refund::open(deciding, &refund);
}

/// Books money that the order does not take to suspense.
pub(super) fn book_unapplied(
    deciding: &mut Deciding<'_>,
    order: &Order,
    taken: Taken<'_>,
    outcome: UnappliedOutcome,
) {
    let payment = UnappliedPayment {
        payment_reference: taken.payment_reference.to_owned(),
        amount: taken.amount,
        settled_amount: taken.settled_amount,
        outcome,
    };
    deciding.record(order, OrderChange::UnappliedReceived(payment));
    let suspense = refund::suspense(&order.terms.tenant);
    book(deciding, order, &taken, &suspense, Reason::UnappliedPayment);
}

/// Books a payment to an account: what the channel settles comes from the money there, the rest from the
/// merchant's coupons.
fn book(
    deciding: &mut Deciding<'_>,
    order: &Order,
    taken: &Taken<'_>,
    credit: &Account,
    reason: Reason,
) {
    let parts = [
        (refund::funds(&order.terms.channel_account), taken.settled_amount, reason),
        (coupons(order), coupon_amount(taken.amount, taken.settled_amount), Reason::Coupon),
    ];
    for (debit, amount, reason) in parts {
        let (phase, credit) = (Phase::Post, credit.clone());
        deciding.transfer_any(order, Movement { phase, debit, credit, amount, reason });
    }
}

/// What the caller should know about an answer that did not bring the order further.
pub(crate) fn channel_answer(finding: &Finding) -> Option<ChannelAnswer> {
    match finding {
        Finding::Later { code, text } | Finding::Unfunded { code, text } => {
            Some(ChannelAnswer::Later { code: code.clone(), text: text.clone() })
        }
        Finding::Refused { code, text } | Finding::Unproven(Unproven::Refused { code, text }) => {
            Some(ChannelAnswer::Refused { code: code.clone(), text: text.clone() })
        }
        Finding::AccountFault { code, text } => {
            Some(ChannelAnswer::AccountFault { code: code.clone(), text: text.clone() })
        }
        Finding::Unproven(
            Unproven::NotFound { .. } | Unproven::UnknownKey { .. } | Unproven::Clock { .. },
        )
        | Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Ask { .. }
        | Finding::Refund(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::ShareReturn(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_) => Some(ChannelAnswer::Unknown),
        Finding::Placed(_)
        | Finding::Agreement(_)
        | Finding::Paid(_)
        | Finding::Contested { .. }
        | Finding::Pending
        | Finding::Closed
        | Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Failed { .. }
        | Finding::NotFound => None,
    }
}
