//! A bill's file: a header, a line for each row, and a summary under a header of its own.
//!
//! Columns are found by name, because their number and order differ from bill to bill. Each value
//! begins with a backtick, so that values may hold commas.

use super::yuan;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, offset};
use ledger::{Fen, Timestamp};

/// How times are written, in Beijing.
pub(crate) const TIME_FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// A whole file.
pub(super) struct Table<'a> {
    pub(super) rows: Vec<Line<'a>>,
    pub(super) summary: Line<'a>,
}

/// Values under the names of their columns.
pub(super) struct Line<'a> {
    /// Its number in the file, from 1, for messages.
    line_no: usize,
    columns: std::rc::Rc<[&'a str]>,
    values: Vec<&'a str>,
}

impl<'a> Table<'a> {
    /// Reads a file whose summary begins with the column `summary`.
    pub(super) fn read(text: &'a str, summary: &str) -> Result<Table<'a>, String> {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (_, header) = lines.next().ok_or("a header wanted")?;
        let mut columns = names(header);
        let mut rows = Vec::new();
        for (line_no, line) in lines.by_ref() {
            let found = names(line);
            if found.first() == Some(&summary) {
                columns = found;
                break;
            }
            rows.push(Line::read(line_no, columns.clone(), line)?);
        }
        let (line_no, line) = lines.next().ok_or("a summary wanted")?;
        let summary = Line::read(line_no, columns, line)?;
        match lines.next() {
            None => Ok(Table { rows, summary }),
            Some((line_no, _)) => Err(format!("line {line_no}: nothing after the summary wanted")),
        }
    }
}

/// The lines under the header of a file of which no page says what stands behind them: a summary's header
/// does not begin with a backtick, and nothing is read from there on.
pub(super) fn lines(text: &str) -> Result<Vec<Line<'_>>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let (_, header) = lines.next().ok_or("a header wanted")?;
    let columns = names(header);
    let rows = lines.take_while(|(_, line)| line.starts_with('`'));
    rows.map(|(line_no, line)| Line::read(line_no, columns.clone(), line)).collect()
}

fn names(header: &str) -> std::rc::Rc<[&str]> {
    header.split(',').map(|name| name.trim().trim_start_matches('`')).collect()
}

impl<'a> Line<'a> {
    fn read(
        line_no: usize,
        columns: std::rc::Rc<[&'a str]>,
        line: &'a str,
    ) -> Result<Line<'a>, String> {
        let values = line
            .strip_prefix('`')
            .ok_or_else(|| format!("line {line_no}: a backtick wanted"))?
            .split(",`")
            .collect::<Vec<_>>();
        match values.len() == columns.len() {
            true => Ok(Line { line_no, columns, values }),
            false => Err(format!(
                "line {line_no}: {} values found, {} wanted",
                values.len(),
                columns.len()
            )),
        }
    }

    /// The value of a column, if the file has the column.
    pub(super) fn optional(&self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|name| *name == column)?;
        self.values.get(at).copied()
    }

    /// The value of a column.
    pub(super) fn text(&self, column: &str) -> Result<&'a str, String> {
        self.optional(column).ok_or_else(|| format!("column {column} wanted"))
    }

    /// An amount in yuan.
    pub(super) fn fen(&self, column: &str) -> Result<Fen, String> {
        yuan::read(self.text(column)?).ok_or_else(|| self.wrong(column, "yuan"))
    }

    /// A number of rows.
    pub(super) fn count(&self, column: &str) -> Result<usize, String> {
        // Counts were seen with a fraction of zero.
        let text = self.text(column)?.trim_end_matches(".0");
        text.parse().map_err(|_| self.wrong(column, "a number"))
    }

    /// A time.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp, String> {
        let wrong = || self.wrong(column, "a time");
        let at = DateTime::strptime(TIME_FORMAT, self.text(column)?).map_err(|_| wrong())?;
        let at = at.to_zoned(TimeZone::fixed(offset(8))).map_err(|_| wrong())?;
        Ok(Timestamp::from_ms(at.timestamp().as_millisecond()))
    }

    /// What is said about a value that is not as wanted. The value is not shown: it can be personal.
    pub(super) fn wrong(&self, column: &str, wanted: &str) -> String {
        format!("line {}: {column}: {wanted} wanted", self.line_no)
    }

    /// Refuses a summary whose column is not this sum.
    pub(super) fn check_sum(&self, column: &str, sum: Fen) -> Result<(), String> {
        match self.fen(column)? == sum {
            true => Ok(()),
            false => Err(self.wrong(column, &format!("{sum}, the sum of the rows,"))),
        }
    }

    /// Refuses a summary whose column is not this number of rows.
    pub(super) fn check_count(&self, column: &str, count: usize) -> Result<(), String> {
        match self.count(column)? == count {
            true => Ok(()),
            false => Err(self.wrong(column, &format!("{count}, the number of rows,"))),
        }
    }
}

/// The sum of amounts.
pub(super) fn sum(amounts: impl IntoIterator<Item = Result<Fen, String>>) -> Result<Fen, String> {
    amounts
        .into_iter()
        .try_fold(Fen::ZERO, |sum, amount| sum.plus(amount?).map_err(|fault| fault.to_string()))
}
