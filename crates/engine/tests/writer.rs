//! The writer under faults of its store: order, retries and crashes only. The rules themselves are
//! tested in the kernel.

use adapters::clock::SharedClock;
use channel::{Request, Response, Scene};
use crypto::{MasterKeys, Secret};
use engine::{
    ClientIdentity, Clock, DeclaredCallerKey, DeclaredChannelAccount, DeclaredProof, Engine,
    Failure, HttpClient, Mode, Parts, Secrets, SendContext, SendFault, SystemClock,
};
use kernel::{
    Aggregate as _, Caller, Command, DirectoryRefusal, Key, Lane, MerchantCommand, MerchantId,
    NaturalKey, Order, OrderRefusal, OrderRequest, POLL_SCHEDULE_SECONDS, PlaceOrder, Put, Reads,
    Refusal, Reply, Row, Task, TenantCommand, TenantId, View,
};
use ledger::{Fen, Id, kinds};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::memory::Memory;
use store::{
    Archival, AttentionFilter, AttentionList, Batch, Claim, CommitFault, OneOrder, Page, Promise,
    Query, Store, StoreFault, TaskUpdate,
};
use tokio::sync::Notify;

/// What happens to the next commit.
#[derive(Clone, Copy, Debug)]
enum CommitOutcome {
    /// It is refused: a row has changed underneath.
    Stale,
    /// It is refused: another transaction keeps a row locked.
    Locked,
    /// The database breaks before it is stored.
    LostBefore,
    /// The database breaks after it is stored.
    LostAfter,
}

/// The memory model, whose commits have chosen outcomes.
struct UnreliableStore {
    memory: Memory,
    outcomes: Mutex<VecDeque<CommitOutcome>>,
    commits: Mutex<Vec<usize>>,
    /// The tenant whose rows are locked until `unlocked` is notified, if there is one.
    locked: Mutex<Option<TenantId>>,
    unlocked: Notify,
    /// An order whose row is loaded as no order can be: its next event has no number.
    broken: Mutex<Option<Id<kinds::Order>>>,
}

impl UnreliableStore {
    fn new() -> Arc<UnreliableStore> {
        Arc::new(UnreliableStore {
            memory: Memory::new(),
            outcomes: Mutex::default(),
            commits: Mutex::default(),
            locked: Mutex::default(),
            unlocked: Notify::new(),
            broken: Mutex::default(),
        })
    }

    fn lock(&self, tenant: TenantId) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = Some(tenant);
    }

    fn unlock(&self) {
        *self.locked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.unlocked.notify_one();
    }

    fn is_locked(&self, batch: &Batch) -> bool {
        let locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        locked.as_ref() == Some(&batch.tenant)
    }

    /// Commits batches, each whose rows are not locked.
    async fn commit_unlocked(&self, batches: Vec<Batch>) -> Vec<Result<(), CommitFault>> {
        let mut outcomes = vec![];
        for batch in batches {
            match self.is_locked(&batch) {
                true => outcomes.push(Err(CommitFault::Busy("balances".to_owned()))),
                false => outcomes.extend(self.memory.commit(vec![batch]).await),
            }
        }
        outcomes
    }

    /// From now on commits end like this, and only they are counted.
    fn meet(&self, outcomes: impl IntoIterator<Item = CommitOutcome>) {
        *self.outcomes.lock().unwrap_or_else(PoisonError::into_inner) =
            outcomes.into_iter().collect();
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn next(&self) -> Option<CommitOutcome> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// From now on the row of this order, and of no other, is loaded broken.
    fn break_row(&self, order: Option<Id<kinds::Order>>) {
        *self.broken.lock().unwrap_or_else(PoisonError::into_inner) = order;
    }

    /// New orders in each commit that was tried.
    fn commits(&self) -> Vec<usize> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for UnreliableStore {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        let broken = *self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(async move {
            let mut view = self.memory.load(reads).await?;
            let order = broken.and_then(|id| view.orders.get(&tenant(), id).cloned());
            if let Some(order) = order {
                view.orders.load(Order { version: i64::MAX, ..order });
            }
            Ok(view)
        })
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        let new =
            |batch: &Batch| batch.changed.orders.iter().filter(|it| it.expected.is_none()).count();
        let orders = batches.iter().map(new).sum();
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(orders);
        let lost = || CommitFault::Store(StoreFault::Unavailable("gone".to_owned()));
        let outcome = self.next();
        Box::pin(async move {
            let count = batches.len();
            match outcome {
                None => self.commit_unlocked(batches).await,
                Some(CommitOutcome::Locked) => {
                    vec![Err(CommitFault::Busy("balances".to_owned())); count]
                }
                Some(CommitOutcome::Stale) => {
                    vec![Err(CommitFault::Stale("order".to_owned())); count]
                }
                Some(CommitOutcome::LostBefore) => vec![Err(lost()); count],
                Some(CommitOutcome::LostAfter) => {
                    self.memory.commit(batches).await;
                    vec![Err(lost()); count]
                }
            }
        })
    }

    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move {
            if self.is_locked(&batch) {
                self.unlocked.notified().await;
            }
            self.commit(vec![batch]).await.remove(0)
        })
    }

    fn shares(&self) -> usize {
        self.memory.shares()
    }

    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        self.memory.peek(reads)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        self.memory.claim(claim)
    }

    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>> {
        self.memory.update_tasks(updates)
    }

    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>> {
        self.memory.archive(archival)
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        self.memory.search(query)
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        self.memory.migrate()
    }
}

