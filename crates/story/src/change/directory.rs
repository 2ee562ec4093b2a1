//! What happens to tenants, merchants, callers' keys, channel accounts and payees.

use super::{Fact, Facts, text};
use kernel::{
    Binding, CallerKeyChange, ChannelAccountChange, MerchantChange, PayeeChange, TenantChange,
};
use ledger::{Id, Subject, kinds};

const fn enabled(is_enabled: bool) -> &'static str {
    if is_enabled { "enabled" } else { "disabled" }
}

pub(super) fn tenant(change: &TenantChange) -> String {
    match change {
        TenantChange::Created(row) => format!("tenant {} is created: {}", row.tenant, row.name),
        TenantChange::Changed(row) => {
            format!("tenant {} is now {:?}, {}", row.tenant, row.name, enabled(row.is_enabled))
        }
    }
}

pub(super) fn merchant(change: &MerchantChange) -> String {
    match change {
        MerchantChange::Created(row) => format!("merchant {} is created", row.merchant),
        MerchantChange::Changed(row) => format!(
            "merchant {} now collects through {}, {}",
            row.merchant,
            row.channel_accounts.join(", "),
            enabled(row.is_enabled)
        ),
    }
}

pub(super) fn caller_key(change: &CallerKeyChange) -> String {
    match change {
        CallerKeyChange::Created(row) => {
            format!("caller key {} is created ({})", row.key_id, row.proof.name())
        }
        CallerKeyChange::Changed(row) => format!(
            "caller key {} is changed ({}), {}",
            row.key_id,
            row.proof.name(),
            enabled(row.is_enabled)
        ),
    }
}

pub(super) fn channel_account(change: &ChannelAccountChange) -> String {
    match change {
        ChannelAccountChange::Created(row) => {
            format!("channel account {} at {} is created", row.name, row.channel)
        }
        ChannelAccountChange::Changed(row) => {
            format!("channel account {} is changed, {}", row.name, enabled(row.is_enabled))
        }
        ChannelAccountChange::KeysStored(keys) => {
            let serials: Vec<&str> = keys.iter().map(|key| key.serial.as_str()).collect();
            format!("signing keys of the channel fetched: {}", serials.join(", "))
        }
        ChannelAccountChange::MismatchRecorded { why } => {
            format!("a callback about nothing that is known here: {why}")
        }
        ChannelAccountChange::Blocked { why } => {
            format!("THE CHANNEL REFUSES THE ACCOUNT: {why}")
        }
        ChannelAccountChange::Resumed => "the channel account goes on".to_owned(),
        ChannelAccountChange::MismatchDismissed { note } => {
            format!("the callback about nothing that is known was looked into: {note}")
        }
    }
}

pub(super) fn tenant_facts(change: &TenantChange) -> Facts {
    match change {
        TenantChange::Created(row) | TenantChange::Changed(row) => {
            vec![text("name", &*row.name), text("is", enabled(row.is_enabled))]
        }
    }
}

pub(super) fn merchant_facts(change: &MerchantChange) -> Facts {
    match change {
        MerchantChange::Created(row) | MerchantChange::Changed(row) => vec![
            text("name", &*row.name),
            text("channel_accounts", row.channel_accounts.join(",")),
            text("is", enabled(row.is_enabled)),
        ],
    }
}

pub(super) fn caller_key_facts(change: &CallerKeyChange) -> Facts {
    match change {
        CallerKeyChange::Created(row) | CallerKeyChange::Changed(row) => vec![
            text("key_id", &*row.key_id),
            text("proof", row.proof.name()),
            text("is", enabled(row.is_enabled)),
        ],
    }
}

pub(super) fn channel_account_facts(change: &ChannelAccountChange) -> Facts {
    match change {
        ChannelAccountChange::Created(row) | ChannelAccountChange::Changed(row) => vec![
            text("name", &*row.name),
            text("channel", &*row.channel),
            text("is", enabled(row.is_enabled)),
        ],
        ChannelAccountChange::KeysStored(keys) => {
            let serials: Vec<&str> = keys.iter().map(|key| key.serial.as_str()).collect();
            vec![text("serials", serials.join(","))]
        }
        ChannelAccountChange::MismatchRecorded { why } | ChannelAccountChange::Blocked { why } => {
            vec![text("why", why)]
        }
        ChannelAccountChange::Resumed => vec![],
        ChannelAccountChange::MismatchDismissed { note } => vec![text("note", note)],
    }
}

/// What happens to payees. Neither shows who a payee is at a channel.
#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn payee(subject: Subject, change: &PayeeChange) -> String {
    let id: Id<kinds::Payee> = Id::from_value(subject.value);
    match change {
        PayeeChange::Created(row) => format!("payee {id} is created, its number is {}", row.number),
        PayeeChange::Bound(binding) => {
            format!(
                "payee {id} is bound at the channel, as a receiver of {}",
                binding.channel_account
            )
        }
        PayeeChange::Unbound => format!("payee {id} is unbound"),
        PayeeChange::CallBegun { operation, .. } => {
            format!("asks the channel about payee {id}: {}", operation.name())
        }
        PayeeChange::UnboundAt { channel_account } => {
            format!("the channel has unbound payee {id} from {channel_account}")
        }
        PayeeChange::UnbindFailed { why, .. } => {
            format!("the channel has not unbound payee {id}: {why}")
        }
        PayeeChange::Repeated => format!("the channel reported payee {id} again, nothing new"),
        PayeeChange::PollRequested => format!("the channel is to be asked now about payee {id}"),
        PayeeChange::Dismissed { note } => {
            format!("that the channel has not unbound payee {id} was looked into: {note}")
        }
        PayeeChange::Resealed { .. } => format!("payee {id} is sealed under another master key"),
    }
}

pub(super) fn payee_facts(change: &PayeeChange) -> Facts {
    match change {
        PayeeChange::Created(row) => {
            vec![text("number", &*row.number), text("kind", row.kind.name())]
        }
        PayeeChange::Bound(Binding { channel_account, .. })
        | PayeeChange::UnboundAt { channel_account } => {
            vec![text("channel_account", &**channel_account)]
        }
        PayeeChange::CallBegun { operation, until } => {
            vec![text("operation", operation.name()), ("until", Fact::At(*until))]
        }
        PayeeChange::UnbindFailed { why, .. } => vec![text("why", why)],
        PayeeChange::Dismissed { note } => vec![text("note", note)],
        PayeeChange::Unbound
        | PayeeChange::Repeated
        | PayeeChange::PollRequested
        | PayeeChange::Resealed { .. } => vec![],
    }
}
