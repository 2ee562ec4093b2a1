//! The story of an order as text, for a person who must understand it now.
//!
//! First where the order stands and what that means, then what needs a person, then everything that
//! happened, the money, the refunds, the notifications, and what is still to be done.

use crate::attention;
use crate::change::{self, call_line, what, who};
use crate::words::{both, clean, in_time, local, masked, settled};
use kernel::{
    Allocation, Closure, Delivery, NotificationKind, Order, OrderState, Refund, RefundState, Task,
    Withdrawal, WithdrawalState,
};
use ledger::{Phase, SubjectKind, Timestamp, Transfer};
use store::{ArchivedEvents, AttemptRow, NotificationRow, Story};

/// The story of an order as lines of text, as things stand `now`. Every line ends with a line feed;
/// control characters that came from outside are replaced, so that a terminal stays what it is.
pub fn render(story: &Story, now: Timestamp) -> String {
    let notifications: Vec<NotificationRow> = story.notifications().collect();
    let sections = [
        headline(story, &notifications, now),
        section("Needs a person", attention::lines(story, now)),
        section("What happened", events(story)),
        section("Archived", story.archived.iter().map(archived).collect()),
        section("Money", story.transfers.iter().map(transfer).collect()),
        section("Allocations", story.allocations().map(allocation).collect()),
        section("Refunds", story.refunds().map(refund).collect()),
        section("Notifications", notifications.iter().flat_map(notification).collect()),
        section("Still to be done", tasks(story, now)),
    ];
    let mut text = String::new();
    for line in sections.iter().flatten() {
        text.push_str(clean(line).trim_end());
        text.push('\n');
    }
    text
}

/// A titled section after an empty line; nothing at all when it has no lines.
fn section(title: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() {
        return lines;
    }
    let mut section = vec![String::new(), title.to_owned()];
    section.extend(lines.into_iter().map(|line| format!("  {line}")));
    section
}

fn headline(story: &Story, notifications: &[NotificationRow], now: Timestamp) -> Vec<String> {
    let Some(order) = story.order() else {
        if let Some(withdrawal) = story.withdrawal() {
            return withdrawal_headline(withdrawal);
        }
        let rows = story.rows.iter().take(1);
        return rows.map(|row| format!("{}", row.subject())).collect();
    };
    let (terms, request) = (&order.terms, &order.terms.request);
    let (state, meaning) = status(order, now);
    let mut lines = vec![
        format!("Order {}: {state}, {}", terms.id, both(request.amount)),
        format!("  {meaning}"),
    ];
    let more = [
        notified(story, order, notifications),
        requested(order),
        unapplied(story, order),
        in_flight(order, now),
    ];
    lines.extend(more.into_iter().flatten().map(|line| format!("  {line}")));
    lines.push(String::new());
    let facts = [
        ("number", format!("{} (the merchant's)", request.merchant_order_no)),
        (
            "merchant",
            format!("{} of tenant {}, through {}", request.merchant, terms.tenant, request.dialect),
        ),
        (
            "channel",
            format!(
                "{}, account {}, scene {}, number {}",
                terms.channel,
                terms.channel_account,
                request.scene.name(),
                terms.channel_order_no
            ),
        ),
        ("title", request.subject.clone()),
        ("payer", payer(order)),
        ("placed", format!("{} (all times are Asia/Shanghai)", local(terms.placed_at))),
        ("expires", local(terms.expires_at)),
        (
            "notify",
            request
                .notify_url
                .clone()
                .unwrap_or_else(|| "not asked for: no notify URL was given".to_owned()),
        ),
    ];
    lines.extend(facts.map(|(name, fact)| format!("  {name:<9}{fact}")));
    lines
}

