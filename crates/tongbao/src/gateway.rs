//! The gateway: an engine and every way in.

use crate::installation::{Installation, KeySetup, MerchantSetup, Proof, TenantSetup};
use crate::registry::CHANNELS;
use admin_api::Admin;
use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use axum::routing::post;
use crypto::rsa::{Signer, Verifier};
use dialect::Dialect;
use dialect_wecard::{CallerKey, KeyRing, Mode, TenantKeys, Wecard};
use engine::{ChannelAccountParts, Clock, Engine, Guard, HyperClient, Parts};
use kernel::{Directory, Merchant, MerchantId, Route, Tenant, TenantId};
use metrics_exporter_prometheus::PrometheusHandle;
use std::collections::HashMap;
use std::sync::Arc;
use store::Store;

/// The largest answer of a channel that is read.
const CHANNEL_ANSWER_LEN_MAX: usize = 1024 * 1024;
/// The largest answer of a merchant that is read.
const NOTIFICATION_ANSWER_LEN_MAX: usize = 64 * 1024;

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) engine: Arc<Engine>,
    pub(crate) router: Router,
}

impl Gateway {
    /// Migrates the database and starts the engine.
    pub(crate) async fn start(
        installation: Installation,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        metrics: PrometheusHandle,
    ) -> Result<Gateway> {
        store.migrate().await.context("database not migrated")?;
        let directory = Arc::new(directory(&installation)?);
        let dialects = dialects(&installation)?;
        let announcers: HashMap<_, _> = dialects
            .iter()
            .filter_map(|dialect| Some((dialect.name(), dialect.announcer()?)))
            .collect();
        let parts = Parts {
            store,
            directory,
            channels: CHANNELS.to_vec(),
            accounts: accounts(&installation),
            announcers,
            channel_client: Arc::new(HyperClient::new(Guard::Open, CHANNEL_ANSWER_LEN_MAX)?),
            notification_client: Arc::new(HyperClient::new(
                installation.notification_guard,
                NOTIFICATION_ANSWER_LEN_MAX,
            )?),
            clock,
            node: installation.node,
        };
        let engine = Engine::start(parts).await.context("engine not started")?;
        let render = Arc::new(move || metrics.render());
        let mut router =
            admin_api::health::ops_router(engine.clone(), render).merge(inbox(engine.clone()));
        for dialect in dialects {
            router = router.merge(dialect.router(engine.clone()));
        }
        Ok(Gateway { engine, router })
    }
}

/// The wire APIs that ship.
fn dialects(installation: &Installation) -> Result<Vec<Box<dyn Dialect>>> {
    let platform = Signer::from_pem(installation.platform_private_key.expose())
        .context("platform private key")?;
    let tenants = installation.tenants.iter().map(tenant_keys).collect::<Result<Vec<_>>>()?;
    let keys = KeyRing::new(platform, tenants).context("callers' keys")?;
    let mode = if installation.strict_signatures { Mode::Strict } else { Mode::Lenient };
    Ok(vec![
        Box::new(Wecard::new(keys, mode)),
        Box::new(Admin::new(installation.admin_token.clone())),
    ])
}

fn tenant_keys(tenant: &TenantSetup) -> Result<TenantKeys> {
    let keys = tenant.keys.iter().map(caller_key).collect::<Result<Vec<_>>>()?;
    Ok(TenantKeys { tenant: TenantId::new(&tenant.ocode), keys })
}

fn caller_key(key: &KeySetup) -> Result<(String, CallerKey)> {
    let proof = match &key.proof {
        Proof::SecretKey(secret) => CallerKey::Hmac(secret.clone()),
        Proof::PublicKey(pem) => {
            let verifier = Verifier::from_public_pem(pem)
                .with_context(|| format!("public key of {}", key.secret_id))?;
            CallerKey::Rsa(verifier)
        }
    };
    Ok((key.secret_id.clone(), proof))
}

fn accounts(installation: &Installation) -> Vec<ChannelAccountParts> {
    let of_tenant = |tenant: &TenantSetup| {
        let id = TenantId::new(&tenant.ocode);
        let open = |account: &crate::installation::AccountSetup| ChannelAccountParts {
            tenant: id.clone(),
            name: Arc::from(account.name.as_str()),
            channel: account.channel.clone(),
            settings: account.settings.clone(),
        };
        tenant.accounts.iter().map(open).collect::<Vec<_>>()
    };
    installation.tenants.iter().flat_map(of_tenant).collect()
}

fn directory(installation: &Installation) -> Result<Directory> {
    let public_url = &installation.public_url;
    let tenant = |tenant: &TenantSetup| {
        let merchants = tenant
            .merchants
            .iter()
            .map(|merchant| merchant_of(tenant, merchant, public_url))
            .map(|merchant| merchant.map(|merchant| (merchant.id.clone(), merchant)))
            .collect::<Result<HashMap<_, _>>>()?;
        Ok(Tenant { id: TenantId::new(&tenant.ocode), name: tenant.name.clone(), merchants })
    };
    Ok(Directory::new(installation.tenants.iter().map(tenant).collect::<Result<Vec<_>>>()?))
}

fn merchant_of(
    tenant: &TenantSetup,
    merchant: &MerchantSetup,
    public_url: &str,
) -> Result<Merchant> {
    let route = |name: &String| {
        let account = tenant.accounts.iter().find(|account| account.name == *name);
        let account = account.ok_or_else(|| {
            anyhow!("merchant {}: the tenant has no account called {name}", merchant.id)
        })?;
        let channel = CHANNELS.iter().find(|channel| channel.about().name == account.channel);
        let scenes = channel.map_or(&[][..], |channel| channel.about().scenes);
        Ok(Route {
            channel: Arc::from(account.channel.as_str()),
            channel_account: Arc::from(name.as_str()),
            scenes: scenes.to_vec(),
            callback_url: Arc::from(format!("{public_url}/channel/{name}/callback")),
        })
    };
    Ok(Merchant {
        id: MerchantId::new(&merchant.id),
        name: merchant.name.clone(),
        routes: merchant.accounts.iter().map(route).collect::<Result<Vec<_>>>()?,
    })
}

/// Where channels send their callbacks: `POST /channel/{account}/callback`.
fn inbox(engine: Arc<Engine>) -> Router {
    Router::new().route("/channel/{account}/callback", post(take_callback)).with_state(engine)
}

async fn take_callback(
    State(engine): State<Arc<Engine>>,
    Path(account): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let request = channel::Request {
        method: if method == Method::GET { channel::Method::Get } else { channel::Method::Post },
        url: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: headers
            .iter()
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
        body: body.to_vec(),
    };
    let response = engine.channel_callback(&account, request).await;
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers {
        if let (Ok(name), Ok(value)) =
            (name.parse::<axum::http::HeaderName>(), value.parse::<axum::http::HeaderValue>())
        {
            headers.insert(name, value);
        }
    }
    (status, headers, response.body)
}
