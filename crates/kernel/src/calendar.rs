//! Days in Shanghai, and which of them are working days.
//!
//! Shanghai has kept UTC+8 all year since 1991. Which days are holidays, and which weekend days are worked
//! instead, is announced year by year: an operator supplies it.

use ledger::Timestamp;
use std::collections::BTreeMap;

const SECONDS_PER_DAY: i64 = 24 * 3600;
/// How far Shanghai is ahead of UTC, in seconds.
const SHANGHAI_SECONDS: i64 = 8 * 3600;
/// 1970-01-01 was a Thursday: that many days after a Monday.
const EPOCH_WEEKDAY: i64 = 3;
/// Days from Monday to Friday.
const WEEK_WORKING_DAYS: i64 = 5;

/// A day in Shanghai: days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShanghaiDay(i64);

impl ShanghaiDay {
    /// The day that begins that many days after 1970-01-01.
    pub const fn new(days: i64) -> ShanghaiDay {
        ShanghaiDay(days)
    }

    /// The day in which an instant lies.
    pub const fn of(at: Timestamp) -> ShanghaiDay {
        ShanghaiDay((at.seconds() + SHANGHAI_SECONDS).div_euclid(SECONDS_PER_DAY))
    }

    /// Its first instant.
    pub const fn start(self) -> Timestamp {
        let seconds = self.0.saturating_mul(SECONDS_PER_DAY);
        Timestamp::from_seconds(seconds.saturating_sub(SHANGHAI_SECONDS))
    }

    /// The day that many days later.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> ShanghaiDay {
        ShanghaiDay(self.0.saturating_add(days))
    }

    /// True from Monday to Friday.
    const fn is_weekday(self) -> bool {
        (self.0.wrapping_add(EPOCH_WEEKDAY)).rem_euclid(7) < WEEK_WORKING_DAYS
    }
}

/// What a day is that is not what its weekday says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DayKind {
    /// It is not worked, also on a weekday.
    Holiday,
    /// It is worked, also on a weekend.
    Working,
}

impl DayKind {
    /// Both kinds, for documents and tests.
    pub const ALL: [DayKind; 2] = [DayKind::Holiday, DayKind::Working];

    /// The word in an operator's calendar.
    pub const fn name(self) -> &'static str {
        match self {
            DayKind::Holiday => "holiday",
            DayKind::Working => "working",
        }
    }

    /// Reads the word.
    pub fn from_name(name: &str) -> Option<DayKind> {
        DayKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which days are worked: Monday to Friday, and otherwise where a day is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkingDays {
    listed: BTreeMap<ShanghaiDay, DayKind>,
}

impl WorkingDays {
    /// Monday to Friday, with these exceptions.
    pub const fn new(listed: BTreeMap<ShanghaiDay, DayKind>) -> WorkingDays {
        WorkingDays { listed }
    }

    /// The last day that is listed.
    pub fn last_listed(&self) -> Option<ShanghaiDay> {
        self.listed.last_key_value().map(|(day, _)| *day)
    }

    /// True when the day is worked.
    pub fn is_working(&self, day: ShanghaiDay) -> bool {
        match self.listed.get(&day) {
            Some(DayKind::Holiday) => false,
            Some(DayKind::Working) => true,
            None => day.is_weekday(),
        }
    }

    /// The first working day after this one.
    pub fn next_after(&self, day: ShanghaiDay) -> ShanghaiDay {
        let mut next = day.plus_days(1);
        // Listed days are few, so that an unlisted weekday comes.
        while !self.is_working(next) {
            next = next.plus_days(1);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-28, a Saturday.
    const SATURDAY: ShanghaiDay = ShanghaiDay::new(20_785);

    #[test]
    fn a_day_begins_at_midnight_in_shanghai() {
        let midnight = Timestamp::from_seconds(20_785 * SECONDS_PER_DAY - 8 * 3600);
        assert_eq!(SATURDAY.start(), midnight);
        assert_eq!(ShanghaiDay::of(midnight), SATURDAY);
        assert_eq!(ShanghaiDay::of(midnight.plus_ms(-1)), SATURDAY.plus_days(-1));
        assert_eq!(ShanghaiDay::of(midnight.plus_seconds(SECONDS_PER_DAY - 1)), SATURDAY);
    }

    #[test]
    fn without_a_list_monday_to_friday_are_worked() {
        let days = WorkingDays::default();
        let worked: Vec<bool> =
            (0..7).map(|after| days.is_working(SATURDAY.plus_days(after))).collect();
        assert_eq!(worked, [false, false, true, true, true, true, true]);
        assert_eq!(days.next_after(SATURDAY.plus_days(-1)), SATURDAY.plus_days(2));
        assert_eq!(days.next_after(SATURDAY.plus_days(2)), SATURDAY.plus_days(3));
    }

    #[test]
    fn listed_days_are_what_the_list_says() {
        let monday = SATURDAY.plus_days(2);
        let listed = BTreeMap::from([
            (SATURDAY, DayKind::Working),
            (monday, DayKind::Holiday),
            (monday.plus_days(1), DayKind::Holiday),
        ]);
        let days = WorkingDays::new(listed);
        assert_eq!(days.next_after(SATURDAY.plus_days(-1)), SATURDAY);
        assert_eq!(days.next_after(SATURDAY), monday.plus_days(2));
        assert_eq!(days.last_listed(), Some(monday.plus_days(1)));
    }
}