/// No network: nothing can be reached.
struct NoNetwork;

impl HttpClient for NoNetwork {
    fn send<'a>(
        &'a self,
        _: &'a Request,
        _: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(async { Err(SendFault::NotSent("no network".to_owned())) })
    }

    fn send_as<'a>(
        &'a self,
        _: &'a ClientIdentity,
        request: &'a Request,
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>> {
        self.send(request, context)
    }
}

fn tenant() -> TenantId {
    TenantId::new("100001")
}

fn caller() -> Caller {
    Caller::Business(Arc::from("AKID"))
}

/// An engine over a store whose next commits end like this, with a tenant.
async fn engine(
    store: &Arc<UnreliableStore>,
    outcomes: impl IntoIterator<Item = CommitOutcome>,
) -> Arc<Engine> {
    engine_with(store, outcomes, Arc::new(SystemClock::new())).await
}

async fn engine_with(
    store: &Arc<UnreliableStore>,
    outcomes: impl IntoIterator<Item = CommitOutcome>,
    clock: Arc<dyn Clock>,
) -> Arc<Engine> {
    let keys = MasterKeys::read(&MasterKeys::generate()).expect("a master key");
    let parts = Parts {
        store: store.clone(),
        secrets: Secrets::new(keys),
        public_url: "https://pay.example.com".to_owned(),
        channels: vec![&channel_none::NoChannel::Unpaid],
        announcers: HashMap::new(),
        channel_client: Arc::new(NoNetwork),
        notification_client: Arc::new(NoNetwork),
        clock,
        node: 0,
        working_days: Arc::default(),
        mode: Mode::Serve,
    };
    let engine = Engine::start(parts).await.expect("the engine starts");
    declare(&engine, &tenant()).await;
    store.meet(outcomes);
    engine
}

/// Writes a tenant whose one merchant collects through a channel without an outside.
async fn declare(engine: &Engine, tenant: &TenantId) {
    let (put, is_enabled) = (Put::Create, true);
    let account: Arc<str> = Arc::from(format!("main-{tenant}"));
    let name = Arc::from("");
    let tenant_put = TenantCommand::Put { tenant: tenant.clone(), name, is_enabled, put };
    let declared = DeclaredChannelAccount {
        tenant: tenant.clone(),
        name: account.clone(),
        channel: Arc::from("none"),
        settings: channel::Settings::new(),
        is_enabled,
        put,
    };
    let declared = engine.put_channel_account(declared, None).expect("an account");
    let merchant = MerchantCommand::Put {
        tenant: tenant.clone(),
        merchant: MerchantId::new("CM1"),
        name: Arc::from(""),
        channel_accounts: vec![account.clone()],
        sharing: kernel::MerchantSharing::default(),
        is_enabled,
        put,
    };
    for command in [Command::from(tenant_put), declared.into(), merchant.into()] {
        engine.handle(caller(), command).await.expect("the directory is written");
    }
}

fn place(number: &str, fen: i64) -> Command {
    place_for(tenant(), number, fen)
}

fn place_for(tenant: TenantId, number: &str, fen: i64) -> Command {
    let request = OrderRequest {
        merchant: MerchantId::new("CM1"),
        amount: Fen::new(fen),
        scene: Scene::Pc,
        notify_url: None,
        ..test_support::order_request(number)
    };
    PlaceOrder {
        tenant,
        channel: "none".to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: None,
        payment_code: None,
        agreement: None,
    }
    .into()
}

async fn place_and_wait(engine: &Engine, command: Command) -> Result<Reply, Failure> {
    engine.handle_and_wait(caller(), command, Duration::from_secs(10)).await
}

/// The order in a reply.
fn order(reply: &Reply) -> &Order {
    match &reply.row {
        Some(Row::Order(order)) => order,
        other => panic!("{other:?}"),
    }
}

fn state(reply: &Reply) -> &'static str {
    order(reply).state.name()
}

