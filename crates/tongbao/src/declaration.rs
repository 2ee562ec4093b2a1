//! The declarative file of tenants: what `tongbao apply` brings into the database.
//!
//! Any value can stand in a file of its own: `secret_key_file = "/run/secrets/key"` instead of
//! `secret_key = "…"`. Relative paths are relative to the declarative file.

use crate::value_file::{given, misread, read_value};
use anyhow::{Context, Result, bail, ensure};
use channel::Settings;
use crypto::Secret;
use engine::CALLER_SECRET_LEN_MIN;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Characters of an id or name that stands in a URL or header.
const NAME_LEN_MAX: usize = 64;

/// Tenants as they are declared.
pub(crate) struct Declaration {
    /// The tenants.
    pub(crate) tenants: Vec<DeclaredTenant>,
}

/// A tenant (主体).
pub(crate) struct DeclaredTenant {
    /// Its ocode.
    pub(crate) ocode: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// False when its callers are to be refused.
    pub(crate) is_enabled: bool,
    /// Its callers' keys.
    pub(crate) keys: Vec<DeclaredKey>,
    /// Its merchants.
    pub(crate) merchants: Vec<DeclaredMerchant>,
    /// Its accounts at channels.
    pub(crate) accounts: Vec<DeclaredAccount>,
}

/// A caller's key.
pub(crate) struct DeclaredKey {
    /// Its id on the wire.
    pub(crate) secret_id: String,
    /// What proves the caller.
    pub(crate) proof: Proof,
    /// False when it is not to be accepted any more.
    pub(crate) is_enabled: bool,
}

/// What proves a caller.
#[derive(Clone)]
pub(crate) enum Proof {
    /// A shared secret: `TC3-HMAC-SHA256`.
    SecretKey(Secret),
    /// The caller's public key, PEM: `SHA256withRSA`.
    PublicKey(String),
}

/// A merchant.
pub(crate) struct DeclaredMerchant {
    /// Its id, `CM…`.
    pub(crate) id: String,
    /// Its name, for people.
    pub(crate) name: String,
    /// The accounts that it collects through, by name.
    pub(crate) accounts: Vec<String>,
    /// False when it may not collect.
    pub(crate) is_enabled: bool,
}

