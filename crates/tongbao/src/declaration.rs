//! The declarative file of tenants: what `tongbao apply` brings into the database.
//!
//! Any value can stand in a file of its own: `secret_key_file = "/run/secrets/key"` instead of
//! `secret_key = "…"`. Relative paths are relative to the declarative file.

use crate::value_file::{given, line, misread, read_text, read_value};
use anyhow::{Context, Result, bail, ensure};
use channel::Settings;
use crypto::Secret;
use crypto::rsa::Verifier;
use engine::CALLER_SECRET_LEN;
use kernel::{MerchantSharing, ShareTemplate};
use ledger::Id;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;

/// Characters of an id or name that stands in a URL or header.
const NAME_LEN_MAX: usize = 64;
/// Characters of a name for people.
const TITLE_LEN_MAX: usize = 200;

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
    /// How its payments are shared.
    pub(crate) sharing: MerchantSharing,
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
    ocode: Spanned<String>,
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
    secret_id: Spanned<String>,
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
    id: Spanned<String>,
    #[serde(default)]
    name: String,
    accounts: Vec<String>,
    #[serde(default)]
    profit_sharing: bool,
    share_template: Option<TemplatePart>,
    #[serde(default = "yes")]
    enabled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplatePart {
    by: TemplateKind,
    /// Ratios by payee or role.
    shares: BTreeMap<String, u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum TemplateKind {
    Order,
    Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountPart {
    name: Spanned<String>,
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
        let text = read_text(path)?;
        let file: File = toml::from_str(&text)
            .map_err(|fault| misread(&text, &fault))
            .with_context(|| format!("{} is not a declaration of tenants", path.display()))?;
        let source = Source { folder: path.parent().unwrap_or(Path::new(".")), text: &text };
        let tenants = file.tenant.into_iter().map(|tenant| source.tenant(tenant));
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
            tenant.check()?;
        }
        Ok(())
    }
}

impl DeclaredTenant {
    fn check(&self) -> Result<()> {
        let ocode = &self.ocode;
        once("merchant", self.merchants.iter().map(|merchant| &merchant.id))
            .with_context(|| format!("tenant {ocode}"))?;
        for merchant in &self.merchants {
            for name in &merchant.accounts {
                ensure!(
                    self.accounts.iter().any(|account| account.name == *name),
                    "tenant {ocode}: merchant {}: the tenant has no account called {name}",
                    merchant.id
                );
            }
        }
        Ok(())
    }
}

