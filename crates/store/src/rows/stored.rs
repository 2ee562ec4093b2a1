//! The one description of an aggregate's row: its table, its cells, and its events' bodies.
//!
//! Both databases generate their inserts, updates and reads by id from it; what is written by hand
//! twice is only listings and the audit.

use super::cells::{Cells, Column, Source, Value, int, list, nullable, text};
use crate::StoreFault;
use kernel::{Aggregate, Attention, Write};
use ledger::{Fen, SubjectId, Timestamp};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The columns that every aggregate has: its version first, then what its standing says.
pub const STANDING: [Column; 6] = [
    int("version"),
    nullable(int("next_poll_at")),
    int("held"),
    nullable(text("attention_kind")),
    nullable(text("attention")),
    nullable(int("attention_since")),
];

/// The columns that name a row.
pub const KEY_LEN: usize = 2;

/// The table of an aggregate. Its columns are: those that are written once, beginning with `tenant` and
/// `id`; then [`STANDING`]; then those that change.
#[derive(Debug)]
pub struct RowTable {
    /// Its name in every database.
    pub name: &'static str,
    /// Where the wide columns that are written once are kept apart from those that are rewritten with
    /// every change: the second table's name. It holds the fixed columns from `narrow_len` on.
    pub terms: Option<&'static str>,
    /// The columns that are written once.
    pub fixed: &'static [Column],
    /// How many of the fixed columns stay in the table itself when there is a second one.
    pub narrow_len: usize,
    /// The columns that change.
    pub mutable: &'static [Column],
    /// By which columns a natural key finds the row.
    pub number: Option<NumberColumns>,
}

/// The columns of a natural key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberColumns {
    /// The column of the namespace; `None` where the table has only one namespace.
    pub namespace: Option<&'static str>,
    /// The column of the number.
    pub number: &'static str,
}

impl RowTable {
    /// All columns, in the order of a row's cells.
    pub fn columns(&self) -> Vec<Column> {
        [self.fixed, &STANDING, self.mutable].concat()
    }

    /// The columns that an update writes, in the order of [`mutable_cells`].
    pub fn mutable_columns(&self) -> Vec<Column> {
        [&STANDING[..], self.mutable].concat()
    }

    /// The columns of the table itself, in the order of [`Parts::own`].
    pub fn own_columns(&self) -> Vec<Column> {
        [&self.fixed[..self.own_fixed_len()], &STANDING, self.mutable].concat()
    }

    /// The columns of the second table, in the order of [`Parts::terms`].
    pub fn terms_columns(&self) -> Vec<Column> {
        [&self.fixed[..KEY_LEN], &self.fixed[self.own_fixed_len()..]].concat()
    }

    const fn own_fixed_len(&self) -> usize {
        match self.terms {
            Some(_) => self.narrow_len,
            None => self.fixed.len(),
        }
    }

    /// `SELECT` of all columns `FROM` the table or both; a condition follows.
    pub fn select(&self) -> String {
        let columns = list(&self.columns());
        match self.terms {
            Some(terms) => {
                format!("SELECT {columns} FROM {} JOIN {terms} USING (tenant, id)", self.name)
            }
            None => format!("SELECT {columns} FROM {}", self.name),
        }
    }
}

/// An aggregate that is stored as a row.
pub trait Stored: Aggregate {
    /// Its table.
    const TABLE: &'static RowTable;

    /// The cells that are written once, beginning with the tenant and the id.
    fn fixed<'a>(&'a self, cells: &mut Vec<Value<'a>>);

    /// The cells that change, beside those of [`STANDING`].
    fn mutable<'a>(&'a self, cells: &mut Vec<Value<'a>>);

    /// Reads all cells, in the order of the table's columns; [`Cells::standing`] in between.
    ///
    /// # Errors
    /// When a cell holds what no such row can have.
    fn read(cells: &mut Cells<'_, '_>) -> Result<Self, StoreFault>;

