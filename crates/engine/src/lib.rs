//! The shell around the core: it loads, lets the core decide, commits, and only then acts.
//!
//! - writer: takes the commands that are waiting, decides them one after another and commits them
//!   together. shares: which writer a tenant's commands go to. apart: the one for locked tenants.
//! - builtin_channels: answers instructions to built-in channels, inside the commit.
//! - calls: carries instructions to channels and brings the findings back as commands.
//! - deliveries: delivers notifications to merchants.
//! - looks: looks at the channel for callers who wait.
//! - tasks: claims what is due, lane by lane.
//! - lanes, bulkhead: how much may be under way, shared out to tenants and counterparts.
//! - keys: fetches the channels' signing keys.
//! - attention: reports and counts what needs a person.
//! - bills: reads bills of channel accounts.
//! - callbacks: takes channels' callbacks in.
//! - directory: tenants, merchants, callers' keys and channel accounts, as read from the database.
//! - clock: the time that all processes on one database agree on.
//! - inspection: what an account is made of, for a program that looks and changes nothing.
//! - warnings: what the log says once about a channel account.
//! - receivers: puts sealed accounts into instructions, and takes them out of findings.
//! - put, secrets: declarations on their way into the database, and their secrets.
//!
//! It knows neither a database nor a vendor nor a dialect: those come in as [`Parts`].

mod agreements;
mod apart;
mod attention;
mod bills;
mod builtin_channels;
mod bulkhead;
mod callbacks;
mod calls;
mod channel_accounts;
mod clock;
mod deliveries;
mod directory;
mod inspection;
mod keys;
mod lanes;
mod looks;
mod put;
mod receivers;
mod secrets;
mod shares;
mod tasks;
mod warnings;
mod writer;

pub use adapters::clock::{Clock, SystemClock};
pub use adapters::http::{
    Authorities, BadAuthorities, ClientIdentity, Guard, HttpClient, HyperClient, SendContext,
    SendFault,
};
pub use bills::BillFault;
pub use channel_accounts::ChannelAccountFault;
pub use directory::{RegisteredCaller, RegisteredProof};
pub use inspection::{DatedKey, InspectedAccount, Probe};
pub use put::{
    CALLER_SECRET_LEN, DeclarationFault, DeclaredCallerKey, DeclaredChannelAccount, DeclaredProof,
};
pub use secrets::{
    Secrets, agreement_context, caller_key_context, card_secret_context, payee_context,
    setting_context,
};
pub use warnings::read_date;

use bulkhead::Permit;
use channel::{Channel, CodecContext, Response};
use clock::DatabaseClock;
use directory::Snapshot;
use kernel::{Caller, Command, Lane, Notification, Reads, Refusal, Reply, View, WorkingDays};
use lanes::Lanes;
use ledger::{Seed, Stamp, Timestamp};
use shares::{Queues, Shares};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use store::{Installation, LastId, Question, Store, StoreFault};
use tokio::sync::{Mutex, Notify, Semaphore, mpsc, oneshot, watch};

/// How far above the last stored event ids begin: a decision draws ids for transfers after its events.
const ID_MARGIN: i64 = 1 << 20;

/// How a dialect notifies a merchant.
pub trait Announce: Send + Sync {
    /// The request that carries the notification, signed now. `about` has the row that it reports about,
    /// with what that row names. `callers` are those of the
    /// tenant, in the order in which their keys were created. `None` when the dialect cannot sign for
    /// the tenant.
    fn announce(
        &self,
        notification: &Notification,
        about: &View,
        callers: &[Arc<RegisteredCaller>],
        context: &CodecContext,
    ) -> Option<channel::Request>;

    /// Whether the merchant's answer acknowledges it.
    fn acknowledged(&self, response: &Response) -> bool;
}

/// What an engine is made of.
pub struct Parts {
    /// The database, migrated.
    pub store: Arc<dyn Store>,
    /// The master keys that secrets in the database are sealed under.
    pub secrets: Secrets,
    /// The URL under which channels reach us, without a slash at the end.
    pub public_url: String,
    /// The channels that ship.
    pub channels: Vec<&'static dyn Channel>,
    /// Who notifies merchants, by dialect name.
    pub announcers: HashMap<&'static str, Arc<dyn Announce>>,
    /// Sends to channels.
    pub channel_client: Arc<dyn HttpClient>,
    /// Sends to merchants: guarded against addresses that a merchant must not reach through us.
    pub notification_client: Arc<dyn HttpClient>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process among those that share the database.
    pub node: u8,
    /// Which days are worked.
    pub working_days: Arc<WorkingDays>,
    /// What the engine does by itself.
    pub mode: Mode,
}

