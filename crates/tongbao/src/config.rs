//! The configuration file of a process: what is typed, and what it resolves to. Tenants are not in it:
//! `tongbao apply` brings them into the database.
//!
//! Any value can stand in a file of its own: `admin_token_file = "/run/secrets/admin"` instead of
//! `admin_token = "…"`. Relative paths are relative to the configuration file. The master key can also
//! come from the environment.

use crate::calendar;
use crate::cpay::{self, CpayTable};
use crate::database::Database;
use crate::installation::Installation;
use crate::limits::LimitsTable;
use crate::registry::CHANNELS;
use crate::server::Admission;
use crate::value_file::{given, located, misread, read_text, unquoted, wanted};
use admin_api::{AdminToken, ManualRule, Role};
use anyhow::{Context, Result, anyhow, bail, ensure};
use channel::BaseUrl;
use crypto::{MasterKeys, Secret};
use engine::{Authorities, Guard};
use kernel::WorkingDays;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The environment variable of the master key.
pub(crate) const MASTER_KEY_VARIABLE: &str = "TONGBAO_MASTER_KEY";

/// Where callers and channels reach the gateway when the configuration does not say.
const LISTEN: &str = "127.0.0.1:8080";
/// Where operators reach it when the configuration does not say: from this machine alone.
const OPERATIONS_LISTEN: &str = "127.0.0.1:9080";
/// The name of the operator whose token is the only one.
const SINGLE_OPERATOR: &str = "admin";

/// A configuration, ready to use.
pub(crate) struct Config {
    /// Where callers and channels reach the gateway.
    pub(crate) listen: String,
    /// Where operators reach it; the same address when it is the same text.
    pub(crate) operations_listen: String,
    /// Who may connect.
    pub(crate) admission: Admission,
    pub(crate) database: Database,
    pub(crate) installation: Installation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    operations_listen: Option<String>,
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    limits: LimitsTable,
    public_url: String,
    database: Option<String>,
    database_file: Option<PathBuf>,
    master_key: Option<String>,
    master_key_file: Option<PathBuf>,
    #[serde(default)]
    admin: AdminTable,
    #[serde(default)]
    calendar: CalendarTable,
    /// `admin_token = "…"` for one operator, or `[[admin_token]]` for each of several.
    admin_token: Option<toml::Value>,
    admin_token_file: Option<PathBuf>,
    platform_private_key: Option<String>,
    platform_private_key_file: Option<PathBuf>,
    #[serde(default)]
    strict_signatures: bool,
    authorities: Option<String>,
    authorities_file: Option<PathBuf>,
    #[serde(default)]
    allow_private_notify_urls: bool,
    node: Option<u8>,
    #[serde(default)]
    cpay: Vec<CpayTable>,
    /// Read only to say where tenants belong.
    tenant: Option<toml::Value>,
}

/// `[admin]`: the rules for operators.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminTable {
    /// Whether a command that moves money by hand waits for a second operator.
    #[serde(default)]
    second_person: bool,
}

/// `[calendar]`: which days are worked.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarTable {
    /// The file that lists holidays and worked weekend days; without it Monday to Friday are worked.
    file: Option<PathBuf>,
}

impl CalendarTable {
    fn working_days(&self, folder: &Path) -> Result<WorkingDays> {
        match &self.file {
            Some(file) => calendar::read(&folder.join(file)).context("calendar.file"),
            None => Ok(WorkingDays::default()),
        }
    }
}

impl AdminTable {
    const fn manual_rule(&self) -> ManualRule {
        match self.second_person {
            true => ManualRule::TwoPeople,
            false => ManualRule::OnePerson,
        }
    }
}

/// A row of `[[admin_token]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenTable {
    name: String,
    role: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
}

