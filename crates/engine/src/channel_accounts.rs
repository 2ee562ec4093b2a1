//! The channel accounts, opened and ready to encode and decode.
//!
//! An account is opened when its row is loaded, and opened again when the row has changed: by a command,
//! or because signing keys were fetched and stored. Both parse keys, which is why an open account is
//! kept until its row has another version.

use crate::secrets::{self, Secrets};
use adapters::http::ClientIdentity;
use channel::{Channel, Connection, PlatformKey, Settings};
use kernel::{AccountSetting, ChannelAccount, TenantId};
use ledger::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why an account cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelAccountFault {
    /// There is no such channel.
    #[error("no channel is called {channel}")]
    UnknownChannel {
        /// The channel that is asked for.
        channel: String,
    },
    /// A setting is wrong.
    #[error("setting {name}: {why}")]
    Setting {
        /// The setting's name.
        name: String,
        /// What is wrong; never the value of a secret.
        why: String,
    },
}

/// An open account.
pub(crate) struct OpenAccount {
    pub(crate) tenant: TenantId,
    pub(crate) name: Arc<str>,
    pub(crate) channel: &'static dyn Channel,
    pub(crate) connection: Arc<dyn Connection>,
    /// What the account proves itself with when a connection is made, if the channel demands it.
    pub(crate) client_identity: Option<ClientIdentity>,
    /// Who it is at the channel, by its settings.
    pub(crate) identity: Arc<str>,
    /// True while the channel refuses it.
    pub(crate) is_blocked: bool,
    pub(crate) platform_keys: Vec<PlatformKey>,
    pub(crate) fetching: Arc<KeyFetching>,
    version: i64,
}

/// Seconds after which keys that were fetched are fetched anew.
const KEYS_EVERY_SECONDS: i64 = 3600;
/// Seconds to wait after a fetch that failed, by how many have failed; the last repeats.
const KEYS_RETRY_SECONDS: [i64; 3] = [15, 30, 60];

/// Who fetches an account's signing keys, and since when; outlives the account's reopening.
#[derive(Default)]
pub(crate) struct KeyFetching {
    /// Held while keys are fetched.
    pub(crate) lock: tokio::sync::Mutex<()>,
    last: Mutex<LastFetch>,
}

#[derive(Clone, Copy, Default)]
struct LastFetch {
    asked_at: Option<Timestamp>,
    /// Failures since keys were fetched; a fetch counts as one until it has ended well.
    failures: usize,
}

impl KeyFetching {
    /// Marks the beginning of a fetch, unless another began within `pause_ms`.
    pub(crate) fn may_begin(&self, now: Timestamp, pause_ms: i64) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = last.asked_at.is_none_or(|at| now.ms_since(at) >= pause_ms);
        if is_free {
            last.asked_at = Some(now);
            last.failures = last.failures.saturating_add(1);
        }
        is_free
    }

    /// Marks the end of the fetch that began.
    pub(crate) fn ended(&self, is_fetched: bool) {
        if is_fetched {
            self.last.lock().unwrap_or_else(PoisonError::into_inner).failures = 0;
        }
    }

    /// Whether keys are to be fetched without anybody who waits for them.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let wait_seconds = match last.failures.checked_sub(1) {
            None => KEYS_EVERY_SECONDS,
            Some(failed) => KEYS_RETRY_SECONDS[failed.min(KEYS_RETRY_SECONDS.len() - 1)],
        };
        last.asked_at.is_none_or(|at| now >= at.plus_seconds(wait_seconds))
    }
}

/// All open accounts, by name.
#[derive(Default)]
pub(crate) struct ChannelAccounts {
    by_name: HashMap<Arc<str>, Arc<OpenAccount>>,
}

