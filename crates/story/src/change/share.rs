//! What happens to shares and to their returns.

use super::{Fact, Facts, at, fen, text};
use crate::words::both;
use kernel::{
    ItemOutcome, Need, ReturnItem, ReturnOutcome, ShareChange, ShareItem, ShareReturnChange,
    ShareReturnState, ShareState,
};
use ledger::{Id, Subject, kinds};

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what(subject: Subject, change: &ShareChange) -> String {
    let share: Id<kinds::Share> = Id::from_value(subject.value);
    match change {
        ShareChange::Made(made) => {
            let items: Vec<String> = made.items.iter().map(item).collect();
            let rest = if made.releases_rest { ", and the rest is released" } else { "" };
            format!("share {share} is made: {}{rest}", listed(&items))
        }
        ShareChange::CallBegun { operation, .. } => {
            format!("asks the channel about share {share}: {}", operation.name())
        }
        ShareChange::Moved { state, items, .. } => {
            let items: Vec<String> = items.iter().flatten().map(item).collect();
            match items.is_empty() {
                true => format!("share {share}: {}", stands(state)),
                false => format!("share {share}: {}: {}", stands(state), items.join(", ")),
            }
        }
        ShareChange::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION about share {share}, changed nothing: {why}")
        }
        ShareChange::Repeated => format!("the channel reported share {share} again, nothing new"),
        ShareChange::PollRequested => format!("share {share} is to be polled now"),
        ShareChange::ReturnMade(id) => format!("a part of share {share} is to come back: {id}"),
        ShareChange::NumberRenewed { attempt, .. } => {
            format!("share {share} is requested under number {attempt}")
        }
        ShareChange::Decided { items, note, .. } => {
            let items: Vec<String> = items.iter().map(item).collect();
            format!("share {share} is ended by a person: {}: {note}", listed(&items))
        }
        ShareChange::ContradictionEnded { note } => {
            format!("what contradicted share {share} was looked into: {note}")
        }
    }
}

fn listed(items: &[String]) -> String {
    match items {
        [] => "no payees".to_owned(),
        items => items.join(", "),
    }
}

fn item(item: &ShareItem) -> String {
    let outcome = match &item.outcome {
        ItemOutcome::Open { .. } => String::new(),
        ItemOutcome::Done { is_by_hand: true, reference, .. } => by_hand(reference.as_deref()),
        ItemOutcome::Done { .. } => ", DONE".to_owned(),
        ItemOutcome::Failed { reason } => format!(", FAILED: {reason}"),
    };
    format!("{} to payee {}{outcome}", both(item.amount), item.payee)
}

fn by_hand(reference: Option<&str>) -> String {
    format!(", DONE by hand as {}", reference.unwrap_or_default())
}

fn stands(state: &ShareState) -> String {
    match state {
        ShareState::Waiting => "its receivers are being bound".to_owned(),
        ShareState::Requesting { refused: Some(why), .. } => format!("refused, in doubt: {why}"),
        ShareState::Requesting { refused: None, .. } => {
            "not accepted by the channel yet".to_owned()
        }
        ShareState::Processing => "accepted by the channel, not done yet".to_owned(),
        ShareState::Releasing => "the channel releases what was not shared".to_owned(),
        ShareState::Ended { refused: Some(why), .. } => format!("REFUSED: {why}"),
        ShareState::Ended { refused: None, .. } => "ENDED".to_owned(),
    }
}

pub(super) fn facts(change: &ShareChange) -> Facts {
    match change {
        ShareChange::Made(made) => {
            let mut facts = vec![text("number", &*made.number)];
            facts.extend(made.items.iter().map(|item| fen("amount_fen", item.amount)));
            facts
        }
        ShareChange::CallBegun { operation, until, .. } => {
            vec![text("operation", operation.name()), at("until", *until)]
        }
        ShareChange::Moved { state, need, .. } => moved(state.name(), need.as_ref()),
        ShareChange::MismatchRecorded { why, .. } => vec![text("why", why)],
        ShareChange::Repeated | ShareChange::PollRequested => vec![],
        ShareChange::ReturnMade(id) => vec![text("share_return", id.to_string())],
        ShareChange::NumberRenewed { attempt, .. } => vec![number(*attempt)],
        ShareChange::Decided { note, .. } | ShareChange::ContradictionEnded { note } => {
            vec![text("note", note)]
        }
    }
}

