//! Under which keys the documents stand, and how they are read and written.

use super::{Entry, Order};
use crate::wire;
use channel::{DocumentFault, DocumentStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Pointers from prepay ids stand under this.
pub(in crate::counterpart) const PREPAYS: &str = "wxpay/prepay/";

pub(in crate::counterpart) fn order_key(mchid: &str, out_trade_no: &str) -> String {
    format!("wxpay/order/{mchid}/{out_trade_no}")
}

pub(in crate::counterpart) fn transaction_key(transaction_id: &str) -> String {
    format!("wxpay/tx/{transaction_id}")
}

pub(in crate::counterpart) fn prepay_key(prepay_id: &str) -> String {
    format!("{PREPAYS}{prepay_id}")
}

pub(in crate::counterpart) fn code_key(code: &str) -> String {
    format!("wxpay/code/{code}")
}

/// What stands under an order's key when its number was closed before it was ordered.
fn burnt_key(order_key: &str) -> String {
    format!("wxpay/burnt/{order_key}")
}

/// Makes a number, by its order's key, useless for orders.
pub(in crate::counterpart) fn burn(
    documents: &mut dyn DocumentStore,
    order_key: &str,
) -> Result<(), DocumentFault> {
    documents.put(&burnt_key(order_key), "")
}

pub(in crate::counterpart) fn is_burnt(
    documents: &dyn DocumentStore,
    order_key: &str,
) -> Result<bool, DocumentFault> {
    Ok(documents.get(&burnt_key(order_key))?.is_some())
}

pub(in crate::counterpart) fn refund_key(mchid: &str, out_refund_no: &str) -> String {
    format!("wxpay/refund/{mchid}/{out_refund_no}")
}

pub(in crate::counterpart) fn reversal_key(mchid: &str, out_trade_no: &str) -> String {
    format!("wxpay/reversal/{mchid}/{out_trade_no}")
}

pub(in crate::counterpart) fn bill_key(token: &str) -> String {
    format!("wxpay/bill/{token}")
}

fn journal_prefix(mchid: &str) -> String {
    format!("wxpay/journal/{mchid}/")
}

/// Adds an entry about the payment or refund with this reference to a merchant's journal.
pub(in crate::counterpart) fn journal(
    documents: &mut dyn DocumentStore,
    mchid: &str,
    reference: &str,
    entry: &Entry,
) -> Result<(), DocumentFault> {
    let key = format!("{}{:013}/{reference}", journal_prefix(mchid), entry.at_ms());
    write(documents, &key, entry)
}

/// A merchant's journal, oldest first.
pub(in crate::counterpart) fn entries(
    documents: &dyn DocumentStore,
    mchid: &str,
) -> Result<Vec<Entry>, DocumentFault> {
    let all = documents.list(&journal_prefix(mchid), usize::MAX)?;
    all.iter().map(|(key, text)| parse(key, text)).collect()
}

/// Reads an order or a refund.
pub(in crate::counterpart) fn read<T: DeserializeOwned>(
    documents: &dyn DocumentStore,
    key: &str,
) -> Result<Option<T>, DocumentFault> {
    let Some(text) = documents.get(key)? else {
        return Ok(None);
    };
    parse(key, &text).map(Some)
}

fn parse<T: DeserializeOwned>(key: &str, text: &str) -> Result<T, DocumentFault> {
    serde_json::from_str(text)
        .map_err(|error| DocumentFault(format!("unreadable document under {key}: {error}")))
}

/// Follows a pointer to an order.
pub(in crate::counterpart) fn follow(
    documents: &dyn DocumentStore,
    pointer: &str,
) -> Result<Option<Order>, DocumentFault> {
    match documents.get(pointer)? {
        Some(key) => read(documents, &key),
        None => Ok(None),
    }
}

/// Writes an order or a refund.
pub(in crate::counterpart) fn write<T: Serialize>(
    documents: &mut dyn DocumentStore,
    key: &str,
    document: &T,
) -> Result<(), DocumentFault> {
    documents.put(key, &wire::json_text(document))
}
