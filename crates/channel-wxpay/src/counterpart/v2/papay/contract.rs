//! What stands in the documents: one JSON document a contract, and pointers to it.

use super::page::Page;
use crate::counterpart::records;
use channel::{DocumentFault, DocumentStore};
use serde::{Deserialize, Serialize};

/// What a payer signed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Contract {
    pub(super) contract_id: String,
    pub(super) openid: String,
    pub(super) signed_ms: i64,
    /// Present once it has ended.
    pub(super) ended: Option<Ended>,
    pub(super) page: Page,
}

/// The end of a contract.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) at_ms: i64,
    /// `contract_termination_mode`.
    pub(super) mode: String,
    pub(super) remark: Option<String>,
}

pub(super) fn by_id(
    documents: &dyn DocumentStore,
    contract_id: &str,
) -> Result<Option<Contract>, DocumentFault> {
    records::read(documents, &key(contract_id))
}

/// By its plan and the merchant's number: the newest of that name.
pub(super) fn named(
    documents: &dyn DocumentStore,
    mchid: &str,
    plan_id: &str,
    contract_code: &str,
) -> Result<Option<Contract>, DocumentFault> {
    follow(documents, &name_key(mchid, plan_id, contract_code))
}

/// By the channel's number or the merchant's, regardless of whose it is.
pub(super) fn by_any_number(
    documents: &dyn DocumentStore,
    number: &str,
) -> Result<Option<Contract>, DocumentFault> {
    match by_id(documents, number)? {
        Some(found) => Ok(Some(found)),
        None => follow(documents, &code_key(number)),
    }
}

fn follow(documents: &dyn DocumentStore, pointer: &str) -> Result<Option<Contract>, DocumentFault> {
    match documents.get(pointer)? {
        Some(contract_id) => by_id(documents, &contract_id),
        None => Ok(None),
    }
}

/// Writes a contract with the pointers to it.
pub(super) fn keep(
    documents: &mut dyn DocumentStore,
    contract: &Contract,
) -> Result<(), DocumentFault> {
    let Contract { contract_id, page, .. } = contract;
    let code = &page.contract_code;
    documents.put(&name_key(page.mchid(), &page.plan_id, code), contract_id)?;
    documents.put(&code_key(code), contract_id)?;
    records::write(documents, &key(contract_id), contract)
}

/// Takes the serial number of a signing; false when another agreement has it.
pub(super) fn take_serial(
    documents: &mut dyn DocumentStore,
    page: &Page,
) -> Result<bool, DocumentFault> {
    let key = format!("wxpay/contract-serial/{}/{}", page.mchid(), page.request_serial);
    match documents.get(&key)? {
        Some(code) => Ok(code == page.contract_code),
        None => documents.put(&key, &page.contract_code).map(|()| true),
    }
}

pub(super) fn keep_page(
    documents: &mut dyn DocumentStore,
    id: &str,
    page: &Page,
) -> Result<(), DocumentFault> {
    records::write(documents, &page_key(id), page)
}

pub(super) fn page(documents: &dyn DocumentStore, id: &str) -> Result<Option<Page>, DocumentFault> {
    records::read(documents, &page_key(id))
}

fn key(contract_id: &str) -> String {
    format!("wxpay/contract/{contract_id}")
}

fn name_key(mchid: &str, plan_id: &str, contract_code: &str) -> String {
    format!("wxpay/contract-name/{mchid}/{plan_id}/{contract_code}")
}

fn code_key(contract_code: &str) -> String {
    format!("wxpay/contract-code/{contract_code}")
}

fn page_key(id: &str) -> String {
    format!("wxpay/contract-page/{id}")
}
