//! Stored state becomes wire types. Pure; everything personal or secret is left out or masked here.

use crate::commands::exits;
use crate::wire::{self, rfc3339};
use kernel::{
    AllocationState, ApprovalState, Event, ManualCommand, NotificationState, OrderState, Refund,
    RefundReturn, RefundState, ReturnOutcome, WithdrawalState,
};
use ledger::{AccountKind, Balance, Id, Named, Subject, SubjectId, Timestamp, Transfer, kinds};
use store::{
    AccountRow, ArchivedEvents, AttemptRow, AttentionCount, AttentionRow, Listed, NotificationRow,
    Story,
};
use story::Fact;
use story::words::masked;

/// A page of orders.
pub(crate) fn orders(listed: &Listed<kernel::Order, kinds::Order>) -> wire::OrderPage {
    let next = listed.next.map(|id| id.to_string());
    wire::OrderPage { orders: listed.rows.iter().map(order).collect(), next }
}

/// A page of notifications.
pub(crate) fn notifications(
    listed: &Listed<NotificationRow, kinds::Notification>,
) -> wire::NotificationPage {
    let next = listed.next.map(|id| id.to_string());
    wire::NotificationPage { notifications: listed.rows.iter().map(notification).collect(), next }
}

/// A page of at most `limit` approvals.
pub(crate) fn approvals(rows: &[kernel::Approval], limit: u32) -> wire::ApprovalPage {
    let approvals = rows.iter().map(approval).collect();
    wire::ApprovalPage { approvals, next: next(rows, limit, |row| row.id) }
}

/// An approval.
pub(crate) fn approval(row: &kernel::Approval) -> wire::Approval {
    let (command, owned) = (&row.command, |text: Option<&str>| text.map(str::to_owned));
    let payment = row.payment.as_ref();
    wire::Approval {
        id: row.id.to_string(),
        tenant: row.tenant.to_string(),
        order: row.root.id::<kinds::Order>().map(|id| id.to_string()),
        withdrawal: row.root.id::<kinds::Withdrawal>().map(|id| id.to_string()),
        refund: row_id::<kinds::Refund>(command),
        share: row_id::<kinds::Share>(command),
        share_return: row_id::<kinds::ShareReturn>(command),
        done_items: command.done_items(),
        command: command.name(),
        note: owned(command.note()),
        outside_reference: owned(command.outside_reference()),
        payment_reference: payment.map(|payment| payment.payment_reference.clone()),
        amount_fen: payment.map(|payment| payment.amount.get()),
        text: row.describe(),
        digest: row.digest.clone(),
        proposer: row.proposer.to_string(),
        proposed_at: rfc3339(row.proposed_at),
        expires_at: rfc3339(row.expires_at),
        state: approval_state(&row.state),
    }
}

/// The id of the row of this kind that a command is about.
fn row_id<K: SubjectId>(command: &ManualCommand) -> Option<String> {
    command.row()?.id::<K>().map(|id| id.to_string())
}

fn approval_state(state: &ApprovalState) -> wire::ApprovalState {
    match state {
        ApprovalState::Proposed => wire::ApprovalState::Proposed,
        ApprovalState::Approved { at, by } => {
            wire::ApprovalState::Approved { approved_at: rfc3339(*at), approver: by.to_string() }
        }
        ApprovalState::Refused { at, by, reason } => wire::ApprovalState::Refused {
            refused_at: rfc3339(*at),
            approver: by.to_string(),
            reason: reason.clone(),
        },
        ApprovalState::Rejected { at, by, note } => wire::ApprovalState::Rejected {
            rejected_at: rfc3339(*at),
            rejected_by: by.to_string(),
            rejection_note: note.clone(),
        },
        ApprovalState::Expired { at } => wire::ApprovalState::Expired { expired_at: rfc3339(*at) },
    }
}

/// A page of at most `limit` transfers.
pub(crate) fn postings(transfers: &[Transfer], limit: u32) -> wire::PostingPage {
    wire::PostingPage {
        postings: transfers.iter().map(transfer).collect(),
        next: next(transfers, limit, |transfer| transfer.id),
    }
}

/// The last id of a full page: only then there may be more.
fn next<T, K: Named>(rows: &[T], limit: u32, id: impl Fn(&T) -> Id<K>) -> Option<String> {
    let is_full = u32::try_from(rows.len()).is_ok_and(|len| len >= limit);
    rows.last().filter(|_| is_full).map(|row| id(row).to_string())
}

