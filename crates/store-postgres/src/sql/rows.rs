//! Statements about the rows of an aggregate, made once from the description of its row.

use super::{Sql, insert, unnest};
use std::sync::LazyLock;
use store::rows::{Column, NumberColumns, RowTable, Stored, Type, list, noun};

/// The statements about one aggregate. The tenant is the first parameter of each that is about one
/// tenant.
#[derive(Debug)]
pub(crate) struct Statements {
    /// Adds rows: an array for each of the table's own columns behind the tenant.
    pub(crate) insert: Sql,
    /// Adds the wide part of rows, where it has a table of its own.
    pub(crate) insert_terms: Option<Sql>,
    /// Writes what can change where the versions are still those that were loaded, and fails where one
    /// is not: arrays of id and expected version, then of the columns.
    pub(crate) update: Sql,
    /// Locks rows against changes, and fails where one is not there in its version: arrays of ids and
    /// versions.
    pub(crate) expect: Sql,
    /// An array of ids.
    pub(crate) by_ids: Sql,
    /// A namespace, where the table has them, and an array of numbers in it.
    pub(crate) by_numbers: Option<Sql>,
    /// The rows of a story, by its root.
    pub(crate) of_root: Sql,
    /// Every row of every tenant.
    pub(crate) all: Sql,
    /// The rows of every tenant that need a person, newest first. Parameters: since, tenant and id that
    /// the page begins behind, kind or nothing, limit.
    pub(crate) attention: Sql,
    /// The same of one tenant, which comes before the other parameters.
    pub(crate) attention_of_tenant: Sql,
    /// How many rows need a person and since when, by kind.
    pub(crate) attention_counts: Sql,
    /// The first row whose transfers do not hold what it says that it holds.
    pub(crate) held_differs: Sql,
    /// The first subject of a transfer that holds or releases and that is not a row.
    pub(crate) hold_without_row: Sql,
    /// The first row that is open and has no task.
    pub(crate) open_without_task: Sql,
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
                    static SQL: LazyLock<Statements> =
                        LazyLock::new(Statements::of::<kernel::$row>);
                    &SQL
                }
            }
        )*

        /// The tables of every aggregate, in the order of the schema.
        pub(crate) fn tables() -> Vec<&'static str> {
            let mut tables = vec![];
            $(
                tables.push(<kernel::$row as Stored>::TABLE.name);
                tables.extend(<kernel::$row as Stored>::TABLE.terms);
            )*
            tables
        }

        /// The statements of every aggregate.
        #[cfg(test)]
        pub(crate) fn every() -> Vec<&'static Statements> {
            vec![$(<kernel::$row as SqlRow>::sql(),)*]
        }
    };
}
kernel::aggregates!(statements);

