//! Connections that wait for a request, the longest waiting first: when there is little room left, those
//! are closed for the sake of new ones.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// The connections that wait for a request.
#[derive(Default)]
pub(super) struct IdleConnections {
    waiting: Mutex<Waiting>,
    /// Fires when another begins to wait.
    pub(super) appeared: Notify,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    /// Each with what closes it, by when it began to wait.
    connections: BTreeMap<u64, Arc<Notify>>,
}

impl IdleConnections {
    /// A new connection, which waits for its first request.
    pub(super) fn enter(self: &Arc<IdleConnections>) -> IdleEntry {
        let entry = IdleEntry {
            idle: self.clone(),
            close: Arc::new(Notify::new()),
            place: Mutex::new(None),
            has_begun: AtomicBool::new(false),
        };
        entry.wait();
        entry
    }

    /// Asks the one that has waited longest to close. False when none waits.
    pub(super) fn close_longest(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.connections.pop_first() {
            Some((_, close)) => {
                close.notify_one();
                true
            }
            None => false,
        }
    }
}

/// A connection, which waits or serves.
pub(super) struct IdleEntry {
    idle: Arc<IdleConnections>,
    /// Fires when the connection is to be closed.
    pub(super) close: Arc<Notify>,
    place: Mutex<Option<u64>>,
    has_begun: AtomicBool,
}

impl IdleEntry {
    /// A request has come.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Relaxed);
        self.leave();
    }

    /// Whether a request ever came.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Relaxed)
    }

    /// It waits for a request.
    pub(super) fn wait(&self) {
        let mut waiting = self.idle.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.next;
        waiting.next += 1;
        waiting.connections.insert(place, self.close.clone());
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
        drop(waiting);
        self.idle.appeared.notify_one();
    }

    fn leave(&self) {
        let mut waiting = self.idle.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(place) = place {
            waiting.connections.remove(&place);
        }
    }
}

impl Drop for IdleEntry {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_one_that_waits_longest_is_closed_first() {
        let idle = Arc::new(IdleConnections::default());
        let (first, second, third) = (idle.enter(), idle.enter(), idle.enter());
        first.begin();
        drop(third);
        assert!(idle.close_longest());
        second.close.notified().await;
        assert!(!idle.close_longest(), "the first one serves");
        first.wait();
        assert!(idle.close_longest());
        first.close.notified().await;
        assert!(first.has_begun() && !second.has_begun());
    }
}
