//! Tasks that should have been run long ago: a line of the attention list for each tenant and lane.
//!
//! A task has two times. Putting it off moves the one from which it can be claimed; the time at which its
//! row wanted it is written by commits alone, and shows how long a queue has stood.

use crate::{AttentionRow, DEFER_MS};
use kernel::{AttentionKind, Lane, Task};
use ledger::Timestamp;

/// Tasks of a tenant and lane that a look for late ones reads at most, the first due first.
pub const LATE_EXAMINED_MAX: u32 = 5_000;

/// Which tasks of a lane are late now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// The lane.
    pub lane: Lane,
    /// The present.
    pub now: Timestamp,
    /// Due at or before this instant: also what was put off a moment ago.
    pub due_by: Timestamp,
    /// Wanted by its row at or before this instant.
    pub wanted_by: Timestamp,
}

impl Lateness {
    /// What is late in this lane now.
    pub const fn of(lane: Lane, now: Timestamp) -> Lateness {
        let wanted_by = now.plus_ms(-lane.late_after_ms());
        Lateness { lane, now, due_by: now.plus_ms(DEFER_MS), wanted_by }
    }

    /// What is late in every lane now.
    pub fn of_all(now: Timestamp) -> [Lateness; Lane::ALL.len()] {
        Lane::ALL.map(|lane| Lateness::of(lane, now))
    }
}

/// The late tasks of a tenant in a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LateTasks {
    /// The one that was wanted first.
    pub oldest: Task,
    /// When its row wanted it.
    pub wanted_at: Timestamp,
    /// How many there are among the first [`LATE_EXAMINED_MAX`].
    pub count: u64,
}

impl LateTasks {
    /// Their line of the list. It stands from the moment at which the oldest became late.
    pub fn row(self, Lateness { lane, now, .. }: Lateness) -> AttentionRow {
        let reason = reason(self.count, lane, now.ms_since(self.wanted_at) / 60_000);
        let Task { tenant, subject, root } = self.oldest;
        let since = self.wanted_at.plus_ms(lane.late_after_ms());
        let kind = AttentionKind::Late;
        let exits = vec![];
        AttentionRow { tenant, subject, root, name: None, kind, reason, since, exits }
    }
}

/// The bound of every lane is some minutes, so that there is never one minute only.
fn reason(count: u64, lane: Lane, minutes: i64) -> String {
    let lane = lane.name();
    match count {
        1 => format!("1 task of {lane} is late by {minutes} minutes"),
        count => {
            let count = grouped(count);
            format!("{count} tasks of {lane} are late, the oldest by {minutes} minutes")
        }
    }
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_number_and_age() {
        for (count, minutes, want) in [
            (1, 6, "1 task of notifications is late by 6 minutes"),
            (999, 16, "999 tasks of notifications are late, the oldest by 16 minutes"),
            (1_500, 20, "1,500 tasks of notifications are late, the oldest by 20 minutes"),
        ] {
            assert_eq!(reason(count, Lane::Notifications, minutes), want);
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
