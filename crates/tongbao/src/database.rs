//! Which database: `sqlite:PATH` or `postgres://…`.

use anyhow::{Context, Result, bail};
use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use store::{AboutDatabase, DatabaseFacts, Store};
use store_postgres::PostgresStore;
use store_sqlite::SqliteStore;

/// Where the state is kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by URL. It may hold a password: it is never printed.
    Postgres(String),
}

/// Without what a URL of PostgreSQL holds.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Postgres(_) => f.write_str("the PostgreSQL database"),
        }
    }
}

impl FromStr for Database {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Database> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return sqlite_file(path).map(Database::Sqlite);
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Database::Postgres(text.to_owned()));
        }
        bail!("want sqlite:PATH or postgres://USER@HOST/NAME")
    }
}

/// A path is a path: nothing in it is taken for an option or an escape. What SQLite would take for
/// something else than a file is refused.
fn sqlite_file(path: &str) -> Result<PathBuf> {
    match path {
        "" => bail!("sqlite: without a path, want sqlite:PATH"),
        ":memory:" => bail!("sqlite::memory: would be lost at the end, want sqlite:PATH"),
        path if path.starts_with("//") && !path.starts_with("///") => {
            bail!("sqlite://… is a URL, want sqlite:PATH or sqlite:/PATH")
        }
        path if path.contains('\0') => bail!("sqlite: a path with U+0000, want sqlite:PATH"),
        path => Ok(PathBuf::from(path)),
    }
}

impl Database {
    /// The SQLite file of a data folder.
    pub(crate) fn in_folder(data: &Path) -> Database {
        Database::Sqlite(data.join("tongbao.db"))
    }

    /// The same database with a relative path read from a folder.
    pub(crate) fn relative_to(self, folder: &Path) -> Database {
        match self {
            Database::Sqlite(path) => Database::Sqlite(folder.join(path)),
            Database::Postgres(url) => Database::Postgres(url),
        }
    }

    /// Opens it for a process that serves callers: of a SQLite file there is one at a time.
    pub(crate) fn open_to_serve(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Database::Sqlite(path) => Arc::new(SqliteStore::open_to_serve(path)?),
            Database::Postgres(url) => Arc::new(PostgresStore::connect(url)?),
        })
    }

    /// Opens it to change it, also beside a process that serves callers.
    pub(crate) fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Database::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            Database::Postgres(url) => Arc::new(PostgresStore::connect(url)?),
        })
    }

    /// Opens it to look at, when it is a database of this program, with this program's schema.
    pub(crate) async fn open_to_read(&self) -> Result<Arc<dyn Store>> {
        let store = self.open_to_examine()?;
        let facts = store.ask(AboutDatabase {}).await;
        let facts = facts.with_context(|| format!("{self}: not a database of Tongbao"))?;
        let DatabaseFacts { schema_version: found, schema_version_known: known, .. } = facts;
        match found.cmp(&known) {
            Ordering::Equal => Ok(store),
            Ordering::Less => bail!(
                "{self}: schema version {found}, want {known}: `tongbao migrate` brings it up to date"
            ),
            Ordering::Greater => bail!(
                "{self}: schema version {found} is newer than this program, which knows {known}"
            ),
        }
    }

    /// Opens it to look at, regardless of what it holds, beside the process that uses it.
    pub(crate) fn open_to_examine(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Database::Sqlite(path) if !path.exists() => bail!("no database at {self}"),
            Database::Sqlite(path) if !path.is_file() => bail!("{self} is not a file"),
            Database::Sqlite(path) => Arc::new(SqliteStore::open_read_only(path)?),
            Database::Postgres(url) => Arc::new(PostgresStore::connect(url)?),
        })
    }
}

/// Which database a verb works on: a data folder's, or one that is named.
#[derive(clap::Args)]
pub(crate) struct Chosen {
    /// The data folder of `tongbao dev`; a live system may be looked at too
    #[arg(long, default_value = "./tongbao-data", conflicts_with = "database")]
    data: PathBuf,
    /// The database itself: sqlite:PATH or postgres://USER@HOST/NAME
    #[arg(long, env = "TONGBAO_DATABASE", hide_env_values = true)]
    database: Option<Database>,
}

impl Chosen {
    /// Opens it to change it; a file must be there.
    pub(crate) async fn open_to_change(&self) -> Result<Arc<dyn Store>> {
        drop(self.open_to_read().await?);
        match &self.database {
            Some(database) => database.open(),
            None => Database::in_folder(&self.data).open(),
        }
    }

    /// Opens it to look at.
    pub(crate) async fn open_to_read(&self) -> Result<Arc<dyn Store>> {
        match &self.database {
            Some(database) => database.open_to_read().await,
            None => Database::in_folder(&self.data).open_to_read().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses() {
        let sqlite: Database = "sqlite:data/tongbao.db".parse().expect("a path");
        assert!(sqlite.relative_to(Path::new("/x")) == Database::in_folder(Path::new("/x/data")));
        assert!(matches!("postgres://u@h/d".parse(), Ok(Database::Postgres(_))));
        for path in ["a b.db", "x?mode=memory", "x#y", "100%25.db", "通宝.db", "file:x?a=b", "///x"]
        {
            let read = format!("sqlite:{path}").parse();
            assert!(
                matches!(read, Ok(Database::Sqlite(found)) if found == Path::new(path)),
                "{path}"
            );
        }
        for wrong in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "sqlite://tongbao.db",
            "sqlite",
            "x.db",
            "sqlite:a\0b",
        ] {
            assert!(wrong.parse::<Database>().is_err(), "{wrong}");
        }
        let refused = "mysql://u:secret@h/d".parse::<Database>().err().expect("refused");
        assert!(!refused.to_string().contains("secret"));
    }
}
