//! What tasks, the attention list and the audit follow from, for every aggregate alike.

use ledger::{Account, Fen, Timestamp};
use std::fmt;
use std::sync::Arc;

/// Where a row stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When its task is due; `None` when it is final and nothing more is expected.
    pub next_poll_at: Option<Timestamp>,
    /// Why it needs a person, while it does.
    pub attention: Option<Attention>,
    /// What it holds, by account.
    pub holds: Vec<(Account, Fen)>,
}

impl Standing {
    /// A row that is final, needs nobody and holds nothing.
    pub(crate) fn settled() -> Standing {
        Standing::default()
    }

    /// True while something more is expected: then it has a task.
    pub const fn is_open(&self) -> bool {
        self.next_poll_at.is_some()
    }

    /// The sum of what it holds; `None` when it does not fit.
    pub fn held(&self) -> Option<Fen> {
        self.holds.iter().try_fold(Fen::ZERO, |sum, (_, held)| sum.plus(*held).ok())
    }
}

/// Why a row needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// The reason, for people.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A secret as it is stored: encrypted under a master key whose id stands in it. The kernel moves it
/// and never opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Arc<str>);

impl Sealed {
    /// The sealed form of a secret.
    pub fn new(text: &str) -> Sealed {
        Sealed(Arc::from(text))
    }

    /// The sealed form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Debug output shows that there is a secret, and nothing of it.
impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(***)")
    }
}
