//! Calls to channels: encode, send, decode, and bring the finding back as a command.
//!
//! The instruction's number was committed before this begins. A connection that could not be made is
//! tried again with the same bytes; everything else that leaves a doubt is [`Finding::Unknown`], and
//! the order's task looks again.

use crate::agreements::OpenedAgreement;
use crate::bulkhead::Permit;
use crate::channel_accounts::OpenAccount;
use crate::receivers::Receivers;
use crate::warnings::{self, Warning};
use crate::{Engine, Failure, SendContext, SendFault, keys};
use adapters::Stopwatch;
use adapters::http::limits::{BILL_TIMEOUT, CHANNEL_TIMEOUT};
use channel::{
    CodecContext, Connection, EncodeFault, Finding, Instruction, Operation, Request, Response,
    Step, Unproven,
};
use kernel::{
    CallRecord, Caller, ChannelAccountCommand, Command, RecordFinding, Reply, TenantId, Work,
};
use ledger::{Id, Timestamp, kinds};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a call may wait for a permit; then its task takes over.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(8);
/// How long a call may take once it has its permit, with keys to fetch and connections to try. Together
/// with the wait for the permit it is less than the time that an order is kept for the call.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before a number that the channel does not know, and that without a signature, is asked for
/// once more.
const NOT_FOUND_PAUSE: Duration = Duration::from_millis(500);
/// Pauses before a connection is tried again.
const CONNECT_PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(500)];

/// Carries one instruction to its channel and commits the finding. A due task has its permit already.
pub(crate) async fn ask(
    engine: Arc<Engine>,
    work: Work,
    waiter: oneshot::Sender<Reply>,
    permit: Option<Permit>,
) {
    let Work::Ask {
        tenant,
        subject,
        root,
        channel,
        channel_account,
        channel_identity,
        instruction,
        payees,
    } = work
    else {
        return;
    };
    let Some(permit) = permit_for(&engine, &tenant, &channel_account, permit).await else {
        tracing::warn!(%subject, "no permit for a channel call; its task will try again");
        return;
    };
    let (at, begun) = (engine.clock.now(), Stopwatch::start());
    let operation = instruction.operation();
    let asked = async {
        match engine.snapshot().accounts.get(&channel_account).cloned() {
            Some(account) if account.identity != channel_identity => {
                let why = format!(
                    "channel account {channel_account} is now {}, want {channel_identity}",
                    account.identity
                );
                let call = record(&instruction, at, begun, None, why.clone());
                (Finding::Mismatch { why }, call)
            }
            Some(account) => match opened(&engine, &tenant, &payees, &instruction).await {
                Ok((receivers, contract)) => {
                    let filled = contract.fill(receivers.fill(&instruction));
                    let (finding, mut call) = call(&engine, account, &filled).await;
                    call.summary = contract.hide(receivers.hide(call.summary));
                    (contract.strip(&engine, receivers.strip(finding)), call)
                }
                Err(why) => unknown(&instruction, at, begun, why),
            },
            None => {
                let why = format!("channel account {channel_account} cannot be used");
                unknown(&instruction, at, begun, why)
            }
        }
    };
    let (finding, call) = match tokio::time::timeout(ASK_TIMEOUT, asked).await {
        Ok(answered) => answered,
        Err(_) => unknown(&instruction, at, begun, "no end in time".to_owned()),
    };
    drop(permit);
    mark(&engine, &channel_account, &finding, &call).await;
    let finding = counted(finding, operation);
    let record =
        RecordFinding { tenant, subject, root, channel_account, channel_identity, finding, call };
    let caller = Caller::Channel(channel);
    let recorded = engine.submit(caller, Command::RecordFinding(record), Some(waiter)).await;
    if let Err(failure) = recorded
        && failure != Failure::Stopping
    {
        tracing::error!(%failure, %subject, "a finding was not recorded; its task will ask again");
    }
}

/// What the call must name and no decision has in the clear: receivers, and an agreement's number.
async fn opened(
    engine: &Engine,
    tenant: &TenantId,
    payees: &[Id<kinds::Payee>],
    instruction: &Instruction,
) -> Result<(Receivers, OpenedAgreement), String> {
    let receivers = Receivers::open(engine, tenant, payees).await?;
    Ok((receivers, OpenedAgreement::of(engine, tenant, instruction).await?))
}