fn withdrawal_headline(withdrawal: &Withdrawal) -> Vec<String> {
    let (state, meaning) = match &withdrawal.state {
        WithdrawalState::Accepted => (
            "WAITING TO BE PAID",
            "The amount is held; an operator pays it at the bank and books that.".to_owned(),
        ),
        WithdrawalState::Paid { at, outside_reference, .. } => {
            ("PAID", format!("Booked as paid at {}, as {outside_reference}.", local(*at)))
        }
        WithdrawalState::Failed { at, note } => (
            "FAILED",
            format!("Booked as failed at {}: {note}. The merchant has the money.", local(*at)),
        ),
    };
    let Withdrawal { id, amount, withdrawal_no, merchant, tenant, dialect, .. } = withdrawal;
    vec![
        format!("Withdrawal {id}: {state}, {}", both(*amount)),
        format!("  {meaning}"),
        String::new(),
        format!("  number   {withdrawal_no} (the merchant's)"),
        format!("  merchant {merchant} of tenant {tenant}, through {dialect}"),
        format!("  made     {} (all times are Asia/Shanghai)", local(withdrawal.made_at)),
    ]
}

/// The state in a word or two, and what it means for money and for the next step.
fn status(order: &Order, now: Timestamp) -> (String, String) {
    let overdue = if order.is_overdue(now) {
        "; its time is up and the channel has not confirmed yet what became of it"
    } else {
        ""
    };
    match &order.state {
        OrderState::Init => (
            "NOT CONFIRMED".to_owned(),
            format!(
                "The channel has not confirmed it yet: it may or may not exist there{overdue}."
            ),
        ),
        OrderState::Paying(pay_info) => (
            "WAITING FOR THE PAYER".to_owned(),
            format!(
                "The payer can pay ({}) until {}{overdue}.",
                pay_info.form.name(),
                local(pay_info.valid_until)
            ),
        ),
        OrderState::Closing(closure) => (
            format!("CLOSING, {}", why_closing(closure)),
            "The channel has not confirmed the closing: until then it can still be paid."
                .to_owned(),
        ),
        OrderState::Paid(paid) => (
            "PAID".to_owned(),
            format!(
                "The payer paid {} at {}; the channel's number of the payment is {}{}.",
                both(paid.payer_amount),
                local(paid.at),
                paid.payment_reference,
                settled(paid.amount, paid.settled_amount)
            ),
        ),
        OrderState::Failed { at, reason } => (
            "FAILED".to_owned(),
            format!("The order took no money; decided at {}: {reason}.", local(*at)),
        ),
        OrderState::Closed { at } => (
            "CLOSED".to_owned(),
            format!(
                "The merchant requested it and the channel confirmed at {}; the order took no money.",
                local(*at)
            ),
        ),
    }
}

fn why_closing(closure: &Closure) -> String {
    match closure {
        Closure::Expired => "its time is up".to_owned(),
        Closure::Asked => "the merchant asked".to_owned(),
        Closure::OutcomeUnknown => "it is in doubt whether the payer's code was charged".to_owned(),
        Closure::Refused { reason } => {
            format!("the channel refused it ({reason}) and an earlier try may stand there")
        }
    }
}

/// Whether the merchant of a paid order knows: the first acknowledgement counts, also when a replay
/// was not acknowledged.
fn notified(story: &Story, order: &Order, notifications: &[NotificationRow]) -> Option<String> {
    if !matches!(order.state, OrderState::Paid(_)) {
        return None;
    }
    let is_of_notification = |it: &ArchivedEvents| it.subject.kind == SubjectKind::Notification;
    if notifications.is_empty() && story.archived.iter().any(is_of_notification) {
        return Some("What became of its notifications is archived.".to_owned());
    }
    let of_payment = |row: &&NotificationRow| match row.notification.kind {
        NotificationKind::Pay | NotificationKind::Recharge => true,
        NotificationKind::Refund
        | NotificationKind::Withdrawal
        | NotificationKind::Share
        | NotificationKind::ShareReturn
        | NotificationKind::AgreementSign
        | NotificationKind::AgreementTerminate => false,
    };
    let notifications: Vec<&NotificationRow> = notifications.iter().filter(of_payment).collect();
    let mut attempts = notifications.iter().flat_map(|row| &row.attempts);
    let acknowledged =
        attempts.clone().find(|row| matches!(row.attempt.delivery, Delivery::Acknowledged { .. }));
    Some(match (acknowledged, notifications.is_empty(), attempts.next()) {
        (Some(row), _, _) => {
            format!("The merchant was notified at {} and acknowledged it.", local(row.attempt.at))
        }
        (None, true, _) => "The merchant is not notified: it gave no notify URL.".to_owned(),
        (None, false, None) => "The merchant has not been notified yet.".to_owned(),
        (None, false, Some(_)) => {
            "The merchant has NOT acknowledged any notification yet.".to_owned()
        }
    })
}

