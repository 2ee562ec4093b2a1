//! The one place that changes state.
//!
//! The writer takes whatever commands are waiting, loads the union of what they read, decides them one
//! after another over the view in memory, commits everything together, and then answers all. There is
//! no timer: a batch forms by itself while the last one is being written; a lone command waits for
//! nobody. A refused command leaves no trace and disturbs no neighbour.
//!
//! When a row turns out to have changed underneath (another process), the tenant's commands are loaded
//! and decided again, and in the end one by one, so that one bad command never fails its neighbours.

use crate::{Engine, Failure, Handled, builtin_channels};
use kernel::{
    Caller, Change, Command, Decision, Event, Reads, RefundState, Reply, TaskChange, TenantId,
    View, Work,
};
use ledger::{Id, Stamp, Transfer, book, kinds};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::{Batch, CommitFault, StoreFault, Write};
use tokio::sync::{mpsc, oneshot};

/// Commands that are decided and committed together, at most.
const BATCH_LEN_MAX: usize = 512;
/// How often a batch is loaded and decided again because rows had changed underneath; from the third
/// time on, commands go one by one.
const ROUNDS_MAX: usize = 5;

/// A command on its way to the writer.
pub(crate) struct Job {
    pub(crate) caller: Caller,
    pub(crate) command: Command,
    /// Fires once the commit stands.
    pub(crate) answer: oneshot::Sender<Result<Handled, Failure>>,
    /// Somebody waits for the end of the work that began earlier.
    pub(crate) waiter: Option<oneshot::Sender<Reply>>,
}

