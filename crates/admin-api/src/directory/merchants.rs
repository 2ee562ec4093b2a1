//! Merchants of a tenant.

use super::body::Wanted;
use super::{check_name, check_title, enabled, put_of, put_read, rows};
use crate::faults::Fault;
use crate::operators::{MayConfigure, Operator};
use crate::query::{self, Malformed};
use crate::routes::{Answer, Asked, Faults, Segments, TenantPath, known};
use crate::wire::ErrorBody;
use axum::Json;
use axum::extract::State;
use engine::Engine;
use http::HeaderMap;
use kernel::{
    Merchant, MerchantCommand, MerchantId, MerchantSharing, Put, ShareTemplate, TenantId,
};
use ledger::{Id, IdFault};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::DirectoryRows;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(merchants))
        .routes(routes!(merchant, put_merchant))
        .routes(routes!(disable_merchant))
        .routes(routes!(enable_merchant))
}

/// A merchant of a tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct MerchantPath {
    /// The merchant's id.
    merchant: String,
}

/// The merchants of a tenant.
#[derive(Serialize, ToSchema)]
struct MerchantList {
    /// In the order of their creation.
    merchants: Vec<MerchantShown>,
}

/// A merchant (商户).
#[derive(Serialize, ToSchema)]
#[schema(as = Merchant)]
pub(super) struct MerchantShown {
    /// Its id.
    id: String,
    /// Its name, for people.
    name: String,
    /// The channel accounts that it collects through; the first that fits an order is taken.
    channel_accounts: Vec<String>,
    /// True when the channel keeps the money of every order frozen that lists no payees.
    profit_sharing: bool,
    /// The ratios of payees that an order picks (分账模板).
    #[serde(skip_serializing_if = "Option::is_none")]
    share_template: Option<TemplateShown>,
    /// False when it may not collect.
    enabled: bool,
}

impl MerchantShown {
    pub(super) fn of(row: &Merchant) -> MerchantShown {
        MerchantShown {
            id: row.merchant.to_string(),
            name: row.name.to_string(),
            channel_accounts: row.channel_accounts.iter().map(|name| name.to_string()).collect(),
            profit_sharing: row.sharing.is_on,
            share_template: row.sharing.template.as_ref().map(TemplateShown::of),
            enabled: row.is_enabled,
        }
    }
}

/// A sharing template: which part each payee gets of an order that picks it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ShareTemplate)]
struct TemplateShown {
    /// `order`: a ratio for each payee; `role`: a ratio for each role of payees.
    #[schema(value_type = String)]
    by: TemplateKind,
    /// Up to 200 entries, each payee or role once.
    shares: Vec<TemplateEntry>,
}

/// By what a template gives its ratios.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TemplateKind {
    Order,
    Role,
}

/// An entry of a sharing template.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TemplateEntry {
    /// The id of the payee, 18 digits; or the role.
    of: String,
    /// Its part of what is paid, in 1/10000, rounded down to whole fen.
    ratio: u16,
}

impl TemplateShown {
    fn of(template: &ShareTemplate) -> TemplateShown {
        let entry = |of: String, ratio: &u16| TemplateEntry { of, ratio: *ratio };
        match template {
            ShareTemplate::ByOrder(entries) => TemplateShown {
                by: TemplateKind::Order,
                shares: entries.iter().map(|(id, ratio)| entry(id.to_string(), ratio)).collect(),
            },
            ShareTemplate::ByRole(entries) => TemplateShown {
                by: TemplateKind::Role,
                shares: entries
                    .iter()
                    .map(|(role, ratio)| entry(role.to_string(), ratio))
                    .collect(),
            },
        }
    }

    /// The template, checked; `None` without entries.
    fn read(&self) -> Result<Option<ShareTemplate>, Fault> {
        let wrong = |why: String| Malformed { field: "share_template".to_owned(), why };
        if self.shares.is_empty() {
            return Ok(None);
        }
        let entries = self.shares.iter();
        let template = match self.by {
            TemplateKind::Role => {
                let roles = entries.map(|it| (Arc::from(it.of.as_str()), it.ratio));
                ShareTemplate::ByRole(roles.collect())
            }
            TemplateKind::Order => {
                let payee = |it: &TemplateEntry| Ok((Id::parse(&it.of)?, it.ratio));
                let payees: Result<Vec<_>, IdFault> = entries.map(payee).collect();
                ShareTemplate::ByOrder(payees.map_err(|fault| wrong(fault.to_string()))?)
            }
        };
        template.check().map_err(|fault| wrong(fault.to_string()))?;
        Ok(Some(template))
    }
}

/// What a merchant shall be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MerchantPut {
    /// Its name, for people.
    name: String,
    /// The channel accounts that it collects through, by name; they must exist.
    channel_accounts: Vec<String>,
    /// True to let the channel keep the money of every order frozen that lists no payees, until it is
    /// shared or released. When absent it stays as it is; a new merchant shares nothing by itself.
    profit_sharing: Option<bool>,
    /// The ratios of payees that an order picks (分账模板). When absent they stay as they are; without
    /// entries there is no template.
    share_template: Option<TemplateShown>,
    /// False to stop it from collecting. When absent it stays as it is; a new one is enabled.
    enabled: Option<bool>,
}

