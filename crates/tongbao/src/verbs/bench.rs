//! `tongbao bench`: measures this machine.
//!
//! Gateway and simulated channels run in this process, the load generator in a process of its own, so
//! that what the orders cost is told apart from what asking for them costs. Every commit is on disk.
//! Beside the product's figure stands the baseline: the same rows in batches of the same size, written
//! straight into a fresh database on the same disk, by a loop that does nothing else.

mod disk;
mod processor;
mod signatures;

use super::dev::{Beside, DevGateway, DevOperators, Purpose, Sockets};
use super::fairness;
use crate::database::Database;
use crate::merchant::{Caller, Generation};
use crate::output::show;
use crate::world::{CARD_BATCH, DevFile, MERCHANTS, WXPAY_V2_MERCHANT, partner};
use adapters::Stopwatch;
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use engine::{Clock, SystemClock};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use processor::{Cpu, Meter};
use signatures::Signatures;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use store::Baseline;
use tokio::net::TcpStream;

/// Arguments of `tongbao bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(clap::Subcommand)]
enum Measure {
    /// Place orders over signed HTTP as fast as the connections allow
    Orders(Orders),
    /// Buy gift cards over signed HTTP, each purchase paid at once and its cards issued
    Cards(Cards),
    /// Pay orders from wallets over signed HTTP, each paid in the commit that places it
    Wallet(Wallet),
    /// Measure the bytes of disk that an order takes which was placed, paid and notified
    Disk(disk::Arguments),
    /// Watch a quiet tenant while another one's merchants do not answer
    Fairness(fairness::Arguments),
    /// The load generator alone, as `orders` starts it
    #[command(hide = true)]
    Load(LoadArguments),
}

#[derive(clap::Args)]
struct Orders {
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Over how many connections, one request at a time on each
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Which channel the orders go through
    #[arg(long, value_enum, default_value = "none")]
    channel: Through,
    /// The folder whose disk is measured; a temporary folder is made in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Another database to measure: postgres://USER@HOST/NAME, which must be empty
    #[arg(long)]
    database: Option<Database>,
    /// Gateways beside each other on that database, each with a part of the connections
    #[arg(long, default_value_t = 1)]
    gateways: usize,
    /// How many other merchants get a part of each order, which must be paid for that; up to 50
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=50))]
    allocate: u8,
    /// How many gift cards each order is for, where it is not for goods
    #[arg(skip)]
    cards: Option<u32>,
}

#[derive(clap::Args)]
struct Cards {
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Over how many connections, one request at a time on each
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How many cards a purchase has
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100))]
    quantity: u32,
    /// The folder whose disk is measured; a temporary folder is made in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Another database to measure: postgres://USER@HOST/NAME, which must be empty
    #[arg(long)]
    database: Option<Database>,
}

impl Cards {
    /// The orders that pay for them.
    fn orders(self) -> Orders {
        Orders {
            seconds: self.seconds,
            connections: self.connections,
            channel: Through::Paid,
            folder: self.folder,
            database: self.database,
            gateways: 1,
            allocate: 0,
            cards: Some(self.quantity),
        }
    }
}

#[derive(clap::Args)]
struct Wallet {
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Over how many connections, one request at a time on each; each pays from a wallet of its own
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The folder whose disk is measured; a temporary folder is made in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Another database to measure: postgres://USER@HOST/NAME, which must be empty
    #[arg(long)]
    database: Option<Database>,
}

impl Wallet {
    /// The orders that are paid from wallets.
    fn orders(self) -> Orders {
        Orders {
            seconds: self.seconds,
            connections: self.connections,
            channel: Through::Wallet,
            folder: self.folder,
            database: self.database,
            gateways: 1,
            allocate: 0,
            cards: None,
        }
    }
}

