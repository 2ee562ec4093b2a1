//! The lines of a bill's text: comments begin with `#`, the first other line names the columns. Columns
//! are found by name, because newer files have more of them. Tabs and spaces stand around values.

use crate::wire::{self, Yuan};
use ledger::{Fen, Timestamp};
use std::rc::Rc;

/// The columns whose values can hold commas: what was sold, and what was noted.
const FREE: [&str; 2] = ["商品名称", "备注"];
/// Commas more than columns that a line has at most; a text of a few hundred characters holds no more.
const SURPLUS_MAX: usize = 256;

/// A whole text.
pub(super) struct Table<'a> {
    /// What the comments say, each without its `#`.
    pub(super) comments: Vec<&'a str>,
    pub(super) rows: Vec<Line<'a>>,
}

/// Values under the names of their columns.
pub(super) struct Line<'a> {
    /// Its number in the file, from 1, for messages.
    line_no: usize,
    columns: Rc<[&'a str]>,
    values: Vec<&'a str>,
    /// The surplus of commas, which all belong to `free`.
    surplus: usize,
    /// One of [`FREE`].
    free: &'static str,
}

impl<'a> Table<'a> {
    /// Reads a text.
    pub(super) fn read(text: &'a str) -> Result<Table<'a>, String> {
        let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (comments, others): (Vec<_>, Vec<_>) =
            lines.partition(|(_, line)| line.starts_with('#'));
        let mut others = others.into_iter();
        let (_, header) = others.next().ok_or("a header wanted")?;
        let columns: Rc<[&str]> = values(header).into();
        let rows = others.map(|(line_no, line)| Line::read(line_no, columns.clone(), line));
        Ok(Table {
            comments: comments.into_iter().map(|(_, line)| line.trim_start_matches('#')).collect(),
            rows: rows.collect::<Result<_, _>>()?,
        })
    }
}

fn values(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

impl<'a> Line<'a> {
    fn read(line_no: usize, columns: Rc<[&'a str]>, line: &'a str) -> Result<Line<'a>, String> {
        let values = values(line);
        let (found, wanted) = (values.len(), columns.len());
        match found.checked_sub(wanted) {
            Some(surplus @ 0..=SURPLUS_MAX) => {
                let [free, _] = FREE;
                Ok(Line { line_no, columns, values, surplus, free })
            }
            _ => Err(format!("line {line_no}: {found} values found, {wanted} wanted")),
        }
    }

    /// The same line, its commas read so that this column holds a time: as those of the first text that may
    /// have them, else of the other.
    pub(super) fn timed_by(mut self, column: &str) -> Result<Line<'a>, String> {
        for free in FREE {
            self.free = free;
            if self.time(column).is_ok() {
                return Ok(self);
            }
        }
        Err(self.wrong(column, "a time"))
    }

    /// The value of a column.
    pub(super) fn text(&self, column: &str) -> Result<&'a str, String> {
        let at = self.columns.iter().position(|name| *name == column);
        let free = self.columns.iter().position(|name| *name == self.free);
        let at = at.map(|at| match free {
            Some(free) if at > free => at.saturating_add(self.surplus),
            _ => at,
        });
        let value = at.and_then(|at| self.values.get(at).copied());
        value.ok_or_else(|| format!("column {column} wanted"))
    }

    /// The value of a column that must say something.
    pub(super) fn filled(&self, column: &str) -> Result<&'a str, String> {
        let text = self.text(column)?;
        if text.is_empty() { Err(self.wrong(column, "a value")) } else { Ok(text) }
    }

    /// An amount in yuan, which can be below zero.
    pub(super) fn fen(&self, column: &str) -> Result<Fen, String> {
        let text = self.text(column)?;
        let (digits, is_negative) = match text.strip_prefix('-') {
            Some(digits) => (digits, true),
            None => (text, false),
        };
        let Yuan(amount) = Yuan::read(digits).ok_or_else(|| self.wrong(column, "yuan"))?;
        if is_negative { Ok(Fen::new(-amount.get())) } else { Ok(amount) }
    }

    /// A time.
    pub(super) fn time(&self, column: &str) -> Result<Timestamp, String> {
        wire::read_time(self.text(column)?).ok_or_else(|| self.wrong(column, "a time"))
    }

    /// What is said about a value that is not as wanted. The value is not shown: it can be personal.
    pub(super) fn wrong(&self, column: &str, wanted: &str) -> String {
        format!("line {}: {column}: {wanted} wanted", self.line_no)
    }
}
