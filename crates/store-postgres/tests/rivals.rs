//! Several processes at one database, and connections that are cut.

mod fixture;

use fixture::{
    Process, another, audit, claim_of, create_tenants, fresh, only_order, place, tasks_of,
};
use kernel::{Key, NaturalKey, Put, TenantId};
use std::collections::BTreeSet;
use store::{Batch, CommitFault, LastId, OneOrder, Store, StoreFault};
use store_postgres::PostgresStore;
use test_support::{NAMESPACE, PRICE, START, found, paid, put_tenant, tenant, tenant_at};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_claimers_never_get_the_same_task() {
    const TASKS: i64 = 300;
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let now = START;
    create_tenants(&store).await;
    for index in 0..3 {
        let outcome = store.commit(vec![tasks_of(index, 0..TASKS, now)]).await;
        assert_eq!(outcome, vec![Ok(())]);
    }
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let store = another(&database);
            tokio::spawn(async move {
                let mut claimed = vec![];
                loop {
                    let claim = claim_of(now, now.plus_ms(1), 7);
                    let found = store.claim(&claim).await.expect("the store claims");
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
async fn free_tasks(store: &PostgresStore, now: ledger::Timestamp) -> usize {
    let claim = claim_of(now, now, 1);
    store.claim(&claim).await.expect("the store claims").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_processes_takes_a_number() {
    let Some(server) = test_postgres::server() else { return };
    let (database, one) = fresh(server).await;
    let other = another(&database);
    let (mut process, mut rival) = (Process::new(1), Process::new(2));
    for round in 0..20 {
        let number = format!("N{round}");
        let mine = process.batch(&one, &place(&tenant(), &number)).await;
        let theirs = rival.batch(&other, &place(&tenant(), &number)).await;
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
                let mut process = Process::new(node);
                for number in 0..EACH {
                    process.sell(&store, &tenant(), &format!("{node}-{number}")).await;
                }
            })
        })
        .collect();
    for seller in sellers {
        seller.await.expect("no panic");
    }
    let audit = audit(&store).await;
    assert_eq!((audit.paid_orders, audit.faults), (50, vec![]));
    assert_eq!(audit.debits, 50 * PRICE.get());
}

/// A commit whose outcome is unknown is looked up; nothing is there twice, in part, or lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_connections_lose_nothing_that_was_confirmed() {
    const COMMITS: usize = 300;
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let cutter = database.client().await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND application_name = 'tongbao'";
    let mut cuts = 0;
    let mut process = Process::new(1);
    let (mut confirmed, mut unknown) = (vec![], vec![]);
    for at in 0..COMMITS {
        let number = format!("N{at}");
        let command = place(&tenant_at(at % 2), &number);
        let Some(batch) = process.try_batch(&store, &command).await else {
            continue;
        };
        // Every third commit races with the cut of all connections; those between can go through.
        let mut outcomes = if at % 3 == 0 {
            let (outcomes, found) = tokio::join!(store.commit(vec![batch]), cutter.query(cut, &[]));
            cuts += found.expect("the cutter is spared").len();
            outcomes
        } else {
            store.commit(vec![batch]).await
        };
        match outcomes.remove(0) {
            Ok(()) => confirmed.push((at % 2, number)),
            Err(CommitFault::Store(StoreFault::Unavailable(_))) => unknown.push((at % 2, number)),
            Err(other) => panic!("{other}"),
        }
    }
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

fn numbered(tenant: &TenantId, number: &str) -> OneOrder {
    let key = Key::Number(NaturalKey::new(NAMESPACE, number));
    OneOrder { tenant: tenant.clone(), key }
}

async fn exists(store: &dyn Store, index: usize, number: &str) -> bool {
    let order = store.ask(numbered(&tenant_at(index), number)).await;
    order.expect("the store answers").is_some()
}

/// With tenants in the directory the search begins at the newest order; what happened to an older one
/// since then is found too.
#[tokio::test]
async fn last_id_is_not_always_of_the_newest_order() {
    let Some(server) = test_postgres::server() else { return };
    let (_database, store) = fresh(server).await;
    let last_id = async || (&store as &dyn Store).ask(LastId {}).await.expect("the store answers");
    let newest = |batch: &Batch| batch.events.last().map(|event| event.id.value());
    let mut process = Process::new(1);
    assert_eq!(last_id().await, None);
    for index in 0..2 {
        let put = put_tenant(&tenant_at(index), "name", Put::Create);
        let batch = process.accept(&store, &put).await;
        assert_eq!(last_id().await, newest(&batch), "before the first order");
    }
    let older = process.accept(&store, &place(&tenant_at(0), "older")).await;
    process.wait_seconds(7200);
    let batch = process.accept(&store, &place(&tenant_at(1), "newer")).await;
    assert_eq!(last_id().await, newest(&batch));
    process.wait_seconds(7200);
    let order = only_order(&older);
    let batch = process.accept(&store, &found(order, paid(order), None)).await;
    assert_eq!(last_id().await, newest(&batch));
}

#[tokio::test]
async fn every_text_is_kept() {
    let Some(server) = test_postgres::server() else { return };
    let (_database, store) = fresh(server).await;
    let mut process = Process::new(1);
    let number = "zero \0 and \u{f8ff}0";
    let batch = process.accept(&store, &place(&tenant(), number)).await;
    let found =
        (&store as &dyn Store).ask(numbered(&tenant(), number)).await.expect("the store answers");
    assert_eq!(found.as_deref(), Some(only_order(&batch)));
}

/// A key that no index takes fails alone: its batch is decided again, one command after another.
#[tokio::test]
async fn a_value_that_the_database_refuses_is_not_an_unknown_outcome() {
    let Some(server) = test_postgres::server() else { return };
    let (_database, store) = fresh(server).await;
    let mut process = Process::new(1);
    let mut seed: u64 = 7;
    let long: String = (0..20_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from_u32(0x4e00 + u32::try_from(seed >> 52).expect("12 bits")).expect("Han")
        })
        .collect();
    let batch = process.batch(&store, &place(&tenant(), &long)).await;
    let outcome = store.commit(vec![batch]).await.remove(0);
    assert!(matches!(&outcome, Err(CommitFault::Stale(_))), "{outcome:?}");
    process.sell(&store, &tenant(), "short").await;
    assert_eq!(audit(&store).await.orders, 1);
}

#[tokio::test]
async fn the_baseline_writes_every_order_once_more() {
    let Some(server) = test_postgres::server() else { return };
    let (database, store) = fresh(server).await;
    let mut process = Process::new(1);
    for number in ["a", "b", "c"] {
        process.sell(&store, &tenant(), number).await;
    }
    let measured = store_postgres::baseline::write(&database.url(), tenant().as_str(), 2).await;
    assert_eq!(measured.map(|baseline| (baseline.orders, baseline.batch)), Ok((3, 2)));
    assert_eq!(audit(&store).await.orders, 3, "in tables of its own");
}
