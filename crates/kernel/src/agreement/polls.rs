//! When the channel is asked about an agreement. Every schedule ends: then a person is needed, or the end
//! of the agreement is what comes next.

use super::{Agreement, AgreementState};
use crate::schedule;
use channel::Finding;
use ledger::Timestamp;

/// Seconds until the channel is asked again while the payer may be signing, by number of questions; never
/// later than the signing page expires.
pub const SIGNING_SCHEDULE_SECONDS: [i64; 6] = [30, 60, 120, 300, 600, 1800];
/// The same, where the answer about an end stayed unclear: of the signing page, or of the agreement.
pub const END_SCHEDULE_SECONDS: [i64; 12] =
    [5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400];
/// The same, of an agreement that stands and may have been ended by the payer.
const CHECK_SCHEDULE_SECONDS: [i64; 5] = [10, 60, 300, 1800, 7200];
/// When a channel that did not see a signature is asked again, in seconds after that.
pub(super) const FINAL_POLL_SECONDS: [i64; 2] = [600, 86_400];
/// Questions after the end, clear or not.
const FINAL_POLLS_MAX: u32 = 6;

/// What comes after a finding that brought nothing new.
pub(super) enum NextPoll {
    /// The channel is asked at this time, if at any.
    At(Option<Timestamp>),
    /// A person is needed.
    Overdue,
}

/// When the channel is asked next, where a finding brought nothing new.
pub(super) fn next_poll(row: &Agreement, finding: &Finding, now: Timestamp) -> NextPoll {
    let until = row.contract.as_ref().and_then(|contract| contract.valid_until);
    NextPoll::At(match &row.state {
        // The end of one that stands comes also while it needs a person.
        _ if row.attention.is_some() => schedule::due_if_any(now, &END_SCHEDULE_SECONDS, row.polls)
            .or(until.filter(|until| *until > now)),
        AgreementState::Signing(_) if !row.is_page_over(now) => {
            let due = schedule::due(now, &SIGNING_SCHEDULE_SECONDS, row.polls);
            Some(due.min(row.terms.page_expires_at))
        }
        AgreementState::Signing(_) | AgreementState::Terminating { .. } => {
            match schedule::due_if_any(now, &END_SCHEDULE_SECONDS, row.polls) {
                Some(due) => Some(due),
                None => return NextPoll::Overdue,
            }
        }
        // It has been looked at, or cannot be: its own end comes next.
        AgreementState::Signed | AgreementState::Paused => match finding {
            Finding::Agreement(_) => until.filter(|until| *until > now),
            _ => schedule::due_if_any(now, &CHECK_SCHEDULE_SECONDS, row.polls)
                .or(until.filter(|until| *until > now)),
        },
        AgreementState::Invalid { at, .. } if row.polls < FINAL_POLLS_MAX => {
            let polls = FINAL_POLL_SECONDS.map(|seconds| at.plus_seconds(seconds));
            polls.into_iter().find(|poll| *poll > now)
        }
        AgreementState::Invalid { .. } | AgreementState::Terminated { .. } => None,
    })
}
