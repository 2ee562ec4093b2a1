//! The operator's calendar of working days: a day a line, `2026-10-01 holiday` or `2026-10-10 working`;
//! what follows a `#` is a comment. Days that are not listed are worked from Monday to Friday.

use crate::value_file::read_text;
use anyhow::{Context, Result, anyhow, bail};
use jiff::civil::{Date, date};
use kernel::{DayKind, ShanghaiDay, WorkingDays};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a calendar.
///
/// # Errors
/// When the file cannot be read; the first line that is wrong, with its number.
pub(crate) fn read(path: &Path) -> Result<WorkingDays> {
    let text = read_text(path)?;
    parse(&text).with_context(|| path.display().to_string())
}

fn parse(text: &str) -> Result<WorkingDays> {
    let mut listed = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let said = line.split('#').next().unwrap_or_default().trim();
        if said.is_empty() {
            continue;
        }
        let (day, kind) = read_line(said).with_context(|| format!("line {number}"))?;
        if listed.insert(day, kind).is_some() {
            bail!("line {number}: the day is listed twice");
        }
    }
    Ok(WorkingDays::new(listed))
}

fn read_line(said: &str) -> Result<(ShanghaiDay, DayKind)> {
    let wanted = "want a day as 2026-10-01 and `holiday` or `working`";
    let mut words = said.split_whitespace();
    let (Some(day), Some(kind), None) = (words.next(), words.next(), words.next()) else {
        bail!("found {said:?}, {wanted}");
    };
    let day = read_day(day).ok_or_else(|| anyhow!("found {day:?}, {wanted}"))?;
    let kind = DayKind::from_name(kind).ok_or_else(|| anyhow!("found {kind:?}, {wanted}"))?;
    Ok((day, kind))
}

/// A day that is written as `YYYY-MM-DD`.
fn read_day(text: &str) -> Option<ShanghaiDay> {
    let found: Date = text.parse().ok()?;
    // Other spellings of dates are for machines.
    (found.to_string() == text).then(|| day(found))
}

fn day(of: Date) -> ShanghaiDay {
    let since = of.duration_since(date(1970, 1, 1));
    ShanghaiDay::new(since.as_hours().div_euclid(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_a_line_says_which_days_are_worked() {
        let text = "# 2026\n\n2026-10-01 holiday # 国庆\r\n2026-10-10\tworking\n";
        let days = parse(text).expect("a calendar");
        let is_working = |day| days.is_working(read_day(day).expect("a day"));
        let worked = ["2026-09-30", "2026-10-01", "2026-10-02", "2026-10-10", "2026-10-11"];
        assert_eq!(worked.map(is_working), [true, false, true, true, false]);
        assert_eq!(days.last_listed(), read_day("2026-10-10"));
        assert_eq!(read_day("1970-01-02"), Some(ShanghaiDay::new(1)));
        assert_eq!(parse("").expect("an empty calendar"), WorkingDays::default());
    }

    #[test]
    fn a_wrong_line_is_refused_with_its_number() {
        let wanted = "want a day as 2026-10-01 and `holiday` or `working`";
        for (text, want) in [
            ("2026-10-01", format!("line 1: found \"2026-10-01\", {wanted}")),
            ("\n2026-10-01 rest", format!("line 2: found \"rest\", {wanted}")),
            ("2026-02-29 holiday", format!("line 1: found \"2026-02-29\", {wanted}")),
            ("20261001 holiday", format!("line 1: found \"20261001\", {wanted}")),
            (
                "2026-10-01 holiday working",
                format!("line 1: found \"2026-10-01 holiday working\", {wanted}"),
            ),
            (
                "2026-10-01 holiday\n2026-10-01 working",
                "line 2: the day is listed twice".to_owned(),
            ),
        ] {
            let fault = parse(text).expect_err(text);
            assert_eq!(format!("{fault:#}"), want);
        }
    }
}
