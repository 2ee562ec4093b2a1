//! Reading archives back: their hashes, what their records count, and whether their events and those
//! that are still in the database rebuild the rows.

use super::{broken_link, records};
use anyhow::{Context, Result};
use crypto::hash::sha256_hex;
use kernel::{Event, Row, TenantId};
use ledger::{Id, Subject, SubjectKind, kinds};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use store::archive::{ArchivedStory, first_not_rebuilt};
use store::{ArchiveRecord, DirectoryOf, Store, Story, StoryOf};

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) archives: u64,
    pub(super) stories: u64,
    pub(super) events: u64,
    /// What does not fit.
    pub(super) faults: Vec<String>,
    /// What is good to know and damages nothing.
    pub(super) notes: Vec<String>,
}

/// Verifies every archive of the database against the files of a folder.
pub(super) async fn verify(store: &dyn Store, folder: &Path) -> Result<Found> {
    let mut found = Found::default();
    let mut unnamed = files(folder)?;
    for tenant in store.ask(DirectoryOf {}).await?.tenants {
        let records = records(store, &tenant.tenant).await?;
        found.faults.extend(broken_link(&records));
        let mut earlier = Earlier::default();
        for record in &records {
            unnamed.remove(&record.file);
            found.archives += 1;
            verify_file(store, folder, record, &mut earlier, &mut found).await?;
        }
    }
    let note = |file| format!("{file}: no record names it; a run ended before its commit");
    found.notes.extend(unnamed.into_iter().map(note));
    Ok(found)
}

fn files(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<std::io::Result<BTreeSet<String>>>()?;
    Ok(names.into_iter().filter(|name| name.ends_with(".jsonl")).collect())
}

/// What is known of a tenant's older archives.
#[derive(Default)]
struct Earlier {
    /// What they have of stories of which a newer one has more.
    parts: BTreeMap<Id<kinds::Root>, Vec<ArchivedStory>>,
    /// The numbers of those that are bad.
    bad: BTreeSet<i64>,
}

async fn verify_file(
    store: &dyn Store,
    folder: &Path,
    record: &ArchiveRecord,
    earlier: &mut Earlier,
    found: &mut Found,
) -> Result<()> {
    let lines = match read(folder, record) {
        Ok(lines) => lines,
        Err(why) => {
            found.faults.push(format!("{}: {why}", record.file));
            earlier.bad.insert(record.number);
            return Ok(());
        }
    };
    for line in lines {
        let Some(root) = line.events.first().map(|event| event.root) else { continue };
        found.stories += 1;
        found.events += u64::try_from(line.events.len()).unwrap_or(u64::MAX);
        let of = StoryOf { tenant: record.tenant.clone(), root };
        let Some(story) = store.ask(of).await? else {
            found.faults.push(format!("{}: order {root} is not in the database", record.file));
            continue;
        };
        let written_down = written_down(&story, record.number);
        if written_down != counted(&line.events) {
            let why = "the database has it that other events were archived";
            found.faults.push(format!("{}: order {root}: {why}", record.file));
        }
        // A file that is bad was reported; without its events there is nothing to rebuild from.
        if story.archived.iter().any(|events| earlier.bad.contains(&events.archive)) {
            continue;
        }
        earlier.parts.entry(root).or_default().push(line);
        if story.archived.iter().all(|events| events.archive <= record.number) {
            let parts = earlier.parts.remove(&root).unwrap_or_default();
            if let Some(subject) = not_rebuilt(&record.tenant, &parts, &story) {
                let why = format!("its events do not rebuild {subject}");
                found.faults.push(format!("{}: order {root}: {why}", record.file));
            }
        }
    }
    Ok(())
}

/// The lines of a file that is as its record says.
fn read(folder: &Path, record: &ArchiveRecord) -> Result<Vec<ArchivedStory>, String> {
    let text = std::fs::read(folder.join(&record.file)).map_err(|fault| fault.to_string())?;
    if sha256_hex(&text) != record.sha256 {
        return Err("its SHA-256 is not the one that its record has".to_owned());
    }
    let text = String::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    let lines = text.lines().map(ArchivedStory::read).collect::<Result<Vec<_>, _>>()?;
    let events = || lines.iter().flat_map(|line| &line.events);
    let mut by_kind: BTreeMap<SubjectKind, u64> = BTreeMap::new();
    for event in events() {
        *by_kind.entry(event.subject.kind).or_default() += 1;
    }
    let is_as_recorded = u64::try_from(lines.len()) == Ok(record.stories)
        && by_kind == record.events
        && events().map(|event| event.id).min() == Some(record.first_event)
        && events().map(|event| event.id).max() == Some(record.last_event)
        && events().all(|event| event.tenant == record.tenant);
    is_as_recorded.then_some(lines).ok_or_else(|| "its record counts other events".to_owned())
}

/// How many events of each subject there are, and the last sequence.
type Counts = BTreeMap<Subject, (u64, i64)>;

fn counted(events: &[Event]) -> Counts {
    let mut counts = Counts::new();
    for event in events {
        let count = counts.entry(event.subject).or_default();
        *count = (count.0 + 1, count.1.max(event.sequence));
    }
    counts
}

fn written_down(story: &Story, archive: i64) -> Counts {
    let own = story.archived.iter().filter(|events| events.archive == archive);
    own.map(|events| (events.subject, (events.event_count, events.last_sequence))).collect()
}

/// The first row of a story that its archived and remaining events do not rebuild. Rows that left the
/// database are those of the archives.
fn not_rebuilt(tenant: &TenantId, parts: &[ArchivedStory], story: &Story) -> Option<Subject> {
    let events = parts.iter().flat_map(|part| &part.events).chain(&story.events);
    let kept: BTreeSet<Subject> = story.rows.iter().map(Row::subject).collect();
    let left = parts.iter().flat_map(|part| &part.rows);
    let left = left.filter(|row| !kept.contains(&row.subject()));
    first_not_rebuilt(tenant, events, story.rows.iter().chain(left))
}
