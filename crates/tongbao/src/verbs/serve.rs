//! `tongbao serve`: the gateway as a configuration file says.

use super::dev::recorder;
use crate::config::Config;
use crate::gateway::Gateway;
use crate::server::{Listening, asked_to_stop};
use anyhow::Result;
use engine::SystemClock;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Arguments of `tongbao serve`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file (TOML); docs/configuration.md explains it
    #[arg(long)]
    config: PathBuf,
}

/// Runs until asked to stop.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let socket = Listening::open(&config.listen).await?;
    let store = config.database.open()?;
    let installation = config.installation;
    let clock = Arc::new(SystemClock::new());
    let gateway = Gateway::start(installation, store, clock, recorder()?).await?;
    let stop = watch::Sender::new(false);
    let url = socket.url();
    let serving = tokio::spawn(socket.serve(gateway.router, stop.subscribe()));
    say(&url);
    asked_to_stop().await?;
    // Callers first: what they wait for still needs the engine.
    stop.send_replace(true);
    serving.await??;
    gateway.engine.stop();
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::print_stdout, reason = "this is what the verb is for")]
fn say(url: &str) {
    println!("ready {url}");
}
