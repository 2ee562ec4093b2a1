//! The directory as this process knows it: tenants, merchants, callers' keys and channel accounts, read
//! from the database, opened, and read again when they change.
//!
//! Changes of this process are visible before their caller gets its answer; changes of other processes
//! within [`REFRESH_EVERY`].

use crate::Engine;
use crate::channel_accounts::ChannelAccounts;
use crate::secrets::{Secrets, caller_key_context};
use channel::{About, AgreementRules, Channel, Scene};
use crypto::Secret;
use crypto::rsa::Verifier;
use kernel::{
    CallerKey, CallerProof, Command, Directory, Merchant, MerchantRoutes, Route, TenantId,
    TenantRoutes, WorkingDays,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{DirectoryOf, DirectoryRevision, DirectoryRows, StoreFault};

/// How often the database is asked whether another process changed the directory.
pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(2);

/// A caller that may prove itself.
pub struct RegisteredCaller {
    /// The tenant that it acts for.
    pub tenant: TenantId,
    /// The id of its key on the wire.
    pub key_id: Arc<str>,
    /// What proves it.
    pub proof: RegisteredProof,
}

/// What proves a caller, ready to use.
pub enum RegisteredProof {
    /// A shared secret.
    Hmac(Secret),
    /// A public key.
    Rsa(Verifier),
}

/// The directory of one moment.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) directory: Arc<Directory>,
    pub(crate) accounts: ChannelAccounts,
    callers: HashMap<Arc<str>, (i64, Arc<RegisteredCaller>)>,
    callers_of: HashMap<TenantId, Vec<Arc<RegisteredCaller>>>,
    revision: i64,
}

/// What a snapshot is made with.
pub(crate) struct Opening<'a> {
    pub(crate) channels: &'a [&'static dyn Channel],
    pub(crate) secrets: &'a Secrets,
    pub(crate) public_url: &'a str,
    pub(crate) installation: &'a Arc<str>,
    pub(crate) working_days: &'a Arc<WorkingDays>,
}

impl Snapshot {
    /// The directory of these rows. What has not changed since `before` is not opened again.
    pub(crate) fn of(
        opening: &Opening<'_>,
        rows: &DirectoryRows,
        revision: i64,
        before: &Snapshot,
    ) -> Snapshot {
        let accounts = ChannelAccounts::open(
            &before.accounts,
            opening.channels,
            opening.secrets,
            &rows.channel_accounts,
        );
        let tenants = rows.tenants.iter().map(|tenant| {
            let own = rows.merchants.iter().filter(|merchant| merchant.tenant == tenant.tenant);
            let merchants = own
                .map(|merchant| {
                    (merchant.merchant.clone(), routes(opening, &accounts, rows, merchant))
                })
                .collect();
            let (name, is_enabled) = (tenant.name.clone(), tenant.is_enabled);
            (tenant.tenant.clone(), TenantRoutes { name, is_enabled, merchants })
        });
        let owner = |tenant: &TenantId, name: &Arc<str>| (name.clone(), tenant.clone());
        let directory = Directory {
            installation: opening.installation.clone(),
            working_days: opening.working_days.clone(),
            tenants: tenants.collect(),
            caller_keys: rows
                .caller_keys
                .iter()
                .map(|row| owner(&row.tenant, &row.key_id))
                .collect(),
            channel_accounts: rows
                .channel_accounts
                .iter()
                .map(|row| owner(&row.tenant, &row.name))
                .collect(),
        };
        let callers = callers(opening.secrets, rows, before);
        let mut callers_of: HashMap<TenantId, Vec<Arc<RegisteredCaller>>> = HashMap::new();
        // Rows come in the order of their creation.
        for (_, caller) in rows.caller_keys.iter().filter_map(|row| callers.get(&row.key_id)) {
            callers_of.entry(caller.tenant.clone()).or_default().push(caller.clone());
        }
        Snapshot { directory: Arc::new(directory), accounts, callers, callers_of, revision }
    }

    /// The callers of a tenant, in the order in which their keys were created; also of a disabled one,
    /// whose merchants are still notified of what was paid before.
    pub(crate) fn callers_of(&self, tenant: &TenantId) -> &[Arc<RegisteredCaller>] {
        self.callers_of.get(tenant).map(Vec::as_slice).unwrap_or_default()
    }

    /// The caller whose key has this id, unless its tenant is disabled.
    pub(crate) fn caller(&self, key_id: &str) -> Option<Arc<RegisteredCaller>> {
        let (_, caller) = self.callers.get(key_id)?;
        let tenant = self.directory.tenants.get(&caller.tenant)?;
        tenant.is_enabled.then(|| caller.clone())
    }
}

