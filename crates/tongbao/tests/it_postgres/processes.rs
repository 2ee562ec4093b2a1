//! Several `tongbao serve` on one database, one after another killed and started again.
//!
//! These have no movable clock: what a dead process was at is taken up by another when its lease ends,
//! half a minute later, and the tests wait for that.

use crate::load::{GatewayGroup, Trade, all_is_kept};
use crate::merchant::{Merchant, MerchantReply, Received};
use crate::rng::{SeededRng, seed};
use crate::test_gateway::{UNIFIED_ORDER, dev_file, fresh_database, fresh_number, order};
use crate::test_gateway::{start_until_ready, tongbao, with};
use adapters::stopwatch::monotonic;
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
        let mut apply = tongbao();
        apply.arg("apply").arg(folder.path().join("tenants.toml"));
        let applied = apply.arg("--config").arg(config_of(&folder, 0)).output();
        assert!(applied.as_ref().is_ok_and(|it| it.status.success()), "{applied:?}");
        let processes = std::thread::scope(|scope| {
            let start = |node| {
                scope.spawn({
                    let config = config_of(&folder, node);
                    move || serve(config)
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
        self.processes[node] = serve(config_of(&self.folder, node));
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

fn serve(config: PathBuf) -> Served {
    let mut serve = tongbao();
    Served(start_until_ready(serve.arg("serve").arg("--config").arg(config)).expect("it serves"))
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
