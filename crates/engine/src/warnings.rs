//! What the log should say once about a channel account, and not with every call: its channel's clock, an
//! unknown key, answers that prove nothing.

use crate::Engine;
use crate::channel_accounts::OpenAccount;
use channel::{Finding, Instruction, Response, Unproven};
use jiff::fmt::rfc2822::DateTimeParser;
use ledger::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The least time between two warnings of one kind about one account, in milliseconds.
const PAUSE_MS: i64 = 3_600_000;
/// From this difference on, a channel may refuse our requests, and we its answers. Five minutes are usual;
/// the header is written a little before or after the signature.
const SKEW_MS_MAX: i64 = 290_000;

/// What is warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Warning {
    /// The clocks are far apart.
    Clock,
    /// An answer is signed with a key that we did not have.
    UnknownKey,
    /// A refusal proves nothing.
    Unproven,
    /// A refusal says nothing that we know.
    NotUnderstood,
    /// A success cannot be believed.
    NotBelieved,
}

impl Warning {
    /// The line in the log.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Warning::Clock => {
                "the clocks of this machine and of the channel differ too much: the channel refuses \
                 our requests, or we its answers"
            }
            Warning::UnknownKey => {
                "an answer is signed with an unknown key; the channel's keys are fetched"
            }
            Warning::Unproven => {
                "the channel refuses a call, and no signature proves it: orders that may stand at \
                 the channel stay as they are"
            }
            Warning::NotUnderstood => {
                "the channel's answer is not understood: what it is about stays as it is"
            }
            Warning::NotBelieved => {
                "the channel's answer is not believed: what it is about stays as it is"
            }
        }
    }
}

/// When each warning was logged last, by account.
#[derive(Default)]
pub(crate) struct Warnings {
    logged: Mutex<HashMap<(Arc<str>, Warning), Timestamp>>,
}

impl Warnings {
    /// Whether the warning is to be logged now; the answer counts as logging it.
    pub(crate) fn is_due(&self, account: &Arc<str>, warning: Warning, now: Timestamp) -> bool {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        let last = logged.get(&(account.clone(), warning));
        let is_due = last.is_none_or(|at| now.ms_since(*at) >= PAUSE_MS);
        if is_due {
            logged.insert((account.clone(), warning), now);
        }
        is_due
    }
}

/// Warns of an answer from which nothing, or not what it says, can be concluded.
pub(crate) fn warn(
    engine: &Engine,
    account: &OpenAccount,
    instruction: &Instruction,
    finding: &Finding,
    response: &Response,
) {
    let now = engine.now();
    let is_due = |warning| engine.warnings.is_due(&account.name, warning, now);
    let (name, summary) = (&account.name, finding.describe());
    if let Some(ahead_seconds) = clock_ahead(finding, response, now) {
        if is_due(Warning::Clock) {
            tracing::warn!(account = %name, ahead_seconds, summary, "{}", Warning::Clock.text());
        }
    } else if let Some(warning) = about_answer(finding, response.status)
        && is_due(warning)
    {
        let (operation, status) = (instruction.operation().name(), response.status);
        tracing::warn!(account = %name, operation, status, summary, "{}", warning.text());
    }
}

/// How far the channel's clock is ahead of ours, in seconds, when that is why a call brought nothing. The
/// `Date` header is not signed, and good enough for a line in the log.
fn clock_ahead(finding: &Finding, response: &Response, now: Timestamp) -> Option<i64> {
    let by_date = response.header("date").and_then(read_date).map(|date| date.ms_since(now));
    match finding {
        Finding::Unproven(Unproven::Clock { ahead_seconds }) => Some(
            by_date.filter(|ms| ms.abs() >= SKEW_MS_MAX).map_or(*ahead_seconds, |ms| ms / 1000),
        ),
        // The channel's gate refuses a stale request as it refuses a wrong signature.
        Finding::AccountFault { .. } => {
            by_date.filter(|ms| ms.abs() >= SKEW_MS_MAX).map(|ms| ms / 1000)
        }
        Finding::Placed(_)
        | Finding::Paid(_)
        | Finding::Pending
        | Finding::Closed
        | Finding::Cancelled
        | Finding::Reversed(_)
        | Finding::Failed { .. }
        | Finding::Refused { .. }
        | Finding::Later { .. }
        | Finding::Unfunded { .. }
        | Finding::NotFound
        | Finding::Ask { .. }
        | Finding::Refund(_)
        | Finding::Receiver
        | Finding::Share(_)
        | Finding::Unshared { .. }
        | Finding::ShareReturn(_)
        | Finding::Agreement(_)
        | Finding::Keys(_)
        | Finding::BillFile(_)
        | Finding::Bill(_)
        | Finding::Unproven(
            Unproven::Refused { .. } | Unproven::NotFound { .. } | Unproven::UnknownKey { .. },
        )
        | Finding::Unknown { .. }
        | Finding::Mismatch { .. }
        | Finding::Contested { .. } => None,
    }
}

