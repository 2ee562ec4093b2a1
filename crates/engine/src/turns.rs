//! Turns: how much may be under way at once, in all and for each party, so that a party that does not
//! answer holds up itself and nobody else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A supply of turns.
pub(crate) struct Turns {
    waiting: AtomicUsize,
    waiting_max: usize,
    all: Arc<Semaphore>,
    each: Mutex<HashMap<Box<str>, Arc<Semaphore>>>,
    each_max: usize,
}

/// A turn; dropping it gives it back.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    party: Box<str>,
    of_party: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

impl Turns {
    /// At most `all_max` at once, and `each_max` for one party; at most `waiting_max` wait.
    pub(crate) fn new(all_max: usize, each_max: usize, waiting_max: usize) -> Turns {
        Turns {
            waiting: AtomicUsize::new(0),
            waiting_max,
            all: Arc::new(Semaphore::new(all_max)),
            each: Mutex::new(HashMap::new()),
            each_max,
        }
    }

    /// True when as many wait as may: whatever comes now had better stay in the database.
    pub(crate) fn is_crowded(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.waiting_max
    }

    /// Waits for a turn for a party; `None` when there is none in time.
    pub(crate) async fn take(&self, party: &str, patience: Duration) -> Option<Turn<'_>> {
        if self.is_crowded() {
            return None;
        }
        let _waiting = Waiting::begin(&self.waiting);
        let semaphore = self.of_party(party);
        let wait = async {
            let of_party = semaphore.acquire_owned().await.ok()?;
            let of_all = self.all.clone().acquire_owned().await.ok()?;
            Some((of_party, of_all))
        };
        let waited = tokio::time::timeout(patience, wait).await.ok().flatten();
        let Some((of_party, of_all)) = waited else {
            self.forget_idle(party);
            return None;
        };
        let party = Box::from(party);
        Some(Turn { turns: self, party, of_party: Some(of_party), _of_all: of_all })
    }

    fn of_party(&self, party: &str) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = each.get(party) {
            return semaphore.clone();
        }
        let semaphore = Arc::new(Semaphore::new(self.each_max));
        each.insert(Box::from(party), semaphore.clone());
        semaphore
    }

    /// Forgets a party for which nothing is under way and nobody waits: there are more parties in the
    /// world than there is memory.
    fn forget_idle(&self, party: &str) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if each.get(party).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            each.remove(party);
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

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.of_party = None;
        self.turns.forget_idle(&self.party);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let turns = Turns::new(1, 1, 1);
        let held = turns.take("one", SOON).await.expect("free");
        let patience = Duration::from_secs(60);
        let mut second = std::pin::pin!(turns.take("one", patience));
        std::future::poll_fn(|context| {
            assert!(second.as_mut().poll(context).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        assert!(turns.is_crowded());
        assert!(turns.take("two", patience).await.is_none(), "it is told at once");
        drop(held);
        assert!(second.await.is_some());
        assert!(!turns.is_crowded());
    }

    #[tokio::test]
    async fn a_party_that_holds_its_turns_does_not_hold_up_others() {
        let turns = Turns::new(3, 2, 8);
        let first = turns.take("slow", SOON).await.expect("free");
        let second = turns.take("slow", SOON).await.expect("free");
        assert!(turns.take("slow", SOON).await.is_none(), "its share is used up");
        let other = turns.take("other", SOON).await.expect("another party has its own");
        assert!(turns.take("third", SOON).await.is_none(), "all are used up");
        drop((first, second, other));
        assert!(turns.take("slow", SOON).await.is_some());
        assert!(turns.each.lock().expect("whole").is_empty(), "idle parties are forgotten");
    }
}
