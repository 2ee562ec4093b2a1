//! The database: whether it answers, its schema and clock, how old its queues are, what needs a person,
//! whether the books are right, and whether its disk has room.

use super::{Report, Verdict};
use crate::database::Database;
use engine::{Clock as _, Engine, SystemClock};
use kernel::Lane;
use std::path::Path;
use store::{
    AboutDatabase, AttentionCounts, Audit, DatabaseFacts, DatabaseTime, OldestUndelivered, Tasks,
};
use story::words::span;

/// Processes that share a database must agree on the time, by which orders expire.
const CLOCK_MS_MAX: i64 = 5_000;
/// The difference at which somebody should look at the clocks.
const CLOCK_MS_WARN: i64 = 1_000;
/// A task that is due for longer: background work is stuck.
const TASK_AGE_MS_WARN: i64 = 60_000;
/// The same, when it certainly is.
const TASK_AGE_MS_MAX: i64 = 600_000;
/// A merchant who does not acknowledge for longer has trouble.
const NOTIFICATION_AGE_MS_WARN: i64 = 3_600_000;
const MIB: u64 = 1 << 20;
/// Room on the disk of a SQLite file, in MiB, below which somebody should make some.
const DISK_MIB_WARN: u64 = 2_048;
/// The same, below which it may be full within hours.
const DISK_MIB_MIN: u64 = 256;

/// Whether the database can be looked at: it answers, and its schema is this program's.
pub(super) async fn is_usable(report: &mut Report, database: &Database) -> bool {
    let asked = async {
        let store = database.open_to_examine()?;
        let facts = store.ask(AboutDatabase {}).await?;
        anyhow::Ok((facts, store.ask(DatabaseTime {}).await?))
    };
    match asked.await {
        Ok((facts, now)) => {
            if let Some(now) = now {
                let skew = SystemClock::new().now().ms_since(now).abs();
                let verdict = judge(skew, CLOCK_MS_WARN, CLOCK_MS_MAX);
                report.add(verdict, "database clock", format!("differs by {}", span(skew)));
            }
            has_schema(report, &facts)
        }
        Err(fault) => {
            report.add(Verdict::Fail, "database", format!("{fault:#}"));
            false
        }
    }
}

fn has_schema(report: &mut Report, facts: &DatabaseFacts) -> bool {
    let DatabaseFacts { product, schema_version: found, schema_version_known: known } = facts;
    report.add(Verdict::Ok, "database", product);
    if found == known {
        report.add(Verdict::Ok, "schema", format!("version {found}"));
        return true;
    }
    let found = format!("version {found}, want {known}; `tongbao migrate` or another program");
    report.add(Verdict::Fail, "schema", found);
    false
}

fn judge(value: i64, warn: i64, fail: i64) -> Verdict {
    match value {
        value if value >= fail => Verdict::Fail,
        value if value >= warn => Verdict::Warn,
        _ => Verdict::Ok,
    }
}

/// How old the oldest due task and the oldest notification that waits for its delivery are.
pub(super) async fn queues(report: &mut Report, engine: &Engine) {
    let now = engine.now();
    for lane in Lane::ALL {
        let name = format!("tasks of {}", lane.name());
        match engine.ask(Tasks { lane, now }).await {
            Ok(tasks) => {
                let age = tasks.oldest_wanted_at.map_or(0, |wanted| now.ms_since(wanted));
                let found = match tasks.due {
                    0 => "none due".to_owned(),
                    due => format!("{due} due, the oldest for {}", span(age)),
                };
                report.add(judge(age, TASK_AGE_MS_WARN, TASK_AGE_MS_MAX), name.as_str(), found);
            }
            Err(fault) => report.add(Verdict::Fail, name.as_str(), fault.to_string()),
        }
    }
    match engine.ask(OldestUndelivered {}).await {
        Ok(None) => report.add(Verdict::Ok, "notifications", "none waits"),
        Ok(Some(made_at)) => {
            let age = now.ms_since(made_at);
            let verdict = judge(age, NOTIFICATION_AGE_MS_WARN, i64::MAX);
            let found = format!("the oldest waits for {}", span(age));
            report.add(verdict, "notifications", found);
        }
        Err(fault) => report.add(Verdict::Fail, "notifications", fault.to_string()),
    }
}

/// What needs a person, by kind.
pub(super) async fn attention(report: &mut Report, engine: &Engine) {
    let now = engine.now();
    match engine.ask(AttentionCounts { now }).await {
        Ok(counts) if counts.is_empty() => {
            report.add(Verdict::Ok, "attention", "nothing needs a person");
        }
        Ok(counts) => {
            for count in counts {
                let oldest = span(now.ms_since(count.oldest).max(0));
                let found =
                    format!("{} {}, the oldest for {oldest}", count.rows, count.kind.name());
                report.add(Verdict::Warn, "attention", found);
            }
        }
        Err(fault) => report.add(Verdict::Fail, "attention", fault.to_string()),
    }
}

/// Proves the books.
pub(super) async fn books(report: &mut Report, engine: &Engine) {
    match engine.ask(Audit {}).await {
        Ok(audit) if audit.faults.is_empty() => {
            let found = format!("right: {} orders, {} transfers", audit.orders, audit.transfers);
            report.add(Verdict::Ok, "books", found);
        }
        Ok(audit) => {
            for fault in audit.faults {
                report.add(Verdict::Fail, "books", fault);
            }
        }
        Err(fault) => report.add(Verdict::Fail, "books", fault.to_string()),
    }
}

/// Room on the disk of a SQLite file. The disk of a server is its own business.
pub(super) fn disk(report: &mut Report, database: &Database) {
    let Database::Sqlite(file) = database else { return };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match rustix::fs::statvfs(folder.unwrap_or(Path::new("."))) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize) / MIB;
            let verdict = match free {
                ..DISK_MIB_MIN => Verdict::Fail,
                DISK_MIB_MIN..DISK_MIB_WARN => Verdict::Warn,
                DISK_MIB_WARN.. => Verdict::Ok,
            };
            report.add(verdict, "disk", format!("{free} MiB free"));
        }
        Err(fault) => report.add(Verdict::Fail, "disk", fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_another_version_ends_the_examination() {
        for (schema_version, is_known) in [(1, false), (2, true), (3, false)] {
            let product = "SQLite 3".to_owned();
            let facts = DatabaseFacts { product, schema_version, schema_version_known: 2 };
            let mut report = Report::default();
            assert_eq!(has_schema(&mut report, &facts), is_known);
            assert_eq!(report.verdict() == Verdict::Ok, is_known);
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_fails() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut report = Report::default();
        let missing = Database::Sqlite(folder.path().join("none.db"));
        assert!(!is_usable(&mut report, &missing).await);
        assert_eq!(report.verdict(), Verdict::Fail);
    }
}
