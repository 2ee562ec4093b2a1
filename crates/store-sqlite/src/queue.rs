//! Threads that own a connection each and take work from one bounded queue.

use crate::checkpoints::Checkpoints;
use crate::connection::Mode;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use store::StoreFault;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How much work may wait or run before callers wait for room.
const WAITING_MAX: usize = 256;

type Work = Box<dyn FnOnce(&mut Connection) + Send>;

/// Work, and the room that it takes until it is done.
struct Ticket {
    work: Work,
    _room: OwnedSemaphorePermit,
}

/// A queue and its threads. Dropping it finishes what waits and ends the threads.
#[derive(Debug)]
pub(crate) struct Queue {
    tickets: Option<Sender<Ticket>>,
    room: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

impl Queue {
    /// Starts a thread for every connection.
    pub(crate) fn start(
        name: &str,
        connections: Vec<Connection>,
        mode: Mode,
    ) -> Result<Queue, StoreFault> {
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let room = Arc::new(Semaphore::new(WAITING_MAX));
        let mut queue = Queue { tickets: Some(sender), room, threads: vec![] };
        for connection in connections {
            let receiver = receiver.clone();
            let thread = Builder::new()
                .name(name.to_owned())
                .spawn(move || run(connection, &receiver, mode))
                .map_err(|fault| StoreFault::Unavailable(format!("thread {name}: {fault}")))?;
            queue.threads.push(thread);
        }
        Ok(queue)
    }

    /// Has the work done by one of the threads.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreFault> {
        let ended = || StoreFault::Unavailable("its thread has ended".to_owned());
        let room = self.room.clone().acquire_owned().await.map_err(|_| ended())?;
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            // Whoever asked may have gone away; the work is done all the same.
            let _gone = answer.send(work(connection)).is_err();
        });
        let tickets = self.tickets.as_ref().ok_or_else(ended)?;
        tickets.send(Ticket { work, _room: room }).map_err(|_| ended())?;
        answered.await.map_err(|_| StoreFault::Unavailable("the work broke off".to_owned()))
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

fn run(mut connection: Connection, tickets: &Mutex<Receiver<Ticket>>, mode: Mode) {
    let mut checkpoints = Checkpoints::new(mode, &connection);
    loop {
        match next(tickets, &checkpoints) {
            Ok(Ticket { work, _room }) => {
                // A panic is a bug in one piece of work; its transaction rolls back as it unwinds,
                // its caller hears that it broke off, and the next piece is not to blame.
                let _panicked = catch_unwind(AssertUnwindSafe(|| work(&mut connection))).is_err();
                checkpoints.after_work(&connection, Instant::now());
            }
            Err(RecvTimeoutError::Timeout) => checkpoints.in_quiet(&connection, Instant::now()),
            Err(RecvTimeoutError::Disconnected) => return checkpoints.at_end(&connection),
        }
    }
}

fn next(
    tickets: &Mutex<Receiver<Ticket>>,
    checkpoints: &Checkpoints,
) -> Result<Ticket, RecvTimeoutError> {
    let tickets = tickets.lock().unwrap_or_else(PoisonError::into_inner);
    match checkpoints.quiet_after(Instant::now()) {
        Some(quiet) => tickets.recv_timeout(quiet),
        None => tickets.recv().map_err(|_| RecvTimeoutError::Disconnected),
    }
}
