//! The event log. The word and the order are columns; everything else that a change says is one JSON
//! text, complete enough to read back the identical change.

use super::cells::{Cells, Table, Value};
use super::change;
use crate::StoreFault;
use kernel::{Caller, Event, TenantId};
use std::sync::Arc;

/// An event. An event without an order has the order 0.
pub const EVENTS: Table = Table {
    name: "events",
    columns: &["tenant", "order_id", "id", "at", "caller", "kind", "body"],
};

/// The order of an event that belongs to none.
const NO_ORDER: i64 = 0;

/// The cells of an event.
///
/// # Errors
/// When its change cannot be written as JSON.
pub fn row(event: &Event) -> Result<Vec<Value<'_>>, StoreFault> {
    let body = change::encode(&event.change)
        .map_err(|fault| StoreFault::Failed(format!("event {}: {fault}", event.id)))?;
    Ok(vec![
        Value::text(event.tenant.as_str()),
        Value::Int(event.order.map_or(NO_ORDER, |order| order.value())),
        Value::Int(event.id.value()),
        Value::Int(event.at.ms()),
        caller(&event.caller),
        Value::text(event.change.name()),
        Value::owned(body),
    ])
}

/// Reads the cells of an event.
///
/// # Errors
/// When a cell holds what no event can have.
pub fn read(cells: &[Value<'_>]) -> Result<Event, StoreFault> {
    let mut cells = Cells::new(&EVENTS, cells);
    let tenant = TenantId::new(cells.text()?);
    let order = cells.id()?;
    let id = cells.id()?;
    let at = cells.time()?;
    let caller = cells.word(read_caller)?;
    let kind = cells.text()?;
    let body = cells.text()?;
    let change = change::decode(kind, body)
        .map_err(|why| cells.fault(&format!("of event {id}, kind {kind}: {why}")))?;
    let order = (order.value() != NO_ORDER).then_some(order);
    Ok(Event { id, tenant, order, at, caller, change })
}

fn caller(caller: &Caller) -> Value<'_> {
    match caller {
        Caller::Clock => Value::text("clock"),
        Caller::Business(_) | Caller::Channel(_) | Caller::Operator(_) => {
            Value::owned(caller.text())
        }
    }
}

/// Reads what [`Caller::text`] writes.
fn read_caller(text: &str) -> Option<Caller> {
    match text.split_once(':') {
        Some(("business", key)) => Some(Caller::Business(Arc::from(key))),
        Some(("channel", name)) => Some(Caller::Channel(Arc::from(name))),
        Some(("operator", name)) => Some(Caller::Operator(Arc::from(name))),
        None if text == "clock" => Some(Caller::Clock),
        Some(_) | None => None,
    }
}
