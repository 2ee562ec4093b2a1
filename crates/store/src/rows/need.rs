//! Why a row needs a person, in the events of refunds, shares and their returns.

use super::stored::word;
use kernel::{AttentionKind, Need};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

#[derive(Serialize, Deserialize)]
pub(super) struct NeedBody<'a> {
    kind: &'a str,
    #[serde(borrow)]
    reason: Cow<'a, str>,
}

impl<'a> NeedBody<'a> {
    pub(super) fn of(need: &'a Need) -> NeedBody<'a> {
        NeedBody { kind: need.kind.name(), reason: Cow::Borrowed(&need.reason) }
    }

    pub(super) fn read(self) -> Result<Need, String> {
        let kind = word(AttentionKind::from_name, self.kind, "kind")?;
        Ok(Need { kind, reason: self.reason.into_owned() })
    }
}
