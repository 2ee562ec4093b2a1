//! The rows of one aggregate in the model.

use super::RowKey;
use crate::rows::{Stored, merged, noun};
use crate::{CommitFault, StoreFault};
use kernel::{Key, NaturalKey, TenantId, Write};
use std::collections::{BTreeMap, BTreeSet};

/// Rows by tenant and id, and ids by natural key.
#[derive(Debug)]
pub(super) struct Rows<A> {
    rows: BTreeMap<RowKey, A>,
    ids: BTreeMap<(TenantId, NaturalKey), i64>,
}

impl<A> Default for Rows<A> {
    fn default() -> Self {
        Rows { rows: BTreeMap::new(), ids: BTreeMap::new() }
    }
}

impl<A: Stored> Rows<A> {
    pub(super) fn get(&self, tenant: &TenantId, id: i64) -> Option<&A> {
        self.rows.get(&(tenant.clone(), id))
    }

    pub(super) fn find(&self, tenant: &TenantId, key: &Key<A::Kind>) -> Option<&A> {
        let id = match key {
            Key::Id(id) => id.value(),
            Key::Number(number) => *self.ids.get(&(tenant.clone(), number.clone()))?,
        };
        self.get(tenant, id)
    }

    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &A> {
        self.rows.values()
    }

    /// A tenant's rows, oldest first.
    pub(super) fn of(&self, tenant: &TenantId) -> impl DoubleEndedIterator<Item = &A> {
        let range = (tenant.clone(), i64::MIN)..=(tenant.clone(), i64::MAX);
        self.rows.range(range).map(|(_, row)| row)
    }

    /// The tenants and ids of the rows with this number, in any namespace.
    pub(super) fn with_number(&self, number: &str) -> impl Iterator<Item = (TenantId, i64)> {
        let found = self.ids.iter().filter(move |((_, key), _)| key.number == number);
        found.map(|((tenant, _), id)| (tenant.clone(), *id))
    }

    pub(super) fn check(&self, writes: &[Write<A>]) -> Result<(), CommitFault> {
        let mut new_keys = BTreeSet::new();
        for Write { row, expected } in writes {
            let stored = self.get(row.tenant(), row.id().value()).map(A::version);
            let is_taken = |key: NaturalKey| {
                let key = (row.tenant().clone(), key);
                self.ids.contains_key(&key) || !new_keys.insert(key)
            };
            let is_taken = expected.is_none() && row.natural_key().is_some_and(is_taken);
            if stored != *expected || is_taken {
                return Err(CommitFault::Stale(format!("{} {}", noun::<A>(), row.id())));
            }
        }
        Ok(())
    }

    /// Takes a row out, as if it had never been.
    pub(super) fn remove(&mut self, tenant: &TenantId, id: i64) {
        let removed = self.rows.remove(&(tenant.clone(), id));
        if let Some(number) = removed.and_then(|row| row.natural_key()) {
            self.ids.remove(&(tenant.clone(), number));
        }
    }

    /// What is written once stays as it was.
    pub(super) fn apply(&mut self, writes: Vec<Write<A>>) -> Result<(), StoreFault> {
        for Write { row, .. } in writes {
            let key = (row.tenant().clone(), row.id().value());
            let row = match self.rows.get(&key) {
                Some(stored) => merged(stored, &row)?,
                None => row,
            };
            if let Some(number) = row.natural_key() {
                self.ids.insert((key.0.clone(), number), key.1);
            }
            self.rows.insert(key, row);
        }
        Ok(())
    }
}
