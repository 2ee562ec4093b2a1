//! `tongbao bench fairness`: what a quiet tenant notices of a noisy one.
//!
//! Each attack runs on a gateway and a database of its own. While it lasts, the quiet tenant places
//! orders that are paid at once, and whose notification goes to a server that answers, and orders that
//! are left to expire. The noisy tenant does the same to servers that take connections and never answer,
//! or asks for its orders without end.

use super::dev::recorder;
use crate::database::Database;
use crate::gateway::{Gateway, Operations};
use crate::output::show;
use crate::world::World;
use adapters::stopwatch::monotonic;
use anyhow::{Context, Result, bail};
use channel::{Payer, Scene, Settings};
use crypto::Secret;
use engine::{DeclaredCallerKey, DeclaredChannelAccount, DeclaredProof, Engine, SystemClock};
use kernel::{
    Caller, Command, Key, MerchantCommand, MerchantId, NaturalKey, Order, OrderRequest, PlaceOrder,
    Put, Row, TenantCommand, TenantId,
};
use ledger::{Currency, Fen, Timestamp};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::OneOrder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Arguments of `tongbao bench fairness`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how long the quiet tenant is watched under each attack
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Paid orders of the noisy tenant whose notifications nobody answers
    #[arg(long, default_value_t = 1500)]
    orders: usize,
    /// The folder whose disk is used; temporary folders are made in it
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// What the noisy tenant does.
#[derive(Clone, Copy)]
enum Attack {
    None,
    DeadHost,
    Spellings,
    Queries,
}

impl Attack {
    const ALL: [Attack; 4] = [Attack::None, Attack::DeadHost, Attack::Spellings, Attack::Queries];

    const fn name(self) -> &'static str {
        match self {
            Attack::None => "quiet",
            Attack::DeadHost => "dead host",
            Attack::Spellings => "eight spellings",
            Attack::Queries => "query storm",
        }
    }
}

const SPELLINGS: [&str; 8] = [
    "localhost",
    "LOCALHOST",
    "Localhost",
    "lOCALHOST",
    "LocalHost",
    "localHOST",
    "loCalHost",
    "localhosT",
];
const NAMESPACE: &str = "bench";
/// Askers of a query storm.
const ASKERS: usize = 64;
/// How often the quiet tenant places an order.
const PLACE_EVERY: Duration = Duration::from_millis(100);
/// How long an order that is left to expire can be paid.
const LIFE_SECONDS: i64 = 5;
/// How long the end of the quiet tenant's work is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often an order that is past its time is looked at.
const POLL_EVERY: Duration = Duration::from_millis(20);

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let metrics = recorder()?;
    show!("p99 of the quiet tenant          placing    notification  expiry delay");
    for attack in Attack::ALL {
        let seen = measure(&arguments, attack, &metrics).await?;
        let [placing, notification, expiry] =
            [seen.placing, seen.notification, seen.expiry].map(|times| text(p99(times)));
        show!("{:<28} {placing:>11} {notification:>15} {expiry:>13}", attack.name());
    }
    Ok(ExitCode::SUCCESS)
}

/// What the quiet tenant saw.
#[derive(Default)]
struct Seen {
    placing: Vec<Duration>,
    notification: Vec<Duration>,
    expiry: Vec<Duration>,
}

fn p99(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    let at = (times.len() * 99).div_ceil(100).checked_sub(1)?;
    times.get(at).copied()
}

