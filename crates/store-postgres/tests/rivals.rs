//! Several processes at one database, and connections that are cut.

mod fixture;

use fixture::{StoreFixture, audit, place, tasks_of, tenant};
use ledger::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::{CommitFault, Lease, Page, Query, Store, StoreFault};
use store_postgres::PostgresStore;
use test_postgres::{Database, Server};

async fn fresh(server: &'static Server) -> (Database, PostgresStore) {
    let database = server.database().await;
    let store = another(&database);
    store.migrate().await.expect("the schema is new");
    (database, store)
}

fn another(database: &Database) -> PostgresStore {
    PostgresStore::connect(&database.url()).expect("a good URL")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claimers_never_get_the_same_task() {
    const TASKS: i64 = 300;
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let now = Timestamp::from_seconds(1_795_000_000);
    for index in 0..3 {
        let outcome = store.commit(vec![tasks_of(&tenant(index), 0..TASKS, now)]).await;
        assert_eq!(outcome, vec![Ok(())]);
    }
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let store = another(&database);
            tokio::spawn(async move {
                let mut claimed = vec![];
                loop {
                    let lease = Lease { now, until: now.plus_ms(1), limit: 7 };
                    let found = store.claim(lease).await.expect("the store claims");
                    // Another may have been faster with all that was seen; only an empty look at
                    // what waits means the end.
                    let free = free_tasks(&store, now).await;
                    if found.is_empty() && free == 0 {
                        return claimed;
                    }
                    claimed.extend(found);
                }
            })
        })
        .collect();
    let mut all = vec![];
    for claimer in claimers {
        all.extend(claimer.await.expect("no panic"));
    }
    let once: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "claimed twice");
    assert_eq!(i64::try_from(all.len()), Ok(3 * TASKS));
}

/// Tasks that a claim at this moment would see.
async fn free_tasks(store: &PostgresStore, now: Timestamp) -> usize {
    let lease = Lease { now, until: now, limit: 1 };
    store.claim(lease).await.expect("the store claims").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_processes_takes_a_number() {
    let Some(server) = test_postgres::server() else { return };
    let (database, one) = fresh(server).await;
    let other = another(&database);
    let (mut fixture, mut other_till) = (StoreFixture::new(1), StoreFixture::new(2));
    for round in 0..20 {
        let number = format!("N{round}");
        let mine = fixture.batch(&one, &[place(&tenant(0), &number)]).await;
        let theirs = other_till.batch(&other, &[place(&tenant(0), &number)]).await;
        let (mine, theirs) = tokio::join!(one.commit(vec![mine]), other.commit(vec![theirs]));
        let both = [mine, theirs].concat();
        let won = both.iter().filter(|outcome| outcome.is_ok()).count();
        let lost =
            both.iter().filter(|outcome| matches!(outcome, Err(CommitFault::Stale(_)))).count();
        assert_eq!((won, lost), (1, 1), "{both:?}");
    }
    let audit = audit(&one).await;
    assert_eq!((audit.orders, audit.faults), (20, vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn balances_that_two_processes_move_add_up() {
    const EACH: usize = 25;
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let sellers: Vec<_> = [1, 2]
        .into_iter()
        .map(|node| {
            let store = another(&database);
            tokio::spawn(async move {
                let mut fixture = StoreFixture::new(node);
                for number in 0..EACH {
                    fixture.sells(&store, &tenant(0), &format!("{node}-{number}")).await;
                }
            })
        })
        .collect();
    for seller in sellers {
        seller.await.expect("no panic");
    }
    let audit = audit(&store).await;
    assert_eq!((audit.paid_orders, audit.faults), (50, vec![]));
    assert_eq!(audit.debits, 50 * fixture::PRICE);
}

/// A commit whose outcome is unknown is looked up; nothing is there twice, in part, or lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_nothing_that_was_confirmed() {
    const COMMITS: usize = 300;
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let done = Arc::new(AtomicBool::new(false));
    let (cutter, end) = (database.client().await, done.clone());
    let cutting = tokio::spawn(async move {
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
                AND application_name = 'tongbao'";
        let mut cuts = 0;
        while !end.load(Ordering::Relaxed) {
            cuts += cutter.query(cut, &[]).await.expect("the cutter is spared").len();
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        cuts
    });
    let mut fixture = StoreFixture::new(1);
    let (mut confirmed, mut unknown) = (vec![], vec![]);
    for at in 0..COMMITS {
        let number = format!("N{at}");
        let Some(batch) = fixture.try_batch(&store, &[place(&tenant(at % 3), &number)]).await
        else {
            continue;
        };
        match store.commit(vec![batch]).await.remove(0) {
            Ok(()) => confirmed.push((at % 3, number)),
            Err(CommitFault::Store(StoreFault::Unavailable(_))) => unknown.push((at % 3, number)),
            Err(other) => panic!("{other}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    let cuts = cutting.await.expect("no panic");
    assert!(cuts > 5 && !confirmed.is_empty(), "{cuts} cuts, {} confirmed", confirmed.len());
    let store = another(&database);
    let (mut missing, mut found) = (0, 0);
    for (index, number) in &confirmed {
        missing += usize::from(!exists(&store, *index, number).await);
    }
    for (index, number) in &unknown {
        found += usize::from(exists(&store, *index, number).await);
    }
    assert_eq!(missing, 0, "confirmed and not there");
    let audit = audit(&store).await;
    assert_eq!(audit.faults, Vec::<String>::new());
    assert_eq!(usize::try_from(audit.orders), Ok(confirmed.len() + found));
}

async fn exists(store: &PostgresStore, index: usize, number: &str) -> bool {
    let query = Query::Order {
        tenant: tenant(index),
        key: kernel::OrderKey::MerchantOrderNo(number.to_owned()),
    };
    match store.search(&query).await.expect("the store answers") {
        Page::Order(order) => order.is_some(),
        other => panic!("want an order, got {other:?}"),
    }
}

#[tokio::test]
async fn every_text_is_kept() {
    let Some(server) = test_postgres::server() else { return };
    let (_database, store) = fresh(server).await;
    let mut fixture = StoreFixture::new(1);
    let number = "zero \0 and \u{f8ff}0";
    let batch = fixture.batch(&store, &[place(&tenant(0), number)]).await;
    let want = batch.orders[0].row.clone();
    assert_eq!(store.commit(vec![batch]).await, vec![Ok(())]);
    let key = kernel::OrderKey::MerchantOrderNo(number.to_owned());
    let page = store.search(&Query::Order { tenant: tenant(0), key }).await;
    assert_eq!(page, Ok(Page::Order(Some(Box::new(want)))));
}

/// A key that no index takes fails alone: its batch is decided again, one command after another.
#[tokio::test]
async fn a_value_that_the_database_refuses_is_no_unknown_outcome() {
    let Some(server) = test_postgres::server() else { return };
    let (_database, store) = fresh(server).await;
    let mut fixture = StoreFixture::new(1);
    let mut seed: u64 = 7;
    let long: String = (0..20_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(0x4e00 + u32::try_from(seed >> 52).expect("12 bits")).expect("Han")
        })
        .collect();
    let batch = fixture.batch(&store, &[place(&tenant(0), &long)]).await;
    let outcome = store.commit(vec![batch]).await.remove(0);
    assert!(matches!(&outcome, Err(CommitFault::Stale(_))), "{outcome:?}");
    fixture.sells(&store, &tenant(0), "short").await;
    assert_eq!(audit(&store).await.orders, 1);
}
