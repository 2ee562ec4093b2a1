//! The loops that claim due tasks, one for each lane, and turn them into commands.
//!
//! Tasks are the net under everything that happens after a commit: when a process dies between the
//! commit and the work, the task committed with it is due once the work must have ended.
//!
//! A pass claims a chunk, shared out to the tenants. A task begins when there is a permit for its tenant
//! and its counterpart; the others are put off together and wait in the database, not here.

use crate::bulkhead::Permit;
use crate::lanes::counterpart;
use crate::{Engine, Failure, Handled, deliveries};
use kernel::{
    AgreementRefusal, AllocationRefusal, ApprovalRefusal, Caller, Command, Lane,
    NotificationCommand, NotificationRefusal, OrderRefusal, PayeeRefusal, Reads, RefundRefusal,
    Refusal, Row, ShareRefusal, ShareReturnRefusal, Task, TenantId, View,
};
use ledger::{Subject, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use store::{Claim, DEFER_MS, StoreFault, TaskAction, TaskUpdate, Tasks};

/// How often due tasks are claimed when nothing wakes the loop.
const CLAIM_EVERY: Duration = Duration::from_millis(500);
/// The pause after a pass that found something: there may be more.
const PASS_PAUSE: Duration = Duration::from_millis(20);
/// The pause after a pass that put tasks off, or that found a tenant's share used up.
const CROWDED_PAUSE: Duration = Duration::from_millis(100);
/// Tasks that are claimed at once, at most.
const CHUNK_MAX: usize = 128;
/// How long a claim lasts, in milliseconds: longer than the work that it begins takes.
const LEASE_MS: i64 = 30_000;
/// How often the age of the oldest due task is measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// How much of a reason is kept, in characters.
const REASON_LEN_MAX: usize = 500;

/// What a pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Nothing that may begin now.
    Idle,
    /// The lane or a tenant has no room; the same may be due.
    Crowded,
    /// Tasks that have begun.
    Begun,
}

