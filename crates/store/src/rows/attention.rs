//! Counts of what needs a person, as every database answers them.

use super::cells::Value;
use crate::{AttentionCount, StoreFault};
use kernel::AttentionKind;
use ledger::Timestamp;

/// Reads a kind, how many rows, and since when the oldest needs a person.
///
/// # Errors
/// When a cell holds what no such count can have.
pub fn attention_count(cells: &[Value<'_>]) -> Result<AttentionCount, StoreFault> {
    let read = || {
        let [Value::Text(kind), Value::Int(rows), Value::Int(oldest)] = cells else { return None };
        Some(AttentionCount {
            kind: AttentionKind::from_name(kind)?,
            rows: u64::try_from(*rows).ok()?,
            oldest: Timestamp::from_ms(*oldest),
        })
    };
    read().ok_or_else(|| StoreFault::Unreadable {
        table: "attention",
        why: format!("want a kind, a count and a time, found {cells:?}"),
    })
}
