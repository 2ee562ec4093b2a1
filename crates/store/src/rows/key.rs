//! Signing keys that were fetched from channels: public, and kept so that a restart needs no fetch.

use super::cells::{Cells, Table, Value};
use crate::{Batch, StoreFault};
use channel::PlatformKey;
use kernel::{Change, TenantId};
use ledger::{Id, kinds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A key; `stored_by` is the event that kept it.
pub const KEYS: Table = Table {
    name: "channel_keys",
    columns: &[
        "tenant",
        "channel_account",
        "serial",
        "pem",
        "valid_from",
        "valid_until",
        "stored_by",
    ],
};

/// How many leading columns name the key.
pub const KEY_LEN: usize = 3;

/// The keys among a batch's events, with the account and the event that keeps them.
pub fn kept(batch: &Batch) -> impl Iterator<Item = (Id<kinds::Event>, &Arc<str>, &PlatformKey)> {
    batch.events.iter().flat_map(|event| {
        let (account, keys) = match &event.change {
            Change::KeysStored { channel_account, keys } => {
                (Some(channel_account), keys.as_slice())
            }
            Change::OrderPlaced(_)
            | Change::OrderRepeated
            | Change::CallBegun(_)
            | Change::CallEnded { .. }
            | Change::MismatchRecorded { .. }
            | Change::PayInfoReceived { .. }
            | Change::OrderPaid { .. }
            | Change::OrderClosing(_)
            | Change::OrderClosed { .. }
            | Change::OrderFailed { .. }
            | Change::UnappliedReceived { .. }
            | Change::RefundCallBegun { .. }
            | Change::RefundMoved { .. }
            | Change::NotificationQueued(_)
            | Change::NotificationAttempted { .. }
            | Change::NotificationReplayed { .. } => (None, &[][..]),
        };
        keys.iter().filter_map(move |key| account.map(|account| (event.id, account, key)))
    })
}

/// The cells of a key.
pub fn row<'a>(
    tenant: &'a TenantId,
    stored_by: Id<kinds::Event>,
    account: &'a str,
    key: &'a PlatformKey,
) -> Vec<Value<'a>> {
    vec![
        Value::text(tenant.as_str()),
        Value::text(account),
        Value::text(&key.serial),
        Value::text(&key.pem),
        Value::Int(key.valid_from.ms()),
        Value::Int(key.valid_until.ms()),
        Value::Int(stored_by.value()),
    ]
}

/// Reads the cells of a key, with its account and the event that kept it.
///
/// # Errors
/// When a cell holds what no key can have.
pub fn read(cells: &[Value<'_>]) -> Result<(Id<kinds::Event>, Arc<str>, PlatformKey), StoreFault> {
    let mut cells = Cells::new(&KEYS, cells);
    cells.text()?;
    let account = Arc::from(cells.text()?);
    let key = PlatformKey {
        serial: cells.text()?.to_owned(),
        pem: cells.text()?.to_owned(),
        valid_from: cells.time()?,
        valid_until: cells.time()?,
    };
    Ok((cells.id()?, account, key))
}

/// Of keys with the same account and serial the one that was kept last, in order of account and
/// serial. An account may have moved from one tenant to another.
pub fn newest(
    keys: impl IntoIterator<Item = (Id<kinds::Event>, Arc<str>, PlatformKey)>,
) -> Vec<(Arc<str>, PlatformKey)> {
    let mut found: BTreeMap<(Arc<str>, String), (Id<kinds::Event>, PlatformKey)> = BTreeMap::new();
    for (stored_by, account, key) in keys {
        let name = (account, key.serial.clone());
        match found.get(&name) {
            Some((known, _)) if *known > stored_by => {}
            Some(_) | None => {
                found.insert(name, (stored_by, key));
            }
        }
    }
    found.into_iter().map(|((account, _), (_, key))| (account, key)).collect()
}
