//! The one place that changes state.
//!
//! The writer takes the commands that are waiting, loads the union of what they read, decides them one
//! after another over the view in memory, commits everything together, and then answers all. There is
//! no timer: a batch forms by itself while the last one is being written; a lone command waits for
//! nobody. A refused command leaves no trace and disturbs no neighbour.
//!
//! There is a writer for each share of the tenants, and one for the tenants whose rows were found
//! locked: see `shares` and `apart`.
//!
//! When a row turns out to have changed underneath (another process), the tenant's commands are loaded
//! and decided again, and in the end one by one, so that one bad command never fails its neighbours.

use crate::bulkhead::Permit;
use crate::directory::{Snapshot, is_of_directory};
use crate::{Engine, Failure, Handled, attention, builtin_channels};
use adapters::Stopwatch;
use kernel::{Caller, Command, Decision, Reads, Reply, TenantId, View, Work};
use ledger::Stamp;
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use store::{Batch, CommitFault, StoreFault};
use tokio::sync::{mpsc, oneshot};

/// Commands that are decided and committed together, at most.
pub(crate) const BATCH_LEN_MAX: usize = 512;
/// How often a batch is loaded and decided again because rows had changed underneath; from the third
/// time on, commands go one by one.
const ROUNDS_MAX: usize = 5;

/// A command on its way to the writer.
pub(crate) struct Job {
    pub(crate) caller: Caller,
    pub(crate) command: Command,
    /// Fires once the commit stands.
    pub(crate) answer: oneshot::Sender<Result<Handled, Failure>>,
    /// Waits for the end of the work that began earlier.
    pub(crate) waiter: Option<oneshot::Sender<Reply>>,
    /// Goes on to the call that the command leads to.
    pub(crate) permit: Option<Permit>,
}

/// Which tenants a writer works for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Those of a share: they are committed together.
    Share,
    /// Those whose rows were found locked: each is committed by itself.
    Apart,
}

/// Writes for the tenants of a share until the engine stops.
pub(crate) async fn run(engine: Arc<Engine>, mut waiting: mpsc::Receiver<Job>) {
    let mut stopped = engine.stopped();
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
        let left = engine.shares.waiting();
        metrics::gauge!("tongbao_queue").set(u32::try_from(left).unwrap_or(u32::MAX));
        let jobs = std::mem::replace(&mut jobs, Vec::with_capacity(BATCH_LEN_MAX));
        write(&engine, jobs, Duty::Share).await;
    }
}

/// Lets callers that the last commit woke hand in their next command, so that they share this commit.
/// It waits only for tasks that are ready to run; a lone command goes at once.
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

/// Decides and commits jobs until each has its answer, or has left for the writer that works apart.
pub(crate) async fn write(engine: &Arc<Engine>, jobs: Vec<Job>, duty: Duty) {
    let mut rounds = vec![jobs];
    for round in 0..ROUNDS_MAX {
        let mut again = Vec::new();
        for jobs in rounds {
            again.extend(write_once(engine, jobs, duty).await);
        }
        if again.is_empty() {
            return;
        }
        rounds =
            if round < 2 { vec![again] } else { again.into_iter().map(|job| vec![job]).collect() };
    }
    for job in rounds.into_iter().flatten() {
        let fault = StoreFault::Failed("rows keep changing underneath".to_owned());
        let _ = job.answer.send(Err(fault.into()));
    }
}

/// One load, one decision each, one commit. Returns the jobs that must be decided again.
async fn write_once(engine: &Arc<Engine>, jobs: Vec<Job>, duty: Duty) -> Vec<Job> {
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
                again.extend(Box::pin(write_once(engine, vec![job], duty)).await);
            }
            return again;
        }
        Err(fault) => {
            fail_all(jobs, &fault);
            return vec![];
        }
    };
    let Decided { jobs: decided, decisions } = match decide_all(engine, &mut view, jobs) {
        Ok(decided) => decided,
        Err(defect) => return fail_defect(engine, *defect).await,
    };
    let faults = commit(engine, decisions, &view, decided.len(), duty).await;
    // A caller that changed the directory finds it changed.
    if decided.iter().any(|(job, outcome)| outcome.is_ok() && is_of_directory(&job.command))
        && let Err(fault) = engine.refresh_directory().await
    {
        tracing::warn!(%fault, "the directory was not read again; the next refresh will");
    }
    answer(engine, decided, &faults, duty)
}

