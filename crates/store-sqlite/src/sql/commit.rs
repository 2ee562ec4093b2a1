//! What a commit writes besides the rows of aggregates, and what archiving writes and deletes.

use super::insert;
use std::sync::LazyLock;
use store::rows::{archive, claimed_name, event, transfer};

pub(crate) static INSERT_EVENT: LazyLock<String> =
    LazyLock::new(|| insert(event::EVENTS.name, event::EVENTS.columns));

pub(crate) static INSERT_TRANSFER: LazyLock<String> =
    LazyLock::new(|| insert(transfer::TRANSFERS.name, transfer::TRANSFERS.columns));

pub(crate) static CLAIM_NAME: LazyLock<String> = LazyLock::new(|| {
    let table = &claimed_name::CLAIMED_NAMES;
    insert(table.name, table.columns)
});

pub(crate) const MOVE_BALANCE: &str = "INSERT INTO balances (tenant, account, posted, held)
    VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET posted = posted + excluded.posted, held = held + excluded.held
    RETURNING posted, held";

pub(crate) const STORE_LAST_ID: &str = "INSERT INTO last_event (only, id) VALUES (1, ?1)
    ON CONFLICT DO UPDATE SET id = max(id, excluded.id)";

pub(crate) static INSERT_ARCHIVE: LazyLock<String> =
    LazyLock::new(|| insert(archive::ARCHIVES.name, archive::ARCHIVES.columns));

pub(crate) static INSERT_ARCHIVED_EVENTS: LazyLock<String> =
    LazyLock::new(|| insert(archive::ARCHIVED_EVENTS.name, archive::ARCHIVED_EVENTS.columns));

pub(crate) const DELETE_EVENT: &str =
    "DELETE FROM events WHERE tenant = ?1 AND root = ?2 AND id = ?3";

pub(crate) const DELETE_NOTIFICATION: &str =
    "DELETE FROM notifications WHERE tenant = ?1 AND id = ?2 AND version = ?3";

/// Whether an account has this balance: one that was never moved has nothing.
pub(crate) const BALANCE_IS: &str = "SELECT 1 WHERE NOT EXISTS (
        SELECT 1 FROM balances
        WHERE tenant = ?1 AND account = ?2 AND (posted <> ?3 OR held <> ?4))";