/// Through which accounts a merchant collects: those that are enabled and open.
fn routes(
    opening: &Opening<'_>,
    accounts: &ChannelAccounts,
    rows: &DirectoryRows,
    merchant: &Merchant,
) -> MerchantRoutes {
    let route = |name: &Arc<str>| {
        let is_enabled = rows
            .channel_accounts
            .iter()
            .any(|row| row.tenant == merchant.tenant && row.name == *name && row.is_enabled);
        let account = accounts.get(name).filter(|_| is_enabled)?;
        let (about, agreements) = (account.channel.about(), account.connection.agreements());
        Some(Route {
            channel: Arc::from(about.name),
            channel_account: name.clone(),
            channel_identity: account.identity.clone(),
            scenes: scenes(about, agreements),
            order_life_seconds_max: about.order_life_seconds_max,
            payment_codes: about.payment_codes,
            agreements,
            sharing: about.sharing,
            text: about.text,
            callback_url: Arc::from(format!("{}/channel/{name}/callback", opening.public_url)),
        })
    };
    MerchantRoutes {
        name: merchant.name.clone(),
        is_enabled: merchant.is_enabled,
        sharing: merchant.sharing.clone(),
        routes: merchant.channel_accounts.iter().filter_map(route).collect(),
    }
}

/// Where payers may be: an account that has agreements is debited by them too.
fn scenes(about: &About, agreements: Option<AgreementRules>) -> Vec<Scene> {
    let by_agreement = agreements.map_or(&[][..], |_| &Scene::BY_AGREEMENT);
    about.scenes.iter().chain(by_agreement).copied().collect()
}

/// The callers whose keys are enabled.
fn callers(
    secrets: &Secrets,
    rows: &DirectoryRows,
    before: &Snapshot,
) -> HashMap<Arc<str>, (i64, Arc<RegisteredCaller>)> {
    let mut found = HashMap::with_capacity(rows.caller_keys.len());
    for row in rows.caller_keys.iter().filter(|row| row.is_enabled) {
        let known = before.callers.get(&row.key_id);
        let caller = match known {
            Some((version, caller)) if *version == row.version && caller.tenant == row.tenant => {
                Some(caller.clone())
            }
            Some(_) | None => register(secrets, row),
        };
        if let Some(caller) = caller {
            found.insert(row.key_id.clone(), (row.version, caller));
        }
    }
    found
}

fn register(secrets: &Secrets, row: &CallerKey) -> Option<Arc<RegisteredCaller>> {
    let proof = match &row.proof {
        CallerProof::Hmac(sealed) => {
            let context = caller_key_context(&row.tenant, &row.key_id);
            secrets.unseal(&context, sealed).map(RegisteredProof::Hmac)
        }
        CallerProof::Rsa { public_key_pem } => {
            Verifier::from_public_pem(public_key_pem).map(RegisteredProof::Rsa)
        }
    };
    match proof {
        Ok(proof) => Some(Arc::new(RegisteredCaller {
            tenant: row.tenant.clone(),
            key_id: row.key_id.clone(),
            proof,
        })),
        Err(fault) => {
            tracing::error!(key_id = %row.key_id, %fault, "a caller's key cannot be used");
            None
        }
    }
}

/// Whether a command changes the directory.
pub(crate) const fn is_of_directory(command: &Command) -> bool {
    match command {
        Command::Tenant(_)
        | Command::Merchant(_)
        | Command::CallerKey(_)
        | Command::ChannelAccount(_) => true,
        Command::Order(_)
        | Command::Refund(_)
        | Command::Notification(_)
        | Command::Approval(_)
        | Command::Payee(_)
        | Command::Share(_)
        | Command::ShareReturn(_)
        | Command::Allocation(_)
        | Command::AllocationRelease(_)
        | Command::Withdrawal(_)
        | Command::CardBatch(_)
        | Command::CardQuota(_)
        | Command::Recharge(_)
        | Command::Card(_)
        | Command::CardTransfer(_)
        | Command::CardBinding(_)
        | Command::Wallet(_)
        | Command::WalletPayment(_)
        | Command::WalletFreeze(_)
        | Command::Agreement(_)
        | Command::RecordFinding(_)
        | Command::RunTask(_) => false,
    }
}

impl Engine {
    /// The directory as this process knows it now.
    pub fn directory(&self) -> Arc<Directory> {
        self.snapshot().directory.clone()
    }

    /// The caller whose key has this id, if it may prove itself.
    pub fn caller(&self, key_id: &str) -> Option<Arc<RegisteredCaller>> {
        self.snapshot().caller(key_id)
    }

    /// Reads the directory again when it has changed.
    ///
    /// # Errors
    /// When the database fails; the directory stays as it was.
    pub(crate) async fn refresh_directory(&self) -> Result<(), StoreFault> {
        // One refresh at a time, so that an older answer never replaces a newer one.
        let _refreshing = self.refreshing.lock().await;
        let revision = self.store.ask(DirectoryRevision {}).await?;
        let before = self.snapshot();
        if revision == before.revision && revision != 0 {
            return Ok(());
        }
        let rows = self.store.ask(DirectoryOf {}).await?;
        let opening = Opening {
            channels: &self.channels,
            secrets: &self.secrets,
            public_url: &self.public_url,
            installation: &self.installation,
            working_days: &self.working_days,
        };
        self.put_snapshot(Snapshot::of(&opening, &rows, revision, &before));
        Ok(())
    }
}

/// Refreshes until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    loop {
        tokio::select! {
            () = tokio::time::sleep(REFRESH_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(fault) = engine.refresh_directory().await {
            tracing::warn!(%fault, "the directory was not read again");
        }
    }
}
