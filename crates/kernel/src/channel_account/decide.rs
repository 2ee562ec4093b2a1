//! Creating, changing and disabling channel accounts, and what is learnt through them.

use super::{AccountSettings, ChannelAccount, ChannelAccountChange};
use crate::aggregate::{AggregateCommand, Key, Reads};
use crate::command::{DirectoryRefusal, Put, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::CallRecord;
use crate::put::{self, Found, PutOutcome};
use channel::PlatformKey;
use std::sync::Arc;

/// What can be requested of a channel account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelAccountCommand {
    /// Create or change it.
    Put {
        /// The owner.
        tenant: TenantId,
        /// Its name.
        name: Arc<str>,
        /// The channel's name; never changes.
        channel: Arc<str>,
        /// Its settings, secrets sealed.
        settings: AccountSettings,
        /// Who it is at the channel, by these settings; never changes.
        identity: Arc<str>,
        /// False when nothing new is to be collected through it.
        is_enabled: bool,
        /// Whether it may or must be there.
        put: Put,
    },
    /// Store the signing keys that were fetched from the channel.
    StoreKeys {
        /// The owner.
        tenant: TenantId,
        /// The account's name.
        name: Arc<str>,
        /// All keys that are trusted from now on.
        keys: Vec<PlatformKey>,
    },
    /// Record a callback that is about nothing of ours, for the operator.
    RecordMismatch {
        /// The owner.
        tenant: TenantId,
        /// The account's name.
        name: Arc<str>,
        /// What the callback was about, and why it fits nothing.
        why: String,
        /// The callback.
        call: CallRecord,
    },
    /// Record that the channel refuses the account itself. A repeat changes nothing.
    Block {
        /// The owner.
        tenant: TenantId,
        /// The account's name.
        name: Arc<str>,
        /// What the channel answered.
        why: String,
        /// The call that it answered.
        call: CallRecord,
    },
    /// The channel takes the account again; or an operator has mended it.
    Resume {
        /// The owner.
        tenant: TenantId,
        /// The account's name.
        name: Arc<str>,
    },
    /// By an operator: the callback about nothing of ours was looked into.
    DismissMismatch {
        /// The owner.
        tenant: TenantId,
        /// The account's name.
        name: Arc<str>,
        /// What was found, for people.
        note: String,
    },
}

impl ChannelAccountCommand {
    fn account(&self) -> &str {
        match self {
            ChannelAccountCommand::Put { name, .. }
            | ChannelAccountCommand::StoreKeys { name, .. }
            | ChannelAccountCommand::RecordMismatch { name, .. }
            | ChannelAccountCommand::Block { name, .. }
            | ChannelAccountCommand::Resume { name, .. }
            | ChannelAccountCommand::DismissMismatch { name, .. } => name,
        }
    }
}

impl AggregateCommand for ChannelAccountCommand {
    fn tenant(&self) -> &TenantId {
        match self {
            ChannelAccountCommand::Put { tenant, .. }
            | ChannelAccountCommand::StoreKeys { tenant, .. }
            | ChannelAccountCommand::RecordMismatch { tenant, .. }
            | ChannelAccountCommand::Block { tenant, .. }
            | ChannelAccountCommand::Resume { tenant, .. }
            | ChannelAccountCommand::DismissMismatch { tenant, .. } => tenant,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            ChannelAccountCommand::Put { .. } => "put_channel_account",
            ChannelAccountCommand::StoreKeys { .. } => "store_keys",
            ChannelAccountCommand::RecordMismatch { .. } => "record_mismatch",
            ChannelAccountCommand::Block { .. } => "block_channel_account",
            ChannelAccountCommand::Resume { .. } => "resume_channel_account",
            ChannelAccountCommand::DismissMismatch { .. } => "dismiss_mismatch",
        }
    }

