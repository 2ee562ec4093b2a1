//! `tongbao report`: figures for accountants, from the book.

use crate::database::Chosen;
use crate::output::show;
use admin_api::liability;
use anyhow::{Context as _, Result, ensure};
use engine::{Clock as _, SystemClock};
use kernel::TenantId;
use ledger::{AccountKind, Fen, Timestamp};
use std::process::ExitCode;
use store::rows::liability::Liability;
use store::{DirectoryOf, Store};
use story::words::{local, yuan};

/// Arguments of `tongbao report`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(clap::Subcommand)]
enum Report {
    /// Stored value that is outstanding: gift cards by batch, wallets by merchant, and breakage
    Liability(OfLiability),
}

#[derive(clap::Args)]
struct OfLiability {
    /// At this time, like 2026-12-31T23:59:59+08:00; now when absent
    #[arg(long)]
    as_of: Option<jiff::Timestamp>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    #[command(flatten)]
    database: Chosen,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For accountants' programs; one tenant
    Csv,
    /// As the admin API answers; one tenant
    Json,
}

/// What the report calls the kinds of accounts, in its order.
const WORDS: [(AccountKind, &str); 4] = [
    (AccountKind::CardLiability, "gift cards"),
    (AccountKind::WalletPrincipal, "wallets, paid in"),
    (AccountKind::WalletBonus, "wallets, bonuses"),
    (AccountKind::Breakage, "breakage, the merchants' own"),
];

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let Report::Liability(of) = arguments.report;
    let store = of.database.open_to_read().await?;
    let now = SystemClock::new().now();
    let at = of.as_of.map(|at| Timestamp::from_ms(at.as_millisecond()));
    ensure!(at.is_none_or(|at| at <= now), "--as-of lies in the future");
    let tenants = tenants(&*store, of.tenant.as_deref()).await?;
    for tenant in &tenants {
        let mut reading = liability::Reading::new(tenant.clone(), at);
        while let Some(question) = reading.question() {
            reading.add(store.ask(question).await?);
        }
        let rows = reading.rows;
        let at = at.unwrap_or(now);
        match of.format {
            Format::Text => show!("{}", text(tenant, at, &rows)),
            Format::Csv | Format::Json if tenants.len() > 1 => {
                ensure!(false, "--tenant: want one of {}", tenants.len());
            }
            Format::Csv => show!("{}", liability::csv(at, &rows).trim_end()),
            Format::Json => show!("{}", liability::json(at, &rows)?),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn tenants(store: &dyn Store, wanted: Option<&str>) -> Result<Vec<TenantId>> {
    let known = store.ask(DirectoryOf {}).await?.tenants.into_iter().map(|row| row.tenant);
    let known: Vec<TenantId> =
        known.filter(|tenant| wanted.is_none_or(|wanted| tenant.as_str() == wanted)).collect();
    let name = wanted.unwrap_or("any");
    known.first().with_context(|| format!("--tenant: {name} is not known"))?;
    Ok(known)
}

/// A line for each sum, and one for each kind.
fn text(tenant: &TenantId, at: Timestamp, rows: &[Liability]) -> String {
    let mut lines = vec![format!("tenant {tenant} at {}", local(at))];
    for (kind, words) in WORDS {
        let own: Vec<&Liability> = rows.iter().filter(|row| row.kind == kind).collect();
        let sum: i128 = own.iter().map(|row| i128::from(row.amount.get())).sum();
        let total = i64::try_from(sum).map_or_else(|_| sum.to_string(), |fen| yuan(Fen::new(fen)));
        lines.push(format!("{words} {total}"));
        for Liability { merchant, batch, amount, .. } in own {
            let of = batch.map_or_else(String::new, |batch| format!(", batch {}", batch.value()));
            lines.push(format!("  merchant {merchant}{of}: {}", yuan(*amount)));
        }
    }
    lines.join("\n")
}
