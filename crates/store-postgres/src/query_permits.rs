//! Who may use one of the sessions for queries: they are shared out to the tenants.
//!
//! A tenant has at most half of them, so that its slow listings leave some to the others. Queries about no
//! tenant, which are those of operators, count as one party beside the tenants. Parties with queries that
//! wait get freed sessions in turn.

use kernel::TenantId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::StoreFault;
use tokio::sync::oneshot;

/// Queries that are answered at once.
const QUERIES: usize = 4;
/// Queries of one party that are answered at once.
const QUERIES_EACH: usize = QUERIES / 2;
/// Queries that may wait for a session; more are refused at once.
const WAITING_MAX: usize = 256;
/// Queries of one party that may wait, so that the others find room.
const WAITING_EACH: usize = WAITING_MAX / 2;
/// How long a query may wait for a session before it is refused.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Whose query it is: a tenant's, or none in particular.
pub(crate) type Party = Option<TenantId>;

/// A supply of permits.
#[derive(Clone, Default)]
pub(crate) struct QueryPermits(Arc<Mutex<State>>);

/// The right to use a session; dropping it gives it back.
pub(crate) struct QueryPermit {
    permits: QueryPermits,
    party: Party,
}

#[derive(Default)]
struct State {
    in_use: usize,
    parties: BTreeMap<Party, Share>,
    /// Parties with waiters; the first has the next turn.
    turn: VecDeque<Party>,
}

/// What a party has and waits for. One that has neither is forgotten.
#[derive(Default)]
struct Share {
    in_use: usize,
    waiters: VecDeque<oneshot::Sender<QueryPermit>>,
}

impl QueryPermits {
    /// A permit for a query of this party. One that gets none in time is refused.
    pub(crate) async fn acquire(&self, party: &Party) -> Result<QueryPermit, StoreFault> {
        let granted = match self.take_or_wait(party)? {
            Taken::Now(permit) => return Ok(permit),
            Taken::Later(granted) => granted,
        };
        match tokio::time::timeout(WAIT_MAX, granted).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => {
                Err(StoreFault::Overloaded(format!("no session within {WAIT_MAX:?}")))
            }
        }
    }

    fn take_or_wait(&self, party: &Party) -> Result<Taken, StoreFault> {
        let mut state = self.state();
        if state.take(party) {
            return Ok(Taken::Now(QueryPermit { permits: self.clone(), party: party.clone() }));
        }
        let (sender, granted) = oneshot::channel();
        state.wait(party, sender)?;
        Ok(Taken::Later(granted))
    }

    fn give_back(&self, party: &Party) {
        let granted = {
            let mut state = self.state();
            state.give_back(party);
            state.grant(self)
        };
        for (waiter, permit) in granted {
            // One that has just stopped waiting gives its permit back by dropping it.
            drop(waiter.send(permit));
        }
    }

    /// The state is changed in steps that cannot fail, so a poisoned lock guards a whole one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a query gets its permit.
enum Taken {
    Now(QueryPermit),
    Later(oneshot::Receiver<QueryPermit>),
}

impl Drop for QueryPermit {
    fn drop(&mut self) {
        self.permits.give_back(&self.party);
    }
}

impl State {
    /// Counts a query of a party in, if the limits allow it.
    fn take(&mut self, party: &Party) -> bool {
        let of_party = self.parties.get(party).map_or(0, |share| share.in_use);
        if self.in_use >= QUERIES || of_party >= QUERIES_EACH {
            return false;
        }
        self.in_use += 1;
        self.parties.entry(party.clone()).or_default().in_use += 1;
        true
    }

    fn give_back(&mut self, party: &Party) {
        self.in_use = self.in_use.saturating_sub(1);
        let Some(share) = self.parties.get_mut(party) else { return };
        share.in_use = share.in_use.saturating_sub(1);
        self.forget_idle(party);
    }

    fn wait(
        &mut self,
        party: &Party,
        waiter: oneshot::Sender<QueryPermit>,
    ) -> Result<(), StoreFault> {
        for share in self.parties.values_mut() {
            share.waiters.retain(|waiter| !waiter.is_closed());
        }
        let waiting: usize = self.parties.values().map(|share| share.waiters.len()).sum();
        let own = self.parties.get(party).map_or(0, |share| share.waiters.len());
        if waiting >= WAITING_MAX || own >= WAITING_EACH {
            return Err(StoreFault::Overloaded(format!("{waiting} queries are waiting")));
        }
        self.parties.entry(party.clone()).or_default().waiters.push_back(waiter);
        if !self.turn.contains(party) {
            self.turn.push_back(party.clone());
        }
        Ok(())
    }