#[derive(clap::Args)]
struct LoadArguments {
    /// For how long
    #[arg(long)]
    seconds: u64,
    /// Over how many connections
    #[arg(long)]
    connections: usize,
    /// Which channel the orders go through
    #[arg(long, value_enum)]
    channel: Through,
    /// The folder of `dev.json`
    #[arg(long)]
    data: PathBuf,
    /// The gateways
    #[arg(long, required = true)]
    gateway: Vec<String>,
    /// How many other merchants get a part of each order
    #[arg(long)]
    allocate: u8,
    /// How many gift cards each order is for, where it is not for goods
    #[arg(long)]
    cards: Option<u32>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Through {
    /// A built-in channel that answers at once
    None,
    /// A built-in channel whose payer pays at once: every order moves money, all of it on the same
    /// two accounts
    Paid,
    /// The wallet of each connection's user, which is filled before
    Wallet,
    /// The simulated WeChat Pay
    Wxpay,
    /// The simulated WeChat Pay by its older interface, which signs without RSA
    WxpayV2,
    /// The simulated Alipay
    Alipay,
}

impl Through {
    /// The word of the command line.
    const fn word(self) -> &'static str {
        match self {
            Through::None => "none",
            Through::Paid => "paid",
            Through::Wallet => "wallet",
            Through::Wxpay => "wxpay",
            Through::WxpayV2 => "wxpay-v2",
            Through::Alipay => "alipay",
        }
    }

    const fn pay_channel(self) -> &'static str {
        match self {
            Through::None => "NONE",
            Through::Paid => "PAID",
            Through::Wallet => "WALLETPAY",
            Through::Wxpay | Through::WxpayV2 => "WXPAY",
            Through::Alipay => "ALIPAY",
        }
    }

    /// Who collects.
    const fn merchant(self) -> &'static str {
        match self {
            Through::WxpayV2 => WXPAY_V2_MERCHANT,
            Through::None | Through::Paid | Through::Wallet | Through::Wxpay | Through::Alipay => {
                MERCHANTS[0]
            }
        }
    }

    /// The signatures by RSA of an order in a mini program. Each side signs what it sends and verifies what
    /// it gets; for WeChat Pay v3 the gateway also signs what the payer's client shows.
    const fn signatures(self) -> Signatures {
        match self {
            Through::None | Through::Paid | Through::Wallet | Through::WxpayV2 => Signatures::NONE,
            Through::Wxpay => Signatures { made: 3, verified: 2 },
            Through::Alipay => Signatures { made: 2, verified: 2 },
        }
    }

    /// Who pays, as members of `ExternalPaymentData`.
    fn payer(self) -> String {
        match self {
            Through::Alipay => r#"{\"AliUserId\":\"2088102146225135\"}"#.to_owned(),
            Through::None | Through::Paid | Through::Wallet | Through::Wxpay | Through::WxpayV2 => {
                format!(
                    r#"{{\"WxAppId\":\"{}\",\"WxOpenId\":\"oXLUp5OHJof5768CoFFDuuaRn8kc\"}}"#,
                    crate::world::APPID
                )
            }
        }
    }
}

/// How the run is cut for the question whether the rate falls off.
const SLICES: usize = 5;

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.measure {
        Measure::Orders(orders) => measure_orders(orders).await,
        Measure::Cards(cards) => measure_orders(cards.orders()).await,
        Measure::Wallet(wallet) => measure_orders(wallet.orders()).await,
        Measure::Disk(disk) => disk::run(disk).await,
        Measure::Fairness(arguments) => fairness::run(arguments).await,
        Measure::Load(load) => generate_load(load).await,
    }
}

async fn measure_orders(orders: Orders) -> Result<ExitCode> {
    let folder = tempfile::tempdir_in(&orders.folder).context("no temporary folder")?;
    let database = orders.database.clone().unwrap_or_else(|| Database::in_folder(folder.path()));
    let gateway = DevGateway::start(
        Sockets::ANY,
        folder.path(),
        &database,
        Purpose::Measurement { partners: orders.allocate },
        DevOperators::default(),
    )
    .await?;
    let beside = gateways_beside(&gateway, &database, folder.path(), orders.gateways).await?;
    let mut base_urls = vec![gateway.file.base_url.clone()];
    base_urls.extend(beside.iter().map(|gateway| gateway.base_url.clone()));
    let commits_before = commits(&gateway.file).await?;
    let meter = Meter::of(&database).await?;
    let before = meter.read();
    let load = load(&orders, folder.path(), &base_urls).await?;
    let cpu = meter.since(&before);
    let commits = commits(&gateway.file).await?.saturating_sub(commits_before);
    let memory_kib = resident_kib();
    for other in beside {
        other.stop().await?;
    }
    gateway.stop().await?;

    let count = load.placed.len();
    ensure!(count > 0, "no order was placed");
    let batch = usize::try_from(u64::try_from(count)? / commits.max(1))?.max(1);
    let (baseline, baseline_cpu) = baseline(&database, folder.path(), batch, &meter).await?;
    let gateway = Cost { commits, memory_kib, cpu };
    report(&orders, &load, &gateway, &baseline, &baseline_cpu);
    report_signatures(&orders, us_each(gateway.cpu.own_ms, count))?;
    Ok(ExitCode::SUCCESS)
}

