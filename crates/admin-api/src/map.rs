//! Stored state becomes wire types. Pure; everything personal or secret is left out or masked here.

use crate::wire::{self, masked, rfc3339};
use channel::Scene;
use kernel::{Directory, OrderState, RefundState};
use ledger::{Id, Kind, Transfer};
use store::{AccountRow, AttemptRow, NotificationRow, Story};

/// The tenants with their merchants, each by id.
pub(crate) fn tenants(directory: &Directory) -> wire::TenantList {
    let mut tenants: Vec<_> = directory.tenants().map(tenant).collect();
    tenants.sort_by(|a, b| a.id.cmp(&b.id));
    wire::TenantList { tenants }
}

fn tenant(tenant: &kernel::Tenant) -> wire::Tenant {
    let mut merchants: Vec<_> = tenant.merchants.values().map(merchant).collect();
    merchants.sort_by(|a, b| a.id.cmp(&b.id));
    wire::Tenant { id: tenant.id.to_string(), name: tenant.name.clone(), merchants }
}

fn merchant(merchant: &kernel::Merchant) -> wire::Merchant {
    wire::Merchant {
        id: merchant.id.to_string(),
        name: merchant.name.clone(),
        channels: merchant.routes.iter().map(route).collect(),
    }
}

fn route(route: &kernel::Route) -> wire::Route {
    wire::Route {
        channel: route.channel.to_string(),
        channel_account: route.channel_account.to_string(),
        scenes: route.scenes.iter().copied().map(Scene::name).collect(),
    }
}

/// A page of at most `limit` orders.
pub(crate) fn orders(orders: &[kernel::Order], limit: u32) -> wire::OrderPage {
    wire::OrderPage {
        orders: orders.iter().map(order).collect(),
        next: next(orders, limit, |order| order.terms.id),
    }
}

/// A page of at most `limit` notifications.
pub(crate) fn notifications(
    notifications: &[NotificationRow],
    limit: u32,
) -> wire::NotificationPage {
    wire::NotificationPage {
        notifications: notifications.iter().map(notification).collect(),
        next: next(notifications, limit, |row| row.notification.id),
    }
}

/// A page of at most `limit` transfers.
pub(crate) fn postings(transfers: &[Transfer], limit: u32) -> wire::PostingPage {
    wire::PostingPage {
        postings: transfers.iter().map(transfer).collect(),
        next: next(transfers, limit, |transfer| transfer.id),
    }
}

/// A page of at most `limit` events that need a person.
pub(crate) fn attention(events: &[kernel::Event], limit: u32) -> wire::AttentionPage {
    let row = |one: &kernel::Event| wire::Attention {
        order: one.order.map(|order| order.to_string()),
        event: event(one),
    };
    wire::AttentionPage {
        events: events.iter().map(row).collect(),
        next: next(events, limit, |event| event.id),
    }
}

/// The last id of a full page: only then there may be more.
fn next<T, K: Kind>(rows: &[T], limit: u32, id: impl Fn(&T) -> Id<K>) -> Option<String> {
    let full = u32::try_from(rows.len()).is_ok_and(|len| len >= limit);
    rows.last().filter(|_| full).map(|row| id(row).to_string())
}

/// An order.
pub(crate) fn order(order: &kernel::Order) -> wire::Order {
    let terms = &order.terms;
    wire::Order {
        id: terms.id.to_string(),
        merchant_order_no: terms.merchant_order_no.clone(),
        merchant: terms.merchant.to_string(),
        dialect: terms.dialect.to_string(),
        amount_fen: terms.amount.get(),
        currency: terms.currency.code(),
        scene: terms.scene.name(),
        channel: terms.channel.to_string(),
        channel_account: terms.channel_account.to_string(),
        subject: terms.subject.clone(),
        payer: wire::Payer {
            app_id: terms.payer.app_id.clone(),
            user_id: terms.payer.user_id.as_deref().map(masked),
        },
        notify_url: terms.notify_url.clone(),
        placed_at: rfc3339(terms.placed_at),
        expires_at: rfc3339(terms.expires_at),
        state: order_state(&order.state),
        in_flight: order.in_flight.map(|in_flight| wire::InFlightCall {
            operation: in_flight.operation.name(),
            until: rfc3339(in_flight.until),
        }),
        version: order.version,
    }
}

