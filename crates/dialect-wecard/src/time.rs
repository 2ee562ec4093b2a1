//! Time on this wire: `YYYY-MM-DD HH:MM:SS` in Shanghai, which has kept UTC+8 all year since 1991.

use jiff::civil::{DateTime, date};
use jiff::tz::{Offset, offset};
use ledger::Timestamp;

const SHANGHAI: Offset = offset(8);

/// Reads exactly 19 characters that name a real second of a real day.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 19
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            10 => *byte == b' ',
            13 | 16 => *byte == b':',
            _ => byte.is_ascii_digit(),
        });
    if !shaped {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let civil = DateTime::new(
        text.get(0..4)?.parse().ok()?,
        part(5, 7)?,
        part(8, 10)?,
        part(11, 13)?,
        part(14, 16)?,
        part(17, 19)?,
        0,
    );
    // Not by way of an instant: those end some hours before the year 9999 does.
    let since_1970 = civil.ok()?.duration_since(date(1970, 1, 1).at(0, 0, 0, 0));
    Some(Timestamp::from_seconds(since_1970.as_secs() - i64::from(SHANGHAI.seconds())))
}

/// Writes an instant.
pub(crate) fn write(at: Timestamp) -> String {
    let civil = civil(at, SHANGHAI);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        civil.year(),
        civil.month(),
        civil.day(),
        civil.hour(),
        civil.minute(),
        civil.second()
    )
}

/// The date in Greenwich, `YYYY-MM-DD`: what we write into our own signatures.
pub(crate) fn utc_date(at: Timestamp) -> String {
    date_text(at, Offset::UTC)
}

/// The date in Shanghai, which callers may write into theirs.
pub(crate) fn shanghai_date(at: Timestamp) -> String {
    date_text(at, SHANGHAI)
}

fn date_text(at: Timestamp, zone: Offset) -> String {
    let civil = civil(at, zone);
    format!("{:04}-{:02}-{:02}", civil.year(), civil.month(), civil.day())
}

/// Instants beyond the year 9999 show as its end.
fn civil(at: Timestamp, zone: Offset) -> DateTime {
    let instant = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    zone.to_datetime(instant)
}
