//! The same random history, played to two stores.

use super::fixture::{
    StoreFixture, attempt, close, notifications_of, paid, payable, place, says, says_of_refund,
    tenant,
};
use crate::{Batch, Lease, Promise, Store};
use channel::{Finding, PlatformKey, RefundStatus, Refunded};
use kernel::{Caller, Command, Delivery, Notification, Order, Refund, Task};
use ledger::Timestamp;
use std::mem::discriminant;
use std::sync::Arc;

/// Steps between two comparisons of everything readable.
const COMPARE_EVERY: u32 = 60;

/// Plays `steps` steps of the random history of `seed` to both stores, which must be fresh and
/// migrated, and panics where they differ.
pub fn differ<'a>(
    one: &'a dyn Store,
    other: &'a dyn Store,
    seed: u64,
    steps: u32,
) -> Promise<'a, ()> {
    Box::pin(async move {
        let mut play = Play::new(one, other, seed);
        for step in 1..=steps {
            play.step().await;
            if step % COMPARE_EVERY == 0 || step == steps {
                play.compare().await;
            }
        }
    })
}

/// Chance from a seed (SplitMix64): the same seed gives the same history everywhere.
struct SeededRng(u64);

impl SeededRng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn index(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.below(len.max(1))).unwrap_or(0)
    }

    /// One of the newest, so that histories grow deep as well as wide.
    fn recent<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let newest = &all[all.len().saturating_sub(8)..];
        newest.get(self.index(newest.len()))
    }
}

struct Play<'a> {
    fixture: StoreFixture<'a>,
    other: &'a dyn Store,
    rng: SeededRng,
    orders: Vec<Order>,
    refunds: Vec<Refund>,
    notifications: Vec<Notification>,
    last: Vec<Batch>,
}

