//! The simulated world: the channels' other halves, the person with the phone, and injected faults.
//!
//! The sandbox lends each [`channel::Counterpart`] durable storage, time and sockets, so that a client
//! sees what the real channel would show it. It knows no vendor, no engine and no store of the gateway.
//!
//! - `writer`, `schema`, `documents`: one SQLite file, one thread that writes it, many jobs a commit.
//! - `faults`: what is to go wrong, counted down per matching request.
//! - `serve`: a channel's request, from socket to counterpart and back.
//! - `callbacks`, `delivery`: what counterparts enqueue to their merchants, and the loop that sends it.
//! - `control`: the JSON API under `/control`.

mod callbacks;
mod control;
mod delivery;
mod documents;
mod faults;
mod schema;
mod serve;
mod writer;

/// The clock that gateway and sandbox share, and that tests move.
pub use adapters::clock::SharedClock;

use adapters::http::limits::RECEIVER_ANSWER_LEN_MAX;
use adapters::http::{ClientFault, Guard, HeaderNames, HyperClient};
use axum::Router;
use channel::{CodecContext, Counterpart, DocumentFault, SwitchFault};
use documents::Documents;
use ledger::Timestamp;
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Notify;
use writer::Writer;

/// Whether `POST /control/clock` may move the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockControl {
    /// It may.
    Allowed,
    /// It answers 403.
    Forbidden,
}

/// At which time the counterparts sign their callbacks. Answers carry the time of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackClock {
    /// The time of the shared clock, as the gateway that it is shared with expects.
    Shared,
    /// The system's time, as a program expects that knows nothing of a moved clock.
    System,
}

/// Why a sandbox does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenFault {
    /// Its database does not open, or the thread that writes it does not start.
    #[error(transparent)]
    Storage(#[from] DocumentFault),
    /// Its HTTP client cannot be made.
    #[error("sandbox http client: {0}")]
    Client(#[from] ClientFault),
    /// Two counterparts carry one name.
    #[error("two counterparts are named {0}")]
    NameTaken(&'static str),
}

/// The simulated world. Dropping it finishes what was accepted and closes the database.
pub struct Sandbox {
    writer: Writer,
    counterparts: Vec<Arc<dyn Counterpart>>,
    clock: Arc<SharedClock>,
    clock_control: ClockControl,
    callback_clock: CallbackClock,
    client: HyperClient,
    new_callback: Notify,
}

impl Sandbox {
    /// Opens the database file, which is made when it is missing, and moves the clock to where the
    /// last process left it. Callbacks that were on their way become due again.
    pub fn open(
        path: &Path,
        counterparts: Vec<Arc<dyn Counterpart>>,
        clock: Arc<SharedClock>,
        clock_control: ClockControl,
        callback_clock: CallbackClock,
    ) -> Result<Sandbox, OpenFault> {
        if let Some(name) = twice_named(&counterparts) {
            return Err(OpenFault::NameTaken(name));
        }
        let connection = schema::open(path)?;
        clock.restore(schema::clock_offset_ms(&connection)?);
        callbacks::recover(&connection)?;
        Ok(Sandbox {
            writer: Writer::start(connection)?,
            counterparts,
            clock,
            clock_control,
            callback_clock,
            client: HyperClient::new(Guard::Open, RECEIVER_ANSWER_LEN_MAX)?
                .writing(HeaderNames::AsSpelled),
            new_callback: Notify::new(),
        })
    }

    /// Every path of the sandbox: `/control/…`, `/healthz`, and what the counterparts own.
    pub fn router(self: Arc<Self>) -> Router {
        control::router().fallback(serve::serve).with_state(self)
    }

    /// Sends callbacks when they are due, until `stop` resolves. Run it once.
    pub async fn run_callbacks(self: Arc<Self>, stop: impl Future<Output = ()>) {
        delivery::run(self, stop).await;
    }

    /// Moves the shared clock ahead, durably. The result is the new time.
    pub async fn advance(&self, seconds: u32) -> Result<Timestamp, DocumentFault> {
        let ms = i64::from(seconds).saturating_mul(1000);
        self.writer.run(move |connection| schema::add_clock_offset(connection, ms)).await?;
        self.clock.advance_ms(ms);
        Ok(self.clock.now())
    }

    /// Turns a switch of a channel's own; `arguments` and the answer are JSON objects.
    pub async fn switch(
        &self,
        channel: &str,
        name: &str,
        arguments: String,
    ) -> Result<String, SwitchFault> {
        let counterpart = self.counterpart(channel).cloned();
        let counterpart = counterpart.ok_or_else(|| {
            SwitchFault::Refused("channel: no counterpart has this name".to_owned())
        })?;
        let (clock, name) = (self.clock.clone(), name.to_owned());
        let work = move |connection: &Connection| {
            let context = context(connection, &clock)?;
            counterpart.switch(&mut Documents::new(connection), &name, &arguments, &context)
        };
        self.writer.run(work).await
    }

    fn counterpart(&self, name: &str) -> Option<&Arc<dyn Counterpart>> {
        self.counterparts.iter().find(|counterpart| counterpart.name() == name)
    }
}

fn twice_named(counterparts: &[Arc<dyn Counterpart>]) -> Option<&'static str> {
    let mut names: Vec<&'static str> = counterparts.iter().map(|one| one.name()).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// The time of a clock that was not moved.
fn system_now(clock: &SharedClock) -> Timestamp {
    clock.now().plus_ms(-clock.offset_ms())
}

/// The time, and 32 hex digits from the database's own generator, which the system seeds.
fn context(connection: &Connection, clock: &SharedClock) -> Result<CodecContext, DocumentFault> {
    let nonce = connection
        .prepare_cached("SELECT lower(hex(randomblob(16)))")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(schema::fault)?;
    Ok(CodecContext { now: clock.now(), nonce })
}
