//! What an error of the database means.

use crate::cell::restore;
use std::error::Error as _;
use store::{CommitFault, StoreFault};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// The guard that counts rows.
const GUARD_STALE: &str = "TB001";
/// The guard of an account's floor; its message is the account.
const GUARD_FLOOR: &str = "TB002";

/// The database cannot be reached.
pub(crate) fn unavailable(why: impl Into<String>) -> StoreFault {
    StoreFault::Unavailable(why.into())
}

/// An error and its causes, without what a row held.
pub(crate) fn text(error: &Error) -> String {
    if let Some(said) = error.as_db_error() {
        return format!("{} ({})", said.message(), said.code().code());
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(fault) = cause {
        text = format!("{text}: {fault}");
        cause = fault.source();
    }
    text
}

/// An error as a fault of the store.
pub(crate) fn store(error: &Error) -> StoreFault {
    let away = error.as_db_error().is_none_or(is_away);
    if away { StoreFault::Unavailable(text(error)) } else { StoreFault::Failed(text(error)) }
}

/// The error of a query. One that reached a limit in time, of its own or of its wait for a lock, is
/// refused; the database is well.
pub(crate) fn query(error: &Error) -> StoreFault {
    let is_late = [&SqlState::QUERY_CANCELED, &SqlState::LOCK_NOT_AVAILABLE]
        .into_iter()
        .any(|code| error.code() == Some(code));
    if is_late { StoreFault::Overloaded(text(error)) } else { store(error) }
}

/// The server is going, coming, or full.
fn is_away(said: &DbError) -> bool {
    let code = said.code().code();
    code.starts_with("57P")
        || code.starts_with("08")
        || *said.code() == SqlState::TOO_MANY_CONNECTIONS
}

/// Whether two transactions were in each other's way, so that trying again may help.
pub(crate) fn is_collision(error: &Error) -> bool {
    [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED]
        .into_iter()
        .any(|code| error.code() == Some(code))
}

/// Whether the session is over, or in doubt: an error that was not expected ends it.
pub(crate) fn ends_session(error: &Error) -> bool {
    match error.as_db_error() {
        None => true,
        Some(said) => {
            let severe = matches!(said.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
            severe || matches!(refused(error, said), CommitFault::Store(_)) && !is_collision(error)
        }
    }
}

/// The first error of a transaction as the fault of its commit.
pub(crate) fn commit(error: &Error) -> CommitFault {
    match error.as_db_error() {
        Some(said) => refused(error, said),
        None => CommitFault::Store(store(error)),
    }
}

fn refused(error: &Error, said: &DbError) -> CommitFault {
    let code = said.code();
    match code.code() {
        GUARD_STALE => CommitFault::Stale(said.message().to_owned()),
        GUARD_FLOOR => CommitFault::Floor(restore(said.message()).into_owned()),
        _ if *code == SqlState::UNIQUE_VIOLATION => {
            CommitFault::Stale(format!("{} exists", said.constraint().unwrap_or("row")))
        }
        _ if *code == SqlState::LOCK_NOT_AVAILABLE => CommitFault::Busy(text(error)),
        _ if is_collision(error) => CommitFault::Stale(text(error)),
        _ if is_misfit(code) => {
            tracing::warn!(fault = text(error), "the database does not take a value of this batch");
            CommitFault::Stale(text(error))
        }
        _ => CommitFault::Store(store(error)),
    }
}

/// One value of the batch is not to the database's taste, or a balance would not fit. Nothing is
/// stored, and deciding again one by one finds the command that it belongs to and spares its
/// neighbours.
fn is_misfit(code: &SqlState) -> bool {
    let class = &code.code()[..2];
    class == "22" || class == "54"
}