/// What an engine does by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything: due tasks, key fetches, refreshes of the directory.
    Serve,
    /// Nothing but the commands that it is given: for a program that changes the directory and ends.
    CommandsOnly,
}

/// Why a command brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A rule refused it; nothing changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many commands are waiting; nothing changed.
    #[error("too many commands are waiting")]
    Overloaded,
    /// Another transaction keeps the tenant's rows locked; nothing changed, and the command may be sent
    /// again.
    #[error("the tenant's rows are locked")]
    Busy,
    /// The database failed: it is not known whether the command took effect. Repeating it with the
    /// same number is safe.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The decision broke an assertion of ours: a defect. Nothing changed; where a task led to it, that
    /// task is parked.
    #[error("a defect of this program: {0}")]
    Defect(String),
    /// The process is stopping.
    #[error("stopping")]
    Stopping,
}

/// A reply, and the end of the work that the command led to.
pub struct Handled {
    /// The reply of the commit.
    pub reply: Reply,
    /// Fires with the last reply once the channel's answer is committed; `None` when the command led
    /// to no call.
    pub completion: Option<oneshot::Receiver<Reply>>,
}

/// The engine, shared by everything that takes requests.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) secrets: Secrets,
    pub(crate) public_url: String,
    pub(crate) working_days: Arc<WorkingDays>,
    pub(crate) installation: Arc<str>,
    pub(crate) channels: Vec<&'static dyn Channel>,
    pub(crate) announcers: HashMap<&'static str, Arc<dyn Announce>>,
    pub(crate) channel_client: Arc<dyn HttpClient>,
    pub(crate) notification_client: Arc<dyn HttpClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lanes: Lanes,
    /// Signing takes a core for 0.3 ms: no more at once than there are cores.
    pub(crate) signing: Semaphore,
    pub(crate) refreshing: Mutex<()>,
    /// Notified when a row began or ceased to need a person.
    pub(crate) attention_changed: Notify,
    pub(crate) looks: looks::Looks,
    pub(crate) warnings: warnings::Warnings,
    snapshot: RwLock<Arc<Snapshot>>,
    pub(crate) shares: Shares,
    pub(crate) stamp: std::sync::Mutex<Stamp>,
    stopping: watch::Sender<bool>,
}

