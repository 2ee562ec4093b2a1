//! Claiming due tasks so that every tenant gets its turn, and putting claimed tasks off.
//!
//! A store finds out which tenants have something due, [`Claim::turns`] says in which order and how much
//! of each, and [`Claim::share`] takes of what was found a task of each tenant, then a second of each,
//! and so on.

use kernel::{Lane, TenantId};
use ledger::{Subject, Timestamp};
use std::collections::{BTreeMap, VecDeque};

/// How much later a task is due when there is no room for it, in milliseconds. What was put off is due
/// within this time, so that a look ahead by it finds the whole of a queue.
pub const DEFER_MS: i64 = 15_000;

/// A request for due tasks of a lane, under a lease: until it ends, no other process claims them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which kind of work.
    pub lane: Lane,
    /// Tasks due at or before this instant are claimed.
    pub now: Timestamp,
    /// When the lease ends by itself.
    pub until: Timestamp,
    /// How many tasks are claimed at most.
    pub limit: u32,
    /// How many of one tenant.
    pub each: u32,
    /// Tenants of which less is claimed; nothing where it is zero.
    pub less: BTreeMap<TenantId, u32>,
    /// The tenant whose turn was last; the one after it is first.
    pub after: Option<TenantId>,
}

impl Claim {
    /// The tenants whose turn it is, in order, with how many tasks each gets at most. `tenants` has
    /// something due and is in order.
    pub fn turns(&self, tenants: Vec<TenantId>) -> Vec<(TenantId, u32)> {
        let first = tenants.partition_point(|tenant| Some(tenant) <= self.after.as_ref());
        let mut turn = VecDeque::from(tenants);
        turn.rotate_left(first);
        let of = |tenant: TenantId| {
            let most = self.less.get(&tenant).map_or(self.each, |less| self.each.min(*less));
            (tenant, most.min(self.limit))
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        turn.into_iter().map(of).filter(|(_, most)| *most > 0).take(limit).collect()
    }

    /// Of each tenant's tasks the first, then the second, and so on, as many as may be claimed.
    pub fn share<T>(&self, found: Vec<Vec<T>>) -> Vec<T> {
        let mut left: VecDeque<_> = found.into_iter().map(Vec::into_iter).collect();
        let mut shared = vec![];
        while shared.len() < usize::try_from(self.limit).unwrap_or(usize::MAX)
            && let Some(mut own) = left.pop_front()
        {
            if let Some(next) = own.next() {
                shared.push(next);
                left.push_back(own);
            }
        }
        shared
    }
}

/// A change of a task's row that is not an event of its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskUpdate {
    /// The owner.
    pub tenant: TenantId,
    /// The row whose task it is.
    pub subject: Subject,
    /// What becomes of it.
    pub action: TaskAction,
}

/// What becomes of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskAction {
    /// It is due later, and its lease ends: the room that it needs is taken. Only while the lease under
    /// which it was claimed lasts.
    Defer {
        /// The end of that lease, which names it.
        leased_until: Timestamp,
        /// When it is due instead.
        due: Timestamp,
    },
    /// It is not claimed any more until it is resumed or its row changes: a person must look at it.
    Park {
        /// Why.
        reason: String,
        /// Since when.
        at: Timestamp,
    },
    /// It is due again, if it was parked.
    Resume {
        /// From when on.
        due: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(limit: u32, each: u32, after: Option<&str>) -> Claim {
        let now = Timestamp::default();
        let less = BTreeMap::from([(TenantId::new("busy"), 0), (TenantId::new("c"), 1)]);
        let after = after.map(TenantId::new);
        Claim { lane: Lane::Money, now, until: now, limit, each, less, after }
    }

    fn turns(claim: &Claim) -> Vec<(String, u32)> {
        let tenants = ["a", "b", "busy", "c"].map(TenantId::new).to_vec();
        let turns = claim.turns(tenants).into_iter();
        turns.map(|(tenant, most)| (tenant.as_str().to_owned(), most)).collect()
    }

    #[test]
    fn tenants_get_their_turn_after_the_last_one() {
        let want = |turns: &[(&str, u32)]| -> Vec<(String, u32)> {
            turns.iter().map(|(tenant, most)| ((*tenant).to_owned(), *most)).collect()
        };
        assert_eq!(turns(&claim(9, 3, None)), want(&[("a", 3), ("b", 3), ("c", 1)]));
        assert_eq!(turns(&claim(9, 3, Some("a"))), want(&[("b", 3), ("c", 1), ("a", 3)]));
        assert_eq!(turns(&claim(2, 3, Some("aa"))), want(&[("b", 2), ("c", 1)]));
        assert_eq!(turns(&claim(9, 3, Some("c"))), want(&[("a", 3), ("b", 3), ("c", 1)]));
    }

    #[test]
    fn every_tenant_gets_one_before_any_gets_two() {
        let found = vec![vec![1, 2, 3, 4], vec![10], vec![20, 21]];
        assert_eq!(claim(9, 9, None).share(found.clone()), [1, 10, 20, 2, 21, 3, 4]);
        assert_eq!(claim(5, 9, None).share(found.clone()), [1, 10, 20, 2, 21]);
        assert_eq!(claim(0, 9, None).share(found), [0; 0]);
    }
}