/// Jobs with their outcomes if the commit stands, and what is to be committed.
struct Decided {
    jobs: Vec<(Job, Result<Outcome, kernel::Refusal>)>,
    decisions: BTreeMap<TenantId, Vec<Decision>>,
}

/// A job whose decision broke an assertion.
struct Defect {
    job: Job,
    /// The text of the panic.
    why: String,
    /// The other jobs. The view may be half changed: they are decided again on a fresh one.
    others: Vec<Job>,
}

/// Decides jobs one after another. The writers draw their ids from one stamp, so that no two are alike.
fn decide_all(engine: &Engine, view: &mut View, jobs: Vec<Job>) -> Result<Decided, Box<Defect>> {
    let snapshot = engine.snapshot();
    view.directory = snapshot.directory.clone();
    let mut stamp = engine.stamp.lock().unwrap_or_else(PoisonError::into_inner);
    stamp.set_time(engine.clock.now());
    let mut decisions: BTreeMap<TenantId, Vec<Decision>> = BTreeMap::new();
    let mut decided = Vec::with_capacity(jobs.len());
    let mut jobs = jobs.into_iter();
    while let Some(job) = jobs.next() {
        let decision = match caught(|| decide(engine, &snapshot, view, &mut stamp, &job)) {
            Ok(decision) => decision,
            Err(why) => {
                let others = decided.into_iter().map(|(job, _)| job).chain(jobs).collect();
                return Err(Box::new(Defect { job, why, others }));
            }
        };
        let outcome = decision.map(|mut decision| {
            let (work, reply) = (std::mem::take(&mut decision.work), decision.reply.clone());
            decisions.entry(job.command.tenant().clone()).or_default().push(decision);
            Outcome { reply, work }
        });
        decided.push((job, outcome));
    }
    Ok(Decided { jobs: decided, decisions })
}

/// One decision, with the answers of built-in channels.
fn decide(
    engine: &Engine,
    snapshot: &Snapshot,
    view: &mut View,
    stamp: &mut Stamp,
    job: &Job,
) -> Result<Decision, kernel::Refusal> {
    let decision = kernel::decide(view, &job.caller, &job.command, stamp)?;
    Ok(builtin_channels::answer(engine, snapshot, view, stamp, decision))
}

/// Runs a decision; the text of its panic when it breaks an assertion.
fn caught<T>(decide: impl FnOnce() -> T) -> Result<T, String> {
    // What the decision left half done is thrown away by the caller.
    catch_unwind(AssertUnwindSafe(decide)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        text.unwrap_or_else(|| "a panic without a text".to_owned())
    })
}

/// Answers the command whose decision broke an assertion, and parks the task that led to it. Returns the
/// other jobs.
async fn fail_defect(engine: &Engine, defect: Defect) -> Vec<Job> {
    let Defect { job, why, others } = defect;
    metrics::counter!("tongbao_defects_total").increment(1);
    tracing::error!(why, command = job.command.name(), "a decision broke an assertion");
    engine.park(&job.command, &why).await;
    let _ = job.answer.send(Err(Failure::Defect(why)));
    others
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
    decisions: BTreeMap<TenantId, Vec<Decision>>,
    view: &View,
    commands: usize,
    duty: Duty,
) -> HashMap<TenantId, CommitFault> {
    let mut batches = Vec::with_capacity(decisions.len());
    let mut faults = HashMap::new();
    for (tenant, decisions) in decisions {
        match Batch::of(&tenant, view, decisions) {
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
    let stopwatch = Stopwatch::start();
    let outcomes = match duty {
        Duty::Share => engine.store.commit(batches).await,
        Duty::Apart => commit_apart(engine, batches).await,
    };
    metrics::counter!("tongbao_commits_total").increment(1);
    metrics::histogram!("tongbao_commit_seconds").record(stopwatch.elapsed_seconds());
    metrics::histogram!("tongbao_batch_commands")
        .record(u32::try_from(commands).unwrap_or(u32::MAX));
    for (tenant, outcome) in tenants.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => {
                attention::report(engine, &tenant, &view.attention_changes(&tenant));
                if duty == Duty::Apart {
                    engine.shares.readmit(&tenant);
                }
            }
            Err(fault) => {
                faults.insert(tenant, fault);
            }
        }
    }
    faults
}

