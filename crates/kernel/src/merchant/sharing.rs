//! How the payments of a merchant are shared (分账) where its orders do not say who gets how much.

use ledger::{Id, kinds};
use std::collections::HashSet;
use std::sync::Arc;

/// Ratios are parts of this whole.
const RATIO_WHOLE: u16 = 10_000;
/// Entries of a template.
const ENTRIES_MAX: usize = 200;

/// How the payments of a merchant are shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MerchantSharing {
    /// True when the channel keeps the money of every order frozen that lists no payees, until later
    /// commands share or release it.
    pub is_on: bool,
    /// The ratios of payees that an order picks.
    pub template: Option<ShareTemplate>,
}

/// A sharing template (分账模板): which part each payee gets of an order that picks it, in 1/10000 of what
/// is paid, rounded down to whole fen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShareTemplate {
    /// A ratio for each payee.
    ByOrder(Vec<(Id<kinds::Payee>, u16)>),
    /// A ratio for each role of payees.
    ByRole(Vec<(Arc<str>, u16)>),
}

/// What is wrong with a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// It has no entries, or too many.
    #[error("want 1 to {max} entries", max = ENTRIES_MAX)]
    Len,
    /// A ratio is not a part of the whole.
    #[error("want ratios of 1 to {max}", max = RATIO_WHOLE)]
    Ratio,
    /// A payee or role stands in it twice.
    #[error("a payee or role appears twice")]
    Twice,
}

impl ShareTemplate {
    /// That every entry is a part of the whole, and stands in it once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), TemplateFault> {
        match self {
            ShareTemplate::ByOrder(entries) => {
                let payees: HashSet<String> = entries.iter().map(|it| it.0.to_string()).collect();
                check(payees.len(), entries.iter().map(|it| it.1))
            }
            ShareTemplate::ByRole(entries) => {
                let roles: HashSet<&str> = entries.iter().map(|it| &*it.0).collect();
                check(roles.len(), entries.iter().map(|it| it.1))
            }
        }
    }

    /// The ratio of a payee with this role.
    pub(crate) fn ratio(&self, payee: Id<kinds::Payee>, role: Option<&str>) -> Option<u16> {
        match self {
            ShareTemplate::ByOrder(entries) => {
                entries.iter().find(|it| it.0 == payee).map(|it| it.1)
            }
            ShareTemplate::ByRole(entries) => {
                entries.iter().find(|it| Some(&*it.0) == role).map(|it| it.1)
            }
        }
    }
}

fn check(distinct: usize, ratios: impl ExactSizeIterator<Item = u16>) -> Result<(), TemplateFault> {
    if !(1..=ENTRIES_MAX).contains(&ratios.len()) {
        return Err(TemplateFault::Len);
    }
    if distinct != ratios.len() {
        return Err(TemplateFault::Twice);
    }
    let is_part = |ratio: u16| (1..=RATIO_WHOLE).contains(&ratio);
    ratios.into_iter().all(is_part).then_some(()).ok_or(TemplateFault::Ratio)
}