impl<'a> Play<'a> {
    fn new(one: &'a dyn Store, other: &'a dyn Store, seed: u64) -> Play<'a> {
        let (orders, refunds, notifications, last) = (vec![], vec![], vec![], vec![]);
        let (fixture, rng) = (StoreFixture::new(one), SeededRng(seed));
        Play { fixture, other, rng, orders, refunds, notifications, last }
    }

    async fn step(&mut self) {
        let waits_ms = [0, 1, 900, 20_000, 31_000, 400_000, 1_900_000];
        let wait_ms = waits_ms[self.rng.index(waits_ms.len())];
        self.fixture.wait_ms(wait_ms);
        self.fixture.caller = self.caller();
        let mut commands: Vec<Command> = vec![];
        for _ in 0..=self.rng.below(5) {
            commands.extend(self.command().await);
        }
        let (batches, _) = self.fixture.prepare(&commands).await;
        self.commit(batches.clone()).await;
        if self.rng.below(6) == 0 {
            let stale = std::mem::take(&mut self.last);
            self.commit(stale).await;
        }
        self.last = batches;
    }

    /// Commits to both stores; what they say must be of one kind.
    async fn commit(&mut self, batches: Vec<Batch>) {
        let one = self.fixture.store.commit(batches.clone()).await;
        let other = self.other.commit(batches.clone()).await;
        assert_eq!(one.len(), batches.len());
        let kinds = |outcomes: &[Result<(), crate::CommitFault>]| {
            outcomes.iter().map(|o| o.as_ref().map_err(discriminant).copied()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&one), kinds(&other), "{one:?} and {other:?}");
        for (batch, _) in batches.iter().zip(&one).filter(|(_, outcome)| outcome.is_ok()) {
            self.note(batch);
        }
    }

    fn note(&mut self, batch: &Batch) {
        let orders = batch.orders.iter().filter(|write| write.expected.is_none());
        self.orders.extend(orders.map(|write| write.row.clone()));
        let refunds = batch.refunds.iter().filter(|write| write.expected.is_none());
        self.refunds.extend(refunds.map(|write| write.row.clone()));
        let ids: Vec<_> = notifications_of(batch).collect();
        let notifications = batch.notifications.iter().filter(|write| ids.contains(&write.row.id));
        self.notifications.extend(notifications.map(|write| write.row.clone()));
    }

    fn caller(&mut self) -> Caller {
        match self.rng.below(4) {
            0 => Caller::Business(Arc::from("key:with:colons")),
            1 => Caller::Channel(Arc::from("wxpay")),
            2 => Caller::Operator(Arc::from("李")),
            _ => Caller::Clock,
        }
    }

    async fn command(&mut self) -> Vec<Command> {
        match self.rng.below(12) {
            0..=2 => {
                let (tenant, number) = (tenant(self.rng.index(3)), self.rng.below(60));
                vec![place(&tenant, &format!("N{number}"))]
            }
            3..=6 => self.finding().into_iter().collect(),
            7 => self.rng.recent(&self.orders).map(close).into_iter().collect(),
            8 => self.run_task().await,
            9 => self.refunding().into_iter().collect(),
            10 => self.delivery().into_iter().collect(),
            _ => vec![self.keys()],
        }
    }

    fn finding(&mut self) -> Option<Command> {
        let order = self.rng.recent(&self.orders)?.clone();
        let text = || "原因".to_owned();
        let code = || "SYSTEM_ERROR".to_owned();
        let finding = match self.rng.below(14) {
            0..=2 => payable(&order),
            3..=5 => paid(&order, ["wx1", "wx2"][self.rng.index(2)]),
            6 => Finding::Pending,
            7 => Finding::Closed,
            8 => Finding::NotFound,
            9 => Finding::Unknown { why: text() },
            10 => Finding::Failed { code: code(), text: text() },
            11 => Finding::Refused { code: code(), text: text() },
            12 => Finding::Mismatch { why: text() },
            _ => Finding::Ask { code: code() },
        };
        let operations = [
            None,
            Some(channel::Operation::Place),
            Some(channel::Operation::Query),
            Some(channel::Operation::Close),
        ];
        let asked = operations[self.rng.index(operations.len())];
        Some(says(&order, finding, asked))
    }

    fn refunding(&mut self) -> Option<Command> {
        let refund = self.rng.recent(&self.refunds)?.clone();
        let states = [RefundStatus::Processing, RefundStatus::Done, RefundStatus::Closed];
        let finding = match self.rng.below(4) {
            0 => Finding::Later { code: "BUSY".to_owned(), text: String::new() },
            _ => Finding::Refund(Refunded {
                channel_refund_no: refund.channel_refund_no(),
                refund_reference: "wxr".to_owned(),
                amount: refund.amount,
                status: states[self.rng.index(states.len())],
                at: Some(Timestamp::from_ms(7)),
            }),
        };
        Some(says_of_refund(&refund, finding))
    }

    fn delivery(&mut self) -> Option<Command> {
        let notification = self.rng.recent(&self.notifications)?.clone();
        let delivery = match self.rng.below(4) {
            0 => Delivery::Acknowledged { status: 200 },
            1 => Delivery::Rejected { status: 404, excerpt: "没有".to_owned() },
            2 => Delivery::NoAnswer { why: "refused".to_owned() },
            _ => {
                let (tenant, notification) = (notification.tenant, notification.id);
                return Some(Command::ReplayNotification { tenant, notification });
            }
        };
        Some(attempt(&notification, self.fixture.now(), delivery))
    }

    fn keys(&mut self) -> Command {
        let key = PlatformKey {
            serial: format!("S{}", self.rng.below(3)),
            pem: format!("pem {}", self.rng.below(1000)),
            valid_from: self.fixture.now(),
            valid_until: self.fixture.now().plus_ms(1),
        };
        let tenant = tenant(self.rng.index(3));
        Command::StoreKeys { tenant, channel_account: Arc::from("wx"), keys: vec![key] }
    }

    /// Claims from both and attends to some of it.
    async fn run_task(&mut self) -> Vec<Command> {
        let now = self.fixture.now();
        let lease = Lease { now, until: now.plus_ms(30_000), limit: 1000 };
        let mut one = self.fixture.store.claim(lease).await.expect("the store claims");
        let mut other = self.other.claim(lease).await.expect("the store claims");
        one.sort();
        other.sort();
        assert_eq!(one, other, "claimed");
        one.retain(|_: &Task| self.rng.below(3) > 0);
        one.into_iter().map(Command::RunTask).collect()
    }

    async fn compare(&self) {
        let one = self.fixture.everything().await;
        let mut other = StoreFixture::new(self.other);
        other.stamp = self.fixture.stamp.clone();
        let other = other.everything().await;
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other);
        }
        assert_eq!(one.len(), other.len());
        assert_eq!(self.fixture.audit().await.faults, Vec::<String>::new());
    }
}
