//! The sandbox's clock, lent to the engine, so that both move together.

use engine::Clock;
use ledger::Timestamp;
use sandbox::SharedClock;
use std::sync::Arc;
use tokio::sync::watch;

/// The sandbox's clock as the engine reads it.
pub(crate) struct SandboxClock(pub(crate) Arc<SharedClock>);

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.0.subscribe()
    }
}
