//! Who waits for whom: queries keep no commit waiting, and a lock on one tenant's row no other tenant.

mod fixture;

use adapters::Stopwatch;
use fixture::{Process, another, claim_of, fresh, only_order, place};
use kernel::TenantId;
use ledger::{Account, AccountKind};
use std::sync::Arc;
use std::time::Duration;
use store::{
    Accounts, CommitFault, OldestUndelivered, Ping, Postings, Store, StoreFault, share_of,
};
use store_postgres::PostgresStore;
use test_support::{START, found, paid, tenant, tenant_at};
use tokio::task::JoinSet;

/// Much longer than a commit takes, and shorter than any limit of a session.
const AT_ONCE: Duration = Duration::from_millis(1_500);
/// Sessions that answer queries of one tenant.
const SESSIONS: usize = 2;

async fn at_once<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_ONCE, work).await.expect("it waits for nobody")
}

/// A question that reads transfers, which neither a new order nor a claim touches.
async fn read_transfers(store: Arc<PostgresStore>, tenant: TenantId) -> Result<(), StoreFault> {
    let account = Account::new(AccountKind::Suspense, "1");
    let postings = Postings { tenant, account, before: None, limit: 1 };
    (&*store as &dyn Store).ask(postings).await.map(drop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_queries_delay_no_commit_no_claim_and_no_health_check() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let store = Arc::new(store);
    let mut process = Process::new(1);
    process.accept(&*store, &place(&tenant(), "warm")).await;
    let blocker = database.client().await;
    let lock = "BEGIN; LOCK TABLE transfers IN ACCESS EXCLUSIVE MODE";
    blocker.batch_execute(lock).await.expect("the table is locked");
    let read = |_| read_transfers(store.clone(), tenant());
    let mut slow: JoinSet<_> = (0..2 * SESSIONS).map(read).collect();
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    loop {
        let row = blocker.query_one(waiting, &[]).await.expect("a count");
        if usize::try_from(row.get::<_, i64>(0)) == Ok(SESSIONS) {
            break;
        }
        tokio::task::yield_now().await;
    }
    at_once(process.accept(&*store, &place(&tenant(), "beside"))).await;
    let claim = claim_of(START, START.plus_ms(1), 1);
    at_once(store.claim(&claim)).await.expect("it claims");
    at_once((&*store as &dyn Store).ask(Ping {})).await.expect("it is well");
    let accounts = Accounts { tenant: tenant_at(1) };
    at_once((&*store as &dyn Store).ask(accounts)).await.expect("another tenant's query");
    at_once((&*store as &dyn Store).ask(OldestUndelivered {})).await.expect("an operator's");
    // Those that find no session in time are refused by name; the others get their answer.
    let (mut answered, mut refused) = (0, 0);
    let mut unlocked = false;
    while let Some(query) = slow.join_next().await {
        match query.expect("no panic") {
            Ok(()) => answered += 1,
            Err(StoreFault::Overloaded(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
        if refused == SESSIONS && !unlocked {
            unlocked = true;
            blocker.batch_execute("ROLLBACK").await.expect("the table is free");
        }
    }
    assert_eq!((answered, refused), (SESSIONS, SESSIONS));
}

/// A tenant of the same share, so that both have one writer.
fn neighbour() -> usize {
    let shares = another_shares();
    let own = share_of(&tenant_at(0), shares);
    (1..).find(|index| share_of(&tenant_at(*index), shares) == own).expect("there are many")
}

fn another_shares() -> usize {
    PostgresStore::connect("postgres://u@h/d").expect("a good URL").shares()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_stops_its_tenant_alone_and_its_outcome_is_known() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let store = Arc::new(store);
    let (mut process, other) = (Process::new(1), tenant_at(neighbour()));
    process.sell(&*store, &tenant_at(0), "first").await;
    process.sell(&*store, &other, "first").await;
    let placed = process.accept(&*store, &place(&tenant_at(0), "second")).await;
    let order = only_order(&placed);
    let batch = process.batch(&*store, &found(order, paid(order), None)).await;
    let blocker = database.client().await;
    let lock = format!(
        "BEGIN; SELECT * FROM balances WHERE tenant = '{}' FOR UPDATE",
        tenant_at(0).as_str()
    );
    blocker.batch_execute(&lock).await.expect("the rows are locked");
    let outcome = at_once(store.commit(vec![batch.clone()])).await.remove(0);
    assert!(matches!(outcome, Err(CommitFault::Busy(_))), "{outcome:?}");
    let apart = tokio::spawn({
        let (store, batch) = (store.clone(), batch.clone());
        async move { store.commit_apart(batch).await }
    });
    let begun = Stopwatch::start();
    while !apart.is_finished() {
        let number = format!("beside {:?}", begun.elapsed());
        at_once(process.sell(&*store, &other, &number)).await;
    }
    let outcome = apart.await.expect("no panic");
    assert!(matches!(outcome, Err(CommitFault::Busy(_))), "{outcome:?}");
    blocker.batch_execute("ROLLBACK").await.expect("the rows are free");
    assert_eq!(store.commit_apart(batch).await, Ok(()), "nothing of it was stored before");
    let audit = fixture::audit(&another(&database)).await;
    assert_eq!(audit.faults, Vec::<String>::new());
}

/// A commit apart waits 2 s for a lock; two that wait do so beside each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_locked_tenants_do_not_wait_for_each_other() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let mut process = Process::new(1);
    let mut batches = vec![];
    for index in [0, 1] {
        let tenant = tenant_at(index);
        process.sell(&store, &tenant, "first").await;
        let placed = process.accept(&store, &place(&tenant, "second")).await;
        let order = only_order(&placed);
        batches.push(process.batch(&store, &found(order, paid(order), None)).await);
    }
    let blocker = database.client().await;
    let lock = "BEGIN; SELECT * FROM balances FOR UPDATE";
    blocker.batch_execute(lock).await.expect("the rows are locked");
    let waiting = Stopwatch::start();
    let (first, second) = tokio::join!(
        store.commit_apart(batches[0].clone()),
        store.commit_apart(batches[1].clone())
    );
    let took = waiting.elapsed();
    for outcome in [first, second] {
        assert!(matches!(outcome, Err(CommitFault::Busy(_))), "{outcome:?}");
    }
    assert!(took < Duration::from_millis(3_500), "one after the other: {took:?}");
    blocker.batch_execute("ROLLBACK").await.expect("the rows are free");
    for batch in batches {
        assert_eq!(store.commit_apart(batch).await, Ok(()), "nothing of it was stored before");
    }
}
