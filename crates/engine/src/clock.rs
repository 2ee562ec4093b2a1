//! The time that all processes on one database agree on.
//!
//! Leases of tasks and calls in flight are instants that one process writes and another compares with its
//! own time. Where the database has a clock, that clock gives the time: it is read at the start and then
//! again and again, and in between the time runs by the machine's steady clock, which nobody sets. It never
//! steps back. How far the machine's own clock is off is a metric, and a warning when it is far.

use crate::{Clock, Engine};
use adapters::stopwatch::monotonic;
use ledger::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};
use store::{DatabaseTime, Store, StoreFault};
use tokio::sync::watch;

/// How often the database's clock is read. A machine that was suspended is behind until then: this is less
/// than the time that a call in flight has to itself.
const READ_EVERY: Duration = Duration::from_secs(10);
/// An answer that took longer than this says too little about the present.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(250);
/// How far the machine's clock may be off before it is logged, in milliseconds.
const OFFSET_MS_MAX: i64 = 1_000;

/// The machine's clock, corrected by the database's.
pub(crate) struct DatabaseClock {
    own: Arc<dyn Clock>,
    /// How far the own clock was moved by hand: that holds for the database's time too.
    moved: watch::Receiver<i64>,
    reading: RwLock<Option<Reading>>,
    /// The latest time that was given out, in milliseconds.
    latest_ms: AtomicI64,
    is_far_off: AtomicBool,
}

/// What the database's clock showed, and when.
#[derive(Clone, Copy)]
struct Reading {
    time: Timestamp,
    at: Instant,
}

impl DatabaseClock {
    /// A clock that shows the own time until the database's is read.
    pub(crate) fn new(own: Arc<dyn Clock>) -> DatabaseClock {
        DatabaseClock {
            moved: own.moved(),
            own,
            reading: RwLock::default(),
            latest_ms: AtomicI64::new(i64::MIN),
            is_far_off: AtomicBool::new(false),
        }
    }

    /// Reads the database's clock for the first time: twice, because the first answer may have waited for
    /// a connection.
    pub(crate) async fn start(&self, store: &dyn Store) -> Result<(), StoreFault> {
        self.read(store).await?;
        self.read(store).await
    }

    /// Reads the database's clock, if it has one.
    async fn read(&self, store: &dyn Store) -> Result<(), StoreFault> {
        let asked = monotonic();
        let Some(time) = store.ask(DatabaseTime {}).await? else { return Ok(()) };
        let round_trip = asked.elapsed();
        let mut reading = self.reading.write().unwrap_or_else(PoisonError::into_inner);
        // The first one counts however long it took: it is better than none.
        if reading.is_none() || round_trip <= ROUND_TRIP_MAX {
            let now = Reading { time, at: asked + round_trip / 2 };
            *reading = Some(now);
            self.report_offset(now);
        }
        Ok(())
    }

    fn report_offset(&self, reading: Reading) {
        let own = self.own.now().plus_ms(-*self.moved.borrow());
        let offset_ms = own.ms_since(reading.now());
        metrics::gauge!("tongbao_clock_offset_seconds").set(seconds(offset_ms));
        let is_far_off = offset_ms.saturating_abs() > OFFSET_MS_MAX;
        if self.is_far_off.swap(is_far_off, Ordering::Relaxed) == is_far_off {
            return;
        }
        match is_far_off {
            true => tracing::warn!(offset_ms, "this machine's clock is not the database's"),
            false => tracing::info!(offset_ms, "this machine's clock is the database's again"),
        }
    }
}

/// Milliseconds as the seconds of a metric.
fn seconds(ms: i64) -> f64 {
    let sign = if ms < 0 { f64::NEG_INFINITY } else { f64::INFINITY };
    Duration::from_millis(ms.unsigned_abs()).as_secs_f64().copysign(sign)
}

impl Reading {
    fn now(self) -> Timestamp {
        let since = i64::try_from(self.at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.time.plus_ms(since)
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let reading = *self.reading.read().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = reading else { return self.own.now() };
        let now = reading.now().plus_ms(*self.moved.borrow());
        let latest_ms = self.latest_ms.fetch_max(now.ms(), Ordering::AcqRel);
        now.max(Timestamp::from_ms(latest_ms))
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.own.moved()
    }
}

/// Keeps the clock right until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>, clock: Arc<DatabaseClock>) {
    let mut stopped = engine.stopped();
    loop {
        tokio::select! {
            () = tokio::time::sleep(READ_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(fault) = clock.read(&*engine.store).await {
            tracing::warn!(%fault, "the database's clock was not read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DatabaseClock, Reading};
    use crate::{Clock, SystemClock};
    use adapters::clock::SharedClock;
    use adapters::stopwatch::monotonic;
    use ledger::Timestamp;
    use std::sync::{Arc, PoisonError};
    use store::memory::Memory;

    fn show(clock: &DatabaseClock, time: Timestamp) {
        let reading = Reading { time, at: monotonic() };
        *clock.reading.write().unwrap_or_else(PoisonError::into_inner) = Some(reading);
    }

    #[tokio::test]
    async fn a_database_without_a_clock_leaves_the_own_time() {
        let own = Arc::new(SystemClock::ahead_by(-7_200));
        let clock = DatabaseClock::new(own.clone());
        clock.start(&Memory::new()).await.expect("the model answers");
        assert!(clock.now().ms_since(own.now()) < 1_000);
    }

    #[test]
    fn the_database_is_right_and_time_never_steps_back() {
        let own = Arc::new(SharedClock::new());
        let clock = DatabaseClock::new(own.clone());
        let database = own.now().plus_seconds(3_600);
        show(&clock, database);
        let first = clock.now();
        assert!(first >= database && first < database.plus_seconds(60), "{first:?}");
        show(&clock, database.plus_seconds(-30));
        assert!(clock.now() >= first, "the database's clock was set back");
        own.advance_ms(86_400_000);
        assert!(clock.now() >= first.plus_ms(86_370_000), "and is moved by hand");
    }
}
