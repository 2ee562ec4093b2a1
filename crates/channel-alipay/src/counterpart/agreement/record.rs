//! What stands in the documents: one JSON document an agreement, and pointers to it.

use crate::counterpart::agreement::page::Page;
use crate::counterpart::records;
use channel::{DocumentFault, DocumentStore};
use ledger::Timestamp;
use serde::{Deserialize, Serialize};

/// An agreement that was signed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Agreement {
    pub(super) agreement_no: String,
    /// Who signed.
    pub(super) buyer: String,
    pub(super) signed_ms: i64,
    /// When it ends by itself.
    pub(super) invalid_ms: Option<i64>,
    pub(super) state: State,
    /// What was signed; its plan moves on.
    pub(super) page: Page,
}

/// Where an agreement stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Normal,
    /// It stands and is not debited by.
    Stop,
    Unsigned {
        at_ms: i64,
    },
}

/// What names an agreement beside the channel's number.
pub(super) struct Name {
    pub(super) auth_app_id: String,
    pub(super) personal_product_code: String,
    pub(super) sign_scene: Option<String>,
    pub(super) number: String,
}

impl Agreement {
    /// Whether it was neither ended nor is over.
    pub(super) fn stands(&self, now: Timestamp) -> bool {
        let is_over = self.invalid_ms.is_some_and(|ms| ms <= now.ms());
        !is_over && !matches!(self.state, State::Unsigned { .. })
    }

    pub(super) const fn status(&self) -> &'static str {
        match self.state {
            State::Normal => "NORMAL",
            State::Stop => "STOP",
            State::Unsigned { .. } => "UNSIGN",
        }
    }
}

impl Name {
    fn key(&self) -> String {
        let scene = self.sign_scene.as_deref().unwrap_or_default();
        let Name { auth_app_id, personal_product_code, number, .. } = self;
        format!("alipay/agreement-name/{auth_app_id}/{personal_product_code}/{scene}/{number}")
    }
}

/// By the channel's number.
pub(super) fn numbered(
    documents: &dyn DocumentStore,
    agreement_no: &str,
) -> Result<Option<Agreement>, DocumentFault> {
    records::read(documents, &key(agreement_no))
}

/// By what the merchant calls it: the newest of that name.
pub(super) fn named(
    documents: &dyn DocumentStore,
    name: &Name,
) -> Result<Option<Agreement>, DocumentFault> {
    follow(documents, &name.key())
}

/// By the channel's number or the merchant's, regardless of whose it is.
pub(super) fn by_any_number(
    documents: &dyn DocumentStore,
    number: &str,
) -> Result<Option<Agreement>, DocumentFault> {
    match numbered(documents, number)? {
        Some(found) => Ok(Some(found)),
        None => follow(documents, &external_key(number)),
    }
}

fn follow(
    documents: &dyn DocumentStore,
    pointer: &str,
) -> Result<Option<Agreement>, DocumentFault> {
    match documents.get(pointer)? {
        Some(agreement_no) => numbered(documents, &agreement_no),
        None => Ok(None),
    }
}

/// Writes an agreement with the pointers to it.
pub(super) fn keep(
    documents: &mut dyn DocumentStore,
    agreement: &Agreement,
) -> Result<(), DocumentFault> {
    let number = &agreement.agreement_no;
    if let Some(external) = &agreement.page.external_agreement_no {
        documents.put(&agreement.page.name().key(), number)?;
        documents.put(&external_key(external), number)?;
    }
    records::write(documents, &key(number), agreement)
}

fn key(agreement_no: &str) -> String {
    format!("alipay/agreement/{agreement_no}")
}

fn external_key(number: &str) -> String {
    format!("alipay/agreement-external/{number}")
}
