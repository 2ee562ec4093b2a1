//! `tongbao dev`: gateway and sandbox in one process, seeded and ready in about a second.

use crate::apply;
use crate::database::Database;
use crate::gateway::{Gateway, Operations};
use crate::installation::Installation;
use crate::limits;
use crate::output::show;
use crate::server::{Admission, Listening, StopSignals};
use crate::world::{
    self, DevFile, SandboxUrls, World, WxpaySigning, WxpayTrust, create_private_folder,
};
use admin_api::{AdminToken, ManualRule, Role};
use anyhow::{Context, Result};
use crypto::Secret;
use kernel::Caller;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sandbox::{CallbackClock, ClockControl, Sandbox, SharedClock};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Arguments of `tongbao dev`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the gateway listens; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where the simulated channels listen; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:8081")]
    sandbox_listen: String,
    /// Where they listen by TLS too, under an authority of their own, which dev.json names. The gateway
    /// then calls them there, with the client certificates of its accounts
    #[arg(long, value_name = "ADDRESS")]
    sandbox_tls_listen: Option<String>,
    /// Where databases, keys and dev.json live
    #[arg(long, default_value = "./tongbao-data")]
    data: PathBuf,
    /// Where the gateway keeps its state, when not in the data folder: sqlite:PATH or
    /// postgres://USER@HOST/NAME
    #[arg(long, env = "TONGBAO_DATABASE", hide_env_values = true)]
    database: Option<Database>,
    /// By what the simulated WeChat Pay's merchant, which the gateway is, knows it; kept in the data
    /// folder, public_key at first
    #[arg(long, value_enum)]
    wxpay_trust: Option<WxpayTrust>,
    #[command(flatten)]
    operators: DevOperators,
}

// The operators beside the one of `dev.json`. clap would show a doc comment as that of the verb.
#[derive(Default, clap::Args)]
pub(crate) struct DevOperators {
    /// Keep commands that move money by hand until a second operator approves them
    #[arg(long)]
    second_person: bool,
    /// Another operator, who may operate; can be given several times
    #[arg(long = "operator", value_name = "NAME:TOKEN")]
    others: Vec<String>,
}

/// Not a `value_parser`: clap would show what it cannot read, which may be a token.
fn operator(text: &str) -> Result<AdminToken> {
    let (name, token) = text.split_once(':').context("--operator: want NAME:TOKEN")?;
    let token = Secret::new(token.to_owned());
    Ok(AdminToken { name: Arc::from(name), role: Role::Operate, token })
}

impl DevOperators {
    /// The installation with these operators.
    fn join(self, installation: Installation) -> Result<Installation> {
        let manual_rule = match self.second_person {
            true => ManualRule::TwoPeople,
            false => ManualRule::OnePerson,
        };
        let others: Vec<_> =
            self.others.iter().map(|text| operator(text)).collect::<Result<_>>()?;
        let admin_tokens = [installation.admin_tokens, others].concat();
        let joined = Installation { admin_tokens, manual_rule, ..installation };
        joined.check()?;
        Ok(joined)
    }
}

/// What a gateway of this machine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Callers, as in production.
    Callers {
        /// By what the gateway is to know WeChat Pay, unless that stays as it was.
        trust: Option<WxpayTrust>,
    },
    /// A load generator, which also goes through the channels without an outside and meets no limit.
    Measurement {
        /// How many merchants more there are, who get parts of orders.
        partners: u8,
    },
}

/// The channels without an outside that a measurement goes through.
const BUILT_IN: [&str; 3] = ["none", "paid", channel::WALLET_CHANNEL];

/// The addresses of gateway and sandbox.
#[derive(Clone, Copy)]
pub(crate) struct Sockets<'a> {
    /// The gateway's.
    pub(crate) gateway: &'a str,
    /// The simulated channels'.
    pub(crate) sandbox: &'a str,
    /// Where they are spoken to by TLS too.
    pub(crate) sandbox_tls: Option<&'a str>,
}

impl Sockets<'static> {
    /// Any free port of this machine, without TLS.
    pub(crate) const ANY: Sockets<'static> =
        Sockets { gateway: "127.0.0.1:0", sandbox: "127.0.0.1:0", sandbox_tls: None };
}

/// The open sockets of the simulated channels.
pub(crate) struct SandboxSockets {
    plain: Listening,
    tls: Option<Listening>,
}

