//! Deliveries of notifications to merchants.

use crate::calls::off_thread;
use crate::{Engine, Failure, SendFault};
use adapters::Stopwatch;
use adapters::http::limits::RECEIVER_TIMEOUT;
use channel::{Request, Response};
use kernel::{
    Attempt, Caller, Delivery, Key, Notification, NotificationCommand, Reads, Row, TenantId,
};
use ledger::{Id, kinds};
use std::sync::Arc;
use std::time::Duration;
use store::StoreFault;

/// How long a delivery may wait for a permit; then its task takes over.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of a merchant's answer is kept, in characters.
const EXCERPT_LEN_MAX: usize = 200;

/// Delivers a notification once and records how it went.
pub(crate) async fn deliver(engine: Arc<Engine>, tenant: TenantId, id: Id<kinds::Notification>) {
    if engine.deliveries.is_crowded() {
        tracing::debug!(notification = %id, "too many deliveries wait; its task will try again");
        return;
    }
    let (notification, about) = match load(&engine, &tenant, id).await {
        Ok(Some(found)) => found,
        Ok(None) => return tracing::error!(notification = %id, "a task without its notification"),
        Err(fault) => {
            tracing::error!(%fault, notification = %id, "not loaded; its task will try again");
            return;
        }
    };
    let host = host(&notification.url).to_owned();
    let Some(permit) = engine.deliveries.acquire(&host, PERMIT_TIMEOUT).await else {
        tracing::debug!(notification = %id, "no permit for a delivery; its task will try again");
        return;
    };
    let attempt = attempt(&engine, notification, about).await;
    drop(permit);
    let outcome = match &attempt.delivery {
        Delivery::Acknowledged { .. } => "acknowledged",
        Delivery::Rejected { .. } => "rejected",
        Delivery::NoAnswer { .. } => "no_answer",
    };
    metrics::counter!("tongbao_notification_attempts_total", "outcome" => outcome).increment(1);
    let command = NotificationCommand::RecordAttempt { tenant, notification: id, attempt };
    if let Err(failure) = engine.submit(Caller::Clock, command.into(), None).await
        && failure != Failure::Stopping
    {
        tracing::error!(%failure, notification = %id, "attempt not recorded; it will be repeated");
    }
}

/// The host of a URL with its port: whom a slow answer belongs to.
fn host(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(after..).unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The notification, and the row that it reports about.
async fn load(
    engine: &Engine,
    tenant: &TenantId,
    id: Id<kinds::Notification>,
) -> Result<Option<(Notification, Row)>, StoreFault> {
    let key = (tenant.clone(), Key::Id(id));
    let reads = Reads { notifications: vec![key], ..Reads::default() };
    let view = engine.store.load(&reads).await?;
    let Some(notification) = view.notifications.get(tenant, id).cloned() else { return Ok(None) };
    let mut reads = Reads::default();
    reads.subject(tenant, notification.about, notification.root);
    let about = engine.store.load(&reads).await?.row(tenant, notification.about);
    Ok(about.map(|about| (notification, about)))
}

async fn attempt(engine: &Arc<Engine>, notification: Notification, about: Row) -> Attempt {
    let at = engine.clock.now();
    let stopwatch = Stopwatch::start();
    let delivery = exchange(engine, notification, about).await;
    Attempt { at, took_ms: stopwatch.elapsed_ms(), delivery }
}

async fn exchange(engine: &Arc<Engine>, notification: Notification, about: Row) -> Delivery {
    let dialect = notification.dialect.clone();
    let Some(announcer) = engine.announcers.get(&*dialect).cloned() else {
        return Delivery::NoAnswer { why: format!("no dialect is called {dialect}") };
    };
    let (signer, snapshot) = (announcer.clone(), engine.snapshot());
    let signing = move |context: &_| {
        let callers = snapshot.callers_of(&notification.tenant);
        signer.announce(&notification, &about, callers, context)
    };
    let Some(request) = off_thread(engine, signing).await.flatten() else {
        return Delivery::NoAnswer { why: "the tenant has no key to sign with".to_owned() };
    };
    match send(engine, &request).await {
        Ok(response) if announcer.acknowledged(&response) => {
            Delivery::Acknowledged { status: response.status }
        }
        Ok(response) => {
            Delivery::Rejected { status: response.status, excerpt: excerpt(&response.body) }
        }
        Err(fault) => Delivery::NoAnswer { why: fault.to_string() },
    }
}

async fn send(engine: &Engine, request: &Request) -> Result<Response, SendFault> {
    engine.notification_client.send(request, RECEIVER_TIMEOUT).await
}

/// The beginning of an answer, as readable text.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(EXCERPT_LEN_MAX)
        .collect()
}