impl Config {
    /// Reads and resolves a configuration file.
    pub(crate) fn read(path: &Path) -> Result<Config> {
        let text = read_text(path)?;
        let file: File = toml::from_str(&text)
            .map_err(|fault| misread(&text, &fault))
            .with_context(|| format!("{} is not a configuration", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let from_environment = std::env::var(MASTER_KEY_VARIABLE).ok();
        Config::resolve(file, folder, from_environment)
            .map_err(|fault| located(&text, fault))
            .with_context(|| path.display().to_string())
    }

    fn resolve(file: File, folder: &Path, from_environment: Option<String>) -> Result<Config> {
        if file.tenant.is_some() {
            bail!("tenant: tenants are in the database; put them into a file for `tongbao apply`");
        }
        let database: Database = wanted(folder, "database", file.database, file.database_file)?
            .parse()
            .context("database")?;
        let master_key = given(folder, "master_key", file.master_key, file.master_key_file)?;
        let master_keys = master_keys(master_key.or(from_environment))?;
        let admin_tokens = admin_tokens(folder, file.admin_token, file.admin_token_file)?;
        let platform_private_key = wanted(
            folder,
            "platform_private_key",
            file.platform_private_key,
            file.platform_private_key_file,
        )?;
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
            public_url: BaseUrl::read(&file.public_url).context("public_url")?,
            master_keys,
            platform_private_key: Secret::new(platform_private_key),
            admin_tokens,
            manual_rule: file.admin.manual_rule(),
            authorities: authorities(folder, file.authorities, file.authorities_file)?,
            strict_signatures: file.strict_signatures,
            notification_guard: guard,
            rates: file.limits.rates()?,
            channels: CHANNELS.to_vec(),
            node,
            working_days: Arc::new(file.calendar.working_days(folder)?),
            cpay: cpay::read(folder, file.cpay)?,
        };
        installation.check()?;
        Ok(Config {
            listen: file.listen.unwrap_or_else(|| LISTEN.to_owned()),
            operations_listen: file
                .operations_listen
                .unwrap_or_else(|| OPERATIONS_LISTEN.to_owned()),
            admission: file.limits.admission(&file.trusted_proxies)?,
            database: database.relative_to(folder),
            installation,
        })
    }
}

/// The public authorities, and those that are given.
fn authorities(
    folder: &Path,
    given_pem: Option<String>,
    file: Option<PathBuf>,
) -> Result<Authorities> {
    match given(folder, "authorities", given_pem, file)? {
        Some(pem) => Authorities::public().and(&pem).context("authorities"),
        None => Ok(Authorities::public()),
    }
}

/// The tokens of the operators. A single one is named `admin` and may do everything.
fn admin_tokens(
    folder: &Path,
    given: Option<toml::Value>,
    file: Option<PathBuf>,
) -> Result<Vec<AdminToken>> {
    let one = match given {
        Some(toml::Value::Array(rows)) => {
            ensure!(file.is_none(), "[[admin_token]] and admin_token_file are both given");
            return rows.into_iter().map(|row| admin_token(folder, row)).collect();
        }
        Some(toml::Value::String(token)) => Some(token),
        Some(other) => {
            bail!(
                "admin_token: invalid type: {}, want a string or [[admin_token]]",
                other.type_str()
            )
        }
        None => None,
    };
    let token = Secret::new(wanted(folder, "admin_token", one, file)?);
    Ok(vec![AdminToken { name: Arc::from(SINGLE_OPERATOR), role: Role::Configure, token }])
}

fn admin_token(folder: &Path, row: toml::Value) -> Result<AdminToken> {
    ensure!(row.is_table(), "admin_token: a list of {}, want [[admin_token]]", row.type_str());
    let row: TokenTable = row
        .try_into()
        .map_err(|fault: toml::de::Error| anyhow!("admin_token: {}", unquoted(fault.message())))?;
    let role = Role::from_name(&row.role).with_context(|| {
        let known = Role::ALL.map(Role::name).join(", ");
        format!("admin_token of {}: role: found {:?}, want {known}", row.name, row.role)
    })?;
    let token = wanted(folder, "token", row.token, row.token_file)
        .with_context(|| format!("admin_token of {}", row.name))?;
    Ok(AdminToken { name: Arc::from(row.name), role, token: Secret::new(token) })
}

/// The master keys in a text.
pub(crate) fn master_keys(text: Option<String>) -> Result<MasterKeys> {
    let text = text.filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        anyhow!(
            "master_key, master_key_file or the variable {MASTER_KEY_VARIABLE} is missing; \
             `tongbao secrets generate` makes a key"
        )
    })?;
    MasterKeys::read(&Secret::new(text)).context("master_key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const WHOLE: &str = r#"
        public_url = "https://pay.example.com/"
        database = "sqlite:tongbao.db"
        admin_token_file = "token"
        platform_private_key_file = "platform"
        master_key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    "#;

    fn resolve(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("token"), "the token of the operators\n")?;
        fs::write(folder.path().join("empty"), "\n")?;
        fs::write(folder.path().join("platform"), crypto::rsa::generate()?)?;
        let path = folder.path().join("tongbao.toml");
        fs::write(&path, text)?;
        Config::read(&path)
    }

    #[test]
    fn values_come_from_the_file_or_from_files_beside_it() {
        let config = resolve(WHOLE).expect("a whole configuration");
        assert_eq!(config.listen, "127.0.0.1:8080");
        assert_eq!(config.installation.public_url.as_str(), "https://pay.example.com");
        assert_eq!(config.operations_listen, "127.0.0.1:9080");
        let [admin] = &config.installation.admin_tokens[..] else { panic!("want one token") };
        assert_eq!(admin.token.expose(), "the token of the operators");
        assert_eq!((&*admin.name, admin.role), ("admin", Role::Configure));
        assert_eq!(config.installation.notification_guard, Guard::PublicOnly);
    }

    #[test]
    fn a_second_person_is_wanted_with_two_operators_who_may_act() {
        let rule = |config: Config| config.installation.manual_rule;
        assert_eq!(rule(with_operators("", "").expect("two operators")), ManualRule::OnePerson);
        let table = "[admin]\nsecond_person = true\n";
        let both = format!("{}{table}", OPERATORS.replace("\"read\"", "\"configure\""));
        let without = WHOLE.replace("admin_token_file = \"token\"", "");
        let config = resolve(&format!("{without}{both}")).expect("two who may act");
        assert_eq!(rule(config), ManualRule::TwoPeople);
        for alone in [format!("{WHOLE}{table}"), format!("{without}{OPERATORS}{table}")] {
            let fault = resolve(&alone).err().map(|fault| format!("{fault:#}"));
            let fault = fault.expect("nobody could approve");
            assert!(fault.contains("second_person"), "{fault}");
        }
    }

    /// Instead of the single token.
    const OPERATORS: &str = r#"
        [[admin_token]]
        name = "rita"
        role = "read"
        token = "the token of somebody who reads"
        [[admin_token]]
        name = "otto"
        role = "operate"
        token_file = "token"
    "#;

    fn with_operators(from: &str, to: &str) -> Result<Config> {
        let without = WHOLE.replace("admin_token_file = \"token\"", "");
        resolve(&format!("{without}{}", OPERATORS.replacen(from, to, 1)))
    }

    #[test]
    fn operators_have_names_and_roles() {
        let config = with_operators("", "").expect("two operators");
        let tokens = &config.installation.admin_tokens;
        let shown: Vec<_> = tokens.iter().map(|token| (&*token.name, token.role)).collect();
        assert_eq!(shown, [("rita", Role::Read), ("otto", Role::Operate)]);
        assert_eq!(tokens[1].token.expose(), "the token of the operators");
        for (from, to, want) in [
            ("\"rita\"", "\"otto\"", "otto"),
            ("\"rita\"", "\"Rita K\"", "name"),
            ("\"read\"", "\"root\"", "configure"),
            ("role = \"read\"", "", "role"),
            ("token = \"the token of somebody who reads\"", "", "rita"),
            ("the token of somebody who reads", "short", "rita"),
            ("the token of somebody who reads", "the token of the operators", "otto"),
            ("token_file", "tokken_file", "tokken_file"),
        ] {
            let fault = with_operators(from, to).err().expect("refused");
            let shown = format!("{fault:#}");
            assert!(shown.contains(want), "{shown}");
            assert!(!shown.contains("the token of"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (from, to, want) in [
            ("sqlite:tongbao.db", "mysql:x", "database"),
            ("admin_token_file", "admin_tocken_file", "admin_tocken_file"),
            ("admin_token_file = \"token\"", "admin_token = \"short\"", "admin_token"),
            ("admin_token_file = \"token\"", "admin_token_file = \"empty\"", "admin_token"),
            ("platform_private_key_file = \"platform\"", "", "platform_private_key"),
            ("\"token\"\n", "\"missing\"\n", "missing"),
            ("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "short", "master_key"),
            ("master_key = \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\"", "", "master_key"),
            ("public_url", "trusted_proxies = [\"proxy\"]\npublic_url", "trusted_proxies"),
            ("public_url", "limits.tenant_burst = 0\npublic_url", "line"),
            ("public_url", "[[tenant]]\nocode = \"1\"\npublic_url", "public_url"),
        ] {
            let fault = resolve(&WHOLE.replace(from, to)).err().expect("refused");
            assert!(format!("{fault:#}").contains(want), "{fault:#}");
        }
        let fault = resolve(&format!("{WHOLE}\n[[tenant]]\nocode = \"1\"\n")).err();
        assert!(format!("{:#}", fault.expect("refused")).contains("tongbao apply"));
    }
}
