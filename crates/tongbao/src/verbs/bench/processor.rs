//! Processor time, as Linux counts it for each process.

use crate::database::Database;
use anyhow::Result;
use store_postgres::Backend;

/// Linux counts processor time for programs in hundredths of a second.
const MS_PER_TICK: u64 = 10;
/// How far behind the name, in `/proc/PID/stat`, the id of the parent stands.
const PARENT_AT: usize = 1;
/// The same for the user time. Three more times follow it: the system time, and both times of
/// children that have ended.
const USER_TIME_AT: usize = 11;
/// How often the processes of a server are read again because one has ended meanwhile.
const READINGS_MAX: usize = 10;

/// Processor time, in programs and in the kernel for them, in milliseconds.
pub(super) struct Cpu {
    /// Of this process.
    pub(super) own_ms: u64,
    /// Of its children that have ended: the load generator.
    pub(super) load_ms: u64,
    /// Of the database's server; `None` when it has none, or none that can be seen from here.
    pub(super) database_ms: Option<u64>,
}

/// What this process has used so far, in milliseconds.
pub(super) fn own_ms() -> u64 {
    Stat::of("self").map_or(0, |stat| stat.own_ms)
}

/// Reads how much processor time was used.
pub(super) struct Meter {
    server: Option<Server>,
}

impl Meter {
    /// A meter for this process and the server of a database.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub(super) async fn of(database: &Database) -> Result<Meter> {
        Ok(Meter { server: Server::of(database).await? })
    }

    /// What was used so far.
    pub(super) fn read(&self) -> Cpu {
        let own = Stat::of("self");
        Cpu {
            own_ms: own.as_ref().map_or(0, |stat| stat.own_ms),
            load_ms: own.as_ref().map_or(0, |stat| stat.ended_children_ms),
            database_ms: self.server.as_ref().and_then(Server::used_ms),
        }
    }

    /// What was used since an earlier reading.
    pub(super) fn since(&self, before: &Cpu) -> Cpu {
        let now = self.read();
        let database_ms = now.database_ms.zip(before.database_ms);
        Cpu {
            own_ms: now.own_ms.saturating_sub(before.own_ms),
            load_ms: now.load_ms.saturating_sub(before.load_ms),
            database_ms: database_ms.map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

/// The database's server, when it runs on this machine.
struct Server {
    /// The process that all others of the server are children of.
    postmaster: u32,
}

impl Server {
    /// Finds the server of a database; `None` when it has none, or none that can be seen from here:
    /// on another machine, or in a container.
    async fn of(database: &Database) -> Result<Option<Server>> {
        match database {
            Database::Sqlite(_) => Ok(None),
            Database::Postgres(url) => {
                let backend = store_postgres::Backend::open(url).await?;
                Ok(postmaster(&backend).map(|postmaster| Server { postmaster }))
            }
        }
    }

    /// What it has used so far with all its processes, in milliseconds.
    fn used_ms(&self) -> Option<u64> {
        // A child that ends while the others are read would be missing in both sums.
        (0..READINGS_MAX).find_map(|_| {
            let before = Stat::of(&self.postmaster.to_string())?;
            let children_ms = self.children_ms();
            let after = Stat::of(&self.postmaster.to_string())?;
            let is_whole = before.ended_children_ms == after.ended_children_ms;
            is_whole.then_some(after.own_ms + after.ended_children_ms + children_ms)
        })
    }

    fn children_ms(&self) -> u64 {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let stats = processes.filter_map(|entry| Stat::of(entry.file_name().to_str()?));
        let children = stats.filter(|stat| stat.parent == self.postmaster);
        children.map(|stat| stat.own_ms).sum()
    }
}

/// The parent of the process that serves a session. A process of this id may be another machine's:
/// it counts only when its title names the session's user and database.
fn postmaster(backend: &Backend) -> Option<u32> {
    let process = backend.process.to_string();
    let title = std::fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    let session = format!(" {} {} ", backend.user, backend.database);
    let is_ours = title.starts_with("postgres: ") && title.contains(&session);
    is_ours.then(|| Stat::of(&process)).flatten().map(|stat| stat.parent)
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own_ms: u64,
    /// What its children had used when it took notice of their end.
    ended_children_ms: u64,
}

impl Stat {
    fn of(process: &str) -> Option<Stat> {
        Stat::read(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    fn read(text: &str) -> Option<Stat> {
        // The name of the program, in parentheses, may have spaces and parentheses.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ms = |at: usize| Some(fields.get(at)?.parse::<u64>().ok()? * MS_PER_TICK);
        Some(Stat {
            parent: fields.get(PARENT_AT)?.parse().ok()?,
            own_ms: ms(USER_TIME_AT)? + ms(USER_TIME_AT + 1)?,
            ended_children_ms: ms(USER_TIME_AT + 2)? + ms(USER_TIME_AT + 3)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_a_name_with_spaces_and_parentheses() {
        let text = "42 (a (b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 25 30 4 20 0 1 0 99";
        let want = Stat { parent: 7, own_ms: 1750, ended_children_ms: 340 };
        assert_eq!(Stat::read(text), Some(want));
        assert_eq!(Stat::read("42 (cut) S 7 42"), None);
    }

    #[test]
    fn this_process_has_a_parent() {
        let stat = Stat::of("self").expect("Linux keeps it");
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
    }

    #[tokio::test]
    async fn what_a_local_server_does_is_counted() {
        let Some(server) = test_postgres::server() else { return };
        // Another one may run on another machine.
        if !server.is_private() {
            return;
        }
        let database = server.database().await;
        let meter = Meter::of(&Database::Postgres(database.url())).await.expect("it is reached");
        let before = meter.read();
        let work = "SELECT count(*) FROM generate_series(1, 1000000)";
        database.client().await.batch_execute(work).await.expect("it counts");
        assert!(meter.since(&before).database_ms.expect("it runs here") > 0);
    }

    #[tokio::test]
    async fn sqlite_has_no_server() {
        let database = Database::in_folder(std::path::Path::new("/nowhere"));
        let meter = Meter::of(&database).await.expect("nothing is opened");
        assert_eq!(meter.read().database_ms, None);
    }
}
