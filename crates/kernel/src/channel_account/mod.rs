//! A tenant's account at a channel: its settings, and the signing keys that were fetched from the
//! channel.

mod change;
mod decide;

pub use change::ChannelAccountChange;
pub use decide::ChannelAccountCommand;

use crate::aggregate::{Aggregate, NaturalKey};
use crate::command::{Refusal, Reply};
use crate::deciding::Deciding;
use crate::directory::TenantId;
use crate::event::Event;
use crate::standing::{Attention, AttentionKind, Exit, Sealed, Standing};
use channel::PlatformKey;
use ledger::{Id, Timestamp, kinds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One setting of a channel account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountSetting {
    /// A value that may be shown.
    Plain(String),
    /// A secret.
    Sealed(Sealed),
}

/// The settings of a channel account, by name: a table that the channel parses itself.
pub type AccountSettings = BTreeMap<String, AccountSetting>;

/// A channel account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelAccount {
    /// The owner.
    pub tenant: TenantId,
    /// The id of its row.
    pub id: Id<kinds::ChannelAccount>,
    /// Its name, in callback URLs too; unique in the installation.
    pub name: Arc<str>,
    /// The channel's name.
    pub channel: Arc<str>,
    /// When it was created.
    pub made_at: Timestamp,
    /// Counts its events; 1 when new.
    pub version: i64,
    /// Its settings.
    pub settings: AccountSettings,
    /// The channel's signing keys, as fetched; public.
    pub platform_keys: Vec<PlatformKey>,
    /// False when nothing new is collected through it.
    pub is_enabled: bool,
    /// Who the account is at the channel: merchant number, sub-merchant. It never changes, as orders
    /// and refunds live there; another number is another account.
    pub identity: Arc<str>,
    /// Why the channel refuses the account, while it does.
    pub blocked: Option<Blocked>,
    /// The last callback about nothing that we know, until an operator has looked into it.
    pub mismatch: Option<Mismatch>,
}

/// The channel refuses the account itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// What the channel answered.
    pub why: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A callback about nothing that we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What it was about, and why it fits nothing.
    pub why: Arc<str>,
    /// When it came.
    pub since: Timestamp,
}

impl ChannelAccount {
    pub(crate) fn key(name: &str) -> NaturalKey {
        NaturalKey::new("channel_account", name)
    }
}

impl Aggregate for ChannelAccount {
    type Kind = kinds::ChannelAccount;
    type Change = ChannelAccountChange;
    type Command = ChannelAccountCommand;

    fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn id(&self) -> Id<kinds::ChannelAccount> {
        self.id
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn natural_key(&self) -> Option<NaturalKey> {
        Some(ChannelAccount::key(&self.name))
    }

    fn standing(&self) -> Standing {
        let blocked = self.blocked.as_ref().map(|blocked| Attention {
            kind: AttentionKind::AccountBlocked,
            reason: blocked.why.clone(),
            since: blocked.since,
        });
        let mismatch = self.mismatch.as_ref().map(|mismatch| Attention {
            kind: AttentionKind::Contradiction,
            reason: mismatch.why.clone(),
            since: mismatch.since,
        });
        Standing { attention: blocked.or(mismatch), ..Standing::settled() }
    }

    fn exits(&self) -> Vec<Exit> {
        match (&self.blocked, &self.mismatch) {
            (Some(_), _) => vec![Exit::ResumeAccount],
            (None, Some(_)) => vec![Exit::DismissMismatch],
            (None, None) => vec![],
        }
    }

    fn evolve(
        before: Option<&ChannelAccount>,
        event: &Event,
        change: &ChannelAccountChange,
    ) -> ChannelAccount {
        change::evolve(before, event, change)
    }

    fn decide(
        deciding: &mut Deciding<'_>,
        command: &ChannelAccountCommand,
    ) -> Result<Reply, Refusal> {
        Ok(decide::decide(deciding, command)?)
    }
}
