//! When the log is folded into the file: in large steps while busy, and whenever it is quiet.
//!
//! Automatic checkpoints are off, because they would stop a commit every thousand pages. In busy times
//! a thread of its own folds the bulk of a long log while the writer goes on; the writer itself folds
//! only what was added meanwhile, so that the log can begin anew and no commit waits long.

use crate::connection::{Mode, folder};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Pages in the log that are not in the file yet, from which on it is folded even in busy times.
const LOG_PAGES_MAX: i64 = 20_000;
/// How long the writer must be idle before the log is folded into the file.
const QUIET: Duration = Duration::from_secs(1);

/// The log of one connection.
pub(crate) struct Checkpoints {
    mode: Mode,
    changes_seen: u64,
    log_in_use: bool,
    helper: Option<Helper>,
}

impl Checkpoints {
    /// The log may hold something from before.
    pub(crate) fn new(mode: Mode, connection: &Connection) -> Checkpoints {
        let helper = match mode {
            Mode::Write => connection.path().and_then(|path| Helper::start(Path::new(path))),
            Mode::Read => None,
        };
        Checkpoints { mode, changes_seen: 0, log_in_use: mode == Mode::Write, helper }
    }

    /// How long to wait for work before it is quiet; for ever when there is nothing to fold.
    pub(crate) fn quiet_after(&self) -> Option<Duration> {
        self.log_in_use.then_some(QUIET)
    }

    pub(crate) fn after_work(&mut self, connection: &Connection) {
        let changes = connection.total_changes();
        if self.mode == Mode::Read || changes == self.changes_seen {
            return;
        }
        self.changes_seen = changes;
        self.log_in_use = true;
        if self.helper.as_ref().is_some_and(Helper::has_folded) {
            return self.in_quiet(connection);
        }
        let log = checkpoint(connection, LOOK);
        if log.is_some_and(|log| log.pages - log.folded >= LOG_PAGES_MAX) {
            match &self.helper {
                Some(helper) => helper.fold(),
                None => self.in_quiet(connection),
            }
        }
    }

    /// A reader can keep a part of the log in use; the rest waits for the next time.
    pub(crate) fn in_quiet(&mut self, connection: &Connection) {
        let folded = checkpoint(connection, FOLD).is_some_and(|log| log.pages <= log.folded);
        self.log_in_use = !folded;
    }

    pub(crate) fn at_end(mut self, connection: &Connection) {
        self.helper = None;
        if self.mode == Mode::Write {
            checkpoint(connection, EMPTY);
        }
    }
}

/// The thread that folds while the writer goes on. Dropping it ends the thread.
struct Helper {
    wishes: Option<SyncSender<()>>,
    folded: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// `None` when it cannot be had; then the writer folds by itself.
    fn start(path: &Path) -> Option<Helper> {
        let connection = folder(path).ok()?;
        let (wishes, waiting) = sync_channel(1);
        let folded = Arc::new(AtomicBool::new(false));
        let told = folded.clone();
        let run = move || fold_on_wish(&connection, &waiting, &told);
        let thread = Builder::new().name("store-folder".to_owned()).spawn(run).ok()?;
        Some(Helper { wishes: Some(wishes), folded, thread: Some(thread) })
    }

    /// Begins to fold, unless it is folding.
    fn fold(&self) {
        if let Some(wishes) = &self.wishes {
            let _folding_already = wishes.try_send(()).is_err();
        }
    }

    /// Whether it has folded since this was last asked.
    fn has_folded(&self) -> bool {
        self.folded.swap(false, Ordering::AcqRel)
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.wishes = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join().is_err();
        }
    }
}

fn fold_on_wish(connection: &Connection, wishes: &Receiver<()>, folded: &AtomicBool) {
    while wishes.recv().is_ok() {
        checkpoint(connection, FOLD);
        // Wishes that came while it folded are about the same pages.
        while wishes.try_recv().is_ok() {}
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
