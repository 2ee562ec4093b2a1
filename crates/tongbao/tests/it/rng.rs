//! Chance that can be repeated.

use adapters::clock::{Clock, SystemClock};

/// Numbers from a seed (SplitMix64).
pub(crate) struct SeededRng(pub(crate) u64);

impl SeededRng {
    /// A number of this range.
    pub(crate) fn roll(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        range.start + (mixed ^ (mixed >> 31)) % (range.end - range.start)
    }
}

/// The seed: that of `TONGBAO_TEST_SEED`, else a new one.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("TONGBAO_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = SystemClock::new().now();
        now.ms().unsigned_abs()
    })
}
