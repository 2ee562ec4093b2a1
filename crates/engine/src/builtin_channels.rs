//! Calls to built-in channels, answered inside the commit that wants them.
//!
//! A number must be on disk before the first byte leaves. To a built-in channel no byte leaves: its
//! answer is decided at once, as the next command of the same batch, and stands or falls with it.

use crate::directory::Snapshot;
use crate::{Engine, calls};
use channel::{Finding, Instruction, Step};
use kernel::{CallRecord, Caller, Command, Decision, RecordFinding, View, Work, decide};
use ledger::Stamp;

/// Answers that one decision can lead to, one after another; the rest is done after the commit.
const ANSWERS_MAX: usize = 8;

/// The decision together with the answers of built-in channels to it.
pub(crate) fn answer(
    engine: &Engine,
    snapshot: &Snapshot,
    view: &mut View,
    stamp: &mut Stamp,
    mut decision: Decision,
) -> Decision {
    for _ in 0..ANSWERS_MAX {
        let answered = decision.work.iter().enumerate().find_map(|(at, work)| {
            let (caller, command) = finding(engine, snapshot, work)?;
            Some((at, caller, command))
        });
        let Some((at, caller, command)) = answered else { break };
        match decide(view, &caller, &command, stamp) {
            Ok(next) => {
                decision.work.remove(at);
                decision.absorb(next);
            }
            Err(refusal) => {
                tracing::error!(%refusal, "a built-in channel's answer was refused");
                break;
            }
        }
    }
    decision
}

/// A built-in channel's answer to an instruction, as a command; `None` for any other work.
fn finding(engine: &Engine, snapshot: &Snapshot, work: &Work) -> Option<(Caller, Command)> {
    let Work::Ask {
        tenant,
        subject,
        root,
        channel,
        channel_account,
        channel_identity: _,
        instruction,
        payees: _,
    } = work
    else {
        return None;
    };
    let account = snapshot.accounts.get(channel_account)?;
    if !account.channel.about().is_built_in {
        return None;
    }
    let context = engine.context();
    let finding = match account.connection.encode(instruction, &context) {
        Ok(Step::Answer(finding)) => finding,
        // It is not as built in as it says: the call is made after the commit, like any other.
        Ok(Step::Send(_)) => return None,
        Err(fault) => calls::not_encoded(fault),
    };
    let call = record(instruction, &finding, context.now);
    let record = RecordFinding {
        tenant: tenant.clone(),
        subject: *subject,
        root: *root,
        channel_account: channel_account.clone(),
        channel_identity: account.identity.clone(),
        finding,
        call,
    };
    Some((Caller::Channel(channel.clone()), Command::RecordFinding(record)))
}

fn record(instruction: &Instruction, finding: &Finding, at: ledger::Timestamp) -> CallRecord {
    CallRecord {
        operation: Some(instruction.operation()),
        at,
        took_ms: 0,
        status: None,
        channel_trace: None,
        summary: finding.describe(),
    }
}
