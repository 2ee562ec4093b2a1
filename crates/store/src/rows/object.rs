//! Cells by the names of their columns, as a JSON object: the form in which rows leave the database.

use super::cells::{Column, Value};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A cell that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Cell {
    Int(i64),
    Text(String),
}

/// A row; cells that are empty are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Object(BTreeMap<String, Cell>);

impl Object {
    /// The cells of these columns.
    pub fn of(columns: &[Column], cells: &[Value<'_>]) -> Object {
        let cell = |value: &Value<'_>| match value {
            Value::Int(number) => Some(Cell::Int(*number)),
            Value::Text(text) => Some(Cell::Text(text.clone().into_owned())),
            Value::Null => None,
        };
        let cells = columns.iter().zip(cells);
        Object(
            cells
                .filter_map(|(column, value)| Some((column.name.to_owned(), cell(value)?)))
                .collect(),
        )
    }

    /// The cells in the order of these columns.
    ///
    /// # Errors
    /// When the object has a column that is not among them.
    pub fn into_cells(mut self, columns: &[Column]) -> Result<Vec<Value<'static>>, String> {
        let mut take = |column: &Column| match self.0.remove(column.name) {
            Some(Cell::Int(number)) => Value::Int(number),
            Some(Cell::Text(text)) => Value::Text(Cow::Owned(text)),
            None => Value::Null,
        };
        let cells = columns.iter().map(&mut take).collect();
        match self.0.keys().next() {
            Some(unknown) => Err(format!("unknown column {unknown:?}")),
            None => Ok(cells),
        }
    }
}
