//! What an installation is made of, resolved and ready: the same for a configuration file, for the
//! demonstration tenant and for a measurement.

use channel::Settings;
use engine::Guard;
use seal::Secret;

/// An installation.
pub(crate) struct Installation {
    /// The URL under which channels reach us, without a slash at the end.
    pub(crate) public_url: String,
    /// The tenants.
    pub(crate) tenants: Vec<TenantSetup>,
    /// The platform's private key (收付通): signs notices to merchants. PEM.
    pub(crate) platform_private_key: Secret,
    /// The bearer token of the administration.
    pub(crate) admin_token: Secret,
    /// Whether callers must sign every header that the protocol names.
    pub(crate) strict_signatures: bool,
    /// Which addresses merchants may name for notices.
    pub(crate) notice_guard: Guard,
    /// This process among those that share the database.
    pub(crate) node: u8,
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
