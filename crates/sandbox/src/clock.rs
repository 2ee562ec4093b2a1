//! The clock that gateway and sandbox share: the system's clock plus an offset that only grows.
//!
//! Waiting happens through the clock, so that a moved clock ends a wait.

use ledger::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The longest uninterrupted sleep; the system's clock may be set meanwhile.
const SLEEP_MS_MAX: u64 = 60_000;

/// The system's clock plus an offset.
#[derive(Debug)]
pub struct SharedClock {
    offset_ms: AtomicI64,
    moved: watch::Sender<i64>,
}

impl Default for SharedClock {
    fn default() -> Self {
        SharedClock { offset_ms: AtomicI64::new(0), moved: watch::Sender::new(0) }
    }
}

impl SharedClock {
    /// The system's time, not moved yet.
    pub fn new() -> SharedClock {
        SharedClock::default()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_ms(ms).plus_ms(self.offset_ms())
    }

    /// How far the clock is ahead of the system's, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Acquire)
    }

    /// Moves the clock ahead and wakes whoever waits on it; a negative step moves nothing.
    pub fn advance_ms(&self, ms: i64) {
        let step = ms.max(0);
        let before = self.offset_ms.fetch_add(step, Ordering::AcqRel);
        self.moved.send_replace(before.saturating_add(step));
    }

    /// Tells of each move; the value is the offset in milliseconds.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// Resolves when the clock shows `due` or later.
    pub async fn until(&self, due: Timestamp) {
        let mut moved = self.subscribe();
        loop {
            let Ok(left_ms @ 1..) = u64::try_from(due.ms_since(self.now())) else {
                return;
            };
            let sleep = tokio::time::sleep(Duration::from_millis(left_ms.min(SLEEP_MS_MAX)));
            tokio::select! {
                () = sleep => {}
                _ = moved.changed() => {}
            }
        }
    }

    /// Moves the clock to at least this offset.
    pub(crate) fn restore(&self, offset_ms: i64) {
        let missing = offset_ms.saturating_sub(self.offset_ms());
        if missing > 0 {
            self.advance_ms(missing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_moves_only_ahead() {
        let clock = SharedClock::new();
        clock.advance_ms(5_000);
        clock.advance_ms(-7_000);
        clock.restore(3_000);
        assert_eq!(clock.offset_ms(), 5_000);
        clock.restore(8_000);
        assert_eq!(clock.offset_ms(), 8_000);
    }

    #[tokio::test]
    async fn a_moved_clock_ends_a_wait() {
        let clock = std::sync::Arc::new(SharedClock::new());
        let due = clock.now().plus_seconds(3_600);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.until(due).await }
        });
        clock.advance_ms(3_600_000);
        waiting.await.expect("the wait ends");
    }
}
