//! Lanes and shares, on a clock that stands still while anything can run: a merchant's server that does
//! not answer, and a lack of room of our own, delay nobody else.

use channel::{CodecContext, Method, Request, Response, Scene};
use channel_none::NoChannel;
use crypto::MasterKeys;
use engine::{
    Announce, ClientIdentity, Clock, DeclaredChannelAccount, Engine, HttpClient, Mode, Parts,
    RegisteredCaller, Secrets, SendContext, SendFault,
};
use kernel::{
    AttentionKind, Caller, Key, MerchantCommand, MerchantId, NaturalKey, Notification, Order,
    OrderRequest, PlaceOrder, Put, Row, TenantCommand, TenantId, View,
};
use ledger::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::memory::Memory;
use store::{
    AttentionFilter, AttentionList, AttentionRow, NotificationRow, Notifications, OneOrder, Promise,
};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span;

/// The time since the test began, by tokio's clock, which the tests pause.
struct PausedClock {
    begun: Instant,
    moved: watch::Sender<i64>,
}

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        test_support::START.plus_ms(ms)
    }

    fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }
}

/// What came to the merchants' servers.
#[derive(Default)]
struct Seen {
    /// When requests came, by path.
    received: BTreeMap<String, Vec<Instant>>,
    /// Requests to the dead host that are under way, and the most that ever were.
    dead: (usize, usize),
}

/// The merchants' servers. `dead`, however it is spelled, takes a request and never answers; `grudging`
/// refuses the first; for `unreached` we have no room three times.
#[derive(Default)]
struct Merchants {
    seen: Mutex<Seen>,
}

impl Merchants {
    fn see<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts the request; how many have come to its path.
    fn receive(&self, path: &str) -> usize {
        self.see(|seen| {
            let received = seen.received.entry(path.to_owned()).or_default();
            received.push(Instant::now());
            received.len()
        })
    }

    fn received(&self, path: &str) -> Vec<Instant> {
        self.see(|seen| seen.received.get(path).cloned().unwrap_or_default())
    }

    async fn never_answer(&self, deadline: Duration) -> Result<Response, SendFault> {
        self.see(|seen| seen.dead = (seen.dead.0 + 1, seen.dead.1.max(seen.dead.0 + 1)));
        tokio::time::sleep(deadline).await;
        self.see(|seen| seen.dead.0 -= 1);
        Err(SendFault::Lost("nothing".to_owned()))
    }
}

impl HttpClient for Merchants {
    fn send<'a>(
        &'a self,
        request: &'a Request,
        context: SendContext<'a>,
    ) -> Promise<'a, Result<Response, SendFault>> {
        Box::pin(async move {
            let (_, rest) = request.url.split_once("://").expect("a URL");
            let (host, path) = rest.split_once('/').expect("a path");
            let count = self.receive(path);
            let host = host.to_lowercase();
            match host.split(['.', ':']).next().unwrap_or_default() {
                "dead" => self.never_answer(context.deadline).await,
                "unreached" if count <= 3 => Err(SendFault::Congested("names".to_owned())),
                "grudging" if count == 1 => Ok(answer(500)),
                _ => Ok(answer(200)),
            }
        })
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

fn answer(status: u16) -> Response {
    Response { status, headers: vec![], body: vec![] }
}

/// A dialect that signs nothing.
struct Plain;

impl Announce for Plain {
    fn announce(
        &self,
        notification: &Notification,
        _: &View,
        _: &[Arc<RegisteredCaller>],
        _: &CodecContext,
    ) -> Option<Request> {
        let url = notification.url.clone();
        Some(Request { method: Method::Post, url, headers: vec![], body: vec![] })
    }

    fn acknowledged(&self, response: &Response) -> bool {
        response.status == 200
    }
}

fn tenant(name: &str) -> TenantId {
    TenantId::new(name)
}

/// An engine with two tenants, each with a merchant that collects through the builtin channels.
async fn engine(merchants: &Arc<Merchants>) -> Arc<Engine> {
    let keys = MasterKeys::read(&MasterKeys::generate()).expect("a master key");
    let clock = PausedClock { begun: Instant::now(), moved: watch::Sender::new(0) };
    let parts = Parts {
        store: Arc::new(Memory::new()),
        secrets: Secrets::new(keys),
        public_url: "https://pay.example.com".to_owned(),
        channels: vec![&NoChannel::Unpaid, &NoChannel::Paid],
        announcers: HashMap::from([("wecard", Arc::new(Plain) as Arc<dyn Announce>)]),
        channel_client: merchants.clone(),
        notification_client: merchants.clone(),
        clock: Arc::new(clock),
        node: 0,
        working_days: Arc::default(),
        mode: Mode::Serve,
    };
    let engine = Engine::start(parts).await.expect("the engine starts");
    for name in ["a", "b"] {
        open(&engine, name).await;
    }
    engine
}

