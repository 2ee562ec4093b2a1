//! What `tongbao doctor` examines: an installation from its configuration down to its books, beside
//! the processes that serve it. Nothing is changed.
//!
//! - `accounts`: secrets, channel accounts, certificates, the channel's clock.
//! - `calendar`: whether working days are known.
//! - `database`: reachability, schema, clock, queues, what needs a person, books, disk.

mod accounts;
mod calendar;
mod database;

use crate::config::Config;
use crate::gateway;
use crypto::rsa::Signer;
use engine::{Clock, SystemClock};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use store::DirectoryOf;

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

/// The result of one examination.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    verdict: Verdict,
    /// What was examined.
    subject: String,
    /// What was found, as a fragment for people. Never a secret.
    found: String,
}

/// What is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope {
    /// No channel is called.
    pub(crate) is_offline: bool,
    /// The books are not proven.
    pub(crate) is_quick: bool,
}

/// Everything that was found, in the order in which it was examined.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    lines: Vec<Line>,
}

impl Report {
    fn add(&mut self, verdict: Verdict, subject: impl Into<String>, found: impl Into<String>) {
        self.lines.push(Line { verdict, subject: subject.into(), found: found.into() });
    }

    /// The worst verdict.
    pub(crate) fn verdict(&self) -> Verdict {
        self.lines.iter().map(|line| line.verdict).max().unwrap_or(Verdict::Ok)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.subject.chars().count()).max();
        let width = width.unwrap_or_default();
        for Line { verdict, subject, found } in &self.lines {
            writeln!(f, "{:4}  {subject:width$}  {found}", verdict.name())?;
        }
        Ok(())
    }
}

impl Verdict {
    const fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        }
    }
}

/// Examines an installation. What depends on something that failed is left out.
pub(crate) async fn examine(path: &Path, scope: Scope) -> Report {
    let mut report = Report::default();
    let config = match Config::read(path) {
        Ok(config) => config,
        Err(fault) => {
            report.add(Verdict::Fail, "configuration", format!("{fault:#}"));
            return report;
        }
    };
    report.add(Verdict::Ok, "configuration", path.display().to_string());
    match Signer::from_pem(config.installation.platform_private_key.expose()) {
        Ok(_) => report.add(Verdict::Ok, "platform_private_key", "can sign"),
        Err(fault) => report.add(Verdict::Fail, "platform_private_key", fault.to_string()),
    }
    calendar::examine(&mut report, &config.installation.working_days, SystemClock::new().now());
    database::disk(&mut report, &config.database);
    if !database::is_usable(&mut report, &config.database).await {
        return report;
    }
    let clock = Arc::new(SystemClock::new());
    let engine = match gateway::to_read(&config.database, config.installation, clock).await {
        Ok(engine) => engine,
        Err(fault) => {
            report.add(Verdict::Fail, "directory", format!("{fault:#}"));
            return report;
        }
    };
    match engine.ask(DirectoryOf {}).await {
        Ok(rows) => {
            accounts::secrets(&mut report, &engine, &rows);
            accounts::payees(&mut report, &engine, &rows).await;
            accounts::agreements(&mut report, &engine, &rows).await;
            accounts::cards(&mut report, &engine, &rows).await;
            accounts::accounts(&mut report, &engine, &rows, scope).await;
        }
        Err(fault) => report.add(Verdict::Fail, "directory", fault.to_string()),
    }
    database::queues(&mut report, &engine).await;
    database::attention(&mut report, &engine).await;
    if !scope.is_quick {
        database::books(&mut report, &engine).await;
    }
    engine.stop();
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_line_decides() {
        let mut report = Report::default();
        assert_eq!(report.verdict(), Verdict::Ok);
        report.add(Verdict::Warn, "certificate", "holds 3 days");
        report.add(Verdict::Ok, "books", "right");
        assert_eq!(report.verdict(), Verdict::Warn);
        assert_eq!(
            report.to_string(),
            "warn  certificate  holds 3 days\nok    books        right\n"
        );
        report.add(Verdict::Fail, "database", "unavailable");
        assert_eq!(report.verdict(), Verdict::Fail);
    }
}
