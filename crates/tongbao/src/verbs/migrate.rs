//! `tongbao migrate`: brings a database's schema up to date.

use crate::config::Config;
use crate::database::Database;
use crate::output::show;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `tongbao migrate`.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    /// The configuration file that names the database
    #[arg(long)]
    config: Option<PathBuf>,
    /// The database itself: sqlite:PATH or postgres://USER@HOST/NAME
    #[arg(long)]
    database: Option<Database>,
}

/// Migrates; harmless when there is nothing to do.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let database = match (arguments.config, arguments.database) {
        (Some(path), _) => Config::read(&path)?.database,
        (None, Some(database)) => database,
        (None, None) => anyhow::bail!("want --config or --database"),
    };
    let migrated = database.open()?.migrate().await;
    migrated.with_context(|| format!("{database} not migrated"))?;
    say();
    Ok(ExitCode::SUCCESS)
}

fn say() {
    show!("the schema is up to date");
}