fn order_state(state: &OrderState) -> wire::OrderState {
    match state {
        OrderState::Init => wire::OrderState::Init,
        OrderState::Paying(pay_info) => wire::OrderState::Paying {
            pay_form: pay_info.form.name(),
            payable_until: rfc3339(pay_info.valid_until),
        },
        OrderState::Closing(closure) => wire::OrderState::Closing { closure: closure.name() },
        OrderState::Paid(paid) => wire::OrderState::Paid {
            paid_at: rfc3339(paid.at),
            payment_reference: paid.payment_reference.clone(),
            payer_amount_fen: paid.payer_amount.get(),
        },
        OrderState::Failed { at, reason } => {
            wire::OrderState::Failed { failed_at: rfc3339(*at), reason: reason.clone() }
        }
        OrderState::Closed { at } => wire::OrderState::Closed { closed_at: rfc3339(*at) },
    }
}

/// Everything about one order.
pub(crate) fn story(story: &Story) -> wire::Story {
    wire::Story {
        order: order(&story.order),
        events: story.events.iter().map(event).collect(),
        transfers: story.transfers.iter().map(transfer).collect(),
        refunds: story.refunds.iter().map(refund).collect(),
        notifications: story.notifications.iter().map(notification).collect(),
        tasks: story
            .tasks
            .iter()
            .map(|(task, due)| wire::Task {
                kind: task.kind.name(),
                subject: subject(task),
                due_at: rfc3339(*due),
            })
            .collect(),
    }
}

/// The id of what a task is about, as text.
pub(crate) fn subject(task: &kernel::Task) -> String {
    match task.kind {
        kernel::TaskKind::Order => Id::<ledger::kinds::Order>::from_value(task.subject).to_string(),
        kernel::TaskKind::Refund => {
            Id::<ledger::kinds::Refund>::from_value(task.subject).to_string()
        }
        kernel::TaskKind::Notification => {
            Id::<ledger::kinds::Notification>::from_value(task.subject).to_string()
        }
    }
}

fn transfer(transfer: &Transfer) -> wire::Transfer {
    wire::Transfer {
        id: transfer.id.to_string(),
        at: rfc3339(transfer.at),
        phase: transfer.phase.name(),
        reason: transfer.reason.name(),
        debit: transfer.debit.key(),
        credit: transfer.credit.key(),
        amount_fen: transfer.amount.get(),
        order: transfer.order.to_string(),
    }
}

fn refund(refund: &kernel::Refund) -> wire::Refund {
    wire::Refund {
        id: refund.id.to_string(),
        order: refund.order.to_string(),
        payment_reference: refund.payment_reference.clone(),
        amount_fen: refund.amount.get(),
        made_at: rfc3339(refund.made_at),
        state: refund_state(&refund.state),
    }
}

fn refund_state(state: &RefundState) -> wire::RefundState {
    match state {
        RefundState::Requesting => wire::RefundState::Requesting,
        RefundState::Processing => wire::RefundState::Processing,
        RefundState::Done { at, refund_reference } => wire::RefundState::Done {
            done_at: rfc3339(*at),
            refund_reference: refund_reference.clone(),
        },
        RefundState::Failed { at, reason } => {
            wire::RefundState::Failed { failed_at: rfc3339(*at), reason: reason.clone() }
        }
    }
}

/// A notification with its attempts.
pub(crate) fn notification(row: &NotificationRow) -> wire::Notification {
    let notification = &row.notification;
    wire::Notification {
        id: notification.id.to_string(),
        order: notification.order.to_string(),
        merchant_order_no: row.merchant_order_no.clone(),
        kind: notification.kind.name(),
        url: notification.url.clone(),
        made_at: rfc3339(notification.made_at),
        state: notification_state(notification.state),
        attempt_count: notification.attempts,
        attempts: row.attempts.iter().map(attempt).collect(),
    }
}

fn notification_state(state: kernel::NotificationState) -> wire::NotificationState {
    match state {
        kernel::NotificationState::Due => wire::NotificationState::Due,
        kernel::NotificationState::Delivered { at } => {
            wire::NotificationState::Delivered { delivered_at: rfc3339(at) }
        }
        kernel::NotificationState::GivenUp { at } => {
            wire::NotificationState::GivenUp { given_up_at: rfc3339(at) }
        }
    }
}

fn attempt(row: &AttemptRow) -> wire::Attempt {
    wire::Attempt {
        attempt_no: row.attempt_no,
        at: rfc3339(row.attempt.at),
        took_ms: row.attempt.took_ms,
        delivery: delivery(&row.attempt.delivery),
        state: row.state.name(),
    }
}

fn delivery(delivery: &kernel::Delivery) -> wire::Delivery {
    match delivery {
        kernel::Delivery::Acknowledged { status } => {
            wire::Delivery::Acknowledged { http_status: *status }
        }
        kernel::Delivery::Rejected { status, excerpt } => {
            wire::Delivery::Rejected { http_status: *status, excerpt: excerpt.clone() }
        }
        kernel::Delivery::NoAnswer { why } => wire::Delivery::NoAnswer { why: why.clone() },
    }
}

