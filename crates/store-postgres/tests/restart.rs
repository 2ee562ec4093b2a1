//! A server that goes and comes back. Alone in its process, because it takes the server from everybody.

mod fixture;

use fixture::{Process, audit, fresh, place};
use store::{CommitFault, DirectoryOf, Store, StoreFault};
use test_support::tenant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_used_again() {
    let Some(server) = test_postgres::server() else { return };
    if !server.is_private() {
        eprintln!("skipped: the server is not ours to stop");
        return;
    }
    let (_database, store) = fresh(server).await;
    let mut process = Process::new(1);
    process.sell(&store, &tenant(), "before").await;
    for round in 0..3 {
        let batch = process.batch(&store, &place(&tenant(), &format!("during-{round}"))).await;
        server.stop();
        let outcome = store.commit(vec![batch.clone()]).await.remove(0);
        let unknown = CommitFault::Store(StoreFault::Unavailable(String::new()));
        assert_eq!(kind(&outcome), kind(&Err(unknown)), "{outcome:?}");
        let fault = store.search(&DirectoryOf {}.into()).await.expect_err("it is away");
        assert!(matches!(fault, StoreFault::Unavailable(_)), "{fault}");
        server.start();
        let outcomes = store.commit(vec![batch]).await;
        assert_eq!(outcomes, vec![Ok(())], "what was sent to nobody is not there yet");
        process.sell(&store, &tenant(), &format!("after-{round}")).await;
    }
    let audit = audit(&store).await;
    assert_eq!((audit.orders, audit.paid_orders, audit.faults), (7, 4, vec![]));
}

/// Which kind of outcome it is; its words do not matter.
fn kind(outcome: &Result<(), CommitFault>) -> String {
    match outcome {
        Ok(()) => "stored".to_owned(),
        Err(CommitFault::Stale(_)) => "stale".to_owned(),
        Err(CommitFault::Floor(_)) => "floor".to_owned(),
        Err(CommitFault::Busy(_)) => "busy".to_owned(),
        Err(CommitFault::Store(StoreFault::Unavailable(_))) => "unavailable".to_owned(),
        Err(CommitFault::Store(fault)) => fault.to_string(),
    }
}
