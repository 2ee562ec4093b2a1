//! The loop that claims due tasks and turns them into commands.
//!
//! Tasks are the net under everything that happens after a commit: when a process dies between the
//! commit and the work, the task committed with it is due once the work must have ended.

use crate::{Engine, Failure, Handled, deliveries};
use kernel::{Caller, Command, NotificationRefusal, OrderRefusal, RefundRefusal, Refusal, Task};
use ledger::kinds;
use std::sync::Arc;
use std::time::Duration;
use store::{Lease, StoreFault, Tasks};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How often due tasks are claimed when nothing wakes the loop.
const CLAIM_EVERY: Duration = Duration::from_millis(500);
/// How often the age of the oldest due task is measured, in claims.
const MEASURE_EVERY: u32 = 10;
/// Due tasks under way at once. No more are claimed than can begin: a backlog waits in the database,
/// and new orders do not wait behind it.
const UNDER_WAY_MAX: usize = 128;
/// How long a claim lasts, in milliseconds: longer than the command that answers it takes.
const LEASE_MS: i64 = 30_000;

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    let mut moved = engine.clock.moved();
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut claims = 0u32;
    loop {
        if let Err(fault) = process_due(&engine, &room, &stopped).await {
            tracing::error!(%fault, "due tasks not claimed");
        }
        if claims.is_multiple_of(MEASURE_EVERY) {
            measure(&engine).await;
        }
        claims = claims.wrapping_add(1);
        tokio::select! {
            () = tokio::time::sleep(CLAIM_EVERY) => {}
            Ok(()) = moved.changed() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Claims what is due and begins it, as long as there is anything due and room for it.
async fn process_due(
    engine: &Arc<Engine>,
    room: &Arc<Semaphore>,
    stopped: &watch::Receiver<bool>,
) -> Result<(), StoreFault> {
    loop {
        if *stopped.borrow() {
            return Ok(());
        }
        let free = room.available_permits();
        let limit = u32::try_from(free).unwrap_or(u32::MAX);
        let now = engine.clock.now();
        let lease = Lease { now, until: now.plus_ms(LEASE_MS), limit };
        let tasks = if free > 0 { engine.store.claim(lease).await? } else { vec![] };
        let whole = tasks.len() == free;
        for task in tasks {
            let Ok(permit) = room.clone().try_acquire_owned() else { break };
            tokio::spawn(run_task(engine.clone(), task, permit));
        }
        if !whole || free == 0 {
            return Ok(());
        }
        // There may be more: it is claimed as soon as the first of these has ended.
        let _room = tokio::time::timeout(CLAIM_EVERY, room.acquire()).await;
    }
}

/// Does what a due task wants, to its end, and then gives its permit to the next one.
async fn run_task(engine: Arc<Engine>, task: Task, permit: OwnedSemaphorePermit) {
    match task.subject.id::<kinds::Notification>() {
        // A notification needs no decision before it is sent: the lease keeps other processes away, and
        // the attempt is recorded afterwards.
        Some(notification) => deliveries::deliver(engine, task.tenant, notification).await,
        None => decide_task(&engine, task).await,
    }
    drop(permit);
}

async fn decide_task(engine: &Engine, task: Task) {
    let (subject, command) = (task.subject, Command::RunTask(task));
    match engine.submit(Caller::Clock, command, None).await {
        Ok(Handled { completion: Some(completion), .. }) => {
            // The caller of a task waits for the end of its call, so that no more calls begin than may.
            let _ended = completion.await;
        }
        Ok(Handled { completion: None, .. }) | Err(Failure::Stopping) => {}
        Err(Failure::Refused(
            Refusal::Order(OrderRefusal::NotFound)
            | Refusal::Refund(RefundRefusal::NotFound)
            | Refusal::Notification(NotificationRefusal::NotFound),
        )) => tracing::error!(%subject, "a task without its subject"),
        Err(failure) => tracing::warn!(%failure, %subject, "a due task was not run"),
    }
}

/// The age of the oldest due task: the first figure to look at when something is stuck.
async fn measure(engine: &Engine) {
    let now = engine.clock.now();
    match engine.ask(Tasks { now }).await {
        Ok(row) => {
            let age_ms = row.oldest_due.map_or(0, |due| now.ms_since(due).max(0));
            let age_seconds = u32::try_from(age_ms / 1000).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_task_age_seconds").set(age_seconds);
            let waiting = u32::try_from(row.waiting).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_tasks_waiting").set(waiting);
        }
        Err(fault) => tracing::warn!(%fault, "tasks not counted"),
    }
}