async fn open(engine: &Engine, name: &str) {
    let (put, is_enabled) = (Put::Create, true);
    let put_tenant =
        TenantCommand::Put { tenant: tenant(name), name: Arc::from(""), is_enabled, put };
    engine.handle(Caller::Clock, put_tenant).await.expect("a tenant");
    let mut channel_accounts = vec![];
    for channel in ["none", "paid"] {
        let account: Arc<str> = Arc::from(format!("{channel}-{name}"));
        channel_accounts.push(account.clone());
        let declared = DeclaredChannelAccount {
            tenant: tenant(name),
            name: account,
            channel: Arc::from(channel),
            settings: channel::Settings::new(),
            is_enabled,
            put,
        };
        let command = engine.put_channel_account(declared, None).expect("an account");
        engine.handle(Caller::Clock, command).await.expect("it is stored");
    }
    let merchant = MerchantCommand::Put {
        tenant: tenant(name),
        merchant: MerchantId::new("CM1"),
        name: Arc::from(""),
        channel_accounts,
        sharing: kernel::MerchantSharing::default(),
        is_enabled,
        put,
    };
    engine.handle(Caller::Clock, merchant).await.expect("a merchant");
}

/// Places an order; through `paid` it is paid at once, and its merchant notified.
async fn place(
    engine: &Engine,
    of: &str,
    channel: &str,
    number: &str,
    url: Option<String>,
) -> Order {
    let request = OrderRequest {
        merchant: MerchantId::new("CM1"),
        scene: Scene::Pc,
        notify_url: url,
        ..test_support::order_request(number)
    };
    let command = PlaceOrder {
        tenant: tenant(of),
        channel: channel.to_owned(),
        request: Arc::new(request),
        payees: vec![],
        expires_at: Some(engine.now().plus_seconds(60)),
        payment_code: None,
        agreement: None,
    };
    let reply = engine.handle(Caller::Clock, command).await.expect("placed").reply;
    match reply.row {
        Some(Row::Order(order)) => order,
        other => panic!("{other:?}"),
    }
}

/// Has an order paid whose notification goes to this host, under a path that is its number.
async fn notify(engine: &Engine, of: &str, number: &str, host: &str) -> Instant {
    let url = format!("http://{host}/{number}");
    let order = place(engine, of, "paid", number, Some(url)).await;
    assert_eq!(order.state.name(), "paid");
    Instant::now()
}

/// Lets time pass until something holds; panics when it does not within `patience`.
async fn until(what: &str, patience: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let holding = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let held = tokio::time::timeout(patience, holding).await;
    assert!(held.is_ok(), "{what}: not within {patience:?}");
}

async fn notifications(engine: &Engine, of: &str) -> Vec<NotificationRow> {
    let question = Notifications { tenant: tenant(of), state: None, before: None, limit: 9 };
    engine.ask(question).await.expect("the store answers").rows
}

const SPELLINGS: [&str; 8] = [
    "dead.example",
    "DEAD.example",
    "Dead.Example",
    "dead.example.",
    "dead.example:80",
    "dEAD.eXAMPLE",
    "dead.EXAMPLE:80",
    "dead.example.:80",
];

