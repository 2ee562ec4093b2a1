//! Waiting for a promise on the test's own thread.

use kernel::Lane;
use ledger::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{Thread, current, park};
use store::Claim;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => park(),
        }
    }
}

/// A claim of money tasks, in no tenant's favour.
pub(crate) fn claim_of(now: Timestamp, until: Timestamp, limit: u32) -> Claim {
    let (lane, less) = (Lane::Money, BTreeMap::new());
    Claim { lane, now, until, limit, each: limit, less, after: None }
}
