//! `tongbao sandbox`: the simulated channels alone, for a stranger's SDK.

use super::dev::{SandboxSockets, open_sandbox, run_callbacks};
use crate::output::show;
use crate::server::{Admission, StopSignals};
use crate::world::{DevFile, World, WxpaySigning, WxpayTrust, create_private_folder};
use anyhow::Result;
use sandbox::{CallbackClock, SharedClock};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Arguments of `tongbao sandbox`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the simulated channels listen; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: String,
    /// Where they listen by TLS too, under an authority of their own, which dev.json names
    #[arg(long, value_name = "ADDRESS")]
    tls_listen: Option<String>,
    /// Where its database, keys and dev.json live
    #[arg(long, default_value = "./tongbao-data")]
    data: PathBuf,
    /// By what the simulated WeChat Pay's merchant knows it; kept in the data folder, public_key at
    /// first
    #[arg(long, value_enum)]
    wxpay_trust: Option<WxpayTrust>,
}

/// Runs until asked to stop.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let data = &arguments.data;
    create_private_folder(data)?;
    let world = World::of_folder(data).await?;
    let tls = arguments.tls_listen.as_deref();
    let sockets = SandboxSockets::open(&world, &arguments.listen, tls).await?;
    let urls = sockets.urls();
    let clock = Arc::new(SharedClock::new());
    // No gateway shares a moved clock here, and a stranger's SDK goes by the system's.
    let sandbox = open_sandbox(&world, data, clock, CallbackClock::System)?;
    let signing = WxpaySigning::turn(&sandbox, arguments.wxpay_trust).await?;
    let stop = watch::Sender::new(false);
    let mut serving = JoinSet::new();
    for socket in sockets.all() {
        let router = sandbox.clone().router();
        serving.spawn(socket.serve(router, Admission::local(), stop.subscribe()));
    }
    let sending = tokio::spawn(run_callbacks(sandbox, stop.subscribe()));
    // There is no gateway here: what the file says of one stays as it is.
    let base_url = DevFile::read(data).map_or_else(|_| String::new(), |file| file.base_url);
    world.dev_file(&base_url, &urls, signing)?.write(data)?;
    let mut signals = StopSignals::listen()?;
    show!("ready {}", urls.plain);
    signals.asked().await;
    stop.send_replace(true);
    while let Some(served) = serving.join_next().await {
        served??;
    }
    sending.await??;
    Ok(ExitCode::SUCCESS)
}
