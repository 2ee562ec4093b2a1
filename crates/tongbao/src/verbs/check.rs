//! `tongbao check`: proves the ledger.

use crate::database::Chosen;
use crate::output::show;
use crate::verbs::archive;
use anyhow::Result;
use std::process::ExitCode;
use store::{Audit, AuditReport, Store};

/// Arguments of `tongbao check`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    database: Chosen,
}

/// Exits 0 when every rule holds, else 1.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let store = arguments.database.open_to_read().await?;
    let mut audit = audit(&*store).await?;
    let (archives, broken) = archive::broken_chains(&*store).await?;
    audit.faults.extend(broken);
    say(&audit);
    say_archives(archives);
    Ok(if audit.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The audit of a store.
pub(crate) async fn audit(store: &dyn Store) -> Result<AuditReport> {
    Ok(store.ask(Audit {}).await?)
}

fn say_archives(archives: usize) {
    if archives > 0 {
        show!("records of {archives} archives; `tongbao archive --verify` looks into their files");
    }
}

/// Prints an audit.
pub(crate) fn say(audit: &AuditReport) {
    show!(
        "orders {} (paid {}), transfers {}, accounts {}",
        audit.orders,
        audit.paid_orders,
        audit.transfers,
        audit.accounts
    );
    show!("debits {} fen, credits {} fen", audit.debits, audit.credits);
    for fault in &audit.faults {
        show!("BAD {fault}");
    }
    show!(
        "{}",
        if audit.faults.is_empty() { "the books are right" } else { "the books are wrong" }
    );
}
