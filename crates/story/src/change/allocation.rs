//! What happens to allocations, and what releases them.

use super::{Facts, at, fen, text};
use crate::words::{both, local};
use kernel::{
    Allocation, AllocationChange, AllocationRelease, AllocationReleaseChange, AllocationState,
};
use ledger::Subject;

pub(super) fn what(subject: Subject, change: &AllocationChange) -> String {
    match change {
        AllocationChange::Made(allocation) => {
            format!(
                "{subject}: {} for {}, {}",
                both(allocation.amount),
                allocation.merchant,
                stands(allocation)
            )
        }
        AllocationChange::Credited => format!("{subject}: its period is over, it is credited"),
        AllocationChange::Released { by, amount } => {
            format!("{subject}: {} of it is released, by release {by}", both(*amount))
        }
        AllocationChange::TakenBack { by, amount } => {
            format!("{subject}: {} of it is taken back, for refund {by}", both(*amount))
        }
        AllocationChange::PutBack { by, amount } => {
            format!("{subject}: {} is put back, because refund {by} failed", both(*amount))
        }
    }
}

/// Where an allocation stands.
pub(crate) fn stands(allocation: &Allocation) -> String {
    match &allocation.state {
        AllocationState::Waiting { until } => {
            let frozen = if allocation.is_frozen { ", then frozen" } else { "" };
            format!("{} waits until {}{frozen}", allocation.period.name(), local(*until))
        }
        AllocationState::Credited { at } => {
            let frozen = allocation.funds().frozen;
            let part = match frozen.is_positive() {
                true => format!(", {} of it frozen", both(frozen)),
                false => String::new(),
            };
            format!("credited {}{part}", local(*at))
        }
        AllocationState::Failed { reason, .. } => format!("NOT ALLOCATED: {reason}"),
    }
}

pub(super) fn facts(change: &AllocationChange) -> Facts {
    match change {
        AllocationChange::Made(allocation) => made(allocation),
        AllocationChange::Credited => vec![],
        AllocationChange::Released { by, amount } => {
            vec![text("release", by.to_string()), fen("amount_fen", *amount)]
        }
        AllocationChange::TakenBack { by, amount } | AllocationChange::PutBack { by, amount } => {
            vec![text("refund", by.to_string()), fen("amount_fen", *amount)]
        }
    }
}

fn made(allocation: &Allocation) -> Facts {
    let mut facts = vec![
        text("merchant", allocation.merchant.as_str()),
        fen("amount_fen", allocation.amount),
        text("period", allocation.period.name()),
        text("state", allocation.state.name()),
    ];
    match &allocation.state {
        AllocationState::Waiting { until } => facts.push(at("waits_until", *until)),
        AllocationState::Credited { .. } => {}
        AllocationState::Failed { reason, .. } => facts.push(text("reason", reason)),
    }
    facts
}

pub(super) fn release_what(subject: Subject, change: &AllocationReleaseChange) -> String {
    let AllocationReleaseChange::Made(release) = change;
    format!("{subject}, number {}: {}", release.number, parts(release))
}

pub(super) fn release_facts(change: &AllocationReleaseChange) -> Facts {
    let AllocationReleaseChange::Made(release) = change;
    vec![text("release_no", &release.number), text("parts", parts(release))]
}

fn parts(release: &AllocationRelease) -> String {
    let part = |part: &kernel::AllocationPart| {
        format!("{} of {} released", both(part.amount), part.merchant)
    };
    release.parts.iter().map(part).collect::<Vec<_>>().join(", ")
}
