//! The configuration file: what is typed, and what it resolves to.
//!
//! Any value can stand in a file of its own: `admin_token_file = "/run/secrets/admin"` instead of
//! `admin_token = "…"`. Relative paths are relative to the configuration file.

use crate::database::Database;
use crate::installation::{
    AccountSetup, Installation, KeySetup, MerchantSetup, Proof, TenantSetup,
};
use anyhow::{Context, Result, anyhow, bail};
use channel::Settings;
use crypto::Secret;
use engine::Guard;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A configuration, ready to use.
pub(crate) struct Config {
    pub(crate) listen: String,
    pub(crate) database: Database,
    pub(crate) installation: Installation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    public_url: String,
    database: Option<String>,
    database_file: Option<PathBuf>,
    admin_token: Option<String>,
    admin_token_file: Option<PathBuf>,
    platform_private_key: Option<String>,
    platform_private_key_file: Option<PathBuf>,
    #[serde(default)]
    strict_signatures: bool,
    #[serde(default)]
    allow_private_notify_urls: bool,
    node: Option<u8>,
    #[serde(default)]
    tenant: Vec<TenantPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantPart {
    ocode: String,
    #[serde(default)]
    name: String,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantPart {
    id: String,
    #[serde(default)]
    name: String,
    accounts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountPart {
    name: String,
    channel: String,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

impl Config {
    /// Reads and resolves a configuration file.
    pub(crate) fn read(path: &Path) -> Result<Config> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let file: File = toml::from_str(&text)
            .map_err(|fault| misread(&text, &fault))
            .with_context(|| format!("{} is not a configuration", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Config::resolve(file, folder).with_context(|| path.display().to_string())
    }

    fn resolve(file: File, folder: &Path) -> Result<Config> {
        let database: Database = wanted(folder, "database", file.database, file.database_file)?
            .parse()
            .context("database")?;
        let admin_token = wanted(folder, "admin_token", file.admin_token, file.admin_token_file)?;
        let platform_private_key = wanted(
            folder,
            "platform_private_key",
            file.platform_private_key,
            file.platform_private_key_file,
        )?;
        let tenants = file
            .tenant
            .into_iter()
            .map(|tenant| tenant_setup(folder, tenant))
            .collect::<Result<Vec<_>>>()?;
        let guard = match file.allow_private_notify_urls {
            true => Guard::Open,
            false => Guard::PublicOnly,
        };
        // Processes that share a database make ids beside each other; two with the same node would
        // meet, and then decide again.
        let node = file.node.unwrap_or_else(|| match database {
            Database::Sqlite(_) => 0,
            Database::Postgres(_) => {
                let [node] = crypto::random::bytes::<1>();
                node
            }
        });
        let installation = Installation {
            public_url: file.public_url.trim_end_matches('/').to_owned(),
            tenants,
            platform_private_key: Secret::new(platform_private_key),
            admin_token: Secret::new(admin_token),
            strict_signatures: file.strict_signatures,
            notification_guard: guard,
            node,
        };
        installation.check()?;
        Ok(Config {
            listen: file.listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            database: database.relative_to(folder),
            installation,
        })
    }
}

/// What is wrong and in which line. The line itself is not quoted: it may hold a secret.
fn misread(text: &str, fault: &toml::de::Error) -> anyhow::Error {
    let before = fault.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    anyhow!("line {}: {}", before.matches('\n').count() + 1, fault.message())
}

fn tenant_setup(folder: &Path, tenant: TenantPart) -> Result<TenantSetup> {
    let ocode = tenant.ocode;
    let keys = tenant
        .key
        .into_iter()
        .map(|key| key_setup(folder, key))
        .collect::<Result<Vec<_>>>()
        .with_context(|| format!("tenant {ocode}"))?;
    let accounts = tenant
        .account
        .into_iter()
        .map(|account| account_setup(folder, account))
        .collect::<Result<Vec<_>>>()
        .with_context(|| format!("tenant {ocode}"))?;
    let merchants = tenant.merchant.into_iter().map(|merchant| MerchantSetup {
        id: merchant.id,
        name: merchant.name,
        accounts: merchant.accounts,
    });
    Ok(TenantSetup { name: tenant.name, keys, merchants: merchants.collect(), accounts, ocode })
}

fn key_setup(folder: &Path, key: KeyPart) -> Result<KeySetup> {
    let secret_key = given(folder, "secret_key", key.secret_key, key.secret_key_file)?;
    let public_key = given(folder, "public_key", key.public_key, key.public_key_file)?;
    let proof = match (secret_key, public_key) {
        (Some(secret), None) => Proof::SecretKey(Secret::new(secret)),
        (None, Some(pem)) => Proof::PublicKey(pem),
        (Some(_), Some(_)) | (None, None) => {
            bail!("key {}: want either secret_key or public_key", key.secret_id)
        }
    };
    Ok(KeySetup { secret_id: key.secret_id, proof })
}

fn account_setup(folder: &Path, account: AccountPart) -> Result<AccountSetup> {
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
    Ok(AccountSetup { name: account.name, channel: account.channel, settings })
}

/// A value that stands in the configuration or in a file of its own.
fn given(
    folder: &Path,
    name: &str,
    value: Option<String>,
    file: Option<PathBuf>,
) -> Result<Option<String>> {
    match (value, file) {
        (Some(_), Some(_)) => Err(anyhow!("{name} and {name}_file are both given")),
        (None, Some(file)) => read_value(folder, name, &file).map(Some),
        (value, None) => Ok(value),
    }
}

fn wanted(
    folder: &Path,
    name: &str,
    value: Option<String>,
    file: Option<PathBuf>,
) -> Result<String> {
    let value = given(folder, name, value, file)?.filter(|value| !value.is_empty());
    value.ok_or_else(|| anyhow!("{name} or {name}_file is missing"))
}

fn read_value(folder: &Path, name: &str, file: &Path) -> Result<String> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("{name}: {}", path.display()))?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        public_url = "https://pay.example.com/"
        database = "sqlite:tongbao.db"
        admin_token_file = "token"
        platform_private_key = "PEM"
        [[tenant]]
        ocode = "100001"
        [[tenant.key]]
        secret_id = "AKID1"
        secret_key = "sixteen letters!"
        [[tenant.account]]
        name = "wx"
        channel = "wxpay"
        settings = { mchid = "1", apiv3_key_file = "token" }
        [[tenant.merchant]]
        id = "CM1"
        accounts = ["wx"]
    "#;

    fn resolve(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("token"), "the token of the operators\n")?;
        fs::write(folder.path().join("empty"), "\n")?;
        let path = folder.path().join("tongbao.toml");
        fs::write(&path, text)?;
        Config::read(&path)
    }

    #[test]
    fn values_come_from_the_file_or_from_files_beside_it() {
        let config = resolve(WHOLE).expect("a whole configuration");
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(config.installation.public_url, "https://pay.example.com");
        assert_eq!(config.installation.admin_token.expose(), "the token of the operators");
        assert_eq!(config.installation.notification_guard, Guard::PublicOnly);
        let account = &config.installation.tenants[0].accounts[0];
        assert_eq!(
            account.settings.get("apiv3_key").map(String::as_str),
            Some("the token of the operators")
        );
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
            ("sqlite:tongbao.db", "mysql:x", "database"),
            ("admin_token_file", "admin_tocken_file", "admin_tocken_file"),
            ("secret_key = \"sixteen letters!\"", "", "AKID1"),
            ("sixteen letters!", "", "key AKID1: secret_key"),
            ("sixteen letters!", "fifteen letters", "key AKID1: secret_key"),
            ("secret_key = \"sixteen letters!\"", "secret_key_file = \"empty\"", "secret_key"),
            ("secret_key = \"sixteen letters!\"", "public_key_file = \"empty\"", "public_key"),
            ("admin_token_file = \"token\"", "admin_token = \"short\"", "admin_token"),
            ("admin_token_file = \"token\"", "admin_token_file = \"empty\"", "admin_token"),
            ("name = \"wx\"", "name = \"w/x\"", "account \"w/x\""),
            ("name = \"wx\"", "name = \"\"", "account \"\""),
            ("id = \"CM1\"", "id = \"\"", "merchant \"\""),
            ("ocode = \"100001\"", "ocode = \"\"", "ocode"),
            ("platform_private_key = \"PEM\"", "", "platform_private_key"),
            ("\"token\"\n", "\"missing\"\n", "missing"),
        ] {
            let fault = resolve(&WHOLE.replace(from, to)).err().expect("refused");
            assert!(format!("{fault:#}").contains(want), "{fault:#}");
        }
    }
}
