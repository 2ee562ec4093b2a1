//! Every statement of this engine.
//!
//! - `rows`: made from the description of each aggregate's row: inserts, updates, reads by id, by
//!   number and by story, and the rules that every aggregate keeps.
//! - `commit`: what a commit writes besides. `claim`: tasks. `read`: listings and other questions.
//! - `audit`: the rules of the books.

pub(crate) mod audit;
pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod read;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

/// `?1, ?2, …`
fn marks(len: usize) -> String {
    let marks: Vec<String> = (1..=len).map(|mark| format!("?{mark}")).collect();
    marks.join(", ")
}

/// Inserts all of these columns.
fn insert(table: &str, columns: &[store::rows::Column]) -> String {
    let (list, marks) = (store::rows::list(columns), marks(columns.len()));
    format!("INSERT INTO {table} ({list}) VALUES ({marks})")
}
