//! What a process is made of, resolved and ready: the same for a configuration file, for the
//! demonstration tenant and for a measurement. Tenants are not part of it: they are in the database.

use admin_api::AdminToken;
use anyhow::{Result, ensure};
use channel::Channel;
use crypto::{MasterKeys, Secret};
use dialect::Rates;
use engine::Guard;
use std::collections::BTreeSet;

/// The least length of an operator's token, in characters.
const ADMIN_TOKEN_LEN_MIN: usize = 16;
/// The greatest length of an operator's name, in characters.
const OPERATOR_NAME_LEN_MAX: usize = 64;

/// A process.
pub(crate) struct Installation {
    /// The URL under which channels reach us, without a slash at the end.
    pub(crate) public_url: String,
    /// The keys that secrets in the database are sealed under.
    pub(crate) master_keys: MasterKeys,
    /// The platform's private key (收付通): signs notifications to merchants. PEM.
    pub(crate) platform_private_key: Secret,
    /// The bearer tokens of the operators.
    pub(crate) admin_tokens: Vec<AdminToken>,
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
}

impl Installation {
    /// Refuses tokens that could be guessed or confused. They are never shown.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(!self.admin_tokens.is_empty(), "admin_token or [[admin_token]] is missing");
        let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
        for AdminToken { name, token, role: _ } in &self.admin_tokens {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
            ensure!(
                (1..=OPERATOR_NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(is_plain),
                "admin_token: name: found {name:?}, want 1 to {OPERATOR_NAME_LEN_MAX} letters, \
                 digits, _ - . and @"
            );
            ensure!(names.insert(name.clone()), "admin_token: two have the name {name}");
            ensure!(
                token.expose().trim().chars().count() >= ADMIN_TOKEN_LEN_MIN,
                "admin_token of {name}: want at least {ADMIN_TOKEN_LEN_MIN} characters"
            );
            ensure!(
                tokens.insert(token.expose()),
                "admin_token of {name}: another operator has the same"
            );
        }
        Ok(())
    }
}
