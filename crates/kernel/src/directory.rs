//! Who may collect, and through which channel accounts: a snapshot of tenants, merchants and accounts
//! as decisions look it up.

use crate::calendar::WorkingDays;
use crate::merchant::MerchantSharing;
use channel::{AgreementRules, PaymentCodeRules, Scene, SharingRules, TextRules};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Text ids that are cheap to copy.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id with this text.
            pub fn new(text: &str) -> $name {
                $name(Arc::from(text))
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A tenant's id (主体标识, ocode). Everything that must be atomic belongs to one tenant.
    TenantId
}
text_id! {
    /// A merchant's id (商户 id, `CM…`).
    MerchantId
}

/// One channel account that a merchant collects through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The channel's name, as the channel states it.
    pub channel: Arc<str>,
    /// The channel account's name; unique in the installation.
    pub channel_account: Arc<str>,
    /// Who the account is at the channel: merchant number, sub-merchant.
    pub channel_identity: Arc<str>,
    /// Where the payer may be.
    pub scenes: Vec<Scene>,
    /// How long the channel keeps an unpaid order payable, in seconds.
    pub order_life_seconds_max: i64,
    /// How the codes of the channel's payers look; `None` when it takes none.
    pub payment_codes: Option<PaymentCodeRules>,
    /// What the channel can share of a payment; `None` when it shares nothing.
    pub sharing: Option<SharingRules>,
    /// How the channel debits by agreement; `None` where payers sign none.
    pub agreements: Option<AgreementRules>,
    /// What the channel takes in the texts of an order.
    pub text: TextRules,
    /// Where the channel sends its callbacks about this account.
    pub callback_url: Arc<str>,
}

/// A merchant, as decisions look it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantRoutes {
    /// Its name, for people.
    pub name: Arc<str>,
    /// False when it may not collect.
    pub is_enabled: bool,
    /// How its payments are shared.
    pub sharing: MerchantSharing,
    /// What it collects through, disabled accounts left out; the first that fits is taken.
    pub routes: Vec<Route>,
}

impl MerchantRoutes {
    /// Whether it collects through a channel, in any scene.
    pub fn has_channel(&self, channel: &str) -> bool {
        self.routes.iter().any(|route| &*route.channel == channel)
    }

    /// The route for a channel and scene.
    pub fn route(&self, channel: &str, scene: Scene) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.channel == channel && route.scenes.contains(&scene))
    }
}

/// A tenant, as decisions look it up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRoutes {
    /// Its name, for people.
    pub name: Arc<str>,
    /// False when its callers are refused.
    pub is_enabled: bool,
    /// Its merchants.
    pub merchants: HashMap<MerchantId, MerchantRoutes>,
}

/// Every tenant of the installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Names this installation in our numbers at channels.
    pub installation: Arc<str>,
    /// The tenants.
    pub tenants: HashMap<TenantId, TenantRoutes>,
    /// The tenant of each caller's key, by the key's id.
    pub caller_keys: HashMap<Arc<str>, TenantId>,
    /// The tenant of each channel account, by the account's name.
    pub channel_accounts: HashMap<Arc<str>, TenantId>,
    /// Which days are worked, by the operator's calendar.
    pub working_days: Arc<WorkingDays>,
}

impl Directory {
    /// A merchant of a tenant.
    pub fn merchant(&self, tenant: &TenantId, merchant: &MerchantId) -> Option<&MerchantRoutes> {
        self.tenants.get(tenant)?.merchants.get(merchant)
    }
}
