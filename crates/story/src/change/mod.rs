//! One event: who did it, what happened, and the call through which we know.

mod agreement;
mod allocation;
mod approval;
mod card;
mod directory;
mod notification;
mod order;
mod refund;
mod share;
mod wallet;
mod withdrawal;

pub(crate) use allocation::stands as allocation_stands;
pub(crate) use notification::{attempt, stands as notification_stands};

use crate::words::{local, span};
use kernel::{CallRecord, Caller, Change, Event};
use ledger::Timestamp;

/// A fact of an event, for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A word or text.
    Text(String),
    /// A number: fen where the name ends in `_fen`, milliseconds where it ends in `_ms`.
    Number(i64),
    /// An instant.
    At(Timestamp),
}

/// The facts of an event, by name.
pub type Facts = Vec<(&'static str, Fact)>;

/// A fact that is text.
fn text(name: &'static str, value: impl Into<String>) -> (&'static str, Fact) {
    (name, Fact::Text(value.into()))
}

/// A fact that is an amount in fen.
fn fen(name: &'static str, amount: ledger::Fen) -> (&'static str, Fact) {
    (name, Fact::Number(amount.get()))
}

/// A fact that is a number.
const fn number(name: &'static str, value: i64) -> (&'static str, Fact) {
    (name, Fact::Number(value))
}

/// A fact that is an instant.
const fn at(name: &'static str, at: Timestamp) -> (&'static str, Fact) {
    (name, Fact::At(at))
}

/// Who requested it.
pub fn who(caller: &Caller) -> String {
    match caller {
        Caller::Business(key) => format!("business {key}"),
        Caller::Channel(name) => format!("channel {name}"),
        Caller::Clock => "clock".to_owned(),
        Caller::Operator(name) => format!("operator {name}"),
    }
}

/// What happened, as a sentence.
pub fn what(event: &Event) -> String {
    match &event.change {
        Change::Order(change) => order::what(change, event.call.as_ref()),
        Change::Refund(change) => refund::what(event.subject, change),
        Change::Notification(change) => notification::what(event.subject, change),
        Change::Tenant(change) => directory::tenant(change),
        Change::Merchant(change) => directory::merchant(change),
        Change::CallerKey(change) => directory::caller_key(change),
        Change::ChannelAccount(change) => directory::channel_account(change),
        Change::Approval(change) => approval::what(event.subject, change),
        Change::Payee(change) => directory::payee(event.subject, change),
        Change::Share(change) => share::what(event.subject, change),
        Change::ShareReturn(change) => share::what_of_return(event.subject, change),
        Change::Allocation(change) => allocation::what(event.subject, change),
        Change::AllocationRelease(change) => allocation::release_what(event.subject, change),
        Change::Withdrawal(change) => withdrawal::what(event.subject, change),
        Change::CardBatch(change) => card::batch(event.subject, change),
        Change::CardQuota(change) => card::quota(event.subject, change),
        Change::Recharge(change) => card::recharge(event.subject, change),
        Change::Card(change) => card::card(event.subject, change),
        Change::CardTransfer(change) => card::transfer(event.subject, change),
        Change::CardBinding(change) => card::binding(event.subject, change),
        Change::Wallet(change) => wallet::what(event.subject, change),
        Change::WalletPayment(change) => wallet::payment(event.subject, change),
        Change::WalletFreeze(change) => wallet::freeze(event.subject, change),
        Change::Agreement(change) => agreement::what(event.subject, change),
    }
}

/// What happened, as facts.
pub fn facts(change: &Change) -> Facts {
    match change {
        Change::Order(change) => order::facts(change),
        Change::Refund(change) => refund::facts(change),
        Change::Notification(change) => notification::facts(change),
        Change::Tenant(change) => directory::tenant_facts(change),
        Change::Merchant(change) => directory::merchant_facts(change),
        Change::CallerKey(change) => directory::caller_key_facts(change),
        Change::ChannelAccount(change) => directory::channel_account_facts(change),
        Change::Approval(change) => approval::facts(change),
        Change::Payee(change) => directory::payee_facts(change),
        Change::Share(change) => share::facts(change),
        Change::ShareReturn(change) => share::facts_of_return(change),
        Change::Allocation(change) => allocation::facts(change),
        Change::AllocationRelease(change) => allocation::release_facts(change),
        Change::Withdrawal(change) => withdrawal::facts(change),
        Change::CardBatch(change) => card::batch_facts(change),
        Change::CardQuota(change) => card::quota_facts(change),
        Change::Recharge(change) => card::recharge_facts(change),
        Change::Card(change) => card::card_facts(change),
        Change::CardTransfer(change) => card::transfer_facts(change),
        Change::CardBinding(change) => card::binding_facts(change),
        Change::Wallet(change) => wallet::facts(change),
        Change::WalletPayment(change) => wallet::payment_facts(change),
        Change::WalletFreeze(change) => wallet::freeze_facts(change),
        Change::Agreement(change) => agreement::facts(change),
    }
}

/// A call in a line: what was asked, the status, how long it took, the channel's trace, its answer.
pub fn call_line(call: &CallRecord) -> String {
    let mut parts = match call.operation {
        Some(operation) => vec![
            format!("asked {}", operation.name()),
            call.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}")),
            span(call.took_ms),
            format!("begun {}", local(call.at)),
        ],
        None => vec![format!("callback of the channel at {}", local(call.at))],
    };
    parts.extend(call.channel_trace.as_ref().map(|trace| format!("trace {trace}")));
    parts.push(format!("answer: {}", call.summary));
    parts.join(", ")
}
