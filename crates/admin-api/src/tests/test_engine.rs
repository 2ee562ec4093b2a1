//! An engine over the memory model, with a clock that stands and a database that can be cut off.

use super::fixture::{self, START, StoryFixture};
use engine::{Clock, Engine, Guard, HyperClient, Parts};
use kernel::{Reads, Task, View};
use ledger::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::memory::Memory;
use store::{Batch, CommitFault, Lease, Page, Promise, Query, Store, StoreFault};
use tokio::sync::watch;

/// The memory model behind a line that can be cut.
#[derive(Default)]
pub(super) struct Line {
    memory: Memory,
    cut: AtomicBool,
}

impl Line {
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    fn up(&self) -> Result<(), StoreFault> {
        match self.cut.load(Ordering::SeqCst) {
            true => Err(StoreFault::Unavailable("line cut".to_owned())),
            false => Ok(()),
        }
    }
}

impl Store for Line {
    fn load<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        Box::pin(async {
            self.up()?;
            self.memory.load(reads).await
        })
    }

    fn commit<'a>(&'a self, batches: Vec<Batch>) -> Promise<'a, Vec<Result<(), CommitFault>>> {
        Box::pin(async move {
            match self.up() {
                Ok(()) => self.memory.commit(batches).await,
                Err(fault) => batches.iter().map(|_| Err(fault.clone().into())).collect(),
            }
        })
    }

    fn claim<'a>(&'a self, lease: Lease) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        Box::pin(async move {
            self.up()?;
            self.memory.claim(lease).await
        })
    }

    fn search<'a>(&'a self, query: &'a Query) -> Promise<'a, Result<Page, StoreFault>> {
        Box::pin(async {
            self.up()?;
            self.memory.search(query).await
        })
    }

    fn migrate<'a>(&'a self) -> Promise<'a, Result<(), StoreFault>> {
        self.memory.migrate()
    }
}

/// A clock that stands, so that no task becomes due.
struct Standing {
    now: Timestamp,
    moved: watch::Sender<i64>,
}

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }
}

/// An engine that knows a fixture.
pub(super) async fn start(fixture: &StoryFixture) -> (Arc<Engine>, Arc<Line>) {
    let line = Arc::new(Line::default());
    let stored = line.commit(vec![fixture.batch()]).await;
    assert_eq!(stored, [Ok(())]);
    let client = || Arc::new(HyperClient::new(Guard::PublicOnly, 1024).expect("TLS roots"));
    let parts = Parts {
        store: line.clone(),
        directory: fixture::directory(),
        channels: vec![],
        accounts: vec![],
        announcers: HashMap::new(),
        channel_client: client(),
        notification_client: client(),
        clock: Arc::new(Standing { now: START.plus_seconds(210), moved: watch::Sender::new(0) }),
        node: 1,
    };
    (Engine::start(parts).await.expect("the engine starts"), line)
}
