//! A bulkhead: how much may be under way at once, in all, for each tenant, and for each of a tenant's
//! counterparts, so that a counterpart that does not answer holds up its own work and no other.
//!
//! There are two ways to a permit. Due tasks try: they wait in the database. Work right after a commit
//! waits here, in a waiting room that each tenant has for itself, for a part of the permits; the rest is
//! left to due tasks, so that neither keeps the other out. A waiter holds nothing; freed permits go
//! to the waiting tenants in turn.

use kernel::TenantId;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How much may be under way at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// In all.
    pub(crate) all: usize,
    /// Of one tenant.
    pub(crate) each_tenant: usize,
    /// Of one tenant to one counterpart: a host, a channel account.
    pub(crate) each_key: usize,
    /// How much of one tenant may wait; the rest is left to its tasks.
    pub(crate) waiting: usize,
    /// How much of one tenant may wait for one counterpart, so that what is for others finds room.
    pub(crate) waiting_each_key: usize,
}

/// Who wants a permit.
#[derive(Clone, Copy)]
enum Origin {
    /// A due task.
    Due,
    /// Work right after a commit.
    Fresh,
}

impl Origin {
    /// The part of a limit that it may use.
    const fn part(self, limit: usize) -> usize {
        match self {
            Origin::Due => limit,
            Origin::Fresh => limit - limit / 4,
        }
    }
}

/// A supply of permits.
pub(crate) struct Bulkhead {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_use: usize,
    tenants: BTreeMap<TenantId, Tenant>,
    /// Tenants with waiters; the first has the next turn.
    turn: VecDeque<TenantId>,
}

/// What a tenant has and waits for. One that has neither is forgotten.
#[derive(Default)]
struct Tenant {
    in_use: usize,
    keys: HashMap<Arc<str>, usize>,
    places: usize,
    waiters: VecDeque<Waiter>,
}

struct Waiter {
    key: Arc<str>,
    granted: oneshot::Sender<Permit>,
}

/// A permit; dropping it gives it back.
pub(crate) struct Permit {
    bulkhead: Arc<Bulkhead>,
    tenant: TenantId,
    key: Arc<str>,
}

/// A place in a tenant's waiting room; dropping it leaves the room.
pub(crate) struct Place {
    bulkhead: Arc<Bulkhead>,
    tenant: TenantId,
}

/// How much is under way and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Occupancy {
    pub(crate) in_use: usize,
    pub(crate) waiting: usize,
}

impl Bulkhead {
    pub(crate) fn new(limits: Limits) -> Arc<Bulkhead> {
        Arc::new(Bulkhead { limits, state: Mutex::default() })
    }

    pub(crate) const fn limits(&self) -> Limits {
        self.limits
    }

    /// A permit for a due task, if one is free.
    pub(crate) fn try_acquire(
        self: &Arc<Self>,
        tenant: &TenantId,
        key: &Arc<str>,
    ) -> Option<Permit> {
        self.state().take(self, Origin::Due, tenant, key)
    }

    /// A place in the tenant's waiting room; `None` when that is full.
    pub(crate) fn enter(self: &Arc<Self>, tenant: &TenantId) -> Option<Place> {
        let mut state = self.state();
        let own = state.tenants.entry(tenant.clone()).or_default();
        if own.places >= self.limits.waiting {
            return None;
        }
        own.places += 1;
        Some(Place { bulkhead: self.clone(), tenant: tenant.clone() })
    }

    /// Permits that due tasks can have.
    pub(crate) fn free(&self) -> usize {
        self.limits.all.saturating_sub(self.state().in_use)
    }

    /// How many more due tasks a tenant can begin, for those that have some under way. A tenant that has
    /// used up most of its share counts as having used it up, so that its tasks are claimed in chunks.
    pub(crate) fn left(&self) -> BTreeMap<TenantId, u32> {
        let chunk = self.limits.each_tenant.div_ceil(4);
        let left = |own: &Tenant| match self.limits.each_tenant.saturating_sub(own.in_use) {
            left if left >= chunk => u32::try_from(left).unwrap_or(u32::MAX),
            _ => 0,
        };
        let state = self.state();
        let busy = state.tenants.iter().filter(|(_, own)| own.in_use > 0);
        busy.map(|(tenant, own)| (tenant.clone(), left(own))).collect()
    }

