//! Retry schedules: lists of delays. Where nothing else is said, the last one repeats.

use ledger::Timestamp;

/// The delay in seconds after `attempts` attempts; the last delay of the schedule repeats.
pub(crate) fn delay_seconds(schedule: &[i64], attempts: u32) -> i64 {
    let last = schedule.len().saturating_sub(1);
    let at = usize::try_from(attempts).unwrap_or(usize::MAX).min(last);
    schedule.get(at).copied().unwrap_or_default()
}

/// When the next attempt is due.
pub(crate) fn due(now: Timestamp, schedule: &[i64], attempts: u32) -> Timestamp {
    now.plus_seconds(delay_seconds(schedule, attempts))
}

/// The same for a schedule that ends: `None` once its steps are used up.
pub(crate) fn due_if_any(now: Timestamp, schedule: &[i64], attempts: u32) -> Option<Timestamp> {
    let step = schedule.get(usize::try_from(attempts).ok()?)?;
    Some(now.plus_seconds(*step))
}