fn number(attempt: u32) -> (&'static str, Fact) {
    ("attempt", Fact::Number(i64::from(attempt)))
}

fn moved(state: &str, need: Option<&Need>) -> Facts {
    let mut facts = vec![text("state", state)];
    facts.extend(need.map(|need| text("attention", need.kind.name())));
    facts
}

#[expect(clippy::disallowed_methods, reason = "the change's kind is the subject's kind")]
pub(super) fn what_of_return(subject: Subject, change: &ShareReturnChange) -> String {
    let row: Id<kinds::ShareReturn> = Id::from_value(subject.value);
    match change {
        ShareReturnChange::Made(made) => {
            let items: Vec<String> = made.items.iter().map(return_item).collect();
            format!("return {row} of share {} is made: {}", made.share, listed(&items))
        }
        ShareReturnChange::CallBegun { operation, .. } => {
            format!("asks the channel about return {row}: {}", operation.name())
        }
        ShareReturnChange::Moved { state, items, .. } => {
            let items: Vec<String> = items.iter().flatten().map(return_item).collect();
            let stands = match state {
                ShareReturnState::Running { refused: Some(why), .. } => {
                    format!("refused, in doubt: {why}")
                }
                ShareReturnState::Running { refused: None, .. } => "not done yet".to_owned(),
                ShareReturnState::Ended { .. } => "ENDED".to_owned(),
            };
            match items.is_empty() {
                true => format!("return {row}: {stands}"),
                false => format!("return {row}: {stands}: {}", items.join(", ")),
            }
        }
        ShareReturnChange::MismatchRecorded { why, .. } => {
            format!("CONTRADICTION about return {row}, changed nothing: {why}")
        }
        ShareReturnChange::Repeated => {
            format!("the channel reported return {row} again, nothing new")
        }
        ShareReturnChange::PollRequested => format!("return {row} is to be polled now"),
        ShareReturnChange::NumberRenewed { attempt, .. } => {
            format!("an item of return {row} is requested under number {attempt}")
        }
        ShareReturnChange::Decided { items, note, .. } => {
            let items: Vec<String> = items.iter().map(return_item).collect();
            format!("a person decided about return {row}: {}: {note}", listed(&items))
        }
        ShareReturnChange::ContradictionEnded { note } => {
            format!("what contradicted return {row} was looked into: {note}")
        }
    }
}

fn return_item(item: &ReturnItem) -> String {
    let outcome = match &item.outcome {
        ReturnOutcome::Open => String::new(),
        ReturnOutcome::Done { is_by_hand: true, reference, .. } => by_hand(reference.as_deref()),
        ReturnOutcome::Done { .. } => ", DONE".to_owned(),
        ReturnOutcome::Failed { reason } => format!(", FAILED: {reason}"),
    };
    format!("{} from payee {}{outcome}", both(item.amount), item.payee)
}

pub(super) fn facts_of_return(change: &ShareReturnChange) -> Facts {
    match change {
        ShareReturnChange::Made(made) => {
            let share = text("share", made.share.to_string());
            let mut facts = vec![text("number", &*made.number), share];
            facts.extend(made.items.iter().map(|item| fen("amount_fen", item.amount)));
            facts
        }
        ShareReturnChange::CallBegun { operation, until, .. } => {
            vec![text("operation", operation.name()), at("until", *until)]
        }
        ShareReturnChange::Moved { state, need, .. } => moved(state.name(), need.as_ref()),
        ShareReturnChange::MismatchRecorded { why, .. } => vec![text("why", why)],
        ShareReturnChange::Repeated | ShareReturnChange::PollRequested => vec![],
        ShareReturnChange::NumberRenewed { attempt, .. } => vec![number(*attempt)],
        ShareReturnChange::Decided { note, .. }
        | ShareReturnChange::ContradictionEnded { note } => vec![text("note", note)],
    }
}
