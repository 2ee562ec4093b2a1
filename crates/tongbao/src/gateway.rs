//! The gateway: an engine and every way in.

use crate::database::Database;
use crate::installation::Installation;
use adapters::http::{limits, receive, response_into};
use admin_api::Admin;
use admin_api::health::{self, RenderMetrics};
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use crypto::rsa::Signer;
use dialect::{Budgets, Dialect};
use dialect_cpay::{Cpay, SubMerchants};
use dialect_wecard::{Mode as SignatureMode, Wecard};
use engine::{Clock, Engine, Guard, HyperClient, Mode, Parts, Secrets, SystemClock};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::HashMap;
use std::sync::Arc;
use store::Store;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    /// What callers and channels reach, and operators too where they have no address of their own.
    pub(crate) router: Router,
    /// What operators reach, where they have an address of their own.
    pub(crate) operations: Option<Router>,
}

/// Where operators reach the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operations {
    /// At an address of their own, where metrics need no token.
    Apart,
    /// At the same address as callers and channels.
    Together,
}

impl Gateway {
    /// Migrates the database and starts the engine.
    pub(crate) async fn start(
        installation: Installation,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: PrometheusHandle,
        operations: Operations,
    ) -> Result<Gateway> {
        let budgets = Arc::new(Budgets::new(installation.rates));
        let dialects = dialects(&installation, &budgets)?;
        let admin =
            Admin::new(installation.admin_tokens.clone(), installation.manual_rule, budgets);
        let engine = start_engine(installation, store, clock, &dialects, Mode::Serve).await?;
        let render: RenderMetrics = Arc::new(move || metrics.render());
        let mut router = callbacks(engine.clone());
        for dialect in dialects {
            router = router.merge(dialect.router(engine.clone()));
        }
        let of_operators =
            admin.router(engine.clone()).merge(health::probes_router(engine.clone()));
        let (router, operations) = match operations {
            Operations::Apart => (router, Some(of_operators.merge(health::metrics_router(render)))),
            Operations::Together => {
                (router.merge(of_operators).merge(admin.metrics_router(render)), None)
            }
        };
        Ok(Gateway { engine, router, operations })
    }
}

/// An engine that does nothing but the commands that it is given, on a migrated database.
pub(crate) async fn commands_only(
    database: &Database,
    installation: Installation,
) -> Result<Arc<Engine>> {
    let clock = Arc::new(SystemClock::new());
    start_engine(installation, database.open()?, clock, &[], Mode::CommandsOnly).await
}

/// An engine on a database that is only read: it answers questions, and reads bills.
pub(crate) async fn to_read(
    database: &Database,
    installation: Installation,
    clock: Arc<dyn Clock>,
) -> Result<Arc<Engine>> {
    let authorities = installation.authorities.clone();
    let channel_client = HyperClient::trusting(Guard::Open, limits::BILL_LEN_MAX, authorities)?;
    let store = database.open_to_read().await?;
    let parts = parts(installation, store, clock, channel_client, Mode::CommandsOnly)?;
    Engine::start(parts).await.context("engine not started")
}

async fn start_engine(
    installation: Installation,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dialects: &[Box<dyn Dialect>],
    mode: Mode,
) -> Result<Arc<Engine>> {
    store.migrate().await.context("database not migrated")?;
    let announcers: HashMap<_, _> = dialects
        .iter()
        .filter_map(|dialect| Some((dialect.name(), dialect.announcer()?)))
        .collect();
    let authorities = installation.authorities.clone();
    let len_max = limits::CHANNEL_ANSWER_LEN_MAX;
    let channel_client = HyperClient::trusting(Guard::Open, len_max, authorities)?;
    let parts = parts(installation, store, clock, channel_client, mode)?;
    Engine::start(Parts { announcers, ..parts }).await.context("engine not started")
}

/// What an engine is made of, without dialects.
fn parts(
    installation: Installation,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    channel_client: HyperClient,
    mode: Mode,
) -> Result<Parts> {
    let guard = installation.notification_guard;
    Ok(Parts {
        store,
        secrets: Secrets::new(installation.master_keys),
        public_url: installation.public_url.to_string(),
        channels: installation.channels,
        announcers: HashMap::new(),
        channel_client: Arc::new(channel_client),
        notification_client: Arc::new(HyperClient::new(guard, limits::RECEIVER_ANSWER_LEN_MAX)?),
        clock,
        node: installation.node,
        working_days: installation.working_days,
        mode,
    })
}

/// The wire APIs for business systems that ship.
fn dialects(installation: &Installation, budgets: &Arc<Budgets>) -> Result<Vec<Box<dyn Dialect>>> {
    let platform = Signer::from_pem(installation.platform_private_key.expose())
        .context("platform_private_key")?;
    let mode = match installation.strict_signatures {
        true => SignatureMode::Strict,
        false => SignatureMode::Lenient,
    };
    let sub_merchants = SubMerchants::new(installation.cpay.clone())?;
    Ok(vec![
        Box::new(Wecard::new(platform, mode, budgets.clone())),
        Box::new(Cpay::new(sub_merchants, budgets.clone())),
    ])
}

/// Where channels send their callbacks: `POST /channel/{account}/callback`.
fn callbacks(engine: Arc<Engine>) -> Router {
    Router::new().route("/channel/{account}/callback", post(take_callback)).with_state(engine)
}

async fn take_callback(
    State(engine): State<Arc<Engine>>,
    Path(account): Path<String>,
    request: Request,
) -> Response {
    // Before anything of the body is read.
    if !engine.takes_callbacks(&account) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let request = match receive(request, limits::CALLBACK_LEN_MAX).await {
        Ok(request) => request,
        Err(fault) => return (fault.status(), fault.to_string()).into_response(),
    };
    match response_into(engine.channel_callback(&account, request).await) {
        Ok(response) => response,
        Err(fault) => {
            tracing::error!(%account, %fault, "the answer to a callback is not sent");
            fault.status().into_response()
        }
    }
}
