//! The time, as everything above the core reads it.
//!
//! Waiting happens through the clock, so that a clock moved by hand ends a wait.

use ledger::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// The longest uninterrupted sleep; the system's clock may be set meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;

    /// Changes whenever the clock is moved by hand, so that sleepers look again. The value is how far
    /// it is ahead of the system's clock, in milliseconds.
    fn moved(&self) -> watch::Receiver<i64>;
}

/// Resolves when the clock shows `due` or later, also when it is moved there by hand.
pub async fn until(clock: &dyn Clock, due: Timestamp) {
    let mut moved = clock.moved();
    loop {
        let Ok(left_ms @ 1..) = u64::try_from(due.ms_since(clock.now())) else {
            return;
        };
        let nap = Duration::from_millis(left_ms).min(SLEEP_MAX);
        tokio::select! {
            () = tokio::time::sleep(nap) => {}
            Ok(()) = moved.changed() => {}
        }
    }
}

/// The system's clock. It is never moved by hand.
#[derive(Debug)]
pub struct SystemClock {
    ahead_seconds: i64,
    moved: watch::Sender<i64>,
}

impl SystemClock {
    /// The system's clock.
    pub fn new() -> SystemClock {
        SystemClock::ahead_by(0)
    }

    /// A clock as a machine has it whose time is wrong by this much.
    pub fn ahead_by(ahead_seconds: i64) -> SystemClock {
        SystemClock { ahead_seconds, moved: watch::Sender::new(0) }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_time().plus_seconds(self.ahead_seconds)
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }
}

/// The system's clock plus an offset that only grows: gateway and sandbox share one in development.
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
        system_time().plus_ms(self.offset_ms())
    }

    /// How far the clock is ahead of the system's, in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Acquire)
    }

    /// Moves the clock ahead and wakes its waiters; a negative step moves nothing.
    pub fn advance_ms(&self, ms: i64) {
        let step = ms.max(0);
        let before = self.offset_ms.fetch_add(step, Ordering::AcqRel);
        self.moved.send_replace(before.saturating_add(step));
    }

    /// Tells of each move; the value is the offset in milliseconds.
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// Moves the clock to at least this offset.
    pub fn restore(&self, offset_ms: i64) {
        let missing = offset_ms.saturating_sub(self.offset_ms());
        if missing > 0 {
            self.advance_ms(missing);
        }
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        SharedClock::now(self)
    }

    fn moved(&self) -> watch::Receiver<i64> {
        SharedClock::subscribe(self)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn system_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
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
            async move { until(&*clock, due).await }
        });
        clock.advance_ms(3_600_000);
        waiting.await.expect("the wait ends");
    }

    #[tokio::test]
    async fn the_past_is_not_waited_for() {
        let clock = SystemClock::new();
        until(&clock, clock.now().plus_seconds(-1)).await;
    }
}
