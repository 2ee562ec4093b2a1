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
mod config;
mod database;
mod declaration;
mod doctor;
mod gateway;
mod installation;
mod limits;
mod merchant;
mod registry;
mod server;
mod value_file;
mod verbs;
mod world;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

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
    /// Play one order from placing to notification, through real HTTP, and show each step
    Demo(verbs::demo::Arguments),
    /// Prove the ledger; exits 1 and names the first bad row when a rule does not hold
    Check(verbs::check::Arguments),
    /// Compare a day's bill of a channel account with our orders and refunds; exits 1 when they differ
    Bill(verbs::bill::Arguments),
    /// Examine an installation and change nothing; exits 1 when a line says `fail`
    Doctor(verbs::doctor::Arguments),
    /// List what needs a person
    Attention(verbs::attention::Arguments),
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
    start_logging();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(fault) => {
            tracing::error!(%fault, "the runtime does not start");
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(async {
        match arguments.verb {
            Verb::Dev(arguments) => verbs::dev::run(arguments).await,
            Verb::Serve(arguments) => verbs::serve::run(arguments).await,
            Verb::Sandbox(arguments) => verbs::sandbox::run(arguments).await,
            Verb::Apply(arguments) => verbs::apply::run(arguments).await,
            Verb::Secrets(arguments) => verbs::secrets::run(arguments).await,
            Verb::Demo(arguments) => verbs::demo::run(arguments).await,
            Verb::Check(arguments) => verbs::check::run(arguments).await,
            Verb::Bill(arguments) => verbs::bill::run(arguments).await,
            Verb::Doctor(arguments) => verbs::doctor::run(arguments).await,
            Verb::Attention(arguments) => verbs::attention::run(arguments).await,
            Verb::Why(arguments) => verbs::why::run(arguments).await,
            Verb::Migrate(arguments) => verbs::migrate::run(arguments).await,
            Verb::Sign(arguments) => verbs::sign::run(arguments),
            Verb::Bench(arguments) => verbs::bench::run(arguments).await,
        }
    });
    match outcome {
        Ok(code) => code,
        Err(fault) => {
            eprintln!("tongbao: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

/// Logs go to standard error; `TONGBAO_LOG` chooses what is logged.
fn start_logging() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TONGBAO_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