/// The rows that need a person.
pub(crate) fn attention(
    rows: &[AttentionRow],
    counts: Vec<AttentionCount>,
    limit: u32,
) -> wire::AttentionList {
    let count = |count: AttentionCount| wire::AttentionCount {
        kind: count.kind.name(),
        rows: count.rows,
        oldest: rfc3339(count.oldest),
    };
    let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    wire::AttentionList {
        counts: counts.into_iter().map(count).collect(),
        rows: rows.iter().map(needy).collect(),
        next: rows.last().filter(|_| is_full).map(attention_mark),
    }
}

/// A row that needs a person.
fn needy(row: &AttentionRow) -> wire::Attention {
    wire::Attention {
        tenant: row.tenant.to_string(),
        subject: subject(row.subject),
        root: row.root.to_string(),
        name: row.name.clone(),
        kind: row.kind.name(),
        reason: row.reason.clone(),
        since: rfc3339(row.since),
        exits: exits(row),
    }
}

fn attention_mark(row: &AttentionRow) -> String {
    let (since, subject) = (row.since.ms(), row.subject);
    format!("{since}~{}~{}~{}", subject.kind.name(), subject.value, row.tenant)
}

fn subject(subject: Subject) -> wire::Subject {
    let id: Id<kinds::Root> = subject.root();
    wire::Subject { kind: subject.kind.name(), id: id.to_string() }
}

/// An order.
pub(crate) fn order(order: &kernel::Order) -> wire::Order {
    let (terms, request) = (&order.terms, &order.terms.request);
    wire::Order {
        id: terms.id.to_string(),
        channel_order_no: terms.channel_order_no.clone(),
        namespace: request.namespace.to_string(),
        merchant_order_no: request.merchant_order_no.clone(),
        merchant: request.merchant.to_string(),
        dialect: request.dialect.to_string(),
        amount_fen: request.amount.get(),
        currency: request.currency.code(),
        scene: request.scene.name(),
        channel: terms.channel.to_string(),
        channel_account: terms.channel_account.to_string(),
        subject: request.subject.clone(),
        payer: wire::Payer {
            app_id: request.payer.app_id.clone(),
            user_id: request.payer.user_id.as_deref().map(masked),
        },
        notify_url: request.notify_url.clone(),
        placed_at: rfc3339(terms.placed_at),
        expires_at: rfc3339(terms.expires_at),
        state: order_state(&order.state),
        in_flight: order.in_flight.map(|call| wire::InFlightCall {
            operation: call.operation.name(),
            until: rfc3339(call.until),
        }),
        contested: order.contested.as_ref().map(|payment| wire::ContestedPayment {
            payment_reference: payment.payment_reference.clone(),
            amount_fen: payment.amount.get(),
            settled_amount_fen: payment.settled_amount.get(),
            currency: payment.currency.code(),
            paid_at: rfc3339(payment.at),
        }),
        refunding_fen: order.funds.refunding.get(),
        refunded_fen: order.funds.refunded.get(),
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
            paid_amount_fen: paid.amount.get(),
            settled_amount_fen: paid.settled_amount.get(),
            payer_amount_fen: paid.payer_amount.get(),
        },
        OrderState::Failed { at, reason } => {
            wire::OrderState::Failed { failed_at: rfc3339(*at), reason: reason.clone() }
        }
        OrderState::Closed { at } => wire::OrderState::Closed { closed_at: rfc3339(*at) },
    }
}

/// Everything about one order; `None` when the story is about something else.
pub(crate) fn story(story: &Story) -> Option<wire::Story> {
    let notifications: Vec<NotificationRow> = story.notifications().collect();
    Some(wire::Story {
        order: order(story.order()?),
        events: story.events.iter().map(event).collect(),
        archived: story.archived.iter().map(archived).collect(),
        transfers: story.transfers.iter().map(transfer).collect(),
        refunds: story.refunds().map(refund).collect(),
        allocations: story.allocations().map(allocation).collect(),
        notifications: notifications.iter().map(notification).collect(),
        attention: story.attention().iter().map(needy).collect(),
        tasks: story
            .tasks
            .iter()
            .map(|(task, due)| wire::Task { subject: subject(task.subject), due_at: rfc3339(*due) })
            .collect(),
    })
}

