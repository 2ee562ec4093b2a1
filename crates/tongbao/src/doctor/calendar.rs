//! The calendar of working days: whether there is one, and how far it reaches.

use super::{Report, Verdict};
use kernel::{ShanghaiDay, WorkingDays};
use ledger::Timestamp;

/// How far a calendar should reach at least, in days: the holidays of a year are announced about two
/// months before it begins.
const AHEAD_DAYS: i64 = 60;
const SUBJECT: &str = "calendar";

/// Adds what is to be said about the calendar.
pub(super) fn examine(report: &mut Report, days: &WorkingDays, now: Timestamp) {
    let (verdict, found) = found(days, now);
    report.add(verdict, SUBJECT, found);
}

fn found(days: &WorkingDays, now: Timestamp) -> (Verdict, String) {
    let today = ShanghaiDay::of(now);
    match days.last_listed() {
        None => (
            Verdict::Warn,
            "no day is listed: Monday to Friday count as working days, holidays too; see [calendar]"
                .to_owned(),
        ),
        Some(last) if last <= today.plus_days(AHEAD_DAYS) => (
            Verdict::Warn,
            format!("lists no day after the next {AHEAD_DAYS} days: add those of the coming year"),
        ),
        Some(_) => (Verdict::Ok, format!("lists days beyond the next {AHEAD_DAYS}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::DayKind;
    use std::collections::BTreeMap;

    #[test]
    fn a_calendar_that_ends_soon_is_named() {
        let now = Timestamp::from_seconds(1_795_000_000);
        let today = ShanghaiDay::of(now);
        let until = |after| {
            let listed = BTreeMap::from([(today.plus_days(after), DayKind::Holiday)]);
            found(&WorkingDays::new(listed), now).0
        };
        assert_eq!(found(&WorkingDays::default(), now).0, Verdict::Warn);
        assert_eq!([until(-1), until(60), until(61)], [Verdict::Warn, Verdict::Warn, Verdict::Ok]);
    }
}
