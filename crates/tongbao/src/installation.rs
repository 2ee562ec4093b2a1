//! What a process is made of, resolved and ready: the same for a configuration file, for the
//! demonstration tenant and for a measurement. Tenants are not part of it: they are in the database.

use admin_api::{AdminToken, ManualRule, Role};
use anyhow::{Context, Result, ensure};
use channel::{BaseUrl, Channel};
use crypto::rsa::Signer;
use crypto::{MasterKeys, Secret};
use dialect::Rates;
use dialect_cpay::{SubMerchant, SubMerchants};
use engine::{Authorities, Guard};
use kernel::WorkingDays;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The length of an operator's token, in characters.
const ADMIN_TOKEN_LEN: RangeInclusive<usize> = 16..=1024;
/// The greatest length of the URL under which channels reach us, in bytes: WeChat Pay takes 255 with
/// the path of a channel account behind it.
const PUBLIC_URL_LEN_MAX: usize = 170;
/// The greatest length of an operator's name, in characters.
const OPERATOR_NAME_LEN_MAX: usize = 64;

/// A process.
pub(crate) struct Installation {
    /// The URL under which channels reach us.
    pub(crate) public_url: BaseUrl,
    /// The keys that secrets in the database are sealed under.
    pub(crate) master_keys: MasterKeys,
    /// The platform's private key (收付通): signs notifications to merchants. PEM.
    pub(crate) platform_private_key: Secret,
    /// The bearer tokens of the operators.
    pub(crate) admin_tokens: Vec<AdminToken>,
    /// How many operators it takes to move money by hand.
    pub(crate) manual_rule: ManualRule,
    /// The authorities whose servers are believed when channels are called.
    pub(crate) authorities: Authorities,
    /// Whether callers must sign every header that the protocol names.
    pub(crate) strict_signatures: bool,
    /// Which addresses merchants may name for notifications.
    pub(crate) notification_guard: Guard,
    /// How often callers and operators may call.
    pub(crate) rates: Rates,
    /// The channels that accounts can be opened at.
    pub(crate) channels: Vec<&'static dyn Channel>,
    /// This process among those that share the database.
    pub(crate) node: u8,
    /// Which days are worked, by the operator's calendar.
    pub(crate) working_days: Arc<WorkingDays>,
    /// Who calls the 腾讯云支付 API.
    pub(crate) cpay: Vec<SubMerchant>,
}

impl Installation {
    /// Refuses what would fail only when it is used: a URL that channels do not take, a key that does
    /// not sign; and tokens that could be guessed or confused. Secrets are never shown.
    pub(crate) fn check(&self) -> Result<()> {
        let url = self.public_url.as_str();
        ensure!(
            url.len() <= PUBLIC_URL_LEN_MAX,
            "public_url: {} bytes found, want at most {PUBLIC_URL_LEN_MAX}",
            url.len()
        );
        Signer::from_pem(self.platform_private_key.expose()).context("platform_private_key")?;
        SubMerchants::new(self.cpay.clone())?;
        self.check_tokens()
    }

    fn check_tokens(&self) -> Result<()> {
        ensure!(!self.admin_tokens.is_empty(), "admin_token or [[admin_token]] is missing");
        let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for AdminToken { name, token, role: _ } in &self.admin_tokens {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
            ensure!(
                (1..=OPERATOR_NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_plain),
                "admin_token: name: found {name:?}, want 1 to {OPERATOR_NAME_LEN_MAX} letters, \
                 digits, _ - . and @"
            );
            // Of two people whose names differ in capitals alone, neither could approve for the other.
            ensure!(
                names.insert(name.to_ascii_lowercase()),
                "admin_token: two have the name {name}"
            );
            token.check(ADMIN_TOKEN_LEN).with_context(|| format!("admin_token of {name}"))?;
            ensure!(
                tokens.insert(token.expose()),
                "admin_token of {name}: another operator has the same"
            );
        }
        let may_act = self.admin_tokens.iter().filter(|token| token.role >= Role::Operate).count();
        ensure!(
            self.manual_rule == ManualRule::OnePerson || may_act >= 2,
            "admin.second_person: want two [[admin_token]] that may operate, found {may_act}: \
             nobody could approve"
        );
        Ok(())
    }
}
