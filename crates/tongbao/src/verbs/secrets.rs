//! `tongbao secrets`: makes master keys, and seals every secret of a database under the newest.

use crate::apply::{carry_out, plan_resealing};
use crate::config::Config;
use crate::gateway;
use crate::output::show;
use anyhow::Result;
use crypto::MasterKeys;
use engine::Engine;
use kernel::Caller;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Arguments of `tongbao secrets`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print a new master key
    Generate,
    /// Seal every secret under the first of the master keys, so that the others can be removed
    Rotate {
        /// The configuration with the new master key above the old ones
        #[arg(long)]
        config: PathBuf,
    },
}

/// Exits 0 when the secrets of caller keys and channel accounts are sealed under the newest key.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.what {
        What::Generate => say(MasterKeys::generate().expose()),
        What::Rotate { config } => {
            let config = Config::read(&config)?;
            let engine = gateway::commands_only(&config.database, config.installation).await?;
            let outcome = rotate(&engine).await;
            engine.stop();
            outcome?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn rotate(engine: &Engine) -> Result<()> {
    let steps = plan_resealing(engine).await?;
    if steps.is_empty() {
        say("every caller key and channel account is sealed under the newest key");
    }
    for step in &steps {
        say(&step.line);
    }
    say("payees stay under the keys that they were sealed under: keep those in master_key_file");
    carry_out(engine, &Caller::Operator(Arc::from("secrets rotate")), steps).await
}

fn say(line: &str) {
    show!("{line}");
}