    pub(crate) fn occupancy(&self) -> Occupancy {
        let state = self.state();
        let waiting = state.tenants.values().map(|own| own.waiters.len()).sum();
        Occupancy { in_use: state.in_use, waiting }
    }

    /// The state is changed in steps that cannot fail, so a poisoned lock guards a whole one.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(self: &Arc<Self>, tenant: &TenantId, key: &Arc<str>) {
        let granted = {
            let mut state = self.state();
            state.give_back(tenant, key);
            state.grant(self)
        };
        for (waiter, permit) in granted {
            // One that has just stopped waiting gives its permit back by dropping it.
            drop(waiter.send(permit));
        }
    }
}

impl State {
    /// Takes a permit, if the limits allow it.
    fn take(
        &mut self,
        bulkhead: &Arc<Bulkhead>,
        origin: Origin,
        tenant: &TenantId,
        key: &Arc<str>,
    ) -> Option<Permit> {
        let limits = bulkhead.limits;
        let of_tenant = self.tenants.get(tenant);
        let of_key = of_tenant.and_then(|own| own.keys.get(key)).copied().unwrap_or_default();
        let fits = self.in_use < origin.part(limits.all)
            && of_tenant.map_or(0, |own| own.in_use) < origin.part(limits.each_tenant)
            && of_key < limits.each_key;
        if !fits {
            return None;
        }
        self.in_use += 1;
        let own = self.tenants.entry(tenant.clone()).or_default();
        own.in_use += 1;
        own.keys.insert(key.clone(), of_key + 1);
        Some(Permit { bulkhead: bulkhead.clone(), tenant: tenant.clone(), key: key.clone() })
    }

    fn give_back(&mut self, tenant: &TenantId, key: &Arc<str>) {
        self.in_use = self.in_use.saturating_sub(1);
        let Some(own) = self.tenants.get_mut(tenant) else { return };
        own.in_use = own.in_use.saturating_sub(1);
        match own.keys.get_mut(key) {
            Some(in_use) if *in_use > 1 => *in_use -= 1,
            Some(_) | None => drop(own.keys.remove(key)),
        }
        self.forget_idle(tenant);
    }

    /// Forgets a tenant that has nothing: counterparts are without number, and memory is not.
    fn forget_idle(&mut self, tenant: &TenantId) {
        let is_idle = |own: &Tenant| own.in_use == 0 && own.places == 0 && own.waiters.is_empty();
        if self.tenants.get(tenant).is_some_and(is_idle) {
            self.tenants.remove(tenant);
        }
    }

    /// Takes permits for waiters, a tenant after the other, until none fits any more.
    fn grant(&mut self, bulkhead: &Arc<Bulkhead>) -> Vec<(oneshot::Sender<Permit>, Permit)> {
        let mut granted = vec![];
        let mut passed = 0;
        while passed < self.turn.len()
            && let Some(tenant) = self.turn.pop_front()
        {
            passed += 1;
            if let Some(grant) = self.grant_one(bulkhead, &tenant) {
                granted.push(grant);
                passed = 0;
            }
            if self.tenants.get(&tenant).is_some_and(|own| !own.waiters.is_empty()) {
                self.turn.push_back(tenant);
            }
        }
        granted
    }

    /// A permit for the first waiter of a tenant for whom there is one.
    fn grant_one(
        &mut self,
        bulkhead: &Arc<Bulkhead>,
        tenant: &TenantId,
    ) -> Option<(oneshot::Sender<Permit>, Permit)> {
        let waiters = self.tenants.get(tenant)?.waiters.len();
        for at in 0..waiters {
            let key = self.tenants.get(tenant)?.waiters.get(at)?.key.clone();
            if let Some(permit) = self.take(bulkhead, Origin::Fresh, tenant, &key) {
                let waiter = self.tenants.get_mut(tenant)?.waiters.remove(at)?;
                return Some((waiter.granted, permit));
            }
        }
        None
    }
}

