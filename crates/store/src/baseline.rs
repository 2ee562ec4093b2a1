//! What an engine measures of its database's baseline.

use std::time::Duration;

/// The baseline: how fast a loop that does nothing else writes the rows of orders once more.
#[derive(Clone, Copy, Debug)]
pub struct Baseline {
    /// Orders whose rows were written.
    pub orders: usize,
    /// Orders in a transaction.
    pub batch: usize,
    /// How long the writing took.
    pub took: Duration,
}