#[tokio::test]
async fn a_channel_without_an_outside_answers_in_the_same_commit() {
    let store = UnreliableStore::new();
    let engine = engine(&store, []).await;
    let reply = place_and_wait(&engine, place("order1", 100)).await.expect("placed");
    assert_eq!(state(&reply), "paying");
    assert_eq!(store.commits(), [1]);
}

#[tokio::test]
async fn stale_rows_are_decided_again() {
    let engine = engine(&UnreliableStore::new(), [CommitOutcome::Stale; 3]).await;
    let reply = place_and_wait(&engine, place("order1", 100)).await.expect("placed in the end");
    assert_eq!(state(&reply), "paying");
}

#[tokio::test]
async fn rows_that_never_settle_are_a_fault_and_not_a_loop() {
    let engine = engine(&UnreliableStore::new(), [CommitOutcome::Stale; 5]).await;
    let failure = place_and_wait(&engine, place("order1", 100)).await.expect_err("given up");
    assert!(matches!(failure, Failure::Store(_)), "{failure:?}");
    let reply = place_and_wait(&engine, place("order1", 100)).await.expect("the writer goes on");
    assert_eq!(state(&reply), "paying");
}

#[tokio::test]
async fn a_lost_commit_is_unknown_and_the_same_number_finds_out() {
    for outcome in [CommitOutcome::LostBefore, CommitOutcome::LostAfter] {
        let engine = engine(&UnreliableStore::new(), [outcome]).await;
        let failure = place_and_wait(&engine, place("order1", 100)).await.expect_err("unknown");
        assert!(matches!(failure, Failure::Store(_)), "{failure:?}");
        let number = "order1".to_owned();
        let namespace = Arc::from(test_support::NAMESPACE);
        let key = Key::Number(NaturalKey { namespace, number });
        let found = engine.ask(OneOrder { tenant: tenant(), key }).await;
        let stored = found.expect("answers").is_some();
        let again = place_and_wait(&engine, place("order1", 100)).await;
        match outcome {
            CommitOutcome::LostAfter => assert!(stored),
            CommitOutcome::LostBefore | CommitOutcome::Stale | CommitOutcome::Locked => {
                assert!(!stored);
            }
        }
        assert_eq!(state(&again.expect("the same number finds out")), "paying");
    }
}

/// A share waits only briefly for a locked row; the writer that works apart tries once more.
#[tokio::test]
async fn a_command_whose_rows_were_locked_for_a_moment_is_committed() {
    let engine = engine(&UnreliableStore::new(), [CommitOutcome::Locked]).await;
    let reply = place_and_wait(&engine, place("order1", 100)).await.expect("placed in the end");
    assert_eq!(state(&reply), "paying");
}

/// A lock is known to have stopped the commit: the outcome is not unknown.
#[tokio::test]
async fn a_command_whose_rows_stay_locked_is_refused_as_busy() {
    let engine = engine(&UnreliableStore::new(), [CommitOutcome::Locked; 2]).await;
    let failure = place_and_wait(&engine, place("order1", 100)).await.expect_err("refused");
    assert_eq!(failure, Failure::Busy);
    for number in ["order1", "order2"] {
        let reply = place_and_wait(&engine, place(number, 100)).await.expect("it goes on");
        assert_eq!(state(&reply), "paying");
    }
}

#[tokio::test]
async fn a_lock_on_one_tenant_stops_that_tenant_alone() {
    let store = UnreliableStore::new();
    let engine = engine(&store, []).await;
    let neighbour = TenantId::new("100002");
    declare(&engine, &neighbour).await;
    store.lock(tenant());
    let first = tokio::spawn({
        let engine = engine.clone();
        async move { place_and_wait(&engine, place("order1", 100)).await }
    });
    for number in 0..50 {
        let command = place_for(neighbour.clone(), &format!("order{number}"), 100);
        let reply = place_and_wait(&engine, command).await.expect("the neighbour goes on");
        assert_eq!(state(&reply), "paying");
    }
    assert!(!first.is_finished(), "its rows are locked");
    store.unlock();
    assert_eq!(state(&first.await.expect("no panic").expect("placed")), "paying");
    let reply = place_and_wait(&engine, place("order2", 100)).await.expect("as before");
    assert_eq!(state(&reply), "paying");
}

#[tokio::test]
async fn a_refused_command_disturbs_no_neighbour() {
    let store = UnreliableStore::new();
    let engine = engine(&store, []).await;
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..200i64 {
        let engine = engine.clone();
        let fen = if number % 3 == 0 { 0 } else { 100 };
        waiting.spawn(async move {
            let reply = place_and_wait(&engine, place(&format!("order{number}"), fen)).await;
            (number, reply)
        });
    }
    while let Some(outcome) = waiting.join_next().await {
        let (number, reply) = outcome.expect("no panic");
        match number % 3 {
            0 => assert_eq!(reply, Err(Failure::Refused(Refusal::Order(OrderRefusal::Amount)))),
            _ => assert_eq!(state(&reply.expect("placed")), "paying"),
        }
    }
    let commits = store.commits().len();
    assert!(commits < 200, "commands share commits: {commits} commits");
}