fn archived(events: &ArchivedEvents) -> wire::ArchivedEvents {
    wire::ArchivedEvents {
        subject: subject(events.subject),
        archive: events.archive,
        event_count: events.event_count,
        file: events.file.clone(),
        sha256: events.sha256.clone(),
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
        subject: subject(transfer.subject),
        root: transfer.root.to_string(),
    }
}

/// An allocation.
fn allocation(row: &kernel::Allocation) -> wire::Allocation {
    let funds = row.funds();
    let waits_until = match &row.state {
        AllocationState::Waiting { until } => Some(rfc3339(*until)),
        AllocationState::Credited { .. } | AllocationState::Failed { .. } => None,
    };
    wire::Allocation {
        id: row.id.to_string(),
        merchant: row.merchant.to_string(),
        amount_fen: row.amount.get(),
        period: row.period.name(),
        status: row.status().name(),
        waits_until,
        waiting_fen: funds.waiting.get(),
        frozen_fen: funds.frozen.get(),
        available_fen: funds.available.get(),
        returned_fen: row.returned.get(),
    }
}

/// A refund.
pub(crate) fn refund(refund: &Refund) -> wire::Refund {
    let request = refund.request.as_deref();
    wire::Refund {
        id: refund.id.to_string(),
        channel_refund_no: refund.current_channel_refund_no(),
        order: refund.order.to_string(),
        payment_reference: refund.payment_reference.clone(),
        cause: refund.cause.name(),
        merchant_refund_no: request.map(|request| request.merchant_refund_no.clone()),
        requested_reason: request.and_then(|request| request.reason.clone()),
        amount_fen: refund.amount.get(),
        settled_amount_fen: refund.settled_amount.get(),
        made_at: rfc3339(refund.made_at),
        returns: refund.returns.iter().map(refund_return).collect(),
        state: refund_state(&refund.state),
    }
}

fn refund_return(it: &RefundReturn) -> wire::RefundReturn {
    let reason = match &it.item.outcome {
        ReturnOutcome::Failed { reason } => Some(reason.clone()),
        ReturnOutcome::Open | ReturnOutcome::Done { .. } => None,
    };
    wire::RefundReturn {
        payee: it.item.payee.to_string(),
        share: it.share.to_string(),
        amount_fen: it.item.amount.get(),
        outcome: it.item.outcome.name(),
        reason,
    }
}

fn refund_state(state: &RefundState) -> wire::RefundState {
    match state {
        RefundState::Preparing { step, .. } => {
            wire::RefundState::Preparing { waits_for: step.to_string() }
        }
        RefundState::Requesting => wire::RefundState::Requesting,
        RefundState::Processing => wire::RefundState::Processing,
        RefundState::Done { at, refund_reference, settled_refund } => wire::RefundState::Done {
            done_at: rfc3339(*at),
            refund_reference: refund_reference.clone(),
            settled_refund_fen: settled_refund.get(),
        },
        RefundState::Failed { at, reason, .. } => {
            wire::RefundState::Failed { failed_at: rfc3339(*at), reason: reason.clone() }
        }
        RefundState::SettledByHand { at, outside_reference, note } => {
            wire::RefundState::SettledByHand {
                settled_at: rfc3339(*at),
                outside_reference: outside_reference.clone(),
                note: note.clone(),
            }
        }
        RefundState::WrittenOff { at, note } => {
            wire::RefundState::WrittenOff { written_off_at: rfc3339(*at), note: note.clone() }
        }
    }
}

/// What a merchant has: its accounts in the order of [`crate::settlement::MERCHANT_ACCOUNTS`].
pub(crate) fn balance(
    merchant: &kernel::MerchantId,
    at: Timestamp,
    rows: &[AccountRow],
) -> wire::MerchantBalance {
    let of = |kind: AccountKind| {
        let found = rows.iter().find(|row| row.account.kind == kind);
        found.map_or_else(Balance::default, |row| row.balance)
    };
    let available = of(AccountKind::MerchantAvailable);
    let pending = of(AccountKind::MerchantPending);
    wire::MerchantBalance {
        merchant: merchant.to_string(),
        as_of: rfc3339(at),
        pending_fen: pending.posted.get(),
        pending_held_fen: pending.held.get(),
        available_fen: available.available().ok().map(ledger::Fen::get),
        held_fen: available.held.get(),
        frozen_fen: of(AccountKind::MerchantFrozen).posted.get(),
        coupons_fen: of(AccountKind::MerchantCoupons).posted.get(),
    }
}

