//! Deliveries of notifications to merchants.

use crate::calls::off_thread;
use crate::{Engine, Failure, SendFault, unexpected};
use channel::{Request, Response};
use kernel::{Attempt, Caller, Command, Delivery, Notification, Order, OrderKey, Reads, TenantId};
use ledger::{Id, kinds};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::StoreFault;

/// How long a merchant may take to answer.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a delivery may wait for its permit; then its task takes over.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How much of a merchant's answer is kept, in characters.
const EXCERPT_LEN_MAX: usize = 200;

/// Delivers a notification once and records how it went.
pub(crate) async fn deliver(engine: Arc<Engine>, tenant: TenantId, id: Id<kinds::Notification>) {
    if engine.deliveries.is_crowded() {
        return tracing::debug!(notification = %id, "too many deliveries wait; its task will look again");
    }
    let (notification, order) = match load(&engine, &tenant, id).await {
        Ok(Some(found)) => found,
        Ok(None) => return tracing::error!(notification = %id, "a task without its notification"),
        Err(fault) => {
            tracing::error!(%fault, notification = %id, "notification not loaded; its task will look again");
            return;
        }
    };
    let Some(permit) = engine.deliveries.acquire(host(&notification.url), PERMIT_TIMEOUT).await
    else {
        return tracing::debug!(notification = %id, "no permit for a delivery; its task will look again");
    };
    let attempt = attempt(&engine, notification, order).await;
    drop(permit);
    let outcome = match &attempt.delivery {
        Delivery::Acknowledged { .. } => "acknowledged",
        Delivery::Rejected { .. } => "rejected",
        Delivery::NoAnswer { .. } => "no_answer",
    };
    metrics::counter!("tongbao_notification_attempts_total", "outcome" => outcome).increment(1);
    let command = Command::RecordAttempt { tenant, notification: id, attempt };
    if let Err(failure) = engine.submit(Caller::Clock, command, None).await
        && failure != Failure::Stopping
    {
        tracing::error!(%failure, notification = %id, "attempt not recorded; the notification will go again");
    }
}

/// The host of a URL with its port: whom a slow answer belongs to.
fn host(url: &str) -> &str {
    let after = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(after..).unwrap_or_default();
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

async fn load(
    engine: &Engine,
    tenant: &TenantId,
    id: Id<kinds::Notification>,
) -> Result<Option<(Notification, Order)>, StoreFault> {
    let reads = Reads { notifications: vec![(tenant.clone(), id)], ..Reads::default() };
    let view = engine.store.load(&reads).await?;
    let Some(notification) = view.notification(tenant, id).cloned() else { return Ok(None) };
    let query =
        store::Query::Order { tenant: tenant.clone(), key: OrderKey::Id(notification.order) };
    match engine.search(&query).await? {
        store::Page::Order(order) => Ok(order.map(|order| (notification, *order))),
        other => Err(unexpected(&other)),
    }
}

async fn attempt(engine: &Arc<Engine>, notification: Notification, order: Order) -> Attempt {
    let at = engine.clock.now();
    let begun = Instant::now();
    let delivery = exchange(engine, notification, order).await;
    let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX);
    Attempt { at, took_ms, delivery }
}

async fn exchange(engine: &Arc<Engine>, notification: Notification, order: Order) -> Delivery {
    let Some(announcer) = engine.announcers.get(&*order.terms.dialect).cloned() else {
        return Delivery::NoAnswer { why: format!("no dialect is called {}", order.terms.dialect) };
    };
    let signer = announcer.clone();
    let request =
        off_thread(engine, move |context| signer.announce(&notification, &order, context)).await;
    let Some(request) = request.flatten() else {
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
    engine.notification_client.send(request, DELIVERY_TIMEOUT).await
}

/// The beginning of an answer, as readable text.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(EXCERPT_LEN_MAX)
        .collect()
}