    /// The body of a change of this time: a JSON object with everything that neither the row nor the
    /// event's columns hold already.
    fn encode(change: &Self::Change, at: Timestamp) -> Body<'_, Self>;

    /// Reads the change of this name and time from its body. `whole` makes the row out of a body that holds the
    /// cells which change.
    ///
    /// # Errors
    /// What does not fit.
    fn decode(
        name: &str,
        at: Timestamp,
        body: &str,
        whole: &dyn Fn(&str) -> Result<Self, String>,
    ) -> Result<Self::Change, String>;
}

/// The body of a change.
#[derive(Debug)]
pub enum Body<'a, A> {
    /// The row as it is from now on: the event holds the cells that change, the row itself the others.
    Whole(&'a A),
    /// A JSON object.
    Json(String),
}

/// The noun of an aggregate, in events and tasks.
pub const fn noun<A: Aggregate>() -> &'static str {
    <A::Kind as SubjectId>::KIND.name()
}

/// The cells of an aggregate for its two tables.
#[derive(Debug)]
pub struct Parts<'a> {
    /// For the table itself.
    pub own: Vec<Value<'a>>,
    /// For the second table, where there is one.
    pub terms: Vec<Value<'a>>,
}

/// The cells of a new row.
pub fn parts<A: Stored>(row: &A) -> Parts<'_> {
    let mut fixed = Vec::with_capacity(A::TABLE.fixed.len());
    row.fixed(&mut fixed);
    let mut own =
        Vec::with_capacity(A::TABLE.fixed.len() + STANDING.len() + A::TABLE.mutable.len());
    let mut terms = vec![];
    if A::TABLE.terms.is_some() {
        let wide = fixed.split_off(A::TABLE.narrow_len);
        terms.extend(fixed.iter().take(KEY_LEN).cloned());
        terms.extend(wide);
    }
    own.append(&mut fixed);
    push_mutable(row, &mut own);
    Parts { own, terms }
}

/// All cells of a row, in the order of [`RowTable::columns`].
pub fn cells<A: Stored>(row: &A) -> Vec<Value<'_>> {
    let mut cells = vec![];
    row.fixed(&mut cells);
    push_mutable(row, &mut cells);
    cells
}

/// The cells of a row as its events rebuild them: all but those that events do not keep.
pub fn logged_cells<A: Stored>(row: &A) -> Vec<Value<'_>> {
    let mut cells = cells(row);
    for (cell, column) in cells.iter_mut().zip(A::TABLE.columns()) {
        if !column.is_logged {
            *cell = Value::Null;
        }
    }
    cells
}

/// The cells of what can change, in the order of [`RowTable::mutable_columns`].
pub fn mutable_cells<A: Stored>(row: &A) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(STANDING.len() + A::TABLE.mutable.len());
    push_mutable(row, &mut cells);
    cells
}

fn push_mutable<'a, A: Stored>(row: &'a A, cells: &mut Vec<Value<'a>>) {
    let standing = row.standing();
    // A sum of holds that does not fit was refused by the book before.
    let held = standing.held().map_or(i64::MAX, Fen::get);
    let [kind, reason, since] = match standing.attention {
        Some(Attention { kind, reason, since }) => {
            [Value::text(kind.name()), Value::owned(reason.to_string()), Value::Int(since.ms())]
        }
        None => [Value::Null, Value::Null, Value::Null],
    };
    cells.extend([
        Value::Int(row.version()),
        Value::number(standing.next_poll_at.map(|at| at.ms())),
        Value::Int(held),
        kind,
        reason,
        since,
    ]);
    row.mutable(cells);
}

/// The cells that name the row of a write and the version that it must have.
pub fn expected_cells<A: Stored>(write: &Write<A>, expected: i64) -> [Value<'_>; KEY_LEN + 1] {
    let row = &write.row;
    [Value::text(row.tenant().as_str()), Value::Int(row.id().value()), Value::Int(expected)]
}