impl Place {
    /// Waits for a permit for a counterpart; `None` when there is none in time, or too many of the
    /// tenant's wait for the same.
    pub(crate) async fn permit(self, key: &Arc<str>, patience: Duration) -> Option<Permit> {
        let granted = match self.begin_waiting(key) {
            Entry::Permit(permit) => return Some(permit),
            Entry::Crowded => return None,
            Entry::Waiting(granted) => granted,
        };
        tokio::time::timeout(patience, granted).await.ok()?.ok()
    }

    fn begin_waiting(&self, key: &Arc<str>) -> Entry {
        let mut state = self.bulkhead.state();
        if let Some(permit) = state.take(&self.bulkhead, Origin::Fresh, &self.tenant, key) {
            return Entry::Permit(permit);
        }
        let own = state.tenants.entry(self.tenant.clone()).or_default();
        let for_key = own.waiters.iter().filter(|waiter| waiter.key == *key).count();
        if for_key >= self.bulkhead.limits.waiting_each_key {
            return Entry::Crowded;
        }
        let (granted, receiver) = oneshot::channel();
        let is_first = own.waiters.is_empty();
        own.waiters.push_back(Waiter { key: key.clone(), granted });
        if is_first && !state.turn.contains(&self.tenant) {
            state.turn.push_back(self.tenant.clone());
        }
        Entry::Waiting(receiver)
    }
}

/// What a place in the waiting room leads to.
enum Entry {
    Permit(Permit),
    Waiting(oneshot::Receiver<Permit>),
    Crowded,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.bulkhead.state();
        if let Some(own) = state.tenants.get_mut(&self.tenant) {
            own.places = own.places.saturating_sub(1);
            own.waiters.retain(|waiter| !waiter.granted.is_closed());
        }
        state.forget_idle(&self.tenant);
    }
}

