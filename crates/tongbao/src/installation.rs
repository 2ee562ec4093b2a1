//! What an installation is made of, resolved and ready: the same for a configuration file, for the
//! demonstration tenant and for a measurement.

use anyhow::{Context, Result, bail, ensure};
use channel::Settings;
use crypto::Secret;
use dialect_wecard::SECRET_LEN_MIN;
use engine::Guard;
use std::collections::HashSet;

/// Characters of the administration's token at least.
const ADMIN_TOKEN_LEN_MIN: usize = 16;
/// Characters of a merchant's id.
const MERCHANT_ID_LEN_MAX: usize = 50;
/// Characters of an account's name.
const ACCOUNT_NAME_LEN_MAX: usize = 64;

/// An installation.
pub(crate) struct Installation {
    /// The URL under which channels reach us, without a slash at the end.
    pub(crate) public_url: String,
    /// The tenants.
    pub(crate) tenants: Vec<TenantSetup>,
    /// The platform's private key (收付通): signs notifications to merchants. PEM.
    pub(crate) platform_private_key: Secret,
    /// The bearer token of the administration.
    pub(crate) admin_token: Secret,
    /// Whether callers must sign every header that the protocol names.
    pub(crate) strict_signatures: bool,
    /// Which addresses merchants may name for notifications.
    pub(crate) notification_guard: Guard,
    /// This process among those that share the database.
    pub(crate) node: u8,
}

impl Installation {
    /// Refuses what would be ambiguous or could be guessed: names that stand twice, secrets that are
    /// short. Whatever is wrong is named; a secret is never shown.
    pub(crate) fn check(&self) -> Result<()> {
        let token = &self.admin_token;
        ensure!(
            is_long(token, ADMIN_TOKEN_LEN_MIN),
            "admin_token: want at least {ADMIN_TOKEN_LEN_MIN} characters"
        );
        once("ocode", self.tenants.iter().map(|tenant| &tenant.ocode))?;
        let keys = || self.tenants.iter().flat_map(|tenant| &tenant.keys);
        once("secret_id", keys().map(|key| &key.secret_id))?;
        let accounts = || self.tenants.iter().flat_map(|tenant| &tenant.accounts);
        once("account", accounts().map(|account| &account.name))?;
        for tenant in &self.tenants {
            tenant.check().with_context(|| format!("tenant {}", tenant.ocode))?;
        }
        Ok(())
    }
}

impl TenantSetup {
    fn check(&self) -> Result<()> {
        ensure!(!self.ocode.trim().is_empty(), "ocode is empty");
        self.keys.iter().try_for_each(KeySetup::check)?;
        once("merchant", self.merchants.iter().map(|merchant| &merchant.id))?;
        for MerchantSetup { id, .. } in &self.merchants {
            let length = id.chars().count();
            ensure!(
                (1..=MERCHANT_ID_LEN_MAX).contains(&length),
                "merchant {id:?}: want 1 to {MERCHANT_ID_LEN_MAX} characters"
            );
        }
        for AccountSetup { name, .. } in &self.accounts {
            // Channels notify /channel/NAME/callback.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            ensure!(
                (1..=ACCOUNT_NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(plain),
                "account {name:?}: want 1 to {ACCOUNT_NAME_LEN_MAX} letters, digits, _ and -"
            );
        }
        Ok(())
    }
}

impl KeySetup {
    fn check(&self) -> Result<()> {
        let id = &self.secret_id;
        match &self.proof {
            Proof::SecretKey(secret) if !is_long(secret, SECRET_LEN_MIN) => {
                bail!("key {id}: secret_key: want at least {SECRET_LEN_MIN} characters")
            }
            Proof::PublicKey(pem) if pem.trim().is_empty() => {
                bail!("key {id}: public_key is empty")
            }
            Proof::SecretKey(_) | Proof::PublicKey(_) => Ok(()),
        }
    }
}

fn is_long(secret: &Secret, len_min: usize) -> bool {
    secret.expose().trim().chars().count() >= len_min
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        ensure!(seen.insert(name), "{what} {name} appears twice");
    }
    Ok(())
}

/// A tenant (主体).
pub(crate) struct TenantSetup {
    /// Its ocode.
    pub(crate) ocode: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// Its callers' keys.
    pub(crate) keys: Vec<KeySetup>,
    /// Its merchants.
    pub(crate) merchants: Vec<MerchantSetup>,
    /// Its accounts at channels.
    pub(crate) accounts: Vec<AccountSetup>,
}

/// A caller's key.
pub(crate) struct KeySetup {
    /// Its name.
    pub(crate) secret_id: String,
    /// What proves it.
    pub(crate) proof: Proof,
}

/// What proves a caller.
pub(crate) enum Proof {
    /// A shared secret: `TC3-HMAC-SHA256`.
    SecretKey(Secret),
    /// The caller's public key, PEM: `SHA256withRSA`.
    PublicKey(String),
}

/// A merchant.
pub(crate) struct MerchantSetup {
    /// Its id, `CM…`.
    pub(crate) id: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// The accounts that it collects through, by name.
    pub(crate) accounts: Vec<String>,
}

/// An account at a channel.
pub(crate) struct AccountSetup {
    /// Its name, unique in the installation.
    pub(crate) name: String,
    /// The channel's name.
    pub(crate) channel: String,
    /// What the channel wants to know.
    pub(crate) settings: Settings,
}
