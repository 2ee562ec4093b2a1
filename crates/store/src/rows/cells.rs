//! Cells, tables, and reading a row of cells in the order of its table's columns.

use super::stored::RowTable;
use crate::StoreFault;
use kernel::{Attention, AttentionKind};
use ledger::{Fen, Id, Subject, SubjectKind, Timestamp};
use std::borrow::Cow;
use std::sync::Arc;

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

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Whole numbers.
    Int,
    /// Text.
    Text,
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in every database.
    pub name: &'static str,
    /// What it holds.
    pub ty: Type,
    /// Whether it can be empty.
    pub is_nullable: bool,
    /// The text that nearly every new row has there. Like an empty cell and the number 0, it is left
    /// out of an event that holds a whole row.
    pub initial: Option<&'static str>,
    /// Whether events keep what the column holds. A row that is rebuilt from its events has nothing in
    /// a column that they do not keep.
    pub is_logged: bool,
}

impl Column {
    /// A column that is never empty and that events keep.
    pub const fn new(name: &'static str, ty: Type) -> Column {
        Column { name, ty, is_nullable: false, initial: None, is_logged: true }
    }

    /// What the column holds where an event with a whole row leaves it out.
    pub(super) fn left_out(&self) -> Value<'static> {
        match (self.is_nullable, self.ty, self.initial) {
            (false, Type::Int, _) => Value::Int(0),
            (false, Type::Text, Some(initial)) => Value::text(initial),
            (true, _, _) | (false, Type::Text, None) => Value::Null,
        }
    }
}

/// A column of whole numbers.
pub(super) const fn int(name: &'static str) -> Column {
    Column::new(name, Type::Int)
}

/// A column of text.
pub(super) const fn text(name: &'static str) -> Column {
    Column::new(name, Type::Text)
}

/// The same column, which can be empty.
pub(super) const fn nullable(column: Column) -> Column {
    Column { is_nullable: true, ..column }
}

/// The same column, in which nearly every new row has this text.
pub(super) const fn initially(initial: &'static str, column: Column) -> Column {
    Column { initial: Some(initial), ..column }
}

/// The same column, which can be empty because events do not keep what it holds.
pub(super) const fn unlogged(column: Column) -> Column {
    Column { is_nullable: true, is_logged: false, ..column }
}

/// A table whose rows are only added: its name, and its columns in the order of their cells.
#[derive(Debug)]
pub struct Table {
    /// Its name in every database.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [Column],
}

impl Table {
    /// The names of the columns, as a statement lists them.
    pub fn list(&self) -> String {
        list(self.columns)
    }
}

/// The names of columns, as a statement lists them.
pub fn list(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
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

    /// A cell of text.
    pub fn text(text: &'a str) -> Value<'a> {
        Value::Text(Cow::Borrowed(text))
    }

    /// A cell that owns its text.
    pub fn owned(text: String) -> Value<'a> {
        Value::Text(Cow::Owned(text))
    }

    /// A cell of text, or nothing.
    pub fn optional(text: Option<&'a str>) -> Value<'a> {
        text.map_or(Value::Null, Value::text)
    }

    /// A cell of a number, or nothing.
    pub fn number(number: Option<i64>) -> Value<'a> {
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

/// The columns that every aggregate has, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingCells {
    /// Counts the row's events.
    pub version: i64,
    /// When its task is due.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person.
    pub attention: Option<Attention>,
}

/// The columns of a row that is read.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Of a table whose rows are only added.
    Table(&'static Table),
    /// Of an aggregate.
    Row(&'static RowTable),
}

impl Source {
    const fn name(self) -> &'static str {
        match self {
            Source::Table(table) => table.name,
            Source::Row(table) => table.name,
        }
    }

    fn columns(self) -> Vec<Column> {
        match self {
            Source::Table(table) => table.columns.to_vec(),
            Source::Row(table) => table.columns(),
        }
    }
}

/// Reads the cells of a row one after another.
#[derive(Debug)]
pub struct Cells<'a, 'v> {
    source: Source,
    cells: &'a [Value<'v>],
    at: usize,
}

