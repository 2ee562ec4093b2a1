//! The loop that claims due tasks and turns them into commands.
//!
//! Tasks are the net under everything that happens after a commit: when a process dies between the
//! commit and the work, the task committed with it is due once the work must have ended.

use crate::{Engine, Failure, deliveries, unexpected};
use kernel::{Caller, Command, Refusal, Task, TaskKind};
use ledger::Id;
use std::sync::Arc;
use std::time::Duration;
use store::{Lease, Page, Query, StoreFault};

/// How often the loop looks when nothing wakes it.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often the age of the oldest due task is measured, in looks.
const MEASURE_EVERY: u32 = 10;
/// Tasks claimed at once.
const CLAIM_MAX: u32 = 256;
/// How long a claim lasts, in milliseconds: longer than the command that answers it takes.
const LEASE_MS: i64 = 30_000;

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    let mut moved = engine.clock.moved();
    let mut looks = 0u32;
    loop {
        let claimed = match step(&engine).await {
            Ok(claimed) => claimed,
            Err(fault) => {
                tracing::error!(%fault, "due tasks not claimed");
                0
            }
        };
        if looks.is_multiple_of(MEASURE_EVERY) {
            measure(&engine).await;
        }
        looks = looks.wrapping_add(1);
        if claimed == CLAIM_MAX && !*stopped.borrow() {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Ok(()) = moved.changed() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Claims what is due and starts it. Returns how many tasks were claimed.
async fn step(engine: &Arc<Engine>) -> Result<u32, StoreFault> {
    let now = engine.clock.now();
    let lease = Lease { now, until: now.plus_ms(LEASE_MS), limit: CLAIM_MAX };
    let tasks = engine.store.claim(lease).await?;
    let claimed = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
    let mut attended = tokio::task::JoinSet::new();
    for task in tasks {
        attended.spawn(attend(engine.clone(), task));
    }
    while attended.join_next().await.is_some() {}
    Ok(claimed)
}

async fn attend(engine: Arc<Engine>, task: Task) {
    match task.kind {
        // A notice needs no decision before it is sent: the lease keeps others away, and the attempt
        // is recorded afterwards.
        TaskKind::Notice => {
            let id = Id::from_number(task.subject);
            tokio::spawn(deliveries::deliver(engine, task.tenant, id));
        }
        TaskKind::Order | TaskKind::Refund => {
            match engine.handle(Caller::Clock, Command::Attend(task.clone())).await {
                Ok(_) => {}
                Err(Failure::Refused(Refusal::OrderNotFound | Refusal::RefundNotFound)) => {
                    tracing::error!(?task, "a task without its subject");
                }
                Err(failure) => tracing::warn!(%failure, ?task, "a due task was not attended"),
            }
        }
    }
}

/// The age of the oldest due task: the first thing to look at when something is stuck.
async fn measure(engine: &Engine) {
    let now = engine.clock.now();
    match engine.search(&Query::Tasks { now }).await {
        Ok(Page::Tasks(row)) => {
            let age_ms = row.oldest_due.map_or(0, |due| now.ms_since(due).max(0));
            let age_seconds = u32::try_from(age_ms / 1000).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_task_age_seconds").set(age_seconds);
            let waiting = u32::try_from(row.waiting).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_tasks_waiting").set(waiting);
        }
        Ok(other) => tracing::error!(fault = %unexpected(&other), "tasks not counted"),
        Err(fault) => tracing::warn!(%fault, "tasks not counted"),
    }
}
