//! The documents that a counterpart gets: the table of documents, inside the job's savepoint.

use crate::schema::fault;
use channel::{DocumentFault, DocumentStore};
use rusqlite::{Connection, OptionalExtension, params};

/// The documents of all counterparts; their keys begin with their names.
pub(crate) struct Documents<'a> {
    connection: &'a Connection,
}

impl<'a> Documents<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Documents<'a> {
        Documents { connection }
    }

    fn read(&self, key: &str) -> rusqlite::Result<Option<String>> {
        self.connection
            .prepare_cached("SELECT text FROM docs WHERE key = ?1")?
            .query_row([key], |row| row.get(0))
            .optional()
    }

    fn write(&self, key: &str, text: &str) -> rusqlite::Result<usize> {
        self.connection
            .prepare_cached(
                "INSERT INTO docs (key, text) VALUES (?1, ?2)
                 ON CONFLICT (key) DO UPDATE SET text = excluded.text",
            )?
            .execute([key, text])
    }

    fn last(&self, prefix: &str, limit: i64) -> rusqlite::Result<Vec<(String, String)>> {
        // No key that begins with the prefix sorts after it followed by the last code point.
        let end = format!("{prefix}\u{10FFFF}");
        self.connection
            .prepare_cached(
                "SELECT key, text FROM docs WHERE key >= ?1 AND key < ?2
                 ORDER BY key DESC LIMIT ?3",
            )?
            .query_map(params![prefix, end, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }
}

impl DocumentStore for Documents<'_> {
    fn get(&self, key: &str) -> Result<Option<String>, DocumentFault> {
        self.read(key).map_err(fault)
    }

    fn put(&mut self, key: &str, text: &str) -> Result<(), DocumentFault> {
        self.write(key, text).map(drop).map_err(fault)
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<(String, String)>, DocumentFault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut entries = self.last(prefix, limit).map_err(fault)?;
        entries.reverse();
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_text_and_list_the_last_entries() {
        let connection =
            crate::schema::open(std::path::Path::new(":memory:")).expect("memory opens");
        let mut documents = Documents::new(&connection);
        for key in ["till/1", "till/3", "till/2", "tilt/9"] {
            documents.put(key, "old").expect("puts");
            documents.put(key, key).expect("puts over");
        }
        assert_eq!(documents.get("till/2"), Ok(Some("till/2".to_owned())));
        assert_eq!(documents.get("till/4"), Ok(None));
        let listed = documents.list("till/", 2).expect("lists");
        let keys: Vec<&str> = listed.iter().map(|(key, _)| &**key).collect();
        assert_eq!(keys, ["till/2", "till/3"]);
    }
}
