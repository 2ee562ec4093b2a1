//! A bulkhead: how much may be under way at once, in all and for each key, so that a counterpart that
//! does not answer holds up its own work and no other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A supply of permits.
pub(crate) struct Bulkhead {
    waiting: AtomicUsize,
    waiting_max: usize,
    all: Arc<Semaphore>,
    each: Mutex<HashMap<Box<str>, Arc<Semaphore>>>,
    each_max: usize,
}

/// A permit; dropping it gives it back.
pub(crate) struct Permit<'a> {
    bulkhead: &'a Bulkhead,
    key: Box<str>,
    of_key: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

impl Bulkhead {
    /// At most `all_max` at once, and `each_max` for one key; at most `waiting_max` wait.
    pub(crate) fn new(all_max: usize, each_max: usize, waiting_max: usize) -> Bulkhead {
        Bulkhead {
            waiting: AtomicUsize::new(0),
            waiting_max,
            all: Arc::new(Semaphore::new(all_max)),
            each: Mutex::new(HashMap::new()),
            each_max,
        }
    }

    /// True when the queue is full; new work should stay in the database as a due task.
    pub(crate) fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.waiting_max
    }

    /// Waits for a permit for a key; `None` when there is none in time.
    pub(crate) async fn acquire(&self, key: &str, patience: Duration) -> Option<Permit<'_>> {
        if self.is_crowded() {
            return None;
        }
        let _waiting = Waiting::begin(&self.waiting);
        let semaphore = self.of_key(key);
        let wait = async {
            let of_key = semaphore.acquire_owned().await.ok()?;
            let of_all = self.all.clone().acquire_owned().await.ok()?;
            Some((of_key, of_all))
        };
        let waited = tokio::time::timeout(patience, wait).await.ok().flatten();
        let Some((of_key, of_all)) = waited else {
            self.forget_idle(key);
            return None;
        };
        let key = Box::from(key);
        Some(Permit { bulkhead: self, key, of_key: Some(of_key), _of_all: of_all })
    }

    fn of_key(&self, key: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = each.get(key) {
            return semaphore.clone();
        }
        let semaphore = Arc::new(Semaphore::new(self.each_max));
        each.insert(Box::from(key), semaphore.clone());
        semaphore
    }

    /// Forgets a key with no permit in use and no waiter: keys are without number, and memory is not.
    fn forget_idle(&self, key: &str) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.get(key).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            each.remove(key);
        }
    }
}

/// Counts somebody who waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn begin(waiting: &AtomicUsize) -> Waiting<'_> {
        waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.of_key = None;
        self.bulkhead.forget_idle(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let bulkhead = Bulkhead::new(1, 1, 1);
        let held = bulkhead.acquire("one", SOON).await.expect("free");
        let patience = Duration::from_secs(60);
        let mut second = std::pin::pin!(bulkhead.acquire("one", patience));
        std::future::poll_fn(|context| {
            assert!(second.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert!(bulkhead.is_crowded());
        assert!(bulkhead.acquire("two", patience).await.is_none(), "it is told at once");
        drop(held);
        assert!(second.await.is_some());
        assert!(!bulkhead.is_crowded());
    }

    #[tokio::test]
    async fn a_party_that_holds_its_turns_does_not_hold_up_others() {
        let bulkhead = Bulkhead::new(3, 2, 8);
        let first = bulkhead.acquire("slow", SOON).await.expect("free");
        let second = bulkhead.acquire("slow", SOON).await.expect("free");
        assert!(bulkhead.acquire("slow", SOON).await.is_none(), "its share is used up");
        let other = bulkhead.acquire("other", SOON).await.expect("another key has its own");
        assert!(bulkhead.acquire("third", SOON).await.is_none(), "all are used up");
        drop((first, second, other));
        assert!(bulkhead.acquire("slow", SOON).await.is_some());
        assert!(bulkhead.each.lock().expect("whole").is_empty(), "idle keys are forgotten");
    }
}
