//! Moving archived events and notifications out of the database, and reading what is known of them.

use crate::commit::{Writing, expect, name};
use crate::load::text;
use crate::sql::commit as sql;
use crate::sql::read;
use crate::sql::rows::SqlRow;
use crate::statement::{Select, fault};
use ledger::{Id, SubjectKind, kinds};
use rusqlite::{Connection, TransactionBehavior};
use store::rows::{Value, archive};
use store::{
    Archival, ArchiveRecord, ArchivedEvents, Archives, CommitFault, StoreFault, StoriesWithEvents,
};

/// Moves out what is archived, all of it or nothing: a transaction that is not committed is rolled back.
pub(crate) fn archive(connection: &mut Connection, archival: &Archival) -> Result<(), CommitFault> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    write(&transaction, archival)?;
    transaction.commit().map_err(fault)?;
    Ok(())
}

fn write(connection: &Connection, archival: &Archival) -> Result<(), CommitFault> {
    let (record, tenant) = (&archival.record, &archival.record.tenant);
    let mut insert = Writing::new(connection, &sql::INSERT_ARCHIVE);
    insert.add(&[&archive::row(record)], || name("archive", record.number))?;
    for (subject, version) in &archival.kept {
        let key = [text(tenant), Value::Int(subject.value), Value::Int(*version)];
        expect(connection, of_version(subject.kind), &key, || subject.to_string())?;
    }
    let mut delete = Writing::new(connection, sql::DELETE_EVENT);
    for (root, id) in &archival.events {
        let key = [text(tenant), Value::Int(root.value()), Value::Int(id.value())];
        delete.change(&[&key], || name("event", id))?;
    }
    let mut delete = Writing::new(connection, sql::DELETE_NOTIFICATION);
    for (id, version) in &archival.notifications {
        let key = [text(tenant), Value::Int(id.value()), Value::Int(*version)];
        delete.change(&[&key], || name("notification", id))?;
    }
    let mut insert = Writing::new(connection, &sql::INSERT_ARCHIVED_EVENTS);
    for events in &archival.archived {
        insert.add(&[&archive::events_row(tenant, events)], || events.subject.to_string())?;
    }
    Ok(())
}

macro_rules! of_any {
    ($($rows:ident: $row:ident,)*) => {
        /// Finds a row of this kind by tenant, id and version.
        pub(crate) fn of_version(kind: SubjectKind) -> &'static str {
            match kind {
                $(SubjectKind::$row => &kernel::$row::sql().of_version,)*
            }
        }
    };
}
kernel::aggregates!(of_any);

/// The records of a tenant, newest first.
pub(crate) fn records(
    connection: &Connection,
    of: &Archives,
) -> Result<Vec<ArchiveRecord>, StoreFault> {
    let below = Value::Int(of.before.unwrap_or(i64::MAX));
    let parameters = [text(&of.tenant), below, Value::Int(i64::from(of.limit))];
    Select::new(connection, archive::ARCHIVES.name, &read::ARCHIVES)?
        .all(&parameters, archive::read)
}

/// Which events of a story lie in archives.
pub(crate) fn of_story(
    connection: &Connection,
    key: &[Value<'_>],
) -> Result<Vec<ArchivedEvents>, StoreFault> {
    Select::new(connection, archive::ARCHIVED_EVENTS.name, read::ARCHIVED_EVENTS_OF_ROOT)?
        .all(key, archive::read_events)
}

/// The next stories of a tenant that have events.
#[expect(clippy::disallowed_methods, reason = "the value comes from an id's cell")]
pub(crate) fn stories_with_events(
    connection: &Connection,
    of: &StoriesWithEvents,
) -> Result<Vec<Id<kinds::Root>>, StoreFault> {
    let mut statement = connection.prepare_cached(read::STORIES_WITH_EVENTS).map_err(fault)?;
    let parameters = (of.tenant.as_str(), of.after.map_or(i64::MIN, Id::value), of.limit);
    let rows = statement.query_map(parameters, |row| row.get(0).map(Id::from_value));
    rows.and_then(Iterator::collect).map_err(fault)
}
