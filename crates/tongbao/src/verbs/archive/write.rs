//! Moving finished stories out of the database.
//!
//! The file of a few hundred stories is written and flushed, with its folder, before the commit that
//! deletes them. A file's name ends in the beginning of its hash: two runs that see the same stories make
//! the same file. So no run overwrites or removes a file, which may be the one that the record of another
//! names. Refused or killed before its commit, a run leaves a file that perhaps no record names, and
//! nothing is deleted.

use super::{chain, say};
use anyhow::{Context, Result, bail};
use crypto::hash::sha256_hex;
use kernel::TenantId;
use ledger::{SubjectKind, Timestamp};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::mem::take;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use store::archive::{file_text, is_finished};
use store::{
    Archival, ArchiveCover, Archives, CommitFault, Store, StoriesWithEvents, Story, StoryOf,
};

/// Stories in one file and one commit: some thousand rows, so that no commit of others waits long.
const STORIES_MAX: usize = 500;
/// Stories that are looked for at once.
const STORIES_PAGE: u32 = 500;
/// Characters of a file's hash in its name.
const HASH_IN_NAME_LEN: usize = 12;

/// What was archived, or would be.
#[derive(Default)]
pub(crate) struct Totals {
    files: usize,
    stories: usize,
    events: BTreeMap<SubjectKind, u64>,
    bytes: usize,
    /// Stories that were left for the next run.
    left: usize,
}

impl Totals {
    pub(super) fn add(&mut self, other: Totals) {
        self.files += other.files;
        self.stories += other.stories;
        self.bytes += other.bytes;
        self.left += other.left;
        for (kind, count) in other.events {
            *self.events.entry(kind).or_default() += count;
        }
    }

    /// Whether something is left that could have been archived.
    pub(super) const fn is_partial(&self) -> bool {
        self.left > 0
    }

    pub(super) fn text(&self) -> String {
        let (files, stories, bytes) = (self.files, self.stories, self.bytes);
        let of_kinds =
            self.events.iter().map(|(kind, count)| format!("{count} of {}s", kind.name()));
        let of_kinds: Vec<String> = of_kinds.collect();
        let events = match of_kinds.is_empty() {
            true => "no events".to_owned(),
            false => format!("events: {}", of_kinds.join(", ")),
        };
        format!("{stories} stories in {files} files of {bytes} bytes; {events}")
    }
}

/// A run over one database.
pub(super) struct Archiver<'a> {
    pub(super) store: &'a dyn Store,
    /// The code of the installation, which is part of the names of files.
    pub(super) installation: String,
    /// Where files go; nothing when they are only counted.
    pub(super) folder: Option<&'a Path>,
    pub(super) made_at: Timestamp,
    pub(super) ended_before: Timestamp,
}