/// What of the payment its merchant's refunds took.
fn requested(order: &Order) -> Option<String> {
    let (refunding, refunded) = (order.funds.refunding, order.funds.refunded);
    (refunding, refunded).ne(&Default::default()).then(|| {
        format!(
            "Its merchant refunds it: {} are back at the payer, {} are under way.",
            both(refunded),
            both(refunding),
        )
    })
}

/// Money that came and that the order did not take.
fn unapplied(story: &Story, order: &Order) -> Option<String> {
    let amounts: Vec<String> = order.unapplied.iter().map(|payment| both(payment.amount)).collect();
    let is_done = |refund: &&Refund| matches!(refund.state, RefundState::Done { .. });
    let refunds = || story.refunds().filter(|refund| refund.request.is_none());
    let done = refunds().filter(is_done).count();
    (!amounts.is_empty()).then(|| {
        format!(
            "Money came that it could not take: {}; refunds done: {done} of {}.",
            amounts.join(" and "),
            refunds().count(),
        )
    })
}

fn in_flight(order: &Order, now: Timestamp) -> Option<String> {
    let call = order.in_flight?;
    let (operation, until) = (call.operation.name(), local(call.until));
    Some(if now < call.until {
        format!("A call to the channel is running ({operation}); it ends by {until}.")
    } else {
        format!(
            "The last call to the channel ({operation}) never reported back; it ended by {until}."
        )
    })
}

fn payer(order: &Order) -> String {
    let payer = &order.terms.request.payer;
    let user = payer.user_id.as_deref().map_or_else(|| "not named".to_owned(), masked);
    match &payer.app_id {
        Some(app) => format!("{user} in app {app}"),
        None => user,
    }
}

/// One line an event, and one more for the call through which we know.
fn events(story: &Story) -> Vec<String> {
    let width = story.events.iter().map(|event| who(&event.caller).chars().count()).max();
    let width = width.unwrap_or_default();
    let mut lines = Vec::new();
    for event in &story.events {
        let (at, who) = (local(event.at), who(&event.caller));
        let what = what(event);
        lines.push(format!("{at}  {who:<width$}  {what}"));
        let call = event.call.as_ref().map(call_line);
        lines.extend(call.map(|call| format!("{:23}  {:width$}  · {call}", "", "")));
    }
    lines
}

/// Where events are that have left the database, and what proves them.
fn archived(events: &ArchivedEvents) -> String {
    let ArchivedEvents { subject, event_count, last_sequence, archive, file, sha256, .. } = events;
    format!(
        "{event_count} events of {subject}, up to its event {last_sequence}: archive {archive}, \
         file {file}, SHA-256 {sha256}"
    )
}

fn transfer(transfer: &Transfer) -> String {
    let what = match transfer.phase {
        Phase::Post => "moved",
        Phase::Hold => "held, not moved yet",
        Phase::Release => "released again, nothing moved",
        Phase::PostHeld => "moved, was held",
    };
    format!(
        "{}  {}  {} → {}  {what} ({})",
        local(transfer.at),
        both(transfer.amount),
        transfer.debit.key(),
        transfer.credit.key(),
        transfer.reason.name(),
    )
}

fn refund(refund: &Refund) -> String {
    let stands = match &refund.state {
        RefundState::Preparing { step, .. } => {
            format!("it waits for {step} before it is requested")
        }
        RefundState::Requesting => {
            "the channel has not accepted it yet, as far as we know".to_owned()
        }
        RefundState::Processing => "the channel accepted it; the money is not back yet".to_owned(),
        RefundState::Done { at, refund_reference, settled_refund } => format!(
            "the money is back since {}, the channel's number is {refund_reference}{}",
            local(*at),
            settled(refund.amount, *settled_refund)
        ),
        RefundState::Failed { at, reason, .. } => format!("FAILED at {}: {reason}", local(*at)),
        RefundState::SettledByHand { at, outside_reference, note } => {
            format!("given back by hand at {}, as {outside_reference}: {note}", local(*at))
        }
        RefundState::WrittenOff { at, note } => format!("written off at {}: {note}", local(*at)),
    };
    let requested = refund
        .request
        .as_ref()
        .map(|request| format!(", which its merchant requested as {}", request.merchant_refund_no));
    format!(
        "{} of {} for payment {}{}, made {}: {stands}",
        refund.id,
        both(refund.amount),
        refund.payment_reference,
        requested.unwrap_or_default(),
        local(refund.made_at),
    )
}

