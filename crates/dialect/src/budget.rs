//! How often callers may call: token buckets, refilled evenly.
//!
//! A proven caller draws from the bucket of its key and from that of its tenant, before anything is
//! read from the database. A request without a valid proof draws from the bucket of the address that it
//! came from. Buckets that are full again are forgotten.

use crate::Peer;
use governor::clock::{Clock as _, DefaultClock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use kernel::TenantId;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// After this number of draws, the buckets that are full again are forgotten.
const FORGET_EVERY: u32 = 1024;

/// How fast a bucket fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls a second in the long run.
    pub per_second: NonZeroU32,
    /// Calls at once, after a pause.
    pub burst: NonZeroU32,
}

/// The rates of an installation's buckets, each per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Of a caller's key.
    pub caller_key: Rate,
    /// Of a tenant, over all its keys.
    pub tenant: Rate,
    /// Of an operator's token.
    pub operator: Rate,
    /// Of an address: requests without a valid proof.
    pub failure: Rate,
}

/// How long until the bucket has something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(Duration);

impl Wait {
    /// In whole seconds, at least 1: for `Retry-After`.
    pub fn seconds(self) -> u64 {
        self.0.as_secs().saturating_add(u64::from(self.0.subsec_nanos() > 0)).max(1)
    }
}

/// The buckets of a process.
pub struct Budgets {
    caller_keys: Buckets<Arc<str>>,
    tenants: Buckets<TenantId>,
    operators: Buckets<Arc<str>>,
    failures: Buckets<IpAddr>,
    /// Addresses whose bucket of failures is empty, and until when.
    exhausted: Mutex<HashMap<IpAddr, Instant>>,
    /// How long one failure takes to be forgiven.
    forgiving: Duration,
}

impl Budgets {
    /// Full buckets.
    pub fn new(rates: Rates) -> Budgets {
        Budgets {
            caller_keys: Buckets::new(rates.caller_key),
            tenants: Buckets::new(rates.tenant),
            operators: Buckets::new(rates.operator),
            failures: Buckets::new(rates.failure),
            exhausted: Mutex::default(),
            forgiving: Duration::from_secs(1) / rates.failure.per_second.get(),
        }
    }

    /// Draws a call of a proven caller.
    ///
    /// # Errors
    /// The [`Wait`], when the key or the tenant has used its calls up.
    pub fn draw_call(&self, tenant: &TenantId, key_id: &Arc<str>) -> Result<(), Wait> {
        self.caller_keys.draw(key_id)?;
        self.tenants.draw(tenant).map(drop)
    }

    /// Draws a request of a proven operator.
    ///
    /// # Errors
    /// The [`Wait`], when the operator's token has used its requests up.
    pub fn draw_operation(&self, operator: &Arc<str>) -> Result<(), Wait> {
        self.operators.draw(operator).map(drop)
    }

    /// Draws a request without a valid proof.
    ///
    /// # Errors
    /// The [`Wait`], when the address has used its failures up: then it is told nothing else.
    pub fn draw_failure(&self, peer: Option<Peer>) -> Result<(), Wait> {
        let address = network(peer);
        if self.failures.draw(&address)? == 0 {
            let now = MonotonicClock.now();
            let mut exhausted = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner);
            exhausted.retain(|_, until| *until > now);
            exhausted.insert(address, now + self.forgiving);
        }
        Ok(())
    }

    /// Whether an address has used its failures up, so that its next proof is not even looked at.
    ///
    /// # Errors
    /// The [`Wait`], when it has.
    pub fn check_failures(&self, peer: Option<Peer>) -> Result<(), Wait> {
        let exhausted = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner);
        match exhausted.get(&network(peer)) {
            Some(until) => match until.saturating_duration_since(MonotonicClock.now()) {
                Duration::ZERO => Ok(()),
                wait => Err(Wait(wait)),
            },
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").finish_non_exhaustive()
    }
}

/// What one party can have many addresses of counts as one: an IPv6 network of 64 bits. Requests
/// whose address is not known share a bucket.
fn network(peer: Option<Peer>) -> IpAddr {
    match peer.map(|Peer(address)| address.to_canonical()) {
        Some(IpAddr::V6(address)) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
        Some(address @ IpAddr::V4(_)) => address,
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// A bucket for each key.
struct Buckets<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DefaultKeyedStateStore<K>, DefaultClock, StateInformationMiddleware>,
    draws: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn new(rate: Rate) -> Buckets<K> {
        let quota = Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let limiter = RateLimiter::keyed(quota).with_middleware();
        Buckets { limiter, draws: AtomicU32::new(0) }
    }

    /// Draws one; how many are left.
    fn draw(&self, key: &K) -> Result<u32, Wait> {
        if self.draws.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_yet) => Err(Wait(not_yet.wait_time_from(self.limiter.clock().now()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn rate(per_second: u32, burst: u32) -> Rate {
        let per_second = NonZeroU32::new(per_second).expect("not zero");
        Rate { per_second, burst: NonZeroU32::new(burst).expect("not zero") }
    }

    /// One a second refills nothing while a test runs.
    fn budgets() -> Budgets {
        let (key, tenant) = (rate(1, 3), rate(1, 5));
        let (operator, failure) = (rate(1, 2), rate(1, 2));
        Budgets::new(Rates { caller_key: key, tenant, operator, failure })
    }

    fn key(id: &str) -> Arc<str> {
        Arc::from(id)
    }

    #[test]
    fn a_key_and_its_tenant_run_out_and_strangers_do_not() {
        let budgets = budgets();
        let (one, other) = (TenantId::new("1"), TenantId::new("2"));
        for _ in 0..3 {
            assert_eq!(budgets.draw_call(&one, &key("a")), Ok(()));
        }
        let wait = budgets.draw_call(&one, &key("a")).expect_err("the key has used its calls up");
        assert_eq!(wait.seconds(), 1);
        for _ in 0..2 {
            assert_eq!(budgets.draw_call(&one, &key("b")), Ok(()));
        }
        assert!(budgets.draw_call(&one, &key("b")).is_err(), "the tenant has used its calls up");
        assert_eq!(budgets.draw_call(&other, &key("c")), Ok(()));
    }

    #[test]
    fn an_address_that_fails_is_told_nothing_more() {
        let budgets = budgets();
        let peer = |text: &str| Some(Peer(text.parse().expect("an address")));
        let (guesser, neighbour) = (peer("2001:db8::1"), peer("2001:db8::2"));
        for _ in 0..2 {
            assert_eq!(budgets.check_failures(guesser), Ok(()));
            assert_eq!(budgets.draw_failure(guesser), Ok(()));
        }
        assert!(budgets.check_failures(guesser).is_err());
        assert!(budgets.draw_failure(guesser).is_err());
        assert!(budgets.draw_failure(neighbour).is_err(), "the same network");
        assert_eq!(budgets.check_failures(peer("2001:db8:0:1::1")), Ok(()));
        assert_eq!(budgets.draw_failure(peer("192.0.2.1")), Ok(()));
        assert_eq!(budgets.draw_failure(None), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = Buckets::new(rate(1_000_000, 1));
        for number in 0..10 * FORGET_EVERY {
            assert!(buckets.draw(&number).is_ok());
        }
        let kept = u32::try_from(buckets.limiter.len()).expect("few");
        assert!(kept <= 2 * FORGET_EVERY, "{kept}");
    }

    #[test]
    fn a_wait_is_whole_seconds() {
        for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (2500, 3)] {
            assert_eq!(Wait(Duration::from_millis(ms)).seconds(), seconds, "{ms} ms");
        }
    }
}