/// An account at a channel.
pub(crate) struct DeclaredAccount {
    /// Its name, unique in the installation.
    pub(crate) name: String,
    /// The channel's name.
    pub(crate) channel: String,
    /// The settings that the channel reads.
    pub(crate) settings: Settings,
    /// False when nothing new is to be collected through it.
    pub(crate) is_enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    tenant: Vec<TenantPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantPart {
    ocode: String,
    #[serde(default)]
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    key: Vec<KeyPart>,
    #[serde(default)]
    merchant: Vec<MerchantPart>,
    #[serde(default)]
    account: Vec<AccountPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyPart {
    secret_id: String,
    secret_key: Option<String>,
    secret_key_file: Option<PathBuf>,
    public_key: Option<String>,
    public_key_file: Option<PathBuf>,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantPart {
    id: String,
    #[serde(default)]
    name: String,
    accounts: Vec<String>,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountPart {
    name: String,
    channel: String,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default = "yes")]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

impl Declaration {
    /// Reads and resolves a declarative file.
    pub(crate) fn read(path: &Path) -> Result<Declaration> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let file: File = toml::from_str(&text)
            .map_err(|fault| misread(&text, &fault))
            .with_context(|| format!("{} is not a declaration of tenants", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let tenants = file.tenant.into_iter().map(|tenant| resolve_tenant(folder, tenant));
        let tenants: Result<Vec<_>> = tenants.collect();
        let declaration =
            Declaration { tenants: tenants.with_context(|| path.display().to_string())? };
        declaration.check().with_context(|| path.display().to_string())?;
        Ok(declaration)
    }

    /// Refuses what would be ambiguous or could be guessed: names that stand twice, secrets that are
    /// short. The fault names what is wrong; a secret is never shown.
    pub(crate) fn check(&self) -> Result<()> {
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

impl DeclaredTenant {
    fn check(&self) -> Result<()> {
        check_name("ocode", &self.ocode)?;
        self.keys.iter().try_for_each(DeclaredKey::check)?;
        // Channels call back under /channel/NAME/callback.
        self.accounts.iter().try_for_each(|account| check_name("account", &account.name))?;
        once("merchant", self.merchants.iter().map(|merchant| &merchant.id))?;
        for merchant in &self.merchants {
            check_name("merchant", &merchant.id)?;
            for name in &merchant.accounts {
                ensure!(
                    self.accounts.iter().any(|account| account.name == *name),
                    "merchant {}: the tenant has no account called {name}",
                    merchant.id
                );
            }
        }
        Ok(())
    }
}

impl DeclaredKey {
    fn check(&self) -> Result<()> {
        let id = &self.secret_id;
        check_name("secret_id", id)?;
        match &self.proof {
            Proof::SecretKey(secret)
                if secret.expose().trim().chars().count() < CALLER_SECRET_LEN_MIN =>
            {
                bail!("key {id}: secret_key: want at least {CALLER_SECRET_LEN_MIN} characters")
            }
            Proof::PublicKey(pem) if pem.trim().is_empty() => {
                bail!("key {id}: public_key is empty")
            }
            Proof::SecretKey(_) | Proof::PublicKey(_) => Ok(()),
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ensure!(
        (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_plain),
        "{what} {name:?}: want 1 to {NAME_LEN_MAX} letters, digits, _ and -"
    );
    Ok(())
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        ensure!(seen.insert(name), "{what} {name} appears twice");
    }
    Ok(())
}

fn resolve_tenant(folder: &Path, tenant: TenantPart) -> Result<DeclaredTenant> {
    let ocode = tenant.ocode;
    let keys = tenant.key.into_iter().map(|key| resolve_key(folder, key));
    let keys: Result<Vec<_>> = keys.collect();
    let accounts = tenant.account.into_iter().map(|account| resolve_account(folder, account));
    let accounts: Result<Vec<_>> = accounts.collect();
    let merchants = tenant.merchant.into_iter().map(|merchant| DeclaredMerchant {
        id: merchant.id,
        name: merchant.name,
        accounts: merchant.accounts,
        is_enabled: merchant.enabled,
    });
    Ok(DeclaredTenant {
        name: tenant.name,
        is_enabled: tenant.enabled,
        keys: keys.with_context(|| format!("tenant {ocode}"))?,
        merchants: merchants.collect(),
        accounts: accounts.with_context(|| format!("tenant {ocode}"))?,
        ocode,
    })
}

fn resolve_key(folder: &Path, key: KeyPart) -> Result<DeclaredKey> {
    let secret_key = given(folder, "secret_key", key.secret_key, key.secret_key_file)?;
    let public_key = given(folder, "public_key", key.public_key, key.public_key_file)?;
    let proof = match (secret_key, public_key) {
        (Some(secret), None) => Proof::SecretKey(Secret::new(secret)),
        (None, Some(pem)) => Proof::PublicKey(pem),
        (Some(_), Some(_)) | (None, None) => {
            bail!("key {}: want either secret_key or public_key", key.secret_id)
        }
    };
    Ok(DeclaredKey { secret_id: key.secret_id, proof, is_enabled: key.enabled })
}

fn resolve_account(folder: &Path, account: AccountPart) -> Result<DeclaredAccount> {
    let mut settings = Settings::new();
    for (name, value) in account.settings {
        let (name, value) = match name.strip_suffix("_file") {
            Some(bare) => (bare.to_owned(), read_value(folder, &name, Path::new(&value))?),
            None => (name, value),
        };
        if settings.insert(name.clone(), value).is_some() {
            bail!("account {}: {name} is given twice", account.name);
        }
    }
    let (name, channel, is_enabled) = (account.name, account.channel, account.enabled);
    Ok(DeclaredAccount { name, channel, settings, is_enabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        [[tenant]]
        ocode = "100001"
        [[tenant.key]]
        secret_id = "AKID1"
        secret_key = "sixteen letters!"
        [[tenant.account]]
        name = "wx"
        channel = "wxpay"
        settings = { mchid = "1", apiv3_key_file = "key" }
        [[tenant.merchant]]
        id = "CM1"
        accounts = ["wx"]
    "#;

    fn resolve(text: &str) -> Result<Declaration> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("key"), "the key of the account\n")?;
        fs::write(folder.path().join("empty"), "\n")?;
        let path = folder.path().join("tenants.toml");
        fs::write(&path, text)?;
        Declaration::read(&path)
    }

    #[test]
    fn values_come_from_the_file_or_from_files_beside_it() {
        let declaration = resolve(WHOLE).expect("a whole declaration");
        let account = &declaration.tenants[0].accounts[0];
        assert_eq!(account.settings["apiv3_key"], "the key of the account");
        assert!(account.is_enabled);
    }

    /// Sections that stand twice, each with the rest of the file.
    #[test]
    fn what_stands_twice_is_named() {
        let key =
            "[[tenant.key]]\nsecret_id = \"AKID1\"\nsecret_key = \"another secret of theirs\"\n";
        let other = "[[tenant]]\nocode = \"100002\"\n";
        let account = "[[tenant.account]]\nname = \"wx\"\nchannel = \"wxpay\"\n";
        let merchant = "[[tenant.merchant]]\nid = \"CM1\"\naccounts = []\n";
        for (more, want) in [
            ("[[tenant]]\nocode = \"100001\"\n".to_owned(), "ocode 100001"),
            (key.to_owned(), "secret_id AKID1"),
            (format!("{other}{key}"), "secret_id AKID1"),
            (account.to_owned(), "account wx"),
            (format!("{other}{account}"), "account wx"),
            (merchant.to_owned(), "merchant CM1"),
        ] {
            let fault = resolve(&format!("{WHOLE}\n{more}")).err().expect("refused");
            let fault = format!("{fault:#}");
            assert!(fault.contains(&format!("{want} appears twice")), "{fault}");
            assert!(!fault.contains("another secret"), "{fault}");
        }
        // Tenants are strangers: the same merchant id may stand in each.
        assert!(resolve(&format!("{WHOLE}\n{other}{merchant}")).is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, want) in [
            ("secret_key = \"sixteen letters!\"", "", "AKID1"),
            ("sixteen letters!", "", "key AKID1: secret_key"),
            ("sixteen letters!", "fifteen letters", "key AKID1: secret_key"),
            ("secret_key = \"sixteen letters!\"", "secret_key_file = \"empty\"", "secret_key"),
            ("secret_key = \"sixteen letters!\"", "public_key_file = \"empty\"", "public_key"),
            ("name = \"wx\"", "name = \"w/x\"", "account \"w/x\""),
            ("name = \"wx\"", "name = \"\"", "account \"\""),
            ("id = \"CM1\"", "id = \"\"", "merchant \"\""),
            ("accounts = [\"wx\"]", "accounts = [\"wy\"]", "no account called wy"),
            ("ocode = \"100001\"", "ocode = \"\"", "ocode"),
            ("channel =", "chanel =", "chanel"),
            ("apiv3_key_file = \"key\"", "apiv3_key_file = \"missing\"", "missing"),
        ] {
            let fault = resolve(&WHOLE.replace(from, to)).err().expect("refused");
            assert!(format!("{fault:#}").contains(want), "{fault:#}");
        }
    }
}
