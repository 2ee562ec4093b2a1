//! Tenants, merchants and channel accounts.

use channel::{AgreementRules, Scene};
use kernel::{
    AccountSetting, AccountSettings, CallerKeyCommand, CallerProof, ChannelAccountCommand, Command,
    Directory, MerchantCommand, MerchantId, MerchantRoutes, Put, Route, Sealed, TenantCommand,
    TenantId, TenantRoutes,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Names the installation in numbers at channels.
pub const INSTALLATION: &str = "A1B2C3";
/// The tenants.
pub const TENANTS: [&str; 3] = ["100001", "100002", "100003"];
/// The merchant that every tenant has.
pub const MERCHANT: &str = "CM0001";
/// Merchants of every tenant that get parts of others' orders.
pub const PARTNERS: [&str; 2] = ["CM0002", "CM0003"];
/// The first of them.
pub const PARTNER: &str = PARTNERS[0];
/// Who every channel account is at its channel.
pub const IDENTITY: &str = "1900000001";
/// The channel through which it collects.
pub const CHANNEL: &str = "wxpay";

/// The tenant of tests that need only one.
pub fn tenant() -> TenantId {
    tenant_at(0)
}

/// A tenant of [`TENANTS`].
pub fn tenant_at(index: usize) -> TenantId {
    TenantId::new(TENANTS[index])
}

/// The merchant that every tenant has.
pub fn merchant() -> MerchantId {
    MerchantId::new(MERCHANT)
}

/// The name of a tenant's one channel account.
pub fn channel_account(tenant: &TenantId) -> Arc<str> {
    Arc::from(format!("wx-{tenant}"))
}

/// Every tenant with its merchant, which collects in every scene.
pub fn directory() -> Directory {
    let tenants = TENANTS.map(|id| (TenantId::new(id), routes(&TenantId::new(id))));
    let accounts = TENANTS.map(TenantId::new).map(|tenant| (channel_account(&tenant), tenant));
    Directory {
        installation: Arc::from(INSTALLATION),
        tenants: tenants.into_iter().collect(),
        caller_keys: HashMap::new(),
        channel_accounts: accounts.into_iter().collect(),
        working_days: Arc::default(),
    }
}

fn routes(tenant: &TenantId) -> TenantRoutes {
    let name = channel_account(tenant);
    let route = Route {
        channel: Arc::from(CHANNEL),
        channel_identity: Arc::from(IDENTITY),
        callback_url: Arc::from(format!("https://pay.example/channel/{name}/callback")),
        channel_account: name,
        scenes: Scene::ALL.to_vec(),
        order_life_seconds_max: 90 * 24 * 3600,
        sharing: Some(channel::SharingRules {
            shares_max: 3,
            receivers_max: 3,
            min_age_seconds: 60,
            frozen_seconds: 30 * 24 * 3600,
        }),
        payment_codes: None,
        agreements: Some(AgreementRules {
            debit_life_seconds: 1800,
            debit_life_seconds_max: 90 * 24 * 3600,
            cancels_debits: true,
        }),
        text: channel::TextRules::ANY,
    };
    let of_wallets = Route { channel: Arc::from(channel::WALLET_CHANNEL), ..route.clone() };
    let routes = vec![route, of_wallets];
    let merchant = MerchantRoutes {
        name: Arc::from("茶馆"),
        is_enabled: true,
        routes,
        ..MerchantRoutes::default()
    };
    let partners = PARTNERS.map(|id| (MerchantId::new(id), merchant.clone()));
    TenantRoutes {
        name: Arc::from(tenant.as_str()),
        is_enabled: true,
        merchants: partners.into_iter().chain([(self::merchant(), merchant)]).collect(),
    }
}

/// Creates a tenant or changes its name.
pub fn put_tenant(tenant: &TenantId, name: &str, put: Put) -> Command {
    TenantCommand::Put { tenant: tenant.clone(), name: Arc::from(name), is_enabled: true, put }
        .into()
}

/// Creates the tenant's merchant, or changes through which channel accounts it collects.
pub fn put_merchant(tenant: &TenantId, channel_accounts: &[&str], put: Put) -> Command {
    MerchantCommand::Put {
        tenant: tenant.clone(),
        merchant: merchant(),
        name: Arc::from("茶馆 \"two\""),
        channel_accounts: channel_accounts.iter().map(|name| Arc::from(*name)).collect(),
        sharing: kernel::MerchantSharing::default(),
        is_enabled: true,
        put,
    }
    .into()
}

/// Creates a caller's key, or changes its secret.
pub fn put_caller_key(tenant: &TenantId, key_id: &str, sealed: &str, put: Put) -> Command {
    CallerKeyCommand::Put {
        tenant: tenant.clone(),
        key_id: Arc::from(key_id),
        proof: CallerProof::Hmac(Sealed::new(sealed)),
        is_enabled: true,
        put,
    }
    .into()
}

/// Creates the tenant's channel account, or changes its secret.
pub fn put_account(tenant: &TenantId, sealed: &str, put: Put) -> Command {
    let settings = AccountSettings::from([
        ("mch_id".to_owned(), AccountSetting::Plain(IDENTITY.to_owned())),
        ("api_key".to_owned(), AccountSetting::Sealed(Sealed::new(sealed))),
    ]);
    ChannelAccountCommand::Put {
        tenant: tenant.clone(),
        name: channel_account(tenant),
        channel: Arc::from(CHANNEL),
        settings,
        identity: Arc::from(IDENTITY),
        is_enabled: true,
        put,
    }
    .into()
}