impl DeclaredKey {
    fn check(&self) -> Result<()> {
        check_name("secret_id", &self.secret_id)?;
        match &self.proof {
            Proof::SecretKey(secret) => secret.check(CALLER_SECRET_LEN).context("secret_key"),
            Proof::PublicKey(pem) => Verifier::from_public_pem(pem).map(drop).context("public_key"),
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ensure!(
        (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_plain),
        "{what}: found {name:?}, want 1 to {NAME_LEN_MAX} letters, digits, _ and -"
    );
    Ok(())
}

/// A name for people, which may be left out.
fn check_title(title: &str) -> Result<()> {
    ensure!(
        title.chars().count() <= TITLE_LEN_MAX && !title.chars().any(char::is_control),
        "name: want at most {TITLE_LEN_MAX} characters on one line"
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

/// A file, to say in which line something is wrong.
struct Source<'a> {
    folder: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    /// The noun and name of a part, with its line.
    fn part(&self, noun: &str, name: &Spanned<String>) -> String {
        format!("line {}: {noun} {}", line(self.text, name.span()), name.get_ref())
    }

    fn tenant(&self, tenant: TenantPart) -> Result<DeclaredTenant> {
        let ocode = tenant.ocode.get_ref().clone();
        let here = line(self.text, tenant.ocode.span());
        check_name("ocode", &ocode)
            .and_then(|()| check_title(&tenant.name))
            .with_context(|| format!("line {here}: tenant {ocode}"))?;
        self.parts(tenant).with_context(|| format!("tenant {ocode}"))
    }

    fn parts(&self, tenant: TenantPart) -> Result<DeclaredTenant> {
        let keys = tenant.key.into_iter().map(|key| {
            let here = self.part("key", &key.secret_id);
            self.key(key).context(here)
        });
        let keys: Result<Vec<_>> = keys.collect();
        let accounts = tenant.account.into_iter().map(|account| {
            let here = self.part("account", &account.name);
            self.account(account).context(here)
        });
        let accounts: Result<Vec<_>> = accounts.collect();
        let merchants = tenant.merchant.into_iter().map(|merchant| {
            let here = self.part("merchant", &merchant.id);
            merchant.declared().context(here)
        });
        let merchants: Result<Vec<_>> = merchants.collect();
        Ok(DeclaredTenant {
            name: tenant.name,
            is_enabled: tenant.enabled,
            keys: keys?,
            merchants: merchants?,
            accounts: accounts?,
            ocode: tenant.ocode.into_inner(),
        })
    }

    fn key(&self, key: KeyPart) -> Result<DeclaredKey> {
        let secret_key = given(self.folder, "secret_key", key.secret_key, key.secret_key_file)?;
        let public_key = given(self.folder, "public_key", key.public_key, key.public_key_file)?;
        let proof = match (secret_key, public_key) {
            (Some(secret), None) => Proof::SecretKey(Secret::new(secret)),
            (None, Some(pem)) => Proof::PublicKey(pem),
            (Some(_), Some(_)) | (None, None) => bail!("want either secret_key or public_key"),
        };
        let secret_id = key.secret_id.into_inner();
        let declared = DeclaredKey { secret_id, proof, is_enabled: key.enabled };
        declared.check()?;
        Ok(declared)
    }

    fn account(&self, account: AccountPart) -> Result<DeclaredAccount> {
        // Channels call back under /channel/NAME/callback.
        check_name("name", account.name.get_ref())?;
        let mut settings = Settings::new();
        for (name, value) in account.settings {
            let (name, value) = match name.strip_suffix("_file") {
                Some(bare) => (bare.to_owned(), read_value(self.folder, bare, Path::new(&value))?),
                None => (name, value),
            };
            if settings.insert(name.clone(), value).is_some() {
                bail!("{name} is given twice");
            }
        }
        let (channel, is_enabled) = (account.channel, account.enabled);
        Ok(DeclaredAccount { name: account.name.into_inner(), channel, settings, is_enabled })
    }
}

impl MerchantPart {
    fn declared(self) -> Result<DeclaredMerchant> {
        check_name("id", self.id.get_ref())?;
        check_title(&self.name)?;
        let template = self.share_template.map(TemplatePart::read).transpose();
        let template = template.context("share_template")?;
        Ok(DeclaredMerchant {
            sharing: MerchantSharing { is_on: self.profit_sharing, template },
            id: self.id.into_inner(),
            name: self.name,
            accounts: self.accounts,
            is_enabled: self.enabled,
        })
    }
}

impl TemplatePart {
    fn read(self) -> Result<ShareTemplate> {
        let entries = self.shares.into_iter();
        let template = match self.by {
            TemplateKind::Role => {
                let roles = entries.map(|(role, ratio)| (Arc::from(role), ratio));
                ShareTemplate::ByRole(roles.collect())
            }
            TemplateKind::Order => {
                let payees = entries.map(|(id, ratio)| Ok((Id::parse(&id)?, ratio)));
                ShareTemplate::ByOrder(payees.collect::<Result<_>>()?)
            }
        };
        template.check()?;
        Ok(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
            ("sixteen letters!", "", "key AKID1: secret_key: 0 characters"),
            ("sixteen letters!", "fifteen letters", "key AKID1: secret_key"),
            ("secret_key = \"sixteen letters!\"", "secret_key_file = \"empty\"", "secret_key"),
            ("secret_key = \"sixteen letters!\"", "public_key_file = \"empty\"", "public_key"),
            ("name = \"wx\"", "name = \"w/x\"", "line 8: account w/x: name: found"),
            ("name = \"wx\"", "name = \"\"", "name: found \"\""),
            ("id = \"CM1\"", "id = \"\"", "id: found \"\""),
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
