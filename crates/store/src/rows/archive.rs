//! The records of archives, and which events lie in them.

use super::cells::{Cells, Source, Table, Value, int, text};
use crate::StoreFault;
use crate::archive::{ArchiveRecord, ArchivedEvents};
use kernel::TenantId;
use ledger::SubjectKind;
use std::collections::BTreeMap;

/// The record of an archive.
pub static ARCHIVES: Table = Table {
    name: "archives",
    columns: &[
        text("tenant"),
        int("number"),
        int("made_at"),
        int("ended_before"),
        text("file"),
        text("sha256"),
        int("stories"),
        int("event_count"),
        text("events"),
        int("first_event"),
        int("last_event"),
        text("chain"),
    ],
};

/// Where the chain stands among the columns, behind everything that it is the hash of.
pub const CHAIN_AT: usize = 11;

/// The events of a subject that lie in an archive.
pub static ARCHIVED_EVENTS: Table = Table {
    name: "archived_events",
    columns: &[
        text("tenant"),
        int("root"),
        text("subject_kind"),
        int("subject_id"),
        int("archive"),
        int("event_count"),
        int("last_sequence"),
    ],
};

/// The same with the file of the archive, as a story has it.
pub static ARCHIVED_EVENTS_OF_STORY: Table = Table {
    name: "archived_events",
    columns: &[
        int("root"),
        text("subject_kind"),
        int("subject_id"),
        int("archive"),
        int("event_count"),
        int("last_sequence"),
        text("file"),
        text("sha256"),
    ],
};

/// The cells of a record.
pub fn row(record: &ArchiveRecord) -> Vec<Value<'_>> {
    let by_kind = record.events.iter().map(|(kind, count)| (kind.name(), *count));
    let by_kind: BTreeMap<&str, u64> = by_kind.collect();
    let by_kind = serde_json::to_string(&by_kind).expect("texts and numbers are always JSON");
    vec![
        Value::text(record.tenant.as_str()),
        Value::Int(record.number),
        Value::Int(record.made_at.ms()),
        Value::Int(record.ended_before.ms()),
        Value::text(&record.file),
        Value::text(&record.sha256),
        count(record.stories),
        count(record.event_count()),
        Value::owned(by_kind),
        Value::Int(record.first_event.value()),
        Value::Int(record.last_event.value()),
        Value::text(&record.chain),
    ]
}

/// Reads the cells of a record.
///
/// # Errors
/// When a cell holds what no record can have.
pub fn read(cells: &[Value<'_>]) -> Result<ArchiveRecord, StoreFault> {
    let mut cells = Cells::new(Source::Table(&ARCHIVES), cells);
    let tenant = TenantId::new(cells.text()?);
    let (number, made_at, ended_before) = (cells.int()?, cells.time()?, cells.time()?);
    let (file, sha256) = (cells.text()?.to_owned(), cells.text()?.to_owned());
    let stories = cells.count()?;
    let event_count: u64 = cells.count()?;
    let by_kind = cells.text()?;
    let events = read_counts(by_kind)
        .filter(|events| events.values().sum::<u64>() == event_count)
        .ok_or_else(|| cells.fault("counts that do not fit their sum"))?;
    let (first_event, last_event) = (cells.id()?, cells.id()?);
    let chain = cells.text()?.to_owned();
    Ok(ArchiveRecord {
        tenant,
        number,
        made_at,
        ended_before,
        file,
        sha256,
        stories,
        events,
        first_event,
        last_event,
        chain,
    })
}

fn read_counts(text: &str) -> Option<BTreeMap<SubjectKind, u64>> {
    let by_kind: BTreeMap<String, u64> = serde_json::from_str(text).ok()?;
    by_kind.into_iter().map(|(kind, count)| Some((SubjectKind::from_name(&kind)?, count))).collect()
}

/// The cells of a subject's events.
pub fn events_row<'a>(tenant: &'a TenantId, events: &ArchivedEvents) -> Vec<Value<'a>> {
    vec![
        Value::text(tenant.as_str()),
        Value::Int(events.root.value()),
        Value::text(events.subject.kind.name()),
        Value::Int(events.subject.value),
        Value::Int(events.archive),
        count(events.event_count),
        Value::Int(events.last_sequence),
    ]
}

/// Reads the cells of [`ARCHIVED_EVENTS_OF_STORY`].
///
/// # Errors
/// When a cell holds what no such row can have.
pub fn read_events(cells: &[Value<'_>]) -> Result<ArchivedEvents, StoreFault> {
    let mut cells = Cells::new(Source::Table(&ARCHIVED_EVENTS_OF_STORY), cells);
    let root = cells.id()?;
    let subject = cells.subject()?;
    Ok(ArchivedEvents {
        subject,
        root,
        archive: cells.int()?,
        event_count: cells.count()?,
        last_sequence: cells.int()?,
        file: cells.text()?.to_owned(),
        sha256: cells.text()?.to_owned(),
    })
}

fn count(number: u64) -> Value<'static> {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
