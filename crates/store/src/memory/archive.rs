//! Archiving from the model.

use super::{EventKey, State};
use crate::{Archival, ArchivedEvents, Archives, CommitFault, StoriesWithEvents};
use kernel::{Aggregate, TenantId};
use ledger::{Id, Subject, SubjectKind, kinds};
use std::collections::BTreeMap;
use std::fmt::Display;

impl State {
    /// Moves out what is archived, or refuses and changes nothing.
    pub(super) fn archive(&mut self, archival: &Archival) -> Result<(), CommitFault> {
        let tenant = &archival.record.tenant;
        let record = (tenant.clone(), archival.record.number);
        if self.archives.contains_key(&record) {
            return Err(stale("archive", archival.record.number));
        }
        let key = |root, id: Id<kinds::Event>| -> EventKey { (tenant.clone(), root, id.value()) };
        for (root, id) in &archival.events {
            if !self.events.contains_key(&key(*root, *id)) {
                return Err(stale("event", id));
            }
        }
        for (id, version) in &archival.notifications {
            let found = self.notifications.get(tenant, id.value()).map(|row| row.version);
            if found != Some(*version) {
                return Err(stale("notification", id));
            }
        }
        for (subject, version) in &archival.kept {
            if self.version(tenant, *subject) != Some(*version) {
                return Err(stale(subject.kind.name(), subject.value));
            }
        }
        for (root, id) in &archival.events {
            self.events.remove(&key(*root, *id));
        }
        for (id, _) in &archival.notifications {
            self.notifications.remove(tenant, id.value());
        }
        let archived = archival.archived.iter().cloned();
        self.archived.extend(archived.map(|events| (tenant.clone(), events)));
        self.archives.insert(record, archival.record.clone());
        Ok(())
    }

    pub(super) fn stories_with_events(&self, of: &StoriesWithEvents) -> Vec<Id<kinds::Root>> {
        let own = self.events.keys().filter(|(tenant, _, _)| *tenant == of.tenant);
        let mut roots: Vec<Id<kinds::Root>> = own
            .map(|(_, root, _)| *root)
            .filter(|root| of.after.is_none_or(|after| *root > after))
            .collect();
        roots.dedup();
        roots.truncate(usize::try_from(of.limit).unwrap_or(usize::MAX));
        roots
    }

    pub(super) fn archives(&self, of: &Archives) -> Vec<crate::ArchiveRecord> {
        let own = self.archives.values().rev().filter(|record| record.tenant == of.tenant);
        own.filter(|record| of.before.is_none_or(|before| record.number < before))
            .take(usize::try_from(of.limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }

    pub(super) fn archived_of(
        &self,
        tenant: &TenantId,
        root: Id<kinds::Root>,
    ) -> Vec<ArchivedEvents> {
        let own =
            self.archived.iter().filter(|(owner, events)| owner == tenant && events.root == root);
        own.map(|(_, events)| events.clone()).collect()
    }

    /// How many events each subject has in the log and in archives.
    pub(super) fn event_counts(&self) -> BTreeMap<(&TenantId, Subject), u64> {
        let logged = self.events.values().map(|event| ((&event.tenant, event.subject), 1));
        let archived = self.archived.iter();
        let archived =
            archived.map(|(tenant, events)| ((tenant, events.subject), events.event_count));
        let mut counts = BTreeMap::new();
        for (key, count) in logged.chain(archived) {
            *counts.entry(key).or_default() += count;
        }
        counts
    }
}

macro_rules! of_any {
    ($($rows:ident: $row:ident,)*) => {
        impl State {
            fn version(&self, tenant: &TenantId, subject: Subject) -> Option<i64> {
                match subject.kind {
                    $(SubjectKind::$row => {
                        self.$rows.get(tenant, subject.value).map(Aggregate::version)
                    })*
                }
            }
        }
    };
}
kernel::aggregates!(of_any);

fn stale(noun: &str, id: impl Display) -> CommitFault {
    CommitFault::Stale(format!("{noun} {id}"))
}
