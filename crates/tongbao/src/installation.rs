//! What a process is made of, resolved and ready: the same for a configuration file, for the
//! demonstration tenant and for a measurement. Tenants are not part of it: they are in the database.

use anyhow::{Result, ensure};
use crypto::{MasterKeys, Secret};
use engine::Guard;

/// The least length of the administration's token, in characters.
const ADMIN_TOKEN_LEN_MIN: usize = 16;

/// A process.
pub(crate) struct Installation {
    /// The URL under which channels reach us, without a slash at the end.
    pub(crate) public_url: String,
    /// The keys that secrets in the database are sealed under.
    pub(crate) master_keys: MasterKeys,
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
    /// Refuses a token that could be guessed. It is never shown.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(
            self.admin_token.expose().trim().chars().count() >= ADMIN_TOKEN_LEN_MIN,
            "admin_token: want at least {ADMIN_TOKEN_LEN_MIN} characters"
        );
        Ok(())
    }
}
