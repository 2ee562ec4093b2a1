//! Deliveries of notifications to merchants.

use crate::bulkhead::Permit;
use crate::calls::off_thread;
use crate::lanes::host;
use crate::{Engine, Failure, SendContext, SendFault};
use adapters::Stopwatch;
use adapters::http::limits::RECEIVER_TIMEOUT;
use channel::Response;
use kernel::{
    Attempt, Caller, Delivery, Key, Notification, NotificationCommand, Reads, TenantId, View,
};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;
use std::time::Duration;
use store::{StoreFault, TaskAction, TaskUpdate};

/// How long a delivery may wait for a permit; then its task takes over.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How much later a delivery is due when we had no room for it, in milliseconds.
const CONGESTED_MS: i64 = 5_000;
/// How much of a merchant's answer is kept, in characters.
const EXCERPT_LEN_MAX: usize = 200;

/// Delivers a notification right after the commit that queued it. Where there is no room its task takes
/// over.
pub(crate) async fn deliver(engine: Arc<Engine>, tenant: TenantId, id: Id<kinds::Notification>) {
    let Some(place) = engine.lanes.notifications.enter(&tenant) else {
        tracing::debug!(notification = %id, "too many deliveries wait; its task will try again");
        return;
    };
    let notification = match notification(&engine, &tenant, id).await {
        Ok(Some(notification)) => notification,
        Ok(None) => return tracing::error!(notification = %id, "a task without its notification"),
        Err(fault) => {
            tracing::error!(%fault, notification = %id, "not loaded; its task will try again");
            return;
        }
    };
    let Some(permit) = place.permit(&host(&notification.url), PERMIT_TIMEOUT).await else {
        tracing::debug!(notification = %id, "no permit for a delivery; its task will try again");
        return;
    };
    attempt(&engine, notification, permit).await;
}

/// Delivers a notification whose task is due. One that we had no room for is due again soon: that is our
/// trouble and no attempt of the merchant's.
pub(crate) async fn deliver_due(
    engine: Arc<Engine>,
    notification: Notification,
    permit: Permit,
    leased_until: Timestamp,
) {
    let (tenant, subject) = (notification.tenant.clone(), notification.id.subject());
    if attempt(&engine, notification, permit).await == Outcome::NotTried {
        let due = engine.clock.now().plus_ms(CONGESTED_MS);
        let action = TaskAction::Defer { leased_until, due };
        let update = TaskUpdate { tenant, subject, action };
        if let Err(fault) = engine.store.update_tasks(&[update]).await {
            tracing::warn!(%fault, %subject, "not put off; it is due when its lease ends");
        }
    }
}

/// Whether there was an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Attempted,
    /// Nothing was sent, for want of room or of the rows.
    NotTried,
}

/// Delivers a notification once and records how it went.
async fn attempt(engine: &Arc<Engine>, notification: Notification, permit: Permit) -> Outcome {
    let (tenant, id) = (notification.tenant.clone(), notification.id);
    let about = match about(engine, &notification).await {
        Ok(Some(about)) => about,
        Ok(None) => {
            tracing::error!(notification = %id, "what it reports about is not there");
            return Outcome::NotTried;
        }
        Err(fault) => {
            tracing::error!(%fault, notification = %id, "not loaded; its task will try again");
            return Outcome::NotTried;
        }
    };
    let (at, stopwatch) = (engine.clock.now(), Stopwatch::start());
    let delivery = exchange(engine, notification, about).await;
    drop(permit);
    let Some(delivery) = delivery else {
        metrics::counter!("tongbao_notifications_congested_total").increment(1);
        return Outcome::NotTried;
    };
    let took_ms = stopwatch.elapsed_ms();
    record(engine, tenant, id, Attempt { at, took_ms, delivery }).await;
    Outcome::Attempted
}

async fn record(engine: &Engine, tenant: TenantId, id: Id<kinds::Notification>, attempt: Attempt) {
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

async fn notification(
    engine: &Engine,
    tenant: &TenantId,
    id: Id<kinds::Notification>,
) -> Result<Option<Notification>, StoreFault> {
    let key = (tenant.clone(), Key::Id(id));
    let reads = Reads { notifications: vec![key], ..Reads::default() };
    let view = engine.store.peek(&reads).await?;
    Ok(view.notifications.get(tenant, id).cloned())
}

/// The row that it reports about, with what that row names.
async fn about(engine: &Engine, notification: &Notification) -> Result<Option<View>, StoreFault> {
    let (tenant, mut reads) = (&notification.tenant, Reads::default());
    reads.subject(tenant, notification.about, notification.root);
    let view = engine.store.peek(&reads).await?;
    Ok(view.row(tenant, notification.about).is_some().then_some(view))
}

/// How the delivery went; `None` when it was not tried because we had no room.
async fn exchange(
    engine: &Arc<Engine>,
    notification: Notification,
    about: View,
) -> Option<Delivery> {
    let (tenant, dialect) = (notification.tenant.clone(), notification.dialect.clone());
    let Some(announcer) = engine.announcers.get(&*dialect).cloned() else {
        return Some(Delivery::NoAnswer { why: format!("no dialect is called {dialect}") });
    };
    let (signer, snapshot) = (announcer.clone(), engine.snapshot());
    let signing = move |context: &_| {
        let callers = snapshot.callers_of(&notification.tenant);
        signer.announce(&notification, &about, callers, context)
    };
    let Some(request) = off_thread(engine, signing).await.flatten() else {
        return Some(Delivery::NoAnswer { why: "the tenant has no key to sign with".to_owned() });
    };
    let context = SendContext { tenant: tenant.as_str(), deadline: RECEIVER_TIMEOUT };
    Some(match engine.notification_client.send(&request, context).await {
        Ok(response) if announcer.acknowledged(&response) => {
            Delivery::Acknowledged { status: response.status }
        }
        Ok(Response { status, body, .. }) => Delivery::Rejected { status, excerpt: excerpt(&body) },
        Err(SendFault::Congested(why)) => {
            tracing::debug!(why, "a delivery was not tried");
            return None;
        }
        Err(fault @ (SendFault::NotSent(_) | SendFault::Lost(_))) => {
            Delivery::NoAnswer { why: fault.to_string() }
        }
    })
}

/// The beginning of an answer, as readable text.
fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(EXCERPT_LEN_MAX)
        .collect()
}
