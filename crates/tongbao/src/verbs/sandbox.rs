//! `tongbao sandbox`: the simulated channels alone, for a stranger's SDK.

use super::dev::{open_sandbox, run_callbacks};
use crate::output::show;
use crate::server::{Admission, Listening, StopSignals};
use crate::world::{DevFile, World, WxpaySigning, WxpayTrust, create_private_folder};
use anyhow::Result;
use sandbox::{CallbackClock, SharedClock};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Arguments of `tongbao sandbox`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the simulated channels listen; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8081")]
    listen: String,
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
    let socket = Listening::open(&arguments.listen).await?;
    let url = socket.url();
    let clock = Arc::new(SharedClock::new());
    // No gateway shares a moved clock here, and a stranger's SDK goes by the system's.
    let sandbox = open_sandbox(&world, data, clock, CallbackClock::System)?;
    let signing = WxpaySigning::turn(&sandbox, arguments.wxpay_trust).await?;
    let stop = watch::Sender::new(false);
    let serving =
        tokio::spawn(socket.serve(sandbox.clone().router(), Admission::local(), stop.subscribe()));
    let sending = tokio::spawn(run_callbacks(sandbox, stop.subscribe()));
    // There is no gateway here: what the file says of one stays as it is.
    let base_url = DevFile::read(data).map_or_else(|_| String::new(), |file| file.base_url);
    world.dev_file(&base_url, &url, signing)?.write(data)?;
    let mut signals = StopSignals::listen()?;
    say(&url);
    signals.asked().await;
    stop.send_replace(true);
    serving.await??;
    sending.await??;
    Ok(ExitCode::SUCCESS)
}

fn say(url: &str) {
    show!("ready {url}");
}
