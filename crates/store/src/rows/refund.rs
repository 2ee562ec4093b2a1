//! Refunds.

use super::cells::{Cells, Table, Value};
use super::change::RefundStateBody;
use crate::StoreFault;
use kernel::{Refund, TenantId};

/// A refund; what can change stands last.
pub const REFUNDS: Table = Table {
    name: "refunds",
    columns: &[
        "tenant",
        "id",
        "order_id",
        "payment_reference",
        "amount",
        "made_at",
        "version",
        "state",
        "ended_at",
        "refund_reference",
        "reason",
        "polls",
    ],
};

/// How many leading columns never change; an update writes only the columns behind them.
pub const FIXED_LEN: usize = 6;

/// The cells of a whole refund.
pub fn row(refund: &Refund) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(REFUNDS.columns.len());
    cells.extend([
        Value::text(refund.tenant.as_str()),
        Value::Int(refund.id.value()),
        Value::Int(refund.order.value()),
        Value::text(&refund.payment_reference),
        Value::Int(refund.amount.get()),
        Value::Int(refund.made_at.ms()),
    ]);
    cells.extend(mutable(refund));
    cells
}

/// The cells of what can change: the columns of [`REFUNDS`] from [`FIXED_LEN`] on.
pub fn mutable(refund: &Refund) -> Vec<Value<'_>> {
    let state = RefundStateBody::of(&refund.state);
    vec![
        Value::Int(refund.version),
        Value::text(refund.state.name()),
        Value::number(state.at),
        state.refund_reference.map_or(Value::Null, Value::Text),
        state.reason.map_or(Value::Null, Value::Text),
        Value::Int(i64::from(refund.polls)),
    ]
}

/// Reads the cells of a whole refund.
///
/// # Errors
/// When a cell holds what no refund can have.
pub fn read(cells: &[Value<'_>]) -> Result<Refund, StoreFault> {
    let mut cells = Cells::new(&REFUNDS, cells);
    let tenant = TenantId::new(cells.text()?);
    let id = cells.id()?;
    let order = cells.id()?;
    let payment_reference = cells.text()?.to_owned();
    let amount = cells.fen()?;
    let made_at = cells.time()?;
    let version = cells.int()?;
    let name = cells.text()?;
    let state = RefundStateBody {
        at: cells.optional_int()?,
        refund_reference: cells.optional_text()?.map(Into::into),
        reason: cells.optional_text()?.map(Into::into),
    };
    let state = state.read(name).ok_or_else(|| StoreFault::Unreadable {
        table: REFUNDS.name,
        why: format!("state: {name:?} with columns that are not its own"),
    })?;
    let polls = cells.count()?;
    Ok(Refund { tenant, id, order, payment_reference, amount, made_at, version, state, polls })
}
