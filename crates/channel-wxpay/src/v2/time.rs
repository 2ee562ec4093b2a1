//! Times as the older interface writes them: of Beijing, without saying so.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, offset};
use ledger::Timestamp;

/// Of orders and payments.
pub(crate) const COMPACT: &str = "%Y%m%d%H%M%S";
/// Of refunds.
pub(crate) const SPACED: &str = "%Y-%m-%d %H:%M:%S";

/// A time in the compact form.
pub(crate) fn text(at: Timestamp) -> String {
    text_in(COMPACT, at)
}

/// A time in this form.
pub(crate) fn text_in(format: &str, at: Timestamp) -> String {
    let at = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MAX);
    at.to_zoned(TimeZone::fixed(offset(8))).strftime(format).to_string()
}

/// Reads a time in this form.
pub(crate) fn read(format: &str, text: &str) -> Option<Timestamp> {
    let at = DateTime::strptime(format, text).ok()?.to_zoned(TimeZone::fixed(offset(8))).ok()?;
    Some(Timestamp::from_ms(at.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_beijing() {
        // 2023-04-19 09:23:16, Beijing.
        let at = Timestamp::from_seconds(1_681_867_396);
        for (format, written) in [(COMPACT, "20230419092316"), (SPACED, "2023-04-19 09:23:16")] {
            assert_eq!(text_in(format, at), written);
            assert_eq!(read(format, written), Some(at));
            for bad in ["", "2023", "20231319092316", "2023-04-19T09:23:16", "20230419092316x"] {
                assert_eq!(read(format, bad), None, "{bad}");
            }
        }
    }
}