impl ChannelAccounts {
    /// Opens the accounts of these rows; those whose row has not changed stay as they are. An account
    /// that cannot be opened is left out and reported: it must not stop the others.
    pub(crate) fn open(
        before: &ChannelAccounts,
        channels: &[&'static dyn Channel],
        secrets: &Secrets,
        rows: &[ChannelAccount],
    ) -> ChannelAccounts {
        let mut by_name = HashMap::with_capacity(rows.len());
        for row in rows {
            let known = before.by_name.get(&row.name);
            let opened = match known {
                Some(known) if known.version == row.version && known.tenant == row.tenant => {
                    Ok(known.clone())
                }
                Some(_) | None => {
                    let fetching = known.map(|known| known.fetching.clone()).unwrap_or_default();
                    OpenAccount::open(channels, secrets, row, fetching).map(Arc::new)
                }
            };
            match opened {
                Ok(account) => {
                    by_name.insert(row.name.clone(), account);
                }
                Err(fault) => {
                    tracing::error!(account = %row.name, %fault, "a channel account cannot be used");
                }
            }
        }
        ChannelAccounts { by_name }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<OpenAccount>> {
        self.by_name.get(name)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<OpenAccount>> {
        self.by_name.values()
    }
}

impl OpenAccount {
    pub(crate) fn open(
        channels: &[&'static dyn Channel],
        secrets: &Secrets,
        row: &ChannelAccount,
        fetching: Arc<KeyFetching>,
    ) -> Result<OpenAccount, ChannelAccountFault> {
        let channel = find(channels, &row.channel)?;
        let settings = plain_settings(secrets, row)?;
        let connection = channel
            .open(&settings, &usable(channel, &settings, row))
            .map_err(|bad| ChannelAccountFault::Setting { name: bad.name, why: bad.why })?;
        let client_identity = connection.client_certificate().map(|certificate| ClientIdentity {
            account: row.name.clone(),
            certificate: Arc::new(certificate),
        });
        Ok(OpenAccount {
            client_identity,
            identity: Arc::from(connection.identity()),
            is_blocked: row.blocked.is_some(),
            tenant: row.tenant.clone(),
            name: row.name.clone(),
            channel,
            connection: Arc::from(connection),
            platform_keys: row.platform_keys.clone(),
            fetching,
            version: row.version,
        })
    }

    /// True when the channel's keys are fetched and there is none to verify an answer with now.
    pub(crate) fn lacks_keys(&self, now: Timestamp) -> bool {
        self.channel.about().fetches_keys && !self.connection.has_keys(now)
    }

    /// The keys to trust from now on: the fetched ones, and those known that have not expired. `None`
    /// when nothing is new.
    pub(crate) fn with_fetched(
        &self,
        fetched: &[PlatformKey],
        now: Timestamp,
    ) -> Option<Vec<PlatformKey>> {
        let is_known =
            |key: &&PlatformKey| self.platform_keys.iter().any(|known| known.serial == key.serial);
        if fetched.iter().all(|key| is_known(&key)) {
            return None;
        }
        let new = fetched.iter().filter(|key| !is_known(key));
        let valid = self.platform_keys.iter().filter(|key| now < key.valid_until);
        Some(valid.chain(new).cloned().collect())
    }
}

/// The fetched keys that the channel can use. One that it cannot must not stop the account.
fn usable(channel: &dyn Channel, settings: &Settings, row: &ChannelAccount) -> Vec<PlatformKey> {
    let is_usable = |key: &&PlatformKey| match channel.open(settings, std::slice::from_ref(*key)) {
        Ok(_) => true,
        Err(bad) => {
            let (serial, why) = (&key.serial, bad.why);
            tracing::error!(account = %row.name, serial, why, "a fetched key cannot be used");
            false
        }
    };
    match channel.open(settings, &row.platform_keys) {
        Ok(_) => row.platform_keys.clone(),
        Err(_) => row.platform_keys.iter().filter(is_usable).cloned().collect(),
    }
}

/// The channel of this name.
pub(crate) fn find(
    channels: &[&'static dyn Channel],
    name: &str,
) -> Result<&'static dyn Channel, ChannelAccountFault> {
    let found = channels.iter().copied().find(|channel| channel.about().name == name);
    found.ok_or_else(|| ChannelAccountFault::UnknownChannel { channel: name.to_owned() })
}

/// The settings of a row with its secrets opened.
pub(crate) fn plain_settings(
    secrets: &Secrets,
    row: &ChannelAccount,
) -> Result<Settings, ChannelAccountFault> {
    let plain = |(name, setting): (&String, &AccountSetting)| {
        let value = match setting {
            AccountSetting::Plain(value) => value.clone(),
            AccountSetting::Sealed(sealed) => {
                let context = secrets::setting_context(&row.tenant, &row.name, name);
                let opened = secrets.unseal(&context, sealed).map_err(|fault| {
                    ChannelAccountFault::Setting { name: name.clone(), why: fault.to_string() }
                })?;
                opened.expose().to_owned()
            }
        };
        Ok((name.clone(), value))
    };
    row.settings.iter().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::{About, BadSettings, Connection};
    use channel_none::NoChannel;
    use crypto::MasterKeys;

    /// A channel that can use every key but one.
    struct Choosy;

    impl Channel for Choosy {
        fn about(&self) -> &'static About {
            NoChannel::Unpaid.about()
        }

        fn open(
            &self,
            settings: &Settings,
            keys: &[PlatformKey],
        ) -> Result<Box<dyn Connection>, BadSettings> {
            match keys.iter().find(|key| key.pem.is_empty()) {
                Some(_) => Err(BadSettings { name: "keys".to_owned(), why: "empty".to_owned() }),
                None => NoChannel::Unpaid.open(settings, &[]),
            }
        }
    }

    fn key(serial: &str, pem: &str) -> PlatformKey {
        PlatformKey {
            serial: serial.to_owned(),
            pem: pem.to_owned(),
            valid_from: Timestamp::from_seconds(0),
            valid_until: Timestamp::from_seconds(1),
        }
    }

    #[test]
    fn a_fetch_that_failed_is_tried_again_within_a_minute() {
        let fetching = KeyFetching::default();
        let at = |seconds| Timestamp::from_seconds(seconds);
        assert!(fetching.is_due(at(0)));
        let mut now = 0;
        for wait in [15, 30, 60, 60] {
            assert!(fetching.may_begin(at(now), 10_000));
            fetching.ended(false);
            assert!(!fetching.is_due(at(now + wait - 1)));
            now += wait;
            assert!(fetching.is_due(at(now)));
        }
        assert!(fetching.may_begin(at(now), 10_000));
        fetching.ended(true);
        assert!(!fetching.is_due(at(now + 3599)) && fetching.is_due(at(now + 3600)));
    }

    /// The row is stored: an account that did not open with it would stay shut at every start.
    #[test]
    fn a_key_that_cannot_be_used_does_not_shut_the_account() {
        let row = ChannelAccount {
            tenant: TenantId::new("100001"),
            id: ledger::first_id_at(Timestamp::from_seconds(0)),
            name: Arc::from("main"),
            channel: Arc::from(NoChannel::Unpaid.about().name),
            made_at: Timestamp::from_seconds(0),
            version: 1,
            settings: kernel::AccountSettings::new(),
            platform_keys: vec![key("A", "pem"), key("B", "")],
            is_enabled: true,
            identity: Arc::from(""),
            blocked: None,
            mismatch: None,
        };
        let secrets = Secrets::new(MasterKeys::read(&MasterKeys::generate()).expect("a key"));
        let accounts = ChannelAccounts::open(
            &ChannelAccounts::default(),
            &[&Choosy],
            &secrets,
            std::slice::from_ref(&row),
        );
        assert!(accounts.get("main").is_some(), "the account opens");
        let serials = usable(&Choosy, &Settings::new(), &row);
        assert_eq!(serials.iter().map(|key| &*key.serial).collect::<Vec<_>>(), ["A"]);
    }
}
