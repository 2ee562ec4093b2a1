//! The time, as everything above the core reads it.

use ledger::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present.
    fn now(&self) -> Timestamp;

    /// Changes whenever the clock is moved by hand, so that sleepers look again.
    fn moved(&self) -> watch::Receiver<i64>;
}

/// The system's clock. It is never moved by hand.
#[derive(Debug)]
pub struct SystemClock {
    moved: watch::Sender<i64>,
}

impl SystemClock {
    /// The system's clock.
    pub fn new() -> SystemClock {
        SystemClock { moved: watch::Sender::new(0) }
    }
}

impl Default for SystemClock {
    fn default() -> SystemClock {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }
}
