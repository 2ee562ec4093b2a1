//! Tongbao 通宝: a self-hosted collect-and-pay platform.
//!
//! The binary knows every crate and holds no rule: it reads arguments and configuration, wires the
//! rooms together and listens.
//!
//! - [`verbs`]: a file a verb.
//! - [`registry`]: what ships.
//! - [`installation`], [`limits`], [`config`]: what a process is made of, and how a file describes it.
//! - [`declaration`], [`apply`]: tenants as a file declares them, and how they get into the database.
//! - [`doctor`]: what an installation is examined for.
//! - [`world`]: the demonstration tenant of `tongbao dev`.
//! - [`gateway`], [`server`]: the engine with every way in, and the sockets.

mod apply;
mod calendar;
mod config;
mod cpay;
mod database;
mod declaration;
mod doctor;
mod gateway;
mod installation;
mod limits;
mod merchant;
#[cfg(test)]
mod mistakes;
mod output;
mod registry;
mod server;
mod value_file;
mod verbs;
mod world;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// The environment variable that chooses what is logged.
const LOG_VARIABLE: &str = "TONGBAO_LOG";
/// What is logged when it does not say.
const LOG_DEFAULT: &str = "warn";
const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tongbao 通宝: a self-hosted collect-and-pay platform in one binary.
///
/// Try it:        tongbao demo
/// Develop:       tongbao dev        (gateway and simulated WeChat Pay, credentials in dev.json)
/// Sign for curl: tongbao sign --data ./tongbao-data --path /cloudpay/v1/pay/query_order --body '{}'
/// Understand:    tongbao why OUT_ORDER_ID --data ./tongbao-data
/// Prove:         tongbao check --data ./tongbao-data
/// Compare:       tongbao bill ACCOUNT YYYY-MM-DD --config tongbao.toml
/// Examine:       tongbao doctor --config tongbao.toml
/// Production:    tongbao apply tenants.toml --config tongbao.toml
///                tongbao serve --config tongbao.toml
#[derive(Parser)]
#[command(name = "tongbao", version, verbatim_doc_comment)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start gateway and sandbox with a demonstration tenant; credentials go to dev.json in its folder
    Dev(verbs::dev::Arguments),
    /// Start the gateway as a configuration file says
    Serve(verbs::serve::Arguments),
    /// Start the simulated channels alone
    Sandbox(verbs::sandbox::Arguments),
    /// Bring a file of tenants into the database; --dry-run shows the plan alone
    Apply(verbs::apply::Arguments),
    /// Make master keys, and seal every secret under the newest
    Secrets(verbs::secrets::Arguments),
    /// Play an order and a gift card from beginning to end, through real HTTP, and show each step
    Demo(verbs::demo::Arguments),
    /// Prove the ledger; exits 1 and names the first bad row when a rule does not hold
    Check(verbs::check::Arguments),
    /// Move what happened to orders that are long finished into files, or verify such files
    Archive(verbs::archive::Arguments),
    /// Compare a day's bill of a channel account with our orders and refunds; exits 1 when they differ
    Bill(verbs::bill::Arguments),
    /// Examine an installation and change nothing; exits 1 when a line says `fail`
    Doctor(verbs::doctor::Arguments),
    /// List what needs a person
    Attention(verbs::attention::Arguments),
    /// Print figures for accountants, from the book
    Report(verbs::report::Arguments),
    /// Show an order's whole story
    Why(verbs::why::Arguments),
    /// Sign a request body and print the curl command that sends it
    Sign(verbs::sign::Arguments),
    /// Bring a database's schema up to date
    Migrate(verbs::migrate::Arguments),
    /// Measure this machine
    Bench(verbs::bench::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start_logging().and_then(|()| run(arguments.verb)).and_then(output::end) {
        Ok(code) => code,
        Err(fault) => {
            output::complain(format_args!("tongbao: {fault:#}\n"));
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the runtime does not start")?.block_on(async {
        match verb {
            Verb::Dev(arguments) => verbs::dev::run(arguments).await,
            Verb::Serve(arguments) => verbs::serve::run(arguments).await,
            Verb::Sandbox(arguments) => verbs::sandbox::run(arguments).await,
            Verb::Apply(arguments) => verbs::apply::run(arguments).await,
            Verb::Secrets(arguments) => verbs::secrets::run(arguments).await,
            Verb::Demo(arguments) => verbs::demo::run(arguments).await,
            Verb::Check(arguments) => verbs::check::run(arguments).await,
            Verb::Archive(arguments) => verbs::archive::run(arguments).await,
            Verb::Bill(arguments) => verbs::bill::run(arguments).await,
            Verb::Doctor(arguments) => verbs::doctor::run(arguments).await,
            Verb::Report(arguments) => verbs::report::run(arguments).await,
            Verb::Attention(arguments) => verbs::attention::run(arguments).await,
            Verb::Why(arguments) => verbs::why::run(arguments).await,
            Verb::Migrate(arguments) => verbs::migrate::run(arguments).await,
            Verb::Sign(arguments) => verbs::sign::run(arguments),
            Verb::Bench(arguments) => verbs::bench::run(arguments).await,
        }
    })
}

/// Logs go to standard error; `TONGBAO_LOG` chooses what is logged.
fn start_logging() -> Result<()> {
    let wanted = std::env::var_os(LOG_VARIABLE).unwrap_or_default();
    let wanted = wanted.to_str().with_context(|| format!("{LOG_VARIABLE}: not UTF-8"))?;
    let filter = log_filter(wanted).context(LOG_VARIABLE)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}

/// What is logged. The filter itself would take a level that is spelled wrongly for the name of a
/// module, and log that module alone.
fn log_filter(text: &str) -> Result<EnvFilter> {
    let directives = || text.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    if directives().next().is_none() {
        return Ok(EnvFilter::new(LOG_DEFAULT));
    }
    for directive in directives() {
        let (module, level) = directive.rsplit_once('=').unwrap_or(("", directive));
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_:-".contains(letter);
        let is_level = module.chars().all(is_plain)
            && LOG_LEVELS.iter().any(|known| level.eq_ignore_ascii_case(known));
        let wanted = LOG_LEVELS.join(", ");
        ensure!(
            is_level,
            "found {directive:?}, want {wanted} or MODULE=LEVEL, several with commas between"
        );
    }
    Ok(EnvFilter::builder().parse(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_spelled_wrongly_is_named() {
        for good in
            ["", " ", "info", "WARN", "off", "info,engine=debug", "engine::tasks=trace, warn"]
        {
            assert!(log_filter(good).is_ok(), "{good}");
        }
        assert_eq!(log_filter("").expect("the default").to_string(), "warn");
        for wrong in ["inof", "inof,==", "engine=", "engine=inof", "info;engine=debug", "info,,=x"]
        {
            let fault = log_filter(wrong).expect_err(wrong).to_string();
            assert!(fault.starts_with("found \"") && fault.contains("debug"), "{fault}");
        }
        let fault = log_filter("info, inof").expect_err("no level").to_string();
        assert!(fault.contains("\"inof\""), "{fault}");
    }
}
