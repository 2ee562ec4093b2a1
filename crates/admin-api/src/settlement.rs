//! What a merchant has, what moved it, and what it withdrew.
//!
//! A balance at a past time is the sum of the immutable transfers up to it, so that the answer to the same
//! question never changes.

use crate::faults::Fault;
use crate::query;
use crate::routes::{Answer, Asked, BalanceQuery, Faults, PageQuery, Segments, TenantPath, known};
use crate::wire::{MerchantBalance, WithdrawalPage, WithdrawalStory};
use crate::{map, statement};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::Engine;
use http::{HeaderName, HeaderValue, header};
use kernel::{MerchantId, TenantId};
use ledger::{Account, AccountKind};
use std::sync::Arc;
use store::{BalancesAt, PostingsBetween, StoryOf};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The accounts of a merchant, in the order of [`map::balance`].
pub(crate) const MERCHANT_ACCOUNTS: [AccountKind; 4] = [
    AccountKind::MerchantPending,
    AccountKind::MerchantAvailable,
    AccountKind::MerchantFrozen,
    AccountKind::MerchantCoupons,
];

/// The `after` of the next page of a statement.
const NEXT: HeaderName = HeaderName::from_static("tongbao-next");

pub(crate) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new()
        .routes(routes!(balance))
        .routes(routes!(statement))
        .routes(routes!(withdrawals))
        .routes(routes!(withdrawal))
}

/// A merchant of the tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
struct MerchantPath {
    /// The merchant's id.
    merchant: String,
}

/// A withdrawal of the tenant.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes a part of paths")]
pub(crate) struct WithdrawalPath {
    /// The withdrawal's id, 18 digits.
    withdrawal: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes parameters; `query` reads them")]
struct StatementQuery {
    /// Booked at or after.
    #[param(format = DateTime)]
    from: String,
    /// Booked before.
    #[param(format = DateTime)]
    to: String,
    /// The header `tongbao-next` of the page before.
    after: Option<String>,
    /// Transfers on a page, 1 to 10,000; 10,000 when absent.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<u32>,
}

/// What a merchant has, now or at a past time.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}/balance",
    tag = "settlement",
    params(TenantPath, MerchantPath, BalanceQuery),
    responses((status = 200, description = "Its balance.", body = MerchantBalance), Faults))]
async fn balance(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, merchant)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<MerchantBalance> {
    let (tenant, merchant) = known_merchant(&engine, &tenant, &merchant)?;
    let now = engine.now();
    let at = query::balance(&pairs, now)?;
    let accounts = accounts_of(&merchant);
    let rows = engine.ask(BalancesAt { tenant, accounts, at }).await?;
    Ok(Json(map::balance(&merchant, at.unwrap_or(now), &rows)))
}

/// Everything that moved a merchant's money in a time, oldest first, as CSV in UTF-8 with a byte order
/// mark: a line for each of its accounts that a transfer touched. What was only held or released moved
/// nothing and is not in it. Where there is more, the header `tongbao-next` is the `after` of the next
/// page.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/merchants/{merchant}/statement",
    tag = "settlement",
    params(TenantPath, MerchantPath, StatementQuery),
    responses(
        (status = 200, description = "The postings.", body = String, content_type = "text/csv"),
        Faults
    ))]
async fn statement(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, merchant)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Result<Response, Fault> {
    let (tenant, merchant) = known_merchant(&engine, &tenant, &merchant)?;
    let query::Statement { from, to, after, limit } = query::statement(&pairs)?;
    let accounts = accounts_of(&merchant);
    let mut pages = vec![];
    for account in accounts.clone() {
        let tenant = tenant.clone();
        pages.push(engine.ask(PostingsBetween { tenant, account, from, to, after, limit }).await?);
    }
    let page = statement::merged(pages, limit);
    let text = statement::csv(&page.transfers, &accounts);
    let csv = HeaderValue::from_static("text/csv; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, csv)], text).into_response();
    if let Some(next) = page.next {
        response.headers_mut().insert(NEXT, HeaderValue::from(next.value()));
    }
    Ok(response)
}

/// Withdrawals of a tenant's merchants, newest first.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/withdrawals", tag = "settlement",
    params(TenantPath, PageQuery),
    responses((status = 200, description = "A page of withdrawals.", body = WithdrawalPage), Faults))]
async fn withdrawals(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<WithdrawalPage> {
    let question = query::withdrawals(known(&engine, &tenant)?, &pairs)?;
    let limit = question.limit;
    Ok(Json(map::withdrawals(&engine.ask(question).await?, limit)))
}

/// A withdrawal with its whole story.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/withdrawals/{withdrawal}",
    tag = "settlement",
    params(TenantPath, WithdrawalPath),
    responses((status = 200, description = "The withdrawal.", body = WithdrawalStory), Faults))]
async fn withdrawal(
    State(engine): State<Arc<Engine>>,
    Segments((tenant, withdrawal)): Segments<(String, String)>,
    Asked(pairs): Asked,
) -> Answer<WithdrawalStory> {
    query::none(&pairs)?;
    let tenant = known(&engine, &tenant)?;
    let root = query::withdrawal_id(&withdrawal)?.subject().root();
    let story = engine.ask(StoryOf { tenant, root }).await?;
    let story = story.and_then(|story| map::withdrawal_story(&story));
    Ok(Json(story.ok_or(Fault::NotFound { what: "withdrawal" })?))
}

fn accounts_of(merchant: &MerchantId) -> Vec<Account> {
    MERCHANT_ACCOUNTS.map(|kind| Account::new(kind, merchant.as_str())).to_vec()
}

/// A merchant of a tenant of the installation.
fn known_merchant(
    engine: &Engine,
    tenant: &str,
    merchant: &str,
) -> Result<(TenantId, MerchantId), Fault> {
    let (tenant, merchant) = (known(engine, tenant)?, MerchantId::new(merchant));
    match engine.directory().merchant(&tenant, &merchant) {
        Some(_) => Ok((tenant, merchant)),
        None => Err(Fault::NotFound { what: "merchant" }),
    }
}
