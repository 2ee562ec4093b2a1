//! `tongbao attention`: lists what needs a person, as the admin API does.

use crate::config::Config;
use crate::output::show;
use anyhow::{Context as _, Result};
use engine::{Clock as _, SystemClock};
use kernel::{AttentionKind, TenantId};
use ledger::Timestamp;
use std::path::PathBuf;
use std::process::ExitCode;
use store::{AttentionCount, AttentionCounts, AttentionFilter, AttentionList, AttentionRow};
use story::words::span;

/// Rows that are listed when the arguments do not say.
const LIMIT: u32 = 50;

/// Arguments of `tongbao attention`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file that names the database
    #[arg(long)]
    config: PathBuf,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only of this kind
    #[arg(long)]
    kind: Option<String>,
    /// How many rows to list, the newest first
    #[arg(long, default_value_t = LIMIT)]
    limit: u32,
    /// Print the JSON of the admin API
    #[arg(long)]
    json: bool,
}

/// Exits 0 whether or not something needs a person.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let store = Config::read(&arguments.config)?.database.open_to_read().await?;
    let filter = AttentionFilter {
        tenant: arguments.tenant.as_deref().map(TenantId::new),
        kind: arguments.kind.as_deref().map(kind).transpose()?,
        subject_kind: None,
        after: None,
        limit: arguments.limit,
    };
    let now = SystemClock::new().now();
    let counts = store.ask(AttentionCounts { now }).await?;
    let rows = store.ask(AttentionList { filter, now }).await?;
    match arguments.json {
        true => say(&admin_api::attention_json(&rows, counts, arguments.limit)?),
        false => say(&text(&rows, &counts, now)),
    }
    Ok(ExitCode::SUCCESS)
}

fn kind(name: &str) -> Result<AttentionKind> {
    AttentionKind::from_name(name).with_context(|| {
        let known = AttentionKind::ALL.map(AttentionKind::name).join(", ");
        format!("kind: found {name:?}, want one of {known}")
    })
}

fn text(rows: &[AttentionRow], counts: &[AttentionCount], now: Timestamp) -> String {
    if counts.is_empty() {
        return "nothing needs a person".to_owned();
    }
    let age = |since: Timestamp| span(now.ms_since(since).max(0));
    let mut lines: Vec<String> = counts
        .iter()
        .map(|count| {
            format!("{} {}, the oldest for {}", count.rows, count.kind.name(), age(count.oldest))
        })
        .collect();
    for row in rows {
        let (subject, tenant, root) = (row.subject, &row.tenant, row.root);
        lines.push(String::new());
        lines.push(format!("{subject} of tenant {tenant}, story {root}"));
        lines.push(format!("  {} for {}: {}", row.kind.name(), age(row.since), row.reason));
    }
    lines.join("\n")
}

fn say(text: &str) {
    show!("{text}");
}