/// Claims tasks of a lane until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>, lane: Lane) {
    let mut stopped = engine.stopped();
    let mut moved = engine.clock.moved();
    let mut after = None;
    while !*stopped.borrow() {
        let pass = pass(&engine, lane, &mut after).await.unwrap_or_else(|fault| {
            tracing::error!(%fault, lane = lane.name(), "due tasks not claimed");
            Pass::Idle
        });
        let pause = match pass {
            Pass::Idle => CLAIM_EVERY,
            Pass::Crowded => CROWDED_PAUSE,
            Pass::Begun => PASS_PAUSE,
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            Ok(()) = moved.changed() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Claims a chunk and begins what has room. `after` is the tenant whose turn was last.
async fn pass(
    engine: &Arc<Engine>,
    lane: Lane,
    after: &mut Option<TenantId>,
) -> Result<Pass, StoreFault> {
    let bulkhead = engine.lanes.of(lane);
    let (limits, free) = (bulkhead.limits(), bulkhead.free());
    // A claim is a commit: it is not made for every permit that falls free.
    if free < limits.all / 4 {
        return Ok(Pass::Crowded);
    }
    let (less, now) = (bulkhead.left(), engine.clock.now());
    let is_crowded = less.values().any(|left| *left == 0);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let claim = Claim {
        lane,
        now,
        until: now.plus_ms(LEASE_MS),
        limit: count(free.min(CHUNK_MAX)),
        each: count(limits.each_tenant),
        less,
        after: after.take(),
    };
    let tasks = engine.store.claim(&claim).await?;
    *after = tasks.last().map(|task| task.tenant.clone()).or(claim.after);
    if tasks.is_empty() {
        return Ok(if is_crowded { Pass::Crowded } else { Pass::Idle });
    }
    let deferred = begin(engine, lane, tasks, claim.until).await?;
    Ok(if deferred > 0 { Pass::Crowded } else { Pass::Begun })
}

/// Begins the tasks that get a permit and puts off the others; how many were.
async fn begin(
    engine: &Arc<Engine>,
    lane: Lane,
    tasks: Vec<Task>,
    leased_until: Timestamp,
) -> Result<u64, StoreFault> {
    let bulkhead = engine.lanes.of(lane);
    let due = engine.clock.now().plus_ms(DEFER_MS);
    let mut deferred = vec![];
    for (task, view) in peek(engine, tasks).await {
        match bulkhead.try_acquire(&task.tenant, &counterpart(&view, &task)) {
            Some(permit) => {
                let row = view.row(&task.tenant, task.subject);
                let claimed = Claimed { task, row, leased_until };
                tokio::spawn(run_task(engine.clone(), claimed, permit));
            }
            None => {
                let Task { tenant, subject, .. } = task;
                let action = TaskAction::Defer { leased_until, due };
                deferred.push(TaskUpdate { tenant, subject, action });
            }
        }
    }
    if deferred.is_empty() {
        return Ok(0);
    }
    let count = u64::try_from(deferred.len()).unwrap_or(u64::MAX);
    metrics::counter!("tongbao_tasks_deferred_total", "lane" => lane.name()).increment(count);
    engine.store.update_tasks(&deferred).await?;
    Ok(count)
}

/// The tasks with their rows and what is related. A row that cannot be read leaves the others alone: its
/// task begins without it, and the fault shows there.
async fn peek(engine: &Engine, tasks: Vec<Task>) -> Vec<(Task, Arc<View>)> {
    let fault = match engine.store.peek(&reads(&tasks)).await {
        Ok(view) => {
            let view = Arc::new(view);
            return tasks.into_iter().map(|task| (task, view.clone())).collect();
        }
        Err(fault) => fault,
    };
    tracing::warn!(%fault, "the rows of due tasks are looked at one by one");
    let mut found = vec![];
    for task in tasks {
        let view = engine.store.peek(&reads(std::slice::from_ref(&task))).await;
        found.push((task, Arc::new(view.unwrap_or_default())));
    }
    found
}

fn reads(tasks: &[Task]) -> Reads {
    let mut reads = Reads::default();
    for task in tasks {
        reads.subject(&task.tenant, task.subject, task.root);
    }
    reads
}

/// A task under a lease, with its row as it was just before.
struct Claimed {
    task: Task,
    row: Option<Row>,
    leased_until: Timestamp,
}

/// Does what a due task wants.
async fn run_task(engine: Arc<Engine>, claimed: Claimed, permit: Permit) {
    match claimed.row {
        // A notification needs no decision before it is sent: the lease keeps other processes away, and
        // the attempt is recorded afterwards.
        Some(Row::Notification(notification)) => {
            deliveries::deliver_due(engine, notification, permit, claimed.leased_until).await;
        }
        _ => decide_task(&engine, claimed.task, permit).await,
    }
}

/// The permit goes on to the call that the decision leads to.
async fn decide_task(engine: &Engine, task: Task, permit: Permit) {
    let (subject, command) = (task.subject, Command::RunTask(task));
    match engine.submit_with(Caller::Clock, command, None, Some(permit)).await {
        Ok(Handled { .. }) | Err(Failure::Stopping) => {}
        Err(Failure::Refused(
            Refusal::Order(OrderRefusal::NotFound)
            | Refusal::Refund(RefundRefusal::NotFound)
            | Refusal::Notification(NotificationRefusal::NotFound)
            | Refusal::Share(ShareRefusal::NotFound)
            | Refusal::ShareReturn(ShareReturnRefusal::NotFound)
            | Refusal::Payee(PayeeRefusal::NotFound)
            | Refusal::Agreement(AgreementRefusal::NotFound)
            | Refusal::Approval(ApprovalRefusal::NotFound)
            | Refusal::Allocation(AllocationRefusal::NotFound),
        )) => tracing::error!(%subject, "a task without its subject"),
        Err(failure) => tracing::warn!(%failure, %subject, "a due task was not run"),
    }
}

/// Measures until the engine stops, also while the lanes are full.
pub(crate) async fn measure(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    loop {
        for lane in Lane::ALL {
            measure_lane(&engine, lane).await;
        }
        tokio::select! {
            () = tokio::time::sleep(MEASURE_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// For how long a lane's oldest task has been wanted, the first figure to look at when something is stuck,
/// and how full the lane is.
async fn measure_lane(engine: &Engine, lane: Lane) {
    let (now, name) = (engine.clock.now(), lane.name());
    let occupancy = engine.lanes.of(lane).occupancy();
    let gauge = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    metrics::gauge!("tongbao_lane_in_use", "lane" => name).set(gauge(occupancy.in_use));
    metrics::gauge!("tongbao_lane_waiting", "lane" => name).set(gauge(occupancy.waiting));
    match engine.ask(Tasks { lane, now }).await {
        Ok(row) => {
            let age_ms = row.oldest_wanted_at.map_or(0, |at| now.ms_since(at).max(0));
            let age_seconds = u32::try_from(age_ms / 1000).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_task_age_seconds", "lane" => name).set(age_seconds);
            let due = u32::try_from(row.due).unwrap_or(u32::MAX);
            metrics::gauge!("tongbao_tasks_due", "lane" => name).set(due);
        }
        Err(fault) => tracing::warn!(%fault, "tasks not counted"),
    }
}

/// The row whose task leads to this command; none where a caller made it, who gets the answer.
const fn parked_by(command: &Command) -> Option<(&TenantId, Subject)> {
    match command {
        Command::RunTask(task) => Some((&task.tenant, task.subject)),
        Command::RecordFinding(record) => Some((&record.tenant, record.subject)),
        Command::Notification(NotificationCommand::RecordAttempt {
            tenant, notification, ..
        }) => Some((tenant, notification.subject())),
        Command::Notification(
            NotificationCommand::Replay { .. } | NotificationCommand::Dismiss { .. },
        )
        | Command::Order(_)
        | Command::Refund(_)
        | Command::Tenant(_)
        | Command::Merchant(_)
        | Command::CallerKey(_)
        | Command::ChannelAccount(_)
        | Command::Approval(_)
        | Command::Payee(_)
        | Command::Share(_)
        | Command::ShareReturn(_)
        | Command::Allocation(_)
        | Command::AllocationRelease(_)
        | Command::CardBatch(_)
        | Command::CardQuota(_)
        | Command::Recharge(_)
        | Command::Card(_)
        | Command::CardTransfer(_)
        | Command::CardBinding(_)
        | Command::Wallet(_)
        | Command::WalletPayment(_)
        | Command::WalletFreeze(_)
        | Command::Agreement(_)
        | Command::Withdrawal(_) => None,
    }
}

impl Engine {
    /// Makes a parked task due again: an operator has mended what it failed for. True when it was
    /// parked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn resume_task(
        &self,
        operator: &Caller,
        tenant: &TenantId,
        subject: Subject,
    ) -> Result<bool, StoreFault> {
        let action = TaskAction::Resume { due: self.clock.now() };
        let update = TaskUpdate { tenant: tenant.clone(), subject, action };
        let resumed = self.store.update_tasks(&[update]).await? > 0;
        if resumed {
            tracing::info!(%tenant, %subject, ?operator, "a parked task is run again");
        }
        Ok(resumed)
    }

    /// Parks the task that a command is about: its decision broke an assertion, and would again.
    pub(crate) async fn park(&self, command: &Command, why: &str) {
        let Some((tenant, subject)) = parked_by(command) else { return };
        let reason = why.chars().take(REASON_LEN_MAX).collect();
        let action = TaskAction::Park { reason, at: self.clock.now() };
        let update = TaskUpdate { tenant: tenant.clone(), subject, action };
        match self.store.update_tasks(&[update]).await {
            Ok(parked) => {
                metrics::counter!("tongbao_tasks_parked_total", "kind" => subject.kind.name())
                    .increment(parked);
                tracing::error!(%tenant, %subject, why, "a task is parked; it needs a person");
            }
            Err(fault) => tracing::error!(%fault, %subject, "a task was not parked"),
        }
    }
}
