//! The writer under faults of its store: order, retries and crashes only. The rules themselves are
//! tested in the kernel.

use channel::{Payer, Request, Response, Scene};
use engine::{ChannelAccountParts, Engine, Failure, HttpClient, Parts, SendFault, SystemClock};
use kernel::{
    Caller, Command, Directory, Merchant, MerchantId, OrderKey, PlaceOrder, Reads, Refusal, Reply,
    Route, Task, Tenant, TenantId, View,
};
use ledger::{Currency, Fen};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::memory::Memory;
use store::{Batch, CommitFault, Lease, Page, Promise, Query, Store, StoreFault};

/// What happens to the next commit.
#[derive(Clone, Copy, Debug)]
enum CommitOutcome {
    /// It is refused: a row has changed underneath.
    Stale,
    /// The database breaks before it is stored.
    LostBefore,
    /// The database breaks after it is stored.
    LostAfter,
}

/// The memory model, whose commits have chosen outcomes.
struct Fateful {
    memory: Memory,
    outcomes: Mutex<VecDeque<CommitOutcome>>,
    commits: Mutex<Vec<usize>>,
}

impl Fateful {
    fn new(outcomes: impl IntoIterator<Item = CommitOutcome>) -> Arc<Fateful> {
        Arc::new(Fateful {
            memory: Memory::new(),
            outcomes: Mutex::new(outcomes.into_iter().collect()),
            commits: Mutex::new(vec![]),
        })
    }

