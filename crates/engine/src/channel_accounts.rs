//! The channel accounts, opened and ready to encode and decode.

use channel::{BadSettings, Channel, Connection, PlatformKey, Settings};
use kernel::TenantId;
use ledger::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// One account at a channel, as configured.
pub struct ChannelAccountParts {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, unique in the installation.
    pub name: Arc<str>,
    /// The channel's name.
    pub channel: String,
    /// Its settings.
    pub settings: Settings,
}

/// An account that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelAccountsFault {
    /// There is no such channel.
    #[error("account {account}: no channel is called {channel}")]
    UnknownChannel {
        /// The account's name.
        account: String,
        /// What it asks for.
        channel: String,
    },
    /// Its settings are wrong.
    #[error("account {account}: {source}")]
    Settings {
        /// The account's name.
        account: String,
        /// What is wrong.
        source: BadSettings,
    },
    /// Two accounts have the same name.
    #[error("account {account} is configured twice")]
    Twice {
        /// The account's name.
        account: String,
    },
}

/// An open account.
pub(crate) struct ChannelAccount {
    pub(crate) tenant: TenantId,
    pub(crate) name: Arc<str>,
    pub(crate) channel: &'static dyn Channel,
    settings: Settings,
    /// Held while keys are fetched.
    pub(crate) fetching: tokio::sync::Mutex<()>,
    keys: Mutex<Keys>,
    connection: RwLock<Arc<dyn Connection>>,
}

/// The signing keys fetched so far.
#[derive(Default)]
struct Keys {
    known: Vec<PlatformKey>,
    asked_at: Option<Timestamp>,
}

/// All open accounts.
pub(crate) struct ChannelAccounts {
    by_name: HashMap<Arc<str>, Arc<ChannelAccount>>,
}

impl ChannelAccounts {
    pub(crate) fn open(
        channels: &[&'static dyn Channel],
        parts: Vec<ChannelAccountParts>,
        kept: Vec<(Arc<str>, PlatformKey)>,
    ) -> Result<ChannelAccounts, ChannelAccountsFault> {
        let mut keys: HashMap<Arc<str>, Vec<PlatformKey>> = HashMap::new();
        for (account, key) in kept {
            keys.entry(account).or_default().push(key);
        }
        let mut by_name = HashMap::new();
        for part in parts {
            let name = part.name.clone();
            let known = keys.remove(&name).unwrap_or_default();
            let account = ChannelAccount::open(channels, part, known)?;
            if by_name.insert(name.clone(), Arc::new(account)).is_some() {
                return Err(ChannelAccountsFault::Twice { account: name.to_string() });
            }
        }
        Ok(ChannelAccounts { by_name })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<ChannelAccount>> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ChannelAccount>> {
        self.by_name.values()
    }
}

impl ChannelAccount {
    fn open(
        channels: &[&'static dyn Channel],
        part: ChannelAccountParts,
        known: Vec<PlatformKey>,
    ) -> Result<ChannelAccount, ChannelAccountsFault> {
        let channel = channels
            .iter()
            .copied()
            .find(|channel| channel.about().name == part.channel)
            .ok_or_else(|| ChannelAccountsFault::UnknownChannel {
                account: part.name.to_string(),
                channel: part.channel.clone(),
            })?;
        let connection = channel.open(&part.settings, &known).map_err(|source| {
            ChannelAccountsFault::Settings { account: part.name.to_string(), source }
        })?;
        Ok(ChannelAccount {
            tenant: part.tenant,
            name: part.name,
            channel,
            settings: part.settings,
            fetching: tokio::sync::Mutex::new(()),
            keys: Mutex::new(Keys { known, asked_at: None }),
            connection: RwLock::new(Arc::from(connection)),
        })
    }

    /// The connection with the keys known now.
    pub(crate) fn connection(&self) -> Arc<dyn Connection> {
        self.connection.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// True when the channel's keys are fetched and there is none to verify an answer with now.
    pub(crate) fn lacks_keys(&self, now: Timestamp) -> bool {
        self.channel.about().fetches_keys && !self.connection().has_keys(now)
    }

    /// Takes the turn to fetch keys, unless somebody had it within `pause_ms`.
    pub(crate) fn may_fetch(&self, now: Timestamp, pause_ms: i64) -> bool {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let free = keys.asked_at.is_none_or(|at| now.ms_since(at) >= pause_ms);
        if free {
            keys.asked_at = Some(now);
        }
        free
    }

    /// Adopts fetched keys beside those known and not yet expired. Answers whether any is new.
    pub(crate) fn adopt(
        &self,
        fetched: &[PlatformKey],
        now: Timestamp,
    ) -> Result<bool, BadSettings> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known: Vec<PlatformKey> =
            keys.known.iter().filter(|key| now < key.valid_until).cloned().collect();
        let before = known.len();
        for key in fetched {
            if !known.iter().any(|other| other.serial == key.serial) {
                known.push(key.clone());
            }
        }
        let new = known.len() > before;
        let connection = self.channel.open(&self.settings, &known)?;
        *self.connection.write().unwrap_or_else(PoisonError::into_inner) = Arc::from(connection);
        keys.known = known;
        Ok(new)
    }
}
