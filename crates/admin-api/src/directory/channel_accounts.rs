//! Channel accounts of a tenant.

use super::body::Wanted;
use super::{SealedShown, check_name, enabled, malformed, put_of, put_read, rows};
use crate::faults::Fault;
use crate::operators::{MayConfigure, Operator};
use crate::query::{self, Malformed};
use crate::routes::{Answer, Asked, Faults, Segments, TenantPath, known};
use crate::wire::ErrorBody;
use axum::Json;
use axum::extract::State;
use engine::{ChannelAccountFault, DeclarationFault, DeclaredChannelAccount, Engine};
use http::HeaderMap;
use kernel::{AccountSetting, ChannelAccount, ChannelAccountCommand, Put, TenantId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::DirectoryRows;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(channel_accounts))
        .routes(routes!(channel_account, put_channel_account))
        .routes(routes!(disable_channel_account))
        .routes(routes!(enable_channel_account))
}

/// A channel account of a tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
pub(crate) struct ChannelAccountPath {
    /// The account's name; unique in the installation.
    name: String,
}

/// The channel accounts of a tenant.
#[derive(Serialize, ToSchema)]
struct ChannelAccountList {
    /// In the order of their creation.
    channel_accounts: Vec<ChannelAccountShown>,
}

/// A channel account.
#[derive(Serialize, ToSchema)]
#[schema(as = ChannelAccount)]
pub(crate) struct ChannelAccountShown {
    /// Its name.
    name: String,
    /// The channel's name.
    #[schema(example = "wxpay")]
    channel: String,
    /// Its settings; of a secret only that it is there.
    settings: BTreeMap<String, SettingShown>,
    /// The serials of the channel's signing keys that are trusted.
    platform_key_serials: Vec<String>,
    /// False when nothing new is collected through it.
    enabled: bool,
    /// Why the channel refuses the account, while it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<String>,
    /// The last callback about nothing that is known here, until it was looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    mismatch: Option<String>,
}

/// A setting of a channel account.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = Setting)]
enum SettingShown {
    /// A value that may be shown.
    Plain(String),
    /// A secret.
    Sealed(SealedShown),
}

impl ChannelAccountShown {
    pub(super) fn of(row: &ChannelAccount) -> ChannelAccountShown {
        let show = |setting: &AccountSetting| match setting {
            AccountSetting::Plain(value) => SettingShown::Plain(value.clone()),
            AccountSetting::Sealed(sealed) => SettingShown::Sealed(SealedShown::of(sealed)),
        };
        ChannelAccountShown {
            name: row.name.to_string(),
            channel: row.channel.to_string(),
            settings: row.settings.iter().map(|(name, set)| (name.clone(), show(set))).collect(),
            platform_key_serials: row.platform_keys.iter().map(|key| key.serial.clone()).collect(),
            enabled: row.is_enabled,
            blocked: row.blocked.as_ref().map(|blocked| blocked.why.to_string()),
            mismatch: row.mismatch.as_ref().map(|mismatch| mismatch.why.to_string()),
        }
    }
}

/// What a channel account shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ChannelAccountPut {
    /// The channel's name; it cannot change.
    channel: String,
    /// All its settings, secrets in the clear. A secret that is left out stays as it is; any other
    /// setting that is left out is removed.
    settings: BTreeMap<String, String>,
    /// False to collect nothing new through it. When absent it stays as it is; a new one is enabled.
    enabled: Option<bool>,
}

fn find<'r>(rows: &'r DirectoryRows, tenant: &TenantId, name: &str) -> Option<&'r ChannelAccount> {
    rows.channel_accounts.iter().find(|row| row.tenant == *tenant && *row.name == *name)
}

/// The account as it is.
pub(crate) async fn shown(
    engine: &Engine,
    tenant: &TenantId,
    name: &str,
) -> Answer<ChannelAccountShown> {
    let rows = rows(engine).await?;
    let row = find(&rows, tenant, name).ok_or(Fault::NotFound { what: "channel_account" })?;
    Ok(Json(ChannelAccountShown::of(row)))
}

/// The channel accounts of a tenant.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/channel-accounts", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "The accounts.", body = ChannelAccountList), Faults))]
async fn channel_accounts(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<ChannelAccountList> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let rows = rows(&engine).await?;
    let own = rows.channel_accounts.iter().filter(|row| row.tenant == tenant);
    Ok(Json(ChannelAccountList { channel_accounts: own.map(ChannelAccountShown::of).collect() }))
}

/// A channel account.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}",
    tag = "directory",
    params(TenantPath, ChannelAccountPath),
    responses((status = 200, description = "The account.", body = ChannelAccountShown), Faults))]