#[tokio::test]
async fn the_same_new_number_in_one_batch_gives_one_order() {
    let store = UnreliableStore::new();
    let engine = engine(&store, []).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let engine = engine.clone();
        running.spawn(async move { place_and_wait(&engine, place("order1", 100)).await });
    }
    let mut ids = std::collections::HashSet::new();
    while let Some(outcome) = running.join_next().await {
        let reply = outcome.expect("no panic").expect("placed");
        ids.insert(order(&reply).terms.id);
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(store.commits().iter().sum::<usize>(), 1);
}

#[tokio::test]
async fn a_name_of_the_installation_is_given_once_by_whichever_process() {
    let store = UnreliableStore::new();
    let (one, other) = (engine(&store, []).await, engine(&store, []).await);
    let second = TenantId::new("100002");
    let (name, is_enabled, put) = (Arc::from("second"), true, Put::Create);
    let create = TenantCommand::Put { tenant: second.clone(), name, is_enabled, put };
    one.handle(caller(), create).await.expect("a second tenant");
    let key = |engine: &Engine, tenant: TenantId| {
        let declared = DeclaredCallerKey {
            tenant,
            key_id: Arc::from("AKID"),
            proof: DeclaredProof::Hmac(Secret::new("a-secret-of-a-caller".to_owned())),
            is_enabled: true,
            put: Put::Create,
        };
        engine.put_caller_key(declared, None).expect("a good key")
    };
    one.handle(caller(), key(&one, tenant())).await.expect("the first to have the name");
    // The other process has not read the directory again: it learns of the name when it commits.
    let refused = other.handle(caller(), key(&other, second)).await.map(|_| ());
    let taken = DirectoryRefusal::Taken { noun: "caller_key" };
    assert_eq!(refused, Err(Failure::Refused(taken.into())));
}

/// A decision that breaks an assertion ends neither the process nor its neighbours in the batch; the task
/// that led to it waits for a person.
#[tokio::test]
async fn a_defect_parks_its_task_and_disturbs_no_neighbour() {
    let store = UnreliableStore::new();
    let clock = Arc::new(SharedClock::new());
    let engine = engine_with(&store, [], clock.clone()).await;
    let placed = place_and_wait(&engine, place("order1", 100)).await.expect("placed");
    let order = order(&placed).clone();
    clock.advance_ms(POLL_SCHEDULE_SECONDS[0] * 1000);
    let (tenant, subject) = (tenant(), order.id().subject());
    store.break_row(Some(order.terms.id));
    let task = Task::of(&order);
    let run = || engine.handle(Caller::Clock, Command::RunTask(task.clone()));
    let others = || async {
        tokio::join!(
            engine.handle(caller(), place("order2", 100)),
            engine.handle(caller(), place("order3", 100)),
        )
    };
    let (before, failed, after) = tokio::join!(others(), run(), others());
    assert!(matches!(failed, Err(Failure::Defect(_))), "{:?}", failed.err());
    for handled in [before.0, before.1, after.0, after.1] {
        assert_eq!(state(&handled.expect("placed").reply), "paying");
    }
    let attention = AttentionList {
        filter: AttentionFilter {
            tenant: Some(tenant.clone()),
            limit: 9,
            ..AttentionFilter::default()
        },
        now: engine.now(),
    };
    let needy = engine.ask(attention.clone()).await.expect("answers");
    assert_eq!(needy.iter().map(|row| row.subject).collect::<Vec<_>>(), [subject]);
    assert!(needy[0].reason.contains("overflow"), "{}", needy[0].reason);
    let later = engine.now().plus_seconds(1_000_000);
    let claim = Claim {
        lane: Lane::Money,
        now: later,
        until: later,
        limit: 9,
        each: 9,
        less: BTreeMap::new(),
        after: None,
    };
    let claimed = store.claim(&claim).await.expect("claims");
    assert_eq!(claimed.len(), 2, "it does not come back by itself");
    assert!(!claimed.contains(&task));
    store.break_row(None);
    assert_eq!(engine.resume_task(&caller(), &tenant, subject).await, Ok(true));
    assert_eq!(engine.resume_task(&caller(), &tenant, subject).await, Ok(false));
    assert_eq!(engine.ask(attention).await, Ok(vec![]));
    assert!(run().await.is_ok(), "the writer goes on, and the order too");
}
