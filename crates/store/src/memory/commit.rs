//! Committing to the model.

use super::{State, Waiting};
use crate::audit::Sums;
use crate::rows;
use crate::{AttemptRow, Batch, CommitFault, StoreFault, Write};
use kernel::{Event, Notification, Order, Refund};
use ledger::BookFault;
use std::collections::BTreeSet;

impl State {
    /// Commits a batch whole, or says why not and changes nothing.
    pub(super) fn commit(&mut self, batch: Batch) -> Result<(), CommitFault> {
        self.check_rows(&batch)?;
        self.check_appended(&batch)?;
        let balances = self.balances_after(&batch)?;
        self.apply_appended(&batch)?;
        self.balances.extend(balances);
        self.apply_rows(batch);
        Ok(())
    }

    fn check_rows(&self, batch: &Batch) -> Result<(), CommitFault> {
        let mut new_numbers = BTreeSet::new();
        for Write { row, expected } in &batch.orders {
            let key = (row.terms.tenant.clone(), row.terms.id.value());
            let stored = self.orders.get(&key).map(|order| order.version);
            let number = (row.terms.tenant.clone(), row.terms.merchant_order_no.clone());
            let taken = expected.is_none()
                && (self.order_ids.contains_key(&number) || !new_numbers.insert(number));
            if stored != *expected || taken {
                return Err(stale("order", row.terms.id));
            }
        }
        for Write { row, expected } in &batch.refunds {
            let stored = self.refunds.get(&(row.tenant.clone(), row.id.value()));
            if stored.map(|refund| refund.version) != *expected {
                return Err(stale("refund", row.id));
            }
        }
        for Write { row, expected } in &batch.notifications {
            let stored = self.notifications.get(&(row.tenant.clone(), row.id.value()));
            if stored.map(|notification| notification.version) != *expected {
                return Err(stale("notification", row.id));
            }
        }
        Ok(())
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
        for new in rows::notification::attempts(batch)? {
            let key = (batch.tenant.clone(), new.notification.value(), new.attempt_no);
            if self.attempts.contains_key(&key) {
                return Err(stale("attempt of notification", new.notification));
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
        Ok(balances)
    }

    fn apply_appended(&mut self, batch: &Batch) -> Result<(), StoreFault> {
        for new in rows::notification::attempts(batch)? {
            let (attempt_no, attempt, state) = (new.attempt_no, new.attempt.clone(), new.state);
            let key = (batch.tenant.clone(), new.notification.value(), attempt_no);
            self.attempts.insert(key, AttemptRow { attempt_no, attempt, state });
        }
        for (stored_by, account, key) in rows::key::kept(batch) {
            let name = (batch.tenant.clone(), account.clone(), key.serial.clone());
            self.keys.insert(name, (stored_by, key.clone()));
        }
        Ok(())
    }

    fn apply_rows(&mut self, batch: Batch) {
        for write in batch.orders {
            self.put_order(write.row);
        }
        for write in batch.refunds {
            self.put_refund(write.row);
        }
        for write in batch.notifications {
            self.put_notification(write.row);
        }
        self.events.extend(batch.events.into_iter().map(|event| (event_key(&event), event)));
        for transfer in batch.transfers {
            self.transfers.insert((batch.tenant.clone(), transfer.id.value()), transfer);
        }
        for change in batch.tasks {
            match change.due {
                Some(due) => self.tasks.insert(change.task, Waiting { due, leased_until: None }),
                None => self.tasks.remove(&change.task),
            };
        }
    }

    /// What was agreed stays as it was.
    fn put_order(&mut self, mut order: Order) {
        let key = (order.terms.tenant.clone(), order.terms.id.value());
        match self.orders.get(&key) {
            Some(stored) => order.terms = stored.terms.clone(),
            None => {
                let number = (key.0.clone(), order.terms.merchant_order_no.clone());
                self.order_ids.insert(number, key.1);
            }
        }
        self.orders.insert(key, order);
    }

    fn put_refund(&mut self, mut refund: Refund) {
        let key = (refund.tenant.clone(), refund.id.value());
        if let Some(stored) = self.refunds.remove(&key) {
            let Refund { version, state, polls, .. } = refund;
            refund = Refund { version, state, polls, ..stored };
        }
        self.refunds.insert(key, refund);
    }

    fn put_notification(&mut self, mut notification: Notification) {
        let key = (notification.tenant.clone(), notification.id.value());
        if let Some(stored) = self.notifications.remove(&key) {
            let Notification { version, state, attempts, step, .. } = notification;
            notification = Notification { version, state, attempts, step, ..stored };
        }
        self.notifications.insert(key, notification);
    }
}

fn event_key(event: &Event) -> (kernel::TenantId, Option<ledger::Id<ledger::kinds::Order>>, i64) {
    (event.tenant.clone(), event.order, event.id.value())
}

fn stale(noun: &str, id: impl std::fmt::Display) -> CommitFault {
    CommitFault::Stale(format!("{noun} {id}"))
}

/// What the book says of a balance, as the fault of a commit.
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
