//! `tongbao bill`: compares a day's bill of a channel account with our orders and refunds, or with our
//! shares and their returns. It reads the database and the bill, and changes nothing.
//!
//! - `ours`: what the database has for the day.
//! - `compare`, `shares`: what differs, for each kind of bill.
//! - `report`: how it is shown.

mod compare;
mod ours;
mod report;
mod shares;

use crate::config::Config;
use crate::database::Database;
use crate::gateway;
use crate::installation::Installation;
use crate::output::show;
use crate::world::{DevFile, World};
use anyhow::{Context, Result, bail, ensure};
use channel::{Bill, BillDay, BillKind};
use engine::Engine;
use jiff::civil::Date;
use ours::Ours;
use report::Report;
use sandbox::SharedClock;
use shares::OurShares;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What the program exits with when the channel has not made the bill yet.
const NOT_YET: u8 = 2;

/// The bills that are compared.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// Payments and refunds
    Trade,
    /// Shares and their returns
    Sharing,
}

impl Kind {
    const fn of_channel(self) -> BillKind {
        match self {
            Kind::Trade => BillKind::Trade,
            Kind::Sharing => BillKind::Sharing,
        }
    }
}

/// Arguments of `tongbao bill`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The name of the channel account
    account: String,
    /// The day in Asia/Shanghai, YYYY-MM-DD
    date: Date,
    /// Which bill to compare
    #[arg(long, value_enum, default_value = "trade")]
    kind: Kind,
    /// The configuration of the gateway, with its database
    #[arg(long, conflicts_with_all = ["data", "ahead"])]
    config: Option<PathBuf>,
    /// Without a configuration: the data folder of `tongbao dev`
    #[arg(long, default_value = "./tongbao-data")]
    data: PathBuf,
    /// Where that `tongbao dev` keeps its state, when not in the data folder
    #[arg(long, env = "TONGBAO_DATABASE", hide_env_values = true)]
    database: Option<Database>,
    /// How far the clock of that `tongbao dev` was moved ahead, in seconds
    #[arg(long, default_value_t = 0)]
    ahead: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Exits 0 when bill and database agree, 1 when they differ, 2 when the bill is not made yet.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let clock = Arc::new(SharedClock::new());
    clock.advance_ms(i64::from(arguments.ahead) * 1_000);
    let day = BillDay { kind: arguments.kind.of_channel(), date: arguments.date };
    ensure!(day.ends_at() <= clock.now(), "{} is not over in Asia/Shanghai", day.date);
    let (database, installation) = place(&arguments).await?;
    let engine = gateway::to_read(&database, installation, clock).await?;
    let compared = compare(&engine, &arguments.account, arguments.kind, day).await;
    engine.stop();
    let Some(report) = compared? else {
        eprintln!("tongbao: the channel has not made the bill of {} yet", day.date);
        return Ok(ExitCode::from(NOT_YET));
    };
    print(&report, arguments.json);
    Ok(if report.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The database and the keys to its secrets.
async fn place(arguments: &Arguments) -> Result<(Database, Installation)> {
    if let Some(path) = &arguments.config {
        let config = Config::read(path)?;
        return Ok((config.database, config.installation));
    }
    // Without the file there is no world in the folder, and none must be made.
    let file = DevFile::read(&arguments.data)?;
    let installation = World::of_folder(&arguments.data).await?.installation(&file.base_url)?;
    let database = arguments.database.clone();
    Ok((database.unwrap_or_else(|| Database::in_folder(&arguments.data)), installation))
}

/// The comparison; `None` when the channel has not made the bill yet.
async fn compare(
    engine: &Arc<Engine>,
    account: &str,
    kind: Kind,
    day: BillDay,
) -> Result<Option<Report>> {
    let rows = match engine.bill(account, day).await? {
        Bill::Rows(rows) => rows,
        // The channel had no traffic; we must have had none either.
        Bill::Empty => Vec::new(),
        Bill::NotYet => return Ok(None),
    };
    let stories = ours::read(engine, account, &day, &rows).await.context("our side not read")?;
    let comparison = match kind {
        Kind::Trade => compare::compare(&rows, &Ours::of(&stories), &day),
        Kind::Sharing => shares::compare(&rows, &OurShares::of(&stories), &day),
    };
    Ok(Some(Report {
        account: account.to_owned(),
        date: day.date,
        rows: rows.len(),
        matched: comparison.matched,
        differences: comparison.differences,
    }))
}

fn print(report: &Report, as_json: bool) {
    match as_json {
        true => show!("{}", report.json()),
        false => crate::output::write(format_args!("{}", report.text())),
    }
}

/// The account is in the database: names the tenant that it belongs to.
async fn tenant_of(engine: &Engine, account: &str) -> Result<kernel::TenantId> {
    let directory = engine.ask(store::DirectoryOf {}).await?;
    match directory.channel_accounts.iter().find(|row| &*row.name == account) {
        Some(row) => Ok(row.tenant.clone()),
        None => bail!("no channel account is called {account}"),
    }
}