impl Statements {
    fn of<A: Stored>() -> Statements {
        let (table, noun) = (A::TABLE, noun::<A>());
        let name = table.name;
        let select = table.select();
        let sql = |what: &str, text: String| Sql { name: format!("{name}::{what}"), text };
        Statements {
            insert: sql("insert", insert(name, &table.own_columns())),
            insert_terms: table
                .terms
                .map(|terms| sql("insert_terms", insert(terms, &table.terms_columns()))),
            update: sql("update", update(table, noun)),
            expect: sql(
                "expect",
                format!(
                    "WITH found AS (
                        SELECT 1 FROM {name}
                        JOIN unnest($2::bigint[], $3::bigint[]) AS row (id, version)
                            ON {name}.id = row.id AND {name}.version = row.version
                        WHERE {name}.tenant = $1 FOR SHARE OF {name})
                    SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, '{noun}')
                    FROM found"
                ),
            ),
            by_ids: sql("by_ids", format!("{select} WHERE tenant = $1 AND id = ANY($2::bigint[])")),
            by_numbers: table
                .number
                .map(|number| sql("by_numbers", format!("{select} {}", numbered(number)))),
            of_root: sql(
                "of_root",
                format!(
                    "{select} WHERE tenant = $1 AND id IN (
                        SELECT subject_id FROM events
                        WHERE tenant = $1 AND root = $2 AND subject_kind = '{noun}'
                        UNION ALL
                        SELECT subject_id FROM archived_events
                        WHERE tenant = $1 AND root = $2 AND subject_kind = '{noun}')"
                ),
            ),
            all: sql("all", format!("{select} ORDER BY id, tenant")),
            attention: sql(
                "attention",
                format!(
                    "{select} WHERE attention IS NOT NULL AND attention_since <= $1::bigint
                        AND (attention_since < $1 OR (tenant, id) > ($2::text, $3::bigint))
                        AND ($4::text IS NULL OR attention_kind = $4)
                    ORDER BY attention_since DESC, tenant, id LIMIT $5::bigint"
                ),
            ),
            attention_of_tenant: sql(
                "attention_of_tenant",
                format!(
                    "{select} WHERE tenant = $1 AND attention IS NOT NULL
                        AND attention_since <= $2::bigint
                        AND (attention_since < $2 OR (tenant, id) > ($3::text, $4::bigint))
                        AND ($5::text IS NULL OR attention_kind = $5)
                    ORDER BY attention_since DESC, id LIMIT $6::bigint"
                ),
            ),
            attention_counts: sql(
                "attention_counts",
                format!(
                    "SELECT attention_kind, count(*), min(attention_since) FROM {name}
                    WHERE attention IS NOT NULL GROUP BY attention_kind"
                ),
            ),
            // The transfers are read from end to end once; few of them hold or release.
            held_differs: sql(
                "held_differs",
                format!(
                    "SELECT {name}.tenant, {name}.id FROM {name} LEFT JOIN (
                        SELECT tenant, subject_id,
                            sum(CASE phase WHEN 'hold' THEN amount ELSE -amount END) AS moved
                        FROM transfers WHERE subject_kind = '{noun}' AND phase <> 'post'
                        GROUP BY tenant, subject_id) AS holds
                    ON holds.tenant = {name}.tenant AND holds.subject_id = {name}.id
                    WHERE {name}.held <> coalesce(moved, 0)
                    ORDER BY {name}.tenant, {name}.id LIMIT 1"
                ),
            ),
            hold_without_row: sql(
                "hold_without_row",
                format!(
                    "SELECT tenant, subject_id FROM transfers
                    WHERE subject_kind = '{noun}' AND phase <> 'post' AND NOT EXISTS (
                        SELECT 1 FROM {name}
                        WHERE {name}.tenant = transfers.tenant AND {name}.id = subject_id)
                    ORDER BY tenant, subject_id LIMIT 1"
                ),
            ),
            open_without_task: sql(
                "open_without_task",
                format!(
                    "SELECT tenant, id FROM {name}
                    WHERE next_poll_at IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM tasks WHERE tasks.tenant = {name}.tenant
                            AND subject_kind = '{noun}' AND subject_id = {name}.id)
                    ORDER BY tenant, id LIMIT 1"
                ),
            ),
        }
    }
}

/// The condition of a read by numbers. The whole key stands in it, so that even a plan which was made
/// while the table was empty looks for the numbers and not through all of a tenant's rows.
fn numbered(NumberColumns { namespace, number }: NumberColumns) -> String {
    match namespace {
        Some(namespace) => {
            format!("WHERE tenant = $1 AND {namespace} = $2 AND {number} = ANY($3::text[])")
        }
        None => format!("WHERE tenant = $1 AND {number} = ANY($2::text[])"),
    }
}

/// Writes what can change. The guard fails where fewer rows were written than were sent.
fn update(table: &RowTable, noun: &str) -> String {
    const fn number(name: &'static str) -> Column {
        Column::new(name, Type::Int)
    }
    let mutable = table.mutable_columns();
    let sets: Vec<String> =
        mutable.iter().map(|column| format!("{0} = row.{0}", column.name)).collect();
    let sent = [&[number("id"), number("expected")][..], &mutable].concat();
    let (name, sets) = (table.name, sets.join(", "));
    format!(
        "WITH written AS (
            UPDATE {name} SET {sets} FROM {} AS row ({})
            WHERE {name}.tenant = $1 AND {name}.id = row.id AND {name}.version = row.expected
            RETURNING 1)
        SELECT tongbao_expect(count(*), cardinality($2::bigint[])::bigint, '{noun}')
        FROM written",
        unnest(&sent),
        list(&sent)
    )
}