impl Engine {
    /// Reads the directory and starts the writer and the loops.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start(parts: Parts) -> Result<Arc<Engine>, StoreFault> {
        let installation: Arc<str> = Arc::from(parts.store.ask(Installation {}).await?);
        let last_id = parts.store.ask(LastId {}).await?.unwrap_or_default();
        let (shares, queues) = Shares::new(parts.store.shares());
        let clock = Arc::new(DatabaseClock::new(parts.clock));
        clock.start(&*parts.store).await?;
        let now = clock.now();
        let stamp = Stamp::new(parts.node, now, Seed(crypto::random::bytes()))
            .above(last_id.saturating_add(ID_MARGIN));
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let engine = Arc::new(Engine {
            store: parts.store,
            secrets: parts.secrets,
            public_url: parts.public_url,
            working_days: parts.working_days,
            installation,
            channels: parts.channels,
            announcers: parts.announcers,
            channel_client: parts.channel_client,
            notification_client: parts.notification_client,
            clock: clock.clone(),
            lanes: Lanes::new(),
            signing: Semaphore::new(cores),
            refreshing: Mutex::new(()),
            attention_changed: Notify::new(),
            looks: looks::Looks::default(),
            warnings: warnings::Warnings::default(),
            snapshot: RwLock::default(),
            shares,
            stamp: std::sync::Mutex::new(stamp),
            stopping: watch::Sender::new(false),
        });
        engine.refresh_directory().await?;
        engine.start_writers(queues);
        match parts.mode {
            Mode::Serve => {
                abort_on_panic("clock", tokio::spawn(clock::run(engine.clone(), clock)));
                for lane in Lane::ALL {
                    abort_on_panic("task loop", tokio::spawn(tasks::run(engine.clone(), lane)));
                }
                abort_on_panic("task measure", tokio::spawn(tasks::measure(engine.clone())));
                abort_on_panic("key refresh", tokio::spawn(keys::run(engine.clone())));
                abort_on_panic("directory refresh", tokio::spawn(directory::run(engine.clone())));
                abort_on_panic("attention", tokio::spawn(attention::count(engine.clone())));
            }
            Mode::CommandsOnly => {}
        }
        Ok(engine)
    }

    fn start_writers(self: &Arc<Engine>, queues: Queues) {
        for queue in queues.shares {
            let writer = writer::run(self.clone(), queue);
            abort_on_panic("writer", tokio::spawn(writer));
        }
        let writer = apart::run(self.clone(), queues.apart);
        abort_on_panic("writer", tokio::spawn(writer));
    }

    /// Commits a command and starts the work that it leads to.
    ///
    /// # Errors
    /// The [`Failure`]; after [`Failure::Store`] the outcome is unknown and the same command may be
    /// sent again.
    pub async fn handle(
        &self,
        caller: Caller,
        command: impl Into<Command>,
    ) -> Result<Handled, Failure> {
        let (answer, answered) = oneshot::channel();
        let command = command.into();
        let job = writer::Job { caller, command, answer, waiter: None, permit: None };
        match self.shares.of(job.command.tenant()).try_send(job) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => return Err(Failure::Overloaded),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Failure::Stopping),
        }
        answered.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Commits a command and waits, up to `patience`, for the channel's answer to be committed too.
    /// Afterwards the state is durable either way.
    ///
    /// # Errors
    /// As for [`Engine::handle`].
    pub async fn handle_and_wait(
        &self,
        caller: Caller,
        command: impl Into<Command>,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let handled = self.handle(caller, command).await?;
        let Some(completion) = handled.completion else { return Ok(handled.reply) };
        match tokio::time::timeout(patience, completion).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) | Err(_) => Ok(handled.reply),
        }
    }

    /// Commits a command of our own: the result of something that has happened already. Waits for room
    /// in the queue: dropping the result would only repeat the work.
    pub(crate) async fn submit(
        &self,
        caller: Caller,
        command: Command,
        waiter: Option<oneshot::Sender<Reply>>,
    ) -> Result<Handled, Failure> {
        self.submit_with(caller, command, waiter, None).await
    }

    /// The same, with a permit for the call that the command may lead to.
    pub(crate) async fn submit_with(
        &self,
        caller: Caller,
        command: Command,
        waiter: Option<oneshot::Sender<Reply>>,
        permit: Option<Permit>,
    ) -> Result<Handled, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = writer::Job { caller, command, answer, waiter, permit };
        let queue = self.shares.of(job.command.tenant()).clone();
        queue.send(job).await.map_err(|_| Failure::Stopping)?;
        answered.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Asks a question about what is committed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask<Q: Question>(&self, question: Q) -> Result<Q::Answer, StoreFault> {
        self.store.ask(question).await
    }

    /// Looks at committed rows, beside the decisions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rows(&self, reads: &Reads) -> Result<View, StoreFault> {
        self.store.peek(reads).await
    }

    /// The present, by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The secrets of the installation.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The URL under which the gateway is reached, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The channels that ship.
    pub fn channels(&self) -> &[&'static dyn Channel] {
        &self.channels
    }

    /// Stops taking work; what is under way ends by itself or is found again as a due task.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn context(&self) -> CodecContext {
        CodecContext { now: self.clock.now(), nonce: crypto::random::hex_nonce() }
    }

    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn put_snapshot(&self, snapshot: Snapshot) {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(snapshot);
    }
}

/// Aborts the process if one of its loops panics, because without it the process makes no progress. The
/// supervisor restarts it; committed tasks resume.
fn abort_on_panic(name: &'static str, part: tokio::task::JoinHandle<()>) {
    tokio::spawn(async move {
        if let Err(fault) = part.await
            && fault.is_panic()
        {
            tracing::error!(%fault, "the {name} panicked; the process ends");
            std::process::abort();
        }
    });
}