    fn reads(&self, reads: &mut Reads) {
        put::read_tenant(self.tenant(), reads);
        let key = Key::Number(ChannelAccount::key(self.account()));
        reads.channel_accounts.push((self.tenant().clone(), key));
    }
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    command: &ChannelAccountCommand,
) -> Result<Reply, DirectoryRefusal> {
    let key = Key::Number(ChannelAccount::key(command.account()));
    let found = deciding.view().channel_accounts.find(command.tenant(), &key).cloned();
    let not_found = DirectoryRefusal::NotFound { noun: "channel_account" };
    match command {
        ChannelAccountCommand::Put { .. } => put(deciding, found, command),
        ChannelAccountCommand::StoreKeys { keys, .. } => {
            let row = found.ok_or(not_found)?;
            deciding.record(&row, ChannelAccountChange::KeysStored(keys.clone()));
            Ok(Reply::about(row.id.subject()))
        }
        ChannelAccountCommand::RecordMismatch { why, call, .. } => {
            let row = found.ok_or(not_found)?;
            deciding.known_from(call.clone());
            let change = ChannelAccountChange::MismatchRecorded { why: why.clone() };
            deciding.record(&row, change);
            Ok(Reply::about(row.id.subject()))
        }
        ChannelAccountCommand::Block { why, call, .. } => {
            let row = found.ok_or(not_found)?;
            if row.blocked.is_none() {
                deciding.known_from(call.clone());
                deciding.record(&row, ChannelAccountChange::Blocked { why: why.clone() });
            }
            Ok(Reply::about(row.id.subject()))
        }
        ChannelAccountCommand::Resume { .. } => {
            let row = found.ok_or(not_found)?;
            if row.blocked.is_some() {
                deciding.record(&row, ChannelAccountChange::Resumed);
            }
            Ok(Reply::about(row.id.subject()))
        }
        ChannelAccountCommand::DismissMismatch { note, .. } => {
            let row = found.ok_or(not_found)?;
            if row.mismatch.is_some() {
                let note = note.clone();
                deciding.record(&row, ChannelAccountChange::MismatchDismissed { note });
            }
            Ok(Reply::about(row.id.subject()))
        }
    }
}

fn put(
    deciding: &mut Deciding<'_>,
    found: Option<ChannelAccount>,
    command: &ChannelAccountCommand,
) -> Result<Reply, DirectoryRefusal> {
    let ChannelAccountCommand::Put { tenant, name, channel, settings, identity, is_enabled, put } =
        command
    else {
        return Err(DirectoryRefusal::NotFound { noun: "channel_account" });
    };
    let standing = found.as_ref().map(|row| Found {
        version: row.version,
        has_same_content: row.channel == *channel
            && row.settings == *settings
            && row.is_enabled == *is_enabled,
    });
    let outcome = put::check(*put, "channel_account", standing)?;
    // Orders and refunds of the account live at its channel, so it never moves to another.
    if found.as_ref().is_some_and(|row| row.channel != *channel) {
        return Err(DirectoryRefusal::Exists { noun: "channel_account" });
    }
    if let Some(row) = found.as_ref().filter(|row| row.identity != *identity) {
        let (was, is) = (row.identity.to_string(), identity.to_string());
        return Err(DirectoryRefusal::Identity { was, is });
    }
    put::check_tenant(deciding, tenant)?;
    // Channels call back under the account's name alone, so it must be unique in the installation.
    let owner = deciding.view().directory.channel_accounts.get(name);
    if owner.is_some_and(|owner| owner != tenant) {
        return Err(DirectoryRefusal::Taken { noun: "channel_account" });
    }
    let row = match found {
        // Changed settings may have mended what the channel refused; its next answer shows it.
        Some(row) => ChannelAccount {
            settings: settings.clone(),
            is_enabled: *is_enabled,
            blocked: None,
            ..row
        },
        None => ChannelAccount {
            tenant: tenant.clone(),
            id: deciding.id(),
            name: name.clone(),
            channel: channel.clone(),
            made_at: deciding.now(),
            version: 1,
            settings: settings.clone(),
            platform_keys: vec![],
            is_enabled: *is_enabled,
            identity: identity.clone(),
            blocked: None,
            mismatch: None,
        },
    };
    let boxed = || Box::new(row.clone());
    match outcome {
        PutOutcome::Create => deciding.record(&row, ChannelAccountChange::Created(boxed())),
        PutOutcome::Change => deciding.record(&row, ChannelAccountChange::Changed(boxed())),
        PutOutcome::Nothing => {}
    }
    Ok(Reply::about(row.id.subject()))
}
