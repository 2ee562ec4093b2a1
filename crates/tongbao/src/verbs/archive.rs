//! `tongbao archive`: moves the events and notifications of finished stories into files, and verifies
//! such files.
//!
//! - `write`: a file and a commit for every few hundred stories.
//! - `verify`: reads files back and replays them against the rows.

mod verify;
mod write;

use crate::database::Chosen;
use crate::output::show;
use anyhow::{Context, Result, bail};
use crypto::hash::sha256_hex;
use engine::{Clock, SystemClock};
use jiff::civil::Date;
use jiff::tz::{TimeZone, offset};
use kernel::TenantId;
use ledger::Timestamp;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use store::{ArchiveRecord, Archives, DirectoryOf, Installation, Store};
use write::{Archiver, Totals};

/// Records that are read at once.
const RECORDS_PAGE: u32 = 500;

/// Arguments of `tongbao archive`.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct Arguments {
    /// Archive orders about which nothing happened since this day began in Asia/Shanghai, YYYY-MM-DD
    #[arg(long, group = "what")]
    before: Option<Date>,
    /// Archive orders about which nothing happened for this number of days
    #[arg(long, group = "what")]
    keep_days: Option<u16>,
    /// Verify the files in this folder against the database, and archive nothing
    #[arg(long, group = "what", value_name = "FOLDER", conflicts_with_all = ["out", "dry_run"])]
    verify: Option<PathBuf>,
    /// The folder for the files; it is made when it is not there
    #[arg(long, required_unless_present_any = ["dry_run", "verify"])]
    out: Option<PathBuf>,
    /// Count what would be archived, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    database: Chosen,
}

/// Exits 0 when everything was archived or verified, 1 when stories are left for the next run or a file
/// does not verify.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    if let Some(folder) = &arguments.verify {
        return verified(&*arguments.database.open_to_read().await?, folder).await;
    }
    let ended_before = bound(&arguments)?;
    if arguments.dry_run {
        let store = arguments.database.open_to_read().await?;
        let totals = archive_all(&*store, None, ended_before).await?;
        say(&format!("would archive {}", totals.text()));
        return Ok(ExitCode::SUCCESS);
    }
    let store = arguments.database.open_to_change().await?;
    let totals = archive_all(&*store, arguments.out.as_deref(), ended_before).await?;
    say(&format!("archived {}", totals.text()));
    Ok(if totals.is_partial() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Archives the finished stories of every tenant into files of a folder; without one, counts them.
pub(crate) async fn archive_all(
    store: &dyn Store,
    folder: Option<&Path>,
    ended_before: Timestamp,
) -> Result<Totals> {
    let installation = store.ask(Installation {}).await?;
    let made_at = SystemClock::new().now();
    let archiver = Archiver { store, installation, folder, made_at, ended_before };
    let mut totals = Totals::default();
    for tenant in store.ask(DirectoryOf {}).await?.tenants {
        let own = archiver.archive(&tenant.tenant).await;
        totals.add(own.with_context(|| format!("tenant {}", tenant.tenant))?);
    }
    Ok(totals)
}

fn bound(arguments: &Arguments) -> Result<Timestamp> {
    match (arguments.before, arguments.keep_days) {
        (Some(date), _) => {
            let midnight = date.to_zoned(TimeZone::fixed(offset(8)))?;
            Ok(Timestamp::from_ms(midnight.timestamp().as_millisecond()))
        }
        (None, Some(days)) => Ok(SystemClock::new().now().plus_seconds(-i64::from(days) * 86_400)),
        (None, None) => bail!("want --before or --keep-days"),
    }
}

async fn verified(store: &dyn Store, folder: &Path) -> Result<ExitCode> {
    let found = verify::verify(store, folder).await?;
    for note in &found.notes {
        say(&format!("NOTE {note}"));
    }
    for fault in &found.faults {
        say(&format!("BAD {fault}"));
    }
    let is_whole = found.faults.is_empty();
    let outcome = if is_whole { "the archives are whole" } else { "the archives are damaged" };
    say(&format!(
        "archives {}, stories {}, events {}: {outcome}",
        found.archives, found.stories, found.events
    ));
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Every record of a tenant, oldest first.
async fn records(store: &dyn Store, tenant: &TenantId) -> Result<Vec<ArchiveRecord>> {
    let mut records: Vec<ArchiveRecord> = vec![];
    loop {
        let before = records.last().map(|record| record.number);
        let page = Archives { tenant: tenant.clone(), before, limit: RECORDS_PAGE };
        let page = store.ask(page).await?;
        if page.is_empty() {
            records.reverse();
            return Ok(records);
        }
        records.extend(page);
    }
}

/// The chain of a record that follows this one.
fn chain(record: &ArchiveRecord, previous: Option<&ArchiveRecord>) -> String {
    sha256_hex(record.link(previous.map_or("", |previous| &previous.chain)).as_bytes())
}

/// The first of a tenant's records, oldest first, that does not follow the one before it.
fn broken_link(records: &[ArchiveRecord]) -> Option<String> {
    let mut previous: Option<&ArchiveRecord> = None;
    for record in records {
        let number = previous.map_or(1, |previous| previous.number + 1);
        if record.number != number || record.chain != chain(record, previous) {
            let (number, tenant) = (record.number, &record.tenant);
            return Some(format!(
                "archive {number} of tenant {tenant}: its record does not follow the one before it"
            ));
        }
        previous = Some(record);
    }
    None
}

/// Records that were changed or lost, the first of each tenant; and how many records there are.
pub(crate) async fn broken_chains(store: &dyn Store) -> Result<(usize, Vec<String>)> {
    let (mut count, mut broken) = (0, vec![]);
    for tenant in store.ask(DirectoryOf {}).await?.tenants {
        let records = records(store, &tenant.tenant).await?;
        count += records.len();
        broken.extend(broken_link(&records));
    }
    Ok((count, broken))
}

fn say(line: &str) {
    show!("{line}");
}