/// Reads a row of cells.
///
/// # Errors
/// When a cell holds what no such row can have.
pub fn read<A: Stored>(cells: &[Value<'_>]) -> Result<A, StoreFault> {
    A::read(&mut Cells::new(Source::Row(A::TABLE), cells))
}

/// The row that keeps what is written once from `fixed`, and has the rest from `changed`.
///
/// # Errors
/// When the cells do not fit together, which is a bug.
pub fn merged<A: Stored>(fixed: &A, changed: &A) -> Result<A, StoreFault> {
    let mut cells = vec![];
    fixed.fixed(&mut cells);
    push_mutable(changed, &mut cells);
    read(&cells)
}

/// The JSON of the cells that change in an event of this sequence, by the names of their columns. Left
/// out are the version where it is the sequence, and the cells that hold what is usual in a new row.
pub fn to_json<A: Stored>(row: &A, sequence: i64) -> String {
    struct Object<'a>(&'a [(Column, Value<'a>)]);
    impl Serialize for Object<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            for (column, cell) in self.0 {
                match cell {
                    Value::Int(number) => map.serialize_entry(column.name, number)?,
                    Value::Text(text) => map.serialize_entry(column.name, text)?,
                    Value::Null => {}
                }
            }
            map.end()
        }
    }
    let usual = usual_cells::<A>(sequence);
    let cells = A::TABLE.mutable_columns().into_iter().zip(mutable_cells(row)).zip(usual);
    let told: Vec<(Column, Value<'_>)> = cells
        .filter(|((column, cell), usual)| column.is_logged && cell != usual)
        .map(|(told, _)| told)
        .collect();
    serde_json::to_string(&Object(&told)).expect("texts and numbers are always JSON")
}

/// What the cells that change hold where an event of this sequence leaves them out.
fn usual_cells<A: Stored>(sequence: i64) -> impl Iterator<Item = Value<'static>> {
    let others = A::TABLE.mutable_columns().into_iter().skip(1).map(|column| column.left_out());
    std::iter::once(Value::Int(sequence)).chain(others)
}

/// The row whose changing cells the JSON text of an event of this sequence holds, and whose other cells
/// are those of `fixed`.
///
/// # Errors
/// What does not fit.
pub fn from_json<A: Stored>(fixed: &A, sequence: i64, body: &str) -> Result<A, String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Cell<'a> {
        Int(i64),
        #[serde(borrow)]
        Text(Cow<'a, str>),
    }
    let mut found: BTreeMap<Cow<'_, str>, Cell<'_>> = parse(body)?;
    let mut cells = vec![];
    fixed.fixed(&mut cells);
    let columns = A::TABLE.mutable_columns();
    cells.extend(columns.iter().zip(usual_cells::<A>(sequence)).map(|(column, usual)| {
        match found.remove(column.name) {
            Some(Cell::Int(number)) => Value::Int(number),
            Some(Cell::Text(text)) => Value::Text(Cow::Owned(text.into_owned())),
            None => usual,
        }
    }));
    read(&cells).map_err(|fault| fault.to_string())
}

/// Writes a body.
pub(super) fn json<A>(body: &impl Serialize) -> Body<'static, A> {
    Body::Json(serde_json::to_string(body).expect("texts and numbers are always JSON"))
}

/// Reads a body. The fault tells where, not what: a body holds what callers and channels sent.
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|fault| format!("no such JSON at column {}", fault.column()))
}

/// Reads a word of a body.
pub(super) fn word<T>(
    read: impl FnOnce(&str) -> Option<T>,
    text: &str,
    field: &str,
) -> Result<T, String> {
    read(text).ok_or_else(|| format!("unknown {field} {text:?}"))
}

/// The fault of a body whose change's name is unknown.
pub(super) fn unknown<T>(name: &str) -> Result<T, String> {
    Err(format!("unknown change {name:?}"))
}
