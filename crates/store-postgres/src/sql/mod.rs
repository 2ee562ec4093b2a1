//! Every statement of this store, as text.
//!
//! A statement that writes or locks names one tenant by equality with its first parameter, so that it
//! runs on one node of a distributed PostgreSQL; the tests beside this file hold every text to that.
//!
//! - `rows`: made from the description of each aggregate's row: inserts, updates, reads by id, by
//!   number and by story, and the rules that every aggregate keeps.
//! - `commit`: what a commit writes besides. `claim`: tasks. `read`: listings and other questions.
//! - `audit`: the questions that prove the books. `session`: transactions and settings.

pub(crate) mod audit;
pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod read;
pub(crate) mod rows;
pub(crate) mod session;
#[cfg(test)]
mod tests;

use store::rows::{Column, Type, list};

/// A statement that is prepared once for each connection.
#[derive(Debug)]
pub(crate) struct Sql {
    /// What the cache of prepared statements knows it by.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Declares statements, made when they are first needed, and the list of them all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: std::sync::LazyLock<crate::sql::Sql> =
                std::sync::LazyLock::new(|| crate::sql::Sql {
                    name: concat!(module_path!(), "::", stringify!($name)).to_owned(),
                    text: ($text).to_string(),
                });
        )*
        #[cfg(test)]
        pub(crate) fn every() -> Vec<&'static crate::sql::Sql> {
            vec![$(&*$name),*]
        }
    };
}
pub(crate) use statements;

/// The type of a column's cells in one array.
const fn array_type(column: &Column) -> &'static str {
    match column.ty {
        Type::Int => "bigint[]",
        Type::Text => "text[]",
    }
}

/// A set of rows out of one array a column, the first of them the second parameter.
fn unnest(columns: &[Column]) -> String {
    let arrays: Vec<String> = (2..)
        .zip(columns)
        .map(|(parameter, column)| format!("${parameter}::{}", array_type(column)))
        .collect();
    format!("unnest({})", arrays.join(", "))
}

/// Inserts rows of a table whose first column is the tenant: the first parameter, the others follow.
fn insert(table: &str, columns: &[Column]) -> String {
    format!(
        "INSERT INTO {table} ({}) SELECT $1::text, row.* FROM {} AS row",
        list(columns),
        unnest(&columns[1..])
    )
}
