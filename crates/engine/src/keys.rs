//! The channels' signing keys: fetched at the start, when there is none to verify an answer with, and
//! then every hour; each account for itself, so that one that does not answer delays no other.

use crate::Engine;
use crate::calls::exchange;
use crate::channel_accounts::OpenAccount;
use channel::{Finding, Instruction, PlatformKey};
use kernel::{Caller, ChannelAccountCommand};
use std::sync::Arc;
use std::time::Duration;

/// How often accounts are looked at whose keys are to be fetched.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// The least time between two fetches of an account's keys, in milliseconds.
const PAUSE_MS: i64 = 10_000;
/// The same before a fetch that a callback causes. Anybody can send one: they leave the time in between to
/// the answers that come over TLS.
const CALLBACK_PAUSE_MS: i64 = 60_000;

/// Why keys are fetched.
pub(crate) enum Sought {
    /// It is time to look whether there are new ones.
    All,
    /// An answer of the channel is signed with one that is not known.
    ByAnswer(String),
    /// A callback is, and anybody can send one.
    ByCallback(String),
}

impl Sought {
    const fn pause_ms(&self) -> i64 {
        match self {
            Sought::All | Sought::ByAnswer(_) => PAUSE_MS,
            Sought::ByCallback(_) => CALLBACK_PAUSE_MS,
        }
    }

    fn named(self) -> Option<String> {
        match self {
            Sought::All => None,
            Sought::ByAnswer(name) | Sought::ByCallback(name) => Some(name),
        }
    }
}

/// Fetches every account's signing keys when they are due, until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    loop {
        let (now, snapshot) = (engine.clock.now(), engine.snapshot());
        let due = |account: &&Arc<OpenAccount>| {
            account.channel.about().fetches_keys && account.fetching.is_due(now)
        };
        for account in snapshot.accounts.all().filter(due).cloned() {
            let engine = engine.clone();
            tokio::spawn(async move { fetch(&engine, account, Sought::All).await });
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Fetches an account's signing keys, unless that was just done, and stores what is new. Returns the
/// account with the keys that are known afterwards.
pub(crate) async fn fetch(
    engine: &Arc<Engine>,
    account: Arc<OpenAccount>,
    sought: Sought,
) -> Arc<OpenAccount> {
    // Calls that come while keys are fetched wait for the same keys.
    let _fetching = account.fetching.lock.lock().await;
    // Without a permit the account is looked at again soon.
    if let Some(_permit) = engine.lanes.housekeeping.try_acquire(&account.tenant, &account.name)
        && account.fetching.may_begin(engine.clock.now(), sought.pause_ms())
    {
        let asked = Instruction::FetchKeys { named: sought.named() };
        let (finding, _) = exchange(engine, &account, &asked).await;
        account.fetching.ended(matches!(finding, Finding::Keys(_)));
        match finding {
            Finding::Keys(fetched) => {
                for why in &fetched.unreadable {
                    tracing::warn!(account = %account.name, why, "a fetched key cannot be read");
                }
                store(engine, &account, &fetched.keys).await;
            }
            other => {
                let summary = other.describe();
                tracing::warn!(account = %account.name, summary, "no signing keys fetched");
            }
        }
    }
    let reopened = engine.snapshot().accounts.get(&account.name).cloned();
    reopened.unwrap_or_else(|| account.clone())
}

/// Storing the keys changes the account's row, and with it the directory: the account is opened again
/// with the new keys before this returns.
async fn store(engine: &Arc<Engine>, account: &OpenAccount, fetched: &[PlatformKey]) {
    let Some(keys) = account.with_fetched(fetched, engine.clock.now()) else { return };
    let (tenant, name) = (account.tenant.clone(), account.name.clone());
    let command = ChannelAccountCommand::StoreKeys { tenant, name, keys };
    if let Err(failure) = engine.submit(Caller::Clock, command.into(), None).await {
        tracing::warn!(account = %account.name, %failure, "fetched keys were not stored");
    }
}