/// What to warn of when an answer is not taken as its status says. A server error is the channel's own
/// trouble.
fn about_answer(finding: &Finding, status: u16) -> Option<Warning> {
    match (finding, status) {
        (Finding::Unproven(_), 400..500) => Some(Warning::Unproven),
        (Finding::Unknown { .. }, 400..500) => Some(Warning::NotUnderstood),
        (Finding::Unknown { .. }, 200..300) => Some(Warning::NotBelieved),
        _ => None,
    }
}

/// The instant of a `Date` header.
pub fn read_date(date: &str) -> Option<Timestamp> {
    let at = DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(Timestamp::from_ms(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn response(status: u16, date: &str) -> Response {
        let headers = vec![("Date".to_owned(), date.to_owned())];
        Response { status, headers, body: vec![] }
    }

    #[test]
    fn a_warning_is_logged_once_an_hour_for_each_account() {
        let warnings = Warnings::default();
        let (one, other): (Arc<str>, Arc<str>) = (Arc::from("one"), Arc::from("other"));
        assert!(warnings.is_due(&one, Warning::Clock, NOW));
        assert!(!warnings.is_due(&one, Warning::Clock, NOW.plus_seconds(3599)));
        assert!(warnings.is_due(&one, Warning::UnknownKey, NOW));
        assert!(warnings.is_due(&other, Warning::Clock, NOW));
        assert!(warnings.is_due(&one, Warning::Clock, NOW.plus_seconds(3600)));
    }

    #[test]
    fn the_clocks_difference_is_read_from_the_date() {
        let account = Finding::AccountFault { code: String::new(), text: String::new() };
        let signed = Finding::Unproven(Unproven::Clock { ahead_seconds: -400 });
        let near = "Tue, 14 Nov 2023 22:13:20 GMT";
        let ahead = "Tue, 14 Nov 2023 22:18:21 GMT";
        let behind = "Tue, 14 Nov 2023 22:08:19 GMT";
        for (finding, date, want) in [
            (&account, near, None),
            (&account, ahead, Some(301)),
            (&account, behind, Some(-301)),
            (&account, "yesterday", None),
            // The signature says how far, where the date does not.
            (&signed, near, Some(-400)),
            (&signed, behind, Some(-301)),
            (&Finding::Pending, ahead, None),
            (&Finding::Unknown { why: String::new() }, ahead, None),
        ] {
            let found = clock_ahead(finding, &response(401, date), NOW);
            assert_eq!(found, want, "{finding:?} {date}");
        }
    }

    #[test]
    fn an_answer_that_is_not_taken_as_its_status_says_is_warned_of() {
        let unknown = Finding::Unknown { why: String::new() };
        let unsigned = Finding::Unproven(Unproven::NotFound { code: String::new() });
        for (finding, status, want) in [
            (&unknown, 404, Some(Warning::NotUnderstood)),
            (&unknown, 200, Some(Warning::NotBelieved)),
            (&unknown, 204, Some(Warning::NotBelieved)),
            (&unknown, 502, None),
            (&unsigned, 404, Some(Warning::Unproven)),
            (&Finding::NotFound, 404, None),
            (&Finding::Pending, 200, None),
        ] {
            assert_eq!(about_answer(finding, status), want, "{finding:?} {status}");
        }
    }
}
