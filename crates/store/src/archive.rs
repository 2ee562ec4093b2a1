//! Archives: the events and notifications of finished stories, moved out of the database into files.
//!
//! An archive is one file and, in the database, one [`ArchiveRecord`], both of one tenant. The record
//! names the file, its SHA-256 and what was removed, and is chained to the record before it. For each
//! subject whose events were removed, [`ArchivedEvents`] say how many of them lie in which archive, so
//! that an audit can tell what was archived from what was lost. Orders, refunds, transfers and balances
//! stay: a repeated number is answered as before, and the ledger stays whole.
//!
//! The file holds a story in each line, as a JSON object: the rows of the story as its events rebuild
//! them, and the events. A file can be read without the database.

use crate::Story;
use crate::rows::{Object, Stored, Value, archive, event, logged_cells, noun, read};
use kernel::{Event, Row, TenantId, View};
use ledger::{Id, Subject, SubjectKind, Timestamp, kinds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the database keeps about an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRecord {
    /// The owner of the events.
    pub tenant: TenantId,
    /// Counts the archives of the tenant, from 1.
    pub number: i64,
    /// When it was made.
    pub made_at: Timestamp,
    /// The last event of each of its stories happened before this instant.
    pub ended_before: Timestamp,
    /// The name of the file, without a folder.
    pub file: String,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
    /// How many stories it has.
    pub stories: u64,
    /// How many events it has, by what they are about.
    pub events: BTreeMap<SubjectKind, u64>,
    /// The smallest id of an event.
    pub first_event: Id<kinds::Event>,
    /// The largest id of an event.
    pub last_event: Id<kinds::Event>,
    /// The SHA-256 of [`ArchiveRecord::link`], in hex.
    pub chain: String,
}

impl ArchiveRecord {
    /// What the record's place in the chain is the hash of: the chain of the record before it (nothing
    /// before the first), and everything else that this one says.
    pub fn link(&self, previous: &str) -> String {
        let cells = archive::row(self);
        let columns = archive::ARCHIVES.columns;
        let object = Object::of(&columns[..archive::CHAIN_AT], &cells[..archive::CHAIN_AT]);
        format!("{previous}\n{}", json(&object))
    }

    /// How many events it has.
    pub fn event_count(&self) -> u64 {
        self.events.values().sum()
    }
}

/// The events of a subject that lie in an archive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivedEvents {
    /// The subject.
    pub subject: Subject,
    /// The story that it belongs to.
    pub root: Id<kinds::Root>,
    /// The number of the archive.
    pub archive: i64,
    /// How many events.
    pub event_count: u64,
    /// The sequence of the last of them.
    pub last_sequence: i64,
    /// The name of the archive's file.
    pub file: String,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
}

/// What a record says that does not follow from its stories.
#[derive(Clone, Debug)]
pub struct ArchiveCover {
    /// The owner.
    pub tenant: TenantId,
    /// The number of the archive.
    pub number: i64,
    /// When it is made.
    pub made_at: Timestamp,
    /// The bound of its stories.
    pub ended_before: Timestamp,
    /// The name of the file.
    pub file: String,
    /// The SHA-256 of the file, in hex.
    pub sha256: String,
}

/// What one commit moves out of the database, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archival {
    /// The record to add; its number must be new.
    pub record: ArchiveRecord,
    /// What lies in the archive from now on.
    pub archived: Vec<ArchivedEvents>,
    /// The events to delete; each must be there.
    pub events: Vec<(Id<kinds::Root>, Id<kinds::Event>)>,
    /// The notifications to delete, each of which must be there in this version.
    pub notifications: Vec<(Id<kinds::Notification>, i64)>,
    /// The rows of the stories that stay, each of which must be there in this version: a story that went
    /// on is not finished any more.
    pub kept: Vec<(Subject, i64)>,
}

impl Archival {
    /// The removal of these stories' events and notifications; `None` when there are no events. The
    /// record is not chained yet.
    pub fn of(cover: ArchiveCover, stories: &[Story]) -> Option<Archival> {
        let all = || stories.iter().flat_map(|story| &story.events);
        let (first, last) =
            (all().map(|event| event.id).min()?, all().map(|event| event.id).max()?);
        let mut events = BTreeMap::new();
        let mut archived: BTreeMap<Subject, ArchivedEvents> = BTreeMap::new();
        for event in all() {
            *events.entry(event.subject.kind).or_default() += 1;
            let of_subject = archived.entry(event.subject).or_insert_with(|| ArchivedEvents {
                subject: event.subject,
                root: event.root,
                archive: cover.number,
                event_count: 0,
                last_sequence: 0,
                file: cover.file.clone(),
                sha256: cover.sha256.clone(),
            });
            of_subject.event_count += 1;
            of_subject.last_sequence = of_subject.last_sequence.max(event.sequence);
        }
        let rows = || stories.iter().flat_map(|story| &story.rows);
        let kept = rows().filter(|row| removed(row).is_none());
        Some(Archival {
            archived: archived.into_values().collect(),
            events: all().map(|event| (event.root, event.id)).collect(),
            notifications: rows().filter_map(removed).collect(),
            kept: kept.map(|row| (row.subject(), row.version())).collect(),
            record: ArchiveRecord {
                tenant: cover.tenant,
                number: cover.number,
                made_at: cover.made_at,
                ended_before: cover.ended_before,
                file: cover.file,
                sha256: cover.sha256,
                stories: u64::try_from(stories.len()).unwrap_or(u64::MAX),
                events,
                first_event: first,
                last_event: last,
                chain: String::new(),
            },
        })
    }
}

