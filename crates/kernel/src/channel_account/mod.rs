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
use crate::standing::{Attention, Sealed, Standing};
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
    /// The last callback about nothing that we know, for the operator.
    pub attention: Option<Attention>,
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
        Standing { attention: self.attention.clone(), ..Standing::settled() }
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
