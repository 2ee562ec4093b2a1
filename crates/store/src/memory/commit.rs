//! Committing to the model.

use super::{EventKey, State, Waiting};
use crate::audit::Sums;
use crate::rows::claimed_name;
use crate::{Batch, CommitFault};
use kernel::{Aggregate, Event};
use ledger::{BookFault, SubjectKind};
use std::collections::BTreeSet;

/// Names that are unique in the installation, by kind.
type Names = BTreeSet<(&'static str, String)>;

macro_rules! rows {
    ($($rows:ident: $row:ident,)*) => {
        impl State {
            /// Commits a batch whole, or refuses it and changes nothing.
            pub(super) fn commit(&mut self, batch: Batch) -> Result<(), CommitFault> {
                $(self.$rows.check(&batch.changed.$rows)?;)*
                for (subject, version) in &batch.rests_on {
                    let stored = match subject.kind {
                        $(SubjectKind::$row => {
                            self.$rows.get(&batch.tenant, subject.value).map(Aggregate::version)
                        })*
                    };
                    if stored != Some(*version) {
                        return Err(CommitFault::Stale(subject.to_string()));
                    }
                }
                let names = self.names_claimed(&batch)?;
                self.check_appended(&batch)?;
                let balances = self.balances_after(&batch)?;
                $(self.$rows.apply(batch.changed.$rows)?;)*
                self.names.extend(names);
                self.balances.extend(balances);
                self.append(batch.tenant, batch.events, batch.transfers);
                for change in batch.tasks {
                    match change.due {
                        Some(due) => self.tasks.insert(change.task, Waiting::wanted(due)),
                        None => self.tasks.remove(&change.task),
                    };
                }
                Ok(())
            }
        }
    };
}
kernel::aggregates!(rows);

impl State {
    fn names_claimed(&self, batch: &Batch) -> Result<Names, CommitFault> {
        let mut names = Names::new();
        for claimed in claimed_name::claimed(&batch.changed) {
            let key = (claimed.kind, claimed.name.to_owned());
            if self.names.contains(&key) || !names.insert(key) {
                return Err(stale(claimed.kind, claimed.name));
            }
        }
        Ok(names)
    }

    fn check_appended(&self, batch: &Batch) -> Result<(), CommitFault> {
        let mut ids = BTreeSet::new();
        for event in &batch.events {
            if self.events.contains_key(&event_key(event)) || !ids.insert(event_key(event)) {
                return Err(stale("event", event.id));
            }
        }
        let mut ids = BTreeSet::new();
        for transfer in &batch.transfers {
            let key = (batch.tenant.clone(), transfer.id.value());
            if self.transfers.contains_key(&key) || !ids.insert(transfer.id) {
                return Err(stale("transfer", transfer.id));
            }
        }
        Ok(())
    }

    fn balances_after(&self, batch: &Batch) -> Result<Sums, CommitFault> {
        let mut balances = Sums::new();
        for (account, delta) in &batch.deltas {
            let key = (batch.tenant.clone(), account.clone());
            let before = self.balances.get(&key).copied().unwrap_or_default();
            let after = before.after(account, *delta).map_err(refused)?;
            balances.insert(key, after);
        }
        for (account, wanted) in &batch.balances {
            let key = (batch.tenant.clone(), account.clone());
            let after = balances.get(&key).or(self.balances.get(&key)).copied();
            if after.unwrap_or_default() != *wanted {
                return Err(stale("balance", account.key()));
            }
        }
        Ok(balances)
    }

    fn append(
        &mut self,
        tenant: kernel::TenantId,
        events: Vec<Event>,
        transfers: Vec<ledger::Transfer>,
    ) {
        self.events.extend(events.into_iter().map(|event| (event_key(&event), event)));
        for transfer in transfers {
            self.transfers.insert((tenant.clone(), transfer.id.value()), transfer);
        }
    }
}

fn event_key(event: &Event) -> EventKey {
    (event.tenant.clone(), event.root, event.id.value())
}

fn stale(noun: &str, id: impl std::fmt::Display) -> CommitFault {
    CommitFault::Stale(format!("{noun} {id}"))
}

/// A refusal of the book, as the fault of a commit.
fn refused(fault: BookFault) -> CommitFault {
    match &fault {
        BookFault::Floor { account, .. } | BookFault::NotHeld { account, .. } => {
            CommitFault::Floor(account.clone())
        }
        // Decided again one by one, the command that asks for too much fails alone.
        BookFault::NotPositive(_) | BookFault::SameAccount(_) | BookFault::Money(_) => {
            CommitFault::Stale(format!("balance: {fault}"))
        }
    }
}
