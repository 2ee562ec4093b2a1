//! Several `tongbao serve` on one database, one after another killed and started again.
//!
//! These have no movable clock: what a dead process was at is taken up by another when its lease ends,
//! half a minute later, and the tests wait for that.

use crate::load::{GatewayGroup, Trade, all_is_kept};
use crate::merchant::{Merchant, MerchantReply, Received};
use crate::rng::{SeededRng, seed};
use crate::test_gateway::{
    CLOSE_ORDER, UNIFIED_ORDER, dev_file, fresh_database, fresh_number, order,
};
use crate::test_gateway::{start_until_ready, tongbao, with};
use adapters::stopwatch::{Stopwatch, monotonic};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use test_postgres::Database;

/// Gateways on the database.
const PROCESSES: usize = 3;
/// How often a gateway is killed.
const KILLS: usize = 6;
/// How long all of them live between two kills, in milliseconds.
const UPTIME_MS: std::ops::Range<u64> = 800..1600;
/// After the last kill, everything that was paid is booked and told within this time: the look of a
/// dead process at a channel or merchant may last half a minute, and another one what follows it.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// A running verb.
struct Served(Child);

impl Served {
    /// Kills it as a power switch would.
    fn kill(&mut self) {
        self.0.kill().expect("it was running");
        self.0.wait().expect("it ends");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gateways on one database, and the sandbox that all of them ask.
struct Site {
    folder: TempDir,
    database: Database,
    _sandbox: Served,
    processes: Vec<Served>,
    group: Arc<GatewayGroup>,
}

impl Site {
    /// All gateways start at once, on an empty database.
    fn start() -> Site {
        Site::start_with_clocks([0; PROCESSES])
    }

    /// The same on machines whose clocks are ahead by this number of seconds.
    fn start_with_clocks(ahead_seconds: [i64; PROCESSES]) -> Site {
        let folder = tempfile::tempdir().expect("a folder");
        let database = fresh_database();
        let mut sandbox = tongbao();
        sandbox.args(["sandbox", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path());
        let sandbox = Served(start_until_ready(&mut sandbox).expect("the sandbox starts"));
        let file = dev_file(folder.path());
        let platform = crypto::rsa::generate().expect("a key");
        std::fs::write(folder.path().join("platform.pem"), platform).expect("written");
        let gateways = (0..PROCESSES).map(|node| configure(&folder, node, &file, &database));
        let group = Arc::new(GatewayGroup::new(&file, gateways.collect(), 0));
        let master_key = crypto::MasterKeys::generate();
        std::fs::write(folder.path().join("master.key"), master_key.expose()).expect("written");
        apply(&folder, "tenants.toml");
        let processes = std::thread::scope(|scope| {
            let start = |node| {
                scope.spawn({
                    let config = config_of(&folder, node);
                    move || serve(config, ahead_seconds[node])
                })
            };
            let starting: Vec<_> = (0..PROCESSES).map(start).collect();
            starting.into_iter().map(|served| served.join().expect("it serves")).collect()
        });
        Site { folder, database, _sandbox: sandbox, processes, group }
    }

    /// A gateway's power goes off, and on again.
    fn power_cycle(&mut self, node: usize) {
        self.processes[node].kill();
        self.processes[node] = serve(config_of(&self.folder, node), 0);
    }

    fn check(&self) -> Output {
        let mut check = tongbao();
        check.args(["check", "--database"]).arg(self.database.url());
        check.output().expect("the program runs")
    }

    /// Places at one gateway until there is an answer for good.
    async fn place(&self, node: usize, body: &Value) -> Value {
        for _ in 0..400 {
            let gateway = &self.group.gateways[node];
            let response = self.group.ask(gateway, UNIFIED_ORDER, body).await;
            let response = response.expect("an answer");
            if response["ErrCode"] == "SUCCESS" {
                return response["Result"].clone();
            }
            assert_eq!(response["ErrCode"], "ORDER.OPERATE_IS_PROCESSING", "{response}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{body} is never placed");
    }
}

/// Brings a file of tenants into the database.
fn apply(folder: &TempDir, file: &str) {
    let mut apply = tongbao();
    apply.arg("apply").arg(folder.path().join(file));
    let applied = apply.arg("--config").arg(config_of(folder, 0)).output();
    assert!(applied.as_ref().is_ok_and(|it| it.status.success()), "{applied:?}");
}

fn serve(config: PathBuf, ahead_seconds: i64) -> Served {
    let mut serve = tongbao();
    serve.arg("serve").arg("--config").arg(config);
    serve.arg(format!("--clock-ahead-seconds={ahead_seconds}"));
    Served(start_until_ready(&mut serve).expect("it serves"))
}

fn config_of(folder: &TempDir, node: usize) -> PathBuf {
    folder.path().join(format!("node-{node}.toml"))
}

/// Writes the configuration of a gateway and the tenants of all; its URL.
fn configure(folder: &TempDir, node: usize, file: &Value, database: &Database) -> String {
    let text = |pointer: &str| {
        let text = file.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("dev.json has no {pointer}"))
    };
    let names = [
        "mchid",
        "appid",
        "serial_no",
        "private_key_pem",
        "apiv3_key",
        "public_key_id",
        "public_key_pem",
    ];
    let settings: String =
        names.map(|name| format!("{name} = '''{}'''\n", text(&format!("/wxpay/{name}")))).concat();
    let address = address_to_come_back_to(node);
    let config = format!(
        "listen = \"{address}\"\noperations_listen = \"{address}\"\npublic_url = \"http://{address}\"\nnode = {node}\n\
         database = \"{}\"\nadmin_token = \"{}\"\nmaster_key_file = \"master.key\"\n\
         platform_private_key_file = \"platform.pem\"\nallow_private_notify_urls = true\n",
        database.url(),
        text("/admin_token"),
    );
    std::fs::write(config_of(folder, node), config).expect("written");
    let tenants = format!(
        "[[tenant]]\nocode = \"{}\"\n\
         [[tenant.key]]\nsecret_id = \"{}\"\nsecret_key = \"{}\"\n\
         [[tenant.merchant]]\nid = \"{}\"\naccounts = [\"wx\"]\n\
         [[tenant.account]]\nname = \"wx\"\nchannel = \"wxpay\"\n\
         [tenant.account.settings]\nbase_url = \"{}\"\n{settings}",
        text("/wecard/ocode"),
        text("/wecard/hmac/secret_id"),
        text("/wecard/hmac/secret_key"),
        text("/wecard/merchants/0"),
        text("/sandbox_url"),
    );
    std::fs::write(folder.path().join("tenants.toml"), tenants).expect("written");
    format!("http://{address}")
}

/// A free port on a loopback address of this process's own, where the system allows that: nobody else
/// takes the port while the gateway is dead.
fn address_to_come_back_to(node: usize) -> String {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let own = std::net::Ipv4Addr::new(127, 1 + u8::try_from(node).expect("a few"), high, low);
    let listener = TcpListener::bind((own, 0)).or_else(|_| TcpListener::bind("127.0.0.1:0"));
    listener.expect("a free port").local_addr().expect("its address").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_number_at_every_process_at_once_is_one_order() {
    const NUMBERS: usize = 20;
    let site = Arc::new(Site::start());
    for _ in 0..NUMBERS {
        let body = order(&fresh_number());
        let mut asking = tokio::task::JoinSet::new();
        for node in (0..PROCESSES).chain(0..PROCESSES) {
            let (site, body) = (site.clone(), body.clone());
            asking.spawn(async move { site.place(node, &body).await });
        }
        let answers = asking.join_all().await;
        for answer in &answers {
            assert_eq!(answer["OrderStatus"], "PAYING", "{answer}");
            assert_eq!(answer["ChannelOrderId"], answers[0]["ChannelOrderId"]);
            assert_eq!(answer["PayInfo"]["package"], answers[0]["PayInfo"]["package"]);
        }
    }
    assert_eq!(site.group.transactions().await.len(), NUMBERS);
    let checked = site.check();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.starts_with("orders 20 (paid 0)"), "{said}");
}

/// Another tenant of the same gateways, whose caller has the same secret under another id.
fn another_tenant(site: &Site) -> GatewayGroup {
    const OCODE: &str = "100002";
    let declared = std::fs::read_to_string(site.folder.path().join("tenants.toml"));
    let mut file = dev_file(site.folder.path());
    let mut declared = declared.expect("the tenants");
    for (pointer, new) in [("/wecard/ocode", OCODE), ("/wecard/hmac/secret_id", "AKIDother")] {
        let member = file.pointer_mut(pointer).expect("a member");
        let old = format!("\"{}\"", member.as_str().expect("text"));
        declared = declared.replace(&old, &format!("\"{new}\""));
        *member = json!(new);
    }
    let declared = declared.replace("\"wx\"", "\"wx-other\"");
    std::fs::write(site.folder.path().join("other.toml"), declared).expect("written");
    apply(&site.folder, "other.toml");
    GatewayGroup::new(&file, site.group.gateways.clone(), 0)
}

/// The slowest of some placings by a tenant at one gateway.
async fn slowest_placing(group: &GatewayGroup, placings: usize) -> Duration {
    let mut slowest = Duration::ZERO;
    for _ in 0..placings {
        let begun = Stopwatch::start();
        let body = order(&fresh_number());
        let answer = group.ask(&group.gateways[0], UNIFIED_ORDER, &body).await.expect("an answer");
        assert_eq!(answer["ErrCode"], "SUCCESS", "{answer}");
        slowest = slowest.max(begun.elapsed());
    }
    slowest
}

/// A person's session, or a broken program, keeps a row of one tenant locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_on_one_tenants_row_stops_that_tenant_alone() {
    const PLACINGS: usize = 30;
    let site = Site::start();
    let other = another_tenant(&site);
    // Every process reads the directory again within two seconds.
    while !is_known(&other).await {}
    let quiet = slowest_placing(&other, PLACINGS).await;
    let number = fresh_number();
    site.place(0, &order(&number)).await;
    let blocker = site.database.client().await;
    let lock = "BEGIN; SELECT * FROM orders WHERE tenant <> '100002' FOR UPDATE";
    blocker.batch_execute(lock).await.expect("the rows are locked");
    let close = json!({"OutOrderId": number});
    let group = site.group.clone();
    let closing = tokio::spawn({
        let close = close.clone();
        async move { group.ask(&group.gateways[0], CLOSE_ORDER, &close).await }
    });
    let locked = slowest_placing(&other, PLACINGS).await;
    // Once, its share waits a quarter of a second to see whether the lock lasts.
    let bound = quiet * 10 + Duration::from_millis(300);
    eprintln!("slowest placing: {quiet:?} in quiet, {locked:?} beside a lock");
    assert!(locked < bound, "{locked:?} beside a lock, {quiet:?} in quiet");
    let refused = closing.await.expect("no panic").expect("an answer");
    assert_eq!(refused["ErrCode"], "FailedOperation.SystemError", "{refused}");
    blocker.batch_execute("ROLLBACK").await.expect("the rows are free");
    let closed = site.group.ask(&site.group.gateways[0], CLOSE_ORDER, &close).await;
    assert_eq!(closed.expect("an answer")["ErrCode"], "SUCCESS");
}

/// What is committed apart waits 2 s for a lock. That of two tenants does so at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_locked_tenants_do_not_wait_for_each_other() {
    let site = Site::start();
    let other = another_tenant(&site);
    while !is_known(&other).await {}
    let closing = json!({"OutOrderId": fresh_number()});
    let number = closing["OutOrderId"].as_str().expect("a number");
    let groups = [&*site.group, &other];
    for group in groups {
        let placed = group.ask(&group.gateways[0], UNIFIED_ORDER, &order(number)).await;
        assert_eq!(placed.expect("an answer")["ErrCode"], "SUCCESS");
    }
    let blocker = site.database.client().await;
    let lock = "BEGIN; SELECT * FROM orders FOR UPDATE";
    blocker.batch_execute(lock).await.expect("the rows are locked");
    let close =
        async |group: &GatewayGroup| group.ask(&group.gateways[0], CLOSE_ORDER, &closing).await;
    let begun = Stopwatch::start();
    let (first, second) = tokio::join!(close(groups[0]), close(groups[1]));
    let took = begun.elapsed();
    for refused in [first, second] {
        let refused = refused.expect("an answer");
        assert_eq!(refused["ErrCode"], "FailedOperation.SystemError", "{refused}");
    }
    assert!(took < Duration::from_secs(4), "one after the other: {took:?}");
    blocker.batch_execute("ROLLBACK").await.expect("the rows are free");
    for group in groups {
        let closed = close(group).await.expect("an answer");
        assert_eq!(closed["ErrCode"], "SUCCESS", "{closed}");
    }
}

/// Whether every gateway knows the tenant.
async fn is_known(group: &GatewayGroup) -> bool {
    for gateway in &group.gateways {
        let body = order(&fresh_number());
        let answer = group.ask(gateway, UNIFIED_ORDER, &body).await.expect("an answer");
        if answer["ErrCode"] != "SUCCESS" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            return false;
        }
    }
    true
}

