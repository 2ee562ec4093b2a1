//! One thread owns the database connection and runs jobs, many of them per commit.
//!
//! Each job runs in its own savepoint: one that fails leaves no trace and disturbs no neighbour. A job
//! is answered when the transaction that holds it is committed. Batches form by themselves: whatever
//! waits while one is being written makes the next.

use crate::schema::fault;
use channel::DocumentFault;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait for the writer.
const QUEUE_LEN_MAX: usize = 1024;
/// Jobs that one transaction takes.
const BATCH_LEN_MAX: usize = 256;

/// Tells the asker how their job ended, once its transaction is over.
type Answer = Box<dyn FnOnce(Result<(), DocumentFault>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Answer + Send>;

/// The handle to the writer thread. Dropping it finishes the waiting jobs.
pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(connection: Connection) -> std::io::Result<Writer> {
        let (jobs, queue) = mpsc::channel(QUEUE_LEN_MAX);
        let thread = std::thread::Builder::new()
            .name("sandbox-writer".to_owned())
            .spawn(move || write(&connection, queue))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Runs `work` in a savepoint of its own and waits for the commit.
    pub(crate) async fn run<T, E, W>(&self, work: W) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DocumentFault> + Send + 'static,
        W: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let result = in_savepoint(connection, work);
            Box::new(move |committed| {
                let result = result.and_then(|value| committed.map(|()| value).map_err(E::from));
                // The asker may have gone away; the work is done all the same.
                let _ = tell.send(result);
            })
        });
        let stopped = || E::from(DocumentFault("the writer has stopped".to_owned()));
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            let _ = thread.join();
        }
    }
}

fn write(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_LEN_MAX {
            match queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        write_batch(connection, batch);
    }
}

fn write_batch(connection: &Connection, batch: Vec<Job>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE").map_err(fault);
    let answers: Vec<Answer> = batch.into_iter().map(|job| job(connection)).collect();
    let committed = begun.and_then(|()| connection.execute_batch("COMMIT").map_err(fault));
    if !connection.is_autocommit() {
        roll_back(connection);
    }
    for answer in answers {
        answer(committed.clone());
    }
}

fn roll_back(connection: &Connection) {
    if let Err(error) = connection.execute_batch("ROLLBACK") {
        tracing::error!(%error, "the sandbox could not roll back");
    }
}

fn in_savepoint<T, E, W>(connection: &Connection, work: W) -> Result<T, E>
where
    E: From<DocumentFault>,
    W: FnOnce(&Connection) -> Result<T, E>,
{
    if connection.is_autocommit() {
        return Err(E::from(DocumentFault("no transaction is open".to_owned())));
    }
    execute(connection, "SAVEPOINT job")?;
    // A bug in one counterpart must not end the world: its job fails, and nothing of it stays.
    let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
        .unwrap_or_else(|_| Err(E::from(DocumentFault("the job panicked".to_owned()))));
    if result.is_err() {
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")?;
    result
}

fn execute(connection: &Connection, sql: &str) -> Result<(), DocumentFault> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(drop)
        .map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Documents;
    use channel::DocumentStore;

    fn writer() -> Writer {
        let connection =
            crate::schema::open(std::path::Path::new(":memory:")).expect("memory opens");
        Writer::start(connection).expect("the thread starts")
    }

    async fn get(writer: &Writer, key: &'static str) -> Option<String> {
        writer
            .run(move |connection| Documents::new(connection).get(key))
            .await
            .expect("the documents reads")
    }

    #[tokio::test]
    async fn a_failing_job_leaves_no_trace_and_disturbs_no_neighbour() {
        let writer = writer();
        let good = writer.run(|connection| Documents::new(connection).put("good", "1"));
        let bad = writer.run(|connection| {
            Documents::new(connection).put("bad", "1")?;
            Err::<(), _>(DocumentFault("on purpose".to_owned()))
        });
        let later = writer.run(|connection| Documents::new(connection).put("later", "1"));
        let (good, bad, later) = tokio::join!(good, bad, later);
        assert_eq!((good, later), (Ok(()), Ok(())));
        assert_eq!(bad, Err(DocumentFault("on purpose".to_owned())));
        assert_eq!(get(&writer, "bad").await, None);
        assert_eq!(get(&writer, "good").await.as_deref(), Some("1"));
        assert_eq!(get(&writer, "later").await.as_deref(), Some("1"));
    }

    #[tokio::test]
    async fn a_panicking_job_fails_alone() {
        let writer = writer();
        let panicking = writer.run(|connection| -> Result<(), DocumentFault> {
            Documents::new(connection).put("half", "1")?;
            panic!("on purpose")
        });
        assert_eq!(panicking.await, Err(DocumentFault("the job panicked".to_owned())));
        assert_eq!(get(&writer, "half").await, None);
    }
}
