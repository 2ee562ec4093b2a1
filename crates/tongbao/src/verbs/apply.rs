//! `tongbao apply FILE`: brings a file of tenants into the database.

use crate::apply::{carry_out, plan};
use crate::config::Config;
use crate::declaration::Declaration;
use crate::gateway;
use crate::output::show;
use crate::registry::refuse_development;
use anyhow::{Context as _, Result};
use engine::Engine;
use kernel::Caller;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `tongbao apply`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The file of tenants, in TOML
    file: PathBuf,
    /// The configuration whose database they go into
    #[arg(long)]
    config: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Exits 0 when the database is as the file says, and with `--dry-run` whenever a plan can be made.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let declaration = Declaration::read(&arguments.file)?;
    for account in declaration.tenants.iter().flat_map(|tenant| &tenant.accounts) {
        refuse_development(&account.name, &account.channel)?;
    }
    let config = Config::read(&arguments.config)?;
    let engine = gateway::commands_only(&config.database, config.installation).await?;
    let outcome = apply(&engine, &declaration, arguments.dry_run).await;
    engine.stop();
    outcome.with_context(|| arguments.file.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

async fn apply(engine: &Engine, declaration: &Declaration, is_dry_run: bool) -> Result<()> {
    let steps = plan(engine, declaration).await?;
    if steps.is_empty() {
        show!("nothing to change");
    }
    for step in &steps {
        show!("{}", step.line);
    }
    if is_dry_run {
        return Ok(());
    }
    carry_out(engine, &Caller::Operator(Arc::from("apply")), steps).await
}