/// Leases and calls in flight rest on the database's clock: no machine takes another's call for ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ_by_a_minute_change_nothing() {
    let site = Site::start_with_clocks([40, -20, 0]);
    let delay = json!({"channel": "wxpay", "operation": "create", "fault": "delay",
        "delay_ms": 4_000, "times": 1});
    site.group.inject(&delay).await;
    let number = fresh_number();
    // The machine that is behind places, and the one that is ahead looks for due tasks meanwhile.
    site.place(1, &order(&number)).await;
    let close = json!({"OutOrderId": number});
    let gateway = &site.group.gateways[0];
    let closed = site.group.ask(gateway, CLOSE_ORDER, &close).await.expect("an answer");
    assert_eq!(closed["ErrCode"], "SUCCESS", "{closed}");
    let story = site.group.of_tenant(&format!("/orders/by-number/{number}")).await;
    assert_eq!(story["order"]["state"], "closed", "{story}");
    let events = story["events"].as_array().expect("a list");
    let calls: Vec<&Value> = events.iter().map(|event| &event["call"]["operation"]).collect();
    let placings = calls.iter().filter(|operation| **operation == "place").count();
    assert_eq!(placings, 1, "{story}");
    let times: Vec<&str> = events.iter().filter_map(|event| event["at"].as_str()).collect();
    assert!(times.len() == events.len() && times.is_sorted(), "{times:?}");
    let checked = site.check();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_promised_is_lost_when_processes_die_under_load() {
    let seed = seed();
    eprintln!("TONGBAO_TEST_SEED={seed}");
    let mut rng = SeededRng(seed);
    let mut site = Site::start();
    let mut merchant = Merchant::start().await;
    let trade = Trade::open(&site.group, &merchant.notify_url, &mut rng);
    for kill in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(rng.roll(UPTIME_MS))).await;
        tokio::task::block_in_place(|| site.power_cycle(kill % PROCESSES));
    }
    let promised = trade.close().await;
    assert!(promised.placed.len() >= 50, "{} orders are not a load", promised.placed.len());
    assert!(promised.unknown > 0, "no kill was felt");
    all_is_kept(&site.group, &promised, &mut merchant, SETTLED_WITHIN).await;
    let checked = site.check();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// Notifications with the time when they came, about, until this moment.
