//! One thread that writes, many jobs per commit.
//!
//! Each job runs in its own savepoint: one that fails leaves no trace and disturbs no neighbour. A job
//! is answered when the transaction that holds it is committed. Batches form by themselves: what
//! waits while one is being written makes the next.

use crate::sqlite::{NoHousekeeping, Queue, SqliteFault};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Tells the asker how their job ended, once its transaction is over.
type Answer = Box<dyn FnOnce(Result<(), SqliteFault>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;
type Jobs = Arc<Mutex<Vec<Job>>>;

/// The handle to the thread that writes. Dropping it finishes the waiting jobs.
pub struct Writer {
    queue: Queue,
    waiting: Jobs,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives none.
    pub fn start(name: &str, connection: Connection) -> Result<Writer, SqliteFault> {
        let queue = Queue::start(name, vec![connection], |_| NoHousekeeping)?;
        Ok(Writer { queue, waiting: Jobs::default() })
    }

    /// Runs `work` in a savepoint of its own and waits for the commit. What an `Err` of the work
    /// itself left is rolled back.
    ///
    /// # Errors
    /// When nothing of the work stays because the database failed or the work panicked.
    pub async fn run<T, E, W>(&self, work: W) -> Result<Result<T, E>, SqliteFault>
    where
        T: Send + 'static,
        E: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move |committed| {
                let result = match result {
                    Ok(Ok(value)) => committed.map(|()| Ok(value)),
                    refused_or_failed => refused_or_failed,
                };
                // The asker may have gone away; the work is still done.
                let _gone = tell.send(result).is_err();
            })
        });
        let room = self.queue.room().await?;
        // The job waits before its ticket does, so that every job has a ticket behind it; the ticket
        // of a job that went with an earlier batch finds nothing and ends.
        lock(&self.waiting).push(job);
        let waiting = self.waiting.clone();
        self.queue.put(room, move |connection| write_waiting(connection, &waiting))?;
        told.await.map_err(|_| SqliteFault::BrokeOff)?
    }
}

fn lock(waiting: &Jobs) -> std::sync::MutexGuard<'_, Vec<Job>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes what waits, in one transaction. The queue's room bounds how much that can be.
fn write_waiting(connection: &Connection, waiting: &Jobs) {
    let batch = std::mem::take(&mut *lock(waiting));
    if !batch.is_empty() {
        write_batch(connection, batch);
    }
}

fn write_batch(connection: &Connection, batch: Vec<Job>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(SqliteFault::from);
    let answers: Vec<Answer> = batch.into_iter().map(|job| job(connection)).collect();
    let committed =
        begun.and_then(|()| connection.execute_batch("COMMIT").map_err(SqliteFault::from));
    if !connection.is_autocommit() {
        roll_back(connection);
    }
    for answer in answers {
        answer(committed.clone());
    }
}

fn roll_back(connection: &Connection) {
    if let Err(fault) = connection.execute_batch("ROLLBACK") {
        tracing::error!(%fault, "a transaction could not be rolled back");
    }
}

fn in_savepoint<T, E>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<Result<T, E>, SqliteFault> {
    // Without a transaction, each statement of the work would stay at once.
    if connection.is_autocommit() {
        return Err(SqliteFault::Database("no transaction is open".to_owned()));
    }
    execute(connection, "SAVEPOINT job")?;
    // A bug in one job must not end the thread: it fails alone, and nothing of it stays.
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)));
    if !matches!(result, Ok(Ok(_))) {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    result.map_err(|_| SqliteFault::BrokeOff)
}

fn execute(connection: &Connection, sql: &str) -> Result<(), SqliteFault> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        let connection = Connection::open_in_memory().expect("memory opens");
        connection.execute_batch("CREATE TABLE t (word TEXT)").expect("the table is made");
        Writer::start("test-writer", connection).expect("the thread starts")
    }

    fn put(connection: &Connection, word: &str) -> Result<(), String> {
        let put = connection.execute("INSERT INTO t VALUES (?1)", [word]);
        put.map(drop).map_err(|fault| fault.to_string())
    }

    async fn words(writer: &Writer) -> String {
        let sql =
            "SELECT coalesce(group_concat(word, ' '), '') FROM (SELECT word FROM t ORDER BY 1)";
        let read = writer.run(move |connection| connection.query_row(sql, [], |row| row.get(0)));
        read.await.expect("the database works").expect("the words are read")
    }

    #[tokio::test]
    async fn a_failing_job_leaves_no_trace_and_disturbs_no_neighbour() {
        let writer = writer();
        let good = writer.run(|connection| put(connection, "good"));
        let bad = writer.run(|connection| {
            put(connection, "bad")?;
            Err::<(), _>("on purpose".to_owned())
        });
        let later = writer.run(|connection| put(connection, "later"));
        let (good, bad, later) = tokio::join!(good, bad, later);
        assert_eq!((good, later), (Ok(Ok(())), Ok(Ok(()))));
        assert_eq!(bad, Ok(Err("on purpose".to_owned())));
        assert_eq!(words(&writer).await, "good later");
    }

    #[tokio::test]
    async fn a_panicking_job_fails_alone() {
        let writer = writer();
        let panicking = writer.run(|connection| -> Result<(), String> {
            put(connection, "half")?;
            panic!("on purpose")
        });
        let good = writer.run(|connection| put(connection, "good"));
        let (panicking, good) = tokio::join!(panicking, good);
        assert_eq!((panicking, good), (Err(SqliteFault::BrokeOff), Ok(Ok(()))));
        assert_eq!(words(&writer).await, "good");
    }

    /// A job that ends the transaction under its neighbours is answered as failed, and so are they.
    #[tokio::test]
    async fn nobody_hears_of_a_commit_that_was_not() {
        let writer = writer();
        let ending = writer.run(|connection| connection.execute_batch("ROLLBACK"));
        let after = writer.run(|connection| put(connection, "after"));
        let (ending, after) = tokio::join!(ending, after);
        assert!(ending.is_err() && after.is_err(), "{ending:?} {after:?}");
        assert_eq!(words(&writer).await, "");
    }

    #[tokio::test]
    async fn more_jobs_than_there_is_room_for_are_all_written() {
        let writer = Arc::new(writer());
        let jobs: Vec<_> = (0..1_000)
            .map(|_| {
                let writer = writer.clone();
                tokio::spawn(async move { writer.run(|connection| put(connection, "x")).await })
            })
            .collect();
        for job in jobs {
            assert_eq!(job.await.expect("the task ends"), Ok(Ok(())));
        }
        assert_eq!(words(&writer).await.len(), 1_999);
    }
}
