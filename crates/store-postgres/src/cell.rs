//! Cells as parameters of statements, and rows as cells.
//!
//! PostgreSQL's text has no character U+0000, and what merchants and channels say may have one. It is
//! kept as two characters, of which the first marks itself in the same way.

use std::borrow::Cow;
use store::StoreFault;
use store::rows::Value;
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// Stands before the sign of what it replaces.
const MARK: char = '\u{f8ff}';
/// Behind a mark: U+0000.
const ZERO_SIGN: char = '0';
/// Behind a mark: the mark itself.
const MARK_SIGN: char = '1';

/// A parameter: one cell, or a column of them.
#[derive(Debug)]
pub(crate) enum Parameter<'a> {
    One(Value<'a>),
    Column(Vec<Value<'a>>),
}

impl<'a> Parameter<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Parameter<'a> {
        Parameter::One(Value::Text(text.into()))
    }

    pub(crate) fn optional(text: Option<&'a str>) -> Parameter<'a> {
        Parameter::One(text.map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text))))
    }

    pub(crate) fn int(number: i64) -> Parameter<'a> {
        Parameter::One(Value::Int(number))
    }

    pub(crate) fn ints(numbers: impl IntoIterator<Item = i64>) -> Parameter<'a> {
        Parameter::Column(numbers.into_iter().map(Value::Int).collect())
    }

    pub(crate) fn texts(texts: impl IntoIterator<Item = Cow<'a, str>>) -> Parameter<'a> {
        Parameter::Column(texts.into_iter().map(Value::Text).collect())
    }
}

/// Turns rows into a parameter for each of their columns.
pub(crate) fn columns(rows: Vec<Vec<Value<'_>>>) -> impl Iterator<Item = Parameter<'_>> {
    let width = rows.first().map_or(0, Vec::len);
    let mut columns: Vec<Vec<Value<'_>>> =
        (0..width).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    columns.into_iter().map(Parameter::Column)
}

/// A cell does not fit the type that its statement gives it.
#[derive(Debug)]
struct Misfit(Type);

impl std::fmt::Display for Misfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a cell that does not fit the type {}", self.0)
    }
}

impl std::error::Error for Misfit {}

type Written = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

fn number(cell: &Value<'_>, ty: &Type) -> Result<Option<i64>, Misfit> {
    match cell {
        Value::Int(number) => Ok(Some(*number)),
        Value::Null => Ok(None),
        Value::Text(_) => Err(Misfit(ty.clone())),
    }
}

fn text<'c>(cell: &'c Value<'_>, ty: &Type) -> Result<Option<Cow<'c, str>>, Misfit> {
    match cell {
        Value::Text(text) => Ok(Some(keep(text))),
        Value::Null => Ok(None),
        Value::Int(_) => Err(Misfit(ty.clone())),
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Written {
        match (self, ty) {
            (Parameter::One(cell), &Type::INT8) => number(cell, ty)?.to_sql(ty, out),
            (Parameter::One(cell), &Type::TEXT) => text(cell, ty)?.to_sql(ty, out),
            (Parameter::Column(cells), &Type::INT8_ARRAY) => {
                let cells: Result<Vec<_>, Misfit> =
                    cells.iter().map(|cell| number(cell, ty)).collect();
                cells?.to_sql(ty, out)
            }
            (Parameter::Column(cells), &Type::TEXT_ARRAY) => {
                let cells: Result<Vec<_>, Misfit> =
                    cells.iter().map(|cell| text(cell, ty)).collect();
                cells?.to_sql(ty, out)
            }
            (Parameter::One(_) | Parameter::Column(_), _) => Err(Box::new(Misfit(ty.clone()))),
        }
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::INT8_ARRAY, Type::TEXT_ARRAY].contains(ty)
    }

    to_sql_checked!();
}

/// The cells of a row.
pub(crate) fn cells(row: &Row) -> Result<Vec<Value<'_>>, StoreFault> {
    (0..row.len()).map(|at| cell(row, at)).collect()
}

fn cell(row: &Row, at: usize) -> Result<Value<'_>, StoreFault> {
    let ty = row.columns().get(at).map(|column| column.type_());
    let value = match ty {
        Some(&Type::INT8) => {
            row.try_get::<_, Option<i64>>(at).map(|number| number.map_or(Value::Null, Value::Int))
        }
        Some(_) | None => row
            .try_get::<_, Option<&str>>(at)
            .map(|text| text.map_or(Value::Null, |text| Value::Text(restore(text)))),
    };
    value.map_err(|fault| StoreFault::Failed(crate::fault::text(&fault)))
}

/// Reads rows of a table.
pub(crate) fn read<T>(
    rows: &[Row],
    read: impl Fn(&[Value<'_>]) -> Result<T, StoreFault>,
) -> Result<Vec<T>, StoreFault> {
    rows.iter().map(|row| read(&cells(row)?)).collect()
}

/// A cell that must be a number.
pub(crate) fn int(table: &'static str, cell: Option<&Value<'_>>) -> Result<i64, StoreFault> {
    match cell {
        Some(Value::Int(number)) => Ok(*number),
        Some(Value::Text(_) | Value::Null) | None => {
            Err(StoreFault::Unreadable { table, why: "want a number".to_owned() })
        }
    }
}

/// A cell that must be text.
pub(crate) fn word<'c>(
    table: &'static str,
    cell: Option<&'c Value<'_>>,
) -> Result<&'c str, StoreFault> {
    match cell {
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Int(_) | Value::Null) | None => {
            Err(StoreFault::Unreadable { table, why: "want text".to_owned() })
        }
    }
}

/// The text as the database keeps it.
pub(crate) fn keep(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', MARK]) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' => kept.extend([MARK, ZERO_SIGN]),
            MARK => kept.extend([MARK, MARK_SIGN]),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The text as it was given.
pub(crate) fn restore(kept: &str) -> Cow<'_, str> {
    if !kept.contains(MARK) {
        return Cow::Borrowed(kept);
    }
    let mut text = String::with_capacity(kept.len());
    let mut characters = kept.chars();
    while let Some(character) = characters.next() {
        let given = match character {
            MARK => match characters.next() {
                Some(ZERO_SIGN) => '\0',
                Some(_) | None => MARK,
            },
            other => other,
        };
        text.push(given);
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::{keep, restore};

    #[test]
    fn every_text_can_be_kept() {
        let texts =
            ["", "plain", "茶\u{1f375}", "\0", "a\0b\0", "\u{f8ff}", "\u{f8ff}0", "\0\u{f8ff}1\0"];
        for text in texts {
            let kept = keep(text);
            assert!(!kept.contains('\0'), "{kept:?}");
            assert_eq!(restore(&kept), text);
        }
    }

    #[test]
    fn different_texts_are_kept_apart() {
        assert_ne!(keep("\0"), keep("\u{f8ff}0"));
        assert_ne!(keep("\u{f8ff}1"), keep("\u{f8ff}"));
    }
}
