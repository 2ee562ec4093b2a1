//! A list of whole numbers in one cell: an array, or nothing where there are none.

use super::cells::Value;
use super::stored::parse;
use ledger::Id;

/// The cell of some numbers.
pub(super) fn cell(numbers: impl IntoIterator<Item = i64>) -> Value<'static> {
    let numbers: Vec<i64> = numbers.into_iter().collect();
    match numbers.is_empty() {
        true => Value::Null,
        false => Value::owned(written(&numbers)),
    }
}

/// The text of some numbers.
pub(super) fn written(numbers: &[i64]) -> String {
    serde_json::to_string(numbers).expect("numbers are always JSON")
}

/// The numbers of a cell.
pub(super) fn read(cell: Option<&str>) -> Result<Vec<i64>, String> {
    match cell.map(parse::<Vec<i64>>).transpose()? {
        Some(numbers) if numbers.is_empty() => Err("an empty list".to_owned()),
        numbers => Ok(numbers.unwrap_or_default()),
    }
}

/// The ids of a cell.
pub(super) fn read_ids<K>(cell: Option<&str>) -> Result<Vec<Id<K>>, String> {
    Ok(ids(read(cell)?))
}

/// The ids with these values.
#[expect(clippy::disallowed_methods, reason = "the ids of a cell or an event's body")]
pub(super) fn ids<K>(values: Vec<i64>) -> Vec<Id<K>> {
    values.into_iter().map(Id::from_value).collect()
}
