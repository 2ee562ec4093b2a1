//! Calls to channels: encode, send, decode, and bring the finding back as a command.
//!
//! The instruction's number was committed before this begins. A connection that could not be made is
//! tried again with the same bytes; everything else that leaves a doubt is [`Finding::Unknown`], and
//! the order's task looks again.

use crate::channel_accounts::ChannelAccount;
use crate::{Engine, Failure, SendFault};
use channel::{CodecContext, Connection, Finding, Instruction, Request, Response};
use kernel::{CallRecord, Caller, Command, Reply, Work};
use ledger::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long a channel may take to answer. Less than the time that an order is kept for the call.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call may wait for its permit; then its task takes over.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a call may take once it has its permit, with keys to fetch and connections to try. Together
/// with the wait for the turn it is less than the time that an order is kept for the call.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// Pauses before a connection is tried again.
const CONNECT_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];
/// How often the channels' signing keys are fetched anew.
const KEYS_EVERY: Duration = Duration::from_secs(3600);
/// The least time between two fetches of an account's keys, in milliseconds.
const KEYS_PAUSE_MS: i64 = 10_000;

/// Carries one instruction to its channel and commits what it says.
pub(crate) async fn ask(engine: Arc<Engine>, work: Work, waiter: oneshot::Sender<Reply>) {
    let Work::Ask { tenant, order, refund, channel, channel_account, instruction } = work else {
        return;
    };
    let Some(permit) = engine.calls.acquire(&channel_account, PERMIT_TIMEOUT).await else {
        tracing::warn!(%order, "no permit for a channel call; its task will look again");
        return;
    };
    let (at, begun) = (engine.clock.now(), Instant::now());
    let asked = async {
        match engine.accounts.get(&channel_account) {
            Some(account) => call(&engine, account, &instruction).await,
            None => unknown(
                &instruction,
                at,
                begun,
                format!("account {channel_account} is not configured"),
            ),
        }
    };
    let (finding, call) = match tokio::time::timeout(ASK_TIMEOUT, asked).await {
        Ok(answered) => answered,
        Err(_) => unknown(&instruction, at, begun, "no end in time".to_owned()),
    };
    drop(permit);
    let command = Command::RecordFinding { tenant, order, refund, channel_account, finding, call };
    let caller = Caller::Channel(channel);
    if let Err(failure) = engine.submit(caller, command, Some(waiter)).await
        && failure != Failure::Stopping
    {
        tracing::error!(%failure, %order, "a finding was not recorded; its task will look again");
    }
}

fn unknown(
    instruction: &Instruction,
    at: Timestamp,
    begun: Instant,
    why: String,
) -> (Finding, CallRecord) {
    let call = record(instruction, at, begun, None, why.clone());
    (Finding::Unknown { why }, call)
}

/// One call from first to last byte, with the record of how it went.
pub(crate) async fn call(
    engine: &Arc<Engine>,
    account: &Arc<ChannelAccount>,
    instruction: &Instruction,
) -> (Finding, CallRecord) {
    if account.lacks_keys(engine.clock.now()) {
        fetch_keys(engine, account).await;
    }
    let at = engine.clock.now();
    let begun = Instant::now();
    let (finding, response) = exchange(engine, account, instruction).await;
    let operation = instruction.operation().name();
    let labels = [
        ("channel", account.channel.about().name),
        ("operation", operation),
        ("outcome", finding.name()),
    ];
    metrics::histogram!("tongbao_channel_call_seconds", &labels)
        .record(begun.elapsed().as_secs_f64());
    let summary = describe(&finding);
    (finding, record(instruction, at, begun, response.as_ref(), summary))
}

async fn exchange(
    engine: &Arc<Engine>,
    account: &ChannelAccount,
    instruction: &Instruction,
) -> (Finding, Option<Response>) {
    let connection = account.connection();
    let request = match sign(engine, connection.clone(), instruction).await {
        Ok(request) => request,
        Err(fault) => return (unsupported(&fault), None),
    };
    match send(engine, &request).await {
        Ok(response) => {
            let finding = read(engine, connection, instruction, &response).await;
            (finding, Some(response))
        }
        Err(fault) => (Finding::Unknown { why: fault.to_string() }, None),
    }
}

/// What it means that a channel cannot carry an instruction out: it never will.
///
/// Trouble of this process (the field `process`) says nothing about the instruction.
pub(crate) fn unsupported(fault: &channel::Unsupported) -> Finding {
    if fault.field == "process" {
        return Finding::Unknown { why: fault.to_string() };
    }
    Finding::Refused { code: "UNSUPPORTED".to_owned(), text: fault.to_string() }
}

/// Encodes, which signs, off the async threads.
async fn sign(
    engine: &Engine,
    connection: Arc<dyn Connection>,
    instruction: &Instruction,
) -> Result<Request, channel::Unsupported> {
    let instruction = instruction.clone();
    off_thread(engine, move |context| connection.encode(&instruction, context))
        .await
        .unwrap_or_else(|| {
            Err(channel::Unsupported { field: "process", why: "stopping".to_owned() })
        })
}

