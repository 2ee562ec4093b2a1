//! Documents in memory, for the tests of counterparts.

use crate::counterpart::{DocumentFault, DocumentStore};
use std::collections::BTreeMap;

/// Text under keys, in memory.
#[derive(Clone, Default)]
pub struct Memory(pub BTreeMap<String, String>);

impl DocumentStore for Memory {
    fn get(&self, key: &str) -> Result<Option<String>, DocumentFault> {
        Ok(self.0.get(key).cloned())
    }

    fn put(&mut self, key: &str, text: &str) -> Result<(), DocumentFault> {
        self.0.insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<(String, String)>, DocumentFault> {
        let all: Vec<_> = self.0.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let last = all.iter().skip(all.len().saturating_sub(limit));
        Ok(last.map(|(key, text)| ((*key).clone(), (*text).clone())).collect())
    }
}