async fn channel_account(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, name)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<ChannelAccountShown> {
    query::none(&pairs)?;
    shown(&engine, &known(&engine, &tenant)?, &name).await
}

/// Creates or changes a channel account. The channel tries the settings first.
#[utoipa::path(put, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}",
    tag = "directory",
    params(TenantPath, ChannelAccountPath), request_body = ChannelAccountPut,
    responses(
        (status = 200, description = "As it is now.", body = ChannelAccountShown),
        (status = 409, description = "Another tenant has an account of this name, or it is of \
            another channel; or, with `If-None-Match: *`, it exists with other content.",
            body = ErrorBody),
        Faults
    ))]
async fn put_channel_account(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments((tenant, name)): Segments<(String, String)>,
    Asked(pairs): Asked,
    headers: HeaderMap,
    Wanted(wanted): Wanted<ChannelAccountPut>,
) -> Answer<ChannelAccountShown> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    check_name("name", &name)?;
    let put = put_of(&headers)?;
    check_settings(&engine, &wanted)?;
    super::put(&engine, &operator, |rows| {
        let stored = find(rows, &tenant, &name);
        let declared = DeclaredChannelAccount {
            tenant: tenant.clone(),
            name: Arc::from(name.as_str()),
            channel: Arc::from(wanted.channel.as_str()),
            settings: wanted.settings.clone(),
            is_enabled: enabled(wanted.enabled, put, stored.map(|row| row.is_enabled)),
            put: put_read(put, stored.map(|row| row.version)),
        };
        Ok(engine.put_channel_account(declared, stored).map_err(in_settings)?)
    })
    .await?;
    shown(&engine, &tenant, &name).await
}

/// Only settings that the channel lists are taken: a secret under a mistyped name would be stored in
/// the clear and shown.
fn check_settings(engine: &Engine, wanted: &ChannelAccountPut) -> Result<(), Malformed> {
    let channels = engine.channels().iter().map(|channel| channel.about());
    let Some(about) = channels.into_iter().find(|about| about.name == wanted.channel) else {
        let known: Vec<_> = engine.channels().iter().map(|channel| channel.about().name).collect();
        let why = format!("found {:?}, want one of {}", wanted.channel, known.join(", "));
        return Err(malformed("channel", &why));
    };
    let is_unknown =
        |name: &&String| about.settings.iter().all(|setting| setting.name != name.as_str());
    match wanted.settings.keys().find(is_unknown) {
        Some(name) => {
            let known: Vec<_> = about.settings.iter().map(|setting| setting.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let why = format!("not a setting of {}, known: {known}", about.name);
            Err(malformed(&format!("settings.{name}"), &why))
        }
        None => Ok(()),
    }
}

/// A setting, where it stands in the body.
fn in_settings(fault: DeclarationFault) -> Malformed {
    match fault {
        DeclarationFault::Field { field, why }
        | DeclarationFault::ChannelAccount(ChannelAccountFault::Setting { name: field, why }) => {
            malformed(&format!("settings.{field}"), &why)
        }
        DeclarationFault::ChannelAccount(ChannelAccountFault::UnknownChannel { .. }) => {
            Malformed::from(fault)
        }
    }
}

/// Collects nothing new through the account. Orders that were placed run to their end.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}/disable",
    tag = "directory",
    params(TenantPath, ChannelAccountPath),
    responses((status = 200, description = "As it is now.", body = ChannelAccountShown), Faults))]
async fn disable_channel_account(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<ChannelAccountShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, false).await
}

/// Collects through the account again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/channel-accounts/{name}/enable",
    tag = "directory",
    params(TenantPath, ChannelAccountPath),
    responses((status = 200, description = "As it is now.", body = ChannelAccountShown), Faults))]
async fn enable_channel_account(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<ChannelAccountShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, true).await
}

async fn switch(
    engine: &Engine,
    operator: &Operator,
    (tenant, name): (String, String),
    is_enabled: bool,
) -> Answer<ChannelAccountShown> {
    let tenant = known(engine, &tenant)?;
    super::put(engine, operator, |rows| {
        let row = find(rows, &tenant, &name).cloned();
        let row = row.ok_or(Fault::NotFound { what: "channel_account" })?;
        Ok(ChannelAccountCommand::Put {
            tenant: row.tenant,
            name: row.name,
            channel: row.channel,
            settings: row.settings,
            identity: row.identity,
            is_enabled,
            put: Put::read(Some(row.version)),
        })
    })
    .await?;
    shown(engine, &tenant, &name).await
}