impl<'a, 'v> Cells<'a, 'v> {
    /// The cells of a row.
    pub fn new(source: Source, cells: &'a [Value<'v>]) -> Cells<'a, 'v> {
        Cells { source, cells, at: 0 }
    }

    fn next(&mut self) -> Result<&'a Value<'v>, StoreFault> {
        let cell = self.cells.get(self.at).ok_or_else(|| StoreFault::Unreadable {
            table: self.source.name(),
            why: format!("{} cells, want {}", self.cells.len(), self.source.columns().len()),
        })?;
        self.at += 1;
        Ok(cell)
    }

    /// The fault of the cell that was read last.
    pub fn fault(&self, why: &str) -> StoreFault {
        let columns = self.source.columns();
        let column = self.at.checked_sub(1).and_then(|at| columns.get(at));
        let why = format!("{}: {why}", column.map_or("row", |column| column.name));
        StoreFault::Unreadable { table: self.source.name(), why }
    }

    /// The fault of a row whose cells do not fit together.
    pub fn misfit(&self, why: impl Into<String>) -> StoreFault {
        StoreFault::Unreadable { table: self.source.name(), why: why.into() }
    }

    /// A number.
    pub fn int(&mut self) -> Result<i64, StoreFault> {
        match self.next()? {
            Value::Int(number) => Ok(*number),
            other @ (Value::Text(_) | Value::Null) => {
                Err(self.fault(&format!("{}, want a number", other.noun())))
            }
        }
    }

    /// Text.
    pub fn text(&mut self) -> Result<&'a str, StoreFault> {
        match self.next()? {
            Value::Text(text) => Ok(text),
            other @ (Value::Int(_) | Value::Null) => {
                Err(self.fault(&format!("{}, want text", other.noun())))
            }
        }
    }

    /// A number, or nothing.
    pub fn optional_int(&mut self) -> Result<Option<i64>, StoreFault> {
        match self.next()? {
            Value::Int(number) => Ok(Some(*number)),
            Value::Null => Ok(None),
            Value::Text(_) => Err(self.fault("text, want a number or nothing")),
        }
    }

    /// Text, or nothing.
    pub fn optional_text(&mut self) -> Result<Option<&'a str>, StoreFault> {
        match self.next()? {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            Value::Int(_) => Err(self.fault("a number, want text or nothing")),
        }
    }

    /// Text of its own, or nothing.
    pub fn optional_string(&mut self) -> Result<Option<String>, StoreFault> {
        Ok(self.optional_text()?.map(str::to_owned))
    }

    /// Text that is shared.
    pub fn shared(&mut self) -> Result<Arc<str>, StoreFault> {
        self.text().map(Arc::from)
    }

    /// A word, by the type's own reader.
    pub fn word<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreFault> {
        let text = self.text()?;
        read(text).ok_or_else(|| self.fault(&format!("unknown word {text:?}")))
    }

    /// A word, or nothing.
    pub fn optional_word<T>(
        &mut self,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, StoreFault> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        let word = read(text).ok_or_else(|| self.fault(&format!("unknown word {text:?}")))?;
        Ok(Some(word))
    }

    /// An id.
    #[expect(clippy::disallowed_methods, reason = "the one reading of an id's cell")]
    pub fn id<K>(&mut self) -> Result<Id<K>, StoreFault> {
        self.int().map(Id::from_value)
    }

    /// An id, or nothing.
    #[expect(clippy::disallowed_methods, reason = "the one reading of an id's cell")]
    pub fn optional_id<K>(&mut self) -> Result<Option<Id<K>>, StoreFault> {
        Ok(self.optional_int()?.map(Id::from_value))
    }

    /// A subject: the word of its kind, and the value of its id.
    pub fn subject(&mut self) -> Result<Subject, StoreFault> {
        Ok(Subject { kind: self.word(SubjectKind::from_name)?, value: self.int()? })
    }

    /// An instant.
    pub fn time(&mut self) -> Result<Timestamp, StoreFault> {
        self.int().map(Timestamp::from_ms)
    }

    /// An instant, or nothing.
    pub fn optional_time(&mut self) -> Result<Option<Timestamp>, StoreFault> {
        Ok(self.optional_int()?.map(Timestamp::from_ms))
    }

    /// An amount.
    pub fn fen(&mut self) -> Result<Fen, StoreFault> {
        self.int().map(Fen::new)
    }

    /// A number of a smaller type.
    pub fn count<N: TryFrom<i64>>(&mut self) -> Result<N, StoreFault> {
        let number = self.int()?;
        N::try_from(number).map_err(|_| self.fault(&format!("{number} is out of range")))
    }

    /// Yes or no, as 1 or 0.
    pub fn flag(&mut self) -> Result<bool, StoreFault> {
        match self.int()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(self.fault(&format!("{number}, want 0 or 1"))),
        }
    }

    /// Yes or no, as 1 or 0, or nothing.
    pub fn optional_flag(&mut self) -> Result<Option<bool>, StoreFault> {
        match self.optional_int()? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(number) => Err(self.fault(&format!("{number}, want 0 or 1"))),
        }
    }

    /// The columns that every aggregate has.
    pub fn standing(&mut self) -> Result<StandingCells, StoreFault> {
        let version = self.int()?;
        let next_poll_at = self.optional_time()?;
        let _held = self.int()?;
        let attention = self.attention()?;
        Ok(StandingCells { version, next_poll_at, attention })
    }

    fn attention(&mut self) -> Result<Option<Attention>, StoreFault> {
        let kind = self.optional_text()?;
        let reason = self.optional_text()?.map(Arc::from);
        let since = self.optional_time()?;
        match (kind, reason, since) {
            (Some(kind), Some(reason), Some(since)) => {
                let kind = AttentionKind::from_name(kind)
                    .ok_or_else(|| self.fault(&format!("no kind of attention: {kind:?}")))?;
                Ok(Some(Attention { kind, reason, since }))
            }
            (None, None, None) => Ok(None),
            (Some(_) | None, Some(_) | None, Some(_) | None) => {
                Err(self.fault("a part of an attention"))
            }
        }
    }
}