/// A row that leaves the database with its events, and its version.
fn removed(row: &Row) -> Option<(Id<kinds::Notification>, i64)> {
    match row {
        Row::Notification(notification) => Some((notification.id, notification.version)),
        Row::Order(_)
        | Row::Refund(_)
        | Row::Approval(_)
        | Row::Payee(_)
        | Row::Share(_)
        | Row::ShareReturn(_)
        | Row::Allocation(_)
        | Row::AllocationRelease(_)
        | Row::Withdrawal(_)
        | Row::CardBatch(_)
        | Row::CardQuota(_)
        | Row::Recharge(_)
        | Row::Card(_)
        | Row::CardTransfer(_)
        | Row::CardBinding(_)
        | Row::Wallet(_)
        | Row::WalletPayment(_)
        | Row::WalletFreeze(_)
        | Row::Agreement(_)
        | Row::Tenant(_)
        | Row::Merchant(_)
        | Row::CallerKey(_)
        | Row::ChannelAccount(_) => None,
    }
}

/// Whether a story is an order's or a withdrawal's with which nothing will happen any more by itself, and
/// whose last event lies before this instant.
pub fn is_finished(story: &Story, ended_before: Timestamp) -> bool {
    let is_settled = |row: &Row| {
        let standing = row.standing();
        !standing.is_open() && standing.attention.is_none() && standing.holds.is_empty()
    };
    (story.order().is_some() || story.withdrawal().is_some())
        && story.tasks.is_empty()
        && story.rows.iter().all(is_settled)
        && story.events.iter().map(|event| event.at).max().is_some_and(|last| last < ended_before)
}

/// The text of an archive's file.
pub fn file_text(stories: &[Story]) -> String {
    stories.iter().map(|story| line(story) + "\n").collect()
}

/// A story as a file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchivedStory {
    /// The rows as their events rebuild them, when they were archived.
    pub rows: Vec<Row>,
    /// The events, in order of ids.
    pub events: Vec<Event>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    rows: Vec<LineRow>,
    events: Vec<Object>,
}

#[derive(Serialize, Deserialize)]
struct LineRow {
    kind: String,
    cells: Object,
}

fn line(story: &Story) -> String {
    let cells = |event| Object::of(event::EVENTS.columns, &event::row(event));
    let events = story.events.iter().map(cells).collect();
    json(&Line { rows: story.rows.iter().map(line_row).collect(), events })
}

impl ArchivedStory {
    /// Reads a line of a file.
    ///
    /// # Errors
    /// What does not fit.
    pub fn read(line: &str) -> Result<ArchivedStory, String> {
        let line: Line = serde_json::from_str(line)
            .map_err(|fault| format!("no such JSON at column {}", fault.column()))?;
        let rows: Vec<Row> = line.rows.into_iter().map(read_row).collect::<Result<_, _>>()?;
        let subjects = rows.iter().map(|row| (row.subject(), row.clone())).collect();
        let read = |object: Object| {
            let cells = object.into_cells(event::EVENTS.columns)?;
            event::read(&cells, &subjects).map_err(|fault| fault.to_string())
        };
        let events = line.events.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(ArchivedStory { rows, events })
    }
}

macro_rules! of_any {
    ($($rows:ident: $row:ident,)*) => {
        /// The cells of a row that its events keep.
        fn logged(row: &Row) -> Vec<Value<'_>> {
            match row {
                $(Row::$row(row) => logged_cells(row),)*
            }
        }

        fn line_row(row: &Row) -> LineRow {
            match row {
                $(Row::$row(row) => LineRow {
                    kind: noun::<kernel::$row>().to_owned(),
                    cells: Object::of(
                        &<kernel::$row as Stored>::TABLE.columns(),
                        &logged_cells(row),
                    ),
                },)*
            }
        }

        fn read_row(row: LineRow) -> Result<Row, String> {
            match SubjectKind::from_name(&row.kind) {
                $(Some(SubjectKind::$row) => {
                    let cells = row.cells.into_cells(&<kernel::$row as Stored>::TABLE.columns())?;
                    read(&cells).map(Row::$row).map_err(|fault| fault.to_string())
                })*
                None => Err(format!("unknown kind {:?}", row.kind)),
            }
        }
    };
}
kernel::aggregates!(of_any);

/// The first of the rows that its events do not rebuild, except for what events do not keep; or a subject
/// some of whose events are missing or there twice.
pub fn first_not_rebuilt<'a>(
    tenant: &TenantId,
    events: impl IntoIterator<Item = &'a Event>,
    rows: impl IntoIterator<Item = &'a Row>,
) -> Option<Subject> {
    let mut events: Vec<&Event> = events.into_iter().collect();
    events.sort_by_key(|event| (event.subject, event.sequence));
    if let Some(subject) = first_with_gap(&events) {
        return Some(subject);
    }
    let mut view = View::default();
    events.into_iter().for_each(|event| view.apply(event));
    let is_rebuilt = |row: &&Row| {
        let rebuilt = view.row(tenant, row.subject());
        rebuilt.as_ref().map(logged) == Some(logged(row))
    };
    rows.into_iter().find(|row| !is_rebuilt(row)).map(Row::subject)
}

/// The first subject whose sequences are not 1, 2, 3 and so on; the events are in their order.
fn first_with_gap(events: &[&Event]) -> Option<Subject> {
    let mut last: Option<&Event> = None;
    for event in events {
        let before = last.filter(|last| last.subject == event.subject);
        if event.sequence != before.map_or(0, |before| before.sequence) + 1 {
            return Some(event.subject);
        }
        last = Some(event);
    }
    None
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts and numbers are always JSON")
}
