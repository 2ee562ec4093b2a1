//! Every statement of this store, as text.
//!
//! A statement that writes or locks names one tenant by equality with its first parameter, so that it
//! runs on one node of a distributed PostgreSQL; the tests beside this file hold every text to that.
//!
//! - `commit`: what a commit writes. `claim`: tasks. `read`: loading and answering queries.
//! - `columns`: lists of columns. `audit`: the questions that prove the books. `session`: transactions and settings.

#[macro_use]
mod columns;

pub(crate) mod audit;
pub(crate) mod claim;
pub(crate) mod commit;
pub(crate) mod read;
pub(crate) mod session;
#[cfg(test)]
mod tests;

/// A statement that is prepared once for each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql {
    /// What the cache of prepared statements knows it by.
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
}

/// Declares statements, and the list of them all.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) const $name: crate::sql::Sql = crate::sql::Sql {
                name: concat!(module_path!(), "::", stringify!($name)),
                text: $text,
            };
        )*
        #[cfg(test)]
        pub(crate) const ALL: &[crate::sql::Sql] = &[$($name),*];
    };
}
pub(crate) use statements;