fn find<'r>(
    rows: &'r DirectoryRows,
    tenant: &TenantId,
    merchant: &MerchantId,
) -> Option<&'r Merchant> {
    rows.merchants.iter().find(|row| row.tenant == *tenant && row.merchant == *merchant)
}

async fn shown(engine: &Engine, tenant: &TenantId, merchant: &MerchantId) -> Answer<MerchantShown> {
    let rows = rows(engine).await?;
    let row = find(&rows, tenant, merchant).ok_or(Fault::NotFound { what: "merchant" })?;
    Ok(Json(MerchantShown::of(row)))
}

/// The merchants of a tenant.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/merchants", tag = "directory",
    params(TenantPath),
    responses((status = 200, description = "The merchants.", body = MerchantList), Faults))]
async fn merchants(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<MerchantList> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let rows = rows(&engine).await?;
    let own = rows.merchants.iter().filter(|row| row.tenant == tenant);
    Ok(Json(MerchantList { merchants: own.map(MerchantShown::of).collect() }))
}

/// A merchant.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}", tag = "directory",
    params(TenantPath, MerchantPath),
    responses((status = 200, description = "The merchant.", body = MerchantShown), Faults))]
async fn merchant(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, merchant)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<MerchantShown> {
    query::none(&pairs)?;
    shown(&engine, &known(&engine, &tenant)?, &MerchantId::new(&merchant)).await
}

/// Creates or changes a merchant.
#[utoipa::path(put, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}", tag = "directory",
    params(TenantPath, MerchantPath), request_body = MerchantPut,
    responses(
        (status = 200, description = "As it is now.", body = MerchantShown),
        (status = 409, description = "A channel account is missing; or, with `If-None-Match: *`, \
            it exists with other content.", body = ErrorBody),
        Faults
    ))]
async fn put_merchant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments((tenant, merchant)): Segments<(String, String)>,
    Asked(pairs): Asked,
    headers: HeaderMap,
    Wanted(wanted): Wanted<MerchantPut>,
) -> Answer<MerchantShown> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    check_name("merchant", &merchant)?;
    check_title("name", &wanted.name)?;
    let put = put_of(&headers)?;
    let merchant = MerchantId::new(&merchant);
    let name: Arc<str> = Arc::from(wanted.name);
    let accounts: Vec<Arc<str>> = wanted.channel_accounts.into_iter().map(Arc::from).collect();
    let template = wanted.share_template.as_ref().map(TemplateShown::read).transpose()?;
    super::put(&engine, &operator, |rows| {
        let stored = find(rows, &tenant, &merchant);
        Ok(MerchantCommand::Put {
            tenant: tenant.clone(),
            merchant: merchant.clone(),
            name: name.clone(),
            channel_accounts: accounts.clone(),
            sharing: sharing(wanted.profit_sharing, template.as_ref(), stored),
            is_enabled: enabled(wanted.enabled, put, stored.map(|row| row.is_enabled)),
            put: put_read(put, stored.map(|row| row.version)),
        })
    })
    .await?;
    shown(&engine, &tenant, &merchant).await
}

/// How a merchant's payments shall be shared: what is not said stays as it is.
fn sharing(
    is_on: Option<bool>,
    template: Option<&Option<ShareTemplate>>,
    stored: Option<&Merchant>,
) -> MerchantSharing {
    let before = stored.map(|row| row.sharing.clone()).unwrap_or_default();
    MerchantSharing {
        is_on: is_on.unwrap_or(before.is_on),
        template: template.cloned().unwrap_or(before.template),
    }
}

/// Stops a merchant from collecting. Orders that were placed run to their end.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}/disable",
    tag = "directory",
    params(TenantPath, MerchantPath),
    responses((status = 200, description = "As it is now.", body = MerchantShown), Faults))]
async fn disable_merchant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<MerchantShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, false).await
}

/// Lets a merchant collect again.
#[utoipa::path(post, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}/enable",
    tag = "directory",
    params(TenantPath, MerchantPath),
    responses((status = 200, description = "As it is now.", body = MerchantShown), Faults))]
async fn enable_merchant(
    State(engine): State<Arc<Engine>>,
    MayConfigure(operator): MayConfigure,
    Segments(path): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<MerchantShown> {
    query::none(&pairs)?;
    switch(&engine, &operator, path, true).await
}

async fn switch(
    engine: &Engine,
    operator: &Operator,
    (tenant, merchant): (String, String),
    is_enabled: bool,
) -> Answer<MerchantShown> {
    let (tenant, merchant) = (known(engine, &tenant)?, MerchantId::new(&merchant));
    super::put(engine, operator, |rows| {
        let row = find(rows, &tenant, &merchant).cloned();
        let row = row.ok_or(Fault::NotFound { what: "merchant" })?;
        Ok(MerchantCommand::Put {
            tenant: row.tenant,
            merchant: row.merchant,
            name: row.name,
            channel_accounts: row.channel_accounts,
            sharing: row.sharing,
            is_enabled,
            put: Put::read(Some(row.version)),
        })
    })
    .await?;
    shown(engine, &tenant, &merchant).await
}
