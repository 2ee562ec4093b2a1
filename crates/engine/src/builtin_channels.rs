//! Calls to channels without an outside, answered inside the commit that wants them.
//!
//! A number must be on disk before the first byte leaves. To a built-in channel no byte leaves: what it
//! says is decided at once, as the next command of the same batch, and stands or falls with it.

use crate::{Engine, calls};
use channel::{Finding, Instruction, Response};
use kernel::{CallRecord, Caller, Command, Decision, View, Work, decide};
use ledger::Stamp;

/// Answers that one decision can lead to, one after another; the rest is done after the commit.
const ANSWERS_MAX: usize = 8;

/// The decision together with what built-in channels say to it.
pub(crate) fn answer(
    engine: &Engine,
    view: &mut View,
    stamp: &mut Stamp,
    mut decision: Decision,
) -> Decision {
    for _ in 0..ANSWERS_MAX {
        let said = decision.work.iter().enumerate().find_map(|(at, work)| {
            let (caller, command) = finding(engine, work)?;
            Some((at, caller, command))
        });
        let Some((at, caller, command)) = said else { break };
        match decide(view, &caller, &command, stamp) {
            Ok(next) => {
                decision.work.remove(at);
                decision.events.extend(next.events);
                decision.transfers.extend(next.transfers);
                decision.tasks.extend(next.tasks);
                decision.work.extend(next.work);
                decision.reply = next.reply;
            }
            Err(refusal) => {
                tracing::error!(%refusal, "a built-in channel's answer was refused");
                break;
            }
        }
    }
    decision
}

/// What a built-in channel says to an instruction, as a command; `None` for any other work.
fn finding(engine: &Engine, work: &Work) -> Option<(Caller, Command)> {
    let Work::Ask { tenant, order, refund, channel, channel_account, instruction } = work else {
        return None;
    };
    let account = engine.accounts.get(channel_account)?;
    if !account.channel.about().built_in {
        return None;
    }
    let context = engine.context();
    let connection = account.connection();
    let finding = match connection.encode(instruction, &context) {
        Ok(request) => {
            let response = Response { status: 200, headers: vec![], body: request.body };
            connection.decode(instruction, &response, &context)
        }
        Err(unsupported) => calls::unsupported(&unsupported),
    };
    let call = record(instruction, &finding, &context);
    let (tenant, order, refund) = (tenant.clone(), *order, *refund);
    let channel_account = account.name.clone();
    let command = Command::RecordFinding { tenant, order, refund, channel_account, finding, call };
    Some((Caller::Channel(channel.clone()), command))
}

fn record(
    instruction: &Instruction,
    finding: &Finding,
    context: &channel::CodecContext,
) -> CallRecord {
    CallRecord {
        operation: Some(instruction.operation()),
        at: context.now,
        took_ms: 0,
        status: None,
        channel_trace: None,
        summary: calls::describe(finding),
    }
}