/// What the run cost the process of the gateway.
struct Cost {
    commits: u64,
    memory_kib: u64,
    cpu: Cpu,
}

/// What the load generator saw: how long it ran, and its orders.
#[derive(serde::Serialize, serde::Deserialize)]
struct Run {
    took_us: u64,
    placed: Vec<Placed>,
}

/// Runs the load generator in a process of its own.
async fn load(orders: &Orders, data: &Path, base_urls: &[String]) -> Result<Run> {
    let program = std::env::current_exe().context("the program does not find itself")?;
    let mut command = std::process::Command::new(program);
    command
        .args(["bench", "load", "--seconds", &orders.seconds.to_string()])
        .args(["--connections", &orders.connections.to_string()])
        .args(["--allocate", &orders.allocate.to_string()])
        .args(["--channel", orders.channel.word(), "--data"])
        .arg(data)
        .stderr(Stdio::inherit());
    if let Some(cards) = orders.cards {
        command.args(["--cards", &cards.to_string()]);
    }
    for base_url in base_urls {
        command.args(["--gateway", base_url]);
    }
    let output = tokio::task::spawn_blocking(move || command.output()).await?;
    let output = output.context("the load generator does not start")?;
    ensure!(output.status.success(), "the load generator failed");
    serde_json::from_slice(&output.stdout).context("the load generator's report")
}

/// The load generator: its report goes to standard output.
async fn generate_load(arguments: LoadArguments) -> Result<ExitCode> {
    let file = DevFile::read(&arguments.data)?;
    let load = Arc::new(Load {
        base_urls: arguments.gateway,
        caller: Caller::of(&file, Generation::Hmac)?,
        order: OrderBody {
            channel: arguments.channel,
            allocations: allocations(arguments.allocate),
            cards: arguments.cards,
        },
    });
    if let Through::Wallet = load.order.channel {
        fill_wallets(&load, arguments.connections).await?;
    }
    let begun = Stopwatch::start();
    let length = Duration::from_secs(arguments.seconds);
    let placed = drive(&load, arguments.connections, length).await?;
    let took_us = u64::try_from(begun.elapsed().as_micros())?;
    serde_json::to_writer(std::io::stdout().lock(), &Run { took_us, placed })?;
    Ok(ExitCode::SUCCESS)
}

/// What the database does when a loop writes the same rows and nothing else, and what that costs.
async fn baseline(
    database: &Database,
    folder: &Path,
    batch: usize,
    meter: &Meter,
) -> Result<(Baseline, Cpu)> {
    match database {
        Database::Sqlite(source) => {
            let (source, target) = (source.clone(), folder.join("baseline.db"));
            let read = move || store_sqlite::baseline::read(&source);
            let orders = tokio::task::spawn_blocking(read).await??;
            let before = meter.read();
            let write = move || store_sqlite::baseline::write(&orders, &target, batch);
            let baseline = tokio::task::spawn_blocking(write).await??;
            Ok((baseline, meter.since(&before)))
        }
        Database::Postgres(url) => {
            let before = meter.read();
            let baseline = store_postgres::baseline::write(url, crate::world::OCODE, batch).await?;
            Ok((baseline, meter.since(&before)))
        }
    }
}

/// What every connection sends.
struct Load {
    base_urls: Vec<String>,
    caller: Caller,
    order: OrderBody,
}

