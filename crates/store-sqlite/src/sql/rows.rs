//! Statements about the rows of an aggregate, made once from the description of its row.

use super::insert;
use std::sync::LazyLock;
use store::rows::{KEY_LEN, NumberColumns, RowTable, Stored, list, noun};

/// The statements about one aggregate.
pub(crate) struct Statements {
    /// Adds a row: parameters are the columns of the table itself.
    pub(crate) insert: String,
    /// Adds the wide part of a row, where it has a table of its own.
    pub(crate) insert_terms: Option<String>,
    /// Writes what can change where the version is still the one that was loaded: parameters tenant,
    /// id, expected version, then the columns.
    pub(crate) update: String,
    /// One row at most: parameters tenant, id and version.
    pub(crate) of_version: String,
    /// Parameters tenant and id.
    pub(crate) by_id: String,
    /// Parameters tenant, then namespace where the table has one, and number.
    pub(crate) by_number: Option<String>,
    /// The rows of a story: parameters tenant and root.
    pub(crate) of_root: String,
    /// Every row of every tenant.
    pub(crate) all: String,
    /// The rows of every tenant that need a person, newest first. Parameters: since, tenant and id that
    /// the page begins behind, kind or nothing, limit.
    pub(crate) attention: String,
    /// The same of one tenant, which follows the other parameters.
    pub(crate) attention_of_tenant: String,
    /// How many rows need a person and since when, by kind.
    pub(crate) attention_counts: String,
    /// The first row whose transfers do not hold what it says that it holds.
    pub(crate) held_differs: String,
    /// The first subject of a transfer that holds or releases and that is not a row.
    pub(crate) hold_without_row: String,
    /// The first row that is open and has no task.
    pub(crate) open_without_task: String,
}

/// An aggregate with its statements.
pub(crate) trait SqlRow: Stored {
    /// The statements, made when first needed.
    fn sql() -> &'static Statements;
}

macro_rules! statements {
    ($($rows:ident: $row:ident,)*) => {
        $(
            impl SqlRow for kernel::$row {
                fn sql() -> &'static Statements {
                    static SQL: LazyLock<Statements> = LazyLock::new(Statements::of::<kernel::$row>);
                    &SQL
                }
            }
        )*

        /// The statements of every aggregate.
        #[cfg(test)]
        pub(super) fn every() -> Vec<&'static Statements> {
            vec![$(<kernel::$row as SqlRow>::sql(),)*]
        }
    };
}
kernel::aggregates!(statements);

impl Statements {
    fn of<A: Stored>() -> Statements {
        let (table, noun) = (A::TABLE, noun::<A>());
        let name = table.name;
        let select = select(table, "");
        Statements {
            insert: insert(name, &table.own_columns()),
            insert_terms: table.terms.map(|terms| insert(terms, &table.terms_columns())),
            update: update(table),
            of_version: format!(
                "SELECT 1 FROM {name} WHERE tenant = ?1 AND id = ?2 AND version = ?3"
            ),
            by_id: format!("{select} WHERE tenant = ?1 AND id = ?2"),
            by_number: table.number.map(|number| match number {
                NumberColumns { namespace: Some(namespace), number } => {
                    format!("{select} WHERE tenant = ?1 AND {namespace} = ?2 AND {number} = ?3")
                }
                NumberColumns { namespace: None, number } => {
                    format!("{select} WHERE tenant = ?1 AND {number} = ?2")
                }
            }),
            of_root: format!(
                "{select} WHERE tenant = ?1 AND id IN (
                     SELECT subject_id FROM events
                     WHERE tenant = ?1 AND root = ?2 AND subject_kind = '{noun}'
                     UNION ALL
                     SELECT subject_id FROM archived_events
                     WHERE tenant = ?1 AND root = ?2 AND subject_kind = '{noun}')"
            ),
            all: format!("{select} ORDER BY id"),
            attention: format!(
                "{} WHERE attention IS NOT NULL AND attention_since <= ?1
                     AND (attention_since < ?1 OR (tenant, id) > (?2, ?3))
                     AND (?4 IS NULL OR attention_kind = ?4)
                 ORDER BY attention_since DESC, tenant, id LIMIT ?5",
                self::select(table, &format!(" INDEXED BY attention_times_of_{name}"))
            ),
            attention_of_tenant: format!(
                "{} WHERE tenant = ?6 AND attention IS NOT NULL AND attention_since <= ?1
                     AND (attention_since < ?1 OR (tenant, id) > (?2, ?3))
                     AND (?4 IS NULL OR attention_kind = ?4)
                 ORDER BY attention_since DESC, id LIMIT ?5",
                self::select(table, &format!(" INDEXED BY attention_of_{name}"))
            ),
            attention_counts: format!(
                "SELECT attention_kind, count(*), min(attention_since)
                 FROM {name} INDEXED BY attention_times_of_{name}
                 WHERE attention IS NOT NULL GROUP BY attention_kind"
            ),
            // The transfers are read from end to end once; few of them hold or release.
            held_differs: format!(
                "SELECT {name}.tenant, id FROM {name} LEFT JOIN (
                     SELECT tenant, subject_id,
                         sum(CASE phase WHEN 'hold' THEN amount ELSE -amount END) AS moved
                     FROM transfers WHERE subject_kind = '{noun}' AND phase <> 'post'
                     GROUP BY tenant, subject_id) AS holds
                 ON holds.tenant = {name}.tenant AND holds.subject_id = {name}.id
                 WHERE held <> coalesce(moved, 0)
                 ORDER BY {name}.tenant, id LIMIT 1"
            ),
            hold_without_row: format!(
                "SELECT tenant, subject_id FROM transfers
                 WHERE subject_kind = '{noun}' AND phase <> 'post' AND NOT EXISTS (
                     SELECT 1 FROM {name}
                     WHERE {name}.tenant = transfers.tenant AND {name}.id = subject_id)
                 ORDER BY tenant, subject_id LIMIT 1"
            ),
            open_without_task: format!(
                "SELECT tenant, id FROM {name}
                 WHERE next_poll_at IS NOT NULL AND NOT EXISTS (
                     SELECT 1 FROM tasks WHERE tasks.tenant = {name}.tenant
                         AND subject_kind = '{noun}' AND subject_id = {name}.id)
                 ORDER BY tenant, id LIMIT 1"
            ),
        }
    }
}

/// `SELECT` of all columns; a condition follows. `index` follows the table's name.
///
/// The table itself comes before the one of its wide columns: SQLite would choose by figures that it
/// does not have.
pub(super) fn select(table: &RowTable, index: &str) -> String {
    let (columns, name) = (list(&table.columns()), table.name);
    match table.terms {
        Some(terms) => {
            format!("SELECT {columns} FROM {name}{index} CROSS JOIN {terms} USING (tenant, id)")
        }
        None => format!("SELECT {columns} FROM {name}{index}"),
    }
}

fn update(table: &RowTable) -> String {
    let columns = table.mutable_columns();
    // Tenant, id and expected version come first.
    let first = KEY_LEN + 2;
    let sets: Vec<String> = (first..)
        .zip(&columns)
        .map(|(mark, column)| format!("{} = ?{mark}", column.name))
        .collect();
    let (name, sets) = (table.name, sets.join(", "));
    format!("UPDATE {name} SET {sets} WHERE tenant = ?1 AND id = ?2 AND version = ?3")
}