/// Marks an account that the channel refuses, once, and one that it takes again.
async fn mark(engine: &Arc<Engine>, name: &Arc<str>, finding: &Finding, call: &CallRecord) {
    let Some(account) = engine.snapshot().accounts.get(name).cloned() else { return };
    let tenant = account.tenant.clone();
    let command = match finding {
        Finding::AccountFault { .. } if !account.is_blocked => {
            let (why, call) = (finding.describe(), call.clone());
            ChannelAccountCommand::Block { tenant, name: name.clone(), why, call }
        }
        // These prove nothing about the account, as anything unsigned.
        Finding::AccountFault { .. }
        | Finding::Unproven(_)
        | Finding::Unknown { .. }
        | Finding::Later { .. }
        | Finding::Mismatch { .. } => return,
        _ if account.is_blocked => ChannelAccountCommand::Resume { tenant, name: name.clone() },
        _ => return,
    };
    let caller = Caller::Channel(Arc::from(account.channel.about().name));
    if let Err(failure) = engine.submit(caller, command.into(), None).await {
        tracing::warn!(account = %name, %failure, "the state of an account was not recorded");
    }
}

/// The permit that is there already, or one that is waited for in the tenant's own waiting room.
async fn permit_for(
    engine: &Engine,
    tenant: &TenantId,
    channel_account: &Arc<str>,
    permit: Option<Permit>,
) -> Option<Permit> {
    match permit.filter(|permit| permit.is_for(tenant, channel_account)) {
        Some(permit) => Some(permit),
        None => engine.lanes.money.enter(tenant)?.permit(channel_account, PERMIT_TIMEOUT).await,
    }
}

fn unknown(
    instruction: &Instruction,
    at: Timestamp,
    begun: Stopwatch,
    why: String,
) -> (Finding, CallRecord) {
    let call = record(instruction, at, begun, None, why.clone());
    (Finding::Unknown { why }, call)
}

/// One call from first to last byte, with the record of how it went.
pub(crate) async fn call(
    engine: &Arc<Engine>,
    account: Arc<OpenAccount>,
    instruction: &Instruction,
) -> (Finding, CallRecord) {
    let account = match account.lacks_keys(engine.clock.now()) {
        true => keys::fetch(engine, account, keys::Sought::All).await,
        false => account,
    };
    let at = engine.clock.now();
    let begun = Stopwatch::start();
    let (finding, response) = exchange_repeating_not_found(engine, &account, instruction).await;
    let operation = instruction.operation().name();
    let labels = [
        ("channel", account.channel.about().name),
        ("operation", operation),
        ("outcome", finding.name()),
    ];
    metrics::histogram!("tongbao_channel_call_seconds", &labels).record(begun.elapsed_seconds());
    let summary = match &finding {
        Finding::Unproven(Unproven::NotFound { code }) => {
            format!("not found, unsigned, twice: {code}")
        }
        finding => finding.describe(),
    };
    (finding, record(instruction, at, begun, response.as_ref(), summary))
}

/// What a finding counts as. A refund or share that the channel does not know is sent again under its number, which
/// is safe: there an unsigned "not found" that came twice counts as a signed one. Orders weigh it.
fn counted(finding: Finding, operation: Operation) -> Finding {
    match (finding, operation) {
        (
            Finding::Unproven(Unproven::NotFound { .. }),
            Operation::Refund
            | Operation::QueryRefund
            | Operation::Share
            | Operation::QueryShare
            | Operation::Unfreeze
            | Operation::ReturnShare
            | Operation::QueryShareReturn,
        ) => Finding::NotFound,
        (finding, _) => finding,
    }
}

/// An exchange; a "not found" that is not signed is asked for once more.
async fn exchange_repeating_not_found(
    engine: &Arc<Engine>,
    account: &Arc<OpenAccount>,
    instruction: &Instruction,
) -> (Finding, Option<Response>) {
    let (first, response) = believed(engine, account, instruction).await;
    let Finding::Unproven(Unproven::NotFound { .. }) = first else { return (first, response) };
    tokio::time::sleep(NOT_FOUND_PAUSE).await;
    believed(engine, account, instruction).await
}

/// An exchange; an answer that is signed with an unknown key is decoded once more with fresh keys: a new
/// certificate signs as soon as it is effective.
async fn believed(
    engine: &Arc<Engine>,
    account: &Arc<OpenAccount>,
    instruction: &Instruction,
) -> (Finding, Option<Response>) {
    let (mut finding, response) = exchange(engine, account, instruction).await;
    let Some(response) = response else { return (finding, None) };
    if let Finding::Unproven(Unproven::UnknownKey { serial }) = &finding {
        if engine.warnings.is_due(&account.name, Warning::UnknownKey, engine.now()) {
            tracing::warn!(account = %account.name, serial, "{}", Warning::UnknownKey.text());
        }
        let fresh =
            keys::fetch(engine, account.clone(), keys::Sought::ByAnswer(serial.clone())).await;
        finding = read(engine, fresh.connection.clone(), instruction, &response).await;
    }
    warnings::warn(engine, account, instruction, &finding, &response);
    (finding, Some(response))
}