async fn received_until(merchant: &mut Merchant, end: Instant) -> Vec<(Instant, Received)> {
    let mut all = vec![];
    while monotonic() < end {
        all.extend(merchant.waiting().into_iter().map(|notification| (monotonic(), notification)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    all
}

/// The schedule begins with 15 s, 15 s, 30 s, each from the end of the attempt before. The second attempt
/// lasts 5 s: so long do the others see a task that is due and somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_sent_once_when_it_is_due_however_many_processes_look() {
    const ORDERS: usize = 5;
    /// How much later than due an attempt may come: processes look every half second.
    const LATE: Duration = Duration::from_secs(5);
    /// How much later than it came a notification may be seen.
    const SEEN_LATE: Duration = Duration::from_millis(500);
    let site = Site::start();
    let mut merchant = Merchant::start().await;
    let reject = MerchantReply::Answer(500, "later".to_owned());
    merchant.next(std::iter::repeat_n(reject, ORDERS));
    merchant.next(std::iter::repeat_n(MerchantReply::Hang, ORDERS));
    for number in 0..ORDERS {
        let body = with(&order(&fresh_number()), "NotifyUrl", json!(merchant.notify_url));
        let placed = site.place(number % PROCESSES, &body).await;
        let paid = site.group.pay(&placed["PayInfo"]).await;
        assert_eq!(paid.expect("an answer").status, 200);
    }
    let end = monotonic() + Duration::from_secs(40);
    let mut attempts: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for (at, notification) in received_until(&mut merchant, end).await {
        let id = notification.json()["NotifyId"].as_str().expect("an id").to_owned();
        attempts.entry(id).or_default().push(at);
    }
    assert_eq!(attempts.len(), ORDERS);
    for (notification, times) in attempts {
        let waits: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(waits.len(), 2, "{notification}: {waits:?}");
        for (wait, due_seconds) in waits.into_iter().zip([15, 20]) {
            let due = Duration::from_secs(due_seconds);
            assert!((due - SEEN_LATE..due + LATE).contains(&wait), "{notification}: {wait:?}");
        }
    }
}