/// What the bodies of orders have in common.
struct OrderBody {
    channel: Through,
    /// The member that says how the money is divided, with a comma before it; or nothing.
    allocations: String,
    /// How many gift cards an order is for, where it is not for goods.
    cards: Option<u32>,
}

/// One answered order: when, after the start, and how long it took, in microseconds.
#[derive(serde::Serialize, serde::Deserialize)]
struct Placed {
    at_us: u32,
    latency_us: u32,
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// More gateways of the same world on the same database.
async fn gateways_beside(
    gateway: &DevGateway,
    database: &Database,
    data: &Path,
    count: usize,
) -> Result<Vec<Beside>> {
    let mut gateways = Vec::new();
    for node in 1..count {
        gateways.push(Beside::start(gateway, database, data, u8::try_from(node)?).await?);
    }
    Ok(gateways)
}

async fn drive(load: &Arc<Load>, connections: usize, length: Duration) -> Result<Vec<Placed>> {
    let begun = Stopwatch::start();
    let mut running = tokio::task::JoinSet::new();
    for number in 0..connections {
        running.spawn(connection(load.clone(), number, begun, length));
    }
    let mut placed = Vec::new();
    while let Some(outcome) = running.join_next().await {
        placed.extend(outcome??);
    }
    Ok(placed)
}

async fn connection(
    load: Arc<Load>,
    number: usize,
    begun: Stopwatch,
    length: Duration,
) -> Result<Vec<Placed>> {
    let base_url = &load.base_urls[number % load.base_urls.len()];
    let mut sender = connect(base_url).await?;
    let mut placed = Vec::new();
    while begun.elapsed() < length {
        let body = load.order.write(number, placed.len());
        let sent = Stopwatch::start();
        post(&mut sender, &load, base_url, load.order.path(), body).await?;
        let (at_us, latency_us) = (micros(begun.elapsed()), micros(sent.elapsed()));
        placed.push(Placed { at_us, latency_us });
    }
    Ok(placed)
}

/// Gives the user of each connection more than a run can spend.
async fn fill_wallets(load: &Load, connections: usize) -> Result<()> {
    let base_url = load.base_urls.first().context("no gateway")?;
    let mut sender = connect(base_url).await?;
    for number in 0..connections {
        post(&mut sender, load, base_url, RECHARGE, load.order.recharge(number)).await?;
    }
    Ok(())
}

async fn connect(base_url: &str) -> Result<SendRequest<Full<Bytes>>> {
    let address = base_url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn post(
    sender: &mut SendRequest<Full<Bytes>>,
    load: &Load,
    base_url: &str,
    path: &str,
    body: String,
) -> Result<()> {
    let url = format!("{base_url}{path}");
    let request = load.caller.signed(&url, body.into_bytes(), SystemClock::new().now())?.request;
    let mut builder = http::Request::post(path);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let outgoing = builder.body(Full::new(Bytes::from(request.body)))?;
    sender.ready().await?;
    let answer = sender.send_request(outgoing).await?;
    let answer = answer.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&answer);
    let is_paid = !matches!(load.order.channel, Through::Wallet) || text.contains(IS_SUCCESS);
    ensure!(text.contains(r#""ErrCode":"SUCCESS""#) && is_paid, "refused: {text}");
    Ok(())
}

/// The call that pays into a wallet.
const RECHARGE: &str = "/cloudpay/v1/wallet/out/recharge";
/// What an answer says of an order or a recharge that is paid at once.
const IS_SUCCESS: &str = r#"Status":"SUCCESS""#;
/// What each wallet is filled with, in fen: a million orders.
const FILL: i64 = 1_000_000 * TOTAL;
/// What an order costs, in fen.
const TOTAL: i64 = 1000;

impl OrderBody {
    const fn path(&self) -> &'static str {
        match self.cards {
            Some(_) => "/cloudpay/v1/wallet/out/buy_cards",
            None => "/cloudpay/v1/pay/c2b/unified_order",
        }
    }

    fn write(&self, connection: usize, number: usize) -> String {
        match self.cards {
            Some(cards) => self.purchase(cards, connection, number),
            None => self.order(connection, number),
        }
    }

    /// A purchase of gift cards like the published one. Each connection buys for an owner of its own.
    fn purchase(&self, cards: u32, connection: usize, number: usize) -> String {
        let (ms, pay_channel) = (SystemClock::new().now().ms(), self.channel.pay_channel());
        format!(
            r#"{{"CardBatchId":{CARD_BATCH},"CardQuantity":{cards},"PayChannel":"{pay_channel}","PayType":"MINI_PROGRAM","OrderSubject":"购买储值卡","OutRechargeId":"b{ms}_{connection:04}_{number:08}","ExternalPaymentData":"{{\"WxAppId\":\"{}\",\"WxOpenId\":\"oXLUp5OHJof5768CoFFDuua{connection:04}\"}}","Currency":"CNY","Attachment":"原路返回string","SceneInfo":{{"DeviceType":"04","PayerClientIp":"14.15.16.17","DeviceId":"00000001"}},"Remark":"备注"}}"#,
            crate::world::APPID
        )
    }

    /// What fills the wallet of a connection's user, paid at once.
    fn recharge(&self, connection: usize) -> String {
        let (ms, merchant, user) = (SystemClock::new().now().ms(), MERCHANTS[0], user(connection));
        format!(
            r#"{{"ChannelSubMerchantId":"{merchant}","RechargeAmount":{FILL},"PayChannel":"PAID","PayType":"PC","OrderSubject":"储值","OutRechargeId":"r{ms}_{connection:04}"{user}}}"#
        )
    }

    /// An order like a real one: a mini program's, with subject, payer, attachment and scene, and nobody to
    /// be told: the deliveries of notifications are not part of what is measured. Its
    /// number begins with the time, as merchants' numbers do.
    fn order(&self, connection: usize, number: usize) -> String {
        let ms = SystemClock::new().now().ms();
        let (merchant, pay_channel) = (self.channel.merchant(), self.channel.pay_channel());
        let (parts, payer) = (&self.allocations, self.channel.payer());
        let user = match self.channel {
            Through::Wallet => user(connection),
            _ => String::new(),
        };
        format!(
            r#"{{"ChannelSubMerchantId":"{merchant}","TotalAmount":{TOTAL},"PayChannel":"{pay_channel}","PayType":"MINI_PROGRAM","OrderSubject":"杂粮煎饼","OutOrderId":"b{ms}_{connection:04}_{number:08}","ExternalPaymentData":"{payer}","Currency":"CNY","Attachment":"原路返回string","SceneInfo":{{"DeviceType":"04","PayerClientIp":"14.15.16.17","DeviceId":"00000001"}},"Remark":"备注"{parts}{user}}}"#
        )
    }
}

/// The member that names the user whose wallet pays.
fn user(connection: usize) -> String {
    format!(r#","PayerInfo":{{"OutUserId":"user-{connection:04}"}}"#)
}

/// The member that gives one fen of an order to each of `count` merchants; nothing for none.
fn allocations(count: u8) -> String {
    if count == 0 {
        return String::new();
    }
    let part =
        |number| format!(r#"{{"ChannelSubMerchantId":"{}","AllocateAmount":1}}"#, partner(number));
    let parts: Vec<String> = (1..=count).map(part).collect();
    format!(r#","FundAllocateList":[{}]"#, parts.join(","))
}

/// How many commits this process has made, from its own metrics: every gateway in it counts there.
async fn commits(file: &DevFile) -> Result<u64> {
    let base_url = &file.base_url;
    let mut sender = connect(base_url).await?;
    let request = http::Request::get("/metrics")
        .header("host", base_url.trim_start_matches("http://"))
        .header("authorization", format!("Bearer {}", file.admin_token))
        .body(Full::new(Bytes::new()))?;
    let answer = sender.send_request(request).await?.into_body().collect().await?.to_bytes();
    let text = String::from_utf8_lossy(&answer);
    let line = text.lines().find_map(|line| line.strip_prefix("tongbao_commits_total "));
    Ok(line.and_then(|count| count.trim().parse().ok()).unwrap_or(0))
}

/// Resident memory of this process now, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

fn report(orders: &Orders, run: &Run, gateway: &Cost, baseline: &Baseline, baseline_cpu: &Cpu) {
    let (placed, took) = (&run.placed, Duration::from_micros(run.took_us));
    let mut latencies: Vec<u32> = placed.iter().map(|placed| placed.latency_us).collect();
    latencies.sort_unstable();
    let percentile = |per_mille: usize| {
        let at = (latencies.len().saturating_sub(1)) * per_mille / 1000;
        latencies.get(at).copied().unwrap_or(0)
    };
    show!(
        "channel {}, {} allocations an order, {} connections, {} s, {} orders",
        orders.channel.word(),
        orders.allocate,
        orders.connections,
        orders.seconds,
        placed.len()
    );
    show!("tongbao      {} orders/s", per_second(placed.len(), took));
    if let Some(cards) = orders.cards {
        let each = usize::try_from(cards).unwrap_or(0);
        let (own, bare) = (placed.len() * each, baseline.orders * each);
        let bare = per_second(bare, baseline.took);
        show!("cards        {} issued/s, {bare} in the baseline", per_second(own, took));
    }
    show!(
        "baseline     {} orders/s (the same rows in batches of {})",
        per_second(baseline.orders, baseline.took),
        baseline.batch
    );
    show!(
        "latency      p50 {} µs, p99 {} µs, max {} µs",
        percentile(500),
        percentile(990),
        percentile(1000)
    );
    show!(
        "processor    {} µs an order in the gateway and the simulated channels, {} µs in the baseline",
        us_each(gateway.cpu.own_ms, placed.len()),
        us_each(baseline_cpu.own_ms, baseline.orders)
    );
    show!(
        "load         {} µs an order in the load generator",
        us_each(gateway.cpu.load_ms, placed.len())
    );
    if let Some(Database::Postgres(_)) = orders.database {
        show!("database     {}", database_cost(placed.len(), &gateway.cpu, baseline, baseline_cpu));
    }
    show!(
        "commits      {}, orders per commit {}",
        gateway.commits,
        u64::try_from(placed.len()).unwrap_or(0) / gateway.commits.max(1)
    );
    show!("memory       {} MiB resident after the run", gateway.memory_kib / 1024);
    show!("over time    {} orders/s in each fifth of the run", slices(placed, took));
}

/// What of the processor time is signatures, where the channel signs by RSA.
fn report_signatures(orders: &Orders, own_us: u64) -> Result<()> {
    let signatures = orders.channel.signatures();
    let Signatures { made, verified } = signatures;
    if made + verified > 0 {
        let us = signatures.cost_us()?;
        show!(
            "signatures   {us} µs an order by RSA ({made} made, {verified} verified), {} % of the processor time",
            us * 100 / own_us.max(1)
        );
    }
    Ok(())
}

fn database_cost(placed: usize, cpu: &Cpu, baseline: &Baseline, baseline_cpu: &Cpu) -> String {
    match (cpu.database_ms, baseline_cpu.database_ms) {
        (Some(ms), Some(baseline_ms)) => format!(
            "{} µs an order in its own processes, {} µs in the baseline",
            us_each(ms, placed),
            us_each(baseline_ms, baseline.orders)
        ),
        (None, _) | (_, None) => {
            "its processor time is not measurable from here: its processes cannot be seen"
                .to_owned()
        }
    }
}

fn us_each(ms: u64, count: usize) -> u64 {
    ms * 1000 / u64::try_from(count).unwrap_or(0).max(1)
}

fn per_second(count: usize, took: Duration) -> u128 {
    u128::try_from(count).unwrap_or(0) * 1_000_000 / took.as_micros().max(1)
}

fn slices(placed: &[Placed], took: Duration) -> String {
    let mut counts = [0usize; SLICES];
    for order in placed {
        let slice = u128::from(order.at_us) * 5 / took.as_micros().max(1);
        if let Some(count) = usize::try_from(slice).ok().and_then(|slice| counts.get_mut(slice)) {
            *count += 1;
        }
    }
    let slice_length = took / 5;
    let rates: Vec<String> =
        counts.iter().map(|count| per_second(*count, slice_length).to_string()).collect();
    rates.join(", ")
}
