//! The shell around the core: it loads, lets the core decide, commits, and only then acts.
//!
//! - writer: takes whatever commands are waiting, decides them one after another and commits them
//!   together.
//! - builtin_channels: asks channels without an outside, inside the commit.
//! - calls: carries instructions to channels and brings the findings back as commands.
//! - deliveries: delivers notifications to merchants.
//! - tasks: claims what is due.
//! - callbacks: takes channels' callbacks in.
//!
//! It knows neither a database nor a vendor nor a dialect: those come in as [`Parts`].

mod builtin_channels;
mod bulkhead;
mod callbacks;
mod calls;
mod channel_accounts;
mod client;
mod clock;
mod deliveries;
mod guard;
mod tasks;
mod writer;

pub use channel_accounts::{ChannelAccountParts, ChannelAccountsFault};
pub use client::{HttpClient, HyperClient, SendFault};
pub use clock::{Clock, SystemClock};
pub use guard::Guard;

use bulkhead::Bulkhead;
use channel::{Channel, CodecContext, Response};
use channel_accounts::ChannelAccounts;
use kernel::{Caller, Command, Directory, Notification, Order, Refusal, Reply};
use ledger::{Stamp, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::{Page, Query, Store, StoreFault};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Commands that may wait for the writer; more are refused as [`Failure::Overloaded`].
const QUEUE_LEN_MAX: usize = 4096;
/// Calls to channels under way at once.
const CALLS_MAX: usize = 512;
/// The same, to one account.
const CALLS_EACH_MAX: usize = 192;
/// Calls that may wait for their permit; more are left to their tasks.
const CALLS_WAITING_MAX: usize = 2048;
/// Deliveries of notifications under way at once.
const DELIVERIES_MAX: usize = 128;
/// The same, to one host.
const DELIVERIES_EACH_MAX: usize = 16;
/// Deliveries that may wait for their permit; more are left to their tasks.
const DELIVERIES_WAITING_MAX: usize = 512;

/// How far above the last stored event ids begin: a decision draws ids for transfers after its events.
const ID_MARGIN: i64 = 1 << 20;
/// How often to look whether a call that somebody else made has ended.
const IN_FLIGHT_POLL_EVERY: Duration = Duration::from_millis(50);

/// How a dialect tells a merchant about an order.
pub trait Announce: Send + Sync {
    /// The request that carries the notification, signed now. `None` when the dialect no longer knows the
    /// tenant.
    fn announce(
        &self,
        notification: &Notification,
        order: &Order,
        context: &CodecContext,
    ) -> Option<channel::Request>;

    /// Whether the merchant's answer acknowledges it.
    fn acknowledged(&self, response: &Response) -> bool;
}

/// What an engine is made of.
pub struct Parts {
    /// The database, migrated.
    pub store: Arc<dyn Store>,
    /// Tenants, merchants, routes.
    pub directory: Arc<Directory>,
    /// The channels that ship.
    pub channels: Vec<&'static dyn Channel>,
    /// The accounts at them.
    pub accounts: Vec<ChannelAccountParts>,
    /// Who tells merchants, by dialect name.
    pub announcers: HashMap<&'static str, Arc<dyn Announce>>,
    /// Sends to channels.
    pub channel_client: Arc<dyn HttpClient>,
    /// Sends to merchants: guarded against addresses that are none of a merchant's business.
    pub notification_client: Arc<dyn HttpClient>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This process among those that share the database.
    pub node: u8,
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
    /// The database failed: it is not known whether the command took effect. Repeating it with the
    /// same number is safe.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// The process is stopping.
    #[error("stopping")]
    Stopping,
}

/// A reply, and the end of the work that the command led to.
pub struct Handled {
    /// What the commit says.
    pub reply: Reply,
    /// Fires with the last reply once the channel's answer is committed; `None` when the command led
    /// to no call.
    pub completion: Option<oneshot::Receiver<Reply>>,
}

/// The engine, shared by everything that takes requests.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) accounts: ChannelAccounts,
    pub(crate) announcers: HashMap<&'static str, Arc<dyn Announce>>,
    pub(crate) channel_client: Arc<dyn HttpClient>,
    pub(crate) notification_client: Arc<dyn HttpClient>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) calls: Bulkhead,
    pub(crate) deliveries: Bulkhead,
    /// Signing takes a core for 0.3 ms: no more at once than there are cores.
    pub(crate) signing: Semaphore,
    jobs: mpsc::Sender<writer::Job>,
    stopping: watch::Sender<bool>,
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// A channel account cannot be used.
    #[error(transparent)]
    Accounts(#[from] ChannelAccountsFault),
}

