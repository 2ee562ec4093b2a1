//! An engine over the memory model, with a clock that stands still and a database that can be cut off,
//! and the admin API's router before it.

use crate::{Admin, AdminToken, ManualRule, Role};
use axum::Router;
use axum::body::Body;
use channel::{About, BadSettings, Channel, Connection, PlatformKey, Scene, Setting, Settings};
use channel_none::NoChannel;
use crypto::{MasterKeys, Secret};
use dialect::{Budgets, Dialect as _, Rate, Rates};
use engine::{Clock, Engine, Guard, HyperClient, Mode, Parts, Secrets};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kernel::{Caller, Event, Put, Reads, Task, TenantCommand, TenantId, View};
use ledger::{Id, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::memory::Memory;
use store::{
    Archival, Batch, Claim, CommitFault, Page, Promise, Query, Store, StoreFault, StoryOf,
    TaskUpdate,
};
use story::samples::{START, Samples};
use tokio::sync::watch;
use tower::ServiceExt as _;

pub(super) const TOKEN: &str = "the-admin-token";
pub(super) const BASE: &str = "/admin/v1/tenants/100001";

/// Tokens of the lower roles.
pub(super) const READ_TOKEN: &str = "the-token-that-reads";
pub(super) const OPERATE_TOKEN: &str = "the-token-that-operates";

/// The admin API with an operator of each role.
pub(super) fn admin(manual_rule: ManualRule, budgets: Budgets) -> Admin {
    let token = |name: &str, role, token: &str| AdminToken {
        name: Arc::from(name),
        role,
        token: Secret::new(token.to_owned()),
    };
    let tokens = vec![
        token("rita", Role::Read, READ_TOKEN),
        token("otto", Role::Operate, OPERATE_TOKEN),
        token("admin", Role::Configure, TOKEN),
    ];
    Admin::new(tokens, manual_rule, Arc::new(budgets))
}

/// Buckets that hold so much and hardly fill.
pub(super) fn budgets(burst: u32) -> Budgets {
    let burst = NonZeroU32::new(burst).expect("not zero");
    let rate = Rate { per_second: NonZeroU32::MIN, burst };
    Budgets::new(Rates { caller_key: rate, tenant: rate, operator: rate, failure: rate })
}

/// The memory model behind a line that can be cut.
#[derive(Default)]
pub(super) struct Line {
    memory: Memory,
    is_cut: AtomicBool,
}

impl Line {
    pub(super) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
    }

    fn up(&self) -> Result<(), StoreFault> {
        match self.is_cut.load(Ordering::SeqCst) {
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

    fn commit_apart<'a>(&'a self, batch: Batch) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async move {
            self.up()?;
            self.memory.commit_apart(batch).await
        })
    }

    fn shares(&self) -> usize {
        self.memory.shares()
    }

    fn peek<'a>(&'a self, reads: &'a Reads) -> Promise<'a, Result<View, StoreFault>> {
        self.load(reads)
    }

    fn claim<'a>(&'a self, claim: &'a Claim) -> Promise<'a, Result<Vec<Task>, StoreFault>> {
        Box::pin(async {
            self.up()?;
            self.memory.claim(claim).await
        })
    }

    fn update_tasks<'a>(
        &'a self,
        updates: &'a [TaskUpdate],
    ) -> Promise<'a, Result<u64, StoreFault>> {
        Box::pin(async {
            self.up()?;
            self.memory.update_tasks(updates).await
        })
    }

    fn archive<'a>(&'a self, archival: &'a Archival) -> Promise<'a, Result<(), CommitFault>> {
        Box::pin(async {
            self.up()?;
            self.memory.archive(archival).await
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

/// A clock that stands still.
struct StoppedClock {
    moved: watch::Sender<i64>,
}

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        START.plus_seconds(210)
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }
}

/// A channel with a setting that may be shown, one that may be left out, and a secret.
struct TestChannel;

static ABOUT: About = About {
    name: "test",
    scenes: &[Scene::MiniProgram],
    settings: &[
        Setting { name: "mchid", meaning: "who we are", secret: false },
        Setting { name: "note", meaning: "a remark", secret: false },
        Setting { name: "api_key", meaning: "what we sign with", secret: true },
    ],
    order_life_seconds_max: 90 * 24 * 3600,
    payment_codes: None,
    sharing: None,
    text: channel::TextRules::ANY,
    fetches_keys: false,
    is_built_in: true,
};

impl Channel for TestChannel {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn open(
        &self,
        settings: &Settings,
        keys: &[PlatformKey],
    ) -> Result<Box<dyn Connection>, BadSettings> {
        for name in ["mchid", "api_key"] {
            if settings.get(name).is_none_or(String::is_empty) {
                return Err(BadSettings { name: name.to_owned(), why: "missing".to_owned() });
            }
        }
        NoChannel::Unpaid.open(settings, keys)
    }
}

/// A gateway with two tenants: `100001` has the samples' orders, `100002` has nothing.
pub(super) struct TestGateway {
    pub(super) engine: Arc<Engine>,
    pub(super) line: Arc<Line>,
    pub(super) router: Router,
}

impl TestGateway {
    pub(super) async fn new() -> TestGateway {
        TestGateway::with(&Samples::new()).await
    }

    pub(super) async fn with(samples: &Samples) -> TestGateway {
        let line = Arc::new(Line::default());
        assert_eq!(line.commit(vec![samples.batch()]).await, [Ok(())]);
        let client = || Arc::new(HyperClient::new(Guard::PublicOnly, 1024).expect("TLS roots"));
        let keys = MasterKeys::read(&MasterKeys::generate()).expect("a key");
        let parts = Parts {
            store: line.clone(),
            secrets: Secrets::new(keys),
            public_url: "https://pay.example".to_owned(),
            channels: vec![&TestChannel, &NoChannel::Unpaid],
            announcers: HashMap::new(),
            channel_client: client(),
            notification_client: client(),
            clock: Arc::new(StoppedClock { moved: watch::Sender::new(0) }),
            node: 1,
            working_days: Arc::default(),
            mode: Mode::CommandsOnly,
        };
        let engine = Engine::start(parts).await.expect("the engine starts");
        for (tenant, name) in [("100002", "空"), ("100001", "一号主体")] {
            let command = TenantCommand::Put {
                tenant: TenantId::new(tenant),
                name: Arc::from(name),
                is_enabled: true,
                put: Put::Create,
            };
            engine.handle(Caller::Clock, command).await.map(drop).expect("created");
        }
        let router = admin(ManualRule::OnePerson, budgets(1000)).router(engine.clone());
        TestGateway { engine, line, router }
    }

    /// A request with the token; its status and JSON.
    pub(super) async fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("Authorization", format!("Bearer {TOKEN}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("routers do not fail");
        (response.status().as_u16(), json(response).await)
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.request("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request("POST", path, &[], &body).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        self.request("PUT", path, &[], &body.to_string()).await
    }

    /// A `PUT` that must not change what is there.
    pub(super) async fn create(&self, path: &str, body: &Value) -> (u16, Value) {
        self.request("PUT", path, &[("If-None-Match", "*")], &body.to_string()).await
    }

    /// Everything that happened to a row of the directory, oldest first.
    #[expect(clippy::disallowed_methods, reason = "the JSON under test shows the value")]
    pub(super) async fn events(&self, tenant: &str, row: i64) -> Vec<Event> {
        let tenant = TenantId::new(tenant);
        let story = self.engine.ask(StoryOf { tenant, root: Id::from_value(row) }).await;
        story.expect("the store answers").expect("a story").events
    }
}

/// A request to any router.
pub(super) async fn call(
    router: &Router,
    method: &str,
    path: &str,
    authorization: &str,
) -> Response<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !authorization.is_empty() {
        request = request.header("Authorization", authorization);
    }
    let request = request.body(Body::empty()).expect("a request");
    router.clone().oneshot(request).await.expect("routers do not fail")
}

pub(super) async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

pub(super) async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).expect("JSON")
}