    fn next(&self) -> Option<CommitOutcome> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// New orders in each commit that was tried.
    fn commits(&self) -> Vec<usize> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Store for Fateful {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        self.memory.load(reads)
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        let new = |batch: &Batch| batch.orders.iter().filter(|it| it.expected.is_none()).count();
        let orders = batches.iter().map(new).sum();
        self.commits.lock().unwrap_or_else(PoisonError::into_inner).push(orders);
        let lost = || CommitFault::Store(StoreFault::Unavailable("gone".to_owned()));
        let outcome = self.next();
        Box::pin(async move {
            let count = batches.len();
            match outcome {
                None => self.memory.commit(batches).await,
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

    fn claim<'a>(&'a self, lease: Lease) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        self.memory.claim(lease)
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
    fn send<'a>(&'a self, _: &'a Request, _: Duration) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(async { Err(SendFault::NotSent("no network".to_owned())) })
    }
}

fn tenant() -> TenantId {
    TenantId::new("100001")
}

async fn engine(store: Arc<Fateful>) -> Arc<Engine> {
    let route = Route {
        channel: Arc::from("none"),
        channel_account: Arc::from("main"),
        scenes: Scene::ALL.to_vec(),
        callback_url: Arc::from("https://pay.example.com/channel/main/callback"),
    };
    let id = MerchantId::new("CM1");
    let merchant = Merchant { id: id.clone(), name: String::new(), routes: vec![route] };
    let merchants = HashMap::from([(id, merchant)]);
    let tenants = [Tenant { id: tenant(), name: String::new(), merchants }];
    let parts = Parts {
        store,
        directory: Arc::new(Directory::new(tenants)),
        channels: vec![&channel_none::NoChannel::Unpaid],
        accounts: vec![ChannelAccountParts {
            tenant: tenant(),
            name: Arc::from("main"),
            channel: "none".to_owned(),
            settings: channel::Settings::new(),
        }],
        announcers: HashMap::new(),
        channel_client: Arc::new(NoNetwork),
        notification_client: Arc::new(NoNetwork),
        clock: Arc::new(SystemClock::new()),
        node: 0,
    };
    Engine::start(parts).await.expect("the engine starts")
}

fn place(number: &str, fen: i64) -> Command {
    Command::PlaceOrder(Box::new(PlaceOrder {
        tenant: tenant(),
        merchant: MerchantId::new("CM1"),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(fen),
        currency: Currency::Cny,
        scene: Scene::Pc,
        channel: "none".to_owned(),
        subject: "subject".to_owned(),
        payer: Payer::default(),
        goods_tag: None,
        notify_url: None,
        front_url: None,
        details: "{}".to_owned(),
        expires_at: None,
    }))
}

fn caller() -> Caller {
    Caller::Business(Arc::from("AKID"))
}

async fn handle_and_wait(engine: &Engine, command: Command) -> Result<Reply, Failure> {
    engine.handle_and_wait(caller(), command, Duration::from_secs(10)).await
}

fn state(reply: &Reply) -> &'static str {
    match reply {
        Reply::Order { order, .. } => order.state.name(),
        Reply::Done => "done",
    }
}

#[tokio::test]
async fn a_channel_without_an_outside_answers_in_the_same_commit() {
    let store = Fateful::new([]);
    let engine = engine(store.clone()).await;
    let reply = handle_and_wait(&engine, place("order1", 100)).await.expect("placed");
    assert_eq!(state(&reply), "paying");
    assert_eq!(store.commits(), [1]);
}

#[tokio::test]
async fn stale_rows_are_decided_again() {
    let engine =
        engine(Fateful::new([CommitOutcome::Stale, CommitOutcome::Stale, CommitOutcome::Stale]))
            .await;
    let reply = handle_and_wait(&engine, place("order1", 100)).await.expect("placed in the end");
    assert_eq!(state(&reply), "paying");
}

#[tokio::test]
async fn rows_that_never_settle_are_a_fault_and_not_a_loop() {
    let engine = engine(Fateful::new([CommitOutcome::Stale; 5])).await;
    let failure = handle_and_wait(&engine, place("order1", 100)).await.expect_err("given up");
    assert!(matches!(failure, Failure::Store(_)), "{failure:?}");
    let reply = handle_and_wait(&engine, place("order1", 100)).await.expect("the writer goes on");
    assert_eq!(state(&reply), "paying");
}

#[tokio::test]
async fn a_lost_commit_is_unknown_and_the_same_number_finds_out() {
    for outcome in [CommitOutcome::LostBefore, CommitOutcome::LostAfter] {
        let engine = engine(Fateful::new([outcome])).await;
        let failure = handle_and_wait(&engine, place("order1", 100)).await.expect_err("unknown");
        assert!(matches!(failure, Failure::Store(_)), "{failure:?}");
        let query =
            Query::Order { tenant: tenant(), key: OrderKey::MerchantOrderNo("order1".into()) };
        let stored = match engine.search(&query).await.expect("answers") {
            Page::Order(order) => order.is_some(),
            other => panic!("{other:?}"),
        };
        let again = handle_and_wait(&engine, place("order1", 100)).await;
        match outcome {
            CommitOutcome::LostAfter => assert!(stored),
            CommitOutcome::LostBefore | CommitOutcome::Stale => assert!(!stored),
        }
        assert_eq!(state(&again.expect("the same number finds out")), "paying");
    }
}

#[tokio::test]
async fn a_refused_command_disturbs_no_neighbour() {
    let store = Fateful::new([]);
    let engine = engine(store.clone()).await;
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..200i64 {
        let engine = engine.clone();
        let fen = if number % 3 == 0 { 0 } else { 100 };
        waiting.spawn(async move {
            let reply = handle_and_wait(&engine, place(&format!("order{number}"), fen)).await;
            (number, reply)
        });
    }
    while let Some(outcome) = waiting.join_next().await {
        let (number, reply) = outcome.expect("no panic");
        match number % 3 {
            0 => assert_eq!(reply, Err(Failure::Refused(Refusal::Amount))),
            _ => assert_eq!(state(&reply.expect("placed")), "paying"),
        }
    }
    let commits = store.commits().len();
    assert!(commits < 200, "commands share commits: {commits} commits");
}

#[tokio::test]
async fn the_same_new_number_in_one_batch_gives_one_order() {
    let store = Fateful::new([]);
    let engine = engine(store.clone()).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let engine = engine.clone();
        running.spawn(async move { handle_and_wait(&engine, place("order1", 100)).await });
    }
    let mut ids = std::collections::HashSet::new();
    while let Some(outcome) = running.join_next().await {
        match outcome.expect("no panic") {
            Ok(Reply::Order { order, .. }) => {
                ids.insert(order.terms.id.value());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(store.commits().iter().sum::<usize>(), 1);
}
