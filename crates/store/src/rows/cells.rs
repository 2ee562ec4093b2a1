//! Cells, and reading a row of them in the order of its table's columns.

use crate::StoreFault;
use ledger::{Fen, Id, Timestamp};
use std::borrow::Cow;

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A number.
    Int(i64),
    /// Text.
    Text(Cow<'a, str>),
    /// Nothing.
    Null,
}

/// A table: what it is called, and its columns in the order of its cells.
#[derive(Debug)]
pub struct Table {
    /// Its name in every database.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [&'static str],
}

impl Table {
    /// The columns as a statement lists them.
    pub fn list(&self) -> String {
        self.columns.join(", ")
    }
}

impl<'a> Value<'a> {
    /// The same cell with a text of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Int(number) => Value::Int(number),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Null => Value::Null,
        }
    }

    pub(crate) fn text(text: &'a str) -> Value<'a> {
        Value::Text(Cow::Borrowed(text))
    }

    pub(crate) fn owned(text: String) -> Value<'a> {
        Value::Text(Cow::Owned(text))
    }

    pub(crate) fn optional(text: Option<&'a str>) -> Value<'a> {
        text.map_or(Value::Null, Value::text)
    }

    pub(crate) fn number(number: Option<i64>) -> Value<'a> {
        number.map_or(Value::Null, Value::Int)
    }

    const fn noun(&self) -> &'static str {
        match self {
            Value::Int(_) => "a number",
            Value::Text(_) => "text",
            Value::Null => "nothing",
        }
    }
}

/// Reads the cells of a row one after another.
pub(crate) struct Cells<'a, 'v> {
    table: &'static Table,
    cells: &'a [Value<'v>],
    at: usize,
}

impl<'a, 'v> Cells<'a, 'v> {
    pub(crate) fn new(table: &'static Table, cells: &'a [Value<'v>]) -> Cells<'a, 'v> {
        Cells { table, cells, at: 0 }
    }

    fn next(&mut self) -> Result<&'a Value<'v>, StoreFault> {
        let cell = self.cells.get(self.at).ok_or_else(|| StoreFault::Unreadable {
            table: self.table.name,
            why: format!("{} cells, want {}", self.cells.len(), self.table.columns.len()),
        })?;
        self.at += 1;
        Ok(cell)
    }

    /// The fault of the cell that was read last.
    pub(crate) fn fault(&self, why: &str) -> StoreFault {
        let column = self.at.checked_sub(1).and_then(|at| self.table.columns.get(at));
        let why = format!("{}: {why}", column.copied().unwrap_or("row"));
        StoreFault::Unreadable { table: self.table.name, why }
    }

    pub(crate) fn int(&mut self) -> Result<i64, StoreFault> {
        match self.next()? {
            Value::Int(number) => Ok(*number),
            other @ (Value::Text(_) | Value::Null) => {
                Err(self.fault(&format!("{}, want a number", other.noun())))
            }
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StoreFault> {
        match self.next()? {
            Value::Text(text) => Ok(text),
            other @ (Value::Int(_) | Value::Null) => {
                Err(self.fault(&format!("{}, want text", other.noun())))
            }
        }
    }

    pub(crate) fn optional_int(&mut self) -> Result<Option<i64>, StoreFault> {
        match self.next()? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(self.fault("text, want a number or nothing")),
        }
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<&'a str>, StoreFault> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Int(_) => Err(self.fault("a number, want text or nothing")),
        }
    }

    /// Reads a word by the type's own reader.
    pub(crate) fn word<T>(
        &mut self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, StoreFault> {
        let text = self.text()?;
        read(text).ok_or_else(|| self.fault(&format!("unknown word {text:?}")))
    }

    pub(crate) fn optional_word<T>(
        &mut self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreFault> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        let word = read(text).ok_or_else(|| self.fault(&format!("unknown word {text:?}")))?;
        Ok(Some(word))
    }

    pub(crate) fn id<K>(&mut self) -> Result<Id<K>, StoreFault> {
        self.int().map(Id::from_value)
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, StoreFault> {
        self.int().map(Timestamp::from_ms)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreFault> {
        Ok(self.optional_int()?.map(Timestamp::from_ms))
    }

    pub(crate) fn fen(&mut self) -> Result<Fen, StoreFault> {
        self.int().map(Fen::new)
    }

    pub(crate) fn count<N: TryFrom<i64>>(&mut self) -> Result<N, StoreFault> {
        let number = self.int()?;
        N::try_from(number).map_err(|_| self.fault(&format!("{number} is out of range")))
    }
}
