//! Amounts, times, spans and outside text, as a person reads them.

use jiff::tz::{TimeZone, offset};
use ledger::{Fen, Timestamp};

const SECOND_MS: i64 = 1000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Characters of a payer's id that are shown.
const PAYER_ID_SHOWN: usize = 6;

/// An instant as the calendar knows it; what lies outside the calendar is its first or last instant.
pub fn instant(at: Timestamp) -> jiff::Timestamp {
    let nearest = if at.ms() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_millisecond(at.ms()).unwrap_or(nearest)
}

/// An amount in yuan with two decimals, for people only.
pub fn yuan(amount: Fen) -> String {
    let sign = if amount.get() < 0 { "-" } else { "" };
    let fen = amount.get().unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

/// A payer's id with all but its beginning hidden; a short one is hidden whole.
pub fn masked(payer_id: &str) -> String {
    match payer_id.char_indices().nth(PAYER_ID_SHOWN) {
        Some((end, _)) => format!("{}…", payer_id.get(..end).unwrap_or_default()),
        None => "…".to_owned(),
    }
}

/// An amount as people write it and as the book has it.
pub fn both(amount: Fen) -> String {
    format!("¥{} ({amount})", yuan(amount))
}

/// What of an amount was settled at the channel, to go on a sentence; empty where all of it was.
pub fn settled(amount: Fen, settled_amount: Fen) -> String {
    match settled_amount == amount {
        true => String::new(),
        false => format!(", {} settled, the rest by the merchant's coupons", both(settled_amount)),
    }
}

/// An instant in Asia/Shanghai: UTC+8 all year round since 1991.
pub fn local(at: Timestamp) -> String {
    let local = instant(at).to_zoned(TimeZone::fixed(offset(8)));
    local.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

/// How far away an instant is.
pub fn in_time(due: Timestamp, now: Timestamp) -> String {
    match due.ms_since(now) {
        ms if ms > 0 => format!("in {}", span(ms)),
        0 => "now".to_owned(),
        ms => format!("due for {}", span(ms.saturating_neg())),
    }
}

/// A span in its two largest units.
pub fn span(ms: i64) -> String {
    match ms {
        ..SECOND_MS => format!("{ms} ms"),
        SECOND_MS..MINUTE_MS => format!("{}.{} s", ms / SECOND_MS, ms % SECOND_MS / 100),
        MINUTE_MS..HOUR_MS => format!("{} min {} s", ms / MINUTE_MS, ms % MINUTE_MS / SECOND_MS),
        HOUR_MS..DAY_MS => format!("{} h {} min", ms / HOUR_MS, ms % HOUR_MS / MINUTE_MS),
        DAY_MS.. => format!("{} d {} h", ms / DAY_MS, ms % DAY_MS / HOUR_MS),
    }
}

/// A line without what could take hold of a terminal: control characters, and marks that turn the
/// direction of text.
pub fn clean(line: &str) -> String {
    let tame = |char: char| {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = matches!(char, '\u{2028}' | '\u{2029}');
        if char.is_control() || turns || breaks { '\u{fffd}' } else { char }
    };
    line.chars().map(tame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        for (ms, want) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_049, "1.0 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 0 s"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h 0 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ms), want);
        }
    }

    #[test]
    fn instants_are_near_or_past() {
        let now = Timestamp::from_seconds(1_795_000_000);
        assert_eq!(in_time(now.plus_seconds(90), now), "in 1 min 30 s");
        assert_eq!(in_time(now, now), "now");
        assert_eq!(in_time(now.plus_ms(-5), now), "due for 5 ms");
        assert_eq!(in_time(Timestamp::from_ms(i64::MIN), now), "due for 106751991167 d 7 h");
    }

    #[test]
    fn local_time_is_eight_hours_ahead_and_total() {
        assert_eq!(local(Timestamp::from_ms(0)), "1970-01-01 08:00:00.000");
        assert_eq!(local(Timestamp::from_ms(1_795_000_000_007)), "2026-11-18 19:06:40.007");
        assert!(local(Timestamp::from_ms(i64::MAX)).starts_with("9999-12-"));
        assert!(local(Timestamp::from_ms(i64::MIN)).starts_with("-9999-01-"));
    }

    #[test]
    fn amounts_are_said_twice() {
        for (fen, want) in [
            (8_800, "¥88.00 (8800 fen)"),
            (1, "¥0.01 (1 fen)"),
            (-105, "¥-1.05 (-105 fen)"),
            (i64::MIN, "¥-92233720368547758.08 (-9223372036854775808 fen)"),
        ] {
            assert_eq!(both(Fen::new(fen)), want);
        }
    }

    #[test]
    fn nothing_takes_hold_of_the_terminal() {
        assert_eq!(clean("a\u{1b}[31m\n\u{202e}b 咖啡"), "a\u{fffd}[31m\u{fffd}\u{fffd}b 咖啡");
    }
}