fn allocation(row: &Allocation) -> String {
    let returned = match row.returned.is_positive() {
        true => format!(", {} taken back", both(row.returned)),
        false => String::new(),
    };
    let (amount, stands) = (both(row.amount), change::allocation_stands(row));
    format!("{} of {amount} for {}: {stands}{returned}", row.id, row.merchant)
}

fn notification(row: &NotificationRow) -> Vec<String> {
    let notification = &row.notification;
    let mut lines = vec![format!(
        "{} ({}) to {}: {}",
        notification.id,
        notification.kind.name(),
        notification.url,
        change::notification_stands(notification.state),
    )];
    if row.attempts.is_empty() {
        lines.push("  no attempt yet".to_owned());
    }
    lines.extend(row.attempts.iter().map(attempt));
    lines
}

fn attempt(row: &AttemptRow) -> String {
    let (number, at) = (row.attempt_no, local(row.attempt.at));
    format!("  {number}. {at}  {}", change::attempt(&row.attempt))
}

fn tasks(story: &Story, now: Timestamp) -> Vec<String> {
    if story.tasks.is_empty() {
        return vec!["nothing".to_owned()];
    }
    let line = |(task, due): &(Task, Timestamp)| {
        format!("{} ({})  {}", local(*due), in_time(*due, now), intent(story, task, now))
    };
    story.tasks.iter().map(line).collect()
}

/// What a task will lead to, as far as that is known before it is due.
fn intent(story: &Story, task: &Task, now: Timestamp) -> String {
    let subject = task.subject;
    match subject.kind {
        SubjectKind::Order => {
            story.order().map_or("nothing", |order| order_intent(order, now)).to_owned()
        }
        SubjectKind::Refund | SubjectKind::Share | SubjectKind::ShareReturn => {
            format!("ask the channel about {subject}")
        }
        SubjectKind::Agreement => format!("ask the channel about {subject}"),
        SubjectKind::Payee => format!("ask the channel to unbind {subject}"),
        SubjectKind::Notification => format!("send {subject}"),
        SubjectKind::Approval => format!("let {subject} expire"),
        SubjectKind::Allocation => format!("end the period of {subject}"),
        SubjectKind::Recharge => format!("let the cards of {subject} expire"),
        SubjectKind::CardTransfer => format!("let {subject} time out"),
        SubjectKind::WalletFreeze => format!("release what remains of {subject}"),
        SubjectKind::Tenant
        | SubjectKind::Merchant
        | SubjectKind::CallerKey
        | SubjectKind::ChannelAccount
        | SubjectKind::AllocationRelease
        | SubjectKind::CardBatch
        | SubjectKind::CardQuota
        | SubjectKind::Card
        | SubjectKind::CardBinding
        | SubjectKind::Wallet
        | SubjectKind::WalletPayment
        | SubjectKind::Withdrawal => format!("nothing: {subject} has no tasks"),
    }
}

fn order_intent(order: &Order, now: Timestamp) -> &'static str {
    match order.state {
        OrderState::Init | OrderState::Paying(_) if order.is_overdue(now) => {
            "ask the channel to close the order, because its time is up"
        }
        OrderState::Init if order.terms.debit.is_some() => "ask the channel whether it has debited",
        OrderState::Init => "place the order at the channel again, with the same number",
        OrderState::Paying(_) => "ask the channel whether the order is paid",
        OrderState::Closing(_) => "ask the channel again to close the order",
        OrderState::Failed { .. } | OrderState::Closed { .. } => {
            "ask the channel whether money came after the end"
        }
        OrderState::Paid(_) => "nothing: the order is final",
    }
}