/// Encodes, sends and decodes; commits nothing.
pub(crate) async fn exchange(
    engine: &Arc<Engine>,
    account: &OpenAccount,
    instruction: &Instruction,
) -> (Finding, Option<Response>) {
    let connection = account.connection.clone();
    let request = match encode(engine, connection.clone(), instruction).await {
        Ok(Step::Send(request)) => request,
        Ok(Step::Answer(finding)) => return (finding, None),
        Err(fault) => return (not_encoded(fault), None),
    };
    match send(engine, account, &request, deadline(instruction)).await {
        Ok(response) => {
            let finding = read(engine, connection, instruction, &response).await;
            (finding, Some(response))
        }
        Err(fault) => (Finding::Unknown { why: fault.to_string() }, None),
    }
}

/// The finding about an instruction that was not encoded. A channel that cannot carry it out never will;
/// trouble of our own proves nothing about the instruction.
pub(crate) fn not_encoded(fault: EncodeFault) -> Finding {
    let text = fault.to_string();
    match fault {
        EncodeFault::Unsupported { .. } => {
            Finding::Refused { code: "UNSUPPORTED".to_owned(), text }
        }
        EncodeFault::Account { .. } => {
            Finding::AccountFault { code: "ACCOUNT_SETTINGS".to_owned(), text }
        }
        EncodeFault::Internal { .. } => Finding::Unknown { why: text },
    }
}

/// Encodes, which signs, off the async threads.
async fn encode(
    engine: &Engine,
    connection: Arc<dyn Connection>,
    instruction: &Instruction,
) -> Result<Step, EncodeFault> {
    let instruction = instruction.clone();
    off_thread(engine, move |context| connection.encode(&instruction, context))
        .await
        .unwrap_or_else(|| Err(EncodeFault::internal("stopping")))
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
async fn send(
    engine: &Engine,
    account: &OpenAccount,
    request: &Request,
    deadline: Duration,
) -> Result<Response, SendFault> {
    let context = SendContext { tenant: account.tenant.as_str(), deadline };
    let mut pauses = CONNECT_PAUSES.into_iter();
    let client = &engine.channel_client;
    loop {
        let sent = match &account.client_identity {
            Some(identity) => client.send_as(identity, request, context).await,
            None => client.send(request, context).await,
        };
        match (sent, pauses.next()) {
            (Err(SendFault::NotSent(why) | SendFault::Congested(why)), Some(pause)) => {
                tracing::debug!(why, "no connection to the channel; trying again");
                tokio::time::sleep(pause).await;
            }
            (outcome, _) => return outcome,
        }
    }
}

/// What a channel has to answer: a bill's file is large, and may be the first answer.
const fn deadline(instruction: &Instruction) -> Duration {
    match instruction {
        Instruction::FindBill(_) | Instruction::FetchBill(_) => BILL_TIMEOUT,
        Instruction::Place(_)
        | Instruction::Query(_)
        | Instruction::Close(_)
        | Instruction::Cancel(_)
        | Instruction::Refund(_)
        | Instruction::QueryRefund(_)
        | Instruction::BindReceiver(_)
        | Instruction::UnbindReceiver(_)
        | Instruction::Share(_)
        | Instruction::QueryShare(_)
        | Instruction::Unfreeze(_)
        | Instruction::QueryUnshared(_)
        | Instruction::ReturnShare(_)
        | Instruction::QueryShareReturn(_)
        | Instruction::SignAgreement(_)
        | Instruction::QueryAgreement(_)
        | Instruction::TerminateAgreement(_)
        | Instruction::FetchKeys { .. } => CHANNEL_TIMEOUT,
    }
}

fn record(
    instruction: &Instruction,
    at: Timestamp,
    begun: Stopwatch,
    response: Option<&Response>,
    summary: String,
) -> CallRecord {
    CallRecord {
        operation: Some(instruction.operation()),
        at,
        took_ms: begun.elapsed_ms(),
        status: response.map(|response| response.status),
        channel_trace: response
            .and_then(|response| response.header("request-id"))
            .map(|trace| trace.chars().take(64).collect()),
        summary,
    }
}
