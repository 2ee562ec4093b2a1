//! Stored value that is outstanding: what is left of gift cards and in wallets, at any time.
//!
//! The sums come from the book alone: a past time is what its accounts have now, less what came later. So
//! the answer to the same question never changes.

use crate::faults::Fault;
use crate::query;
use crate::routes::{Answer, Asked, BalanceQuery, Faults, Segments, TenantPath, known};
use crate::wire::{LiabilityReport, LiabilityRow, rfc3339};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use engine::Engine;
use http::{HeaderValue, header};
use kernel::TenantId;
use ledger::{AccountKind, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use store::LiabilitiesAt;
use store::rows::liability::Liability;
use story::words::local;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const BYTE_ORDER_MARK: char = '\u{feff}';
const HEADER: &str = "as_of_shanghai,kind,merchant,batch,amount_fen\r\n";
/// Rows that are read at once.
const PAGE: u32 = 10_000;

pub(crate) fn described() -> OpenApiRouter<Arc<Engine>> {
    OpenApiRouter::new().routes(routes!(report)).routes(routes!(report_csv))
}

/// Stored value that is outstanding at a time, by batch of gift cards and by merchant, and the breakage
/// until then.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/liability", tag = "settlement",
    params(TenantPath, BalanceQuery),
    responses((status = 200, description = "The report.", body = LiabilityReport), Faults))]
async fn report(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Answer<LiabilityReport> {
    let (at, rows) = read(&engine, &tenant, &pairs).await?;
    Ok(Json(shown(at, &rows)))
}

/// The same as CSV in UTF-8 with a byte order mark: a line for each sum.
#[utoipa::path(get, path = "/admin/v1/tenants/{tenant}/liability.csv", tag = "settlement",
    params(TenantPath, BalanceQuery),
    responses(
        (status = 200, description = "The sums.", body = String, content_type = "text/csv"),
        Faults
    ))]
async fn report_csv(
    State(engine): State<Arc<Engine>>,
    Segments(tenant): Segments<String>,
    Asked(pairs): Asked,
) -> Result<Response, Fault> {
    let (at, rows) = read(&engine, &tenant, &pairs).await?;
    let mut response = csv(at, &rows).into_response();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn read(
    engine: &Engine,
    tenant: &str,
    pairs: &query::Pairs,
) -> Result<(Timestamp, Vec<Liability>), Fault> {
    let tenant = known(engine, tenant)?;
    let now = engine.now();
    let at = query::balance(pairs, now)?;
    let mut reading = Reading::new(tenant, at);
    while let Some(question) = reading.question() {
        reading.add(engine.ask(question).await?);
    }
    Ok((at.unwrap_or(now), reading.rows))
}

/// The rows of a tenant, read page by page.
pub struct Reading {
    tenant: TenantId,
    at: Option<Timestamp>,
    /// What was read.
    pub rows: Vec<Liability>,
    is_whole: bool,
}

impl Reading {
    /// Nothing is read yet of what was outstanding at this time; `None` for now.
    pub const fn new(tenant: TenantId, at: Option<Timestamp>) -> Reading {
        Reading { tenant, at, rows: vec![], is_whole: false }
    }

    /// What to ask next; nothing when everything is read.
    pub fn question(&self) -> Option<LiabilitiesAt> {
        let offset = u32::try_from(self.rows.len()).ok()?;
        let question =
            LiabilitiesAt { tenant: self.tenant.clone(), at: self.at, offset, limit: PAGE };
        (!self.is_whole).then_some(question)
    }

    /// Takes the answer.
    pub fn add(&mut self, page: Vec<Liability>) {
        self.is_whole = u32::try_from(page.len()).is_ok_and(|len| len < PAGE);
        self.rows.extend(page);
    }
}

/// The report as JSON, as the API answers it.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn json(at: Timestamp, rows: &[Liability]) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&shown(at, rows))
}

/// The report, with a sum for each kind.
fn shown(at: Timestamp, rows: &[Liability]) -> LiabilityReport {
    let mut totals: BTreeMap<AccountKind, i128> = BTreeMap::new();
    for row in rows {
        *totals.entry(row.kind).or_default() += i128::from(row.amount.get());
    }
    let total = |kind: AccountKind| {
        let sum = totals.get(&kind).copied().unwrap_or(0);
        i64::try_from(sum).ok()
    };
    LiabilityReport {
        as_of: rfc3339(at),
        cards_fen: total(AccountKind::CardLiability),
        wallet_principal_fen: total(AccountKind::WalletPrincipal),
        wallet_bonus_fen: total(AccountKind::WalletBonus),
        breakage_fen: total(AccountKind::Breakage),
        rows: rows.iter().map(row).collect(),
    }
}

fn row(liability: &Liability) -> LiabilityRow {
    LiabilityRow {
        kind: liability.kind.name(),
        merchant: liability.merchant.to_string(),
        batch: liability.batch.map(|batch| batch.value().to_string()),
        amount_fen: liability.amount.get(),
    }
}

/// The rows as CSV (RFC 4180). None of the cells can hold a comma, a quote or the beginning of a formula: all
/// are words of ours, ids and numbers. A batch stands behind its kind, because Excel keeps 15 digits of
/// what looks like a number.
pub fn csv(at: Timestamp, rows: &[Liability]) -> String {
    let mut text = format!("{BYTE_ORDER_MARK}{HEADER}");
    let time = local(at);
    for Liability { kind, merchant, batch, amount } in rows {
        let batch = batch.map_or_else(String::new, |batch| format!("batch {}", batch.value()));
        let (kind, fen) = (kind.name(), amount.get());
        // Writing to a text cannot fail.
        let _ = write!(text, "{time},{kind},{merchant},{batch},{fen}\r\n");
    }
    text
}
