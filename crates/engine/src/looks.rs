//! Looking at the channel on behalf of a caller who waits for the answer.
//!
//! A caller who asks about an order may not drive calls to the channel: the channel is asked when the
//! order's own schedule has the next look due, however often callers ask. Callers who wait for a call
//! that is under way are woken by the commit that ends it.

use crate::{Engine, Handled};
use kernel::{Aggregate as _, Caller, Command, Order, Task};
use ledger::Subject;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::OneOrder;
use tokio::sync::Notify;

/// How often to read whether a call of another process has ended, which wakes no waiter here.
const READ_EVERY: Duration = Duration::from_secs(1);

/// The rows that callers wait for.
#[derive(Default)]
pub(crate) struct Looks {
    watched: Mutex<HashMap<Subject, Arc<Watched>>>,
}

/// What those who wait for a row share.
#[derive(Default)]
struct Watched {
    /// Held by the one who looks; the others wait and read what came of it.
    looking: tokio::sync::Mutex<()>,
    /// Fires at each commit about the row.
    committed: Notify,
}

impl Looks {
    /// Wakes those who wait for a row, after a commit about it.
    pub(crate) fn committed(&self, subject: Subject) {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = watched.get(&subject) {
            watched.committed.notify_waiters();
        }
    }

    fn watch(&self, subject: Subject) -> Watching<'_> {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = all.entry(subject).or_default().clone();
        Watching { looks: self, subject, watched }
    }
}

/// A waiter for a row, until dropped.
struct Watching<'l> {
    looks: &'l Looks,
    subject: Subject,
    watched: Arc<Watched>,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        let mut all = self.looks.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(entry) = all.entry(self.subject)
            // The map's reference and our own: this was the last waiter.
            && Arc::strong_count(entry.get()) == 2
        {
            entry.remove();
        }
    }
}

impl Engine {
    /// Does now what an order needs next, if that is due, and waits, up to `patience`, for the channel's
    /// answer to be committed, also when the channel was asked by another.
    pub async fn refresh_order(&self, caller: Caller, order: &Order, patience: Duration) {
        let watching = self.looks.watch(order.id().subject());
        let looked = tokio::time::timeout(patience, self.look(&watching.watched, caller, order));
        if looked.await.is_err() {
            tracing::debug!(order = %order.terms.id, "the channel has not answered yet");
        }
    }

    async fn look(&self, watched: &Watched, caller: Caller, order: &Order) {
        let _looking = watched.looking.lock().await;
        let Some(order) = self.until_free(watched, order).await else { return };
        if !order.standing().is_due(self.now()) {
            return;
        }
        let run = Command::RunTask(Task::of(&order));
        match self.handle(caller, run).await {
            Ok(Handled { completion: Some(completion), .. }) => {
                let _ = completion.await;
            }
            // The order's task was faster and has the order to itself: its call is waited for.
            Ok(Handled { completion: None, .. }) => {
                let _free = self.until_free(watched, &order).await;
            }
            Err(failure) => tracing::debug!(%failure, order = %order.id(), "not looked at"),
        }
    }

    /// The order once no call has it to itself; `None` when it is final, or cannot be read.
    async fn until_free(&self, watched: &Watched, order: &Order) -> Option<Order> {
        loop {
            let committed = watched.committed.notified();
            let key = order.terms.id.into();
            let one = OneOrder { tenant: order.terms.tenant.clone(), key };
            let order = *self.ask(one).await.ok()??;
            if order.state.is_final() {
                return None;
            }
            if !order.is_in_flight(self.now()) {
                return Some(order);
            }
            // Woken or not, the row is read again.
            let _ = tokio::time::timeout(READ_EVERY, committed).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::SubjectKind;

    #[tokio::test]
    async fn a_commit_wakes_those_who_wait_and_nothing_is_kept() {
        let looks = Looks::default();
        let [subject, other] = [1, 2].map(|value| Subject { kind: SubjectKind::Order, value });
        let (first, second) = (looks.watch(subject), looks.watch(subject));
        let elsewhere = looks.watch(other);
        let woken = [first.watched.committed.notified(), second.watched.committed.notified()];
        let asleep = elsewhere.watched.committed.notified();
        looks.committed(subject);
        for woken in woken {
            woken.await;
        }
        let early = tokio::time::timeout(Duration::from_millis(1), asleep).await;
        assert!(early.is_err(), "another row's commit wakes no waiter of this row");
        drop((first, second, elsewhere));
        assert!(looks.watched.lock().expect("whole").is_empty());
    }
}
