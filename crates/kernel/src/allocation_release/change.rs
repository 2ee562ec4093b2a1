//! What can happen to a release of frozen allocations, and what it does to it.

use super::AllocationRelease;
use crate::aggregate::AggregateChange;
use crate::event::Event;

/// What can happen to a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllocationReleaseChange {
    /// It was made, and carried out in the same commit; it is complete in here.
    Made(Box<AllocationRelease>),
}

impl AggregateChange for AllocationReleaseChange {
    fn name(&self) -> &'static str {
        match self {
            AllocationReleaseChange::Made(_) => "made",
        }
    }
}

/// The release after an event.
pub(super) fn evolve(
    before: Option<&AllocationRelease>,
    event: &Event,
    change: &AllocationReleaseChange,
) -> AllocationRelease {
    match (change, before) {
        (AllocationReleaseChange::Made(release), None) => (**release).clone(),
        (AllocationReleaseChange::Made(_), Some(_)) => panic!("{} is made twice", event.subject),
    }
}
