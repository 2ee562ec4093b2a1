//! Which database: `sqlite:PATH` or `postgres://…`.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use store::Store;
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

impl FromStr for Database {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Database> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Database::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Database::Postgres(text.to_owned()));
        }
        bail!("want sqlite:PATH or postgres://USER@HOST/NAME")
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

    /// Opens it to look at, beside the process that uses it.
    pub(crate) fn open_to_read(&self) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Database::Sqlite(path) => Arc::new(
                SqliteStore::open_read_only(path)
                    .with_context(|| format!("no database at {}", path.display()))?,
            ),
            Database::Postgres(url) => Arc::new(PostgresStore::connect(url)?),
        })
    }
}

/// Which database a verb looks at: a data folder's, or one that is named.
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
    /// Opens it to look at.
    pub(crate) fn open_to_read(&self) -> Result<Arc<dyn Store>> {
        match &self.database {
            Some(database) => database.open_to_read(),
            None => Database::in_folder(&self.data).open_to_read(),
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
        let refused = "mysql://u:secret@h/d".parse::<Database>().err().expect("refused");
        assert!(!refused.to_string().contains("secret"));
    }
}
