//! `tongbao secrets`: makes master keys, and seals every secret of a database under the newest.

use crate::apply::{carry_out, plan_resealing, reseal_agreements, reseal_cards, reseal_payees};
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

/// Exits 0 when every secret is sealed under the newest key.
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
    let caller = Caller::Operator(Arc::from("secrets rotate"));
    let steps = plan_resealing(engine).await?;
    for step in &steps {
        say(&step.line);
    }
    let count = steps.len();
    carry_out(engine, &caller, steps).await?;
    let payees = reseal_payees(engine, &caller).await?;
    let cards = reseal_cards(engine, &caller).await?;
    let agreements = reseal_agreements(engine, &caller).await?;
    for (count, what) in [(payees, "payees"), (cards, "cards"), (agreements, "agreements")] {
        if count > 0 {
            say(&format!("change {count} {what}"));
        }
    }
    if (count, payees, cards, agreements) == (0, 0, 0, 0) {
        say("every secret is sealed under the newest key");
    }
    Ok(())
}

fn say(line: &str) {
    show!("{line}");
}
