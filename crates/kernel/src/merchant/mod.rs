//! Tenants (主体), their merchants (商户), and the channel accounts that a merchant's money goes to.

use channel::Scene;
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
    /// The account's name in the configuration; unique in the installation.
    pub channel_account: Arc<str>,
    /// Where the payer may be.
    pub scenes: Vec<Scene>,
    /// Where the channel sends its callbacks about this account.
    pub callback_url: Arc<str>,
}

/// A merchant of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its name, for people.
    pub name: String,
    /// What it collects through; the first that fits is taken.
    pub routes: Vec<Route>,
}

impl Merchant {
    /// The route for a channel and scene.
    pub fn route(&self, channel: &str, scene: Scene) -> Option<&Route> {
        self.routes.iter().find(|route| &*route.channel == channel && route.scenes.contains(&scene))
    }
}

/// A tenant with its merchants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Its merchants.
    pub merchants: HashMap<MerchantId, Merchant>,
}

/// Every tenant of the installation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    tenants: HashMap<TenantId, Tenant>,
}

impl Directory {
    /// A directory of these tenants; of two with the same id the later one counts.
    pub fn new(tenants: impl IntoIterator<Item = Tenant>) -> Directory {
        Directory {
            tenants: tenants.into_iter().map(|tenant| (tenant.id.clone(), tenant)).collect(),
        }
    }

    /// The tenant with this id.
    pub fn tenant(&self, id: &TenantId) -> Option<&Tenant> {
        self.tenants.get(id)
    }

    /// The tenants, in no particular order.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// A merchant of a tenant.
    pub fn merchant(&self, tenant: &TenantId, merchant: &MerchantId) -> Option<&Merchant> {
        self.tenants.get(tenant)?.merchants.get(merchant)
    }
}