/// The accounts.
pub(crate) fn accounts(rows: &[AccountRow]) -> wire::AccountList {
    let account = |row: &AccountRow| wire::Account {
        kind: row.account.kind.name(),
        owner: row.account.owner.clone(),
        posted_fen: row.balance.posted.get(),
        held_fen: row.balance.held.get(),
        available_fen: row.balance.available().ok().map(ledger::Fen::get),
    };
    wire::AccountList { accounts: rows.iter().map(account).collect() }
}

fn event(event: &kernel::Event) -> wire::Event {
    wire::Event {
        id: event.id.to_string(),
        at: rfc3339(event.at),
        caller: event.caller.text(),
        change: change(&event.change),
    }
}

fn change(change: &kernel::Change) -> wire::Change {
    use kernel::Change;
    match change {
        Change::OrderPlaced(order) => wire::Change::OrderPlaced {
            amount_fen: order.terms.amount.get(),
            channel: order.terms.channel.to_string(),
            channel_account: order.terms.channel_account.to_string(),
            scene: order.terms.scene.name(),
            expires_at: rfc3339(order.terms.expires_at),
        },
        Change::OrderRepeated => wire::Change::OrderRepeated,
        Change::CallBegun(in_flight) => wire::Change::CallBegun {
            operation: in_flight.operation.name(),
            until: rfc3339(in_flight.until),
        },
        Change::CallEnded { call } => wire::Change::CallEnded { call: self::call(call) },
        Change::MismatchRecorded { why, call } => {
            wire::Change::MismatchRecorded { why: why.clone(), call: self::call(call) }
        }
        Change::PayInfoReceived { pay_info, call } => wire::Change::PayInfoReceived {
            pay_form: pay_info.form.name(),
            payable_until: rfc3339(pay_info.valid_until),
            call: self::call(call),
        },
        Change::OrderPaid { paid, call } => wire::Change::OrderPaid {
            paid_at: rfc3339(paid.at),
            payment_reference: paid.payment_reference.clone(),
            payer_amount_fen: paid.payer_amount.get(),
            call: self::call(call),
        },
        Change::OrderClosing(closure) => wire::Change::OrderClosing { closure: closure.name() },
        Change::OrderClosed { call } => wire::Change::OrderClosed { call: self::call(call) },
        Change::OrderFailed { reason, call } => {
            wire::Change::OrderFailed { reason: reason.clone(), call: self::call(call) }
        }
        Change::UnappliedReceived { refund, call } => wire::Change::UnappliedReceived {
            refund: refund.id.to_string(),
            amount_fen: refund.amount.get(),
            payment_reference: refund.payment_reference.clone(),
            call: self::call(call),
        },
        Change::RefundCallBegun { refund, operation } => wire::Change::RefundCallBegun {
            refund: refund.to_string(),
            operation: operation.name(),
        },
        Change::RefundMoved { refund, state, call } => wire::Change::RefundMoved {
            refund: refund.to_string(),
            now: refund_state(state),
            call: self::call(call),
        },
        Change::NotificationQueued(notification) => wire::Change::NotificationQueued {
            notification: notification.id.to_string(),
            url: notification.url.clone(),
        },
        Change::NotificationAttempted { notification, attempt, state } => {
            wire::Change::NotificationAttempted {
                notification: notification.to_string(),
                began_at: rfc3339(attempt.at),
                took_ms: attempt.took_ms,
                delivery: delivery(&attempt.delivery),
                notification_state: state.name(),
            }
        }
        Change::NotificationReplayed { notification } => {
            wire::Change::NotificationReplayed { notification: notification.to_string() }
        }
        Change::KeysStored { channel_account, keys } => wire::Change::KeysStored {
            channel_account: channel_account.to_string(),
            keys: keys.iter().map(key).collect(),
        },
    }
}

fn call(call: &kernel::CallRecord) -> wire::Call {
    wire::Call {
        operation: call.operation.map(channel::Operation::name),
        at: rfc3339(call.at),
        took_ms: call.took_ms,
        http_status: call.status,
        channel_trace: call.channel_trace.clone(),
        summary: call.summary.clone(),
    }
}

fn key(key: &channel::PlatformKey) -> wire::Key {
    wire::Key {
        serial: key.serial.clone(),
        valid_from: rfc3339(key.valid_from),
        valid_until: rfc3339(key.valid_until),
    }
}
