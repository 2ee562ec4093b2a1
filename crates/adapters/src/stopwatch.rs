//! How long something takes. Only metrics, reports and the timeouts of threads read it; what is
//! decided about money gets its time from a [`Clock`](crate::clock).

use std::time::{Duration, Instant};

/// Measures from the moment it was started. Moving a clock by hand does not change it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    begun: Instant,
}

impl Stopwatch {
    /// Starts at zero.
    pub fn start() -> Stopwatch {
        Stopwatch { begun: monotonic() }
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.begun.elapsed()
    }

    /// The time since the start, in whole milliseconds.
    pub fn elapsed_ms(self) -> i64 {
        i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// The time since the start, in seconds, as metrics record it.
    pub fn elapsed_seconds(self) -> f64 {
        self.elapsed().as_secs_f64()
    }
}

/// The present of a thread that waits without a runtime.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}
