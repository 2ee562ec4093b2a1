//! Threads that own a connection each and take work from one bounded queue.

use crate::sqlite::SqliteFault;
use crate::stopwatch::monotonic;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How much work may wait or run before callers wait for room.
const WAITING_MAX: usize = 256;

/// What a thread does for its connection beside the work, such as folding its log into the file.
pub trait Housekeeping: Send + 'static {
    /// How long to wait for work before [`Housekeeping::in_quiet`]; without end when there is nothing
    /// to do.
    fn quiet_after(&self, now: Instant) -> Option<Duration>;

    /// After each piece of work.
    fn after_work(&mut self, connection: &Connection, now: Instant);

    /// When no work came for as long as [`Housekeeping::quiet_after`] said.
    fn in_quiet(&mut self, connection: &Connection, now: Instant);

    /// When the thread ends.
    fn at_end(self, connection: &Connection);
}

/// Nothing beside the work.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHousekeeping;

impl Housekeeping for NoHousekeeping {
    fn quiet_after(&self, _: Instant) -> Option<Duration> {
        None
    }

    fn after_work(&mut self, _: &Connection, _: Instant) {}

    fn in_quiet(&mut self, _: &Connection, _: Instant) {}

    fn at_end(self, _: &Connection) {}
}

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// Work, and the room that it takes until it is done.
struct Ticket {
    work: Work,
    _room: OwnedSemaphorePermit,
}

/// A queue and its threads. Dropping it finishes what waits and ends the threads.
#[derive(Debug)]
pub struct Queue {
    tickets: Option<Sender<Ticket>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    /// Starts a thread for every connection, with its own housekeeping.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<H: Housekeeping>(
        name: &str,
        connections: Vec<Connection>,
        housekeeping: impl Fn(&Connection) -> H,
    ) -> Result<Queue, SqliteFault> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let room = Arc::new(Semaphore::new(WAITING_MAX));
        let mut queue = Queue { tickets: Some(sender), room, threads: vec![] };
        for connection in connections {
            let receiver = receiver.clone();
            let housekeeping = housekeeping(&connection);
            let thread = Builder::new()
                .name(name.to_owned())
                .spawn(move || run(connection, &receiver, housekeeping))
                .map_err(|fault| SqliteFault::Thread {
                    name: name.to_owned(),
                    why: fault.to_string(),
                })?;
            queue.threads.push(thread);
        }
        Ok(queue)
    }

    /// Has the work done by one of the threads.
    ///
    /// # Errors
    /// When the work panicked, or the threads have ended.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, SqliteFault> {
        let (answer, answered) = oneshot::channel();
        let room = self.room().await?;
        self.put(room, move |connection| {
            // The caller may have gone away; the work is done.
            let _gone = answer.send(work(connection)).is_err();
        })?;
        answered.await.map_err(|_| SqliteFault::BrokeOff)
    }

    /// Waits for room for one piece of work.
    pub(crate) async fn room(&self) -> Result<OwnedSemaphorePermit, SqliteFault> {
        self.room.clone().acquire_owned().await.map_err(|_| SqliteFault::Ended)
    }

    /// Puts work into the queue.
    pub(crate) fn put(
        &self,
        room: OwnedSemaphorePermit,
        work: impl FnOnce(&mut Connection) + Send + 'static,
    ) -> Result<(), SqliteFault> {
        let tickets = self.tickets.as_ref().ok_or(SqliteFault::Ended)?;
        tickets.send(Ticket { work: Box::new(work), _room: room }).map_err(|_| SqliteFault::Ended)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.tickets = None;
        for thread in self.threads.drain(..) {
            // A thread outlives its work's panics, so there is nothing to hear from it.
            let _panicked = thread.join().is_err();
        }
    }
}

fn run<H: Housekeeping>(
    mut connection: Connection,
    tickets: &Mutex<Receiver<Ticket>>,
    mut housekeeping: H,
) {
    loop {
        match next(tickets, &housekeeping) {
            Ok(Ticket { work, _room }) => {
                // A panic is a bug in one piece of work; its transaction rolls back as it unwinds,
                // its caller hears that it broke off, and the next piece is not to blame.
                let _panicked = catch_unwind(AssertUnwindSafe(|| work(&mut connection))).is_err();
                housekeeping.after_work(&connection, monotonic());
            }
            Err(RecvTimeoutError::Timeout) => housekeeping.in_quiet(&connection, monotonic()),
            Err(RecvTimeoutError::Disconnected) => return housekeeping.at_end(&connection),
        }
    }
}

fn next(
    tickets: &Mutex<Receiver<Ticket>>,
    housekeeping: &impl Housekeeping,
) -> Result<Ticket, RecvTimeoutError> {
    let tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
    match housekeeping.quiet_after(monotonic()) {
        Some(quiet) => tickets.recv_timeout(quiet),
        None => tickets.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn memory() -> Connection {
        Connection::open_in_memory().expect("memory opens")
    }

    fn one() -> Queue {
        Queue::start("test", vec![memory()], |_| NoHousekeeping).expect("the thread starts")
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_work_alone() {
        let queue = one();
        let broken = queue.ask::<()>(|connection| {
            let transaction = connection.transaction().expect("begins");
            transaction.execute_batch("CREATE TABLE half (n)").expect("is made");
            panic!("on purpose");
        });
        assert_eq!(broken.await, Err(SqliteFault::BrokeOff));
        let tables = "SELECT count(*) FROM sqlite_schema";
        let left = queue.ask(|connection| connection.query_row(tables, [], |row| row.get(0)));
        assert_eq!(left.await, Ok(Ok(0)));
    }

    #[tokio::test]
    async fn what_waits_is_finished_before_the_threads_end() {
        let queue = one();
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let (room, done) = (queue.room().await.expect("there is room"), done.clone());
            let count = move |_: &mut Connection| {
                done.fetch_add(1, Ordering::SeqCst);
            };
            queue.put(room, count).expect("is put");
        }
        drop(queue);
        assert_eq!(done.load(Ordering::SeqCst), 5);
    }

    /// Counts what it is asked for: work, quiet, end.
    struct Counting(Arc<[AtomicUsize; 3]>);

    impl Housekeeping for Counting {
        fn quiet_after(&self, _: Instant) -> Option<Duration> {
            (self.0[1].load(Ordering::SeqCst) == 0).then_some(Duration::ZERO)
        }

        fn after_work(&mut self, _: &Connection, _: Instant) {
            self.0[0].fetch_add(1, Ordering::SeqCst);
        }

        fn in_quiet(&mut self, _: &Connection, _: Instant) {
            self.0[1].fetch_add(1, Ordering::SeqCst);
        }

        fn at_end(self, _: &Connection) {
            self.0[2].fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn housekeeping_is_done_after_work_in_quiet_and_at_the_end() {
        let counts: Arc<[AtomicUsize; 3]> = Arc::default();
        let counting = |_: &Connection| Counting(counts.clone());
        let queue = Queue::start("test", vec![memory()], counting).expect("the thread starts");
        while counts[1].load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        queue.ask(|_| ()).await.expect("it works");
        drop(queue);
        assert_eq!((*counts).each_ref().map(|count| count.load(Ordering::SeqCst)), [1, 1, 1]);
    }
}