/// Commits batches one after another, over a session of the writer that works apart.
async fn commit_apart(engine: &Engine, batches: Vec<Batch>) -> Vec<Result<(), CommitFault>> {
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        outcomes.push(engine.store.commit_apart(batch).await);
    }
    outcomes
}

/// Answers the jobs whose outcome is known and starts their work; returns the others.
fn answer(
    engine: &Arc<Engine>,
    decided: Vec<(Job, Result<Outcome, kernel::Refusal>)>,
    faults: &HashMap<TenantId, CommitFault>,
    duty: Duty,
) -> Vec<Job> {
    let mut again = Vec::new();
    for (job, outcome) in decided {
        match (faults.get(job.command.tenant()), outcome) {
            (Some(CommitFault::Stale(_) | CommitFault::Floor(_)), _) => again.push(job),
            (Some(CommitFault::Busy(fault)), _) => blocked(engine, job, fault, duty),
            (Some(CommitFault::Store(fault)), _) => {
                tracing::error!(%fault, command = job.command.name(), "outcome of a commit unknown");
                let _ = job.answer.send(Err(Failure::Store(fault.clone())));
            }
            (None, Err(refusal)) => {
                let _ = job.answer.send(Err(Failure::Refused(refusal)));
            }
            (None, Ok(outcome)) => {
                let name = job.command.name();
                metrics::counter!("tongbao_commands_total", "command" => name).increment(1);
                if let Some(subject) = outcome.reply.subject {
                    engine.looks.committed(subject);
                }
                let reply = outcome.reply.clone();
                let completion = act(engine, outcome, job.waiter, job.permit);
                let _ = job.answer.send(Ok(Handled { reply, completion }));
            }
        }
    }
    again
}

/// A job whose tenant's rows are locked goes to the writer that works apart; that writer refuses it.
fn blocked(engine: &Engine, job: Job, fault: &str, duty: Duty) {
    let refused = match duty {
        Duty::Share => engine.shares.set_apart(job),
        Duty::Apart => Some(job),
    };
    if let Some(job) = refused {
        let (tenant, command) = (job.command.tenant(), job.command.name());
        tracing::warn!(%tenant, command, fault, "refused: the tenant's rows are locked");
        let _ = job.answer.send(Err(Failure::Busy));
    }
}

/// Starts the work of a committed decision. The waiter of an earlier call goes on to the next call, or
/// gets its reply here.
fn act(
    engine: &Arc<Engine>,
    outcome: Outcome,
    mut waiter: Option<oneshot::Sender<Reply>>,
    mut permit: Option<Permit>,
) -> Option<oneshot::Receiver<Reply>> {
    let mut completion = None;
    for work in outcome.work {
        match work {
            Work::Ask { .. } => {
                let waiter = waiter.take().unwrap_or_else(|| {
                    let (sender, receiver) = oneshot::channel();
                    completion = Some(receiver);
                    sender
                });
                tokio::spawn(crate::calls::ask(engine.clone(), work, waiter, permit.take()));
            }
            Work::Deliver { tenant, notification } => {
                tokio::spawn(crate::deliveries::deliver(engine.clone(), tenant, notification));
            }
        }
    }
    if let Some(waiter) = waiter {
        let _ = waiter.send(outcome.reply);
    }
    completion
}

/// What a decision leaves for after the commit.
struct Outcome {
    reply: Reply,
    work: Vec<Work>,
}
