//! The story of an order as text, for a person who must understand it now.
//!
//! First where the order stands and what that means, then what needs a person, then everything that
//! happened, the money, the refunds, the notifications, and what is still to be done. Pure: the present
//! comes in. It never shows what opens a cashier, and shows the payer's id masked.
//!
//! - `change`: an event in words.
//! - `attention`: what needs a person.
//! - `words`: amounts, times, spans and text from outside.

mod attention;
mod change;
mod words;

use crate::map::subject;
use crate::wire::masked;
use kernel::{Closure, Delivery, Order, OrderState, Refund, RefundState, Task, TaskKind};
use ledger::{Phase, Timestamp, Transfer};
use store::{AttemptRow, NotificationRow, Story};
use words::{both, clean, in_time, local};

/// The story of an order as lines of text, as things stand `now`. Every line ends with a line feed;
/// control characters that came from outside are replaced, so that a terminal stays what it is.
pub fn render(story: &Story, now: Timestamp) -> String {
    let sections = [
        headline(story, now),
        section("Needs a person", attention::lines(story, now)),
        section("What happened", events(story)),
        section("Money", story.transfers.iter().map(transfer).collect()),
        section("Refunds", story.refunds.iter().map(refund).collect()),
        section("Notifications", story.notifications.iter().flat_map(notification).collect()),
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

fn headline(story: &Story, now: Timestamp) -> Vec<String> {
    let order = &story.order;
    let terms = &order.terms;
    let (state, meaning) = status(order, now);
    let mut lines = vec![
        format!("Order {}: {state}, {}", terms.id, both(terms.amount)),
        format!("  {meaning}"),
    ];
    let more = [told(story), unapplied(story), in_flight(order, now)];
    lines.extend(more.into_iter().flatten().map(|line| format!("  {line}")));
    lines.push(String::new());
    let facts = [
        ("number", format!("{} (the merchant's)", terms.merchant_order_no)),
        (
            "merchant",
            format!("{} of tenant {}, through {}", terms.merchant, terms.tenant, terms.dialect),
        ),
        (
            "channel",
            format!(
                "{}, account {}, scene {}",
                terms.channel,
                terms.channel_account,
                terms.scene.name()
            ),
        ),
        ("title", terms.subject.clone()),
        ("payer", payer(order)),
        ("placed", format!("{} (all times are Asia/Shanghai)", local(terms.placed_at))),
        ("expires", local(terms.expires_at)),
        (
            "notify",
            terms
                .notify_url
                .clone()
                .unwrap_or_else(|| "nobody: no notify URL was given".to_owned()),
        ),
    ];
    lines.extend(facts.map(|(name, fact)| format!("  {name:<9}{fact}")));
    lines
}

/// The state in a word or two, and what it means for money and for the next step.
fn status(order: &Order, now: Timestamp) -> (String, String) {
    let overdue = if order.is_overdue(now) {
        "; its time is up and what became of it is not settled yet"
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
            format!("CLOSING, {}", why_closing(*closure)),
            "The channel has not confirmed the closing: until then it can still be paid."
                .to_owned(),
        ),
        OrderState::Paid(paid) => (
            "PAID".to_owned(),
            format!(
                "The payer paid {} at {}; the channel's number of the payment is {}.",
                both(paid.payer_amount),
                local(paid.at),
                paid.payment_reference
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

const fn why_closing(closure: Closure) -> &'static str {
    match closure {
        Closure::Expired => "its time is up",
        Closure::Asked => "the merchant asked",
        Closure::Refused => "the channel refused it and an earlier try may stand there",
    }
}

/// Whether the merchant of a paid order knows: the first acknowledgement counts, whatever became of
/// a replay.
fn told(story: &Story) -> Option<String> {
    if !matches!(story.order.state, OrderState::Paid(_)) {
        return None;
    }
    let mut attempts = story.notifications.iter().flat_map(|row| &row.attempts);
    let acknowledged =
        attempts.clone().find(|row| matches!(row.attempt.delivery, Delivery::Acknowledged { .. }));
    Some(match (acknowledged, story.notifications.is_empty(), attempts.next()) {
        (Some(row), _, _) => {
            format!("The merchant was told at {} and acknowledged it.", local(row.attempt.at))
        }
        (None, true, _) => "The merchant is not told: it gave no notify URL.".to_owned(),
        (None, false, None) => "The merchant has not been told yet.".to_owned(),
        (None, false, Some(_)) => {
            "The merchant has NOT acknowledged any notification yet.".to_owned()
        }
    })
}

/// Money that came and that the order did not take.
fn unapplied(story: &Story) -> Option<String> {
    let amounts: Vec<String> =
        story.order.unapplied.iter().map(|unapplied| both(unapplied.amount)).collect();
    let is_done = |refund: &&Refund| matches!(refund.state, RefundState::Done { .. });
    let done = story.refunds.iter().filter(is_done).count();
    (!amounts.is_empty()).then(|| {
        format!(
            "Money came that it could not take: {}; refunds done: {done} of {}.",
            amounts.join(" and "),
            story.refunds.len(),
        )
    })
}

fn in_flight(order: &Order, now: Timestamp) -> Option<String> {
    let in_flight = order.in_flight?;
    let (operation, until) = (in_flight.operation.name(), local(in_flight.until));
    Some(if now < in_flight.until {
        format!("A call to the channel is running ({operation}), until {until} at the latest.")
    } else {
        format!(
            "The last call to the channel ({operation}) never reported back; it ended at {until} at the latest."
        )
    })
}

fn payer(order: &Order) -> String {
    let payer = &order.terms.payer;
    let user = payer.user_id.as_deref().map_or_else(|| "not named".to_owned(), masked);
    match &payer.app_id {
        Some(app) => format!("{user} in app {app}"),
        None => user,
    }
}

/// One line an event, and one more for the call through which we know.
fn events(story: &Story) -> Vec<String> {
    let width = story.events.iter().map(|event| change::who(&event.caller).chars().count()).max();
    let width = width.unwrap_or_default();
    let mut lines = Vec::new();
    for event in &story.events {
        let (at, who) = (local(event.at), change::who(&event.caller));
        let what = change::what(&event.change);
        lines.push(format!("{at}  {who:<width$}  {what}"));
        let call = change::call(&event.change).map(change::call_line);
        lines.extend(call.map(|call| format!("{:23}  {:width$}  · {call}", "", "")));
    }
    lines
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
        RefundState::Requesting => {
            "the channel has not accepted it yet, as far as we know".to_owned()
        }
        RefundState::Processing => "the channel accepted it; the money is not back yet".to_owned(),
        RefundState::Done { at, refund_reference } => format!(
            "the money is back since {}, the channel's number is {refund_reference}",
            local(*at)
        ),
        RefundState::Failed { at, reason } => {
            format!("FAILED at {}: {reason}", local(*at))
        }
    };
    format!(
        "{} of {} for payment {}, made {}: {stands}",
        refund.id,
        both(refund.amount),
        refund.payment_reference,
        local(refund.made_at),
    )
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
    format!("  {}. {}  {}", row.attempt_no, local(row.attempt.at), change::attempt(&row.attempt),)
}

fn tasks(story: &Story, now: Timestamp) -> Vec<String> {
    if story.tasks.is_empty() {
        return vec!["nothing".to_owned()];
    }
    let line = |(task, due): &(Task, Timestamp)| {
        format!("{} ({})  {}", local(*due), in_time(*due, now), intent(story, task, now),)
    };
    story.tasks.iter().map(line).collect()
}

/// What a task will lead to, as far as can be said before it is due.
fn intent(story: &Story, task: &Task, now: Timestamp) -> String {
    match task.kind {
        TaskKind::Order => order_intent(&story.order, now).to_owned(),
        TaskKind::Refund => format!("ask the channel about refund {}", subject(task)),
        TaskKind::Notification => format!("send notification {}", subject(task)),
    }
}

fn order_intent(order: &Order, now: Timestamp) -> &'static str {
    match order.state {
        OrderState::Init | OrderState::Paying(_) if order.is_overdue(now) => {
            "ask the channel to close the order, for its time is up"
        }
        OrderState::Init => "place the order at the channel again, with the same number",
        OrderState::Paying(_) => "ask the channel whether the order is paid",
        OrderState::Closing(_) => "ask the channel again to close the order",
        OrderState::Paid(_) | OrderState::Failed { .. } | OrderState::Closed { .. } => {
            "nothing: the order is final"
        }
    }
}
