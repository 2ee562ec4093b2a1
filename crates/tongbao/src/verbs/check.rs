//! `tongbao check`: proves the ledger.

use crate::database::Chosen;
use crate::output::show;
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
    let audit = audit(&*arguments.database.open_to_read().await?).await?;
    say(&audit);
    Ok(if audit.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The audit of a store.
pub(crate) async fn audit(store: &dyn Store) -> Result<AuditReport> {
    Ok(store.ask(Audit {}).await?)
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