/// Decodes, which verifies and may sign for the payer's client, off the async threads.
async fn read(
    engine: &Engine,
    connection: Arc<dyn Connection>,
    instruction: &Instruction,
    response: &Response,
) -> Finding {
    let (instruction, response) = (instruction.clone(), response.clone());
    off_thread(engine, move |context| connection.decode(&instruction, &response, context))
        .await
        .unwrap_or_else(|| Finding::Unknown { why: "stopping".to_owned() })
}

/// Runs a piece of CPU work on the blocking threads, no more at once than there are cores. `None`
/// when the process is stopping.
pub(crate) async fn off_thread<T: Send + 'static>(
    engine: &Engine,
    work: impl FnOnce(&CodecContext) -> T + Send + 'static,
) -> Option<T> {
    let _permit = engine.signing.acquire().await.ok()?;
    let context = engine.context();
    tokio::task::spawn_blocking(move || work(&context)).await.ok()
}

/// Sends; a connection that could not be made is tried again, for nothing was sent.
async fn send(engine: &Engine, request: &Request) -> Result<Response, SendFault> {
    let mut pauses = CONNECT_PAUSES.into_iter();
    loop {
        match (engine.channel_client.send(request, CALL_TIMEOUT).await, pauses.next()) {
            (Err(SendFault::NotSent(why)), Some(pause)) => {
                tracing::debug!(why, "no connection to the channel; trying again");
                tokio::time::sleep(pause).await;
            }
            (outcome, _) => return outcome,
        }
    }
}

fn record(
    instruction: &Instruction,
    at: Timestamp,
    begun: Instant,
    response: Option<&Response>,
    summary: String,
) -> CallRecord {
    CallRecord {
        operation: Some(instruction.operation()),
        at,
        took_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        status: response.map(|response| response.status),
        channel_trace: response
            .and_then(|response| response.header("request-id"))
            .map(|trace| trace.chars().take(64).collect()),
        summary,
    }
}

/// A finding in words, for the story of an order.
pub(crate) fn describe(finding: &Finding) -> String {
    match finding {
        Finding::Refused { code, text }
        | Finding::Failed { code, text }
        | Finding::Later { code, text } => format!("{}: {code}: {text}", finding.name()),
        Finding::Ask { code } => format!("ask: {code}"),
        Finding::Unknown { why } | Finding::Mismatch { why } => {
            format!("{}: {why}", finding.name())
        }
        Finding::Refund(refunded) => format!("refund {:?} of {}", refunded.status, refunded.amount),
        Finding::Paid(payment) => {
            format!("paid {} as {}", payment.amount, payment.payment_reference)
        }
        Finding::Keys(keys) => format!("{} keys", keys.len()),
        Finding::Placed(_) | Finding::Pending | Finding::Closed | Finding::NotFound => {
            finding.name().to_owned()
        }
    }
}

/// Fetches every account's signing keys at the start and then every hour.
pub(crate) async fn refresh_keys(engine: Arc<Engine>) {
    let mut stopped = engine.stopped();
    loop {
        let accounts: Vec<Arc<ChannelAccount>> = engine.accounts.all().cloned().collect();
        for account in accounts.iter().filter(|account| account.channel.about().fetches_keys) {
            fetch_keys(&engine, account).await;
        }
        tokio::select! {
            () = tokio::time::sleep(KEYS_EVERY) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

/// Fetches an account's signing keys, unless that was just done; keeps what is new.
pub(crate) async fn fetch_keys(engine: &Arc<Engine>, account: &Arc<ChannelAccount>) {
    // Whoever comes while somebody fetches waits for the same keys.
    let _fetching = account.fetching.lock().await;
    if !account.may_fetch(engine.clock.now(), KEYS_PAUSE_MS) {
        return;
    }
    let (finding, _) = exchange(engine, account, &Instruction::FetchKeys).await;
    let keys = match finding {
        Finding::Keys(keys) => keys,
        other => {
            tracing::warn!(account = %account.name, finding = describe(&other), "no signing keys fetched");
            return;
        }
    };
    match account.adopt(&keys, engine.clock.now()) {
        Ok(false) => {}
        Ok(true) => keep(engine, account, keys).await,
        Err(fault) => tracing::error!(account = %account.name, %fault, "fetched keys are unusable"),
    }
}

async fn keep(engine: &Arc<Engine>, account: &ChannelAccount, keys: Vec<channel::PlatformKey>) {
    let command = Command::StoreKeys {
        tenant: account.tenant.clone(),
        channel_account: account.name.clone(),
        keys,
    };
    if let Err(failure) = engine.handle(Caller::Clock, command).await {
        tracing::warn!(account = %account.name, %failure, "fetched keys were not kept");
    }
}