#[tokio::test(start_paused = true)]
async fn a_dead_host_of_a_tenant_delays_no_stranger() {
    let merchants = Arc::new(Merchants::default());
    let engine = engine(&merchants).await;
    for number in 0..600 {
        let host = SPELLINGS[number % SPELLINGS.len()];
        notify(&engine, "a", &format!("dead{number}"), host).await;
    }
    // The first attempts of all are due now, and those that found no room.
    tokio::time::sleep(Duration::from_secs(40)).await;
    let placed = notify(&engine, "b", "healthy", "shop.example").await;
    notify(&engine, "b", "grudging", "grudging.example").await;
    notify(&engine, "a", "own", "other.example").await;
    let expiring = place(&engine, "b", "none", "expiring", None).await;
    until("a stranger's notification", Duration::from_secs(5), async || {
        !merchants.received("healthy").is_empty()
    })
    .await;
    until("another merchant of the tenant", Duration::from_secs(5), async || {
        !merchants.received("own").is_empty()
    })
    .await;
    until("a stranger's second attempt", Duration::from_secs(20), async || {
        merchants.received("grudging").len() == 2
    })
    .await;
    let key = Key::Number(NaturalKey::new(test_support::NAMESPACE, "expiring"));
    let is_expired = async || {
        let one = OneOrder { tenant: tenant("b"), key: key.clone() };
        let order = engine.ask(one).await.expect("the store answers").expect("it is there");
        order.state.name() == "failed"
    };
    let expires_in = expiring.terms.expires_at.ms_since(engine.now());
    tokio::time::sleep(Duration::from_millis(u64::try_from(expires_in).unwrap_or(0))).await;
    until("a stranger's expiry", Duration::from_secs(15), is_expired).await;
    let (_, most) = merchants.see(|seen| seen.dead);
    assert_eq!(most, 16, "one host, however it is spelled, and no more than its share");
    assert!(placed.elapsed() > Duration::from_secs(60), "all that while");
    engine.stop();
}

/// Every notification gets its attempts in the end, though there is room for few at a time.
#[tokio::test(start_paused = true)]
async fn what_is_put_off_is_not_forgotten() {
    let merchants = Arc::new(Merchants::default());
    let engine = engine(&merchants).await;
    for number in 0..200 {
        notify(&engine, "a", &format!("dead{number}"), "dead.example").await;
    }
    until("an attempt of each", Duration::from_secs(300), async || {
        (0..200).all(|number| !merchants.received(&format!("dead{number}")).is_empty())
    })
    .await;
    engine.stop();
}

#[tokio::test(start_paused = true)]
async fn our_own_lack_of_room_does_not_count_as_an_attempt() {
    let merchants = Arc::new(Merchants::default());
    let engine = engine(&merchants).await;
    notify(&engine, "b", "number", "unreached.example").await;
    until("the fourth try", Duration::from_secs(60), async || {
        merchants.received("number").len() == 4
    })
    .await;
    until("its end", Duration::from_secs(5), async || {
        notifications(&engine, "b").await[0].notification.state.name() == "delivered"
    })
    .await;
    let rows = notifications(&engine, "b").await;
    assert_eq!((rows.len(), rows[0].attempts.len()), (1, 1), "{rows:?}");
    let tries = merchants.received("number");
    assert!(tries[2] - tries[1] >= Duration::from_secs(5), "it is put off by a step");
    engine.stop();
}

/// The messages of the log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn count(&self, message: &str) -> usize {
        let messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.iter().filter(|it| *it == message).count()
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{value:?}"));
        }
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What is late now.
async fn late(engine: &Engine) -> Vec<AttentionRow> {
    let kind = Some(AttentionKind::Late);
    let filter = AttentionFilter { kind, limit: 9, ..AttentionFilter::default() };
    engine.ask(AttentionList { filter, now: engine.now() }).await.expect("the store answers")
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_falls_behind_needs_a_person_until_it_has_caught_up() {
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let merchants = Arc::new(Merchants::default());
    let engine = engine(&merchants).await;
    for number in 0..300 {
        notify(&engine, "a", &format!("dead{number}"), "dead.example").await;
    }
    notify(&engine, "b", "healthy", "shop.example").await;
    until("the healthy host's", Duration::from_secs(20), async || {
        notifications(&engine, "b").await[0].notification.state.name() == "delivered"
    })
    .await;
    assert_eq!(late(&engine).await, vec![]);
    tokio::time::advance(Duration::from_secs(16 * 60)).await;
    until("a warning", Duration::from_secs(20), async || log.count("needs a person") == 1).await;
    let rows = late(&engine).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].tenant, tenant("a"));
    assert!(rows[0].reason.contains("tasks of notifications are late"), "{}", rows[0].reason);
    // Each first attempt is made, and each second one is wanted later than that.
    until("its end", Duration::from_secs(600), async || log.count("no longer needs a person") == 1)
        .await;
    assert_eq!(late(&engine).await, vec![]);
    assert_eq!(log.count("needs a person"), 1, "while the queue moved on");
    engine.stop();
}
