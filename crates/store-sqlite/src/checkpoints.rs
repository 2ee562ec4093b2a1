//! When the log is folded into the file: in large steps while busy, and whenever it is quiet.
//!
//! Automatic checkpoints are off, because they would stop a commit every thousand pages. In busy times
//! a thread of its own folds the bulk of a long log while the writer goes on; the writer itself folds
//! only what was added meanwhile, so that the log can begin anew and no commit waits long.

use crate::connection::checkpointer;
use adapters::sqlite::Housekeeping;
use adapters::stopwatch::monotonic;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Pages in the log that are not in the file yet, from which on it is folded even in busy times.
const LOG_PAGES_MAX: i64 = 20_000;
/// How long nothing must have changed before the log is folded into the file. Work that only looks,
/// such as a claim that finds nothing due, does not disturb the quiet.
const QUIET: Duration = Duration::from_secs(1);

/// The log of one connection.
pub(crate) struct Checkpoints {
    changes_seen: u64,
    /// When the log is to be folded unless something changes; none while it holds nothing.
    fold_at: Option<Instant>,
    checkpointer: Option<Checkpointer>,
}

impl Checkpoints {
    /// The log may hold something from before.
    pub(crate) fn new(connection: &Connection) -> Checkpoints {
        let path = connection.path().map(Path::new);
        let checkpointer = path.and_then(Checkpointer::start);
        let fold_at = Some(monotonic() + QUIET);
        Checkpoints { changes_seen: 0, fold_at, checkpointer }
    }
}

impl Housekeeping for Checkpoints {
    fn quiet_after(&self, now: Instant) -> Option<Duration> {
        self.fold_at.map(|fold_at| fold_at.saturating_duration_since(now))
    }

    fn after_work(&mut self, connection: &Connection, now: Instant) {
        let changes = connection.total_changes();
        if changes == self.changes_seen {
            if self.fold_at.is_some_and(|fold_at| fold_at <= now) {
                self.in_quiet(connection, now);
            }
            return;
        }
        self.changes_seen = changes;
        self.fold_at = Some(now + QUIET);
        if self.checkpointer.as_ref().is_some_and(Checkpointer::has_folded) {
            return self.in_quiet(connection, now);
        }
        let log = checkpoint(connection, LOOK);
        if log.is_some_and(|log| log.pages - log.folded >= LOG_PAGES_MAX) {
            match &self.checkpointer {
                Some(checkpointer) => checkpointer.fold(),
                None => self.in_quiet(connection, now),
            }
        }
    }

    /// A reader can keep a part of the log in use; the rest waits for the next time.
    fn in_quiet(&mut self, connection: &Connection, now: Instant) {
        let folded = checkpoint(connection, FOLD).is_some_and(|log| log.pages <= log.folded);
        self.fold_at = (!folded).then(|| now + QUIET);
    }

    fn at_end(mut self, connection: &Connection) {
        self.checkpointer = None;
        checkpoint(connection, EMPTY);
    }
}

/// The thread that folds while the writer goes on. Dropping it ends the thread.
struct Checkpointer {
    requests: Option<SyncSender<()>>,
    folded: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// `None` when it cannot be had; then the writer folds by itself.
    fn start(path: &Path) -> Option<Checkpointer> {
        let connection = checkpointer(path).ok()?;
        let (requests, waiting) = sync_channel(1);
        let folded = Arc::new(AtomicBool::new(false));
        let told = folded.clone();
        let run = move || fold_on_request(&connection, &waiting, &told);
        let thread = Builder::new().name("store-checkpoints".to_owned()).spawn(run).ok()?;
        Some(Checkpointer { requests: Some(requests), folded, thread: Some(thread) })
    }

    /// Begins to fold, unless it is folding.
    fn fold(&self) {
        if let Some(requests) = &self.requests {
            let _folding_already = requests.try_send(()).is_err();
        }
    }

    /// Whether it has folded since this was last asked.
    fn has_folded(&self) -> bool {
        self.folded.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join().is_err();
        }
    }
}

fn fold_on_request(connection: &Connection, requests: &Receiver<()>, folded: &AtomicBool) {
    while requests.recv().is_ok() {
        checkpoint(connection, FOLD);
        // Requests that came while it folded are about the same pages.
        while requests.try_recv().is_ok() {}
        folded.store(true, Ordering::Release);
    }
}

/// The log: how many pages it has, and how many of them are in the file.
struct Log {
    pages: i64,
    folded: i64,
}

/// Looks at the log and folds nothing.
const LOOK: &str = "PRAGMA wal_checkpoint(NOOP)";
/// Folds what no reader needs, and waits for nobody.
const FOLD: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Waits for readers, folds everything and empties the log.
const EMPTY: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// A checkpoint that fails loses nothing: the log stays and is folded later, also by the next
/// process.
fn checkpoint(connection: &Connection, sql: &str) -> Option<Log> {
    let read = |row: &rusqlite::Row<'_>| Ok(Log { pages: row.get(1)?, folded: row.get(2)? });
    connection.prepare_cached(sql).ok()?.query_row([], read).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::writer;

    const STEP: Duration = Duration::from_millis(500);

    fn unfolded(connection: &Connection) -> i64 {
        let log = checkpoint(connection, LOOK).expect("the log can be looked at");
        log.pages - log.folded
    }

    /// A look for due tasks comes twice a second and must not pass for a change.
    #[test]
    fn quiet_counts_from_the_last_change() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let connection = writer(&folder.path().join("quiet.db")).expect("the file opens");
        let mut checkpoints = Checkpoints::new(&connection);
        let mut now = monotonic();
        for sql in ["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)"] {
            connection.execute_batch(sql).expect("it is written");
            checkpoints.after_work(&connection, now);
        }
        assert!(unfolded(&connection) > 0, "a change alone folds nothing");
        now += STEP;
        checkpoints.after_work(&connection, now);
        assert!(unfolded(&connection) > 0, "half a second is not quiet");
        assert_eq!(checkpoints.quiet_after(now), Some(QUIET - STEP));
        now += STEP;
        checkpoints.after_work(&connection, now);
        assert_eq!((unfolded(&connection), checkpoints.quiet_after(now)), (0, None));
    }

    /// What a reader keeps is tried again later, not at once and without end.
    #[test]
    fn a_reader_delays_the_folding() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("quiet.db");
        let connection = writer(&path).expect("the file opens");
        let mut checkpoints = Checkpoints::new(&connection);
        connection.execute_batch("CREATE TABLE t (n INTEGER)").expect("it is written");
        let reader = crate::connection::reader(&path).expect("the file opens");
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").expect("it reads");
        connection.execute_batch("INSERT INTO t VALUES (1)").expect("it is written");
        let now = monotonic();
        checkpoints.after_work(&connection, now);
        let later = now + QUIET;
        checkpoints.in_quiet(&connection, later);
        assert_eq!(checkpoints.quiet_after(later), Some(QUIET), "it is looked at again");
        reader.execute_batch("COMMIT").expect("it ends");
        checkpoints.in_quiet(&connection, later + QUIET);
        assert_eq!((unfolded(&connection), checkpoints.quiet_after(later)), (0, None));
    }
}