    /// Takes permits for waiters, a party after the other, as long as there are any.
    fn grant(
        &mut self,
        permits: &QueryPermits,
    ) -> Vec<(oneshot::Sender<QueryPermit>, QueryPermit)> {
        let mut granted = vec![];
        let mut passed_over = 0;
        while passed_over < self.turn.len()
            && let Some(party) = self.turn.pop_front()
        {
            match self.next_waiter(&party) {
                None => self.forget_idle(&party),
                Some(waiter) if self.take(&party) => {
                    passed_over = 0;
                    granted.push((
                        waiter,
                        QueryPermit { permits: permits.clone(), party: party.clone() },
                    ));
                    self.turn.push_back(party);
                }
                Some(waiter) => {
                    passed_over += 1;
                    self.parties.entry(party.clone()).or_default().waiters.push_front(waiter);
                    self.turn.push_back(party);
                }
            }
        }
        granted
    }

    /// The party's query that has waited longest and still does.
    fn next_waiter(&mut self, party: &Party) -> Option<oneshot::Sender<QueryPermit>> {
        let share = self.parties.get_mut(party)?;
        while let Some(waiter) = share.waiters.pop_front() {
            if !waiter.is_closed() {
                return Some(waiter);
            }
        }
        None
    }

    fn forget_idle(&mut self, party: &Party) {
        if self.parties.get(party).is_some_and(|own| own.in_use == 0 && own.waiters.is_empty()) {
            self.parties.remove(party);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn of(name: &str) -> Party {
        Some(TenantId::new(name))
    }

    /// What a future has come to, if it has come to its end.
    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    async fn have(permits: &QueryPermits, party: &Party, count: usize) -> Vec<QueryPermit> {
        let mut held = vec![];
        for _ in 0..count {
            held.push(permits.acquire(party).await.expect("one is free"));
        }
        held
    }

    #[tokio::test]
    async fn a_tenant_has_half_and_operators_are_one_party() {
        let permits = QueryPermits::default();
        let held = have(&permits, &of("a"), QUERIES_EACH).await;
        let (own, no_tenant) = (of("a"), None);
        let mut more = pin!(permits.acquire(&own));
        assert!(poll(more.as_mut()).is_none(), "two are free, and not for this tenant");
        let others = have(&permits, &no_tenant, QUERIES_EACH).await;
        let mut admin = pin!(permits.acquire(&no_tenant));
        assert!(poll(admin.as_mut()).is_none());
        drop(others);
        assert!(poll(more.as_mut()).is_none(), "its share is still used up");
        assert!(poll(admin).is_some_and(|permit| permit.is_ok()));
        drop(held);
        assert!(poll(more).is_some_and(|permit| permit.is_ok()));
        assert!(permits.state().parties.is_empty(), "idle parties are forgotten");
    }

    #[tokio::test]
    async fn waiting_parties_have_their_turn() {
        let permits = QueryPermits::default();
        let mut held = have(&permits, &of("x"), 2).await;
        held.extend(have(&permits, &of("y"), 2).await);
        let (a, b) = (of("a"), of("b"));
        let mut a1 = pin!(permits.acquire(&a));
        let mut a2 = pin!(permits.acquire(&a));
        let mut b1 = pin!(permits.acquire(&b));
        assert!(poll(a1.as_mut()).is_none() && poll(a2.as_mut()).is_none());
        assert!(poll(b1.as_mut()).is_none());
        held.truncate(2);
        assert!(poll(a2.as_mut()).is_none(), "its tenant had its turn");
        let (_first, _other) = (poll(a1).expect("granted"), poll(b1).expect("granted"));
        held.clear();
        assert!(poll(a2).is_some_and(|permit| permit.is_ok()));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_waits_in_vain_is_refused_and_takes_nothing() {
        let permits = QueryPermits::default();
        let held = have(&permits, &of("a"), QUERIES_EACH).await;
        let refused = permits.acquire(&of("a")).await;
        assert!(matches!(refused, Err(StoreFault::Overloaded(_))));
        drop(held);
        assert_eq!(have(&permits, &of("a"), QUERIES_EACH).await.len(), QUERIES_EACH);
        assert_eq!(permits.state().in_use, 0, "and all were given back");
    }

    #[tokio::test]
    async fn a_tenant_that_waits_leaves_room_to_wait() {
        let permits = QueryPermits::default();
        let _held = have(&permits, &of("a"), QUERIES_EACH).await;
        let own = of("a");
        let mut waiting: Vec<_> =
            (0..WAITING_EACH).map(|_| Box::pin(permits.acquire(&own))).collect();
        assert!(waiting.iter_mut().all(|query| poll(query.as_mut()).is_none()));
        assert!(matches!(permits.acquire(&own).await, Err(StoreFault::Overloaded(_))), "at once");
        assert!(permits.acquire(&of("b")).await.is_ok());
    }
}
