//! How a merchant's payments are shared: the JSON of the column `sharing`.

use super::super::cells::Value;
use super::super::stored::parse;
use kernel::{MerchantSharing, ShareTemplate};
use ledger::Id;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The cell; most merchants share nothing.
pub(super) fn cell(sharing: &MerchantSharing) -> Value<'_> {
    match sharing {
        sharing if *sharing == MerchantSharing::default() => Value::Null,
        sharing => {
            let body = SharingBody::of(sharing);
            Value::owned(serde_json::to_string(&body).expect("texts and numbers are always JSON"))
        }
    }
}

/// Reads the cell.
pub(super) fn read(text: &str) -> Result<MerchantSharing, String> {
    Ok(parse::<SharingBody<'_>>(text)?.read())
}

#[derive(Serialize, Deserialize)]
struct SharingBody<'a> {
    is_on: bool,
    #[serde(borrow)]
    template: Option<TemplateBody<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TemplateBody<'a> {
    ByOrder(Vec<(i64, u16)>),
    #[serde(borrow)]
    ByRole(Vec<(Cow<'a, str>, u16)>),
}

impl<'a> SharingBody<'a> {
    fn of(sharing: &'a MerchantSharing) -> SharingBody<'a> {
        let template = sharing.template.as_ref().map(|template| match template {
            ShareTemplate::ByOrder(entries) => TemplateBody::ByOrder(
                entries.iter().map(|(id, ratio)| (id.value(), *ratio)).collect(),
            ),
            ShareTemplate::ByRole(entries) => {
                let entries = entries.iter().map(|(role, ratio)| (Cow::Borrowed(&**role), *ratio));
                TemplateBody::ByRole(entries.collect())
            }
        });
        SharingBody { is_on: sharing.is_on, template }
    }

    #[expect(clippy::disallowed_methods, reason = "the reading of a payee's id")]
    fn read(self) -> MerchantSharing {
        let template = self.template.map(|template| match template {
            TemplateBody::ByOrder(entries) => {
                let entries = entries.into_iter().map(|(id, ratio)| (Id::from_value(id), ratio));
                ShareTemplate::ByOrder(entries.collect())
            }
            TemplateBody::ByRole(entries) => {
                let entries = entries.into_iter().map(|(role, ratio)| (Arc::from(&*role), ratio));
                ShareTemplate::ByRole(entries.collect())
            }
        });
        MerchantSharing { is_on: self.is_on, template }
    }
}