impl SandboxSockets {
    /// Opens them.
    pub(crate) async fn open(
        world: &World,
        plain: &str,
        tls: Option<&str>,
    ) -> Result<SandboxSockets> {
        let plain = Listening::open(plain).await?;
        let tls = match tls {
            Some(address) => {
                let socket = Listening::open(address).await?;
                Some(world.end_tls(socket).context("TLS of the simulated channels")?)
            }
            None => None,
        };
        Ok(SandboxSockets { plain, tls })
    }

    /// Where they are called.
    pub(crate) fn urls(&self) -> SandboxUrls {
        SandboxUrls { plain: self.plain.url(), tls: self.tls.as_ref().map(Listening::url) }
    }

    /// Each of them, to be served.
    pub(crate) fn all(self) -> impl Iterator<Item = Listening> {
        [self.plain].into_iter().chain(self.tls)
    }
}

/// Gateway and sandbox of a data folder, running.
pub(crate) struct DevGateway {
    /// What a client needs.
    pub(crate) file: DevFile,
    /// The engine.
    pub(crate) engine: Arc<engine::Engine>,
    metrics: PrometheusHandle,
    stop: watch::Sender<bool>,
    running: JoinSet<Result<()>>,
}

impl DevGateway {
    /// Starts gateway and sandbox on the data in a folder and writes its `dev.json`.
    pub(crate) async fn start(
        sockets: Sockets<'_>,
        data: &Path,
        database: &Database,
        purpose: Purpose,
        operators: DevOperators,
    ) -> Result<DevGateway> {
        let (built_in, rates, trust): (&[&str], _, _) = match purpose {
            Purpose::Callers { trust } => (&[channel::WALLET_CHANNEL], limits::RATES, trust),
            Purpose::Measurement { .. } => (&BUILT_IN, limits::UNLIMITED, None),
        };
        create_private_folder(data)?;
        let world = World::of_folder(data).await?;
        let clock = Arc::new(SharedClock::new());
        let gateway_socket = Listening::open(sockets.gateway).await?;
        let base_url = gateway_socket.url();
        let sandbox_sockets =
            SandboxSockets::open(&world, sockets.sandbox, sockets.sandbox_tls).await?;
        let sandbox_urls = sandbox_sockets.urls();
        let stop = watch::Sender::new(false);
        let mut running = JoinSet::new();

        let sandbox = open_sandbox(&world, data, clock.clone(), CallbackClock::Shared)?;
        let signing = WxpaySigning::turn(&sandbox, trust).await?;
        let local = Admission::local;
        for socket in sandbox_sockets.all() {
            running.spawn(socket.serve(sandbox.clone().router(), local(), stop.subscribe()));
        }
        running.spawn(run_callbacks(sandbox, stop.subscribe()));

        let installation = Installation { rates, ..world.installation(&base_url)? };
        let installation = operators.join(installation)?;
        let store = database.open_to_serve()?;
        let metrics = recorder()?;
        let together = Operations::Together;
        let gateway = Gateway::start(installation, store, clock, metrics.clone(), together).await?;
        let partners = match purpose {
            Purpose::Callers { .. } => 0,
            Purpose::Measurement { partners } => partners,
        };
        let declaration =
            world.declaration(sandbox_urls.of_accounts(), &signing, built_in, partners)?;
        let steps = apply::plan(&gateway.engine, &declaration).await?;
        let seeder = Caller::Operator(Arc::from("dev"));
        apply::carry_out(&gateway.engine, &seeder, steps).await?;
        gateway.engine.handle(seeder, world::card_batch()).await.context("no card batch")?;
        running.spawn(gateway_socket.serve(gateway.router, local(), stop.subscribe()));

        let file = world.dev_file(&base_url, &sandbox_urls, signing)?;
        file.write(data)?;
        Ok(DevGateway { file, engine: gateway.engine, metrics, stop, running })
    }

    /// Fires when a part of the program ends by itself.
    pub(crate) async fn broken(&mut self) -> Result<()> {
        match self.running.join_next().await {
            Some(outcome) => outcome.context("a part of the program died")?,
            None => Ok(()),
        }
    }