impl Engine {
    /// Starts the writer and the loops.
    ///
    /// # Errors
    /// When the database fails or an account's settings are wrong.
    pub async fn start(parts: Parts) -> Result<Arc<Engine>, StartFault> {
        let kept = match parts.store.search(&Query::Keys).await? {
            Page::Keys(keys) => keys,
            other => return Err(unexpected(&other).into()),
        };
        let last_id = match parts.store.search(&Query::LastId).await? {
            Page::LastId(last) => last.unwrap_or_default(),
            other => return Err(unexpected(&other).into()),
        };
        let accounts = ChannelAccounts::open(&parts.channels, parts.accounts, kept)?;
        let (jobs, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let engine = Arc::new(Engine {
            store: parts.store,
            directory: parts.directory,
            accounts,
            announcers: parts.announcers,
            channel_client: parts.channel_client,
            notification_client: parts.notification_client,
            clock: parts.clock,
            calls: Bulkhead::new(CALLS_MAX, CALLS_EACH_MAX, CALLS_WAITING_MAX),
            deliveries: Bulkhead::new(DELIVERIES_MAX, DELIVERIES_EACH_MAX, DELIVERIES_WAITING_MAX),
            signing: Semaphore::new(cores),
            jobs,
            stopping: watch::Sender::new(false),
        });
        let stamp = Stamp::new(parts.node, engine.now()).above(last_id.saturating_add(ID_MARGIN));
        watch_over("writer", tokio::spawn(writer::run(engine.clone(), waiting, stamp)));
        watch_over("task loop", tokio::spawn(tasks::run(engine.clone())));
        tokio::spawn(calls::refresh_keys(engine.clone()));
        Ok(engine)
    }

    /// Commits a command and starts the work that it leads to.
    ///
    /// # Errors
    /// The [`Failure`]; after [`Failure::Store`] the outcome is unknown and the same command may be
    /// sent again.
    pub async fn handle(&self, caller: Caller, command: Command) -> Result<Handled, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = writer::Job { caller, command, answer, waiter: None };
        match self.jobs.try_send(job) {
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
        command: Command,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let handled = self.handle(caller, command).await?;
        let Some(completion) = handled.completion else { return Ok(handled.reply) };
        match tokio::time::timeout(patience, completion).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) | Err(_) => Ok(handled.reply),
        }
    }

    /// Does now what an order needs next, and waits, up to `patience`, for the channel's answer to be
    /// committed, also when somebody else has just asked the channel.
    pub async fn refresh_order(&self, caller: Caller, order: &Order, patience: Duration) {
        let looked = async {
            let run_task = Command::RunTask(order.task());
            if let Ok(Handled { completion: Some(completion), .. }) =
                self.handle(caller, run_task).await
            {
                return completion.await.is_ok();
            }
            while self.is_in_flight(order).await {
                tokio::time::sleep(IN_FLIGHT_POLL_EVERY).await;
            }
            true
        };
        if tokio::time::timeout(patience, looked).await.is_err() {
            tracing::debug!(order = %order.terms.id, "the channel has not answered yet");
        }
    }

    async fn is_in_flight(&self, order: &Order) -> bool {
        let (tenant, key) = (order.terms.tenant.clone(), kernel::OrderKey::Id(order.terms.id));
        match self.search(&Query::Order { tenant, key }).await {
            Ok(Page::Order(Some(order))) => {
                !order.state.is_final() && order.is_in_flight(self.now())
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Commits a command of our own: the end of something that has happened already. It waits for
    /// room, for to lose it would only make the same work again.
    pub(crate) async fn submit(
        &self,
        caller: Caller,
        command: Command,
        waiter: Option<oneshot::Sender<Reply>>,
    ) -> Result<Handled, Failure> {
        let (answer, answered) = oneshot::channel();
        let job = writer::Job { caller, command, answer, waiter };
        self.jobs.send(job).await.map_err(|_| Failure::Stopping)?;
        answered.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Answers a query from what is committed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn search(&self, query: &Query) -> Result<Page, StoreFault> {
        self.store.search(query).await
    }

    /// The present, by the engine's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Tenants, merchants and routes.
    pub fn directory(&self) -> &Directory {
        &self.directory
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
}

/// Without its writer or its task loop a process is a deaf one. A bug there ends it at once: whoever
/// supervises starts it again, and the tasks that were committed go on.
fn watch_over(name: &'static str, part: tokio::task::JoinHandle<()>) {
    tokio::spawn(async move {
        if let Err(fault) = part.await
            && fault.is_panic()
        {
            tracing::error!(%fault, "the {name} died of a bug; the process ends");
            std::process::abort();
        }
    });
}

/// A store that answers a query with another query's page has a bug; say so instead of guessing.
pub(crate) fn unexpected(page: &Page) -> StoreFault {
    let kind = match page {
        Page::Order(_) => "order",
        Page::Orders(_) => "orders",
        Page::Story(_) => "story",
        Page::Tenants(_) => "tenants",
        Page::Accounts(_) => "accounts",
        Page::Transfers(_) => "transfers",
        Page::Notifications(_) => "notifications",
        Page::Keys(_) => "keys",
        Page::Tasks(_) => "tasks",
        Page::Audit(_) => "audit",
        Page::Events(_) => "events",
        Page::LastId(_) => "a last id",
        Page::Pong => "nothing",
    };
    StoreFault::Failed(format!("store answered with a page of {kind}"))
}
