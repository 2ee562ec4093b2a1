//! Tenants.

use super::body::Wanted;
use super::caller_keys::CallerKeyShown;
use super::channel_accounts::ChannelAccountShown;
use super::merchants::MerchantShown;
use super::{check_name, check_title, enabled, put_of, put_read, rows};
use crate::faults::Fault;
use crate::operators::{MayConfigure, Operator};
use crate::query;
use crate::routes::{Answer, Asked, Faults, Segments, TenantPath};
use crate::wire::{ErrorBody, rfc3339};
use axum::Json;
use axum::extract::State;
use engine::Engine;
use http::HeaderMap;
use kernel::{Put, Tenant, TenantCommand, TenantId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::DirectoryRows;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(tenants))
        .routes(routes!(tenant, put_tenant))
        .routes(routes!(disable_tenant))
        .routes(routes!(enable_tenant))
}

/// Every tenant of the installation.
#[derive(Serialize, ToSchema)]
struct TenantList {
    /// By id.
    tenants: Vec<TenantShown>,
}

/// A tenant (主体) with everything that belongs to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
struct TenantShown {
    /// Its id (ocode).
    id: String,
    /// Its name, for people.
    name: String,
    /// False when its callers are refused.
    enabled: bool,
    /// When it was created.
    #[schema(format = DateTime)]
    created_at: String,
    /// Its merchants, in the order of their creation.
    merchants: Vec<MerchantShown>,
    /// Its callers' keys, in the order of their creation.
    caller_keys: Vec<CallerKeyShown>,
    /// Its channel accounts, in the order of their creation.
    channel_accounts: Vec<ChannelAccountShown>,
}

/// What a tenant shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TenantPut {
    /// Its name, for people.
    name: String,
    /// False to refuse its callers. When absent it stays as it is; a new one is enabled.
    enabled: Option<bool>,
}

fn find<'r>(rows: &'r DirectoryRows, tenant: &TenantId) -> Option<&'r Tenant> {
    rows.tenants.iter().find(|row| row.tenant == *tenant)
}

fn show(tenant: &Tenant, rows: &DirectoryRows) -> TenantShown {
    let id = &tenant.tenant;
    let merchants = rows.merchants.iter().filter(|row| row.tenant == *id);
    let caller_keys = rows.caller_keys.iter().filter(|row| row.tenant == *id);
    let channel_accounts = rows.channel_accounts.iter().filter(|row| row.tenant == *id);
    TenantShown {
        id: id.to_string(),
        name: tenant.name.to_string(),
        enabled: tenant.is_enabled,
        created_at: rfc3339(tenant.made_at),
        merchants: merchants.map(MerchantShown::of).collect(),
        caller_keys: caller_keys.map(CallerKeyShown::of).collect(),
        channel_accounts: channel_accounts.map(ChannelAccountShown::of).collect(),
    }
}

async fn shown(engine: &Engine, tenant: &TenantId) -> Answer<TenantShown> {
    let rows = rows(engine).await?;
    let row = find(&rows, tenant).ok_or(Fault::NotFound { what: "tenant" })?;
    Ok(Json(show(row, &rows)))
}

/// Every tenant with its merchants, callers' keys and channel accounts.
#[utoipa::path(get, path = "/admin/v1/tenants", tag = "directory",
    responses((status = 200, description = "The tenants.", body = TenantList), Faults))]
async fn tenants(State(engine): State<Arc<Engine>>, Asked(pairs): Asked) -> Answer<TenantList> {
    query::none(&pairs)?;
    let rows = rows(&engine).await?;
    let mut tenants: Vec<TenantShown> = rows.tenants.iter().map(|row| show(row, &rows)).collect();
    tenants.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Json(TenantList { tenants }))
}

/// A tenant with its merchants, callers' keys and channel accounts.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "The tenant.", body = TenantShown), Faults))]
async fn tenant(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<TenantShown> {
    query::none(&pairs)?;
    shown(&engine, &TenantId::new(&tenant)).await
}

/// Creates or changes a tenant.
#[utoipa::path(put, path = "/admin/v1/tenants/{tenant}", tag = "directory",
    params(TenantPath), request_body = TenantPut,
    responses(
        (status = 200, description = "As it is now.", body = TenantShown),
        (status = 409, description = "With `If-None-Match: *`: it exists with other content.",
            body = ErrorBody),
        Faults
    ))]
async fn put_tenant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
    headers: HeaderMap,
    Wanted(wanted): Wanted<TenantPut>,
) -> Answer<TenantShown> {
    query::none(&pairs)?;
    check_name("tenant", &tenant)?;
    check_title("name", &wanted.name)?;
    let put = put_of(&headers)?;
    let tenant = TenantId::new(&tenant);
    let name: Arc<str> = Arc::from(wanted.name);
    super::put(&engine, &operator, |rows| {
        let stored = find(rows, &tenant);
        Ok(TenantCommand::Put {
            tenant: tenant.clone(),
            name: name.clone(),
            is_enabled: enabled(wanted.enabled, put, stored.map(|row| row.is_enabled)),
            put: put_read(put, stored.map(|row| row.version)),
        })
    })
    .await?;
    shown(&engine, &tenant).await
}

/// Refuses the tenant's callers from now on. Orders that were placed run to their end.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/disable", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "As it is now.", body = TenantShown), Faults))]
async fn disable_tenant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<TenantShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, &tenant, false).await
}

/// Lets the tenant's callers in again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/enable", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "As it is now.", body = TenantShown), Faults))]
async fn enable_tenant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<TenantShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, &tenant, true).await
}

async fn switch(
    engine: &Engine,
    operator: &Operator,
    tenant: &str,
    is_enabled: bool,
) -> Answer<TenantShown> {
    let tenant = TenantId::new(tenant);
    super::put(engine, operator, |rows| {
        let row = find(rows, &tenant).ok_or(Fault::NotFound { what: "tenant" })?;
        let (name, put) = (row.name.clone(), Put::read(Some(row.version)));
        Ok(TenantCommand::Put { tenant: tenant.clone(), name, is_enabled, put })
    })
    .await?;
    shown(engine, &tenant).await
}