impl Permit {
    /// Whether it is for this counterpart of the tenant.
    pub(crate) fn is_for(&self, tenant: &TenantId, key: &str) -> bool {
        self.tenant == *tenant && *self.key == *key
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.bulkhead.give_back(&self.tenant, &self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    const SOON: Duration = Duration::from_secs(15);

    fn bulkhead(all: usize, each_tenant: usize, each_key: usize, waiting: usize) -> Arc<Bulkhead> {
        let waiting_each_key = waiting.div_ceil(4);
        Bulkhead::new(Limits { all, each_tenant, each_key, waiting, waiting_each_key })
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name)
    }

    fn key(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    /// Takes this number of permits for a key.
    fn fill(bulkhead: &Arc<Bulkhead>, of: &str, name: &str, count: usize) -> Vec<Permit> {
        let take = |_| bulkhead.try_acquire(&tenant(of), &key(name)).expect("one is free");
        (0..count).map(take).collect()
    }

    /// Whether a future has come to its end.
    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    async fn wait(bulkhead: &Arc<Bulkhead>, of: &str, name: &str) -> Option<Permit> {
        bulkhead.enter(&tenant(of))?.permit(&key(name), SOON).await
    }

    #[tokio::test]
    async fn a_tenant_and_each_of_its_hosts_have_a_share() {
        let bulkhead = bulkhead(8, 4, 2, 8);
        let dead = fill(&bulkhead, "a", "dead", 2);
        let of = |name: &str, host: &str| bulkhead.try_acquire(&tenant(name), &key(host));
        assert!(of("a", "dead").is_none(), "the host's share is used up");
        let other = fill(&bulkhead, "a", "other", 2);
        assert!(of("a", "third").is_none(), "the tenant's share is used up");
        assert!(of("b", "dead").is_some(), "a host is another tenant's, too");
        assert_eq!(bulkhead.left(), BTreeMap::from([(tenant("a"), 0)]));
        drop(dead);
        assert_eq!(bulkhead.left(), BTreeMap::from([(tenant("a"), 2)]));
        assert!(of("a", "third").is_some());
        drop(other);
        assert!(bulkhead.state().tenants.is_empty(), "idle tenants are forgotten");
    }

    #[tokio::test]
    async fn each_tenant_has_a_waiting_room_of_its_own() {
        let bulkhead = bulkhead(4, 4, 4, 2);
        let held = fill(&bulkhead, "a", "host", 4);
        let mut first = pin!(wait(&bulkhead, "a", "host"));
        let mut second = pin!(wait(&bulkhead, "a", "other"));
        assert!(poll(first.as_mut()).is_none() && poll(second.as_mut()).is_none());
        assert!(bulkhead.enter(&tenant("a")).is_none(), "the room is full");
        let mut stranger = pin!(wait(&bulkhead, "b", "host"));
        assert!(poll(stranger.as_mut()).is_none(), "another tenant's has room");
        assert_eq!(bulkhead.occupancy(), Occupancy { in_use: 4, waiting: 3 });
        drop(held);
        assert!(poll(first).is_some() && poll(stranger).is_some() && poll(second).is_some());
    }

    #[tokio::test]
    async fn a_dead_host_leaves_room_for_the_others_of_its_tenant() {
        let bulkhead = bulkhead(16, 8, 1, 4);
        let _held = fill(&bulkhead, "a", "dead", 1);
        let mut waiting = pin!(wait(&bulkhead, "a", "dead"));
        assert!(poll(waiting.as_mut()).is_none());
        assert!(wait(&bulkhead, "a", "dead").await.is_none(), "refused at once");
        assert!(wait(&bulkhead, "a", "healthy").await.is_some());
    }

    #[tokio::test]
    async fn tenants_get_freed_permits_in_turn() {
        let bulkhead = bulkhead(4, 4, 4, 8);
        let mut held = fill(&bulkhead, "c", "host", 4);
        let mut a1 = pin!(wait(&bulkhead, "a", "host"));
        let mut a2 = pin!(wait(&bulkhead, "a", "host"));
        let mut b1 = pin!(wait(&bulkhead, "b", "host"));
        for waiting in [a1.as_mut(), a2.as_mut(), b1.as_mut()] {
            assert!(poll(waiting).is_none());
        }
        held.truncate(2);
        let of_a = poll(a1);
        assert!(of_a.is_some(), "three of four may be used by work that has just begun");
        assert!(poll(a2.as_mut()).is_none());
        held.pop();
        assert!(poll(b1).is_some(), "it is the other tenant's turn");
    }

    #[tokio::test]
    async fn due_tasks_find_room_beside_work_that_waits() {
        let bulkhead = bulkhead(4, 4, 4, 8);
        let fresh = [
            wait(&bulkhead, "a", "host").await,
            wait(&bulkhead, "b", "host").await,
            wait(&bulkhead, "c", "host").await,
        ];
        assert!(fresh.iter().all(Option::is_some));
        let mut waiting = pin!(wait(&bulkhead, "d", "host"));
        assert!(poll(waiting.as_mut()).is_none(), "the last permit is not for it");
        let due = bulkhead.try_acquire(&tenant("e"), &key("host"));
        assert!(due.is_some() && bulkhead.free() == 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_that_comes_too_late_is_not_lost() {
        let bulkhead = bulkhead(1, 1, 1, 8);
        let held = fill(&bulkhead, "a", "host", 1);
        assert!(wait(&bulkhead, "a", "host").await.is_none(), "not within its patience");
        assert_eq!(bulkhead.occupancy(), Occupancy { in_use: 1, waiting: 0 });
        {
            let mut given_up = pin!(wait(&bulkhead, "b", "host"));
            assert!(poll(given_up.as_mut()).is_none());
            drop(held);
        }
        assert_eq!(bulkhead.occupancy(), Occupancy { in_use: 0, waiting: 0 });
        assert!(bulkhead.state().tenants.is_empty());
    }
}