    /// Finishes requests under way and stops.
    pub(crate) async fn stop(mut self) -> Result<()> {
        // Callers first: what they wait for still needs the engine.
        self.stop.send_replace(true);
        while let Some(outcome) = self.running.join_next().await {
            outcome.context("a part of the program died")??;
        }
        self.engine.stop();
        Ok(())
    }
}

/// Another gateway of the same world on the same database, as if it were another process.
pub(crate) struct Beside {
    /// Where it listens.
    pub(crate) base_url: String,
    engine: Arc<engine::Engine>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<Result<()>>,
}

impl Beside {
    /// Starts it beside a gateway.
    pub(crate) async fn start(
        gateway: &DevGateway,
        database: &Database,
        data: &Path,
        node: u8,
    ) -> Result<Beside> {
        let world = World::of_folder(data).await?;
        let socket = Listening::open("127.0.0.1:0").await?;
        let base_url = socket.url();
        let mut installation = world.installation(&base_url)?;
        installation.node = node;
        installation.rates = limits::UNLIMITED;
        let clock = Arc::new(engine::SystemClock::new());
        let metrics = gateway.metrics.clone();
        let (store, together) = (database.open_to_serve()?, Operations::Together);
        let gateway = Gateway::start(installation, store, clock, metrics, together).await?;
        let stop = watch::Sender::new(false);
        let serving =
            tokio::spawn(socket.serve(gateway.router, Admission::local(), stop.subscribe()));
        Ok(Beside { base_url, engine: gateway.engine, stop, serving })
    }

    /// Finishes requests under way and stops.
    pub(crate) async fn stop(self) -> Result<()> {
        self.stop.send_replace(true);
        let served = self.serving.await?;
        self.engine.stop();
        served
    }
}

/// The simulated channels on the data in a folder.
pub(crate) fn open_sandbox(
    world: &World,
    data: &Path,
    clock: Arc<SharedClock>,
    callback_clock: CallbackClock,
) -> Result<Arc<Sandbox>> {
    // The first that owns a path answers: WeChat Pay has all of `/v3/` that is nobody else's.
    let counterparts: Vec<Arc<dyn channel::Counterpart>> =
        vec![Arc::new(world.alipay()?), Arc::new(world.wxpay()?)];
    let path = data.join("sandbox.db");
    let sandbox = Sandbox::open(&path, counterparts, clock, ClockControl::Allowed, callback_clock)
        .context("sandbox does not open")?;
    Ok(Arc::new(sandbox))
}

/// Sends the simulated channels' callbacks until told to stop.
pub(crate) async fn run_callbacks(
    sandbox: Arc<Sandbox>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let stopped = async move {
        let _ = stop.wait_for(|stop| *stop).await;
    };
    sandbox.run_callbacks(stopped).await;
    Ok(())
}

/// Collects metrics for `/metrics`. There is one collector in a process.
pub(crate) fn recorder() -> Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets(&[
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ])
        .context("metrics buckets")?
        .set_buckets_for_metric(
            metrics_exporter_prometheus::Matcher::Full("tongbao_batch_commands".to_owned()),
            &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0],
        )
        .context("metrics buckets")?;
    builder.install_recorder().context("metrics are collected already")
}

/// Runs until asked to stop.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sockets = Sockets {
        gateway: &arguments.listen,
        sandbox: &arguments.sandbox_listen,
        sandbox_tls: arguments.sandbox_tls_listen.as_deref(),
    };
    let database = arguments.database.unwrap_or_else(|| Database::in_folder(&arguments.data));
    let (data, purpose) = (&arguments.data, Purpose::Callers { trust: arguments.wxpay_trust });
    let operators = arguments.operators;
    let mut gateway = DevGateway::start(sockets, data, &database, purpose, operators).await?;
    let mut signals = StopSignals::listen()?;
    say(&arguments.data, &gateway.file);
    tokio::select! {
        () = signals.asked() => {}
        broken = gateway.broken() => broken?,
    }
    gateway.stop().await?;
    Ok(ExitCode::SUCCESS)
}

fn say(data: &Path, file: &DevFile) {
    show!("gateway      {}", file.base_url);
    show!("operations   {}/admin/v1, /healthz, /readyz, /metrics", file.base_url);
    show!("sandbox      {}", file.sandbox_url);
    if let Some(url) = &file.sandbox_tls_url {
        show!("sandbox TLS  {url}");
    }
    show!("credentials  {}", data.join("dev.json").display());
    show!("ready {}", file.base_url);
}
