//! Refunds.

use super::cells::{Cells, Table, Value};
use super::change::StageBody;
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
        "stage",
        "ended_at",
        "channel_reference",
        "reason",
        "looks",
    ],
};

/// How many leading columns never change; an update writes only the columns behind them.
pub const FIXED_LEN: usize = 6;

/// The cells of a whole refund.
pub fn row(refund: &Refund) -> Vec<Value<'_>> {
    let mut cells = Vec::with_capacity(REFUNDS.columns.len());
    cells.extend([
        Value::text(refund.tenant.as_str()),
        Value::Int(refund.id.number()),
        Value::Int(refund.order.number()),
        Value::text(&refund.channel_reference),
        Value::Int(refund.amount.get()),
        Value::Int(refund.made_at.ms()),
    ]);
    cells.extend(standing(refund));
    cells
}

/// The cells of what can change: the columns of [`REFUNDS`] from [`FIXED_LEN`] on.
pub fn standing(refund: &Refund) -> Vec<Value<'_>> {
    let stage = StageBody::of(&refund.stage);
    vec![
        Value::Int(refund.version),
        Value::text(refund.stage.name()),
        Value::number(stage.at),
        stage.channel_reference.map_or(Value::Null, Value::Text),
        stage.reason.map_or(Value::Null, Value::Text),
        Value::Int(i64::from(refund.looks)),
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
    let channel_reference = cells.text()?.to_owned();
    let amount = cells.fen()?;
    let made_at = cells.time()?;
    let version = cells.int()?;
    let name = cells.text()?;
    let stage = StageBody {
        at: cells.optional_int()?,
        channel_reference: cells.optional_text()?.map(Into::into),
        reason: cells.optional_text()?.map(Into::into),
    };
    let stage = stage.read(name).ok_or_else(|| StoreFault::Unreadable {
        table: REFUNDS.name,
        why: format!("stage: {name:?} with columns that are not its own"),
    })?;
    let looks = cells.count()?;
    Ok(Refund { tenant, id, order, channel_reference, amount, made_at, version, stage, looks })
}
