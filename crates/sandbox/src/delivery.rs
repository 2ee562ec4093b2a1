//! The loop that sends callbacks when they are due.

use crate::Sandbox;
use crate::callbacks::{self, Accepted, Attempt, Claim, Claimed, Clocks};
use crate::documents::Documents;
use crate::faults::Fault;
use adapters::clock::{Clock as _, until};
use adapters::http::limits::RECEIVER_TIMEOUT;
use adapters::http::{HttpClient as _, SendContext};
use channel::{DocumentFault, FaultMode, Request};
use ledger::Timestamp;
use rusqlite::Connection;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Callbacks on their way at the same time.
const SENDING_MAX: usize = 64;
/// The pause after the storage failed.
const STORAGE_PAUSE_MS: i64 = 1_000;

/// Sends callbacks until `stop` resolves; what is on its way then is due again at the next start.
pub(crate) async fn run(sandbox: Arc<Sandbox>, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    let mut moved = sandbox.clock.moved();
    let mut sending = JoinSet::new();
    loop {
        let next_due = start_due(&sandbox, &mut sending).await;
        tokio::select! {
            () = &mut stop => return,
            () = sandbox.new_callback.notified() => {}
            _ = moved.changed() => {}
            Some(_) = sending.join_next() => {}
            () = due(&sandbox, next_due), if sending.len() < SENDING_MAX => {}
        }
    }
}

/// Starts what is due; the result is when to look again.
async fn start_due(sandbox: &Arc<Sandbox>, sending: &mut JoinSet<()>) -> Option<Timestamp> {
    let free = SENDING_MAX.saturating_sub(sending.len());
    match claim(sandbox, free).await {
        Ok(claim) => {
            for claimed in claim.now {
                sending.spawn(deliver(sandbox.clone(), claimed));
            }
            claim.next_due
        }
        Err(fault) => {
            tracing::error!(%fault, "no callback could be claimed");
            Some(sandbox.clock.now().plus_ms(STORAGE_PAUSE_MS))
        }
    }
}

async fn claim(sandbox: &Sandbox, limit: usize) -> Result<Claim, DocumentFault> {
    let clocks = Clocks { schedule: sandbox.clock.clone(), signature: sandbox.callback_clock };
    let counterparts = sandbox.counterparts.clone();
    let work = move |connection: &_| callbacks::claim(connection, &clocks, &counterparts, limit);
    sandbox.writer.run(work).await
}

async fn due(sandbox: &Sandbox, next_due: Option<Timestamp>) {
    match next_due {
        Some(next_due) => until(&*sandbox.clock, next_due).await,
        None => std::future::pending().await,
    }
}

async fn deliver(sandbox: Arc<Sandbox>, claimed: Claimed) {
    let claimed = Arc::new(claimed);
    let ended = attempt(&sandbox, &claimed).await;
    let now = sandbox.clock.now();
    let work = move |connection: &_| callbacks::finish(connection, &claimed, &ended, now);
    if let Err(fault) = sandbox.writer.run(work).await {
        tracing::error!(%fault, "an attempt to deliver a callback could not be kept");
    }
}

async fn attempt(sandbox: &Sandbox, claimed: &Arc<Claimed>) -> Attempt {
    let first = send(sandbox, claimed, 0).await;
    match claimed.fault {
        Some(Fault::Duplicate) => send(sandbox, claimed, 1).await,
        Some(Fault::LoseAnswer) => Attempt {
            outcome: format!("{}, lost as injected", first.outcome),
            accepted: Accepted::No,
        },
        None
        | Some(
            Fault::LoseRequest
            | Fault::Delay { .. }
            | Fault::BadSignature
            | Fault::Unsigned
            | Fault::Probe
            | Fault::Error { .. }
            | Fault::WrongAmount
            | Fault::RefundClosed
            | Fault::RefundAbnormal
            | Fault::ShareFailed { .. },
        ) => first,
    }
}

/// All callbacks are the sandbox's own.
const CONTEXT: SendContext<'static> = SendContext { tenant: "sandbox", deadline: RECEIVER_TIMEOUT };

async fn send(sandbox: &Sandbox, claimed: &Arc<Claimed>, copy: usize) -> Attempt {
    let answer = match seal(sandbox, claimed.clone(), copy).await {
        Ok(request) => {
            let sent = sandbox.client.send(&request, CONTEXT).await;
            sent.map_err(|fault| fault.to_string())
        }
        Err(fault) => Err(format!("the envelope could not be made: {fault}")),
    };
    match answer {
        Ok(response) => Attempt {
            outcome: response.status.to_string(),
            accepted: match claimed.counterpart.accepted(&claimed.callback, &response) {
                true => Accepted::Yes,
                false => Accepted::No,
            },
        },
        Err(outcome) => Attempt { outcome, accepted: Accepted::No },
    }
}

/// Encrypts and signs on the writer's thread, beside the documents that say with which key.
async fn seal(
    sandbox: &Sandbox,
    claimed: Arc<Claimed>,
    copy: usize,
) -> Result<Request, DocumentFault> {
    let work = move |connection: &Connection| {
        let Claimed { counterpart, callback, fault, contexts, .. } = &*claimed;
        let mode = fault.as_ref().map_or(FaultMode::Honest, Fault::mode);
        let context = contexts.get(copy).unwrap_or(&contexts[0]);
        counterpart.envelope(&Documents::new(connection), callback, &mode, context)
    };
    sandbox.writer.run(work).await
}