fn text(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

async fn measure(
    arguments: &Arguments,
    attack: Attack,
    metrics: &PrometheusHandle,
) -> Result<Seen> {
    let folder = tempfile::tempdir_in(&arguments.folder).context("no temporary folder")?;
    let database = Database::in_folder(folder.path());
    let installation = World::of_folder(folder.path()).await?.installation("http://127.0.0.1")?;
    let clock = Arc::new(SystemClock::new());
    let (store, together) = (database.open_to_serve()?, Operations::Together);
    let gateway = Gateway::start(installation, store, clock, metrics.clone(), together).await?;
    let engine = gateway.engine;
    let (noisy, quiet) = (TenantId::new("200001"), TenantId::new("200002"));
    for tenant in [&noisy, &quiet] {
        open(&engine, tenant).await?;
    }
    let attackers = begin(&engine, &noisy, attack, arguments.orders).await?;
    let seen = watch(&engine, &quiet, Duration::from_secs(arguments.seconds)).await?;
    drop(attackers);
    engine.stop();
    Ok(seen)
}

/// Declares a tenant with a merchant that collects through the builtin channels.
async fn open(engine: &Engine, tenant: &TenantId) -> Result<()> {
    let (put, is_enabled) = (Put::Create, true);
    let name: Arc<str> = Arc::from(tenant.as_str());
    let put_tenant =
        TenantCommand::Put { tenant: tenant.clone(), name: name.clone(), is_enabled, put };
    let mut commands: Vec<Command> = vec![put_tenant.into()];
    let mut channel_accounts: Vec<Arc<str>> = vec![];
    for channel in ["none", "paid"] {
        let account: Arc<str> = Arc::from(format!("{channel}-{tenant}"));
        channel_accounts.push(account.clone());
        let declared = DeclaredChannelAccount {
            tenant: tenant.clone(),
            name: account,
            channel: Arc::from(channel),
            settings: Settings::new(),
            is_enabled,
            put,
        };
        commands.push(engine.put_channel_account(declared, None)?.into());
    }
    let merchant = MerchantId::new("CM1");
    let tenant = tenant.clone();
    let key = DeclaredCallerKey {
        tenant: tenant.clone(),
        key_id: Arc::from(format!("AKID{tenant}")),
        proof: DeclaredProof::Hmac(Secret::new(crypto::random::hex_nonce())),
        is_enabled,
        put,
    };
    commands.push(engine.put_caller_key(key, None)?.into());
    commands.push(
        MerchantCommand::Put {
            tenant,
            merchant,
            name,
            channel_accounts,
            sharing: kernel::MerchantSharing::default(),
            is_enabled,
            put,
        }
        .into(),
    );
    for command in commands {
        engine.handle(operator(), command).await?;
    }
    Ok(())
}

fn operator() -> Caller {
    Caller::Operator(Arc::from("bench"))
}

/// Places an order of a tenant.
async fn place(
    engine: &Engine,
    tenant: &TenantId,
    channel: &str,
    number: &str,
    notify_url: Option<String>,
    expires_at: Option<Timestamp>,
) -> Result<Order> {
    let request = OrderRequest {
        merchant: MerchantId::new("CM1"),
        namespace: Arc::from(NAMESPACE),
        merchant_order_no: number.to_owned(),
        dialect: Arc::from("wecard"),
        amount: Fen::new(1000),
        currency: Currency::Cny,
        scene: Scene::Pc,
        subject: "杂粮煎饼".to_owned(),
        payer: Payer { app_id: None, user_id: None, client_ip: None, device_id: None },
        goods_tag: None,
        notify_url,
        front_url: None,
        splits: kernel::Splits::default(),
        recharge: None,
        wallet: None,
        details: "{}".to_owned(),
        content: String::new(),
    };
    let (tenant, channel) = (tenant.clone(), channel.to_owned());
    let command = PlaceOrder {
        tenant,
        channel,
        request: Arc::new(request),
        payees: vec![],
        expires_at,
        payment_code: None,
        agreement: None,
    };
    match engine.handle(operator(), command).await?.reply.row {
        Some(Row::Order(order)) => Ok(order),
        _ => bail!("an order was placed and not shown"),
    }
}

/// Begins an attack. It lasts until what is returned is dropped.
async fn begin(
    engine: &Arc<Engine>,
    tenant: &TenantId,
    attack: Attack,
    orders: usize,
) -> Result<tokio::task::JoinSet<()>> {
    let mut attackers = tokio::task::JoinSet::new();
    let hosts = match attack {
        Attack::None => return Ok(attackers),
        Attack::DeadHost => &SPELLINGS[..1],
        Attack::Spellings => &SPELLINGS[..],
        Attack::Queries => {
            let order = place(engine, tenant, "none", "asked", None, None).await?;
            for _ in 0..ASKERS {
                attackers.spawn(ask_without_end(engine.clone(), order.clone()));
            }
            return Ok(attackers);
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    attackers.spawn(never_answer(listener));
    for number in 0..orders {
        let url = format!("http://{}:{port}/{number}", hosts[number % hosts.len()]);
        place(engine, tenant, "paid", &format!("n{number}"), Some(url), None).await?;
    }
    Ok(attackers)
}

async fn ask_without_end(engine: Arc<Engine>, order: Order) {
    loop {
        let one = OneOrder { tenant: order.terms.tenant.clone(), key: Key::Id(order.terms.id) };
        if engine.ask(one).await.is_err() {
            return;
        }
    }
}

/// Takes connections and keeps them.
async fn never_answer(listener: TcpListener) {
    let mut held = vec![];
    while let Ok((stream, _)) = listener.accept().await {
        held.push(stream);
    }
}

/// The quiet tenant's work, and what it sees.
async fn watch(engine: &Arc<Engine>, tenant: &TenantId, length: Duration) -> Result<Seen> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (sender, mut received) = mpsc::unbounded_channel();
    let server = tokio::spawn(acknowledge(listener, sender));
    let mut seen = Seen::default();
    let mut paid_at = HashMap::new();
    let mut expiring = tokio::task::JoinSet::new();
    let begun = monotonic();
    for number in 0.. {
        if begun.elapsed() >= length {
            break;
        }
        let url = format!("http://127.0.0.1:{port}/p{number}");
        let placing = monotonic();
        place(engine, tenant, "paid", &format!("p{number}"), Some(url), None).await?;
        seen.placing.push(placing.elapsed());
        paid_at.insert(format!("/p{number}"), monotonic());
        let (name, expires_at) = (format!("e{number}"), engine.now().plus_seconds(LIFE_SECONDS));
        place(engine, tenant, "none", &name, None, Some(expires_at)).await?;
        expiring.spawn(until_expired(engine.clone(), tenant.clone(), name, expires_at));
        tokio::time::sleep(PLACE_EVERY).await;
    }
    while let Some(ended) = expiring.join_next().await {
        seen.expiry.push(ended??);
    }
    while !paid_at.is_empty() {
        let next = tokio::time::timeout(PATIENCE, received.recv()).await;
        let (path, at) = next.context("a notification never came")?.context("no server")?;
        if let Some(paid) = paid_at.remove(&path) {
            seen.notification.push(at.saturating_duration_since(paid));
        }
    }
    server.abort();
    Ok(seen)
}

/// How long after its time an order has ended.
async fn until_expired(
    engine: Arc<Engine>,
    tenant: TenantId,
    number: String,
    expires_at: Timestamp,
) -> Result<Duration> {
    let left_ms = u64::try_from(expires_at.ms_since(engine.now())).unwrap_or(0);
    tokio::time::sleep(Duration::from_millis(left_ms)).await;
    let begun = monotonic();
    let key = Key::Number(NaturalKey::new(NAMESPACE, number));
    while begun.elapsed() < PATIENCE {
        let one = OneOrder { tenant: tenant.clone(), key: key.clone() };
        if engine.ask(one).await?.is_some_and(|order| order.state.is_final()) {
            return Ok(begun.elapsed());
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    bail!("an order did not expire within {} s", PATIENCE.as_secs())
}

/// A merchant's server that acknowledges everything and reports what came, by path.
async fn acknowledge(listener: TcpListener, sender: mpsc::UnboundedSender<(String, Instant)>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(acknowledge_one(stream, sender.clone()));
    }
}

async fn acknowledge_one(mut stream: TcpStream, sender: mpsc::UnboundedSender<(String, Instant)>) {
    let mut bytes = [0; 16 * 1024];
    // A notification is small: its head and the path in it come with the first packet.
    let Ok(read @ 1..) = stream.read(&mut bytes).await else { return };
    let head = String::from_utf8_lossy(&bytes[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let _ = sender.send((path, monotonic()));
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nSUCCESS";
    let _ = stream.write_all(answer.as_bytes()).await;
    // The rest is read, so that closing does not cut the answer off.
    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
}