/// A page of at most `limit` withdrawals.
pub(crate) fn withdrawals(rows: &[kernel::Withdrawal], limit: u32) -> wire::WithdrawalPage {
    let withdrawals = rows.iter().map(withdrawal).collect();
    wire::WithdrawalPage { withdrawals, next: next(rows, limit, |row| row.id) }
}

/// A withdrawal.
pub(crate) fn withdrawal(row: &kernel::Withdrawal) -> wire::Withdrawal {
    wire::Withdrawal {
        id: row.id.to_string(),
        namespace: row.namespace.to_string(),
        withdrawal_no: row.withdrawal_no.clone(),
        merchant: row.merchant.to_string(),
        dialect: row.dialect.to_string(),
        amount_fen: row.amount.get(),
        notify_url: row.notify_url.clone(),
        remark: row.remark.clone(),
        payout: row.payout.name(),
        made_at: rfc3339(row.made_at),
        state: withdrawal_state(&row.state),
    }
}

fn withdrawal_state(state: &WithdrawalState) -> wire::WithdrawalState {
    match state {
        WithdrawalState::Accepted => wire::WithdrawalState::Accepted,
        WithdrawalState::Paid { at, outside_reference, note } => wire::WithdrawalState::Paid {
            paid_at: rfc3339(*at),
            outside_reference: outside_reference.clone(),
            note: note.clone(),
        },
        WithdrawalState::Failed { at, note } => {
            wire::WithdrawalState::Failed { failed_at: rfc3339(*at), note: note.clone() }
        }
    }
}

/// Everything about one withdrawal; `None` when the story is about something else.
pub(crate) fn withdrawal_story(story: &Story) -> Option<wire::WithdrawalStory> {
    let notifications: Vec<NotificationRow> = story.notifications().collect();
    Some(wire::WithdrawalStory {
        withdrawal: withdrawal(story.withdrawal()?),
        events: story.events.iter().map(event).collect(),
        transfers: story.transfers.iter().map(transfer).collect(),
        notifications: notifications.iter().map(notification).collect(),
        attention: story.attention().iter().map(needy).collect(),
    })
}

/// A notification with its attempts.
pub(crate) fn notification(row: &NotificationRow) -> wire::Notification {
    let notification = &row.notification;
    wire::Notification {
        id: notification.id.to_string(),
        about: subject(notification.about),
        about_no: notification.about_no.clone(),
        kind: notification.kind.name(),
        url: notification.url.clone(),
        made_at: rfc3339(notification.made_at),
        state: notification_state(notification.state),
        attempt_count: notification.attempts,
        attempts: row.attempts.iter().map(attempt).collect(),
    }
}

fn notification_state(state: NotificationState) -> wire::NotificationState {
    match state {
        NotificationState::Due { next_attempt_at } => {
            wire::NotificationState::Due { next_attempt_at: rfc3339(next_attempt_at) }
        }
        NotificationState::Delivered { at } => {
            wire::NotificationState::Delivered { delivered_at: rfc3339(at) }
        }
        NotificationState::GivenUp { at } => {
            wire::NotificationState::GivenUp { given_up_at: rfc3339(at) }
        }
        NotificationState::Dismissed { at } => {
            wire::NotificationState::Dismissed { dismissed_at: rfc3339(at) }
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

/// An event. Its text and details come from the story, the same for every kind of subject.
pub(crate) fn event(event: &Event) -> wire::Event {
    let detail = |fact| match fact {
        Fact::Text(text) => wire::Detail::Text(text),
        Fact::Number(number) => wire::Detail::Number(number),
        Fact::At(at) => wire::Detail::Text(rfc3339(at)),
    };
    let details = story::facts(&event.change).into_iter();
    wire::Event {
        id: event.id.to_string(),
        subject: subject(event.subject),
        sequence: event.sequence,
        at: rfc3339(event.at),
        caller: event.caller.text(),
        change: event.change.name(),
        text: story::what(event),
        details: details.map(|(name, fact)| (name, detail(fact))).collect(),
        call: event.call.as_ref().map(call),
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