impl Archiver<'_> {
    /// Archives what is finished of a tenant, up to what must be left for the next run.
    pub(super) async fn archive(&self, tenant: &TenantId) -> Result<Totals> {
        let (mut totals, mut waiting, mut after) = (Totals::default(), vec![], None);
        loop {
            let page = StoriesWithEvents { tenant: tenant.clone(), after, limit: STORIES_PAGE };
            let roots = self.store.ask(page).await?;
            after = roots.last().copied();
            for root in &roots {
                let of = StoryOf { tenant: tenant.clone(), root: *root };
                let Some(story) = self.store.ask(of).await? else { continue };
                // Ids grow with time: what follows was placed later still.
                if story.order().is_some_and(|order| order.terms.placed_at >= self.ended_before) {
                    after = None;
                    break;
                }
                if is_finished(&story, self.ended_before) {
                    waiting.push(*story);
                }
                if waiting.len() == STORIES_MAX {
                    totals.add(self.put(tenant, take(&mut waiting)).await?);
                }
                if totals.is_partial() {
                    return Ok(totals);
                }
            }
            if after.is_none() {
                totals.add(self.put(tenant, waiting).await?);
                return Ok(totals);
            }
        }
    }

    /// Writes a file, and then commits that its stories lie there.
    async fn put(&self, tenant: &TenantId, stories: Vec<Story>) -> Result<Totals> {
        let text = file_text(&stories);
        let sha256 = sha256_hex(text.as_bytes());
        let newest = Archives { tenant: tenant.clone(), before: None, limit: 1 };
        let previous = self.store.ask(newest).await?.pop();
        let number = previous.as_ref().map_or(1, |record| record.number + 1);
        let file = self.file_name(tenant, number, &sha256);
        let cover = ArchiveCover {
            tenant: tenant.clone(),
            number,
            made_at: self.made_at,
            ended_before: self.ended_before,
            file: file.clone(),
            sha256,
        };
        let Some(mut archival) = Archival::of(cover, &stories) else {
            return Ok(Totals::default());
        };
        archival.record.chain = chain(&archival.record, previous.as_ref());
        let (events, bytes) = (archival.record.events.clone(), text.len());
        let totals = Totals { files: 1, stories: stories.len(), events, bytes, left: 0 };
        let Some(folder) = self.folder else { return Ok(totals) };
        let path = folder.join(file);
        write_durably(path.clone(), text).await?;
        match self.store.archive(&archival).await {
            Ok(()) => {}
            // Nothing was deleted: the next run finds these stories as they are then.
            Err(CommitFault::Stale(why)) => {
                return Ok(leave(&stories, &format!("{why} has changed")));
            }
            Err(CommitFault::Busy(why)) => {
                return Ok(leave(&stories, &format!("rows are locked: {why}")));
            }
            Err(fault) => {
                return Err(fault).with_context(|| format!("{} is not committed", path.display()));
            }
        }
        say(&format!("{} holds {} stories", path.display(), stories.len()));
        say(&format!("chain of tenant {tenant} at {number}: {}", archival.record.chain));
        Ok(totals)
    }

    fn file_name(&self, tenant: &TenantId, number: i64, sha256: &str) -> String {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let tenant: String =
            tenant.as_str().chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
        let hash: String = sha256.chars().take(HASH_IN_NAME_LEN).collect();
        format!("{}-{tenant}-{number:06}-{hash}.jsonl", self.installation)
    }
}

fn leave(stories: &[Story], why: &str) -> Totals {
    say(&format!("left {} stories for the next run: {why}", stories.len()));
    Totals { left: stories.len(), ..Totals::default() }
}

/// Writes a file that only its owner may read; when this is done, the file survives a power loss.
async fn write_durably(path: PathBuf, text: String) -> Result<()> {
    let name = path.display().to_string();
    let write = move || -> Result<()> {
        let folder = path.parent().unwrap_or(Path::new(""));
        make_durably(folder)?;
        let mut file = tempfile::Builder::new().prefix(".part-").tempfile_in(named(folder))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(&path) {
            Ok(_) => {}
            Err(fault) if fault.error.kind() == io::ErrorKind::AlreadyExists => {
                check_same(&path, &text)?;
            }
            Err(fault) => return Err(fault.error.into()),
        }
        Ok(sync(folder)?)
    };
    tokio::task::spawn_blocking(write).await?.with_context(|| format!("{name} is not written"))
}

/// Another run may have written the same stories; what else has the name is never overwritten.
fn check_same(path: &Path, text: &str) -> Result<()> {
    if std::fs::read(path)? != text.as_bytes() {
        bail!("a file with other content has its name");
    }
    Ok(File::open(path)?.sync_all()?)
}

/// Makes a folder with those above it; each that is new survives a power loss.
fn make_durably(folder: &Path) -> io::Result<()> {
    let is_new = |above: &&Path| !named(above).exists();
    let new: Vec<&Path> = folder.ancestors().take_while(is_new).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(named(folder))?;
    new.into_iter().filter_map(Path::parent).try_for_each(sync)
}

/// Flushes which names a folder has.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(named(folder))?.sync_all()
}

/// The folder, also where it is the one that the program was started in.
fn named(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
