//! `tongbao doctor`: examines an installation and changes nothing.

use crate::doctor::{Report, Scope, Verdict, examine};
use crate::output::{self, show};
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `tongbao doctor`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file of the installation
    #[arg(long)]
    config: PathBuf,
    /// Call no channel
    #[arg(long)]
    offline: bool,
    /// Do not prove the books, which reads every transfer
    #[arg(long)]
    quick: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Exits 0 unless a line says `fail`.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let scope = Scope { is_offline: arguments.offline, is_quick: arguments.quick };
    let report = examine(&arguments.config, scope).await;
    say(&report, arguments.json)?;
    Ok(match report.verdict() {
        Verdict::Ok | Verdict::Warn => ExitCode::SUCCESS,
        Verdict::Fail => ExitCode::from(1),
    })
}

fn say(report: &Report, is_json: bool) -> Result<()> {
    match is_json {
        true => show!("{}", serde_json::to_string_pretty(report)?),
        false => output::write(format_args!("{report}")),
    }
    Ok(())
}
