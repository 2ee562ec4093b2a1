//! What happens to refunds.

use super::{Fact, Facts, at, fen, text};
use crate::words::local;
use kernel::{Refund, RefundChange, RefundReturn, RefundState, ReturnOutcome};
use ledger::{Id, Subject, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &RefundChange) -> String {
    let refund: Id<kinds::Refund> = Id::from_value(subject.value);
    match change {
        RefundChange::Made(made) => {
            let amount = crate::words::both(made.amount);
            match &made.request {
                Some(request) => {
                    let number = &request.merchant_refund_no;
                    format!("the merchant requests refund {refund}, its {number}: {amount}")
                }
                None => format!("refund {refund} is made and requested: {amount}"),
            }
        }
        RefundChange::CallBegun { operation, .. } => {
            format!("asks the channel about refund {refund}: {}", operation.name())
        }
        RefundChange::Moved { state, .. } => format!("refund {refund}: {}", stands(state)),
        RefundChange::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION about refund {refund}, changed nothing: {why}")
        }
        RefundChange::Repeated => {
            format!("the channel reported refund {refund} again, nothing new")
        }
        RefundChange::StepEnded => {
            format!("what refund {refund} waited for has ended")
        }
        RefundChange::ReturnsEnded { returns } => {
            let done = returns.iter().filter(|it| is_done(it)).count();
            format!("payees gave {done} of {} parts back for refund {refund}", returns.len())
        }
        RefundChange::PreparedAgain { step, .. } => {
            format!("refund {refund} is requested again, and waits for {step}")
        }
        RefundChange::PollRequested => format!("refund {refund} is to be polled now"),
        RefundChange::NumberRenewed { attempt, .. } => {
            format!("refund {refund} is requested under a new number, its attempt {attempt}")
        }
        RefundChange::PaidAgain { why, .. } => format!("CONTRADICTION: refund {refund} was {why}"),
        RefundChange::PaidBack { note, outside_reference } => {
            format!("what refund {refund} paid twice came back as {outside_reference}: {note}")
        }
        RefundChange::AttentionEnded { note } => {
            format!("an operator looked into refund {refund}: {note}")
        }
    }
}

fn stands(state: &RefundState) -> String {
    match state {
        RefundState::Preparing { step, .. } => format!("waits for {step}"),
        RefundState::Requesting => "not accepted by the channel yet".to_owned(),
        RefundState::Processing => "accepted by the channel, not done yet".to_owned(),
        RefundState::Done { at, refund_reference, .. } => {
            format!("DONE at {}, the channel's number is {refund_reference}", local(*at))
        }
        RefundState::Failed { reason, .. } => format!("FAILED: {reason}"),
        RefundState::SettledByHand { outside_reference, note, .. } => {
            format!("GIVEN BACK BY HAND as {outside_reference}: {note}")
        }
        RefundState::WrittenOff { note, .. } => format!("WRITTEN OFF: {note}"),
    }
}

const fn is_done(it: &RefundReturn) -> bool {
    matches!(it.item.outcome, ReturnOutcome::Done { .. })
}

/// What payees have given back, and what they have not.
fn returned(returns: &[RefundReturn]) -> Facts {
    let sum = |is_wanted: fn(&RefundReturn) -> bool| {
        let amounts = returns.iter().filter(|it| is_wanted(it)).map(|it| it.item.amount.get());
        Fact::Number(amounts.fold(0, i64::saturating_add))
    };
    vec![("returned_fen", sum(is_done)), ("missing_fen", sum(|it| !is_done(it)))]
}

fn made_facts(made: &Refund) -> Facts {
    let mut facts = vec![
        fen("amount_fen", made.amount),
        fen("settled_amount_fen", made.settled_amount),
        text("payment_reference", &made.payment_reference),
        text("cause", made.cause.name()),
    ];
    if let Some(request) = &made.request {
        facts.push(text("merchant_refund_no", &request.merchant_refund_no));
        facts.extend(request.reason.iter().map(|reason| text("requested_reason", reason)));
    }
    if !made.returns.is_empty() {
        facts.extend(returned(&made.returns));
    }
    facts
}

pub(super) fn facts(change: &RefundChange) -> Facts {
    match change {
        RefundChange::Made(made) => made_facts(made),
        RefundChange::CallBegun { operation, until } => {
            vec![text("operation", operation.name()), at("until", *until)]
        }
        RefundChange::Moved { state, need, .. } => {
            let mut facts = vec![text("state", state.name())];
            match state {
                RefundState::Preparing { step, .. } => facts.push(text("step", step.to_string())),
                RefundState::Requesting | RefundState::Processing => {}
                RefundState::Done { at: done_at, refund_reference, settled_refund } => {
                    facts.push(at("done_at", *done_at));
                    facts.push(text("refund_reference", refund_reference));
                    facts.push(fen("settled_refund_fen", *settled_refund));
                }
                RefundState::Failed { reason, .. } => facts.push(text("reason", reason)),
                RefundState::SettledByHand { outside_reference, note, .. } => {
                    facts.push(text("outside_reference", outside_reference));
                    facts.push(text("note", note));
                }
                RefundState::WrittenOff { note, .. } => facts.push(text("note", note)),
            }
            facts.extend(need.iter().map(|need| text("attention", need.kind.name())));
            facts
        }
        RefundChange::MismatchRecorded { why, .. } => vec![text("why", why)],
        RefundChange::Repeated | RefundChange::PollRequested | RefundChange::StepEnded => vec![],
        RefundChange::ReturnsEnded { returns } => returned(returns),
        RefundChange::PreparedAgain { step, attempt, returns, .. } => {
            let mut facts = vec![text("step", step.to_string())];
            facts.push(("attempt", Fact::Number(i64::from(*attempt))));
            facts.extend(returned(returns));
            facts
        }
        RefundChange::NumberRenewed { attempt, .. } => {
            vec![("attempt", Fact::Number(i64::from(*attempt)))]
        }
        RefundChange::PaidAgain { refund_reference, amount, .. } => {
            vec![
                text("refund_reference", refund_reference),
                ("amount_fen", Fact::Number(amount.get())),
            ]
        }
        RefundChange::PaidBack { note, .. } | RefundChange::AttentionEnded { note } => {
            vec![text("note", note)]
        }
    }
}