/// Runs until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>, mut waiting: mpsc::Receiver<Job>, stamp: Stamp) {
    let mut stopped = engine.stopped();
    let mut stamp = stamp;
    let mut jobs = Vec::with_capacity(BATCH_LEN_MAX);
    loop {
        let taken = tokio::select! {
            taken = waiting.recv_many(&mut jobs, BATCH_LEN_MAX) => taken,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        if taken == 0 {
            return;
        }
        drain_ready(&mut waiting, &mut jobs).await;
        metrics::gauge!("tongbao_queue").set(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
        stamp = write(&engine, std::mem::take(&mut jobs), stamp).await;
        jobs.reserve(BATCH_LEN_MAX);
    }
}

/// Lets whatever is about to run hand in its command first: callers that the last commit woke share
/// this one. It waits for nobody who is not ready, and a lone command goes at once.
async fn drain_ready(waiting: &mut mpsc::Receiver<Job>, jobs: &mut Vec<Job>) {
    loop {
        tokio::task::yield_now().await;
        let before = jobs.len();
        while jobs.len() < BATCH_LEN_MAX
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        if jobs.len() == before {
            return;
        }
    }
}

/// Decides and commits jobs until each has its answer.
async fn write(engine: &Arc<Engine>, jobs: Vec<Job>, mut stamp: Stamp) -> Stamp {
    let mut rounds = vec![jobs];
    for round in 0..ROUNDS_MAX {
        let mut again = Vec::new();
        for jobs in rounds {
            let (left, after) = write_once(engine, jobs, stamp).await;
            stamp = after;
            again.extend(left);
        }
        if again.is_empty() {
            return stamp;
        }
        rounds =
            if round < 2 { vec![again] } else { again.into_iter().map(|job| vec![job]).collect() };
    }
    for job in rounds.into_iter().flatten() {
        let fault = StoreFault::Failed("rows keep changing underneath".to_owned());
        let _ = job.answer.send(Err(fault.into()));
    }
    stamp
}

/// One load, one decision each, one commit. Returns the jobs that must be decided again.
async fn write_once(engine: &Arc<Engine>, jobs: Vec<Job>, stamp: Stamp) -> (Vec<Job>, Stamp) {
    let mut stamp = stamp.at(engine.clock.now());
    let mut reads = Reads::default();
    for job in &jobs {
        job.command.reads(&mut reads);
    }
    let mut view = match engine.store.load(&reads).await {
        Ok(view) => view,
        // One row that cannot be read is the trouble of the command that wants it alone.
        Err(StoreFault::Unreadable { .. }) if jobs.len() > 1 => {
            let mut again = Vec::new();
            for job in jobs {
                let (left, after) = Box::pin(write_once(engine, vec![job], stamp)).await;
                again.extend(left);
                stamp = after;
            }
            return (again, stamp);
        }
        Err(fault) => {
            fail_all(jobs, &fault);
            return (vec![], stamp);
        }
    };
    view.directory = engine.directory.clone();
    let mut drafts: BTreeMap<TenantId, Draft> = BTreeMap::new();
    let loaded = Versions::of(&view);
    let mut decided = Vec::with_capacity(jobs.len());
    for job in jobs {
        let tenant = job.command.tenant().clone();
        let outcome = kernel::decide(&mut view, &job.caller, &job.command, &mut stamp)
            .map(|decision| builtin_channels::answer(engine, &mut view, &mut stamp, decision))
            .map(|decision| drafts.entry(tenant).or_default().take(decision));
        decided.push((job, outcome));
    }
    let faults = commit(engine, drafts, &view, &loaded, decided.len()).await;
    (answer(engine, decided, &faults), stamp)
}

fn fail_all(jobs: Vec<Job>, fault: &StoreFault) {
    tracing::error!(%fault, "database failed; {} commands have no outcome", jobs.len());
    for job in jobs {
        let _ = job.answer.send(Err(Failure::Store(fault.clone())));
    }
}

/// Commits every tenant's batch; the outcome of each that did not stand.
async fn commit(
    engine: &Engine,
    drafts: BTreeMap<TenantId, Draft>,
    view: &View,
    loaded: &Versions,
    commands: usize,
) -> HashMap<TenantId, CommitFault> {
    let mut batches = Vec::with_capacity(drafts.len());
    let mut faults = HashMap::new();
    for (tenant, draft) in drafts {
        match draft.batch(tenant.clone(), view, loaded) {
            Ok(batch) => batches.push(batch),
            // The core refuses amounts that do not fit; a sum over a batch that does not is as
            // temporary as a stale row: the commands go again in smaller company.
            Err(fault) => {
                faults.insert(tenant, CommitFault::Stale(fault.to_string()));
            }
        }
    }
    if batches.is_empty() {
        return faults;
    }
    let tenants: Vec<TenantId> = batches.iter().map(|batch| batch.tenant.clone()).collect();
    let begun = std::time::Instant::now();
    let outcomes = engine.store.commit(batches).await;
    metrics::counter!("tongbao_commits_total").increment(1);
    metrics::histogram!("tongbao_commit_seconds").record(begun.elapsed().as_secs_f64());
    metrics::histogram!("tongbao_batch_commands")
        .record(u32::try_from(commands).unwrap_or(u32::MAX));
    for (tenant, outcome) in tenants.into_iter().zip(outcomes) {
        if let Err(fault) = outcome {
            faults.insert(tenant, fault);
        }
    }
    faults
}

/// Answers the jobs whose outcome is known and starts their work; returns the others.
fn answer(
    engine: &Arc<Engine>,
    decided: Vec<(Job, Result<Outcome, kernel::Refusal>)>,
    faults: &HashMap<TenantId, CommitFault>,
) -> Vec<Job> {
    let mut again = Vec::new();
    for (job, outcome) in decided {
        match (faults.get(job.command.tenant()), outcome) {
            (Some(CommitFault::Stale(_) | CommitFault::Floor(_)), _) => again.push(job),
            (Some(CommitFault::Store(fault)), _) => {
                tracing::error!(%fault, command = job.command.name(), "outcome of a commit unknown");
                let _ = job.answer.send(Err(Failure::Store(fault.clone())));
            }
            (None, Err(refusal)) => {
                let _ = job.answer.send(Err(Failure::Refused(refusal)));
            }
            (None, Ok(outcome)) => {
                count(&job.command, &outcome.attention);
                let completion = act(engine, outcome.work, &outcome.reply, job.waiter);
                let _ = job.answer.send(Ok(Handled { reply: outcome.reply, completion }));
            }
        }
    }
    again
}

/// Counts what was committed, and says aloud what needs a person.
fn count(command: &Command, attention: &[(&'static str, String)]) {
    metrics::counter!("tongbao_commands_total", "command" => command.name()).increment(1);
    for (kind, what) in attention {
        metrics::counter!("tongbao_attention_total", "kind" => *kind).increment(1);
        tracing::warn!(kind, tenant = %command.tenant(), "needs a person: {what}");
    }
}

/// What of a decision needs a person.
fn attention(events: &[Event]) -> Vec<(&'static str, String)> {
    let of_order = |event: &Event| {
        event.order.map_or_else(|| "no order".to_owned(), |order| format!("order {order}"))
    };
    let needs = |event: &Event| match &event.change {
        Change::MismatchRecorded { why, .. } => Some(format!("{}: {why}", of_order(event))),
        Change::UnappliedReceived { refund, .. } => {
            Some(format!("{}: {} came too late or twice", of_order(event), refund.amount))
        }
        Change::RefundMoved { refund, state: RefundState::Failed { reason, .. }, .. } => {
            Some(format!("{}: refund {refund} failed: {reason}", of_order(event)))
        }
        _other => None,
    };
    events.iter().filter_map(|event| Some((event.change.name(), needs(event)?))).collect()
}

/// Starts the work of a committed decision. A waiter goes on with its next call, or ends here.
fn act(
    engine: &Arc<Engine>,
    work: Vec<Work>,
    reply: &Reply,
    waiter: Option<oneshot::Sender<Reply>>,
) -> Option<oneshot::Receiver<Reply>> {
    let mut waiter = waiter;
    let mut completion = None;
    for work in work {
        match work {
            Work::Ask { .. } => {
                let waiting = waiter.take().unwrap_or_else(|| {
                    let (sender, receiver) = oneshot::channel();
                    completion = Some(receiver);
                    sender
                });
                tokio::spawn(crate::calls::ask(engine.clone(), work, waiting));
            }
            Work::Deliver { tenant, notification } => {
                tokio::spawn(crate::deliveries::deliver(engine.clone(), tenant, notification));
            }
        }
    }
    if let Some(waiter) = waiter {
        let _ = waiter.send(reply.clone());
    }
    completion
}

/// What a decision leaves for after the commit.
struct Outcome {
    reply: Reply,
    work: Vec<Work>,
    attention: Vec<(&'static str, String)>,
}

/// The changes of one tenant so far.
#[derive(Default)]
struct Draft {
    events: Vec<Event>,
    transfers: Vec<Transfer>,
    tasks: Vec<TaskChange>,
    refunds: Vec<Id<kinds::Refund>>,
    notifications: Vec<Id<kinds::Notification>>,
}

impl Draft {
    fn take(&mut self, decision: Decision) -> Outcome {
        for event in &decision.events {
            self.refunds.extend(event.change.refund());
            self.notifications.extend(event.change.notification());
        }
        let attention = attention(&decision.events);
        self.events.extend(decision.events);
        self.transfers.extend(decision.transfers);
        self.tasks.extend(decision.tasks);
        Outcome { reply: decision.reply, work: decision.work, attention }
    }

    fn batch(
        self,
        tenant: TenantId,
        view: &View,
        loaded: &Versions,
    ) -> Result<Batch, ledger::BookFault> {
        let orders = sorted(self.events.iter().filter_map(|event| event.order));
        let write_order = |id| {
            let row = view.orders.get(&(tenant.clone(), id))?.clone();
            let expected = loaded.orders.get(&(tenant.clone(), id)).copied();
            (expected != Some(row.version)).then_some(Write { row, expected })
        };
        let write_refund = |id| {
            let row = view.refunds.get(&(tenant.clone(), id))?.clone();
            let expected = loaded.refunds.get(&(tenant.clone(), id)).copied();
            (expected != Some(row.version)).then_some(Write { row, expected })
        };
        let write_notification = |id| {
            let row = view.notifications.get(&(tenant.clone(), id))?.clone();
            let expected = loaded.notifications.get(&(tenant.clone(), id)).copied();
            (expected != Some(row.version)).then_some(Write { row, expected })
        };
        Ok(Batch {
            orders: orders.into_iter().filter_map(write_order).collect(),
            refunds: sorted(self.refunds).into_iter().filter_map(write_refund).collect(),
            notifications: sorted(self.notifications)
                .into_iter()
                .filter_map(write_notification)
                .collect(),
            deltas: book::sum_deltas(&self.transfers)?,
            tasks: last_of_each(self.tasks),
            events: self.events,
            transfers: self.transfers,
            tenant,
        })
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// Of several changes of one task the last one counts.
fn last_of_each(tasks: Vec<TaskChange>) -> Vec<TaskChange> {
    let mut last: HashMap<kernel::Task, usize> = HashMap::with_capacity(tasks.len());
    for (at, change) in tasks.iter().enumerate() {
        last.insert(change.task.clone(), at);
    }
    let counts = |at: usize, change: &TaskChange| last.get(&change.task) == Some(&at);
    tasks
        .into_iter()
        .enumerate()
        .filter(|(at, change)| counts(*at, change))
        .map(|(_, it)| it)
        .collect()
}

/// The versions that were loaded.
struct Versions {
    orders: HashMap<(TenantId, Id<kinds::Order>), i64>,
    refunds: HashMap<(TenantId, Id<kinds::Refund>), i64>,
    notifications: HashMap<(TenantId, Id<kinds::Notification>), i64>,
}

impl Versions {
    fn of(view: &View) -> Versions {
        Versions {
            orders: view.orders.iter().map(|(key, row)| (key.clone(), row.version)).collect(),
            refunds: view.refunds.iter().map(|(key, row)| (key.clone(), row.version)).collect(),
            notifications: view
                .notifications
                .iter()
                .map(|(key, row)| (key.clone(), row.version))
                .collect(),
        }
    }
}
