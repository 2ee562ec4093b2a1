//! `tongbao serve`: the gateway as a configuration file says.

use super::dev::recorder;
use crate::config::Config;
use crate::gateway::{Gateway, Operations};
use crate::output::show;
use crate::registry::refuse_development;
use crate::server::{Admission, Listening, StopSignals};
use anyhow::{Context, Result};
use engine::{Engine, SystemClock};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use store::DirectoryOf;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Arguments of `tongbao serve`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file (TOML); docs/configuration.md explains it
    #[arg(long)]
    config: PathBuf,
    /// Run as if the clock of this machine were wrong: to try out what that does
    #[arg(long, default_value_t = 0, allow_negative_numbers = true, hide = true)]
    clock_ahead_seconds: i64,
}

/// Runs until asked to stop.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let config = Config::read(&arguments.config)?;
    let socket = Listening::open(&config.listen).await?;
    let (operations, operations_socket) = match config.operations_listen == config.listen {
        true => (Operations::Together, None),
        false => {
            let socket = Listening::open(&config.operations_listen).await;
            (Operations::Apart, Some(socket.context("operations_listen")?))
        }
    };
    let store = config.database.open_to_serve()?;
    let installation = config.installation;
    let clock = Arc::new(SystemClock::ahead_by(arguments.clock_ahead_seconds));
    let gateway = Gateway::start(installation, store, clock, recorder()?, operations).await?;
    refuse_development_channels(&gateway.engine).await?;
    let stop = watch::Sender::new(false);
    let url = socket.url();
    let operations_url = operations_socket.as_ref().map_or(url.clone(), Listening::url);
    let mut serving = JoinSet::new();
    serving.spawn(socket.serve(gateway.router, config.admission, stop.subscribe()));
    if let (Some(socket), Some(router)) = (operations_socket, gateway.operations) {
        serving.spawn(socket.serve(router, Admission::local(), stop.subscribe()));
    }
    let mut signals = StopSignals::listen()?;
    say(&url, &operations_url);
    signals.asked().await;
    // Callers first: what they wait for still needs the engine.
    stop.send_replace(true);
    while let Some(served) = serving.join_next().await {
        served??;
    }
    gateway.engine.stop();
    Ok(ExitCode::SUCCESS)
}

/// A database of `dev` or `bench` may have accounts through which every order is paid without money.
async fn refuse_development_channels(engine: &Engine) -> Result<()> {
    let rows = engine.ask(DirectoryOf {}).await?;
    let accounts = &rows.channel_accounts;
    accounts.iter().try_for_each(|row| refuse_development(&row.name, &row.channel))
}

fn say(url: &str, operations_url: &str) {
    show!("operations {operations_url}");
    show!("ready {url}");
}
